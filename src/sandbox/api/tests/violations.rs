//! Every single violation of every action's shape, sent through every protocol of its service.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use http_body_util::BodyExt;
use hyper::{HeaderMap, Method, Uri};
use serde_json::{Value, json};

use super::super::{Params, Protocol, SERVICES, Service, answer};
use crate::clock::Clock;
use crate::faults::Faults;
use crate::key::Key;
use crate::pace::Pace;
use crate::wire::shapes::tests::{Case, Form, Wrong};
use crate::{Options, Sandbox, wire};

/// `Name=x`, `Names.member.1=x` of a tree; EC2 has no `member`.
fn pairs(prefix: &str, item: &str, value: &Value, into: &mut form_urlencoded::Serializer<String>) {
    let dot = if prefix.is_empty() { "" } else { "." };
    match value {
        Value::Object(map) if map.is_empty() && !prefix.is_empty() => drop(into.append_pair(prefix, "")),
        Value::Object(map) => {
            map.iter().for_each(|(name, value)| pairs(&format!("{prefix}{dot}{name}"), item, value, into));
        }
        Value::Array(items) if !items.is_empty() => {
            let item_of = if prefix.ends_with(".entry") { "" } else { item };
            let numbered = items.iter().zip(1..);
            numbered.for_each(|(value, n)| pairs(&format!("{prefix}.{item_of}{n}"), item, value, into));
        }
        Value::Array(_) => drop(into.append_pair(prefix, "")),
        value => drop(into.append_pair(prefix, value.as_str().unwrap_or_default())),
    }
}

/// A tree as a body of XML; items of lists have a name that nobody reads.
fn xml(name: &str, value: &Value) -> String {
    let inner = match value {
        Value::Object(map) => map.iter().map(|(name, value)| xml(name, value)).collect(),
        Value::Array(items) => items.iter().map(|item| xml("item", item)).collect(),
        value => quick_xml::escape::escape(value.as_str().unwrap_or_default()).into_owned(),
    };
    format!("<{name}>{inner}</{name}>")
}

/// The method, the path with a query, and the body of a request; `None` if it cannot be said in them.
fn rest(service: &Service, action: &str, params: &Value) -> Option<(Method, String, String)> {
    let (method, pattern) = service.shapes.route(action)?;
    let (mut path, mut rest) = (pattern.to_owned(), params.as_object()?.clone());
    for label in pattern.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
        let value = rest.remove(label)?;
        let value = value.as_str().filter(|value| !value.is_empty())?;
        let value: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
        path = path.replace(&format!("{{{label}}}"), &value.replace('+', "%20"));
    }
    if method == "POST" {
        return Some((Method::POST, path, xml("Request", &Value::Object(rest))));
    }
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in &rest {
        query.append_pair(name, value.as_str()?);
    }
    Some((method.parse().ok()?, format!("{path}?{}", query.finish()), String::new()))
}

/// The protocols that a service is spoken with.
fn protocols(service: &Service) -> Vec<Protocol> {
    let typed = service.wire.target.map(|_| Protocol::Json("application/x-amz-json-1.0"));
    let cbor = typed.and(service.wire.query).map(|_| Protocol::Cbor);
    service.wire.query.into_iter().chain(typed).chain(cbor).collect()
}

