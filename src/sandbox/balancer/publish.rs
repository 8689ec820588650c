//! Publishes a config in place of the served one.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use super::config::{self, Action, Config};
use super::control::{Check, Control, Opened};
use super::groups::{Condition, Group, Target};
use super::nodes::Listener;
use super::plane::Plane;
use super::route::Rules;
use super::{Report, health, listen};

impl Control {
    /// Serves `config` from now on.
    pub fn publish(&mut self, plane: &Arc<Plane>, config: &Arc<Config>) {
        let same = *self.config == **config;
        if same && self.refused.is_empty() {
            return;
        }
        if !same {
            let before = std::mem::replace(&mut self.config, config.clone());
            // First the groups: rules point to them.
            self.publish_groups(plane, config);
            self.close_listeners(config);
            self.change_listeners(plane, config, &before);
            self.named = named(config);
            self.publish_checks(plane, config);
        }
        self.open_listeners(plane, config);
    }

    fn publish_groups(&mut self, plane: &Plane, config: &Config) {
        self.groups.retain(|arn, group| {
            let stays = config.groups.contains_key(arn);
            if !stays {
                retire(&group.members().all);
                group.set(group.members().config.clone(), Vec::new());
            }
            stays
        });
        for (arn, new) in &config.groups {
            let group = self.groups.entry(arn.clone()).or_insert_with(|| Arc::new(Group::new(new.clone())));
            let before = group.members();
            if before.all.len() == new.targets.len() && Arc::ptr_eq(&before.config, new) {
                continue;
            }
            let targets: Vec<_> =
                new.targets.iter().map(|target| kept(plane, arn, &before.all, target)).collect();
            let gone: Vec<_> = before
                .all
                .iter()
                .filter(|old| !targets.iter().any(|target| Arc::ptr_eq(old, target)))
                .cloned()
                .collect();
            // Draining begins before the list changes, so that a request that chose such a target meanwhile
            // sees it.
            for (target, new) in targets.iter().zip(&new.targets) {
                if target.draining.load(SeqCst) != new.draining {
                    target.set_draining(new.draining);
                }
                target.down.store(new.down, SeqCst);
            }
            group.set(new.clone(), targets);
            retire(&gone);
        }
    }

    fn close_listeners(&mut self, config: &Config) {
        let wanted = |address: &SocketAddr| config.listeners.iter().any(|new| new.address == *address);
        self.open.retain(|address, open| {
            let stays = wanted(address);
            if !stays {
                if let Some(accepting) = &open.accepting {
                    accepting.abort();
                }
                open.listener.close();
            }
            stays
        });
        self.refused.retain(|address, _| wanted(address));
    }

    fn change_listeners(&self, plane: &Arc<Plane>, config: &Config, before: &Config) {
        for new in &config.listeners {
            let Some(open) = self.open.get(&new.address) else { continue };
            let old = before.listeners.iter().find(|old| old.address == new.address);
            if old != Some(new) {
                open.listener.set_settings(new.clone());
            }
            if old.is_none_or(|old| old.rules != new.rules) {
                open.listener.set_rules(plane, self.rules(new));
            }
        }
    }

    /// Opens listeners that are not open; failed ones are tried again.
    fn open_listeners(&mut self, plane: &Arc<Plane>, config: &Config) {
        let _runtime = plane.enter();
        for new in config.listeners.iter() {
            if self.open.contains_key(&new.address) {
                continue;
            }
            match listen::open(new.address) {
                Ok(socket) => {
                    self.refused.remove(&new.address);
                    let listener = Arc::new(Listener::new(new.clone()));
                    listener.set_rules(plane, self.rules(new));
                    plane.spawn(listener.clone().watch());
                    let accepting = plane.spawn(listen::accept(plane.clone(), listener.clone(), socket));
                    self.open.insert(new.address, Opened { listener, accepting });
                }
                Err(error) => {
                    let why = format!("{} cannot be listened on: {error}", new.address);
                    // Said once: a report leads to the next publish.
                    if self.refused.get(&new.address) != Some(&why) {
                        self.refused.insert(new.address, why.clone());
                        plane.report(Report::Refused { listener: new.arn.clone(), why });
                    }
                }
            }
        }
    }

    fn rules(&self, listener: &config::Listener) -> Rules {
        Rules::new(&listener.rules, |arn| match self.groups.get(arn) {
            Some(group) => group.clone(),
            None => Arc::new(Group::new(Arc::new(absent(arn)))),
        })
    }

    fn publish_checks(&mut self, plane: &Arc<Plane>, config: &Config) {
        let mut wanted = BTreeMap::new();
        for arn in config.groups.keys().filter(|arn| self.named.contains_key(*arn)) {
            let Some(group) = self.groups.get(arn) else { continue };
            for target in &group.members().all {
                if !target.draining.load(SeqCst) && !target.down.load(SeqCst) {
                    wanted.insert((arn.clone(), target.key.clone()), (group.clone(), target.clone()));
                }
            }
        }
        self.checks.retain(|key, check| {
            let stays = wanted.get(key).is_some_and(|(_, target)| Arc::ptr_eq(target, &check.target));
            if !stays {
                if let Some(task) = &check.task {
                    task.abort();
                }
                // Their health is unknown from now on.
                check.target.set_condition(Condition::Initial);
                if let Some(group) = self.groups.get(&key.0) {
                    group.refresh();
                }
            }
            stays
        });
        for (key, (group, target)) in wanted {
            self.checks.entry(key).or_insert_with(|| {
                let task = plane.spawn(health::follow(plane.clone(), group, target.clone()));
                Check { target, task }
            });
        }
    }
}

/// The existing target, or a new one.
fn kept(plane: &Plane, group: &str, all: &[Arc<Target>], new: &config::Target) -> Arc<Target> {
    let old = all.iter().find(|old| old.is(new));
    old.cloned().unwrap_or_else(|| Arc::new(Target::new(group, new, plane.reports.clone())))
}

/// Removes targets; their open requests end by themselves.
fn retire(targets: &[Arc<Target>]) {
    for target in targets {
        target.down.store(true, SeqCst);
        target.pool.clear();
    }
}

/// The groups that rules name, at weight 0 too, and the load balancer of each.
fn named(config: &Config) -> HashMap<String, String> {
    let mut named = HashMap::new();
    for listener in &config.listeners {
        for rule in &listener.rules {
            if let Action::Forward { groups, .. } = &rule.action {
                for (arn, _) in groups {
                    named.insert(arn.clone(), listener.balancer.clone());
                }
            }
        }
    }
    named
}

/// A placeholder for a missing group: it has no targets.
fn absent(arn: &str) -> config::Group {
    config::Group {
        arn: arn.to_owned(),
        suffix: String::new(),
        protocol: config::Protocol::Http,
        is_http1: true,
        check: config::HealthCheck {
            enabled: false,
            protocol: config::Protocol::Http,
            port: None,
            path: "/".to_owned(),
            interval: std::time::Duration::from_secs(30),
            timeout: std::time::Duration::from_secs(5),
            healthy_threshold: 5,
            unhealthy_threshold: 2,
            matcher: "200".to_owned(),
        },
        slow_start: std::time::Duration::ZERO,
        stickiness: None,
        algorithm: config::Algorithm::RoundRobin,
        fail_open_below: 1,
        targets: Vec::new(),
    }
}
