//! Attributes of load balancers, target groups and listeners.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::api::{Actions, Call, Params, Refusal};
use super::known_attributes::{self as known, Form, Known};
use super::resource::Resource;
use super::{Listener, LoadBalancer, TargetGroup};

/// The calls about attributes, by name.
pub const ACTIONS: Actions = &[
    ("DescribeLoadBalancerAttributes", describe_load_balancer),
    ("ModifyLoadBalancerAttributes", modify_load_balancer),
    ("DescribeTargetGroupAttributes", describe_target_group),
    ("ModifyTargetGroupAttributes", modify_target_group),
    ("DescribeListenerAttributes", describe_listener),
    ("ModifyListenerAttributes", modify_listener),
];

type Kept = BTreeMap<String, String>;

/// The current attribute of a load balancer; empty if it does not have it.
pub fn of_load_balancer(one: &LoadBalancer, key: &str) -> String {
    get(&known::of_load_balancer(one.kind, &one.scheme), &one.attributes, key)
}

/// The current attribute of a target group; empty if it does not have it.
pub fn of_target_group(one: &TargetGroup, key: &str) -> String {
    get(&known::of_target_group(&one.protocol, &one.target_type), &one.attributes, key)
}

/// The current attribute of a listener; empty if it does not have it.
pub fn of_listener(one: &Listener, key: &str) -> String {
    get(&known::of_listener(&one.protocol), &one.attributes, key)
}

fn get(known: &[Known], kept: &Kept, key: &str) -> String {
    let default = || known.iter().find(|(name, _, _)| *name == key).map(|(_, _, value)| (*value).to_owned());
    kept.get(key).cloned().or_else(default).unwrap_or_default()
}

fn shown(known: &[Known], kept: &Kept) -> Value {
    let told = known.iter().map(|(key, _, _)| json!({ "Key": key, "Value": get(known, kept, key) }));
    json!({ "Attributes": told.collect::<Vec<_>>() })
}

/// Parses the attributes of a call and keeps them. `what` names the resource's type in refusals.
fn modify(params: &Params, known: &[Known], kept: &mut Kept, what: &str) -> Result<(), Refusal> {
    for attribute in params.items("Attributes") {
        let key = attribute.needed("Key");
        let value = attribute.text("Value").unwrap_or_default();
        let Some((_, form, default)) = known.iter().find(|(name, _, _)| *name == key) else {
            return Err(match known::exists(&key) {
                true => Refusal::new(
                    "InvalidConfigurationRequest",
                    format!(
                        "{what} attribute key '{key}' is not supported on this type of {}",
                        what.to_lowercase()
                    ),
                ),
                false => Refusal::validation(format!("{what} attribute key '{key}' is not recognized")),
            });
        };
        fits(*form, &value, default).map_err(|must| {
            Refusal::validation(format!(
                "{what} attribute '{key}' has the value '{value}', which must be {must}"
            ))
        })?;
        kept.insert(key, value);
    }
    Ok(())
}

/// Checks a value; the error is its required form.
fn fits(form: Form, value: &str, default: &str) -> Result<(), String> {
    let between =
        |least: u32, most: u32| value.parse::<u32>().is_ok_and(|number| (least..=most).contains(&number));
    let (good, must) = match form {
        Form::Flag => (matches!(value, "true" | "false"), "true or false".to_owned()),
        Form::Number(least, most) => (between(least, most), format!("between '{least}' and '{most}'")),
        Form::ZeroOr(least, most) => {
            (value == "0" || between(least, most), format!("0 or between '{least}' and '{most}'"))
        }
        Form::OffOr(least, most) => {
            (value == "off" || between(least, most), format!("off or between '{least}' and '{most}'"))
        }
        Form::Word(words) => (words.contains(&value), format!("one of '{}'", words.join(", "))),
        Form::Text => (value.len() <= 1024, "at most 1024 characters".to_owned()),
        Form::Fixed => (value == default, format!("'{default}'")),
    };
    if good { Ok(()) } else { Err(must) }
}

/// Enabled logs need a bucket; the region has no S3 to check that it exists.
fn logs_have_buckets(one: &LoadBalancer) -> Result<(), Refusal> {
    for logs in ["access_logs", "connection_logs", "health_check_logs"] {
        let on = of_load_balancer(one, &format!("{logs}.s3.enabled")) == "true";
        if on && of_load_balancer(one, &format!("{logs}.s3.bucket")).is_empty() {
            return Err(Refusal::new(
                "InvalidConfigurationRequest",
                format!("The value of '{logs}.s3.bucket' cannot be empty when '{logs}.s3.enabled' is true"),
            ));
        }
        // Application guide, enable-access-logging.
        if of_load_balancer(one, &format!("{logs}.s3.prefix")).contains("AWSLogs") {
            return Err(Refusal::validation(format!(
                "The value of '{logs}.s3.prefix' cannot contain 'AWSLogs'"
            )));
        }
    }
    Ok(())
}

