//! Instance profiles of instances. Any well-formed name of a profile exists in the sandbox.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::super::api::{Actions, Call, Refusal};
use super::super::state::{self, State};
use super::instances::{self, Instance};
use super::launch;
use super::list::{List, list};

/// The calls about instance profiles of instances, by name.
pub const ACTIONS: Actions = &[
    ("AssociateIamInstanceProfile", associate),
    ("DescribeIamInstanceProfileAssociations", describe),
    ("DisassociateIamInstanceProfile", disassociate),
    ("ReplaceIamInstanceProfileAssociation", replace),
];

/// The association of a profile with an instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Association {
    pub id: String,
    pub since: Timestamp,
}

/// The id of a new association.
pub fn new_id() -> String {
    state::new_id("iip-assoc")
}

/// A well-formed profile's name or ARN (API_CreateInstanceProfile). `InvalidParameterValue`.
pub fn check(profile: &str) -> Result<String, Refusal> {
    let name = match profile.strip_prefix("arn:aws:iam::") {
        Some(rest) => {
            rest.split_once(":instance-profile/").map(|(_, path)| path.rsplit('/').next().unwrap_or(path))
        }
        None => Some(profile),
    };
    let good = |name: &str| {
        (1..=128).contains(&name.len())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c))
    };
    match name.is_some_and(good) {
        true => Ok(profile.to_owned()),
        false => {
            let what = if profile.starts_with("arn:") { "arn" } else { "name" };
            Err(Refusal::value(format!(
                "Value ({profile}) for parameter iamInstanceProfile.{what} is invalid. Invalid IAM Instance \
                 Profile {what}"
            )))
        }
    }
}

/// The ARN of a profile by its name or ARN.
pub fn arn(state: &State, profile: &str) -> String {
    match profile.starts_with("arn:") {
        true => profile.to_owned(),
        false => format!("arn:aws:iam::{}:instance-profile/{profile}", state.account),
    }
}

/// `iamInstanceProfile` of answers: the ARN, and an id that is always the same for it.
pub fn shown(state: &State, profile: &str) -> Value {
    let arn = arn(state, profile);
    let hash: String =
        Sha256::digest(arn.as_bytes()).iter().take(9).map(|byte| format!("{byte:02X}")).collect();
    json!({ "arn": arn, "id": format!("AIPA{}", hash.get(..17).unwrap_or(&hash)) })
}

fn association(state: &State, instance: &Instance, word: &str) -> Value {
    let held = instance.association.as_ref();
    json!({
        "associationId": held.map(|held| &held.id),
        "instanceId": instance.id,
        "iamInstanceProfile": instance.profile.as_ref().map(|profile| shown(state, profile)),
        "state": word,
        "timestamp": held.map(|held| format!("{:.3}", held.since)),
    })
}

fn given(call: &Call) -> Result<String, Refusal> {
    check(&launch::profile(call.params).unwrap_or_default())
}

/// API_AssociateIamInstanceProfile: an instance has at most one (`IncorrectState`).
fn associate(call: &mut Call) -> Result<Value, Refusal> {
    let id = call.params.needed("InstanceId");
    let profile = given(call)?;
    let instance = instances::find(call.state, &id)?;
    if instance.is_gone() {
        return Err(not_in_a_state(&id));
    }
    if let Some(held) = &instance.association {
        let message = format!(
            "There is an existing association {} for instance {id}. Disassociate or replace it.",
            held.id
        );
        return Err(Refusal::new("IncorrectState", message));
    }
    instance.profile = Some(profile);
    instance.association = Some(Association { id: new_id(), since: call.now });
    answer(call.state, &id, "associating")
}

fn not_in_a_state(id: &str) -> Refusal {
    Refusal::new(
        "IncorrectInstanceState",
        format!("The instance '{id}' is not in the 'running' or 'stopped' state."),
    )
}

fn answer(state: &State, instance: &str, word: &str) -> Result<Value, Refusal> {
    let shown = state.ec2.instances.get(instance).map(|instance| association(state, instance, word));
    Ok(json!({ "iamInstanceProfileAssociation": shown }))
}

/// The instance that an association belongs to.
fn holder(call: &Call) -> Result<String, Refusal> {
    let id = call.params.needed("AssociationId");
    let holds = |one: &&Instance| one.association.as_ref().is_some_and(|held| held.id == id);
    let found = call.state.ec2.instances.values().filter(|one| !one.is_gone()).find(holds);
    found.map(|one| one.id.clone()).ok_or_else(|| {
        Refusal::new("InvalidAssociationID.NotFound", format!("The association ID '{id}' does not exist"))
    })
}

/// API_ReplaceIamInstanceProfileAssociation: the new association has an id of its own.
fn replace(call: &mut Call) -> Result<Value, Refusal> {
    let profile = given(call)?;
    let id = holder(call)?;
    let instance = instances::find(call.state, &id)?;
    instance.profile = Some(profile);
    instance.association = Some(Association { id: new_id(), since: call.now });
    answer(call.state, &id, "associating")
}

fn disassociate(call: &mut Call) -> Result<Value, Refusal> {
    let id = holder(call)?;
    let shown = answer(call.state, &id, "disassociating")?;
    let instance = instances::find(call.state, &id)?;
    instance.profile = None;
    instance.association = None;
    Ok(shown)
}

const ASSOCIATIONS: List = List {
    ids: ("", ""),
    answer: "iamInstanceProfileAssociationSet",
    most: 1000,
    filters: &[("instance-id", "instanceId"), ("state", "state")],
};

/// API_DescribeIamInstanceProfileAssociations.
fn describe(call: &mut Call) -> Result<Value, Refusal> {
    let ids = call.params.texts("AssociationId");
    let asked = |instance: &&Instance| {
        let held = instance.association.as_ref();
        !instance.is_gone() && held.is_some_and(|held| ids.is_empty() || ids.contains(&held.id))
    };
    let held = call.state.ec2.instances.values().filter(asked);
    list(call, &ASSOCIATIONS, held.map(|one| association(call.state, one, "associated")).collect())
}
