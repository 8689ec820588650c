//! Instance profiles: a role in the form in which EC2 takes it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{add_tags, arn, conflict, new_id, no_such, paged, roles, shown_tags, tags_of};
use crate::api::{Actions, Call, Refusal};
use crate::state::{State, Tags};

/// The calls about instance profiles, by name.
pub const ACTIONS: Actions = &[
    ("AddRoleToInstanceProfile", add_role),
    ("CreateInstanceProfile", create),
    ("DeleteInstanceProfile", delete),
    ("GetInstanceProfile", get),
    ("ListInstanceProfileTags", list_tags),
    ("ListInstanceProfiles", list),
    ("ListInstanceProfilesForRole", list_for_role),
    ("RemoveRoleFromInstanceProfile", remove_role),
    ("TagInstanceProfile", tag),
    ("UntagInstanceProfile", untag),
];

/// An instance profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    pub name: String,
    pub id: String,
    pub arn: String,
    pub path: String,
    /// The name of its role.
    pub role: Option<String>,
    pub tags: Tags,
    pub created: Timestamp,
}

fn profile<'a>(call: &'a mut Call) -> Result<&'a mut Profile, Refusal> {
    let name = call.params.needed("InstanceProfileName");
    let found = call.state.iam.profiles.get_mut(&name.to_lowercase());
    found.ok_or_else(|| no_such(format!("Instance Profile {name} cannot be found.")))
}

/// API_CreateInstanceProfile: `EntityAlreadyExists`.
fn create(call: &mut Call) -> Result<Value, Refusal> {
    let params = call.params;
    let name = params.needed("InstanceProfileName");
    if call.state.iam.profiles.contains_key(&name.to_lowercase()) {
        let message = format!("Instance Profile {name} already exists.");
        return Err(Refusal::new("EntityAlreadyExists", message).status(409));
    }
    let path = params.given("Path").unwrap_or_else(|| "/".to_owned());
    let made = Profile {
        arn: arn(call, &format!("instance-profile{path}{name}")),
        id: new_id("AIPA"),
        role: None,
        tags: tags_of(params)?,
        created: call.now,
        name,
        path,
    };
    let answer = json!({ "InstanceProfile": with_tags(call.state, &made) });
    call.state.iam.profiles.insert(made.name.to_lowercase(), made);
    Ok(answer)
}

/// A profile without its tags, as lists have it.
pub fn shown(state: &State, profile: &Profile) -> Value {
    let role = profile.role.as_ref().and_then(|name| state.iam.roles.get(&name.to_lowercase()));
    json!({
        "Path": profile.path, "InstanceProfileName": profile.name, "InstanceProfileId": profile.id,
        "Arn": profile.arn, "CreateDate": format!("{:.0}", profile.created),
        "Roles": role.map(roles::listed).into_iter().collect::<Vec<_>>(),
    })
}

fn with_tags(state: &State, profile: &Profile) -> Value {
    let mut shown = shown(state, profile);
    shown["Tags"] = shown_tags(&profile.tags);
    shown
}

fn get(call: &mut Call) -> Result<Value, Refusal> {
    let profile = profile(call)?.clone();
    Ok(json!({ "InstanceProfile": with_tags(call.state, &profile) }))
}

fn list(call: &mut Call) -> Result<Value, Refusal> {
    let under = call.params.given("PathPrefix").unwrap_or_else(|| "/".to_owned());
    let found = call.state.iam.profiles.values().filter(|one| one.path.starts_with(&under));
    paged(call.params, "InstanceProfiles", found.map(|one| shown(call.state, one)).collect())
}

fn list_for_role(call: &mut Call) -> Result<Value, Refusal> {
    let name = call.params.needed("RoleName");
    if !call.state.iam.roles.contains_key(&name.to_lowercase()) {
        return Err(no_such(format!("The role with name {name} cannot be found.")));
    }
    let is_its =
        |one: &&super::Profile| one.role.as_ref().is_some_and(|role| role.eq_ignore_ascii_case(&name));
    let found = call.state.iam.profiles.values().filter(is_its);
    paged(call.params, "InstanceProfiles", found.map(|one| shown(call.state, one)).collect())
}

/// API_DeleteInstanceProfile: `DeleteConflict` while it has a role.
fn delete(call: &mut Call) -> Result<Value, Refusal> {
    let profile = profile(call)?;
    if profile.role.is_some() {
        return Err(conflict("Cannot delete entity, must remove roles from instance profile first."));
    }
    let name = profile.name.to_lowercase();
    call.state.iam.profiles.remove(&name);
    Ok(Value::Null)
}

/// API_AddRoleToInstanceProfile: a profile has one role.
fn add_role(call: &mut Call) -> Result<Value, Refusal> {
    let name = call.params.needed("RoleName");
    let role = call.state.iam.roles.get(&name.to_lowercase()).map(|role| role.name.clone());
    let role = role.ok_or_else(|| no_such(format!("The role with name {name} cannot be found.")))?;
    let profile = profile(call)?;
    match &profile.role {
        Some(_) => {
            let message = "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1";
            Err(Refusal::new("LimitExceeded", message).status(409))
        }
        None => {
            profile.role = Some(role);
            Ok(Value::Null)
        }
    }
}

fn remove_role(call: &mut Call) -> Result<Value, Refusal> {
    let name = call.params.needed("RoleName");
    let profile = profile(call)?;
    match profile.role.as_ref().is_some_and(|role| role.eq_ignore_ascii_case(&name)) {
        true => {
            profile.role = None;
            Ok(Value::Null)
        }
        false => {
            let profile = &profile.name;
            Err(no_such(format!("Role {name} in Instance Profile {profile} cannot be found.")))
        }
    }
}

fn tag(call: &mut Call) -> Result<Value, Refusal> {
    let tags = tags_of(call.params)?;
    add_tags(&mut profile(call)?.tags, tags)
}

fn untag(call: &mut Call) -> Result<Value, Refusal> {
    let keys = call.params.texts("TagKeys");
    profile(call)?.tags.retain(|key, _| !keys.contains(key));
    Ok(Value::Null)
}

fn list_tags(call: &mut Call) -> Result<Value, Refusal> {
    let tags = shown_tags(&profile(call)?.tags);
    paged(call.params, "Tags", tags.as_array().cloned().unwrap_or_default())
}
