//! Creates templates, changes their default version, deletes them.

use serde_json::{Value, json};

use super::super::super::api::{Call, Refusal};
use super::super::super::state::new_id;
use super::super::tags;
use super::{LaunchTemplate, Version, data, meant};

/// API_CreateLaunchTemplate: the template and its version 1.
pub fn create_launch_template(call: &mut Call) -> Result<Value, Refusal> {
    let name = call.params.needed("LaunchTemplateName");
    let fits = (3..=128).contains(&name.chars().count());
    if !fits || !name.chars().all(|c| c.is_ascii_alphanumeric() || "().-/_".contains(c)) {
        return Err(Refusal::new(
            "InvalidLaunchTemplateName.MalformedException",
            "A launch template name must be between 3 and 128 characters, and may contain letters, numbers, \
             and the following characters: - ( ) . / _.",
        ));
    }
    if call.state.ec2.launch_templates.values().any(|template| template.name == name) {
        return Err(Refusal::new(
            "InvalidLaunchTemplateName.AlreadyExistsException",
            "Launch template name already in use.",
        ));
    }
    let data = data::read(call.params)?;
    let description = call.params.given("VersionDescription");
    let given = tags::specified(call.params, "launch-template")?;
    let template = LaunchTemplate {
        id: new_id("lt"),
        name,
        created_at: call.now,
        default: 1,
        latest: 1,
        versions: vec![Version { number: 1, description, created_at: call.now, data }],
    };
    tags::set(call.state, &template.id, given);
    let shown = template.shown(call.state);
    call.state.ec2.launch_templates.insert(template.id.clone(), template);
    Ok(json!({ "launchTemplate": shown }))
}

/// API_ModifyLaunchTemplate: changes the default version.
pub fn modify_launch_template(call: &mut Call) -> Result<Value, Refusal> {
    let template = meant(call.state, call.params)?;
    let mut template = template.clone();
    if let Some(version) = call.params.given("SetDefaultVersion") {
        if version.parse::<u64>().is_err() {
            return Err(Refusal::value(format!(
                "Value ({version}) for parameter SetDefaultVersion is invalid. It must be a version number."
            )));
        }
        template.default = template.existing(&version)?.number;
    }
    let shown = template.shown(call.state);
    call.state.ec2.launch_templates.insert(template.id.clone(), template);
    Ok(json!({ "launchTemplate": shown }))
}

/// API_DeleteLaunchTemplate: the template and all its versions.
pub fn delete_launch_template(call: &mut Call) -> Result<Value, Refusal> {
    let template = meant(call.state, call.params)?;
    let (id, shown) = (template.id.clone(), template.shown(call.state));
    call.state.ec2.launch_templates.shift_remove(&id);
    tags::forget(call.state, &id);
    Ok(json!({ "launchTemplate": shown }))
}
