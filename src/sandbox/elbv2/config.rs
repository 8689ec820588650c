//! The balancer's configuration, made from the state.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::super::balancer::Config;
use super::super::balancer::config::{
    Action, Algorithm, Condition, Desync, ForwardedFor, Group, HealthCheck, Listener, Protocol, Rule,
    Stickiness, Target, TargetKey,
};
use super::super::ecs;
use super::super::network::served;
use super::super::state::State;
use super::actions::Does;
use super::authenticate::Authenticate;
use super::load_balancers::Kind;
use super::{LoadBalancer, TargetGroup, actions, attributes, conditions, suffix, targets};

/// The listeners of active load balancers, and the target groups that their rules name.
pub fn config(state: &State) -> Config {
    let mut config = Config::default();
    for listener in state.elbv2.listeners.values() {
        let balancer = state.elbv2.load_balancers.get(&listener.load_balancer);
        let Some(balancer) = balancer.filter(|balancer| balancer.active) else { continue };
        let rules = state.elbv2.rules_of(&listener.arn);
        for arn in rules.iter().flat_map(|rule| rule.action.groups()) {
            if let Some(group) = state.elbv2.target_groups.get(arn) {
                config
                    .groups
                    .entry(arn.to_owned())
                    .or_insert_with(|| Arc::new(group_of(state, balancer, group)));
            }
        }
        let setting = |key: &str| attributes::of_load_balancer(balancer, key);
        let idle = match balancer.kind {
            Kind::Application => seconds(&setting("idle_timeout.timeout_seconds")),
            Kind::Network => seconds(&attributes::of_listener(listener, "tcp.idle_timeout.seconds")),
        };
        config.listeners.push(Listener {
            arn: listener.arn.clone(),
            balancer: suffix(&balancer.arn).to_owned(),
            address: SocketAddr::new(IpAddr::V4(balancer.address), listener.served_at),
            protocol: protocol(&listener.protocol),
            port: listener.port,
            // TLS listeners of network load balancers have no setting of their own.
            idle_timeout: if idle.is_zero() { Duration::from_secs(350) } else { idle },
            client_keep_alive: seconds(&setting("client_keep_alive.seconds")),
            forwarded_for: match setting("routing.http.xff_header_processing.mode").as_str() {
                "preserve" => ForwardedFor::Preserve,
                "remove" => ForwardedFor::Remove,
                _ => ForwardedFor::Append,
            },
            preserve_host: setting("routing.http.preserve_host_header.enabled") == "true",
            drop_invalid_headers: setting("routing.http.drop_invalid_header_fields.enabled") == "true",
            desync: match setting("routing.http.desync_mitigation_mode").as_str() {
                "monitor" => Desync::Monitor,
                "strictest" => Desync::Strictest,
                _ => Desync::Defensive,
            },
            rules: rules.into_iter().map(rule_of).collect(),
        });
    }
    // The order of creation is no part of the configuration.
    config.listeners.sort_by(|one, other| one.arn.cmp(&other.arn));
    config
}

fn seconds(text: &str) -> Duration {
    Duration::from_secs(text.parse().unwrap_or_default())
}

fn protocol(name: &str) -> Protocol {
    match name {
        "HTTP" => Protocol::Http,
        "HTTPS" => Protocol::Https,
        _ => Protocol::Tcp,
    }
}

fn rule_of(rule: &super::Rule) -> Rule {
    Rule {
        arn: rule.arn.clone(),
        conditions: rule.conditions.iter().map(condition_of).collect(),
        unauthenticated: rule.action.authenticate.as_ref().and_then(Authenticate::refuses),
        action: action_of(&rule.action),
    }
}

fn condition_of(condition: &conditions::Condition) -> Condition {
    use conditions::Condition as Given;
    match condition.clone() {
        Given::HostHeader(values) => Condition::Host(values),
        Given::PathPattern(values) => Condition::Path(values),
        Given::HttpHeader { name, values } => Condition::Header(name, values),
        Given::HttpRequestMethod(values) => Condition::Method(values),
        Given::QueryString(pairs) => Condition::Query(pairs),
        Given::SourceIp(values) => Condition::SourceIp(values),
    }
}

