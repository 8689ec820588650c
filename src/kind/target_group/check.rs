//! Mistakes in a target group that no single attribute's type shows. Comes in: canonical inputs that may hold
//! unknowns and references. Goes out: attribute, message, help. Makes no call.

use std::time::Duration;

use crate::kind::elbv2::{Mistake, name_mistake};
use crate::kind::rules::{form, is_codes};
use crate::value::{Object, Value};

/// [model] TargetGroupAttribute: application load balancers only.
const HTTP_ONLY: [&str; 3] = ["slow_start", "load_balancing_algorithm", "anomaly_mitigation"];
/// [model] TargetGroupAttribute: network load balancers only.
const NETWORK_ONLY: [&str; 5] = [
    "connection_termination",
    "preserve_client_ip",
    "proxy_protocol_v2",
    "unhealthy_connection_termination",
    "unhealthy_draining_interval",
];

fn mistake(attribute: &'static str, message: impl Into<String>, help: impl Into<String>) -> Mistake {
    (attribute, message.into(), help.into())
}

/// Checks for mistakes that no single attribute's type shows.
pub(super) fn mistakes(inputs: &Object) -> Vec<Mistake> {
    let mut mistakes: Vec<_> = name_mistake(inputs).into_iter().collect();
    let word = |name: &str| inputs.get(name).and_then(Value::as_str);
    let Some(protocol) = word("protocol") else { return mistakes };
    let http = matches!(protocol, "HTTP" | "HTTPS");
    let (foreign, balancer): (&[&'static str], _) =
        if http { (&NETWORK_ONLY, "a network") } else { (&HTTP_ONLY, "an application") };
    for name in foreign.iter().filter(|name| inputs.contains_key(**name)) {
        let message = format!("`{name}` is only for target groups of {balancer} load balancer");
        mistakes.push(mistake(name, message, format!("take it away: the protocol is `{protocol}`")));
    }
    if !http && inputs.contains_key("protocol_version") {
        let message = "only HTTP and HTTPS have a protocol version";
        mistakes.push(mistake("protocol_version", message, "take it away"));
    }
    if word("target_type") == Some("alb") && protocol != "TCP" {
        let message = "a target group of load balancers speaks TCP";
        mistakes.push(mistake("protocol", message, "write `protocol = \"TCP\"`"));
    }
    // Network Load Balancers guide, target-group-health-checks.
    let checked_by = inputs.get("health_check").map(|check| check.get("protocol").as_str());
    if word("target_type") == Some("alb") && checked_by == Some(Some("TCP")) {
        let message = "a load balancer as a target is checked by HTTP or HTTPS";
        mistakes.push(mistake("health_check", message, "write `protocol = \"HTTP\"`"));
    }
    if let Some(Value::Duration(slow)) = inputs.get("slow_start")
        && (1..30).contains(&slow.as_secs())
    {
        mistakes.push(mistake("slow_start", "a slow start takes at least 30s", "write `0s` to turn it off"));
    }
    // Application Load Balancers guide, edit-target-group-attributes. What is not known yet is no mistake.
    let algorithm = inputs.get("load_balancing_algorithm").map_or(Some("round_robin"), Value::as_str);
    let slow = matches!(inputs.get("slow_start"), Some(Value::Duration(slow)) if !slow.is_zero());
    if slow && algorithm.is_some_and(|algorithm| algorithm != "round_robin") {
        let message = "a slow start goes with the algorithm `round_robin` only";
        mistakes.push(mistake("slow_start", message, "write `0s` to turn it off"));
    }
    let mitigates = inputs.get("anomaly_mitigation").and_then(Value::as_bool) == Some(true);
    if mitigates && algorithm.is_some_and(|algorithm| algorithm != "weighted_random") {
        let message = "anomaly mitigation goes with the algorithm `weighted_random` only";
        mistakes.push(mistake(
            "anomaly_mitigation",
            message,
            "write `load_balancing_algorithm = \"weighted_random\"`",
        ));
    }
    mistakes.extend(network_mistakes(protocol, inputs));
    mistakes.extend(threshold_mistake(inputs));
    if let Some(check) = inputs.get("health_check") {
        let grpc = word("protocol_version") == Some("GRPC");
        mistakes.extend(health_check_mistakes(http, grpc, check));
    }
    if let Some(stickiness) = inputs.get("stickiness") {
        mistakes.extend(stickiness_mistakes(protocol, stickiness));
    }
    mistakes
}

/// [model] TargetGroupAttribute.
fn network_mistakes(protocol: &str, inputs: &Object) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    let is = |name: &str, on: bool| inputs.get(name).and_then(Value::as_bool) == Some(on);
    if matches!(protocol, "UDP" | "TCP_UDP") {
        for (name, on, message) in [
            ("preserve_client_ip", false, "targets that speak UDP always see the client's address"),
            (
                "unhealthy_connection_termination",
                true,
                "with UDP no connections to unhealthy targets are cut",
            ),
        ] {
            if is(name, on) {
                mistakes.push(mistake(name, message, "take it away"));
            }
        }
    }
    let drains =
        matches!(inputs.get("unhealthy_draining_interval"), Some(Value::Duration(time)) if !time.is_zero());
    let cuts =
        inputs.get("unhealthy_connection_termination").map_or(Some(true), Value::as_bool) == Some(true);
    if drains && cuts && matches!(protocol, "TCP" | "TLS") {
        let message = "an unhealthy target is drained only where its connections are not cut";
        let help = "write `unhealthy_connection_termination = false`";
        mistakes.push(mistake("unhealthy_draining_interval", message, help));
    }
    mistakes
}

/// A zone leaves DNS with or before it sends to unhealthy targets (both guides, target-group-health).
fn threshold_mistake(inputs: &Object) -> Option<Mistake> {
    let threshold = |block: &str, name: &str| match inputs.get(block)?.get(name).unmark().0 {
        Value::Number(number) | Value::Percent(number) => Some(*number),
        _ => None,
    };
    let wrong = ["minimum_healthy_targets", "minimum_healthy_percentage"].into_iter().find(|name| {
        let both = threshold("dns_failover", name).zip(threshold("unhealthy_state_routing", name));
        both.is_some_and(|(dns, routing)| dns < routing)
    })?;
    let message = format!("`{wrong}` is less than that of `unhealthy_state_routing`");
    Some(mistake("dns_failover", message, "raise it: DNS fails over with or before routing"))
}

fn health_check_mistakes(http: bool, grpc: bool, check: &Value) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    let protocol = check.get("protocol").as_str();
    if http && protocol == Some("TCP") {
        let message = "targets that speak HTTP are checked by HTTP or HTTPS";
        mistakes.push(mistake("health_check", message, "write `protocol = \"HTTP\"`"));
    }
    // Without a word a group that does not speak HTTP is checked by TCP [model].
    if !http && matches!(protocol, None | Some("TCP")) {
        for name in ["path", "matcher"].into_iter().filter(|name| !check.get(name).is_null()) {
            let message = format!("`{name}` is only for HTTP health checks");
            mistakes.push(mistake("health_check", message, "add `protocol = \"HTTP\"` to the block"));
        }
    }
    let seconds = |name: &str, default: u64| match check.get(name).unmark().0 {
        Value::Duration(duration) => Some(*duration),
        Value::Null => Some(Duration::from_secs(default)),
        _ => None,
    };
    // Of an application load balancer 5s (its guide, target-group-health-checks); of a network one 6s of HTTP
    // and 10s of the others (API_CreateTargetGroup).
    let default = match (http, protocol) {
        (true, _) => 5,
        (false, Some("HTTP")) => 6,
        (false, _) => 10,
    };
    if let (Some(interval), Some(timeout)) = (seconds("interval", 30), seconds("timeout", default))
        && (timeout > interval || (http && timeout == interval))
    {
        let shorter = "a health check's timeout is shorter than its interval";
        let message = match check.get("timeout").is_null() {
            true => format!("{shorter}, and it is {default}s where none is written"),
            false => shorter.to_owned(),
        };
        mistakes.push(mistake("health_check", message, "lower `timeout` or raise `interval`"));
    }
    // [model] Matcher: up to 499 of an application load balancer, up to 599 of a network one.
    let (of, least, most) = match (grpc, http) {
        (true, _) => ("gRPC code", 0, 99),
        (false, true) => ("HTTP code", 200, 499),
        (false, false) => ("HTTP code", 200, 599),
    };
    let words = format!("write codes from {least} to {most}, such as `{least}` or `{least}-{most}`");
    let matcher = form(of, check.get("matcher"), |text| is_codes(text, least, most), &words);
    mistakes.extend(matcher.into_iter().map(|(_, message, help)| mistake("health_check", message, help)));
    mistakes
}

