//! The instances that Systems Manager knows.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::api::{Actions, Call, Params, Refusal, tag_values};
use super::super::ec2::{Instance, InstanceState, tags};
use super::super::state::State;
use super::input::{invalid, pages, seconds};

/// The actions about managed instances.
pub const ACTIONS: Actions = &[("DescribeInstanceInformation", describe)];

const AGENT: &str = "3.3.1345.0";

/// The time from which the agent of a running instance answers; `None` if the instance does not run.
pub fn online_from(state: &State, id: &str) -> Option<Timestamp> {
    let instance = state.ec2.instances.get(id).filter(|one| one.state == InstanceState::Running)?;
    let agent = SignedDuration::try_from(state.pace.agent).unwrap_or_default();
    instance.since.checked_add(agent).ok()
}

/// Tells whether commands reach an instance.
pub fn online(state: &State, id: &str, now: Timestamp) -> bool {
    online_from(state, id).is_some_and(|ready| ready <= now)
}

/// API_DescribeInstanceInformation: `InvalidFilterKey`, `InvalidInstanceInformationFilterValue`.
fn describe(call: &mut Call) -> Result<Value, Refusal> {
    let state = &*call.state;
    let pairs = |name: &str, key: &str, values: &str| -> Vec<(String, Vec<String>)> {
        let filters: Vec<Params> = call.params.items(name);
        filters.iter().map(|filter| (filter.text(key).unwrap_or_default(), filter.texts(values))).collect()
    };
    let (old, new) =
        (pairs("InstanceInformationFilterList", "key", "valueSet"), pairs("Filters", "Key", "Values"));
    if !old.is_empty() && !new.is_empty() {
        return Err(invalid("Filters and InstanceInformationFilterList cannot be used together."));
    }
    let filters = if old.is_empty() { new } else { old };
    if filters.iter().any(|(_, values)| values.is_empty()) {
        let message = "The specified filter value isn't valid.";
        return Err(Refusal::new("InvalidInstanceInformationFilterValue", message));
    }
    let mut known = Vec::new();
    for instance in state.ec2.instances.values() {
        let ping = match instance.state {
            InstanceState::Running if online(state, &instance.id, call.now) => "Online",
            InstanceState::Stopping | InstanceState::Stopped => "ConnectionLost",
            _ => continue,
        };
        if passes(state, instance, ping, &filters)? {
            known.push(shown(instance, ping, call.now));
        }
    }
    pages(50).answer(call.params, "InstanceInformationList", known)
}

fn passes(
    state: &State,
    instance: &Instance,
    ping: &str,
    filters: &[(String, Vec<String>)],
) -> Result<bool, Refusal> {
    let tags = tags::of(state, &instance.id);
    for (key, values) in filters {
        let one = |text: &str| vec![text.to_owned()];
        let has = match key.as_str() {
            "InstanceIds" => one(&instance.id),
            "PingStatus" => one(ping),
            "PlatformTypes" => one("Linux"),
            "AgentVersion" => one(AGENT),
            "ResourceType" => one("EC2Instance"),
            "IamRole" | "ActivationIds" | "AssociationStatus" => Vec::new(),
            other => tag_values(&tags, other)
                .ok_or_else(|| Refusal::new("InvalidFilterKey", "The specified key isn't valid."))?,
        };
        if !values.iter().any(|value| has.contains(value)) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn shown(instance: &Instance, ping: &str, now: Timestamp) -> Value {
    let last = if ping == "Online" { now } else { instance.since };
    json!({
        "InstanceId": instance.id,
        "PingStatus": ping,
        "LastPingDateTime": seconds(last),
        "AgentVersion": AGENT,
        "IsLatestVersion": true,
        "PlatformType": "Linux",
        "PlatformName": "Amazon Linux",
        "PlatformVersion": "2023",
        "ResourceType": "EC2Instance",
        "IPAddress": instance.private_address.to_string(),
        "ComputerName": format!("ip-{}.ec2.internal", instance.private_address.to_string().replace('.', "-")),
        "SourceId": instance.id,
        "SourceType": "AWS::EC2::Instance",
    })
}
