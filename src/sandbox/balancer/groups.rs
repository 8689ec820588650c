//! Target groups and their targets, which live on from one config to the next.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, PoisonError, RwLock};
use std::task::Context;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::Report;
use super::config::{self, TargetKey};
use super::counters::GroupCounts;
use super::pool::{Link, Pool};
use crate::region;

/// A group, for as long as a config or a rule of a late node names it.
#[derive(Debug)]
pub struct Group {
    pub arn: String,
    /// The group's mark in cookies.
    pub mark: u64,
    pub counts: GroupCounts,
    /// Round robin's next.
    pub turn: AtomicUsize,
    members: RwLock<Arc<Members>>,
}

/// The current members of a group.
#[derive(Debug)]
pub struct Members {
    pub config: Arc<config::Group>,
    pub all: Vec<Arc<Target>>,
    /// The targets of new requests: the healthy ones, or, failing open, all that could serve.
    pub usable: Vec<Arc<Target>>,
}

impl Group {
    pub fn new(config: Arc<config::Group>) -> Self {
        Self {
            arn: config.arn.clone(),
            mark: mark(&config.arn),
            counts: GroupCounts::default(),
            turn: AtomicUsize::new(0),
            members: RwLock::new(Arc::new(Members { config, all: Vec::new(), usable: Vec::new() })),
        }
    }

    pub fn members(&self) -> Arc<Members> {
        self.members.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn set(&self, config: Arc<config::Group>, all: Vec<Arc<Target>>) {
        let mut members = self.members.write().unwrap_or_else(PoisonError::into_inner);
        let usable = usable(&config, &all);
        *members = Arc::new(Members { config, all, usable });
    }

    /// After a target's health changed.
    pub fn refresh(&self) {
        let mut members = self.members.write().unwrap_or_else(PoisonError::into_inner);
        let usable = usable(&members.config, &members.all);
        *members = Arc::new(Members { config: members.config.clone(), all: members.all.clone(), usable });
    }
}

/// With fewer healthy targets than the group's minimum all of them get traffic (target group
/// attribute `target_group_health.unhealthy_state_routing.minimum_healthy_targets.count`).
fn usable(config: &config::Group, all: &[Arc<Target>]) -> Vec<Arc<Target>> {
    let open: Vec<_> =
        all.iter().filter(|target| !target.draining.load(SeqCst) && !target.down.load(SeqCst)).collect();
    let healthy: Vec<_> =
        open.iter().filter(|target| target.condition() == Condition::Healthy).copied().cloned().collect();
    match healthy.len() < config.fail_open_below.max(1) as usize {
        true => open.into_iter().cloned().collect(),
        false => healthy,
    }
}

/// Health as routing sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    Initial = 0,
    Healthy = 1,
    Unhealthy = 2,
}

/// A target at one address.
#[derive(Debug)]
pub struct Target {
    pub group: String,
    pub key: TargetKey,
    pub mark: u64,
    pub address: SocketAddr,
    /// The same for the access log.
    pub place: String,
    pub check_address: SocketAddr,
    pub labels: Arc<[String]>,
    pub draining: AtomicBool,
    pub down: AtomicBool,
    condition: AtomicU8,
    /// Since when slow start raises its share, in milliseconds of the region's clock plus one; 0 is
    /// a full share.
    ramp: AtomicU64,
    /// Requests so far, for the fault that counts them.
    pub requests: AtomicU64,
    open: AtomicUsize,
    /// The end of its draining was reported.
    drained: AtomicBool,
    pub pool: Pool,
    reports: mpsc::UnboundedSender<region::Report>,
}

impl Target {
    pub fn new(group: &str, target: &config::Target, reports: mpsc::UnboundedSender<region::Report>) -> Self {
        Self {
            group: group.to_owned(),
            key: target.key.clone(),
            mark: mark(&format!("{}:{}", target.key.id, target.key.port)),
            address: target.address,
            place: target.address.to_string(),
            check_address: target.check_address,
            labels: target.labels.clone(),
            draining: AtomicBool::new(false),
            down: AtomicBool::new(target.down),
            condition: AtomicU8::new(Condition::Initial as u8),
            ramp: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            open: AtomicUsize::new(0),
            drained: AtomicBool::new(false),
            pool: Pool::default(),
            reports,
        }
    }

    /// Tells whether it is the same for traffic, so that it lives on.
    pub fn is(&self, target: &config::Target) -> bool {
        self.key == target.key
            && self.address == target.address
            && self.check_address == target.check_address
            && self.labels == target.labels
    }

    pub fn condition(&self) -> Condition {
        match self.condition.load(SeqCst) {
            0 => Condition::Initial,
            1 => Condition::Healthy,
            _ => Condition::Unhealthy,
        }
    }

    pub fn set_condition(&self, condition: Condition) {
        self.condition.store(condition as u8, SeqCst);
    }

    /// Begins slow start, or ends it.
    pub fn set_ramp(&self, since: Option<Duration>) {
        self.ramp.store(since.map_or(0, |since| since.as_millis() as u64 + 1), SeqCst);
    }

    /// Its share of a full one, 1000 being all of it.
    pub fn share(&self, now: Duration, slow_start: Duration) -> u64 {
        let (since, full) = (self.ramp.load(SeqCst), slow_start.as_millis() as u64);
        if since == 0 || full == 0 {
            return 1000;
        }
        let gone = (now.as_millis() as u64).saturating_sub(since - 1);
        (gone.saturating_mul(1000) / full).clamp(1, 1000)
    }

    /// Begins a request, unless the target takes no more.
    pub fn open(self: &Arc<Self>) -> Option<Open> {
        // In this order: either this request sees that the target drains, or the drain sees it.
        self.open.fetch_add(1, SeqCst);
        let open = Open(self.clone());
        (!self.draining.load(SeqCst)).then_some(open)
    }

    /// Keeps a connection for the next request, if there may be one.
    pub fn keep(&self, link: Box<Link>, cx: &mut Context<'_>) {
        if !self.draining.load(SeqCst) && !self.down.load(SeqCst) {
            self.pool.put(link, cx);
        }
    }

    /// Number of open requests.
    pub fn in_flight(&self) -> usize {
        self.open.load(SeqCst)
    }

    /// Takes no new request from now on, or does again.
    pub fn set_draining(&self, draining: bool) {
        if !draining {
            self.drained.store(false, SeqCst);
        }
        self.draining.store(draining, SeqCst);
        self.pool.clear();
        if draining && self.in_flight() == 0 {
            self.report_drained();
        }
    }

    fn report_drained(&self) {
        if !self.drained.swap(true, SeqCst) {
            let report = Report::Drained { group: self.group.clone(), target: self.key.clone() };
            let _ = self.reports.send(region::Report::Balancer(report));
        }
    }
}

/// A request, connection or tunnel that a target serves; ends when dropped.
#[derive(Debug)]
pub struct Open(pub Arc<Target>);

impl Drop for Open {
    fn drop(&mut self) {
        if self.0.open.fetch_sub(1, SeqCst) == 1 && self.0.draining.load(SeqCst) {
            self.0.report_drained();
        }
    }
}

/// A number that stands for a name in cookies, the same in every run.
fn mark(name: &str) -> u64 {
    let digest = Sha256::digest(name.as_bytes());
    digest.iter().take(8).fold(0, |mark, byte| mark << 8 | u64::from(*byte))
}
