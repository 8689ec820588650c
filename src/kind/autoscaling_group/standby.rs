//! Standby, and the launch version of a group, for releases in place. The caller chooses the instances;
//! nothing here decides.

use std::collections::BTreeSet;
use std::time::Duration;

use super::group::{Group, observe_one};
use super::ready::unhealthy_targets;
use super::spec::Spec;
use crate::cloud::Repeat;
use crate::cloud::error::{Error, Service};
use crate::kind::operation::{Operation, Poll};

/// Maximum number of instances in a call (API_EnterStandby, API_ExitStandby).
const INSTANCES: usize = 20;

/// Puts the in-service instances of `ids` on standby and waits until all are. They are then deregistered, and
/// have answered their requests (user guide, as-enter-exit-standby). The desired capacity decreases by their
/// number.
pub async fn enter(
    op: &Operation<'_>,
    group: &str,
    ids: &BTreeSet<String>,
    limit: Duration,
) -> Result<(), Error> {
    let fleet = there(op, group).await?;
    let serving: Vec<String> =
        fleet.of(ids).filter(|member| member.state == "InService").map(|member| member.id.clone()).collect();
    let client = &op.cloud.autoscaling;
    for some in serving.chunks(INSTANCES) {
        op.call(Service::AutoScaling, "EnterStandby", Repeat::OnThrottle, || {
            let call = client.enter_standby().auto_scaling_group_name(group);
            call.set_instance_ids(Some(some.to_vec())).should_decrement_desired_capacity(true).send()
        })
        .await?;
    }
    op.wait(&format!("{} are on standby", told(ids)), limit, || async {
        let fleet = there(op, group).await?;
        let mut waits = fleet.of(ids).filter(|member| !member.leaving() && member.state != "Standby");
        Ok(match waits.next() {
            None => Poll::Ready(()),
            Some(member) => Poll::Pending(format!("{} is {}", member.id, member.state)),
        })
    })
    .await
}

/// Brings the standby instances of `ids` back and waits until each is in service and a healthy target. An
/// instance that is replaced meanwhile was not fit.
pub async fn exit(
    op: &Operation<'_>,
    group: &str,
    ids: &BTreeSet<String>,
    limit: Duration,
) -> Result<(), Error> {
    let fleet = there(op, group).await?;
    let standing: Vec<String> =
        fleet.of(ids).filter(|member| member.state == "Standby").map(|member| member.id.clone()).collect();
    let client = &op.cloud.autoscaling;
    for some in standing.chunks(INSTANCES) {
        op.call(Service::AutoScaling, "ExitStandby", Repeat::OnThrottle, || {
            client.exit_standby().auto_scaling_group_name(group).set_instance_ids(Some(some.to_vec())).send()
        })
        .await?;
    }
    op.wait(&format!("{} are healthy targets again", told(ids)), limit, || async {
        let fleet = there(op, group).await?;
        for id in ids {
            match fleet.members.iter().find(|member| member.id == *id) {
                Some(member) if member.in_service() => {}
                Some(member) if !member.leaving() && member.healthy => {
                    return Ok(Poll::Pending(format!("{id} is {}", member.state)));
                }
                _ => return Ok(Poll::Failed(format!("{id} was unhealthy and is being replaced"))),
            }
        }
        let others =
            fleet.members.iter().map(|member| member.id.clone()).filter(|id| !ids.contains(id)).collect();
        for target_group in &fleet.target_groups {
            if let Some(seen) = unhealthy_targets(op.cloud, &fleet, target_group, &others, false).await? {
                return Ok(Poll::Pending(seen));
            }
        }
        Ok(Poll::Ready(()))
    })
    .await
}

/// Terminates the instances of `ids` that are on standby or on their way there; they serve no requests.
pub async fn end(op: &Operation<'_>, group: &str, ids: &BTreeSet<String>) -> Result<(), Error> {
    let fleet = there(op, group).await?;
    let client = &op.cloud.autoscaling;
    for member in fleet.of(ids).filter(|member| member.state.contains("Standby")) {
        op.call(Service::AutoScaling, "TerminateInstanceInAutoScalingGroup", Repeat::OnThrottle, || {
            let call = client.terminate_instance_in_auto_scaling_group().instance_id(&member.id);
            call.should_decrement_desired_capacity(false).send()
        })
        .await?;
    }
    Ok(())
}

/// Raises the desired capacity to at least this.
pub async fn grow(op: &Operation<'_>, group: &str, desired: i32) -> Result<(), Error> {
    let fleet = there(op, group).await?;
    if fleet.desired >= desired {
        return Ok(());
    }
    let client = &op.cloud.autoscaling;
    op.call(Service::AutoScaling, "SetDesiredCapacity", Repeat::Safe, || {
        client
            .set_desired_capacity()
            .auto_scaling_group_name(group)
            .desired_capacity(desired.min(fleet.max))
            .send()
    })
    .await
    .map(drop)
}

/// Makes the group launch the version that `spec` names; running instances stay.
pub async fn pin(op: &Operation<'_>, group: &str, spec: &Spec) -> Result<(), Error> {
    let client = &op.cloud.autoscaling;
    let (mixed, template) = (spec.mixed_instances_policy()?, spec.template()?.specification());
    op.call(Service::AutoScaling, "UpdateAutoScalingGroup", Repeat::Safe, || {
        let call = client.update_auto_scaling_group().auto_scaling_group_name(group);
        match &mixed {
            Some(mixed) => call.mixed_instances_policy(mixed.clone()),
            None => call.launch_template(template.clone()),
        }
        .send()
    })
    .await
    .map(drop)
}

async fn there(op: &Operation<'_>, group: &str) -> Result<Group, Error> {
    observe_one(op.cloud, group).await?.ok_or_else(|| {
        Error::failed(
            format!("the group `{group}` is gone"),
            "it was deleted from outside; run `bgform plan`",
        )
    })
}

fn told(ids: &BTreeSet<String>) -> String {
    ids.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}
