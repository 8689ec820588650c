//! Takes rollouts through their stages. A stack, its journal and the intents of a plan come in. Each stage
//! ([`super::stage`]) enters its facts, makes the resources agree with them, and waits for its effects. The
//! journal has a rollout's progress before the next stage begins, so that a run that was cut short goes on
//! from there.

mod agree;
pub mod announced;
mod attend;
mod back;
mod fleet;
mod gates;
mod hold;
mod quiet;
mod watched;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use announced::{Announced, Unannounced};

use super::decide::{Intent, What};
use super::mailbox::{Mailbox, Message};
use super::records;
use super::seen;
use super::stage::{Act, Acts, Setting};
use super::verify::{Effect, Point};
use crate::address::Address;
use crate::apply::{Done, StepError};
use crate::cloud::Cloud;
use crate::cloud::error::Error;
use crate::deployment::declaration::Declaration;
use crate::facts::{Colour, Course, Deployment, Origin, Retirement, Rollout, Sizing, Stage};
use crate::kind::operation::Reporter;
use crate::kind::shutdown::Shutdown;
use crate::plan::PlanError;
use crate::stack::{Known, View};
use crate::state::{Change, Entry, Journal, StateError};
use crate::terminal::about;

pub use attend::{beside, run};
pub use watched::Stop;

/// The interval at which a wait checks its condition.
pub(super) const LOOK: Duration = Duration::from_secs(1);

/// The context in which rollouts are carried out.
pub struct Run<'a> {
    pub cloud: &'a Cloud,
    pub program: &'a View<'a>,
    pub journal: &'a Journal,
    pub reporter: &'a dyn Reporter,
    pub shutdown: &'a Shutdown,
    pub mailbox: &'a Mailbox,
    /// The changes that stages have made.
    pub made: &'a Mutex<Vec<Done>>,
    /// The lineage of the state, as operations name it.
    pub lineage: &'a str,
    pub parallelism: usize,
    /// The known facts of resources outside a deployment.
    pub known: &'a Known,
    /// Whether resources are planned from the records of the state alone, for a program without variables.
    pub from_records: bool,
    /// The acts of the stages.
    pub acts: Acts<'a>,
}

/// The end or current status of a rollout.
#[derive(Debug)]
pub struct Ended {
    pub name: String,
    pub end: End,
    /// The traffic by release, `1.0 on blue 75%, 2.0 on green 25%`: read from the router after an unwanted
    /// end, if it can be read; otherwise from the state.
    pub traffic: String,
    /// The gate without a way back that the release under way has passed.
    pub closed: Option<String>,
}

impl Ended {
    pub async fn of(run: &Run<'_>, name: &str, end: End) -> Self {
        let snapshot = run.journal.snapshot();
        let live = match end.has_failed() {
            true => seen::shares(run.cloud, &snapshot, name).await.ok().flatten(),
            false => None,
        };
        let facts = snapshot.deployments.get(name).cloned().unwrap_or_default();
        let closed = facts.closed_by().cloned();
        Self { name: name.to_owned(), end, traffic: records::traffic(&snapshot, name, &facts, live), closed }
    }
}

#[derive(Debug)]
pub enum End {
    Shipped {
        release: String,
        colour: Colour,
        retires: Option<Retirement>,
    },
    /// The traffic is on the old colour, `1.0 on blue`; `None` at a first release.
    WentBack {
        release: String,
        reason: String,
        stands: Option<String>,
    },
    /// The standby colour was emptied before its time, or was already empty.
    Retired {
        release: String,
        colour: Colour,
        was_empty: bool,
    },
    /// The live release was applied in its place.
    GivenUp {
        release: String,
        stands: String,
    },
    /// The rollout failed and stays as it is; `on_failure = "hold"`.
    Held {
        release: String,
        reason: String,
    },
    /// The rollout was cut short; the next apply continues it.
    Interrupted {
        release: String,
    },
    /// The rollout was not begun or continued, because a resource that it needs was not made.
    Waits {
        release: String,
        needs: Address,
    },
    /// The way back failed too.
    Stuck {
        release: String,
        error: Failure,
    },
}

impl End {
    /// Tells whether the rollout failed. One that was cut short may still succeed.
    pub fn has_failed(&self) -> bool {
        match self {
            Self::Shipped { .. } | Self::GivenUp { .. } | Self::Retired { .. } | Self::Interrupted { .. } => {
                false
            }
            Self::WentBack { .. } | Self::Held { .. } | Self::Waits { .. } | Self::Stuck { .. } => true,
        }
    }
}

