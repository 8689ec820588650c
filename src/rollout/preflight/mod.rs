//! What would go wrong halfway, said before anything is changed. Intents, the stack and reads of the
//! account come in; findings go out, each with a fix and the AWS page that it comes from.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::future::try_join3;

use super::decide::Intent;
use crate::address::Address;
use crate::cloud::Cloud;
use crate::cloud::error::Error;
use crate::facts::{Rollout, Stage};
use crate::kind::fleet::Standing;
use crate::plan::resolve::resolve;
use crate::plan::step::Step;
use crate::stack::{Known, View};
use crate::state::Snapshot;
use crate::value::{Object, Value, format_duration};

mod fleets;
mod places;
mod quotas;

/// The IAM actions of these looks, beside those of the kinds.
pub const ACTIONS: [&str; 8] = [
    "autoscaling:DescribeAccountLimits",
    "ec2:DescribeImages",
    "ec2:DescribeInstanceTypeOfferings",
    "ec2:DescribeSubnets",
    "elasticloadbalancing:DescribeAccountLimits",
    "elasticloadbalancing:DescribeListeners",
    "elasticloadbalancing:DescribeRules",
    "elasticloadbalancing:DescribeTargetGroups",
];

/// Something that a person should know before the rollout begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub address: Address,
    /// Whether the rollout cannot go well.
    pub refuses: bool,
    pub message: String,
    pub help: String,
    pub page: &'static str,
}

/// What rollouts are held against.
pub struct Ground<'a> {
    pub cloud: &'a Cloud,
    /// As the deployments stand.
    pub program: &'a View<'a>,
    pub snapshot: &'a Snapshot,
    pub known: &'a Known,
    /// What the plan makes, the new colours raised.
    pub steps: &'a [Step],
    /// The live fleet of each deployment, as it is.
    pub fleets: &'a HashMap<String, Standing>,
}

/// One rollout that is about to begin, and what the file says of the colour that it raises.
struct Begins<'a> {
    intent: &'a Intent,
    rollout: &'a Rollout,
    /// The live fleet, where there is one.
    live: Option<&'a Standing>,
    group: Address,
    fleet: Object,
    target_group: Address,
    targets: Object,
    template: Object,
}

impl Begins<'_> {
    /// How many instances are to be launched beside those that run.
    fn launches(&self) -> u32 {
        let said = |name: &str| self.fleet.get(name).and_then(Value::as_number);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the schema bounds sizes")]
        let first = || said("desired_capacity").or_else(|| said("min_size")).unwrap_or_default() as u32;
        self.live.map_or_else(first, |fleet| fleet.desired.unsigned_abs())
    }

    /// Whether a second fleet comes beside the live one.
    fn has_raise(&self) -> bool {
        self.rollout.stages.contains(&Stage::Raise)
    }
}

impl Ground<'_> {
    fn begins<'b>(&'b self, intent: &'b Intent) -> Option<Begins<'b>> {
        let rollout = intent.facts.rollout.as_ref().filter(|rollout| rollout.at == 0)?;
        let name = &intent.name;
        let of = |kind: &str| Address::new(kind, name).with_key(rollout.to.name());
        let (group, target_group) = (of("autoscaling_group"), of("target_group"));
        Some(Begins {
            intent,
            rollout,
            live: self.fleets.get(name),
            fleet: self.inputs(&group)?,
            targets: self.inputs(&target_group)?,
            template: self.inputs(&Address::new("launch_template", name))?,
            group,
            target_group,
        })
    }

    /// What the file says of a resource.
    fn inputs(&self, address: &Address) -> Option<Object> {
        let node = self.program.nodes.iter().find(|node| node.address == *address)?;
        let evaluated = self.program.evaluate(node, self.known, &mut Vec::new())?;
        let schema = crate::kind::find_managed(&address.kind)?.schema();
        Some(resolve(schema, &evaluated.inputs, self.known))
    }
}

