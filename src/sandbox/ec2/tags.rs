//! Tags of everything in EC2: one store, by id.

use serde_json::{Value, json};

use super::super::api::{Actions, Params, Refusal};
use super::super::state::{State, Tags};

/// The calls about tags, by name.
pub const ACTIONS: Actions = &[];

/// The tags of something; none for what has none.
pub fn of(state: &State, id: &str) -> Tags {
    state.ec2.tags.get(id).cloned().unwrap_or_default()
}

/// Gives something its first tags.
pub fn set(state: &mut State, id: &str, tags: Tags) {
    if !tags.is_empty() {
        state.ec2.tags.entry(id.to_owned()).or_default().extend(tags);
    }
}

/// Forgets the tags of what is gone.
pub fn forget(state: &mut State, id: &str) {
    state.ec2.tags.remove(id);
}

/// The tags that a creating call gives a resource type (`TagSpecification.N`).
pub fn specified(params: &Params, resource_type: &str) -> Result<Tags, Refusal> {
    let of_type = params.items("TagSpecification");
    let of_type = of_type.iter().filter(|given| given.text("ResourceType").as_deref() == Some(resource_type));
    let tags = of_type.flat_map(|given| given.items("Tag"));
    tags.map(|tag| Ok((tag.required("Key")?, tag.text("Value").unwrap_or_default()))).collect()
}

/// Tags as answers have them: `tagSet`.
pub fn shown(tags: &Tags) -> Value {
    tags.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect()
}
