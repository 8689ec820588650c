//! Carries out a plan after it was approved: first the rollouts on their way back, then the resources, then
//! the rollouts stage by stage. A plan and the lock of its state come in, and the result goes out. The
//! journal is folded into a snapshot whatever the result.

use std::sync::{Mutex, PoisonError};

use super::moves::Rollouts;
use super::plan::Plan;
use super::{Engine, Error};
use crate::address::Address;
use crate::apply::{self, Context, Done, Outcome};
use crate::deployment::names::{self, in_state};
use crate::facts::{Adopted, Colour, Course, Deployment, Ending, Origin};
use crate::kind::operation::Operation;
use crate::plan::{self, Basis, Made, Options, remembered_outputs, with_dependencies};
use crate::rollout::adopt;
use crate::rollout::decide::{Intent, What};
use crate::rollout::mailbox::Mailbox;
use crate::rollout::run::{End, Ended, Run, beside, run};
use crate::rollout::standing;
use crate::stack::{Known, View};
use crate::state::{Change, Entry, Journal, LockGuard, Snapshot, StateError};

/// The result of shipping a plan.
#[derive(Debug)]
pub struct Shipped {
    /// The outcome of the resources.
    pub outcome: Outcome,
    pub rollouts: Vec<Ended>,
    /// The state after the run.
    pub snapshot: Snapshot,
}

/// Carries out a plan and its rollouts under the lock of the state that it was made from.
///
/// # Errors
/// When the state cannot be written, or the preparation of a rollout fails. Completed work is in the state.
pub async fn ship(engine: &Engine<'_>, lock: &LockGuard, plan: Plan) -> Result<Shipped, Error> {
    let journal = engine.store.begin_session(lock, plan.snapshot.clone())?;
    let work =
        Work { engine, journal: &journal, mailbox: &Mailbox::of(engine.store), made: Mutex::default() };
    let done = match plan.from_records {
        true => Box::pin(work.as_ordered(plan)).await,
        false => Box::pin(work.as_written(plan)).await,
    };
    let made = std::mem::take(&mut *work.made.lock().unwrap_or_else(PoisonError::into_inner));
    // So the next run reads one file.
    let mut snapshot = journal.snapshot();
    drop(journal);
    let folded = engine.store.checkpoint(lock, &mut snapshot);
    let (mut outcome, rollouts) = done?;
    outcome.done.extend(made);
    folded?;
    Ok(Shipped { outcome, rollouts, snapshot })
}

/// A plan that is being carried out.
struct Work<'a> {
    engine: &'a Engine<'a>,
    journal: &'a Journal,
    mailbox: &'a Mailbox,
    /// The changes that stages have made.
    made: Mutex<Vec<Done>>,
}

