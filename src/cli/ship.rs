//! What apply does after yes: what is on its way back, the resources, then the rollouts of deployments
//! stage by stage.

use super::CliError;
use super::plan::Rollouts;
use super::progress::Progress;
use crate::address::Address;
use crate::apply::shutdown::Shutdown;
use crate::apply::{self, Context, Outcome};
use crate::cloud::Cloud;
use crate::deployment::adopt;
use crate::deployment::decide::{Intent, What};
use crate::deployment::mailbox::Mailbox;
use crate::deployment::names::in_state;
use crate::deployment::run::{End, Ended, Run, beside, run};
use crate::kind::operation::{Operation, Reporter};
use crate::lang::program::Program;
use crate::lang::scope::Known;
use crate::plan::{self, Basis, Made, Options, remembered_outputs, with_dependencies};
use crate::state::deployment::{Adopted, Course, Ending, Origin};
use crate::state::{Change, Entry, Journal, Snapshot, StateError};

/// What a plan is carried out with.
pub struct Work<'a> {
    pub cloud: &'a Cloud,
    pub program: &'a Program,
    pub journal: &'a Journal,
    pub mailbox: &'a Mailbox,
    pub shutdown: &'a Shutdown,
    pub progress: &'a Progress,
    pub parallelism: usize,
}

