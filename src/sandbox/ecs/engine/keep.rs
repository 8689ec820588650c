//! The upkeep of a service: counts failures, replaces tasks, ends deployments.

use jiff::Timestamp;

use super::judge::{Verdict, judge};
use super::{roll, sooner};
use crate::ecs::service::{Rollout, Service, Standing};
use crate::ecs::task::{Status, StopCode, Task};
use crate::state::State;

/// A turn of a service; returns when to call it again.
pub fn turn(state: &mut State, service: &mut Service, now: Timestamp) -> Option<Timestamp> {
    match service.standing {
        Standing::Inactive => return None,
        Standing::Draining => {
            drain(state, service, now);
            return None;
        }
        Standing::Active => {}
    }
    count(state, service, now);
    breaks(service, now);
    let due = roll::roll(state, service, now);
    completes(state, service, now);
    due
}

/// Ends all tasks; the service is then inactive (API_DeleteService).
fn drain(state: &mut State, service: &mut Service, now: Timestamp) {
    let primary = service.primary().map(|one| one.id.clone()).unwrap_or_default();
    let live: Vec<String> =
        service.tasks(state).filter(|task| task.is_wanted()).map(|task| task.arn.clone()).collect();
    roll::stop(state, service, &live, &roll::scaling(&primary), now);
    if service.tasks(state).all(|task| task.status >= Status::Stopping) {
        service.retire(now);
    }
}

/// Counts tasks that failed, or that are healthy, for their deployment (API_Deployment, failedTasks).
fn count(state: &mut State, service: &mut Service, now: Timestamp) {
    let fresh: Vec<Task> = service.tasks(state).filter(|task| !task.judged).cloned().collect();
    for task in fresh {
        let missed = task.times.started.is_none();
        let unwell = matches!(&task.stop, Some((StopCode::ServiceSchedulerInitiated, why)) if why.starts_with("Task failed"));
        let by_user = matches!(task.stop, Some((StopCode::UserInitiated, _)));
        let scaled = matches!(task.stop, Some((StopCode::ServiceSchedulerInitiated, _))) && !unwell;
        let (failed, healthy) = match task.stop {
            Some(_) => ((missed || unwell) && !by_user && !scaled, false),
            None => (false, judge(state, service, &task, now) == Verdict::Healthy),
        };
        if task.stop.is_none() && !healthy {
            continue;
        }
        if failed && missed {
            miss(service, now);
        } else if healthy {
            (service.misses, service.next_start) = (0, None);
        }
        let reset = service.rolling.breaker.as_ref().is_none_or(|breaker| breaker.reset);
        if let Some(one) =
            service.deployment(task.deployment()).filter(|one| one.rollout == Rollout::InProgress)
        {
            match (failed, healthy && reset) {
                (true, _) => (one.failed, one.updated) = (one.failed + 1, now),
                (_, true) => one.failed = 0,
                _ => {}
            }
        }
        if let Some(task) = state.ecs.tasks.get_mut(&task.arn) {
            task.judged = true;
        }
    }
}

/// The service waits longer after each task that did not start (developer guide, service-throttle-logic).
pub fn miss(service: &mut Service, now: Timestamp) {
    /// Number of such tasks before the first wait.
    const FREE: u32 = 3;
    /// Seconds: the first wait, and the longest, of 27 minutes.
    const WAITS: (u64, u64) = (15, 27 * 60);
    service.misses += 1;
    if service.misses == FREE {
        service.say(
            "is unable to consistently start tasks successfully. For more information, see the Troubleshooting section \
             of the Amazon ECS Developer Guide.",
            now,
        );
    }
    let doubled = service.misses.checked_sub(FREE).map(|more| WAITS.0 << more.min(10));
    let wait = doubled.map(|seconds| std::time::Duration::from_secs(seconds.min(WAITS.1)));
    service.next_start = wait.map(|wait| super::after(now, wait));
}

/// The circuit breaker (developer guide, deployment-circuit-breaker).
fn breaks(service: &mut Service, now: Timestamp) {
    let Some(breaker) = service.rolling.breaker.clone() else { return };
    let threshold = breaker.threshold(service.desired);
    let failed =
        service.primary().filter(|one| one.rollout == Rollout::InProgress && one.failed >= threshold);
    let Some(id) = failed.map(|one| one.id.clone()) else { return };
    let back = service
        .deployments
        .iter()
        .filter(|one| !one.primary && one.completed && one.rollout != Rollout::Failed);
    let back = back.map(|one| one.id.clone()).next().filter(|_| breaker.rollback);
    let why = "ECS deployment circuit breaker: tasks failed to start.";
    service.say(&format!("(deployment {id}) deployment failed: tasks failed to start."), now);
    if let Some(one) = service.deployment(&id) {
        one.enter(Rollout::Failed, why.to_owned(), now);
        one.primary = back.is_none();
    }
    if let Some(back) = back {
        service.say(&format!("rolling back to deployment {back}."), now);
        if let Some(one) = service.deployment(&back) {
            one.primary = true;
            let why = format!("ECS deployment circuit breaker: rolling back to deploymentId {back}.");
            one.enter(Rollout::InProgress, why, now);
        }
        // The primary deployment first.
        service.deployments.sort_by_key(|one| !one.primary);
        (service.misses, service.next_start) = (0, None);
    }
}

/// A deployment is completed when all its tasks are healthy and the tasks of the others are gone.
fn completes(state: &State, service: &mut Service, now: Timestamp) {
    let Some(primary) = service.primary() else { return };
    let (id, rollout) = (primary.id.clone(), primary.rollout);
    let own = |task: &&Task| task.deployment() == id;
    let healthy = |task: &&Task| judge(state, service, task, now) == Verdict::Healthy;
    let wanted = || service.tasks(state).filter(|task| task.is_wanted());
    let all = wanted().filter(own).filter(healthy).count() == service.desired
        && wanted().count() == service.desired;
    let left = service.tasks(state).any(|task| !own(&task) && task.status != Status::Stopped);
    // A deployment that never succeeded is no way back.
    let tasks: Vec<String> = service
        .tasks(state)
        .filter(|task| task.status != Status::Stopped)
        .map(|task| task.deployment().to_owned())
        .collect();
    service.deployments.retain(|one| {
        one.primary || one.completed && rollout != Rollout::Completed || tasks.contains(&one.id)
    });
    if rollout == Rollout::Failed || !all || left {
        return;
    }
    if rollout == Rollout::InProgress {
        service.deployments.retain(|one| one.primary);
        if let Some(one) = service.deployment(&id) {
            one.enter(Rollout::Completed, format!("ECS deployment {id} completed."), now);
            (one.completed, one.failed) = (true, 0);
        }
        service.say(&format!("(deployment {id}) deployment completed."), now);
    }
    if !service.steady {
        service.steady = true;
        service.say("has reached a steady state.", now);
    }
}

/// The due times of pending tasks.
pub fn due(verdicts: &[(Task, Verdict)]) -> Option<Timestamp> {
    verdicts.iter().fold(None, |due, (_, verdict)| match verdict {
        Verdict::Coming(until) => sooner(due, *until),
        _ => due,
    })
}
