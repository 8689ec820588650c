//! Refuses a plan that removes or empties targets that carry traffic. A plan comes in; it passes, or is
//! refused with the step named.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::diff::changed_attributes;
use super::halves::joins_late;
use super::held::only_moves;
use super::observe::overlaid;
use super::order::group_name;
use super::step::{Action, Half, Plan, Step};
use super::{Options, PlanError};
use crate::address::Address;
use crate::deployment::names;
use crate::facts::Colour;
use crate::kind;
use crate::state::Snapshot;
use crate::value::Value;

/// Refuses a plan that would drop traffic. `unchanged` is the weight of each target group in rules without a
/// step; `addresses` maps ids to addresses. First releases and `destroy` are exempt: no traffic is carried
/// before, or none is to be carried after.
pub fn verify(
    plan: &Plan,
    snapshot: &Snapshot,
    unchanged: &BTreeMap<String, u32>,
    addresses: &HashMap<String, Address>,
    options: &Options,
) -> Result<(), PlanError> {
    if options.destroy {
        return Ok(());
    }
    let (whole, idle) = (Whole::new(plan, unchanged), without_traffic(snapshot));
    for (place, step) in plan.steps.iter().enumerate() {
        if !options.allow_outage {
            leaves(&whole, addresses, step)?;
            makes_room(&whole, place, step)?;
            takes_away(&whole, snapshot, &idle, step)?;
            outruns(&whole, &idle, step)?;
        }
        // The other half has its effect on traffic.
        for group in step.traffic.serves.iter().filter(|_| !matches!(step.half, Some(Half::Only(_)))) {
            if idle.contains(group) || !whole.throughout.contains(group.as_str()) {
                continue;
            }
            serving(&whole, place, step, group, options)?;
        }
        if let (Action::Delete { .. }, Some(weight)) =
            (&step.action, unchanged.get(&step.address.to_string()).filter(|_| !is_deposed(step)))
            && *weight > 0
        {
            return Err(PlanError::Outage { step: named(step), group: step.address.to_string() });
        }
    }
    Ok(())
}

/// The target groups of deployments that serve no client, whatever forwards to them: those without a release
/// yet, and those of colours that only a preview reaches.
fn without_traffic(snapshot: &Snapshot) -> BTreeSet<String> {
    let colours = snapshot.deployments.iter().flat_map(|(name, facts)| {
        let idle = |colour: &Colour| facts.live.is_none() || facts.weight(*colour) == 0;
        Colour::BOTH.into_iter().filter(idle).map(move |colour| (name, colour))
    });
    colours
        .flat_map(|(name, colour)| {
            let groups = kind::fleets().map(move |fleet| Address::new(fleet.targets(), name));
            groups.map(move |group| group.with_key(colour.name()).to_string())
        })
        .collect()
}

/// Indexes of a plan's steps.
struct Whole<'a> {
    /// Groups with weight before and after the plan: their targets may be touched at no time. A weight rises
    /// after their steps, and falls to 0 before them.
    throughout: HashSet<&'a str>,
    /// Groups with weight after the plan.
    homes: HashSet<&'a str>,
    /// The steps that wait for a delete, by its place.
    waiting: HashMap<usize, Vec<&'a Step>>,
    /// The creates of replacements, by address.
    replacements: HashMap<&'a Address, Vec<&'a Step>>,
    /// The steps that add targets to a group, by the group.
    adding: HashMap<&'a str, Vec<&'a Step>>,
    /// The number of a group's targets that are deleted with their whole resource, by the group.
    emptied: HashMap<&'a str, u32>,
    /// Groups whose targets come after the routers that name them.
    late: HashSet<&'a str>,
}

