//! A fleet as last observed: its sizes and its members. Data and arithmetic; makes no call.

use std::collections::{BTreeMap, BTreeSet};

use super::Template;

/// The part of a member in the traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// On its way to serve.
    Coming,
    /// It takes traffic, healthy or not.
    Serving,
    /// Out of the traffic for a time, or on its way there or back.
    Resting,
    /// It is leaving the fleet.
    Leaving,
}

/// One member of a fleet: an instance, a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub id: String,
    /// Its id as a target of a target group.
    pub target: String,
    pub phase: Phase,
    /// The state in the API's terms, such as `InService` or `Pending:Wait`.
    pub state: String,
    /// The fleet's own view of its health.
    pub healthy: bool,
    /// The version that it was launched from, according to the fleet.
    pub template: Option<Template>,
    /// The units of the fleet's sizes that it counts for.
    pub units: i32,
    pub protected: bool,
}

impl Member {
    pub fn in_service(&self) -> bool {
        self.serves() && self.healthy
    }

    /// Tells whether it takes traffic, healthy or not.
    pub fn serves(&self) -> bool {
        self.phase == Phase::Serving
    }

    /// Tells whether it is out of the traffic for a time, or on its way there or back.
    pub fn on_standby(&self) -> bool {
        self.phase == Phase::Resting
    }

    /// Tells whether it is leaving the fleet.
    pub fn leaving(&self) -> bool {
        self.phase == Phase::Leaving
    }
}

/// Processes without which a fleet is not emptied: those of Auto Scaling, and scheduled scaling of Application Auto
/// Scaling.
const HALTING: [&str; 3] = ["Terminate", "ScheduledActions", "ScheduledScaling"];

/// A fleet as last observed: its sizes and its members.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    pub name: String,
    pub arn: String,
    /// Whether its deletion has begun; it then takes no more changes.
    pub deleting: bool,
    pub min: i32,
    pub max: i32,
    /// The currently wanted capacity, whoever set it.
    pub desired: i32,
    pub members: Vec<Member>,
    /// The version that new members are launched from.
    pub template: Option<Template>,
    /// Target group ARNs.
    pub target_groups: BTreeSet<String>,
    /// The names of the fleet's processes that are suspended.
    pub suspended: BTreeSet<String>,
}

impl Standing {
    /// The members with these ids.
    pub fn of<'a>(&'a self, ids: &'a BTreeSet<String>) -> impl Iterator<Item = &'a Member> {
        self.members.iter().filter(|member| ids.contains(&member.id))
    }

    /// The number of members that are in service and, according to the fleet, healthy.
    pub fn in_service(&self) -> usize {
        self.members.iter().filter(|member| member.in_service()).count()
    }

    /// The capacity of the in-service instances, in the units of the fleet's sizes.
    pub fn capacity_in_service(&self) -> i32 {
        self.members.iter().filter(|member| member.in_service()).map(|member| member.units).sum()
    }

    /// Tells whether the capacity in service is the wanted one, or as near as the fleet gets: it counts whole
    /// instances, keeps protected ones, and does nothing that a suspended process would do.
    pub fn settled(&self) -> bool {
        let capacity = self.capacity_in_service();
        let heaviest = self.members.iter().map(|member| member.units).max().unwrap_or(1);
        let kept = self.suspended.contains("Terminate") || self.members.iter().any(|member| member.protected);
        let launches = !self.suspended.contains("Launch");
        (capacity >= self.desired || !launches) && (kept || capacity - self.desired < heaviest)
    }

    /// The number of instances that are not leaving.
    pub fn running(&self) -> usize {
        self.members.iter().filter(|member| !member.leaving()).count()
    }

    /// Why its instances would stay if it were emptied, at once or by a schedule: `its process Terminate is
    /// suspended`.
    pub fn kept(&self) -> Option<String> {
        let halted = HALTING.into_iter().find(|name| self.suspended.contains(*name));
        let protected = self.members.iter().filter(|member| member.protected).count();
        match halted {
            Some(process) => Some(format!("its process {process} is suspended")),
            None => (protected > 0).then(|| format!("{protected} of them are protected from scale-in")),
        }
    }

    /// The number of instances for this capacity, at the units of its current instances: an instance may
    /// count several units.
    pub fn instances_for(&self, capacity: i32) -> u32 {
        let there = self.members.iter().filter(|member| !member.leaving());
        let (count, units) = there.fold((0, 0), |(count, units), member| (count + 1, units + member.units));
        let capacity = i64::from(capacity.max(0));
        let instances = match units {
            1.. => (capacity * count + i64::from(units) - 1) / i64::from(units),
            _ => capacity,
        };
        u32::try_from(instances).unwrap_or(u32::MAX)
    }

    /// A summary for a person who waits: `1 of 3 in service, 2 Pending`.
    pub fn summary(&self) -> String {
        let mut states: BTreeMap<&str, usize> = BTreeMap::new();
        for member in self.members.iter().filter(|member| !member.in_service()) {
            let state = if member.serves() { "unhealthy" } else { member.state.as_str() };
            *states.entry(state).or_default() += 1;
        }
        let rest: String = states.iter().map(|(state, count)| format!(", {count} {state}")).collect();
        format!("{} of {} in service{rest}", self.in_service(), self.instances_for(self.desired))
    }

    /// The version that the fleet is at: the pinned one, unless an instance still runs another template or an
    /// older version. Then it is that one, so that a plan finishes the work.
    pub fn stands_at(&self) -> Option<Template> {
        let pinned = self.template.clone()?;
        let behind = |one: &&Template| {
            one.id != pinned.id || one.number().zip(pinned.number()).is_some_and(|(is, pin)| is < pin)
        };
        let running = self.members.iter().filter(|member| !member.leaving());
        let oldest = running
            .filter_map(|member| member.template.as_ref())
            .filter(behind)
            .min_by_key(|one| one.number())
            .cloned();
        Some(oldest.unwrap_or(pinned))
    }
}
