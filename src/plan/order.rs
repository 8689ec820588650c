//! All ordering is here. Steps come in with what their resources depend on and what they do to
//! traffic; each goes out with the steps that it waits for. Makes no call.
//!
//! - What depends on something comes after it; what goes away goes in reverse.
//! - A replaced thing is deleted after everything that used it has been changed.
//! - A weight rises only after whoever provides the group's targets is done; what loses its weight
//!   is touched only after the weight has gone.
//! - Where one router takes a target group's traffic over from another, it has it before the other loses
//!   it.

use std::collections::{BTreeSet, HashMap, HashSet};

use indexmap::IndexMap;

use crate::address::Address;
use crate::graph;
use crate::kind;
use crate::state::Record;
use crate::value::{Object, Value, format_number};

use super::PlanError;
use super::resolve::ids_named;
use super::step::{Action, Step};

/// A step that is not yet in order.
pub struct Loose {
    pub step: Step,
    /// What the new inputs name; for deletes, what the record names.
    pub depends_on: BTreeSet<Address>,
}

/// The name under which a target group is known to steps: its address, or its ARN where the
/// stack does not manage it.
pub fn group_name(value: &Value, addresses: &HashMap<String, Address>) -> Option<String> {
    match value.unmark().0 {
        Value::Ref(reference) => Some(reference.address.to_string()),
        Value::Unknown(unknown) => Some(unknown.address.to_string()),
        Value::String(arn) => Some(addresses.get(arn).map_or_else(|| arn.clone(), Address::to_string)),
        _ => None,
    }
}

/// Puts steps into an order, each with the places of those it waits for.
pub fn order(loose: Vec<Loose>) -> Result<Vec<Step>, PlanError> {
    let mut edges: IndexMap<usize, Vec<(usize, ())>> =
        (0..loose.len()).map(|index| (index, Vec::new())).collect();
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
        let places = Places::new(&loose);
        dependencies(&loose, &places, &mut wait);
        traffic(&loose, &places, &mut wait);
    }
    // Two routers of which only one can be there at a time leave a gap.
    let gapless = without_a_gap(&loose, &edges);
    let sorted = graph::order(&gapless).inspect(|_| edges = gapless).or_else(|_| graph::order(&edges));
    let sorted = sorted.map_err(|cycle| {
        let names = cycle.iter().filter_map(|(index, ())| loose.get(*index));
        PlanError::Cycle {
            steps: names.map(|one| format!("{} {}", one.step.action.verb(), one.step.address)).collect(),
        }
    })?;
    let place: HashMap<usize, usize> =
        sorted.iter().enumerate().map(|(place, index)| (*index, place)).collect();
    let mut slots: Vec<Option<Loose>> = loose.into_iter().map(Some).collect();
    let mut steps = Vec::with_capacity(slots.len());
    for index in sorted {
        let Some(Loose { mut step, .. }) = slots.get_mut(index).and_then(Option::take) else { continue };
        step.after = edges
            .get(&index)
            .into_iter()
            .flatten()
            .filter_map(|(earlier, ())| place.get(earlier).copied())
            .collect();
        step.after.sort_unstable();
        steps.push(step);
    }
    Ok(steps)
}

/// The steps by what makes others wait for them, each by its place: no step is held against all others.
struct Places<'a> {
    at: HashMap<&'a Address, Vec<usize>>,
    /// Deletes by the id that goes.
    id: HashMap<&'a str, Vec<usize>>,
    /// Deletes by the kind, and by what only one can hold.
    held: HashMap<(&'a str, Vec<String>), Vec<usize>>,
    /// Deletes by the target groups that they forward to.
    forwards: HashMap<&'a str, Vec<usize>>,
    /// By the target groups whose targets they provide.
    serves: HashMap<&'a str, Vec<usize>>,
}

impl<'a> Places<'a> {
    fn new(loose: &'a [Loose]) -> Self {
        let mut places = Self {
            at: HashMap::new(),
            id: HashMap::new(),
            held: HashMap::new(),
            forwards: HashMap::new(),
            serves: HashMap::new(),
        };
        for (index, Loose { step, .. }) in loose.iter().enumerate() {
            places.at.entry(&step.address).or_default().push(index);
            for group in &step.traffic.serves {
                let serving = places.serves.entry(group).or_default();
                if serving.last() != Some(&index) {
                    serving.push(index);
                }
            }
            let (Action::Delete { id, .. } | Action::Forget { id, .. }) = &step.action else { continue };
            places.id.entry(id).or_default().push(index);
            if let Some(held) = step.record.as_ref().and_then(|record| held(&step.address, &record.inputs)) {
                places.held.entry((&step.address.kind, held)).or_default().push(index);
            }
            for group in step.traffic.weights.keys() {
                places.forwards.entry(group).or_default().push(index);
            }
        }
        places
    }

