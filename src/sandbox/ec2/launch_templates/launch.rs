//! A template version as what an instance is launched with.

use serde_json::Value;

use super::super::super::api::Refusal;
use super::super::super::state::{State, Tags};
use super::super::launch::Launch;
use super::super::{network, security_groups};
use super::{by_id, by_name, data};

/// What a launch template version says; see [`super::super::launch::from_template`].
pub fn from_template(state: &State, template: &str, version: &str) -> Result<(Launch, u64), Refusal> {
    let template = match state.ec2.launch_templates.contains_key(template) || template.starts_with("lt-") {
        true => by_id(state, template).or_else(|refusal| by_name(state, template).map_err(|_| refusal))?,
        false => by_name(state, template)?,
    };
    let version = template.existing(if version.is_empty() { "$Default" } else { version })?;
    let said = &version.data;
    let image = text(said, "imageId").unwrap_or_default();
    if image.starts_with("resolve:") {
        // Parameter Store has no images here.
        return Err(Refusal::new(
            "InvalidAMIID.Malformed",
            format!("Invalid id: \"{image}\" (expecting \"ami-...\")"),
        ));
    }
    let interfaces = said["networkInterfaceSet"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut groups = texts(&said["securityGroupIdSet"]);
    for name in texts(&said["securityGroupSet"]) {
        let vpc = network::default_vpc(state).map(|vpc| vpc.id.as_str()).unwrap_or_default();
        let group = security_groups::named(state, vpc, &name);
        groups.push(group.ok_or_else(|| security_groups::no_name(state, &name))?.id.clone());
    }
    if !interfaces.is_empty() && !groups.is_empty() {
        // API_RequestLaunchTemplateData, NetworkInterfaces
        return Err(Refusal::new(
            "InvalidParameterCombination",
            "Network interfaces and an instance-level security groups may not be specified on the same request",
        ));
    }
    groups.extend(interfaces.iter().flat_map(|interface| texts(&interface["groupSet"])));
    let profile = &said["iamInstanceProfile"];
    let launch = Launch {
        image,
        instance_type: text(said, "instanceType").unwrap_or_default(),
        subnet: interfaces.iter().find_map(|interface| text(interface, "subnetId")),
        security_groups: groups,
        user_data: text(said, "userData")
            .and_then(|text| data::decode(&text))
            .filter(|data| !data.is_empty()),
        profile: text(profile, "arn").or_else(|| text(profile, "name")),
        key_name: text(said, "keyName"),
        tags: tags(said, "instance"),
        volume_tags: tags(said, "volume"),
        ..Launch::default()
    };
    Ok((launch, version.number))
}

fn text(value: &Value, name: &str) -> Option<String> {
    value[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The tags that the version gives a resource type.
fn tags(data: &Value, resource_type: &str) -> Tags {
    let specifications = data["tagSpecificationSet"].as_array().into_iter().flatten();
    let of_type = specifications.filter(|one| one["resourceType"] == resource_type);
    let tags = of_type.filter_map(|one| one["tagSet"].as_array()).flatten();
    tags.filter_map(|tag| Some((text(tag, "key")?, text(tag, "value").unwrap_or_default()))).collect()
}
