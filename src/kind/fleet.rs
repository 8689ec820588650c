//! The seam between a rollout and a kind whose members carry a colour. A rollout uses a fleet only through
//! this trait, and finds it through the registry. The fleet does not decide when it changes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::Boxed;
use super::elbv2;
use super::operation::Operation;
use super::preflight::Finding;
use crate::address::Address;
use crate::cloud::Cloud;
use crate::facts::{Origin, Sizing};
use crate::state::Record;
use crate::value::{Object, Value};

mod standing;

pub use standing::{Member, Phase, Standing};

/// A reason, and the remedy.
pub type Refusal = (String, String);

/// One version of a launch source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Template {
    pub id: String,
    /// A number, or an alias (`$Latest`).
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

/// The pace at which a fleet's instances are replaced on the way back to a version.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Minimum percent of the capacity that stays in service, and maximum percent of it that exists.
    pub min_healthy: f64,
    pub max_healthy: f64,
    /// Whether an instance that already runs the version stays.
    pub skip_matching: bool,
}

impl Default for Pace {
    fn default() -> Self {
        Self { min_healthy: 90.0, max_healthy: 110.0, skip_matching: true }
    }
}

/// The attributes of a fleet's block that a deployment reads and writes.
#[derive(Debug)]
pub struct Shape {
    /// The attribute that names the launch source.
    pub source: &'static str,
    /// The attribute that lists its target groups.
    pub targets: &'static str,
    /// Minimum, maximum and wanted capacity.
    pub sizes: [&'static str; 3],
    /// The other attributes that decide what its members run, and so ship with a release.
    pub ships: &'static [&'static str],
    /// The values of a colour's fleet that its author does not declare.
    pub defaults: &'static [(&'static str, &'static str)],
}

/// The sizes of a fleet's inputs, by the names in its shape.
fn size(inputs: &Object, name: &str) -> Option<u32> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the schema bounds sizes")]
    inputs.get(name).and_then(Value::as_number).map(|size| size as u32)
}

/// A kind whose members carry a colour.
pub trait Fleet: Send + Sync {
    fn kind(&self) -> &'static str;

    /// The cloud's name for such a fleet: `Auto Scaling group`.
    fn noun(&self) -> &'static str;

    /// The word for its members: `instances`.
    fn members(&self) -> &'static str;

    /// The kind of its launch source.
    fn source(&self) -> &'static str;

    /// The kind through which its members get requests and are judged.
    fn targets(&self) -> &'static str;

    /// The attributes of its block that a deployment reads and writes.
    fn shape(&self) -> &'static Shape;

    /// Tells whether an attribute decides what its members run.
    fn is_launched(&self, attribute: &str) -> bool {
        let shape = self.shape();
        attribute == shape.source || shape.ships.contains(&attribute)
    }

    /// The minimum and maximum in these inputs.
    fn bounds(&self, inputs: &Object) -> Option<[u32; 2]> {
        let [min, max, _] = self.shape().sizes;
        Some([size(inputs, min)?, size(inputs, max)?])
    }

    /// The initial capacity in these inputs.
    fn wanted(&self, inputs: &Object) -> Option<u32> {
        let [min, _, desired] = self.shape().sizes;
        size(inputs, desired).or_else(|| size(inputs, min))
    }

    /// Returns the inputs with other sizes; `bounds` are the file's minimum and maximum, if they are known.
    fn sized(&self, mut inputs: Object, sizing: Sizing, bounds: Option<[u32; 2]>) -> Object {
        let names = self.shape().sizes;
        let [min_name, max_name, desired_name] = names;
        let now = |name: &str| inputs.get(name).and_then(Value::as_number).unwrap_or_default();
        let [least, most] = bounds.unwrap_or_default();
        let pinned = |n: u32| (now(min_name).max(n.max(least).into()), now(max_name).max(n.max(most).into()));
        let (min, max, desired) = match sizing {
            // Members on standby belong to the run that put them there.
            Sizing::Left | Sizing::Standby(_) => return inputs,
            Sizing::File => match bounds {
                None => return inputs,
                // A plan of the file corrects a maximum that is higher there now.
                Some([min, max]) => {
                    let desired = now(desired_name).max(min.into());
                    (min.into(), desired.max(max.into()), desired)
                }
            },
            Sizing::AtLeast(n) => {
                let (min, max) = pinned(n);
                (min, max, now(desired_name).max(n.into()))
            }
            Sizing::Raised(n) => {
                let (min, max) = pinned(n);
                (min, max, n.into())
            }
            Sizing::Empty => (0.0, 0.0, 0.0),
        };
        for (name, size) in names.into_iter().zip([min, max, desired]) {
            inputs.insert(name.to_owned(), Value::Number(size));
        }
        inputs
    }

