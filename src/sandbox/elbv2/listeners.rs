//! Listeners of load balancers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::api::{Actions, Call, Params, Refusal};
use super::super::network::served;
use super::super::state::{Network, State, random_hex};
use super::actions::{self, Action};
use super::certificates;
use super::load_balancers::{Kind, LoadBalancer};
use super::resource::{self, Resource};
use super::rules::Rule;
use super::{limits, network, tags};

/// The calls about listeners, by name.
pub const ACTIONS: Actions = &[
    ("CreateListener", create),
    ("ModifyListener", modify),
    ("DeleteListener", delete),
    ("DescribeListeners", describe),
];

/// A listener. Its default action is its default rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Listener {
    pub arn: String,
    /// ARN.
    pub load_balancer: String,
    pub port: u16,
    /// `HTTP`, `HTTPS`, `TCP`, `TLS`.
    pub protocol: String,
    /// The port of the load balancer's address at which it is served.
    pub served_at: u16,
    pub ssl_policy: Option<String>,
    /// ARN of the default certificate.
    pub certificate: Option<String>,
    /// Others, chosen by the name that a client asks for.
    #[serde(default)]
    pub more_certificates: Vec<String>,
    pub alpn: Option<String>,
    /// In the form of API_MutualAuthenticationAttributes.
    pub mutual: Option<Value>,
    /// Attributes that differ from their defaults.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// Why its socket could not be opened.
    #[serde(default)]
    pub refused: Option<String>,
}

/// The port at which a load balancer's port is served: on its own address 10,000 above ports that need root,
/// on the shared address any free one.
fn socket(state: &State, balancer: &LoadBalancer, port: u16) -> Result<u16, Refusal> {
    match (state.network, port) {
        (_, 80) => Ok(balancer.web_port),
        (Network::Addresses { .. }, port) => Ok(served(port)),
        (Network::Ports { first }, _) => network::own_port(state, first),
    }
}

/// The protocol of a call, for this type of load balancer.
fn protocol(params: &Params, kind: Kind) -> Result<Option<String>, Refusal> {
    let Some(protocol) = params.given("Protocol") else { return Ok(None) };
    match (kind, protocol.as_str()) {
        (Kind::Application, "HTTP" | "HTTPS") | (Kind::Network, "TCP" | "TLS") => Ok(Some(protocol)),
        (Kind::Network, "UDP" | "TCP_UDP" | "QUIC" | "TCP_QUIC") => Err(Refusal::new(
            "UnsupportedProtocol",
            format!("Listener protocol '{protocol}' is not available in this region"),
        )),
        _ => {
            let most = if kind == Kind::Application { "HTTPS, HTTP" } else { "TCP, TLS, UDP, TCP_UDP" };
            Err(Refusal::validation(format!("Listener protocol '{protocol}' must be one of '{most}'")))
        }
    }
}

/// Sets the encryption of a call, and refuses conflicting parameters.
fn encryption(listener: &mut Listener, params: &Params) -> Result<(), Refusal> {
    let encrypted = matches!(listener.protocol.as_str(), "HTTPS" | "TLS");
    let given = ["SslPolicy", "Certificates", "AlpnPolicy", "MutualAuthentication"];
    if !encrypted {
        // Encryption settings are removed with the encrypted protocol.
        (listener.ssl_policy, listener.certificate, listener.alpn, listener.mutual) =
            (None, None, None, None);
        listener.more_certificates.clear();
        return match given
            .iter()
            .find(|name| params.has(name) && !params.text(name).is_some_and(|text| text.is_empty()))
        {
            Some(name) => Err(Refusal::new(
                "InvalidConfigurationRequest",
                format!(
                    "{name} cannot be specified for a listener with the protocol '{}'",
                    listener.protocol
                ),
            )),
            None => Ok(()),
        };
    }
    if let Some(certificate) = certificates::default(params)? {
        listener.certificate = Some(certificate);
    }
    if listener.certificate.is_none() {
        return Err(Refusal::validation(format!(
            "A certificate must be specified for {} listeners",
            listener.protocol
        )));
    }
    if let Some(policy) = params.given("SslPolicy") {
        certificates::policy_exists(&policy)?;
        listener.ssl_policy = Some(policy);
    }
    listener.ssl_policy.get_or_insert_with(|| "ELBSecurityPolicy-2016-08".to_owned());
    if let Some(alpn) = params.texts("AlpnPolicy").into_iter().next() {
        let known = ["HTTP1Only", "HTTP2Only", "HTTP2Optional", "HTTP2Preferred", "None"];
        if listener.protocol != "TLS" || !known.contains(&alpn.as_str()) {
            return Err(Refusal::new("ALPNPolicyNotFound", format!("ALPN policy '{alpn}' is not supported")));
        }
        listener.alpn = Some(alpn);
    }
    if matches!(listener.protocol.as_str(), "HTTPS" | "TLS") {
        mutual(listener, params)?;
    }
    Ok(())
}