impl<'a> Whole<'a> {
    fn new(plan: &'a Plan, unchanged: &'a BTreeMap<String, u32>) -> Self {
        let kept = || unchanged.iter().filter(|(_, weight)| **weight > 0).map(|(group, _)| group.as_str());
        let weights = || plan.steps.iter().flat_map(|step| &step.traffic.weights);
        let throughout = weights().filter(|(_, (before, after))| *before > 0 && *after > 0);
        let given = weights().filter(|(_, (_, after))| *after > 0);
        let mut waiting: HashMap<usize, Vec<&Step>> = HashMap::new();
        let mut replacements: HashMap<&Address, Vec<&Step>> = HashMap::new();
        let mut adding: HashMap<&str, Vec<&Step>> = HashMap::new();
        let mut emptied: HashMap<&str, u32> = HashMap::new();
        let late = plan.steps.iter().filter(|step| joins_late(step)).flat_map(|step| &step.traffic.serves);
        let late = late.map(String::as_str).collect();
        for step in &plan.steps {
            for group in step.traffic.serves.iter().filter(|_| step.traffic.adds() > 0) {
                adding.entry(group).or_default().push(step);
            }
            for group in step.traffic.serves.iter().filter(|_| step.traffic.empties()) {
                *emptied.entry(group.as_str()).or_default() += step.traffic.targets.0;
            }
            for before in &step.after {
                if plan.steps.get(*before).is_some_and(|before| before.action.is_delete()) {
                    waiting.entry(*before).or_default().push(step);
                }
            }
            if matches!(step.action, Action::Create { replaces: Some(_), .. }) {
                replacements.entry(&step.address).or_default().push(step);
            }
        }
        Self {
            throughout: throughout.map(|(group, _)| group.as_str()).chain(kept()).collect(),
            homes: given.map(|(group, _)| group.as_str()).chain(kept()).collect(),
            waiting,
            replacements,
            adding,
            emptied,
            late,
        }
    }

    /// Tells whether, before this step, as many targets are added to a group as this step and others remove.
    fn makes_up(&self, place: usize, step: &Step, group: &str) -> bool {
        let adding = self.adding.get(group).into_iter().flatten();
        let before = adding.filter(|other| other.address != step.address && !other.after.contains(&place));
        before.map(|other| other.traffic.adds()).sum::<u32>()
            >= self.emptied.get(group).copied().unwrap_or_default()
    }
}

/// Refuses a change that takes a fleet out of a target group that carries traffic throughout. A replaced
/// group counts too, since the rule turns to its replacement only afterwards.
fn leaves(whole: &Whole<'_>, addresses: &HashMap<String, Address>, step: &Step) -> Result<(), PlanError> {
    let (Action::Update, Some(record), Some(live)) = (&step.action, &step.record, &step.live) else {
        return Ok(());
    };
    let Some(kind) = kind::find_managed(&step.address.kind) else { return Ok(()) };
    let stays: Vec<Value> = kind.traffic(&step.inputs).serves.iter().map(Value::without_marks).collect();
    let before = kind.traffic(&overlaid(record, live)).serves;
    for left in before.iter().map(Value::without_marks).filter(|group| !stays.contains(group)) {
        let Some(group) = group_name(&left, addresses) else { continue };
        if whole.throughout.contains(group.as_str()) {
            return Err(PlanError::UnderTraffic {
                address: step.address.clone(),
                reason: format!("its instances leave `{group}`"),
                help: "declare another target group beside it and shift the weight there first; with an \
                       outage in mind, pass --allow-outage"
                    .to_owned(),
            });
        }
    }
    Ok(())
}

/// Refuses to delete a router whose group has no other weight afterwards.
fn takes_away(
    whole: &Whole<'_>,
    snapshot: &Snapshot,
    idle: &BTreeSet<String>,
    step: &Step,
) -> Result<(), PlanError> {
    let is_preview =
        || step.record.as_ref().is_some_and(|record| names::is_any_preview(snapshot, &step.address, record));
    if !step.action.is_delete() || is_preview() {
        return Ok(());
    }
    let carried = step.traffic.weights.iter().filter(|(_, (before, _))| *before > 0).map(|(group, _)| group);
    let carried = carried.filter(|group| !idle.contains(*group));
    match carried.clone().next() {
        Some(group) if !carried.clone().any(|group| whole.homes.contains(group.as_str())) => {
            Err(PlanError::UnderTraffic {
                address: step.address.clone(),
                reason: format!("the plan deletes it, and nothing else forwards to `{group}`"),
                help:
                    "if it has only been renamed, `bgform state mv` its old address to the new one; if its \
                   requests are to go unanswered, pass --allow-outage; `bgform destroy` takes all away"
                        .to_owned(),
            })
        }
        _ => Ok(()),
    }
}

