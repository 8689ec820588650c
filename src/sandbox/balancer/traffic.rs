//! Traffic so far, for people and for rehearsals.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::SeqCst;

use super::config::TargetKey;
use super::counters::Counter;
use super::groups::{Condition, Group};
use super::nodes::Listener;

/// The traffic through a balancer. Counters grow from its start on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traffic {
    /// By ARN.
    pub listeners: BTreeMap<String, ListenerTraffic>,
    /// By ARN.
    pub groups: BTreeMap<String, GroupTraffic>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListenerTraffic {
    /// Requests that are over, however.
    pub requests: u64,
    /// Targets' answers with 2xx, 3xx, 4xx, 5xx.
    pub target_status: [u64; 4],
    /// The balancer's own answers with 2xx, 3xx, 4xx (460, a client that went away, too), 5xx.
    pub own_status: [u64; 4],
    /// Connections open now.
    pub connections: u64,
}

/// The traffic of a target group, and its health.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupTraffic {
    /// Requests that are over and came to a target; connections of TCP listeners.
    pub requests: u64,
    /// Targets' answers with 2xx, 3xx, 4xx, 5xx.
    pub status: [u64; 4],
    /// Connections that a target refused or did not accept in time.
    pub unreached: u64,
    /// Open requests by target.
    pub in_flight: BTreeMap<TargetKey, u64>,
    /// Number of targets in this state; draining ones and those that are down count in no other.
    pub healthy: u64,
    pub unhealthy: u64,
    pub initial: u64,
    pub draining: u64,
    pub down: u64,
}

fn all(counters: &[Counter; 4]) -> [u64; 4] {
    counters.each_ref().map(Counter::get)
}

impl ListenerTraffic {
    pub(super) fn of(listener: &Listener) -> Self {
        let counts = &listener.counts;
        Self {
            requests: counts.requests.get(),
            target_status: all(&counts.targets),
            own_status: all(&counts.own),
            connections: counts.connections.get().saturating_sub(counts.ended.get()),
        }
    }
}

impl GroupTraffic {
    pub(super) fn of(group: &Group) -> Self {
        let mut traffic = Self {
            requests: group.counts.requests.get(),
            status: all(&group.counts.targets),
            unreached: group.counts.unreached.get(),
            ..Self::default()
        };
        for target in &group.members().all {
            traffic.in_flight.insert(target.key.clone(), target.in_flight() as u64);
            let count = match target.condition() {
                _ if target.draining.load(SeqCst) => &mut traffic.draining,
                _ if target.down.load(SeqCst) => &mut traffic.down,
                Condition::Healthy => &mut traffic.healthy,
                Condition::Unhealthy => &mut traffic.unhealthy,
                Condition::Initial => &mut traffic.initial,
            };
            *count += 1;
        }
        traffic
    }
}
