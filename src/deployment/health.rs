//! Whether a colour that was given traffic still carries it. Looks, and changes nothing.

use aws_sdk_elasticloadbalancingv2::types::{TargetHealthDescription, TargetHealthStateEnum};

use crate::cloud::Cloud;
use crate::cloud::error::{Error, Service};
use crate::kind::autoscaling_group::fleet::observe_one;
use crate::kind::elbv2::cutover::told;

/// As many targets are told of.
const SHOWN: usize = 5;

/// What is wrong with a colour, `None` where nothing is: a target that fails its checks, or a group
/// with less than `least` capacity in service. Both colours had all their targets healthy before
/// either got weight.
pub async fn ill(
    cloud: &Cloud,
    target_group: &str,
    group: &str,
    least: u32,
) -> Result<Option<String>, Error> {
    let answer = cloud
        .read(Service::Elbv2, "DescribeTargetHealth", || {
            cloud.elbv2.describe_target_health().target_group_arn(target_group).send()
        })
        .await?;
    let targets = answer.target_health_descriptions();
    let state =
        |one: &TargetHealthDescription| one.target_health().and_then(|health| health.state()).cloned();
    let healthy = targets.iter().filter(|one| state(one) == Some(TargetHealthStateEnum::Healthy)).count();
    let failing = |one: &&TargetHealthDescription| {
        state(one).is_some_and(|state| state.as_str().starts_with("unhealthy"))
    };
    let failing: Vec<String> = targets.iter().filter(failing).map(told).collect();
    if !failing.is_empty() {
        let shown = failing.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
        return Ok(Some(format!("{healthy} of {} targets are healthy, {shown}", targets.len())));
    }
    let is_raised = u32::try_from(healthy).unwrap_or(u32::MAX) >= least;
    if healthy == targets.len() && healthy > 0 && is_raised {
        return Ok(None);
    }
    // One that comes or goes is the group's business as long as enough are there; with weighted
    // instance types, fewer of them have the capacity.
    let Some(fleet) = observe_one(cloud, group).await? else { return Ok(Some(format!("`{group}` is gone"))) };
    let enough = fleet.capacity_in_service().unsigned_abs() >= least && healthy > 0;
    Ok((!enough).then(|| {
        format!("{healthy} of {} targets are healthy, and `{group}` has {}", targets.len(), fleet.summary())
    }))
}