/// Sends a request; the code and the body of the answer.
async fn send(
    sandbox: &Sandbox,
    service: &Service,
    protocol: Protocol,
    action: &str,
    params: &Value,
) -> (String, String) {
    let mut headers = HeaderMap::new();
    let mut header = |name: &'static str, value: String| headers.insert(name, value.parse().unwrap());
    let scope =
        format!("AWS4-HMAC-SHA256 Credential=A/20261121/us-east-1/{}/aws4_request", service.wire.signed);
    header("authorization", scope);
    let target = service.wire.target.unwrap_or_default();
    let (mut path, mut method) = ("/".to_owned(), Method::POST);
    let body = match protocol {
        Protocol::Json(content_type) => {
            header("content-type", content_type.to_owned());
            header("x-amz-target", format!("{target}.{action}"));
            params.to_string().into_bytes()
        }
        Protocol::Cbor => {
            header("smithy-protocol", "rpc-v2-cbor".to_owned());
            path = format!("/service/{target}/operation/{action}");
            wire::cbor::write(params)
        }
        Protocol::RestXml => {
            let (of, at, body) = rest(service, action, params).unwrap();
            (path, method) = (at, of);
            body.into_bytes()
        }
        Protocol::Ec2 | Protocol::Query => {
            let mut form = form_urlencoded::Serializer::new(String::new());
            form.append_pair("Action", action);
            let item = if protocol == Protocol::Ec2 { "" } else { "member." };
            pairs("", item, params, &mut form);
            form.finish().into_bytes()
        }
    };
    let uri: Uri = path.parse().unwrap();
    let response = answer(sandbox.shared(), &method, &headers, &uri, &body).await.unwrap();
    let query_error = response.headers().get("x-amzn-query-error").cloned();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let text = match protocol {
        Protocol::Cbor => wire::cbor::read(&body).unwrap_or_default().to_string(),
        _ => String::from_utf8(body.to_vec()).unwrap(),
    };
    let typed =
        || serde_json::from_str::<Value>(&text).unwrap_or_default()["__type"].as_str().map(str::to_owned);
    let code = match query_error {
        Some(error) => error.to_str().unwrap().split(';').next().map(str::to_owned),
        None if protocol.is_typed() => typed(),
        None => {
            text.split_once("<Code>").and_then(|(_, rest)| Some(rest.split_once("</Code>")?.0.to_owned()))
        }
    };
    (code.unwrap_or_default(), text)
}

/// AWS's code for a violation.
fn expected(service: &Service, protocol: Protocol, declares: bool, wrong: Wrong) -> &'static str {
    match (service.name(), wrong) {
        ("ec2", Wrong::Missing) => "MissingParameter",
        ("ec2", _) => "InvalidParameterValue",
        (_, Wrong::OtherType) if protocol == Protocol::RestXml => "InvalidInput",
        (_, Wrong::OtherType) if protocol == Protocol::Query => "MalformedInput",
        (_, Wrong::OtherType) => "SerializationException",
        ("cloudwatch", Wrong::Missing) if declares => "MissingParameter",
        ("cloudwatch", _) if declares => "InvalidParameterValue",
        ("route53", _) => "InvalidInput",
        ("ssm" | "application-autoscaling" | "acm" | "secretsmanager", _) => "ValidationException",
        ("ecr" | "logs", _) => "InvalidParameterException",
        ("ecs", _) => "InvalidParameterException",
        _ => "ValidationError",
    }
}

#[tokio::test]
async fn each_single_violation_of_each_actions_shape_is_refused_with_awss_code() {
    let temp = tempfile::tempdir().unwrap();
    let clock = Clock::manual();
    let options = Options {
        folder: temp.path().to_owned(),
        port: 0,
        clock: clock.clone(),
        pace: Pace::default(),
        faults: Arc::new(Faults::new(clock, [])),
        program: PathBuf::from("/bin/true"),
        key: Key::random(),
    };
    let sandbox = Sandbox::start(options).await.unwrap();
    let (mut sent, mut actions) = (BTreeMap::new(), 0);
    for service in SERVICES {
        for action in service.actions.iter().copied().flatten().map(|(name, _)| *name) {
            actions += 1;
            for protocol in protocols(service) {
                let form = Form { typed: protocol.is_typed(), empty: protocol != Protocol::Ec2 };
                let least = Params::from_json(service.shapes.least(action, form));
                assert_eq!(service.check(action, &least, protocol), Ok(()), "{action}: what violates alone");
                for Case { member, wrong, params } in service.shapes.violations(action, form) {
                    if protocol == Protocol::RestXml && rest(service, action, &params).is_none() {
                        continue;
                    }
                    *sent.entry((service.name(), wrong)).or_insert(0) += 1;
                    let (code, text) = send(&sandbox, service, protocol, action, &params).await;
                    let code_is = expected(service, protocol, service.shapes.declares(action), wrong);
                    assert_eq!(
                        code, code_is,
                        "{action} {member} {wrong:?} in {protocol:?}: {text}\n{params}"
                    );
                    let named = text.to_lowercase().contains(&member.to_lowercase());
                    assert!(named || wrong == Wrong::OtherType, "{action} {member} {wrong:?}: {text}");
                }
            }
        }
    }
    sandbox.stop().await;
    println!("{} violations of {actions} actions: {sent:?}", sent.values().sum::<i32>());
}

