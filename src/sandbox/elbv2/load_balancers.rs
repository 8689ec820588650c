//! Load balancers: the calls that make, describe and delete them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::api::{Actions, Call, Refusal};
use super::super::state::{State, random_hex};
use super::network;
use super::placement::{Placed, addresses, security_groups, subnets, zones_shown};
use super::resource::{self, Resource};
use super::{limits, tags};

/// The calls about load balancers, by name.
pub const ACTIONS: Actions =
    &[("CreateLoadBalancer", create), ("DeleteLoadBalancer", delete), ("DescribeLoadBalancers", describe)];

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadBalancer {
    pub arn: String,
    pub name: String,
    pub kind: Kind,
    /// `internet-facing` or `internal`.
    pub scheme: String,
    pub vpc: String,
    /// A subnet in each zone.
    pub subnets: Vec<Placed>,
    pub security_groups: Vec<String>,
    pub ip_address_type: String,
    pub created_at: Timestamp,
    /// False while it is `provisioning`.
    pub active: bool,
    /// The address at which its listeners are served.
    pub address: Ipv4Addr,
    /// The port there that serves its port 80.
    pub web_port: u16,
    /// Attributes that differ from their defaults.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Application,
    Network,
}

impl Kind {
    /// As ARNs have it.
    fn short(self) -> &'static str {
        match self {
            Kind::Application => "app",
            Kind::Network => "net",
        }
    }
}

/// API_CreateLoadBalancer. A repeated call answers the existing load balancer.
fn create(call: &mut Call) -> Result<Value, Refusal> {
    let params = call.params;
    let name = resource::name(params, "Load balancer")?;
    if name.starts_with("internal-") {
        return Err(Refusal::validation(format!(
            "Load balancer name '{name}' cannot begin with 'internal-'"
        )));
    }
    let kind = match params.given("Type").as_deref() {
        None | Some("application") => Kind::Application,
        Some("network") => Kind::Network,
        Some(other) => {
            return Err(Refusal::new(
                "InvalidConfigurationRequest",
                format!("Load balancers of type '{other}' are not available in this region"),
            ));
        }
    };
    let scheme = params.given("Scheme");
    let ip_address_type = params.given("IpAddressType").unwrap_or_else(|| "ipv4".to_owned());
    addresses(&ip_address_type, kind, scheme.as_deref().unwrap_or("internet-facing"))?;
    let (vpc, subnets) = subnets(call.state, params, kind)?;
    if scheme.as_deref() != Some("internal") && !network::has_internet_gateway(call.state, &vpc) {
        return Err(Refusal::new("InvalidSubnet", format!("VPC {vpc} has no internet gateway")));
    }
    let security_groups = security_groups(call.state, params, kind, &vpc)?;
    let tags = tags::given(params)?;
    let wanted = LoadBalancer {
        arn: String::new(),
        name,
        kind,
        scheme: scheme.unwrap_or_else(|| "internet-facing".to_owned()),
        vpc,
        subnets,
        security_groups,
        ip_address_type,
        created_at: call.now,
        active: false,
        address: Ipv4Addr::LOCALHOST,
        web_port: 0,
        attributes: BTreeMap::new(),
    };
    if let Some(there) = call.state.elbv2.load_balancers.values().find(|one| one.name == wanted.name) {
        let same = there.kind == wanted.kind
            && there.scheme == wanted.scheme
            && there.subnets == wanted.subnets
            && there.ip_address_type == wanted.ip_address_type
            && same_set(&there.security_groups, &wanted.security_groups)
            && tags::of(call.state, &there.arn) == tags;
        return match same {
            true => Ok(json!({ "LoadBalancers": [shown(call.state, there)] })),
            false => Err(Refusal::new(
                "DuplicateLoadBalancerName",
                format!(
                    "A load balancer with the same name '{}' exists, but with different settings",
                    wanted.name
                ),
            )),
        };
    }
    if call.state.elbv2.load_balancers.len() >= limits::LOAD_BALANCERS {
        return Err(Refusal::new(
            "TooManyLoadBalancers",
            "The maximum number of load balancers has been reached",
        ));
    }
    let (address, web_port) = network::place(call.state)?;
    let id = format!("loadbalancer/{}/{}/{}", kind.short(), wanted.name, random_hex(16));
    let arn = call.state.arn("elasticloadbalancing", &id);
    let made = LoadBalancer { arn: arn.clone(), address, web_port, ..wanted };
    let answer = json!({ "LoadBalancers": [shown(call.state, &made)] });
    tags::set(call.state, &arn, tags);
    call.state.elbv2.load_balancers.insert(arn, made);
    Ok(answer)
}

