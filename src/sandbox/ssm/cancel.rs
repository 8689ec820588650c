//! CancelCommand.

use serde_json::{Value, json};

use super::super::api::{Actions, Call, Refusal};
use super::command::Status;

/// Cancelling commands.
pub const ACTIONS: Actions = &[("CancelCommand", cancel)];

/// API_CancelCommand: invocations that have not begun do not begin, and running ones are ended. Ended ones
/// stay. `InvalidCommandId`, `InvalidInstanceId`.
fn cancel(call: &mut Call) -> Result<Value, Refusal> {
    let id = call.params.needed("CommandId");
    let only = call.params.texts("InstanceIds");
    let command = call.state.ssm.commands.get_mut(&id);
    let command =
        command.ok_or_else(|| Refusal::new("InvalidCommandId", "The specified command ID isn't valid."))?;
    if let Some(stranger) = only.iter().find(|id| !command.invocations.contains_key(*id)) {
        let message = format!("The command was not sent to the instance {stranger}.");
        return Err(Refusal::new("InvalidInstanceId", message));
    }
    for (instance, invocation) in &mut command.invocations {
        if !only.is_empty() && !only.contains(instance) {
            continue;
        }
        match invocation.status {
            Status::Pending => {
                invocation.status = Status::Cancelled;
                invocation.ended = Some(call.now);
            }
            Status::InProgress => {
                // The end is put right when its processes have ended.
                invocation.status = Status::Cancelling;
                invocation.ended = Some(call.now);
            }
            _ => {}
        }
    }
    Ok(json!({}))
}