#[test]
fn the_tables_have_the_actions_that_are_answered_and_every_shape_that_they_name() {
    for service in SERVICES {
        let mut answered: Vec<_> = service.actions.iter().copied().flatten().map(|(name, _)| *name).collect();
        answered.sort_unstable();
        let (actions, wrong) = service.shapes.named();
        assert_eq!(actions, answered, "{}: make.py writes the table anew", service.name());
        assert_eq!(wrong, [""; 0], "{}", service.name());
    }
}

#[test]
fn a_violation_is_worded_as_the_service_words_it() {
    let refused = |service: &str, action, params: Value| {
        let service = Service::named(service).unwrap();
        let refusal = service.check(action, &Params::from_json(params), service.protocol()).unwrap_err();
        format!("{}: {}", refusal.code, refusal.message)
    };
    insta::assert_snapshot!(refused("autoscaling", "PutLifecycleHook", json!({ "AutoScalingGroupName": "", "LifecycleHookName": "a b" })), @r"ValidationError: 2 validation errors detected: Value 'a b' at 'lifecycleHookName' failed to satisfy constraint: Member must satisfy regular expression pattern: [A-Za-z0-9\-_\/]+; Value '' at 'autoScalingGroupName' failed to satisfy constraint: Member must have length greater than or equal to 1");
    insta::assert_snapshot!(refused("autoscaling", "DescribeAutoScalingGroups", json!({ "AutoScalingGroupNames": ["a", ""] })), @"ValidationError: 1 validation error detected: Value '[a, ]' at 'autoScalingGroupNames' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 255, Member must have length greater than or equal to 1]");
    insta::assert_snapshot!(refused("autoscaling", "SetDesiredCapacity", json!({ "AutoScalingGroupName": "a", "DesiredCapacity": "1.5" })), @r#"MalformedInput: For input string: "1.5""#);
    insta::assert_snapshot!(refused("elbv2", "CreateRule", json!({ "ListenerArn": "a", "Priority": 0, "Conditions": [], "Actions": [{ "Type": "x" }] })), @"ValidationError: 2 validation errors detected: Value '0' at 'priority' failed to satisfy constraint: Member must have value greater than or equal to 1; Value 'x' at 'actions.1.member.type' failed to satisfy constraint: Member must satisfy enum value set: [forward, authenticate-oidc, authenticate-cognito, redirect, fixed-response, jwt-validation]");
    insta::assert_snapshot!(refused("ec2", "RunInstances", json!({ "MinCount": "1", "MaxCount": "1", "BlockDeviceMapping": [{}, { "Ebs": { "VolumeSize": "x" } }] })), @"InvalidParameterValue: Value (x) for parameter BlockDeviceMapping.2.Ebs.VolumeSize is invalid. It must be a number.");
    insta::assert_snapshot!(refused("ec2", "RunInstances", json!({ "MinCount": "1" })), @"MissingParameter: The request must contain the parameter MaxCount");
    insta::assert_snapshot!(refused("ec2", "DescribeVpcs", json!({ "MaxResults": "4" })), @"InvalidParameterValue: Value ( 4 ) for parameter maxResults is invalid. Expecting a value greater than or equal to 5.");
    insta::assert_snapshot!(refused("ssm", "SendCommand", json!({ "DocumentName": "a", "TimeoutSeconds": "30" })), @"SerializationException: STRING_VALUE can not be converted to an Integer");
    insta::assert_snapshot!(refused("cloudwatch", "PutMetricData", json!({ "Namespace": "a", "MetricData": [{}] })), @"MissingParameter: The parameter MetricData.member.1.MetricName is required.");
    insta::assert_snapshot!(refused("cloudwatch", "PutMetricAlarm", json!({ "AlarmName": "a", "EvaluationPeriods": "0", "ComparisonOperator": "x" })), @"ValidationError: 2 validation errors detected: Value '0' at 'evaluationPeriods' failed to satisfy constraint: Member must have value greater than or equal to 1; Value 'x' at 'comparisonOperator' failed to satisfy constraint: Member must satisfy enum value set: [GreaterThanOrEqualToThreshold, GreaterThanThreshold, LessThanThreshold, LessThanOrEqualToThreshold, LessThanLowerOrGreaterThanUpperThreshold, LessThanLowerThreshold, GreaterThanUpperThreshold]");
}
