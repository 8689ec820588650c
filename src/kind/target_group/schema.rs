//! The schema of a `target_group` block.

use std::sync::LazyLock;

use crate::kind::elbv2;
use crate::kind::elbv2::settings::{Form, Setting, setting};
use crate::kind::rules::{form, is_port};
use crate::kind::schema::{Attribute, NOT_AT_CREATE, Output, Schema, Type, Wrong, attribute, output};
use crate::value::Value;

/// [model] TargetGroupAttribute.
pub(super) const SETTINGS: &[Setting] = &[
    setting("deregistration_delay", "deregistration_delay.timeout_seconds", Form::Number).or("300"),
    setting("connection_termination", "deregistration_delay.connection_termination.enabled", Form::Flag),
    setting("slow_start", "slow_start.duration_seconds", Form::Number).or("0"),
    setting("load_balancing_algorithm", "load_balancing.algorithm.type", Form::Text).or("round_robin"),
    setting("anomaly_mitigation", "load_balancing.algorithm.anomaly_mitigation", Form::OnOff).or("off"),
    setting("cross_zone", "load_balancing.cross_zone.enabled", Form::Words(CROSS_ZONE))
        .or("use_load_balancer_configuration"),
    setting("stickiness.enabled", "stickiness.enabled", Form::Flag).or("false"),
    setting("stickiness.type", "stickiness.type", Form::Text),
    setting("stickiness.duration", "stickiness.lb_cookie.duration_seconds", Form::Number),
    setting("stickiness.cookie_name", "stickiness.app_cookie.cookie_name", Form::Text),
    setting("stickiness.cookie_duration", "stickiness.app_cookie.duration_seconds", Form::Number),
    setting(
        "unhealthy_state_routing.minimum_healthy_targets",
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count",
        Form::Number,
    )
    .or("1"),
    setting(
        "unhealthy_state_routing.minimum_healthy_percentage",
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage",
        Form::Number,
    )
    .or("off"),
    setting(
        "dns_failover.minimum_healthy_targets",
        "target_group_health.dns_failover.minimum_healthy_targets.count",
        Form::Number,
    )
    .or("1"),
    setting(
        "dns_failover.minimum_healthy_percentage",
        "target_group_health.dns_failover.minimum_healthy_targets.percentage",
        Form::Number,
    )
    .or("off"),
    setting("preserve_client_ip", "preserve_client_ip.enabled", Form::Flag),
    setting("proxy_protocol_v2", "proxy_protocol_v2.enabled", Form::Flag).or("false"),
    setting(
        "unhealthy_connection_termination",
        "target_health_state.unhealthy.connection_termination.enabled",
        Form::Flag,
    ),
    setting(
        "unhealthy_draining_interval",
        "target_health_state.unhealthy.draining_interval_seconds",
        Form::Number,
    ),
];

const CROSS_ZONE: &[(&str, &str)] =
    &[("on", "true"), ("off", "false"), ("load_balancer", "use_load_balancer_configuration")];

pub(super) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema {
    kind: "target_group",
    doc: "Targets that a load balancer sends requests to, and how it knows that they are healthy.",
    attributes: attributes(),
    outputs: outputs(),
    not_offered: &[
        ("health_check_enabled", "always on where targets are instances, addresses or load balancers"),
        ("target_control_port", "the target optimizer is not offered yet"),
    ],
    unique: &["name"],
});

fn attributes() -> Vec<Attribute> {
    let protocols = Type::Choice(&["HTTP", "HTTPS", "TCP", "TLS", "UDP", "TCP_UDP"]);
    let mut attributes = vec![
        attribute("name", Type::String { max: 32 }, "Made by bgform where none is given.").replaces(),
        attribute("vpc", Type::id_of(&["vpc"]), "The VPC of the targets.")
            .required()
            .replaces()
            .api(&["vpc_id"]),
        attribute("port", Type::Integer { min: 1, max: 65535 }, "Where targets listen.")
            .required()
            .replaces(),
        attribute("protocol", protocols, "What targets speak.").required().replaces(),
        attribute(
            "protocol_version",
            Type::Choice(&["HTTP1", "HTTP2", "GRPC"]),
            "HTTP and HTTPS: how requests are sent to targets.",
        )
        .replaces(),
        attribute("target_type", Type::Choice(&["instance", "ip", "alb"]), "What the targets are.")
            .default("instance")
            .replaces(),
        attribute("ip_address_type", Type::Choice(&["ipv4", "ipv6"]), "How targets are reached.")
            .default("ipv4")
            .replaces(),
        attribute(
            "health_check",
            Type::Block(health_check()),
            "How a target is known to be healthy; what is left out is AWS's default for the protocol.",
        )
        .api(&[
            "health_check_protocol",
            "health_check_port",
            "health_check_path",
            "health_check_interval_seconds",
            "health_check_timeout_seconds",
            "healthy_threshold_count",
            "unhealthy_threshold_count",
            "matcher",
        ]),
        elbv2::tags_attribute(),
    ];
    attributes.extend(setting_attributes().into_iter().map(|attribute| attribute.api(NOT_AT_CREATE)));
    attributes
}

