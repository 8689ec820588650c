//! Tags of groups (API_Tag).

use serde_json::{Value, json};

use super::group::Group;
use super::{not_found, paged};
use crate::api::{Actions, Call, Filters, Params, Refusal};
use crate::state::{State, Tags};

/// The calls about tags, by name.
pub const ACTIONS: Actions =
    &[("CreateOrUpdateTags", put), ("DeleteTags", delete), ("DescribeTags", describe)];

/// Tags of a group at most (user guide, ec2-auto-scaling-tagging).
const MOST: usize = 50;

/// Adds the tags of a call (`Tags`) to a group.
pub fn add(group: &mut Group, given: &[Params]) -> Result<(), Refusal> {
    for tag in given {
        let key = tag.needed("Key");
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(Refusal::validation("Tag keys may not start with the reserved prefix: aws:"));
        }
        let value = tag.text("Value").unwrap_or_default();
        let propagate = tag.flag("PropagateAtLaunch").unwrap_or(false);
        group.tags.insert(key, (value, propagate));
    }
    if group.tags.len() > MOST {
        return Err(Refusal::new("LimitExceeded", format!("A group can have at most {MOST} tags.")));
    }
    Ok(())
}

/// The tags without their propagation to instances.
pub fn plain(group: &Group) -> Tags {
    group.tags.iter().map(|(key, (value, _))| (key.clone(), value.clone())).collect()
}

/// `TagDescription`s.
pub fn shown(group: &Group) -> Vec<Value> {
    let one = |(key, (value, propagate)): (&String, &(String, bool))| {
        json!({
            "ResourceId": group.name,
            "ResourceType": "auto-scaling-group",
            "Key": key,
            "Value": value,
            "PropagateAtLaunch": propagate,
        })
    };
    group.tags.iter().map(one).collect()
}

fn group_of<'a>(state: &'a mut State, tag: &Params) -> Result<&'a mut Group, Refusal> {
    let name = tag.needed("ResourceId");
    state.autoscaling.groups.get_mut(&name).ok_or_else(|| not_found(&name))
}

fn put(call: &mut Call) -> Result<Value, Refusal> {
    for tag in call.params.items("Tags") {
        add(group_of(call.state, &tag)?, std::slice::from_ref(&tag))?;
    }
    Ok(json!({}))
}

/// Deletes tags. A missing tag is no error; one with another value stays.
fn delete(call: &mut Call) -> Result<Value, Refusal> {
    for tag in call.params.items("Tags") {
        let key = tag.needed("Key");
        let group = group_of(call.state, &tag)?;
        let is = group.tags.get(&key).map(|(value, _)| value.clone());
        if tag.text("Value").is_none_or(|value| value.is_empty() || Some(value) == is) {
            group.tags.remove(&key);
        }
    }
    Ok(json!({}))
}

/// Filters: `auto-scaling-group`, `key`, `value`, `propagate-at-launch`.
fn describe(call: &mut Call) -> Result<Value, Refusal> {
    let filters = Filters::of(call.params);
    let mut found = Vec::new();
    for group in call.state.autoscaling.groups.values() {
        for (tag, (key, (value, propagate))) in shown(group).into_iter().zip(&group.tags) {
            let has = |name: &str| {
                Some(vec![match name {
                    "auto-scaling-group" => group.name.clone(),
                    "key" => key.clone(),
                    "value" => value.clone(),
                    "propagate-at-launch" => propagate.to_string(),
                    _ => return None,
                }])
            };
            if filters.pass(&Tags::new(), has)? {
                found.push(tag);
            }
        }
    }
    paged(call.params, "Tags", found, (50, 100))
}