fn mutual(listener: &mut Listener, params: &Params) -> Result<(), Refusal> {
    if let Some(given) = params.child("MutualAuthentication") {
        let mode = given.given("Mode");
        let mode = mode.unwrap_or_else(|| "off".to_owned());
        if listener.protocol == "TLS" && mode == "passthrough" {
            return Err(Refusal::validation(
                "Mutual authentication mode 'passthrough' is not supported for TLS",
            ));
        }
        if mode == "verify" {
            let arn = given.text("TrustStoreArn").unwrap_or_default();
            return Err(Refusal::new("TrustStoreNotFound", format!("Trust store '{arn}' not found")));
        }
        listener.mutual = Some(json!({ "Mode": mode }));
    }
    listener.mutual.get_or_insert_with(|| json!({ "Mode": "off" }));
    Ok(())
}

/// API_CreateListener. A repeated call answers the existing listener.
fn create(call: &mut Call) -> Result<Value, Refusal> {
    let params = call.params;
    let balancer = LoadBalancer::arn(params)?;
    let balancer = LoadBalancer::find(call.state, &balancer)?;
    let protocol = protocol(params, balancer.kind)?;
    let protocol = protocol.ok_or_else(|| Refusal::validation("A protocol must be specified"))?;
    let port = params.number::<u16>("Port").ok_or_else(|| Refusal::validation("A port must be specified"))?;
    let action = actions::read(call.state, params, "DefaultActions", None)?;
    actions::allowed(call.state, balancer, &protocol, &action)?;
    let tags = tags::given(params)?;
    let of = format!("listener/{}/{}", super::suffix(&balancer.arn), random_hex(16));
    let mut made = Listener {
        arn: call.state.arn("elasticloadbalancing", &of),
        load_balancer: balancer.arn.clone(),
        port,
        protocol,
        served_at: 0,
        ssl_policy: None,
        certificate: None,
        more_certificates: Vec::new(),
        alpn: None,
        mutual: None,
        attributes: BTreeMap::new(),
        refused: None,
    };
    encryption(&mut made, params)?;
    let beside = |one: &&Listener| one.load_balancer == made.load_balancer;
    let listeners = || call.state.elbv2.listeners.values().filter(beside);
    if let Some(there) = listeners().find(|one| one.port == port) {
        let same = there.protocol == made.protocol
            && there.ssl_policy == made.ssl_policy
            && there.certificate == made.certificate
            && there.alpn == made.alpn
            && there.mutual == made.mutual
            && default_action(call.state, &there.arn).is_some_and(|there| there.same(&action))
            && tags::of(call.state, &there.arn) == tags;
        return match same {
            true => Ok(json!({ "Listeners": [shown(call.state, there)] })),
            false => Err(duplicate(&made.load_balancer)),
        };
    }
    if listeners().count() >= limits::LISTENERS {
        return Err(Refusal::new("TooManyListeners", "The maximum number of listeners has been reached"));
    }
    made.served_at = socket(call.state, balancer, port)?;
    let rule = Rule::new(&made.arn, None, Vec::new(), action);
    call.state.elbv2.rules.insert(rule.arn.clone(), rule);
    tags::set(call.state, &made.arn, tags);
    let answer = json!({ "Listeners": [shown(call.state, &made)] });
    let balancer = made.load_balancer.clone();
    call.state.elbv2.listeners.insert(made.arn.clone(), made);
    actions::few_groups(call.state, &balancer)?;
    Ok(answer)
}

fn duplicate(balancer: &str) -> Refusal {
    Refusal::new(
        "DuplicateListener",
        format!("A listener already exists on this port for this load balancer '{balancer}'"),
    )
}

