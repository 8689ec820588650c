//! What apply does after yes: the resources first, then the rollouts of deployments stage by stage.

use super::CliError;
use super::plan::Rollouts;
use super::progress::Progress;
use crate::address::Address;
use crate::apply::operation::{Operation, Reporter};
use crate::apply::shutdown::Shutdown;
use crate::apply::{self, Context, Outcome};
use crate::cloud::Cloud;
use crate::deployment::adopt;
use crate::deployment::decide::{Intent, What};
use crate::deployment::mailbox::Mailbox;
use crate::deployment::names::in_state;
use crate::deployment::run::{Ended, Run, run};
use crate::lang::program::Program;
use crate::plan::{self, Basis, Made, Options};
use crate::state::deployment::{Adopted, Origin};
use crate::state::{Change, Entry, Journal, StateError};

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
            let mut program = self.program.clone();
            program.stand(&self.journal.snapshot().deployments);
            let outcome = self.apply(&program, made).await?;
            if outcome.is_complete() {
                self.forget(options.destroy).await?;
            }
            return Ok((outcome, Vec::new()));
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
        // What was shown has the new colours raised; that is the business of a stage.
        let snapshot = self.journal.snapshot();
        let mut program = self.program.clone();
        program.stand(&snapshot.deployments);
        let basis = Basis {
            cloud: self.cloud,
            program: &program,
            snapshot: &snapshot,
            options,
            existing: rollouts.existing,
            part: None,
        };
        let outcome = self.apply(&program, plan::make(basis).await?).await?;
        if !outcome.is_complete() {
            return Ok((outcome, Vec::new()));
        }
        let lineage = snapshot.lineage;
        let stages = Run {
            cloud: self.cloud,
            program: &program,
            journal: self.journal,
            reporter: self.progress,
            shutdown: self.shutdown,
            mailbox: self.mailbox,
            lineage: &lineage,
            parallelism: self.parallelism,
            known: &outcome.known,
            from_records: false,
        };
        let ended = run(&stages, &rollouts.intents).await;
        self.forget(false).await?;
        Ok((outcome, ended))
    }

    /// What was taken over launches what it launched, before anything makes a new version.
    async fn pin(&self, intent: &Intent) -> Result<(), CliError> {
        let Some(adopted) = &intent.facts.adopted else { return Ok(()) };
        let address = Address::new("deployment", &intent.name);
        if let Some(Origin { version, .. }) = &adopted.pin {
            let lineage = self.journal.snapshot().lineage;
            let (stack, reporter) = (&self.program.settings.name, self.progress);
            let op = Operation::new(self.cloud, &address, "", stack, &lineage, reporter);
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
