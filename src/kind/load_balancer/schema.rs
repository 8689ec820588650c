//! The schema of a `load_balancer` block.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::kind::elbv2;
use crate::kind::elbv2::Mistake;
use crate::kind::elbv2::name_mistake;
use crate::kind::elbv2::settings::{Form, Setting, setting};
use crate::kind::rules::{address, form};
use crate::kind::schema::{Attribute, NOT_AT_CREATE, Output, Schema, Type, Wrong, attribute, output};
use crate::kind::{Made, Named};
use crate::object;
use crate::value::{Object, Value};

/// [model] LoadBalancerAttribute.
pub(super) const SETTINGS: &[Setting] = &[
    setting("deletion_protection", "deletion_protection.enabled", Form::Flag).or("false"),
    setting("cross_zone", "load_balancing.cross_zone.enabled", Form::Flag).or("false"),
    setting("deny_all_igw_traffic", "ipv6.deny_all_igw_traffic", Form::Flag),
    setting("zonal_shift", "zonal_shift.config.enabled", Form::Flag).or("false"),
    setting("access_logs.enabled", "access_logs.s3.enabled", Form::Flag).or("false"),
    setting("access_logs.bucket", "access_logs.s3.bucket", Form::Text),
    setting("access_logs.prefix", "access_logs.s3.prefix", Form::Text),
    setting("connection_logs.enabled", "connection_logs.s3.enabled", Form::Flag).or("false"),
    setting("connection_logs.bucket", "connection_logs.s3.bucket", Form::Text),
    setting("connection_logs.prefix", "connection_logs.s3.prefix", Form::Text),
    setting("health_check_logs.enabled", "health_check_logs.s3.enabled", Form::Flag).or("false"),
    setting("health_check_logs.bucket", "health_check_logs.s3.bucket", Form::Text),
    setting("health_check_logs.prefix", "health_check_logs.s3.prefix", Form::Text),
    setting("idle_timeout", "idle_timeout.timeout_seconds", Form::Number).or("60"),
    setting("client_keep_alive", "client_keep_alive.seconds", Form::Number).or("3600"),
    setting("http2", "routing.http2.enabled", Form::Flag).or("true"),
    setting("desync_mitigation_mode", "routing.http.desync_mitigation_mode", Form::Text).or("defensive"),
    setting("drop_invalid_header_fields", "routing.http.drop_invalid_header_fields.enabled", Form::Flag)
        .or("false"),
    setting("preserve_host_header", "routing.http.preserve_host_header.enabled", Form::Flag).or("false"),
    setting("tls_headers", "routing.http.x_amzn_tls_version_and_cipher_suite.enabled", Form::Flag)
        .or("false"),
    setting("xff_client_port", "routing.http.xff_client_port.enabled", Form::Flag).or("false"),
    setting("xff_header_processing", "routing.http.xff_header_processing.mode", Form::Text).or("append"),
    setting("waf_fail_open", "waf.fail_open.enabled", Form::Flag).or("false"),
    setting("client_routing_policy", "dns_record.client_routing_policy", Form::Text)
        .or("any_availability_zone"),
    setting("secondary_ips_per_subnet", "secondary_ips.auto_assigned.per_subnet", Form::Number),
];

/// [model] LoadBalancerAttribute: "supported by only Application Load Balancers".
const APPLICATION_ONLY: [&str; 12] = [
    "connection_logs",
    "health_check_logs",
    "idle_timeout",
    "client_keep_alive",
    "http2",
    "desync_mitigation_mode",
    "drop_invalid_header_fields",
    "preserve_host_header",
    "tls_headers",
    "xff_client_port",
    "xff_header_processing",
    "waf_fail_open",
];
/// Attributes of network load balancers only; an application load balancer cannot turn off cross-zone load
/// balancing.
const NETWORK_ONLY: [&str; 4] =
    ["subnet_mapping", "cross_zone", "client_routing_policy", "secondary_ips_per_subnet"];

pub(super) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema {
    kind: "load_balancer",
    doc: "An Application or a Network Load Balancer.",
    attributes: attributes(),
    outputs: outputs(),
    not_offered: &[
        ("customer_owned_ipv4_pool", "only for load balancers on Outposts"),
        ("enable_prefix_for_ipv6_source_nat", "only for UDP over IPv6 on network load balancers"),
        ("ipam_pools", "address pools of IPAM are not offered yet"),
    ],
    unique: &["name"],
});

