//! A plan as JSON, for programs: what `plan --json` and `show FILE --json` print. A plan, the snapshot that
//! it was made from and its rollouts come in; one document goes out. No part of a sensitive value is ever in
//! it.
//!
//! A reader should refuse a `format` or `version` that it does not know. Within a version, fields are added
//! and never change their meaning. In values, durations are seconds, percents are numbers, and what is
//! sensitive, or known only after apply, is null, also within lists and objects. Every field is there in
//! every document; what does not apply is null or empty.
//!
//! - `format`: always `bgform.plan`
//! - `version`: of this format, 2
//! - `bgform`: the version that made the plan
//! - `stack`: its name
//! - `account`: the AWS account
//! - `region`: the AWS region
//! - `endpoint`: the endpoint used instead of AWS, or null
//! - `destroys`: whether the plan deletes everything
//! - `resources`: number of resources that were compared
//! - `summary`: numbers of each sort
//! - `summary.create`: resources that are created
//! - `summary.update`: resources that are changed in place
//! - `summary.replace`: resources that are replaced; their deletes are not counted
//! - `summary.delete`: resources that are deleted
//! - `summary.forget`: records that are removed from the state only
//! - `summary.drift`: resources that were changed outside bgform
//! - `summary.kept`: replaced resources that are still in use
//! - `summary.outputs`: outputs that change
//! - `drift`: changes made outside bgform since the last apply
//! - `drift[].address`: of the resource
//! - `drift[].kind`: its kind
//! - `drift[].what`: `changed` or `gone`
//! - `drift[].id`: the cloud's id or ARN, null where the state no longer has it
//! - `drift[].traffic_moved`: whether somebody has moved a weight
//! - `drift[].changes`: differences from the last apply, fields as in `steps[].changes`
//! - `steps`: the steps of apply, each after those it waits for
//! - `steps[].index`: its place
//! - `steps[].address`: of the resource
//! - `steps[].kind`: its kind
//! - `steps[].action`: `create`, `update`, `delete` or `forget`
//! - `steps[].id`: the cloud's id or ARN of the changed or deleted resource; null for a create
//! - `steps[].replaces`: of a create, the id or ARN of the resource that it replaces
//! - `steps[].replaced_by`: of a delete or forget, the index of the create that replaces it
//! - `steps[].deposed`: whether it deletes a replaced resource, not the current one at the address
//! - `steps[].forced_by`: the attributes that make an update impossible; empty for a requested replacement
//! - `steps[].finishes`: whether it ends an operation that was cut short
//! - `steps[].why`: of a forget, its reason
//! - `steps[].changes`: of a create, every attribute that is set, otherwise the differences
//! - `steps[].changes[].path`: such as `health_check.interval`
//! - `steps[].changes[].before`: null if there was nothing
//! - `steps[].changes[].after`: null if there will be nothing
//! - `steps[].changes[].unknown`: whether a part of `after` is known only after apply
//! - `steps[].changes[].sensitive`: whether a part of either is hidden
//! - `steps[].changes[].replaces`: whether it replaces the resource
//! - `steps[].beside`: differences from the live release, if the resource was last at another one, such as
//!   one that was taken back; null otherwise
//! - `steps[].beside.release`: the label of the live release
//! - `steps[].beside.changes`: fields as in `steps[].changes`
//! - `steps[].after`: indexes of the steps that it waits for
//! - `steps[].traffic`: its effect on traffic
//! - `steps[].traffic.weights`: of each target group that it forwards to
//! - `steps[].traffic.weights[].group`: the group's address, or its ARN if the stack does not have it
//! - `steps[].traffic.weights[].before`: the weight now
//! - `steps[].traffic.weights[].after`: the weight afterwards
//! - `steps[].traffic.serves`: target groups whose targets it provides
//! - `rollouts`: the rollouts of deployments, beside and after the steps; fields in `src/rollout/document.rs`
//! - `kept`: replaced resources that are not deleted yet
//! - `kept[].address`: its earlier address
//! - `kept[].id`: the cloud's id or ARN
//! - `kept[].by`: the address of the resource that uses it
//! - `outputs`: the stack's outputs that change
//! - `outputs[].name`: of the output
//! - `outputs[].before`: null if there was none
//! - `outputs[].after`: null if there will be none
//! - `outputs[].unknown`: whether a part of `after` is known only after apply
//! - `outputs[].sensitive`: whether a part of either is hidden

use serde_json::{Value as Json, json};

use super::cover::{covered, pair};
use super::diff::AttributeChange;
use super::step::{Action, Drift, DriftKind, Plan, Step};
use super::summary::{Role, Summary, roles};
use crate::state::{Record, Snapshot};
use crate::value::Value;

