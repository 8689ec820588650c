//! Interactions of a load balancer's calls, by handlers and ticks.

use std::net::Ipv4Addr;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::api::{Refusal, direct};
use super::super::balancer::Report;
use super::super::balancer::config::{Action, Condition, TargetKey};
use super::super::ec2::{Instance, InstanceState};
use super::super::pace::Pace;
use super::super::state::{Network, State};
use super::targets::{self, Health, HealthState};
use super::{SERVICE, config, reported, tick};

/// A region, and how it is called.
struct World {
    state: State,
    now: Timestamp,
}

impl World {
    fn new() -> Self {
        let now = Timestamp::UNIX_EPOCH;
        Self { state: State::new("us-east-1", Network::Addresses { octet: 31 }, Pace::default(), now), now }
    }

    /// The answer of a call; its changes are kept only on success, as in the region.
    fn try_call(&mut self, action: &str, params: Value) -> Result<Value, Refusal> {
        let mut state = self.state.clone();
        let answer = direct::call(&[&SERVICE], &mut state, self.now, action, params)?;
        self.state = state;
        Ok(answer)
    }

    fn call(&mut self, action: &str, params: Value) -> Value {
        self.try_call(action, params).unwrap_or_else(|refusal| panic!("{action}: {refusal:?}"))
    }

    /// The code of a call's error.
    fn refused(&mut self, action: &str, params: Value) -> String {
        self.try_call(action, params).unwrap_err().code
    }

    fn pass(&mut self, by: Duration) {
        self.now = self.now.checked_add(by).unwrap();
        tick(&mut self.state, self.now);
    }

    fn subnets(&self) -> Vec<String> {
        self.state.ec2.subnets.keys().take(2).cloned().collect()
    }

    fn balancer(&mut self, name: &str) -> String {
        let params = json!({ "Name": name, "Subnets": self.subnets() });
        let made = self.call("CreateLoadBalancer", params);
        self.pass(Duration::from_secs(1));
        text(&made["LoadBalancers"][0]["LoadBalancerArn"])
    }

    fn group(&mut self, name: &str) -> String {
        let vpc = self.state.ec2.vpcs.keys().next().cloned();
        let params = json!({ "Name": name, "Protocol": "HTTP", "Port": 8080, "VpcId": vpc });
        text(&self.call("CreateTargetGroup", params)["TargetGroups"][0]["TargetGroupArn"])
    }

    /// A listener on port 80 that answers 404.
    fn listener(&mut self, balancer: &str) -> String {
        let params = json!({
            "LoadBalancerArn": balancer, "Port": 80, "Protocol": "HTTP", "DefaultActions": [not_found()],
        });
        text(&self.call("CreateListener", params)["Listeners"][0]["ListenerArn"])
    }

    fn rule(&mut self, listener: &str, priority: u32, groups: &[(&str, u32)]) -> String {
        let params = json!({
            "ListenerArn": listener, "Priority": priority, "Actions": [forward(groups)],
            "Conditions": [{ "Field": "path-pattern", "Values": ["/*"] }],
        });
        text(&self.call("CreateRule", params)["Rules"][0]["RuleArn"])
    }

    fn instance(&mut self, id: &str) {
        let subnet = self.state.ec2.subnets.values().next().unwrap();
        let instance = Instance {
            id: id.to_owned(),
            subnet: subnet.id.clone(),
            vpc: subnet.vpc.clone(),
            zone: subnet.zone.clone(),
            private_address: Ipv4Addr::new(127, 31, 0, 10),
            state: InstanceState::Running,
            since: self.now,
            launched_at: self.now,
            group: Some("blue".to_owned()),
            ..Instance::example()
        };
        self.state.ec2.instances.insert(id.to_owned(), instance);
    }

    /// State and reason of the only target.
    fn health(&mut self, group: &str) -> (String, Value) {
        let told = self.call("DescribeTargetHealth", json!({ "TargetGroupArn": group }));
        let health = &told["TargetHealthDescriptions"][0]["TargetHealth"];
        (text(&health["State"]), health["Reason"].clone())
    }

