//! One walk over the stack, dependencies first: evaluates, compares with the live resources, decides.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::diff::{AttributeChange, changed_attributes, diff, drift};
use super::halves::in_halves;
use super::held::free_to_take;
use super::observe::{Item, overlaid, read_all, read_existing, remembered};
use super::order::{Loose, group_name, order};
use super::records::Records;
use super::resolve::resolve;
use super::room::{Around, Decided, Replaced};
use super::step::{Action, Drift, DriftKind, Kept, OutputChange, Plan, Step, TrafficChange, named_traffic};
use super::verify::verify;
use super::{Basis, Made, Options, PlanError, addresses_by_id, closure};
use crate::address::Address;
use crate::diagnostic::did_you_mean;
use crate::kind::{self, AnyKind, Live};
use crate::stack::{Evaluated, Facts, Known, Node, View};
use crate::state::{Record, Snapshot};
use crate::value::{Object, Value};

/// Makes the plan that brings the account to what the stack declares.
///
/// # Errors
/// [`PlanError`]; nothing has been changed.
pub async fn make(basis: Basis<'_>) -> Result<Made, PlanError> {
    let Basis { cloud, program, snapshot, options, existing, part } = basis;
    known_addresses(program, snapshot, options)?;
    let declared: HashMap<&Address, &Node> =
        program.nodes.iter().filter(|node| node.managed).map(|node| (&node.address, node)).collect();
    let mut known = remembered_outputs(snapshot);
    let mut items = items(program, snapshot, &declared, options);
    let is_part = part.is_some();
    let selected = match part {
        Some(part) => {
            items.retain(|item| part.addresses.contains(item.address));
            // The state's facts are newer than those gathered for the part.
            for (address, facts) in part.known {
                known.entry(address).or_insert(facts);
            }
            Some(part.addresses)
        }
        None => select(program, snapshot, options),
    };
    let (answers, live) = match existing {
        Some((answers, found)) => {
            known.extend(found);
            (answers, read(cloud, snapshot, &items, options).await?)
        }
        // The answers of `existing` blocks do not matter to a destroy, and a part already has them.
        None if options.destroy || is_part => (Vec::new(), read(cloud, snapshot, &items, options).await?),
        None => {
            let (answers, live) = tokio::join!(
                read_existing(cloud, program, snapshot, options.upgrade, &mut known),
                read(cloud, snapshot, &items, options)
            );
            (answers?, live?)
        }
    };
    let observed: HashMap<&Address, Option<Live>> = items.iter().map(|item| item.address).zip(live).collect();

    let mut decide = Decide {
        program,
        snapshot,
        options,
        selected: &selected,
        addresses: addresses_by_id(snapshot),
        known,
        plan: Plan { answers, destroys: options.destroy, ..Plan::default() },
        named: program.nodes.iter().map(|node| &node.address).collect(),
        records: Records::new(snapshot),
        decided: Decided::default(),
        unchanged: BTreeMap::new(),
    };
    if !options.destroy {
        for node in program.nodes.iter().filter(|node| node.managed) {
            decide.node(node, observed.get(&node.address).and_then(Option::as_ref))?;
        }
    }
    for (address, record) in &snapshot.resources {
        if options.destroy || !declared.contains_key(address) {
            decide.orphan(address, record, observed.get(address).and_then(Option::as_ref))?;
        }
    }
    decide.deposed();
    if !options.destroy && !options.no_refresh && !is_part {
        free_to_take(cloud, snapshot, decide.decided.loose()).await?;
    }
    decide.finish()
}

/// Checks that every address on the command line exists.
fn known_addresses(program: &View<'_>, snapshot: &Snapshot, options: &Options) -> Result<(), PlanError> {
    if let Some(address) =
        snapshot.resources.keys().find(|address| kind::find_managed(&address.kind).is_none())
    {
        return Err(PlanError::UnknownKind { address: address.clone() });
    }
    let all: Vec<&Address> =
        program.nodes.iter().map(|node| &node.address).chain(snapshot.resources.keys()).collect();
    let targets = options.targets.iter().chain(&options.excludes).map(|target| (target, true));
    for (given, targets) in targets.chain(options.replace.iter().map(|one| (one, false))) {
        let means = |address: &Address| match targets {
            true => program.selects(given, address),
            false => given.selects(address),
        };
        if !all.iter().any(|address| means(address)) {
            let deployments = program.deployments().keys().map(|name| format!("deployment.{name}"));
            let names: Vec<String> =
                all.iter().map(ToString::to_string).chain(deployments.filter(|_| targets)).collect();
            let guess = did_you_mean(&given.to_string(), names.iter().map(String::as_str)).map(str::to_owned);
            return Err(PlanError::NoSuchAddress { address: given.clone(), guess });
        }
    }
    Ok(())
}

