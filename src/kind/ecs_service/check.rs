//! Mistakes in a service that no single attribute's type shows (API_CreateService). Canonical inputs that may hold
//! unknowns and references come in; attribute, message and help go out. Makes no call.

use crate::kind::schema::Wrong;
use crate::kind::task_definition::{containers, listens_at};
use crate::kind::{Named, ecs};
use crate::value::{Object, Value, format_number};

pub fn check(inputs: &Object) -> Vec<Wrong> {
    let get = |name: &str| inputs.get(name).unwrap_or(&Value::Null);
    let mut found = ecs::strategy_mistakes("capacity_provider", inputs);
    let mut wrong =
        |attribute, message: String, help: &str| found.push((attribute, message, help.to_owned()));
    for (attribute, small, large) in [
        ("max_count", "min_count", "max_count"),
        ("desired_count", "min_count", "desired_count"),
        ("desired_count", "desired_count", "max_count"),
    ] {
        if let (Some(less), Some(more)) = (get(small).as_number(), get(large).as_number())
            && less > more
        {
            let (less, more) = (format_number(less), format_number(more));
            wrong(
                attribute,
                format!("{small} is {less} and {large} is {more}"),
                "min_count <= desired_count <= max_count must hold",
            );
        }
    }
    let is_set = |name: &str| !get(name).is_null() && get(name).as_list() != Some(&[]);
    if is_set("launch_type") && is_set("capacity_provider") {
        let message = "a service has a launch type or capacity providers".to_owned();
        wrong("launch_type", message, "take one of them away");
    }
    for name in ["container", "container_port"] {
        match (is_set("target_groups"), is_set(name)) {
            (true, false) => wrong(
                name,
                format!("the service is in target groups and does not say `{name}`"),
                "write `container = \"...\"` and `container_port = ...`: what a request reaches in a task",
            ),
            (false, true) => {
                wrong(name, format!("`{name}` is for target groups, and there are none"), "take it away");
            }
            _ => {}
        }
    }
    if is_set("health_check_grace_period") && !is_set("target_groups") {
        let message =
            "a grace period is for the health checks of target groups, and there are none".to_owned();
        wrong("health_check_grace_period", message, "take it away, or write `target_groups`");
    }
    if !is_set("subnets") && is_set("security_groups") {
        let message = "security groups belong to the addresses of tasks, and there are no subnets".to_owned();
        wrong("security_groups", message, "write `subnets` too, or take them away");
    }
    let fargate = get("launch_type").as_str() == Some("FARGATE");
    for name in ["placement_constraint", "placement_strategy"].into_iter().filter(|_| fargate) {
        if is_set(name) {
            wrong(name, "Fargate has no container instances to choose from".to_owned(), "take it away");
        }
    }
    if matches!(get("launch_type").as_str(), Some("EC2" | "EXTERNAL")) && is_set("platform_version") {
        let message = "a platform version is Fargate's".to_owned();
        wrong("platform_version", message, "take it away");
    }
    let update = get("rolling_update");
    let percent = |name: &str| match update.get(name).unmark().0 {
        Value::Percent(percent) => Some(*percent),
        _ => None,
    };
    let count =
        get("desired_count").as_number().or(get("min_count").as_number()).filter(|count| *count > 0.0);
    // The least is rounded up and the most down ([model] DeploymentConfiguration).
    if let (Some(count), Some(least), Some(most)) = (count, percent("min_healthy"), percent("max_healthy"))
        && (count * least / 100.0).ceil() >= count
        && (count * most / 100.0).floor() <= count
    {
        let count = format_number(count);
        wrong(
            "rolling_update",
            format!("of {count} tasks none can end before another one runs, and none can run beside them"),
            "write `max_healthy = 200%`, or a lower `min_healthy`",
        );
    }
    for constraint in get("placement_constraint").as_list().unwrap_or_default() {
        let member = constraint.get("type").as_str() == Some("memberOf");
        if member == constraint.get("expression").is_null() && constraint.get("type").as_str().is_some() {
            wrong(
                "placement_constraint",
                "an expression goes with memberOf, and only with it".to_owned(),
                "write `type = \"memberOf\"` and `expression = \"...\"`",
            );
        }
    }
    found
}

