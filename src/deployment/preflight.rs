//! What would go wrong halfway, said before anything is changed. Intents, the stack and reads of the
//! account come in; findings go out, each with a fix and the AWS page that it comes from.

use std::time::Duration;

use super::decide::Intent;
use crate::address::Address;
use crate::cloud::Cloud;
use crate::cloud::error::{Error, Service};
use crate::lang::program::Program;
use crate::lang::scope::Known;
use crate::plan::resolve::resolve;
use crate::state::deployment::Stage;
use crate::value::{Object, Value, format_duration};

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

/// Looks at every rollout that is about to begin; `capacity` is the size of the live fleet.
///
/// # Errors
/// When the account cannot be read.
pub async fn preflight(
    cloud: &Cloud,
    program: &Program,
    known: &Known,
    intent: &Intent,
    capacity: Option<u32>,
) -> Result<Vec<Finding>, Error> {
    let Some(rollout) = intent.facts.rollout.as_ref().filter(|rollout| rollout.at == 0) else {
        return Ok(Vec::new());
    };
    let inputs = |kind: &str| -> Option<(Address, Object)> {
        let address = Address::new(kind, &intent.name).with_key(rollout.to.name());
        let node = program.nodes.iter().find(|node| node.address == address)?;
        let evaluated = program.evaluate(node, known, &mut Vec::new())?;
        let schema = crate::kind::find_managed(kind)?.schema();
        Some((address, resolve(schema, &evaluated.inputs, known)))
    };
    let mut found = Vec::new();
    let (Some((target_group, targets)), Some((group, fleet))) =
        (inputs("target_group"), inputs("autoscaling_group"))
    else {
        return Ok(found);
    };
    found.extend(sticky(&target_group, &targets));
    found.extend(drains_longer(&target_group, &targets, &rollout.stages));
    found.extend(never_healthy_in_time(&group, &fleet, &targets));
    if let Some(capacity) = capacity.filter(|capacity| *capacity > 0) {
        found.extend(addresses(cloud, &group, &fleet, capacity).await?);
    }
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

/// The subnets have an address for every instance that is to be launched.
async fn addresses(
    cloud: &Cloud,
    address: &Address,
    fleet: &Object,
    capacity: u32,
) -> Result<Option<Finding>, Error> {
    let ids: Option<Vec<String>> = fleet
        .get("subnets")
        .and_then(Value::as_list)
        .map(|subnets| subnets.iter().filter_map(|subnet| subnet.as_str().map(str::to_owned)).collect());
    let Some(ids) = ids.filter(|ids| !ids.is_empty()) else { return Ok(None) };
    let answer = cloud
        .read(Service::Ec2, "DescribeSubnets", || {
            cloud.ec2.describe_subnets().set_subnet_ids(Some(ids.clone())).send()
        })
        .await?;
    let free: i64 =
        answer.subnets().iter().filter_map(|subnet| subnet.available_ip_address_count()).map(i64::from).sum();
    Ok((free < i64::from(capacity)).then(|| Finding {
        address: address.clone(),
        refuses: true,
        message: format!("its subnets have {free} free addresses, and {capacity} instances are to be launched beside those that run"),
        help: "give it larger subnets, or scale the live colour in before".to_owned(),
        page: "https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html",
    }))
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
