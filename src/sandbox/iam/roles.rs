//! Roles with a trust policy, inline policies and attached managed ones.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{add_tags, arn, conflict, encoded, new_id, no_such, paged, shown_tags, tags_of};
use crate::api::{Actions, Call, Refusal};
use crate::state::Tags;

/// The calls about roles, by name.
pub const ACTIONS: Actions = &[
    ("AttachRolePolicy", attach),
    ("CreateRole", create),
    ("DeleteRole", delete),
    ("DeleteRolePermissionsBoundary", unbound),
    ("DeleteRolePolicy", delete_policy),
    ("DetachRolePolicy", detach),
    ("GetAccountAuthorizationDetails", details),
    ("GetRole", get),
    ("GetRolePolicy", get_policy),
    ("ListAttachedRolePolicies", list_attached),
    ("ListRolePolicies", list_policies),
    ("ListRoleTags", list_tags),
    ("ListRoles", list),
    ("PutRolePermissionsBoundary", bound),
    ("PutRolePolicy", put_policy),
    ("TagRole", tag),
    ("UntagRole", untag),
    ("UpdateAssumeRolePolicy", update_trust),
    ("UpdateRole", update),
];

/// Managed policies of a role (IAM user guide, reference_iam-quotas).
const ATTACHED: usize = 10;

/// A role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Role {
    pub name: String,
    pub id: String,
    pub arn: String,
    pub path: String,
    pub trust: String,
    pub description: Option<String>,
    pub session: u32,
    pub boundary: Option<String>,
    /// ARNs of managed policies.
    pub attached: BTreeSet<String>,
    /// Documents of inline policies, by name.
    pub inline: BTreeMap<String, String>,
    pub tags: Tags,
    pub created: Timestamp,
}

fn missing(name: &str) -> Refusal {
    no_such(format!("The role with name {name} cannot be found."))
}

/// The role of a call.
fn role<'a>(call: &'a mut Call) -> Result<&'a mut Role, Refusal> {
    let name = call.params.needed("RoleName");
    call.state.iam.roles.get_mut(&name.to_lowercase()).ok_or_else(|| missing(&name))
}

/// A policy that parses as one. `MalformedPolicyDocument`.
fn document(call: &Call, name: &str, trusts: bool) -> Result<String, Refusal> {
    let text = call.params.needed(name);
    let malformed = |why: &str| Err(Refusal::new("MalformedPolicyDocument", why.to_owned()));
    let Ok(Value::Object(policy)) = serde_json::from_str(&text) else {
        return malformed("This policy contains invalid Json");
    };
    let statements = match policy.get("Statement") {
        Some(Value::Array(all)) => all.clone(),
        Some(one @ Value::Object(_)) => vec![one.clone()],
        _ => return malformed("Missing required field Statement"),
    };
    for statement in statements {
        let says = |one: &str| statement.get(one).is_some();
        if !says("Effect") {
            return malformed("Missing required field Effect");
        }
        if trusts != says("Principal") {
            return malformed(match trusts {
                true => "Missing required field Principal",
                false => "Policy document should not specify a principal.",
            });
        }
        if trusts && says("Resource") {
            return malformed("Has prohibited field Resource");
        }
        if !trusts && !says("Resource") && !says("NotResource") {
            return malformed("Policy statement must contain resources.");
        }
        if !says("Action") && !says("NotAction") {
            return malformed("Policy statement must contain actions.");
        }
    }
    Ok(text)
}

/// API_CreateRole: `EntityAlreadyExists`, names compared in lower case.
fn create(call: &mut Call) -> Result<Value, Refusal> {
    let params = call.params;
    let name = params.needed("RoleName");
    if call.state.iam.roles.contains_key(&name.to_lowercase()) {
        let message = format!("Role with name {name} already exists.");
        return Err(Refusal::new("EntityAlreadyExists", message).status(409));
    }
    let path = params.given("Path").unwrap_or_else(|| "/".to_owned());
    let role = Role {
        arn: arn(call, &format!("role{path}{name}")),
        id: new_id("AROA"),
        trust: document(call, "AssumeRolePolicyDocument", true)?,
        description: params.given("Description"),
        session: params.number("MaxSessionDuration").unwrap_or(3600),
        boundary: params.given("PermissionsBoundary"),
        attached: BTreeSet::new(),
        inline: BTreeMap::new(),
        tags: tags_of(params)?,
        created: call.now,
        name,
        path,
    };
    let answer = json!({ "Role": shown(&role) });
    call.state.iam.roles.insert(role.name.to_lowercase(), role);
    Ok(answer)
}

