//! Waits until a service has its tasks, and judges early that it will not get them: ECS starts tasks that fail again
//! and again, and counts one that ends after it has run neither for its circuit breaker nor for its throttle
//! (developer guide, deployment-circuit-breaker, service-throttle-logic).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_ecs::types as t;

use super::service::{Service, observe_one, tasks};
use crate::cloud::error::Error;
use crate::kind::ecs;
use crate::kind::elbv2::name_in;
use crate::kind::fleet::Member;
use crate::kind::operation::{Operation, Poll};
use crate::kind::targets::{Health, Target, targets};

/// Failed tasks since the wait began after which the wait fails.
const FAILURES: usize = 3;
/// Targets that are listed in a message.
const SHOWN: usize = 5;

/// The condition to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// All wanted tasks run the revision that the service names.
    Running,
    /// Also, the deployment is completed, and each task is a healthy target.
    Healthy,
}

impl Wanted {
    /// The condition that an operation which adds tasks waits for.
    pub fn of(op: &Operation<'_>) -> Self {
        if op.relieves { Self::Healthy } else { Self::Running }
    }
}

/// The state to which the calls before the wait have brought a service: ECS is eventually consistent, and shows the one
/// before for some time (API_RunTask).
#[derive(Debug, Default)]
pub struct Awaited {
    /// The deployment that was begun.
    pub deployment: Option<String>,
    /// The bounds that its wanted number of tasks is within.
    pub bounds: Option<[i32; 2]>,
}

impl Awaited {
    /// What does not show yet of it, or the failure of its deployment.
    fn look(&self, service: &Service, seen_once: &AtomicBool) -> Option<Poll<Service>> {
        if let Some(id) = self.deployment.as_deref() {
            let found = service.described.deployments().iter().find(|one| one.id() == Some(id));
            let known = seen_once.fetch_or(found.is_some(), Ordering::Relaxed);
            let is_primary = found.is_some_and(|one| one.status() == Some("PRIMARY"));
            let reason = found.and_then(|one| one.rollout_state_reason()).unwrap_or("no reason was given");
            match known {
                _ if is_primary => {}
                false if found.is_none() => {
                    return Some(Poll::Pending("its deployment is not visible yet".to_owned()));
                }
                // With `auto_rollback`, the revision before is the primary one again.
                _ => return Some(Poll::Failed(format!("ECS has given its deployment up: {reason}"))),
            }
        }
        let [min, max] = self.bounds?;
        let fits = (min..=max).contains(&service.desired);
        (!fits).then(|| Poll::Pending(format!("{} tasks are wanted as yet", service.desired)))
    }
}

/// Waits, and returns the service as then observed.
pub async fn ready(
    op: &Operation<'_>,
    arn: &str,
    wanted: Wanted,
    of: &Awaited,
    limit: Duration,
) -> Result<Service, Error> {
    let failures = Failures::default();
    let name = ecs::last(arn);
    let until = match wanted {
        Wanted::Running => format!("the tasks of `{name}` run"),
        Wanted::Healthy => format!("the tasks of `{name}` run, every one a healthy target"),
    };
    let seen_once = AtomicBool::new(false);
    op.wait(&until, limit, || async {
        let Some(service) = observe_one(op.cloud, arn).await? else { return Ok(Poll::Gone) };
        if service.deleting {
            return Ok(Poll::Gone);
        }
        if let Some(poll) = of.look(&service, &seen_once) {
            return Ok(poll);
        }
        let ended = tasks(op.cloud, arn, true).await?;
        let failed = failures.of_this_wait(&service, &ended);
        if let Some(seen) = broken(&service, &failed) {
            return Ok(Poll::Failed(seen));
        }
        let mut seen = running(&service);
        if seen.is_none() && wanted == Wanted::Healthy {
            seen = unhealthy(op, &service).await?.or_else(|| completed(&service));
        }
        // ECS lists a task for an hour after its end, so that its successor need not tell why it ended.
        let last = failed.last().map(|last| format!("a task ended: {last}"));
        Ok(match seen {
            None => Poll::Ready(service),
            Some(seen) => match last.or_else(|| failures.event(&service)) {
                Some(why) => Poll::Pending(format!("{seen}; {why}")),
                None => Poll::Pending(seen),
            },
        })
    })
    .await
}

