use serde_json::{Value, json};

use super::*;
use crate::api::{Refusal, direct};
use crate::ec2::SERVICE;
use crate::pace::Pace;
use crate::state::Network;

fn region() -> State {
    State::new("us-east-1", Network::Addresses { octet: 31 }, Pace::default(), Timestamp::UNIX_EPOCH)
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap()
}

/// One call, whose changes are kept only if it succeeds.
fn call(state: &mut State, action: &str, params: Value, millis: i64) -> Result<Value, Refusal> {
    let mut next = state.clone();
    let answer = direct::call(&[&SERVICE], &mut next, at(millis), action, params)?;
    *state = next;
    Ok(answer)
}

fn code(result: Result<Value, Refusal>) -> String {
    result.unwrap_err().code
}

fn run(state: &mut State, more: Value, millis: i64) -> String {
    let mut params =
        json!({ "ImageId": "ami-12c6146b", "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1 });
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = call(state, "RunInstances", params, millis).unwrap();
    answer["instancesSet"][0]["instanceId"].as_str().unwrap().to_owned()
}

fn booted(state: &mut State, id: &str, boots: u64, millis: i64) {
    reported(state, &Report::Booted { machine: id.to_owned(), boots }, at(millis));
    tick(state, at(millis));
}

fn name(state: &State, id: &str) -> String {
    json!(state.ec2.instances[id].state).as_str().unwrap().to_owned()
}

fn machine(state: &State, id: &str) -> Option<Machine> {
    wanted(state).machines.into_iter().find(|one| one.id == id)
}

#[test]
fn an_instance_runs_when_its_time_has_passed_and_compute_has_booted_it() {
    let mut state = region();
    let id = run(&mut state, json!({}), 0);
    assert_eq!(tick(&mut state, at(100)), Some(at(500)));
    assert_eq!((tick(&mut state, at(600)), name(&state, &id)), (None, "pending".to_owned()));
    booted(&mut state, &id, 1, 700);
    assert_eq!(name(&state, &id), "running");
    // A report that comes first does not make it run early.
    let id = run(&mut state, json!({}), 1000);
    booted(&mut state, &id, 1, 1100);
    assert_eq!(name(&state, &id), "pending");
    tick(&mut state, at(1500));
    assert_eq!(name(&state, &id), "running");
    // Nothing is due: the state stays unchanged.
    let before = state.clone();
    assert!(tick(&mut state, at(9000)).is_none() && state == before);
}

#[test]
fn stopped_started_terminated_forgotten() {
    let mut state = region();
    let id = run(&mut state, json!({}), 0);
    let ids = || json!({ "InstanceId": [id] });
    assert_eq!(code(call(&mut state, "StopInstances", ids(), 10)), "IncorrectInstanceState");
    booted(&mut state, &id, 1, 600);
    call(&mut state, "StopInstances", ids(), 700).unwrap();
    assert_eq!((name(&state, &id), machine(&state, &id).unwrap().runs), ("stopping".to_owned(), false));
    assert_eq!(code(call(&mut state, "StartInstances", ids(), 710)), "IncorrectInstanceState");
    assert_eq!(code(call(&mut state, "RebootInstances", ids(), 710)), "IncorrectInstanceState");
    tick(&mut state, at(1200));
    call(&mut state, "StartInstances", ids(), 1300).unwrap();
    tick(&mut state, at(2000));
    assert_eq!((name(&state, &id), machine(&state, &id).unwrap().boots), ("pending".to_owned(), 2));
    booted(&mut state, &id, 2, 2100);
    let volume = state.ec2.instances[&id].devices[0].volume.clone();
    let answer = call(&mut state, "TerminateInstances", ids(), 3000).unwrap();
    assert_eq!(answer["instancesSet"][0]["currentState"]["name"], "shutting-down");
    tick(&mut state, at(3500));
    assert!(machine(&state, &id).is_none() && !state.ec2.volumes.contains_key(&volume));
    let again = call(&mut state, "TerminateInstances", ids(), 3600).unwrap();
    assert_eq!(again["instancesSet"][0]["previousState"]["name"], "terminated");
    tick(&mut state, at(3500 + 3_600_000));
    assert_eq!(code(call(&mut state, "DescribeInstances", ids(), 9)), "InvalidInstanceID.NotFound");
}

#[test]
fn one_that_does_not_come_up_is_terminated_with_the_reason() {
    let mut state = region();
    let id = run(&mut state, json!({}), 0);
    reported(&mut state, &Report::Failed { machine: id.clone(), why: "no boot script".to_owned() }, at(5));
    assert_eq!((name(&state, &id), state.ec2.volumes.len()), ("terminated".to_owned(), 0));
    assert!(state.ec2.instances[&id].state_reason.as_ref().unwrap().1.ends_with("no boot script"));
}

#[test]
fn protected_instances_and_kept_volumes() {
    let mut state = region();
    let more = json!({
        "DisableApiTermination": true, "DisableApiStop": true,
        "BlockDeviceMapping": [{ "DeviceName": "/dev/xvda", "Ebs": { "VolumeSize": 20, "DeleteOnTermination": false } }],
    });
    let id = run(&mut state, more, 0);
    booted(&mut state, &id, 1, 600);
    let ids = || json!({ "InstanceId": [id] });
    assert_eq!(code(call(&mut state, "TerminateInstances", ids(), 700)), "OperationNotPermitted");
    assert_eq!(code(call(&mut state, "StopInstances", ids(), 700)), "OperationNotPermitted");
    let both =
        json!({ "InstanceId": id, "DisableApiStop": { "Value": false }, "EbsOptimized": { "Value": true } });
    assert_eq!(code(call(&mut state, "ModifyInstanceAttribute", both, 800)), "InvalidParameterCombination");
    let kind = json!({ "InstanceId": id, "InstanceType": { "Value": "t3.small" } });
    assert_eq!(code(call(&mut state, "ModifyInstanceAttribute", kind, 800)), "IncorrectInstanceState");
    let open = json!({ "InstanceId": id, "Attribute": "disableApiTermination", "Value": "false" });
    call(&mut state, "ModifyInstanceAttribute", open, 900).unwrap();
    call(&mut state, "TerminateInstances", ids(), 1000).unwrap();
    tick(&mut state, at(1500));
    let volumes = call(&mut state, "DescribeVolumes", json!({}), 1600).unwrap();
    assert_eq!(
        (&volumes["volumeSet"][0]["status"], &volumes["volumeSet"][0]["size"]),
        (&json!("available"), &json!(20))
    );
}

#[test]
fn an_image_of_a_running_instance() {
    let mut state = region();
    let id = run(&mut state, json!({}), 0);
    let make = |name: &str| json!({ "InstanceId": id, "Name": name });
    assert_eq!(code(call(&mut state, "CreateImage", make("web"), 0)), "IncorrectInstanceState");
    booted(&mut state, &id, 1, 1000);
    assert_eq!(code(call(&mut state, "CreateImage", make("a*"), 1000)), "InvalidAMIName.Malformed");
    let image =
        call(&mut state, "CreateImage", make("web"), 1000).unwrap()["imageId"].as_str().unwrap().to_owned();
    assert_eq!(code(call(&mut state, "CreateImage", make("web"), 1000)), "InvalidAMIName.Duplicate");
    let launch = json!({ "ImageId": image, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1 });
    assert_eq!(code(call(&mut state, "RunInstances", launch, 1100)), "InvalidAMIID.Unavailable");
    assert_eq!(machine(&state, &id).unwrap().boots, 1);
    tick(&mut state, at(1800));
    assert_eq!(state.ec2.images[&image].state, ImageState::Pending);
    reported(&mut state, &Report::ImageMade { image: image.clone() }, at(1900));
    tick(&mut state, at(1900));
    assert_eq!(state.ec2.images[&image].state, ImageState::Available);
    assert_eq!(machine(&state, &id).unwrap().boots, 2);
    let snapshot = state.ec2.images[&image].devices[0].snapshot.clone();
    assert_eq!(state.ec2.snapshots[&snapshot].state, SnapshotState::Completed);
    let delete = || json!({ "SnapshotId": snapshot });
    assert_eq!(code(call(&mut state, "DeleteSnapshot", delete(), 2000)), "InvalidSnapshot.InUse");
    let of_it = run(&mut state, json!({ "ImageId": image }), 2000);
    call(&mut state, "DeregisterImage", json!({ "ImageId": image }), 2100).unwrap();
    call(&mut state, "DeleteSnapshot", delete(), 2100).unwrap();
    assert_eq!(
        code(call(&mut state, "DeregisterImage", json!({ "ImageId": image }), 2200)),
        "InvalidAMIID.Unavailable"
    );
    assert_eq!(
        code(call(&mut state, "DescribeImages", json!({ "ImageId": [image] }), 2200)),
        "InvalidAMIID.NotFound"
    );
    // An instance launched from it may not have copied the folder yet.
    tick(&mut state, at(2200));
    assert!(wanted(&state).images.iter().any(|one| one.id == image));
    reported(&mut state, &Report::Failed { machine: of_it, why: String::new() }, at(2300));
    tick(&mut state, at(2300));
    assert!(!wanted(&state).images.iter().any(|one| one.id == image));
}

#[test]
fn a_terminated_source_stays_until_its_image_is_made() {
    let mut state = region();
    let id = run(&mut state, json!({}), 0);
    booted(&mut state, &id, 1, 600);
    let make = json!({ "InstanceId": id, "Name": "web", "NoReboot": true });
    let image = call(&mut state, "CreateImage", make, 700).unwrap()["imageId"].as_str().unwrap().to_owned();
    call(&mut state, "TerminateInstances", json!({ "InstanceId": [id] }), 700).unwrap();
    tick(&mut state, at(1200));
    assert!(!machine(&state, &id).unwrap().runs);
    reported(&mut state, &Report::ImageMade { image }, at(1300));
    assert!(machine(&state, &id).is_none());
}

#[test]
fn filters_pages_and_profiles() {
    let mut state = region();
    let tag = |value: &str| json!({ "TagSpecification": [{ "ResourceType": "instance", "Tag": [{ "Key": "app", "Value": value }] }], "MinCount": 3, "MaxCount": 3 });
    let id = run(&mut state, tag("web"), 0);
    run(&mut state, tag("db"), 0);
    let web = json!({ "Filter": [{ "Name": "tag:app", "Value": ["w*"] }, { "Name": "instance-state-name", "Value": ["pending"] }] });
    let answer = call(&mut state, "DescribeInstances", web, 0).unwrap();
    assert_eq!(answer["reservationSet"][0]["instancesSet"].as_array().map(Vec::len), Some(3));
    let first = call(&mut state, "DescribeInstances", json!({ "MaxResults": 5 }), 0).unwrap();
    let token = &first["nextToken"];
    let second =
        call(&mut state, "DescribeInstances", json!({ "MaxResults": 5, "NextToken": token }), 0).unwrap();
    assert_eq!(second["reservationSet"][0]["instancesSet"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        code(call(&mut state, "DescribeInstances", json!({ "InstanceId": ["web"] }), 0)),
        "InvalidInstanceID.Malformed"
    );
    let profile = json!({ "InstanceId": id, "IamInstanceProfile": { "Name": "web" } });
    call(&mut state, "AssociateIamInstanceProfile", profile.clone(), 0).unwrap();
    assert_eq!(code(call(&mut state, "AssociateIamInstanceProfile", profile, 0)), "IncorrectState");
    // A region survives being written down.
    let text = serde_json::to_string(&state).unwrap();
    assert_eq!(serde_json::from_str::<State>(&text).unwrap(), state);
}