/// Looks at every rollout that is about to begin. The calls are one of each kind of question, and none
/// where no rollout begins.
///
/// # Errors
/// When the account cannot be read.
pub async fn preflight(ground: &Ground<'_>, intents: &[Intent]) -> Result<Vec<Finding>, Error> {
    let begins: Vec<Begins<'_>> = intents.iter().filter_map(|intent| ground.begins(intent)).collect();
    let mut found = Vec::new();
    for one in &begins {
        found.extend(sticky(&one.target_group, &one.targets));
        found.extend(drains_longer(&one.target_group, &one.targets, &one.rollout.stages));
        found.extend(never_healthy_in_time(&one.group, &one.fleet, &one.targets));
        found.extend(fleets::suspended(ground, one));
        found.extend(fleets::weak(one));
    }
    if begins.is_empty() {
        return Ok(found);
    }
    let (places, images, quotas) = try_join3(
        places::look(ground.cloud, &begins),
        fleets::images(ground, &begins),
        quotas::look(ground, &begins),
    )
    .await?;
    found.extend(places.into_iter().chain(images).chain(quotas));
    Ok(found)
}

fn seconds(value: &Value) -> Option<u64> {
    match value.unmark().0 {
        Value::Duration(time) => Some(time.as_secs()),
        _ => None,
    }
}

/// Targets' cookies hold clients on an instance for as long as they live, also on one of a colour that
/// is to get nothing more: what follows the weights is stickiness of the rule.
fn sticky(address: &Address, targets: &Object) -> Option<Finding> {
    let stickiness = targets.get("stickiness")?;
    (stickiness.get("enabled").as_bool() == Some(true)).then(|| Finding {
        address: address.clone(),
        refuses: false,
        message: "its stickiness holds clients on instances of the old colour after the shift, until their cookie ends"
            .to_owned(),
        help: "take `stickiness` away, or shorten its duration below the time that the old colour stands by".to_owned(),
        page: "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/sticky-sessions.html",
    })
}

/// An instance that is taken away waits for its open requests as long as the group's delay says.
fn drains_longer(address: &Address, targets: &Object, stages: &[Stage]) -> Option<Finding> {
    let delay = Duration::from_secs(seconds(targets.get("deregistration_delay")?)?);
    let after = stages.iter().find_map(|stage| match stage {
        Stage::Retire { after } if !after.is_zero() => Some(*after),
        _ => None,
    })?;
    (delay > after).then(|| Finding {
        address: address.clone(),
        refuses: false,
        message: format!(
            "its deregistration delay of {} is longer than the {} until the old colour is retired",
            format_duration(delay),
            format_duration(after)
        ),
        help: "raise `retire_after`, or lower `deregistration_delay` to what the longest request takes".to_owned(),
        page: "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html",
    })
}

/// A target is healthy after so many checks in a row.
fn never_healthy_in_time(address: &Address, fleet: &Object, targets: &Object) -> Option<Finding> {
    let check = targets.get("health_check")?;
    let interval = seconds(check.get("interval"))?;
    let threshold = check.get("healthy_threshold").as_number().unwrap_or(5.0);
    let least = Duration::from_secs_f64(interval as f64 * (threshold - 1.0).max(0.0));
    let limit = Duration::from_secs(fleet.get("ready_timeout").and_then(seconds).unwrap_or(600));
    (least >= limit).then(|| Finding {
        address: address.clone(),
        refuses: true,
        message: format!(
            "no target can be healthy within its `ready_timeout` of {}: the health check takes {} at least",
            format_duration(limit),
            format_duration(least)
        ),
        help: "shorten the health check's interval or threshold, or raise `ready_timeout`".to_owned(),
        page: "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object;

    fn members(value: Value) -> Object {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn what_goes_wrong_halfway_is_found() {
        let address = Address::new("target_group", "web").with_key("green");
        let seconds = |seconds| Value::Duration(Duration::from_secs(seconds));
        let sticks = members(object! { "stickiness" => object! { "enabled" => true } });
        assert!(sticky(&address, &sticks).is_some() && sticky(&address, &Object::new()).is_none());
        let slow = members(object! { "deregistration_delay" => seconds(300) });
        let retire = |after| [Stage::Retire { after: Duration::from_secs(after) }];
        assert!(drains_longer(&address, &slow, &retire(60)).is_some());
        assert!(drains_longer(&address, &slow, &retire(600)).is_none());
        let check = object! { "interval" => seconds(60), "healthy_threshold" => 10.0 };
        let targets = members(object! { "health_check" => check });
        let fleet = |limit| members(object! { "ready_timeout" => seconds(limit) });
        assert!(never_healthy_in_time(&address, &fleet(300), &targets).is_some_and(|found| found.refuses));
        assert!(never_healthy_in_time(&address, &fleet(900), &targets).is_none());
    }
}
