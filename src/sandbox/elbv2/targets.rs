//! Targets of target groups: registered, checked, drained.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::super::api::Refusal;
use super::super::ec2::InstanceState;
use super::super::state::State;
use super::resource::Resource;
use super::{TargetGroup, attributes, limits};

/// A target of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// An instance id, or an address.
    pub id: String,
    pub port: u16,
    /// The health in the last check; `None` before the first result.
    #[serde(default)]
    pub seen: Option<Health>,
    /// Since when it is drained.
    #[serde(default)]
    pub draining: Option<Timestamp>,
}

/// Target health as DescribeTargetHealth tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    pub state: HealthState,
    /// Such as `Target.FailedHealthChecks`; `None` if healthy.
    pub reason: Option<String>,
    pub description: Option<String>,
}

impl Health {
    fn because(state: HealthState, reason: &str, description: &str) -> Self {
        Self { state, reason: Some(reason.to_owned()), description: Some(description.to_owned()) }
    }

    /// The health of a requested target that is not registered.
    pub(super) fn not_registered() -> Self {
        Self::because(
            HealthState::Unused,
            "Target.NotRegistered",
            "Target is not registered to the target group",
        )
    }
}

/// The states of a target (API_TargetHealth).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HealthState {
    /// No rule names the group, or the instance does not run.
    Unused,
    Initial,
    Healthy,
    Unhealthy,
    Draining,
}

/// Registers an instance, by default at the group's port. Registering a draining target ends the draining; a
/// registered one stays as it is. `TargetGroupNotFound`, `InvalidTarget`.
pub fn register(
    state: &mut State,
    group_arn: &str,
    instance: &str,
    port: Option<u16>,
    _now: Timestamp,
) -> Result<(), Refusal> {
    let group = TargetGroup::find(state, group_arn)?;
    let port = port.unwrap_or(group.port);
    allowed(state, group, instance)?;
    let Some(group) = state.elbv2.target_groups.get_mut(group_arn) else { return Ok(()) };
    if let Some(there) = group.targets.iter_mut().find(|one| one.id == instance && one.port == port) {
        there.draining = None;
        return Ok(());
    }
    if group.targets.len() >= limits::TARGETS {
        return Err(Refusal::new("TooManyTargets", "The maximum number of targets has been reached"));
    }
    group.targets.push(Target { id: instance.to_owned(), port, seen: None, draining: None });
    Ok(())
}

fn allowed(state: &State, group: &TargetGroup, id: &str) -> Result<(), Refusal> {
    let invalid = |message: String| Err(Refusal::new("InvalidTarget", message));
    if group.target_type == "ip" {
        return match id.parse::<std::net::Ipv4Addr>() {
            Ok(_) => Ok(()),
            Err(_) => Err(Refusal::validation(format!("The IP address '{id}' is not a valid IPv4 address"))),
        };
    }
    match state.ec2.instances.get(id) {
        None if !id.starts_with("i-") => Err(Refusal::validation(format!("Instance ID '{id}' is not valid"))),
        None => invalid(format!("The following targets do not exist: '{id}'")),
        // An instance that is just starting may be registered by its Auto Scaling group.
        Some(instance) if !instance.state.runs() => invalid(format!(
            "The following targets are not in a running state and cannot be registered: '{id}'"
        )),
        Some(instance) if !instance.vpc.is_empty() && instance.vpc != group.vpc => {
            invalid(format!("The following targets are not in the target group VPC '{}': '{id}'", group.vpc))
        }
        Some(_) => Ok(()),
    }
}

/// Begins to drain an instance (at all its ports if none is given); it is gone at once if it got no request.
/// An unregistered target is no error.
pub fn deregister(
    state: &mut State,
    group_arn: &str,
    instance: &str,
    port: Option<u16>,
    now: Timestamp,
) -> Result<(), Refusal> {
    let group = TargetGroup::find(state, group_arn)?;
    let used = state.elbv2.user_of(group_arn).is_some_and(|user| user.active);
    let at_once = !used || !reachable(state, group, instance) || delay(group).is_zero();
    let Some(group) = state.elbv2.target_groups.get_mut(group_arn) else { return Ok(()) };
    let is = |one: &Target| one.id == instance && port.is_none_or(|port| one.port == port);
    match at_once {
        true => group.targets.retain(|one| !is(one)),
        false => {
            for one in group.targets.iter_mut().filter(|one| is(one)) {
                one.draining.get_or_insert(now);
            }
        }
    }
    Ok(())
}

/// Tells whether a target can get requests: an instance must run.
pub(super) fn reachable(state: &State, group: &TargetGroup, id: &str) -> bool {
    group.target_type == "ip" || state.ec2.instances.get(id).is_some_and(|instance| instance.state.runs())
}

/// `deregistration_delay.timeout_seconds`
fn delay(group: &TargetGroup) -> Duration {
    let seconds = attributes::of_target_group(group, "deregistration_delay.timeout_seconds").parse();
    Duration::from_secs(seconds.unwrap_or_default())
}

/// When a draining target is gone at the latest.
pub(super) fn drained_by(group: &TargetGroup, since: Timestamp) -> Timestamp {
    let delay = SignedDuration::try_from(delay(group)).unwrap_or_default();
    since.saturating_add(delay).unwrap_or(Timestamp::MAX)
}

/// The health of an instance in a group; `None` if it is not registered there. Of several ports, the worst
/// one counts.
pub fn health(state: &State, group_arn: &str, instance: &str) -> Option<Health> {
    let group = state.elbv2.target_groups.get(group_arn)?;
    let all = group.targets.iter().filter(|one| one.id == instance).map(|one| of(state, group, one));
    all.reduce(|one, other| if one.state == HealthState::Healthy { other } else { one })
}

/// The health of a target in the form of answers.
pub(super) fn of(state: &State, group: &TargetGroup, target: &Target) -> Health {
    use HealthState::{Draining, Initial, Unused};
    if target.draining.is_some() {
        let description = "Target deregistration is in progress";
        return Health::because(Draining, "Target.DeregistrationInProgress", description);
    }
    let instance = state.ec2.instances.get(&target.id);
    match instance.map(|instance| instance.state) {
        Some(InstanceState::Stopping | InstanceState::Stopped) => {
            return Health::because(Unused, "Target.InvalidState", "Target is in the stopped state");
        }
        Some(InstanceState::ShuttingDown | InstanceState::Terminated) => {
            return Health::because(Unused, "Target.InvalidState", "Target is in the terminated state");
        }
        _ => {}
    }
    let Some(user) = state.elbv2.user_of(&group.arn) else {
        let description = "Target group is not configured to receive traffic from the load balancer";
        return Health::because(Unused, "Target.NotInUse", description);
    };
    if instance.is_some_and(|instance| !user.subnets.iter().any(|placed| placed.zone == instance.zone)) {
        let description = "Target is in an Availability Zone that is not enabled for the load balancer";
        return Health::because(Unused, "Target.NotInUse", description);
    }
    match &target.seen {
        _ if !user.active => {
            Health::because(Initial, "Elb.RegistrationInProgress", "Target registration is in progress")
        }
        Some(seen) => seen.clone(),
        None => Health::because(Initial, "Elb.InitialHealthChecking", "Initial health checks in progress"),
    }
}

/// The port of a group; `None` if it does not exist.
pub fn group_port(state: &State, group_arn: &str) -> Option<u16> {
    state.elbv2.target_groups.get(group_arn).map(|group| group.port)
}
