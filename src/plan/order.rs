//! All ordering is here. Steps come in with their dependencies and their effects on traffic; each goes out
//! with the steps that it waits for. Makes no call.
//!
//! - A resource comes after its dependencies; deletes go in reverse.
//! - A replaced resource is deleted after every user of it has been changed.
//! - A weight rises only after the steps that provide the group's targets; a group that loses its weight is
//!   touched only after that.
//! - Targets are added to a group before others are removed from it.
//! - If one router takes over a target group's traffic from another, it has the traffic before the other
//!   loses it.
//! - An attribute that AWS accepts only once something forwards to a target group is set after that forward, and so
//!   is a whole resource that AWS makes only then: the router begins to name a group without targets.
//! - An exclusive value is free before another resource takes it. Updates that exchange values in one call do
//!   so with the first of them.

use std::collections::{BTreeSet, HashMap, HashSet};

use indexmap::IndexMap;

use crate::address::Address;
use crate::graph;
use crate::kind;
use crate::state::Record;
use crate::value::Value;

use super::PlanError;
use super::halves::{begins_to_name, joins_late, waits_for};
use super::held::{change_together, freed, held, takes_the_place_of};
use super::resolve::ids_named;
use super::step::{Action, Half, Step};

/// A step that is not ordered yet.
pub struct Loose {
    pub step: Step,
    /// The addresses in the new inputs; for a delete, those in the record.
    pub depends_on: BTreeSet<Address>,
}

/// The name of a target group in steps: its address, or its ARN if the stack does not manage it.
pub fn group_name(value: &Value, addresses: &HashMap<String, Address>) -> Option<String> {
    match value.unmark().0 {
        Value::Ref(reference) => Some(reference.address.to_string()),
        Value::Unknown(unknown) => Some(unknown.address.to_string()),
        Value::String(arn) => Some(addresses.get(arn).map_or_else(|| arn.clone(), Address::to_string)),
        _ => None,
    }
}

/// Orders steps, each with the places of those it waits for.
pub fn order(loose: Vec<Loose>) -> Result<Vec<Step>, PlanError> {
    // A call that several steps share is placed after all of them, until it is known which step makes it.
    let shared = change_together(&loose);
    let mut edges: Edges = (0..loose.len() + shared.len()).map(|index| (index, Vec::new())).collect();
    {
        let mut known = HashSet::new();
        let mut wait = |later: usize, earlier: usize| {
            if later != earlier
                && known.insert((later, earlier))
                && let Some(waits) = edges.get_mut(&later)
            {
                waits.push((earlier, ()));
            }
        };
        let calls = shared.iter().zip(loose.len()..);
        let calls: HashMap<usize, usize> =
            calls.flat_map(|(members, call)| members.iter().map(move |member| (*member, call))).collect();
        let call = |index: usize| calls.get(&index).copied().unwrap_or(index);
        let places = Places::new(&loose);
        dependencies(&loose, &places, &call, &mut wait);
        traffic(&loose, &places, &mut wait);
        calls.iter().for_each(|(member, call)| wait(*member, *call));
    }
    // Two routers that exclude each other leave a gap.
    let gapless = without_a_gap(&loose, &edges);
    let sorted = in_turn(gapless, &shared, loose.len()).or_else(|_| in_turn(edges, &shared, loose.len()));
    let (sorted, edges) = sorted.map_err(|cycle| {
        let names = cycle.iter().filter_map(|index| loose.get(*index));
        PlanError::Cycle {
            steps: names.map(|one| format!("{} {}", one.step.action.verb(), one.step.address)).collect(),
        }
    })?;
    let place: HashMap<usize, usize> =
        sorted.iter().enumerate().map(|(place, index)| (*index, place)).collect();
    let placed = |indices: &mut dyn Iterator<Item = usize>| {
        let mut places: Vec<usize> = indices.filter_map(|index| place.get(&index).copied()).collect();
        places.sort_unstable();
        places
    };
    let together: HashMap<usize, &Vec<usize>> =
        shared.iter().flat_map(|members| members.iter().map(move |member| (*member, members))).collect();
    let mut slots: Vec<Option<Loose>> = loose.into_iter().map(Some).collect();
    let mut steps = Vec::with_capacity(slots.len());
    for index in sorted {
        let Some(Loose { mut step, .. }) = slots.get_mut(index).and_then(Option::take) else { continue };
        step.after = placed(&mut edges.get(&index).into_iter().flatten().map(|(earlier, ())| *earlier));
        step.together = placed(&mut together.get(&index).into_iter().flat_map(|all| all.iter().copied()));
        steps.push(step);
    }
    relieve(&mut steps);
    Ok(steps)
}

