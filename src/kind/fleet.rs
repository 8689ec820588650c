//! The seam between a rollout and the kind whose instances carry a colour. A rollout knows a fleet by
//! this trait alone and finds it through the registry. Decides nothing about when a fleet changes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::Boxed;
use super::operation::Operation;
use crate::cloud::Cloud;
use crate::facts::{Origin, Sizing};
use crate::state::Record;
use crate::value::Object;

/// A reason, and what to do.
pub type Refusal = (String, String);

/// One version of what instances are launched from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Template {
    pub id: String,
    /// A number, or what else the API was told (`$Latest`).
    pub version: String,
}

impl Template {
    /// The version's number, unless it is a `$` alias.
    pub fn number(&self) -> Option<u64> {
        self.version.parse().ok()
    }
}

impl From<&Origin> for Template {
    fn from(origin: &Origin) -> Self {
        Self { id: origin.template.clone(), version: origin.version.clone() }
    }
}

/// One instance of a fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub id: String,
    /// The state in the API's words, such as `InService` or `Pending:Wait`.
    pub state: String,
    /// The fleet's own view of its health.
    pub healthy: bool,
    /// The version that it was launched from, as the fleet says it.
    pub template: Option<Template>,
    /// How many units of the fleet's sizes it counts.
    pub units: i32,
    pub protected: bool,
}

impl Member {
    pub fn in_service(&self) -> bool {
        self.serves() && self.healthy
    }

    /// Whether it takes traffic, healthy or not.
    pub fn serves(&self) -> bool {
        self.state == "InService"
    }

    /// Whether it is on standby, or on its way there or back.
    pub fn on_standby(&self) -> bool {
        self.state.contains("Standby")
    }

    /// Whether it is on its way out of the fleet.
    pub fn leaving(&self) -> bool {
        ["Terminat", "Detach"].iter().any(|start| self.state.starts_with(start))
    }
}

/// A fleet as it was last seen: its sizes and its instances.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    pub name: String,
    pub arn: String,
    /// Deletion has begun: it takes no more changes.
    pub deleting: bool,
    pub min: i32,
    pub max: i32,
    /// The capacity wanted at the moment, whoever asked for it.
    pub desired: i32,
    pub members: Vec<Member>,
    /// The version that new instances are launched from.
    pub template: Option<Template>,
    /// Target group ARNs.
    pub target_groups: BTreeSet<String>,
    /// Whether the fleet ends instances that its target groups find unhealthy.
    pub judged_by_targets: bool,
    pub suspended: BTreeSet<String>,
    pub metrics: BTreeSet<String>,
    /// Keys and values, bgform's own included.
    pub tags: BTreeMap<String, String>,
    pub deletion_protection: Option<String>,
}

impl Standing {
    /// Those of the instances that have these ids.
    pub fn of<'a>(&'a self, ids: &'a BTreeSet<String>) -> impl Iterator<Item = &'a Member> {
        self.members.iter().filter(|member| ids.contains(&member.id))
    }

    /// How many instances are in service and, as far as the fleet knows, healthy.
    pub fn in_service(&self) -> usize {
        self.members.iter().filter(|member| member.in_service()).count()
    }

    /// The capacity that these instances are, in the units of the fleet's sizes.
    pub fn capacity_in_service(&self) -> i32 {
        self.members.iter().filter(|member| member.in_service()).map(|member| member.units).sum()
    }

    /// Whether the capacity in service is what is wanted, or as near to it as the fleet gets: it
    /// counts whole instances, keeps the protected ones, and a suspended process does nothing.
    pub fn settled(&self) -> bool {
        let capacity = self.capacity_in_service();
        let heaviest = self.members.iter().map(|member| member.units).max().unwrap_or(1);
        let kept = self.suspended.contains("Terminate") || self.members.iter().any(|member| member.protected);
        let launches = !self.suspended.contains("Launch");
        (capacity >= self.desired || !launches) && (kept || capacity - self.desired < heaviest)
    }

    /// How many instances are there, and are not on their way out.
    pub fn running(&self) -> usize {
        self.members.iter().filter(|member| !member.leaving()).count()
    }

    /// Why its instances would stay when it is emptied, at once or by a schedule: `its process Terminate is
    /// suspended`.
    pub fn kept(&self) -> Option<String> {
        let halted =
            ["Terminate", "ScheduledActions"].into_iter().find(|name| self.suspended.contains(*name));
        let protected = self.members.iter().filter(|member| member.protected).count();
        match halted {
            Some(process) => Some(format!("its process {process} is suspended")),
            None => (protected > 0).then(|| format!("{protected} of them are protected from scale-in")),
        }
    }