/// [model] CreateTargetGroupInput.
fn health_check() -> Vec<Attribute> {
    let threshold = || Type::Integer { min: 2, max: 10 };
    vec![
        attribute("protocol", Type::Choice(&["HTTP", "HTTPS", "TCP"]), "What the check speaks."),
        attribute("port", Type::String { max: 16 }, "A port, or `traffic-port`, the target's own.").rule(
            |port| {
                let fits = |text: &str| text == "traffic-port" || is_port(text);
                form("port", port, fits, "write a port from 1 to 65535, or `traffic-port`")
            },
        ),
        attribute("path", Type::string(), "HTTP and HTTPS: the path that is asked for.").rule(path),
        attribute("interval", Type::Duration { min: 5, max: 300 }, "Time between two checks."),
        attribute("timeout", Type::Duration { min: 2, max: 120 }, "How long an answer may take."),
        attribute("healthy_threshold", threshold(), "Successes in a row until healthy."),
        attribute("unhealthy_threshold", threshold(), "Failures in a row until unhealthy."),
        attribute("matcher", Type::String { max: 64 }, "HTTP (or gRPC) codes of success, such as `200-299`."),
    ]
}

/// The rule of a health check's path; a gRPC path is `/package.service/method` (API_CreateTargetGroup).
fn path(path: &Value) -> Vec<Wrong> {
    let wrong = path.as_str().filter(|path| !path.starts_with('/'));
    let told = |path: &str| {
        ("", format!("a path begins with `/`, and `{path}` does not"), format!("write \"/{path}\""))
    };
    wrong.map(told).into_iter().collect()
}

fn setting_attributes() -> Vec<Attribute> {
    const WEEK: u64 = 604_800;
    let share = || Type::Percent { min: 1.0, max: 100.0 };
    let requirement = || {
        let count = Type::Integer { min: 1, max: 1000 };
        Type::Block(vec![
            attribute("minimum_healthy_targets", count, "So many healthy targets."),
            attribute("minimum_healthy_percentage", share(), "So large a share of healthy targets."),
        ])
    };
    let kinds = Type::Choice(&["lb_cookie", "app_cookie", "source_ip"]);
    let stickiness = Type::Block(vec![
        attribute("enabled", Type::Bool, "Whether a client keeps its target.").default(true),
        attribute("type", kinds, "What a client is known by.").required(),
        attribute("duration", Type::Duration { min: 1, max: WEEK }, "`lb_cookie`: for how long."),
        attribute("cookie_name", Type::string(), "`app_cookie`: the application's cookie.").rule(|name| {
            // [model] TargetGroupAttribute; the reserved prefixes all begin with the first.
            let fits = |name: &str| !name.starts_with("AWSALB");
            form(
                "name of an application's cookie",
                name,
                fits,
                "names that begin with `AWSALB` are AWS's own",
            )
        }),
        attribute("cookie_duration", Type::Duration { min: 1, max: WEEK }, "`app_cookie`: for how long."),
    ]);
    let algorithms = Type::Choice(&["round_robin", "least_outstanding_requests", "weighted_random"]);
    vec![
        attribute(
            "deregistration_delay",
            Type::Duration { min: 0, max: 3600 },
            "How long a target that is taken out may finish its requests.",
        ),
        attribute("connection_termination", Type::Bool, "Network: whether connections are cut after that."),
        attribute(
            "slow_start",
            Type::Duration { min: 0, max: 900 },
            "30s to 15m of a rising share; 0s is off.",
        ),
        attribute("load_balancing_algorithm", algorithms, "How a target is chosen."),
        attribute("anomaly_mitigation", Type::Bool, "`weighted_random`: whether odd targets get less."),
        attribute(
            "cross_zone",
            Type::Choice(&["on", "off", "load_balancer"]),
            "Whether targets of all zones are used, or as the load balancer says.",
        ),
        attribute("stickiness", stickiness, "Whether a client is always sent to the same target."),
        attribute("unhealthy_state_routing", requirement(), "With fewer, all targets get requests."),
        attribute("dns_failover", requirement(), "With fewer, the zone leaves DNS."),
        attribute("preserve_client_ip", Type::Bool, "Network: whether targets see the client's address."),
        attribute("proxy_protocol_v2", Type::Bool, "Network: whether Proxy Protocol is spoken."),
        attribute(
            "unhealthy_connection_termination",
            Type::Bool,
            "Network: whether connections to unhealthy targets are cut.",
        ),
        attribute(
            "unhealthy_draining_interval",
            Type::Duration { min: 0, max: 360_000 },
            "Network: how long an unhealthy target is drained.",
        ),
    ]
}

/// The default to which an undeclared attribute returns, if it depends on the group's protocol or type
/// ([model] TargetGroupAttribute).
pub(super) fn own_default(attribute: &str, protocol: &str, target_type: &str) -> Option<&'static str> {
    let datagrams = matches!(protocol, "UDP" | "TCP_UDP");
    let flag = |on: bool| Some(if on { "true" } else { "false" });
    match attribute {
        "preserve_client_ip" => flag(!(target_type == "ip" && matches!(protocol, "TCP" | "TLS"))),
        "connection_termination" => flag(datagrams),
        "unhealthy_connection_termination" => flag(!datagrams),
        "unhealthy_draining_interval" => Some("0"),
        _ => None,
    }
}

/// Outputs of a target group, managed or existing.
pub(in crate::kind) fn outputs() -> Vec<Output> {
    vec![
        output("id", "The ARN."),
        output("arn", "The ARN."),
        output("name", "The name."),
        output("arn_suffix", "What CloudWatch calls it: `targetgroup/name/id`."),
    ]
}
