//! Commands as time passes: delivered, run, ended.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::super::compute::{CommandToRun, Report};
use super::super::state::State;
use super::command::{Command, Status};
use super::instances::{online, online_from};

/// Maximum characters of output in answers (API_GetCommandInvocation).
const STDOUT: usize = 24_000;
const STDERR: usize = 8_000;
/// Number of ended commands that are kept.
const REMEMBERED: usize = 1000;
/// Time for cancelled processes to end.
const CANCEL: SignedDuration = SignedDuration::from_secs(10);

/// Carries out everything due by `now`; returns when to call it again.
pub fn tick(state: &mut State, now: Timestamp) -> Option<Timestamp> {
    let mut commands = std::mem::take(&mut state.ssm.commands);
    let mut next: Option<Timestamp> = None;
    for command in commands.values_mut() {
        let due = [deliver(state, command, now), cancelled(command, now)];
        if let Some(due) = due.into_iter().flatten().min() {
            next = Some(next.map_or(due, |next| next.min(due)));
        }
    }
    let mut surplus = commands.len().saturating_sub(REMEMBERED);
    commands.retain(|_, command| {
        let keep = surplus == 0 || command.count(|status| !status.ended()) > 0;
        if !keep {
            surplus -= 1;
        }
        keep
    });
    state.ssm.commands = commands;
    next
}

/// A cancelled invocation without a report of its end, since the sandbox ended in between, counts as ended;
/// returns when to call it again.
fn cancelled(command: &mut Command, now: Timestamp) -> Option<Timestamp> {
    let mut next = None;
    let cancelling = command.invocations.values_mut().filter(|one| one.status == Status::Cancelling);
    for invocation in cancelling {
        let asked = invocation.ended.unwrap_or(now);
        let due = asked.saturating_add(CANCEL).unwrap_or(now);
        if now >= due {
            (invocation.status, invocation.code) = (Status::Cancelled, 137);
        } else {
            next = Some(next.map_or(due, |next: Timestamp| next.min(due)));
        }
    }
    next
}

/// Begins invocations, and gives up those that may no longer begin; returns when to call it again.
fn deliver(state: &State, command: &mut Command, now: Timestamp) -> Option<Timestamp> {
    if command.count(|status| status == Status::Pending) == 0 {
        return None;
    }
    // At the limit no more begin; 0 allows none (user guide, send-commands-maxerrors).
    let errors = command.count(Status::is_error);
    let stopped = errors > command.errors_allowed();
    let running = command.count(|status| matches!(status, Status::InProgress | Status::Cancelling));
    let mut room = command.concurrency().saturating_sub(running);
    let deadline = command.delivered_by();
    let mut next = None;
    for (instance, invocation) in &mut command.invocations {
        if invocation.status != Status::Pending {
            continue;
        }
        if stopped {
            (invocation.status, invocation.ended) = (Status::Terminated, Some(now));
        } else if now >= deadline {
            (invocation.status, invocation.ended) = (Status::DeliveryTimedOut, Some(now));
        } else if room > 0 && online(state, instance, now) {
            (invocation.status, invocation.began) = (Status::InProgress, Some(now));
            room -= 1;
        } else {
            let ready = online_from(state, instance).filter(|ready| *ready > now);
            let due = ready.map_or(deadline, |ready| ready.min(deadline));
            next = Some(next.map_or(due, |next: Timestamp| next.min(due)));
        }
    }
    next
}

/// Handles a report of compute.
pub fn reported(state: &mut State, report: &Report, now: Timestamp) {
    let Report::CommandEnded { command, exit, stdout, stderr } = report else { return };
    let Some((id, instance)) = command.split_once('.') else { return };
    let invocations = state.ssm.commands.get_mut(id).map(|command| &mut command.invocations);
    let Some(invocation) = invocations.and_then(|invocations| invocations.get_mut(instance)) else { return };
    if invocation.status.ended() {
        return;
    }
    // The agent reports 137 for a script that it killed.
    (invocation.status, invocation.code) = match (invocation.status, *exit) {
        (Status::Cancelling, _) => (Status::Cancelled, 137),
        (_, Some(0)) => (Status::Success, 0),
        (_, Some(code @ 0..)) => (Status::Failed, code),
        (_, Some(_)) => (Status::Undeliverable, -1),
        (_, None) => (Status::ExecutionTimedOut, 137),
    };
    invocation.ended = Some(now);
    let mut stderr = stderr.clone();
    if invocation.status == Status::Failed {
        stderr += &format!("failed to run commands: exit status {}", invocation.code);
    }
    invocation.stdout = limited(stdout, STDOUT, "\n---Output truncated---");
    invocation.stderr = limited(&stderr, STDERR, "\n---Error truncated----");
}

/// The beginning of a text that is too long, with a note that it is.
fn limited(text: &str, most: usize, note: &str) -> String {
    if text.chars().nth(most).is_none() {
        return text.to_owned();
    }
    text.chars().take(most - note.len()).chain(note.chars()).collect()
}

/// The commands that should be under way; compute starts each once, and ends unlisted ones.
pub fn wanted(state: &State) -> Vec<CommandToRun> {
    let listed = state.ssm.commands.values().flat_map(|command| {
        let running = command.invocations.iter().filter(|(_, one)| one.status == Status::InProgress);
        running.map(|(instance, _)| CommandToRun {
            id: command.run_id(instance),
            instance: instance.clone(),
            script: command.script.clone(),
            timeout: Duration::from_secs(command.execution.into()),
        })
    });
    listed.collect()
}

/// `PT1.5S`: how long an invocation ran.
pub fn elapsed(began: Option<Timestamp>, ended: Option<Timestamp>) -> String {
    match (began, ended) {
        (Some(began), Some(ended)) => {
            let took: SignedDuration = ended.duration_since(began);
            format!("PT{}S", took.as_millis() as f64 / 1000.0)
        }
        _ => String::new(),
    }
}
