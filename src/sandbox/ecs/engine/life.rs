//! The life of a task (developer guide, task-lifecycle-explanation).

use jiff::Timestamp;

use super::checks;
use crate::ecs::container::{Container, Health, Stage};
use crate::ecs::task::{Status, StopCode, Task};
use crate::ecs::{after, images};
use crate::elbv2::targets::{self, HealthState};
use crate::state::State;
use crate::{secretsmanager, ssm};

/// Advances a task as far as possible now; returns when it can go on.
pub fn advance(state: &mut State, arn: &str, now: Timestamp) -> Option<Timestamp> {
    let mut task = state.ecs.tasks.get(arn).cloned()?;
    let due = loop {
        let before = task.status;
        let due = step(state, &mut task, now);
        if task.status == before {
            break due;
        }
    };
    if task.status == Status::Stopped && due.is_none() {
        state.ecs.tasks.shift_remove(arn);
        state.ecs.tags.remove(arn);
        return None;
    }
    state.ecs.tasks.insert(arn.to_owned(), task);
    due
}

fn step(state: &mut State, task: &mut Task, now: Timestamp) -> Option<Timestamp> {
    let phase = after(task.since, state.pace.task);
    if !task.is_wanted() && task.status <= Status::Running {
        let next = match task.status {
            // It is registered from then on.
            Status::Activating | Status::Running if !task.balancers.is_empty() => Status::Deactivating,
            _ => Status::Stopping,
        };
        task.enter(next, now);
        return None;
    }
    match task.status {
        Status::Provisioning | Status::Activating | Status::Deprovisioning if phase > now => {
            return Some(phase);
        }
        Status::Provisioning => {
            task.enter(Status::Pending, now);
            task.times.pull_started = Some(now);
            if let Err(reason) = prepare(state, task) {
                task.end(StopCode::TaskFailedToStart, reason, now);
            }
        }
        Status::Pending => {
            start_containers(task);
            let all = |is: fn(&Container) -> bool| task.containers.iter().all(is);
            if all(|one| one.stage >= Stage::Running) {
                task.times.pull_stopped = Some(now);
                register(state, task, now);
                task.enter(Status::Activating, now);
            }
            // A container that others wait for may have a check.
            return checks::tick(task, now);
        }
        Status::Activating => {
            task.times.started = Some(now);
            task.enter(Status::Running, now);
        }
        Status::Running => return checks::tick(task, now),
        Status::Deactivating => {
            if !drains(state, task, now) {
                task.enter(Status::Stopping, now);
            }
        }
        Status::Stopping => {
            for container in task.containers.iter_mut().filter(|one| one.stage == Stage::Waiting) {
                container.stage = Stage::Ended;
            }
            if task.containers.iter().all(|one| one.stage == Stage::Ended) {
                task.times.execution_stopped = Some(now);
                task.enter(Status::Deprovisioning, now);
            }
        }
        Status::Deprovisioning => {
            task.times.stopped = Some(now);
            task.enter(Status::Stopped, now);
        }
        Status::Stopped => {
            return Some(after(task.since, state.pace.remember_terminated)).filter(|then| *then > now);
        }
    }
    None
}

/// Finds images and secrets. `Err`: the reason why the task stops.
fn prepare(state: &mut State, task: &mut Task) -> Result<(), String> {
    let known = task.service.clone().and_then(|(service, deployment)| {
        let service = state.ecs.services.get_mut(&service)?;
        service.deployment(&deployment).map(|one| one.images.clone())
    });
    let mut known = known.unwrap_or_default();
    for container in &mut task.containers {
        // A tag is resolved once for all tasks of a deployment.
        let digest = match known.get(&container.image) {
            Some(digest) => digest.clone(),
            None => images::resolve(state, &container.image)
                .inspect_err(|why| container.reason = Some(why.clone()))?,
        };
        known.insert(container.image.clone(), digest.clone());
        container.digest = Some(digest);
        for (variable, from) in &container.secrets {
            if let Some(value) = secretsmanager::value(state, from) {
                container.environment.insert(variable.clone(), value);
                continue;
            }
            let name = from.split_once(":parameter").map_or(from.as_str(), |(_, path)| path);
            let value =
                ssm::parameter(state, name).or_else(|| ssm::parameter(state, name.trim_start_matches('/')));
            let value = value.ok_or_else(|| {
                format!(
                    "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval \
                     failed: unable to retrieve secrets from ssm: service call has been retried 1 time(s): invalid \
                     parameters: {name}"
                )
            })?;
            container.environment.insert(variable.clone(), value);
        }
    }
    if let Some((service, deployment)) = &task.service
        && let Some(one) = state.ecs.services.get_mut(service).and_then(|one| one.deployment(deployment))
    {
        one.images = known;
    }
    Ok(())
}

/// Starts the containers whose dependencies are met (API_ContainerDependency).
fn start_containers(task: &mut Task) {
    let ready = |one: &Container| {
        one.depends.iter().all(|(name, condition)| {
            task.containers.iter().find(|other| other.name == *name).is_none_or(|other| {
                match condition.as_str() {
                    "COMPLETE" => other.stage == Stage::Ended,
                    "SUCCESS" => other.stage == Stage::Ended && other.exit == Some(0),
                    "HEALTHY" => other.check.as_ref().is_some_and(|check| check.health == Health::Healthy),
                    _ => other.stage >= Stage::Running,
                }
            })
        })
    };
    let waiting = task.containers.iter().filter(|one| one.stage == Stage::Waiting);
    let names: Vec<String> = waiting.filter(|one| ready(one)).map(|one| one.name.clone()).collect();
    for container in task.containers.iter_mut().filter(|one| names.contains(&one.name)) {
        container.stage = Stage::Wanted;
    }
}

fn register(state: &mut State, task: &Task, now: Timestamp) {
    let address = task.place.address.to_string();
    for one in &task.balancers {
        // A missing target group has no targets.
        if targets::register(state, &one.group, &address, Some(one.port), now).is_ok()
            && let Some(service) = task.service.as_ref().and_then(|(arn, _)| state.ecs.services.get_mut(arn))
        {
            service.say(&format!("registered 1 targets in (target-group {})", one.group), now);
        }
    }
}

/// Deregisters a task; returns whether requests may still be under way to it.
fn drains(state: &mut State, task: &Task, now: Timestamp) -> bool {
    let address = task.place.address.to_string();
    let mut drains = false;
    for one in &task.balancers {
        let health = |state: &State| targets::health(state, &one.group, &address).map(|health| health.state);
        if health(state).is_some_and(|health| health != HealthState::Draining) {
            let _ = targets::deregister(state, &one.group, &address, Some(one.port), now);
        }
        drains |= health(state).is_some();
    }
    // Stopped processes have no requests under way.
    drains && task.containers.iter().any(|one| one.stage < Stage::Ended)
}