/// The addresses that may get a step; `None` means all.
fn select(program: &View<'_>, snapshot: &Snapshot, options: &Options) -> Option<BTreeSet<Address>> {
    if options.excludes.is_empty() {
        return select_targets(program, snapshot, options);
    }
    let everything = || {
        let declared = program.nodes.iter().map(|node| &node.address);
        declared.chain(snapshot.resources.keys()).cloned().collect()
    };
    let mut selected = select_targets(program, snapshot, options).unwrap_or_else(everything);
    let excluded = excluded(program, Some(snapshot), options);
    // What an excluded resource still needs in the account is not deleted under it.
    let records = snapshot.resources.iter();
    let needs =
        records.map(|(address, record)| (address.clone(), record.depends_on.iter().cloned().collect()));
    let needed = closure(&needs.collect(), excluded.clone());
    let declared: BTreeSet<&Address> = program.nodes.iter().map(|node| &node.address).collect();
    selected.retain(|address| {
        let stays = needed.contains(address) && (options.destroy || !declared.contains(address));
        !excluded.contains(address) && !stays
    });
    Some(selected)
}

/// The addresses that the command line excludes, with those that need one of them. A deployment is excluded
/// as a whole. A destroy leaves what an excluded one needs, which the caller sees to.
fn excluded(program: &View<'_>, snapshot: Option<&Snapshot>, options: &Options) -> BTreeSet<Address> {
    let in_state = snapshot.into_iter().flat_map(|snapshot| snapshot.resources.keys());
    let all: Vec<&Address> = program.nodes.iter().map(|node| &node.address).chain(in_state).collect();
    let named = |address: &&Address| options.excludes.iter().any(|one| program.selects(one, address));
    let mut found: BTreeSet<Address> = all.iter().copied().filter(named).cloned().collect();
    if options.destroy {
        return found;
    }
    let mut needed_by: HashMap<Address, BTreeSet<Address>> = HashMap::new();
    for node in &program.nodes {
        let evaluated = program.evaluate(node, &Known::new(), &mut Vec::new());
        for needed in evaluated.into_iter().flat_map(|one| one.depends_on) {
            needed_by.entry(needed).or_default().insert(node.address.clone());
        }
    }
    loop {
        found = closure(&needed_by, found);
        let touched = |name: &&String| found.iter().any(|address| program.is_of(address, name));
        let deployments: Vec<&String> = program.deployments().keys().filter(touched).collect();
        let of_them = |address: &&Address| deployments.iter().any(|name| program.is_of(address, name));
        let whole: Vec<Address> = all.iter().copied().filter(of_them).cloned().collect();
        let before = found.len();
        found.extend(whole);
        if found.len() == before {
            return found;
        }
    }
}

/// The addresses that the targets select; `None` means all.
fn select_targets(program: &View<'_>, snapshot: &Snapshot, options: &Options) -> Option<BTreeSet<Address>> {
    if options.targets.is_empty() {
        return None;
    }
    let all = program.nodes.iter().map(|node| &node.address).chain(snapshot.resources.keys());
    let targets: BTreeSet<Address> = all
        .filter(|address| options.targets.iter().any(|target| program.selects(target, address)))
        .cloned()
        .collect();
    if options.destroy {
        // A destroy selects the dependents of a target, not its dependencies.
        let mut edges: HashMap<Address, BTreeSet<Address>> = HashMap::new();
        for (address, record) in &snapshot.resources {
            for needed in &record.depends_on {
                edges.entry(needed.clone()).or_default().insert(address.clone());
            }
        }
        return Some(closure(&edges, targets));
    }
    Some(with_dependencies(program, targets))
}

/// These addresses, and their dependencies in the stack.
pub fn with_dependencies(program: &View<'_>, addresses: BTreeSet<Address>) -> BTreeSet<Address> {
    let needs = |node: &Node| {
        let evaluated = program.evaluate(node, &Known::new(), &mut Vec::new());
        (node.address.clone(), evaluated.map(|one| one.depends_on).unwrap_or_default())
    };
    closure(&program.nodes.iter().map(needs).collect(), addresses)
}

