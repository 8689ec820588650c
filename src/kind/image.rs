//! `image`: baked from an instance, once for the same source and commands.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{AttributeValue, Filter, Image as Ami, ImageState};
use serde::Deserialize;

use super::ec2::{
    arn, by_id, carry_over, declared_tags, filter, is_ours, list, of_stack, outputs, pages, portions, tag,
    tagged, update_tags,
};
use super::schema::Schema;
use super::{Boxed, Kind, Live, Permissions, Tags, Update, Wanted};
use crate::cloud::error::{Error, Service};
use crate::cloud::{Cloud, Repeat};
use crate::kind::operation::{Operation, Tagged};
use crate::state::Record;
use crate::value::{Object, Value};

mod bake;
mod command;
mod existing;
mod schema;

pub use bake::BAKE_TAG;
pub use existing::ExistingImage;
use schema::SCHEMA;

pub struct Image;

/// Those of the images that there are and can be launched from.
///
/// # Errors
/// When EC2 cannot be asked.
pub(super) async fn usable<'a>(
    cloud: &Cloud,
    ids: impl IntoIterator<Item = &'a String>,
) -> Result<BTreeSet<String>, Error> {
    let (ids, usable) = (filter("image-id", ids), filter("state", ["available"]));
    let send = || cloud.ec2.describe_images().filters(ids.clone()).filters(usable.clone()).send();
    let answer = cloud.read(Service::Ec2, "DescribeImages", send).await?;
    Ok(answer.images.unwrap_or_default().into_iter().filter_map(|image| image.image_id).collect())
}

/// Timeouts are seconds.
#[derive(Debug, Default, Deserialize)]
pub struct Spec {
    source: String,
    name: String,
    run: Vec<String>,
    description: Option<String>,
    no_reboot: bool,
    ready_timeout: f64,
    command_timeout: f64,
    available_timeout: f64,
    #[serde(default)]
    tags: Tags,
}

impl Kind for Image {
    type Spec = Spec;

    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn permissions(&self) -> Permissions {
        Permissions {
            read: &[
                "ec2:DescribeImages",
                "ec2:DescribeInstances",
                "ec2:DescribeSnapshots",
                "ssm:GetCommandInvocation",
                "ssm:ListCommands",
            ],
            write: &[
                "ec2:CreateImage",
                "ec2:DeregisterImage",
                "ec2:DeleteSnapshot",
                "ec2:ModifyImageAttribute",
                "ec2:StartInstances",
                "ec2:StopInstances",
                "ec2:CreateTags",
                "ec2:DeleteTags",
                "ssm:SendCommand",
                "ssm:CancelCommand",
            ],
            ship: &[],
        }
    }

    async fn create(&self, op: &Operation<'_>, spec: Spec) -> Result<String, Error> {
        bake::bake(op, &spec).await
    }