impl Work<'_> {
    /// Carries out a plan, and the rollouts that go with it.
    pub async fn carry_out(
        &self,
        made: Made,
        rollouts: Rollouts,
        options: &Options,
    ) -> Result<(Outcome, Vec<Ended>), CliError> {
        if rollouts.intents.is_empty() {
            let snapshot = self.journal.snapshot();
            let mut program = self.program.clone();
            program.stand(&snapshot.deployments);
            // What is taken away has nowhere to go back to.
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
            return Ok((outcome, asked));
        }
        // The facts come last: cut short before them, the same is taken over again.
        for change in rollouts.adopted.iter().flat_map(|adoption| adoption.changes()) {
            self.journal.append(Entry::Fact { change }).await?;
        }
        for intent in &rollouts.intents {
            let facts = Some(Box::new(intent.facts.clone()));
            let change = Change::Deployment { name: intent.name.clone(), facts };
            self.journal.append(Entry::Fact { change }).await?;
        }
        for intent in &rollouts.intents {
            self.pin(intent).await?;
        }
        let Rollouts { intents, existing, .. } = rollouts;
        let mut ended = self.back(&intents).await;
        // What was shown has the new colours raised; that is the business of a stage.
        let snapshot = self.journal.snapshot();
        let mut program = self.program.clone();
        program.stand(&snapshot.deployments);
        let basis = Basis {
            cloud: self.cloud,
            program: &program,
            snapshot: &snapshot,
            options,
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
        ended.extend(run(&stages, &ready).await);
        for (intent, needs) in waiting {
            let under_way = self.journal.snapshot().deployments.get(&intent.name).cloned();
            // It may have been taken back meanwhile.
            let Some(rollout) = under_way.and_then(|facts| facts.rollout) else { continue };
            let end = End::Waits { release: rollout.release.label, needs };
            ended.push(Ended::of(&stages, &intent.name, end));
        }
        self.forget(false).await?;
        Ok((outcome, ended))
    }

    /// Rollouts that were on their way back when they were cut short: nothing else comes before them.
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
        run(&self.stages(self.program, &snapshot.lineage, &known, true), &back).await
    }

    fn stages<'b>(
        &'b self,
        program: &'b Program,
        lineage: &'b str,
        known: &'b Known,
        from_records: bool,
    ) -> Run<'b> {
        Run {
            cloud: self.cloud,
            program,
            journal: self.journal,
            reporter: self.progress,
            shutdown: self.shutdown,
            mailbox: self.mailbox,
            lineage,
            parallelism: self.parallelism,
            known,
            from_records,
        }
    }

    /// What was taken over launches what it launched, before anything makes a new version.
    async fn pin(&self, intent: &Intent) -> Result<(), CliError> {
        let Some(adopted) = &intent.facts.adopted else { return Ok(()) };
        let address = Address::new("deployment", &intent.name);
        if let Some(Origin { version, .. }) = &adopted.pin {
            let lineage = self.journal.snapshot().lineage;
            let (stack, reporter) = (&self.program.settings.name, self.progress);
            let op = Operation::new(self.cloud, &address, "", stack, &lineage, reporter);
            let op = op.journalled(self.journal);
            let pinned = adopt::pin(&op, adopted).await;
            pinned.map_err(|error| CliError::Cloud { address: Some(address.clone()), error })?;
            let mut facts = intent.facts.clone();
            facts.adopted = Some(Adopted { pin: None, ..adopted.clone() });
            let change = Change::Deployment { name: intent.name.clone(), facts: Some(Box::new(facts)) };
            self.journal.append(Entry::Fact { change }).await?;
            self.progress.told(&address, &format!("{} is pinned to version {version}", adopted.group));
        }
        if intent.what == What::Adopt {
            self.progress.told(&address, &format!("{} is adopted; it runs on as it was", adopted.group));
        }
        Ok(())
    }

    async fn apply(&self, program: &Program, made: Made) -> Result<Outcome, StateError> {
        let Made { plan, known } = made;
        let context = Context {
            cloud: self.cloud,
            program,
            plan: &plan,
            journal: self.journal,
            reporter: self.progress,
            shutdown: self.shutdown,
            parallelism: self.parallelism,
            way_back: false,
        };
        apply::apply(&context, known).await
    }

    /// What is under way is taken away with the rest: where not all goes, the next apply finds the old
    /// colour with all traffic, and no rollout that would go on with what is gone.
    async fn give_up(&self, snapshot: &Snapshot) -> Result<(), StateError> {
        for (name, facts) in snapshot.deployments.iter().filter(|(_, facts)| facts.rollout.is_some()) {
            let mut facts = facts.clone();
            facts.give_up(Ending::Aborted, Some("the stack was destroyed".to_owned()));
            facts.previews = Vec::new();
            if let Some(live) = facts.live {
                facts.shift(live, 100);
            }
            let change = Change::Deployment { name: name.clone(), facts: Some(Box::new(facts)) };
            self.journal.append(Entry::Fact { change }).await?;
        }
        Ok(())
    }

    /// Nothing is known any more of deployments whose resources are gone: all of them were destroyed,
    /// or their block is no longer in the stack.
    async fn forget(&self, destroyed: bool) -> Result<(), StateError> {
        let snapshot = self.journal.snapshot();
        for name in snapshot.deployments.keys() {
            let is_declared = self.program.declarations.deployments.contains_key(name);
            let has_resources = !in_state(&snapshot, name).is_empty();
            if (is_declared && !destroyed) || has_resources {
                continue;
            }
            let change = Change::Deployment { name: name.clone(), facts: None };
            self.journal.append(Entry::Fact { change }).await?;
        }
        Ok(())
    }
}

/// The deployments that a plan has no step of.
fn untouched(program: &Program, made: &Made, snapshot: &Snapshot) -> Vec<String> {
    let is_free = |name: &&String| {
        let standing = in_state(snapshot, name);
        let is_its = |address: &Address| program.is_of(address, name) || standing.contains(address);
        !made.plan.steps.iter().any(|step| is_its(&step.address))
    };
    snapshot.deployments.keys().filter(is_free).cloned().collect()
}

/// What keeps a deployment from going on: a step that failed or was not done, of what it is made of or
/// depends on.
fn missing(program: &Program, name: &str, outcome: &Outcome) -> Option<Address> {
    let failed = outcome.failed.iter().map(|failed| &failed.address);
    let mut missing = failed.chain(outcome.not_done.iter().map(|(address, ..)| address)).peekable();
    missing.peek()?;
    let ours = program.nodes.iter().map(|node| &node.address).filter(|address| program.is_of(address, name));
    let needs = with_dependencies(program, ours.cloned().collect());
    missing.find(|address| needs.contains(*address)).cloned()
}
