//! The calls about task definitions.

use serde_json::{Value, json};

use super::definition::{self, Status, TaskDefinition};
use super::{client, last, paged, tags};
use crate::api::{Actions, Call, Params, Refusal};
use crate::state::State;

/// The calls about task definitions, by name.
pub const ACTIONS: Actions = &[
    ("DeleteTaskDefinitions", delete),
    ("DeregisterTaskDefinition", deregister),
    ("DescribeTaskDefinition", describe),
    ("ListTaskDefinitionFamilies", families),
    ("ListTaskDefinitions", list),
    ("RegisterTaskDefinition", register),
];

fn not_found() -> Refusal {
    client("Unable to describe task definition.")
}

fn register(call: &mut Call) -> Result<Value, Refusal> {
    let body = definition::read(call.params)?;
    let family = call.params.needed("family");
    let ecs = &mut call.state.ecs;
    let last = ecs.revisions.entry(family.clone()).or_default();
    *last += 1;
    let revision = *last;
    let definition = TaskDefinition {
        arn: call.state.arn("ecs", &format!("task-definition/{family}:{revision}")),
        family,
        revision,
        status: Status::Active,
        registered: call.now,
        deregistered: None,
        delete_requested: None,
        body,
    };
    tags::set(call.state, &definition.arn, tags::read(call.params)?);
    call.state.ecs.definitions.insert(definition.key(), definition.clone());
    Ok(json!({ "taskDefinition": definition.shown(), "tags": tags::of(call.state, &definition.arn) }))
}

fn describe(call: &mut Call) -> Result<Value, Refusal> {
    let found = definition::find(call.state, &call.params.needed("taskDefinition")).ok_or_else(not_found)?;
    let tagged = call.params.texts("include").iter().any(|one| one == "TAGS");
    let tags = tagged.then(|| tags::of(call.state, &found.arn));
    Ok(json!({ "taskDefinition": found.shown(), "tags": tags.unwrap_or(json!([])) }))
}

fn status(params: &Params) -> Option<Status> {
    match params.given("status").as_deref() {
        None | Some("ACTIVE") => Some(Status::Active),
        Some("INACTIVE") => Some(Status::Inactive),
        Some("DELETE_IN_PROGRESS") => Some(Status::DeleteInProgress),
        Some(_) => None,
    }
}

fn list(call: &mut Call) -> Result<Value, Refusal> {
    let (family, status) = (call.params.given("familyPrefix"), status(call.params));
    let all = call.state.ecs.definitions.values();
    let mut found: Vec<_> = all
        .filter(|one| {
            family.as_ref().is_none_or(|family| one.family == *family) && Some(one.status) == status
        })
        .collect();
    found.sort_by(|one, other| (&one.family, one.revision).cmp(&(&other.family, other.revision)));
    if call.params.given("sort").as_deref() == Some("DESC") {
        found.reverse();
    }
    paged(call.params, "taskDefinitionArns", found.iter().map(|one| json!(one.arn)).collect())
}

/// A family is active while one of its revisions is.
fn families(call: &mut Call) -> Result<Value, Refusal> {
    let prefix = call.params.given("familyPrefix").unwrap_or_default();
    let wanted = call.params.given("status").unwrap_or_else(|| "ALL".to_owned());
    let all = &call.state.ecs.definitions;
    let mut names: Vec<&str> = all.values().map(|one| one.family.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let fits = |name: &&str| {
        let active = all.values().any(|one| one.family == **name && one.status == Status::Active);
        name.starts_with(&prefix)
            && match wanted.as_str() {
                "ACTIVE" => active,
                "INACTIVE" => !active,
                _ => true,
            }
    };
    paged(call.params, "families", names.into_iter().filter(fits).map(|name| json!(name)).collect())
}

fn deregister(call: &mut Call) -> Result<Value, Refusal> {
    let named = call.params.needed("taskDefinition");
    if !last(&named).contains(':') {
        return Err(client("Revision is missing."));
    }
    let key = definition::find(call.state, &named).ok_or_else(not_found)?.key();
    let found = call.state.ecs.definitions.get_mut(&key).ok_or_else(not_found)?;
    if found.status == Status::Active {
        (found.status, found.deregistered) = (Status::Inactive, Some(call.now));
    }
    Ok(json!({ "taskDefinition": found.shown() }))
}

/// Deletes deregistered revisions only; a revision stays until no task or deployment uses it.
fn delete(call: &mut Call) -> Result<Value, Refusal> {
    let (mut gone, mut failures) = (Vec::new(), Vec::new());
    for named in call.params.texts("taskDefinitions") {
        let key = definition::find(call.state, &named).map(TaskDefinition::key);
        let found = key.and_then(|key| call.state.ecs.definitions.get_mut(&key));
        match found {
            None => failures.push(json!({ "arn": named, "reason":
                "The specified task definition identifier is invalid. Specify a valid name or ARN and try again." })),
            Some(one) if one.status == Status::Active => failures.push(json!({ "arn": one.arn, "reason":
                "The specified task definition is still in ACTIVE status. Please deregister the target and try again." })),
            Some(one) => {
                one.status = Status::DeleteInProgress;
                one.delete_requested.get_or_insert(call.now);
                gone.push(one.shown());
            }
        }
    }
    Ok(json!({ "taskDefinitions": gone, "failures": failures }))
}

/// Removes deleted definitions that nothing uses any more.
pub fn forget(state: &mut State) {
    let ecs = &mut state.ecs;
    let doomed = ecs.definitions.values().filter(|one| one.status == Status::DeleteInProgress);
    let used = |key: &String| {
        ecs.tasks.values().any(|task| task.definition == *key && task.status != super::task::Status::Stopped)
            || ecs.services.values().any(|service| service.uses(key))
    };
    let gone: Vec<String> = doomed.map(TaskDefinition::key).filter(|key| !used(key)).collect();
    for key in gone {
        if let Some(one) = ecs.definitions.shift_remove(&key) {
            ecs.tags.remove(&one.arn);
        }
    }
}