impl Work<'_> {
    /// Carries out orders to deployments without reading their stack.
    async fn as_ordered(&self, plan: Plan) -> Result<(Outcome, Vec<Ended>), Error> {
        let intents = plan.rollouts.intents;
        for intent in
            intents.iter().filter(|one| plan.snapshot.deployments.get(&one.name) != Some(&one.facts))
        {
            self.keep(&intent.name, Some(intent.facts.clone())).await?;
        }
        let known = remembered_outputs(&plan.snapshot);
        let program = self.engine.program.unreleased();
        let stages = self.stages(&program, &plan.snapshot.lineage, &known, true);
        let mut ended = Vec::new();
        for intent in &intents {
            match intent.what {
                What::Abort => ended.extend(standing::abort(&stages, intent, &super::who()).await),
                What::Retire => ended.push(retire(&stages, intent).await?),
                _ => ended.extend(run(&stages, std::slice::from_ref(intent)).await),
            }
        }
        Ok((Outcome::default(), ended))
    }

    /// Makes the stack's resources agree with its file, and leads its rollouts to their end.
    async fn as_written(&self, plan: Plan) -> Result<(Outcome, Vec<Ended>), Error> {
        let Plan { resources, known, rollouts, options, .. } = plan;
        let made = Made { plan: resources, known };
        if rollouts.intents.is_empty() {
            return self.resources_alone(made, &options).await;
        }
        // The facts come last: if the run is cut short before them, the same fleet is adopted again.
        for change in rollouts.adopted.iter().flat_map(|adoption| adoption.changes()) {
            self.journal.append(Entry::Fact { change }).await?;
        }
        for intent in &rollouts.intents {
            self.keep(&intent.name, Some(intent.facts.clone())).await?;
        }
        for intent in &rollouts.intents {
            self.pin(intent).await?;
        }
        let Rollouts { intents, existing, .. } = rollouts;
        let mut ended = self.back(&intents).await;
        // The shown plan has the new colours raised; a stage does that.
        let snapshot = self.journal.snapshot();
        let program = self.engine.program.view(&snapshot.deployments);
        let basis = Basis {
            cloud: self.engine.cloud,
            program: &program,
            snapshot: &snapshot,
            options: &options,
            existing,
            part: None,
        };
        let made = plan::make(basis).await?;
        let free = untouched(&program, &made, &snapshot);
        let before = remembered_outputs(&snapshot);
        let records = self.stages(&program, &snapshot.lineage, &before, true);
        let (outcome, asked) = beside(&records, &intents, &free, self.apply(&program, made)).await;
        let outcome = outcome?;
        ended.extend(asked);
        if outcome.interrupted {
            return Ok((outcome, ended));
        }
        let stages = self.stages(&program, &snapshot.lineage, &outcome.known, false);
        let (mut ready, mut waiting) = (Vec::new(), Vec::new());
        for intent in intents {
            match missing(&program, &intent.name, &outcome) {
                Some(needs) if intent.facts.rollout.is_some() => waiting.push((intent, needs)),
                Some(_) => {}
                None => ready.push(intent),
            }
        }
        for intent in ready.iter().filter(|intent| intent.what == What::Schedule) {
            let failed = |failure| Error::Refused {
                code: "bgform::deployment::retire",
                message: format!(
                    "the end of what stands by in `{}` was not scheduled: {failure}",
                    intent.name
                ),
                help: "run the same command again".to_owned(),
            };
            standing::schedule_again(&stages, intent).await.map_err(failed)?;
        }
        ended.extend(run(&stages, &ready).await);
        for (intent, needs) in waiting {
            let under_way = self.journal.snapshot().deployments.get(&intent.name).cloned();
            // It may have been taken back meanwhile.
            let Some(rollout) = under_way.and_then(|facts| facts.rollout) else { continue };
            let end = End::Waits { release: rollout.release.label, needs };
            ended.push(Ended::of(&stages, &intent.name, end).await);
        }
        self.forget(false).await?;
        Ok((outcome, ended))
    }

    /// Applies the resources when no rollout goes on, and takes messages to deployments meanwhile.
    async fn resources_alone(&self, made: Made, options: &Options) -> Result<(Outcome, Vec<Ended>), Error> {
        let snapshot = self.journal.snapshot();
        let program = self.engine.program.view(&snapshot.deployments);
        // A deployment that is destroyed has no way back.
        let free = if options.destroy { Vec::new() } else { untouched(&program, &made, &snapshot) };
        if options.destroy {
            self.give_up(&snapshot).await?;
        }
        let before = remembered_outputs(&snapshot);
        let records = self.stages(&program, &snapshot.lineage, &before, true);
        let (outcome, asked) = beside(&records, &[], &free, self.apply(&program, made)).await;
        let outcome = outcome?;
        if outcome.is_complete() {
            self.forget(options.destroy).await?;
        }
        Ok((outcome, asked))
    }

    /// Records a deployment's facts.
    async fn keep(&self, name: &str, facts: Option<Deployment>) -> Result<(), StateError> {
        let change = Change::Deployment { name: name.to_owned(), facts: facts.map(Box::new) };
        self.journal.append(Entry::Fact { change }).await
    }

    /// Continues the rollouts that were cut short on their way back, before anything else.
    async fn back(&self, intents: &[Intent]) -> Vec<Ended> {
        let goes_back = |intent: &&Intent| {
            let rollout = intent.facts.rollout.as_ref();
            rollout.is_some_and(|rollout| matches!(rollout.course, Course::Back { .. }))
        };
        let back: Vec<Intent> = intents.iter().filter(goes_back).cloned().collect();
        if back.is_empty() {
            return Vec::new();
        }
        let snapshot = self.journal.snapshot();
        let known = remembered_outputs(&snapshot);
        run(&self.stages(&self.engine.program.unreleased(), &snapshot.lineage, &known, true), &back).await
    }

    fn stages<'b>(
        &'b self,
        program: &'b View<'b>,
        lineage: &'b str,
        known: &'b Known,
        from_records: bool,
    ) -> Run<'b> {
        Run {
            cloud: self.engine.cloud,
            program,
            journal: self.journal,
            reporter: self.engine.reporter,
            shutdown: self.engine.shutdown,
            mailbox: self.mailbox,
            made: &self.made,
            lineage,
            parallelism: self.engine.parallelism,
            known,
            from_records,
            acts: self.engine.acts,
        }
    }

    /// Pins an adopted fleet to its launch source, before anything makes a new version.
    async fn pin(&self, intent: &Intent) -> Result<(), Error> {
        let Some(adopted) = &intent.facts.adopted else { return Ok(()) };
        let address = Address::new("deployment", &intent.name);
        if let Some(Origin { version, .. }) = &adopted.pin {
            let lineage = self.journal.snapshot().lineage;
            let (stack, reporter) = (&self.engine.program.settings.name, self.engine.reporter);
            let op = Operation::new(self.engine.cloud, &address, "", stack, &lineage, reporter);
            let op = op.journalled(self.journal);
            let pinned = adopt::pin(&op, names::fleet(&self.journal.snapshot(), &intent.name), adopted).await;
            pinned.map_err(|error| Error::Cloud { address: Some(address.clone()), error })?;
            let mut facts = intent.facts.clone();
            facts.adopted = Some(Adopted { pin: None, ..adopted.clone() });
            self.keep(&intent.name, Some(facts)).await?;
            self.engine.reporter.told(&address, &format!("{} is pinned to version {version}", adopted.group));
        }
        if intent.what == What::Adopt {
            self.engine
                .reporter
                .told(&address, &format!("{} is adopted; it runs on as it was", adopted.group));
        }
        Ok(())
    }

    async fn apply(&self, program: &View<'_>, made: Made) -> Result<Outcome, StateError> {
        let Made { plan, known } = made;
        let context = Context {
            cloud: self.engine.cloud,
            program,
            plan: &plan,
            journal: self.journal,
            reporter: self.engine.reporter,
            shutdown: self.engine.shutdown,
            parallelism: self.engine.parallelism,
            way_back: false,
            unawaited: names::under_way(&self.journal.snapshot()),
        };
        apply::apply(&context, known).await
    }

    /// Gives up the rollouts of a stack that is destroyed. If not everything goes, the next apply finds the
    /// old colour with all traffic, and no rollout that needs deleted resources.
    async fn give_up(&self, snapshot: &Snapshot) -> Result<(), StateError> {
        for (name, facts) in snapshot.deployments.iter().filter(|(_, facts)| facts.rollout.is_some()) {
            let mut facts = facts.clone();
            facts.give_up(Ending::Aborted, Some("the stack was destroyed".to_owned()));
            facts.previews = Vec::new();
            if let Some(live) = facts.live {
                facts.shift(live, 100);
            }
            self.keep(name, Some(facts)).await?;
        }
        Ok(())
    }

    /// Removes the facts of deployments whose resources are gone: all were destroyed, or their block is no
    /// longer in the stack.
    async fn forget(&self, destroyed: bool) -> Result<(), StateError> {
        let snapshot = self.journal.snapshot();
        for name in snapshot.deployments.keys() {
            let is_declared = self.engine.program.deployments().contains_key(name);
            let has_resources = !in_state(&snapshot, name).is_empty();
            if (is_declared && !destroyed) || has_resources {
                continue;
            }
            self.keep(name, None).await?;
        }
        Ok(())
    }
}