/// A role as a part of other answers: without tags and boundary (API_ListRoles).
pub fn listed(role: &Role) -> Value {
    json!({
        "Path": role.path, "RoleName": role.name, "RoleId": role.id, "Arn": role.arn,
        "CreateDate": format!("{:.0}", role.created),
        "AssumeRolePolicyDocument": encoded(&role.trust),
        "Description": role.description, "MaxSessionDuration": role.session,
    })
}

fn boundary(role: &Role) -> Value {
    role.boundary.as_ref().map_or(Value::Null, |arn| {
        json!({ "PermissionsBoundaryType": "PermissionsBoundaryPolicy", "PermissionsBoundaryArn": arn })
    })
}

fn shown(role: &Role) -> Value {
    let mut shown = listed(role);
    shown["Tags"] = shown_tags(&role.tags);
    shown["PermissionsBoundary"] = boundary(role);
    shown
}

fn get(call: &mut Call) -> Result<Value, Refusal> {
    Ok(json!({ "Role": shown(role(call)?) }))
}

fn list(call: &mut Call) -> Result<Value, Refusal> {
    let under = call.params.given("PathPrefix").unwrap_or_else(|| "/".to_owned());
    let found = call.state.iam.roles.values().filter(|role| role.path.starts_with(&under));
    paged(call.params, "Roles", found.map(listed).collect())
}

/// API_DeleteRole: `DeleteConflict` while it has policies or is in a profile.
fn delete(call: &mut Call) -> Result<Value, Refusal> {
    let role = role(call)?.clone();
    if !role.inline.is_empty() {
        return Err(conflict("Cannot delete entity, must delete policies first."));
    }
    if !role.attached.is_empty() {
        return Err(conflict("Cannot delete entity, must detach all policies first."));
    }
    if call.state.iam.profiles.values().any(|profile| profile.role.as_ref() == Some(&role.name)) {
        return Err(conflict("Cannot delete entity, must remove roles from instance profile first."));
    }
    call.state.iam.roles.remove(&role.name.to_lowercase());
    Ok(Value::Null)
}

fn update(call: &mut Call) -> Result<Value, Refusal> {
    let params = call.params;
    let role = role(call)?;
    if params.has("Description") {
        role.description = params.given("Description");
    }
    role.session = params.number("MaxSessionDuration").unwrap_or(role.session);
    Ok(json!({}))
}

fn update_trust(call: &mut Call) -> Result<Value, Refusal> {
    let trust = document(call, "PolicyDocument", true)?;
    role(call)?.trust = trust;
    Ok(Value::Null)
}

/// API_AttachRolePolicy: again for one that is attached is a success.
fn attach(call: &mut Call) -> Result<Value, Refusal> {
    let policy = call.params.needed("PolicyArn");
    if !policy.contains(":policy/") {
        return Err(Refusal::new("InvalidInput", format!("ARN {policy} is not valid.")));
    }
    let role = role(call)?;
    role.attached.insert(policy);
    match role.attached.len() > ATTACHED {
        true => {
            let message = format!("Cannot exceed quota for PoliciesPerRole: {ATTACHED}");
            Err(Refusal::new("LimitExceeded", message).status(409))
        }
        false => Ok(Value::Null),
    }
}

fn detach(call: &mut Call) -> Result<Value, Refusal> {
    let policy = call.params.needed("PolicyArn");
    match role(call)?.attached.remove(&policy) {
        true => Ok(Value::Null),
        false => Err(no_such(format!("Policy {policy} was not found."))),
    }
}

