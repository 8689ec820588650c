//! The schema of a `listener` block.

use std::sync::LazyLock;

use crate::kind::Named;
use crate::kind::elbv2;
use crate::kind::elbv2::settings::{Form, Setting, setting};
use crate::kind::elbv2::{Mistake, actions};
use crate::kind::schema::{Attribute, NOT_AT_CREATE, Output, Schema, Type, Wrong, attribute, output};
use crate::value::{Object, Value};

/// [model] ListenerAttribute.
pub(super) const SETTINGS: &[Setting] = &[
    setting("tcp_idle_timeout", "tcp.idle_timeout.seconds", Form::Number).or("350"),
    setting(
        "request_headers.mtls_clientcert_serial_number",
        "routing.http.request.x_amzn_mtls_clientcert_serial_number.header_name",
        Form::Text,
    ),
    setting(
        "request_headers.mtls_clientcert_issuer",
        "routing.http.request.x_amzn_mtls_clientcert_issuer.header_name",
        Form::Text,
    ),
    setting(
        "request_headers.mtls_clientcert_subject",
        "routing.http.request.x_amzn_mtls_clientcert_subject.header_name",
        Form::Text,
    ),
    setting(
        "request_headers.mtls_clientcert_validity",
        "routing.http.request.x_amzn_mtls_clientcert_validity.header_name",
        Form::Text,
    ),
    setting(
        "request_headers.mtls_clientcert_leaf",
        "routing.http.request.x_amzn_mtls_clientcert_leaf.header_name",
        Form::Text,
    ),
    setting(
        "request_headers.mtls_clientcert",
        "routing.http.request.x_amzn_mtls_clientcert.header_name",
        Form::Text,
    ),
    setting("request_headers.tls_version", "routing.http.request.x_amzn_tls_version.header_name", Form::Text),
    setting(
        "request_headers.tls_cipher_suite",
        "routing.http.request.x_amzn_tls_cipher_suite.header_name",
        Form::Text,
    ),
    setting("response_headers.server", "routing.http.response.server.enabled", Form::Flag).or("true"),
    setting(
        "response_headers.strict_transport_security",
        "routing.http.response.strict_transport_security.header_value",
        Form::Text,
    )
    .or(""),
    setting(
        "response_headers.access_control_allow_origin",
        "routing.http.response.access_control_allow_origin.header_value",
        Form::Text,
    )
    .or(""),
    setting(
        "response_headers.access_control_allow_methods",
        "routing.http.response.access_control_allow_methods.header_value",
        Form::Text,
    )
    .or(""),
    setting(
        "response_headers.access_control_allow_headers",
        "routing.http.response.access_control_allow_headers.header_value",
        Form::Text,
    )
    .or(""),
    setting(
        "response_headers.access_control_allow_credentials",
        "routing.http.response.access_control_allow_credentials.header_value",
        Form::Text,
    )
    .or(""),
    setting(
        "response_headers.access_control_expose_headers",
        "routing.http.response.access_control_expose_headers.header_value",
        Form::Text,
    )
    .or(""),
    setting(
        "response_headers.access_control_max_age",
        "routing.http.response.access_control_max_age.header_value",
        Form::Text,
    )
    .or(""),
    setting(
        "response_headers.content_security_policy",
        "routing.http.response.content_security_policy.header_value",
        Form::Text,
    )
    .or(""),
    setting(
        "response_headers.x_content_type_options",
        "routing.http.response.x_content_type_options.header_value",
        Form::Text,
    )
    .or(""),
    setting(
        "response_headers.x_frame_options",
        "routing.http.response.x_frame_options.header_value",
        Form::Text,
    )
    .or(""),
];

pub(super) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema {
    kind: "listener",
    doc: "A port of a load balancer, and its answer to requests that match no rule.",
    attributes: attributes(),
    outputs: outputs(),
    not_offered: &[],
    unique: &["load_balancer", "port"],
});

