//! Checks a gate once. The rollout waits between checks and decides what a failure leads to.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::cloud::Cloud;
use crate::cloud::error::Error;
use crate::deployment::declaration::Gate;
use crate::kind::fleet::{Fleet, Template};
use crate::kind::router::Router;
use crate::state::{Journal, Record};
use crate::value::Object;

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Passed,
    /// The observation so far; the next check may pass.
    NotYet(String),
    Failed(String),
}

/// The context in which gates are checked.
pub struct Ground<'a> {
    pub cloud: &'a Cloud,
    /// The journal that records calls before they are sent.
    pub journal: &'a Journal,
    /// The `BGFORM_*` variables of commands.
    pub environment: Vec<(String, String)>,
    /// The folder where commands run: the stack's.
    pub folder: PathBuf,
    /// A unique name of the deployment. One command of its gates runs at a time.
    pub deployment: String,
    /// The kind of fleet that carries the colours.
    pub seam: &'static dyn Fleet,
    /// The new colour's fleet, by id.
    pub group: Option<String>,
    /// The inputs of the new colour's fleet in the file.
    pub inputs: Option<Object>,
    /// The version of the launch source that the new colour launches, or will.
    pub newest: Option<Template>,
    /// The release under way, unlike every other one.
    pub release: String,
    /// The time when the new colour was last taken from another release. Earlier measurements belong to that
    /// release.
    pub since: Option<jiff::Timestamp>,
    /// The deployment's first router.
    pub router: Option<(&'static dyn Router, Record)>,
    /// Headers that send a request to the new colour while the preview is on.
    pub headers: BTreeMap<String, String>,
}

/// # Errors
/// When AWS cannot be asked. A failing gate is a verdict, not an error.
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
    if let Some(task) = &gate.task {
        return super::task::run(ground, &gate.name, task, gate.timeout).await;
    }
    Ok(Verdict::NotYet("waiting for approval".to_owned()))
}