/// Why the deployment will not succeed, if that is known. A service that is to be empty needs no deployment.
fn broken(service: &Service, failed: &[String]) -> Option<String> {
    let primary = service.primary().filter(|_| service.desired > 0)?;
    let told = |count: usize| {
        let last = failed.last().map(|last| format!("; the last one: {last}")).unwrap_or_default();
        format!("{}, and {count} tasks ended{last}", service.summary())
    };
    if service.has_failed() {
        let reason = primary.rollout_state_reason().unwrap_or("no reason was given");
        return Some(format!(
            "{}; {reason}",
            told(failed.len().max(primary.failed_tasks().max(0).unsigned_abs() as usize))
        ));
    }
    (failed.len() >= FAILURES).then(|| told(failed.len()))
}

/// What is missing until all wanted tasks run the revision of the service, and no other.
fn running(service: &Service) -> Option<String> {
    let fits = |member: &&Member| member.in_service() && member.template == service.template;
    let count = service.members.iter().filter(fits).count();
    let old = service.members.iter().filter(|one| one.template != service.template && !one.leaving()).count();
    let wanted = service.desired.max(0).unsigned_abs() as usize;
    match (count == wanted && service.running() == count, old) {
        (true, _) => None,
        (false, 0) => Some(service.summary()),
        (false, old) => Some(format!("{}, {old} of an older revision", service.summary())),
    }
}

/// What ECS says as long as it does not call the deployment completed. A service without tasks has nothing to
/// complete.
fn completed(service: &Service) -> Option<String> {
    let deployments = service.described.deployments();
    let primary = service.primary()?;
    let state = primary.rollout_state().map(t::DeploymentRolloutState::as_str);
    match state {
        // An account with the short form of states, or another controller, tells none (API_Deployment).
        None if deployments.len() == 1 => None,
        Some("COMPLETED") => None,
        _ if service.desired == 0 => None,
        _ => Some(primary.rollout_state_reason().unwrap_or("its deployment is in progress").to_owned()),
    }
}

/// The tasks that are not healthy targets, one after another. A target group that no listener uses checks no target
/// (`unused`), and so delays nothing.
async fn unhealthy(op: &Operation<'_>, service: &Service) -> Result<Option<String>, Error> {
    for group in &service.target_groups {
        let there: BTreeMap<String, Target> = targets(op.cloud, group)
            .await?
            .into_iter()
            .filter_map(|target| Some((target.id.clone()?, target)))
            .collect();
        let judged = service.members.iter().filter(|member| member.in_service());
        let unfit: Vec<String> = judged
            .filter_map(|member| match there.get(&member.target) {
                Some(target) if matches!(target.health, Health::Healthy | Health::Unused) => None,
                Some(target) => Some(target.told.clone()),
                None => Some(format!("task {} is not registered", member.id)),
            })
            .collect();
        if !unfit.is_empty() {
            let shown = unfit.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
            let more = unfit.len().saturating_sub(SHOWN);
            let more = if more > 0 { format!(", and {more} more") } else { String::new() };
            return Ok(Some(format!("{shown}{more} in target group `{}`", name_in(group))));
        }
    }
    Ok(None)
}

/// The tasks that had ended, and the events that had happened, before the wait.
#[derive(Default)]
struct Failures {
    tasks: Mutex<Option<BTreeSet<String>>>,
    event: Mutex<Option<Option<String>>>,
}

impl Failures {
    /// Why tasks of the service's deployment failed since the wait began, the latest last.
    fn of_this_wait(&self, service: &Service, ended: &[t::Task]) -> Vec<String> {
        let id = |task: &t::Task| task.task_arn().unwrap_or_default().to_owned();
        let mut seen = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let old = seen.get_or_insert_with(|| ended.iter().map(id).collect());
        let deployment = service.primary().and_then(|one| one.id());
        let mut failed: Vec<&t::Task> = ended
            .iter()
            .filter(|task| !old.contains(&id(task)) && task.started_by() == deployment && has_failed(task))
            .collect();
        failed.sort_by_key(|task| task.stopping_at().map(|time| (time.secs(), time.subsec_nanos())));
        failed.into_iter().map(told).collect()
    }

