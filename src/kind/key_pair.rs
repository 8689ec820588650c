//! `existing key_pair`: an SSH key pair that instances are launched with.

use std::sync::LazyLock;

use serde::Deserialize;

use super::ec2::{declared_tags, filter, outputs, tag_filters, typed};
use super::schema::{Schema, Type, attribute, output};
use super::{Existing, Tags};
use crate::cloud::Cloud;
use crate::cloud::error::{Error, Service};
use crate::value::Object;

pub struct ExistingKeyPair;

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema {
    kind: "key_pair",
    doc: "An SSH key pair that exists already: `key_name = key_pair.NAME.name`.",
    attributes: vec![
        attribute("id", Type::string(), "Its id, such as key-1a2b."),
        attribute("name", Type::String { max: 255 }, "Its name; `*` and `?` match."),
        attribute("tags", Type::string().map(), "Tags that it must have; `*` and `?` match."),
    ],
    outputs: vec![
        output("id", "The id."),
        output("name", "The name."),
        output("fingerprint", "The fingerprint of the key."),
        output("key_type", "rsa or ed25519."),
        output("tags", "Its tags."),
    ],
    not_offered: &[],
    unique: &[],
});

#[derive(Deserialize)]
struct Filters {
    id: Option<String>,
    name: Option<String>,
    #[serde(default)]
    tags: Tags,
}

impl Existing for ExistingKeyPair {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn permissions(&self) -> &'static [&'static str] {
        &["ec2:DescribeKeyPairs"]
    }

    /// The API answers without pages.
    async fn read(&self, cloud: &Cloud, filters: &Object) -> Result<Vec<Object>, Error> {
        let wanted: Filters = typed(&SCHEMA, filters)?;
        let mut filters: Vec<_> = tag_filters(&wanted.tags).collect();
        filters.extend(wanted.id.map(|id| filter("key-pair-id", [id])));
        filters.extend(wanted.name.map(|name| filter("key-name", [name])));
        let filters = (!filters.is_empty()).then_some(filters);
        let send = || cloud.ec2.describe_key_pairs().set_filters(filters.clone()).send();
        let mut pairs =
            cloud.read(Service::Ec2, "DescribeKeyPairs", send).await?.key_pairs.unwrap_or_default();
        pairs.sort_by(|a, b| a.key_name.cmp(&b.key_name));
        let found = pairs.iter().map(|pair| {
            outputs([
                ("id", pair.key_pair_id().into()),
                ("name", pair.key_name().into()),
                ("fingerprint", pair.key_fingerprint().into()),
                ("key_type", pair.key_type().map(|kind| kind.as_str()).into()),
                ("tags", declared_tags(pair.tags.as_deref())),
            ])
        });
        Ok(found.collect())
    }
}
