//! Security groups and their rules.

mod change;
mod groups;
mod rules;
mod show;
#[cfg(test)]
mod tests;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::super::api::{Actions, Refusal};
use super::super::state::{State, new_id};
use super::super::{ecs, elbv2};
use super::{InstanceState, ids};
pub use rules::{Rule, Source, no_name};

/// The calls about security groups and their rules, by name.
pub const ACTIONS: Actions = &[
    ("CreateSecurityGroup", groups::create_security_group),
    ("DeleteSecurityGroup", groups::delete_security_group),
    ("DescribeSecurityGroups", show::describe_security_groups),
    ("DescribeSecurityGroupRules", show::describe_security_group_rules),
    ("AuthorizeSecurityGroupIngress", |call| change::authorize(call, false)),
    ("AuthorizeSecurityGroupEgress", |call| change::authorize(call, true)),
    ("RevokeSecurityGroupIngress", |call| change::revoke(call, false)),
    ("RevokeSecurityGroupEgress", |call| change::revoke(call, true)),
    ("ModifySecurityGroupRules", change::modify_security_group_rules),
    ("UpdateSecurityGroupRuleDescriptionsIngress", |call| change::describe_anew(call, false)),
    ("UpdateSecurityGroupRuleDescriptionsEgress", |call| change::describe_anew(call, true)),
];

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SecurityGroup {
    pub id: String,
    pub name: String,
    pub description: String,
    pub vpc: String,
    /// By rule id.
    pub rules: IndexMap<String, Rule>,
}

impl SecurityGroup {
    fn new(name: &str, description: &str, vpc: &str) -> Self {
        let mut group = Self {
            id: new_id("sg"),
            name: name.to_owned(),
            description: description.to_owned(),
            vpc: vpc.to_owned(),
            rules: IndexMap::new(),
        };
        // Every new group lets everything out (API_CreateSecurityGroup).
        group.add(Rule::all(true, Source::Ipv4("0.0.0.0/0".to_owned())));
        group
    }

    /// Adds a rule; its id.
    fn add(&mut self, rule: Rule) -> String {
        let id = rule.id.clone();
        self.rules.insert(id.clone(), rule);
        id
    }
}

/// Puts in a VPC's default group: its members may talk to each other, and to everybody outside.
pub fn furnish(state: &mut State, vpc: &str) {
    let mut group = SecurityGroup::new("default", "default VPC security group", vpc);
    group.add(Rule::all(false, Source::Group(group.id.clone())));
    state.ec2.security_groups.insert(group.id.clone(), group);
}

pub fn default_of<'a>(state: &'a State, vpc: &str) -> Option<&'a SecurityGroup> {
    named(state, vpc, "default")
}

pub fn named<'a>(state: &'a State, vpc: &str, name: &str) -> Option<&'a SecurityGroup> {
    state.ec2.security_groups.values().find(|group| group.vpc == vpc && group.name == name)
}

/// A group by its id: `InvalidGroup.NotFound`, or `InvalidGroupId.Malformed` if the id is malformed.
pub fn get<'a>(state: &'a State, id: &str) -> Result<&'a SecurityGroup, Refusal> {
    state.ec2.security_groups.get(id).ok_or_else(|| ids::refused("sg", id))
}

/// The instances that are members of a group, without terminated ones.
pub fn users<'a>(state: &'a State, id: &'a str) -> impl Iterator<Item = &'a str> {
    let alive = state.ec2.instances.values().filter(|instance| instance.state != InstanceState::Terminated);
    alive
        .filter(move |instance| instance.security_groups.iter().any(|group| group == id))
        .map(|one| one.id.as_str())
}

/// Tells whether something holds a group: a member, a load balancer, a rule of another group.
fn in_use(state: &State, id: &str) -> bool {
    let named = |group: &SecurityGroup| {
        let mut sources = group.rules.values().map(|rule| &rule.source);
        group.id != id && sources.any(|source| matches!(source, Source::Group(other) if other == id))
    };
    users(state, id).next().is_some()
        || elbv2::in_use_by_load_balancer(state, id)
        || ecs::uses_group(state, id)
        || state.ec2.security_groups.values().any(named)
}
