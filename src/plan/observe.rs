//! Reads the account: `existing` blocks of the stack, and every resource in the state, batched by kind with
//! all kinds in parallel. Changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;

use crate::address::Address;
use crate::cloud::Cloud;
use crate::cloud::error::Error;
use crate::diagnostic::Mistake;
use crate::kind::{self, AnyExisting, Live, Wanted};
use crate::stack::{Facts, Known, Node, View};
use crate::state::{Record, Snapshot};
use crate::value::{Object, Value};

use super::PlanError;
use super::resolve::resolve;

/// A record of the state, and the attributes to read.
pub struct Item<'a> {
    pub address: &'a Address,
    pub record: &'a Record,
    pub declared: BTreeSet<String>,
}

/// Returns the live resources in the order of `items`; `None` for a missing one.
pub async fn read_all(cloud: &Cloud, items: &[Item<'_>]) -> Result<Vec<Option<Live>>, (Address, Error)> {
    let mut by_kind: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, item) in items.iter().enumerate() {
        by_kind.entry(&item.address.kind).or_default().push(index);
    }
    let reads = by_kind.into_iter().map(|(name, indexes)| async move {
        let wanted: Vec<Wanted<'_>> = indexes
            .iter()
            .filter_map(|index| items.get(*index))
            .map(|item| Wanted {
                address: item.address,
                id: &item.record.id,
                declared: &item.declared,
                last: Some(item.record),
            })
            .collect();
        let first = wanted.first().map(|one| one.address.clone());
        match kind::find_managed(name) {
            Some(kind) => match kind.read(cloud, &wanted).await {
                Ok(live) => Ok((indexes, live)),
                Err(error) => Err((first.unwrap_or_else(|| Address::new(name, "?")), error)),
            },
            // A kind that this version does not have is refused before anything is read.
            None => Ok((Vec::new(), BTreeMap::new())),
        }
    });
    let mut found: Vec<Option<Live>> = items.iter().map(|_| None).collect();
    for (indexes, live) in try_join_all(reads).await? {
        for index in indexes {
            if let (Some(slot), Some(item)) = (found.get_mut(index), items.get(index)) {
                *slot = live.get(&item.record.id).cloned();
            }
        }
    }
    Ok(found)
}

/// The facts of a record as if they were read now, for `--no-refresh`.
pub fn remembered(record: &Record) -> Live {
    Live { inputs: record.inputs.clone(), outputs: record.outputs.clone() }
}

/// The last applied inputs overlaid with the live ones. Attributes that were not read stay, those that are no
/// longer set are removed.
pub fn overlaid(record: &Record, live: &Live) -> Object {
    let mut inputs = record.inputs.clone();
    for (name, value) in &live.inputs {
        match value.is_null() {
            true => inputs.shift_remove(name),
            false => inputs.insert(name.clone(), value.clone()),
        };
    }
    inputs
}

/// Reads every `existing` block, dependencies first, and adds its facts to `known`. Returns the answers to
/// remember.
pub async fn read_existing(
    cloud: &Cloud,
    program: &View<'_>,
    snapshot: &Snapshot,
    upgrade: bool,
    known: &mut Known,
) -> Result<Vec<(Address, Value)>, PlanError> {
    let mut waiting: Vec<&Node> = program.nodes.iter().filter(|node| !node.managed).collect();
    let mut answers = Vec::new();
    while !waiting.is_empty() {
        let mut ready = Vec::new();
        let mut blocked = Vec::new();
        for node in waiting {
            let mut mistakes = Vec::new();
            let Some(evaluated) = program.evaluate(node, known, &mut mistakes) else {
                return Err(PlanError::stack(program, mistakes));
            };
            let Some(kind) = kind::find_existing(&node.address.kind) else { continue };
            let filters = resolve(kind.schema(), &evaluated.inputs, known);
            match Value::Object(filters.clone()).find_unknown() {
                None => ready.push((node, kind, evaluated.inputs, filters)),
                Some(unknown) => blocked.push((node, unknown.clone())),
            }
        }
        if ready.is_empty() {
            return match blocked.first() {
                Some((node, unknown)) => Err(PlanError::ExistingUnknown {
                    address: node.address.clone(),
                    needs: unknown.address.clone(),
                }),
                None => Ok(answers),
            };
        }
        let kept: Vec<_> = ready
            .iter()
            .map(|(node, kind, _, filters)| {
                let kept = (kind.moves(filters) && !upgrade).then(|| snapshot.existing.get(&node.address));
                kept.flatten().and_then(|value| answer_to(value, filters))
            })
            .collect();
        let asked = ready.iter().zip(&kept).filter(|(_, kept)| kept.is_none());
        let mut read =
            read_by_kind(cloud, asked.map(|((node, kind, _, filters), _)| (&node.address, *kind, filters)))
                .await?;
        for ((node, kind, inputs, filters), kept) in ready.iter().zip(kept) {
            let members = match (kept, read.remove(&node.address)) {
                (Some(members), _) => members,
                (None, found) => {
                    let members = found.unwrap_or_default();
                    if kind.moves(filters) {
                        answers.push((node.address.clone(), answer(filters, &members)));
                    }
                    members
                }
            };
            let facts = facts_of(program, node, inputs, members, kind.member_kind().is_some())?;
            known.insert(node.address.clone(), facts);
        }
        waiting = blocked.into_iter().map(|(node, _)| node).collect();
    }
    Ok(answers)
}

