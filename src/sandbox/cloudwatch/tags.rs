//! Calls about the tags of alarms.

use serde_json::{Value, json};

use super::alarm::Alarm;
use crate::api::{Actions, Call, Refusal};

pub const ACTIONS: Actions = &[
    ("TagResource", tag_resource),
    ("UntagResource", untag_resource),
    ("ListTagsForResource", list_tags_for_resource),
];

/// Tags that a resource can have.
const MOST: usize = 50;

fn alarm<'a>(call: &'a mut Call) -> Result<&'a mut Alarm, Refusal> {
    let arn = call.params.needed("ResourceARN");
    let found = call.state.cloudwatch.alarms.values_mut().find(|alarm| alarm.arn == arn);
    found.ok_or_else(|| Refusal::new("ResourceNotFoundException", format!("Unknown: {arn}")).status(404))
}

/// API_TagResource.
fn tag_resource(call: &mut Call) -> Result<Value, Refusal> {
    let tags = call.params.items("Tags");
    let alarm = alarm(call)?;
    for tag in tags {
        alarm.tags.insert(tag.needed("Key"), tag.text("Value").unwrap_or_default());
    }
    if alarm.tags.len() > MOST {
        return Err(Refusal::value(format!("A resource can have at most {MOST} tags.")));
    }
    Ok(json!({}))
}

/// API_UntagResource.
fn untag_resource(call: &mut Call) -> Result<Value, Refusal> {
    let keys = call.params.texts("TagKeys");
    alarm(call)?.tags.retain(|key, _| !keys.contains(key));
    Ok(json!({}))
}

/// API_ListTagsForResource.
fn list_tags_for_resource(call: &mut Call) -> Result<Value, Refusal> {
    let tags = &alarm(call)?.tags;
    Ok(json!({
        "Tags": tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect::<Vec<_>>(),
    }))
}
