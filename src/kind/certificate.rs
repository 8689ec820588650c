//! `existing certificate`: an issued certificate of Certificate Manager, for listeners.

use std::sync::LazyLock;

use aws_sdk_acm::types::{
    CertificateStatus, CertificateSummary, CertificateType, Filters as Includes, KeyAlgorithm,
};
use serde::Deserialize;

use super::Existing;
use super::answers::{list, outputs, pages, typed};
use super::schema::{Schema, Type, attribute, output};
use crate::cloud::Cloud;
use crate::cloud::error::{Error, Service};
use crate::value::{Object, Value};

pub struct ExistingCertificate;

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema {
    kind: "certificate",
    doc: "An issued certificate of Certificate Manager in the stack's region: `certificates = \
          [certificate.NAME.arn]`. With `most_recent` the newest that matches, kept in state until \
          `bgform plan --upgrade`.",
    attributes: vec![
        attribute("id", Type::String { max: 2048 }, "Its ARN."),
        attribute("domain", Type::String { max: 253 }, "Its first domain, such as *.example.com, exactly."),
        attribute("type", Type::Choice(&["AMAZON_ISSUED", "IMPORTED", "PRIVATE"]), "Where it comes from."),
        attribute("most_recent", Type::Bool, "Takes the newest where several match.").default(false),
    ],
    outputs: vec![
        output("id", "The ARN."),
        output("arn", "The ARN."),
        output("domain", "The first domain."),
        output("names", "The domains that it is for, 100 of them at most."),
        output("type", "AMAZON_ISSUED, IMPORTED or PRIVATE."),
        output("key_algorithm", "Such as RSA_2048 or EC_prime256v1."),
        output("not_after", "When it expires, in seconds since 1970."),
    ],
    not_offered: &[],
    unique: &[],
});

#[derive(Deserialize)]
struct Filters {
    id: Option<String>,
    domain: Option<String>,
    r#type: Option<String>,
    most_recent: bool,
}

/// All algorithms: without them only RSA certificates are listed (API_Filters, keyTypes).
fn of_any_key() -> Includes {
    KeyAlgorithm::values().iter().fold(Includes::builder(), |all, one| all.key_types((*one).into())).build()
}

/// The sort key of age; certificates of the same time sort by ARN.
fn age(one: &CertificateSummary) -> (Option<i64>, Option<&str>) {
    let begins = one.issued_at().or(one.imported_at()).or(one.created_at());
    (begins.map(|at| at.secs()), one.certificate_arn())
}

impl Existing for ExistingCertificate {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn permissions(&self) -> &'static [&'static str] {
        &["acm:ListCertificates"]
    }

    fn moves(&self, filters: &Object) -> bool {
        filters.get("most_recent").and_then(Value::as_bool) == Some(true)
    }

    async fn read(&self, cloud: &Cloud, filters: &Object) -> Result<Vec<Object>, Error> {
        let wanted: Filters = typed(&SCHEMA, filters)?;
        let mut issued = pages(|token| async move {
            let send = || {
                let list = cloud.acm.list_certificates().certificate_statuses(CertificateStatus::Issued);
                list.includes(of_any_key()).max_items(1000).set_next_token(token.clone()).send()
            };
            let page = cloud.read(Service::Acm, "ListCertificates", send).await?;
            Ok((page.certificate_summary_list, page.next_token))
        })
        .await?;
        issued.retain(|one| {
            let is =
                |wanted: &Option<String>, has: Option<&str>| wanted.is_none() || wanted.as_deref() == has;
            is(&wanted.id, one.certificate_arn())
                && is(&wanted.domain, one.domain_name())
                && is(&wanted.r#type, one.r#type().map(CertificateType::as_str))
        });
        issued.sort_by(|a, b| age(b).cmp(&age(a)));
        if wanted.most_recent {
            issued.truncate(1);
        }
        let found = issued.iter().map(|one| {
            outputs([
                ("id", one.certificate_arn().into()),
                ("arn", one.certificate_arn().into()),
                ("domain", one.domain_name().into()),
                ("names", list(one.subject_alternative_name_summaries())),
                ("type", one.r#type().map(CertificateType::as_str).into()),
                ("key_algorithm", one.key_algorithm().map(KeyAlgorithm::as_str).into()),
                ("not_after", one.not_after().map(|at| at.secs()).into()),
            ])
        });
        Ok(found.collect())
    }
}