/// Marks the steps that add targets to a group before others are removed from it: the new targets must be
/// healthy by then.
fn relieve(steps: &mut [Step]) {
    let mut relieving = BTreeSet::new();
    for step in steps.iter().filter(|step| step.traffic.empties()) {
        let shares =
            |other: &Step| other.traffic.serves.iter().any(|group| step.traffic.serves.contains(group));
        let adds =
            |place: &&usize| steps.get(**place).is_some_and(|one| one.traffic.adds() > 0 && shares(one));
        relieving.extend(step.after.iter().filter(adds).copied());
    }
    for place in relieving {
        if let Some(step) = steps.get_mut(place) {
            step.traffic.relieves = true;
        }
    }
}

/// For each step, by its index, the steps that it waits for.
type Edges = IndexMap<usize, Vec<(usize, ())>>;

/// Orders `count` steps, with each shared call at its first step, and returns the resulting edges.
///
/// # Errors
/// A cycle of steps.
fn in_turn(mut edges: Edges, shared: &[Vec<usize>], count: usize) -> Result<(Vec<usize>, Edges), Vec<usize>> {
    let order = |edges: &Edges| {
        let sorted = graph::order(edges);
        sorted.map_err(|cycle| cycle.into_iter().map(|(index, ())| index).collect::<Vec<usize>>())
    };
    let sorted = order(&edges)?;
    if shared.is_empty() {
        return Ok((sorted, edges));
    }
    let place: HashMap<usize, usize> =
        sorted.iter().enumerate().map(|(place, index)| (*index, place)).collect();
    let mut makers = HashMap::new();
    for (members, call) in shared.iter().zip(count..) {
        let Some(first) = members.iter().min_by_key(|member| place.get(*member)) else { continue };
        makers.insert(call, *first);
        let waits = edges.shift_remove(&call).unwrap_or_default();
        edges.entry(*first).or_default().extend(waits);
    }
    for (index, waits) in &mut edges {
        let mut known = HashSet::new();
        waits.iter_mut().for_each(|(earlier, ())| *earlier = *makers.get(earlier).unwrap_or(earlier));
        waits.retain(|(earlier, ())| earlier != index && known.insert(*earlier));
    }
    Ok((order(&edges)?, edges))
}

/// Indexes of the steps by what makes others wait for them, so that no step is compared with all others.
struct Places<'a> {
    at: HashMap<&'a Address, Vec<usize>>,
    /// Deletes by the deleted id.
    id: HashMap<&'a str, Vec<usize>>,
    /// Steps by the kind and the exclusive values that they free.
    held: HashMap<(&'a str, Vec<String>), Vec<usize>>,
    /// Deletes by the target groups that they forward to.
    forwards: HashMap<&'a str, Vec<usize>>,
    /// Steps by the target groups whose targets they provide.
    serves: HashMap<&'a str, Vec<usize>>,
    /// Steps by the target groups that they may be the first to forward to.
    named: HashMap<&'a str, Vec<usize>>,
}

impl<'a> Places<'a> {
    fn new(loose: &'a [Loose]) -> Self {
        let mut places = Self {
            at: HashMap::new(),
            id: HashMap::new(),
            held: HashMap::new(),
            forwards: HashMap::new(),
            serves: HashMap::new(),
            named: HashMap::new(),
        };
        for (index, Loose { step, .. }) in loose.iter().enumerate() {
            places.at.entry(&step.address).or_default().push(index);
            begins_to_name(step).for_each(|group| places.named.entry(group).or_default().push(index));
            for group in step.traffic.serves.iter().filter(|_| !is_last_half(step)) {
                let serving = places.serves.entry(group).or_default();
                if serving.last() != Some(&index) {
                    serving.push(index);
                }
            }
            if let Some(held) = freed(step).and_then(|inputs| held(&step.address, &inputs)) {
                places.held.entry((&step.address.kind, held)).or_default().push(index);
            }
            let (Action::Delete { id, .. } | Action::Forget { id, .. }) = &step.action else { continue };
            places.id.entry(id).or_default().push(index);
            for group in step.traffic.weights.keys() {
                places.forwards.entry(group).or_default().push(index);
            }
        }
        places
    }

