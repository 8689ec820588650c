//! Keeps a group's size: launches missing instances, terminates unhealthy or surplus ones.

use jiff::Timestamp;
use serde_json::Value;

use super::{begin_termination, choose};
use crate::api::{Params, Refusal};
use crate::autoscaling::activities::{Activity, Status};
use crate::autoscaling::group::{Group, Lifecycle, Member, Template};
use crate::autoscaling::{later, told};
use crate::ec2::launch::{self, Launch};
use crate::elbv2::targets;
use crate::state::State;

/// Seconds until the launch after a failed one, doubled each time.
const BACK_OFF: i64 = 10;
const LONGEST_BACK_OFF: i64 = 300;

/// A launch has failed.
pub fn back_off(group: &mut Group, now: Timestamp) {
    let wait = BACK_OFF.saturating_mul(1 << group.failures.min(10)).min(LONGEST_BACK_OFF);
    group.failures = group.failures.saturating_add(1);
    group.next_launch = Some(later(now, wait));
}

/// Brings a group nearer to its size; when the next launch may be tried.
pub fn keep(state: &mut State, group: &mut Group, now: Timestamp) -> Option<Timestamp> {
    if group.deleting {
        for id in group.instances.keys().cloned().collect::<Vec<_>>() {
            let cause = format!("At {} a user request force-deleted the AutoScalingGroup.", told(now));
            begin_termination(state, group, &id, cause, now);
        }
        return None;
    }
    if group.runs("Terminate") && group.runs("ReplaceUnhealthy") {
        replace_unhealthy(state, group, now);
    }
    // A refresh that launches first exceeds the desired capacity up to its maximum healthy percentage
    // (API_RefreshPreferences), and the maximum size with it.
    let wanted = group.desired + group.refresh().map_or(0, |refresh| refresh.extra);
    let due = match group.runs("Launch") {
        true => launch_missing(state, group, wanted, now),
        false => None,
    };
    if group.runs("Terminate") {
        shrink(state, group, wanted, now);
    }
    if group.capacity() == wanted {
        group.cause.clear();
    }
    due
}

fn replace_unhealthy(state: &mut State, group: &mut Group, now: Timestamp) {
    let unhealthy: Vec<(String, String)> = group
        .instances
        .values()
        .filter(|member| member.state == Lifecycle::InService)
        .filter_map(|member| Some((member.id.clone(), member.unhealthy.clone()?)))
        .collect();
    for (id, why) in unhealthy {
        let cause = format!("At {} an instance was taken out of service in response to {why}.", told(now));
        begin_termination(state, group, &id, cause, now);
    }
}

fn launch_missing(state: &mut State, group: &mut Group, wanted: i64, now: Timestamp) -> Option<Timestamp> {
    while group.capacity() < wanted {
        if let Some(next) = group.next_launch.filter(|next| *next > now) {
            return Some(next);
        }
        launch_one(state, group, now);
    }
    None
}

fn shrink(state: &mut State, group: &mut Group, wanted: i64, now: Timestamp) {
    while group.capacity() > wanted {
        let before = group.capacity();
        let Some(id) = choose::victim(group, before - wanted) else { return };
        let after = before - group.instances.get(&id).map_or(0, Member::units);
        let because = spaced(&group.cause);
        let at = told(now);
        let cause = format!(
            "{because}At {at} an instance was taken out of service in response to a difference between desired and \
             actual capacity, shrinking the capacity from {before} to {after}.  At {at} instance {id} was selected \
             for termination."
        );
        begin_termination(state, group, &id, cause, now);
    }
}

fn spaced(cause: &str) -> String {
    if cause.is_empty() { String::new() } else { format!("{cause}  ") }
}

/// The parameters of a launch.
struct Plan {
    launch: Launch,
    template: Template,
    zone: String,
    weight: Option<i64>,
}

