//! Makes resources agree with the facts of a rollout, by a plan of only those addresses that is applied like
//! any other.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use super::announced::Carries;
use super::{Failure, Rolling, Run};
use crate::address::Address;
use crate::apply::{self, Context};
use crate::deployment::names;
use crate::facts::{Colour, Origin};
use crate::kind::fleet::Template;
use crate::kind::operation::Operation;
use crate::kind::shutdown::Shutdown;
use crate::plan::{self, Basis, Options, Part};
use crate::rollout::records;
use crate::rollout::verify::Effect;
use crate::stack::{Known, View};
use crate::state::{Change, Entry, Record};

impl Rolling<'_> {
    /// Makes these resources agree with the facts.
    pub async fn agree(&self, addresses: &BTreeSet<Address>) -> Result<(), Failure> {
        self.agree_as(addresses, false).await
    }

    /// The same. `acting` says whether the caller is a stage that changes the live colour.
    pub async fn agree_as(&self, addresses: &BTreeSet<Address>, acting: bool) -> Result<(), Failure> {
        self.agree_under(addresses, self.run.shutdown, false, acting).await
    }

    /// Enters the origin as the launch source of the colour's group in the state: the group is gone, and is
    /// made again with the release that it had.
    pub async fn launches_again(&self, colour: Colour, origin: &Origin) -> Result<(), Failure> {
        let (address, Some(record)) = (self.fleet_of(colour), self.record(colour)) else { return Ok(()) };
        let inputs = self.seam().launching(record.inputs.clone(), &Template::from(origin));
        let change = Change::Put { address, record: Record { inputs, ..record } };
        Ok(self.run.journal.append(Entry::Fact { change }).await?)
    }

    /// Enters the current launch source of the colour's group in the state, after a way back that went past
    /// the plan.
    pub async fn learn_what_launches(&self, colour: Colour) -> Result<(), Failure> {
        let (address, snapshot) = (self.fleet_of(colour), self.run.journal.snapshot());
        let record = records::relaunched(self.run.cloud, &snapshot, &address).await;
        if let Some(record) = record.map_err(|error| Failure::Plan(Box::new(error)))? {
            let change = Change::Put { address, record };
            self.run.journal.append(Entry::Fact { change }).await?;
        }
        Ok(())
    }

    /// The same on the way back, which an outage does not stop.
    pub async fn agree_on_the_way_back(&self, addresses: &BTreeSet<Address>) -> Result<(), Failure> {
        self.agree_under(addresses, self.run.shutdown, true, false).await
    }

    pub async fn agree_under(
        &self,
        addresses: &BTreeSet<Address>,
        shutdown: &Shutdown,
        way_back: bool,
        acting: bool,
    ) -> Result<(), Failure> {
        let carries = self.carried_by(addresses);
        let facts = self.facts();
        if acting {
            let live = facts.rollout.as_ref().map_or(Colour::Blue, |rollout| rollout.to);
            self.of_announced(|announced| announced.makes(Effect::Replaced(live)))?;
        }
        if let Err(refused) = self.of_announced(|announced| announced.allows(&facts, &carries)) {
            // The way back starts from the facts that the resources agree with.
            let agreed = self.of_announced(|announced| announced.stands().clone());
            self.change_facts(|facts| facts.stand_like(&agreed)).await?;
            return Err(refused.into());
        }
        // The future is large, and stages hold several of it.
        Box::pin(self.make_agree(addresses, shutdown, way_back, acting)).await?;
        self.of_announced(|announced| announced.agreed(&facts, &carries));
        Ok(())
    }

    /// The parts of the facts that these resources carry.
    fn carried_by(&self, addresses: &BTreeSet<Address>) -> Vec<Carries> {
        let routers = addresses.iter().any(names::is_router);
        let sizes = Colour::BOTH.into_iter();
        let sizes = sizes.filter(|colour| addresses.contains(&self.fleet_of(*colour)));
        routers.then_some(Carries::Router).into_iter().chain(sizes.map(Carries::Sizes)).collect()
    }

    async fn make_agree(
        &self,
        addresses: &BTreeSet<Address>,
        shutdown: &Shutdown,
        way_back: bool,
        acting: bool,
    ) -> Result<(), Failure> {
        let snapshot = self.run.journal.snapshot();
        if self.run.from_records {
            let facts = self.facts();
            let plan = records::plan(self.run.cloud, &snapshot, self.name, &facts, addresses).await;
            let plan = plan.map_err(|error| Failure::Plan(Box::new(error)))?;
            return self.apply(self.run.program, &plan, self.known(), shutdown, way_back).await;
        }
        let mut deployments = snapshot.deployments.clone();
        if let Some(rollout) = deployments.get_mut(self.name).and_then(|facts| facts.rollout.as_mut()) {
            rollout.acting = acting;
        }
        let program = self.run.program.view(&deployments);
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

    pub async fn apply(
        &self,
        program: &View<'_>,
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
            unawaited: names::under_way(&self.run.journal.snapshot()),
        };
        let mut outcome = apply::apply(&context, known).await?;
        self.run.made.lock().unwrap_or_else(PoisonError::into_inner).append(&mut outcome.done);
        match outcome.failed.into_iter().next() {
            Some(failed) => Err(Failure::Step { address: failed.address, error: failed.error }),
            None if outcome.interrupted => Err(Failure::Interrupted),
            None => Ok(()),
        }
    }

    /// The known facts of all resources, with those of the current state.
    pub fn known(&self) -> Known {
        let mut known = self.run.known.clone();
        known.extend(plan::remembered_outputs(&self.run.journal.snapshot()));
        known
    }

    pub fn address(&self, kind: &str, colour: Colour) -> Address {
        Address::new(kind, self.name).with_key(colour.name())
    }

    /// The deployment's routers and the previews above them, from the state and the stack.
    pub fn routers(&self) -> BTreeSet<Address> {
        self.addresses().into_iter().filter(names::is_router).collect()
    }

    /// The routers that the author declared, in that order.
    pub fn written_routers(&self) -> Vec<Address> {
        self.run.program.routers_of(self.name)
    }

    /// The addresses of all resources of the deployment.
    pub fn addresses(&self) -> BTreeSet<Address> {
        let snapshot = self.run.journal.snapshot();
        let in_state = names::in_state(&snapshot, self.name);
        if self.run.from_records {
            return in_state;
        }
        let program = self.run.program.view(&snapshot.deployments);
        let declared = program.nodes.iter().map(|node| &node.address);
        let ours = declared.filter(|address| program.is_of(address, self.name)).cloned();
        // A resource that is now declared elsewhere no longer belongs to this deployment.
        let left = |address: &Address| program.resource(address).is_none();
        ours.chain(in_state.into_iter().filter(left)).collect()
    }

    /// An operation for calls that only read.
    pub fn asks<'b>(&'b self, address: &'b Address) -> Operation<'b> {
        let Run { cloud, program, reporter, lineage, .. } = self.run;
        Operation::new(cloud, address, "", &program.settings.name, lineage, *reporter)
    }

    /// An operation for calls that make this change.
    ///
    /// # Errors
    /// When the stage under way has not announced the change, or it is not due.
    pub fn changes<'b>(&'b self, change: Effect, address: &'b Address) -> Result<Operation<'b>, Failure> {
        self.of_announced(|announced| announced.makes(change))?;
        Ok(self.asks(address).journalled(self.run.journal))
    }
}
