//! Whether instances are well, and what they print.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::super::api::{Call, Filters, Refusal, page};
use super::super::super::compute;
use super::super::super::log;
use super::super::super::state::Tags;
use super::{Instance, InstanceState, check_ids, find};

/// As much of the console's end is answered (API_GetConsoleOutput).
const CONSOLE: u64 = 64 << 10;

/// Of the instance and of what it runs on; the same for both but where it is impaired.
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

/// API_DescribeInstanceStatus: running instances, or with `IncludeAllInstances` all.
pub fn describe(call: &mut Call) -> Result<Value, Refusal> {
    let (state, params) = (&*call.state, call.params);
    let (filters, ids) = (Filters::of(params), params.texts("InstanceId"));
    check_ids(state, &ids)?;
    let all = params.flag("IncludeAllInstances")?.unwrap_or_default();
    let zone_id = |zone: &str| state.zones().into_iter().find(|(name, _)| name == zone).map(|(_, id)| id);
    let mut found = Vec::new();
    for instance in state.ec2.instances.values().filter(|one| ids.is_empty() || ids.contains(&one.id)) {
        let (system, own) = words(instance);
        // Tags are no filters of this call.
        let passes = filters.pass(&Tags::new(), |name| {
            Some(vec![match name {
                "availability-zone" => instance.zone.clone(),
                "instance-state-code" => instance.state.code().to_string(),
                "instance-state-name" => instance.state.name().to_owned(),
                "instance-status.status" => own.to_owned(),
                "system-status.status" => system.to_owned(),
                "instance-status.reachability" if own == "impaired" => "failed".to_owned(),
                "instance-status.reachability" | "system-status.reachability" => "passed".to_owned(),
                _ => return None,
            }])
        })?;
        if passes && (all || instance.state == InstanceState::Running) {
            found.push(json!({
                "instanceId": instance.id, "availabilityZone": instance.zone,
                "availabilityZoneId": zone_id(&instance.zone),
                "instanceState": { "code": instance.state.code(), "name": instance.state.name() },
                "systemStatus": summary(system), "instanceStatus": summary(own),
            }));
        }
    }
    let size = params.number("MaxResults")?.unwrap_or(usize::MAX);
    let page = page(found, params.text("NextToken"), size)?;
    Ok(json!({ "instanceStatusSet": page.items, "nextToken": page.next }))
}

/// API_GetConsoleOutput: what the instance printed, its last 64 KB, in base64.
pub fn console_output(call: &mut Call) -> Result<Value, Refusal> {
    let id = call.params.required("InstanceId")?;
    find(call.state, &id)?;
    let (output, at) = console(&compute::console(call.folder, &id), call.now);
    let output = (!output.is_empty()).then(|| STANDARD.encode(output));
    Ok(json!({ "instanceId": id, "timestamp": format!("{at:.3}"), "output": output }))
}

/// The end of the file and when it was written; nothing where it is not there.
fn console(path: &Path, now: Timestamp) -> (Vec<u8>, Timestamp) {
    let read = || -> std::io::Result<(Vec<u8>, Timestamp)> {
        let modified = std::fs::metadata(path)?.modified()?;
        Ok((log::tail(path, CONSOLE)?, Timestamp::try_from(modified).unwrap_or(now)))
    };
    // Nothing is there before the first boot.
    read().unwrap_or((Vec::new(), now))
}