/// Empties the standby colour now.
async fn retire(run: &Run<'_>, intent: &Intent) -> Result<Ended, Error> {
    let colour = intent.facts.live.map(Colour::other).unwrap_or(Colour::Green);
    let release = intent.facts.releases.get(&colour);
    let release = release.map_or("its release", |release| &release.label).to_owned();
    let was_empty = standing::retire(run, intent).await.map_err(|failure| Error::Refused {
        code: "bgform::deployment::retire",
        message: format!("{colour} of `{}` could not be emptied: {failure}", intent.name),
        help: "the finished steps are in the state; run the same command again".to_owned(),
    })?;
    Ok(Ended::of(run, &intent.name, End::Retired { release, colour, was_empty }).await)
}

/// The deployments that the plan has no step for.
fn untouched(program: &View<'_>, made: &Made, snapshot: &Snapshot) -> Vec<String> {
    let is_free = |name: &&String| {
        let standing = in_state(snapshot, name);
        let is_its = |address: &Address| program.is_of(address, name) || standing.contains(address);
        !made.plan.steps.iter().any(|step| is_its(&step.address))
    };
    snapshot.deployments.keys().filter(is_free).cloned().collect()
}

/// The resource that keeps a deployment from going on: its own or one that it depends on, with a step that
/// failed or was not done.
fn missing(program: &View<'_>, name: &str, outcome: &Outcome) -> Option<Address> {
    let failed = outcome.failed.iter().map(|failed| &failed.address);
    let mut missing = failed.chain(outcome.not_done.iter().map(|(address, ..)| address)).peekable();
    missing.peek()?;
    let ours = program.nodes.iter().map(|node| &node.address).filter(|address| program.is_of(address, name));
    let needs = with_dependencies(program, ours.cloned().collect());
    missing.find(|address| needs.contains(*address)).cloned()
}
