//! The status of commands: as a whole, and on each instance.

use serde_json::{Value, json};

use super::super::api::{Actions, Call, Params, Refusal};
use super::command::{Command, DOCUMENT, Invocation, PLUGIN, Status, notifications, output};
use super::input::{pages, seconds};
use super::tick::elapsed;

/// The actions about commands.
pub const ACTIONS: Actions =
    &[("GetCommandInvocation", get), ("ListCommandInvocations", invocations), ("ListCommands", commands)];

/// Output that a plugin of ListCommandInvocations tells, in characters (API_CommandPlugin).
const OUTPUT: usize = 2500;

/// API_GetCommandInvocation: `InvocationDoesNotExist`, `InvalidPluginName`.
fn get(call: &mut Call) -> Result<Value, Refusal> {
    let (id, instance) = (call.params.needed("CommandId"), call.params.needed("InstanceId"));
    if call.params.text("PluginName").is_some_and(|name| name != PLUGIN) {
        return Err(Refusal::new("InvalidPluginName", "The plugin name isn't valid."));
    }
    let command = call.state.ssm.commands.get(&id);
    let found = command.and_then(|command| Some((command, command.invocations.get(&instance)?)));
    let (command, invocation) = found.ok_or_else(|| {
        let message = "The command ID and managed node ID you specified didn't match any invocations. Verify the \
                       command ID and the managed node ID and try again.";
        Refusal::new("InvocationDoesNotExist", message)
    })?;
    let at = |time: Option<jiff::Timestamp>| time.map(|time| format!("{time:.3}")).unwrap_or_default();
    Ok(json!({
        "CommandId": command.id,
        "InstanceId": instance,
        "Comment": command.comment,
        "DocumentName": DOCUMENT,
        "DocumentVersion": "$DEFAULT",
        "PluginName": PLUGIN,
        "ResponseCode": invocation.code,
        "ExecutionStartDateTime": at(invocation.began),
        "ExecutionElapsedTime": elapsed(invocation.began, invocation.ended),
        "ExecutionEndDateTime": at(invocation.began.and(invocation.ended)),
        "Status": invocation.status.name(),
        "StatusDetails": invocation.status.details(),
        "StandardOutputContent": invocation.stdout,
        "StandardOutputUrl": "",
        "StandardErrorContent": invocation.stderr,
        "StandardErrorUrl": "",
        "CloudWatchOutputConfig": output(),
    }))
}

/// API_ListCommands: newest first. `InvalidCommandId`, `InvalidFilterKey`.
fn commands(call: &mut Call) -> Result<Value, Refusal> {
    let mut listed = Vec::new();
    for command in selected(call)? {
        if passes(call.params, command, command.status())? {
            listed.push(command.shown());
        }
    }
    pages(50).answer(call.params, "Commands", listed)
}

/// API_ListCommandInvocations: newest first; `Details` adds plugins with their output.
fn invocations(call: &mut Call) -> Result<Value, Refusal> {
    let details = call.params.flag("Details").unwrap_or(false);
    let only = call.params.text("InstanceId");
    let mut listed = Vec::new();
    for command in selected(call)? {
        for (instance, invocation) in &command.invocations {
            if only.as_ref().is_none_or(|only| only == instance)
                && passes(call.params, command, invocation.status)?
            {
                listed.push(shown(command, instance, invocation, details));
            }
        }
    }
    pages(50).answer(call.params, "CommandInvocations", listed)
}

/// The commands that `CommandId` and `InstanceId` select.
fn selected<'a>(call: &'a Call) -> Result<Vec<&'a Command>, Refusal> {
    let (id, instance) = (call.params.text("CommandId"), call.params.text("InstanceId"));
    let all = &call.state.ssm.commands;
    if id.as_ref().is_some_and(|id| !all.contains_key(id)) {
        return Err(Refusal::new("InvalidCommandId", "The specified command ID isn't valid."));
    }
    let found = all.values().rev().filter(|command| {
        id.as_ref().is_none_or(|id| *id == command.id)
            && instance.as_ref().is_none_or(|instance| command.invocations.contains_key(instance))
    });
    Ok(found.collect())
}

/// API_CommandFilter.
fn passes(params: &Params, command: &Command, status: Status) -> Result<bool, Refusal> {
    for filter in params.items("Filters") {
        let (key, value) = (filter.needed("key"), filter.needed("value"));
        let time = || {
            value
                .parse::<jiff::Timestamp>()
                .map_err(|_| super::input::invalid(format!("{value} is no ISO 8601 time")))
        };
        let passes = match key.as_str() {
            "InvokedAfter" => command.sent > time()?,
            "InvokedBefore" => command.sent < time()?,
            "Status" => [status.name(), status.details()].contains(&value.as_str()),
            "DocumentName" => value == DOCUMENT,
            _ => value == if status.ended() { "Complete" } else { "Executing" },
        };
        if !passes {
            return Ok(false);
        }
    }
    Ok(true)
}

fn shown(command: &Command, instance: &str, invocation: &Invocation, details: bool) -> Value {
    let mut text = invocation.stdout.clone();
    if !invocation.stderr.is_empty() {
        text = format!("{text}\n----------ERROR-------\n{}", invocation.stderr);
    }
    let plugin = json!({
        "Name": PLUGIN,
        "Status": invocation.status.name(),
        "StatusDetails": invocation.status.details(),
        "ResponseCode": invocation.code,
        "ResponseStartDateTime": invocation.began.map(seconds),
        "ResponseFinishDateTime": invocation.began.and(invocation.ended).map(seconds),
        "Output": text.chars().take(OUTPUT).collect::<String>(),
        "StandardOutputUrl": "",
        "StandardErrorUrl": "",
    });
    json!({
        "CommandId": command.id,
        "InstanceId": instance,
        "InstanceName": "",
        "Comment": command.comment,
        "DocumentName": DOCUMENT,
        "DocumentVersion": "$DEFAULT",
        "RequestedDateTime": seconds(command.sent),
        "Status": invocation.status.name(),
        "StatusDetails": invocation.status.details(),
        "StandardOutputUrl": "",
        "StandardErrorUrl": "",
        "CommandPlugins": if details { vec![plugin] } else { Vec::new() },
        "ServiceRole": "",
        "NotificationConfig": notifications(),
        "CloudWatchOutputConfig": output(),
    })
}