/// Why a stage failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("`{address}`: {error}")]
    Step { address: Address, error: StepError },
    #[error("{0}")]
    Plan(Box<PlanError>),
    #[error("{0}")]
    State(#[from] StateError),
    #[error("{0}")]
    Cloud(#[from] Error),
    #[error("gate \"{gate}\" did not pass: {reason}")]
    Gate { gate: String, reason: String },
    #[error("{colour} is not healthy under its share of the traffic: {reason}")]
    Unhealthy { colour: Colour, reason: String },
    #[error("{reason}; they come from another rule, or from a client that uses its address directly")]
    Stray { colour: Colour, reason: String },
    #[error("{running} instances still run, and none should: {reason}")]
    Kept { colour: Colour, running: usize, reason: String },
    #[error("{reason}")]
    Asked { reason: String },
    /// A stage that was begun continues on its way back.
    #[error("{reason}")]
    Resumed { reason: String },
    #[error(
        "somebody has changed the weights of `{address}`: {colour} has {found}% and should have {planned}%; it was \
         left as it is"
    )]
    Moved { address: Address, colour: Colour, found: u8, planned: u8 },
    /// The code differs from the effects that the proof was made from.
    #[error("{0}. The change was not made. This is a bug in bgform")]
    Unannounced(#[from] Unannounced),
    #[error("interrupted")]
    Interrupted,
}

impl Failure {
    /// Tells whether it failed because credentials have expired.
    pub fn is_locked_out(&self) -> bool {
        match self {
            Self::Step { error, .. } => error.is_locked_out(),
            Self::Plan(error) => matches!(&**error, PlanError::Read { error, .. } if error.is_locked_out()),
            Self::Cloud(error) => error.is_locked_out(),
            _ => false,
        }
    }
}

/// Leads one rollout to its end.
async fn one(run: &Run<'_>, intent: &Intent) -> Option<Ended> {
    let name = intent.name.clone();
    let rolling = Rolling::new(run, &name, &intent.declaration);
    let release = intent.facts.rollout.as_ref()?.release.label.clone();
    let (address, clock) = (Address::new("deployment", &name), &run.cloud.clock);
    let began = clock.monotonic();
    run.reporter.began(&address, "ship");
    let end = match rolling.to_the_end(&release).await {
        // The file asked for that way back.
        End::WentBack { release, stands: Some(stands), .. } if intent.what == What::GiveUp => {
            End::GivenUp { release, stands }
        }
        end => end,
    };
    match &end {
        End::Shipped { .. } | End::GivenUp { .. } | End::Retired { .. } => {
            run.reporter.done(&address, "ship", clock.monotonic().saturating_sub(began))
        }
        End::WentBack { reason, .. } | End::Held { reason, .. } => {
            run.reporter.failed(&address, "ship", reason);
        }
        End::Interrupted { .. } => run.reporter.failed(&address, "ship", "interrupted"),
        End::Waits { needs, .. } => run.reporter.failed(&address, "ship", &format!("waits for {needs}")),
        End::Stuck { error, .. } => run.reporter.failed(&address, "ship", &error.to_string()),
    }
    Some(Ended::of(run, &name, end).await)
}

/// A deployment under way.
pub struct Rolling<'a> {
    pub run: &'a Run<'a>,
    pub name: &'a str,
    pub declaration: &'a Declaration,
    /// The facts last handed to the journal. The journal shows them only once they are on disk, and a change
    /// meanwhile must start from them.
    latest: Mutex<Option<Deployment>>,
    /// The changes that the stage under way may make.
    announced: Mutex<Announced>,
}

impl<'a> Rolling<'a> {
    pub fn new(run: &'a Run<'a>, name: &'a str, declaration: &'a Declaration) -> Self {
        Self { run, name, declaration, latest: Mutex::default(), announced: Mutex::default() }
    }
}

