use std::time::Duration;

use hyper::Request;
use hyper::header::{COOKIE, SET_COOKIE};

use super::super::config::*;
use super::kit::*;
use crate::clock::Clock;

fn cookie(answer: &Answer, name: &str) -> Option<String> {
    answer.headers.get_all(SET_COOKIE).iter().find_map(|line| {
        let pair = line.to_str().unwrap().split(';').next().unwrap().to_owned();
        pair.starts_with(&format!("{name}=")).then_some(pair)
    })
}

#[tokio::test]
async fn a_cookie_beats_weights_until_it_ends() {
    let (blue, green) = (Backend::new("blue").await, Backend::new("green").await);
    let groups = vec![(group("blue", &[blue.address]), 1), (group("green", &[green.address]), 0)];
    let mut rig = Rig::new(Clock::manual(), groups).await;
    let sticky = |blue, green| {
        default_rule(Action::Forward {
            groups: vec![("blue".into(), blue), ("green".into(), green)],
            stickiness: Some(Duration::from_secs(60)),
        })
    };
    rig.config.listeners[0].rules = vec![sticky(1, 0)];
    rig.publish();
    let mut client = rig.client().await;
    let answer = client.get("/").await;
    assert_eq!(answer.text, "blue");
    let kept = cookie(&answer, "AWSALBTG").unwrap();
    assert!(cookie(&answer, "AWSALBTGCORS").is_some());
    rig.config.listeners[0].rules = vec![sticky(0, 1)];
    rig.publish();
    assert_eq!(client.get("/").await.text, "green");
    let with = || Request::get("/").header(COOKIE, format!("a=b; {kept}"));
    assert_eq!(client.ask(with()).await.text, "blue");
    rig.clock.advance(Duration::from_secs(61));
    assert_eq!(client.ask(with()).await.text, "green");
}

#[tokio::test]
async fn a_cookie_keeps_a_client_at_its_target() {
    let (one, two) = (Backend::new("one").await, Backend::new("two").await);
    let mut web = group("web", &[one.address, two.address]);
    web.stickiness = Some((Stickiness::Balancer, Duration::from_secs(60)));
    let mut rig = Rig::new(Clock::manual(), vec![(web, 1)]).await;
    rig.healthy("web", 2).await;
    let mut client = rig.client().await;
    let answer = client.get("/").await;
    let kept = cookie(&answer, "AWSALB").unwrap();
    for _ in 0..6 {
        let again = client.ask(Request::get("/").header(COOKIE, &kept)).await;
        assert_eq!(again.text, answer.text);
    }
    // A target that drains does not keep anybody.
    let at = if answer.text == "one" { 0 } else { 1 };
    rig.change_group("web", |group| group.targets[at].draining = true);
    let moved = client.ask(Request::get("/").header(COOKIE, &kept)).await;
    assert_ne!(moved.text, answer.text);
    assert_ne!(cookie(&moved, "AWSALB").unwrap(), kept);
}