fn attached(role: &Role) -> Vec<Value> {
    let name = |arn: &str| arn.rsplit('/').next().unwrap_or_default().to_owned();
    role.attached.iter().map(|arn| json!({ "PolicyArn": arn, "PolicyName": name(arn) })).collect()
}

fn list_attached(call: &mut Call) -> Result<Value, Refusal> {
    let found = attached(role(call)?);
    paged(call.params, "AttachedPolicies", found)
}

fn put_policy(call: &mut Call) -> Result<Value, Refusal> {
    let (name, policy) = (call.params.needed("PolicyName"), document(call, "PolicyDocument", false)?);
    role(call)?.inline.insert(name, policy);
    Ok(Value::Null)
}

fn no_policy(name: &str) -> Refusal {
    no_such(format!("The role policy with name {name} cannot be found."))
}

fn get_policy(call: &mut Call) -> Result<Value, Refusal> {
    let name = call.params.needed("PolicyName");
    let role = role(call)?;
    let policy = role.inline.get(&name).ok_or_else(|| no_policy(&name))?;
    Ok(json!({ "RoleName": role.name, "PolicyName": name, "PolicyDocument": encoded(policy) }))
}

fn delete_policy(call: &mut Call) -> Result<Value, Refusal> {
    let name = call.params.needed("PolicyName");
    role(call)?.inline.remove(&name).map(|_| Value::Null).ok_or_else(|| no_policy(&name))
}

fn list_policies(call: &mut Call) -> Result<Value, Refusal> {
    let names = role(call)?.inline.keys().map(|name| json!(name)).collect();
    paged(call.params, "PolicyNames", names)
}

fn bound(call: &mut Call) -> Result<Value, Refusal> {
    let policy = call.params.needed("PermissionsBoundary");
    role(call)?.boundary = Some(policy);
    Ok(Value::Null)
}

fn unbound(call: &mut Call) -> Result<Value, Refusal> {
    role(call)?.boundary = None;
    Ok(Value::Null)
}

fn tag(call: &mut Call) -> Result<Value, Refusal> {
    let tags = tags_of(call.params)?;
    add_tags(&mut role(call)?.tags, tags)
}

fn untag(call: &mut Call) -> Result<Value, Refusal> {
    let keys = call.params.texts("TagKeys");
    role(call)?.tags.retain(|key, _| !keys.contains(key));
    Ok(Value::Null)
}

fn list_tags(call: &mut Call) -> Result<Value, Refusal> {
    let tags = shown_tags(&role(call)?.tags);
    paged(call.params, "Tags", tags.as_array().cloned().unwrap_or_default())
}

/// API_GetAccountAuthorizationDetails, of roles.
fn details(call: &mut Call) -> Result<Value, Refusal> {
    let asked = call.params.texts("Filter");
    let roles =
        call.state.iam.roles.values().filter(|_| asked.is_empty() || asked.iter().any(|one| one == "Role"));
    let shown = |role: &Role| {
        let inline = role
            .inline
            .iter()
            .map(|(name, policy)| json!({ "PolicyName": name, "PolicyDocument": encoded(policy) }));
        let profiles = call.state.iam.profiles.values();
        let profiles = profiles.filter(|profile| profile.role.as_ref() == Some(&role.name));
        json!({
            "Path": role.path, "RoleName": role.name, "RoleId": role.id, "Arn": role.arn,
            "CreateDate": format!("{:.0}", role.created),
            "AssumeRolePolicyDocument": encoded(&role.trust),
            "InstanceProfileList": profiles.map(|one| super::profiles::shown(call.state, one)).collect::<Vec<_>>(),
            "RolePolicyList": inline.collect::<Vec<_>>(),
            "AttachedManagedPolicies": attached(role),
            "PermissionsBoundary": boundary(role),
            "Tags": shown_tags(&role.tags),
        })
    };
    let mut answer = paged(call.params, "RoleDetailList", roles.map(shown).collect())?;
    for other in ["UserDetailList", "GroupDetailList", "Policies"] {
        answer[other] = json!([]);
    }
    Ok(answer)
}
