//! `existing subnet` and its plural `existing subnets`: the subnets of instances and load balancers.

use std::sync::LazyLock;

use serde::Deserialize;

use super::ec2::{declared_tags, filter, outputs, pages, tag, tag_filters, typed};
use super::schema::{Attribute, Output, Schema, Type, attribute, output};
use super::{Existing, Tags};
use crate::cloud::Cloud;
use crate::cloud::error::{Error, Service};
use crate::value::Object;

pub struct ExistingSubnet;

/// All subnets that match, sorted by zone, then id.
pub struct ExistingSubnets;

fn filters() -> Vec<Attribute> {
    vec![
        attribute("vpc", Type::id_of(&["vpc"]), "The VPC that it is in."),
        attribute("availability_zones", Type::string().set(), "Zones that it may be in, such as us-east-1a."),
        attribute("default_for_az", Type::Bool, "`true` for the zone's default subnet."),
        attribute("cidr_block", Type::string(), "Its IPv4 range, exactly."),
        attribute("tags", Type::string().map(), "Tags that it must have; `*` and `?` match."),
    ]
}

fn member_outputs() -> Vec<Output> {
    vec![
        output("id", "The id."),
        output("arn", "The ARN."),
        output("name", "The tag `Name`, or null."),
        output("vpc_id", "The id of its VPC."),
        output("availability_zone", "The zone, such as us-east-1a."),
        output("availability_zone_id", "The zone's id, the same in every account."),
        output("cidr_block", "The IPv4 range."),
        output("ipv6_cidr_block", "The first IPv6 range, or null."),
        output("default_for_az", "Whether it is the zone's default subnet."),
        output("map_public_ip_on_launch", "Whether instances get a public address."),
        output("tags", "Its tags."),
    ]
}

static ONE: LazyLock<Schema> = LazyLock::new(|| {
    let mut attributes = filters();
    attributes.insert(0, attribute("id", Type::string(), "Its id, such as subnet-1a2b."));
    Schema {
        kind: "subnet",
        doc: "A subnet that exists already.",
        attributes,
        outputs: member_outputs(),
        not_offered: &[],
        unique: &[],
    }
});

static MANY: LazyLock<Schema> = LazyLock::new(|| {
    let mut attributes = filters();
    attributes.insert(0, attribute("ids", Type::string().set(), "Only subnets with one of these ids."));
    Schema {
        kind: "subnets",
        doc: "All subnets that match, sorted by zone, then id. `subnets.name[0]` is the first one.",
        attributes,
        outputs: member_outputs(),
        not_offered: &[],
        unique: &[],
    }
});

#[derive(Deserialize)]
struct Filters {
    id: Option<String>,
    ids: Option<Vec<String>>,
    vpc: Option<String>,
    availability_zones: Option<Vec<String>>,
    default_for_az: Option<bool>,
    cidr_block: Option<String>,
    #[serde(default)]
    tags: Tags,
}

impl Existing for ExistingSubnet {
    fn schema(&self) -> &'static Schema {
        &ONE
    }

    fn permissions(&self) -> &'static [&'static str] {
        &["ec2:DescribeSubnets"]
    }

    async fn read(&self, cloud: &Cloud, filters: &Object) -> Result<Vec<Object>, Error> {
        read(cloud, typed(&ONE, filters)?).await
    }
}

impl Existing for ExistingSubnets {
    fn schema(&self) -> &'static Schema {
        &MANY
    }

    fn permissions(&self) -> &'static [&'static str] {
        &["ec2:DescribeSubnets"]
    }

    fn member_kind(&self) -> Option<&'static str> {
        Some("subnet")
    }

    async fn read(&self, cloud: &Cloud, filters: &Object) -> Result<Vec<Object>, Error> {
        read(cloud, typed(&MANY, filters)?).await
    }
}

async fn read(cloud: &Cloud, wanted: Filters) -> Result<Vec<Object>, Error> {
    let mut filters: Vec<_> = tag_filters(&wanted.tags).collect();
    filters.extend(wanted.id.map(|id| filter("subnet-id", [id])));
    filters.extend(wanted.ids.map(|ids| filter("subnet-id", ids)));
    filters.extend(wanted.vpc.map(|vpc| filter("vpc-id", [vpc])));
    filters.extend(wanted.availability_zones.map(|zones| filter("availability-zone", zones)));
    filters.extend(wanted.default_for_az.map(|default| filter("default-for-az", [default.to_string()])));
    filters.extend(wanted.cidr_block.map(|cidr| filter("cidr-block", [cidr])));
    let filters = &(!filters.is_empty()).then_some(filters);
    let mut subnets = pages(|token| async move {
        let send =
            || cloud.ec2.describe_subnets().set_filters(filters.clone()).set_next_token(token.clone()).send();
        let page = cloud.read(Service::Ec2, "DescribeSubnets", send).await?;
        Ok((page.subnets, page.next_token))
    })
    .await?;
    subnets.sort_by(|a, b| (&a.availability_zone, &a.subnet_id).cmp(&(&b.availability_zone, &b.subnet_id)));
    let found = subnets.iter().map(|subnet| {
        let ipv6 = subnet.ipv6_cidr_block_association_set().first();
        outputs([
            ("id", subnet.subnet_id().into()),
            ("arn", subnet.subnet_arn().into()),
            ("name", tag(subnet.tags.as_deref(), "Name").into()),
            ("vpc_id", subnet.vpc_id().into()),
            ("availability_zone", subnet.availability_zone().into()),
            ("availability_zone_id", subnet.availability_zone_id().into()),
            ("cidr_block", subnet.cidr_block().into()),
            ("ipv6_cidr_block", ipv6.and_then(|range| range.ipv6_cidr_block()).into()),
            ("default_for_az", subnet.default_for_az().unwrap_or_default().into()),
            ("map_public_ip_on_launch", subnet.map_public_ip_on_launch().unwrap_or_default().into()),
            ("tags", declared_tags(subnet.tags.as_deref())),
        ])
    });
    Ok(found.collect())
}
