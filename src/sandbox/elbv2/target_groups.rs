//! Target groups.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::api::{Actions, Call, Refusal};
use super::super::state::{State, random_hex};
use super::LoadBalancer;
use super::health_check::HealthCheck;
use super::resource::{self, Resource};
use super::targets::Target;
use super::{limits, network, tags};

/// The calls about target groups, by name.
pub const ACTIONS: Actions = &[
    ("CreateTargetGroup", create),
    ("ModifyTargetGroup", modify),
    ("DeleteTargetGroup", delete),
    ("DescribeTargetGroups", describe),
];

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetGroup {
    pub arn: String,
    pub name: String,
    /// `HTTP`, `HTTPS`, `TCP`, `TLS`.
    pub protocol: String,
    /// `HTTP1`, `HTTP2` or `GRPC`; of HTTP and HTTPS.
    pub version: Option<String>,
    pub port: u16,
    pub vpc: String,
    /// `instance` or `ip`.
    pub target_type: String,
    pub ip_address_type: String,
    pub check: HealthCheck,
    pub targets: Vec<Target>,
    /// Attributes that differ from their defaults.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
}

/// API_CreateTargetGroup. A repeated call answers the existing group.
fn create(call: &mut Call) -> Result<Value, Refusal> {
    let wanted = read(call)?;
    let tags = tags::given(call.params)?;
    if let Some(there) = call.state.elbv2.target_groups.values().find(|one| one.name == wanted.name) {
        let settings = |one: &TargetGroup| TargetGroup {
            arn: String::new(),
            targets: Vec::new(),
            attributes: BTreeMap::new(),
            ..one.clone()
        };
        return match settings(there) == wanted && tags::of(call.state, &there.arn) == tags {
            true => Ok(json!({ "TargetGroups": [shown(call.state, there)] })),
            false => Err(Refusal::new(
                "DuplicateTargetGroupName",
                format!(
                    "A target group with the same name '{}' exists, but with different settings",
                    wanted.name
                ),
            )),
        };
    }
    if call.state.elbv2.target_groups.len() >= limits::TARGET_GROUPS {
        return Err(Refusal::new(
            "TooManyTargetGroups",
            "The maximum number of target groups has been reached",
        ));
    }
    let id = format!("targetgroup/{}/{}", wanted.name, random_hex(16));
    let made = TargetGroup { arn: call.state.arn("elasticloadbalancing", &id), ..wanted };
    let answer = json!({ "TargetGroups": [shown(call.state, &made)] });
    tags::set(call.state, &made.arn, tags);
    call.state.elbv2.target_groups.insert(made.arn.clone(), made);
    Ok(answer)
}

/// The target group that a call describes, without an ARN.
fn read(call: &Call) -> Result<TargetGroup, Refusal> {
    let params = call.params;
    let name = resource::name(params, "Target group")?;
    let target_type = params.given("TargetType");
    let target_type = target_type.unwrap_or_else(|| "instance".to_owned());
    if matches!(target_type.as_str(), "lambda" | "alb") {
        return Err(Refusal::new(
            "InvalidConfigurationRequest",
            format!("Targets of type '{target_type}' are not available in this region"),
        ));
    }
    let protocol =
        params.given("Protocol").ok_or_else(|| Refusal::validation("A protocol must be specified"))?;
    if !matches!(protocol.as_str(), "HTTP" | "HTTPS" | "TCP" | "TLS") {
        return Err(Refusal::new(
            "InvalidConfigurationRequest",
            format!("Target groups with the protocol '{protocol}' are not available in this region"),
        ));
    }
    let port = params.number("Port").ok_or_else(|| Refusal::validation("A port must be specified"))?;
    let vpc = params.given("VpcId");
    let vpc = vpc.ok_or_else(|| Refusal::validation("A VPC ID must be specified"))?;
    if !network::has_vpc(call.state, &vpc) {
        return Err(Refusal::validation(format!("The VPC ID '{vpc}' is not found")));
    }
    let application = matches!(protocol.as_str(), "HTTP" | "HTTPS");
    let version = params.given("ProtocolVersion");
    if version.is_some() && !application {
        return Err(Refusal::validation(format!(
            "Protocol version cannot be specified for target groups with the protocol '{protocol}'"
        )));
    }
    let version = version.or_else(|| application.then(|| "HTTP1".to_owned()));
    let mut check = HealthCheck::new(&protocol, version.as_deref());
    check.set(params, &protocol)?;
    let ip_address_type = params.given("IpAddressType");
    Ok(TargetGroup {
        arn: String::new(),
        name,
        protocol,
        version,
        port,
        vpc,
        target_type,
        ip_address_type: ip_address_type.unwrap_or_else(|| "ipv4".to_owned()),
        check,
        targets: Vec::new(),
        attributes: BTreeMap::new(),
    })
}