    /// The version in these inputs that members are launched from, if it is known.
    fn launches(&self, inputs: &Object) -> Option<Template>;

    /// Returns the inputs with this version in place of the one that members are launched from.
    fn launching(&self, inputs: Object, version: &Template) -> Object;

    /// Maximum time for a member to come into service.
    fn ready_timeout(&self, inputs: &Object) -> Duration {
        match inputs.get("ready_timeout") {
            Some(Value::Duration(limit)) => *limit,
            _ => Duration::from_secs(600),
        }
    }

    /// Observes fleets by id; a missing fleet is left out.
    fn observe<'a>(&'a self, cloud: &'a Cloud, ids: &'a [&'a str]) -> Boxed<'a, BTreeMap<String, Standing>>;

    /// The inputs of the launch source with this record, as they were at an older version. `None` if it is at
    /// that version, or the version is gone.
    fn at_version<'a>(
        &'a self,
        cloud: &'a Cloud,
        version: &'a Template,
        source: &'a Record,
    ) -> Boxed<'a, Option<Object>>;

    /// The missing part of this version's launch source, in words; `None` if nothing is missing.
    fn gone<'a>(&'a self, cloud: &'a Cloud, version: &'a Template) -> Boxed<'a, Option<String>>;

    /// Waits until the wanted capacity is in service and every member is a healthy target.
    fn ready<'a>(&'a self, op: &'a Operation<'a>, id: &'a str, limit: Duration) -> Boxed<'a, ()>;

    /// Finds members in service that get no request, because somebody has taken them out of the fleet's
    /// target groups; the help is the command that puts them back. `None` if all are there.
    fn unregistered<'a>(
        &'a self,
        cloud: &'a Cloud,
        fleet: &'a Standing,
        at: &'a Address,
    ) -> Boxed<'a, Option<Finding>> {
        Box::pin(elbv2::health::unregistered(cloud, fleet, self.members(), at))
    }

    /// The reference's text about `adopt` for this fleet.
    fn adopts(&self) -> &'static str;

    /// The launch version of a fleet to adopt. Refused if its launch source is none that a deployment has, or
    /// other fleets use it too.
    fn adoptable<'a>(&'a self, cloud: &'a Cloud, fleet: &'a Standing)
    -> Boxed<'a, Result<Template, Refusal>>;

    /// Why adoption would launch or end members, from the live inputs and the file's.
    fn not_untouched(&self, fleet: &Standing, live: &Object, said: &Object) -> Option<Refusal>;

    /// Makes the fleet launch this version from now on, by id alone; running members stay.
    fn hold_at<'a>(&'a self, op: &'a Operation<'a>, id: &'a str, to: &'a Template) -> Boxed<'a, ()>;

    /// Schedules AWS to empty the fleet at this time, without a process of ours. A later call moves the time.
    fn retire_at<'a>(&'a self, op: &'a Operation<'a>, id: &'a str, at: Timestamp) -> Boxed<'a, ()>;

    /// The time at which the fleet is to be emptied, set by [`Fleet::retire_at`].
    fn retires<'a>(&'a self, cloud: &'a Cloud, id: &'a str) -> Boxed<'a, Option<Timestamp>>;

    /// Calls off [`Fleet::retire_at`].
    fn keep<'a>(&'a self, op: &'a Operation<'a>, id: &'a str) -> Boxed<'a, ()>;

    /// The fleet's replacement of members in place; `None` if it has none.
    fn replaced(&self) -> Option<&'static dyn Replaced> {
        None
    }

    /// The fleet's way to take members out of the traffic and back; `None` if it has none.
    fn rested(&self) -> Option<&'static dyn Rested> {
        None
    }

    /// The newest version of a launch source, from its record.
    fn newest(&self, _source: &Record) -> Option<Template> {
        None
    }

    /// The fleet's way to run a version once beside its members; `None` if it has none.
    fn runs(&self) -> Option<&'static dyn Runs> {
        None
    }

    /// Why no release can be given to running members (`strategy "in_place"`, a gate's `remote`), and the remedy;
    /// `None` if it can.
    fn keeps_to_itself(&self) -> Option<Refusal> {
        None
    }
}

