//! Systems Manager: commands that really run on instances, and parameters that name images.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::api::Actions;
use super::compute::{CommandToRun, Report};
use super::state::State;

/// What Systems Manager remembers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ssm {}

/// The calls of Systems Manager, by name.
pub const ACTIONS: &[Actions] = &[];

/// Makes what is due by `now` happen; when to look again.
pub fn tick(_state: &mut State, _now: Timestamp) -> Option<Timestamp> {
    None
}

/// What compute reported.
pub fn reported(_state: &mut State, _report: &Report, _now: Timestamp) {}

/// The commands that should be under way; compute starts each once, and ends what is no longer
/// listed.
pub fn wanted(_state: &State) -> Vec<CommandToRun> {
    Vec::new()
}
