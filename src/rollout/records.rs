//! A deployment's routers and groups as its facts want them, from the records of the state alone: weights and
//! sizes change, everything else stays as it was applied. So the way back needs neither the stack's variables
//! nor a file without mistakes.

use std::collections::BTreeSet;

use crate::address::Address;
use crate::cloud::Cloud;
use crate::deployment::names;
use crate::facts::{Colour, Deployment};
use crate::kind::router::{Router, Shares};
use crate::kind::{self, Live};
use crate::plan::diff::diff;
use crate::plan::observe::{Item, overlaid, read_all, remembered};
use crate::plan::records::Records;
use crate::plan::step::{Action, Step};
use crate::plan::{Plan, PlanError};
use crate::state::{Record, Snapshot};
use crate::value::Object;

/// Returns the steps that make these resources of the deployment `name` agree with its facts. Both kinds are
/// read first, since scaling policies set a group's capacity and somebody may have moved a router's weights.
///
/// # Errors
/// When one of them cannot be read.
pub async fn plan(
    cloud: &Cloud,
    snapshot: &Snapshot,
    name: &str,
    facts: &Deployment,
    addresses: &BTreeSet<Address>,
) -> Result<Plan, PlanError> {
    let items: Vec<Item<'_>> = snapshot
        .resources
        .iter()
        .filter(|(address, _)| addresses.contains(*address))
        .filter(|(address, _)| names::is_router(address) || kind::fleet(&address.kind).is_some())
        .map(|(address, record)| Item { address, record, declared: record.inputs.keys().cloned().collect() })
        .collect();
    let read = read_all(cloud, &items).await;
    let read = read.map_err(|(address, error)| PlanError::Read { address, error })?;
    let mut steps = Vec::new();
    for (Item { address, record, .. }, live) in items.iter().zip(read) {
        let router = kind::router(&address.kind);
        let weighed = |router: &dyn Router, mut inputs: Object| {
            let weighed = router.weighed(&record.inputs, &|group| weight(snapshot, name, facts, group));
            inputs.insert(router.forward().to_owned(), weighed);
            inputs
        };
        let live = match (live, router) {
            (Some(live), _) => live,
            // Without it nobody has the traffic that the way back gives.
            (None, Some(router)) if !names::is_preview(address, name) => {
                let generation = Records::new(snapshot).next_generation(address);
                let again = weighed(router, record.inputs.clone());
                let create = Action::Create { generation, replaces: None };
                let after = vec![steps.len()];
                steps.push(Step { live: None, ..step(address, record, remembered(record), again, create) });
                let why = "it is gone already".to_owned();
                let forget = Action::Forget { id: record.id.clone(), deposed: true, why };
                let old = record.inputs.clone();
                steps.push(Step { after, ..step(address, record, remembered(record), old, forget) });
                continue;
            }
            (None, Some(_)) => remembered(record),
            // A plan of the whole stack makes it again.
            (None, None) => continue,
        };
        if router.is_some() && names::is_preview(address, name) {
            if facts.previews.is_empty() {
                let action = Action::Delete { id: record.id.clone(), deposed: false };
                steps.push(step(address, record, live, record.inputs.clone(), action));
            }
            continue;
        }
        let mut inputs = overlaid(record, &live);
        if let Some(router) = router {
            // Edits to where the router forwards are overruled; its other attributes are left alone.
            inputs.retain(|name, _| record.inputs.contains_key(name));
            steps.extend(update(address, record, live, weighed(router, inputs)));
            continue;
        }
        let colour = Colour::BOTH.into_iter().find(|colour| address.key.as_deref() == Some(colour.name()));
        let (Some(colour), Some(seam)) = (colour, kind::fleet(&address.kind)) else { continue };
        // An undeclared attribute stays undeclared: a live value entered here would count as declared.
        let sizes = |name: &str| seam.shape().sizes.contains(&name);
        inputs.retain(|name, _| sizes(name) || record.inputs.contains_key(name));
        let inputs = seam.sized(inputs, facts.sizing(colour), facts.bounds);
        steps.extend(update(address, record, live, inputs));
    }
    let resources = addresses.len();
    Ok(Plan { steps, resources, from_records: true, ..Plan::default() })
}

/// The group's record with its live launch source, for a way back that went past the plan. `None` if the
/// group is gone or its record already has that source.
///
/// # Errors
/// When the group cannot be read.
pub async fn relaunched(
    cloud: &Cloud,
    snapshot: &Snapshot,
    address: &Address,
) -> Result<Option<Record>, PlanError> {
    let (Some(record), Some(seam)) = (snapshot.resources.get(address), kind::fleet(&address.kind)) else {
        return Ok(None);
    };
    let declared = record.inputs.keys().cloned().collect();
    let read = read_all(cloud, &[Item { address, record, declared }]).await;
    let read = read.map_err(|(address, error)| PlanError::Read { address, error })?;
    let Some(live) = read.into_iter().next().flatten() else { return Ok(None) };
    let mut inputs = record.inputs.clone();
    for (name, value) in overlaid(record, &live) {
        if seam.is_launched(&name) {
            inputs.insert(name, value);
        }
    }
    Ok((inputs != record.inputs).then(|| Record { inputs, ..record.clone() }))
}

/// Returns the step that gives a resource these inputs, or ends a step that was cut short; `None` if nothing
/// is left to do.
fn update(address: &Address, record: &Record, live: Live, inputs: Object) -> Option<Step> {
    let step = step(address, record, live, inputs, Action::Update);
    (!step.changes.is_empty() || record.unfinished).then_some(step)
}

fn step(address: &Address, record: &Record, live: Live, inputs: Object, action: Action) -> Step {
    let before = overlaid(record, &live);
    let changes = kind::find_managed(&address.kind)
        .map(|kind| diff(kind.schema(), &before, &inputs, &record.inputs))
        .unwrap_or_default();
    Step {
        address: address.clone(),
        action,
        changes,
        after: Vec::new(),
        together: Vec::new(),
        half: None,
        inputs,
        record: Some(record.clone()),
        live: Some(live),
        traffic: Default::default(),
    }
}

/// The weight in the facts of the colour that owns a target group; `None` if the group belongs to neither
/// colour.
fn weight(snapshot: &Snapshot, name: &str, facts: &Deployment, group: &str) -> Option<u8> {
    Colour::BOTH.into_iter().find_map(|colour| {
        let targets = names::fleet(snapshot, name).targets();
        let address = Address::new(targets, name).with_key(colour.name());
        let record = snapshot.resources.get(&address)?;
        (record.id == group).then(|| facts.weight(colour))
    })
}

/// The traffic by release, from the first router's `live` weights or those last written: `1.0 on blue 75%,
/// 2.0 on green 25%`.
pub fn traffic(snapshot: &Snapshot, name: &str, facts: &Deployment, live: Option<Shares>) -> String {
    let routers = names::routers(snapshot, name);
    let Some((_, record, router)) = routers.first() else { return "no rule sends it traffic".to_owned() };
    let written = live.unwrap_or_else(|| router.written(&record.inputs));
    let shares = Colour::BOTH.into_iter().filter_map(|colour| {
        let group = snapshot
            .resources
            .get(&Address::new(names::fleet(snapshot, name).targets(), name).with_key(colour.name()))?;
        let share = Some(written.percent(&group.id)).filter(|share| *share > 0)?;
        Some(match facts.running(colour) {
            Some(release) => format!("{} on {colour} {share}%", release.label),
            None => format!("{colour} {share}%"),
        })
    });
    let shares: Vec<String> = shares.collect();
    if shares.is_empty() { "no colour has any".to_owned() } else { shares.join(", ") }
}
