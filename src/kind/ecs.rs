//! Shared by the ECS kinds: tags, ARNs, capacity providers and the shapes of answers. Knows no kind's schema.
//!
//! A resource that is missing is an entry of `failures` in an answer with HTTP status 200 (API_Failure), and a
//! deleted one is described for a time with the status INACTIVE.

use std::collections::BTreeMap;

use aws_sdk_ecs::types as t;
use aws_smithy_types::error::operation::BuildError;
use serde::Deserialize;

use super::Tags;
use super::answers::Members;
use super::operation::{Operation, is_reserved_tag, tag_changes};
use super::schema::{Attribute, Type, Wrong, attribute, characters};
use crate::cloud::Repeat;
use crate::cloud::error::{Error, Service};
use crate::value::{Object, Value};

pub const SERVICE: Service = Service::Ecs;

/// The longest name of a cluster, a family or a service ([model] clusterName, family, serviceName).
pub const NAME: usize = 255;

/// The rule for names: letters, digits, hyphens and underscores ([model] clusterName, family, serviceName).
pub fn name(of: &str, name: &Value) -> Vec<Wrong> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    characters(of, name, fits, "letters, digits, - and _")
}

/// An SDK value whose builder knows what the API requires; the schema requires the same.
pub fn built<T>(value: Result<T, BuildError>) -> Result<T, Error> {
    value.map_err(|error| {
        Error::failed(
            format!("the request to {SERVICE} lacks something: {error}"),
            "this is a bug in bgform; report it with the block as it is written",
        )
    })
}

/// The last part of an ARN: the name of a cluster or service, a task's id, or `family:revision`.
pub fn last(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// The cluster in the ARN of a service or a task (`...:service/CLUSTER/NAME`); `None` in the short form of
/// ARNs that ECS made before 2021.
pub fn cluster_in(arn: &str) -> Option<&str> {
    let mut parts = arn.split('/').skip(1);
    let cluster = parts.next()?;
    parts.next().map(|_| cluster)
}

/// `family:revision` in an ARN, taken apart.
pub fn revision_in(arn: &str) -> Option<(String, String)> {
    let (family, revision) = last(arn).rsplit_once(':')?;
    Some((family.to_owned(), revision.to_owned()))
}

pub fn sdk_tags(tags: &Tags) -> Vec<t::Tag> {
    tags.iter().map(|(key, value)| t::Tag::builder().key(key).value(value).build()).collect()
}

/// Keys and values, bgform's own among them.
pub fn pairs(tags: &[t::Tag]) -> BTreeMap<String, String> {
    let owned = |text: Option<&str>| text.unwrap_or_default().to_owned();
    tags.iter().map(|tag| (owned(tag.key()), owned(tag.value()))).collect()
}

/// The author's tags, as an attribute's value.
pub fn declared_tags(tags: &[t::Tag]) -> Value {
    let own = pairs(tags).into_iter().filter(|(key, _)| !is_reserved_tag(key));
    Value::Object(own.map(|(key, value)| (key, Value::String(value))).collect())
}

/// Changes the tags of `arn` to `after`. bgform's own and AWS's are left alone.
pub async fn retag(op: &Operation<'_>, arn: &str, before: &Tags, after: &Tags) -> Result<(), Error> {
    let (set, gone) = tag_changes(before, after);
    let ecs = &op.cloud.ecs;
    if !set.is_empty() {
        let send = || ecs.tag_resource().resource_arn(arn).set_tags(Some(sdk_tags(&set))).send();
        op.call(SERVICE, "TagResource", Repeat::Safe, send).await?;
    }
    if !gone.is_empty() {
        let send = || ecs.untag_resource().resource_arn(arn).set_tag_keys(Some(gone.clone())).send();
        op.call(SERVICE, "UntagResource", Repeat::Safe, send).await?;
    }
    Ok(())
}

/// One capacity provider of a strategy.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Provider {
    provider: String,
    weight: i32,
    base: i32,
}

impl Provider {
    /// The strategy in the API's form.
    pub fn strategy(all: &[Self]) -> Result<Vec<t::CapacityProviderStrategyItem>, Error> {
        let item = |one: &Self| {
            let item = t::CapacityProviderStrategyItem::builder().capacity_provider(&one.provider);
            built(item.weight(one.weight).base(one.base).build())
        };
        all.iter().map(item).collect()
    }
}

/// A strategy in the schema's terms.
pub fn strategy_value(strategy: &[t::CapacityProviderStrategyItem]) -> Value {
    let item = |one: &t::CapacityProviderStrategyItem| {
        let mut members = Members::new();
        members.set("provider", one.capacity_provider()).set("weight", one.weight()).set("base", one.base());
        members.value()
    };
    Value::List(strategy.iter().map(item).collect())
}

/// The blocks of a capacity provider strategy. The bounds are those of [model] CapacityProviderStrategyItem.
pub fn strategy_blocks() -> Type {
    let provider =
        attribute("provider", Type::string(), "`FARGATE`, `FARGATE_SPOT`, or the name of your own.");
    let count = |name, max, doc| attribute(name, Type::Integer { min: 0, max }, doc).default(0);
    let attributes: Vec<Attribute> = vec![
        provider.required(),
        count("weight", 1000, "Its share of the tasks beyond the bases."),
        count("base", 100_000, "How many tasks run on it before any share counts."),
    ];
    Type::Blocks { attributes, ordered: false, max: 20 }
}

/// Mistakes in a strategy ([model] CapacityProviderStrategyItem).
pub fn strategy_mistakes(attribute: &'static str, inputs: &Object) -> Vec<Wrong> {
    let items = inputs.get(attribute).and_then(Value::as_list).unwrap_or_default();
    let above_zero = |name: &str| {
        items.iter().filter(|item| item.get(name).as_number().is_some_and(|number| number > 0.0)).count()
    };
    let known = items.iter().all(|item| item.get("weight").find_unknown().is_none());
    let mut wrong = Vec::new();
    if above_zero("base") > 1 {
        let message = "only one capacity provider of a strategy can have a base".to_owned();
        wrong.push((attribute, message, "take `base` away from the others".to_owned()));
    }
    if items.len() > 1 && known && above_zero("weight") == 0 {
        let message =
            "no capacity provider of the strategy has a weight, so that no task is placed".to_owned();
        wrong.push((attribute, message, "write `weight = 1` in one at least".to_owned()));
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object;

    #[test]
    fn names_are_in_arns() {
        let service = "arn:aws:ecs:us-east-1:1:service/main/web";
        assert_eq!((last(service), cluster_in(service)), ("web", Some("main")));
        assert_eq!(cluster_in("arn:aws:ecs:us-east-1:1:service/web"), None);
        let revision = revision_in("arn:aws:ecs:us-east-1:1:task-definition/web:12");
        assert_eq!(revision, Some(("web".to_owned(), "12".to_owned())));
    }

    #[test]
    fn a_strategy_places_tasks_somewhere_and_has_one_base() {
        let told = |items: Vec<Value>| {
            let inputs = object! { "providers" => items };
            strategy_mistakes("providers", inputs.as_object().unwrap()).len()
        };
        let item =
            |weight: i32, base: i32| object! { "provider" => "FARGATE", "weight" => weight, "base" => base };
        assert_eq!(told(vec![item(0, 0)]), 0);
        assert_eq!(told(vec![item(1, 1), item(1, 0)]), 0);
        assert_eq!(told(vec![item(0, 1), item(0, 0)]), 1);
        assert_eq!(told(vec![item(1, 1), item(1, 1)]), 1);
    }
}