fn attributes() -> Vec<Attribute> {
    let mapping = vec![
        attribute("subnet", Type::id_of(&["subnet"]), "The subnet.").required(),
        attribute("allocation_id", Type::string(), "The Elastic IP address of an internet-facing one."),
        attribute("private_ipv4_address", Type::string(), "The address of an internal one.").rule(address),
        attribute("ipv6_address", Type::string(), "The IPv6 address.").rule(|address| {
            let fits = |text: &str| text.parse::<std::net::Ipv6Addr>().is_ok();
            form("IPv6 address", address, fits, "write one such as `2001:db8::10`")
        }),
    ];
    let mut attributes = vec![
        attribute("name", Type::String { max: 32 }, "Made by bgform where none is given.").replaces(),
        attribute("type", Type::Choice(&["application", "network"]), "Which kind of load balancer.")
            .default("application")
            .replaces(),
        attribute("scheme", Type::Choice(&["internet-facing", "internal"]), "Who can reach it.")
            .default("internet-facing")
            .replaces(),
        attribute("subnets", Type::id_of(&["subnet"]).set(), "One subnet a zone; application: at least two."),
        attribute(
            "subnet_mapping",
            Type::Blocks { attributes: mapping, ordered: false, max: 20 },
            "A network load balancer's subnets with an address in each, in place of `subnets`.",
        )
        .api(&["subnet_mappings"]),
        attribute("security_groups", Type::id_of(&["security_group"]).set(), "Its security groups."),
        attribute(
            "ip_address_type",
            Type::Choice(&["ipv4", "dualstack", "dualstack-without-public-ipv4"]),
            "The addresses that it has.",
        )
        .default("ipv4"),
        elbv2::tags_attribute(),
    ];
    attributes.extend(setting_attributes().into_iter().map(|attribute| attribute.api(NOT_AT_CREATE)));
    attributes
}

fn setting_attributes() -> Vec<Attribute> {
    let logs = || {
        Type::Block(vec![
            attribute(
                "bucket",
                Type::string(),
                "An S3 bucket of the same region, whose policy lets ELB write.",
            )
            .required(),
            attribute("prefix", Type::string(), "The beginning of each object's key.").rule(|prefix| {
                // Application Load Balancers guide, enable-access-logging.
                let fits = |prefix: &str| !prefix.contains("AWSLogs");
                form("prefix of logs", prefix, fits, "leave `AWSLogs` out: AWS puts it in")
            }),
            attribute("enabled", Type::Bool, "Whether logs are written.").default(true),
        ])
    };
    vec![
        attribute("deletion_protection", Type::Bool, "Whether deleting it is refused."),
        attribute("cross_zone", Type::Bool, "Network: whether each zone sends to targets of all zones."),
        attribute("deny_all_igw_traffic", Type::Bool, "Whether internet gateways cannot reach it."),
        attribute("zonal_shift", Type::Bool, "Whether a zone can be taken out by a zonal shift."),
        attribute("access_logs", logs(), "A log line a request, in S3."),
        attribute("connection_logs", logs(), "A log line a connection, in S3."),
        attribute("health_check_logs", logs(), "A log line a health check, in S3."),
        attribute("idle_timeout", Type::Duration { min: 1, max: 4000 }, "How long a connection may be idle."),
        attribute(
            "client_keep_alive",
            Type::Duration { min: 60, max: 604_800 },
            "How long a client's connection is kept.",
        ),
        attribute("http2", Type::Bool, "Whether clients may speak HTTP/2."),
        attribute(
            "desync_mitigation_mode",
            Type::Choice(&["monitor", "defensive", "strictest"]),
            "What is done with requests that may be a security risk.",
        ),
        attribute("drop_invalid_header_fields", Type::Bool, "Whether invalid headers are removed."),
        attribute("preserve_host_header", Type::Bool, "Whether targets get the Host header unchanged."),
        attribute("tls_headers", Type::Bool, "Whether targets are told TLS version and cipher suite."),
        attribute("xff_client_port", Type::Bool, "Whether X-Forwarded-For has the client's port."),
        attribute(
            "xff_header_processing",
            Type::Choice(&["append", "preserve", "remove"]),
            "What is done with X-Forwarded-For.",
        ),
        attribute("waf_fail_open", Type::Bool, "Whether requests pass when WAF cannot be asked."),
        attribute(
            "client_routing_policy",
            Type::Choice(&[
                "availability_zone_affinity",
                "partial_availability_zone_affinity",
                "any_availability_zone",
            ]),
            "Network: which zone's address a client is given.",
        ),
        attribute(
            "secondary_ips_per_subnet",
            Type::Integer { min: 0, max: 7 },
            "Network: more addresses for each node; it cannot be decreased.",
        ),
    ]
}

