//! The known attributes, with their forms and defaults (API_LoadBalancerAttribute, API_TargetGroupAttribute,
//! API_ListenerAttribute).

use super::load_balancers::Kind;

/// The form of an attribute.
#[derive(Debug, Clone, Copy)]
pub enum Form {
    Flag,
    Number(u32, u32),
    /// Zero turns it off.
    ZeroOr(u32, u32),
    /// `off` turns it off.
    OffOr(u32, u32),
    Word(&'static [&'static str]),
    Text,
    /// Answered, and read-only.
    Fixed,
}

/// Key, form and default.
pub type Known = (&'static str, Form, &'static str);

use Form::{Fixed, Flag, Number, OffOr, Text, Word, ZeroOr};

const ONE_WEEK: u32 = 604_800;
const ON_OFF: Form = Word(&["on", "off"]);

const APPLICATION: &[Known] = &[
    ("access_logs.s3.enabled", Flag, "false"),
    ("access_logs.s3.bucket", Text, ""),
    ("access_logs.s3.prefix", Text, ""),
    ("idle_timeout.timeout_seconds", Number(1, 4000), "60"),
    ("deletion_protection.enabled", Flag, "false"),
    ("routing.http2.enabled", Flag, "true"),
    ("routing.http.drop_invalid_header_fields.enabled", Flag, "false"),
    ("routing.http.xff_client_port.enabled", Flag, "false"),
    ("routing.http.preserve_host_header.enabled", Flag, "false"),
    ("routing.http.xff_header_processing.mode", Word(&["append", "preserve", "remove"]), "append"),
    ("load_balancing.cross_zone.enabled", Fixed, "true"),
    ("routing.http.desync_mitigation_mode", Word(&["monitor", "defensive", "strictest"]), "defensive"),
    ("client_keep_alive.seconds", Number(60, ONE_WEEK), "3600"),
    ("waf.fail_open.enabled", Flag, "false"),
    ("routing.http.x_amzn_tls_version_and_cipher_suite.enabled", Flag, "false"),
    ("zonal_shift.config.enabled", Flag, "false"),
    ("connection_logs.s3.enabled", Flag, "false"),
    ("connection_logs.s3.bucket", Text, ""),
    ("connection_logs.s3.prefix", Text, ""),
    ("health_check_logs.s3.enabled", Flag, "false"),
    ("health_check_logs.s3.bucket", Text, ""),
    ("health_check_logs.s3.prefix", Text, ""),
    ("ipv6.deny_all_igw_traffic", Flag, "false"),
];

const NETWORK: &[Known] = &[
    ("access_logs.s3.enabled", Flag, "false"),
    ("access_logs.s3.bucket", Text, ""),
    ("access_logs.s3.prefix", Text, ""),
    ("deletion_protection.enabled", Flag, "false"),
    ("ipv6.deny_all_igw_traffic", Flag, "false"),
    ("load_balancing.cross_zone.enabled", Flag, "false"),
    (
        "dns_record.client_routing_policy",
        Word(&["availability_zone_affinity", "partial_availability_zone_affinity", "any_availability_zone"]),
        "any_availability_zone",
    ),
    ("secondary_ips.auto_assigned.per_subnet", Number(0, 7), "0"),
    ("zonal_shift.config.enabled", Flag, "false"),
];

/// Of every target group.
const GROUP: &[Known] = &[
    ("stickiness.enabled", Flag, "false"),
    ("deregistration_delay.timeout_seconds", Number(0, 3600), "300"),
    (
        "load_balancing.cross_zone.enabled",
        Word(&["true", "false", "use_load_balancer_configuration"]),
        "use_load_balancer_configuration",
    ),
    ("target_group_health.dns_failover.minimum_healthy_targets.count", OffOr(1, 1000), "1"),
    ("target_group_health.dns_failover.minimum_healthy_targets.percentage", OffOr(1, 100), "off"),
    ("target_group_health.unhealthy_state_routing.minimum_healthy_targets.count", Number(1, 1000), "1"),
    ("target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage", OffOr(1, 100), "off"),
];

const APPLICATION_GROUP: &[Known] = &[
    ("stickiness.type", Word(&["lb_cookie", "app_cookie"]), "lb_cookie"),
    ("stickiness.lb_cookie.duration_seconds", Number(1, ONE_WEEK), "86400"),
    ("stickiness.app_cookie.cookie_name", Text, ""),
    ("stickiness.app_cookie.duration_seconds", Number(1, ONE_WEEK), "86400"),
    ("slow_start.duration_seconds", ZeroOr(30, 900), "0"),
    (
        "load_balancing.algorithm.type",
        Word(&["round_robin", "least_outstanding_requests", "weighted_random"]),
        "round_robin",
    ),
    ("load_balancing.algorithm.anomaly_mitigation", ON_OFF, "off"),
];