fn attributes() -> Vec<Attribute> {
    let protocols = Type::Choice(&["HTTP", "HTTPS", "TCP", "TLS", "UDP", "TCP_UDP"]);
    let policies = Type::Choice(&["HTTP1Only", "HTTP2Only", "HTTP2Optional", "HTTP2Preferred", "None"]);
    let mutual = vec![
        attribute("mode", Type::Choice(&["off", "passthrough", "verify"]), "What is done with them.")
            .required(),
        attribute("trust_store", Type::string(), "`verify`: the ARN of the trust store."),
        attribute("ignore_client_certificate_expiry", Type::Bool, "`verify`: whether expired ones are good."),
        attribute("advertise_trust_store_ca_names", Type::Bool, "`verify`: whether CA names are told."),
    ];
    let later = |name, ty, doc| attribute(name, ty, doc).api(NOT_AT_CREATE);
    vec![
        attribute("load_balancer", Type::arn_of(&["load_balancer"]), "The load balancer.")
            .required()
            .replaces()
            .api(&["load_balancer_arn"]),
        attribute("port", Type::Integer { min: 1, max: 65535 }, "The port.").required(),
        attribute("protocol", protocols, "What clients speak.").required(),
        attribute("ssl_policy", Type::string(), "HTTPS and TLS: which protocols and ciphers are taken."),
        attribute(
            "certificates",
            Type::string().list(),
            "HTTPS and TLS: ARNs of certificates; the first is shown to clients that name no host.",
        )
        .normal(first_then_sorted),
        attribute("alpn_policy", policies, "TLS: which application protocols are offered."),
        attribute("mutual_authentication", Type::Block(mutual), "HTTPS and TLS: certificates of clients."),
        actions::attribute_of_actions("default_action", "What is done with requests that no rule is for.")
            .api(&["default_actions"]),
        later("tcp_idle_timeout", Type::Duration { min: 60, max: 6000 }, "TCP: how long it may be idle."),
        later(
            "request_headers",
            Type::Block(headers("request_headers")),
            "HTTPS: other names of headers that targets get.",
        ),
        later(
            "response_headers",
            Type::Block(headers("response_headers")),
            "HTTP and HTTPS: headers that clients get.",
        ),
        elbv2::tags_attribute(),
    ]
}

/// The members of a block of headers, from the table.
fn headers(block: &str) -> Vec<Attribute> {
    let of_block = |setting: &Setting| {
        let name = setting.path.strip_prefix(block)?.strip_prefix('.')?;
        Some(match setting.form {
            Form::Flag => attribute(name, Type::Bool, "Whether the header is sent."),
            _ => attribute(name, Type::string(), "The header's name in requests, its value in responses."),
        })
    };
    SETTINGS.iter().filter_map(of_block).collect()
}

/// Sorts all certificates but the first, whose place has a meaning.
fn first_then_sorted(certificates: Value) -> Value {
    let Value::List(mut certificates) = certificates else { return certificates };
    if let Some((first, rest)) = certificates.split_first_mut() {
        rest.sort_by_cached_key(|one| one.without_marks().to_typed_json().to_string());
        let mut kept = vec![std::mem::take(first)];
        for one in rest {
            if !kept.contains(one) {
                kept.push(std::mem::take(one));
            }
        }
        return Value::List(kept);
    }
    Value::List(certificates)
}

/// Every attribute that can be updated, except the port and the protocol.
const NEITHER_PORT_NOR_PROTOCOL: &[&str] = &[
    "ssl_policy",
    "certificates",
    "alpn_policy",
    "mutual_authentication",
    "default_action",
    "tcp_idle_timeout",
    "request_headers",
    "response_headers",
    "tags",
];

/// Outputs of a listener, managed or existing.
pub(in crate::kind) fn outputs() -> Vec<Output> {
    vec![
        output("id", "The ARN."),
        output("arn", "The ARN."),
        output("load_balancer", "The ARN of its load balancer."),
        output("port", "The port.").changes_unless_only(NEITHER_PORT_NOR_PROTOCOL),
        output("protocol", "What clients speak.").changes_unless_only(NEITHER_PORT_NOR_PROTOCOL),
    ]
}

/// Attributes of certain protocols only (Application Load Balancers guide, enable-header-modification;
/// Network Load Balancers guide, update-idle-timeout).
const ONLY_FOR: [(&str, &[&str]); 5] = [
    ("alpn_policy", &["TLS"]),
    ("mutual_authentication", &["HTTPS", "TLS"]),
    ("tcp_idle_timeout", &["TCP"]),
    ("request_headers", &["HTTPS"]),
    ("response_headers", &["HTTP", "HTTPS"]),
];