    async fn read(&self, cloud: &Cloud, wanted: &[Wanted<'_>]) -> Result<BTreeMap<String, Live>, Error> {
        let by_id = by_id(wanted);
        let mut live = BTreeMap::new();
        for ids in portions(wanted) {
            for image in images(cloud, vec![filter("image-id", ids)]).await? {
                let usable = matches!(
                    image.state(),
                    Some(ImageState::Available | ImageState::Pending | ImageState::Disabled)
                );
                let id = image.image_id().unwrap_or_default();
                if let Some(one) = by_id.get(id).filter(|_| usable) {
                    live.insert(id.to_owned(), live_image(cloud, &image, one));
                }
            }
        }
        Ok(live)
    }

    async fn update(&self, op: &Operation<'_>, update: Update<'_, Spec>) -> Result<(), Error> {
        let ec2 = &op.cloud.ec2;
        if update.touches("description") {
            let text = update.after.description.clone().unwrap_or_default();
            let value = AttributeValue::builder().value(text).build();
            op.call(Service::Ec2, "ModifyImageAttribute", Repeat::Safe, || {
                ec2.modify_image_attribute().image_id(update.id).description(value.clone()).send()
            })
            .await?;
        }
        if update.touches("tags") {
            update_tags(op, update.id, &update.before.tags, &update.after.tags).await?;
        }
        Ok(())
    }

    /// An image that another stack baked in the same way belongs to that stack. A deleted image may have left
    /// its snapshots, if an earlier run was cut short.
    async fn delete(&self, op: &Operation<'_>, record: &Record) -> Result<(), Error> {
        let found = images(op.cloud, vec![filter("image-id", [&record.id])]).await?;
        if found.is_empty() {
            let left = record.outputs.get("snapshots").and_then(Value::as_list).unwrap_or_default();
            let left: Vec<_> = left.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            bake::delete_snapshots(op, &left).await?;
        }
        for image in found {
            match is_ours(op, image.tags.as_deref()) {
                true => bake::discard(op, &image).await?,
                false => op.progress(&format!("{} belongs to another stack and stays", record.id)),
            }
        }
        Ok(())
    }

    async fn find(&self, op: &Operation<'_>, spec: Spec) -> Result<Option<String>, Error> {
        bake::find(op, &spec).await
    }

    fn check(&self, inputs: &Object) -> Vec<(&'static str, String, String)> {
        let name = inputs.get("name").and_then(Value::as_str);
        // API_CreateImage.
        let allowed = |c: char| c.is_ascii_alphanumeric() || "()[] ./-'@_".contains(c);
        let wrong = name.and_then(|name| name.chars().find(|c| !allowed(*c)));
        let mistake = wrong.map(|c| {
            let message = format!("an image's name cannot hold `{c}`");
            ("name", message, "use letters, digits, spaces and ( ) [ ] . / - ' @ _".to_owned())
        });
        mistake.into_iter().collect()
    }

    /// A source runs the commands of one bake at a time.
    fn turn(&self, inputs: &Object) -> Option<String> {
        match inputs.get("source")?.unmark().0 {
            Value::Ref(reference) => Some(reference.to_string()),
            Value::Unknown(unknown) => Some(unknown.address.to_string()),
            source => source.as_str().map(str::to_owned),
        }
    }

    fn is_its_inputs(&self) -> bool {
        true
    }

    fn tagged<'a>(
        &'a self,
        cloud: &'a Cloud,
        stack: &'a str,
        _within: &'a [String],
    ) -> Boxed<'a, Vec<Tagged>> {
        Box::pin(async move {
            let mut found = images(cloud, of_stack(stack)).await?;
            found.sort_by(|a, b| a.creation_date().cmp(&b.creation_date()));
            Ok(found.iter().filter_map(|one| tagged(one.image_id(), stack, one.tags())).collect())
        })
    }

    fn create_inputs(&self) -> Vec<String> {
        use aws_sdk_ec2::operation::create_image::CreateImageInput;
        CreateImageInput::builder().build().iter().map(|input| format!("{input:?}")).collect()
    }
}

/// This account's images that match the filters.
async fn images(cloud: &Cloud, filters: Vec<Filter>) -> Result<Vec<Ami>, Error> {
    let filters = &filters;
    pages(|token| async move {
        let send = || {
            let describe = cloud.ec2.describe_images().owners("self").set_filters(Some(filters.clone()));
            describe.set_next_token(token.clone()).send()
        };
        let page = cloud.read(Service::Ec2, "DescribeImages", send).await?;
        Ok((page.images, page.next_token))
    })
    .await
}

fn live_image(cloud: &Cloud, image: &Ami, one: &Wanted<'_>) -> Live {
    let id = image.image_id().unwrap_or_default();
    let tags = image.tags.as_deref();
    let hash = tag(tags, BAKE_TAG);
    let full_name = image.name().unwrap_or_default();
    let ending = bake::full_name("", hash.unwrap_or_default());
    let mut inputs = outputs([
        ("source", image.source_instance_id().into()),
        ("name", full_name.strip_suffix(&ending).unwrap_or(full_name).into()),
        ("description", image.description().filter(|text| !text.is_empty()).into()),
        ("tags", declared_tags(tags)),
    ]);
    // An image never changes, so the inputs of its bake come from the state; its timeouts come only from the
    // author.
    for attribute in &SCHEMA.attributes {
        if let Some(default) = attribute.default.as_ref().filter(|_| !inputs.contains_key(attribute.name)) {
            inputs.insert(attribute.name.to_owned(), default.clone());
        }
    }
    carry_over(
        &mut inputs,
        one,
        &["run", "no_reboot", "ready_timeout", "command_timeout", "available_timeout"],
    );
    if image.source_instance_id().is_none() {
        carry_over(&mut inputs, one, &["source"]);
    }
    let outputs = outputs([
        ("id", id.into()),
        // An image's ARN has no account (service authorization reference, Amazon EC2).
        ("arn", arn(cloud, "", &format!("image/{id}")).into()),
        ("name", full_name.into()),
        ("bake", hash.into()),
        ("architecture", image.architecture().map(|word| word.as_str()).into()),
        ("root_device_name", image.root_device_name().into()),
        ("snapshots", list(bake::snapshots(image))),
        ("creation_date", image.creation_date().into()),
    ]);
    Live { inputs, outputs }
}