fn stickiness_mistakes(protocol: &str, stickiness: &Value) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    let http = matches!(protocol, "HTTP" | "HTTPS");
    // Network Load Balancers guide, edit-target-group-attributes.
    if protocol == "TLS" && stickiness.get("enabled").as_bool() == Some(true) {
        let message = "targets that speak TLS keep no client";
        mistakes.push(mistake("stickiness", message, "take it away, or write `protocol = \"TCP\"`"));
    }
    let kind = stickiness.get("type").as_str();
    if http && kind == Some("source_ip") {
        let help = "write `type = \"lb_cookie\"` or `type = \"app_cookie\"`";
        mistakes.push(mistake("stickiness", "`source_ip` is only for network load balancers", help));
    }
    if !http && matches!(kind, Some("lb_cookie" | "app_cookie")) {
        let message = "cookies are only for application load balancers";
        mistakes.push(mistake("stickiness", message, "write `type = \"source_ip\"`"));
    }
    for name in ["duration", "cookie_name", "cookie_duration"] {
        if !http && !stickiness.get(name).is_null() {
            let message = format!("`{name}` is only for application load balancers");
            mistakes.push(mistake("stickiness", message, "take it away"));
        }
    }
    if kind == Some("app_cookie") && stickiness.get("cookie_name").is_null() {
        let message = "`app_cookie` needs the name of the application's cookie";
        mistakes.push(mistake("stickiness", message, "add `cookie_name = \"...\"`"));
    }
    mistakes
}

