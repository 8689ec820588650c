use std::net::Ipv4Addr;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::super::api::{Refusal, direct};
use super::super::super::pace::Pace;
use super::super::super::state::{Network, State};
use super::super::{Instance, InstanceState, SERVICE, network};

fn state() -> State {
    State::new("us-east-1", Network::Addresses { octet: 31 }, Pace::default(), Timestamp::UNIX_EPOCH)
}

fn ask(state: &mut State, action: &str, params: Value) -> Result<Value, Refusal> {
    direct::call(&[&SERVICE], state, Timestamp::UNIX_EPOCH, action, params)
}

fn code(answer: Result<Value, Refusal>) -> String {
    answer.map_or_else(|refusal| refusal.code, |answer| format!("no refusal but {answer}"))
}

fn group(state: &mut State, name: &str) -> String {
    let made =
        ask(state, "CreateSecurityGroup", json!({ "GroupName": name, "GroupDescription": "d" })).unwrap();
    made["groupId"].as_str().unwrap().to_owned()
}

/// Tcp 80 from a source, such as `{"IpRanges": [...]}`.
fn rule(group: &str, mut sources: Value) -> Value {
    sources["IpProtocol"] = json!("6");
    sources["FromPort"] = json!("80");
    sources["ToPort"] = json!("80");
    json!({ "GroupId": group, "IpPermissions": [sources] })
}

#[test]
fn a_rule_is_the_same_whatever_form_its_protocol_and_network_have() {
    let mut state = state();
    let id = group(&mut state, "web");
    let first = rule(&id, json!({ "IpRanges": [{ "CidrIp": "10.1.2.3/8", "Description": "a" }] }));
    let made = ask(&mut state, "AuthorizeSecurityGroupIngress", first).unwrap();
    assert_eq!(made["securityGroupRuleSet"][0]["ipProtocol"], "tcp");
    assert_eq!(made["securityGroupRuleSet"][0]["cidrIpv4"], "10.0.0.0/8");
    let again = rule(&id, json!({ "IpRanges": [{ "CidrIp": "10.0.0.0/8" }] }));
    assert_eq!(
        code(ask(&mut state, "AuthorizeSecurityGroupIngress", again.clone())),
        "InvalidPermission.Duplicate"
    );
    // The same rule in egress is a different one.
    ask(&mut state, "AuthorizeSecurityGroupEgress", again.clone()).unwrap();
    let revoked = ask(&mut state, "RevokeSecurityGroupIngress", again).unwrap();
    assert_eq!(revoked["revokedSecurityGroupRuleSet"][0]["isEgress"], false);
    assert_eq!(state.ec2.security_groups[&id].rules.len(), 2);
}

#[test]
fn outside_a_default_vpc_a_rule_that_is_not_there_cannot_be_revoked() {
    let mut state = state();
    let id = group(&mut state, "web");
    let absent = rule(&id, json!({ "IpRanges": [{ "CidrIp": "10.0.0.0/8" }] }));
    let answer = ask(&mut state, "RevokeSecurityGroupIngress", absent.clone()).unwrap();
    assert_eq!(answer["unknownIpPermissionSet"][0]["ipRanges"][0]["cidrIp"], "10.0.0.0/8");
    state.ec2.vpcs.values_mut().for_each(|vpc| vpc.is_default = false);
    assert_eq!(code(ask(&mut state, "RevokeSecurityGroupIngress", absent)), "InvalidPermission.NotFound");
}

#[test]
fn a_group_stays_while_a_member_or_a_rule_needs_it() {
    let mut state = state();
    let (id, other) = (group(&mut state, "web"), group(&mut state, "other"));
    let delete = json!({ "GroupId": id });
    let names = rule(&other, json!({ "Groups": [{ "GroupName": "web" }] }));
    ask(&mut state, "AuthorizeSecurityGroupIngress", names.clone()).unwrap();
    assert_eq!(code(ask(&mut state, "DeleteSecurityGroup", delete.clone())), "DependencyViolation");
    ask(&mut state, "RevokeSecurityGroupIngress", names).unwrap();

    let subnet = network::default_subnet(&state, None).unwrap().clone();
    let instance = Instance {
        id: "i-0123456789abcdef0".to_owned(),
        subnet: subnet.id,
        vpc: subnet.vpc,
        zone: subnet.zone,
        private_address: Ipv4Addr::new(127, 31, 0, 4),
        security_groups: vec![id.clone()],
        state: InstanceState::Stopped,
        since: Timestamp::UNIX_EPOCH,
        launched_at: Timestamp::UNIX_EPOCH,
        ..Instance::example()
    };
    state.ec2.instances.insert(instance.id.clone(), instance);
    assert_eq!(network::interfaces(&state)[0]["groupSet"][0]["groupName"], "web");
    assert_eq!(code(ask(&mut state, "DeleteSecurityGroup", delete.clone())), "DependencyViolation");
    state.ec2.instances[0].state = InstanceState::Terminated;
    assert!(network::interfaces(&state).is_empty());
    ask(&mut state, "DeleteSecurityGroup", delete.clone()).unwrap();
    assert_eq!(code(ask(&mut state, "DeleteSecurityGroup", delete)), "InvalidGroup.NotFound");
}
