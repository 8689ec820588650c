//! The retirement of an old colour: an Auto Scaling scheduled action that empties its group at a time, so
//! that no process has to wait for it (API_PutScheduledUpdateGroupAction). Its name is always the same, so
//! that putting it again moves it.

use jiff::Timestamp;

use crate::cloud::error::{Error, Service};
use crate::cloud::{Cloud, Repeat};
use crate::kind::operation::Operation;

const NAME: &str = "bgform-retire";

/// Schedules the group to be emptied at this time.
pub async fn schedule(op: &Operation<'_>, group: &str, at: Timestamp) -> Result<(), Error> {
    let start = aws_smithy_types::DateTime::from_secs(at.as_second());
    let client = &op.cloud.autoscaling;
    op.call(Service::AutoScaling, "PutScheduledUpdateGroupAction", Repeat::Safe, || {
        client
            .put_scheduled_update_group_action()
            .auto_scaling_group_name(group)
            .scheduled_action_name(NAME)
            .start_time(start)
            .min_size(0)
            .max_size(0)
            .desired_capacity(0)
            .send()
    })
    .await
    .map(drop)
}

/// Deletes the action; one that has acted is gone already.
pub async fn unschedule(op: &Operation<'_>, group: &str) -> Result<(), Error> {
    let client = &op.cloud.autoscaling;
    let gone = op
        .call(Service::AutoScaling, "DeleteScheduledAction", Repeat::Safe, || {
            client.delete_scheduled_action().auto_scaling_group_name(group).scheduled_action_name(NAME).send()
        })
        .await;
    match gone {
        Ok(_) => Ok(()),
        // AWS answers ValidationError where there is none.
        Err(error) if error.is_not_found() || error.is_invalid() => Ok(()),
        Err(error) => Err(error),
    }
}

/// The time at which the group is to be emptied; `None` if no action empties it.
pub async fn scheduled(cloud: &Cloud, group: &str) -> Result<Option<Timestamp>, Error> {
    let describe = cloud.autoscaling.describe_scheduled_actions().auto_scaling_group_name(group);
    let send = || describe.clone().scheduled_action_names(NAME).send();
    let answer = cloud.read(Service::AutoScaling, "DescribeScheduledActions", send).await?;
    let at = answer.scheduled_update_group_actions().first().and_then(|action| action.start_time());
    Ok(at.and_then(|at| Timestamp::from_second(at.secs()).ok()))
}
