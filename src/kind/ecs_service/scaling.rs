//! The scalable target of a service (Application Auto Scaling): its least and largest number of tasks, and the
//! scheduled action that empties an old colour at a time, so that no process has to wait for it
//! (API_PutScheduledAction). The action's name is always the same, so that putting it again moves it.

use std::collections::BTreeMap;

use aws_sdk_applicationautoscaling::types as t;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::service::observe_one;
use crate::cloud::error::{Error, Service};
use crate::cloud::{Cloud, Repeat};
use crate::kind::answers::unless_gone;
use crate::kind::ecs;
use crate::kind::operation::Operation;

const SERVICE: Service = Service::ApplicationAutoScaling;
const NAME: &str = "bgform-retire";
/// Maximum number of ids in a describe call (API_DescribeScalableTargets, MaxResults).
const FIFTY: usize = 50;

/// The bounds of a service as they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    pub min: i32,
    pub max: i32,
    /// Whether scheduled actions do nothing.
    pub halted: bool,
}

/// `service/CLUSTER/NAME`, the id of a service's scalable target (API_RegisterScalableTarget, ResourceId).
fn resource(arn: &str) -> String {
    format!("service/{}/{}", ecs::cluster_in(arn).unwrap_or("default"), ecs::last(arn))
}

/// The bounds of services by their ARNs; those without a scalable target are left out.
pub async fn bounds(cloud: &Cloud, arns: &[&str]) -> Result<BTreeMap<String, Bounds>, Error> {
    let mut found = BTreeMap::new();
    for some in arns.chunks(FIFTY) {
        let ids: Vec<String> = some.iter().map(|arn| resource(arn)).collect();
        let answer = cloud
            .read(SERVICE, "DescribeScalableTargets", || {
                cloud
                    .application_autoscaling
                    .describe_scalable_targets()
                    .service_namespace(t::ServiceNamespace::Ecs)
                    .set_resource_ids(Some(ids.clone()))
                    .scalable_dimension(t::ScalableDimension::EcsServiceDesiredCount)
                    .send()
            })
            .await?;
        for target in answer.scalable_targets() {
            let arn = some.iter().find(|arn| resource(arn) == target.resource_id());
            let halted = target.suspended_state().and_then(|one| one.scheduled_scaling_suspended());
            let bounds = Bounds {
                min: target.min_capacity(),
                max: target.max_capacity(),
                halted: halted.unwrap_or_default(),
            };
            found.extend(arn.map(|arn| ((*arn).to_owned(), bounds)));
        }
    }
    Ok(found)
}

/// Sets the bounds of a service.
pub async fn register(op: &Operation<'_>, arn: &str, min: i32, max: i32) -> Result<(), Error> {
    let register = op
        .cloud
        .application_autoscaling
        .register_scalable_target()
        .service_namespace(t::ServiceNamespace::Ecs)
        .resource_id(resource(arn))
        .scalable_dimension(t::ScalableDimension::EcsServiceDesiredCount)
        .min_capacity(min)
        .max_capacity(max);
    op.call(SERVICE, "RegisterScalableTarget", Repeat::Safe, || register.clone().send()).await.map(drop)
}

/// Takes the bounds of a service away, with all that scales it.
pub async fn deregister(op: &Operation<'_>, arn: &str) -> Result<(), Error> {
    let deregister = op
        .cloud
        .application_autoscaling
        .deregister_scalable_target()
        .service_namespace(t::ServiceNamespace::Ecs)
        .resource_id(resource(arn))
        .scalable_dimension(t::ScalableDimension::EcsServiceDesiredCount);
    unless_gone(
        op.call(SERVICE, "DeregisterScalableTarget", Repeat::Safe, || deregister.clone().send()).await,
    )
    .map(drop)
}

/// `at(2026-11-30T16:00:00)`, in UTC: the schedule of one run (API_PutScheduledAction, Schedule).
fn schedule(at: Timestamp) -> String {
    format!("at({})", at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S"))
}

fn time_of(schedule: &str) -> Option<Timestamp> {
    let text = schedule.strip_prefix("at(")?.strip_suffix(')')?;
    let time: DateTime = text.parse().ok()?;
    time.to_zoned(TimeZone::UTC).ok().map(|time| time.timestamp())
}

/// Schedules the service to be emptied at this time. A service that nobody has scaled, such as an adopted one, has no
/// scalable target, and gets one with its present number of tasks (API_PutScheduledAction, ObjectNotFoundException).
pub async fn retire(op: &Operation<'_>, arn: &str, at: Timestamp) -> Result<(), Error> {
    let put = op
        .cloud
        .application_autoscaling
        .put_scheduled_action()
        .service_namespace(t::ServiceNamespace::Ecs)
        .resource_id(resource(arn))
        .scalable_dimension(t::ScalableDimension::EcsServiceDesiredCount)
        .scheduled_action_name(NAME)
        .schedule(schedule(at))
        .timezone("UTC")
        .scalable_target_action(t::ScalableTargetAction::builder().min_capacity(0).max_capacity(0).build());
    let put =
        async || op.call(SERVICE, "PutScheduledAction", Repeat::Safe, || put.clone().send()).await.map(drop);
    match put().await {
        Err(error) if error.is_not_found() => {
            let Some(service) = observe_one(op.cloud, arn).await? else { return Err(error) };
            register(op, arn, service.desired, service.desired).await?;
            put().await
        }
        done => done,
    }
}

/// Deletes the action; one that was never made is gone already.
pub async fn keep(op: &Operation<'_>, arn: &str) -> Result<(), Error> {
    let delete = op
        .cloud
        .application_autoscaling
        .delete_scheduled_action()
        .service_namespace(t::ServiceNamespace::Ecs)
        .resource_id(resource(arn))
        .scalable_dimension(t::ScalableDimension::EcsServiceDesiredCount)
        .scheduled_action_name(NAME);
    unless_gone(op.call(SERVICE, "DeleteScheduledAction", Repeat::Safe, || delete.clone().send()).await)
        .map(drop)
}

/// The time at which the service is to be emptied; `None` if no action empties it.
pub async fn retires(cloud: &Cloud, arn: &str) -> Result<Option<Timestamp>, Error> {
    let describe = cloud
        .application_autoscaling
        .describe_scheduled_actions()
        .service_namespace(t::ServiceNamespace::Ecs)
        .resource_id(resource(arn))
        .scalable_dimension(t::ScalableDimension::EcsServiceDesiredCount)
        .scheduled_action_names(NAME);
    let answer = cloud.read(SERVICE, "DescribeScheduledActions", || describe.clone().send()).await?;
    Ok(answer.scheduled_actions().first().and_then(|action| time_of(action.schedule())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_says_one_second_of_utc() {
        let at: Timestamp = "2026-11-30T16:05:09Z".parse().unwrap();
        assert_eq!(schedule(at), "at(2026-11-30T16:05:09)");
        assert_eq!(time_of(&schedule(at)), Some(at));
        assert_eq!(time_of("rate(1 day)"), None);
    }

    #[test]
    fn a_service_is_scaled_by_its_cluster_and_name() {
        assert_eq!(resource("arn:aws:ecs:us-east-1:1:service/main/web"), "service/main/web");
    }
}
