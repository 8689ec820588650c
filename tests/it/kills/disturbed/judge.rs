//! What is wrong in the region after a story, by its API alone: the state is not asked.

use std::collections::BTreeMap;

use aws_sdk_autoscaling::types::{AutoScalingGroup, ScheduledUpdateGroupAction};
use bgform::cloud::Cloud;

use super::hands::There;
use crate::moto::lifecycle::everything;

/// The sizes of the file.
const SIZES: [i32; 2] = [1, 3];
/// When a colour that stands by is emptied: `retire_after`, and what the clock of a run may be behind.
const RETIRED_WITHIN: i64 = 3 * 3600 + 60;

/// Which kind of complaint it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Duplicate,
    Orphan,
    Weights,
    Bounds,
    Hang,
    Wrong,
}

type Complaints = Vec<(Fault, String)>;

/// What is there more or less often than the file says.
async fn counted(cloud: &Cloud, before: &BTreeMap<&str, usize>, wrong: &mut Complaints) {
    let mut wanted = before.clone();
    for (kind, more) in [("load balancers", 1), ("target groups", 2), ("groups", 2), ("launch templates", 1)]
    {
        *wanted.entry(kind).or_default() += more;
    }
    for (kind, found) in everything(cloud).await {
        // Members of groups, rules of listeners and copies of images are looked at one by one.
        if ["instances", "volumes", "rules", "images", "snapshots"].contains(&kind) {
            continue;
        }
        let wanted = wanted.get(kind).copied().unwrap_or_default();
        if found != wanted {
            let fault = if found > wanted { Fault::Duplicate } else { Fault::Wrong };
            wrong.push((fault, format!("{kind}: {wanted} wanted, {found} there")));
        }
    }
}

/// Instances that belong to no group.
async fn stray(cloud: &Cloud, there: &There, wrong: &mut Complaints) {
    let members: Vec<&str> = there
        .groups
        .iter()
        .flat_map(|group| group.instances())
        .filter_map(|member| member.instance_id())
        .collect();
    let all = cloud.ec2.describe_instances().send().await.expect("instances");
    for instance in all.reservations().iter().flat_map(|one| one.instances()) {
        let id = instance.instance_id().unwrap_or_default();
        let state = instance.state().and_then(|state| state.name()).map(|name| name.as_str().to_owned());
        if state.as_deref() != Some("terminated") && !members.contains(&id) {
            wrong.push((Fault::Orphan, format!("{id} is {state:?} and in no group")));
        }
    }
}

fn sizes(group: &AutoScalingGroup) -> [i32; 3] {
    [group.min_size(), group.max_size(), group.desired_capacity()].map(Option::unwrap_or_default)
}

/// A group that has the traffic: its sizes are those of the file, all its targets are healthy.
async fn live(cloud: &Cloud, group: &AutoScalingGroup, wrong: &mut Complaints) {
    let name = group.auto_scaling_group_name().unwrap_or_default();
    let [min, max, desired] = sizes(group);
    if [min, max] != SIZES || !(min..=max).contains(&desired) {
        wrong.push((Fault::Bounds, format!("{name} is live with {min} to {max}, {desired} desired")));
    }
    for arn in group.target_group_arns() {
        let health = cloud.elbv2.describe_target_health().target_group_arn(arn).send().await.expect("health");
        let states: Vec<_> = health
            .target_health_descriptions()
            .iter()
            .filter_map(|one| one.target_health()?.state().map(|state| state.as_str().to_owned()))
            .filter(|state| state != "draining")
            .collect();
        let healthy = states.iter().filter(|state| *state == "healthy").count();
        if healthy != usize::try_from(desired).unwrap_or_default() || healthy != states.len() {
            wrong.push((Fault::Wrong, format!("{name}: {desired} desired, its targets are {states:?}")));
        }
    }
}

