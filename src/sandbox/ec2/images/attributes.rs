//! Launch permissions and other attributes of images.

use serde_json::{Value, json};

use super::super::super::api::{Call, Params, Refusal};
use super::{find, own};

/// API_DescribeImageAttribute.
pub fn describe(call: &mut Call) -> Result<Value, Refusal> {
    let id = call.params.needed("ImageId");
    let attribute = call.params.needed("Attribute");
    let image = find(call.state, &id)?;
    if image.owner != call.state.account {
        return Err(Refusal::new("AuthFailure", format!("Not authorized for image:{id}")).status(403));
    }
    Ok(match attribute.as_str() {
        "description" => json!({ "imageId": id, "description": { "value": image.description } }),
        "launchPermission" => {
            let all = image.public.then(|| json!({ "group": "all" }));
            let users = image.shared_with.iter().map(|user| json!({ "userId": user }));
            json!({ "imageId": id, "launchPermission": all.into_iter().chain(users).collect::<Vec<_>>() })
        }
        // The attributes that the sandbox's images have not.
        _ => json!({ "imageId": id }),
    })
}

/// API_ModifyImageAttribute: description or launch permissions.
pub fn modify(call: &mut Call) -> Result<Value, Refusal> {
    let params = call.params;
    let id = params.needed("ImageId");
    let image = own(call.state, &id)?;
    let attribute = params.text("Attribute");
    let description = params.child("Description").and_then(|child| child.text("Value"));
    let value = params.text("Value").filter(|_| attribute.as_deref() == Some("description"));
    if let Some(description) = description.or(value) {
        image.description = Some(description);
        return Ok(json!({ "return": true }));
    }
    let (add, remove) = permissions(params)?;
    if add.is_empty() && remove.is_empty() {
        return Err(Refusal::new("InvalidParameterCombination", "No attributes specified."));
    }
    for who in remove {
        match who {
            Who::All => image.public = false,
            Who::User(user) => image.shared_with.retain(|one| *one != user),
        }
    }
    for who in add {
        match who {
            Who::All => image.public = true,
            Who::User(user) if image.shared_with.contains(&user) => {}
            Who::User(user) => image.shared_with.push(user),
        }
    }
    Ok(json!({ "return": true }))
}

enum Who {
    All,
    User(String),
}

fn who(users: Vec<String>, groups: Vec<String>) -> Result<Vec<Who>, Refusal> {
    let mut all = Vec::new();
    for user in users {
        if user.len() != 12 || !user.chars().all(|c| c.is_ascii_digit()) {
            return Err(Refusal::new("InvalidUserID.Malformed", format!("Invalid user id: \"{user}\"")));
        }
        all.push(Who::User(user));
    }
    for group in groups {
        if group != "all" {
            return Err(Refusal::new(
                "InvalidAMIAttributeItemValue",
                format!("Invalid attribute item value \"{group}\" for group item type."),
            ));
        }
        all.push(Who::All);
    }
    Ok(all)
}

/// The accounts that a change adds and removes, in either form of the call.
fn permissions(params: &Params) -> Result<(Vec<Who>, Vec<Who>), Refusal> {
    let listed = |name: &str| {
        let items = params.child("LaunchPermission").map(|child| child.items(name)).unwrap_or_default();
        let texts = |member: &str| items.iter().filter_map(|item| item.text(member)).collect();
        who(texts("UserId"), texts("Group"))
    };
    let (mut add, mut remove) = (listed("Add")?, listed("Remove")?);
    let plain = who(params.texts("UserId"), params.texts("UserGroup"))?;
    match params.text("OperationType").as_deref() {
        Some("add") => add.extend(plain),
        Some("remove") => remove.extend(plain),
        None if plain.is_empty() => {}
        _ => return Err(Refusal::missing("OperationType")),
    }
    Ok((add, remove))
}
