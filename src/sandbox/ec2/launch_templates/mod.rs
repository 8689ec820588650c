//! Launch templates and their versions.

mod data;
mod describe;
mod launch;
mod templates;
#[cfg(test)]
mod tests;
mod versions;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::api::{Actions, Params, Refusal};
use super::super::state::State;
use super::{ids, tags};
pub use launch::from_template;

/// The calls about launch templates and their versions, by name.
pub const ACTIONS: Actions = &[
    ("CreateLaunchTemplate", templates::create_launch_template),
    ("ModifyLaunchTemplate", templates::modify_launch_template),
    ("DeleteLaunchTemplate", templates::delete_launch_template),
    ("DescribeLaunchTemplates", describe::describe_launch_templates),
    ("CreateLaunchTemplateVersion", versions::create_launch_template_version),
    ("DeleteLaunchTemplateVersions", versions::delete_launch_template_versions),
    ("DescribeLaunchTemplateVersions", describe::describe_launch_template_versions),
];

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LaunchTemplate {
    pub id: String,
    pub name: String,
    pub created_at: Timestamp,
    /// The number of the default version.
    pub default: u64,
    /// The number of the newest version that there ever was: numbers are not given again.
    pub latest: u64,
    /// By number, ascending.
    pub versions: Vec<Version>,
}

/// A version; it never changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Version {
    pub number: u64,
    pub description: Option<String>,
    pub created_at: Timestamp,
    /// As it was given: RequestLaunchTemplateData.
    pub data: Value,
}

impl LaunchTemplate {
    /// The version that a number, `$Latest` or `$Default` means.
    fn version(&self, version: &str) -> Option<&Version> {
        let number = match version {
            "$Latest" => return self.versions.last(),
            "$Default" => self.default,
            number => number.parse().ok()?,
        };
        self.versions.iter().find(|one| one.number == number)
    }

    /// As [`Self::version`]: `InvalidLaunchTemplateId.VersionNotFound`.
    fn existing(&self, version: &str) -> Result<&Version, Refusal> {
        self.version(version).ok_or_else(|| {
            Refusal::new(
                "InvalidLaunchTemplateId.VersionNotFound",
                format!(
                    "Could not find the specified version {version} for the launch template with ID {}.",
                    self.id
                ),
            )
        })
    }

    /// As DescribeLaunchTemplates shows it.
    fn shown(&self, state: &State) -> Value {
        json!({
            "launchTemplateId": self.id,
            "launchTemplateName": self.name,
            "createTime": format!("{:.3}", self.created_at),
            "createdBy": maker(state),
            "defaultVersionNumber": self.default,
            "latestVersionNumber": self.latest,
            "tagSet": tags::shown(&tags::of(state, &self.id)),
            "operator": { "managed": false },
        })
    }

    /// A version as DescribeLaunchTemplateVersions shows it.
    fn shown_version(&self, state: &State, version: &Version) -> Value {
        json!({
            "launchTemplateId": self.id,
            "launchTemplateName": self.name,
            "versionNumber": version.number,
            "versionDescription": version.description,
            "createTime": format!("{:.3}", version.created_at),
            "createdBy": maker(state),
            "defaultVersion": version.number == self.default,
            "launchTemplateData": data::shown(&version.data),
            "operator": { "managed": false },
        })
    }
}

/// The creator in every answer.
fn maker(state: &State) -> String {
    format!("arn:aws:iam::{}:root", state.account)
}

/// A template by its id: `InvalidLaunchTemplateId.NotFound`, or `.Malformed` if the id is malformed.
fn by_id<'a>(state: &'a State, id: &str) -> Result<&'a LaunchTemplate, Refusal> {
    state.ec2.launch_templates.get(id).ok_or_else(|| ids::refused("lt", id))
}

/// A template by its name: `InvalidLaunchTemplateName.NotFoundException`.
fn by_name<'a>(state: &'a State, name: &str) -> Result<&'a LaunchTemplate, Refusal> {
    state.ec2.launch_templates.values().find(|template| template.name == name).ok_or_else(|| {
        Refusal::new(
            "InvalidLaunchTemplateName.NotFoundException",
            format!("The specified launch template, with template name {name}, does not exist."),
        )
    })
}

/// The template that a call means by `LaunchTemplateId` or `LaunchTemplateName`, and not by both.
fn meant<'a>(state: &'a State, params: &Params) -> Result<&'a LaunchTemplate, Refusal> {
    let given = |name| params.text(name).filter(|text| !text.is_empty());
    match (given("LaunchTemplateId"), given("LaunchTemplateName")) {
        (Some(id), None) => by_id(state, &id),
        (None, Some(name)) => by_name(state, &name),
        (Some(_), Some(_)) => Err(Refusal::new(
            "InvalidParameterCombination",
            "You must specify either the launch template ID or the launch template name, but not both.",
        )),
        (None, None) => Err(Refusal::new(
            "MissingParameter",
            "You must specify either the launch template ID or the launch template name.",
        )),
    }
}
