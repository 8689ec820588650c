//! The health of instances, and their output.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::super::api::{Call, Refusal};
use super::super::super::compute;
use super::super::super::log;
use super::super::list::{List, list};
use super::{Instance, InstanceState, check_ids, find};

/// As much of the console's end is answered (API_GetConsoleOutput).
const CONSOLE: u64 = 64 << 10;

/// The words of the instance status and the system status; they differ only if it is impaired.
fn words(instance: &Instance) -> (&'static str, &'static str) {
    match instance.state {
        InstanceState::Running if instance.impaired => ("ok", "impaired"),
        // The first check after a boot is not over.
        InstanceState::Running if instance.booted < instance.boots => ("initializing", "initializing"),
        InstanceState::Running => ("ok", "ok"),
        _ => ("not-applicable", "not-applicable"),
    }
}

fn summary(word: &str) -> Value {
    let reachability = match word {
        "ok" => "passed",
        "impaired" => "failed",
        "initializing" => "initializing",
        _ => return json!({ "status": word }),
    };
    json!({ "status": word, "details": [{ "name": "reachability", "status": reachability }] })
}

/// Tags are no filters of this call.
const STATUS: List = List {
    // An instance that does not run is no error.
    ids: ("", ""),
    answer: "instanceStatusSet",
    most: usize::MAX,
    filters: &[
        ("availability-zone", "availabilityZone"),
        ("instance-state-code", "instanceState.code"),
        ("instance-state-name", "instanceState.name"),
        ("instance-status.status", "instanceStatus.status"),
        ("instance-status.reachability", "instanceStatus.details.status"),
        ("system-status.status", "systemStatus.status"),
        ("system-status.reachability", "systemStatus.details.status"),
    ],
};

/// API_DescribeInstanceStatus: running instances, or with `IncludeAllInstances` all.
pub fn describe(call: &mut Call) -> Result<Value, Refusal> {
    let (state, params) = (&*call.state, call.params);
    let ids = params.texts("InstanceId");
    check_ids(state, &ids)?;
    let all = params.flag("IncludeAllInstances").unwrap_or_default();
    let zone_id = |zone: &str| state.zones().into_iter().find(|(name, _)| name == zone).map(|(_, id)| id);
    let shown = |instance: &Instance| {
        let (system, own) = words(instance);
        json!({
            "instanceId": instance.id, "availabilityZone": instance.zone,
            "availabilityZoneId": zone_id(&instance.zone),
            "instanceState": { "code": instance.state.code(), "name": instance.state },
            "systemStatus": summary(system), "instanceStatus": summary(own),
        })
    };
    let asked = state.ec2.instances.values().filter(|one| ids.is_empty() || ids.contains(&one.id));
    let runs = |one: &&Instance| all || one.state == InstanceState::Running;
    list(call, &STATUS, asked.filter(runs).map(shown).collect())
}

/// API_GetConsoleOutput: the last 64 KB of the instance's output, in base64.
pub fn console_output(call: &mut Call) -> Result<Value, Refusal> {
    let id = call.params.needed("InstanceId");
    find(call.state, &id)?;
    let (output, at) = console(&compute::console(call.folder, &id), call.now);
    let output = (!output.is_empty()).then(|| STANDARD.encode(output));
    Ok(json!({ "instanceId": id, "timestamp": format!("{at:.3}"), "output": output }))
}

/// The end of the file and the time it was written; empty if it does not exist.
fn console(path: &Path, now: Timestamp) -> (Vec<u8>, Timestamp) {
    let read = || -> std::io::Result<(Vec<u8>, Timestamp)> {
        let modified = std::fs::metadata(path)?.modified()?;
        Ok((log::tail(path, CONSOLE)?, Timestamp::try_from(modified).unwrap_or(now)))
    };
    // The file does not exist before the first boot.
    read().unwrap_or((Vec::new(), now))
}
