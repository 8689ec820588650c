//! One look at a gate: does it pass by now? The waiting between looks, and what a failure leads to,
//! are the rollout's.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::cloud::Cloud;
use crate::cloud::error::Error;
use crate::deployment::declaration::Gate;
use crate::kind::fleet::Fleet;
use crate::kind::router::Router;
use crate::state::{Journal, Record};

/// As many lines of a failed command's output are shown.
const LINES: usize = 20;

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
        return Ok(run(command, gate, ground).await);
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

/// The processes of a command: none outlives its verdict.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // One that is gone already is no matter.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

async fn run(command: &[String], gate: &Gate, ground: &Ground<'_>) -> Verdict {
    let Some((program, arguments)) = command.split_first() else {
        return Verdict::Failed("its command is empty".to_owned());
    };
    let folder =
        if ground.folder.as_os_str().is_empty() { PathBuf::from(".") } else { ground.folder.clone() };
    let mut process = tokio::process::Command::new(program);
    process.args(arguments).current_dir(folder);
    ground.cloud.lead(&mut process);
    process
        .envs(ground.environment.iter().cloned())
        .stdin(Stdio::null())
        // An interrupt at the terminal is for bgform, which lets the command end.
        .process_group(0)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let limit = Duration::from_secs(gate.timeout);
    let child = match process.spawn() {
        Ok(child) => child,
        Err(error) => return Verdict::Failed(format!("`{program}` cannot be run: {error}")),
    };
    // Whatever ends the wait, ends all that the command has begun.
    let _group = Group(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)));
    let output = tokio::select! {
        output = child.wait_with_output() => output,
        () = ground.cloud.clock.sleep(limit) => {
            return Verdict::Failed(format!("`{program}` did not end within {}", crate::value::format_duration(limit)));
        }
    };
    match output {
        Err(error) => Verdict::Failed(format!("`{program}` cannot be waited for: {error}")),
        Ok(output) if output.status.success() => Verdict::Passed,
        Ok(output) => {
            let said = [output.stdout, output.stderr].concat();
            let said = crate::secrets::hidden(&String::from_utf8_lossy(&said));
            let lines: Vec<&str> = said.lines().collect();
            let last: Vec<&str> = lines.iter().skip(lines.len().saturating_sub(LINES)).copied().collect();
            let shown = last.iter().map(|line| format!("\n  {line}"));
            Verdict::Failed(format!("`{program}` ended with {}{}", output.status, shown.collect::<String>()))
        }
    }
}
