//! Commands and parameters, driven by timestamps.

use std::net::Ipv4Addr;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::api::{Refusal, direct};
use super::super::compute::Report;
use super::super::ec2::{Instance, InstanceState};
use super::super::pace::Pace;
use super::super::state::{Network, State};
use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
}

fn region() -> State {
    State::new("us-east-1", Network::Addresses { octet: 31 }, Pace::default(), at(0))
}

fn launch(state: &mut State, id: &str, since: i64) {
    let instance = Instance {
        id: id.to_owned(),
        zone: "us-east-1a".to_owned(),
        private_address: Ipv4Addr::LOCALHOST,
        state: InstanceState::Running,
        since: at(since),
        launched_at: at(since),
        ..Instance::example()
    };
    state.ec2.instances.insert(id.to_owned(), instance);
}

fn call(state: &mut State, now: i64, action: &str, params: Value) -> Result<Value, Refusal> {
    direct::call(&[&SERVICE], state, at(now), action, params)
}

fn code(answer: Result<Value, Refusal>) -> String {
    answer.unwrap_err().code
}

fn send(state: &mut State, now: i64, more: Value) -> String {
    let mut params =
        json!({ "DocumentName": "AWS-RunShellScript", "Parameters": { "commands": ["a", "b"] } });
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = call(state, now, "SendCommand", params).unwrap();
    answer["Command"]["CommandId"].as_str().unwrap().to_owned()
}

fn end(state: &mut State, id: &str, instance: &str, exit: Option<i32>, now: i64) {
    let report = Report::CommandEnded {
        command: format!("{id}.{instance}"),
        exit,
        stdout: "x".repeat(30_000),
        stderr: String::new(),
    };
    reported(state, &report, at(now));
}

fn status(state: &mut State, id: &str, instance: &str) -> (String, String, i64) {
    let answer =
        call(state, 99, "GetCommandInvocation", json!({ "CommandId": id, "InstanceId": instance })).unwrap();
    let text = |name: &str| answer[name].as_str().unwrap().to_owned();
    (text("Status"), text("StatusDetails"), answer["ResponseCode"].as_i64().unwrap())
}

#[test]
fn a_command_goes_to_an_instance_whose_agent_is_there_and_ends_as_its_script() {
    let mut state = region();
    launch(&mut state, "i-00000001", 10);
    let params = json!({ "DocumentName": "AWS-RunShellScript", "InstanceIds": ["i-00000001"],
        "Parameters": { "commands": ["a"] } });
    let refusal = call(&mut state, 10, "SendCommand", params.clone()).unwrap_err();
    assert_eq!(refusal.code, "InvalidInstanceId");
    assert_eq!(refusal.message, "Instances [[i-00000001]] not in a valid state for account 123456789012");
    let id = send(
        &mut state,
        11,
        json!({ "InstanceIds": ["i-00000001"], "Parameters": {
            "commands": ["a", "b"], "executionTimeout": ["9"], "workingDirectory": ["/opt/../../it's"] } }),
    );
    assert_eq!(status(&mut state, &id, "i-00000001"), ("Pending".into(), "Pending".into(), -1));
    tick(&mut state, at(11));
    let run = &wanted(&state)[0];
    assert_eq!((run.script.as_str(), run.timeout.as_secs()), ("cd './it'\\''s' || exit 1\na\nb", 9));
    end(&mut state, &id, "i-00000001", Some(3), 12);
    assert_eq!(status(&mut state, &id, "i-00000001"), ("Failed".into(), "Failed".into(), 3));
    assert!(wanted(&state).is_empty());
    let answer =
        call(&mut state, 13, "GetCommandInvocation", json!({ "CommandId": id, "InstanceId": "i-00000001" }))
            .unwrap();
    let output = answer["StandardOutputContent"].as_str().unwrap();
    assert_eq!(output.chars().count(), 24_000);
    assert_eq!(answer["StandardErrorContent"], "failed to run commands: exit status 3");
    assert_eq!(answer["ExecutionElapsedTime"], "PT1S");
    let unknown = json!({ "CommandId": id, "InstanceId": "i-00000002" });
    assert_eq!(code(call(&mut state, 13, "GetCommandInvocation", unknown)), "InvocationDoesNotExist");
    let bad = json!({ "DocumentName": "AWS-RunShellScript", "InstanceIds": ["i-00000001"], "Parameters": { "x": ["a"] } });
    assert_eq!(code(call(&mut state, 13, "SendCommand", bad)), "InvalidParameters");
}

