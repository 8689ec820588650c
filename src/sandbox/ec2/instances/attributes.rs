//! Attributes of an instance, one by one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::super::api::{Call, Params, Refusal};
use super::super::super::state::State;
use super::super::launch::{check_groups, check_type, user_data};
use super::options::live;
use super::{InstanceState, check_shutdown_behavior, find, shown};

/// API_DescribeInstanceAttribute. An attribute without a value is an empty element.
pub fn describe(call: &mut Call) -> Result<Value, Refusal> {
    let id = call.params.needed("InstanceId");
    let attribute = call.params.needed("Attribute");
    find(call.state, &id)?;
    let Some(instance) = call.state.ec2.instances.get(&id) else {
        return Err(Refusal::missing("InstanceId"));
    };
    let attributes = &instance.attributes;
    let value = match attribute.as_str() {
        "instanceType" => json!({ "value": instance.instance_type }),
        "userData" => json!({ "value": instance.user_data.as_ref().map(|data| STANDARD.encode(data)) }),
        "disableApiTermination" => json!({ "value": attributes.disable_api_termination }),
        "disableApiStop" => json!({ "value": attributes.disable_api_stop }),
        "instanceInitiatedShutdownBehavior" => json!({ "value": attributes.shutdown_behavior }),
        "rootDeviceName" => json!({ "value": shown::root_device(call.state, instance) }),
        "blockDeviceMapping" => json!(shown::devices(call.state, instance)),
        "groupSet" => json!(shown::groups(call.state, instance)),
        "ebsOptimized" => json!({ "value": attributes.ebs_optimized }),
        "sourceDestCheck" => json!({ "value": attributes.source_dest_check }),
        "enaSupport" => json!({ "value": true }),
        "sriovNetSupport" => json!({ "value": "simple" }),
        "enclaveOptions" => json!({ "enabled": false }),
        "productCodes" => json!([]),
        // kernel, ramdisk
        _ => json!({}),
    };
    Ok(json!({ "instanceId": id, attribute: value }))
}

/// The attributes that the call may name, with the parameter that holds each.
const STRUCTURED: [(&str, &str); 7] = [
    ("instanceType", "InstanceType"),
    ("userData", "UserData"),
    ("disableApiTermination", "DisableApiTermination"),
    ("disableApiStop", "DisableApiStop"),
    ("instanceInitiatedShutdownBehavior", "InstanceInitiatedShutdownBehavior"),
    ("ebsOptimized", "EbsOptimized"),
    ("sourceDestCheck", "SourceDestCheck"),
];

/// API_ModifyInstanceAttribute: one attribute a call. Type, user data and EBS optimization only
/// while it is stopped (`IncorrectInstanceState`).
pub fn modify(call: &mut Call) -> Result<Value, Refusal> {
    let params = call.params;
    let id = params.needed("InstanceId");
    live(call, &id)?;
    let mut given: Vec<(&str, String)> = Vec::new();
    for (attribute, parameter) in STRUCTURED {
        if let Some(child) = params.child(parameter) {
            given.push((attribute, child.text("Value").unwrap_or_default()));
        }
    }
    let named = params.text("Attribute");
    if let (Some(named), Some(value)) = (&named, params.text("Value")) {
        let known = STRUCTURED.iter().find(|(attribute, _)| attribute == named);
        let (attribute, _) = known
            .ok_or_else(|| Refusal::value(format!("Value ({named}) for parameter attribute is invalid.")))?;
        given.push((attribute, value));
    }
    let (groups, mappings) = (params.texts("GroupId"), params.items("BlockDeviceMapping"));
    let count = given.len() + usize::from(!groups.is_empty()) + usize::from(!mappings.is_empty());
    match (count, given.pop()) {
        (0, _) => return Err(Refusal::new("InvalidParameterCombination", "No attributes specified.")),
        (1, Some((attribute, value))) => set(call, &id, attribute, &value)?,
        (1, None) if groups.is_empty() => set_devices(call, &id, &mappings)?,
        (1, None) => {
            let vpc = live(call, &id)?.vpc.clone();
            check_groups(call.state, &groups, &vpc)?;
            live(call, &id)?.security_groups = groups;
        }
        _ => {
            let message = "Fields for multiple attribute types specified; only one attribute can be modified in a call.";
            return Err(Refusal::new("InvalidParameterCombination", message));
        }
    }
    Ok(json!({ "return": true }))
}

fn set(call: &mut Call, id: &str, attribute: &str, value: &str) -> Result<(), Refusal> {
    let flag = || match value {
        "true" | "True" | "1" => Ok(true),
        "false" | "False" | "0" => Ok(false),
        other => {
            Err(Refusal::value(format!("Value ({other}) for parameter value is invalid. Invalid boolean.")))
        }
    };
    let architecture = architecture(call.state, id);
    let instance = live(call, id)?;
    let stopped_only = ["instanceType", "userData", "ebsOptimized"].contains(&attribute);
    if stopped_only && instance.state != InstanceState::Stopped {
        let message = format!("The instance '{id}' is not in the 'stopped' state.");
        return Err(Refusal::new("IncorrectInstanceState", message));
    }
    let attributes = &mut instance.attributes;
    match attribute {
        "instanceType" => {
            check_type(value, &architecture)?;
            instance.instance_type = value.to_owned();
        }
        "userData" => instance.user_data = Some(user_data(value)?).filter(|data| !data.is_empty()),
        "disableApiTermination" => attributes.disable_api_termination = flag()?,
        "disableApiStop" => attributes.disable_api_stop = flag()?,
        "instanceInitiatedShutdownBehavior" => {
            check_shutdown_behavior(value)?;
            attributes.shutdown_behavior = value.to_owned();
        }
        "ebsOptimized" => attributes.ebs_optimized = flag()?,
        _ => attributes.source_dest_check = flag()?,
    }
    Ok(())
}

fn architecture(state: &State, id: &str) -> String {
    state.ec2.instances.get(id).map(|instance| shown::architecture(state, instance)).unwrap_or_default()
}

/// `DeleteOnTermination` of existing devices (`InvalidInstanceAttributeValue`).
fn set_devices(call: &mut Call, id: &str, mappings: &[Params]) -> Result<(), Refusal> {
    for mapping in mappings {
        let device = mapping.needed("DeviceName");
        let delete = match mapping.child("Ebs") {
            Some(ebs) => ebs.flag("DeleteOnTermination"),
            None => None,
        };
        let attached =
            live(call, id)?.devices.iter().find(|one| one.device == device).map(|one| one.volume.clone());
        let volume = attached.and_then(|volume| call.state.ec2.volumes.get_mut(&volume));
        let Some(at) = volume.and_then(|volume| volume.attachment.as_mut()) else {
            let message = format!("No device is currently mapped at {device}");
            return Err(Refusal::new("InvalidInstanceAttributeValue", message));
        };
        at.delete_on_termination = delete.unwrap_or(at.delete_on_termination);
    }
    Ok(())
}
