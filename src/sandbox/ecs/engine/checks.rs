//! Health checks of containers: commands that compute runs in them.

use std::time::Duration;

use jiff::Timestamp;

use crate::compute::CommandToRun;
use crate::ecs::after;
use crate::ecs::container::{Check, Container, Health, Stage};
use crate::ecs::task::Task;

/// Begins health checks: the first one comes an interval after the start, like Docker's.
pub fn begin(container: &mut Container, now: Timestamp) {
    if let Some(check) = &mut container.check {
        check.due = Some(after(now, Duration::from_secs(check.interval)));
    }
}

/// Starts the checks that are due; returns when the next one is.
pub fn tick(task: &mut Task, now: Timestamp) -> Option<Timestamp> {
    let mut next = None;
    for container in task.containers.iter_mut().filter(|one| one.stage == Stage::Running) {
        let Some(check) = &mut container.check else { continue };
        match check.due {
            Some(due) if due <= now => (check.number, check.due) = (check.number + 1, None),
            due => next = super::sooner(next, due),
        }
    }
    next
}

fn command(task: &str, container: &Container, check: &Check) -> String {
    format!("{}.check{}", container.machine(task), check.number)
}

/// The machine that a command ran on.
pub fn machine_of(command: &str) -> &str {
    command.split('.').next().unwrap_or_default()
}

/// The checks that are under way.
pub fn wanted(task: &Task) -> impl Iterator<Item = CommandToRun> {
    let running = task.containers.iter().filter(|one| one.stage == Stage::Running && task.is_wanted());
    running.filter_map(|container| {
        let check = container.check.as_ref().filter(|check| check.number > 0 && check.due.is_none())?;
        Some(CommandToRun {
            id: command(&task.id, container, check),
            instance: container.machine(&task.id),
            script: check.script.clone(),
            timeout: Duration::from_secs(check.timeout),
        })
    })
}

/// Records the end of a check: with 0 the container is healthy; `retries` failures in a row make it
/// unhealthy, but not in its start period.
pub fn ended(container: &mut Container, id: &str, exit: Option<i32>, now: Timestamp) {
    let Some(check) = &mut container.check else { return };
    if check.due.is_some() || !id.ends_with(&format!(".check{}", check.number)) {
        return;
    }
    let number = check.number;
    check.due = Some(after(now, Duration::from_secs(check.interval)));
    if exit == Some(0) {
        (check.health, check.failures) = (Health::Healthy, 0);
        return;
    }
    if number * check.interval <= check.start_period && check.health == Health::Unknown {
        return;
    }
    check.failures += 1;
    if check.failures >= check.retries {
        check.health = Health::Unhealthy;
    }
}