    /// The steps that one step may have to wait for, or that may have to wait for it, in their order.
    fn beside(&self, one: &Loose) -> BTreeSet<usize> {
        let step = &one.step;
        let mut found = BTreeSet::new();
        let mut add = |places: Option<&Vec<usize>>| found.extend(places.into_iter().flatten());
        add(self.at.get(&step.address));
        if !step.action.is_delete() {
            one.depends_on.iter().for_each(|address| add(self.at.get(address)));
            step.traffic.weights.keys().for_each(|group| add(self.forwards.get(group.as_str())));
            let waiting = step.traffic.serves.iter().filter(|_| is_last_half(step));
            waiting.for_each(|group| add(self.named.get(group.as_str())));
            if let Some(held) = held(&step.address, &step.inputs) {
                add(self.held.get(&(step.address.kind.as_str(), held)));
            }
        }
        if let Some(record) = &step.record {
            record.depends_on.iter().for_each(|address| add(self.at.get(address)));
            if let Some(kind) = kind::find_managed(&step.address.kind) {
                let named = ids_named(kind.schema(), &record.inputs);
                named.into_iter().for_each(|id| add(self.id.get(id)));
                kind.keeps(record).iter().for_each(|id| add(self.id.get(id.as_str())));
            }
        }
        found
    }
}

/// Finds the edges. `call` gives the call with which a step takes and frees exclusive values.
fn dependencies(
    loose: &[Loose],
    places: &Places<'_>,
    call: &dyn Fn(usize) -> usize,
    wait: &mut dyn FnMut(usize, usize),
) {
    for (index, one) in loose.iter().enumerate() {
        for other_index in places.beside(one) {
            let Some(other) = loose.get(other_index).filter(|_| index != other_index) else { continue };
            let uses = |record: &Option<Record>| {
                record.as_ref().is_some_and(|record| names(&one.step.address, record, other))
            };
            // Another address is to have the name, port or priority.
            if takes_the_place_of(&one.step, &other.step) {
                wait(call(index), call(other_index));
            }
            match (one.step.action.is_delete(), other.step.action.is_delete()) {
                (false, false) if waits_for(&one.step, &other.step) => wait(index, other_index),
                // Created and changed after its dependencies.
                (false, false)
                    if one.depends_on.contains(&other.step.address) && !is_last_half(&other.step) =>
                {
                    wait(index, other_index)
                }
                // A delete waits until every user is deleted or changed.
                (_, true) if uses(&one.step.record) => wait(other_index, index),
                // Delete first: the create waits for the resource that it replaces.
                (false, true) if deletes_first(&one.step, &other.step) => wait(index, other_index),
                // The same if a target group moves with it from one load balancer to another.
                (false, true) if is_let_go(loose, places, &one.step, &other.step) => wait(index, other_index),
                // Create first: the replaced resource is deleted last.
                (false, true) if replaced_by(&one.step, &other.step) => wait(other_index, index),
                _ => {}
            }
        }
    }
}

/// Tells whether a record uses what `other` deletes: by the address of the current resource, by the id among
/// its inputs, or by keeping it.
fn names(address: &Address, record: &Record, other: &Loose) -> bool {
    let (Action::Delete { id, deposed } | Action::Forget { id, deposed, .. }) = &other.step.action else {
        return false;
    };
    (!deposed && record.depends_on.contains(&other.step.address))
        || kind::find_managed(&address.kind).is_some_and(|kind| {
            ids_named(kind.schema(), &record.inputs).contains(&id.as_str()) || kind.keeps(record).contains(id)
        })
}

/// Tells whether a create without `replaces` is at the address of a delete of the current resource.
fn deletes_first(create: &Step, delete: &Step) -> bool {
    create.address == delete.address
        && matches!(create.action, Action::Create { replaces: None, .. })
        && matches!(delete.action, Action::Delete { deposed: false, .. })
}

