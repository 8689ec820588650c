//! Systems Manager: commands that really run on instances, and parameters that name images.

mod cancel;
mod command;
mod input;
mod instances;
mod list;
mod parameters;
mod public;
mod send;
#[cfg(test)]
mod tests;
mod tick;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::api::{Actions, Known, Service, Shapes, Wire};
use super::state::State;
pub use command::{Command, Invocation, Status, Target};
pub use parameters::Parameter;
pub use tick::{reported, tick, wanted};

/// The state of Systems Manager.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ssm {
    /// By id, in the order in which they were sent.
    pub commands: IndexMap<String, Command>,
    pub parameters: BTreeMap<String, Parameter>,
}

/// The value of a parameter, one of AWS's own among them.
pub fn parameter(state: &State, name: &str) -> Option<String> {
    let own = state.ssm.parameters.get(name).and_then(|parameter| parameter.values.last());
    let public = || public::all(state).into_iter().find(|(public, _)| public == name);
    own.map(|(value, _)| value.clone()).or_else(|| public().map(|(_, image)| image))
}

/// Systems Manager.
pub static SERVICE: Service = Service {
    wire: Wire {
        name: "ssm",
        signed: "ssm",
        target: Some("AmazonSSM"),
        query: None,
        namespace: "http://ssm.amazonaws.com/doc/2014-11-06/",
        invalid: "ValidationException",
        broken: Known("InternalServerError", "An error occurred on the server side.", 500),
        ..Wire::QUERY
    },
    actions: ACTIONS,
    shapes: LazyLock::new(|| Shapes::parse(include_str!("shapes.txt"))),
    tick: Some(|state, _, now| tick(state, now)),
};

/// The calls, by name.
const ACTIONS: &[Actions] =
    &[cancel::ACTIONS, instances::ACTIONS, list::ACTIONS, parameters::ACTIONS, send::ACTIONS];