/// API_ModifyTargetGroup: the health check.
fn modify(call: &mut Call) -> Result<Value, Refusal> {
    let arn = TargetGroup::arn(call.params)?;
    let mut group = TargetGroup::find(call.state, &arn)?.clone();
    group.check.set(call.params, &group.protocol)?;
    let answer = json!({ "TargetGroups": [shown(call.state, &group)] });
    call.state.elbv2.target_groups.insert(arn, group);
    Ok(answer)
}

/// API_DeleteTargetGroup: a missing group is no error.
fn delete(call: &mut Call) -> Result<Value, Refusal> {
    let arn = TargetGroup::arn(call.params)?;
    if call.state.elbv2.user_of(&arn).is_some() {
        return Err(Refusal::new(
            "ResourceInUse",
            format!("Target group '{arn}' is currently in use by a listener or a rule"),
        ));
    }
    call.state.elbv2.target_groups.shift_remove(&arn);
    call.state.elbv2.tags.remove(&arn);
    Ok(json!({}))
}

/// API_DescribeTargetGroups: all, or by ARN, by name, by load balancer.
fn describe(call: &mut Call) -> Result<Value, Refusal> {
    let arns = TargetGroup::arns(call.params)?;
    let names = call.params.texts("Names");
    let balancer = call.params.has("LoadBalancerArn");
    if [!arns.is_empty(), !names.is_empty(), balancer].iter().filter(|given| **given).count() > 1 {
        return Err(Refusal::validation(
            "You can specify only one of target group ARNs, target group names and a load balancer ARN",
        ));
    }
    for arn in &arns {
        TargetGroup::find(call.state, arn)?;
    }
    let all = || call.state.elbv2.target_groups.values();
    if names.iter().any(|name| !all().any(|one| one.name == *name)) {
        return Err(Refusal::new("TargetGroupNotFound", "One or more target groups not found"));
    }
    let of = match balancer {
        true => Some(call.params.needed("LoadBalancerArn")),
        false => None,
    };
    if let Some(balancer) = &of {
        LoadBalancer::find(call.state, balancer)?;
    }
    let uses = |one: &TargetGroup| call.state.elbv2.user_of(&one.arn).map(|user| user.arn.clone());
    let asked = |one: &&TargetGroup| match &of {
        Some(_) => uses(one) == of,
        None => (arns.is_empty() && names.is_empty()) || arns.contains(&one.arn) || names.contains(&one.name),
    };
    let shown = all().filter(asked).map(|one| shown(call.state, one)).collect();
    resource::PAGES.answer(call.params, "TargetGroups", shown)
}

/// As answers have it (API_TargetGroup).
fn shown(state: &State, one: &TargetGroup) -> Value {
    let check = &one.check;
    let code = if check.grpc { "GrpcCode" } else { "HttpCode" };
    let users: Vec<&String> = state.elbv2.user_of(&one.arn).map(|user| &user.arn).into_iter().collect();
    json!({
        "TargetGroupArn": one.arn,
        "TargetGroupName": one.name,
        "Protocol": one.protocol,
        "Port": one.port,
        "VpcId": one.vpc,
        "HealthCheckProtocol": check.protocol,
        "HealthCheckPort": check.port,
        "HealthCheckEnabled": true,
        "HealthCheckIntervalSeconds": check.interval,
        "HealthCheckTimeoutSeconds": check.timeout,
        "HealthyThresholdCount": check.healthy,
        "UnhealthyThresholdCount": check.unhealthy,
        "HealthCheckPath": check.path,
        "Matcher": check.matcher.as_ref().map(|codes| json!({ code: codes })),
        "LoadBalancerArns": users,
        "TargetType": one.target_type,
        "ProtocolVersion": one.version,
        "IpAddressType": one.ip_address_type,
    })
}
