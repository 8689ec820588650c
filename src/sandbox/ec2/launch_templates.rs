//! Launch templates and their versions.

use super::super::api::Actions;

/// The calls about launch templates and their versions, by name.
pub const ACTIONS: Actions = &[];
