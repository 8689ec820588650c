//! The actions of listeners and listener rules: their schema, their typed form, and the conversion to the
//! API's form and back. The API has two forms of a forward to one target group; here there is one.

use std::collections::BTreeMap;

use serde::Deserialize;

mod api;

pub use api::{from_api, shares, to_api};

use super::Mistake;
use crate::kind::Named;
use crate::kind::rules::{form, is_port};
use crate::kind::schema::{Attribute, Type, Wrong, attribute};
use crate::object;
use crate::value::{Object, Value};

const WEEK: u64 = 604_800;
/// Maximum number of target groups in a forward action (application load balancer quotas).
pub const MOST_GROUPS: usize = 5;

/// One action, from canonical inputs.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Action {
    Forward(Forward),
    Redirect(Redirect),
    FixedResponse(FixedResponse),
    AuthenticateOidc(Oidc),
    AuthenticateCognito(Cognito),
    /// A live action of a type that is not offered; never declared.
    #[serde(other)]
    Other,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Forward {
    #[serde(rename = "target_group", default)]
    pub groups: Vec<Weighted>,
    stickiness: Option<Stickiness>,
}

/// One target group and its weight, 0 to 999.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Weighted {
    #[serde(rename = "group")]
    pub arn: String,
    pub weight: i32,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Stickiness {
    enabled: bool,
    duration: Option<i32>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Redirect {
    protocol: String,
    port: String,
    host: String,
    path: String,
    query: String,
    status_code: i32,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct FixedResponse {
    status_code: i32,
    content_type: Option<String>,
    message_body: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Oidc {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    user_info_endpoint: String,
    client_id: String,
    /// The API does not answer it.
    client_secret: Option<String>,
    #[serde(flatten)]
    session: Session,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Cognito {
    user_pool: String,
    user_pool_client: String,
    user_pool_domain: String,
    #[serde(flatten)]
    session: Session,
}

/// The attributes of both ways to authenticate.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Session {
    session_cookie_name: String,
    scope: String,
    session_timeout: i64,
    authentication_request_extra_params: BTreeMap<String, String>,
    on_unauthenticated_request: String,
}

/// `action "forward" { ... }`, or `default_action`: one or more, performed in order.
pub fn attribute_of_actions(name: &'static str, doc: &'static str) -> Attribute {
    attribute(name, Type::Labelled { variants: variants(), many: true }, doc).required().normal(normal)
}

/// [model] Action and its config types.
fn variants() -> Vec<(&'static str, Vec<Attribute>)> {
    let group = || Type::arn_of(&["target_group"]);
    let weighted = vec![
        attribute("group", group(), "The target group.").required(),
        attribute("weight", Type::Integer { min: 0, max: 999 }, "Its share among all weights.").default(1),
    ];
    let stickiness = vec![
        attribute("enabled", Type::Bool, "Whether a client stays with its group, whatever the weights.")
            .default(true),
        attribute("duration", Type::Duration { min: 1, max: WEEK }, "For how long."),
    ];
    let forward = vec![
        attribute("group", group(), "The one target group, in place of `target_group` blocks."),
        attribute(
            "target_group",
            Type::Blocks { attributes: weighted, ordered: false, max: MOST_GROUPS },
            "A target group with its weight.",
        ),
        attribute("stickiness", Type::Block(stickiness), "Whether clients stay with one target group.")
            .default(object! { "enabled" => false }),
    ];
    // [model] RedirectActionConfig.
    let part = |name, default: &str, doc| attribute(name, Type::String { max: 128 }, doc).default(default);
    let redirect = vec![
        attribute(
            "protocol",
            Type::Choice(&["HTTP", "HTTPS", "#{protocol}"]),
            "HTTP, HTTPS or `#{protocol}`.",
        )
        .default("#{protocol}"),
        part("port", "#{port}", "A port or `#{port}`.").rule(|port| {
            let fits = |text: &str| text == "#{port}" || is_port(text);
            form("port", port, fits, "write a port from 1 to 65535, or `#{port}`")
        }),
        part("host", "#{host}", "A host name; it can hold `#{host}`."),
        part("path", "/#{path}", "A path; it can hold `#{host}`, `#{path}` and `#{port}`.")
            .rule(|path| form("path", path, |text| text.starts_with('/'), "begin it with `/`")),
        part("query", "#{query}", "The query without its `?`.").may_be_empty(),
        attribute("status_code", Type::Integer { min: 301, max: 302 }, "301 or 302.").required(),
    ];
    let texts =
        Type::Choice(&["text/plain", "text/css", "text/html", "application/javascript", "application/json"]);
    let fixed_response = vec![
        attribute("status_code", Type::Integer { min: 200, max: 599 }, "2xx, 4xx or 5xx.").required(),
        attribute("content_type", texts, "The type of the message."),
        attribute("message_body", Type::Text { max: 1024 }, "The message."),
    ];
    let needed = |name, doc| attribute(name, Type::string(), doc).required();
    // [model] AuthenticateOidcActionConfig.
    let url = |name, doc| {
        needed(name, doc).rule(|url| {
            let fits = |url: &str| url.strip_prefix("https://").is_some_and(|rest| !rest.is_empty());
            form("URL of a provider", url, fits, "write the whole of it, beginning with `https://`")
        })
    };
    let mut oidc = vec![
        url("issuer", "The provider's issuer URL."),
        url("authorization_endpoint", "Where users are sent to."),
        url("token_endpoint", "Where tokens come from."),
        url("user_info_endpoint", "Where claims come from."),
        needed("client_id", "The client's id."),
        needed("client_secret", "The client's secret, which the API takes and never shows."),
    ];
    oidc.extend(session());
    let mut cognito = vec![
        needed("user_pool", "The ARN of the user pool."),
        needed("user_pool_client", "The id of the pool's client."),
        needed("user_pool_domain", "The pool's domain."),
    ];
    cognito.extend(session());
    vec![
        ("forward", forward),
        ("redirect", redirect),
        ("fixed_response", fixed_response),
        ("authenticate_oidc", oidc),
        ("authenticate_cognito", cognito),
    ]
}

fn session() -> Vec<Attribute> {
    vec![
        attribute("session_cookie_name", Type::string(), "The cookie that keeps the session.")
            .default("AWSELBAuthSessionCookie"),
        attribute("scope", Type::string(), "The claims that are asked for.").default("openid"),
        attribute("session_timeout", Type::Duration { min: 1, max: WEEK }, "How long a session lasts.")
            .default_seconds(WEEK),
        attribute("authentication_request_extra_params", Type::string().map(), "Added to the request.")
            .rule(|params| {
                // [model] AuthenticateOidcActionConfig.
                let many = params.as_object().filter(|params| params.len() > 10);
                let told = |many: &Object| {
                    let message = format!("a request has at most 10 of them, and here are {}", many.len());
                    ("", message, "take some away".to_owned())
                };
                many.map(told).into_iter().collect()
            })
            .default(Value::Object(Object::new())),
        attribute(
            "on_unauthenticated_request",
            Type::Choice(&["deny", "allow", "authenticate"]),
            "What happens to a request without a session.",
        )
        .default("authenticate"),
    ]
}

/// The normal form of a forward to one target group: a block, with weight 1 unless it is 0.
fn normal(actions: Value) -> Value {
    let Value::List(actions) = actions else { return actions };
    Value::List(actions.into_iter().map(normal_action).collect())
}

fn normal_action(action: Value) -> Value {
    let Value::Object(mut members) = action else { return action };
    if let Some(group) = members.shift_remove("group") {
        members.insert(
            "target_group".to_owned(),
            Value::List(vec![object! { "group" => group, "weight" => 1 }]),
        );
    }
    if let Some(Value::List(groups)) = members.get_mut("target_group")
        && let [Value::Object(only)] = groups.as_mut_slice()
        && only.get("weight").and_then(Value::as_number).is_some_and(|weight| weight > 0.0)
    {
        only.insert("weight".to_owned(), Value::from(1));
    }
    Value::Object(members)
}

/// Checks for mistakes that no single attribute's type shows.
pub fn mistakes(attribute: &'static str, inputs: &Object) -> Vec<Mistake> {
    let Some(actions) = inputs.get(attribute).and_then(Value::as_list) else { return Vec::new() };
    let mut mistakes = Vec::new();
    let mut mistake = |message: String, help: &str| mistakes.push((attribute, message, help.to_owned()));
    let kind = |action: &Value| action.get("type").as_str().unwrap_or_default().to_owned();
    let ends = |action: &Value| !kind(action).starts_with("authenticate_");
    let last_ends = actions.last().is_some_and(ends);
    if !last_ends || actions.iter().filter(|action| ends(action)).count() != 1 {
        let help = "write one `forward`, `redirect` or `fixed_response` as the last action, and at most \
                    authentication before it";
        mistake("exactly one action decides what becomes of a request, and it is the last".to_owned(), help);
    }
    for action in actions {
        match kind(action).as_str() {
            "forward" => {
                let groups = action.get("target_group").as_list().unwrap_or_default();
                if groups.is_empty() && action.get("group").is_null() {
                    mistake("a forward needs a target group".to_owned(), "add a `target_group` block");
                }
                if groups.len() > MOST_GROUPS {
                    let message = format!("a forward names at most {MOST_GROUPS} target groups");
                    mistake(message, "take some away: AWS refuses more");
                }
                let twice = |(at, one): (usize, &Value)| {
                    groups.iter().take(at).any(|other| other.get("group") == one.get("group"))
                };
                if groups.iter().enumerate().any(twice) {
                    mistake("a target group is named twice".to_owned(), "give it one block with one weight");
                }
            }
            "fixed_response" => {
                let status = action.get("status_code").as_number().unwrap_or_default();
                if (300.0..400.0).contains(&status) {
                    let help = "write `redirect` to send clients elsewhere";
                    mistake("a fixed response has status 2xx, 4xx or 5xx".to_owned(), help);
                }
            }
            "redirect" => {
                let same = |name: &str, own: &str| action.get(name).as_str() == Some(own);
                let [protocol, port] = ["protocol", "port"].map(|name| same(name, &format!("#{{{name}}}")));
                if protocol && port && same("host", "#{host}") && same("path", "/#{path}") {
                    let help = "give it another `protocol`, `port`, `host` or `path`";
                    mistake("a redirect leads back to itself".to_owned(), help);
                }
            }
            _ => {}
        }
    }
    mistakes
}

/// Checks that stickiness has a duration if it needs one: a network load balancer takes none
/// (API_TargetGroupStickinessConfig).
pub fn sticky_mistakes(attribute: &'static str, inputs: &Object, is_network: bool) -> Vec<Mistake> {
    let actions = inputs.get(attribute).and_then(Value::as_list).unwrap_or_default();
    let sticky = actions.iter().map(|action| action.get("stickiness"));
    let wrong = |one: &&Value| match is_network {
        true => !one.get("duration").is_null(),
        false => one.get("enabled").as_bool() == Some(true) && one.get("duration").is_null(),
    };
    let (message, help) = match is_network {
        true => ("stickiness of a network load balancer has no duration", "take `duration` away"),
        false => ("stickiness needs a duration", "add `duration = 5m`"),
    };
    sticky.filter(wrong).map(|_| (attribute, message.to_owned(), help.to_owned())).collect()
}

/// Checks the protocol of a group's targets behind a listener (CreateTargetGroup; Network Load Balancers
/// guide, load-balancer-target-groups, routing configuration).
pub fn beside(attribute: &'static str, protocol: &str, inputs: &Object, named: Named<'_>) -> Option<Wrong> {
    let behind: &[&str] = match protocol {
        "HTTP" | "HTTPS" => &["HTTP", "HTTPS"],
        "TCP" => &["TCP", "TCP_UDP"],
        "TLS" => &["TCP", "TLS"],
        "UDP" => &["UDP", "TCP_UDP"],
        "TCP_UDP" => &["TCP_UDP"],
        _ => return None,
    };
    forwards(inputs.get(attribute)).iter().find_map(|(group, _)| {
        let spoken = named(group)?.get("protocol")?.as_str().filter(|one| !behind.contains(one))?.to_owned();
        let message =
            format!("a listener that speaks {protocol} forwards to no target group that speaks {spoken}");
        let behind: Vec<String> = behind.iter().map(|one| format!("\"{one}\"")).collect();
        let help = format!("write protocol = {} in the target group", behind.join(" or "));
        Some((attribute, message, help))
    })
}

/// The target groups that actions forward to, with their weights; a weight that is not known yet
/// counts as some.
pub fn forwards(actions: Option<&Value>) -> Vec<(Value, u32)> {
    let weighted = |one: &Value| {
        let weight = one.get("weight").as_number().map_or(1, |weight| weight as u32);
        (one.get("group").clone(), weight)
    };
    let of = |action: &Value| {
        let single =
            Some(action.get("group")).filter(|group| !group.is_null()).map(|group| (group.clone(), 1));
        let groups = action.get("target_group").as_list().unwrap_or_default().iter().map(weighted);
        groups.chain(single).collect::<Vec<_>>()
    };
    actions.and_then(Value::as_list).unwrap_or_default().iter().flat_map(of).collect()
}