/// Whether a value that was kept is of the resource that the file names now: that may have been made anew.
fn is_of_one(had: &Value, now: Option<&Value>) -> bool {
    let id = |value: &Value| value.get("id").as_str().map(str::to_owned);
    now.is_none_or(|now| id(had) == id(now))
}

/// The addresses that the command line selects; `None` if it selects everything.
pub fn targeted(program: &View<'_>, options: &Options) -> Option<BTreeSet<Address>> {
    if options.targets.is_empty() && options.excludes.is_empty() {
        return None;
    }
    let all = program.nodes.iter().map(|node| &node.address);
    let is_target = |address: &&Address| {
        options.targets.is_empty() || options.targets.iter().any(|target| program.selects(target, address))
    };
    let mut selected = with_dependencies(program, all.filter(is_target).cloned().collect());
    if !options.excludes.is_empty() {
        let excluded = excluded(program, None, options);
        selected.retain(|address| !excluded.contains(address));
    }
    Some(selected)
}

/// Outputs from the state: `existing` blocks may be looked up by them.
pub fn remembered_outputs(snapshot: &Snapshot) -> Known {
    snapshot
        .resources
        .iter()
        .map(|(address, record)| {
            let facts =
                Facts { inputs: record.inputs.clone(), outputs: record.outputs.clone(), members: None };
            (address.clone(), facts)
        })
        .collect()
}

fn items<'a>(
    program: &View<'_>,
    snapshot: &'a Snapshot,
    declared: &HashMap<&Address, &Node>,
    options: &Options,
) -> Vec<Item<'a>> {
    snapshot
        .resources
        .iter()
        .map(|(address, record)| {
            if options.no_refresh {
                // Nothing is read.
                return Item { address, record, declared: BTreeSet::new() };
            }
            let mut names: BTreeSet<String> = record.inputs.keys().cloned().collect();
            if declared.contains_key(address)
                && let Some(block) = program.resource(address)
            {
                let body = &block.block.body;
                names.extend(body.attributes.iter().map(|attribute| attribute.name.text.clone()));
                names.extend(body.blocks.iter().map(|block| block.keyword.text.clone()));
            }
            Item { address, record, declared: names }
        })
        .collect()
}

async fn read(
    cloud: &crate::cloud::Cloud,
    snapshot: &Snapshot,
    items: &[Item<'_>],
    options: &Options,
) -> Result<Vec<Option<Live>>, PlanError> {
    if options.no_refresh {
        return Ok(items.iter().map(|item| Some(remembered(item.record))).collect());
    }
    let live = read_all(cloud, items).await.map_err(|(address, error)| PlanError::Read { address, error })?;
    if items.len() >= 2 && live.iter().all(Option::is_none) && !options.destroy {
        let place = format!("account {}, region {}", snapshot.account, snapshot.region);
        return Err(PlanError::EverythingGone { count: items.len(), place });
    }
    Ok(live)
}

struct Decide<'a> {
    program: &'a View<'a>,
    snapshot: &'a Snapshot,
    options: &'a Options,
    selected: &'a Option<BTreeSet<Address>>,
    addresses: HashMap<String, Address>,
    known: Known,
    plan: Plan,
    /// All addresses that the stack declares.
    named: HashSet<&'a Address>,
    records: Records<'a>,
    decided: Decided,
    /// Weights of routers without a step.
    unchanged: BTreeMap<String, u32>,
}

