use std::sync::atomic::Ordering::SeqCst;

use super::super::Report;
use super::super::config::*;
use super::super::groups::Condition;
use super::super::health::{Course, Found, fits};
use super::kit::*;
use crate::clock::Clock;
use crate::elbv2::targets::{Health, HealthState};

/// The next health that `wanted` takes.
pub async fn next(rig: &mut Rig, wanted: impl Fn(Health) -> bool) -> Health {
    rig.report(|report| match report {
        Report::Health { health, .. } => wanted(health.clone()).then_some(health),
        _ => None,
    })
    .await
}

#[test]
fn thresholds_count_in_a_row_and_the_first_success_is_enough() {
    let check = group("web", &[]).check;
    let mut course = Course::default();
    let mut states = Vec::new();
    for found in [
        Found::Failed,
        Found::Good,
        Found::Code(503),
        Found::Good,
        Found::Code(503),
        Found::Code(503),
        Found::TimedOut,
        Found::Good,
        Found::Good,
        Found::TimedOut,
        Found::Good,
        Found::Good,
        Found::Good,
    ] {
        let health = course.step(found, &check);
        states.push(health.map(|health| (health.state, health.reason.unwrap_or_default())));
    }
    let healthy = Some((HealthState::Healthy, String::new()));
    let unhealthy = |reason: &str| Some((HealthState::Unhealthy, reason.to_owned()));
    let mut want = vec![None; 13];
    want[1] = healthy.clone();
    want[5] = unhealthy("Target.ResponseCodeMismatch");
    want[6] = unhealthy("Target.Timeout");
    want[12] = healthy;
    assert_eq!(states, want);
    assert_eq!(course.condition, Condition::Healthy);
}

#[test]
fn matchers() {
    for (matcher, status, fit) in [
        ("200", 200, true),
        ("200", 201, false),
        ("200,302", 302, true),
        ("200-299", 204, true),
        ("x", 200, false),
    ] {
        assert_eq!(fits(matcher, status), fit, "{matcher} {status}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_is_reported_when_it_changes_with_its_reason() {
    let web = Backend::new("web").await;
    let mut rig = Rig::new(Clock::scaled(500.0), vec![(group("web", &[web.address]), 1)]).await;
    assert_eq!(next(&mut rig, |_| true).await.state, HealthState::Initial);
    assert_eq!(
        next(&mut rig, |_| true).await,
        Health { state: HealthState::Healthy, reason: None, description: None }
    );
    web.health.store(503, SeqCst);
    let health = next(&mut rig, |_| true).await;
    assert_eq!(health.reason.as_deref(), Some("Target.ResponseCodeMismatch"));
    assert_eq!(health.description.as_deref(), Some("Health checks failed with these codes: [503]"));
    rig.fault("never-healthy=i-*");
    let health = next(&mut rig, |_| true).await;
    assert_eq!(health.reason.as_deref(), Some("Target.FailedHealthChecks"));
    web.health.store(200, SeqCst);
    rig.faults.clear();
    assert_eq!(next(&mut rig, |_| true).await.state, HealthState::Healthy);
    // It survives a change beside it, and is forgotten when no rule names the group any more.
    rig.change_group("web", |group| group.fail_open_below = 2);
    assert_eq!(rig.balancer.traffic().groups["web"].healthy, 1);
    rig.config.listeners[0].rules = vec![];
    rig.publish();
    assert_eq!(rig.balancer.traffic().groups["web"].initial, 1);
}

#[tokio::test]
async fn a_tcp_check_asks_for_a_connection_only() {
    let web = Backend::new("web").await;
    web.health.store(500, SeqCst);
    let mut web = group("web", &[web.address, free_address().await]);
    web.check.protocol = Protocol::Tcp;
    let rig = Rig::new(Clock::scaled(500.0), vec![(web, 1)]).await;
    rig.healthy("web", 1).await;
}
