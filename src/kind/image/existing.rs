//! `existing image`: an image made outside the stack.

use std::sync::LazyLock;

use aws_sdk_ec2::types::Image;
use serde::Deserialize;

use crate::cloud::Cloud;
use crate::cloud::error::{Error, Service};
use crate::kind::ec2::{arn, declared_tags, filter, outputs, pages, tag_filters, typed};
use crate::kind::schema::{Schema, Type, attribute, output};
use crate::kind::{Existing, Tags};
use crate::value::{Object, Value};

pub struct ExistingImage;

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema {
    kind: "image",
    doc: "An image that exists already. With `most_recent` the newest that matches, kept in state until \
          `bgform plan --upgrade`.",
    attributes: vec![
        attribute("id", Type::string(), "Its id, such as ami-1a2b."),
        attribute("owners", Type::string().set(), "Accounts, or \"self\", \"amazon\", \"aws-marketplace\"."),
        attribute("name", Type::string(), "Its name; `*` and `?` match."),
        attribute("architecture", Type::Choice(&["x86_64", "arm64", "i386"]), "What it runs on."),
        attribute("tags", Type::string().map(), "Tags that it must have; `*` and `?` match."),
        attribute("most_recent", Type::Bool, "Takes the newest where several match.").default(false),
    ],
    outputs: vec![
        output("id", "The id."),
        output("arn", "The ARN."),
        output("name", "The name."),
        output("description", "What it says of itself."),
        output("owner_id", "The account that owns it."),
        output("architecture", "Such as x86_64 or arm64."),
        output("root_device_name", "Such as /dev/xvda."),
        output("creation_date", "When it was made."),
        output("tags", "Its tags."),
    ],
    not_offered: &[],
    unique: &[],
});

#[derive(Deserialize)]
struct Filters {
    id: Option<String>,
    owners: Option<Vec<String>>,
    name: Option<String>,
    architecture: Option<String>,
    #[serde(default)]
    tags: Tags,
    most_recent: bool,
}

/// The sort key of age, the oldest first; images made at the same time sort by id.
fn age(image: &Image) -> (Option<&str>, Option<&str>) {
    (image.creation_date(), image.image_id())
}

impl Existing for ExistingImage {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn permissions(&self) -> &'static [&'static str] {
        &["ec2:DescribeImages"]
    }

    fn moves(&self, filters: &Object) -> bool {
        filters.get("most_recent").and_then(Value::as_bool) == Some(true)
    }

    async fn read(&self, cloud: &Cloud, filters: &Object) -> Result<Vec<Object>, Error> {
        let wanted: Filters = typed(&SCHEMA, filters)?;
        let mut filters: Vec<_> = tag_filters(&wanted.tags).collect();
        filters.extend(wanted.id.map(|id| filter("image-id", [id])));
        filters.extend(wanted.name.map(|name| filter("name", [name])));
        filters.extend(wanted.architecture.map(|architecture| filter("architecture", [architecture])));
        filters.push(filter("state", ["available"]));
        let (filters, owners) = (&filters, &wanted.owners);
        let mut images = pages(|token| async move {
            let send = || {
                let describe = cloud.ec2.describe_images().set_owners(owners.clone());
                describe.set_filters(Some(filters.clone())).set_next_token(token.clone()).send()
            };
            let page = cloud.read(Service::Ec2, "DescribeImages", send).await?;
            Ok((page.images, page.next_token))
        })
        .await?;
        images.sort_by(|a, b| age(b).cmp(&age(a)));
        if wanted.most_recent {
            images.truncate(1);
        }
        let found = images.iter().map(|image| {
            let id = image.image_id().unwrap_or_default();
            outputs([
                ("id", id.into()),
                // An image's ARN has no account (service authorization reference, Amazon EC2).
                ("arn", arn(cloud, "", &format!("image/{id}")).into()),
                ("name", image.name().into()),
                ("description", image.description().into()),
                ("owner_id", image.owner_id().into()),
                ("architecture", image.architecture().map(|word| word.as_str()).into()),
                ("root_device_name", image.root_device_name().into()),
                ("creation_date", image.creation_date().into()),
                ("tags", declared_tags(image.tags.as_deref())),
            ])
        });
        Ok(found.collect())
    }
}