    /// How many instances have this capacity, as those that it has now have theirs: instance types may
    /// count several units each.
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

    /// What a person who waits wants to see: `1 of 3 in service, 2 Pending`.
    pub fn summary(&self) -> String {
        let mut states: BTreeMap<&str, usize> = BTreeMap::new();
        for member in self.members.iter().filter(|member| !member.in_service()) {
            let state = if member.state == "InService" { "unhealthy" } else { member.state.as_str() };
            *states.entry(state).or_default() += 1;
        }
        let rest: String = states.iter().map(|(state, count)| format!(", {count} {state}")).collect();
        format!("{} of {} in service{rest}", self.in_service(), self.instances_for(self.desired))
    }

    /// The version that the fleet stands at: that of its pin, unless an instance still runs
    /// another template or an older version; then that one, so that a plan finishes the work.
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

/// How a fleet is taken back to a version by replacing its instances.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Percent of the capacity that stays in service at least, and that there is at most.
    pub min_healthy: f64,
    pub max_healthy: f64,
    /// Whether an instance stays that runs the version already.
    pub skip_matching: bool,
}

impl Default for Pace {
    fn default() -> Self {
        Self { min_healthy: 90.0, max_healthy: 110.0, skip_matching: true }
    }
}

/// How a deployment writes the block of a fleet.
#[derive(Debug)]
pub struct Shape {
    /// The attribute that names what its instances are launched from.
    pub source: &'static str,
    /// The attribute that lists its target groups.
    pub targets: &'static str,
    /// Minimum, maximum and wanted number of instances.
    pub sizes: [&'static str; 3],
    /// What else decides what runs on its instances, and so ships with a release.
    pub ships: &'static [&'static str],
    /// What a colour's fleet has unless its author says otherwise.
    pub defaults: &'static [(&'static str, &'static str)],
}

/// A kind whose instances carry a colour.
pub trait Fleet: Send + Sync {
    fn kind(&self) -> &'static str;

    /// The cloud's name for one: `Auto Scaling group`.
    fn noun(&self) -> &'static str;

    /// The kind that its instances are launched from.
    fn source(&self) -> &'static str;

    /// The kind that its instances are reached and judged by.
    fn targets(&self) -> &'static str;

    /// The attributes of its block that a deployment reads and writes.
    fn shape(&self) -> &'static Shape;

    /// Whether an attribute decides what runs on its instances.
    fn is_launched(&self, attribute: &str) -> bool {
        let shape = self.shape();
        attribute == shape.source || shape.ships.contains(&attribute)
    }

    /// The minimum and maximum that inputs say.
    fn bounds(&self, inputs: &Object) -> Option<[u32; 2]>;

    /// How many instances the inputs ask for at first.
    fn wanted(&self, inputs: &Object) -> Option<u32>;

    /// Inputs with other sizes; `bounds` are the file's minimum and maximum, where they are known.
    fn sized(&self, inputs: Object, sizing: Sizing, bounds: Option<[u32; 2]>) -> Object;

    /// How long an instance may take to come into service.
    fn ready_timeout(&self, inputs: &Object) -> Duration;

    /// Fleets as they stand now, by id; one that is gone is left out.
    fn observe<'a>(&'a self, cloud: &'a Cloud, ids: &'a [&'a str]) -> Boxed<'a, BTreeMap<String, Standing>>;

    /// The inputs of the source, which has this record, as they were at an older version; none at the one that it
    /// stands at, or one that is gone.
    fn at_version<'a>(
        &'a self,
        cloud: &'a Cloud,
        version: &'a Template,
        source: &'a Record,
    ) -> Boxed<'a, Option<Object>>;