impl Rolling<'_> {
    pub async fn to_the_end(&self, release: &str) -> End {
        let failure = loop {
            let Some((_, rollout)) = self.rollout() else { return self.shipped(release) };
            match &rollout.course {
                Course::Back { reason, asked: true } => break Failure::Asked { reason: reason.clone() },
                Course::Back { reason, asked: false } => break Failure::Resumed { reason: reason.clone() },
                _ => {}
            }
            let Some(stage) = rollout.stage().cloned() else {
                // The release has kept every promise here: a failed call is no reason to go back.
                return match self.finish(rollout.to).await {
                    Ok(()) => self.shipped(release),
                    Err(Failure::Interrupted) => End::Interrupted { release: release.to_owned() },
                    Err(error) => End::Stuck { release: release.to_owned(), error },
                };
            };
            if self.run.shutdown.is_draining() {
                return End::Interrupted { release: release.to_owned() };
            }
            self.run.reporter.entered(&Address::new("deployment", self.name), &stage);
            match self.enter(&stage, rollout.course).await {
                Ok(()) => {}
                Err(Failure::Interrupted) => return End::Interrupted { release: release.to_owned() },
                Err(failure) => break failure,
            }
            if let Err(error) = self
                .change(|_, rollout| {
                    rollout.at += 1;
                    rollout.served = Duration::ZERO;
                })
                .await
            {
                break Failure::State(error);
            }
        };
        self.failed(release, failure).await
    }

    /// Runs a stage once nothing holds the rollout: a paused rollout waits here, and the failed stage of a
    /// held one is tried again.
    async fn enter(&self, stage: &Stage, course: Course) -> Result<(), Failure> {
        self.heed().await?;
        match (course, stage) {
            (Course::Held { reason }, _) => {
                self.tell(&format!("was held ({reason}); that step is tried again"));
                self.change(|_, rollout| rollout.course = Course::Forward).await?;
            }
            // These stages wait themselves.
            (_, Stage::Hold { .. } | Stage::Settle) => {}
            _ => self.hold(Duration::ZERO, false).await?,
        }
        self.perform(stage.word(), &*(self.run.acts)(stage)).await
    }

    /// Performs a stage, and only the effects that it has announced.
    pub async fn perform(&self, stage: &str, act: &dyn Act) -> Result<(), Failure> {
        let Some((facts, rollout)) = self.rollout() else { return Ok(()) };
        let effects = act.effects(&self.setting(&facts, &rollout), &Point::of(&facts));
        self.announce(stage, effects);
        act.perform(self).await
    }

    /// Allows only these changes from now on, in this order.
    pub fn announce(&self, stage: &str, effects: Vec<Effect>) {
        let announced = Announced::new(stage, effects, self.facts());
        *self.announced.lock().unwrap_or_else(PoisonError::into_inner) = announced;
    }

    /// Asks the announcement of the stage under way.
    fn of_announced<T>(&self, ask: impl FnOnce(&mut Announced) -> T) -> T {
        ask(&mut self.announced.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Records that an effect that a stage waited for has come about.
    pub fn is_so(&self, effect: Effect) {
        self.of_announced(|announced| announced.is_so(effect));
    }

    /// Lets a stage go on without an effect that is not possible now.
    pub fn puts_off(&self, effect: Effect) {
        self.of_announced(|announced| announced.puts_off(effect));
    }

    /// The rollout as its stages see it.
    pub fn setting<'b>(&'b self, facts: &'b Deployment, rollout: &'b Rollout) -> Setting<'b> {
        Setting { declaration: self.declaration, facts, rollout, capacity: None, acts: self.run.acts }
    }

    /// The colour that had the traffic before, beside the new one.
    pub fn old(&self) -> Option<Colour> {
        let (facts, rollout) = self.rollout()?;
        facts.live.filter(|live| *live != rollout.to)
    }

    /// The live colour and its launch source before a release began to replace it there.
    pub fn origin(&self) -> Option<(Colour, Origin)> {
        let (_, rollout) = self.rollout()?;
        rollout.origin.map(|origin| (rollout.to, origin))
    }

    /// Ends a rollout after all its stages: the new colour's size is left to its policies.
    async fn finish(&self, to: Colour) -> Result<(), Failure> {
        self.announce("the end", vec![Effect::Freed(to)]);
        // After a way back, the size of the live colour stays pinned until the other is retired.
        let is_back = self.rollout().is_some_and(|(_, rollout)| rollout.is_back());
        self.change(|facts, _| {
            if !is_back {
                facts.size(to, Sizing::File);
            }
            facts.shift(to, 100);
        })
        .await?;
        self.agree(&self.groups()).await?;
        Ok(self.change_facts(Deployment::arrived).await?)
    }

    pub fn facts(&self) -> Deployment {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone();
        latest.unwrap_or_else(|| {
            self.run.journal.snapshot().deployments.get(self.name).cloned().unwrap_or_default()
        })
    }

    pub fn rollout(&self) -> Option<(Deployment, Rollout)> {
        let facts = self.facts();
        let rollout = facts.rollout.clone()?;
        Some((facts, rollout))
    }

    pub async fn keep(&self, facts: Deployment) -> Result<(), StateError> {
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(facts.clone());
        let change = Change::Deployment { name: self.name.to_owned(), facts: Some(Box::new(facts)) };
        self.run.journal.append(Entry::Fact { change }).await
    }

    /// Changes the facts and records them.
    pub async fn change_facts(&self, change: impl FnOnce(&mut Deployment)) -> Result<(), StateError> {
        let mut facts = self.facts();
        change(&mut facts);
        self.keep(facts).await
    }

    /// Changes the facts of the rollout under way and records them.
    pub async fn change(&self, change: impl FnOnce(&mut Deployment, &mut Rollout)) -> Result<(), StateError> {
        let mut facts = self.facts();
        if let Some(mut rollout) = facts.rollout.take() {
            change(&mut facts, &mut rollout);
            facts.rollout = Some(rollout);
        }
        self.keep(facts).await
    }

    pub fn say(&self, text: &str) {
        self.run.reporter.progress(&Address::new("deployment", self.name), text);
    }

    pub fn tell(&self, text: &str) {
        self.run.reporter.told(&Address::new("deployment", self.name), &about(self.name, text));
    }

    /// Counts the time of the stage under way as served, and resumes the rollout.
    pub async fn promote(&self) -> Result<(), StateError> {
        self.tell("promoted");
        self.change(|_, rollout| rollout.promote()).await
    }

    /// Reports a message that came too late or was left behind.
    pub fn stale(&self, label: &str, message: &Message) {
        self.tell(&format!("`{message}` was meant for {label}, as it stood then, and is dropped"));
    }

    fn shipped(&self, release: &str) -> End {
        let facts = self.facts();
        let colour = facts.live.unwrap_or(Colour::Blue);
        End::Shipped { release: release.to_owned(), colour, retires: facts.due().cloned() }
    }
}
