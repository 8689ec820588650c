//! Actions of rules: forward by weight, redirect, fixed response, and authentication before them
//! (API_Action).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::api::{Params, Refusal};
use super::super::state::State;
use super::TargetGroup;
use super::authenticate::Authenticate;
use super::resource::{self, Resource};
use super::{Listener, LoadBalancer, limits, load_balancers::Kind};

/// The actions of a rule: exactly one that answers, and before it at most one that authenticates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Action {
    #[serde(default)]
    pub authenticate: Option<Authenticate>,
    /// As it was given.
    pub order: Option<u32>,
    pub does: Does,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Does {
    Forward(Forward),
    Redirect { protocol: String, host: String, port: String, path: String, query: String, status: u16 },
    Fixed { status: u16, content_type: Option<String>, body: Option<String> },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Forward {
    /// ARNs of target groups with weights 0 to 999.
    pub groups: Vec<(String, u32)>,
    pub sticky: bool,
    /// Seconds.
    pub duration: Option<u32>,
}

impl Action {
    /// The target groups that it names, those at weight 0 too.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        let groups = match &self.does {
            Does::Forward(forward) => forward.groups.as_slice(),
            _ => &[],
        };
        groups.iter().map(|(arn, _)| arn.as_str())
    }

    /// Tells whether the actions are equal, whatever the numbers of their order.
    pub fn same(&self, other: &Self) -> bool {
        let unordered = |one: &Self| one.authenticate.clone().map(Authenticate::without_order);
        self.does == other.does && unordered(self) == unordered(other)
    }

    /// As answers have them, in their order.
    pub fn shown(&self) -> Vec<Value> {
        self.authenticate.iter().map(Authenticate::shown).chain([self.last_shown()]).collect()
    }

    /// A forward with one target group also names it in `TargetGroupArn`.
    fn last_shown(&self) -> Value {
        match &self.does {
            Does::Forward(forward) => {
                let groups: Vec<Value> = forward
                    .groups
                    .iter()
                    .map(|(arn, weight)| json!({ "TargetGroupArn": arn, "Weight": weight }))
                    .collect();
                let single = match forward.groups.as_slice() {
                    [(arn, _)] => Some(arn),
                    _ => None,
                };
                let sticky = json!({ "Enabled": forward.sticky, "DurationSeconds": forward.duration });
                let config = json!({ "TargetGroups": groups, "TargetGroupStickinessConfig": sticky });
                json!({
                    "Type": "forward", "TargetGroupArn": single, "Order": self.order, "ForwardConfig": config,
                })
            }
            Does::Redirect { protocol, host, port, path, query, status } => {
                let config = json!({
                    "Protocol": protocol, "Port": port, "Host": host, "Path": path, "Query": query,
                    "StatusCode": format!("HTTP_{status}"),
                });
                json!({ "Type": "redirect", "Order": self.order, "RedirectConfig": config })
            }
            Does::Fixed { status, content_type, body } => {
                let config = json!({
                    "MessageBody": body, "StatusCode": status.to_string(), "ContentType": content_type,
                });
                json!({ "Type": "fixed-response", "Order": self.order, "FixedResponseConfig": config })
            }
        }
    }
}

/// Parses the actions of a call: `name` is `Actions` or `DefaultActions`, `before` the rule's earlier action.
/// `InvalidLoadBalancerAction` unless exactly one answers, as the last, `TargetGroupNotFound`.
pub fn read(state: &State, params: &Params, name: &str, before: Option<&Action>) -> Result<Action, Refusal> {
    let invalid = |message: &str| Err(Refusal::new("InvalidLoadBalancerAction", message));
    let given = params.items(name);
    let (mut authenticate, mut routing) = (None, None);
    for action in &given {
        let kind = action.needed("Type");
        match kind.as_str() {
            "forward" | "redirect" | "fixed-response" => {
                if routing.replace((kind, action)).is_some() {
                    return invalid(
                        "Exactly one action of type 'forward', 'redirect' or 'fixed-response' must be specified",
                    );
                }
            }
            "jwt-validation" => {
                return invalid("Actions of type 'jwt-validation' are not available in this region");
            }
            _ => {
                let before = before.and_then(|before| before.authenticate.as_ref());
                let read = Authenticate::read(action, kind == "authenticate-cognito", before)?;
                if authenticate.replace(read).is_some() {
                    return invalid("A rule can have at most one action that authenticates users");
                }
            }
        }
    }
    let (kind, action) = routing.ok_or_else(|| resource::missing(name))?;
    let order = action.number::<u32>("Order");
    if let Some(authenticate) = &authenticate {
        // API_Action: the order is required for rules with multiple actions.
        let (Some(first), Some(last)) = (authenticate.order, order) else {
            return Err(Refusal::validation(
                "An order must be specified for each action of a rule with multiple actions",
            ));
        };
        if first >= last {
            return invalid(
                "The action of type 'forward', 'redirect' or 'fixed-response' must be the last to be performed",
            );
        }
    }
    let does = match kind.as_str() {
        "forward" => Does::Forward(forward(state, action)?),
        "redirect" => redirect(action)?,
        _ => fixed(action)?,
    };
    Ok(Action { authenticate, order, does })
}

