//! Starting, stopping, rebooting and terminating (EC2 user guide, ec2-instance-lifecycle).

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::super::api::{Call, Refusal};
use super::super::launch;
use super::{Instance, InstanceState, check_ids};

/// The reason for instances that a user's call ends or stops.
pub const BY_USER: (&str, &str) =
    ("Client.UserInitiatedShutdown", "Client.UserInitiatedShutdown: User initiated shutdown");

fn asked(call: &Call) -> Result<Vec<String>, Refusal> {
    let mut ids = call.params.texts("InstanceId");
    if ids.is_empty() {
        return Err(Refusal::missing("InstanceId"));
    }
    check_ids(call.state, &ids)?;
    let mut seen = std::collections::BTreeSet::new();
    ids.retain(|id| seen.insert(id.clone()));
    Ok(ids)
}

fn word(state: InstanceState) -> Value {
    json!({ "code": state.code(), "name": state })
}

/// Changes all instances, and answers the earlier and current state of each.
fn each(
    call: &mut Call,
    mut act: impl FnMut(&mut Instance, Timestamp) -> Result<(), Refusal>,
) -> Result<Value, Refusal> {
    let (ids, now) = (asked(call)?, call.now);
    let mut changes = Vec::new();
    for id in ids {
        let Some(instance) = call.state.ec2.instances.get_mut(&id) else { continue };
        let before = instance.state;
        act(instance, now)?;
        changes.push(json!({
            "instanceId": id, "currentState": word(instance.state), "previousState": word(before),
        }));
    }
    Ok(json!({ "instancesSet": changes }))
}

fn incorrect(instance: &Instance, what: &str) -> Refusal {
    let message = format!("The instance '{}' is not in a state from which it can be {what}.", instance.id);
    Refusal::new("IncorrectInstanceState", message)
}

/// API_StartInstances. Running or starting instances stay as they are.
pub fn start(call: &mut Call) -> Result<Value, Refusal> {
    each(call, |instance, now| match instance.state {
        InstanceState::Pending | InstanceState::Running => Ok(()),
        InstanceState::Stopped => {
            instance.enter(InstanceState::Pending, now);
            instance.launched_at = now;
            instance.boots += 1;
            instance.impaired = false;
            instance.state_reason = None;
            instance.transition_reason = String::new();
            Ok(())
        }
        InstanceState::Stopping | InstanceState::ShuttingDown | InstanceState::Terminated => {
            Err(incorrect(instance, "started"))
        }
    })
}

/// API_StopInstances. `OperationNotPermitted` where stopping is disabled.
pub fn stop(call: &mut Call) -> Result<Value, Refusal> {
    for flag in ["Force", "Hibernate"] {
        if call.params.flag(flag).unwrap_or_default() && flag == "Hibernate" {
            let message = "The instance is not configured for hibernation.";
            return Err(Refusal::new("UnsupportedHibernationConfiguration", message));
        }
    }
    each(call, |instance, now| match instance.state {
        InstanceState::Stopping | InstanceState::Stopped => Ok(()),
        InstanceState::Running if instance.attributes.disable_api_stop => Err(Refusal::new(
            "OperationNotPermitted",
            format!(
                "The instance '{}' may not be stopped. Modify its 'disableApiStop' instance attribute and try again.",
                instance.id
            ),
        )),
        InstanceState::Running => {
            instance.enter(InstanceState::Stopping, now);
            instance.state_reason = Some((BY_USER.0.to_owned(), BY_USER.1.to_owned()));
            instance.transition_reason = super::transition_reason(BY_USER.0, now);
            Ok(())
        }
        InstanceState::Pending | InstanceState::ShuttingDown | InstanceState::Terminated => {
            Err(incorrect(instance, "stopped"))
        }
    })
}

/// API_RebootInstances: the state stays, the processes are new.
pub fn reboot(call: &mut Call) -> Result<Value, Refusal> {
    each(call, |instance, _| match instance.state {
        InstanceState::Running => {
            instance.boots += 1;
            Ok(())
        }
        _ => Err(incorrect(instance, "rebooted")),
    })?;
    Ok(json!({ "return": true }))
}

/// API_TerminateInstances. A protected instance (`OperationNotPermitted`) refuses the whole call; terminated
/// ones are answered unchanged.
pub fn terminate(call: &mut Call) -> Result<Value, Refusal> {
    let (ids, now) = (asked(call)?, call.now);
    let mut changes = Vec::new();
    for id in ids {
        let Some(instance) = call.state.ec2.instances.get(&id) else { continue };
        if instance.attributes.disable_api_termination && !instance.is_gone() {
            return Err(Refusal::new(
                "OperationNotPermitted",
                format!(
                    "The instance '{id}' may not be terminated. Modify its 'disableApiTermination' instance \
                     attribute and try again."
                ),
            ));
        }
        let before = instance.state;
        launch::terminate(call.state, &id, BY_USER, now);
        let after = call.state.ec2.instances.get(&id).map_or(before, |instance| instance.state);
        changes.push(json!({
            "instanceId": id, "currentState": word(after), "previousState": word(before),
        }));
    }
    Ok(json!({ "instancesSet": changes }))
}
