//! `existing` load balancers, listeners and target groups: found by their attributes, with the outputs of
//! managed ones.

use std::sync::LazyLock;

use super::elbv2::{self, SERVICE};
use super::schema::{Attribute, Schema, Type, attribute};
use super::{Existing, Tags, listener, load_balancer, target_group};
use crate::cloud::Cloud;
use crate::cloud::error::Error;
use crate::value::{Object, Value};

/// A load balancer that this stack only reads.
pub struct LoadBalancer;
/// A listener that this stack only reads.
pub struct Listener;
/// A target group that this stack only reads.
pub struct TargetGroup;

fn id() -> Attribute {
    attribute("id", Type::string(), "Its ARN.")
}

fn name() -> Attribute {
    attribute("name", Type::String { max: 32 }, "Its name.")
}

fn tags() -> Attribute {
    attribute("tags", Type::String { max: 256 }.map(), "Tags that it has, among others.")
}

static LOAD_BALANCER: LazyLock<Schema> = LazyLock::new(|| Schema {
    kind: "load_balancer",
    doc: "A load balancer, by its name, ARN or tags.",
    attributes: vec![name(), id(), tags()],
    outputs: load_balancer::outputs(),
    not_offered: &[],
    unique: &[],
});

static LISTENER: LazyLock<Schema> = LazyLock::new(|| Schema {
    kind: "listener",
    doc: "A listener, by its ARN, or by its load balancer and port.",
    attributes: vec![
        attribute("load_balancer", Type::arn_of(&["load_balancer"]), "Its load balancer."),
        attribute("port", Type::Integer { min: 1, max: 65535 }, "Its port."),
        id(),
    ],
    outputs: listener::outputs(),
    not_offered: &[],
    unique: &[],
});

static TARGET_GROUP: LazyLock<Schema> = LazyLock::new(|| Schema {
    kind: "target_group",
    doc: "A target group, by its name, ARN or tags.",
    attributes: vec![name(), id(), tags()],
    outputs: target_group::outputs(),
    not_offered: &[],
    unique: &[],
});

fn text<'a>(filters: &'a Object, name: &str) -> Option<&'a str> {
    filters.get(name).and_then(Value::as_str)
}

fn wanted_tags(filters: &Object) -> Tags {
    let tags = filters.get("tags").and_then(Value::as_object).into_iter().flatten();
    tags.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

/// The resources of `found` (ARN and outputs) that have all the tags, in the order of their ARNs.
async fn tagged(
    cloud: &Cloud,
    wanted: &Tags,
    mut found: Vec<(String, Object)>,
) -> Result<Vec<Object>, Error> {
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    if !wanted.is_empty() {
        let arns: Vec<_> = found.iter().map(|(arn, _)| arn.clone()).collect();
        let tags = elbv2::tags_of(cloud, &arns).await?;
        found.retain(|(arn, _)| {
            wanted.iter().all(|(key, value)| tags.get(arn).and_then(|tags| tags.get(key)) == Some(value))
        });
    }
    Ok(found.into_iter().map(|(_, outputs)| outputs).collect())
}

impl Existing for LoadBalancer {
    fn schema(&self) -> &'static Schema {
        &LOAD_BALANCER
    }

    fn permissions(&self) -> &'static [&'static str] {
        &["elasticloadbalancing:DescribeLoadBalancers", "elasticloadbalancing:DescribeTags"]
    }

    async fn read(&self, cloud: &Cloud, filters: &Object) -> Result<Vec<Object>, Error> {
        let (arn, name) = (text(filters, "id"), text(filters, "name"));
        let mut found = match (arn, name) {
            (Some(arn), _) => load_balancer::described(cloud, &[arn.to_owned()]).await?,
            (None, Some(name)) => load_balancer::named(cloud, name).await?.into_iter().collect(),
            (None, None) => {
                elbv2::pages(|marker| async move {
                    let describe = cloud.elbv2.describe_load_balancers().set_marker(marker);
                    let send = || describe.clone().send();
                    let answer = cloud.read(SERVICE, "DescribeLoadBalancers", send).await?;
                    Ok((answer.load_balancers.unwrap_or_default(), answer.next_marker))
                })
                .await?
            }
        };
        found.retain(|one| name.is_none() || one.load_balancer_name() == name);
        let outputs = found.iter().map(|one| {
            (one.load_balancer_arn().unwrap_or_default().to_owned(), load_balancer::outputs_of(one))
        });
        tagged(cloud, &wanted_tags(filters), outputs.collect()).await
    }
}

impl Existing for TargetGroup {
    fn schema(&self) -> &'static Schema {
        &TARGET_GROUP
    }

    fn permissions(&self) -> &'static [&'static str] {
        &["elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTags"]
    }

    async fn read(&self, cloud: &Cloud, filters: &Object) -> Result<Vec<Object>, Error> {
        let (arn, name) = (text(filters, "id"), text(filters, "name"));
        let mut found = match (arn, name) {
            (Some(arn), _) => target_group::described(cloud, &[arn.to_owned()]).await?,
            (None, Some(name)) => target_group::named(cloud, name).await?.into_iter().collect(),
            (None, None) => {
                elbv2::pages(|marker| async move {
                    let describe = cloud.elbv2.describe_target_groups().set_marker(marker);
                    let send = || describe.clone().send();
                    let answer = cloud.read(SERVICE, "DescribeTargetGroups", send).await?;
                    Ok((answer.target_groups.unwrap_or_default(), answer.next_marker))
                })
                .await?
            }
        };
        found.retain(|one| name.is_none() || one.target_group_name() == name);
        let outputs = found.iter().map(|one| {
            (one.target_group_arn().unwrap_or_default().to_owned(), target_group::outputs_of(one))
        });
        tagged(cloud, &wanted_tags(filters), outputs.collect()).await
    }
}

impl Existing for Listener {
    fn schema(&self) -> &'static Schema {
        &LISTENER
    }

    fn permissions(&self) -> &'static [&'static str] {
        &["elasticloadbalancing:DescribeListeners"]
    }

    async fn read(&self, cloud: &Cloud, filters: &Object) -> Result<Vec<Object>, Error> {
        let (arn, balancer) = (text(filters, "id"), text(filters, "load_balancer"));
        let port = filters.get("port").and_then(Value::as_number);
        let mut found = match (arn, balancer) {
            (Some(arn), _) => listener::described(cloud, &[arn.to_owned()]).await?,
            (None, Some(balancer)) => listener::listeners_of(cloud, balancer).await?,
            // The API lists listeners of one load balancer at a time.
            (None, None) => {
                return Err(Error::failed(
                    "an existing listener needs its load balancer or its ARN",
                    "add `load_balancer = load_balancer.NAME` and `port = 443`",
                ));
            }
        };
        found.retain(|one| {
            port.is_none_or(|port| one.port().map(f64::from) == Some(port))
                && balancer.is_none_or(|balancer| one.load_balancer_arn() == Some(balancer))
        });
        found.sort_by(|one, other| one.listener_arn().cmp(&other.listener_arn()));
        Ok(found.iter().map(listener::outputs_of).collect())
    }
}
