//! Volumes.

use super::super::api::Actions;

/// The calls about volumes, by name.
pub const ACTIONS: Actions = &[];
