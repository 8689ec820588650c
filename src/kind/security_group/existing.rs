//! `existing security_group`: a group that the stack refers to and never changes.

use std::sync::LazyLock;

use serde::Deserialize;

use super::{groups, live_group};
use crate::address::Address;
use crate::cloud::Cloud;
use crate::cloud::error::Error;
use crate::kind::ec2::{declared_tags, filter, tag_filters, typed};
use crate::kind::schema::{Schema, Type, attribute, output};
use crate::kind::{Existing, Tags, Wanted};
use crate::value::Object;

pub struct ExistingSecurityGroup;

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema {
    kind: "security_group",
    doc: "A security group that exists already.",
    attributes: vec![
        attribute("id", Type::string(), "Its id, such as sg-1a2b."),
        attribute("name", Type::String { max: 255 }, "Its name; `*` and `?` match."),
        attribute("vpc", Type::id_of(&["vpc"]), "The VPC that it is in."),
        attribute("tags", Type::string().map(), "Tags that it must have; `*` and `?` match."),
    ],
    outputs: vec![
        output("id", "The id."),
        output("arn", "The ARN."),
        output("name", "The name."),
        output("vpc_id", "The id of its VPC."),
        output("owner_id", "The account that owns it."),
        output("description", "What it says of itself."),
        output("tags", "Its tags."),
    ],
    not_offered: &[],
    unique: &[],
});

#[derive(Deserialize)]
struct Filters {
    id: Option<String>,
    name: Option<String>,
    vpc: Option<String>,
    #[serde(default)]
    tags: Tags,
}

impl Existing for ExistingSecurityGroup {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn permissions(&self) -> &'static [&'static str] {
        &["ec2:DescribeSecurityGroups"]
    }

    async fn read(&self, cloud: &Cloud, filters: &Object) -> Result<Vec<Object>, Error> {
        let wanted: Filters = typed(&SCHEMA, filters)?;
        let mut filters: Vec<_> = tag_filters(&wanted.tags).collect();
        filters.extend(wanted.id.map(|id| filter("group-id", [id])));
        filters.extend(wanted.name.map(|name| filter("group-name", [name])));
        filters.extend(wanted.vpc.map(|vpc| filter("vpc-id", [vpc])));
        let mut found = groups(cloud, filters).await?;
        found.sort_by(|a, b| a.group_id.cmp(&b.group_id));
        let (address, declared) = (Address::new(SCHEMA.kind, ""), Default::default());
        let members = found.iter().map(|group| {
            let id = group.group_id().unwrap_or_default();
            let one = Wanted { address: &address, id, declared: &declared, last: None };
            let mut outputs = live_group(cloud, group, &one).outputs;
            outputs.insert("description".to_owned(), group.description().into());
            outputs.insert("tags".to_owned(), declared_tags(group.tags.as_deref()));
            outputs
        });
        Ok(members.collect())
    }
}
