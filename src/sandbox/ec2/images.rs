//! Images and their snapshots.

use jiff::Timestamp;

use super::super::api::Actions;
use super::super::state::State;

/// The calls about images, by name.
pub const ACTIONS: Actions = &[];

/// Puts in the base images.
pub fn furnish(_state: &mut State, _now: Timestamp) {}
