use std::net::IpAddr;
use std::sync::Arc;

use hyper::Request;

use super::super::config::{Action, Condition};
use super::super::groups::Group;
use super::super::route::Rules;
use super::kit::*;
use crate::clock::Clock;

#[test]
fn conditions() {
    let text = |text: &str| vec![text.to_owned()];
    let header = |value: &str| Condition::Header("X-Kind".into(), text(value));
    let query =
        |key: Option<&str>, value: &str| Condition::Query(vec![(key.map(str::to_owned), value.into())]);
    let cases = [
        (Condition::Host(text("*.Example.com")), true),
        (Condition::Host(text("example.com")), false),
        (Condition::Host(vec!["no".into(), "www.example.???".into()]), true),
        (Condition::Path(text("/img/*")), true),
        (Condition::Path(text("/IMG/*")), false),
        (Condition::Path(text("/img/?.png")), true),
        (Condition::Path(text("/img/a.png?x=1")), false),
        (header("*CURL*"), true),
        (header("wget"), false),
        (Condition::Header("Missing".into(), text("*")), false),
        (Condition::Method(text("GET")), true),
        (Condition::Method(text("get")), false),
        (query(Some("Version"), "V1"), true),
        (query(Some("version"), "v2"), false),
        (query(None, "v?"), true),
        (query(Some("flag"), ""), true),
        (Condition::SourceIp(text("10.0.0.0/8")), true),
        (Condition::SourceIp(text("192.168.0.0/16")), false),
        (Condition::SourceIp(text("10.1.2.3/32")), true),
    ];
    let request = Request::get("/img/a.png?version=v1&flag")
        .header("host", "WWW.example.com:8080")
        .header("x-kind", "a Curl client");
    let (request, ()) = request.body(()).unwrap().into_parts();
    let client: IpAddr = "10.1.2.3".parse().unwrap();
    for (condition, holds) in cases {
        let rule = Rule { conditions: vec![condition.clone()], ..default_rule(forward(&[])) };
        let rules = Rules::new(&[rule], |arn| Arc::new(Group::new(Arc::new(group(arn, &[])))));
        assert_eq!(rules.find(&request, client).is_some(), holds, "{condition:?}");
    }
}

#[tokio::test]
async fn the_first_rule_that_holds_answers() {
    let mut rig = Rig::new(Clock::real(), vec![]).await;
    let fixed = |body: &str| Action::Fixed {
        status: 418,
        content_type: Some("text/plain".into()),
        body: Some(body.into()),
    };
    let at = |path: &str, action| Rule {
        conditions: vec![Condition::Path(vec![path.into()])],
        unauthenticated: None,
        ..default_rule(action)
    };
    let redirect = Action::Redirect {
        protocol: "HTTPS".into(),
        host: "new.#{host}".into(),
        port: "443".into(),
        path: "/moved/#{path}".into(),
        query: "#{query}&again=1".into(),
        status: 301,
    };
    rig.config.listeners[0].rules = vec![
        at("/a*", fixed("first")),
        at("/ab", fixed("second")),
        at("/r/*", redirect),
        default_rule(fixed("default")),
    ];
    rig.publish();
    let mut client = rig.client().await;
    for (path, text) in [("/ab", "first"), ("/b", "default")] {
        let answer = client.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (418, text));
        assert_eq!(answer.headers["content-type"], "text/plain");
    }
    let answer = client.ask(Request::get("/r/x?q=1").header("host", "example.com:8080")).await;
    assert_eq!(answer.status, 301);
    assert_eq!(answer.headers["location"], "https://new.example.com:443/moved/r/x?q=1&again=1");
}
