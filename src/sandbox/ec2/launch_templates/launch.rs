//! The launch parameters of a template version.

use super::super::super::api::{Params, Refusal};
use super::super::super::state::State;
use super::super::launch::{Launch, read};
use super::{by_id, by_name};
use crate::ssm;

/// The launch of a template version; see [`super::super::launch::from_template`].
pub fn from_template(state: &State, template: &str, version: &str) -> Result<(Launch, u64), Refusal> {
    let template = match state.ec2.launch_templates.contains_key(template) || template.starts_with("lt-") {
        true => by_id(state, template).or_else(|refusal| by_name(state, template).map_err(|_| refusal))?,
        false => by_name(state, template)?,
    };
    let version = template.existing(if version.is_empty() { "$Default" } else { version })?;
    let mut launch = read(&Params::from_json(version.data.clone()))?;
    if let Some(name) = launch.image.strip_prefix("resolve:ssm:") {
        launch.image = ssm::parameter(state, name).ok_or_else(|| {
            // EC2 user guide, using-systems-manager-parameter-to-find-AMI
            Refusal::value(format!("The parameter {name} does not exist"))
        })?;
    }
    Ok((launch, version.number))
}