fn forward(state: &State, action: &Params) -> Result<Forward, Refusal> {
    let single = action.given("TargetGroupArn");
    let mut groups = Vec::new();
    let mut forward = Forward { groups: Vec::new(), sticky: false, duration: None };
    if let Some(config) = action.child("ForwardConfig") {
        for group in config.items("TargetGroups") {
            let weight = group.number::<u32>("Weight").unwrap_or(1);
            groups.push((group.needed("TargetGroupArn"), weight));
        }
        if let Some(sticky) = config.child("TargetGroupStickinessConfig") {
            forward.sticky = sticky.flag("Enabled").unwrap_or(false);
            forward.duration = sticky.number::<u32>("DurationSeconds");
        }
    }
    match (single, groups.as_slice()) {
        (None, []) => {
            return Err(Refusal::validation(
                "A target group must be specified in an action of type 'forward'",
            ));
        }
        (Some(arn), []) => groups.push((arn, 1)),
        (Some(arn), [(same, _)]) if arn == *same => {}
        (Some(_), _) => {
            return Err(Refusal::validation(
                "You can specify both TargetGroupArn and ForwardConfig only if the latter has the same single target group",
            ));
        }
        (None, _) => {}
    }
    let unique: BTreeSet<&str> = groups.iter().map(|(arn, _)| arn.as_str()).collect();
    if unique.len() < groups.len() {
        return Err(Refusal::validation("A target group cannot be specified more than once in an action"));
    }
    if groups.len() > limits::GROUPS_OF_ACTION {
        let message = format!("An action can have at most {} target groups", limits::GROUPS_OF_ACTION);
        return Err(Refusal::new("TooManyTargetGroups", message));
    }
    for (arn, _) in &groups {
        TargetGroup::find(state, arn)?;
    }
    forward.groups = groups;
    Ok(forward)
}

/// API_RedirectActionConfig
fn redirect(action: &Params) -> Result<Does, Refusal> {
    let config = action.child("RedirectConfig").ok_or_else(|| resource::missing("RedirectConfig"))?;
    let part = |name: &str, default: &str| config.text(name).unwrap_or_else(|| default.to_owned());
    let protocol = config.given("Protocol");
    let status = config.needed("StatusCode");
    let port = part("Port", "#{port}");
    if port != "#{port}" && !port.parse::<u16>().is_ok_and(|port| port > 0) {
        return Err(Refusal::validation("The redirect port must be between 1 and 65535 or '#{port}'"));
    }
    let (host, path, query) = (part("Host", "#{host}"), part("Path", "/#{path}"), part("Query", "#{query}"));
    if !path.starts_with('/') {
        return Err(Refusal::validation("The redirect path must start with '/'"));
    }
    let protocol = protocol.unwrap_or_else(|| "#{protocol}".to_owned());
    let unchanged = (protocol.as_str(), host.as_str(), port.as_str(), path.as_str())
        == ("#{protocol}", "#{host}", "#{port}", "/#{path}");
    if unchanged {
        return Err(Refusal::new(
            "InvalidLoadBalancerAction",
            "The redirect configuration is not valid because it creates a loop",
        ));
    }
    let status = if status == "HTTP_301" { 301 } else { 302 };
    Ok(Does::Redirect { protocol, host, port, path, query, status })
}

