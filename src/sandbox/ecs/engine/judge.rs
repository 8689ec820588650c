//! Judges a task of a service, and decides whether the service must react.

use jiff::{SignedDuration, Timestamp};

use crate::ecs::after;
use crate::ecs::container::Health;
use crate::ecs::service::Service;
use crate::ecs::task::{Status, Task};
use crate::elbv2::targets::{self, HealthState};
use crate::state::State;

/// The state of a task for its service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It does not count yet; at most until then, if only time decides.
    Coming(Option<Timestamp>),
    /// It counts towards the minimum (API_DeploymentConfiguration).
    Healthy,
    /// Why it must be replaced: in the words of the task, and of the service.
    Unhealthy(String, String),
}

pub fn judge(state: &State, service: &Service, task: &Task, now: Timestamp) -> Verdict {
    let (Status::Running, Some(started)) = (task.status, task.times.started) else {
        return Verdict::Coming(None);
    };
    if task.health() == Health::Unhealthy {
        let why = "Task failed container health checks".to_owned();
        return Verdict::Unhealthy(why, format!("(task {}) failed container health checks.", task.id));
    }
    let grace = i64::try_from(service.grace.unwrap_or(0)).unwrap_or(i64::MAX);
    let graced = started.checked_add(SignedDuration::from_secs(grace)).unwrap_or(Timestamp::MAX);
    let mut coming = task.is_checked() && task.health() == Health::Unknown;
    let mut until = None;
    for one in &task.balancers {
        let health = targets::health(state, &one.group, &task.place.address.to_string());
        match health.as_ref().map(|health| health.state) {
            Some(HealthState::Healthy) => {}
            Some(HealthState::Unhealthy) if graced <= now => {
                let reason = health
                    .and_then(|health| health.description)
                    .unwrap_or_else(|| "Health checks failed".to_owned());
                return Verdict::Unhealthy(
                    format!("Task failed ELB health checks in (target-group {})", one.group),
                    format!(
                        "(port {}) is unhealthy in (target-group {}) due to (reason {reason}).",
                        one.port, one.group
                    ),
                );
            }
            Some(HealthState::Unhealthy) => (coming, until) = (true, Some(graced)),
            _ => coming = true,
        }
    }
    if coming {
        return Verdict::Coming(until);
    }
    // Without any check it counts after a while.
    let settled = after(started, state.pace.task_settles);
    match task.balancers.is_empty() && !task.is_checked() && settled > now {
        true => Verdict::Coming(Some(settled)),
        false => Verdict::Healthy,
    }
}
