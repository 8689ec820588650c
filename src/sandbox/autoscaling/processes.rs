//! Processes of a group, and their suspension (API_ScalingProcessQuery).

use serde_json::{Value, json};

use super::changed_group;
use crate::api::{Actions, Call, Params, Refusal};

/// The calls about processes, by name.
pub const ACTIONS: Actions =
    &[("DescribeScalingProcessTypes", types), ("ResumeProcesses", resume), ("SuspendProcesses", suspend)];

/// All that there are (user guide, as-suspend-resume-processes).
pub const PROCESSES: &[&str] = &[
    "AZRebalance",
    "AddToLoadBalancer",
    "AlarmNotification",
    "HealthCheck",
    "InstanceRefresh",
    "Launch",
    "ReplaceUnhealthy",
    "ScheduledActions",
    "Terminate",
];

/// The named processes, or all if none is named.
fn asked(params: &Params) -> Result<Vec<String>, Refusal> {
    let named = params.texts("ScalingProcesses");
    if let Some(unknown) = named.iter().find(|name| !PROCESSES.contains(&name.as_str())) {
        return Err(Refusal::validation(format!("Invalid scaling process type: {unknown}")));
    }
    Ok(if named.is_empty() { PROCESSES.iter().map(|name| (*name).to_owned()).collect() } else { named })
}

fn suspend(call: &mut Call) -> Result<Value, Refusal> {
    let names = asked(call.params)?;
    let reason = format!("User suspended at {:.0}", call.now);
    let group = changed_group(call.state, call.params)?;
    for name in names {
        group.suspended.entry(name).or_insert_with(|| reason.clone());
    }
    Ok(json!({}))
}

fn resume(call: &mut Call) -> Result<Value, Refusal> {
    let names = asked(call.params)?;
    let group = changed_group(call.state, call.params)?;
    group.suspended.retain(|name, _| !names.contains(name));
    Ok(json!({}))
}

fn types(_call: &mut Call) -> Result<Value, Refusal> {
    let names: Vec<Value> = PROCESSES.iter().map(|name| json!({ "ProcessName": name })).collect();
    Ok(json!({ "Processes": names }))
}