/// API_FixedResponseActionConfig
fn fixed(action: &Params) -> Result<Does, Refusal> {
    let config =
        action.child("FixedResponseConfig").ok_or_else(|| resource::missing("FixedResponseConfig"))?;
    Ok(Does::Fixed {
        status: config.number("StatusCode").unwrap_or(503),
        content_type: config.given("ContentType"),
        body: config.given("MessageBody"),
    })
}

/// Checks that a listener of this protocol may have this action: the protocols fit, the VPC is the same, and
/// each target group belongs to this load balancer alone.
pub fn allowed(
    state: &State,
    balancer: &LoadBalancer,
    protocol: &str,
    action: &Action,
) -> Result<(), Refusal> {
    if balancer.kind == Kind::Network && !matches!(action.does, Does::Forward(_)) {
        return Err(Refusal::new(
            "InvalidLoadBalancerAction",
            "Network load balancers support only actions of type 'forward'",
        ));
    }
    if let Does::Forward(forward) = &action.does {
        sticky(balancer.kind, forward)?;
    }
    if protocol != "HTTPS" && action.authenticate.is_some() {
        return Err(Refusal::new(
            "InvalidLoadBalancerAction",
            "Actions that authenticate users are supported only on HTTPS listeners",
        ));
    }
    for arn in action.groups() {
        let group = TargetGroup::find(state, arn)?;
        let fits = match protocol {
            "HTTP" | "HTTPS" => matches!(group.protocol.as_str(), "HTTP" | "HTTPS"),
            // Network guide, target-group-register-targets.
            "TLS" => matches!(group.protocol.as_str(), "TCP" | "TLS"),
            "TCP" | "UDP" => group.protocol == protocol || group.protocol == "TCP_UDP",
            other => group.protocol == other,
        };
        if !fits {
            let message = format!(
                "Listener protocol '{protocol}' is not supported with a target group with the protocol '{}'",
                group.protocol
            );
            return Err(Refusal::new("IncompatibleProtocols", message));
        }
        if group.vpc != balancer.vpc {
            let message = format!(
                "The following target groups are not in the VPC of load balancer '{}': {arn}",
                balancer.arn
            );
            return Err(Refusal::new("InvalidConfigurationRequest", message));
        }
        if state.elbv2.user_of(arn).is_some_and(|user| user.arn != balancer.arn) {
            let message = format!(
                "The following target groups cannot be associated with more than one load balancer: {arn}"
            );
            return Err(Refusal::new("TargetGroupAssociationLimit", message));
        }
    }
    Ok(())
}

/// API_TargetGroupStickinessConfig: an Application Load Balancer needs a duration if stickiness is on, and a
/// Network Load Balancer takes none.
fn sticky(kind: Kind, forward: &Forward) -> Result<(), Refusal> {
    match (kind, forward.duration) {
        (Kind::Network, Some(_)) => Err(Refusal::validation(
            "Target group stickiness duration cannot be specified for load balancers of type 'network'",
        )),
        (Kind::Application, None) if forward.sticky => Err(Refusal::validation(
            "Target group stickiness duration must be specified when stickiness is enabled",
        )),
        _ => Ok(()),
    }
}

/// Refuses an application load balancer whose rules name too many target groups; checked after the change.
pub fn few_groups(state: &State, balancer: &str) -> Result<(), Refusal> {
    // The network guide has no such quota (load-balancer-limits).
    if state.elbv2.load_balancers.get(balancer).is_some_and(|balancer| balancer.kind == Kind::Network) {
        return Ok(());
    }
    let of_balancer = |listener: &Listener| listener.load_balancer == balancer;
    let rules = state.elbv2.rules.values();
    let rules = rules.filter(|rule| state.elbv2.listeners.get(&rule.listener).is_some_and(of_balancer));
    let groups: BTreeSet<&str> = rules.flat_map(|rule| rule.action.groups()).collect();
    match groups.len() > limits::GROUPS_OF_LOAD_BALANCER {
        true => Err(Refusal::new(
            "TooManyUniqueTargetGroupsPerLoadBalancer",
            "You have reached the maximum number of unique target groups that you can associate with a load \
             balancer of type 'application': [100]",
        )),
        false => Ok(()),
    }
}
