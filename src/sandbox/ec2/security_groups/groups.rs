//! Groups made and deleted.

use serde_json::{Value, json};

use super::super::super::api::{Call, Refusal};
use super::super::super::state::State;
use super::super::{ids, network, tags};
use super::{SecurityGroup, get, in_use, named, rules};

/// The characters of names and descriptions (API_CreateSecurityGroup).
pub fn allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(c)
}

/// API_CreateSecurityGroup
pub fn create_security_group(call: &mut Call) -> Result<Value, Refusal> {
    let name = call.params.needed("GroupName");
    let description = call.params.needed("GroupDescription");
    for (parameter, text) in [("groupName", &name), ("groupDescription", &description)] {
        if text.chars().count() > 255 || !text.chars().all(allowed) {
            return Err(Refusal::value(format!(
                "Value ({text}) for parameter {parameter} is invalid. Valid values are strings less than 256 \
                 characters from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{{}}!$*"
            )));
        }
    }
    if name.to_ascii_lowercase().starts_with("sg-") {
        return Err(Refusal::value(format!(
            "Value ({name}) for parameter groupName is invalid. Group names may not be in the format sg-*"
        )));
    }
    // EC2 API reference, Error codes: every VPC has its `default` from the start.
    if name == "default" {
        return Err(Refusal::new("InvalidGroup.Reserved", "The security group 'default' is reserved"));
    }
    let vpc = vpc(call.state, call.params.text("VpcId"))?;
    if named(call.state, &vpc, &name).is_some() {
        return Err(Refusal::new(
            "InvalidGroup.Duplicate",
            format!("The security group '{name}' already exists for VPC '{vpc}'"),
        ));
    }
    let given = tags::specified(call.params, "security-group")?;
    let group = SecurityGroup::new(&name, &description, &vpc);
    let id = group.id.clone();
    call.state.ec2.security_groups.insert(id.clone(), group);
    let shown = tags::shown(&given);
    tags::set(call.state, &id, given);
    let arn = call.state.arn("ec2", &format!("security-group/{id}"));
    Ok(json!({ "return": true, "groupId": id, "tagSet": shown, "securityGroupArn": arn }))
}

/// The VPC that a call names, or the default one.
fn vpc(state: &State, id: Option<String>) -> Result<String, Refusal> {
    match id {
        Some(id) if state.ec2.vpcs.contains_key(&id) => Ok(id),
        Some(id) => Err(ids::not_found(&id)),
        None => match network::default_vpc(state) {
            Some(vpc) => Ok(vpc.id.clone()),
            None => Err(Refusal::new("VPCIdNotSpecified", "No default VPC for this user")),
        },
    }
}

/// The id of the group that a call means: by `GroupId`, or by `GroupName` in the default VPC.
pub fn meant(call: &Call) -> Result<String, Refusal> {
    if let Some(id) = call.params.given("GroupId") {
        return get(call.state, &id).map(|group| group.id.clone());
    }
    let Some(name) = call.params.given("GroupName") else {
        return Err(Refusal::new(
            "MissingParameter",
            "The request must contain the parameter groupName or groupId",
        ));
    };
    let vpc = network::default_vpc(call.state).map(|vpc| vpc.id.clone()).unwrap_or_default();
    named(call.state, &vpc, &name)
        .map(|group| group.id.clone())
        .ok_or_else(|| rules::no_name(call.state, &name))
}

/// API_DeleteSecurityGroup
pub fn delete_security_group(call: &mut Call) -> Result<Value, Refusal> {
    let id = meant(call)?;
    let group = get(call.state, &id)?;
    if group.name == "default" {
        return Err(Refusal::new(
            "CannotDelete",
            format!("the specified group: \"{id}\" name: \"default\" cannot be deleted by a user"),
        ));
    }
    if in_use(call.state, &id) {
        return Err(Refusal::new("DependencyViolation", format!("resource {id} has a dependent object")));
    }
    if let Some(group) = call.state.ec2.security_groups.shift_remove(&id) {
        group.rules.keys().for_each(|rule| tags::forget(call.state, rule));
    }
    tags::forget(call.state, &id);
    Ok(json!({ "return": true, "groupId": id }))
}