    fn sees(&mut self, group: &str, id: &str, state: HealthState) {
        let target = TargetKey { id: id.to_owned(), port: 8080 };
        let health = Health { state, reason: None, description: None };
        let report = Report::Health { group: group.to_owned(), target, health };
        reported(&mut self.state, &report, self.now);
        tick(&mut self.state, self.now);
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn not_found() -> Value {
    json!({ "Type": "fixed-response", "FixedResponseConfig": { "StatusCode": "404" } })
}

fn forward(groups: &[(&str, u32)]) -> Value {
    let groups: Vec<Value> =
        groups.iter().map(|(arn, weight)| json!({ "TargetGroupArn": arn, "Weight": weight })).collect();
    json!({ "Type": "forward", "ForwardConfig": { "TargetGroups": groups } })
}

#[test]
fn creating_again_answers_what_is_there_unless_it_is_another() {
    let mut world = World::new();
    let (balancer, group) = (world.balancer("edge"), world.group("blue"));
    let listener = world.listener(&balancer);
    assert_eq!((world.balancer("edge"), world.group("blue")), (balancer.clone(), group));
    assert_eq!(world.listener(&balancer), listener);
    let subnets = world.subnets();
    let other = json!({ "Name": "edge", "Subnets": subnets, "Scheme": "internal" });
    assert_eq!(world.refused("CreateLoadBalancer", other), "DuplicateLoadBalancerName");
    let tagged = json!({ "Name": "edge", "Subnets": subnets, "Tags": [{ "Key": "a", "Value": "b" }] });
    assert_eq!(world.refused("CreateLoadBalancer", tagged), "DuplicateLoadBalancerName");
    let vpc = world.state.ec2.vpcs.keys().next().cloned();
    let other = json!({ "Name": "blue", "Protocol": "HTTP", "Port": 1, "VpcId": vpc });
    assert_eq!(world.refused("CreateTargetGroup", other), "DuplicateTargetGroupName");
    let action = json!({ "Type": "fixed-response", "FixedResponseConfig": { "StatusCode": "503" } });
    let other =
        json!({ "LoadBalancerArn": balancer, "Port": 80, "Protocol": "HTTP", "DefaultActions": [action] });
    assert_eq!(world.refused("CreateListener", other), "DuplicateListener");
}

#[test]
fn a_load_balancer_needs_two_zones_and_a_proper_name() {
    let mut world = World::new();
    let subnets = world.subnets();
    for (name, subnets, code) in [
        ("edge", json!([subnets[0]]), "ValidationError"),
        ("edge", json!([subnets[0], subnets[0]]), "InvalidConfigurationRequest"),
        ("edge", json!([subnets[0], "subnet-0"]), "SubnetNotFound"),
        ("internal-edge", json!(subnets), "ValidationError"),
        ("edge-", json!(subnets), "ValidationError"),
        ("a_b", json!(subnets), "ValidationError"),
        ("a23456789012345678901234567890123", json!(subnets), "ValidationError"),
    ] {
        let params = json!({ "Name": name, "Subnets": subnets });
        assert_eq!(world.refused("CreateLoadBalancer", params), code, "{name} {subnets}");
    }
    let groups = json!({ "Name": "edge", "Subnets": subnets, "SecurityGroups": ["sg-0"] });
    assert_eq!(world.refused("CreateLoadBalancer", groups), "InvalidSecurityGroup");
}

#[test]
fn a_load_balancer_takes_time_and_can_be_protected() {
    let mut world = World::new();
    let params = json!({ "Name": "edge", "Subnets": world.subnets() });
    let made = world.call("CreateLoadBalancer", params)["LoadBalancers"][0].clone();
    assert_eq!(
        (&made["State"]["Code"], &made["DNSName"]),
        (&json!("provisioning"), &json!("127.31.255.1:10080"))
    );
    let arn = text(&made["LoadBalancerArn"]);
    world.listener(&arn);
    assert!(config(&world.state).listeners.is_empty());
    let due = tick(&mut world.state, world.now).unwrap();
    assert_eq!(due.duration_since(world.now), jiff::SignedDuration::from_millis(800));
    world.pass(Duration::from_millis(800));
    let served = config(&world.state);
    assert_eq!(served.listeners[0].address, "127.31.255.1:10080".parse().unwrap());
    assert_eq!(served.listeners[0].balancer, arn.rsplit_once("loadbalancer/").unwrap().1);
    let protect = |on: &str| json!({ "LoadBalancerArn": arn, "Attributes": [{ "Key": "deletion_protection.enabled", "Value": on }] });
    world.call("ModifyLoadBalancerAttributes", protect("true"));
    assert_eq!(
        world.refused("DeleteLoadBalancer", json!({ "LoadBalancerArn": arn })),
        "OperationNotPermitted"
    );
    world.call("ModifyLoadBalancerAttributes", protect("false"));
    world.call("DeleteLoadBalancer", json!({ "LoadBalancerArn": arn }));
    world.call("DeleteLoadBalancer", json!({ "LoadBalancerArn": arn }));
    assert!(world.state.elbv2.listeners.is_empty() && world.state.elbv2.rules.is_empty());
}

#[test]
fn rules_have_priorities_of_their_own() {
    let mut world = World::new();
    let balancer = world.balancer("edge");
    let (listener, group) = (world.listener(&balancer), world.group("blue"));
    let (one, two) = (world.rule(&listener, 1, &[(&group, 1)]), world.rule(&listener, 2, &[(&group, 1)]));
    let again = json!({
        "ListenerArn": listener, "Priority": 1, "Actions": [forward(&[(&group, 1)])],
        "Conditions": [{ "Field": "path-pattern", "Values": ["/*"] }],
    });
    assert_eq!(world.refused("CreateRule", again), "PriorityInUse");
    let place = |arn: &str, priority: u32| json!({ "RuleArn": arn, "Priority": priority });
    let clash = json!({ "RulePriorities": [place(&one, 2)] });
    assert_eq!(world.refused("SetRulePriorities", clash), "PriorityInUse");
    world.call("SetRulePriorities", json!({ "RulePriorities": [place(&one, 2), place(&two, 1)] }));
    let rules = world.call("DescribeRules", json!({ "ListenerArn": listener }))["Rules"].clone();
    let order: Vec<_> = (0..3).map(|index| text(&rules[index]["Priority"])).collect();
    assert_eq!(
        (order.as_slice(), &rules[0]["RuleArn"]),
        (["1", "2", "default"].map(String::from).as_slice(), &json!(two))
    );
    let default = rules[2]["RuleArn"].clone();
    assert_eq!(world.refused("DeleteRule", json!({ "RuleArn": default })), "OperationNotPermitted");
    assert_eq!(world.refused("DescribeRules", json!({ "RuleArns": [format!("{one}0")] })), "RuleNotFound");
}

#[test]
fn a_changed_rule_keeps_what_is_not_given() {
    let mut world = World::new();
    let balancer = world.balancer("edge");
    let (listener, blue, green) = (world.listener(&balancer), world.group("blue"), world.group("green"));
    let rule = world.rule(&listener, 1, &[(&blue, 100), (&green, 0)]);
    world.call("ModifyRule", json!({ "RuleArn": rule, "Actions": [forward(&[(&green, 100)])] }));
    let served = config(&world.state);
    let [first, _] = served.listeners[0].rules.as_slice() else { panic!() };
    assert_eq!(first.conditions, [Condition::Path(vec!["/*".to_owned()])]);
    assert_eq!(first.action, Action::Forward { groups: vec![(green.clone(), 100)], stickiness: None });
    assert_eq!(served.groups.keys().collect::<Vec<_>>(), [&green]);
    let told = world.call("DescribeRules", json!({ "RuleArns": [rule] }))["Rules"][0].clone();
    assert_eq!(told["Actions"][0]["TargetGroupArn"], json!(green));
    assert_eq!(told["Conditions"][0]["PathPatternConfig"]["Values"], told["Conditions"][0]["Values"]);
}

#[test]
fn conditions_are_few_and_forwards_fit() {
    let mut world = World::new();
    let balancer = world.balancer("edge");
    let (listener, blue) = (world.listener(&balancer), world.group("blue"));
    let create = |conditions: Value, action: Value| json!({ "ListenerArn": listener, "Priority": 1, "Actions": [action], "Conditions": conditions });
    let paths = |count: usize| {
        let paths: Vec<String> = (0..count).map(|number| format!("/{number}")).collect();
        json!([{ "Field": "path-pattern", "PathPatternConfig": { "Values": paths } }])
    };
    let fits = forward(&[(&blue, 1)]);
    assert_eq!(world.refused("CreateRule", create(paths(6), fits.clone())), "ValidationError");
    let twice = json!([
        { "Field": "host-header", "Values": ["a.example.com"] }, { "Field": "host-header", "Values": ["b.example.com"] },
    ]);
    assert_eq!(world.refused("CreateRule", create(twice, fits.clone())), "ValidationError");
    assert_eq!(world.refused("CreateRule", create(paths(1), forward(&[(&blue, 1000)]))), "ValidationError");
    let unknown = blue.replace("/blue/", "/none/");
    assert_eq!(
        world.refused("CreateRule", create(paths(1), forward(&[(&unknown, 1)]))),
        "TargetGroupNotFound"
    );
    world.call("CreateRule", create(paths(5), fits.clone()));
    let other = world.balancer("other");
    let other = json!({ "LoadBalancerArn": other, "Port": 80, "Protocol": "HTTP", "DefaultActions": [fits] });
    assert_eq!(world.refused("CreateListener", other), "TargetGroupAssociationLimit");
}

#[test]
fn a_network_load_balancer_divides_connections_among_groups_of_its_protocol() {
    let mut world = World::new();
    let params = json!({ "Name": "edge", "Type": "network", "Subnets": world.subnets() });
    let made = world.call("CreateLoadBalancer", params);
    let balancer = text(&made["LoadBalancers"][0]["LoadBalancerArn"]);
    world.pass(Duration::from_secs(1));
    let vpc = world.state.ec2.vpcs.keys().next().cloned();
    let mut group = |name: &str, protocol: &str| {
        let params = json!({ "Name": name, "Protocol": protocol, "Port": 8080, "VpcId": vpc });
        world
            .try_call("CreateTargetGroup", params)
            .map(|made| text(&made["TargetGroups"][0]["TargetGroupArn"]))
    };
    let tcp: Vec<String> = (0..6).map(|number| group(&format!("tcp-{number}"), "TCP").unwrap()).collect();
    let web = group("web", "HTTP").unwrap();
    for protocol in ["QUIC", "GENEVE"] {
        assert!(group("other", protocol).is_err(), "{protocol}");
    }
    let listener = |action: Value| json!({ "LoadBalancerArn": balancer, "Port": 80, "Protocol": "TCP", "DefaultActions": [action] });
    let all = |count: usize, weight: u32| {
        forward(&tcp.iter().take(count).map(|arn| (arn.as_str(), weight)).collect::<Vec<_>>())
    };
    assert_eq!(world.refused("CreateListener", listener(all(6, 1))), "TooManyTargetGroups");
    assert_eq!(world.refused("CreateListener", listener(all(2, 1000))), "ValidationError");
    assert_eq!(world.refused("CreateListener", listener(forward(&[(&web, 1)]))), "IncompatibleProtocols");
    let sticky = |config: Value| {
        let mut action = all(2, 1);
        action["ForwardConfig"]["TargetGroupStickinessConfig"] = config;
        action
    };
    let timed = json!({ "Enabled": true, "DurationSeconds": 60 });
    assert_eq!(world.refused("CreateListener", listener(sticky(timed))), "ValidationError");
    let made = world.call("CreateListener", listener(all(5, 999)));
    let arn = text(&made["Listeners"][0]["ListenerArn"]);
    let shift = json!({ "ListenerArn": arn, "DefaultActions": [forward(&[(&tcp[0], 75), (&tcp[1], 25)])] });
    world.call("ModifyListener", shift);
    let served = config(&world.state);
    let [rule] = served.listeners[0].rules.as_slice() else { panic!() };
    let weights = vec![(tcp[0].clone(), 75), (tcp[1].clone(), 25)];
    assert_eq!(rule.action, Action::Forward { groups: weights, stickiness: None });
    let sticky = json!({ "ListenerArn": arn, "DefaultActions": [sticky(json!({ "Enabled": true }))] });
    world.call("ModifyListener", sticky);
}

#[test]
fn a_target_group_that_is_named_is_in_use() {
    let mut world = World::new();
    let balancer = world.balancer("edge");
    let (listener, blue, green) = (world.listener(&balancer), world.group("blue"), world.group("green"));
    let rule = world.rule(&listener, 1, &[(&blue, 100), (&green, 0)]);
    let delete = json!({ "TargetGroupArn": green });
    let refusal = world.try_call("DeleteTargetGroup", delete.clone()).unwrap_err();
    let message = format!("Target group '{green}' is currently in use by a listener or a rule");
    assert_eq!((refusal.code.as_str(), refusal.message), ("ResourceInUse", message));
    let told = world.call("DescribeTargetGroups", json!({ "LoadBalancerArn": balancer }));
    assert_eq!(told["TargetGroups"].as_array().unwrap().len(), 2);
    assert_eq!(told["TargetGroups"][0]["LoadBalancerArns"], json!([balancer]));
    world.call("ModifyRule", json!({ "RuleArn": rule, "Actions": [forward(&[(&blue, 1)])] }));
    world.call("DeleteTargetGroup", delete);
}

#[test]
fn health_goes_from_unused_to_drained() {
    let mut world = World::new();
    let balancer = world.balancer("edge");
    let (listener, blue) = (world.listener(&balancer), world.group("blue"));
    let one = json!({ "TargetGroupArn": blue, "Targets": [{ "Id": "i-1" }] });
    assert_eq!(world.refused("RegisterTargets", one.clone()), "InvalidTarget");
    world.instance("i-1");
    world.call("RegisterTargets", one.clone());
    assert_eq!(world.health(&blue), ("unused".to_owned(), json!("Target.NotInUse")));
    let rule = world.rule(&listener, 1, &[(&blue, 0)]);
    assert_eq!(world.health(&blue), ("initial".to_owned(), json!("Elb.InitialHealthChecking")));
    let target = config(&world.state).groups[&blue].targets[0].clone();
    assert_eq!(target.address, "127.31.0.10:8080".parse().unwrap());
    assert_eq!(target.labels.as_ref(), ["i-1", "blue", "ami-1"]);
    world.sees(&blue, "i-1", HealthState::Healthy);
    assert_eq!(world.health(&blue), ("healthy".to_owned(), Value::Null));
    assert_eq!(targets::health(&world.state, &blue, "i-1").unwrap().state, HealthState::Healthy);

    // Let go and named again, it is checked anew.
    world.call("ModifyRule", json!({ "RuleArn": rule, "Actions": [not_found()] }));
    world.pass(Duration::ZERO);
    assert_eq!(world.health(&blue).0, "unused");
    world.call("ModifyRule", json!({ "RuleArn": rule, "Actions": [forward(&[(&blue, 1)])] }));
    world.pass(Duration::ZERO);
    assert_eq!(world.health(&blue).0, "initial");

    world.call("DeregisterTargets", one.clone());
    assert_eq!(world.health(&blue), ("draining".to_owned(), json!("Target.DeregistrationInProgress")));
    assert!(config(&world.state).groups[&blue].targets[0].draining);
    world.pass(Duration::from_secs(299));
    world.call("RegisterTargets", one.clone());
    assert_eq!(world.health(&blue).0, "initial");
    world.call("DeregisterTargets", one.clone());
    world.pass(Duration::from_secs(299));
    assert_eq!(world.health(&blue).0, "draining");
    world.pass(Duration::from_secs(1));
    let gone = world.call("DescribeTargetHealth", one);
    assert_eq!(gone["TargetHealthDescriptions"][0]["TargetHealth"]["Reason"], "Target.NotRegistered");
}

#[test]
fn targets_follow_their_instances() {
    let mut world = World::new();
    let balancer = world.balancer("edge");
    let (listener, blue) = (world.listener(&balancer), world.group("blue"));
    world.rule(&listener, 1, &[(&blue, 1)]);
    world.instance("i-1");
    targets::register(&mut world.state, &blue, "i-1", None, world.now).unwrap();
    world.sees(&blue, "i-1", HealthState::Healthy);
    for (state, told) in [
        (InstanceState::Stopped, ("unused".to_owned(), json!("Target.InvalidState"))),
        (InstanceState::Running, ("initial".to_owned(), json!("Elb.InitialHealthChecking"))),
    ] {
        world.state.ec2.instances.get_mut("i-1").unwrap().state = state;
        world.pass(Duration::ZERO);
        assert_eq!(world.health(&blue), told);
        assert_eq!(config(&world.state).groups[&blue].targets[0].down, state == InstanceState::Stopped);
    }
    let key = TargetKey { id: "i-1".to_owned(), port: 8080 };
    let drained = Report::Drained { group: blue.clone(), target: key };
    reported(&mut world.state, &drained, world.now);
    assert!(targets::health(&world.state, &blue, "i-1").is_some(), "only what drains can be drained");
    targets::deregister(&mut world.state, &blue, "i-1", None, world.now).unwrap();
    reported(&mut world.state, &drained, world.now);
    assert_eq!(targets::health(&world.state, &blue, "i-1"), None);
    targets::register(&mut world.state, &blue, "i-1", None, world.now).unwrap();
    world.state.ec2.instances.get_mut("i-1").unwrap().state = InstanceState::Terminated;
    world.pass(Duration::ZERO);
    assert_eq!(targets::health(&world.state, &blue, "i-1"), None);
}

#[test]
fn a_socket_that_is_refused_is_seen_until_the_port_changes() {
    let mut world = World::new();
    let balancer = world.balancer("edge");
    let listener = world.listener(&balancer);
    let state = |world: &mut World| {
        let told = world.call("DescribeLoadBalancers", json!({ "LoadBalancerArns": [balancer] }));
        told["LoadBalancers"][0]["State"].clone()
    };
    let refused = Report::Refused { listener: listener.clone(), why: "in use".to_owned() };
    reported(&mut world.state, &refused, world.now);
    assert_eq!(state(&mut world), json!({ "Code": "active_impaired", "Reason": "in use" }));
    world.call("ModifyListener", json!({ "ListenerArn": listener, "Port": 8080 }));
    assert_eq!(state(&mut world)["Code"], "active");
    assert_eq!(config(&world.state).listeners[0].address, "127.31.255.1:8080".parse().unwrap());
}

#[test]
fn where_addresses_are_shared_everything_has_a_port() {
    let mut world = World::new();
    world.state.network = Network::Ports { first: 20_000 };
    let (one, two) = (world.balancer("one"), world.balancer("two"));
    world.listener(&one);
    world.listener(&two);
    let tls = json!([{ "CertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/1" }]);
    world.call("CreateListener", json!({
        "LoadBalancerArn": one, "Port": 443, "Protocol": "HTTPS", "DefaultActions": [not_found()], "Certificates": tls,
    }));
    let mut ports: Vec<u16> = config(&world.state).listeners.iter().map(|one| one.address.port()).collect();
    ports.sort_unstable();
    assert_eq!(ports, [20_001, 20_002, 20_003]);
}

#[test]
fn attributes_are_checked_against_each_other() {
    let mut world = World::new();
    let group = world.group("blue");
    let mut set = |pairs: &[(&str, &str)]| {
        let pairs: Vec<Value> =
            pairs.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
        let params = json!({ "TargetGroupArn": group, "Attributes": pairs });
        world.try_call("ModifyTargetGroupAttributes", params).err().map(|refusal| refusal.code)
    };
    assert_eq!(set(&[("deregistration_delay.timeout_seconds", "3601")]).as_deref(), Some("ValidationError"));
    assert_eq!(set(&[("slow_start.duration_seconds", "29")]).as_deref(), Some("ValidationError"));
    assert_eq!(set(&[("no.such", "1")]).as_deref(), Some("ValidationError"));
    let invalid = Some("InvalidConfigurationRequest");
    assert_eq!(set(&[("proxy_protocol_v2.enabled", "true")]).as_deref(), invalid);
    let algorithm = ("load_balancing.algorithm.type", "least_outstanding_requests");
    assert_eq!(set(&[("slow_start.duration_seconds", "30"), algorithm]).as_deref(), invalid);
    assert_eq!(set(&[("stickiness.enabled", "true"), ("stickiness.type", "app_cookie")]).as_deref(), invalid);
    assert_eq!(set(&[("slow_start.duration_seconds", "30")]), None);
}

#[test]
fn users_are_authenticated_on_https_before_anything_else_and_nobody_is_known() {
    let mut world = World::new();
    let balancer = world.balancer("edge");
    let plain = world.listener(&balancer);
    let certificate = "arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-0000-0000-000000000001";
    let answers = |order: u32| json!({ "Type": "fixed-response", "Order": order, "FixedResponseConfig": { "StatusCode": "200" } });
    let secure = world.call(
        "CreateListener",
        json!({
            "LoadBalancerArn": balancer, "Port": 443, "Protocol": "HTTPS",
            "Certificates": [{ "CertificateArn": certificate }], "DefaultActions": [answers(1)],
        }),
    );
    let secure = text(&secure["Listeners"][0]["ListenerArn"]);
    let oidc = |secret: Option<&str>, on: &str| {
        json!({
            "Type": "authenticate-oidc", "Order": 1,
            "AuthenticateOidcConfig": {
                "Issuer": "https://id", "AuthorizationEndpoint": "https://id/a", "TokenEndpoint": "https://id/t",
                "UserInfoEndpoint": "https://id/u", "ClientId": "shop", "ClientSecret": secret,
                "UseExistingClientSecret": secret.is_none(), "OnUnauthenticatedRequest": on,
            },
        })
    };
    let rule = |listener: &str, actions: Value| {
        let conditions = json!([{ "Field": "path-pattern", "Values": ["/*"] }]);
        json!({ "ListenerArn": listener, "Priority": 1, "Conditions": conditions, "Actions": actions })
    };
    let login = oidc(Some("s3cret"), "authenticate");
    for (listener, actions, code) in [
        (&plain, json!([login, answers(2)]), "InvalidLoadBalancerAction"),
        (&secure, json!([login, answers(1)]), "InvalidLoadBalancerAction"),
        (&secure, json!([login]), "ValidationError"),
        (&secure, json!([oidc(None, "authenticate"), answers(2)]), "ValidationError"),
    ] {
        assert_eq!(world.refused("CreateRule", rule(listener, actions.clone())), code, "{actions}");
    }
    let made = world.call("CreateRule", rule(&secure, json!([answers(2), login])));
    let made = &made["Rules"][0];
    assert_eq!(
        (&made["Actions"][0]["Type"], &made["Actions"][1]["Type"]),
        (&json!("authenticate-oidc"), &json!("fixed-response"))
    );
    let shown = &made["Actions"][0]["AuthenticateOidcConfig"];
    assert_eq!((&shown["SessionTimeout"], &shown["ClientSecret"]), (&json!(604_800), &Value::Null));
    let arn = text(&made["RuleArn"]);
    let answered = |world: &World| {
        let rules = config(&world.state).listeners.into_iter().flat_map(|listener| listener.rules);
        rules.filter(|one| one.arn == arn).map(|one| one.unauthenticated).collect::<Vec<_>>()
    };
    assert_eq!(answered(&world), [Some(561)]);
    // The rule's existing secret stays.
    for (on, status) in [("deny", Some(401)), ("allow", None)] {
        world.call("ModifyRule", json!({ "RuleArn": arn, "Actions": [oidc(None, on), answers(2)] }));
        assert_eq!(answered(&world), [status], "{on}");
    }
}
