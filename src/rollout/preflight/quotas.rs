//! Whether the account takes what the plan adds: what exists is counted only where something is added.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;

use super::{Begins, Finding, Ground};
use crate::address::Address;
use crate::cloud::error::{Error, Service};
use crate::cloud::{Cloud, Repeat};
use crate::facts::Stage;
use crate::kind;
use crate::kind::elbv2::count;
use crate::kind::elbv2::name_in;
use crate::plan::step::{Action, Step};

const ELB: &str =
    "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html";
const SCALING: &str = "https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-quotas.html";

/// What is counted, and how much of it there is and comes.
#[derive(Clone)]
struct Count {
    address: Address,
    /// `rules of load balancer edge`
    what: String,
    /// The quota's name in DescribeAccountLimits.
    quota: &'static str,
    there: usize,
    added: usize,
}

/// Holds what exists and what is added against the quotas of Elastic Load Balancing and of Auto Scaling.
///
/// # Errors
/// When the account cannot be read.
pub(super) async fn look(ground: &Ground<'_>, begins: &[Begins<'_>]) -> Result<Vec<Finding>, Error> {
    let mut found = Vec::new();
    if let Some(first) = made(ground.steps, "autoscaling_group").first() {
        let added = made(ground.steps, "autoscaling_group").len();
        found.extend(groups(ground.cloud, first, added).await?);
    }
    let counts = [
        target_groups(ground, begins).await?,
        rules(ground, begins).await?,
        begins.iter().filter(|one| one.has_raise()).flat_map(|one| targets(ground, one)).collect(),
    ]
    .concat();
    if counts.is_empty() {
        return Ok(found);
    }
    let limits = known(count::limits(ground.cloud).await)?.unwrap_or_default();
    found.extend(counts.iter().filter_map(|count| exceeded(count, limits.get(count.quota).copied())));
    Ok(found)
}

fn exceeded(count: &Count, most: Option<usize>) -> Option<Finding> {
    let Count { address, what, there, added, .. } = count;
    let most = most.filter(|most| there + added > *most)?;
    Some(Finding {
        address: address.clone(),
        refuses: true,
        message: match there {
            0 => format!("{added} {what} are more than the account's quota of {most}"),
            _ => format!(
                "there are {there} {what}, {added} more are to be made, and the account's quota is {most}"
            ),
        },
        help: "take away what nobody uses, or ask AWS for a higher quota (Service Quotas console)".to_owned(),
        page: ELB,
    })
}

/// What the plan makes of a kind, less what it takes away first at the same place.
fn made<'a>(steps: &'a [Step], kind: &str) -> Vec<&'a Address> {
    let goes_first = |address: &Address| {
        steps.iter().any(|step| {
            step.address == *address && matches!(step.action, Action::Delete { deposed: false, .. })
        })
    };
    let of_kind = steps.iter().filter(|step| {
        step.address.kind == kind
            && matches!(step.action, Action::Create { .. })
            && !goes_first(&step.address)
    });
    of_kind.map(|step| &step.address).collect()
}

/// API_DescribeAccountLimits of Auto Scaling counts itself.
async fn groups(cloud: &Cloud, address: &Address, added: usize) -> Result<Option<Finding>, Error> {
    // Asked once: an emulator may not have it.
    let answer = cloud
        .send(Service::AutoScaling, "DescribeAccountLimits", Repeat::OnThrottle, || {
            cloud.autoscaling.describe_account_limits().send()
        })
        .await;
    let Some(answer) = known(answer)? else { return Ok(None) };
    let there = count_of(answer.number_of_auto_scaling_groups()).unwrap_or_default();
    let count = Count {
        address: address.clone(),
        what: "Auto Scaling groups in the region".to_owned(),
        quota: "",
        there,
        added,
    };
    let finding = exceeded(&count, count_of(answer.max_number_of_auto_scaling_groups()));
    Ok(finding.map(|finding| Finding { page: SCALING, ..finding }))
}

fn count_of(number: Option<i32>) -> Option<usize> {
    number.and_then(|number| usize::try_from(number).ok())
}

/// None where the server does not know the call.
fn known<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(Error::Cloud(error)) if error.code.is_none() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The load balancers that a deployment's routers are at, one for each; those that are made now are left
/// out, since nothing else is there yet.
fn balancers(ground: &Ground<'_>, name: &str) -> Vec<(Address, String)> {
    let of = |address: &Address| kind::router(&address.kind)?.balancer(&ground.inputs(address)?);
    let routers = ground.program.routers_of(name).into_iter();
    routers.filter_map(|address| of(&address).map(|balancer| (address, balancer))).collect()
}

