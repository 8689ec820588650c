//! Security groups and their rules.

use super::super::api::Actions;

/// The calls about security groups and their rules, by name.
pub const ACTIONS: Actions = &[];