/// Refuses to give traffic of others to a target group whose targets come only after its router.
fn outruns(whole: &Whole<'_>, idle: &BTreeSet<String>, step: &Step) -> Result<(), PlanError> {
    let carries = step.traffic.weights.values().any(|(before, _)| *before > 0);
    let mut given = step.traffic.named.iter().filter(|group| {
        let weight = step.traffic.weights.get(*group).map_or(0, |(_, after)| *after);
        weight > 0 && whole.late.contains(group.as_str()) && !idle.contains(*group)
    });
    match given.find(|_| carries && matches!(step.action, Action::Update)) {
        None => Ok(()),
        Some(group) => Err(PlanError::UnderTraffic {
            address: step.address.clone(),
            reason: format!("it would send requests to `{group}`, whose targets AWS registers only once a rule names it"),
            help: "write `weight = 0` for it and apply that; then give it weight in another apply; with an outage in \
                   mind, pass --allow-outage"
                .to_owned(),
        }),
    }
}

/// Refuses to delete a router that carries traffic to make room for another.
fn makes_room(whole: &Whole<'_>, place: usize, step: &Step) -> Result<(), PlanError> {
    let carried = |group: &String| step.traffic.weights.get(group).is_some_and(|(before, _)| *before > 0);
    let next = whole.waiting.get(&place).into_iter().flatten().find(|other| {
        !other.action.is_delete()
            && !only_moves(other)
            && other.traffic.weights.iter().any(|(group, (_, after))| *after > 0 && carried(group))
    });
    match next {
        Some(next) => Err(PlanError::UnderTraffic {
            address: step.address.clone(),
            reason: match next.address == step.address {
                true => "it has to go before its replacement can have its place".to_owned(),
                false => format!("it has to go before `{}` can have its place", next.address),
            },
            help: match next.address == step.address {
                true => "with an outage in mind, pass --allow-outage".to_owned(),
                false => format!(
                    "if it has only been renamed: bgform state mv '{}' '{}'; with an outage in mind, pass \
                     --allow-outage",
                    step.address, next.address
                ),
            },
        }),
        None => Ok(()),
    }
}

fn is_deposed(step: &Step) -> bool {
    matches!(step.action, Action::Delete { deposed: true, .. } | Action::Forget { deposed: true, .. })
}

fn serving(
    whole: &Whole<'_>,
    place: usize,
    step: &Step,
    group: &str,
    options: &Options,
) -> Result<(), PlanError> {
    let made_up = || step.traffic.empties() && whole.makes_up(place, step, group);
    match step.action {
        Action::Update if step.traffic.empties() => match options.allow_outage || made_up() {
            true => Ok(()),
            false => Err(PlanError::UnderTraffic {
                address: step.address.clone(),
                reason: format!("it is emptied of {} targets of `{group}`", step.traffic.targets.0),
                help: format!(
                    "take the weight of `{group}` away first, or add as many targets to it by another resource in \
                     the same apply, which come first; with an outage in mind, pass --allow-outage"
                ),
            }),
        },
        Action::Update => {
            let changed = changed_attributes(&step.changes);
            let refused = kind::find_managed(&step.address.kind)
                .and_then(|kind| kind.refused_under_traffic(&changed, &step.inputs));
            match refused {
                Some((reason, help)) if !options.allow_outage => {
                    Err(PlanError::UnderTraffic { address: step.address.clone(), reason, help })
                }
                _ => Ok(()),
            }
        }
        Action::Delete { .. } => {
            // Its replacement, created first, takes over.
            let mut replacements = whole.replacements.get(&step.address).into_iter().flatten();
            let replaced =
                replacements.any(|other| other.traffic.serves.iter().any(|served| served == group));
            match replaced || options.allow_outage || made_up() {
                true => Ok(()),
                false => Err(PlanError::Outage { step: named(step), group: group.to_owned() }),
            }
        }
        Action::Create { .. } | Action::Forget { .. } => Ok(()),
    }
}

fn named(step: &Step) -> String {
    format!("{} of `{}`", step.action.verb(), step.address)
}
