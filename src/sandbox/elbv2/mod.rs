//! Elastic Load Balancing v2: load balancers, listeners, rules, target groups and their targets.

mod actions;
mod attributes;
mod authenticate;
mod certificates;
mod conditions;
mod config;
mod health_check;
mod known_attributes;
mod limits;
mod listeners;
mod load_balancers;
mod network;
mod placement;
mod resource;
mod rules;
mod tags;
mod target_calls;
mod target_groups;
pub mod targets;
#[cfg(test)]
mod tests;
mod tick;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::api::{Actions, Service, Shapes, Wire};
use super::state::{State, Tags};
pub use config::config;
pub use listeners::Listener;
pub use load_balancers::LoadBalancer;
pub use rules::Rule;
pub use target_groups::TargetGroup;
pub use tick::{reported, tick};

/// The state of Elastic Load Balancing, by ARN.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Elbv2 {
    pub load_balancers: IndexMap<String, LoadBalancer>,
    pub listeners: IndexMap<String, Listener>,
    /// The default rules of the listeners too.
    pub rules: IndexMap<String, Rule>,
    pub target_groups: IndexMap<String, TargetGroup>,
    /// Of all of these.
    pub tags: BTreeMap<String, Tags>,
}

/// Elastic Load Balancing v2.
pub static SERVICE: Service = Service {
    wire: Wire {
        name: "elbv2",
        signed: "elasticloadbalancing",
        namespace: "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/",
        ..Wire::QUERY
    },
    actions: ACTIONS,
    shapes: LazyLock::new(|| Shapes::parse(include_str!("shapes.txt"))),
    tick: Some(|state, _, now| tick(state, now)),
};

/// The calls, by name.
const ACTIONS: &[Actions] = &[
    attributes::ACTIONS,
    certificates::ACTIONS,
    limits::ACTIONS,
    listeners::ACTIONS,
    load_balancers::ACTIONS,
    placement::ACTIONS,
    rules::ACTIONS,
    tags::ACTIONS,
    target_calls::ACTIONS,
    target_groups::ACTIONS,
];

/// Tells whether a load balancer has this security group, so that it cannot be deleted.
pub fn in_use_by_load_balancer(state: &State, security_group: &str) -> bool {
    let mut groups = state.elbv2.load_balancers.values().flat_map(|one| &one.security_groups);
    groups.any(|group| group == security_group)
}

/// Tells whether a load balancer is in this subnet, so that it cannot be deleted.
pub fn placed_in(state: &State, subnet: &str) -> bool {
    state.elbv2.load_balancers.values().flat_map(|one| &one.subnets).any(|placed| placed.subnet == subnet)
}

/// Tells whether a load balancer, by the last part of its ARN (`app/edge/50dc`), has a rule that names this
/// target group, with any weight.
pub fn routes(state: &State, balancer: &str, group: &str) -> bool {
    state.elbv2.user_of(group).is_some_and(|user| user.arn.ends_with(&format!(":loadbalancer/{balancer}")))
}

/// Whether a rule of a load balancer names this target group.
pub fn is_used(state: &State, group: &str) -> bool {
    state.elbv2.user_of(group).is_some()
}

impl Elbv2 {
    /// The rules of a listener in the order of evaluation: by priority, the default rule last.
    fn rules_of(&self, listener: &str) -> Vec<&Rule> {
        let mut rules: Vec<&Rule> = self.rules.values().filter(|rule| rule.listener == listener).collect();
        rules.sort_by_key(|rule| rule.priority.unwrap_or(u32::MAX));
        rules
    }

    /// The only load balancer whose rules name a target group.
    fn user_of(&self, group: &str) -> Option<&LoadBalancer> {
        let rule = self.rules.values().find(|rule| rule.action.groups().any(|arn| arn == group))?;
        let listener = self.listeners.get(&rule.listener)?;
        self.load_balancers.get(&listener.load_balancer)
    }

    /// Forgets a listener with its rules and tags.
    fn forget_listener(&mut self, arn: &str) {
        self.listeners.shift_remove(arn);
        self.tags.remove(arn);
        let gone: Vec<String> =
            self.rules.values().filter(|rule| rule.listener == arn).map(|rule| rule.arn.clone()).collect();
        for rule in gone {
            self.rules.shift_remove(&rule);
            self.tags.remove(&rule);
        }
    }
}

/// The part of an ARN after the type of resource: `app/edge/50dc6c495c0c9188` of a load balancer.
fn suffix(arn: &str) -> &str {
    arn.rsplit(':').next().and_then(|resource| resource.split_once('/')).map_or(arn, |(_, rest)| rest)
}
