//! Health checks (application, target-group-health-checks).

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::Request;
use hyper::client::conn::http1::Builder;
use hyper::header::{CONNECTION, HOST, USER_AGENT};
use hyper_util::rt::TokioIo;
use rand::Rng;
use tokio::net::TcpStream;

use super::Report;
use super::config::{HealthCheck, Protocol};
use super::groups::{Condition, Group, Target};
use super::plane::{Plane, within};
use crate::elbv2::targets::{Health, HealthState};

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    Good,
    /// Another status than the matcher's.
    Code(u16),
    TimedOut,
    /// No connection, or no answer that is one.
    Failed,
}

/// The result of the checks so far.
#[derive(Debug, Clone)]
pub struct Course {
    pub condition: Condition,
    successes: u32,
    failures: u32,
    last: Found,
}

impl Default for Course {
    fn default() -> Self {
        Self { condition: Condition::Initial, successes: 0, failures: 0, last: Found::Good }
    }
}

impl Course {
    /// Adds a check; returns the health if it changed. A newly registered target is healthy after one
    /// successful check; an unhealthy one needs the threshold in a row.
    pub fn step(&mut self, found: Found, check: &HealthCheck) -> Option<Health> {
        let before = (self.condition, self.last);
        if found == Found::Good {
            (self.successes, self.failures) = (self.successes.saturating_add(1), 0);
            if self.condition == Condition::Initial || self.successes >= check.healthy_threshold {
                self.condition = Condition::Healthy;
            }
        } else {
            (self.successes, self.failures) = (0, self.failures.saturating_add(1));
            if self.failures >= check.unhealthy_threshold {
                self.condition = Condition::Unhealthy;
            }
            self.last = found;
        }
        let reworded = self.condition == Condition::Unhealthy && self.last != before.1;
        (self.condition != before.0 || reworded).then(|| self.health())
    }

    /// As DescribeTargetHealth words it.
    pub fn health(&self) -> Health {
        let (state, reason, description) = match (self.condition, self.last) {
            (Condition::Healthy, _) => {
                return Health { state: HealthState::Healthy, reason: None, description: None };
            }
            (Condition::Initial, _) => (
                HealthState::Initial,
                "Elb.InitialHealthChecking",
                "Initial health checks in progress".to_owned(),
            ),
            (_, Found::Code(code)) => (
                HealthState::Unhealthy,
                "Target.ResponseCodeMismatch",
                format!("Health checks failed with these codes: [{code}]"),
            ),
            (_, Found::TimedOut) => {
                (HealthState::Unhealthy, "Target.Timeout", "Request timed out".to_owned())
            }
            (_, Found::Good | Found::Failed) => {
                (HealthState::Unhealthy, "Target.FailedHealthChecks", "Health checks failed".to_owned())
            }
        };
        Health { state, reason: Some(reason.to_owned()), description: Some(description) }
    }
}

/// Checks a target while it is polled: at once, then at the group's interval. The second check comes earlier
/// by a random time, so that many targets are not checked at the same moment.
pub async fn follow(plane: Arc<Plane>, group: Arc<Group>, target: Arc<Target>) {
    let mut course = Course::default();
    report(&plane, &target, course.health());
    let mut spread = rand::rng().random_range(0.5..1.0);
    loop {
        let began = plane.clock.monotonic();
        let check = group.members().config.check.clone();
        let found = match check.enabled {
            true => once(&plane, &target, &check).await,
            false => Found::Good,
        };
        if let Some(health) = course.step(found, &check) {
            change(&plane, &group, &target, course.condition);
            report(&plane, &target, health);
        }
        let next = began + check.interval.mul_f64(spread);
        spread = 1.0;
        plane.clock.sleep(next.saturating_sub(plane.clock.monotonic())).await;
    }
}

fn report(plane: &Plane, target: &Target, health: Health) {
    plane.report(Report::Health { group: target.group.clone(), target: target.key.clone(), health });
}

fn change(plane: &Plane, group: &Group, target: &Target, condition: Condition) {
    if target.condition() == condition {
        return;
    }
    let members = group.members();
    if condition == Condition::Healthy && !members.config.slow_start.is_zero() {
        // Only if another healthy target has its full share (application, slow start mode).
        let now = plane.clock.monotonic();
        let full = members.all.iter().any(|other| {
            other.condition() == Condition::Healthy && other.share(now, members.config.slow_start) == 1000
        });
        target.set_ramp(full.then_some(now));
    }
    target.set_condition(condition);
    group.refresh();
}

async fn once(plane: &Plane, target: &Target, check: &HealthCheck) -> Found {
    if plane.faults.never_healthy(&target.labels) {
        return Found::Failed;
    }
    let fails = plane.faults.fails(&target.labels);
    if fails.is_some_and(|after| target.requests.load(Relaxed) >= after) && check.protocol != Protocol::Tcp {
        return if fits(&check.matcher, 500) { Found::Good } else { Found::Code(500) };
    }
    match within(check.timeout, ask(target, check)).await {
        None => Found::TimedOut,
        Some(None) => Found::Failed,
        Some(Some(None)) => Found::Good,
        Some(Some(Some(code))) if fits(&check.matcher, code) => Found::Good,
        Some(Some(Some(code))) => Found::Code(code),
    }
}

/// The status of its answer (inner `None` for TCP); `None` if it does not answer.
async fn ask(target: &Target, check: &HealthCheck) -> Option<Option<u16>> {
    let stream = TcpStream::connect(target.check_address).await.ok()?;
    if check.protocol == Protocol::Tcp {
        return Some(None);
    }
    let (mut sender, connection) = Builder::new().handshake(TokioIo::new(stream)).await.ok()?;
    let request = Request::get(&check.path)
        .header(HOST, target.check_address.to_string())
        .header(CONNECTION, "close")
        .header(USER_AGENT, "ELB-HealthChecker/2.0")
        .body(Empty::<Bytes>::new())
        .ok()?;
    let answer = sender.send_request(request);
    tokio::select! {
        biased;
        answer = answer => Some(Some(answer.ok()?.status().as_u16())),
        _ = async { let _ = connection.await; std::future::pending::<()>().await } => None,
    }
}

/// Tells whether a matcher (`200`, `200,302`, `200-299`) includes a status.
pub fn fits(matcher: &str, status: u16) -> bool {
    matcher.split(',').any(|part| {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        match (from.trim().parse::<u16>(), to.trim().parse::<u16>()) {
            (Ok(from), Ok(to)) => (from..=to).contains(&status),
            _ => false,
        }
    })
}
