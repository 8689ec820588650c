//! Versions made and deleted.

use serde_json::{Value, json};

use super::super::super::api::{Call, Refusal};
use super::{Version, data, meant};

/// API_CreateLaunchTemplateVersion
pub fn create_launch_template_version(call: &mut Call) -> Result<Value, Refusal> {
    let mut template = meant(call.state, call.params)?.clone();
    let mut new = data::read(call.params)?;
    if let Some(source) = call.params.given("SourceVersion") {
        new = data::merged(&template.existing(&source)?.data, &new);
    }
    template.latest += 1;
    let version = Version {
        number: template.latest,
        description: call.params.given("VersionDescription"),
        created_at: call.now,
        data: new,
    };
    let shown = template.shown_version(call.state, &version);
    template.versions.push(version);
    call.state.ec2.launch_templates.insert(template.id.clone(), template);
    Ok(json!({ "launchTemplateVersion": shown }))
}

/// API_DeleteLaunchTemplateVersions: each for itself; the default version stays.
pub fn delete_launch_template_versions(call: &mut Call) -> Result<Value, Refusal> {
    let mut template = meant(call.state, call.params)?.clone();
    let wanted = call.params.texts("LaunchTemplateVersion");
    let (mut deleted, mut kept) = (Vec::new(), Vec::new());
    for text in &wanted {
        let number = text.parse::<u64>().map_err(|_| {
            Refusal::value(format!("Value ({text}) for parameter LaunchTemplateVersion is invalid."))
        })?;
        let mut item = json!({
            "launchTemplateId": template.id,
            "launchTemplateName": template.name,
            "versionNumber": number,
        });
        let error = if number == template.default {
            let message = "Cannot delete the default version of a launch template.";
            Some(("unexpectedError", message.to_owned()))
        } else if template.version(text).is_none() {
            let message = format!(
                "Could not find the specified version {number} for the launch template with ID {}.",
                template.id
            );
            Some(("launchTemplateVersionDoesNotExist", message))
        } else {
            None
        };
        match error {
            Some((code, message)) => {
                item["responseError"] = json!({ "code": code, "message": message });
                kept.push(item);
            }
            None => {
                template.versions.retain(|version| version.number != number);
                deleted.push(item);
            }
        }
    }
    call.state.ec2.launch_templates.insert(template.id.clone(), template);
    Ok(json!({
        "successfullyDeletedLaunchTemplateVersionSet": deleted,
        "unsuccessfullyDeletedLaunchTemplateVersionSet": kept,
    }))
}