fn plan(state: &State, group: &Group) -> Result<Plan, Refusal> {
    let (template, mixed) = group.launches();
    let mut template = template.clone();
    let mut instance_type = None;
    let mut weight = None;
    // The first override is the preferred one.
    let overrides = mixed.and_then(|mixed| mixed.pointer("/LaunchTemplate/Overrides/0"));
    if let Some(first) = overrides.map(|first| Params::from_json(Value::clone(first))) {
        instance_type = first.text("InstanceType");
        weight = first.number("WeightedCapacity");
        if let Some(own) = first.child("LaunchTemplateSpecification") {
            template = Template {
                id: own.text("LaunchTemplateId").unwrap_or_default(),
                name: own.text("LaunchTemplateName").unwrap_or_default(),
                version: own.text("Version").unwrap_or_default(),
            };
        }
    }
    let (mut launch, number) = launch::from_template(state, &template.id, &template.version)?;
    template.version = number.to_string();
    if let Some(instance_type) = instance_type {
        launch.instance_type = instance_type;
    }
    let place = choose::place(state, group);
    let (zone, subnet) = place.ok_or_else(|| Refusal::validation("The group has no zone to launch in."))?;
    launch.subnet = subnet;
    launch.port =
        launch.port.or_else(|| group.target_groups.keys().find_map(|arn| targets::group_port(state, arn)));
    launch.group = Some(group.name.clone());
    for (key, (value, _)) in group.tags.iter().filter(|(_, (_, propagate))| *propagate) {
        launch.tags.insert(key.clone(), value.clone());
    }
    // These tags tell an instance's origin, whatever launched it (EC2 user guide,
    // launch-instances-from-launch-template; user guide, ec2-auto-scaling-tagging).
    for (key, value) in [
        ("aws:autoscaling:groupName", group.name.clone()),
        ("aws:ec2launchtemplate:id", template.id.clone()),
        ("aws:ec2launchtemplate:version", template.version.clone()),
    ] {
        launch.tags.insert(key.to_owned(), value);
    }
    Ok(Plan { launch, template, zone, weight })
}

fn launch_one(state: &mut State, group: &mut Group, now: Timestamp) {
    let planned = plan(state, group);
    let made = planned.and_then(|plan| Ok((launch::launch(state, &plan.launch, now)?, plan)));
    let before = group.capacity();
    let weight = made.as_ref().ok().and_then(|(_, plan)| plan.weight).unwrap_or(1);
    let at = told(now);
    let cause = match (group.cause.is_empty(), group.refresh().is_some()) {
        (true, true) => format!("At {at} an instance was launched in response to an instance refresh."),
        (true, false) => {
            format!(
                "At {at} an instance was launched in response to an unhealthy instance needing to be replaced."
            )
        }
        (false, _) => format!(
            "{}At {at} an instance was started in response to a difference between desired and actual capacity, \
             increasing the capacity from {before} to {}.",
            spaced(&group.cause),
            before + weight
        ),
    };
    let activity = Activity {
        group: group.name.clone(),
        group_arn: group.arn.clone(),
        cause,
        started_at: now,
        ..Activity::default()
    };
    match made {
        Ok((id, plan)) => {
            let subnet = plan.launch.subnet.clone().unwrap_or_default();
            let activity = state.autoscaling.record(Activity {
                description: format!("Launching a new EC2 instance: {id}"),
                status: Status::PreInService,
                progress: 30,
                details: Some((subnet, plan.zone.clone())),
                ..activity
            });
            let zone = state.ec2.instances.get(&id).map_or(plan.zone, |instance| instance.zone.clone());
            let member = Member {
                id: id.clone(),
                template: Some(plan.template),
                instance_type: plan.launch.instance_type,
                zone,
                protected: group.protects_new,
                weight: plan.weight,
                joined_at: now,
                activity: Some(activity),
                ..Member::default()
            };
            group.instances.insert(id, member);
        }
        Err(refusal) => {
            let message =
                format!("{}. Launching EC2 instance failed.", refusal.message.trim_end_matches('.'));
            state.autoscaling.record(Activity {
                description: format!("Launching a new EC2 instance.  Status Reason: {message}"),
                status: Status::Failed,
                message: Some(message),
                progress: 100,
                ended_at: Some(now),
                ..activity
            });
            back_off(group, now);
        }
    }
}
