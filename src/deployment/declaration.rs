//! The own settings of a `deployment` block: release, strategy, gates. An evaluated block comes in; typed
//! settings go out. Makes no call.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use crate::diagnostic::{Mistake, Span};

/// A `deployment` without the kinds that it nests.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Declaration {
    pub release: String,
    pub on_failure: OnFailure,
    /// Seconds.
    pub settle: u64,
    pub strategy: Strategy,
    #[serde(default)]
    pub adopt: Option<BTreeMap<String, String>>,
    #[serde(default)]
    pub preview: Option<Preview>,
    #[serde(default)]
    pub gate: Vec<Gate>,
    /// The word for what runs in its fleets.
    #[serde(skip, default = "instances")]
    pub members: &'static str,
}

fn instances() -> &'static str {
    "instances"
}

impl Declaration {
    /// Checks for mistakes that no single attribute shows.
    pub fn check(&self, at: Span, mistakes: &mut Vec<Mistake>) {
        let mut wrong = |message: String, help: &str| {
            mistakes.push(
                Mistake::new("bgform::lang::does_not_fit", message).at(at, "this deployment").help(help),
            );
        };
        match self.adopt.as_ref().map(BTreeMap::len) {
            None | Some(1) => {}
            Some(0) => wrong(
                "`adopt` names nothing to adopt".to_owned(),
                "name the fleet that runs, or take it away",
            ),
            Some(_) => wrong(
                "`adopt` names several fleets".to_owned(),
                "name one of them: a deployment has one kind of fleet",
            ),
        }
        if let Strategy::Canary { steps, .. } = &self.strategy
            && (steps.is_empty() || steps.windows(2).any(|pair| pair[0] >= pair[1]))
        {
            wrong(
                "the steps of a canary rise".to_owned(),
                "write steps = [5%, 25%, 50%]; 100% is always the last",
            );
        }
        if let Strategy::Rolling { checkpoints, checkpoint_delay, .. } = &self.strategy {
            if checkpoints.windows(2).any(|pair| pair[0] >= pair[1]) {
                wrong(
                    "the checkpoints of a rolling strategy rise".to_owned(),
                    "write checkpoints = [20%, 50%]",
                );
            }
            if checkpoint_delay.is_some() && checkpoints.is_empty() {
                wrong(
                    "checkpoint_delay says how long to pause at checkpoints, and there are none".to_owned(),
                    "write checkpoints = [50%], or take checkpoint_delay away",
                );
            }
        }
        if let Strategy::InPlace { run, .. } = &self.strategy
            && run.is_empty()
        {
            wrong(
                "an in_place strategy runs nothing".to_owned(),
                "write run = [\"...\"], the commands of a release",
            );
        }
        let one_colour = self.strategy.keeps_colour();
        if one_colour && self.preview.is_some() {
            wrong(
                format!("strategy \"{}\" has no second colour to preview", self.strategy.name()),
                "take preview away, or write strategy \"blue_green\"",
            );
        }
        for gate in &self.gate {
            let before = matches!(gate.at, Moment::BeforeLaunch | Moment::BeforeShift);
            if one_colour && before && (gate.http.is_some() || gate.remote.is_some()) {
                wrong(
                    format!(
                        "gate \"{}\" asks the new release before any instance has it: \"{}\" gives it to those that \
                         carry the traffic",
                        gate.name,
                        self.strategy.name()
                    ),
                    "write at = \"after_shift\"",
                );
                continue;
            }
            if one_colour && gate.at == Moment::BeforeRetire {
                wrong(
                    format!(
                        "gate \"{}\" is passed before the old colour is retired, and strategy \"{}\" has none",
                        gate.name,
                        self.strategy.name()
                    ),
                    "write at = \"after_shift\", when every instance has the new release",
                );
            }
            match gate.checks() {
                1 => {}
                0 => wrong(
                    format!("gate \"{}\" checks nothing", gate.name),
                    "write one of http, alarm, metric, command, remote, task or approval in it",
                ),
                _ => wrong(
                    format!("gate \"{}\" checks more than one thing", gate.name),
                    "write a gate for each: a gate is passed or not",
                ),
            }
            if self.gate.iter().filter(|other| other.name == gate.name).count() > 1 {
                wrong(format!("there are two gates \"{}\"", gate.name), "give one of them another name");
            }
            if gate.metric.as_ref().is_some_and(|metric| metric.max.is_none() && metric.min.is_none()) {
                wrong(format!("the metric of gate \"{}\" has no bound", gate.name), "write max or min in it");
            }
            if gate.http.is_some() && gate.at == Moment::BeforeShift && self.preview.is_none() {
                wrong(
                    format!("gate \"{}\" cannot reach the new colour before the shift", gate.name),
                    "write preview { header = { \"X-Preview\" = \"next\" } }, so that a request can",
                );
            }
            if gate.at == Moment::Shift && gate.alarm.is_none() && gate.metric.is_none() {
                wrong(
                    format!("gate \"{}\" is checked all the time that weights move", gate.name),
                    "that is for alarms and metrics; another check stands at before_shift or after_shift",
                );
            }
        }
    }
}