fn default_action<'a>(state: &'a State, listener: &str) -> Option<&'a Action> {
    let is = |rule: &&Rule| rule.listener == listener && rule.priority.is_none();
    state.elbv2.rules.values().find(is).map(|rule| &rule.action)
}

/// API_ModifyListener: default actions are replaced as a whole, omitted parameters stay.
fn modify(call: &mut Call) -> Result<Value, Refusal> {
    let params = call.params;
    let mut listener = Listener::named(call)?.clone();
    let balancer = LoadBalancer::find(call.state, &listener.load_balancer)?;
    if let Some(protocol) = protocol(params, balancer.kind)? {
        listener.protocol = protocol;
    }
    encryption(&mut listener, params)?;
    if let Some(port) = params.number::<u16>("Port")
        && port != listener.port
    {
        let taken = |one: &Listener| one.load_balancer == listener.load_balancer && one.port == port;
        if call.state.elbv2.listeners.values().any(taken) {
            return Err(duplicate(&listener.load_balancer));
        }
        listener.port = port;
        listener.served_at = socket(call.state, balancer, port)?;
        listener.refused = None;
    }
    let action = match params.has("DefaultActions") {
        true => {
            let before = default_action(call.state, &listener.arn);
            Some(actions::read(call.state, params, "DefaultActions", before)?)
        }
        false => None,
    };
    // A new protocol must suit the target groups of all rules.
    for rule in call.state.elbv2.rules_of(&listener.arn) {
        let action = action.as_ref().filter(|_| rule.priority.is_none()).unwrap_or(&rule.action);
        actions::allowed(call.state, balancer, &listener.protocol, action)?;
    }
    let balancer = balancer.arn.clone();
    if let Some(action) = action {
        let rules = call.state.elbv2.rules.values_mut();
        for rule in rules.filter(|rule| rule.listener == listener.arn && rule.priority.is_none()) {
            rule.action = action.clone();
        }
    }
    let answer = json!({ "Listeners": [shown(call.state, &listener)] });
    call.state.elbv2.listeners.insert(listener.arn.clone(), listener);
    actions::few_groups(call.state, &balancer)?;
    Ok(answer)
}

/// API_DeleteListener, with its rules.
fn delete(call: &mut Call) -> Result<Value, Refusal> {
    let arn = Listener::arn(call.params)?;
    Listener::find(call.state, &arn)?;
    call.state.elbv2.forget_listener(&arn);
    Ok(json!({}))
}

/// API_DescribeListeners: a load balancer's, or some by ARN.
fn describe(call: &mut Call) -> Result<Value, Refusal> {
    let arns = Listener::arns(call.params)?;
    let shown = match (call.params.has("LoadBalancerArn"), arns.is_empty()) {
        (true, true) => {
            let balancer = LoadBalancer::arn(call.params)?;
            LoadBalancer::find(call.state, &balancer)?;
            let all = call.state.elbv2.listeners.values();
            all.filter(|one| one.load_balancer == balancer).map(|one| shown(call.state, one)).collect()
        }
        (false, false) => {
            let one = |arn: &String| Ok(shown(call.state, Listener::find(call.state, arn)?));
            arns.iter().map(one).collect::<Result<_, Refusal>>()?
        }
        (true, false) => {
            return Err(Refusal::validation("You can't specify both listener ARNs and a load balancer ARN"));
        }
        (false, true) => {
            return Err(Refusal::validation("You must specify either listener ARNs or a load balancer ARN"));
        }
    };
    resource::PAGES.answer(call.params, "Listeners", shown)
}

/// As answers have it (API_Listener).
fn shown(state: &State, one: &Listener) -> Value {
    let certificates = one.certificate.as_ref().map(|arn| json!([{ "CertificateArn": arn }]));
    json!({
        "ListenerArn": one.arn,
        "LoadBalancerArn": one.load_balancer,
        "Port": one.port,
        "Protocol": one.protocol,
        "Certificates": certificates,
        "SslPolicy": one.ssl_policy,
        "DefaultActions": default_action(state, &one.arn).map(Action::shown),
        "AlpnPolicy": one.alpn.as_ref().map(|policy| [policy]),
        "MutualAuthentication": one.mutual,
    })
}