const NETWORK_GROUP: &[Known] = &[
    ("stickiness.type", Word(&["source_ip"]), "source_ip"),
    ("deregistration_delay.connection_termination.enabled", Flag, "false"),
    ("proxy_protocol_v2.enabled", Flag, "false"),
    ("target_health_state.unhealthy.connection_termination.enabled", Flag, "true"),
    ("target_health_state.unhealthy.draining_interval_seconds", Number(0, 360_000), "0"),
];

const APPLICATION_LISTENER: &[Known] = &[
    ("routing.http.response.server.enabled", Flag, "true"),
    ("routing.http.response.strict_transport_security.header_value", Text, ""),
    ("routing.http.response.access_control_allow_origin.header_value", Text, ""),
    ("routing.http.response.access_control_allow_methods.header_value", Text, ""),
    ("routing.http.response.access_control_allow_headers.header_value", Text, ""),
    ("routing.http.response.access_control_allow_credentials.header_value", Text, ""),
    ("routing.http.response.access_control_expose_headers.header_value", Text, ""),
    ("routing.http.response.access_control_max_age.header_value", Text, ""),
    ("routing.http.response.content_security_policy.header_value", Text, ""),
    ("routing.http.response.x_content_type_options.header_value", Text, ""),
    ("routing.http.response.x_frame_options.header_value", Text, ""),
];

const HTTPS_LISTENER: &[Known] = &[
    (
        "routing.http.request.x_amzn_mtls_clientcert_serial_number.header_name",
        Text,
        "X-Amzn-Mtls-Clientcert-Serial-Number",
    ),
    ("routing.http.request.x_amzn_mtls_clientcert_issuer.header_name", Text, "X-Amzn-Mtls-Clientcert-Issuer"),
    (
        "routing.http.request.x_amzn_mtls_clientcert_subject.header_name",
        Text,
        "X-Amzn-Mtls-Clientcert-Subject",
    ),
    (
        "routing.http.request.x_amzn_mtls_clientcert_validity.header_name",
        Text,
        "X-Amzn-Mtls-Clientcert-Validity",
    ),
    ("routing.http.request.x_amzn_mtls_clientcert_leaf.header_name", Text, "X-Amzn-Mtls-Clientcert-Leaf"),
    ("routing.http.request.x_amzn_mtls_clientcert.header_name", Text, "X-Amzn-Mtls-Clientcert"),
    ("routing.http.request.x_amzn_tls_version.header_name", Text, "X-Amzn-Tls-Version"),
    ("routing.http.request.x_amzn_tls_cipher_suite.header_name", Text, "X-Amzn-Tls-Cipher-Suite"),
];

const TCP_LISTENER: &[Known] = &[("tcp.idle_timeout.seconds", Number(60, 6000), "350")];

/// Attributes of a load balancer. Internal ones deny internet gateways by default.
pub fn of_load_balancer(kind: Kind, scheme: &str) -> Vec<Known> {
    let known = match kind {
        Kind::Application => APPLICATION,
        Kind::Network => NETWORK,
    };
    let default = |(key, form, value): &Known| match (*key, scheme) {
        ("ipv6.deny_all_igw_traffic", "internal") => (*key, *form, "true"),
        _ => (*key, *form, *value),
    };
    known.iter().map(default).collect()
}

/// Of a target group with this protocol (HTTP and HTTPS are of application load balancers).
pub fn of_target_group(protocol: &str, target_type: &str) -> Vec<Known> {
    if matches!(protocol, "HTTP" | "HTTPS") {
        return [GROUP, APPLICATION_GROUP].concat();
    }
    let preserve = if target_type == "ip" { "false" } else { "true" };
    let mut known = [GROUP, NETWORK_GROUP].concat();
    known.push(("preserve_client_ip.enabled", Flag, preserve));
    known
}

pub fn of_listener(protocol: &str) -> Vec<Known> {
    match protocol {
        "HTTP" => APPLICATION_LISTENER.to_vec(),
        "HTTPS" => [HTTPS_LISTENER, APPLICATION_LISTENER].concat(),
        "TCP" => TCP_LISTENER.to_vec(),
        _ => Vec::new(),
    }
}

/// Tells whether some load balancer, target group or listener has an attribute of this name.
pub fn exists(key: &str) -> bool {
    let all = [
        APPLICATION,
        NETWORK,
        GROUP,
        APPLICATION_GROUP,
        NETWORK_GROUP,
        APPLICATION_LISTENER,
        HTTPS_LISTENER,
        TCP_LISTENER,
    ];
    key == "preserve_client_ip.enabled" || all.into_iter().flatten().any(|(known, _, _)| *known == key)
}
