//! Shared by the kinds of Elastic Load Balancing: batched reads that tolerate a missing member, tags, names,
//! and (in its modules) attributes, actions, conditions and the cutover. Knows no kind's schema.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;

use aws_sdk_elasticloadbalancingv2::types::Tag;
use futures_util::future::join_all;

pub use super::answers::unless_gone;
use crate::cloud::error::{Error, Service};
use crate::cloud::metrics::Series;
use crate::cloud::{Cloud, Repeat};
use crate::kind::operation::{OPERATION_TAG, Operation, Tagged, is_reserved_tag, tag_changes};
use crate::kind::schema::{self, Attribute, characters};
use crate::kind::{Tags, Wanted};
use crate::value::{Object, Value};

pub mod actions;
pub mod conditions;
pub mod count;
pub mod cutover;
pub mod door;
pub mod health;
pub mod quotas;
pub mod routes;
pub mod settings;

pub const SERVICE: Service = Service::Elbv2;

/// Maximum number of resources in a `DescribeTags` call (API_DescribeTags), and of load balancers in a
/// `DescribeLoadBalancers` call (API_DescribeLoadBalancers).
pub const TWENTY: usize = 20;
/// Number of target groups, listeners or rules in a describe call.
pub const HUNDRED: usize = 100;
/// Describe calls under way at the same time; the account's token bucket holds 40.
const AT_ONCE: usize = 8;

