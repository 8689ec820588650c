//! Elastic Container Service's changes as time passes, and on compute's reports.

pub mod checks;
mod judge;
mod keep;
mod life;
mod roll;

use jiff::Timestamp;

use super::container::Stage;
use super::service::Standing;
use super::task::{Status, StopCode, Task};
use super::{after, definitions, images, sooner};
use crate::compute::Report;
use crate::state::State;

/// Maximum number of stopped tasks that are kept.
const STOPPED: usize = 200;

/// Carries out everything due by `now`; returns when to call it again.
pub fn tick(state: &mut State, now: Timestamp) -> Option<Timestamp> {
    let mut due = None;
    let stopped = state.ecs.tasks.values().filter(|task| task.status == Status::Stopped);
    let stopped: Vec<String> = stopped.map(|task| task.arn.clone()).collect();
    for arn in &stopped[..stopped.len().saturating_sub(STOPPED)] {
        state.ecs.tasks.shift_remove(arn);
        state.ecs.tags.remove(arn);
    }
    for arn in state.ecs.tasks.keys().cloned().collect::<Vec<_>>() {
        due = sooner(due, life::advance(state, &arn, now));
    }
    for arn in state.ecs.services.keys().cloned().collect::<Vec<_>>() {
        let Some(mut service) = state.ecs.services.get(&arn).cloned() else { continue };
        due = sooner(due, keep::turn(state, &mut service, now));
        let forgotten = service.ended.map(|ended| after(ended, state.pace.remember_terminated));
        match forgotten.filter(|_| service.standing == Standing::Inactive) {
            Some(then) if then <= now => {
                state.ecs.services.shift_remove(&arn);
                state.ecs.tags.remove(&arn);
            }
            then => {
                due = sooner(due, then);
                state.ecs.services.insert(arn, service);
            }
        }
    }
    definitions::forget(state);
    due
}

/// Handles a report of compute.
pub fn reported(state: &mut State, report: &Report, now: Timestamp) {
    images::reported(state, report);
    match report {
        Report::Booted { machine, .. } => on(state, machine, |task, at| {
            let container = &mut task.containers[at];
            if container.stage == Stage::Wanted {
                container.stage = Stage::Running;
                checks::begin(container, now);
            }
        }),
        Report::Failed { machine, why } => on(state, machine, |task, at| {
            let container = &mut task.containers[at];
            let reason = format!("CannotStartContainerError: {why}");
            (container.stage, container.reason) = (Stage::Ended, Some(reason.clone()));
            if container.essential {
                task.end(StopCode::TaskFailedToStart, reason, now);
            }
        }),
        Report::Exited { machine, code, .. } | Report::Stopped { machine, code } => {
            on(state, machine, |task, at| ended(task, at, *code, now));
        }
        Report::CommandEnded { command, exit, .. } => {
            let machine = checks::machine_of(command);
            on(state, machine, |task, at| checks::ended(&mut task.containers[at], command, *exit, now));
        }
        Report::ImageMade { .. } | Report::ImageFailed { .. } => {}
    }
}

/// A container has ended, and with it the task if it is essential.
fn ended(task: &mut Task, at: usize, code: Option<i32>, now: Timestamp) {
    let container = &mut task.containers[at];
    if container.stage < Stage::Ended {
        (container.stage, container.exit) = (Stage::Ended, code);
    }
    if container.essential {
        task.end(StopCode::EssentialContainerExited, "Essential container in task exited", now);
    }
}

/// Changes the container of this machine.
fn on(state: &mut State, machine: &str, work: impl FnOnce(&mut Task, usize)) {
    let Some((id, name)) = machine.split_once('-') else { return };
    let Some(task) = state.ecs.tasks.values_mut().find(|task| task.id == id) else { return };
    if let Some(at) = task.containers.iter().position(|container| container.name == name) {
        work(task, at);
    }
}
