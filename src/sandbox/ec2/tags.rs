//! Tags of everything in EC2: one store, by id.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::api::{Actions, Call, Params, Refusal};
use super::super::state::{State, Tags};
use super::ids;
use super::list::{List, list};

/// The calls about tags, by name.
pub const ACTIONS: Actions =
    &[("CreateTags", create_tags), ("DeleteTags", delete_tags), ("DescribeTags", describe_tags)];

/// Maximum number of a resource's tags without AWS's own (EC2 user guide, Using_Tags, tag restrictions).
const TAGS: usize = 50;
/// The prefix of AWS's own keys.
const RESERVED: &str = "aws:";

const LIST: List = List {
    ids: ("", ""),
    answer: "tagSet",
    most: 1000,
    filters: &[
        ("key", "key"),
        ("value", "value"),
        ("resource-id", "resourceId"),
        ("resource-type", "resourceType"),
    ],
};

/// The tags of a resource; empty if it has none.
pub fn of(state: &State, id: &str) -> Tags {
    state.ec2.tags.get(id).cloned().unwrap_or_default()
}

/// Gives something its first tags.
pub fn set(state: &mut State, id: &str, tags: Tags) {
    if !tags.is_empty() {
        state.ec2.tags.entry(id.to_owned()).or_default().extend(tags);
    }
}

/// Removes the tags of a deleted resource.
pub fn forget(state: &mut State, id: &str) {
    state.ec2.tags.remove(id);
}

/// The tags that a creating call gives a resource type (`TagSpecification.N`).
pub fn specified(params: &Params, resource_type: &str) -> Result<Tags, Refusal> {
    let of_type = params.items("TagSpecification");
    let of_type = of_type.iter().filter(|given| given.text("ResourceType").as_deref() == Some(resource_type));
    let tags = read(of_type.flat_map(|given| given.items("Tag")))?;
    check_limit(&tags)?;
    Ok(tags)
}

/// Tags as answers have them: `tagSet`.
pub fn shown(tags: &Tags) -> Value {
    tags.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect()
}

/// Tags of a request, each key once and none of AWS's own (EC2 user guide, Using_Tags).
fn read(items: impl Iterator<Item = Params>) -> Result<Tags, Refusal> {
    let mut tags = Tags::new();
    for item in items {
        let key = item.needed("Key");
        let value = item.text("Value").unwrap_or_default();
        check_key(&key)?;
        if tags.insert(key.clone(), value).is_some() {
            return Err(Refusal::value(format!("Duplicate tag key '{key}' specified.")));
        }
    }
    Ok(tags)
}

fn check_key(key: &str) -> Result<(), Refusal> {
    if key.to_ascii_lowercase().starts_with(RESERVED) {
        return Err(Refusal::value(format!(
            "Value ( {key} ) for parameter key is invalid. Tag keys starting with 'aws:' are reserved for \
             internal use"
        )));
    }
    Ok(())
}

fn check_limit(tags: &Tags) -> Result<(), Refusal> {
    match tags.keys().filter(|key| !key.starts_with(RESERVED)).count() > TAGS {
        true => Err(Refusal::new(
            "TagLimitExceeded",
            "The maximum number of Tags for a resource has been reached.",
        )),
        false => Ok(()),
    }
}

/// The resources of a call, all of which there are.
fn resources(call: &Call) -> Result<Vec<String>, Refusal> {
    let resources = call.params.texts("ResourceId");
    match resources.iter().find(|id| !ids::exists(call.state, id)) {
        Some(id) => Err(ids::not_found(id)),
        None => Ok(resources),
    }
}

/// API_CreateTags
fn create_tags(call: &mut Call) -> Result<Value, Refusal> {
    let resources = resources(call)?;
    let new = read(call.params.items("Tag").into_iter())?;
    for id in resources {
        set(call.state, &id, new.clone());
        check_limit(&of(call.state, &id))?;
    }
    Ok(json!({ "return": true }))
}

/// API_DeleteTags: a key with a value deletes the tag only if it has that value; without tags, all except
/// AWS's own are deleted.
fn delete_tags(call: &mut Call) -> Result<Value, Refusal> {
    let resources = resources(call)?;
    let mut gone: BTreeMap<String, Option<String>> = BTreeMap::new();
    for tag in call.params.items("Tag") {
        let key = tag.needed("Key");
        check_key(&key)?;
        gone.insert(key, tag.text("Value"));
    }
    for id in resources {
        let Some(tags) = call.state.ec2.tags.get_mut(&id) else { continue };
        tags.retain(|key, value| match gone.get(key) {
            Some(Some(only)) => only != value,
            Some(None) => false,
            None => !gone.is_empty() || key.starts_with(RESERVED),
        });
        if tags.is_empty() {
            forget(call.state, &id);
        }
    }
    Ok(json!({ "return": true }))
}

/// API_DescribeTags
fn describe_tags(call: &mut Call) -> Result<Value, Refusal> {
    let all = call.state.ec2.tags.iter().flat_map(|(id, tags)| {
        let resource_type = ids::resource_type(id).unwrap_or_default();
        tags.iter().map(move |(key, value)| {
            json!({
                "key": key, "resourceId": id, "resourceType": resource_type, "value": value,
                "_tagSet": [{ "key": key, "value": value }],
            })
        })
    });
    list(call, &LIST, all.collect())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::super::api::direct;
    use super::super::super::pace::Pace;
    use super::super::super::state::Network;
    use super::super::SERVICE;
    use super::*;

    fn ask(state: &mut State, action: &str, params: Value) -> Result<Value, String> {
        let answer = direct::call(&[&SERVICE], state, Timestamp::UNIX_EPOCH, action, params);
        answer.map_err(|refusal| refusal.code)
    }

    #[test]
    fn awss_own_tags_are_out_of_reach_and_do_not_count() {
        let mut state =
            State::new("us-east-1", Network::Addresses { octet: 31 }, Pace::default(), Timestamp::UNIX_EPOCH);
        let id = state.ec2.vpcs[0].id.clone();
        set(&mut state, &id, Tags::from([("aws:own".to_owned(), "1".to_owned())]));
        let tags = |count: usize| {
            (0..count).map(|n| json!({ "Key": n.to_string(), "Value": "v" })).collect::<Value>()
        };
        let on = |tags: Value| json!({ "ResourceId": [id], "Tag": tags });
        assert_eq!(ask(&mut state, "CreateTags", on(tags(51))), Err("TagLimitExceeded".to_owned()));
        state.ec2.tags.remove(&id);
        set(&mut state, &id, Tags::from([("aws:own".to_owned(), "1".to_owned())]));
        ask(&mut state, "CreateTags", on(tags(50))).unwrap();
        let own = on(json!([{ "Key": "aws:own" }]));
        assert_eq!(ask(&mut state, "DeleteTags", own), Err("InvalidParameterValue".to_owned()));
        ask(&mut state, "DeleteTags", on(json!([{ "Key": "0", "Value": "other" }, { "Key": "1" }]))).unwrap();
        let left = of(&state, &id);
        assert!(left.contains_key("0") && !left.contains_key("1"));
        ask(&mut state, "DeleteTags", json!({ "ResourceId": [id] })).unwrap();
        assert_eq!(of(&state, &id).into_keys().collect::<Vec<_>>(), ["aws:own"]);
    }
}