/// Tells whether both are halves of replacements that delete first, and the create will forward to a target
/// group of the delete.
fn is_let_go(loose: &[Loose], places: &Places<'_>, create: &Step, delete: &Step) -> bool {
    let paired = |address: &Address, is: &dyn Fn(&Step, &Step) -> bool, step: &Step| {
        let mut there = places.at.get(address).into_iter().flatten().filter_map(|index| loose.get(*index));
        there.any(|other| is(&other.step, step))
    };
    create.traffic.weights.keys().any(|group| delete.traffic.weights.contains_key(group))
        && paired(&create.address, &|other, step| deletes_first(step, other), create)
        && paired(&delete.address, &|other, step| deletes_first(other, step), delete)
}

/// Tells whether a step is a second half, which sets only what comes after the routers: nothing depends on
/// it.
fn is_last_half(step: &Step) -> bool {
    matches!(step.half, Some(Half::Only(_)))
}

fn replaced_by(create: &Step, delete: &Step) -> bool {
    let (Action::Create { replaces: Some(old), .. }, Action::Delete { id, .. } | Action::Forget { id, .. }) =
        (&create.action, &delete.action)
    else {
        return false;
    };
    create.address == delete.address && old == id
}

fn traffic(loose: &[Loose], places: &Places<'_>, wait: &mut dyn FnMut(usize, usize)) {
    // Of two steps that provide a group's targets, the one that adds some comes before the one that removes
    // all of its own.
    for (index, one) in loose.iter().enumerate().filter(|(_, one)| one.step.traffic.empties()) {
        let beside = one.step.traffic.serves.iter().filter_map(|group| places.serves.get(group.as_str()));
        for other_index in beside.flatten().copied() {
            let Some(other) = loose.get(other_index).map(|other| &other.step) else { continue };
            if other.traffic.adds() > 0
                && other.address != one.step.address
                && !takes_the_place_of(other, &one.step)
            {
                wait(index, other_index);
            }
        }
    }
    for (router_index, router) in loose.iter().enumerate() {
        for (group, (before, after)) in &router.step.traffic.weights {
            for index in places.serves.get(group.as_str()).into_iter().flatten().copied() {
                let Some(one) = loose.get(index).filter(|_| index != router_index) else { continue };
                let goes = one.step.action.is_delete();
                if router.step.traffic.named.contains(group) && joins_late(&one.step) {
                    wait(index, router_index);
                } else if after > before && !goes {
                    wait(router_index, index);
                } else if after < before && *after == 0 && (goes || matches!(one.step.action, Action::Update))
                {
                    wait(index, router_index);
                }
            }
        }
    }
}

/// The edges, in which a router that takes weight from a target group waits for the routers of the same load
/// balancer that give it weight: a target group belongs to one load balancer at a time.
fn without_a_gap(loose: &[Loose], edges: &Edges) -> Edges {
    let mut gives: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, Loose { step, .. }) in loose.iter().enumerate() {
        for (group, (before, after)) in &step.traffic.weights {
            if *before == 0 && *after > 0 && kind::router(&step.address.kind).is_some() {
                gives.entry(group).or_default().push(index);
            }
        }
    }
    let mut all = edges.clone();
    for (index, Loose { step, .. }) in loose.iter().enumerate() {
        let lost = step.traffic.weights.iter().filter(|(_, (before, after))| *before > 0 && *after == 0);
        let giving: BTreeSet<usize> =
            lost.flat_map(|(group, _)| gives.get(group.as_str()).into_iter().flatten().copied()).collect();
        for other_index in giving {
            let Some(other) = loose.get(other_index).map(|other| &other.step) else { continue };
            let here = balancer(step);
            if other.address != step.address && here.is_some() && here == balancer(other) {
                let waits = all.entry(index).or_default();
                if !waits.contains(&(other_index, ())) {
                    waits.push((other_index, ()));
                }
            }
        }
    }
    all
}

/// The load balancer of a router, if it is known.
fn balancer(step: &Step) -> Option<String> {
    let router = kind::router(&step.address.kind)?;
    match (&step.record, step.action.is_delete()) {
        (Some(record), true) => router.balancer(&record.inputs),
        _ => router.balancer(&step.inputs),
    }
}