/// The plan as a document of format `bgform.plan`, version 2, with these rollouts.
pub fn document(plan: &Plan, snapshot: &Snapshot, rollouts: Json) -> Json {
    let roles = roles(plan);
    let summary = Summary::of(&roles);
    let steps = plan.steps.iter().zip(&roles).enumerate();
    json!({
        "format": "bgform.plan",
        "version": 2,
        "bgform": env!("CARGO_PKG_VERSION"),
        "stack": snapshot.stack,
        "account": snapshot.account,
        "region": snapshot.region,
        "endpoint": snapshot.endpoint,
        "destroys": plan.destroys,
        "resources": plan.resources,
        "summary": {
            "create": summary.create,
            "update": summary.update,
            "replace": summary.replace,
            "delete": summary.delete,
            "forget": summary.forget,
            "drift": plan.drift.len(),
            "kept": plan.kept.len(),
            "outputs": plan.outputs.len(),
        },
        "drift": plan.drift.iter().map(|drift| drifted(drift, snapshot)).collect::<Json>(),
        "steps": steps.map(|(index, (one, role))| step(plan, snapshot, index, one, *role)).collect::<Json>(),
        "rollouts": rollouts,
        "kept": plan
            .kept
            .iter()
            .map(|kept| json!({ "address": kept.address, "id": kept.id, "by": kept.by }))
            .collect::<Json>(),
        "outputs": plan
            .outputs
            .iter()
            .map(|output| {
                let (before, after) = pair(&output.before, &output.after);
                json!({
                    "name": output.name,
                    "before": open(&before),
                    "after": open(&after),
                    "unknown": after.find_unknown().is_some(),
                    "sensitive": before.has_sensitive() || after.has_sensitive(),
                })
            })
            .collect::<Json>(),
    })
}

fn drifted(drift: &Drift, snapshot: &Snapshot) -> Json {
    let record = snapshot.resources.get(&drift.address);
    let (what, id, moved, differs) = match &drift.kind {
        DriftKind::Changed { changes: differs, weights } => {
            ("changed", record.map(|record| record.id.as_str()), *weights, changes(differs, record))
        }
        DriftKind::Gone { id } => ("gone", Some(id.as_str()), false, json!([])),
    };
    json!({
        "address": drift.address,
        "kind": drift.address.kind,
        "what": what,
        "id": id,
        "traffic_moved": moved,
        "changes": differs,
    })
}

fn step(plan: &Plan, snapshot: &Snapshot, index: usize, step: &Step, role: Role) -> Json {
    let (mut id, mut replaces, mut gone, mut reason) = (None, None, false, None);
    match &step.action {
        Action::Create { replaces: old, .. } => replaces = old.as_deref(),
        Action::Update => id = step.record.as_ref().map(|record| record.id.as_str()),
        Action::Delete { id: old, deposed } => (id, gone) = (Some(old.as_str()), *deposed),
        Action::Forget { id: old, deposed, why } => {
            (id, gone, reason) = (Some(old.as_str()), *deposed, Some(why.as_str()));
        }
    }
    let mut replaced_by = None;
    match role {
        Role::Replace { old: Some(old) } => {
            let old = plan.steps.get(old).map(|old| &old.action);
            if let Some(Action::Delete { id, .. } | Action::Forget { id, .. }) = old {
                replaces = Some(id);
            }
        }
        Role::Replaced { new } => replaced_by = Some(new),
        Role::Replace { old: None } | Role::Create | Role::Update | Role::Delete | Role::Forget => {}
    }
    let record = step.record.as_ref().or_else(|| snapshot.resources.get(&step.address));
    let mut forced: Vec<&str> = Vec::new();
    for change in step.changes.iter().filter(|change| change.replaces && replaces.is_some()) {
        if !forced.contains(&change.attribute()) {
            forced.push(change.attribute());
        }
    }
    let weights = step.traffic.weights.iter();
    let beside = plan.beside.get(&step.address);
    json!({
        "index": index,
        "address": step.address,
        "kind": step.address.kind,
        "action": step.action.verb(),
        "id": id,
        "replaces": replaces,
        "replaced_by": replaced_by,
        "deposed": gone,
        "forced_by": forced,
        "finishes": matches!(step.action, Action::Update)
            && step.record.as_ref().is_some_and(|record| record.unfinished),
        "why": reason,
        "changes": match role {
            Role::Create => changes(&step.sets(), record),
            _ => changes(&step.changes, record),
        },
        "beside": beside.map(|one| json!({ "release": one.release, "changes": changes(&one.changes, record) })),
        "after": step.after,
        "traffic": {
            "weights": weights
                .map(|(group, (before, after))| json!({ "group": group, "before": before, "after": after }))
                .collect::<Json>(),
            "serves": step.traffic.serves,
        },
    })
}

fn changes(changes: &[AttributeChange], last: Option<&Record>) -> Json {
    changes
        .iter()
        .map(|change| {
            let (before, after) = covered(change, last.map(|record| &record.inputs));
            json!({
                "path": change.path,
                "before": open(&before),
                "after": open(&after),
                "unknown": after.find_unknown().is_some(),
                "sensitive": before.has_sensitive() || after.has_sensitive(),
                "replaces": change.replaces,
            })
        })
        .collect()
}

/// Plain JSON with null for every sensitive value.
pub fn open(value: &Value) -> Json {
    match value {
        Value::Sensitive(_) => Json::Null,
        Value::List(items) => items.iter().map(open).collect(),
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), open(value))).collect(),
        other => other.to_plain_json(),
    }
}

#[cfg(test)]
mod tests;
