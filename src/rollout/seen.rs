//! A deployment as AWS shows it at the moment: the weights of its rule, its groups, the health of its
//! targets. Changes nothing.

use std::collections::BTreeMap;

use aws_sdk_elasticloadbalancingv2::types::TargetHealthStateEnum;
use futures_util::future::try_join3;

use crate::address::Address;
use crate::cloud::Cloud;
use crate::cloud::error::{Error, Service};
use crate::deployment::names;
use crate::facts::Colour;
use crate::kind::autoscaling_group::fleet::observe;
use crate::kind::elbv2::cutover::told;
use crate::state::Snapshot;

/// At most so many reasons of targets that are not healthy are kept of a colour.
const REASONS: usize = 3;

/// What was seen.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Percent by colour, as the first rule says; none where there is no rule.
    pub weights: Option<BTreeMap<Colour, u8>>,
    pub fleets: BTreeMap<Colour, Standing>,
}

/// One colour's instances and targets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    pub desired: u32,
    pub in_service: usize,
    pub targets: usize,
    pub healthy: usize,
    /// Why others are not: `i-1 is unhealthy (Target.Timeout)`.
    pub reasons: Vec<String>,
}

impl Seen {
    pub fn fleet(&self, colour: Colour) -> Standing {
        self.fleets.get(&colour).cloned().unwrap_or_default()
    }
}

/// Looks at one deployment.
///
/// # Errors
/// When AWS cannot be asked. What is gone is not seen.
pub async fn see(cloud: &Cloud, snapshot: &Snapshot, name: &str) -> Result<Seen, Error> {
    let groups = of_colours(snapshot, "autoscaling_group", name);
    let targets = of_colours(snapshot, "target_group", name);
    let names: Vec<&str> = groups.values().map(String::as_str).collect();
    let fleets = async {
        match names.is_empty() {
            true => Ok(BTreeMap::new()),
            false => observe(cloud, &names).await,
        }
    };
    let health = async {
        let mut all = BTreeMap::new();
        for (colour, arn) in &targets {
            all.insert(*colour, health(cloud, arn).await?);
        }
        Ok(all)
    };
    let (fleets, mut standing, weights) = try_join3(fleets, health, weights(cloud, snapshot, name)).await?;
    for (colour, group) in &groups {
        let Some(fleet) = fleets.get(group) else { continue };
        let one = standing.entry(*colour).or_default();
        one.desired = fleet.desired.unsigned_abs();
        one.in_service = fleet.in_service();
    }
    Ok(Seen { weights, fleets: standing })
}

/// The ids of both colours' resources of a kind, as far as there are any.
fn of_colours(snapshot: &Snapshot, kind: &str, name: &str) -> BTreeMap<Colour, String> {
    let id = |colour: Colour| {
        let record = snapshot.resources.get(&Address::new(kind, name).with_key(colour.name()))?;
        Some((colour, record.id.clone()))
    };
    Colour::BOTH.into_iter().filter_map(id).collect()
}

async fn health(cloud: &Cloud, arn: &str) -> Result<Standing, Error> {
    let answer = cloud
        .read(Service::Elbv2, "DescribeTargetHealth", || {
            cloud.elbv2.describe_target_health().target_group_arn(arn).send()
        })
        .await;
    let targets = match answer {
        Ok(answer) => answer.target_health_descriptions.unwrap_or_default(),
        Err(error) if error.is_not_found() => Vec::new(),
        Err(error) => return Err(error),
    };
    let mut standing = Standing::default();
    for target in &targets {
        match target.target_health().and_then(|health| health.state()) {
            Some(TargetHealthStateEnum::Draining) => continue,
            Some(TargetHealthStateEnum::Healthy) => standing.healthy += 1,
            _ if standing.reasons.len() < REASONS => standing.reasons.push(told(target)),
            _ => {}
        }
        standing.targets += 1;
    }
    Ok(standing)
}

/// What the deployment's first rule gives each colour, in percent.
///
/// # Errors
/// When AWS cannot be asked.
pub async fn weights(
    cloud: &Cloud,
    snapshot: &Snapshot,
    name: &str,
) -> Result<Option<BTreeMap<Colour, u8>>, Error> {
    let targets = of_colours(snapshot, "target_group", name);
    let is_rule = |address: &&Address| address.kind == "listener_rule" && !names::is_preview(address, name);
    let rule =
        names::in_state(snapshot, name).iter().find(is_rule).and_then(|one| snapshot.resources.get(one));
    let Some(rule) = rule else { return Ok(None) };
    let answer = cloud
        .read(Service::Elbv2, "DescribeRules", || cloud.elbv2.describe_rules().rule_arns(&rule.id).send())
        .await;
    let rules = match answer {
        Ok(answer) => answer.rules.unwrap_or_default(),
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error),
    };
    let forwards = rules.iter().flat_map(|rule| rule.actions()).filter_map(|action| action.forward_config());
    let groups: Vec<_> = forwards.flat_map(|forward| forward.target_groups()).collect();
    let weight = |arn: &str| {
        let of = groups.iter().filter(|group| group.target_group_arn() == Some(arn));
        of.map(|group| group.weight().unwrap_or_default()).sum::<i32>()
    };
    let total = groups.iter().map(|group| group.weight().unwrap_or_default()).sum::<i32>().max(1);
    let share = |arn: &String| u8::try_from(weight(arn).saturating_mul(100) / total).unwrap_or(100);
    Ok(Some(targets.iter().map(|(colour, arn)| (*colour, share(arn))).collect()))
}
