//! Whether the account takes what the plan adds: what exists is counted only where something is added.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_elasticloadbalancingv2::types::TargetGroup;
use futures_util::future::try_join_all;

use super::{Begins, Finding, Ground};
use crate::address::Address;
use crate::cloud::error::{Error, Service};
use crate::cloud::{Cloud, Repeat};
use crate::facts::Stage;
use crate::kind::elbv2::{name_in, pages};
use crate::kind::listener_rule::rules_of;
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
        begins.iter().filter(|one| one.has_raise()).flat_map(targets).collect(),
    ]
    .concat();
    if counts.is_empty() {
        return Ok(found);
    }
    let limits = limits(ground.cloud).await?;
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

/// API_DescribeAccountLimits of Elastic Load Balancing: a number by the quota's name.
async fn limits(cloud: &Cloud) -> Result<BTreeMap<String, usize>, Error> {
    let all = pages(|marker| async move {
        let describe = cloud.elbv2.describe_account_limits().set_marker(marker);
        let send = || describe.clone().send();
        let page = cloud.send(Service::Elbv2, "DescribeAccountLimits", Repeat::OnThrottle, send).await?;
        Ok((page.limits.unwrap_or_default(), page.next_marker))
    });
    let limits = known(all.await)?.unwrap_or_default();
    Ok(limits.into_iter().filter_map(|limit| Some((limit.name?, limit.max?.parse().ok()?))).collect())
}

/// The load balancer of a listener: the first parts of its ARN (service authorization reference,
/// Elastic Load Balancing).
fn balancer_of(listener: &str) -> Option<String> {
    let (balancer, _) = listener.rsplit_once('/')?;
    Some(balancer.replacen(":listener/", ":loadbalancer/", 1))
}

/// The listeners that a deployment's rules are at, one for each rule; those that are made now are left
/// out, since nothing else is there yet.
fn listeners(ground: &Ground<'_>, name: &str) -> Vec<(Address, String)> {
    let of = |address: &Address| ground.inputs(address)?.get("listener")?.as_str().map(str::to_owned);
    let rules = ground.program.rules_of(name).into_iter();
    rules.filter_map(|address| of(&address).map(|listener| (address, listener))).collect()
}

/// Target groups of the region and of each load balancer.
async fn target_groups(ground: &Ground<'_>, begins: &[Begins<'_>]) -> Result<Vec<Count>, Error> {
    let added = made(ground.steps, "target_group");
    let Some(first) = added.first() else { return Ok(Vec::new()) };
    let cloud = ground.cloud;
    let all: Vec<TargetGroup> = pages(|marker| async move {
        let describe = cloud.elbv2.describe_target_groups().set_marker(marker);
        let page = cloud.read(Service::Elbv2, "DescribeTargetGroups", || describe.clone().send()).await?;
        Ok((page.target_groups.unwrap_or_default(), page.next_marker))
    })
    .await?;
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
            listeners(ground, name).iter().filter_map(|(_, listener)| balancer_of(listener)).collect();
        counts.extend(balancers.iter().filter(|_| mine > 0).map(|balancer| Count {
            address: one.target_group.clone(),
            what: format!("target groups of load balancer {}", name_in(balancer)),
            quota: "target-groups-per-application-load-balancer",
            there: all.iter().filter(|group| group.load_balancer_arns().contains(balancer)).count(),
            added: mine,
        }));
    }
    Ok(counts)
}

/// Rules of each load balancer, default ones not counted; a preview's rules come and go.
async fn rules(ground: &Ground<'_>, begins: &[Begins<'_>]) -> Result<Vec<Count>, Error> {
    let added = made(ground.steps, "listener_rule");
    let mut more: BTreeMap<String, (Address, usize)> = BTreeMap::new();
    for one in begins {
        let previews = usize::from(one.rollout.stages.contains(&Stage::Preview { on: true }));
        for (address, listener) in listeners(ground, &one.intent.name) {
            let here = previews + usize::from(added.contains(&&address));
            if let Some(balancer) = balancer_of(&listener).filter(|_| here > 0) {
                more.entry(balancer).or_insert((address, 0)).1 += here;
            }
        }
    }
    let counts = more.into_iter().map(|(balancer, (address, added))| async move {
        let there = rules_of_balancer(ground.cloud, &balancer).await?;
        let what = format!("rules of load balancer {}", name_in(&balancer));
        Ok(Count { address, what, quota: "rules-per-application-load-balancer", there, added })
    });
    try_join_all(counts).await
}

/// AWS answers the rules of one listener a call (API_DescribeRules).
async fn rules_of_balancer(cloud: &Cloud, balancer: &str) -> Result<usize, Error> {
    let listeners = pages(|marker| async move {
        let describe = cloud.elbv2.describe_listeners().load_balancer_arn(balancer).set_marker(marker);
        let page = cloud.read(Service::Elbv2, "DescribeListeners", || describe.clone().send()).await?;
        Ok((page.listeners.unwrap_or_default(), page.next_marker))
    })
    .await?;
    let arns = listeners.iter().filter_map(|listener| listener.listener_arn());
    let rules = try_join_all(arns.map(|arn| rules_of(cloud, arn))).await?;
    Ok(rules.iter().flatten().filter(|rule| rule.is_default() != Some(true)).count())
}

/// Targets of the new colour, and of both behind one load balancer. Other services' targets are not
/// counted: that would be a call for each of their target groups.
fn targets(one: &Begins<'_>) -> Vec<Count> {
    let new = usize::try_from(one.launches()).unwrap_or_default();
    let live = one.live.map_or(0, |fleet| fleet.members.len());
    [
        ("targets in one target group", "targets-per-target-group", 0, new),
        ("targets behind one load balancer", "targets-per-application-load-balancer", live, new),
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

    #[test]
    fn a_listeners_load_balancer_is_in_its_arn() {
        let listener = "arn:aws:elasticloadbalancing:us-east-1:1:listener/app/edge/50dc/f2f7";
        let balancer = "arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/app/edge/50dc";
        assert_eq!(balancer_of(listener).as_deref(), Some(balancer));
        assert_eq!(name_in(balancer), "edge");
    }
}
