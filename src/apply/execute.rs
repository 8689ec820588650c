//! Carries out one step, from evaluating its inputs again to its record in the state.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::address::Address;
use crate::cloud::error::Error;
use crate::kind::{self, AnyKind, Live, Wanted};
use crate::plan::cover::pair;
use crate::plan::diff::{AttributeChange, agrees, changed_attributes, diff};
use crate::plan::observe::overlaid;
use crate::plan::records::Records;
use crate::plan::render::show_value;
use crate::plan::resolve::resolve;
use crate::plan::step::{Action, Half, Step};
use crate::stack::{Evaluated, Facts, Known, Node};
use crate::state::{self, Begin, Change, Entry, Record, Snapshot, StateError, Unseen};
use crate::value::{Object, Value};

use super::together::Left;
use super::{Context, StepError, recover};
use crate::kind::operation::Operation;

/// The part that steps share while a plan is carried out.
pub(super) struct Shared<'a> {
    pub context: &'a Context<'a>,
    pub stack: String,
    pub lineage: String,
    /// The known facts of resources; every step adds some.
    pub known: Mutex<Known>,
    /// A mutex for each key of operations that must not run in parallel.
    turns: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    nodes: HashMap<&'a Address, &'a Node>,
}

impl<'a> Shared<'a> {
    pub fn new(context: &'a Context<'a>, known: Known) -> Self {
        let (stack, lineage) =
            context.journal.look(|snapshot| (snapshot.stack.clone(), snapshot.lineage.clone()));
        Self {
            context,
            stack,
            lineage,
            known: Mutex::new(known),
            turns: Mutex::default(),
            nodes: context.program.nodes.iter().map(|node| (&node.address, node)).collect(),
        }
    }

    pub async fn step(&self, step: &Step) -> Result<(), StepError> {
        let Some(kind) = kind::find_managed(&step.address.kind) else { return Ok(()) };
        match &step.action {
            Action::Create { generation, .. } => self.create(kind, step, *generation).await,
            Action::Update => self.update(kind, step).await,
            Action::Delete { id, deposed } => self.delete(kind, step, id, *deposed).await,
            Action::Forget { id, deposed, .. } => {
                let change = removal(&step.address, id, *deposed);
                Ok(self.append(Entry::Fact { change }).await?)
            }
        }
    }

    pub(super) async fn append(&self, entry: Entry) -> Result<(), StateError> {
        self.context.journal.append(entry).await
    }

    /// The inputs with the facts known now, compared with the plan's.
    fn inputs(&self, kind: &'static dyn AnyKind, step: &Step) -> Result<(Evaluated, Object), StepError> {
        if let (true, Some(record)) = (self.context.plan.from_records, &step.record) {
            let evaluated = Evaluated {
                inputs: step.inputs.clone(),
                depends_on: record.depends_on.iter().cloned().collect(),
                prevent_destroy: record.prevent_destroy,
            };
            return Ok((evaluated, step.inputs.clone()));
        }
        let unknown = || StepError::Evaluate(format!("`{}` is not in the stack", step.address));
        let node = self.nodes.get(&step.address).ok_or_else(unknown)?;
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut mistakes = Vec::new();
        let evaluated = self.context.program.evaluate(node, &known, &mut mistakes).ok_or_else(|| {
            let said: Vec<_> = mistakes.iter().map(|mistake| mistake.message.clone()).collect();
            StepError::Evaluate(said.join("; "))
        })?;
        let mut inputs = resolve(kind.schema(), &evaluated.inputs, &known);
        drop(known);
        // Ignored attributes keep the plan's values, and so does the launch source of a missing fleet, once
        // it is known.
        let is_known =
            |name: &&str| step.inputs.get(*name).is_none_or(|value| value.find_unknown().is_none());
        let kept = match step.action {
            Action::Update => self.context.program.kept_attributes(&step.address),
            Action::Create { .. } => {
                self.context.program.launched_again(&step.address).iter().copied().filter(is_known).collect()
            }
            _ => Vec::new(),
        };
        let keep = |inputs: &mut Object, name: &str| match step.inputs.get(name) {
            Some(value) => inputs.insert(name.to_owned(), value.clone()),
            None => inputs.shift_remove(name),
        };
        match step.half {
            // The other attributes keep the values of the other half.
            Some(Half::Only(name)) => {
                let set = inputs.shift_remove(name);
                let made = |snapshot: &Snapshot| Some(snapshot.resources.get(&step.address)?.inputs.clone());
                inputs = self.context.journal.look(made).unwrap_or_default();
                inputs.extend(set.map(|value| (name.to_owned(), value)));
            }
            half => {
                kept.into_iter().for_each(|name| drop(keep(&mut inputs, name)));
                if let Some(Half::Without(name)) = half {
                    keep(&mut inputs, name);
                }
            }
        }
        if let Some(unknown) = Value::Object(inputs.clone()).find_unknown() {
            return Err(StepError::Evaluate(format!(
                "`{}.{}` is still not known",
                unknown.address, unknown.attribute
            )));
        }
        for name in step.inputs.keys().chain(inputs.keys()) {
            let null = Value::Null;
            let (planned, found) =
                (step.inputs.get(name).unwrap_or(&null), inputs.get(name).unwrap_or(&null));
            if !agrees(planned, found) {
                let (planned, found) = pair(planned, found);
                return Err(StepError::NotAsPlanned {
                    attribute: name.clone(),
                    planned: show_value(&planned),
                    found: show_value(&found),
                });
            }
        }
        Ok((evaluated, inputs))
    }

