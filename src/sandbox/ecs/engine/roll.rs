//! The number of tasks of each deployment: starts and stops them within the percentages
//! (API_DeploymentConfiguration).

use jiff::Timestamp;

use super::judge::{Verdict, judge};
use super::{keep, sooner};
use crate::ecs::fargate;
use crate::ecs::service::{Deployment, Rollout, Service};
use crate::ecs::task::{self, Start, StopCode, Task};
use crate::state::{State, Tags};

/// Maximum number of tasks that are started in one turn.
const BATCH: usize = 10;

/// The reason of a task that the scheduler stops as surplus.
pub fn scaling(deployment: &str) -> String {
    format!("Scaling activity initiated by (deployment {deployment})")
}

/// Starts and stops tasks that are due now; returns when to call it again.
pub fn roll(state: &mut State, service: &mut Service, now: Timestamp) -> Option<Timestamp> {
    let primary = service.primary().cloned()?;
    let wanted = service.tasks(state).filter(|task| task.is_wanted()).cloned().collect::<Vec<Task>>();
    let all: Vec<(Task, Verdict)> = wanted
        .into_iter()
        .map(|task| (judge(state, service, &task, now), task))
        .map(|(v, t)| (t, v))
        .collect();
    let due = keep::due(&all);
    let desired = service.desired;
    let least = (desired * service.rolling.min_percent).div_ceil(100);
    let most = desired * service.rolling.max_percent / 100;
    let (own, others): (Vec<_>, Vec<_>) = all.iter().partition(|(task, _)| task.deployment() == primary.id);
    let well = |one: &&&(Task, Verdict)| one.1 == Verdict::Healthy;
    let ill = |one: &&&(Task, Verdict)| matches!(one.1, Verdict::Unhealthy(..));
    let halted = primary.rollout == Rollout::Failed;

    // In the primary deployment, unhealthy tasks are replaced before they are stopped.
    let sound = own.iter().filter(|one| !ill(one)).count();
    let lacking = if halted { 0 } else { desired.saturating_sub(sound) };
    let room = most.saturating_sub(all.len());
    let started = match service.next_start.filter(|then| *then > now && lacking > 0) {
        Some(then) => return sooner(due, Some(then)),
        None => start(state, service, &primary, lacking.min(room).min(BATCH), now),
    };

    // Unhealthy tasks stop when others are there, or one by one if there is no room for others.
    let healthy = own.iter().filter(well).count();
    let replaced = (healthy + own.iter().filter(ill).count()).saturating_sub(desired);
    let stuck = lacking > room && room == 0;
    let going = if stuck { replaced.max(1) } else { replaced };
    for (task, verdict) in own.iter().filter(ill).take(going) {
        if let Verdict::Unhealthy(why, said) = verdict {
            service.say(said, now);
            stop(state, service, std::slice::from_ref(&task.arn), why, now);
        }
    }

    // Surplus tasks of the primary deployment: the least advanced first, then those in the fullest place.
    let surplus = sound.saturating_sub(desired);
    let mut sorted: Vec<&&(Task, Verdict)> = own.iter().filter(|one| !ill(one)).collect();
    let beside =
        |task: &Task| own.iter().filter(|(other, _)| other.place.subnet == task.place.subnet).count();
    sorted.sort_by_key(|(task, verdict)| (*verdict == Verdict::Healthy, std::cmp::Reverse(beside(task))));
    let surplus: Vec<String> = sorted.iter().take(surplus).map(|(task, _)| task.arn.clone()).collect();
    stop(state, service, &surplus, &scaling(&primary.id), now);

    // Other deployments: unhealthy tasks are no loss, and of the healthy ones as many stop as the minimum
    // allows.
    let serving = healthy + others.iter().filter(well).count();
    // The old tasks that a failed deployment leaves are the only ones that serve.
    let free = if halted { serving.saturating_sub(desired) } else { serving.saturating_sub(least) };
    let unwell = others.iter().filter(|one| !well(one)).filter(|_| !halted || serving >= desired);
    // While too few tasks serve, those that may become healthy stay.
    let unwell: Vec<String> =
        unwell.filter(|one| ill(one) || serving >= least).map(|(task, _)| task.arn.clone()).collect();
    let old = others.iter().filter(well).take(free).map(|(task, _)| task.arn.clone());
    let gone: Vec<String> = unwell.into_iter().chain(old).collect();
    stop(state, service, &gone, &scaling(&primary.id), now);
    if started || !gone.is_empty() {
        service.steady = false;
    }
    due
}

