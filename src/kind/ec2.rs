//! Shared by the EC2 kinds: filters, tags, ids and the shapes of values. Converts SDK types to [`Value`]s
//! and back. Knows no kind.
//!
//! Reads use filters (`instance-id`, `group-id`) and not the id parameters. With those, one missing id fails
//! the whole call (API_DescribeInstances); with a filter it is simply absent.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};

pub use super::answers::{Members, list, outputs, pages, strings, typed};
use super::{Tags, Wanted};
use crate::cloud::error::{Error, Service};
use crate::cloud::{Cloud, Repeat};
use crate::kind::operation::{OPERATION_TAG, Operation, STACK_TAG, Tagged, is_reserved_tag, tag_changes};
use crate::value::{Object, Value};

/// A filter takes at most 200 values (EC2 user guide, Using_Filtering).
pub const FILTER_VALUES: usize = 200;

pub fn filter(name: impl Into<String>, values: impl IntoIterator<Item = impl Into<String>>) -> Filter {
    Filter::builder().name(name).set_values(Some(values.into_iter().map(Into::into).collect())).build()
}

/// One filter for each tag; `*` and `?` in a value are EC2's wildcards.
pub fn tag_filters(tags: &Tags) -> impl Iterator<Item = Filter> + '_ {
    tags.iter().map(|(key, value)| filter(format!("tag:{key}"), [value.as_str()]))
}

/// Filters for resources with the tag of a stack.
pub fn of_stack(stack: &str) -> Vec<Filter> {
    vec![filter(format!("tag:{STACK_TAG}"), [stack])]
}

/// Returns the resource with this id if its tags are those of a stack.
pub fn tagged(id: Option<&str>, stack: &str, tags: &[Tag]) -> Option<Tagged> {
    Tagged::of(id, stack, tags.iter().map(|tag| (tag.key(), tag.value())))
}

/// Filters for resources that this operation has made, by the tag that its creating call set.
pub fn made_by(op: &Operation<'_>) -> Vec<Filter> {
    vec![filter(format!("tag:{OPERATION_TAG}"), [op.id.as_str()])]
}

/// The ids in batches that fit one filter.
pub fn portions<'a>(wanted: &'a [Wanted<'_>]) -> Vec<Vec<&'a str>> {
    wanted.chunks(FILTER_VALUES).map(|some| some.iter().map(|one| one.id).collect()).collect()
}

fn sdk_tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

pub fn sdk_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| sdk_tag(key, value)).collect()
}

/// Tags for a creating call; `None` if there are none, since EC2 refuses an empty list.
pub fn tag_specification(resource: ResourceType, tags: &Tags) -> Option<TagSpecification> {
    let tags = (!tags.is_empty()).then(|| sdk_tags(tags))?;
    Some(TagSpecification::builder().resource_type(resource).set_tags(Some(tags)).build())
}

/// The declared tags and bgform's own, for the creating call of one resource.
pub fn own_tags(op: &Operation<'_>, resource: ResourceType, declared: &Tags) -> Option<TagSpecification> {
    tag_specification(resource, &op.tags(declared))
}

/// All tags, including reserved ones.
pub fn all_tags(tags: Option<&[Tag]>) -> Tags {
    let tags = tags.unwrap_or_default().iter();
    tags.map(|tag| (tag.key().unwrap_or_default().to_owned(), tag.value().unwrap_or_default().to_owned()))
        .collect()
}

/// The author's tags, as the value of the `tags` attribute.
pub fn declared_tags(tags: Option<&[Tag]>) -> Value {
    strings(all_tags(tags).into_iter().filter(|(key, _)| !is_reserved_tag(key)))
}

pub fn tag<'a>(tags: Option<&'a [Tag]>, key: &str) -> Option<&'a str> {
    tags?.iter().find(|tag| tag.key() == Some(key))?.value()
}

/// Tells whether the resource was made by this operation's stack.
pub fn is_ours(op: &Operation<'_>, tags: Option<&[Tag]>) -> bool {
    tag(tags, STACK_TAG) == Some(op.stack)
}

/// Sets and removes tags until the declared ones equal `after`. Reserved tags are left alone.
pub async fn update_tags(op: &Operation<'_>, id: &str, before: &Tags, after: &Tags) -> Result<(), Error> {
    let ec2 = &op.cloud.ec2;
    let (set, gone) = tag_changes(before, after);
    if !set.is_empty() {
        set_tags(op, id, &set).await?;
    }
    let gone: Vec<_> = gone.into_iter().map(|key| Tag::builder().key(key).build()).collect();
    if !gone.is_empty() {
        op.call(Service::Ec2, "DeleteTags", Repeat::Safe, || {
            ec2.delete_tags().resources(id).set_tags(Some(gone.clone())).send()
        })
        .await?;
    }
    Ok(())
}

/// Sets tags, including reserved ones.
pub async fn set_tags(op: &Operation<'_>, id: &str, tags: &Tags) -> Result<(), Error> {
    let ec2 = &op.cloud.ec2;
    op.call(Service::Ec2, "CreateTags", Repeat::Safe, || {
        ec2.create_tags().resources(id).set_tags(Some(sdk_tags(tags))).send()
    })
    .await?;
    Ok(())
}

/// `arn:aws:ec2:region:account:kind/id`, for resources whose ARN EC2 does not answer.
pub fn arn(cloud: &Cloud, owner: &str, what: &str) -> String {
    format!("arn:{}:ec2:{}:{owner}:{what}", cloud.partition(), cloud.region)
}

/// Copies attributes that no API answers (timeouts, the number of versions to keep) from the state, so that
/// only the author changes them.
pub fn carry_over(inputs: &mut Object, one: &Wanted<'_>, names: &[&str]) {
    let Some(last) = one.last else { return };
    for name in names {
        if let Some(value) = last.inputs.get(*name) {
            inputs.insert((*name).to_owned(), value.clone());
        }
    }
}

/// The wanted resources by id.
pub fn by_id<'a, 'b>(wanted: &'a [Wanted<'b>]) -> BTreeMap<&'a str, &'a Wanted<'b>> {
    wanted.iter().map(|one| (one.id, one)).collect()
}