fn action_of(action: &actions::Action) -> Action {
    match action.does.clone() {
        Does::Forward(forward) => Action::Forward {
            // A network load balancer's has no duration.
            stickiness: forward
                .sticky
                .then(|| Duration::from_secs(u64::from(forward.duration.unwrap_or_default()))),
            groups: forward.groups,
        },
        Does::Redirect { protocol, host, port, path, query, status } => {
            Action::Redirect { protocol, host, port, path, query, status }
        }
        Does::Fixed { status, content_type, body } => Action::Fixed { status, content_type, body },
    }
}

fn group_of(state: &State, balancer: &LoadBalancer, group: &TargetGroup) -> Group {
    let setting = |key: &str| attributes::of_target_group(group, key);
    let check = &group.check;
    let stickiness =
        (setting("stickiness.enabled") == "true").then(|| match setting("stickiness.type").as_str() {
            "app_cookie" => (
                Stickiness::Application(setting("stickiness.app_cookie.cookie_name")),
                seconds(&setting("stickiness.app_cookie.duration_seconds")),
            ),
            "source_ip" => (Stickiness::SourceIp, Duration::ZERO),
            _ => (Stickiness::Balancer, seconds(&setting("stickiness.lb_cookie.duration_seconds"))),
        });
    let fail_open = setting("target_group_health.unhealthy_state_routing.minimum_healthy_targets.count");
    Group {
        arn: group.arn.clone(),
        suffix: format!("targetgroup/{}", suffix(&group.arn)),
        protocol: protocol(&group.protocol),
        is_http1: !matches!(group.version.as_deref(), Some("HTTP2" | "GRPC")),
        check: HealthCheck {
            enabled: true,
            protocol: protocol(&check.protocol),
            port: check.port.parse().ok(),
            path: check.path.clone().unwrap_or_else(|| "/".to_owned()),
            interval: Duration::from_secs(u64::from(check.interval)),
            timeout: Duration::from_secs(u64::from(check.timeout)),
            healthy_threshold: check.healthy,
            unhealthy_threshold: check.unhealthy,
            matcher: check.matcher.clone().unwrap_or_else(|| "200".to_owned()),
        },
        slow_start: seconds(&setting("slow_start.duration_seconds")),
        stickiness,
        algorithm: match setting("load_balancing.algorithm.type").as_str() {
            "least_outstanding_requests" => Algorithm::LeastOutstandingRequests,
            "weighted_random" => Algorithm::WeightedRandom,
            _ => Algorithm::RoundRobin,
        },
        fail_open_below: fail_open.parse().unwrap_or(1),
        targets: targets_of(state, balancer, group),
    }
}

/// The targets in zones of the load balancer, in the order of their keys.
fn targets_of(state: &State, balancer: &LoadBalancer, group: &TargetGroup) -> Vec<Target> {
    let mut all = BTreeMap::new();
    for target in &group.targets {
        let check = group.check.port.parse().unwrap_or(target.port);
        let (addresses, labels) = match state.ec2.instances.get(&target.id) {
            Some(instance) => {
                if !balancer.subnets.iter().any(|placed| placed.zone == instance.zone) {
                    continue;
                }
                let host = state.network.host(instance.private_address);
                let port = |port: u16| SocketAddr::new(host, instance.own_port.unwrap_or(served(port)));
                let group = instance.group.clone();
                let labels = [Some(instance.id.clone()), group, Some(instance.image.clone())];
                ((port(target.port), port(check)), labels.into_iter().flatten().collect::<Vec<_>>())
            }
            None if let Some((host, place, labels)) = ecs::reached(state, &target.id) => {
                let port = |port: u16| SocketAddr::new(host, place.served(port));
                ((port(target.port), port(check)), labels)
            }
            None => {
                let Ok(host) = target.id.parse::<IpAddr>() else { continue };
                let addresses = (SocketAddr::new(host, target.port), SocketAddr::new(host, check));
                (addresses, vec![target.id.clone()])
            }
        };
        let key = TargetKey { id: target.id.clone(), port: target.port };
        all.insert(
            key.clone(),
            Target {
                key,
                address: addresses.0,
                check_address: addresses.1,
                draining: target.draining.is_some(),
                down: !targets::reachable(state, group, &target.id),
                labels: labels.into(),
            },
        );
    }
    all.into_values().collect()
}