/// A mistake: attribute, message, help.
pub type Mistake = (&'static str, String, String);

/// Reads `arns` in batches of `size`, several at once. A missing member makes the API refuse its whole batch:
/// it is then halved until only missing ones are left out.
pub async fn batched<T, F, Fut>(arns: &[String], size: usize, fetch: F) -> Result<Vec<T>, Error>
where
    F: Fn(Vec<String>) -> Fut,
    Fut: Future<Output = Result<Vec<T>, Error>>,
{
    let mut found = Vec::new();
    let mut waiting: VecDeque<Vec<String>> = arns.chunks(size).map(<[String]>::to_vec).collect();
    while !waiting.is_empty() {
        let wave: Vec<_> = waiting.drain(..waiting.len().min(AT_ONCE)).collect();
        let answers = join_all(wave.iter().map(|batch| fetch(batch.clone()))).await;
        for (batch, answer) in wave.into_iter().zip(answers) {
            match answer {
                Ok(items) => found.extend(items),
                Err(error) if error.is_not_found() && batch.len() > 1 => {
                    let (left, right) = batch.split_at(batch.len() / 2);
                    waiting.extend([left.to_vec(), right.to_vec()]);
                }
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(found)
}

/// Follows the markers of a describe call to its last page.
pub async fn pages<T, F, Fut>(fetch: F) -> Result<Vec<T>, Error>
where
    F: Fn(Option<String>) -> Fut,
    Fut: Future<Output = Result<(Vec<T>, Option<String>), Error>>,
{
    let (mut items, mut marker) = fetch(None).await?;
    while let Some(next) = marker.filter(|marker| !marker.is_empty()) {
        let (more, after) = fetch(Some(next)).await?;
        items.extend(more);
        marker = after;
    }
    Ok(items)
}

/// The ids of the resources to read.
pub fn ids(wanted: &[Wanted<'_>]) -> Vec<String> {
    wanted.iter().map(|one| one.id.to_owned()).collect()
}

/// The error of a creating call that succeeded without an id.
pub fn unanswered(action: &str) -> Error {
    Error::failed(
        format!("{SERVICE} {action} succeeded, but its answer has no id"),
        "run `bgform apply` again: it looks for it first",
    )
}

/// All tags of the resources that exist, including bgform's own.
pub async fn tags_of(cloud: &Cloud, arns: &[String]) -> Result<BTreeMap<String, Tags>, Error> {
    let described = batched(arns, TWENTY, |batch| async move {
        let send = || cloud.elbv2.describe_tags().set_resource_arns(Some(batch.clone())).send();
        let answer = cloud.read(SERVICE, "DescribeTags", send).await?;
        Ok(answer.tag_descriptions.unwrap_or_default())
    });
    let described = described.await?.into_iter().map(|one| {
        let pairs = one.tags.unwrap_or_default().into_iter();
        let tags = pairs.map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default())).collect();
        (one.resource_arn.unwrap_or_default(), tags)
    });
    Ok(described.collect())
}

/// The author's tags of the resources whose `tags` are wanted, as attribute values.
pub async fn declared_tags_of(
    cloud: &Cloud,
    wanted: &[Wanted<'_>],
) -> Result<BTreeMap<String, Value>, Error> {
    let asked = wanted.iter().filter(|one| one.declared.contains("tags"));
    let arns: Vec<String> = asked.map(|one| one.id.to_owned()).collect();
    let tags = tags_of(cloud, &arns).await?;
    Ok(tags.iter().map(|(arn, tags)| (arn.clone(), declared_tags(Some(tags)))).collect())
}

/// The resources of `arns` with the tag of a stack: the API has no search by tag.
pub async fn of_stack(cloud: &Cloud, stack: &str, arns: Vec<String>) -> Result<Vec<Tagged>, Error> {
    let tags = tags_of(cloud, &arns).await?;
    let tagged = |arn: &String| {
        let tags = tags.get(arn)?.iter().map(|(key, value)| (Some(key.as_str()), Some(value.as_str())));
        Tagged::of(Some(arn), stack, tags)
    };
    Ok(arns.iter().filter_map(tagged).collect())
}

/// The resource of `arns` that this operation made.
pub async fn made_by(op: &Operation<'_>, arns: Vec<String>) -> Result<Option<String>, Error> {
    let tags = tags_of(op.cloud, &arns).await?;
    let ours = |arn: &String| tags.get(arn).and_then(|tags| tags.get(OPERATION_TAG)) == Some(&op.id);
    Ok(arns.into_iter().find(ours))
}

/// The author's tags, as an attribute's value.
pub fn declared_tags(tags: Option<&Tags>) -> Value {
    let own = tags.into_iter().flatten().filter(|(key, _)| !is_reserved_tag(key));
    Value::Object(own.map(|(key, value)| (key.clone(), Value::string(value))).collect::<Object>())
}

/// The `tags` attribute of these kinds: keys and values of letters, digits, spaces and a few signs ([model]
/// TagKey, TagValue).
pub fn tags_attribute() -> Attribute {
    schema::tags_attribute(&["tags"]).rule(|value| {
        let fits = |c: char| c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c);
        let texts = value.as_object().into_iter().flatten();
        let is_sensitive = value.unmark().1;
        let mark = |text: Value| if is_sensitive { Value::Sensitive(Box::new(text)) } else { text };
        let texts = texts.flat_map(|(key, value)| [Value::string(key), value.clone()]).map(mark);
        let of_texts = texts.flat_map(|text| {
            characters("a tag of a load balancer", &text, fits, "letters, digits, spaces and _ . : / = + - @")
        });
        schema::tags(value).into_iter().chain(of_texts).collect()
    })
}

/// Tags for a creating call.
pub fn tag_list(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// Changes the tags of `arn` to `after`. bgform's own and AWS's are left alone.
pub async fn retag(op: &Operation<'_>, arn: &str, before: &Tags, after: &Tags) -> Result<(), Error> {
    let (set, gone) = tag_changes(before, after);
    let client = &op.cloud.elbv2;
    if !set.is_empty() {
        let send = || client.add_tags().resource_arns(arn).set_tags(Some(tag_list(&set))).send();
        op.call(SERVICE, "AddTags", Repeat::Safe, send).await?;
    }
    if !gone.is_empty() {
        let send = || client.remove_tags().resource_arns(arn).set_tag_keys(Some(gone.clone())).send();
        op.call(SERVICE, "RemoveTags", Repeat::Safe, send).await?;
    }
    Ok(())
}

/// A generated name within the rules of load balancers and target groups: at most 32 letters, digits and
/// single hyphens, not beginning with `internal-` (API_CreateLoadBalancer).
pub fn generated_name(op: &Operation<'_>) -> String {
    let name = op.name(32);
    let words: Vec<&str> = name.split('-').filter(|word| !word.is_empty()).collect();
    match words.as_slice() {
        ["internal", rest @ ..] if !rest.is_empty() => rest.join("-"),
        all => all.join("-"),
    }
}

/// Checks a declared name.
pub fn name_mistake(inputs: &Object) -> Option<Mistake> {
    let name = inputs.get("name").and_then(Value::as_str)?;
    let fits = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        && !name.is_empty()
        && name.len() <= 32
        && !name.starts_with('-')
        && !name.ends_with('-')
        && !name.starts_with("internal-");
    (!fits).then(|| {
        let help = "use at most 32 letters, digits and hyphens, no hyphen first or last, and not \
                    `internal-` at the beginning; without a name, bgform makes one";
        ("name", format!("`{name}` is no name that AWS takes"), help.to_owned())
    })
}

/// The part of an ARN that is CloudWatch's name of the resource: `app/edge/50dc6c49`, or
/// `targetgroup/web/943f017f`.
pub fn arn_suffix(arn: &str) -> &str {
    let resource = arn.splitn(6, ':').last().unwrap_or(arn);
    resource.strip_prefix("loadbalancer/").unwrap_or(resource)
}

/// The load balancer of a listener: the first parts of its ARN (service authorization reference, Elastic Load
/// Balancing).
pub fn balancer_of(listener: &str) -> Option<String> {
    let (balancer, _) = listener.rsplit_once('/')?;
    Some(balancer.replacen(":listener/", ":loadbalancer/", 1))
}

/// The metric of the requests of a target group behind a load balancer. A network load balancer has no such
/// metric: those that count connections have the dimensions `LoadBalancer` and `AvailabilityZone` only
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html>,
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-cloudwatch-metrics.html>).
pub fn requests(balancer: &str, group: &str) -> Option<Series> {
    let balancer = arn_suffix(balancer);
    balancer.starts_with("app/").then(|| Series {
        namespace: "AWS/ApplicationELB".to_owned(),
        name: "RequestCount".to_owned(),
        dimensions: [("TargetGroup", arn_suffix(group)), ("LoadBalancer", balancer)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
    })
}

/// The name in a target group's or load balancer's ARN, for messages.
pub fn name_in(arn: &str) -> &str {
    arn.rsplit('/').nth(1).unwrap_or(arn)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::cloud::error::{Class, CloudError};

    #[tokio::test]
    async fn what_is_gone_is_left_out_in_as_many_calls_as_halving_takes() {
        let arns: Vec<String> = (0..100).map(|number| number.to_string()).collect();
        let calls = RefCell::new(0);
        let fetch = |batch: Vec<String>| {
            *calls.borrow_mut() += 1;
            async move {
                if batch.contains(&"71".to_owned()) {
                    return Err(Error::Cloud(CloudError {
                        service: SERVICE,
                        action: "DescribeTargetGroups",
                        class: Class::NotFound,
                        code: None,
                        message: String::new(),
                        request_id: None,
                        after_doubt: false,
                        access_key: None,
                    }));
                }
                Ok(batch)
            }
        };
        let found = batched(&arns, HUNDRED, fetch).await.unwrap();
        assert_eq!(found.len(), 99);
        assert!(!found.contains(&"71".to_owned()));
        assert!(calls.into_inner() <= 15);
    }

    #[test]
    fn a_listeners_load_balancer_is_in_its_arn() {
        let listener = "arn:aws:elasticloadbalancing:us-east-1:1:listener/app/edge/50dc/f2f7";
        let balancer = "arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/app/edge/50dc";
        assert_eq!(balancer_of(listener).as_deref(), Some(balancer));
        assert_eq!(name_in(balancer), "edge");
    }

    #[test]
    fn an_arn_suffix_is_what_cloudwatch_calls_the_resource() {
        let of = |rest| arn_suffix(rest).to_owned();
        assert_eq!(
            of("arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/app/edge/50dc"),
            "app/edge/50dc"
        );
        assert_eq!(
            of("arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/web/943f"),
            "targetgroup/web/943f"
        );
        assert_eq!(name_in("arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/web/943f"), "web");
    }
}
