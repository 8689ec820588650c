//! Tags of load balancers, target groups, listeners and rules.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::api::{Actions, Call, Params, Refusal};
use super::super::state::{State, Tags};
use super::limits;

/// The calls about tags, by name.
pub const ACTIONS: Actions = &[("AddTags", add), ("RemoveTags", remove), ("DescribeTags", describe)];

/// The tags of a call (`Tags.member.N`): `DuplicateTagKeys`, `TooManyTags`, and the rules of
/// API_Tag for keys and values.
pub fn given(params: &Params) -> Result<Tags, Refusal> {
    let mut tags = Tags::new();
    for tag in params.items("Tags") {
        let (key, value) = (tag.needed("Key"), tag.text("Value").unwrap_or_default());
        if key.starts_with("aws:") {
            return Err(Refusal::validation("Tag keys starting with 'aws:' are reserved for system use"));
        }
        if tags.contains_key(&key) {
            return Err(Refusal::new(
                "DuplicateTagKeys",
                format!("Tag key '{key}' was specified more than once"),
            ));
        }
        tags.insert(key, value);
    }
    few_enough(&tags)?;
    Ok(tags)
}

fn few_enough(tags: &Tags) -> Result<(), Refusal> {
    match tags.len() > limits::TAGS {
        true => Err(Refusal::new("TooManyTags", "The limit on the number of tags for a resource is 50")),
        false => Ok(()),
    }
}

/// The tags of something.
pub fn of(state: &State, arn: &str) -> Tags {
    state.elbv2.tags.get(arn).cloned().unwrap_or_default()
}

/// Gives something its first tags.
pub fn set(state: &mut State, arn: &str, tags: Tags) {
    if !tags.is_empty() {
        state.elbv2.tags.insert(arn.to_owned(), tags);
    }
}

/// The resources of a call, all of which must exist.
fn resources(call: &Call) -> Result<Vec<String>, Refusal> {
    let arns = call.params.texts("ResourceArns");
    let known = &call.state.elbv2;
    for arn in &arns {
        let resource = arn.splitn(6, ':').nth(5).and_then(|resource| resource.split('/').next());
        let (exists, code, what) = match resource {
            Some("loadbalancer") => {
                (known.load_balancers.contains_key(arn), "LoadBalancerNotFound", "Load balancer")
            }
            Some("targetgroup") => {
                (known.target_groups.contains_key(arn), "TargetGroupNotFound", "Target group")
            }
            Some("listener") => (known.listeners.contains_key(arn), "ListenerNotFound", "Listener"),
            Some("listener-rule") => (known.rules.contains_key(arn), "RuleNotFound", "Rule"),
            _ => return Err(Refusal::validation(format!("'{arn}' is not a valid resource ARN"))),
        };
        if !exists {
            return Err(Refusal::new(code, format!("{what} '{arn}' not found")));
        }
    }
    Ok(arns)
}

fn add(call: &mut Call) -> Result<Value, Refusal> {
    let arns = resources(call)?;
    let tags = given(call.params)?;
    for arn in arns {
        let kept = call.state.elbv2.tags.entry(arn).or_default();
        kept.extend(tags.clone());
        few_enough(kept)?;
    }
    Ok(json!({}))
}

fn remove(call: &mut Call) -> Result<Value, Refusal> {
    let arns = resources(call)?;
    let keys = call.params.texts("TagKeys");
    for arn in arns {
        if let Some(tags) = call.state.elbv2.tags.get_mut(&arn) {
            tags.retain(|key, _| !keys.contains(key));
        }
    }
    Ok(json!({}))
}

fn describe(call: &mut Call) -> Result<Value, Refusal> {
    let arns = resources(call)?;
    let mut told = BTreeSet::new();
    let described = arns.iter().filter(|arn| told.insert(*arn)).map(|arn| {
        let tags: Vec<Value> =
            of(call.state, arn).iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
        json!({ "ResourceArn": arn, "Tags": tags })
    });
    let described: Vec<Value> = described.collect();
    Ok(json!({ "TagDescriptions": described }))
}