/// The answers to `existing` blocks by their filters; those of a kind are read together.
async fn read_by_kind<'a>(
    cloud: &Cloud,
    asked: impl Iterator<Item = (&'a Address, &'static dyn AnyExisting, &'a Object)>,
) -> Result<BTreeMap<&'a Address, Vec<Object>>, PlanError> {
    let mut by_kind: BTreeMap<&str, (&'static dyn AnyExisting, Vec<_>, Vec<_>)> = BTreeMap::new();
    for (address, kind, filters) in asked {
        let (_, addresses, blocks) =
            by_kind.entry(&address.kind).or_insert_with(|| (kind, Vec::new(), Vec::new()));
        addresses.push(address);
        blocks.push(filters);
    }
    let reads = by_kind.into_values().map(|(kind, addresses, blocks)| async move {
        let found = kind.read_many(cloud, &blocks).await.map_err(|(place, error)| {
            let address = addresses.get(place).or(addresses.first()).map(|address| (*address).clone());
            (address.unwrap_or_else(|| Address::new(kind.schema().kind, "?")), error)
        })?;
        Ok(addresses.into_iter().zip(found))
    });
    let found = try_join_all(reads).await.map_err(|(address, error)| PlanError::Read { address, error })?;
    Ok(found.into_iter().flatten().collect())
}

fn facts_of(
    program: &View<'_>,
    node: &Node,
    inputs: &Object,
    members: Vec<Object>,
    plural: bool,
) -> Result<Facts, PlanError> {
    if plural {
        let ids: Vec<Value> = members.iter().filter_map(|member| member.get("id").cloned()).collect();
        let outputs = Object::from_iter([("ids".to_owned(), Value::List(ids))]);
        return Ok(Facts { inputs: inputs.clone(), outputs, members: Some(members) });
    }
    let count = members.len();
    let ids: Vec<_> = members
        .iter()
        .filter_map(|member| member.get("id").and_then(Value::as_str))
        .take(5)
        .map(str::to_owned)
        .collect();
    match <[Object; 1]>::try_from(members) {
        Ok([outputs]) => Ok(Facts { inputs: inputs.clone(), outputs, members: None }),
        Err(_) => {
            let found = match count {
                0 => "nothing in this account and region matches".to_owned(),
                _ => format!("{count} match: {}", ids.join(", ")),
            };
            let mut mistake = Mistake::new(
                "bgform::plan::existing_not_one",
                format!("`existing {}` must find one, and {found}", node.address.kind),
            )
            .help(match count {
                0 => "check the filters, --region and --profile",
                _ => "narrow the filters, or name it by `id`",
            });
            if let Some(declared) = program.resource(&node.address) {
                mistake = mistake.at(declared.name.span, "asked for here");
            }
            Err(PlanError::stack(program, vec![mistake]))
        }
    }
}

/// A remembered answer, with its filters.
fn answer(filters: &Object, members: &[Object]) -> Value {
    let members = members.iter().cloned().map(Value::Object).collect();
    Value::Object(Object::from_iter([
        ("filters".to_owned(), Value::Object(filters.clone())),
        ("members".to_owned(), Value::List(members)),
    ]))
}

fn answer_to(answer: &Value, filters: &Object) -> Option<Vec<Object>> {
    if *answer.get("filters") != Value::Object(filters.clone()) {
        return None;
    }
    answer.get("members").as_list()?.iter().map(|member| member.as_object().cloned()).collect()
}
