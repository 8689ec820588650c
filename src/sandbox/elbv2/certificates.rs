//! Certificates of listeners. The region has no ACM: any certificate ARN counts as existing.

use serde_json::{Value, json};

use super::super::api::{Actions, Call, Params, Refusal};
use super::resource::{self, Resource};
use super::{Listener, limits};

/// The calls about certificates, by name.
pub const ACTIONS: Actions = &[
    ("AddListenerCertificates", add),
    ("RemoveListenerCertificates", remove),
    ("DescribeListenerCertificates", describe),
];

/// Security policies (application guide, describe-ssl-policies).
const POLICIES: [&str; 17] = [
    "ELBSecurityPolicy-2015-05",
    "ELBSecurityPolicy-2016-08",
    "ELBSecurityPolicy-TLS-1-0-2015-04",
    "ELBSecurityPolicy-TLS-1-1-2017-01",
    "ELBSecurityPolicy-TLS-1-2-2017-01",
    "ELBSecurityPolicy-TLS-1-2-Ext-2018-06",
    "ELBSecurityPolicy-FS-2018-06",
    "ELBSecurityPolicy-FS-1-1-2019-08",
    "ELBSecurityPolicy-FS-1-2-2019-08",
    "ELBSecurityPolicy-FS-1-2-Res-2019-08",
    "ELBSecurityPolicy-FS-1-2-Res-2020-10",
    "ELBSecurityPolicy-TLS13-1-0-2021-06",
    "ELBSecurityPolicy-TLS13-1-1-2021-06",
    "ELBSecurityPolicy-TLS13-1-2-2021-06",
    "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
    "ELBSecurityPolicy-TLS13-1-2-Ext2-2021-06",
    "ELBSecurityPolicy-TLS13-1-3-2021-06",
];
/// Variants of these families come with every year.
const FAMILIES: [&str; 1] = ["ELBSecurityPolicy-TLS13-1-"];

/// `SSLPolicyNotFound`
pub fn policy_exists(name: &str) -> Result<(), Refusal> {
    match POLICIES.contains(&name) || FAMILIES.iter().any(|family| name.starts_with(family)) {
        true => Ok(()),
        false => Err(Refusal::new("SSLPolicyNotFound", format!("SSL policy '{name}' not found"))),
    }
}

/// The default certificate of a call, which takes exactly one.
pub fn default(params: &Params) -> Result<Option<String>, Refusal> {
    let mut given = given(params)?;
    match given.len() {
        0 | 1 => Ok(given.pop()),
        _ => Err(Refusal::validation("Up to 1 certificate can be specified")),
    }
}

fn given(params: &Params) -> Result<Vec<String>, Refusal> {
    let one = |certificate: &Params| {
        let arn = certificate.needed("CertificateArn");
        match is_certificate(&arn) {
            true => Ok(arn),
            false => Err(Refusal::new("CertificateNotFound", format!("Certificate '{arn}' not found"))),
        }
    };
    params.items("Certificates").iter().map(one).collect()
}

fn is_certificate(arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", _, "acm", _, _, resource] => {
            resource.strip_prefix("certificate/").is_some_and(|id| !id.is_empty())
        }
        ["arn", _, "iam", _, _, resource] => {
            resource.strip_prefix("server-certificate/").is_some_and(|name| !name.is_empty())
        }
        _ => false,
    }
}

/// The listener and the certificates of a call.
fn read(call: &Call) -> Result<(Listener, Vec<String>), Refusal> {
    let listener = Listener::named(call)?.clone();
    let given = given(call.params)?;
    if listener.certificate.is_none() {
        return Err(Refusal::new(
            "InvalidConfigurationRequest",
            format!("Certificates are not supported for listeners with the protocol '{}'", listener.protocol),
        ));
    }
    Ok((listener, given))
}

/// API_AddListenerCertificates: existing ones stay.
fn add(call: &mut Call) -> Result<Value, Refusal> {
    let (mut listener, given) = read(call)?;
    for arn in &given {
        if listener.certificate.as_ref() != Some(arn) && !listener.more_certificates.contains(arn) {
            listener.more_certificates.push(arn.clone());
        }
    }
    if listener.more_certificates.len() > limits::CERTIFICATES {
        let message = "The maximum number of certificates per load balancer has been reached";
        return Err(Refusal::new("TooManyCertificates", message));
    }
    let shown: Vec<Value> = given
        .iter()
        .map(|arn| json!({ "CertificateArn": arn, "IsDefault": listener.certificate.as_ref() == Some(arn) }))
        .collect();
    call.state.elbv2.listeners.insert(listener.arn.clone(), listener);
    Ok(json!({ "Certificates": shown }))
}

/// API_RemoveListenerCertificates
fn remove(call: &mut Call) -> Result<Value, Refusal> {
    let (mut listener, given) = read(call)?;
    if listener.certificate.as_ref().is_some_and(|default| given.contains(default)) {
        return Err(Refusal::new("OperationNotPermitted", "The default certificate cannot be removed"));
    }
    listener.more_certificates.retain(|arn| !given.contains(arn));
    call.state.elbv2.listeners.insert(listener.arn.clone(), listener);
    Ok(json!({}))
}

/// API_DescribeListenerCertificates: the default one too.
fn describe(call: &mut Call) -> Result<Value, Refusal> {
    let listener = Listener::named(call)?;
    let default = listener.certificate.iter().map(|arn| (arn, true));
    let all = default.chain(listener.more_certificates.iter().map(|arn| (arn, false)));
    let shown = all.map(|(arn, default)| json!({ "CertificateArn": arn, "IsDefault": default })).collect();
    resource::PAGES.answer(call.params, "Certificates", shown)
}