/// Stops tasks, with an event.
pub fn stop(state: &mut State, service: &mut Service, arns: &[String], why: &str, now: Timestamp) {
    let mut stopped = Vec::new();
    for arn in arns {
        let Some(task) = state.ecs.tasks.get_mut(arn).filter(|task| task.is_wanted()) else { continue };
        task.end(StopCode::ServiceSchedulerInitiated, why, now);
        stopped.push(task.clone());
    }
    if stopped.is_empty() {
        return;
    }
    service.steady = false;
    let names: Vec<String> = stopped.iter().map(|task| format!("(task {})", task.id)).collect();
    service.say(&format!("has stopped {} running tasks: {}.", names.len(), names.join(" ")), now);
    let groups: std::collections::BTreeSet<&str> =
        stopped.iter().flat_map(|task| &task.balancers).map(|one| one.group.as_str()).collect();
    for group in groups {
        service.say(&format!("deregistered {} targets in (target-group {group})", stopped.len()), now);
        service.say(&format!("has begun draining connections on {} tasks.", stopped.len()), now);
    }
}

/// Starts tasks of a deployment; returns whether any was started.
fn start(
    state: &mut State,
    service: &mut Service,
    deployment: &Deployment,
    count: usize,
    now: Timestamp,
) -> bool {
    if count == 0 {
        return false;
    }
    let revision = &deployment.revision;
    let (Some(definition), Some(network)) =
        (state.ecs.definitions.get(&revision.definition).cloned(), &revision.network)
    else {
        return false;
    };
    let on_fargate = revision.launch_type.as_deref() != Some("EC2");
    let mut names = Vec::new();
    for _ in 0..count {
        let live: Vec<&Task> = service.tasks(state).filter(|task| task.is_wanted()).collect();
        let own = live.iter().filter(|task| task.deployment() == deployment.id);
        let start = Start {
            cluster: &service.cluster,
            definition: &definition,
            network,
            group: format!("service:{}", service.name),
            started_by: Some(deployment.id.clone()),
            service: Some((service.arn.clone(), deployment.id.clone())),
            balancers: revision.balancers.clone(),
            overrides: serde_json::json!({ "containerOverrides": [], "inferenceAcceleratorOverrides": [] }),
            launch_type: revision.launch_type.clone(),
            provider: fargate::provider(&revision.strategy, own.count()),
            tags: tags_of(state, service, &definition.arn),
            others: live.iter().map(|task| task.place.subnet.clone()).collect(),
        };
        let started = match on_fargate {
            true => task::start(state, start, now).map_err(|refusal| refusal.message),
            false => Err("No Container Instances were found in your cluster.".to_owned()),
        };
        match started {
            Ok(arn) => names.push(format!("(task {})", crate::ecs::last(&arn))),
            Err(why) => {
                service.say(
                    &format!(
                        "was unable to place a task because no container instance met all of its requirements. Reason: {why} \
                         For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."
                    ),
                    now,
                );
                keep::miss(service, now);
                if let Some(one) =
                    service.deployment(&deployment.id).filter(|one| one.rollout == Rollout::InProgress)
                {
                    one.failed += 1;
                }
                break;
            }
        }
    }
    if !names.is_empty() {
        service.say(&format!("has started {} tasks: {}.", names.len(), names.join(" ")), now);
    }
    !names.is_empty()
}

/// The tags of a service's task (API_CreateService, propagateTags and enableECSManagedTags).
fn tags_of(state: &State, service: &Service, definition: &str) -> Tags {
    let told = |name: &str| service.more.get(name);
    let from = match told("propagateTags").and_then(|from| from.as_str()) {
        Some("SERVICE") => Some(service.arn.as_str()),
        Some("TASK_DEFINITION") => Some(definition),
        _ => None,
    };
    let mut tags = from.and_then(|arn| state.ecs.tags.get(arn)).cloned().unwrap_or_default();
    if told("enableECSManagedTags").and_then(|flag| flag.as_bool()) == Some(true) {
        tags.insert("aws:ecs:clusterName".to_owned(), service.cluster.clone());
        tags.insert("aws:ecs:serviceName".to_owned(), service.name.clone());
    }
    tags
}
