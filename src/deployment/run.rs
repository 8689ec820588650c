//! Takes rollouts through their stages. A stack, its journal and the intents of a plan come in; each
//! stage enters its facts, makes the resources agree with them, and waits for what it promises. How
//! far a rollout is stands in the journal before the next stage begins, so that a run that was cut
//! short goes on where it was.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;

use super::decide::Intent;
use super::declaration::{Declaration, Moment, OnFailure};
use super::gate::{self, Verdict};
use super::lower::Sides;
use super::mailbox::{Mailbox, Message};
use crate::address::Address;
use crate::apply::operation::{Operation, Reporter};
use crate::apply::shutdown::Shutdown;
use crate::apply::{self, Context, StepError};
use crate::cloud::Cloud;
use crate::cloud::error::Error;
use crate::kind::autoscaling_group::fleet::{Fleet, observe_one};
use crate::kind::autoscaling_group::ready::{Wanted, ready};
use crate::lang::program::Program;
use crate::lang::scope::Known;
use crate::plan::{self, Basis, Options, Part, PlanError};
use crate::state::deployment::{
    Colour, Course, Deployment, Ending, Origin, Retirement, Rollout, Sizing, Stage,
};
use crate::state::{Change, Entry, Journal, StateError};
use crate::value::Value;

/// How often a wait looks at what it waits for.
const LOOK: Duration = Duration::from_secs(1);
/// How long the old colour has to answer what it was sent, after it got its last request.
const SETTLE: Duration = Duration::from_secs(5);

/// How long a wait under traffic goes on when AWS does not answer whether all is well.
const BLIND: Duration = Duration::from_secs(60);

/// What rollouts are carried out with.
pub struct Run<'a> {
    pub cloud: &'a Cloud,
    pub program: &'a Program,
    pub journal: &'a Journal,
    pub reporter: &'a dyn Reporter,
    pub shutdown: &'a Shutdown,
    pub mailbox: &'a Mailbox,
    /// The state's, as operations name it.
    pub lineage: &'a str,
    pub parallelism: usize,
    /// Facts of what is no part of a deployment.
    pub known: &'a Known,
    /// Whether resources are made from the records of state alone, for a program without variables.
    pub from_records: bool,
}

/// How a rollout ended, or stands.
#[derive(Debug)]
pub struct Ended {
    pub name: String,
    pub end: End,
}

#[derive(Debug)]
pub enum End {
    Shipped {
        release: String,
        colour: Colour,
        retires: Option<Retirement>,
    },
    /// The traffic is on the old colour, `1.0 on blue`; none where it was the first release.
    WentBack {
        release: String,
        reason: String,
        stands: Option<String>,
    },
    /// It failed and stays as it is; `on_failure = "hold"`.
    Held {
        release: String,
        reason: String,
    },
    /// Cut short; the next apply goes on.
    Interrupted {
        release: String,
    },
    /// Not even the way back could be gone.
    Stuck {
        release: String,
        error: Failure,
    },
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
    #[error("{colour} does not hold what it was given: {reason}")]
    Unhealthy { colour: Colour, reason: String },
    #[error("{reason}")]
    Asked { reason: String },
    #[error("interrupted")]
    Interrupted,
}

/// Carries out all rollouts side by side: one that fails stops no other.
pub async fn run(run: &Run<'_>, intents: &[Intent]) -> Vec<Ended> {
    let all = intents.iter().filter(|intent| intent.facts.rollout.is_some());
    join_all(all.map(|intent| one(run, intent))).await.into_iter().flatten().collect()
}

async fn one(run: &Run<'_>, intent: &Intent) -> Option<Ended> {
    let name = intent.name.clone();
    let rolling = Rolling { run, name: &name, declaration: &intent.declaration };
    let release = intent.facts.rollout.as_ref()?.release.label.clone();
    let (address, clock) = (Address::new("deployment", &name), &run.cloud.clock);
    let began = clock.monotonic();
    run.reporter.began(&address, "ship");
    let end = rolling.to_the_end(&release).await;
    match &end {
        End::Shipped { .. } => run.reporter.done(&address, "ship", clock.monotonic().saturating_sub(began)),
        End::WentBack { reason, .. } | End::Held { reason, .. } => {
            run.reporter.failed(&address, "ship", reason);
        }
        End::Interrupted { .. } => run.reporter.failed(&address, "ship", "interrupted"),
        End::Stuck { error, .. } => run.reporter.failed(&address, "ship", &error.to_string()),
    }
    Some(Ended { name, end })
}

/// One deployment on its way.
pub(super) struct Rolling<'a> {
    pub(super) run: &'a Run<'a>,
    pub(super) name: &'a str,
    pub(super) declaration: &'a Declaration,
}

