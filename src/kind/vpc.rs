//! `existing vpc`: a virtual private cloud that the stack runs in and never changes.

use std::sync::LazyLock;

use serde::Deserialize;

use super::ec2::{arn, declared_tags, filter, outputs, pages, tag, tag_filters, typed};
use super::schema::{Schema, Type, attribute, output};
use super::{Existing, Tags};
use crate::cloud::Cloud;
use crate::cloud::error::{Error, Service};
use crate::value::{Object, Value};

pub struct ExistingVpc;

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema {
    kind: "vpc",
    doc: "A VPC that exists already.",
    attributes: vec![
        attribute("id", Type::string(), "Its id, such as vpc-1a2b."),
        attribute("default", Type::Bool, "`true` for the region's default VPC."),
        attribute("cidr_block", Type::string(), "Its primary IPv4 range, exactly."),
        attribute("tags", Type::string().map(), "Tags that it must have; `*` and `?` match."),
    ],
    outputs: vec![
        output("id", "The id."),
        output("arn", "The ARN."),
        output("name", "The tag `Name`, or null."),
        output("cidr_block", "The primary IPv4 range."),
        output("ipv6_cidr_block", "The first associated IPv6 range, or null."),
        output("default", "Whether it is the region's default VPC."),
        output("owner_id", "The account that owns it."),
        output("tags", "Its tags."),
    ],
    not_offered: &[],
    unique: &[],
});

#[derive(Deserialize)]
struct Filters {
    id: Option<String>,
    default: Option<bool>,
    cidr_block: Option<String>,
    #[serde(default)]
    tags: Tags,
}

impl Existing for ExistingVpc {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn permissions(&self) -> &'static [&'static str] {
        &["ec2:DescribeVpcs"]
    }

    async fn read(&self, cloud: &Cloud, filters: &Object) -> Result<Vec<Object>, Error> {
        let wanted: Filters = typed(&SCHEMA, filters)?;
        let mut filters: Vec<_> = tag_filters(&wanted.tags).collect();
        filters.extend(wanted.id.map(|id| filter("vpc-id", [id])));
        filters.extend(wanted.default.map(|default| filter("is-default", [default.to_string()])));
        filters.extend(wanted.cidr_block.map(|cidr| filter("cidr", [cidr])));
        let filters = (!filters.is_empty()).then_some(filters);
        let filters = &filters;
        let mut vpcs = pages(|token| async move {
            let send = || {
                cloud.ec2.describe_vpcs().set_filters(filters.clone()).set_next_token(token.clone()).send()
            };
            let page = cloud.read(Service::Ec2, "DescribeVpcs", send).await?;
            Ok((page.vpcs, page.next_token))
        })
        .await?;
        vpcs.sort_by(|a, b| a.vpc_id.cmp(&b.vpc_id));
        let found = vpcs.iter().map(|vpc| {
            let id = vpc.vpc_id().unwrap_or_default();
            let owner = vpc.owner_id().unwrap_or_default();
            let ipv6 = vpc.ipv6_cidr_block_association_set().first();
            outputs([
                ("id", id.into()),
                ("arn", arn(cloud, owner, &format!("vpc/{id}")).into()),
                ("name", tag(vpc.tags.as_deref(), "Name").into()),
                ("cidr_block", vpc.cidr_block().into()),
                ("ipv6_cidr_block", ipv6.and_then(|range| range.ipv6_cidr_block()).into()),
                ("default", vpc.is_default().unwrap_or_default().into()),
                ("owner_id", Value::from(owner)),
                ("tags", declared_tags(vpc.tags.as_deref())),
            ])
        });
        Ok(found.collect())
    }
}
