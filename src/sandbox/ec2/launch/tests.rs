use super::*;
use crate::pace::Pace;
use crate::state::Network;

fn region(network: Network) -> State {
    State::new("us-east-1", network, Pace::default(), Timestamp::UNIX_EPOCH)
}

fn one() -> Launch {
    Launch { image: "ami-12c6146b".to_owned(), instance_type: "t3.micro".to_owned(), ..Launch::default() }
}

#[test]
fn addresses_are_never_given_twice_nor_at_once_again() {
    let now = Timestamp::UNIX_EPOCH;
    let mut state = region(Network::Addresses { octet: 31 });
    let mut place = placement::default_subnet(&state, None).unwrap();
    place.prefix = 28;
    let mut taken = std::collections::BTreeSet::new();
    for _ in 0..11 {
        let address = address::take(&mut state, &place, None).unwrap();
        let id = launch(&mut state, &one(), now).unwrap();
        state.ec2.instances[&id].private_address = address;
        assert!(taken.insert(address.octets()[3]));
    }
    assert_eq!(taken, (4..=14).collect());
    let full = address::take(&mut state, &place, None).unwrap_err();
    assert_eq!(full.code, "InsufficientFreeAddressesInSubnet");
    let asked = Some(state.ec2.instances[0].private_address);
    assert_eq!(address::take(&mut state, &place, asked).unwrap_err().code, "InvalidIPAddress.InUse");
    assert!(address::take(&mut state, &place, Some(place.base)).is_err());
    // The only free address is the one that was released.
    let back = state.ec2.instances[5].private_address;
    state.ec2.instances[5].state = InstanceState::Terminated;
    assert_eq!(address::take(&mut state, &place, None).unwrap(), back);
}

#[test]
fn without_addresses_every_instance_has_a_port() {
    let mut state = region(Network::Ports { first: 20_000 });
    let ids = [0, 1].map(|_| launch(&mut state, &one(), Timestamp::UNIX_EPOCH).unwrap());
    assert_eq!(ids.map(|id| state.ec2.instances[&id].own_port), [Some(20_201), Some(20_202)]);
}

#[test]
fn a_type_must_be_one_and_fit_the_image() {
    for good in
        ["t3.micro", "m5d.24xlarge", "c7i.metal-24xl", "u-6tb1.112xlarge", "g4dn.xlarge", "p5en.48xlarge"]
    {
        assert!(check_type(good, "x86_64").is_ok(), "{good}");
    }
    for bad in ["", "t3", "micro", "t3.tiny", "T3.micro", "t4g.micro", "m7gd.large", "a1.large"] {
        assert!(check_type(bad, "x86_64").is_err(), "{bad}");
    }
    assert!(check_type("t4g.micro", "arm64").is_ok());
}

#[test]
fn refusals_of_a_launch() {
    let mut state = region(Network::Ports { first: 20_000 });
    let mut code = |change: Launch| launch(&mut state, &change, Timestamp::UNIX_EPOCH).unwrap_err().code;
    assert_eq!(code(Launch { image: "ami-1".to_owned(), ..one() }), "InvalidAMIID.Malformed");
    assert_eq!(code(Launch { image: "ami-00000000".to_owned(), ..one() }), "InvalidAMIID.NotFound");
    assert_eq!(code(Launch { subnet: Some("subnet-9".to_owned()), ..one() }), "InvalidSubnetID.NotFound");
    assert_eq!(code(Launch { security_groups: vec!["sg-9".to_owned()], ..one() }), "InvalidGroup.NotFound");
    assert_eq!(code(Launch { profile: Some("a b".to_owned()), ..one() }), "InvalidParameterValue");
}
