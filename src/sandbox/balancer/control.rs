//! The configuration that is served now.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::task::AbortHandle;

use super::config::{Config, TargetKey};
use super::groups::{Group, Target};
use super::nodes::Listener;
use super::traffic::{GroupTraffic, ListenerTraffic, Traffic};

/// Listeners, groups and checks as last published.
#[derive(Debug, Default)]
pub struct Control {
    pub(super) config: Arc<Config>,
    pub(super) open: BTreeMap<SocketAddr, Opened>,
    /// Listeners whose socket could not be opened, and why.
    pub(super) refused: HashMap<SocketAddr, String>,
    pub(super) groups: HashMap<String, Arc<Group>>,
    /// The load balancer of each group that a rule names.
    pub(super) named: HashMap<String, String>,
    pub(super) checks: HashMap<(String, TargetKey), Check>,
}

/// An open socket.
#[derive(Debug)]
pub(super) struct Opened {
    pub listener: Arc<Listener>,
    pub accepting: Option<AbortHandle>,
}

/// A target that is checked.
#[derive(Debug)]
pub(super) struct Check {
    pub target: Arc<Target>,
    pub task: Option<AbortHandle>,
}

impl Control {
    pub fn listeners(&self) -> Vec<Arc<Listener>> {
        self.open.values().map(|open| open.listener.clone()).collect()
    }

    /// With the load balancer that uses it.
    pub fn groups(&self) -> Vec<(Arc<Group>, Option<String>)> {
        self.groups.values().map(|group| (group.clone(), self.named.get(&group.arn).cloned())).collect()
    }

    pub fn traffic(&self) -> Traffic {
        Traffic {
            listeners: self
                .listeners()
                .iter()
                .map(|listener| (listener.settings().arn.clone(), ListenerTraffic::of(listener)))
                .collect(),
            groups: self.groups.iter().map(|(arn, group)| (arn.clone(), GroupTraffic::of(group))).collect(),
        }
    }

    /// Forgets everything; the tasks are ended already.
    pub fn clear(&mut self) {
        for group in self.groups.values() {
            for target in &group.members().all {
                target.pool.clear();
            }
        }
        *self = Self::default();
    }
}
