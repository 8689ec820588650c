//! A release on its way: its stages, how far it is, and whether it goes on.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Colour, Deployment, Release};
use crate::value::format_duration;

/// One thing that a rollout does. They are done one after the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// A gate of this name is passed.
    Gate { name: String },
    /// The new colour is emptied of the release that it ran before.
    Empty,
    /// The new colour is raised and every one of its targets is healthy.
    Raise,
    /// An instance refresh brings the new release to the colour that carries the traffic.
    Refresh,
    /// The live colour's instances are given the new release by commands, at most this share of them,
    /// in percent, at a time.
    InPlace { batch: f64 },
    /// What the live colour launches from now on is of the new release.
    Pin,
    /// An instance refresh brings the release before back to the colour that carries the traffic.
    Restore,
    /// The preview rule sends to the new colour, or is taken away again.
    Preview { on: bool },
    /// So much of the traffic, in percent, goes to the new colour.
    Shift { new: u8 },
    /// Everything stays as it is for a while, watched by the gates `at = "shift"`.
    Hold {
        #[serde(with = "seconds")]
        time: Duration,
    },
    /// Requests that the old colour still has are answered.
    Settle,
    /// The old colour is emptied: after this time, by an Auto Scaling scheduled action; or, where a
    /// gate has to be passed first, right now.
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
    /// Its one word, as in the state.
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

    /// Whether it gives a colour its release: what the file says of it holds from then on.
    pub fn launches(&self) -> bool {
        matches!(self, Self::Raise | Self::Refresh | Self::Pin)
    }
}

/// Whether a rollout goes on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Course {
    #[default]
    Forward,
    /// `bgform pause`: it stays where it is until `promote` or `abort`.
    Paused,
    /// It goes back, for this reason; `asked` where somebody wanted it.
    Back {
        reason: String,
        #[serde(default)]
        asked: bool,
    },
    /// It failed for this reason and stays, as `on_failure = "hold"` says.
    Held { reason: String },
}

/// The strategy of a rollout that is the way back to the release before.
pub const BACK: &str = "rollback";

/// A release on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rollout {
    pub release: Release,
    pub to: Colour,
    /// The strategy's name, such as `canary`.
    pub strategy: String,
    /// Decided when it began; a later change of the file does not touch them.
    pub stages: Vec<Stage>,
    /// The stage that is under way; equal to their number when all are done.
    pub at: usize,
    /// How much of the current stage's time has been served.
    #[serde(with = "seconds", default)]
    pub served: Duration,
    /// Gates that were passed.
    pub passed: BTreeSet<String>,
    /// The irreversible gate that was begun last: what it does may be half done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun: Option<String>,
    /// The approvals that were given.
    #[serde(default)]
    pub approved: BTreeSet<String>,
    pub course: Course,
    /// What the live colour launched from before, where the release is to take its place there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    #[serde(default)]
    pub batches: Batches,
    /// Whether a stage that changes the live colour is being performed, or shown: what a run before
    /// it puts in order must not do the stage's work.
    #[serde(skip)]
    pub acting: bool,
}

/// A version of a launch template, by id and number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    pub template: String,
    pub version: String,
}

/// How far a release is that is given to running instances, by their ids.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Batches {
    /// They have it and are healthy.
    pub done: BTreeSet<String>,
    /// Taken out of traffic for it, or about to be.
    pub current: BTreeSet<String>,
    /// The commands have succeeded on all of the current ones.
    pub ran: bool,
    /// The capacity that was wanted before the current ones were taken out.
    pub desired: i32,
}

impl Rollout {
    /// One that has done nothing yet.
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
            acting: false,
        }
    }

    /// It goes on, and the time of the stage under way counts as served.
    pub fn promote(&mut self) {
        self.course = Course::Forward;
        self.served = Duration::MAX / 4;
    }

    pub fn stage(&self) -> Option<&Stage> {
        self.stages.get(self.at)
    }

    /// Whether a gate was passed, or begun where that cannot be taken back.
    pub fn has_reached(&self, gate: &str) -> bool {
        self.passed.contains(gate) || self.begun.as_deref() == Some(gate)
    }

    /// Whether nothing is left but to retire the old colour: the release is where it was to come.
    pub fn has_shipped(&self) -> bool {
        let retires = self.stages.iter().position(|stage| matches!(stage, Stage::Retire { .. }));
        retires.is_some_and(|retires| self.at >= retires)
    }

    /// Whether all traffic has moved, and the old colour only stands by until gates let it retire.
    pub fn waits_to_retire(&self, facts: &Deployment) -> bool {
        let holds = matches!(self.stage(), Some(Stage::Hold { .. }));
        holds && self.course == Course::Forward && !self.is_back() && facts.weight(self.to) == 100
    }

    /// Whether it goes back to the release before, as it ran then: what is in the file has no part in it.
    pub fn is_back(&self) -> bool {
        self.strategy == BACK
    }

    /// Whether the new colour has been given its release: before, it is as it was.
    pub fn has_raised(&self) -> bool {
        // On its way back the live colour is what it was.
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
