//! A task of a service's task definition that runs to its end, with another command (API_RunTask). Its `startedBy` is
//! the operation, by which it is found again; what could not be placed comes as a failure with HTTP status 200.

use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_ecs::types as t;

use super::ready::told;
use super::spec::Spec;
use crate::cloud::Repeat;
use crate::cloud::error::Error;
use crate::kind::ecs::{self, SERVICE};
use crate::kind::fleet::{Job, JobEnd, Template};
use crate::kind::operation::{Operation, Poll};
use crate::value::Object;

/// Starts the task, unless this operation has done so, and waits for its end.
pub async fn run(
    op: &Operation<'_>,
    fleet: &Object,
    version: &Template,
    job: &Job<'_>,
) -> Result<JobEnd, Error> {
    let spec = Spec::of(fleet)?;
    let task = match started(op, &spec.cluster).await? {
        Some(task) => task,
        None => match start(op, &spec, version, job).await? {
            Ok(task) => task,
            Err(why) => return Ok(JobEnd::Failed(why)),
        },
    };
    let until = format!("task {} has ended", ecs::last(&task));
    let seen_once = AtomicBool::new(false);
    let ended = op
        .wait(&until, job.limit, || async {
            let send = || op.cloud.ecs.describe_tasks().cluster(&spec.cluster).tasks(&task).send();
            let answer = op.cloud.read(SERVICE, "DescribeTasks", send).await?;
            let task = answer.tasks().first();
            let known = seen_once.fetch_or(task.is_some(), Ordering::Relaxed);
            Ok(match task {
                None if known => Poll::Gone,
                // A new task shows itself late: ECS is eventually consistent (API_RunTask).
                None => Poll::Pending("it is not visible yet".to_owned()),
                Some(seen) if seen.last_status() == Some("STOPPED") => Poll::Ready(end(seen, job.container)),
                Some(seen) => Poll::Pending(format!("it is {}", seen.last_status().unwrap_or("starting"))),
            })
        })
        .await;
    if let Err(Error::Wait { .. }) = &ended {
        let ecs = &op.cloud.ecs;
        let send = || {
            ecs.stop_task().cluster(&spec.cluster).task(&task).reason("its gate did not pass in time").send()
        };
        let _stopped = op.call(SERVICE, "StopTask", Repeat::Safe, send).await;
    }
    ended
}

/// The task that this operation has started, running or stopped (ECS lists stopped ones for an hour).
async fn started(op: &Operation<'_>, cluster: &str) -> Result<Option<String>, Error> {
    for wanted in [t::DesiredStatus::Running, t::DesiredStatus::Stopped] {
        let send = || {
            let list = op.cloud.ecs.list_tasks().cluster(cluster).started_by(&op.id);
            list.desired_status(wanted.clone()).send()
        };
        let answer = op.cloud.read(SERVICE, "ListTasks", send).await?;
        if let Some(task) = answer.task_arns().first() {
            return Ok(Some(task.clone()));
        }
    }
    Ok(None)
}

/// The ARN of the new task, or why it cannot be placed.
async fn start(
    op: &Operation<'_>,
    spec: &Spec,
    version: &Template,
    job: &Job<'_>,
) -> Result<Result<String, String>, Error> {
    let variable =
        |(name, value): &(String, String)| t::KeyValuePair::builder().name(name).value(value).build();
    let container = t::ContainerOverride::builder()
        .name(job.container)
        .set_command(Some(job.command.to_vec()))
        .set_environment(Some(job.environment.iter().map(variable).collect()))
        .build();
    let strategy = spec.strategy()?;
    let run = op
        .cloud
        .ecs
        .run_task()
        .cluster(&spec.cluster)
        .task_definition(format!("{}:{}", version.id, version.version))
        .client_token(op.token("task"))
        .started_by(&op.id)
        .set_launch_type(spec.launch_type())
        .set_capacity_provider_strategy(Some(strategy).filter(|all| !all.is_empty()))
        .set_platform_version(spec.platform_version().map(str::to_owned))
        .set_network_configuration(spec.network()?)
        .overrides(t::TaskOverride::builder().container_overrides(container).build());
    let answer = op.call(SERVICE, "RunTask", Repeat::Safe, || run.clone().send()).await?;
    if let Some(task) = answer.tasks().first().and_then(|task| task.task_arn()) {
        return Ok(Ok(task.to_owned()));
    }
    let failure = answer.failures().first();
    let told =
        failure.map(|one| [one.reason(), one.detail()].into_iter().flatten().collect::<Vec<_>>().join(": "));
    Ok(Err(format!("no task was placed: {}", told.unwrap_or_else(|| "no reason was given".to_owned()))))
}

/// The end of a task, by the exit code of this container. A container may end with 0 when it is stopped, by a person,
/// for a timeout or with its capacity (API_Task, stopCode): such a task has not done its work.
fn end(task: &t::Task, container: &str) -> JobEnd {
    let own = task.containers().iter().find(|one| one.name() == Some(container));
    let by_itself = task.stop_code() == Some(&t::TaskStopCode::EssentialContainerExited);
    match own.and_then(|one| one.exit_code()) {
        Some(0) if by_itself => JobEnd::Succeeded,
        Some(0) => JobEnd::Failed(format!("it was stopped before it ended by itself: {}", told(task))),
        Some(_) => JobEnd::Failed(told(task)),
        None => JobEnd::Failed(format!("`{container}` did not run: {}", told(task))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_was_stopped_has_not_succeeded_though_it_ended_with_0() {
        let ended = |code: Option<i32>, why: t::TaskStopCode| {
            let container = t::Container::builder().name("app").set_exit_code(code).build();
            end(&t::Task::builder().containers(container).stop_code(why).build(), "app")
        };
        let essential = t::TaskStopCode::EssentialContainerExited;
        assert!(matches!(ended(Some(0), essential.clone()), JobEnd::Succeeded));
        assert!(matches!(ended(Some(1), essential), JobEnd::Failed(_)));
        for why in [t::TaskStopCode::UserInitiated, t::TaskStopCode::SpotInterruption] {
            assert!(matches!(ended(Some(0), why), JobEnd::Failed(why) if why.contains("it was stopped")));
        }
        assert!(matches!(ended(None, t::TaskStopCode::TaskFailedToStart), JobEnd::Failed(_)));
    }
}