impl Rolling<'_> {
    pub(super) async fn to_the_end(&self, release: &str) -> End {
        let failure = loop {
            let Some((_, rollout)) = self.rollout() else { return self.shipped(release) };
            if let Course::Back { reason } = &rollout.course {
                break Failure::Asked { reason: reason.clone() };
            }
            let Some(stage) = rollout.stage().cloned() else {
                // Every promise of the release is kept by now: a call that fails is no reason to go back.
                return match self.finish(rollout.to).await {
                    Ok(()) => self.shipped(release),
                    Err(Failure::Interrupted) => End::Interrupted { release: release.to_owned() },
                    Err(error) => End::Stuck { release: release.to_owned(), error },
                };
            };
            if self.run.shutdown.is_draining() {
                return End::Interrupted { release: release.to_owned() };
            }
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

    /// A stage failed: back, or held, as the deployment says.
    pub(super) async fn failed(&self, release: &str, failure: Failure) -> End {
        let (release, reason) = (release.to_owned(), failure.to_string());
        let asked = matches!(failure, Failure::Asked { .. });
        if let Failure::State(_) = failure {
            return End::Stuck { release, error: failure };
        }
        let passed = self
            .rollout()
            .and_then(|(facts, rollout)| facts.no_way_back.filter(|gate| rollout.passed.contains(gate)));
        let reason = match &passed {
            Some(gate) => format!("{reason}; gate \"{gate}\" was passed, and there is no way back from it"),
            None => reason,
        };
        if passed.is_some() || (self.declaration.on_failure == OnFailure::Hold && !asked) {
            let held = Course::Held { reason: reason.clone() };
            return match self.change(|_, rollout| rollout.course = held).await {
                Ok(()) => End::Held { release, reason },
                Err(error) => End::Stuck { release, error: error.into() },
            };
        }
        match self.go_back(&reason, if asked { Ending::Aborted } else { Ending::RolledBack }).await {
            Ok(()) => End::WentBack { release, reason, stands: self.stands() },
            Err(Failure::Interrupted) => End::Interrupted { release },
            Err(error) => End::Stuck { release, error },
        }
    }

    /// What carries the traffic: `1.0 on blue`.
    fn stands(&self) -> Option<String> {
        let facts = self.facts();
        let live = facts.live?;
        Some(match facts.releases.get(&live) {
            Some(release) => format!("{} on {live}", release.label),
            None => live.to_string(),
        })
    }

    pub(super) fn facts(&self) -> Deployment {
        self.run.journal.snapshot().deployments.get(self.name).cloned().unwrap_or_default()
    }

    pub(super) fn rollout(&self) -> Option<(Deployment, Rollout)> {
        let facts = self.facts();
        let rollout = facts.rollout.clone()?;
        Some((facts, rollout))
    }

    pub(super) async fn keep(&self, facts: Deployment) -> Result<(), StateError> {
        let change = Change::Deployment { name: self.name.to_owned(), facts: Some(Box::new(facts)) };
        self.run.journal.append(Entry::Fact { change }).await
    }

    /// Changes the facts of the rollout under way and writes them down.
    pub(super) async fn change(
        &self,
        change: impl FnOnce(&mut Deployment, &mut Rollout),
    ) -> Result<(), StateError> {
        let mut facts = self.facts();
        if let Some(mut rollout) = facts.rollout.take() {
            change(&mut facts, &mut rollout);
            facts.rollout = Some(rollout);
        }
        self.keep(facts).await
    }

    pub(super) fn say(&self, text: &str) {
        self.run.reporter.progress(&Address::new("deployment", self.name), text);
    }

    pub(super) fn tell(&self, text: &str) {
        self.run.reporter.told(&Address::new("deployment", self.name), text);
    }

    /// Does a stage, once nobody holds the rollout up: one that is paused waits here, and the failed
    /// stage of one that is held is tried again.
    async fn enter(&self, stage: &Stage, course: Course) -> Result<(), Failure> {
        self.heed().await?;
        match (course, stage) {
            (Course::Held { reason }, _) => {
                self.tell(&format!("was held ({reason}); that step is tried again"));
                self.change(|_, rollout| rollout.course = Course::Forward).await?;
            }
            // These wait themselves.
            (_, Stage::Hold { .. } | Stage::Settle) => {}
            _ => self.hold(Duration::ZERO, false).await?,
        }
        self.stage(stage).await
    }

    async fn stage(&self, stage: &Stage) -> Result<(), Failure> {
        let Some((facts, rollout)) = self.rollout() else { return Ok(()) };
        let (to, old) = (rollout.to, facts.live.filter(|live| *live != rollout.to));
        match stage {
            Stage::Gate { name } => self.gate(name).await,
            Stage::Empty => {
                let idle = if facts.live == Some(to) { to.other() } else { to };
                self.unschedule(idle).await?;
                self.change(|facts, _| {
                    facts.sizing.insert(idle, Sizing::Empty);
                    facts.releases.remove(&idle);
                    facts.retirement = None;
                })
                .await?;
                self.agree(&self.groups()).await
            }
            Stage::Raise => self.raise(to, old).await,
            Stage::Refresh => super::rolling::perform(self, to).await,
            Stage::InPlace { batch } => super::in_place::perform(self, to, *batch).await,
            Stage::Pin => super::in_place::pin(self, to).await,
            Stage::Preview { on } => self.preview(*on).await,
            Stage::Shift { new } => self.shift(to, old, *new).await,
            Stage::Hold { time } => self.hold(*time, facts.weight(to) < 100).await,
            Stage::Settle => self.hold(SETTLE, true).await,
            Stage::Retire { after } => self.retire(old, *after).await,
        }
    }

    /// The new colour as large as the old one is now, with every target healthy.
    async fn raise(&self, to: Colour, old: Option<Colour>) -> Result<(), Failure> {
        self.unschedule(to).await?;
        let capacity = match old {
            Some(old) => self.fleet(old).await?.map(|fleet| fleet.desired.unsigned_abs()),
            None => None,
        };
        let bounds =
            old.filter(|old| self.facts().sizing(*old) == Sizing::File).and_then(|old| self.bounds(old));
        self.change(|facts, rollout| {
            facts.retirement = None;
            // A gate of this rollout may have closed the way back already.
            facts.no_way_back = facts.no_way_back.take().filter(|gate| rollout.passed.contains(gate));
            facts.bounds = bounds.or(facts.bounds);
        })
        .await?;
        let mut facts = self.facts();
        facts.raise(capacity);
        self.keep(facts).await?;
        self.agree(&self.addresses()).await?;
        self.healthy(to).await?;
        self.pin(to).await
    }

    /// From here on scaling policies may add to the colour's instances, and none may take them away.
    async fn pin(&self, colour: Colour) -> Result<(), Failure> {
        Ok(self
            .change(|facts, _| {
                if let Sizing::Raised(capacity) = facts.sizing(colour) {
                    facts.sizing.insert(colour, Sizing::AtLeast(capacity));
                }
            })
            .await?)
    }

    /// The minimum and maximum that a group's record has.
    fn bounds(&self, colour: Colour) -> Option<[u32; 2]> {
        let snapshot = self.run.journal.snapshot();
        let record = snapshot.resources.get(&self.address("autoscaling_group", colour))?;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the schema bounds sizes")]
        let size = |name: &str| record.inputs.get(name).and_then(Value::as_number).map(|size| size as u32);
        Some([size("min_size")?, size("max_size")?])
    }

    /// Waits until the colour has the instances that it should have, all of them healthy targets.
    pub(super) async fn healthy(&self, colour: Colour) -> Result<(), Failure> {
        let address = self.address("autoscaling_group", colour);
        let Some(record) = self.run.journal.snapshot().resources.get(&address).cloned() else {
            return Ok(());
        };
        let op = self.operation(&address);
        let mut waits = std::pin::pin!(ready(&op, &record.id, Wanted::HealthyTargets, self.limit(colour)));
        loop {
            tokio::select! {
                fleet = &mut waits => return Ok(fleet.map(drop)?),
                () = self.run.shutdown.draining() => return Err(Failure::Interrupted),
                () = self.run.cloud.clock.sleep(LOOK) => self.heed().await?,
            }
        }
    }

    /// How long the colour's instances may take to come into service.
    pub(super) fn limit(&self, colour: Colour) -> Duration {
        let snapshot = self.run.journal.snapshot();
        let record = snapshot.resources.get(&self.address("autoscaling_group", colour));
        match record.and_then(|record| record.inputs.get("ready_timeout")) {
            Some(crate::value::Value::Duration(limit)) => *limit,
            _ => Duration::from_secs(600),
        }
    }

    pub(super) async fn fleet(&self, colour: Colour) -> Result<Option<Fleet>, Failure> {
        let address = self.address("autoscaling_group", colour);
        let Some(record) = self.run.journal.snapshot().resources.get(&address).cloned() else {
            return Ok(None);
        };
        Ok(observe_one(self.run.cloud, &record.id).await?)
    }

    /// Gives the new colour `new` percent of the traffic. Before it gets more than it has, it is as
    /// large as the old one has become meanwhile.
    async fn shift(&self, to: Colour, old: Option<Colour>, new: u8) -> Result<(), Failure> {
        if self.rollout().is_some_and(|(_, rollout)| rollout.is_back()) {
            return self.shift_back(to, old, new).await;
        }
        if self.facts().retirement.is_some_and(|retirement| retirement.colour == to) {
            self.unschedule(to).await?;
            self.change(|facts, _| facts.retirement = None).await?;
        }
        if let (Some(old), true) = (old, new > self.facts().weight(to)) {
            let (there, here) = (self.fleet(old).await?, self.fleet(to).await?);
            let desired =
                |fleet: &Option<Fleet>| fleet.as_ref().map_or(0, |fleet| fleet.desired.unsigned_abs());
            if desired(&there) > desired(&here) {
                let capacity = desired(&there);
                self.tell(&format!("{to} grows to {capacity} instances, as many as {old} has by now"));
                let mut facts = self.facts();
                facts.raise(Some(capacity));
                self.keep(facts).await?;
                self.agree(&self.groups()).await?;
                self.healthy(to).await?;
                self.pin(to).await?;
            }
        }
        self.change(|facts, _| facts.shift(to, new)).await?;
        self.agree(&self.rules()).await?;
        self.tell(&format!("{to} has {new}% of the traffic"));
        Ok(())
    }

    /// Waits, and goes on serving what was served before an interruption; a message ends it. With
    /// `guarded`, what has weight must stay healthy meanwhile, and the gates `at = "shift"` must hold.
    pub(super) async fn hold(&self, time: Duration, guarded: bool) -> Result<(), Failure> {
        let clock = &self.run.cloud.clock;
        let served = self.rollout().map(|(_, rollout)| rollout.served).unwrap_or_default();
        let (began, mut written, mut seen) = (clock.monotonic(), served, clock.monotonic());
        let mut paused = false;
        loop {
            self.heed().await?;
            let Some((_, rollout)) = self.rollout() else { return Ok(()) };
            let now = clock.monotonic();
            // A promotion counts as all of it served.
            let waited = rollout.served.max(served + now.saturating_sub(began));
            if waited >= time && rollout.course == Course::Forward {
                return Ok(());
            }
            match if guarded { self.guards().await } else { Ok(()) } {
                Ok(()) => seen = now,
                Err(Failure::Cloud(error)) if now.saturating_sub(seen) < BLIND => {
                    self.say(&format!("cannot look whether all is well: {error}"));
                }
                Err(failure) => return Err(failure),
            }
            if waited.saturating_sub(written) >= Duration::from_secs(5) {
                written = waited;
                self.change(|_, rollout| rollout.served = waited).await?;
            }
            let left =
                crate::value::format_duration(Duration::from_secs(time.saturating_sub(waited).as_secs()));
            match rollout.course {
                Course::Paused if !std::mem::replace(&mut paused, true) => {
                    self.tell("paused; `bgform promote` goes on, `bgform abort` goes back");
                }
                Course::Paused => {}
                _ => self.say(&format!("{left} left of this step")),
            }
            let pause = LOOK.min(time.saturating_sub(waited).max(Duration::from_millis(50)));
            tokio::select! {
                () = clock.sleep(pause) => {}
                () = self.run.shutdown.draining() => {
                    self.change(|_, rollout| rollout.served = waited).await?;
                    return Err(Failure::Interrupted);
                }
            }
        }
    }

    /// What people have asked for from elsewhere.
    pub(super) async fn heed(&self) -> Result<(), Failure> {
        for message in self.run.mailbox.take(self.name)? {
            match message {
                Message::Pause => self.change(|_, rollout| rollout.course = Course::Paused).await?,
                Message::Promote => {
                    self.tell("promoted");
                    self.change(|_, rollout| {
                        rollout.course = Course::Forward;
                        rollout.served = Duration::MAX / 4;
                    })
                    .await?;
                }
                Message::Approve { gate } => {
                    self.change(|_, rollout| {
                        rollout.approved.insert(gate);
                    })
                    .await?;
                }
                Message::Abort { by } => {
                    let reason = format!("{by} asked for it");
                    self.change(|_, rollout| rollout.course = Course::Back { reason: reason.clone() })
                        .await?;
                    return Err(Failure::Asked { reason });
                }
            }
        }
        Ok(())
    }

    /// What has to hold all the time that weights move.
    pub(super) async fn guards(&self) -> Result<(), Failure> {
        let Some((facts, rollout)) = self.rollout() else { return Ok(()) };
        let in_one_colour = facts.live == Some(rollout.to);
        if !in_one_colour && (facts.live.is_none() || facts.weight(rollout.to) == 0) {
            return Ok(());
        }
        if !in_one_colour {
            self.carries(&facts, rollout.to).await?;
        }
        for gate in self.declaration.gate.iter().filter(|gate| gate.at == Moment::Shift) {
            let Some(gate) = self.evaluated(&gate.name) else { continue };
            if let Verdict::Failed(reason) = gate::check(&gate, &self.ground(&gate)?).await? {
                return Err(Failure::Gate { gate: gate.name, reason });
            }
        }
        Ok(())
    }

    /// A colour with weight still has healthy targets, and as many as it was raised to.
    async fn carries(&self, facts: &Deployment, colour: Colour) -> Result<(), Failure> {
        let snapshot = self.run.journal.snapshot();
        let id = |kind| snapshot.resources.get(&self.address(kind, colour)).map(|record| record.id.clone());
        let (Some(targets), Some(group)) = (id("target_group"), id("autoscaling_group")) else {
            return Ok(());
        };
        let least = match facts.sizing(colour) {
            Sizing::AtLeast(least) | Sizing::Raised(least) => least,
            _ => 0,
        };
        match super::health::ill(self.run.cloud, &targets, &group, least).await? {
            Some(reason) => Err(Failure::Unhealthy { colour, reason }),
            None => Ok(()),
        }
    }

    /// Passes a gate once; one that was passed is not looked at again.
    async fn gate(&self, name: &str) -> Result<(), Failure> {
        let clock = &self.run.cloud.clock;
        let began = clock.monotonic();
        let mut attempts = 0;
        loop {
            self.heed().await?;
            let Some((_, rollout)) = self.rollout() else { return Ok(()) };
            if rollout.passed.contains(name) {
                return Ok(());
            }
            let Some(gate) = self.evaluated(name) else {
                let reason = "it is no longer in the stack".to_owned();
                return Err(Failure::Gate { gate: name.to_owned(), reason });
            };
            attempts += 1;
            let verdict = match (&gate.approval, rollout.approved.contains(name)) {
                (Some(_), true) => Verdict::Passed,
                (Some(asked), false) => Verdict::NotYet(format!(
                    "waiting for approval{}; `bgform approve \"{name}\"` gives it",
                    if asked.message.is_empty() { String::new() } else { format!(" ({})", asked.message) }
                )),
                (None, _) => {
                    let ground = self.ground(&gate)?;
                    tokio::select! {
                    verdict = gate::check(&gate, &ground) => verdict?,
                    // The first interrupt lets a command that is running end.
                        () = self.run.shutdown.at_once() => return Err(Failure::Interrupted),
                    }
                }
            };
            let late = clock.monotonic().saturating_sub(began) >= Duration::from_secs(gate.timeout);
            match verdict {
                Verdict::Passed => {
                    self.change(|facts, rollout| {
                        if gate.irreversible {
                            facts.no_way_back = Some(name.to_owned());
                        }
                        rollout.passed.insert(name.to_owned());
                    })
                    .await?;
                    self.tell(&format!("gate \"{name}\" passed"));
                    return Ok(());
                }
                Verdict::NotYet(seen) if !late && !gate.is_exhausted(attempts) => {
                    let seen = format!("gate \"{name}\": {seen}");
                    match gate.approval.is_some() && attempts == 1 {
                        // Somebody has to be asked, where there is no terminal too.
                        true => self.tell(&seen),
                        false => self.say(&seen),
                    }
                    tokio::select! {
                        () = clock.sleep(gate.pause()) => {}
                        () = self.run.shutdown.draining() => return Err(Failure::Interrupted),
                    }
                }
                Verdict::NotYet(reason) | Verdict::Failed(reason) => {
                    return Err(Failure::Gate { gate: name.to_owned(), reason });
                }
            }
        }
    }

    /// The gate with what is known by now.
    fn evaluated(&self, name: &str) -> Option<super::declaration::Gate> {
        let (facts, rollout) = self.rollout()?;
        let label = |colour: Colour| facts.releases.get(&colour).map_or("", |release| release.label.as_str());
        let sides = Sides {
            name: self.name,
            new: rollout.to,
            releases: [&rollout.release.label, label(facts.live.unwrap_or(rollout.to.other()))],
        };
        let known = self.known();
        let declaration = self.run.program.deployment(self.name, &sides, &known, &mut Vec::new())?;
        declaration.gate.into_iter().find(|gate| gate.name == name)
    }

    fn ground(&self, gate: &super::declaration::Gate) -> Result<gate::Ground<'_>, Failure> {
        let facts = self.facts();
        let rollout = facts.rollout.as_ref();
        let to = rollout.map_or(Colour::Blue, |rollout| rollout.to);
        let snapshot = self.run.journal.snapshot();
        let group = snapshot.resources.get(&self.address("autoscaling_group", to));
        let label = |colour: Colour| facts.releases.get(&colour).map_or("", |release| release.label.as_str());
        let env = [
            ("BGFORM_STACK", snapshot.stack.as_str()),
            ("BGFORM_DEPLOYMENT", self.name),
            ("BGFORM_GATE", &gate.name),
            ("BGFORM_RELEASE", rollout.map_or("", |rollout| rollout.release.label.as_str())),
            ("BGFORM_OLD_RELEASE", label(facts.live.unwrap_or(to.other()))),
            ("BGFORM_COLOUR", to.name()),
            ("BGFORM_REGION", &self.run.cloud.region),
        ];
        Ok(gate::Ground {
            cloud: self.run.cloud,
            environment: env.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            folder: self.run.program.folder(),
            group: group.map(|record| record.id.clone()),
            since: facts.history.iter().rev().find(|one| one.colour == to).map(|one| one.ended),
            rule: snapshot.resources.get(&self.rule_of_gates()).cloned(),
            headers: match facts.previews.is_empty() {
                true => Default::default(),
                false => self.declaration.preview.as_ref().map(|one| one.header.clone()).unwrap_or_default(),
            },
        })
    }

    /// The deployment's first rule.
    fn rule_of_gates(&self) -> Address {
        let rules = self.rules();
        let plain = |address: &&Address| !address.name.ends_with("-preview");
        rules.iter().find(plain).cloned().unwrap_or_else(|| Address::new("listener_rule", self.name))
    }

    /// Puts the preview rules in place, or takes them away.
    async fn preview(&self, on: bool) -> Result<(), Failure> {
        let standing = self.facts().previews;
        let priorities = match on {
            false => Vec::new(),
            // Chosen before an interruption.
            true if !standing.is_empty() => standing,
            true => {
                let snapshot = self.run.journal.snapshot();
                super::preview::priorities(self.run.cloud, &snapshot, &self.written_rules()).await?
            }
        };
        self.change(|facts, _| facts.previews = priorities).await?;
        self.agree(&self.rules()).await
    }

    /// The old colour is emptied, now or by AWS when its time has come.
    async fn retire(&self, old: Option<Colour>, after: Duration) -> Result<(), Failure> {
        let Some(old) = old else { return Ok(()) };
        if after.is_zero() {
            self.change(|facts, _| {
                facts.sizing.insert(old, Sizing::Empty);
                facts.retirement = None;
            })
            .await?;
            return self.agree(&self.groups()).await;
        }
        let at = super::retirement::schedule(
            &self.operation(&self.address("autoscaling_group", old)),
            &self.group(old),
            after,
        )
        .await?;
        self.change(|facts, _| {
            facts.sizing.insert(old, Sizing::Left);
            facts.retirement = Some(Retirement { colour: old, at, after });
        })
        .await?;
        Ok(())
    }

    pub(super) async fn unschedule(&self, colour: Colour) -> Result<(), Failure> {
        if self.facts().retirement.is_some_and(|retirement| retirement.colour == colour) {
            let address = self.address("autoscaling_group", colour);
            super::retirement::unschedule(&self.operation(&address), &self.group(colour)).await?;
        }
        Ok(())
    }

    /// The Auto Scaling group's name.
    pub(super) fn group(&self, colour: Colour) -> String {
        let snapshot = self.run.journal.snapshot();
        let record = snapshot.resources.get(&self.address("autoscaling_group", colour));
        record.map(|record| record.id.clone()).unwrap_or_default()
    }

    /// All stages are done: the new colour is as large as its policies want it, and the live one.
    async fn finish(&self, to: Colour) -> Result<(), Failure> {
        // Who went back wants its size pinned until the other is retired.
        let is_back = self.rollout().is_some_and(|(_, rollout)| rollout.is_back());
        self.change(|facts, _| {
            if !is_back {
                facts.sizing.insert(to, Sizing::File);
            }
            facts.shift(to, 100);
        })
        .await?;
        self.agree(&self.groups()).await?;
        let mut facts = self.facts();
        facts.live = Some(to);
        match is_back {
            // Who shipped it, and when, stays as it was.
            true => facts.went_back(),
            false => {
                if let Some(rollout) = &facts.rollout {
                    facts.releases.insert(to, rollout.release.clone());
                }
                facts.give_up(Ending::Shipped, None);
            }
        }
        Ok(self.keep(facts).await?)
    }

    fn shipped(&self, release: &str) -> End {
        let facts = self.facts();
        let colour = facts.live.unwrap_or(Colour::Blue);
        End::Shipped { release: release.to_owned(), colour, retires: facts.retirement }
    }

    /// The weights first, in one change of each rule; then the rest.
    async fn go_back(&self, reason: &str, ending: Ending) -> Result<(), Failure> {
        let Some((facts, rollout)) = self.rollout() else { return Ok(()) };
        let (to, old) = (rollout.to, facts.live.filter(|live| *live != rollout.to));
        if facts.live == Some(to) {
            return self.go_back_in_one_colour(to, reason, ending).await;
        }
        let course = Course::Back { reason: reason.to_owned() };
        self.change(|_, rollout| rollout.course = course).await?;
        if let Some(old) = old {
            self.raise_again(old, to).await?;
            let moved = facts.weight(to) > 0;
            self.change(|facts, _| facts.shift(to, 0)).await?;
            // What takes traffic from a colour that failed is not put off by an interrupt; a second one ends it.
            let (calm, rules) = (Shutdown::default(), self.rules());
            tokio::select! {
                back = self.agree_under(&rules, &calm, true, false) => back?,
                () = self.run.shutdown.at_once() => return Err(Failure::Interrupted),
            }
            if moved {
                self.tell(&format!("{old} has all traffic again"));
                tokio::select! {
                    () = self.run.cloud.clock.sleep(SETTLE) => {}
                    () = self.run.shutdown.draining() => return Err(Failure::Interrupted),
                }
            }
        }
        if !facts.previews.is_empty() {
            self.change(|facts, _| facts.previews = Vec::new()).await?;
            // Requests that ask for the preview are those of the live rule from here on.
            self.agree_under(&self.rules(), self.run.shutdown, true, false).await?;
        }
        // What stood by before stands by on; only what was raised for this rollout is emptied.
        if let Some(old) = old.filter(|_| rollout.has_raised()) {
            self.change(|facts, _| {
                facts.sizing.insert(old, Sizing::File);
                facts.sizing.insert(to, Sizing::Empty);
            })
            .await?;
            self.agree(&self.addresses()).await?;
        }
        let mut facts = self.facts();
        if old.is_some() && rollout.has_raised() && !rollout.is_back() {
            facts.releases.remove(&to);
        }
        facts.give_up(ending, Some(reason.to_owned()));
        Ok(self.keep(facts).await?)
    }

    /// An old colour that was retired is raised again before it gets traffic; one that is about to be
    /// is kept.
    async fn raise_again(&self, old: Colour, to: Colour) -> Result<(), Failure> {
        let facts = self.facts();
        if !matches!(facts.sizing(old), Sizing::Empty | Sizing::Left) {
            return Ok(());
        }
        self.unschedule(old).await?;
        let desired = |fleet: Option<Fleet>| fleet.map_or(0, |fleet| fleet.desired.unsigned_abs());
        let capacity = desired(self.fleet(to).await?).max(1);
        let there = desired(self.fleet(old).await?);
        self.change(|facts, _| {
            facts.retirement = None;
            facts.sizing.insert(old, Sizing::Raised(capacity.max(there)));
        })
        .await?;
        if there < capacity {
            self.tell(&format!("{old} is raised to {capacity} instances again before it gets traffic"));
        }
        self.agree(&self.groups()).await?;
        self.healthy(old).await?;
        self.pin(old).await
    }

    /// The live colour's own instances are given back what they ran before.
    async fn go_back_in_one_colour(&self, live: Colour, reason: &str, ending: Ending) -> Result<(), Failure> {
        let course = Course::Back { reason: reason.to_owned() };
        self.change(|_, rollout| rollout.course = course).await?;
        if let Some((_, rollout)) = self.rollout()
            && let Some(origin) = &rollout.origin
        {
            self.tell(&format!("{live} goes back to the release that it had: {reason}"));
            match rollout.stages.contains(&Stage::Refresh) {
                true => super::rolling::back(self, live, origin).await?,
                false => super::in_place::back(self, live, origin, &rollout.batches).await?,
            }
        }
        let mut facts = self.facts();
        facts.sizing.insert(live, Sizing::File);
        facts.give_up(ending, Some(reason.to_owned()));
        self.keep(facts).await?;
        self.agree(&self.addresses()).await
    }

    /// What the live colour launches from is a fact before a release takes its place there.
    pub(super) async fn note_origin(&self, live: Colour) -> Result<(), Failure> {
        if self.rollout().is_none_or(|(_, rollout)| rollout.origin.is_some()) {
            return Ok(());
        }
        let template = self.fleet(live).await?.and_then(|fleet| fleet.template);
        let origin = template.map(|one| Origin { template: one.id, version: one.version });
        Ok(self.change(|_, rollout| rollout.origin = origin).await?)
    }

    /// Makes these resources as the facts say that they are to be.
    pub(super) async fn agree(&self, addresses: &BTreeSet<Address>) -> Result<(), Failure> {
        self.agree_as(addresses, false).await
    }

    /// The same; `acting` says whether a stage that changes the live colour is what does it.
    pub(super) async fn agree_as(&self, addresses: &BTreeSet<Address>, acting: bool) -> Result<(), Failure> {
        self.agree_under(addresses, self.run.shutdown, false, acting).await
    }

    async fn agree_under(
        &self,
        addresses: &BTreeSet<Address>,
        shutdown: &Shutdown,
        way_back: bool,
        acting: bool,
    ) -> Result<(), Failure> {
        let snapshot = self.run.journal.snapshot();
        if self.run.from_records {
            let facts = self.facts();
            let plan = super::records::plan(self.run.cloud, &snapshot, self.name, &facts, addresses).await;
            let plan = plan.map_err(|error| Failure::Plan(Box::new(error)))?;
            return self.apply(self.run.program, &plan, self.known(), shutdown, way_back).await;
        }
        let mut deployments = snapshot.deployments.clone();
        if let Some(rollout) = deployments.get_mut(self.name).and_then(|facts| facts.rollout.as_mut()) {
            rollout.acting = acting;
        }
        let mut program = self.run.program.clone();
        program.stand(&deployments);
        let part = Part { addresses: addresses.clone(), known: self.known() };
        let options = Options { allow_outage: way_back, ..Options::default() };
        let basis = Basis {
            cloud: self.run.cloud,
            program: &program,
            snapshot: &snapshot,
            options: &options,
            existing: None,
            part: Some(part),
        };
        let made = plan::make(basis).await.map_err(|error| Failure::Plan(Box::new(error)))?;
        self.apply(&program, &made.plan, made.known, shutdown, way_back).await
    }

    async fn apply(
        &self,
        program: &Program,
        plan: &plan::Plan,
        known: Known,
        shutdown: &Shutdown,
        way_back: bool,
    ) -> Result<(), Failure> {
        if plan.steps.is_empty() {
            return Ok(());
        }
        let context = Context {
            cloud: self.run.cloud,
            program,
            plan,
            journal: self.run.journal,
            reporter: self.run.reporter,
            shutdown,
            parallelism: self.run.parallelism,
            way_back,
        };
        let outcome = apply::apply(&context, known).await?;
        match outcome.failed.into_iter().next() {
            Some(failed) => Err(Failure::Step { address: failed.address, error: failed.error }),
            None if outcome.interrupted => Err(Failure::Interrupted),
            None => Ok(()),
        }
    }

    /// What is known of everything, as state has it by now.
    fn known(&self) -> Known {
        let mut known = self.run.known.clone();
        known.extend(plan::remembered_outputs(&self.run.journal.snapshot()));
        known
    }

    pub(super) fn address(&self, kind: &str, colour: Colour) -> Address {
        Address::new(kind, self.name).with_key(colour.name())
    }

    pub(super) fn groups(&self) -> BTreeSet<Address> {
        Colour::BOTH.map(|colour| self.address("autoscaling_group", colour)).into()
    }

    /// The deployment's rules, those in state and those in the stack.
    pub(super) fn rules(&self) -> BTreeSet<Address> {
        self.addresses().into_iter().filter(|address| address.kind == "listener_rule").collect()
    }

    /// The rules that the author wrote, in that order.
    fn written_rules(&self) -> Vec<Address> {
        let declared = self.run.program.declarations.resources.keys();
        let ours = |address: &&Address| {
            address.kind == "listener_rule"
                && super::lower::is_of(address, self.name)
                && !address.name.ends_with("-preview")
        };
        declared.filter(ours).cloned().collect()
    }

    /// Everything that the deployment is made of.
    pub(super) fn addresses(&self) -> BTreeSet<Address> {
        let snapshot = self.run.journal.snapshot();
        if self.run.from_records {
            let all = snapshot.resources.keys().filter(|address| super::lower::is_of(address, self.name));
            return all.cloned().collect();
        }
        let mut program = self.run.program.clone();
        program.stand(&snapshot.deployments);
        let declared = program.nodes.iter().map(|node| node.address.clone());
        let all: BTreeSet<Address> = declared.chain(snapshot.resources.keys().cloned()).collect();
        all.into_iter().filter(|address| super::lower::is_of(address, self.name)).collect()
    }

    pub(super) fn operation<'b>(&'b self, address: &'b Address) -> Operation<'b> {
        let Run { cloud, program, reporter, lineage, .. } = self.run;
        Operation::new(cloud, address, "", &program.settings.name, lineage, *reporter)
    }
}