    /// The steps that one may have to wait for, or that may have to wait for it, in their order.
    fn beside(&self, one: &Loose) -> BTreeSet<usize> {
        let step = &one.step;
        let mut found = BTreeSet::new();
        let mut add = |places: Option<&Vec<usize>>| found.extend(places.into_iter().flatten());
        add(self.at.get(&step.address));
        if !step.action.is_delete() {
            one.depends_on.iter().for_each(|address| add(self.at.get(address)));
            step.traffic.weights.keys().for_each(|group| add(self.forwards.get(group.as_str())));
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

/// What of a resource only one can hold, as far as it tells apart: equal values have equal texts.
fn held(address: &Address, inputs: &Object) -> Option<Vec<String>> {
    let unique = kind::find_managed(&address.kind)?.schema().unique;
    let text = |name: &&str| match inputs.get(*name).unwrap_or(&Value::Null).unmark().0 {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(format_number(*number)),
        other => Some(other.type_name().to_owned()),
    };
    unique.iter().map(text).collect::<Option<Vec<_>>>().filter(|texts| !texts.is_empty())
}

fn dependencies(loose: &[Loose], places: &Places<'_>, wait: &mut dyn FnMut(usize, usize)) {
    for (index, one) in loose.iter().enumerate() {
        for other_index in places.beside(one) {
            let Some(other) = loose.get(other_index).filter(|_| index != other_index) else { continue };
            let uses = |record: &Option<Record>| {
                record.as_ref().is_some_and(|record| names(&one.step.address, record, other))
            };
            match (one.step.action.is_delete(), other.step.action.is_delete()) {
                // Made and changed after what it names.
                (false, false) if one.depends_on.contains(&other.step.address) => wait(index, other_index),
                // What goes away waits for all that used it: to go, or to be changed.
                (_, true) if uses(&one.step.record) => wait(other_index, index),
                // Delete first: what is created waits for the one that it replaces.
                (false, true) if deletes_first(&one.step, &other.step) => wait(index, other_index),
                // As well where another address is to have the name, port or priority.
                (false, true) if takes_the_place_of(&one.step, &other.step) => wait(index, other_index),
                // And where a target group goes with it from one load balancer to another.
                (false, true) if is_let_go(loose, places, &one.step, &other.step) => wait(index, other_index),
                // Create first: the replaced one goes last.
                (false, true) if replaced_by(&one.step, &other.step) => wait(other_index, index),
                _ => {}
            }
        }
    }
}

/// Whether a record uses what `other` takes away: by address, where that is what stands there, by
/// the id among its inputs, or by keeping it.
fn names(address: &Address, record: &Record, other: &Loose) -> bool {
    let (Action::Delete { id, deposed } | Action::Forget { id, deposed, .. }) = &other.step.action else {
        return false;
    };
    (!deposed && record.depends_on.contains(&other.step.address))
        || kind::find_managed(&address.kind).is_some_and(|kind| {
            ids_named(kind.schema(), &record.inputs).contains(&id.as_str()) || kind.keeps(record).contains(id)
        })
}

/// A create without `replaces` at the address of a delete of what stands there.
fn deletes_first(create: &Step, delete: &Step) -> bool {
    create.address == delete.address
        && matches!(create.action, Action::Create { replaces: None, .. })
        && matches!(delete.action, Action::Delete { deposed: false, .. })
}

/// Whether a step needs what only one can hold, and what goes away from another address holds it:
/// a renamed rule of the same priority.
fn takes_the_place_of(step: &Step, delete: &Step) -> bool {
    let (Action::Delete { .. }, Some(held)) = (&delete.action, &delete.record) else { return false };
    let Some(kind) = kind::find_managed(&step.address.kind) else { return false };
    let unique = kind.schema().unique;
    let same = |name: &&str| {
        let value = step.inputs.get(*name).map(Value::without_marks);
        value.as_ref().is_some_and(|value| !value.is_null())
            && value == held.inputs.get(*name).map(Value::without_marks)
    };
    step.address != delete.address
        && step.address.kind == delete.address.kind
        && !unique.is_empty()
        && unique.iter().all(same)
}

/// Whether both are halves of replacements that delete first, and the one is to forward to a target
/// group that the other forwards to.
fn is_let_go(loose: &[Loose], places: &Places<'_>, create: &Step, delete: &Step) -> bool {
    let paired = |address: &Address, is: &dyn Fn(&Step, &Step) -> bool, step: &Step| {
        let mut there = places.at.get(address).into_iter().flatten().filter_map(|index| loose.get(*index));
        there.any(|other| is(&other.step, step))
    };
    create.traffic.weights.keys().any(|group| delete.traffic.weights.contains_key(group))
        && paired(&create.address, &|other, step| deletes_first(step, other), create)
        && paired(&delete.address, &|other, step| deletes_first(other, step), delete)
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
    for (router_index, router) in loose.iter().enumerate() {
        for (group, (before, after)) in &router.step.traffic.weights {
            for index in places.serves.get(group.as_str()).into_iter().flatten().copied() {
                let Some(one) = loose.get(index).filter(|_| index != router_index) else { continue };
                let goes = one.step.action.is_delete();
                if after > before && !goes {
                    wait(router_index, index);
                } else if after < before && *after == 0 && (goes || matches!(one.step.action, Action::Update))
                {
                    wait(index, router_index);
                }
            }
        }
    }
}

/// The edges, with a router that takes weight from a target group after those of the same load balancer
/// that give it weight: a target group is of one load balancer at a time.
fn without_a_gap(
    loose: &[Loose],
    edges: &IndexMap<usize, Vec<(usize, ())>>,
) -> IndexMap<usize, Vec<(usize, ())>> {
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

/// The load balancer that a router is of, where it is known.
fn balancer(step: &Step) -> Option<String> {
    let router = kind::router(&step.address.kind)?;
    match (&step.record, step.action.is_delete()) {
        (Some(record), true) => router.balancer(&record.inputs),
        _ => router.balancer(&step.inputs),
    }
}
