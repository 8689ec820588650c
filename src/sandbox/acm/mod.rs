//! Certificate Manager: certificates that are issued as soon as they are asked for. There are no keys, and
//! listeners take any ARN of a certificate.

use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::api::{Actions, Call, Known, Paging, Refusal, Service, Shapes, Wire, timestamp};
use super::state::{Tags, random_hex};

/// The state of Certificate Manager.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Acm {
    pub certificates: Vec<Certificate>,
}

/// A certificate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    pub arn: String,
    pub domain: String,
    /// All its domains, the first among them.
    pub names: Vec<String>,
    pub key: String,
    pub created: Timestamp,
    pub tags: Tags,
    /// The token that it was asked for with.
    pub token: Option<String>,
}

/// Certificate Manager.
pub static SERVICE: Service = Service {
    wire: Wire {
        name: "acm",
        signed: "acm",
        target: Some("CertificateManager"),
        query: None,
        invalid: "ValidationException",
        throttled: Known("ThrottlingException", "Rate exceeded", 400),
        broken: Known("InternalFailure", "The request processing has failed.", 500),
        ..Wire::QUERY
    },
    actions: &[ACTIONS],
    shapes: LazyLock::new(|| Shapes::parse(include_str!("shapes.txt"))),
    tick: None,
};

/// The calls, by name.
const ACTIONS: Actions = &[
    ("DeleteCertificate", delete),
    ("DescribeCertificate", describe),
    ("ListCertificates", list),
    ("ListTagsForCertificate", list_tags),
    ("RequestCertificate", request),
];

/// Certificates of Amazon's are valid for 198 days since 2026, and were for 13 months before (ACM user guide,
/// acm-certificate-characteristics).
const VALID: SignedDuration = SignedDuration::from_hours(198 * 24);

/// API_RequestCertificate. The same request with the same token is answered with the same certificate.
fn request(call: &mut Call) -> Result<Value, Refusal> {
    let params = call.params;
    let (domain, token) = (params.needed("DomainName"), params.given("IdempotencyToken"));
    let all = &call.state.acm.certificates;
    let same = |one: &&Certificate| token.is_some() && one.token == token && one.domain == domain;
    if let Some(one) = all.iter().find(same) {
        return Ok(json!({ "CertificateArn": one.arn }));
    }
    let hex = random_hex(32);
    let id = format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
    let arn = call.state.arn("acm", &format!("certificate/{id}"));
    let mut names = vec![domain.clone()];
    names.extend(params.texts("SubjectAlternativeNames").into_iter().filter(|name| *name != domain));
    let tags = params.items("Tags").iter().map(|tag| (tag.needed("Key"), tag.needed("Value"))).collect();
    let key = params.given("KeyAlgorithm").unwrap_or_else(|| "RSA_2048".to_owned());
    let made = Certificate { arn: arn.clone(), domain, names, key, created: call.now, tags, token };
    call.state.acm.certificates.push(made);
    Ok(json!({ "CertificateArn": arn }))
}

fn find<'a>(call: &'a Call) -> Result<&'a Certificate, Refusal> {
    let arn = call.params.needed("CertificateArn");
    call.state.acm.certificates.iter().find(|one| one.arn == arn).ok_or_else(|| {
        let message = format!("Could not find certificate {arn} for account {}.", call.state.account);
        Refusal::new("ResourceNotFoundException", message)
    })
}

/// Whether a listener has it.
fn users(call: &Call, arn: &str) -> Vec<String> {
    let listeners = call.state.elbv2.listeners.values();
    let has =
        listeners.filter(|one| one.certificate.iter().chain(&one.more_certificates).any(|one| one == arn));
    has.map(|listener| listener.load_balancer.clone()).collect()
}

/// API_DescribeCertificate.
fn describe(call: &mut Call) -> Result<Value, Refusal> {
    let one = find(call)?;
    Ok(json!({ "Certificate": {
        "CertificateArn": one.arn, "DomainName": one.domain, "SubjectAlternativeNames": one.names,
        "Status": "ISSUED", "Type": "AMAZON_ISSUED", "KeyAlgorithm": one.key,
        "CreatedAt": timestamp(one.created), "IssuedAt": timestamp(one.created),
        "NotBefore": timestamp(one.created), "NotAfter": timestamp(one.created + VALID),
        "InUseBy": users(call, &one.arn), "RenewalEligibility": "INELIGIBLE",
    }}))
}

/// API_ListCertificates: without `keyTypes` only those with an RSA key of 1024 or 2048 bits.
fn list(call: &mut Call) -> Result<Value, Refusal> {
    let statuses = call.params.texts("CertificateStatuses");
    let keys = call.params.child("Includes").map(|one| one.texts("keyTypes")).unwrap_or_default();
    let fits = |one: &&Certificate| {
        (statuses.is_empty() || statuses.iter().any(|status| status == "ISSUED"))
            && match keys.is_empty() {
                true => ["RSA_1024", "RSA_2048"].contains(&one.key.as_str()),
                false => keys.contains(&one.key),
            }
    };
    let shown = |one: &Certificate| {
        json!({
            "CertificateArn": one.arn, "DomainName": one.domain, "SubjectAlternativeNameSummaries": one.names,
            "HasAdditionalSubjectAlternativeNames": false, "Status": "ISSUED", "Type": "AMAZON_ISSUED",
            "KeyAlgorithm": one.key, "CreatedAt": timestamp(one.created), "IssuedAt": timestamp(one.created),
            "NotBefore": timestamp(one.created), "NotAfter": timestamp(one.created + VALID),
            "InUse": !users(call, &one.arn).is_empty(),
        })
    };
    let found = call.state.acm.certificates.iter().filter(fits).map(shown).collect();
    Paging { most: "MaxItems", size: 1000, token: "NextToken", next: "NextToken", bad: "ValidationException" }
        .answer(call.params, "CertificateSummaryList", found)
}

/// API_ListTagsForCertificate.
fn list_tags(call: &mut Call) -> Result<Value, Refusal> {
    let tags = &find(call)?.tags;
    Ok(
        json!({ "Tags": tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect::<Value>() }),
    )
}

/// API_DeleteCertificate: `ResourceInUseException` while a listener has it.
fn delete(call: &mut Call) -> Result<Value, Refusal> {
    let arn = find(call)?.arn.clone();
    if let Some(user) = users(call, &arn).first() {
        let message = format!("Certificate {arn} in account {} is in use: {user}", call.state.account);
        return Err(Refusal::new("ResourceInUseException", message));
    }
    call.state.acm.certificates.retain(|one| one.arn != arn);
    Ok(Value::Null)
}
