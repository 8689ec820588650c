//! The calls about targets.

use serde_json::{Value, json};

use super::super::api::{Actions, Call, Params, Refusal};
use super::super::ec2::InstanceState;
use super::TargetGroup;
use super::resource::Resource;
use super::targets::{self, Health};

/// The calls about targets, by name.
pub const ACTIONS: Actions =
    &[("RegisterTargets", register), ("DeregisterTargets", deregister), ("DescribeTargetHealth", describe)];

/// The targets of a call: ids and ports.
fn read(params: &Params) -> Vec<(String, Option<u16>)> {
    params.items("Targets").iter().map(|target| (target.needed("Id"), target.number("Port"))).collect()
}

/// API_RegisterTargets: instances must run.
fn register(call: &mut Call) -> Result<Value, Refusal> {
    let group = TargetGroup::arn(call.params)?;
    TargetGroup::find(call.state, &group)?;
    for (id, port) in read(call.params) {
        if call.state.ec2.instances.get(&id).is_some_and(|one| one.state == InstanceState::Pending) {
            return Err(Refusal::new(
                "InvalidTarget",
                format!("The following targets are not in a running state and cannot be registered: '{id}'"),
            ));
        }
        targets::register(call.state, &group, &id, port, call.now)?;
    }
    Ok(json!({}))
}

/// API_DeregisterTargets
fn deregister(call: &mut Call) -> Result<Value, Refusal> {
    let group = TargetGroup::arn(call.params)?;
    TargetGroup::find(call.state, &group)?;
    for (id, port) in read(call.params) {
        targets::deregister(call.state, &group, &id, port, call.now)?;
    }
    Ok(json!({}))
}

/// API_DescribeTargetHealth: all targets, or those that are asked for.
fn describe(call: &mut Call) -> Result<Value, Refusal> {
    let group = TargetGroup::named(call)?;
    let told = |id: &str, port: u16, health: Health| {
        let check =
            if group.check.port == "traffic-port" { port.to_string() } else { group.check.port.clone() };
        json!({
            "Target": { "Id": id, "Port": port },
            "HealthCheckPort": check,
            "TargetHealth": {
                "State": health.state, "Reason": health.reason, "Description": health.description,
            },
        })
    };
    let asked = read(call.params);
    let descriptions: Vec<Value> = if asked.is_empty() {
        let all = group.targets.iter();
        all.map(|one| told(&one.id, one.port, targets::of(call.state, group, one))).collect()
    } else {
        let one = |(id, port): &(String, Option<u16>)| {
            let port = port.unwrap_or(group.port);
            let there = group.targets.iter().find(|one| one.id == *id && one.port == port);
            let health = there.map_or_else(Health::not_registered, |one| targets::of(call.state, group, one));
            told(id, port, health)
        };
        asked.iter().map(one).collect()
    };
    Ok(json!({ "TargetHealthDescriptions": descriptions }))
}
