//! `existing elastic_ip`: a fixed public address of the account.

use std::sync::LazyLock;

use serde::Deserialize;

use super::ec2::{declared_tags, filter, outputs, tag, tag_filters, typed};
use super::schema::{Schema, Type, attribute, output};
use super::{Existing, Tags};
use crate::cloud::Cloud;
use crate::cloud::error::{Error, Service};
use crate::value::Object;

pub struct ExistingElasticIp;

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema {
    kind: "elastic_ip",
    doc: "An Elastic IP address that exists already: `allocation_id = elastic_ip.NAME.id`.",
    attributes: vec![
        attribute("id", Type::string(), "The id of its allocation, such as eipalloc-1a2b."),
        attribute("public_ip", Type::string(), "The address."),
        attribute("tags", Type::string().map(), "Tags that it must have; `*` and `?` match."),
    ],
    outputs: vec![
        output("id", "The id of its allocation."),
        output("name", "The tag `Name`, or null."),
        output("public_ip", "The address."),
        output("private_ip", "The private address that it stands for, or null."),
        output("association_id", "The id of its association, or null."),
        output("instance_id", "The instance that has it, or null."),
        output("network_interface_id", "The network interface that has it, or null."),
        output("network_border_group", "Where it is advertised, such as us-east-1."),
        output("tags", "Its tags."),
    ],
    not_offered: &[],
    unique: &[],
});

#[derive(Deserialize)]
struct Filters {
    id: Option<String>,
    public_ip: Option<String>,
    #[serde(default)]
    tags: Tags,
}

impl Existing for ExistingElasticIp {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn permissions(&self) -> &'static [&'static str] {
        &["ec2:DescribeAddresses"]
    }

    /// The API answers without pages.
    async fn read(&self, cloud: &Cloud, filters: &Object) -> Result<Vec<Object>, Error> {
        let wanted: Filters = typed(&SCHEMA, filters)?;
        let mut filters: Vec<_> = tag_filters(&wanted.tags).collect();
        filters.extend(wanted.id.map(|id| filter("allocation-id", [id])));
        filters.extend(wanted.public_ip.map(|address| filter("public-ip", [address])));
        let filters = (!filters.is_empty()).then_some(filters);
        let send = || cloud.ec2.describe_addresses().set_filters(filters.clone()).send();
        let mut addresses =
            cloud.read(Service::Ec2, "DescribeAddresses", send).await?.addresses.unwrap_or_default();
        addresses.sort_by(|a, b| a.allocation_id.cmp(&b.allocation_id));
        let found = addresses.iter().map(|address| {
            outputs([
                ("id", address.allocation_id().into()),
                ("name", tag(address.tags.as_deref(), "Name").into()),
                ("public_ip", address.public_ip().into()),
                ("private_ip", address.private_ip_address().into()),
                ("association_id", address.association_id().into()),
                // moto answers an empty text for none.
                ("instance_id", address.instance_id().filter(|id| !id.is_empty()).into()),
                ("network_interface_id", address.network_interface_id().into()),
                ("network_border_group", address.network_border_group().into()),
                ("tags", declared_tags(address.tags.as_deref())),
            ])
        });
        Ok(found.collect())
    }
}
