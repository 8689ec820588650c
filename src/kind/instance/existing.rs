//! `existing instance`: an instance that the stack refers to and never changes.

use std::sync::LazyLock;

use serde::Deserialize;

use super::live::instance_outputs;
use super::schema;
use super::state::instances;
use crate::cloud::Cloud;
use crate::cloud::error::Error;
use crate::kind::ec2::{declared_tags, filter, tag, tag_filters, typed};
use crate::kind::schema::{Output, Schema, Type, attribute, output};
use crate::kind::{Existing, Tags};
use crate::value::{Object, Value};

pub struct ExistingInstance;

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let of_managed = schema::SCHEMA.outputs.iter().map(|one| Output { changes_unless_only: None, ..*one });
    let mut outputs: Vec<_> = of_managed.collect();
    outputs.extend([
        output("name", "The tag `Name`, or null."),
        output("state", "Such as running or stopped."),
        output("instance_type", "The size."),
        output("tags", "Its tags."),
    ]);
    Schema {
        kind: "instance",
        doc: "An instance that exists already; terminated ones are not seen.",
        attributes: vec![
            attribute("id", Type::string(), "Its id, such as i-1a2b."),
            attribute("name", Type::string(), "Its tag `Name`; `*` and `?` match."),
            attribute("tags", Type::string().map(), "Tags that it must have; `*` and `?` match."),
        ],
        outputs,
        not_offered: &[],
        unique: &[],
    }
});

#[derive(Deserialize)]
struct Filters {
    id: Option<String>,
    name: Option<String>,
    #[serde(default)]
    tags: Tags,
}

impl Existing for ExistingInstance {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn permissions(&self) -> &'static [&'static str] {
        &["ec2:DescribeInstances"]
    }

    async fn read(&self, cloud: &Cloud, filters: &Object) -> Result<Vec<Object>, Error> {
        let wanted: Filters = typed(&SCHEMA, filters)?;
        let mut filters: Vec<_> = tag_filters(&wanted.tags).collect();
        filters.extend(wanted.id.map(|id| filter("instance-id", [id])));
        filters.extend(wanted.name.map(|name| filter("tag:Name", [name])));
        filters.push(filter("instance-state-name", ["pending", "running", "stopping", "stopped"]));
        let mut found = instances(cloud, filters).await?;
        found.sort_by(|a, b| a.id().cmp(b.id()));
        let members = found.iter().map(|one| {
            let instance = &one.instance;
            let mut outputs = instance_outputs(cloud, one);
            let mut add = |name: &str, value: Value| outputs.insert(name.to_owned(), value);
            add("name", tag(instance.tags.as_deref(), "Name").into());
            add("state", one.state().map(|state| state.as_str()).into());
            add("instance_type", instance.instance_type().map(|word| word.as_str()).into());
            add("tags", declared_tags(instance.tags.as_deref()));
            outputs
        });
        Ok(members.collect())
    }
}