fn same_set(one: &[String], other: &[String]) -> bool {
    one.iter().collect::<BTreeSet<_>>() == other.iter().collect::<BTreeSet<_>>()
}

/// API_DeleteLoadBalancer: a missing load balancer is no error.
fn delete(call: &mut Call) -> Result<Value, Refusal> {
    let arn = LoadBalancer::arn(call.params)?;
    let Some(there) = call.state.elbv2.load_balancers.get(&arn) else { return Ok(json!({})) };
    if super::attributes::of_load_balancer(there, "deletion_protection.enabled") == "true" {
        return Err(Refusal::new(
            "OperationNotPermitted",
            format!("Load balancer '{arn}' cannot be deleted because deletion protection is enabled"),
        ));
    }
    let all = call.state.elbv2.listeners.values();
    let listeners: Vec<String> =
        all.filter(|one| one.load_balancer == arn).map(|one| one.arn.clone()).collect();
    for listener in listeners {
        call.state.elbv2.forget_listener(&listener);
    }
    call.state.elbv2.load_balancers.shift_remove(&arn);
    call.state.elbv2.tags.remove(&arn);
    Ok(json!({}))
}

/// API_DescribeLoadBalancers
fn describe(call: &mut Call) -> Result<Value, Refusal> {
    let arns = LoadBalancer::arns(call.params)?;
    let names = call.params.texts("Names");
    if !arns.is_empty() && !names.is_empty() {
        return Err(Refusal::validation(
            "Load balancer ARNs and load balancer names cannot be specified at the same time",
        ));
    }
    for arn in &arns {
        LoadBalancer::find(call.state, arn)?;
    }
    let all = || call.state.elbv2.load_balancers.values();
    let missing: Vec<&String> = names.iter().filter(|name| !all().any(|one| one.name == **name)).collect();
    if !missing.is_empty() {
        let list = missing.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
        return Err(Refusal::new("LoadBalancerNotFound", format!("Load balancers '[{list}]' not found")));
    }
    let asked = |one: &&LoadBalancer| {
        (arns.is_empty() && names.is_empty()) || arns.contains(&one.arn) || names.contains(&one.name)
    };
    let shown = all().filter(asked).map(|one| shown(call.state, one)).collect();
    resource::PAGES.answer(call.params, "LoadBalancers", shown)
}

/// The host and port where a load balancer's port 80 is served: its DNS name.
pub fn dns_name(one: &LoadBalancer) -> String {
    format!("{}:{}", one.address, one.web_port)
}

/// The hosted zones of load balancers' names (AWS General Reference, elb.html).
fn hosted_zone(region: &str, kind: Kind) -> &'static str {
    let (application, network) = match region {
        "us-east-2" => ("Z3AADJGX6KTTL2", "ZLMOA37VPKANP"),
        "us-west-1" => ("Z368ELLRRE2KJ0", "Z24FKFUX50B4VW"),
        "us-west-2" => ("Z1H1FL5HABSF5", "Z18D5FSROUN65G"),
        "eu-west-1" => ("Z32O12XQLNTSW2", "Z2IFOLAFXWLO4F"),
        "eu-central-1" => ("Z215JYRZR1TBD5", "Z3F0SRJ5LGBH90"),
        _ => ("Z35SXDOTRQ7X7K", "Z26RNL4JYFTOTI"),
    };
    match kind {
        Kind::Application => application,
        Kind::Network => network,
    }
}

/// A load balancer as answers have it (API_LoadBalancer).
fn shown(state: &State, one: &LoadBalancer) -> Value {
    let refused = state
        .elbv2
        .listeners
        .values()
        .filter(|listener| listener.load_balancer == one.arn)
        .find_map(|listener| listener.refused.clone());
    let (code, reason) = match (one.active, refused) {
        (false, _) => ("provisioning", None),
        (true, None) => ("active", None),
        (true, Some(why)) => ("active_impaired", Some(why)),
    };
    let security_groups = match one.security_groups.is_empty() && one.kind == Kind::Network {
        true => Value::Null,
        false => json!(one.security_groups),
    };
    json!({
        "LoadBalancerArn": one.arn,
        "DNSName": dns_name(one),
        "CanonicalHostedZoneId": hosted_zone(&state.region, one.kind),
        "CreatedTime": format!("{:.3}", one.created_at),
        "LoadBalancerName": one.name,
        "Scheme": one.scheme,
        "VpcId": one.vpc,
        "State": { "Code": code, "Reason": reason },
        "Type": one.kind,
        "AvailabilityZones": zones_shown(one),
        "SecurityGroups": security_groups,
        "IpAddressType": one.ip_address_type,
    })
}