    /// Waits for earlier operations with the same turn; the guard holds the turn.
    async fn turn(
        &self,
        kind: &'static dyn AnyKind,
        step: &Step,
        inputs: &Object,
    ) -> Option<tokio::sync::OwnedMutexGuard<()>> {
        let key = kind.turn(inputs)?;
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(turns.entry(key.clone()).or_default())
        };
        if let Ok(guard) = Arc::clone(&turn).try_lock_owned() {
            return Some(guard);
        }
        self.context.reporter.progress(&step.address, &format!("waiting for its turn on {key}"));
        Some(turn.lock_owned().await)
    }

    /// Begins an operation. Continues an earlier create of the same inputs that was cut short and whose
    /// resource was not found.
    pub(super) async fn begin<'b>(
        &'b self,
        step: &'b Step,
        action: state::Action,
        generation: u32,
        inputs: &Object,
        depends_on: &BTreeSet<Address>,
    ) -> Result<Operation<'b>, StateError> {
        let again = self
            .unseen(step)
            .into_iter()
            .map(|earlier| earlier.begin)
            .rfind(|earlier| action == state::Action::Create && is_same(&earlier.inputs, inputs));
        let begin = again.unwrap_or_else(|| Begin {
            operation: hex::encode(rand::random::<[u8; 12]>()),
            address: step.address.clone(),
            action,
            generation,
            id: step.record.as_ref().map(|record| record.id.clone()),
            inputs: inputs.clone(),
            depends_on: depends_on.iter().cloned().collect(),
            note: String::new(),
        });
        let (operation, generation) = (begin.operation.clone(), begin.generation);
        self.append(Entry::Begin(begin)).await?;
        let (Context { cloud, reporter, journal, way_back, shutdown, unawaited, .. }, address) =
            (self.context, &step.address);
        Ok(Operation::new(cloud, address, operation, &self.stack, &self.lineage, *reporter)
            .of_generation(generation)
            .on_the_way_back(*way_back)
            .awaited_by_the_caller(unawaited.contains(address))
            .relieving(step.traffic.relieves)
            .until(shutdown)
            .after_one_cut_short(step.record.as_ref().is_some_and(|record| record.unfinished))
            .journalled(journal))
    }

    /// The creates at the step's address whose resource was not found.
    fn unseen(&self, step: &Step) -> Vec<Unseen> {
        self.context.journal.look(|snapshot| {
            let of_step = |earlier: &&Unseen| earlier.begin.address == step.address;
            snapshot.unseen.iter().filter(of_step).cloned().collect()
        })
    }

    /// Looks for the resource of an earlier create with other inputs, for as long as it may show late.
    async fn look_for_others(&self, step: &Step, inputs: &Object) -> Result<(), StepError> {
        let Context { cloud, journal, reporter, .. } = self.context;
        for earlier in self.unseen(step).iter().filter(|earlier| !is_same(&earlier.begin.inputs, inputs)) {
            if recover::shows_itself(cloud, journal, earlier, *reporter).await? {
                return Err(StepError::ShownLate);
            }
        }
        Ok(())
    }

    /// Closes an operation that is known to have changed nothing; any other stays open for recovery.
    async fn close(&self, op: &Operation<'_>, error: Error) -> StepError {
        self.close_all(op.changed_nothing(), std::slice::from_ref(&op.id), error).await
    }

    pub(super) async fn close_all(&self, nothing: bool, operations: &[String], error: Error) -> StepError {
        for operation in operations.iter().filter(|_| nothing) {
            let entry = Entry::Failed { operation: operation.clone(), error: error.to_string() };
            if let Err(state) = self.append(entry).await {
                return state.into();
            }
        }
        error.into()
    }

    async fn create(
        &self,
        kind: &'static dyn AnyKind,
        step: &Step,
        generation: u32,
    ) -> Result<(), StepError> {
        let (evaluated, inputs) = self.inputs(kind, step)?;
        let _turn = self.turn(kind, step, &inputs).await;
        self.look_for_others(step, &inputs).await?;
        let op = self.begin(step, state::Action::Create, generation, &inputs, &evaluated.depends_on).await?;
        let id = match kind.create(&op, &inputs).await {
            Ok(id) => id,
            Err(error) => return Err(self.close(&op, error).await),
        };
        let declared = inputs.keys().cloned().collect();
        let live = self.read_back(kind, &step.address, &id, &inputs, &declared, None).await?;
        let record = Record {
            id,
            inputs,
            outputs: live.outputs.clone(),
            generation: op.generation,
            depends_on: evaluated.depends_on.iter().cloned().collect(),
            prevent_destroy: evaluated.prevent_destroy,
            unfinished: false,
        };
        self.put(&op.id, &step.address, record).await?;
        self.learn(&step.address, evaluated.inputs, live.outputs);
        Ok(())
    }

    /// Puts a record at its address; deposes a different record there.
    async fn put(&self, operation: &str, address: &Address, record: Record) -> Result<(), StateError> {
        let standing = |snapshot: &Snapshot| snapshot.resources.get(address).map(|old| old.id.clone());
        if let Some(id) = self.context.journal.look(standing).filter(|id| *id != record.id) {
            let change = Change::Depose { address: address.clone(), id };
            self.append(Entry::Fact { change }).await?;
        }
        let change = Change::Put { address: address.clone(), record };
        self.append(Entry::Done { operation: operation.to_owned(), change }).await
    }

    fn learn(&self, address: &Address, inputs: Object, outputs: Object) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(address.clone(), Facts { inputs, outputs, members: None });
    }

    async fn update(&self, kind: &'static dyn AnyKind, step: &Step) -> Result<(), StepError> {
        let stands = match (kind.together(), step.half) {
            (Some(together), _) if !step.together.is_empty() => {
                self.after_together(kind, together, step).await?
            }
            (_, Some(Half::Only(name))) => self.after_other_half(step, name),
            _ => (step.record.clone(), step.live.clone(), changed_attributes(&step.changes)),
        };
        let (Some(record), Some(seen), planned) = stands else { return Ok(()) };
        let (record, seen) = (&record, &seen);
        let (evaluated, inputs) = self.inputs(kind, step)?;
        let _turn = self.turn(kind, step, &inputs).await;
        // Nobody was asked about a plan from records, so no time has passed since it was made. If nothing is
        // planned, an operation that was cut short is ended.
        let is_new = step.record.is_none();
        let (mut live, before) = match planned.is_empty() || is_new || self.context.plan.from_records {
            true => (seen.clone(), overlaid(record, seen)),
            false => self.reread(kind, step, record, seen, &planned).await?,
        };
        let changes = diff(kind.schema(), &before, &inputs, &record.inputs);
        let changed = changed_attributes(&changes);
        if !changed.is_empty() || record.unfinished {
            live.inputs = before;
            let op = self
                .begin(step, state::Action::Update, record.generation, &inputs, &evaluated.depends_on)
                .await?;
            if let Err(error) = kind.update(&op, &record.id, &live, &inputs, &changed).await {
                return Err(self.close(&op, error).await);
            }
            let declared = if changed.is_empty() { inputs.keys().cloned().collect() } else { changed };
            let now =
                self.read_back(kind, &step.address, &record.id, &inputs, &declared, Some(record)).await?;
            let record = Record {
                id: record.id.clone(),
                inputs,
                outputs: now.outputs.clone(),
                generation: record.generation,
                depends_on: evaluated.depends_on.iter().cloned().collect(),
                prevent_destroy: evaluated.prevent_destroy,
                unfinished: false,
            };
            self.put(&op.id, &step.address, record).await?;
            self.learn(&step.address, evaluated.inputs, now.outputs);
        } else {
            self.learn(&step.address, evaluated.inputs, live.outputs);
        }
        Ok(())
    }

    /// The resource after the other half: for a created resource, that half's result.
    fn after_other_half(&self, step: &Step, name: &str) -> Left {
        let record = self.context.journal.look(|snapshot| snapshot.resources.get(&step.address).cloned());
        let live = record.as_ref().map(|record| {
            let before = step.live.as_ref().and_then(|live| live.inputs.get(name)).cloned();
            let before = before.map(|value| (name.to_owned(), value));
            let inputs = record.inputs.clone().into_iter().chain(before).collect();
            Live { inputs, outputs: record.outputs.clone() }
        });
        (record, live, changed_attributes(&step.changes))
    }

    /// Reads again the attributes that are about to be overwritten; a difference from the plan fails.
    pub(super) async fn reread(
        &self,
        kind: &'static dyn AnyKind,
        step: &Step,
        record: &Record,
        seen: &Live,
        planned: &BTreeSet<String>,
    ) -> Result<(Live, Object), StepError> {
        let wanted =
            [Wanted { address: &step.address, id: &record.id, declared: planned, last: Some(record) }];
        let mut read = kind.read(self.context.cloud, &wanted).await?;
        let live = read.remove(&record.id).ok_or(StepError::Vanished)?;
        let before = overlaid(record, &Live { inputs: merged(seen, &live, planned), outputs: Object::new() });
        let then = overlaid(record, seen);
        for name in planned {
            let null = Value::Null;
            let (then, now) = (then.get(name).unwrap_or(&null), before.get(name).unwrap_or(&null));
            let wanted = step.inputs.get(name).unwrap_or(&null);
            // A value that is already as wanted overwrites nobody's change: an operation that went on at AWS
            // has ended.
            if !then.same(now) && !wanted.same(now) {
                // Values read from the account carry no marks.
                let last = record.inputs.get(name).unwrap_or(&null);
                let covered = |value: &Value| pair(&pair(value, wanted).0, last).0;
                let (then, now) = (covered(then), covered(now));
                return Err(StepError::ChangedMeanwhile {
                    attribute: name.clone(),
                    planned: show_value(&then),
                    found: show_value(&now),
                });
            }
        }
        Ok((live, before))
    }

    /// Reads a created or changed resource until it shows the new values, since AWS is eventually consistent.
    /// After half a minute the observed values stand, and the next plan shows the difference.
    pub(super) async fn read_back(
        &self,
        kind: &'static dyn AnyKind,
        address: &Address,
        id: &str,
        inputs: &Object,
        declared: &BTreeSet<String>,
        last: Option<&Record>,
    ) -> Result<Live, StepError> {
        // Attributes that cannot be read keep the given values; outputs are copied from before.
        let given = Record {
            id: id.to_owned(),
            inputs: inputs.clone(),
            outputs: last.map(|record| record.outputs.clone()).unwrap_or_default(),
            generation: 0,
            depends_on: Vec::new(),
            prevent_destroy: false,
            unfinished: false,
        };
        let clock = &self.context.cloud.clock;
        let began = clock.monotonic();
        let mut pause = Duration::from_millis(100);
        loop {
            let wanted = [Wanted { address, id, declared, last: Some(&given) }];
            let found = kind.read(self.context.cloud, &wanted).await?.remove(id);
            let late = clock.monotonic().saturating_sub(began) > Duration::from_secs(30);
            match found {
                Some(live) if late || !differs(kind, &given, &live, declared) => return Ok(live),
                None if late => return Err(StepError::Vanished),
                _ => {}
            }
            self.context.reporter.progress(address, "waiting until AWS shows the change");
            clock.sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(4));
        }
    }

    async fn delete(
        &self,
        kind: &'static dyn AnyKind,
        step: &Step,
        id: &str,
        deposed: bool,
    ) -> Result<(), StepError> {
        let Some(record) = &step.record else { return Ok(()) };
        let depends_on = record.depends_on.iter().cloned().collect();
        let op =
            self.begin(step, state::Action::Delete, record.generation, &record.inputs, &depends_on).await?;
        if let Err(error) = kind.delete(&op, record).await {
            return Err(self.close(&op, error).await);
        }
        let change = removal(&step.address, id, deposed || self.was_deposed(&step.address, id));
        Ok(self.append(Entry::Done { operation: op.id, change }).await?)
    }

    /// Tells whether the resource at the address when the plan was made has been deposed since.
    fn was_deposed(&self, address: &Address, id: &str) -> bool {
        self.context.journal.look(|snapshot| {
            snapshot.deposed.iter().any(|old| old.address == *address && old.record.id == id)
        })
    }

    /// Deletes kept replaced resources that no kept resource uses any more.
    pub async fn release(&self) -> Vec<(Address, Result<(), StepError>)> {
        let snapshot = self.context.journal.snapshot();
        let records = Records::new(&snapshot);
        let mut released = Vec::new();
        for old in &snapshot.deposed {
            let Some(kind) = kind::find_managed(&old.address.kind) else { continue };
            if records.keeper(&old.record.id, None).is_some() {
                continue;
            }
            let id = old.record.id.clone();
            let shared = !records.with_id(&id).is_empty();
            let action = match shared {
                true => Action::Forget {
                    id: id.clone(),
                    deposed: true,
                    why: "another address keeps it".to_owned(),
                },
                false => Action::Delete { id: id.clone(), deposed: true },
            };
            let step = Step {
                address: old.address.clone(),
                action,
                changes: Vec::new(),
                after: Vec::new(),
                together: Vec::new(),
                half: None,
                inputs: Object::new(),
                record: Some(old.record.clone()),
                live: None,
                traffic: Default::default(),
            };
            let result = match shared {
                true => self.step(&step).await,
                false => self.delete(kind, &step, &id, true).await,
            };
            released.push((old.address.clone(), result));
        }
        released
    }
}

fn is_same(one: &Object, other: &Object) -> bool {
    one.len() == other.len()
        && one.iter().all(|(name, value)| other.get(name).is_some_and(|other| other.same(value)))
}

fn removal(address: &Address, id: &str, deposed: bool) -> Change {
    match deposed {
        true => Change::RemoveDeposed { address: address.clone(), id: id.to_owned() },
        false => Change::Remove { address: address.clone() },
    }
}

/// The live values that the plan saw, with those about to be overwritten as read again.
fn merged(seen: &Live, now: &Live, planned: &BTreeSet<String>) -> Object {
    let mut inputs = seen.inputs.clone();
    for (name, value) in now.inputs.iter().filter(|(name, _)| planned.contains(*name)) {
        inputs.insert(name.clone(), value.clone());
    }
    inputs
}

fn differs(kind: &'static dyn AnyKind, given: &Record, live: &Live, declared: &BTreeSet<String>) -> bool {
    let changes: Vec<AttributeChange> =
        diff(kind.schema(), &overlaid(given, live), &given.inputs, &Object::new());
    changes.iter().any(|change| declared.contains(change.attribute()))
}
