//! One look at a gate: does it pass by now? The waiting between looks, and what a failure leads to,
//! are the rollout's.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::cloud::Cloud;
use crate::cloud::error::Error;
use crate::deployment::declaration::Gate;
use crate::kind::fleet::Fleet;
use crate::kind::router::Router;
use crate::state::{Journal, Record};

/// What one look has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Passed,
    /// What was seen; it may pass at another look.
    NotYet(String),
    Failed(String),
}

/// What gates are checked with.
pub struct Ground<'a> {
    pub cloud: &'a Cloud,
    /// Where calls are written down before they go out.
    pub journal: &'a Journal,
    /// The `BGFORM_*` variables of commands.
    pub environment: Vec<(String, String)>,
    /// Where commands run: the stack's folder.
    pub folder: PathBuf,
    /// The deployment, by a name that no other one has: one command of its gates runs at a time.
    pub deployment: String,
    /// The kind of fleet that carries the colours.
    pub seam: &'static dyn Fleet,
    /// The new colour's fleet, by id.
    pub group: Option<String>,
    /// When the new colour was last taken from another release: what was measured before is that one's.
    pub since: Option<jiff::Timestamp>,
    /// The deployment's first router.
    pub router: Option<(&'static dyn Router, Record)>,
    /// Headers that send a request to the new colour while the preview stands.
    pub headers: BTreeMap<String, String>,
}

/// # Errors
/// When AWS cannot be asked; what the gate itself finds is its verdict.
pub async fn check(gate: &Gate, ground: &Ground<'_>) -> Result<Verdict, Error> {
    if let Some(http) = &gate.http {
        return super::request::look(http, ground).await;
    }
    if let Some(command) = &gate.command {
        return Ok(super::command::run(command, gate, ground).await);
    }
    if let Some(alarm) = &gate.alarm {
        return super::watch::alarms(ground.cloud, &alarm.names).await;
    }
    if let Some(metric) = &gate.metric {
        return super::watch::metric(ground.cloud, metric, ground.since).await;
    }
    if let Some(commands) = &gate.remote {
        return super::remote::run(ground, commands, gate.timeout).await;
    }
    Ok(Verdict::NotYet("waiting for approval".to_owned()))
}
