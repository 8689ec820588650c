//! One digest over all steps of a plan, and one over each of its rollouts. A plan comes in, a digest goes
//! out: two plans have the same digest if they do the same in the same order. Secrets are in it, so a file
//! holds it [`sealed`].

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use crate::plan::diff::AttributeChange;
use crate::plan::step::{Action, Plan, Step};
use crate::rollout;
use crate::value::Value;

/// SHA-256 over steps and outputs, in hex.
pub(super) fn fingerprint(plan: &Plan) -> String {
    let outputs = plan.outputs.iter();
    let said = json!({
        "destroys": plan.destroys,
        "steps": plan.steps.iter().map(step).collect::<Json>(),
        "outputs": outputs
            .map(|output| json!([output.name, bare(&output.before), bare(&output.after)]))
            .collect::<Json>(),
    });
    digest(said.to_string().as_bytes())
}

/// SHA-256 over each rollout, by deployment: its stages with weights, capacity, waits and ways back, its
/// gates and its proof. Notes are for people and left out.
pub(super) fn rollouts(plan: &rollout::Plan) -> BTreeMap<String, String> {
    let digests = plan.rollouts.documents().into_iter().map(|(name, mut document)| {
        if let Some(members) = document.as_object_mut() {
            members.remove("notes");
        }
        (name, digest(document.to_string().as_bytes()))
    });
    digests.collect()
}

pub(super) fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Number of repetitions of a digest, to make each guess at a secret costly.
const ROUNDS: usize = 20_000;

/// A salted fingerprint of a text with secrets: it can only be guessed at, not looked up in a table.
pub(super) fn sealed(salt: &str, text: &str) -> String {
    let first = Sha256::digest([salt.as_bytes(), b"\0", text.as_bytes()].concat());
    hex::encode((0..ROUNDS).fold(first, |last, _| Sha256::digest([salt.as_bytes(), &last].concat())))
}

pub(super) fn sealed_value(salt: &str, name: &str, value: &Value) -> String {
    sealed(salt, &format!("{name}\0{}", bare(value)))
}

fn step(step: &Step) -> Json {
    let action = match &step.action {
        Action::Create { generation, replaces } => json!(["create", generation, replaces]),
        Action::Update => json!(["update", step.record.as_ref().map(|record| &record.id)]),
        Action::Delete { id, deposed } => json!(["delete", id, deposed]),
        Action::Forget { id, deposed, .. } => json!(["forget", id, deposed]),
    };
    json!({
        "address": step.address,
        "action": action,
        "changes": step.changes.iter().map(change).collect::<Json>(),
        "inputs": bare(&Value::Object(step.inputs.clone())),
        "after": step.after,
        "weights": step.traffic.weights,
        "serves": step.traffic.serves,
    })
}

fn change(change: &AttributeChange) -> Json {
    json!([change.path, bare(&change.before), bare(&change.after), change.replaces])
}

fn bare(value: &Value) -> Json {
    value.without_marks().to_typed_json()
}