/// Checks for mistakes that no single attribute's type shows.
pub(super) fn mistakes(inputs: &Object) -> Vec<Mistake> {
    let mut mistakes = actions::mistakes("default_action", inputs);
    let Some(protocol) = inputs.get("protocol").and_then(Value::as_str) else { return mistakes };
    let is_network = !matches!(protocol, "HTTP" | "HTTPS");
    mistakes.extend(actions::sticky_mistakes("default_action", inputs, is_network));
    let mut mistake = |attribute, message: String, help: &str| {
        mistakes.push((attribute, message, help.to_owned()));
    };
    let has = |name: &str| inputs.contains_key(name);
    let encrypted = matches!(protocol, "HTTPS" | "TLS");
    let certificates = inputs.get("certificates").and_then(Value::as_list).map(<[Value]>::len);
    if encrypted && (!has("certificates") || certificates == Some(0)) {
        let message = format!("a listener that speaks {protocol} needs a certificate");
        mistake("certificates", message, "write `certificates = [\"arn:aws:acm:...\"]`");
    }
    for name in ["certificates", "ssl_policy"].into_iter().filter(|name| !encrypted && has(name)) {
        let message = format!("`{name}` is only for listeners that speak HTTPS or TLS");
        mistake(name, message, "take it away, or write `protocol = \"HTTPS\"`");
    }
    for (name, wanted) in ONLY_FOR {
        if has(name) && !wanted.contains(&protocol) {
            let message = format!("`{name}` is only for listeners that speak {}", wanted.join(" or "));
            mistake(name, message, "take it away");
        }
    }
    let actions = inputs.get("default_action").and_then(Value::as_list).unwrap_or_default();
    let kinds = || actions.iter().filter_map(|action| action.get("type").as_str());
    if protocol != "HTTPS" && kinds().any(|kind| kind.starts_with("authenticate_")) {
        let message = "users are authenticated on HTTPS listeners only".to_owned();
        mistake("default_action", message, "write `protocol = \"HTTPS\"`, with a certificate");
    }
    // [model] RedirectActionConfig.
    let to_http = |action: &&Value| action.get("protocol").as_str() == Some("HTTP");
    if protocol == "HTTPS" && actions.iter().any(|action| to_http(&action)) {
        let message = "a listener that speaks HTTPS does not redirect to HTTP".to_owned();
        mistake("default_action", message, "write `protocol = \"HTTPS\"` in the redirect, or leave it out");
    }
    // [model] MutualAuthenticationAttributes.
    let mutual = inputs.get("mutual_authentication").unwrap_or(&Value::Null);
    if protocol == "TLS" && mutual.get("mode").as_str() == Some("passthrough") {
        let message = "a listener that speaks TLS passes no certificate through".to_owned();
        mistake("mutual_authentication", message, "write `mode = \"verify\"`, or `mode = \"off\"`");
    }
    // Application Load Balancers guide, configuring-mtls-with-elb.
    if mutual.get("mode").as_str() == Some("verify") && mutual.get("trust_store").is_null() {
        let message = "certificates of clients are verified by a trust store".to_owned();
        mistake("mutual_authentication", message, "add `trust_store = \"arn:aws:...\"`");
    }
    let verifies = mutual.get("mode").as_str().is_none_or(|mode| mode == "verify");
    for name in ["trust_store", "ignore_client_certificate_expiry", "advertise_trust_store_ca_names"] {
        if !verifies && !mutual.get(name).is_null() {
            let message = format!("`{name}` is only for the mode `verify`");
            mistake("mutual_authentication", message, "take it away, or write `mode = \"verify\"`");
        }
    }
    if is_network && kinds().any(|kind| kind != "forward") {
        let message = format!("a listener that speaks {protocol} can only forward");
        mistake("default_action", message, "write `default_action \"forward\"`");
    }
    mistakes
}