    /// What instances of this version are launched from and is gone, in words; none where it is there.
    fn gone<'a>(&'a self, cloud: &'a Cloud, version: &'a Template) -> Boxed<'a, Option<String>>;

    /// Waits until the wanted capacity is in service and every instance is a healthy target.
    fn ready<'a>(&'a self, op: &'a Operation<'a>, id: &'a str, limit: Duration) -> Boxed<'a, ()>;

    /// What `adopt` says of a fleet that is taken over, for the reference.
    fn adopts(&self) -> &'static str;

    /// What a fleet that is to be taken over launches; or why it cannot be: from nothing that a deployment
    /// knows, or it is not alone on that.
    fn adoptable<'a>(&'a self, cloud: &'a Cloud, fleet: &'a Standing)
    -> Boxed<'a, Result<Template, Refusal>>;

    /// Why a fleet that is to be taken over would launch or end instances: the inputs that it has, and those
    /// that the file says.
    fn not_untouched(&self, fleet: &Standing, live: &Object, said: &Object) -> Option<Refusal>;

    /// What is launched from now on is of this version, by id alone; no instance notices.
    fn hold_at<'a>(&'a self, op: &'a Operation<'a>, id: &'a str, to: &'a Template) -> Boxed<'a, ()>;

    /// AWS empties the fleet at this time, without a process of ours; again, it is another time.
    fn retire_at<'a>(&'a self, op: &'a Operation<'a>, id: &'a str, at: Timestamp) -> Boxed<'a, ()>;

    /// When the fleet is to be emptied, by [`Fleet::retire_at`].
    fn retires<'a>(&'a self, cloud: &'a Cloud, id: &'a str) -> Boxed<'a, Option<Timestamp>>;

    /// AWS does not empty the fleet any more.
    fn keep<'a>(&'a self, op: &'a Operation<'a>, id: &'a str) -> Boxed<'a, ()>;

    /// How instances are replaced in place; none where they cannot be.
    fn replaced(&self) -> Option<&'static dyn Replaced> {
        None
    }

    /// How instances are taken out of the traffic and back; none where they cannot be.
    fn rested(&self) -> Option<&'static dyn Rested> {
        None
    }
}

/// A fleet that replaces its instances itself, a few at a time. The way forward is an update of the
/// resource; these look at it and turn it round.
pub trait Replaced: Send + Sync {
    /// The block that says how: with `min_healthy`, `max_healthy`, `checkpoints`, `checkpoint_delay` and
    /// `auto_rollback`.
    fn block(&self) -> &'static str;

    /// The pace that the fleet's inputs say.
    fn pace(&self, inputs: &Object) -> Pace;

    /// How far it is in percent, and that in words; none where none is under way.
    fn under_way<'a>(&'a self, op: &'a Operation<'a>, id: &'a str) -> Boxed<'a, Option<(i32, String)>>;

    /// Ends it: instances stay as they are by then. Does not wait.
    fn cancel<'a>(&'a self, op: &'a Operation<'a>, id: &'a str) -> Boxed<'a, ()>;

    /// Turns one that goes forward round. Does not wait.
    fn turn_back<'a>(&'a self, op: &'a Operation<'a>, id: &'a str) -> Boxed<'a, ()>;

    /// The same, and waits until none is under way.
    fn turned_back<'a>(&'a self, op: &'a Operation<'a>, id: &'a str) -> Boxed<'a, ()>;

    /// Takes every instance back to a version, and waits.
    fn back<'a>(
        &'a self,
        op: &'a Operation<'a>,
        id: &'a str,
        inputs: &'a Object,
        to: &'a Template,
        pace: Pace,
    ) -> Boxed<'a, ()>;

    /// How long a new instance is not counted.
    fn warmup(&self, inputs: &Object) -> Duration;
}

/// A fleet whose instances can leave the traffic for a while and keep running.
pub trait Rested: Send + Sync {
    /// The attribute, and its value, by which instances of an older version stay.
    fn outdated(&self) -> (&'static str, &'static str);

    /// The attribute of what it launches from that holds the script which instances begin with.
    fn script(&self) -> &'static str;

    /// The IAM actions of all this.
    fn permissions(&self) -> &'static [&'static str];

    /// Takes instances out of the traffic, and waits until their requests have ended.
    fn enter<'a>(
        &'a self,
        op: &'a Operation<'a>,
        id: &'a str,
        ids: &'a BTreeSet<String>,
        limit: Duration,
    ) -> Boxed<'a, ()>;

    /// Brings them back, and waits until they are healthy targets.
    fn exit<'a>(
        &'a self,
        op: &'a Operation<'a>,
        id: &'a str,
        ids: &'a BTreeSet<String>,
        limit: Duration,
    ) -> Boxed<'a, ()>;

    /// Ends those that are out.
    fn end<'a>(&'a self, op: &'a Operation<'a>, id: &'a str, ids: &'a BTreeSet<String>) -> Boxed<'a, ()>;

    /// The fleet wants so many again, if it wants fewer.
    fn grow<'a>(&'a self, op: &'a Operation<'a>, id: &'a str, desired: i32) -> Boxed<'a, ()>;

    /// What is launched from now on is of this version.
    fn pin<'a>(
        &'a self,
        op: &'a Operation<'a>,
        id: &'a str,
        inputs: &'a Object,
        to: &'a Template,
    ) -> Boxed<'a, ()>;

    /// Replaces these instances, one after the other.
    fn replace<'a>(
        &'a self,
        op: &'a Operation<'a>,
        id: &'a str,
        ids: &'a BTreeSet<String>,
        limit: Duration,
    ) -> Boxed<'a, ()>;
}
