//! Chooses where to launch, and which instance to terminate (user guide,
//! ec2-auto-scaling-termination-policies).

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::autoscaling::group::{Group, Member};
use crate::autoscaling::lookups;
use crate::state::State;

/// The zone with the fewest instances, and the group's subnet there.
pub fn place(state: &State, group: &Group) -> Option<(String, Option<String>)> {
    let count = |zone: &String| {
        group.instances.values().filter(|member| member.state.counts() && member.zone == *zone).count()
    };
    let zone = group.zones.iter().min_by_key(|zone| count(zone))?;
    let mut subnets = group.subnets.iter();
    let own = subnets.find(|subnet| lookups::subnet_zone(state, subnet).as_ref() == Some(zone)).cloned();
    Some((zone.clone(), own.or_else(|| lookups::default_subnet(state, zone))))
}

/// The instance to terminate so that a group shrinks by at most `units`; protected ones stay.
///
/// Balances the zones first: chooses in the zone with the most instances. There the policies apply in order;
/// the default policy takes instances of the oldest template version first, and of those the oldest.
pub fn victim(group: &Group, units: i64) -> Option<String> {
    let mut zones: BTreeMap<&str, usize> = BTreeMap::new();
    for member in group.instances.values().filter(|member| member.state.counts()) {
        *zones.entry(member.zone.as_str()).or_default() += 1;
    }
    let can_go = |member: &&Member| member.state.counts() && !member.protected && member.units() <= units;
    let candidates: Vec<&Member> = group.instances.values().filter(can_go).collect();
    let crowd = |member: &&Member| zones.get(member.zone.as_str()).copied().unwrap_or(0);
    let most = candidates.iter().map(crowd).max()?;
    let mut left: Vec<&Member> = candidates.into_iter().filter(|member| crowd(member) == most).collect();
    // An instance that is not in service yet costs nothing.
    left.sort_by_key(|member| member.in_service());
    if let Some(first) = left.first().filter(|member| !member.in_service()) {
        return Some(first.id.clone());
    }
    if let Some(refresh) = group.refresh()
        && left.iter().any(|member| refresh.old.contains(&member.id))
    {
        // An instance that will be replaced goes before a replacement.
        left.retain(|member| refresh.old.contains(&member.id));
    }
    for policy in &group.termination_policies {
        left = narrowed(group, left, policy);
    }
    left.into_iter().min_by_key(|member| (member.joined_at, &member.id)).map(|member| member.id.clone())
}

fn narrowed<'a>(group: &Group, members: Vec<&'a Member>, policy: &str) -> Vec<&'a Member> {
    match policy {
        "OldestInstance" => least(members, |member| member.joined_at),
        "NewestInstance" => least(members, |member| Reverse(member.joined_at)),
        "OldestLaunchTemplate" | "Default" => least(members, |member| age(group, member)),
        // There is one price, one purchase option, and billing by the second: no difference to choose by.
        _ => members,
    }
}

/// Other templates than the group's come first, then older versions.
fn age(group: &Group, member: &Member) -> (bool, u64) {
    let template = member.template.as_ref();
    let same = template.is_some_and(|one| one.id == group.template.id);
    (same, template.and_then(|one| one.version.parse().ok()).unwrap_or(0))
}

fn least<K: Ord + Copy>(members: Vec<&Member>, key: impl Fn(&Member) -> K) -> Vec<&Member> {
    let best = members.iter().map(|member| key(member)).min();
    members.into_iter().filter(|member| Some(key(member)) == best).collect()
}
