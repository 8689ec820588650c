use jiff::Timestamp;
use serde_json::{Value, json};

use super::SERVICE;
use crate::api::direct::call;
use crate::pace::Pace;
use crate::state::{Network, State};

fn region() -> State {
    State::new("us-east-1", Network::Addresses { octet: 81 }, Pace::default(), Timestamp::UNIX_EPOCH)
}

fn code(state: &mut State, action: &str, params: Value) -> String {
    call(&[&SERVICE], state, Timestamp::UNIX_EPOCH, action, params)
        .map_or_else(|refusal| refusal.code, |_| "ok".into())
}

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"ec2.amazonaws.com"}}}"#;

#[test]
fn a_role_goes_once_nothing_is_in_it_and_it_is_in_no_profile() {
    let state = &mut region();
    let role = || json!({ "RoleName": "web", "AssumeRolePolicyDocument": TRUST });
    assert_eq!(code(state, "CreateRole", role()), "ok");
    let same = json!({ "RoleName": "WEB", "AssumeRolePolicyDocument": TRUST });
    assert_eq!(code(state, "CreateRole", same), "EntityAlreadyExists");
    let of = |more: Value| {
        let mut params = json!({ "RoleName": "web" });
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        params
    };
    let managed = || of(json!({ "PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess" }));
    let inline = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "s3:*", "Resource": "*" }] });
    let inline = of(json!({ "PolicyName": "own", "PolicyDocument": inline.to_string() }));
    let profile = || of(json!({ "InstanceProfileName": "web" }));
    for (action, params) in [
        ("AttachRolePolicy", managed()),
        ("AttachRolePolicy", managed()),
        ("PutRolePolicy", inline),
        ("CreateInstanceProfile", profile()),
        ("AddRoleToInstanceProfile", profile()),
    ] {
        assert_eq!(code(state, action, params), "ok", "{action}");
    }
    assert_eq!(code(state, "AddRoleToInstanceProfile", profile()), "LimitExceeded");
    assert_eq!(code(state, "DeleteInstanceProfile", profile()), "DeleteConflict");
    for (action, params) in [
        ("DeleteRolePolicy", of(json!({ "PolicyName": "own" }))),
        ("DetachRolePolicy", managed()),
        ("RemoveRoleFromInstanceProfile", profile()),
    ] {
        assert_eq!(code(state, "DeleteRole", role()), "DeleteConflict", "before {action}");
        assert_eq!(code(state, action, params), "ok", "{action}");
    }
    assert_eq!(code(state, "DeleteRole", role()), "ok");
    assert_eq!(code(state, "DeleteRole", role()), "NoSuchEntity");
}

#[test]
fn a_policy_says_what_its_place_wants() {
    let state = &mut region();
    let role = |trust: &str| json!({ "RoleName": "web", "AssumeRolePolicyDocument": trust });
    for trust in
        ["{", "[]", "{}", &TRUST.replace("Principal", "Resource"), &TRUST.replace("Effect", "Affect")]
    {
        assert_eq!(code(state, "CreateRole", role(trust)), "MalformedPolicyDocument", "{trust}");
    }
    assert_eq!(code(state, "CreateRole", role(TRUST)), "ok");
    let put = json!({ "RoleName": "web", "PolicyName": "a", "PolicyDocument": TRUST });
    assert_eq!(code(state, "PutRolePolicy", put), "MalformedPolicyDocument");
}