/// Checks that the load balancer's type takes the protocol (API_CreateListener).
pub(super) fn beside(inputs: &Object, named: Named<'_>) -> Option<Wrong> {
    let protocol = inputs.get("protocol")?.as_str()?;
    let balancer = named(inputs.get("load_balancer")?)?;
    let (of, protocols) = match balancer.get("type")?.as_str()? {
        "application" => ("an application", ["HTTP", "HTTPS"].as_slice()),
        "network" => ("a network", ["TCP", "TLS", "UDP", "TCP_UDP"].as_slice()),
        _ => return None,
    };
    // [model] CreateListenerInput; the source addresses with which it would work are not offered.
    let dual = balancer.get("ip_address_type").and_then(Value::as_str) == Some("dualstack");
    if dual && matches!(protocol, "UDP" | "TCP_UDP") {
        let message = format!("a load balancer with IPv6 has no listener that speaks {protocol}");
        let help =
            "write `ip_address_type = \"ipv4\"` in the load balancer, or `protocol = \"TCP\"`".to_owned();
        return Some(("protocol", message, help));
    }
    (!protocols.contains(&protocol)).then(|| {
        let message = format!("a listener of {of} load balancer does not speak {protocol}");
        let other = if of == "a network" { "application" } else { "network" };
        let help =
            format!("write one of {}, or type = \"{other}\" in the load balancer", protocols.join(", "));
        ("protocol", message, help)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object;

    #[test]
    fn an_https_listener_without_a_certificate_is_a_mistake() {
        let respond = vec![object! { "type" => "fixed_response", "status_code" => 404 }];
        let inputs = object! { "protocol" => "HTTPS", "default_action" => respond };
        let Value::Object(inputs) = inputs else { panic!("an object") };
        let [(attribute, message, _)] = mistakes(&inputs).try_into().unwrap();
        assert_eq!(
            (attribute, message.as_str()),
            ("certificates", "a listener that speaks HTTPS needs a certificate")
        );
    }

    #[test]
    fn settings_of_another_protocol_are_mistakes() {
        let respond = vec![object! { "type" => "fixed_response", "status_code" => 404 }];
        let of = |protocol: &str, name: &str| {
            let inputs =
                object! { "protocol" => protocol, "default_action" => respond.clone(), name => object! {} };
            let Value::Object(inputs) = inputs else { panic!("an object") };
            mistakes(&inputs)
                .into_iter()
                .map(|(attribute, message, _)| (attribute, message))
                .collect::<Vec<_>>()
        };
        assert!(of("HTTP", "response_headers").is_empty());
        let message = "`request_headers` is only for listeners that speak HTTPS".to_owned();
        assert_eq!(of("HTTP", "request_headers"), [("request_headers", message)]);
        // The idle timeout of TLS listeners is always 350 seconds.
        for (protocol, name) in [("UDP", "response_headers"), ("TLS", "tcp_idle_timeout")] {
            assert!(of(protocol, name).iter().any(|(attribute, _)| *attribute == name), "{protocol} {name}");
        }
    }

    #[test]
    fn certificates_of_clients_are_verified_by_a_trust_store_and_passed_through_by_https_only() {
        let of = |protocol: &str, mutual: Value| {
            let respond = vec![object! { "type" => "forward", "group" => "arn:g" }];
            let certificates = vec!["arn:c"];
            let inputs = object! {
                "protocol" => protocol, "certificates" => certificates, "default_action" => respond,
                "mutual_authentication" => mutual,
            };
            mistakes(inputs.as_object().expect("an object")).len()
        };
        let mode = |mode: &str| object! { "mode" => mode };
        let verifies = || object! { "mode" => "verify", "trust_store" => "arn:t" };
        assert_eq!(["off", "passthrough", "verify"].map(|one| of("HTTPS", mode(one))), [0, 0, 1]);
        assert_eq!(["off", "passthrough", "verify"].map(|one| of("TLS", mode(one))), [0, 1, 1]);
        assert_eq!((of("HTTPS", verifies()), of("TLS", verifies())), (0, 0));
    }

    #[test]
    fn stickiness_of_a_network_load_balancer_has_no_duration() {
        let of = |protocol: &str, stickiness: Value| {
            let group = object! { "group" => "arn:blue", "weight" => 1 };
            let forward =
                object! { "type" => "forward", "target_group" => vec![group], "stickiness" => stickiness };
            let inputs = object! { "protocol" => protocol, "default_action" => vec![forward] };
            let Value::Object(inputs) = inputs else { panic!("an object") };
            mistakes(&inputs).into_iter().map(|(_, message, _)| message).collect::<Vec<_>>()
        };
        let (timed, untimed) =
            (object! { "enabled" => true, "duration" => 60 }, object! { "enabled" => true });
        assert!(of("TCP", untimed.clone()).is_empty() && of("HTTP", timed.clone()).is_empty());
        assert_eq!(of("TCP", timed), ["stickiness of a network load balancer has no duration"]);
        assert_eq!(of("HTTP", untimed), ["stickiness needs a duration"]);
    }

    #[test]
    fn of_several_certificates_only_the_first_has_a_place() {
        let list = |names: [&str; 3]| first_then_sorted(names.to_vec().into());
        assert_eq!(list(["a", "c", "b"]), list(["a", "b", "c"]));
        assert_ne!(list(["b", "a", "c"]), list(["a", "b", "c"]));
        assert_eq!(list(["a", "b", "b"]), vec!["a", "b"].into());
    }
}
