//! Checks for mistakes in a group that no single attribute's type shows. Canonical inputs come in, which may
//! hold unknowns and references; attribute, message and help go out. Makes no call.

use super::schema::REQUESTS_PER_TARGET;
use crate::kind::Named;
use crate::value::{Object, Value, format_number};

pub type Mistake = (&'static str, String, String);

const DAY: u64 = 86_400;

pub fn check(inputs: &Object) -> Vec<Mistake> {
    let get = |name: &str| inputs.get(name).unwrap_or(&Value::Null);
    let mut mistakes = Vec::new();
    name(get("name"), &mut mistakes);
    sizes(get("min_size"), get("desired_capacity"), get("max_size"), &mut mistakes);
    if let Value::Duration(lifetime) = get("max_instance_lifetime").unmark().0
        && (1..DAY).contains(&lifetime.as_secs())
    {
        mistakes.push((
            "max_instance_lifetime",
            "an instance's lifetime is not limited (0s) or at least a day".to_owned(),
            "write `max_instance_lifetime = 24h` or more".to_owned(),
        ));
    }
    let maintenance = get("instance_maintenance_policy");
    span(
        "instance_maintenance_policy",
        (maintenance, "min_healthy_percentage", "max_healthy_percentage"),
        &mut mistakes,
    );
    let refresh = get("instance_refresh");
    span("instance_refresh", (refresh, "min_healthy", "max_healthy"), &mut mistakes);
    checkpoints(refresh, &mut mistakes);
    unique_names("lifecycle_hook", get("lifecycle_hook"), &mut mistakes);
    unique_names("scaling_policy", get("scaling_policy"), &mut mistakes);
    for policy in get("scaling_policy").as_list().unwrap_or_default() {
        metric(policy, &mut mistakes);
    }
    overrides(get("mixed_instances").get("override"), &mut mistakes);
    pools(get("mixed_instances").get("instances_distribution"), &mut mistakes);
    for hook in get("lifecycle_hook").as_list().unwrap_or_default() {
        notification(hook, &mut mistakes);
    }
    if get("health_check_type").as_str() == Some("ELB") && get("target_groups").as_list() == Some(&[]) {
        mistakes.push((
            "health_check_type",
            "its health_check_type is ELB, and it has no target group".to_owned(),
            "write `target_groups = [target_group.NAME]`, or leave health_check_type out".to_owned(),
        ));
    }
    mistakes
}

/// Printable ASCII without the colon (API_CreateAutoScalingGroup).
fn name(name: &Value, mistakes: &mut Vec<Mistake>) {
    let bad = |c: char| !c.is_ascii_graphic() || c == ':';
    if let Some(character) = name.as_str().and_then(|name| name.chars().find(|c| bad(*c))) {
        mistakes.push((
            "name",
            format!("a group's name cannot have {character:?} in it"),
            "use letters, digits and punctuation other than `:`".to_owned(),
        ));
    }
}

fn sizes(min: &Value, desired: &Value, max: &Value, mistakes: &mut Vec<Mistake>) {
    let mut in_order =
        |attribute, (small, small_name): (&Value, &str), (large, large_name): (&Value, &str)| {
            if let (Some(small), Some(large)) = (small.as_number(), large.as_number())
                && small > large
            {
                let (small, large) = (format_number(small), format_number(large));
                mistakes.push((
                    attribute,
                    format!("{small_name} is {small} and {large_name} is {large}"),
                    "min_size <= desired_capacity <= max_size must hold".to_owned(),
                ));
            }
        };
    in_order("max_size", (min, "min_size"), (max, "max_size"));
    in_order("desired_capacity", (min, "min_size"), (desired, "desired_capacity"));
    in_order("desired_capacity", (desired, "desired_capacity"), (max, "max_size"));
}

fn as_percent(value: &Value) -> Option<f64> {
    match value.unmark().0 {
        Value::Percent(percent) => Some(*percent),
        _ => None,
    }
}

/// At most 100 points apart (API_InstanceMaintenancePolicy, API_RefreshPreferences).
fn span(attribute: &'static str, (block, min, max): (&Value, &str, &str), mistakes: &mut Vec<Mistake>) {
    if let (Some(least), Some(most)) = (as_percent(block.get(min)), as_percent(block.get(max)))
        && most - least > 100.0
    {
        mistakes.push((
            attribute,
            format!("{min} and {max} are more than 100% apart"),
            format!("write `{max} = {}%` or less", format_number(least + 100.0)),
        ));
    }
}

/// Whole, ascending and unique (API_RefreshPreferences, CheckpointPercentages).
fn checkpoints(refresh: &Value, mistakes: &mut Vec<Mistake>) {
    let items = refresh.get("checkpoints").as_list().unwrap_or_default();
    let known: Vec<_> = items.iter().filter_map(as_percent).collect();
    if known.iter().zip(known.iter().skip(1)).any(|(one, next)| next <= one) {
        mistakes.push((
            "instance_refresh",
            "checkpoints must rise, each one once".to_owned(),
            "write them like `checkpoints = [20%, 50%]`; 100% is always the last".to_owned(),
        ));
    }
    if known.iter().any(|percent| percent.fract() != 0.0) {
        mistakes.push((
            "instance_refresh",
            "a checkpoint is a whole percentage".to_owned(),
            "round it".to_owned(),
        ));
    }
    if !refresh.get("checkpoint_delay").is_null()
        && refresh.get("checkpoints").as_list().is_none_or(<[_]>::is_empty)
        && refresh.get("checkpoints").find_unknown().is_none()
    {
        mistakes.push((
            "instance_refresh",
            "checkpoint_delay says how long to pause at checkpoints, and there are none".to_owned(),
            "write `checkpoints = [50%]`, or take checkpoint_delay away".to_owned(),
        ));
    }
}

fn unique_names(attribute: &'static str, blocks: &Value, mistakes: &mut Vec<Mistake>) {
    let mut seen = std::collections::BTreeSet::new();
    for name in blocks.as_list().unwrap_or_default().iter().filter_map(|block| block.get("name").as_str()) {
        if !seen.insert(name) {
            mistakes.push((
                attribute,
                format!("two {attribute} blocks have the name `{name}`"),
                "give each its own name: AWS would keep the last one only".to_owned(),
            ));
        }
    }
}

fn metric(policy: &Value, mistakes: &mut Vec<Mistake>) {
    let name = policy.get("name").as_str().unwrap_or("scaling_policy");
    let mut mistake =
        |message: String, help: &str| mistakes.push(("scaling_policy", message, help.to_owned()));
    let (predefined, customized) = (policy.get("predefined_metric"), policy.get("customized_metric"));
    if predefined.is_null() == customized.is_null() {
        mistake(
            format!("`{name}` needs either predefined_metric or customized_metric"),
            "write `predefined_metric = \"ASGAverageCPUUtilization\"`, or a customized_metric block",
        );
    }
    let label = policy.get("resource_label");
    if predefined.as_str() == Some(REQUESTS_PER_TARGET) && label.is_null() {
        mistake(
            format!("`{name}` counts requests per target and does not say of which target group"),
            "write `resource_label = \"${load_balancer.NAME.arn_suffix}/${target_group.NAME.arn_suffix}\"`; in a \
             deployment ${self.target_group.arn_suffix}",
        );
    }
    if predefined.find_unknown().is_none()
        && predefined.as_str() != Some(REQUESTS_PER_TARGET)
        && !label.is_null()
    {
        mistake(
            format!("`{name}` has a resource_label, which is for {REQUESTS_PER_TARGET} only"),
            "take resource_label away",
        );
    }
    if let Value::Duration(period) = customized.get("period").unmark().0
        && ![10, 30, 60].contains(&period.as_secs())
    {
        mistake(format!("the period of `{name}` is 10s, 30s or 60s"), "write `period = 60s`");
    }
}

/// [model] InstancesDistribution: the other strategies choose the pools themselves.
fn pools(distribution: &Value, mistakes: &mut Vec<Mistake>) {
    let strategy = distribution.get("spot_allocation_strategy").as_str();
    if !distribution.get("spot_instance_pools").is_null()
        && let Some(strategy) = strategy.filter(|strategy| *strategy != "lowest-price")
    {
        mistakes.push((
            "mixed_instances",
            format!("spot_instance_pools needs the strategy lowest-price, and the strategy is {strategy}"),
            "take spot_instance_pools away".to_owned(),
        ));
    }
}

/// [model] PutLifecycleHookType: who is told, and the role that may tell.
fn notification(hook: &Value, mistakes: &mut Vec<Mistake>) {
    let (target, role) = (hook.get("notification_target"), hook.get("role"));
    let (there, missing) = match (target.is_null(), role.is_null()) {
        (false, true) => ("notification_target", "role"),
        (true, false) => ("role", "notification_target"),
        _ => return,
    };
    let name = hook.get("name").as_str().unwrap_or("lifecycle_hook");
    mistakes.push((
        "lifecycle_hook",
        format!("`{name}` has a {there} and no {missing}"),
        format!("add `{missing} = \"arn:aws:...\"`, or take {there} away"),
    ));
}

/// An instance refresh with a way back wants images by their ids ([model] RefreshPreferences).
pub fn beside(inputs: &Object, named: Named<'_>) -> Option<Mistake> {
    let refresh = inputs.get("instance_refresh")?;
    let template = named(inputs.get("launch_template")?)?;
    let parameter = template.get("image")?.as_str().is_some_and(|image| image.starts_with("resolve:ssm:"));
    (parameter && refresh.get("auto_rollback").as_bool() == Some(true)).then(|| {
        (
            "instance_refresh",
            "an instance refresh does not roll back to an image that a parameter names".to_owned(),
            "write `auto_rollback = false`, or the image's id in the launch template".to_owned(),
        )
    })
}

/// All types have a weight or none (API_LaunchTemplateOverrides).
fn overrides(overrides: &Value, mistakes: &mut Vec<Mistake>) {
    let items = overrides.as_list().unwrap_or_default();
    let weighted = items.iter().filter(|one| !one.get("weighted_capacity").is_null()).count();
    if weighted != 0 && weighted != items.len() {
        mistakes.push((
            "mixed_instances",
            "some instance types have a weighted_capacity and some have none".to_owned(),
            "write weighted_capacity in each override, or in none".to_owned(),
        ));
    }
}
