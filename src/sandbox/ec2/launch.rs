//! Launching: the one way by which RunInstances and an Auto Scaling group make an instance.

use jiff::Timestamp;

use super::super::api::Refusal;
use super::super::state::{State, Tags};
use super::launch_templates;

/// What an instance is launched with, after launch template and request were put together.
#[derive(Debug, Clone, Default)]
pub struct Launch {
    pub image: String,
    pub instance_type: String,
    /// None: the default subnet of the first zone.
    pub subnet: Option<String>,
    /// Ids; empty: the VPC's default group.
    pub security_groups: Vec<String>,
    pub user_data: Option<Vec<u8>>,
    pub profile: Option<String>,
    pub key_name: Option<String>,
    pub tags: Tags,
    pub volume_tags: Tags,
    /// The port for `PORT`; None: 8080.
    pub port: Option<u16>,
    pub group: Option<String>,
    pub client_token: Option<String>,
}

/// Launches one instance, `pending` from `now`; its id. `InvalidAMIID.NotFound`,
/// `InvalidSubnetID.NotFound`, `InvalidGroup.NotFound` and the like, as RunInstances has them.
pub fn launch(_state: &mut State, _launch: &Launch, _now: Timestamp) -> Result<String, Refusal> {
    Err(Refusal::new("InternalError", "launch is not built"))
}

/// What a launch template version says: `version` is a number, `$Latest` or `$Default`.
/// `template` is an id or a name. `InvalidLaunchTemplateId.NotFound`,
/// `InvalidLaunchTemplateName.NotFoundException`, `InvalidLaunchTemplateId.VersionNotFound`.
/// Returns the number too.
pub fn from_template(state: &State, template: &str, version: &str) -> Result<(Launch, u64), Refusal> {
    launch_templates::from_template(state, template, version)
}

/// Begins the end of an instance: `shutting-down` from `now`, with this state reason.
pub fn terminate(_state: &mut State, _id: &str, _reason: (&str, &str), _now: Timestamp) {}
