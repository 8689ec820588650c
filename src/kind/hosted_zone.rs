//! `existing hosted_zone`: a zone of Route 53 that records are written in.

use std::sync::LazyLock;

use aws_sdk_route53::types::HostedZone;
use serde::Deserialize;

use super::Existing;
use super::answers::{outputs, typed};
use super::schema::{Schema, Type, attribute, output};
use crate::cloud::Cloud;
use crate::cloud::error::{Error, Service};
use crate::value::{Object, Value};

pub struct ExistingHostedZone;

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema {
    kind: "hosted_zone",
    doc: "A hosted zone of Route 53 that exists already.",
    attributes: vec![
        attribute("id", Type::String { max: 44 }, "Its id, such as Z1D633PJN98FT9."),
        attribute("name", Type::String { max: 1024 }, "Its domain, such as example.com."),
        attribute("private", Type::Bool, "`true` for a zone of VPCs, `false` for a public one."),
    ],
    outputs: vec![
        output("id", "The id."),
        output("arn", "The ARN."),
        output("name", "The domain, without the last dot."),
        output("private", "Whether it answers in VPCs only."),
        output("comment", "What it says of itself."),
    ],
    not_offered: &[],
    unique: &[],
});

#[derive(Deserialize)]
struct Filters {
    id: Option<String>,
    name: Option<String>,
    private: Option<bool>,
}

/// A zone's id in a request: answers have `/hostedzone/` before it.
pub fn bare(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

/// A domain as names are compared: in lower case, without the last dot (Route 53 developer guide,
/// DomainNameFormat).
pub fn domain(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// The zones of this name, and no others: the API begins at a name and goes on to those after it
/// (API_ListHostedZonesByName).
async fn named(cloud: &Cloud, name: &str) -> Result<Vec<HostedZone>, Error> {
    let (mut found, mut next) = (Vec::new(), (domain(name), None));
    loop {
        let (from, id): &(String, Option<String>) = &next;
        let send =
            || cloud.route53.list_hosted_zones_by_name().dns_name(from).set_hosted_zone_id(id.clone()).send();
        let page = cloud.read(Service::Route53, "ListHostedZonesByName", send).await?;
        found.extend(page.hosted_zones.into_iter().filter(|zone| domain(&zone.name) == domain(name)));
        match page.next_dns_name.filter(|next| page.is_truncated && domain(next) == domain(name)) {
            Some(name) => next = (name, page.next_hosted_zone_id),
            None => return Ok(found),
        }
    }
}

/// All zones of the account.
async fn all(cloud: &Cloud) -> Result<Vec<HostedZone>, Error> {
    super::answers::pages(|marker| async move {
        let send = || cloud.route53.list_hosted_zones().set_marker(marker.clone()).send();
        let page = cloud.read(Service::Route53, "ListHostedZones", send).await?;
        Ok((Some(page.hosted_zones), page.next_marker.filter(|_| page.is_truncated)))
    })
    .await
}

async fn by_id(cloud: &Cloud, id: &str) -> Result<Vec<HostedZone>, Error> {
    let send = || cloud.route53.get_hosted_zone().id(bare(id)).send();
    match cloud.read(Service::Route53, "GetHostedZone", send).await {
        Ok(answer) => Ok(answer.hosted_zone.into_iter().collect()),
        Err(error) if error.is_not_found() => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

impl Existing for ExistingHostedZone {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn permissions(&self) -> &'static [&'static str] {
        &["route53:GetHostedZone", "route53:ListHostedZones", "route53:ListHostedZonesByName"]
    }

    async fn read(&self, cloud: &Cloud, filters: &Object) -> Result<Vec<Object>, Error> {
        let wanted: Filters = typed(&SCHEMA, filters)?;
        let mut zones = match (&wanted.id, &wanted.name) {
            (Some(id), _) => by_id(cloud, id).await?,
            (None, Some(name)) => named(cloud, name).await?,
            (None, None) => all(cloud).await?,
        };
        let is_private = |zone: &HostedZone| zone.config().is_some_and(|config| config.private_zone);
        zones.retain(|zone| {
            wanted.name.as_ref().is_none_or(|name| domain(zone.name()) == domain(name))
                && wanted.private.is_none_or(|private| is_private(zone) == private)
        });
        zones.sort_by(|a, b| a.id.cmp(&b.id));
        let found = zones.iter().map(|zone| {
            let id = bare(zone.id());
            outputs([
                ("id", id.into()),
                ("arn", format!("arn:{}:route53:::hostedzone/{id}", cloud.partition()).into()),
                ("name", domain(zone.name()).into()),
                ("private", Value::from(is_private(zone))),
                ("comment", zone.config().and_then(|config| config.comment()).into()),
            ])
        });
        Ok(found.collect())
    }
}
