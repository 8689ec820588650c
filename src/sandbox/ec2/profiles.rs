//! Instance profiles of instances.

use super::super::api::Actions;

/// The calls about instance profiles of instances, by name.
pub const ACTIONS: Actions = &[];
