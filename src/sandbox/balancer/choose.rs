//! Which group of a forward action, and which of its targets.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use hyper::header::HeaderMap;
use rand::Rng;

use super::config::{Algorithm, Stickiness};
use super::cookies;
use super::groups::{Group, Members, Open, Target};
use super::plane::Plane;

/// A forward action.
#[derive(Debug)]
pub struct Forward {
    pub groups: Vec<(Arc<Group>, u32)>,
    pub stickiness: Option<Duration>,
}

impl Forward {
    /// Chooses a group by weight; `None` if no group has weight, which an ALB answers with 503.
    pub fn by_weight(&self) -> Option<&Arc<Group>> {
        if let [(group, weight)] = self.groups.as_slice() {
            return (*weight > 0).then_some(group);
        }
        let total: u64 = self.groups.iter().map(|(_, weight)| u64::from(*weight)).sum();
        if total == 0 {
            return None;
        }
        self.at(rand::rng().random_range(0..total))
    }

    /// The group of a passed-through connection: by weight, and with stickiness the same for all connections
    /// from one address. AWS does not document how it chooses.
    pub fn of_connection(&self, client: IpAddr) -> Option<&Arc<Group>> {
        let total: u64 = self.groups.iter().map(|(_, weight)| u64::from(*weight)).sum();
        match self.stickiness {
            Some(_) if total > 0 => self.at(spread(client) % total),
            _ => self.by_weight(),
        }
    }

    fn at(&self, mut at: u64) -> Option<&Arc<Group>> {
        self.groups.iter().find_map(|(group, weight)| match at.checked_sub(u64::from(*weight)) {
            Some(rest) => {
                at = rest;
                None
            }
            None => Some(group),
        })
    }

    /// The group in the client's cookie, otherwise by weight. A cookie takes precedence over weights, even 0:
    /// that is stickiness at the group level.
    pub fn group(&self, headers: &HeaderMap, plane: &Plane) -> Option<&Arc<Group>> {
        let kept = self.stickiness.and_then(|_| cookies::holds(headers, cookies::GROUP, &plane.clock));
        let kept = kept.and_then(|mark| self.groups.iter().find(|(group, _)| group.mark == mark));
        kept.map(|(group, _)| group).or_else(|| self.by_weight())
    }
}

/// Opens a request at a target of the group: the one in the client's cookie, otherwise by the group's
/// algorithm. `None` if no registered target could serve.
pub fn target(group: &Group, headers: &HeaderMap, plane: &Plane) -> Option<Open> {
    first_open(group, |members| kept(members, headers, plane).or_else(|| any(group, members, plane)))
}

/// The same for a connection that is passed through.
pub fn target_of(group: &Group, client: IpAddr, plane: &Plane) -> Option<Open> {
    first_open(group, |members| match members.config.stickiness {
        Some((Stickiness::SourceIp, _)) => {
            members.usable.get(spread(client) as usize % members.usable.len().max(1))
        }
        _ => any(group, members, plane),
    })
}

/// A number for an address; those of neighbours are far apart.
fn spread(client: IpAddr) -> u64 {
    let bits = match client {
        IpAddr::V4(client) => u128::from(client.to_bits()),
        IpAddr::V6(client) => client.to_bits(),
    };
    (bits.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 7) as u64
}

fn first_open(group: &Group, pick: impl Fn(&Members) -> Option<&Arc<Target>>) -> Option<Open> {
    loop {
        // A target that began to drain since it was listed is not listed any more soon.
        let open = pick(&group.members())?.open();
        if open.is_some() {
            return open;
        }
        std::thread::yield_now();
    }
}

fn kept<'a>(members: &'a Members, headers: &HeaderMap, plane: &Plane) -> Option<&'a Arc<Target>> {
    let (stickiness, _) = members.config.stickiness.as_ref()?;
    let name = match stickiness {
        Stickiness::Balancer => cookies::TARGET,
        Stickiness::Application(name) => {
            cookies::find(headers, name)?;
            cookies::APPLICATION
        }
        Stickiness::SourceIp => return None,
    };
    let mark = cookies::holds(headers, name, &plane.clock)?;
    members.usable.iter().find(|target| target.mark == mark)
}

fn any<'a>(group: &Group, members: &'a Members, plane: &Plane) -> Option<&'a Arc<Target>> {
    let usable = &members.usable;
    if usable.len() <= 1 {
        return usable.first();
    }
    let turn = group.turn.fetch_add(1, Relaxed);
    match members.config.algorithm {
        Algorithm::LeastOutstandingRequests => {
            let (late, early) = usable.split_at(turn % usable.len());
            early.iter().chain(late).min_by_key(|target| target.in_flight())
        }
        Algorithm::WeightedRandom => usable.get(rand::rng().random_range(0..usable.len())),
        Algorithm::RoundRobin if members.config.slow_start.is_zero() => usable.get(turn % usable.len()),
        Algorithm::RoundRobin => ramped(members, turn, plane.clock.monotonic()),
    }
}

/// Round robin while targets are in slow start: their share rises linearly.
fn ramped(members: &Members, turn: usize, now: Duration) -> Option<&Arc<Target>> {
    let share = |target: &Arc<Target>| target.share(now, members.config.slow_start);
    let total: u64 = members.usable.iter().map(share).sum();
    if total == members.usable.len() as u64 * 1000 {
        return members.usable.get(turn % members.usable.len());
    }
    let mut at = rand::rng().random_range(0..total.max(1));
    members.usable.iter().find(|target| match at.checked_sub(share(target)) {
        Some(rest) => {
            at = rest;
            false
        }
        None => true,
    })
}