impl Decide<'_> {
    fn is_selected(&self, address: &Address) -> bool {
        self.selected.as_ref().is_none_or(|selected| selected.contains(address))
    }

    fn node(&mut self, node: &Node, live: Option<&Live>) -> Result<(), PlanError> {
        let address = &node.address;
        let Some(kind) = kind::find_managed(&address.kind) else { return Ok(()) };
        let record = self.snapshot.resources.get(address);
        if !self.is_selected(address) {
            // The resource stays as it is, with the state's facts.
            return Ok(());
        }
        self.plan.resources += 1;
        let mut mistakes = Vec::new();
        let Some(evaluated) = self.program.evaluate(node, &self.known, &mut mistakes) else {
            return Err(PlanError::stack(self.program, mistakes));
        };
        let mut inputs = resolve(kind.schema(), &evaluated.inputs, &self.known);
        let outputs = match (record, live) {
            (Some(record), Some(live)) => self.compare(node, kind, record, live, &evaluated, inputs)?,
            (Some(record), None) => {
                self.plan.drift.push(Drift {
                    address: address.clone(),
                    kind: DriftKind::Gone { id: record.id.clone() },
                });
                for name in self.program.launched_again(address).iter().copied() {
                    match record.inputs.get(name) {
                        Some(had) if is_of_one(had, inputs.get(name)) => {
                            inputs.insert(name.to_owned(), had.clone());
                        }
                        Some(_) => {}
                        None => drop(inputs.shift_remove(name)),
                    }
                }
                self.create(kind, address, &evaluated, inputs, None, self.records.next_generation(address))
            }
            (None, _) => {
                self.create(kind, address, &evaluated, inputs, None, self.records.next_generation(address))
            }
        };
        self.known.insert(address.clone(), Facts { inputs: evaluated.inputs, outputs, members: None });
        Ok(())
    }

    /// Decides about an existing resource, and which of its outputs stay known.
    fn compare(
        &mut self,
        node: &Node,
        kind: &'static dyn AnyKind,
        record: &Record,
        live: &Live,
        evaluated: &Evaluated,
        mut inputs: Object,
    ) -> Result<Object, PlanError> {
        let address = &node.address;
        let schema = kind.schema();
        let before = overlaid(record, live);
        self.ignore_changes(address, record, &before, &mut inputs);
        self.drift(kind, address, record, live);
        let mut changes = diff(schema, &before, &inputs, &record.inputs);
        for change in &mut changes {
            match kind.not_in_place(change.attribute(), &before, &inputs) {
                Some(kind::Made::Anew) => change.replaces = true,
                Some(kind::Made::Never(reason, help)) => {
                    return Err(PlanError::CannotChange { address: address.clone(), reason, help });
                }
                None => {}
            }
        }
        let forced = self.options.replace.iter().any(|given| given.selects(address));
        let mut traffic = self.traffic_change(kind, &before, Some(&evaluated.inputs));
        // An ignored size keeps the live capacity, not the declared one.
        let now = kind.capacity(&before, None);
        traffic.targets = (now.unwrap_or_default(), kind.capacity(&inputs, now).or(now).unwrap_or_default());

        if forced || changes.iter().any(|change| change.replaces) {
            if record.prevent_destroy || evaluated.prevent_destroy {
                return Err(PlanError::Prevented { address: address.clone(), what: "replaced" });
            }
            return Ok(self.replace(kind, address, record, live, evaluated, inputs, changes));
        }
        if changes.is_empty() && !record.unfinished {
            self.unchanged
                .extend(traffic.weights.iter().map(|(group, (before, _))| (group.clone(), *before)));
            // Most records are unchanged: no new record is built to find that out.
            let is_fresh = record.inputs == inputs
                && record.outputs == live.outputs
                && record.depends_on.iter().eq(&evaluated.depends_on)
                && record.prevent_destroy == evaluated.prevent_destroy;
            if !is_fresh {
                let fresh = Record {
                    id: record.id.clone(),
                    inputs,
                    outputs: live.outputs.clone(),
                    generation: record.generation,
                    depends_on: evaluated.depends_on.iter().cloned().collect(),
                    prevent_destroy: evaluated.prevent_destroy,
                    unfinished: record.unfinished,
                };
                self.plan.refreshed.push((address.clone(), fresh));
            }
            return Ok(live.outputs.clone());
        }
        let changed = changed_attributes(&changes);
        let mut outputs = live.outputs.clone();
        for output in &schema.outputs {
            let touched = output
                .changes_unless_only
                .is_some_and(|harmless| changed.iter().any(|name| !harmless.contains(&name.as_str())));
            if touched {
                outputs.insert(output.name.to_owned(), Value::unknown(address, output.name));
            }
        }
        self.decided.push(Loose {
            step: Step {
                address: address.clone(),
                action: Action::Update,
                changes,
                after: Vec::new(),
                together: Vec::new(),
                half: None,
                inputs,
                record: Some(record.clone()),
                live: Some(live.clone()),
                traffic,
            },
            depends_on: evaluated.depends_on.clone(),
        });
        Ok(outputs)
    }

    /// Gives an ignored attribute its live value, or the applied one, if it was ever declared. Otherwise it is
    /// the API's own choice, and must not look later like one that the author removed.
    fn ignore_changes(&self, address: &Address, record: &Record, before: &Object, inputs: &mut Object) {
        for name in self.program.kept_attributes(address) {
            match record.inputs.get(name).zip(before.get(name)) {
                Some((declared, _)) if self.program.stays_as_applied(address, name) => {
                    inputs.insert(name.to_owned(), declared.clone())
                }
                Some((declared, now)) => inputs.insert(name.to_owned(), declared_part(now, declared)),
                None => inputs.shift_remove(name),
            };
        }
    }

    fn drift(&mut self, kind: &'static dyn AnyKind, address: &Address, record: &Record, live: &Live) {
        let mut changes = drift(kind.schema(), &record.inputs, &live.inputs);
        let others = self.program.changed_by_others(address);
        changes.retain(|change| !others.contains(&change.attribute()));
        if changes.is_empty() {
            return;
        }
        let named = |inputs: &Object| {
            named_traffic(&kind.traffic(inputs), &|value| group_name(value, &self.addresses)).0
        };
        let weights = named(&record.inputs) != named(&overlaid(record, live));
        let kind = DriftKind::Changed { changes, weights };
        self.plan.drift.push(Drift { address: address.clone(), kind });
    }

    fn traffic_change(
        &self,
        kind: &'static dyn AnyKind,
        before: &Object,
        after: Option<&Object>,
    ) -> TrafficChange {
        let name = |value: &Value| group_name(value, &self.addresses);
        let (old, mut serves) = named_traffic(&kind.traffic(before), &name);
        let (new, serves_after) =
            after.map(|after| named_traffic(&kind.traffic(after), &name)).unwrap_or_default();
        serves.extend(serves_after.into_iter().filter(|group| !serves.contains(group)).collect::<Vec<_>>());
        let groups: BTreeSet<String> = old.keys().chain(new.keys()).cloned().collect();
        let named = new.keys().filter(|group| !old.contains_key(*group)).cloned().collect();
        let weight =
            |weights: &BTreeMap<String, u32>, group: &str| weights.get(group).copied().unwrap_or_default();
        let weights = groups
            .into_iter()
            .map(|group| {
                let change = (weight(&old, &group), weight(&new, &group));
                (group, change)
            })
            .collect();
        let now = kind.capacity(before, None);
        let then = after.map_or(Some(0), |after| kind.capacity(after, now).or(now));
        let targets = (now.unwrap_or_default(), then.unwrap_or_default());
        TrafficChange { weights, named, serves, targets, relieves: false }
    }

    fn create(
        &mut self,
        kind: &'static dyn AnyKind,
        address: &Address,
        evaluated: &Evaluated,
        inputs: Object,
        replaces: Option<(&Record, Vec<AttributeChange>)>,
        generation: u32,
    ) -> Object {
        let (replaces, changes) = match replaces {
            Some((record, changes)) => (Some(record.id.clone()), changes),
            None => (None, Vec::new()),
        };
        let traffic = self.traffic_change(kind, &Object::new(), Some(&evaluated.inputs));
        self.decided.push(Loose {
            step: Step {
                address: address.clone(),
                action: Action::Create { generation, replaces },
                changes,
                after: Vec::new(),
                together: Vec::new(),
                half: None,
                inputs,
                record: None,
                live: None,
                traffic,
            },
            depends_on: evaluated.depends_on.clone(),
        });
        kind.schema()
            .outputs
            .iter()
            .map(|output| (output.name.to_owned(), Value::unknown(address, output.name)))
            .collect()
    }

    #[allow(clippy::too_many_arguments, reason = "everything that the decision was made from")]
    fn replace(
        &mut self,
        kind: &'static dyn AnyKind,
        address: &Address,
        record: &Record,
        live: &Live,
        evaluated: &Evaluated,
        inputs: Object,
        changes: Vec<AttributeChange>,
    ) -> Object {
        let replaced = Replaced {
            kind,
            record,
            before: &overlaid(record, live),
            declared: &evaluated.inputs,
            inputs: &inputs,
            changed: changed_attributes(&changes),
        };
        let around = Around { decided: &self.decided, records: &self.records, addresses: &self.addresses };
        let delete_first = replaced.goes_first(&around);
        let generation = self.records.next_generation(address);
        let outputs = match delete_first {
            true => {
                let outputs = self.create(kind, address, evaluated, inputs, None, generation);
                if let Some(made) = self.decided.last_mut() {
                    made.step.changes = changes;
                }
                outputs
            }
            false => self.create(kind, address, evaluated, inputs, Some((record, changes)), generation),
        };
        // Kept while a kept resource uses it; apply checks again at the end.
        match self.records.keeper(&record.id, Some(address)).filter(|_| !delete_first) {
            Some(by) => {
                self.plan.kept.push(Kept { address: address.clone(), id: record.id.clone(), by: by.clone() })
            }
            None => self.delete(kind, address, record, Some(live), !delete_first),
        }
        outputs
    }

    fn orphan(&mut self, address: &Address, record: &Record, live: Option<&Live>) -> Result<(), PlanError> {
        let Some(kind) = kind::find_managed(&address.kind) else { return Ok(()) };
        if !self.is_selected(address) {
            return Ok(());
        }
        self.plan.resources += 1;
        if record.prevent_destroy {
            return Err(PlanError::Prevented { address: address.clone(), what: "deleted" });
        }
        self.delete(kind, address, record, live, false);
        Ok(())
    }

    fn deposed(&mut self) {
        for old in &self.snapshot.deposed {
            let Some(kind) = kind::find_managed(&old.address.kind) else { continue };
            if !self.is_selected(&old.address) {
                continue;
            }
            match self.records.keeper(&old.record.id, None).filter(|_| !self.options.destroy) {
                Some(by) => self.plan.kept.push(Kept {
                    address: old.address.clone(),
                    id: old.record.id.clone(),
                    by: by.clone(),
                }),
                None => self.delete(kind, &old.address, &old.record, Some(&remembered(&old.record)), true),
            }
        }
    }

    fn delete(
        &mut self,
        kind: &'static dyn AnyKind,
        address: &Address,
        record: &Record,
        live: Option<&Live>,
        deposed: bool,
    ) {
        let id = record.id.clone();
        let mut others = self.records.with_id(&id).iter().map(|(other, _)| *other);
        let also =
            others.find(|other| *other != address && !self.options.destroy && self.named.contains(other));
        let already = self.decided.deletes(&id);
        let action = match (live, also) {
            (None, _) => Action::Forget { id, deposed, why: "it is gone already".to_owned() },
            (_, Some(other)) => Action::Forget { id, deposed, why: format!("`{other}` keeps it") },
            _ if already => Action::Forget { id, deposed, why: "it goes with another address".to_owned() },
            _ => Action::Delete { id, deposed },
        };
        let before = live.map(|live| overlaid(record, live)).unwrap_or_default();
        self.decided.push(Loose {
            step: Step {
                address: address.clone(),
                action,
                changes: Vec::new(),
                after: Vec::new(),
                together: Vec::new(),
                half: None,
                inputs: Object::new(),
                traffic: self.traffic_change(kind, &before, None),
                record: Some(record.clone()),
                live: live.cloned(),
            },
            depends_on: record.depends_on.iter().cloned().collect(),
        });
    }

    fn finish(self) -> Result<Made, PlanError> {
        let Self { program, snapshot, options, known, mut plan, decided, unchanged, addresses, .. } = self;
        if !options.destroy {
            let mut mistakes = Vec::new();
            let outputs = program.outputs(&known, &mut mistakes);
            if !mistakes.is_empty() {
                return Err(PlanError::stack(program, mistakes));
            }
            plan.outputs = output_changes(&snapshot.outputs, &outputs);
        } else if !snapshot.resources.is_empty() {
            plan.outputs = output_changes(&snapshot.outputs, &Object::new());
        }
        plan.steps = order(in_halves(decided.into_loose()))?;
        verify(&plan, snapshot, &unchanged, &addresses, options)?;
        Ok(Made { plan, known })
    }
}

/// The members of the live value that are declared.
pub(super) fn declared_part(now: &Value, declared: &Value) -> Value {
    match (now, declared) {
        (Value::Object(now), Value::Object(declared)) => {
            let both = declared.iter().filter_map(|(name, declared)| Some((name, now.get(name)?, declared)));
            Value::Object(
                both.map(|(name, now, declared)| (name.clone(), declared_part(now, declared))).collect(),
            )
        }
        (Value::List(now), Value::List(declared)) if now.len() == declared.len() => Value::List(
            now.iter().zip(declared).map(|(now, declared)| declared_part(now, declared)).collect(),
        ),
        _ => now.clone(),
    }
}

fn output_changes(before: &Object, after: &Object) -> Vec<OutputChange> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    names
        .into_iter()
        .map(|name| OutputChange {
            name: name.clone(),
            before: before.get(name).cloned().unwrap_or_default(),
            after: after.get(name).cloned().unwrap_or_default(),
        })
        .filter(|change| change.before != change.after)
        .collect()
}