/// Target groups of the region and of each load balancer.
async fn target_groups(ground: &Ground<'_>, begins: &[Begins<'_>]) -> Result<Vec<Count>, Error> {
    let added = made(ground.steps, "target_group");
    let Some(first) = added.first() else { return Ok(Vec::new()) };
    let all = count::target_groups(ground.cloud).await?;
    let mut counts = vec![Count {
        address: (*first).clone(),
        what: "target groups in the region".to_owned(),
        quota: "target-groups",
        there: all.len(),
        added: added.len(),
    }];
    for one in begins {
        let name = &one.intent.name;
        let mine = added.iter().filter(|address| address.name == *name).count();
        let balancers: BTreeSet<String> =
            balancers(ground, name).into_iter().map(|(_, balancer)| balancer).collect();
        // A network load balancer has no such quota.
        let balancers = balancers.into_iter().filter(|balancer| !count::is_network(balancer));
        counts.extend(balancers.filter(|_| mine > 0).map(|balancer| Count {
            address: one.target_group.clone(),
            what: format!("target groups of load balancer {}", name_in(&balancer)),
            quota: "target-groups-per-application-load-balancer",
            there: all.iter().filter(|group| group.load_balancers.contains(&balancer)).count(),
            added: mine,
        }));
    }
    Ok(counts)
}

/// Rules of each load balancer, default ones not counted; a preview's rules come and go.
async fn rules(ground: &Ground<'_>, begins: &[Begins<'_>]) -> Result<Vec<Count>, Error> {
    let added: Vec<&Address> = kind::managed()
        .iter()
        .map(|kind| kind.schema().kind)
        .filter(|kind| is_rule(kind))
        .flat_map(|kind| made(ground.steps, kind))
        .collect();
    let mut more: BTreeMap<String, (Address, usize)> = BTreeMap::new();
    for one in begins {
        let previews = usize::from(one.rollout.stages.contains(&Stage::Preview { on: true }));
        for (address, balancer) in balancers(ground, &one.intent.name) {
            let here = previews + usize::from(added.contains(&&address));
            if here > 0 {
                more.entry(balancer).or_insert((address, 0)).1 += here;
            }
        }
    }
    let counts = more.into_iter().map(|(balancer, (address, added))| async move {
        let there = count::rules(ground.cloud, &balancer).await?;
        let what = format!("rules of load balancer {}", name_in(&balancer));
        Ok(Count { address, what, quota: "rules-per-application-load-balancer", there, added })
    });
    try_join_all(counts).await
}

/// A rule of its own counts; what a listener does by default does not.
fn is_rule(kind: &str) -> bool {
    kind::router(kind).is_some_and(|router| router.named_by().is_none())
}

/// Targets of the new colour, and of both behind one load balancer. Other services' targets are not
/// counted: that would be a call for each of their target groups.
fn targets(ground: &Ground<'_>, one: &Begins<'_>) -> Vec<Count> {
    let balancers = balancers(ground, &one.intent.name);
    let balancer = balancers.first().map(|(_, balancer)| balancer.as_str());
    let new = usize::try_from(one.launches()).unwrap_or_default();
    let live = one.live.map_or(0, |fleet| fleet.members.len());
    [
        ("targets in one target group", "targets-per-target-group", 0, new),
        ("targets behind one load balancer", count::quota_of_targets(balancer), live, new),
    ]
    .into_iter()
    .map(|(what, quota, there, added)| Count {
        address: one.target_group.clone(),
        what: what.to_owned(),
        quota,
        there,
        added,
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_exists_and_what_is_added_are_held_against_the_quota() {
        let count = |there, added| Count {
            address: Address::new("target_group", "web").with_key("green"),
            what: "target groups in the region".to_owned(),
            quota: "target-groups",
            there,
            added,
        };
        assert!(exceeded(&count(2998, 2), Some(3000)).is_none());
        assert!(exceeded(&count(1, 2), None).is_none(), "a quota that is not told is not reached");
        let found = exceeded(&count(2999, 2), Some(3000)).unwrap();
        assert_eq!(
            found.message,
            "there are 2999 target groups in the region, 2 more are to be made, and the account's quota is 3000"
        );
        assert!(found.refuses);
    }
}