#[test]
fn a_cancelled_command_ends_when_its_processes_have() {
    let mut state = region();
    launch(&mut state, "i-00000001", 0);
    let id = send(&mut state, 1, json!({ "InstanceIds": ["i-00000001"] }));
    tick(&mut state, at(1));
    call(&mut state, 2, "CancelCommand", json!({ "CommandId": id })).unwrap();
    assert_eq!(status(&mut state, &id, "i-00000001").0, "Cancelling");
    assert!(wanted(&state).is_empty());
    end(&mut state, &id, "i-00000001", Some(137), 3);
    assert_eq!(status(&mut state, &id, "i-00000001"), ("Cancelled".into(), "Cancelled".into(), 137));
    assert_eq!(
        code(call(
            &mut state,
            3,
            "CancelCommand",
            json!({ "CommandId": "00000000-0000-4000-8000-000000000000" })
        )),
        "InvalidCommandId"
    );
}

#[test]
fn limits_of_concurrency_errors_and_time_hold() {
    let mut state = region();
    for id in ["i-00000001", "i-00000002", "i-00000003"] {
        launch(&mut state, id, 0);
        state.ec2.tags.entry(id.to_owned()).or_default().insert("app".to_owned(), "web".to_owned());
    }
    let id = send(
        &mut state,
        1,
        json!({ "Targets": [{ "Key": "tag:app", "Values": ["web"] }], "MaxConcurrency": "1", "MaxErrors": "0" }),
    );
    tick(&mut state, at(1));
    assert_eq!(wanted(&state).len(), 1);
    end(&mut state, &id, "i-00000001", Some(0), 2);
    tick(&mut state, at(2));
    end(&mut state, &id, "i-00000002", None, 3);
    tick(&mut state, at(3));
    assert_eq!(status(&mut state, &id, "i-00000002"), ("TimedOut".into(), "ExecutionTimedOut".into(), 137));
    assert_eq!(status(&mut state, &id, "i-00000003").1, "Terminated");
    let late = send(&mut state, 4, json!({ "InstanceIds": ["i-00000001"], "TimeoutSeconds": 30 }));
    state.ec2.instances["i-00000001"].state = InstanceState::Stopped;
    assert_eq!(tick(&mut state, at(5)), Some(at(34)));
    tick(&mut state, at(34));
    assert_eq!(status(&mut state, &late, "i-00000001").1, "DeliveryTimedOut");
    let listed = call(
        &mut state,
        40,
        "ListCommands",
        json!({ "Filters": [{ "key": "Status", "value": "TimedOut" }] }),
    );
    assert_eq!(listed.unwrap()["Commands"].as_array().unwrap().len(), 2);
    let known = call(
        &mut state,
        40,
        "DescribeInstanceInformation",
        json!({ "Filters": [
        { "Key": "PingStatus", "Values": ["ConnectionLost"] }] }),
    )
    .unwrap();
    assert_eq!(known["InstanceInformationList"][0]["InstanceId"], "i-00000001");
}

#[test]
fn parameters_have_versions_and_names_with_rules() {
    let mut state = region();
    let put = |name: &str, value: &str, overwrite: bool| json!({ "Name": name, "Value": value, "Type": "String", "Overwrite": overwrite });
    call(&mut state, 1, "PutParameter", put("/app/a", "1", false)).unwrap();
    assert_eq!(
        code(call(&mut state, 1, "PutParameter", put("/app/a", "2", false))),
        "ParameterAlreadyExists"
    );
    assert_eq!(call(&mut state, 1, "PutParameter", put("/app/a", "2", true)).unwrap()["Version"], 2);
    call(&mut state, 1, "PutParameter", put("/app/deep/b", "3", false)).unwrap();
    for (name, refused) in
        [("/aws/x", "AccessDeniedException"), ("a/b", "ValidationException"), ("a b", "ValidationException")]
    {
        assert_eq!(code(call(&mut state, 1, "PutParameter", put(name, "1", false))), refused);
    }
    let get = |state: &mut State, name: &str| call(state, 1, "GetParameter", json!({ "Name": name }));
    assert_eq!(get(&mut state, "/app/a").unwrap()["Parameter"]["Value"], "2");
    assert_eq!(get(&mut state, "/app/a:1").unwrap()["Parameter"]["Value"], "1");
    assert_eq!(code(get(&mut state, "/app/a:3")), "ParameterVersionNotFound");
    let below = |state: &mut State, recursive: bool| {
        let found = call(state, 1, "GetParametersByPath", json!({ "Path": "/app", "Recursive": recursive }));
        found.unwrap()["Parameters"].as_array().unwrap().len()
    };
    assert_eq!((below(&mut state, false), below(&mut state, true)), (1, 2));
    call(&mut state, 1, "DeleteParameter", json!({ "Name": "/app/a" })).unwrap();
    assert_eq!(code(get(&mut state, "/app/a")), "ParameterNotFound");
}
