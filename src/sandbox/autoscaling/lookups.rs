//! Look-ups of EC2's names and places for groups.

use super::group::Template;
use crate::ec2::network;
use crate::state::State;

/// The zone of a subnet; `None` if it does not exist.
pub fn subnet_zone(state: &State, subnet: &str) -> Option<String> {
    state.ec2.subnets.get(subnet).map(|subnet| subnet.zone.clone())
}

pub fn default_subnet(state: &State, zone: &str) -> Option<String> {
    network::default_subnet(state, Some(zone)).map(|subnet| subnet.id.clone())
}

/// The template with this id or name, with this version as it was given.
pub fn template(state: &State, given: &str, version: &str) -> Option<Template> {
    let templates = &state.ec2.launch_templates;
    let named = || templates.values().find(|template| template.name == given);
    let template = templates.get(given).or_else(named)?;
    Some(Template { id: template.id.clone(), name: template.name.clone(), version: version.to_owned() })
}