fn describe_load_balancer(call: &mut Call) -> Result<Value, Refusal> {
    let one = LoadBalancer::named(call)?;
    Ok(shown(&known::of_load_balancer(one.kind, &one.scheme), &one.attributes))
}

fn modify_load_balancer(call: &mut Call) -> Result<Value, Refusal> {
    let arn = LoadBalancer::arn(call.params)?;
    let mut one = LoadBalancer::find(call.state, &arn)?.clone();
    let known = known::of_load_balancer(one.kind, &one.scheme);
    let addresses = |one: &LoadBalancer| {
        of_load_balancer(one, "secondary_ips.auto_assigned.per_subnet").parse::<u32>().unwrap_or_default()
    };
    let before = addresses(&one);
    modify(call.params, &known, &mut one.attributes, "Load balancer")?;
    logs_have_buckets(&one)?;
    if addresses(&one) < before {
        return Err(Refusal::new(
            "InvalidConfigurationRequest",
            "The value of 'secondary_ips.auto_assigned.per_subnet' cannot be decreased",
        ));
    }
    let answer = shown(&known, &one.attributes);
    call.state.elbv2.load_balancers.insert(arn, one);
    Ok(answer)
}

fn describe_target_group(call: &mut Call) -> Result<Value, Refusal> {
    let one = TargetGroup::named(call)?;
    Ok(shown(&known::of_target_group(&one.protocol, &one.target_type), &one.attributes))
}

fn modify_target_group(call: &mut Call) -> Result<Value, Refusal> {
    let arn = TargetGroup::arn(call.params)?;
    let mut one = TargetGroup::find(call.state, &arn)?.clone();
    let known = known::of_target_group(&one.protocol, &one.target_type);
    modify(call.params, &known, &mut one.attributes, "Target group")?;
    agree(&one)?;
    let answer = shown(&known, &one.attributes);
    call.state.elbv2.target_groups.insert(arn, one);
    Ok(answer)
}

/// Checks the attributes of a target group against each other (application guide,
/// edit-target-group-attributes).
fn agree(one: &TargetGroup) -> Result<(), Refusal> {
    let is = |key: &str, value: &str| of_target_group(one, key) == value;
    let refuse = |message: &str| Err(Refusal::new("InvalidConfigurationRequest", message));
    let cookie = of_target_group(one, "stickiness.app_cookie.cookie_name");
    if is("stickiness.enabled", "true") && is("stickiness.type", "app_cookie") && cookie.is_empty() {
        return refuse(
            "You must specify an application cookie name when application cookie stickiness is enabled",
        );
    }
    if ["AWSALB", "AWSALBAPP", "AWSALBTG"].iter().any(|reserved| cookie.starts_with(reserved)) {
        return refuse("Cookie names that start with AWSALB, AWSALBAPP or AWSALBTG are reserved");
    }
    if one.protocol == "TLS" && is("stickiness.enabled", "true") {
        return refuse("Stickiness is not supported for target groups with the TLS protocol");
    }
    // Both guides, target-group-health.
    for of in ["count", "percentage"] {
        let threshold = |action: &str| {
            let key = format!("target_group_health.{action}.minimum_healthy_targets.{of}");
            one.attributes.get(&key)?.parse::<u32>().ok()
        };
        let both = threshold("dns_failover").zip(threshold("unhealthy_state_routing"));
        if both.is_some_and(|(dns, routing)| dns < routing) {
            return refuse(
                "The threshold of DNS failover must be greater than or equal to that of routing failover",
            );
        }
    }
    let starts_slowly = of_target_group(one, "slow_start.duration_seconds");
    let slow = !matches!(starts_slowly.as_str(), "" | "0");
    if slow && !is("load_balancing.algorithm.type", "round_robin") {
        return refuse("Slow start is supported only with the algorithm 'round_robin'");
    }
    if is("load_balancing.algorithm.anomaly_mitigation", "on")
        && !is("load_balancing.algorithm.type", "weighted_random")
    {
        return refuse("Anomaly mitigation is supported only with the algorithm 'weighted_random'");
    }
    let drains = of_target_group(one, "target_health_state.unhealthy.draining_interval_seconds");
    if !matches!(drains.as_str(), "" | "0")
        && is("target_health_state.unhealthy.connection_termination.enabled", "true")
    {
        return refuse(
            "A draining interval needs connection termination for unhealthy targets to be disabled",
        );
    }
    Ok(())
}

fn describe_listener(call: &mut Call) -> Result<Value, Refusal> {
    let one = Listener::named(call)?;
    Ok(shown(&known::of_listener(&one.protocol), &one.attributes))
}

fn modify_listener(call: &mut Call) -> Result<Value, Refusal> {
    let arn = Listener::arn(call.params)?;
    let mut one = Listener::find(call.state, &arn)?.clone();
    let known = known::of_listener(&one.protocol);
    modify(call.params, &known, &mut one.attributes, "Listener")?;
    let answer = shown(&known, &one.attributes);
    call.state.elbv2.listeners.insert(arn, one);
    Ok(answer)
}
