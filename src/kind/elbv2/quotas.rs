//! Checks that the account's quotas allow the target groups, rules and targets that a plan adds. Existing
//! resources are counted only if some are added.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;

use super::{count, name_in};
use crate::address::Address;
use crate::cloud::error::Error;
use crate::kind::preflight::{Begins, Count, Finding, Ground, known};
use crate::kind::{self, target_group};

const PAGE: &str =
    "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html";

/// The quota's name in DescribeAccountLimits, and the count to compare with it.
type Counts = Vec<(&'static str, Count)>;

/// Compares the existing and the added resources with the quotas of Elastic Load Balancing.
///
/// # Errors
/// When the account cannot be read.
pub async fn look(ground: &Ground<'_>) -> Result<Vec<Finding>, Error> {
    let counts: Counts = [
        target_groups(ground).await?,
        rules(ground).await?,
        ground.begins.iter().filter(|one| one.raises).flat_map(targets).collect(),
    ]
    .concat();
    if counts.is_empty() {
        return Ok(Vec::new());
    }
    let limits = known(count::limits(ground.cloud).await)?.unwrap_or_default();
    Ok(counts.iter().filter_map(|(quota, count)| count.exceeds(limits.get(*quota).copied())).collect())
}

/// The load balancer of each router of a deployment. Load balancers that the plan creates are left out: they
/// have no other resources yet.
fn balancers<'a>(one: &'a Begins<'_>) -> impl Iterator<Item = (&'a Address, String)> {
    one.routers.iter().filter_map(|(said, router)| Some((&said.address, router.balancer(&said.inputs)?)))
}

/// Target groups of the region and of each load balancer.
async fn target_groups(ground: &Ground<'_>) -> Result<Counts, Error> {
    let added = ground.made("target_group");
    let Some(first) = added.first() else { return Ok(Vec::new()) };
    let all = target_group::all(ground.cloud).await?;
    let region = Count {
        address: (*first).clone(),
        what: "target groups in the region".to_owned(),
        there: all.len(),
        added: added.len(),
        page: PAGE,
    };
    let mut counts = vec![("target-groups", region)];
    for one in &ground.begins {
        let address = &one.targets.address;
        let mine = added.iter().filter(|made| made.name == address.name).count();
        let balancers: BTreeSet<String> = balancers(one).map(|(_, balancer)| balancer).collect();
        // A network load balancer has no such quota.
        let balancers = balancers.into_iter().filter(|balancer| !count::is_network(balancer));
        counts.extend(balancers.filter(|_| mine > 0).map(|balancer| {
            let there = all.iter().filter(|group| group.load_balancer_arns().contains(&balancer)).count();
            let what = format!("target groups of load balancer {}", name_in(&balancer));
            let count = Count { address: address.clone(), what, there, added: mine, page: PAGE };
            ("target-groups-per-application-load-balancer", count)
        }));
    }
    Ok(counts)
}

/// Rules of each load balancer, without default ones; a preview's rules are added for a time.
async fn rules(ground: &Ground<'_>) -> Result<Counts, Error> {
    // Only a router that is a rule counts; a listener's default action does not.
    let is_rule = |kind: &&str| kind::router(kind).is_some_and(|router| router.named_by().is_none());
    let rules = kind::managed().iter().map(|kind| kind.schema().kind).filter(is_rule);
    let added: Vec<&&Address> = rules.flat_map(|kind| ground.made(kind)).collect();
    let mut more: BTreeMap<String, (Address, usize)> = BTreeMap::new();
    for one in &ground.begins {
        for (address, balancer) in balancers(one) {
            let here = usize::from(one.previews) + usize::from(added.contains(&&address));
            if here > 0 {
                more.entry(balancer).or_insert((address.clone(), 0)).1 += here;
            }
        }
    }
    let counts = more.into_iter().map(|(balancer, (address, added))| async move {
        let there = count::rules(ground.cloud, &balancer).await?;
        let what = format!("rules of load balancer {}", name_in(&balancer));
        Ok(("rules-per-application-load-balancer", Count { address, what, there, added, page: PAGE }))
    });
    try_join_all(counts).await
}

/// Targets of the new colour, and of both behind one load balancer. Other services' targets are not counted:
/// that would take a call for each of their target groups.
fn targets(one: &Begins<'_>) -> Counts {
    let balancer = balancers(one).next().map(|(_, balancer)| balancer);
    let new = usize::try_from(one.launches).unwrap_or_default();
    let live = one.live.as_ref().map_or(0, |(_, fleet)| fleet.members.len());
    let of = |what: &str, there| Count {
        address: one.targets.address.clone(),
        what: what.to_owned(),
        there,
        added: new,
        page: PAGE,
    };
    vec![
        ("targets-per-target-group", of("targets in one target group", 0)),
        (count::quota_of_targets(balancer.as_deref()), of("targets behind one load balancer", live)),
    ]
}
