//! A rollout: its stages, its progress, and its course.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Colour, Deployment, Release};
use crate::value::format_duration;

/// A stage of a rollout. Stages run one after another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Passes the gate of this name.
    Gate { name: String },
    /// Empties the new colour of its earlier release.
    Empty,
    /// Raises the new colour until every one of its targets is healthy.
    Raise,
    /// An instance refresh brings the new release to the colour that carries the traffic.
    Refresh,
    /// Commands give the new release to the live colour's instances, at most this percent of them at a time.
    InPlace { batch: f64 },
    /// Makes the live colour launch the new release from now on.
    Pin,
    /// An instance refresh brings the earlier release back to the colour that carries the traffic.
    Restore,
    /// Adds the preview rule, which sends requests to the new colour, or removes it.
    Preview { on: bool },
    /// Gives the new colour this percent of the traffic.
    Shift { new: u8 },
    /// Leaves everything as it is for a time, watched by the gates `at = "shift"`.
    Hold {
        #[serde(with = "seconds")]
        time: Duration,
    },
    /// Waits until the requests under way in the old colour are answered.
    Settle,
    /// Empties the old colour: after this time, by an Auto Scaling scheduled action; or at once, if a gate
    /// must pass first.
    Retire {
        #[serde(with = "seconds")]
        after: Duration,
    },
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gate { name } => write!(f, "gate \"{name}\""),
            Self::Empty => f.write_str("empty"),
            Self::Raise => f.write_str("raise"),
            Self::Refresh => f.write_str("instance refresh"),
            Self::Restore => f.write_str("instance refresh back"),
            Self::InPlace { batch } => write!(f, "in place, {batch}% at a time"),
            Self::Pin => f.write_str("pin what is launched later"),
            Self::Preview { on: true } => f.write_str("preview"),
            Self::Preview { on: false } => f.write_str("end of the preview"),
            Self::Shift { new } => write!(f, "shift {new}%"),
            Self::Hold { time } => write!(f, "hold {}", format_duration(*time)),
            Self::Settle => f.write_str("settle"),
            Self::Retire { after } if after.is_zero() => f.write_str("retire"),
            Self::Retire { after } => write!(f, "retire in {}", format_duration(*after)),
        }
    }
}

impl Stage {
    /// Its word in the state.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Gate { .. } => "gate",
            Self::Empty => "empty",
            Self::Raise => "raise",
            Self::Refresh => "refresh",
            Self::InPlace { .. } => "in_place",
            Self::Pin => "pin",
            Self::Restore => "restore",
            Self::Preview { .. } => "preview",
            Self::Shift { .. } => "shift",
            Self::Hold { .. } => "hold",
            Self::Settle => "settle",
            Self::Retire { .. } => "retire",
        }
    }

    /// Tells whether it gives a colour its release: the colour follows the file from then on.
    pub fn launches(&self) -> bool {
        matches!(self, Self::Raise | Self::Refresh | Self::Pin)
    }
}

/// The course of a rollout.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Course {
    #[default]
    Forward,
    /// `bgform pause`: it stays where it is until `promote` or `abort`.
    Paused,
    /// It goes back for this reason; `asked` if somebody ordered it.
    Back {
        reason: String,
        #[serde(default)]
        asked: bool,
    },
    /// It failed for this reason and stays, since `on_failure = "hold"`.
    Held { reason: String },
}

/// The strategy of a rollout that is the way back to the release before.
pub const BACK: &str = "rollback";

/// A release under way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rollout {
    pub release: Release,
    pub to: Colour,
    /// The strategy's name, such as `canary`.
    pub strategy: String,
    /// Chosen when it began; a later change of the file does not affect them.
    pub stages: Vec<Stage>,
    /// The stage under way; the number of stages when all are done.
    pub at: usize,
    /// The served time of the current stage.
    #[serde(with = "seconds", default)]
    pub served: Duration,
    /// Gates that were passed.
    pub passed: BTreeSet<String>,
    /// The irreversible gate that was begun last: its effect may be half done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun: Option<String>,
    /// The approvals that were given.
    #[serde(default)]
    pub approved: BTreeSet<String>,
    pub course: Course,
    /// The launch source of the live colour before this release, if the release replaces another there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    #[serde(default)]
    pub batches: Batches,
    /// Whether the launch source has the release already, since a gate before the launch runs it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub registered: bool,
    /// Whether a stage that changes the live colour is being performed or shown. Preparations before it must
    /// not do the stage's work.
    #[serde(skip)]
    pub acting: bool,
}

/// A version of a launch template, by id and number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    pub template: String,
    pub version: String,
}

/// The progress of a release in place, by instance id.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Batches {
    /// Instances that have it and are healthy.
    pub done: BTreeSet<String>,
    /// Instances out of traffic for it, or about to be.
    pub current: BTreeSet<String>,
    /// Whether the commands have succeeded on all current instances.
    pub ran: bool,
    /// The wanted capacity before the current instances were taken out.
    pub desired: i32,
}

impl Rollout {
    /// A rollout that has not begun.
    pub fn new(release: Release, to: Colour, strategy: &str, stages: Vec<Stage>) -> Self {
        Self {
            release,
            to,
            strategy: strategy.to_owned(),
            stages,
            at: 0,
            served: Duration::ZERO,
            passed: BTreeSet::new(),
            begun: None,
            approved: BTreeSet::new(),
            course: Course::Forward,
            origin: None,
            batches: Batches::default(),
            registered: false,
            acting: false,
        }
    }

    /// Continues the rollout; the time of the stage under way counts as served.
    pub fn promote(&mut self) {
        self.course = Course::Forward;
        self.served = Duration::MAX / 4;
    }

    pub fn stage(&self) -> Option<&Stage> {
        self.stages.get(self.at)
    }

    /// Tells whether a gate was passed, or begun if it is irreversible.
    pub fn has_reached(&self, gate: &str) -> bool {
        self.passed.contains(gate) || self.begun.as_deref() == Some(gate)
    }

    /// Tells whether only the retirement of the old colour is left: the release has arrived.
    pub fn has_shipped(&self) -> bool {
        let retires = self.stages.iter().position(|stage| matches!(stage, Stage::Retire { .. }));
        retires.is_some_and(|retires| self.at >= retires)
    }

    /// Tells whether all traffic has moved, and the old colour stands by until gates let it retire.
    pub fn waits_to_retire(&self, facts: &Deployment) -> bool {
        let holds = matches!(self.stage(), Some(Stage::Hold { .. }));
        holds && self.course == Course::Forward && !self.is_back() && facts.weight(self.to) == 100
    }

    /// Tells whether it goes back to the earlier release as it ran then, whatever the file says.
    pub fn is_back(&self) -> bool {
        self.strategy == BACK
    }

    /// Tells whether the new colour has been given its release; before that it is unchanged.
    pub fn has_raised(&self) -> bool {
        // On its way back the live colour has its earlier release.
        if self.origin.is_some() && matches!(self.course, Course::Back { .. }) {
            return false;
        }
        let past = self.stages.iter().take(self.at).any(Stage::launches);
        past || self.stage().is_some_and(|stage| *stage == Stage::Raise || (stage.launches() && self.acting))
    }
}

pub(super) mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(time.as_secs_f64())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
