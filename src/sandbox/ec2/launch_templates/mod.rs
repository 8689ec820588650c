//! Launch templates and their versions.
pub const ACTIONS: super::super::api::Actions = &[];
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct LaunchTemplate {}