/// Outputs of a load balancer, managed or existing.
pub(in crate::kind) fn outputs() -> Vec<Output> {
    vec![
        output("id", "The ARN."),
        output("arn", "The ARN."),
        output("name", "The name."),
        output("dns_name", "The name that clients connect to."),
        output("zone_id", "The hosted zone for alias records."),
        output("arn_suffix", "What CloudWatch calls it: `app/name/id`."),
        output("vpc", "The id of its VPC."),
    ]
}

/// Checks for mistakes that no single attribute's type shows.
pub(super) fn mistakes(inputs: &Object) -> Vec<Mistake> {
    let mut mistakes: Vec<_> = name_mistake(inputs).into_iter().collect();
    let has = |name: &str| inputs.contains_key(name);
    if has("subnets") == has("subnet_mapping") {
        let help = "write `subnets = [...]`, or a `subnet_mapping` block for each zone".to_owned();
        mistakes.push(("subnets", "a load balancer has either subnets or subnet mappings".to_owned(), help));
    }
    let kind = inputs.get("type").and_then(Value::as_str).unwrap_or("application");
    let (foreign, other): (&[&'static str], _) = match kind {
        "network" => (&APPLICATION_ONLY, "application"),
        _ => (&NETWORK_ONLY, "network"),
    };
    for name in foreign.iter().filter(|name| has(name)) {
        let message = format!("`{name}` is only for a load balancer of type `{other}`");
        mistakes.push((name, message, format!("take it away, or write `type = \"{other}\"`")));
    }
    mistakes.extend(address_mistake(kind, inputs));
    let empty = |name: &str| inputs.get(name).and_then(Value::as_list) == Some(&[]);
    for name in ["subnets", "subnet_mapping", "security_groups"] {
        if empty(name) && (name != "security_groups" || kind == "application") {
            let message = format!("`{name}` is empty");
            mistakes.push((name, message, "name one at least, or take the line away".to_owned()));
        }
    }
    // Values that are not ids yet, such as a plural `subnets`, may stand for several.
    let ids = inputs.get("subnets").and_then(Value::as_list).unwrap_or_default();
    if kind == "application" && ids.len() == 1 && ids.iter().all(|id| id.as_str().is_some()) {
        let message = "an application load balancer needs subnets in at least two zones".to_owned();
        mistakes.push(("subnets", message, "add a subnet of another zone".to_owned()));
    }
    mistakes
}

/// The addresses that a load balancer of a type and a scheme can have ([model] CreateLoadBalancerInput,
/// SubnetMapping; Application Load Balancers guide, application-load-balancers, for the scheme of the third type).
fn address_mistake(kind: &str, inputs: &Object) -> Option<Mistake> {
    let word = |name: &str| inputs.get(name).and_then(Value::as_str);
    let (scheme, addresses) = (word("scheme"), word("ip_address_type"));
    if addresses == Some("dualstack-without-public-ipv4") {
        let (wrong, help) = match (kind, scheme) {
            ("network", _) => ("a network load balancer", "write `ip_address_type = \"dualstack\"`"),
            (_, Some("internal")) => ("an internal load balancer", "write `ip_address_type = \"dualstack\"`"),
            _ => return None,
        };
        let message = format!("{wrong} is not of the address type `dualstack-without-public-ipv4`");
        return Some(("ip_address_type", message, help.to_owned()));
    }
    let mappings = inputs.get("subnet_mapping").and_then(Value::as_list).unwrap_or_default();
    let says = |name: &str| mappings.iter().any(|one| !one.get(name).is_null());
    [
        ("allocation_id", scheme == Some("internal"), "an internal one", "`private_ipv4_address`"),
        (
            "private_ipv4_address",
            scheme == Some("internet-facing"),
            "an internet-facing one",
            "`allocation_id`",
        ),
        (
            "ipv6_address",
            addresses == Some("ipv4"),
            "one with IPv4 only",
            "`ip_address_type = \"dualstack\"`",
        ),
    ]
    .into_iter()
    .find(|(name, wrong, ..)| *wrong && says(name))
    .map(|(name, _, of, help)| {
        let message = format!("`{name}` is not for a load balancer that is {of}");
        ("subnet_mapping", message, format!("take it away, or write {help}"))
    })
}

/// A network load balancer gets no security group after it was made without one, and keeps one that it was made
/// with; an application load balancer always has one (API_SetSecurityGroups; Network Load Balancers guide,
/// load-balancer-security-groups). Another subnet of a zone comes once the first has gone, and one zone stays
/// meanwhile (the same guide, availability-zones). Secondary addresses are never fewer ([model] LoadBalancerAttribute).
pub(super) fn not_in_place(attribute: &str, before: &Object, after: &Object) -> Option<Made> {
    let is_network = after.get("type").and_then(Value::as_str) == Some("network");
    match attribute {
        "security_groups" => {
            let some = |inputs: &Object| match inputs.get("security_groups").map(|groups| groups.unmark().0) {
                None | Some(Value::Null) => false,
                Some(Value::List(groups)) => !groups.is_empty(),
                Some(_) => true,
            };
            match (is_network, some(before), some(after)) {
                (true, had, has) if had != has => Some(Made::Anew),
                (false, true, false) => Some(Made::Never(
                    "an application load balancer always has a security group, and keeps those that it has"
                        .to_owned(),
                    "write the security groups that it is to have",
                )),
                _ => None,
            }
        }
        "subnets" | "subnet_mapping" if is_network => {
            let zones = |inputs: &Object| {
                let listed = |name: &str| inputs.get(name).and_then(Value::as_list).map(<[Value]>::to_vec);
                let plain = |subnet| object! { "subnet" => subnet };
                let subnets = || listed("subnets").map(|all| all.into_iter().map(plain).collect());
                listed("subnet_mapping").or_else(subnets).unwrap_or_default()
            };
            let (was, will): (Vec<Value>, Vec<Value>) = (zones(before), zones(after));
            let same = |one: &Value, other: &Value| {
                let mapping = ["subnet", "allocation_id", "private_ipv4_address", "ipv6_address"];
                // An address that is not said is AWS's choice.
                mapping.iter().all(|name| one.get(name).is_null() || one.get(name) == other.get(name))
            };
            let stays = will.iter().any(|one| was.iter().any(|other| same(one, other)));
            (!was.is_empty() && !will.is_empty() && !stays).then_some(Made::Anew)
        }
        "secondary_ips_per_subnet" => {
            let count =
                |inputs: &Object| inputs.get(attribute).and_then(Value::as_number).unwrap_or_default();
            (count(after) < count(before)).then_some(Made::Anew)
        }
        _ => None,
    }
}

/// Checks that each zone has one subnet (API_CreateLoadBalancer, Subnets).
pub(super) fn beside(inputs: &Object, named: Named<'_>) -> Option<Wrong> {
    let mut seen: BTreeMap<String, &Value> = BTreeMap::new();
    let listed = |name: &str| inputs.get(name).and_then(Value::as_list).unwrap_or_default().iter();
    let mapped = listed("subnet_mapping").map(|one| ("subnet_mapping", one.get("subnet")));
    for (attribute, subnet) in listed("subnets").map(|one| ("subnets", one)).chain(mapped) {
        let Some(zone) =
            named(subnet).and_then(|of| of.get("availability_zone")?.as_str().map(str::to_owned))
        else {
            continue;
        };
        if let Some(first) = seen.get(&zone) {
            let written = |subnet: &Value| match subnet {
                Value::Ref(reference) => reference.to_string(),
                other => other.as_str().unwrap_or("one").to_owned(),
            };
            let message = format!("`{}` and `{}` are both in {zone}", written(first), written(subnet));
            return Some((attribute, message, "name one subnet of each zone".to_owned()));
        }
        seen.insert(zone, subnet);
    }
    None
}
