//! A template version as what an instance is launched with.

use super::super::super::api::{Params, Refusal};
use super::super::super::state::State;
use super::super::launch::Launch;
use super::super::{network, security_groups, tags};
use super::{by_id, by_name, data};

/// What a launch template version says; see [`super::super::launch::from_template`].
pub fn from_template(state: &State, template: &str, version: &str) -> Result<(Launch, u64), Refusal> {
    let template = match state.ec2.launch_templates.contains_key(template) || template.starts_with("lt-") {
        true => by_id(state, template).or_else(|refusal| by_name(state, template).map_err(|_| refusal))?,
        false => by_name(state, template)?,
    };
    let version = template.existing(if version.is_empty() { "$Default" } else { version })?;
    let said = Params::from_json(version.data.clone());
    let image = text(&said, "ImageId").unwrap_or_default();
    if image.starts_with("resolve:") {
        // Parameter Store has no images here.
        return Err(Refusal::new(
            "InvalidAMIID.Malformed",
            format!("Invalid id: \"{image}\" (expecting \"ami-...\")"),
        ));
    }
    let interfaces = said.items("NetworkInterface");
    let mut groups = said.texts("SecurityGroupId");
    for name in said.texts("SecurityGroup") {
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
    groups.extend(interfaces.iter().flat_map(|interface| interface.texts("SecurityGroupId")));
    let profile = said.child("IamInstanceProfile").unwrap_or_default();
    let launch = Launch {
        image,
        instance_type: text(&said, "InstanceType").unwrap_or_default(),
        subnet: interfaces.iter().find_map(|interface| text(interface, "SubnetId")),
        security_groups: groups,
        user_data: text(&said, "UserData").and_then(|text| data::decode(&text)),
        profile: text(&profile, "Arn").or_else(|| text(&profile, "Name")),
        key_name: text(&said, "KeyName"),
        tags: tags::specified(&said, "instance")?,
        volume_tags: tags::specified(&said, "volume")?,
        ..Launch::default()
    };
    Ok((launch, version.number))
}

fn text(params: &Params, name: &str) -> Option<String> {
    params.text(name).filter(|text| !text.is_empty())
}