/// A group without traffic: it is empty, or a scheduled action is going to empty it.
fn idle(group: &AutoScalingGroup, actions: &[&ScheduledUpdateGroupAction], now: i64, wrong: &mut Complaints) {
    let name = group.auto_scaling_group_name().unwrap_or_default();
    let sizes = sizes(group);
    let is_empty = sizes == [0, 0, 0] && group.instances().is_empty();
    match actions {
        [] if is_empty => {}
        [one] if !is_empty => {
            let to = [one.min_size(), one.max_size(), one.desired_capacity()].map(Option::unwrap_or_default);
            let at = one.start_time().map(|time| time.secs()).unwrap_or_default();
            if to != [0, 0, 0] || at > now + RETIRED_WITHIN {
                let text = format!("{name} is to have {to:?} in {} s", at - now);
                wrong.push((Fault::Wrong, text));
            }
            // Its minimum is what the live colour had, so that nothing makes the way back too small.
            if !(SIZES[0]..=SIZES[1]).contains(&sizes[0]) || sizes[1] != SIZES[1] || sizes[2] < sizes[0] {
                wrong.push((Fault::Bounds, format!("{name} stands by with {sizes:?}")));
            }
        }
        _ => {
            let text = format!("{name} has no traffic, {sizes:?}, {} scheduled actions", actions.len());
            wrong.push((Fault::Bounds, text));
        }
    }
}

/// Tags and health checks are those of the file, which every release has.
async fn settings(cloud: &Cloud, there: &There, wrong: &mut Complaints) {
    for group in &there.targets {
        let arn = group.target_group_arn().unwrap_or_default();
        let described = cloud.elbv2.describe_tags().resource_arns(arn).send().await.expect("tags");
        let tags = described.tag_descriptions()[0].tags();
        let service = tags.iter().find(|tag| tag.key() == Some("service")).and_then(|tag| tag.value());
        if service != Some("ship") || !tags.iter().any(|tag| tag.key() == Some("bgform:stack")) {
            wrong.push((Fault::Wrong, format!("{arn} is tagged {tags:?}")));
        }
        let check = (group.healthy_threshold_count(), group.health_check_interval_seconds());
        if check != (Some(2), Some(5)) {
            wrong.push((Fault::Wrong, format!("{arn} is checked {check:?}")));
        }
    }
}

/// Everything that is not as the file says.
pub async fn complaints(cloud: &Cloud, before: &BTreeMap<&str, usize>) -> Complaints {
    let mut wrong = Vec::new();
    counted(cloud, before, &mut wrong).await;
    let there = There::now(cloud).await;
    stray(cloud, &there, &mut wrong).await;
    settings(cloud, &there, &mut wrong).await;
    let [rule] = &there.rules[..] else {
        wrong.push((Fault::Duplicate, format!("{} rules", there.rules.len())));
        return wrong;
    };
    let weights = There::weights(rule);
    let mut shares: Vec<i32> = weights.iter().map(|(_, weight)| *weight).collect();
    shares.sort_unstable();
    if shares != [0, 100] || rule.priority() != Some("10") {
        wrong.push((Fault::Weights, format!("the rule of priority {:?} has {weights:?}", rule.priority())));
    }
    let actions = cloud.autoscaling.describe_scheduled_actions().send().await.expect("scheduled actions");
    let now = bgform::clock::now().as_second();
    for group in &there.groups {
        let of = |action: &&ScheduledUpdateGroupAction| {
            action.auto_scaling_group_name() == group.auto_scaling_group_name()
        };
        let actions: Vec<_> = actions.scheduled_update_group_actions().iter().filter(of).collect();
        let has_weight =
            weights.iter().any(|(arn, weight)| *weight > 0 && group.target_group_arns().contains(arn));
        match has_weight {
            true => {
                live(cloud, group, &mut wrong).await;
                if !actions.is_empty() {
                    let name = group.auto_scaling_group_name();
                    wrong.push((Fault::Bounds, format!("{name:?} is live and is to be emptied")));
                }
            }
            false => idle(group, &actions, now, &mut wrong),
        }
    }
    wrong
}