#[cfg(test)]
mod tests {
    use super::super::schema::SCHEMA;
    use super::*;
    use crate::object;

    fn said(inputs: Value) -> Vec<String> {
        let Value::Object(inputs) = inputs else { panic!("an object") };
        mistakes(&SCHEMA.canonical(&inputs)).into_iter().map(|(_, message, _)| message).collect()
    }

    #[test]
    fn an_http_path_on_a_tcp_check_is_a_mistake() {
        let check = object! { "path" => "/healthz" };
        let said = said(object! { "protocol" => "TCP", "health_check" => check });
        assert_eq!(said, ["`path` is only for HTTP health checks"]);
    }

    #[test]
    fn what_an_algorithm_cannot_do_is_a_mistake() {
        let with = |name: &str, value: Value, algorithm: &str| {
            said(object! { "protocol" => "HTTP", name => value, "load_balancing_algorithm" => algorithm })
        };
        let slow = |seconds| Value::Duration(Duration::from_secs(seconds));
        assert_eq!(with("slow_start", slow(60), "weighted_random").len(), 1);
        assert!(with("slow_start", slow(0), "weighted_random").is_empty());
        assert!(with("anomaly_mitigation", true.into(), "weighted_random").is_empty());
        assert_eq!(with("anomaly_mitigation", true.into(), "round_robin").len(), 1);
    }

    #[test]
    fn what_targets_of_a_network_load_balancer_cannot_be_is_a_mistake() {
        let group = |protocol: &str, kind: &str, name: &str, value: Value| {
            said(object! { "protocol" => protocol, "target_type" => kind, name => value }).len()
        };
        let check = |protocol: &str| object! { "protocol" => protocol };
        assert_eq!(group("TCP", "alb", "health_check", check("TCP")), 1);
        assert_eq!(group("TCP", "alb", "health_check", check("HTTP")), 0);
        assert_eq!(group("TCP", "ip", "health_check", check("TCP")), 0);
        let sticky = |enabled: bool| object! { "type" => "source_ip", "enabled" => enabled };
        assert_eq!(group("TLS", "ip", "stickiness", sticky(true)), 1);
        assert_eq!(group("TLS", "ip", "stickiness", sticky(false)), 0);
        assert_eq!(group("TCP", "ip", "stickiness", sticky(true)), 0);
    }

    #[test]
    fn dns_fails_over_with_or_before_routing() {
        let of = |dns: Value, routing: Value| {
            said(
                object! { "protocol" => "HTTP", "dns_failover" => dns, "unhealthy_state_routing" => routing },
            )
        };
        let count = |count: i32| object! { "minimum_healthy_targets" => count };
        let share = |share: f64| object! { "minimum_healthy_percentage" => Value::Percent(share) };
        assert!(of(count(2), count(2)).is_empty() && of(count(1), share(50.0)).is_empty());
        assert_eq!((of(count(1), count(2)).len(), of(share(10.0), share(50.0)).len()), (1, 1));
    }

    #[test]
    fn a_timeout_as_long_as_the_interval_is_a_mistake() {
        let check = object! { "interval" => Duration::from_secs(5), "timeout" => Duration::from_secs(5) };
        let said = said(object! { "protocol" => "HTTP", "health_check" => check });
        assert_eq!(said, ["a health check's timeout is shorter than its interval"]);
    }
}
