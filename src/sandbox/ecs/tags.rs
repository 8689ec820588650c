//! Tags of clusters, task definitions, services and tasks.

use serde_json::{Value, json};

use super::{client, invalid, pairs};
use crate::api::{Actions, Call, Params, Refusal};
use crate::state::{State, Tags};

/// The calls about tags, by name.
pub const ACTIONS: Actions = &[("ListTagsForResource", list), ("TagResource", tag), ("UntagResource", untag)];

/// Maximum number of tags of a resource (API_Tag).
const MOST: usize = 50;

/// The tags of a call. `ClientException` if there are too many.
pub fn read(params: &Params) -> Result<Tags, Refusal> {
    let tags = pairs(&params.items("tags"), "key", "value");
    match tags.len() > MOST {
        true => Err(client("The number of tags exceeds the limit of 50.")),
        false => Ok(tags),
    }
}

pub fn shown(tags: Option<&Tags>) -> Value {
    tags.into_iter().flatten().map(|(key, value)| json!({ "key": key, "value": value })).collect()
}

pub fn of(state: &State, arn: &str) -> Value {
    shown(state.ecs.tags.get(arn))
}

/// Sets the tags of a new resource.
pub fn set(state: &mut State, arn: &str, tags: Tags) {
    match tags.is_empty() {
        true => state.ecs.tags.remove(arn),
        false => state.ecs.tags.insert(arn.to_owned(), tags),
    };
}

fn asked(call: &Call) -> Result<String, Refusal> {
    let arn = call.params.needed("resourceArn");
    let ecs = &call.state.ecs;
    let there = ecs.clusters.values().any(|one| one.arn == arn && one.active)
        || ecs.definitions.values().any(|one| one.arn == arn)
        || ecs.services.contains_key(&arn)
        || ecs.tasks.contains_key(&arn);
    match (there, arn.split(':').collect::<Vec<_>>().as_slice()) {
        (true, _) => Ok(arn),
        (false, ["arn", _, "ecs", _, _, of, ..]) => {
            let kind = of.split('/').next().unwrap_or_default();
            let text = format!("The specified {kind} is inactive. Specify an active {kind} and try again.");
            Err(invalid(text))
        }
        (false, _) => Err(invalid("The specified ARN is invalid. Specify a valid ARN and try again.")),
    }
}

fn list(call: &mut Call) -> Result<Value, Refusal> {
    let arn = asked(call)?;
    Ok(json!({ "tags": of(call.state, &arn) }))
}

fn tag(call: &mut Call) -> Result<Value, Refusal> {
    let arn = asked(call)?;
    let mut tags = call.state.ecs.tags.get(&arn).cloned().unwrap_or_default();
    tags.extend(read(call.params)?);
    if tags.len() > MOST {
        return Err(client("The number of tags exceeds the limit of 50."));
    }
    set(call.state, &arn, tags);
    Ok(json!({}))
}

fn untag(call: &mut Call) -> Result<Value, Refusal> {
    let arn = asked(call)?;
    let mut tags = call.state.ecs.tags.get(&arn).cloned().unwrap_or_default();
    for key in call.params.texts("tagKeys") {
        tags.remove(&key);
    }
    set(call.state, &arn, tags);
    Ok(json!({}))
}