impl Gate {
    /// Tells whether it has used all its attempts.
    pub fn is_exhausted(&self, attempts: u32) -> bool {
        self.http.as_ref().is_some_and(|http| attempts >= http.attempts)
    }

    /// The time between two checks.
    pub fn pause(&self) -> Duration {
        Duration::from_secs(self.http.as_ref().map_or(2, |http| http.interval.max(1)))
    }

    fn checks(&self) -> usize {
        let Self { http, alarm, metric, command, remote, task, approval, .. } = self;
        let given = [
            http.is_some(),
            alarm.is_some(),
            metric.is_some(),
            command.is_some(),
            remote.is_some(),
            task.is_some(),
            approval.is_some(),
        ];
        given.into_iter().filter(|given| *given).count()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    Rollback,
    Hold,
}

/// The way a release replaces another; times in seconds, shares in percent.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Strategy {
    BlueGreen {
        overlap: u64,
        min_healthy: f64,
        retire_after: u64,
    },
    Canary {
        steps: Vec<f64>,
        interval: u64,
        min_healthy: f64,
        retire_after: u64,
    },
    Linear {
        step: f64,
        interval: u64,
        min_healthy: f64,
        retire_after: u64,
    },
    Rolling {
        min_healthy: f64,
        max_healthy: f64,
        #[serde(default)]
        checkpoints: Vec<f64>,
        #[serde(default)]
        checkpoint_delay: Option<u64>,
    },
    InPlace {
        batch: f64,
        run: Vec<String>,
        timeout: u64,
    },
}

impl Strategy {
    pub fn name(&self) -> &'static str {
        match self {
            Self::BlueGreen { .. } => "blue_green",
            Self::Canary { .. } => "canary",
            Self::Linear { .. } => "linear",
            Self::Rolling { .. } => "rolling",
            Self::InPlace { .. } => "in_place",
        }
    }

    /// Tells whether a release replaces the old one in the colour that carries the traffic.
    pub fn keeps_colour(&self) -> bool {
        matches!(self, Self::Rolling { .. } | Self::InPlace { .. })
    }

    /// The percent of the new colour that must stay healthy while it has traffic.
    pub fn min_healthy(&self) -> f64 {
        match self {
            Self::BlueGreen { min_healthy, .. }
            | Self::Canary { min_healthy, .. }
            | Self::Linear { min_healthy, .. }
            | Self::Rolling { min_healthy, .. } => *min_healthy,
            Self::InPlace { batch, .. } => 100.0 - batch,
        }
    }

    /// The time that the old colour stands by.
    pub fn retire_after(&self) -> Duration {
        match self {
            Self::BlueGreen { retire_after, .. }
            | Self::Canary { retire_after, .. }
            | Self::Linear { retire_after, .. } => Duration::from_secs(*retire_after),
            // They leave no old colour; one that an earlier strategy left stands by for this time.
            Self::Rolling { .. } | Self::InPlace { .. } => Duration::from_secs(3600),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Preview {
    pub header: BTreeMap<String, String>,
}

/// The time at which a gate must pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    BeforeLaunch,
    BeforeShift,
    Shift,
    AfterShift,
    BeforeRetire,
    AfterRetire,
}

impl Moment {
    /// The name in a stack file.
    pub fn name(self) -> &'static str {
        match self {
            Self::BeforeLaunch => "before_launch",
            Self::BeforeShift => "before_shift",
            Self::Shift => "shift",
            Self::AfterShift => "after_shift",
            Self::BeforeRetire => "before_retire",
            Self::AfterRetire => "after_retire",
        }
    }
}

/// A condition that must hold before a rollout goes on; times in seconds.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Gate {
    pub name: String,
    pub at: Moment,
    pub irreversible: bool,
    pub timeout: u64,
    #[serde(default)]
    pub http: Option<Http>,
    #[serde(default)]
    pub alarm: Option<Alarm>,
    #[serde(default)]
    pub metric: Option<Metric>,
    #[serde(default)]
    pub command: Option<Vec<String>>,
    #[serde(default)]
    pub remote: Option<Vec<String>>,
    #[serde(default)]
    pub task: Option<Task>,
    #[serde(default)]
    pub approval: Option<Approval>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Http {
    #[serde(default)]
    pub host: Option<String>,
    pub path: String,
    pub status: u16,
    #[serde(default)]
    pub body: Option<String>,
    pub attempts: u32,
    pub interval: u64,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Alarm {
    pub names: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Metric {
    pub namespace: String,
    pub name: String,
    pub dimensions: BTreeMap<String, String>,
    pub statistic: String,
    pub period: u64,
    #[serde(default)]
    pub max: Option<f64>,
    #[serde(default)]
    pub min: Option<f64>,
}

/// One run of the new release, with another command.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Task {
    pub container: String,
    pub command: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Approval {
    pub message: String,
}