/// What shows only beside the task definition, the target groups and the cluster.
pub fn beside(inputs: &Object, named: Named<'_>) -> Vec<Wrong> {
    let get = |name: &str| inputs.get(name).unwrap_or(&Value::Null);
    let mut found = Vec::new();
    let mut wrong =
        |attribute, message: String, help: &str| found.push((attribute, message, help.to_owned()));
    let definition = named(get("task_definition"));
    let awsvpc = definition.as_ref().and_then(|one| one.get("network_mode")).and_then(Value::as_str);
    match (awsvpc.map(|mode| mode == "awsvpc"), get("subnets").is_null()) {
        (Some(true), true) => wrong(
            "task_definition",
            "its tasks have addresses of their own (awsvpc), and no subnet is given for them".to_owned(),
            "write `subnets = [...]`",
        ),
        (Some(false), false) => wrong(
            "subnets",
            "its tasks have no addresses of their own, since their network mode is not awsvpc".to_owned(),
            "take `subnets` away, or write `network_mode = \"awsvpc\"` in the task definition",
        ),
        _ => {}
    }
    // Tasks without addresses of their own are targets by their instance and a port of it, by which bgform cannot tell
    // one task from another.
    if let (Some(mode), Some([_, ..])) =
        (awsvpc.filter(|mode| *mode != "awsvpc"), get("target_groups").as_list())
    {
        let message = format!("its tasks share the addresses of their instances (network mode {mode})");
        wrong("target_groups", message, "write `network_mode = \"awsvpc\"` in the task definition");
    }
    if let Some(definition) = &definition {
        reached(inputs, definition, &mut wrong);
        let needs = definition.get("requires_compatibilities").and_then(Value::as_list).unwrap_or_default();
        let launch = get("launch_type").as_str();
        if let Some(launch) =
            launch.filter(|one| !needs.is_empty() && !needs.iter().any(|need| need.as_str() == Some(one)))
        {
            let message = format!("its task definition is not checked to run on {launch}");
            wrong("launch_type", message, "name it in `requires_compatibilities` of the task definition");
        }
    }
    for group in get("target_groups").as_list().unwrap_or_default() {
        let kind =
            named(group).and_then(|one| one.get("target_type").and_then(Value::as_str).map(str::to_owned));
        if let (Some(kind), Some("awsvpc")) = (kind.filter(|kind| kind != "ip"), awsvpc) {
            let message =
                format!("its tasks are targets by their addresses, and a target group takes {kind} targets");
            wrong("target_groups", message, "write `target_type = \"ip\"` in the target group");
        }
    }
    if get("launch_type").is_null()
        && get("capacity_provider").is_null()
        && let Some(cluster) = named(get("cluster"))
        // Its inputs are known, and not its outputs alone.
        && cluster.contains_key("tags")
        && !cluster.contains_key("default_capacity_provider")
    {
        wrong(
            "cluster",
            "nothing says what its tasks run on: the service has no launch type, and its cluster no default"
                .to_owned(),
            "write `launch_type = \"FARGATE\"`, or `default_capacity_provider` in the cluster",
        );
    }
    found
}

/// The container and the port that requests reach.
fn reached(inputs: &Object, definition: &Object, wrong: &mut dyn FnMut(&'static str, String, &str)) {
    let name = inputs.get("container").and_then(Value::as_str);
    let Some(name) = name else { return };
    let all = containers(definition);
    let unknown = all.iter().any(|one| one.get("name").find_unknown().is_some());
    match all.iter().find(|one| one.get("name").as_str() == Some(name)) {
        None if unknown || all.is_empty() => {}
        None => wrong(
            "container",
            format!("its task definition has no container `{name}`"),
            "name one of its containers",
        ),
        Some(container) => {
            let port = inputs.get("container_port").and_then(Value::as_number);
            if let Some(port) = port.filter(|port| !listens_at(container, *port)) {
                let port = format_number(port);
                wrong(
                    "container_port",
                    format!("`{name}` does not listen at port {port}"),
                    &format!("write port {{ container_port = {port} }} in that container"),
                );
            }
        }
    }
}