/// One run of a version beside the members of a fleet.
#[derive(Debug)]
pub struct Job<'a> {
    /// The container whose command is another one.
    pub container: &'a str,
    pub command: &'a [String],
    /// Variables beside its own.
    pub environment: &'a [(String, String)],
    pub limit: Duration,
}

/// The end of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobEnd {
    Succeeded,
    /// Why not, with the exit code.
    Failed(String),
}

/// A fleet that can run a version once.
pub trait Runs: Send + Sync {
    /// The IAM actions that this needs.
    fn permissions(&self) -> &'static [&'static str];

    /// Runs the job where the members of a fleet with these inputs run, and waits for its end. A repeat of the same
    /// operation finds the run that was started.
    fn run<'a>(
        &'a self,
        op: &'a Operation<'a>,
        fleet: &'a Object,
        version: &'a Template,
        job: &'a Job<'a>,
    ) -> Boxed<'a, JobEnd>;
}

/// A fleet that replaces its instances itself, a few at a time. The way forward is an update of the resource;
/// these functions observe it and turn it round.
pub trait Replaced: Send + Sync {
    /// The block of its settings: `min_healthy`, `max_healthy`, `checkpoints`, `checkpoint_delay` and
    /// `auto_rollback`.
    fn block(&self) -> &'static str;

    /// The pace in these inputs.
    fn pace(&self, inputs: &Object) -> Pace;

    /// The progress of the replacement under way, in percent and in words; `None` if none is under way.
    fn under_way<'a>(&'a self, op: &'a Operation<'a>, id: &'a str) -> Boxed<'a, Option<(i32, String)>>;

    /// Cancels the replacement under way: instances stay as they are. Does not wait.
    fn cancel<'a>(&'a self, op: &'a Operation<'a>, id: &'a str) -> Boxed<'a, ()>;

    /// Turns round a replacement that goes forward. Does not wait.
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

    /// Time for which a new instance is not counted.
    fn warmup(&self, inputs: &Object) -> Duration;
}

/// A fleet whose instances can leave the traffic for a time and keep running.
pub trait Rested: Send + Sync {
    /// The attribute, and its value, that keeps instances of an older version.
    fn outdated(&self) -> (&'static str, &'static str);

    /// The attribute of the launch source that holds the startup script.
    fn script(&self) -> &'static str;

    /// The IAM actions that this needs.
    fn permissions(&self) -> &'static [&'static str];

    /// Takes instances out of the traffic, and waits until their requests have ended.
    fn enter<'a>(
        &'a self,
        op: &'a Operation<'a>,
        id: &'a str,
        ids: &'a BTreeSet<String>,
        limit: Duration,
    ) -> Boxed<'a, ()>;

    /// Brings these instances back, and waits until they are healthy targets.
    fn exit<'a>(
        &'a self,
        op: &'a Operation<'a>,
        id: &'a str,
        ids: &'a BTreeSet<String>,
        limit: Duration,
    ) -> Boxed<'a, ()>;

    /// Terminates the instances that are out of the traffic.
    fn end<'a>(&'a self, op: &'a Operation<'a>, id: &'a str, ids: &'a BTreeSet<String>) -> Boxed<'a, ()>;

    /// Raises the wanted number of instances to this, if it is lower.
    fn grow<'a>(&'a self, op: &'a Operation<'a>, id: &'a str, desired: i32) -> Boxed<'a, ()>;

    /// Makes the fleet launch this version from now on.
    fn pin<'a>(
        &'a self,
        op: &'a Operation<'a>,
        id: &'a str,
        inputs: &'a Object,
        to: &'a Template,
    ) -> Boxed<'a, ()>;

    /// Replaces these instances one after another.
    fn replace<'a>(
        &'a self,
        op: &'a Operation<'a>,
        id: &'a str,
        ids: &'a BTreeSet<String>,
        limit: Duration,
    ) -> Boxed<'a, ()>;
}
