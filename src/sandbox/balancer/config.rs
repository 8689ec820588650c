//! The configuration of the balancer: plain data, made by `elbv2::config` from the region's state.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// All listeners and target groups of a region. Equal values mean nothing to do.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Config {
    pub listeners: Vec<Listener>,
    /// By ARN.
    pub groups: BTreeMap<String, Arc<Group>>,
}

/// A socket that is served.
#[derive(Debug, Clone, PartialEq)]
pub struct Listener {
    pub arn: String,
    /// Of its load balancer, such as `app/edge/50dc6c495c0c9188`; the dimension of its metrics.
    pub balancer: String,
    pub address: SocketAddr,
    pub protocol: Protocol,
    /// The port in the API, for `X-Forwarded-Port` and redirects; the port of `address` may differ.
    pub port: u16,
    /// `idle_timeout.timeout_seconds`: a connection without data ends, a target without an answer
    /// is a 504.
    pub idle_timeout: Duration,
    /// `client_keep_alive.seconds`.
    pub client_keep_alive: Duration,
    /// `routing.http.xff_header_processing.mode`
    pub forwarded_for: ForwardedFor,
    /// `routing.http.preserve_host_header.enabled`
    pub preserve_host: bool,
    /// `routing.http.drop_invalid_header_fields.enabled`
    pub drop_invalid_headers: bool,
    /// `routing.http.desync_mitigation_mode`
    pub desync: Desync,
    /// By priority, lowest number first; the default rule is the last, without conditions.
    pub rules: Vec<Rule>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Http,
    /// Served as plain HTTP, with `X-Forwarded-Proto: https`.
    Https,
    /// Connections passed through: TCP, and TLS as plain TCP.
    Tcp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Desync {
    Monitor,
    Defensive,
    Strictest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForwardedFor {
    Append,
    Preserve,
    Remove,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    pub arn: String,
    /// All of them must hold.
    pub conditions: Vec<Condition>,
    /// The status for unauthenticated users, if the rule authenticates first.
    pub unauthenticated: Option<u16>,
    pub action: Action,
}

/// A condition; one of its values must match (API_RuleCondition).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// `*` and `?`, case-insensitive.
    Host(Vec<String>),
    /// `*` and `?`, case-sensitive.
    Path(Vec<String>),
    /// Header name, and values with `*` and `?`, both case-insensitive.
    Header(String, Vec<String>),
    Method(Vec<String>),
    /// A key that may be left out, and a value; `*` and `?`, case-insensitive.
    Query(Vec<(Option<String>, String)>),
    /// CIDR blocks of the client's address.
    SourceIp(Vec<String>),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    Forward {
        /// Group ARNs and weights 0 to 999.
        groups: Vec<(String, u32)>,
        /// Group stickiness: how long a client stays with a group.
        stickiness: Option<Duration>,
    },
    /// Parts with `#{protocol}`, `#{host}`, `#{port}`, `#{path}`, `#{query}`.
    Redirect {
        protocol: String,
        host: String,
        port: String,
        path: String,
        query: String,
        status: u16,
    },
    Fixed {
        status: u16,
        content_type: Option<String>,
        body: Option<String>,
    },
}

/// A target group. The balancer checks those that a rule names.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    pub arn: String,
    /// Such as `targetgroup/blue/73e2d6bc24d8a067`; the dimension of its metrics.
    pub suffix: String,
    pub protocol: Protocol,
    /// Whether requests go to targets as HTTP/1.1 (`ProtocolVersion`).
    pub is_http1: bool,
    pub check: HealthCheck,
    /// `slow_start.duration_seconds`; zero is off.
    pub slow_start: Duration,
    /// `stickiness.enabled` with `lb_cookie` or `app_cookie` (its name).
    pub stickiness: Option<(Stickiness, Duration)>,
    pub algorithm: Algorithm,
    /// `target_group_health.unhealthy_state_routing.minimum_healthy_targets.count`: with fewer healthy
    /// targets, all get traffic.
    pub fail_open_below: u32,
    pub targets: Vec<Target>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stickiness {
    Balancer,
    Application(String),
    /// `source_ip`, of network load balancers.
    SourceIp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    RoundRobin,
    LeastOutstandingRequests,
    WeightedRandom,
}

/// A health check (CreateTargetGroup).
#[derive(Debug, Clone, PartialEq)]
pub struct HealthCheck {
    pub enabled: bool,
    pub protocol: Protocol,
    /// `None`: the target's own port.
    pub port: Option<u16>,
    pub path: String,
    pub interval: Duration,
    pub timeout: Duration,
    pub healthy_threshold: u32,
    pub unhealthy_threshold: u32,
    /// `200`, `200,302`, `200-299`.
    pub matcher: String,
}

/// Which target: an instance id (or address) and a port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetKey {
    pub id: String,
    pub port: u16,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    pub key: TargetKey,
    /// The address of its traffic, and that of its health check if the check has a port of its own.
    pub address: SocketAddr,
    pub check_address: SocketAddr,
    /// No new requests; those that are open may end.
    pub draining: bool,
    /// Its instance does not run: neither checked nor sent to.
    pub down: bool,
    /// Names that a fault can select it by: instance id, group name, image id, image name.
    pub labels: Arc<[String]>,
}