    /// The newest event of the service since the wait began: that no task can be placed is told nowhere else.
    fn event(&self, service: &Service) -> Option<String> {
        let newest = service.described.events().first();
        let id = newest.and_then(|event| event.id()).map(str::to_owned);
        let mut first = self.event.lock().unwrap_or_else(PoisonError::into_inner);
        let first = first.get_or_insert_with(|| id.clone());
        let text = newest.and_then(|event| event.message()).filter(|_| id != *first)?;
        Some(text.to_owned())
    }
}

/// Tells whether a task of the newest deployment ended though it should have run (developer guide,
/// stopped-task-error-codes). What a person or a smaller number of tasks ends has not failed.
fn has_failed(task: &t::Task) -> bool {
    let scaled = task.stopped_reason().is_some_and(|reason| reason.starts_with("Scaling activity"));
    match task.stop_code().map(t::TaskStopCode::as_str) {
        Some("UserInitiated") => false,
        Some(_) => !scaled,
        None => false,
    }
}

/// `Essential container in task exited: app ended with 1`
pub fn told(task: &t::Task) -> String {
    let reason = task.stopped_reason().or(task.stop_code().map(t::TaskStopCode::as_str));
    let reason = reason.unwrap_or("no reason was given");
    // Containers that ECS stops end too, and not of themselves.
    let by_itself = task.stop_code() != Some(&t::TaskStopCode::ServiceSchedulerInitiated);
    let containers = task.containers().iter().filter(|_| by_itself).filter_map(|one| {
        let name = one.name().unwrap_or("a container");
        // A container that was killed for its memory says so here.
        match (one.exit_code(), one.reason()) {
            (_, Some(why)) if reason.contains(why) => None,
            (Some(code), Some(why)) => Some(format!("{name} ended with {code} ({why})")),
            (Some(code), None) => Some(format!("{name} ended with {code}")),
            (None, Some(why)) => Some(format!("{name}: {why}")),
            (None, None) => None,
        }
    });
    let containers = containers.collect::<Vec<_>>().join(", ");
    match containers.is_empty() {
        true => reason.to_owned(),
        false => format!("{reason}: {containers}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(code: &str, reason: &str, container: t::Container) -> t::Task {
        let task = t::Task::builder().task_arn("arn:aws:ecs:us-east-1:1:task/main/1");
        task.stop_code(code.into()).stopped_reason(reason).containers(container).build()
    }

    #[test]
    fn why_a_task_ended_is_told_with_its_containers() {
        let container = || t::Container::builder().name("app");
        let exited = task(
            "EssentialContainerExited",
            "Essential container in task exited",
            container().exit_code(3).build(),
        );
        assert_eq!(told(&exited), "Essential container in task exited: app ended with 3");
        let killed =
            container().exit_code(137).reason("OutOfMemoryError: Container killed due to memory usage");
        let killed = task("EssentialContainerExited", "Essential container in task exited", killed.build());
        assert_eq!(
            told(&killed),
            "Essential container in task exited: app ended with 137 (OutOfMemoryError: Container killed due to memory usage)"
        );
        let pull = "CannotPullContainerError: not found";
        let pull = task("TaskFailedToStart", pull, container().reason(pull).build());
        assert_eq!(told(&pull), "CannotPullContainerError: not found");
    }

    #[test]
    fn what_was_wanted_is_no_failure() {
        let none = || t::Container::builder().build();
        assert!(has_failed(&task("EssentialContainerExited", "", none())));
        assert!(has_failed(&task("TaskFailedToStart", "", none())));
        assert!(has_failed(&task(
            "ServiceSchedulerInitiated",
            "Task failed ELB health checks in (target-group x)",
            none()
        )));
        let scaled = "Scaling activity initiated by (deployment ecs-svc/1)";
        assert!(!has_failed(&task("ServiceSchedulerInitiated", scaled, none())));
        assert!(!has_failed(&task("UserInitiated", "Task stopped by user", none())));
    }
}
