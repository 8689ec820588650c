//! The health of registered targets, as a load balancer sees it.

use aws_sdk_elasticloadbalancingv2::types::{TargetHealthDescription, TargetHealthStateEnum};

use super::{SERVICE, name_in};
use crate::address::Address;
use crate::cloud::Cloud;
use crate::cloud::error::Error;
use crate::kind::fleet::Standing;
use crate::kind::preflight::Finding;

/// The page about targets that no request reaches any more.
const DEREGISTERED: &str =
    "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DeregisterTargets.html";

/// One registered target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub id: Option<String>,
    pub health: Health,
    /// `i-2 is unhealthy (Target.Timeout: Request timed out)`
    pub told: String,
}

/// The state in API_TargetHealth, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    Healthy,
    /// It fails its checks, draining or not.
    Unhealthy,
    /// It was deregistered and finishes its requests.
    Draining,
    /// No listener or rule forwards to the group, so that nothing is checked.
    Unused,
    /// Not checked yet, or unknown.
    Other,
}

/// Returns the targets of a group, including draining ones.
///
/// # Errors
/// When they cannot be read.
pub async fn targets(cloud: &Cloud, target_group: &str) -> Result<Vec<Target>, Error> {
    let send = || cloud.elbv2.describe_target_health().target_group_arn(target_group).send();
    let answer = cloud.read(SERVICE, "DescribeTargetHealth", send).await?;
    Ok(answer.target_health_descriptions().iter().map(Target::of).collect())
}

/// Finds in-service members that somebody has deregistered from the fleet's target groups. An Auto Scaling
/// group registers an instance once, when it enters service, and neither registers it again nor replaces it
/// (<https://docs.aws.amazon.com/autoscaling/ec2/userguide/attach-load-balancer-asg.html>).
pub async fn unregistered(
    cloud: &Cloud,
    fleet: &Standing,
    members: &str,
    at: &Address,
) -> Result<Option<Finding>, Error> {
    let (mut told, mut commands) = (Vec::new(), Vec::new());
    for arn in &fleet.target_groups {
        let registered = match targets(cloud, arn).await {
            Err(error) if error.is_not_found() => continue,
            answer => answer?,
        };
        let is_there = |id: &str| {
            registered.iter().any(|one| one.id.as_deref() == Some(id) && one.health != Health::Draining)
        };
        let serving = fleet.members.iter().filter(|member| member.in_service());
        let left: Vec<&str> =
            serving.map(|member| member.target.as_str()).filter(|id| !is_there(id)).collect();
        if left.is_empty() {
            continue;
        }
        told.push(format!("{} in target group `{}`", left.join(", "), name_in(arn)));
        let ids: String = left.iter().map(|id| format!(" Id={id}")).collect();
        commands.push(format!("`aws elbv2 register-targets --target-group-arn {arn} --targets{ids}`"));
    }
    Ok((!told.is_empty()).then(|| Finding {
        address: at.clone(),
        refuses: false,
        message: format!("no request reaches {members} that were deregistered: {}", told.join("; ")),
        help: format!("to register them again: {}", commands.join(" and ")),
        page: DEREGISTERED,
    }))
}

impl Target {
    pub fn of(described: &TargetHealthDescription) -> Self {
        let state = described.target_health().and_then(|health| health.state());
        let health = match state {
            Some(TargetHealthStateEnum::Healthy) => Health::Healthy,
            Some(TargetHealthStateEnum::Draining) => Health::Draining,
            Some(TargetHealthStateEnum::Unused) => Health::Unused,
            Some(state) if state.as_str().starts_with("unhealthy") => Health::Unhealthy,
            _ => Health::Other,
        };
        let id = described.target().and_then(|target| target.id()).map(str::to_owned);
        Self { id, health, told: told(described) }
    }

    pub fn is_healthy(&self) -> bool {
        self.health == Health::Healthy
    }
}

/// `i-2 is unhealthy (Target.Timeout: Request timed out)`
pub fn told(target: &TargetHealthDescription) -> String {
    let id = target.target().and_then(|target| target.id()).unwrap_or("a target");
    let health = target.target_health();
    let state =
        health.and_then(|health| health.state()).map_or("in no known state", TargetHealthStateEnum::as_str);
    let reason = health.and_then(|health| health.reason()).map(|reason| reason.as_str());
    let said = health.and_then(|health| health.description());
    let why = [reason, said].into_iter().flatten().collect::<Vec<_>>().join(": ");
    if why.is_empty() { format!("{id} is {state}") } else { format!("{id} is {state} ({why})") }
}

#[cfg(test)]
mod tests {
    use aws_sdk_elasticloadbalancingv2::types::{TargetDescription, TargetHealth, TargetHealthReasonEnum};

    use super::*;

    #[test]
    fn a_target_says_how_it_is_and_why() {
        let health = TargetHealth::builder()
            .state(TargetHealthStateEnum::from("unhealthy.draining"))
            .reason(TargetHealthReasonEnum::Timeout)
            .build();
        let target = TargetDescription::builder().id("i-2").build();
        let target = TargetHealthDescription::builder().target(target).target_health(health).build();
        let target = Target::of(&target);
        assert_eq!(
            (target.health, target.told.as_str()),
            (Health::Unhealthy, "i-2 is unhealthy.draining (Target.Timeout)")
        );
    }
}
