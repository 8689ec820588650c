//! `existing launch_template`: a template that the stack's groups launch with and the stack never changes.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::cloud::Cloud;
use crate::cloud::error::{Error, Service};
use crate::kind::ec2::{arn, declared_tags, filter, outputs, pages, tag_filters, typed};
use crate::kind::schema::{Schema, Type, attribute, output};
use crate::kind::{Existing, Tags};
use crate::value::Object;

pub struct ExistingLaunchTemplate;

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema {
    kind: "launch_template",
    doc: "A launch template that exists already. A reference from an Auto Scaling group carries the number of its \
          newest version.",
    attributes: vec![
        attribute("id", Type::string(), "Its id, such as lt-1a2b."),
        attribute("name", Type::String { max: 128 }, "Its name; `*` and `?` match."),
        attribute("tags", Type::string().map(), "Tags that it must have; `*` and `?` match."),
    ],
    outputs: vec![
        output("id", "The id."),
        output("arn", "The ARN."),
        output("name", "The name."),
        output("latest_version", "The number of the newest version."),
        output("default_version", "The number of the default version."),
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

impl Existing for ExistingLaunchTemplate {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn permissions(&self) -> &'static [&'static str] {
        &["ec2:DescribeLaunchTemplates"]
    }

    /// The API has no filter for an id (API_DescribeLaunchTemplates), and refuses a missing one.
    async fn read(&self, cloud: &Cloud, filters: &Object) -> Result<Vec<Object>, Error> {
        let wanted: Filters = typed(&SCHEMA, filters)?;
        let mut filters: Vec<_> = tag_filters(&wanted.tags).collect();
        filters.extend(wanted.name.map(|name| filter("launch-template-name", [name])));
        let filters = &(!filters.is_empty()).then_some(filters);
        let id = &wanted.id;
        let found = pages(|token| async move {
            let send = || {
                let describe = cloud.ec2.describe_launch_templates().set_filters(filters.clone());
                let describe = describe.set_launch_template_ids(id.clone().map(|id| vec![id]));
                describe.set_next_token(token.clone()).send()
            };
            let page = cloud.read(Service::Ec2, "DescribeLaunchTemplates", send).await?;
            Ok((page.launch_templates, page.next_token))
        })
        .await;
        let mut templates = match found {
            Err(error) if error.is_not_found() => Vec::new(),
            found => found?,
        };
        templates.sort_by(|a, b| a.launch_template_name.cmp(&b.launch_template_name));
        let found = templates.iter().map(|template| {
            let id = template.launch_template_id().unwrap_or_default();
            // EC2 answers no owner; `CreatedBy` is the creator's ARN, in the owner's account.
            let owner = template.created_by().and_then(|arn| arn.split(':').nth(4)).unwrap_or_default();
            outputs([
                ("id", id.into()),
                ("arn", arn(cloud, owner, &format!("launch-template/{id}")).into()),
                ("name", template.launch_template_name().into()),
                ("latest_version", template.latest_version_number().into()),
                ("default_version", template.default_version_number().into()),
                ("tags", declared_tags(template.tags.as_deref())),
            ])
        });
        Ok(found.collect())
    }
}
