//! A listener as it runs: its settings, its nodes, its clients.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use super::client::Client;
use super::config;
use super::counters::ListenerCounts;
use super::io::look_every;
use super::plane::Plane;
use super::route::Rules;
use crate::clock;

/// A socket that is served.
#[derive(Debug)]
pub struct Listener {
    pub counts: ListenerCounts,
    settings: RwLock<Arc<config::Listener>>,
    nodes: RwLock<Vec<Arc<Node>>>,
    /// Connections so far, to give each to the next node.
    turn: AtomicUsize,
    /// Counts the versions of its rules.
    version: AtomicU64,
    clients: Mutex<HashMap<u64, Arc<Client>>>,
    number: AtomicU64,
    closed: AtomicBool,
}

/// A node of the load balancer: has the rules when they reach it.
#[derive(Debug, Default)]
pub struct Node {
    rules: RwLock<(u64, Arc<Rules>)>,
}

impl Node {
    pub fn rules(&self) -> Arc<Rules> {
        self.rules.read().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    fn set(&self, version: u64, rules: Arc<Rules>) {
        let mut has = self.rules.write().unwrap_or_else(PoisonError::into_inner);
        if has.0 < version {
            *has = (version, rules);
        }
    }
}

impl Listener {
    pub fn new(config: config::Listener) -> Self {
        Self {
            counts: ListenerCounts::default(),
            settings: RwLock::new(Arc::new(config)),
            nodes: RwLock::new(vec![Arc::default()]),
            turn: AtomicUsize::new(0),
            version: AtomicU64::new(0),
            clients: Mutex::default(),
            number: AtomicU64::new(0),
            closed: AtomicBool::new(false),
        }
    }

    pub fn settings(&self) -> Arc<config::Listener> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn set_settings(&self, settings: config::Listener) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }

    /// Publishes rules to the first node at once and to the others with the delay of the propagation fault.
    pub fn set_rules(self: &Arc<Self>, plane: &Arc<Plane>, rules: Rules) {
        let rules = Arc::new(rules);
        let version = self.version.fetch_add(1, SeqCst) + 1;
        let (count, delay) = plane.faults.propagation();
        let late = match version > 1 && count > 1 {
            true => delay / (count - 1),
            // The first rules of a listener are everywhere when it opens.
            false => Duration::ZERO,
        };
        let nodes = self.nodes(count);
        for (at, node) in nodes.iter().enumerate() {
            if at == 0 || late.is_zero() || at >= count as usize {
                node.set(version, rules.clone());
            }
        }
        if late.is_zero() {
            return;
        }
        let clock = plane.clock.clone();
        let published = clock.monotonic();
        plane.spawn(async move {
            for (at, node) in (0..count).zip(&nodes).skip(1) {
                let due = published + late * at;
                clock.sleep(due.saturating_sub(clock.monotonic())).await;
                node.set(version, rules.clone());
            }
        });
    }

    /// All nodes, at least `count`; new nodes start with the first one's rules.
    fn nodes(&self, count: u32) -> Vec<Arc<Node>> {
        let mut nodes = self.nodes.write().unwrap_or_else(PoisonError::into_inner);
        while nodes.len() < count as usize {
            let node = Node::default();
            if let Some(first) = nodes.first() {
                let (version, rules) = first.rules.read().unwrap_or_else(PoisonError::into_inner).clone();
                node.set(version, rules);
            }
            nodes.push(Arc::new(node));
        }
        nodes.clone()
    }

    /// The node of the next connection.
    pub fn next_node(&self, plane: &Plane) -> Arc<Node> {
        let (count, _) = plane.faults.propagation();
        let turn = self.turn.fetch_add(1, Relaxed);
        self.nodes(count).get(turn % count as usize).cloned().unwrap_or_default()
    }

    /// Lists a connection for as long as the answer lives.
    pub fn list(self: &Arc<Self>, client: &Arc<Client>) -> Listed {
        let number = self.number.fetch_add(1, Relaxed);
        self.counts.opened();
        self.clients.lock().unwrap_or_else(PoisonError::into_inner).insert(number, client.clone());
        if self.closed.load(SeqCst) {
            client.leave();
        }
        Listed { listener: self.clone(), number }
    }

    fn clients(&self) -> Vec<Arc<Client>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Ends its connections after the requests that are open.
    pub fn close(&self) {
        self.closed.store(true, SeqCst);
        for client in self.clients() {
            client.leave();
        }
    }

    /// Looks for timeouts of its connections until it is closed and all are gone.
    pub async fn watch(self: Arc<Self>) {
        loop {
            let settings = self.settings();
            clock::sleep(look_every(settings.idle_timeout.min(settings.client_keep_alive))).await;
            let clients = self.clients();
            if clients.is_empty() && self.closed.load(SeqCst) {
                return;
            }
            for client in clients {
                client.watch(settings.idle_timeout, settings.client_keep_alive);
            }
        }
    }
}

/// A connection in its listener's list.
#[derive(Debug)]
pub struct Listed {
    listener: Arc<Listener>,
    number: u64,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.listener.counts.closed();
        self.listener.clients.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.number);
    }
}
