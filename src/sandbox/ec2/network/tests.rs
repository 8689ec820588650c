use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::super::api::{Refusal, direct};
use super::super::super::pace::Pace;
use super::super::super::state::{Network, State};
use super::super::launch::{Launch, launch};
use super::super::{InstanceState, SERVICE};

fn state() -> State {
    State::new("us-east-1", Network::Addresses { octet: 31 }, Pace::default(), Timestamp::UNIX_EPOCH)
}

/// The answer of a call to any part of EC2.
fn ask(state: &mut State, action: &str, params: Value) -> Result<Value, Refusal> {
    direct::call(&[&SERVICE], state, Timestamp::UNIX_EPOCH, action, params)
}

fn code(answer: Result<Value, Refusal>) -> String {
    answer.map_or_else(|refusal| refusal.code, |answer| format!("no refusal but {answer}"))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn vpc(state: &mut State, cidr: &str) -> String {
    text(&ask(state, "CreateVpc", json!({ "CidrBlock": cidr })).unwrap()["vpc"]["vpcId"])
}

#[test]
fn a_range_of_addresses_is_checked_and_its_host_bits_are_cut_off() {
    let mut state = state();
    let refused = |state: &mut State, action, params| code(ask(state, action, params));
    for (cidr, wanted) in [
        ("10.0.0.0", "InvalidParameterValue"),
        ("10.0.0.0/8", "InvalidVpc.Range"),
        ("10.0.0.0/29", "InvalidVpc.Range"),
        ("127.40.0.0/16", "InvalidVpc.Range"),
    ] {
        assert_eq!(refused(&mut state, "CreateVpc", json!({ "CidrBlock": cidr })), wanted, "{cidr}");
    }
    let id = vpc(&mut state, "10.9.0.7/16");
    assert_eq!(state.ec2.vpcs[&id].cidr, "10.9.0.0/16");
    let of = |cidr: &str, zone: &str| json!({ "VpcId": id, "CidrBlock": cidr, "AvailabilityZone": zone });
    let made = ask(&mut state, "CreateSubnet", of("10.9.1.9/24", "us-east-1b")).unwrap();
    assert_eq!(
        (&made["subnet"]["cidrBlock"], &made["subnet"]["availableIpAddressCount"]),
        (&json!("10.9.1.0/24"), &json!(251))
    );
    for (cidr, zone, wanted) in [
        ("10.10.0.0/24", "us-east-1a", "InvalidSubnet.Range"),
        ("10.9.1.128/25", "us-east-1a", "InvalidSubnet.Conflict"),
        ("10.9.0.0/16", "us-east-1a", "InvalidSubnet.Conflict"),
        ("10.9.2.0/24", "us-west-2a", "InvalidParameterValue"),
    ] {
        assert_eq!(refused(&mut state, "CreateSubnet", of(cidr, zone)), wanted, "{cidr}");
    }
}

#[test]
fn what_is_in_a_vpc_keeps_it_and_what_came_with_it_goes_with_it() {
    let mut state = state();
    let id = vpc(&mut state, "10.9.0.0/16");
    let subnet = ask(&mut state, "CreateSubnet", json!({ "VpcId": id, "CidrBlock": "10.9.0.0/24" })).unwrap();
    let subnet = text(&subnet["subnet"]["subnetId"]);
    let one = Launch {
        image: "ami-12c6146b".to_owned(),
        instance_type: "t3.micro".to_owned(),
        subnet: Some(subnet.clone()),
        ..Launch::default()
    };
    let instance = launch(&mut state, &one, Timestamp::UNIX_EPOCH).unwrap();
    // The machine does not have such an address: it is served at a port of one that it has.
    let made = &state.ec2.instances[&instance];
    assert_eq!((made.private_address.to_string().as_str(), made.own_port), ("10.9.0.4", Some(20_000)));
    assert_eq!(state.network.host(made.private_address).to_string(), "127.31.255.253");
    let delete_subnet = json!({ "SubnetId": subnet });
    let delete_vpc = json!({ "VpcId": id });
    assert_eq!(code(ask(&mut state, "DeleteSubnet", delete_subnet.clone())), "DependencyViolation");
    state.ec2.instances[&instance].state = InstanceState::Terminated;
    assert_eq!(code(ask(&mut state, "DeleteVpc", delete_vpc.clone())), "DependencyViolation");
    ask(&mut state, "DeleteSubnet", delete_subnet).unwrap();
    let group = json!({ "GroupName": "web", "GroupDescription": "d", "VpcId": id });
    let group = text(&ask(&mut state, "CreateSecurityGroup", group).unwrap()["groupId"]);
    assert_eq!(code(ask(&mut state, "DeleteVpc", delete_vpc.clone())), "DependencyViolation");
    ask(&mut state, "DeleteSecurityGroup", json!({ "GroupId": group })).unwrap();
    ask(&mut state, "DeleteVpc", delete_vpc.clone()).unwrap();
    assert!(!state.ec2.security_groups.values().any(|group| group.vpc == id));
    assert_eq!(code(ask(&mut state, "DeleteVpc", delete_vpc)), "InvalidVpcID.NotFound");
    let default = state.ec2.vpcs.keys().next().unwrap().clone();
    assert_eq!(code(ask(&mut state, "DeleteVpc", json!({ "VpcId": default }))), "DependencyViolation");
}
