//! Drift as lines. Drift and the last applied inputs come in; lines of the form then → now go out, weights
//! with their groups.

use super::change::Draw;
use super::names::Names;
use super::paint::{Meaning, Style};
use super::step::{is_weight, shown, traffic_line};
use super::text::{one_line, printable};
use crate::plan::diff::AttributeChange;
use crate::plan::step::{Drift, DriftKind, Plan};
use crate::state::{Record, Snapshot};
use crate::value::Value;

const INDENT: usize = 6;

pub(super) fn drift(
    plan: &Plan,
    snapshot: &Snapshot,
    names: &Names<'_>,
    style: Style,
    out: &mut Vec<String>,
) {
    let back = plan.puts_weights_back();
    for Drift { address, kind } in &plan.drift {
        let named = style.paint(Meaning::Heading, &printable(&address.to_string()));
        match kind {
            DriftKind::Gone { id } => {
                let gone = style.paint(Meaning::Removed, "is gone");
                out.push(format!(
                    "  {} {named} {gone} ({})",
                    style.paint(Meaning::Removed, "-"),
                    printable(id)
                ));
            }
            DriftKind::Changed { changes, weights } => {
                let moved = match (weights, back == Some(address)) {
                    (true, true) => "  the traffic was moved from outside, and this plan moves it again",
                    (true, false) => "  the traffic was moved from outside",
                    (false, _) => "",
                };
                let moved = style.paint(Meaning::Warning, moved);
                out.push(format!("  {} {named}{moved}", style.paint(Meaning::Changed, "~")));
                let record = snapshot.resources.get(address);
                let weights = record.and_then(|record| weights_of(changes, record, names));
                if let Some(weights) = &weights {
                    let weights = weights.iter().map(|(group, weights)| (group.as_str(), *weights));
                    out.push(format!("{:INDENT$}{}", "", traffic_line(weights, style)));
                }
                let rest: Vec<AttributeChange> = changes
                    .iter()
                    .filter(|change| !(weights.is_some() && is_weight(change)))
                    .cloned()
                    .collect();
                Draw { names, style }.changes(&shown(&rest, record), INDENT, out);
            }
        }
    }
}

/// The weights that moved, each with its group; `None` if a group or weight is not known.
fn weights_of(
    changes: &[AttributeChange],
    record: &Record,
    names: &Names<'_>,
) -> Option<Vec<(String, (u32, u32))>> {
    let inputs = Value::Object(record.inputs.clone());
    let moved: Vec<_> = changes
        .iter()
        .filter(|change| is_weight(change))
        .map(|change| {
            let (around, _) = change.path.rsplit_once('.')?;
            let group = at(&inputs, around)?.get("group");
            let weight = |value: &Value| value.as_number().map(|number| number as u32);
            let group = match group {
                Value::String(arn) => names.find(arn, "group").unwrap_or_else(|| arn.clone()),
                other => one_line(other, "group", names),
            };
            Some((group, (weight(&change.before)?, weight(&change.after)?)))
        })
        .collect::<Option<_>>()?;
    Some(moved).filter(|moved| !moved.is_empty())
}

fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split(['.', '[']).map(|segment| segment.trim_end_matches(']')).try_fold(value, |value, segment| {
        match value.unmark().0 {
            Value::Object(members) => members.get(segment),
            Value::List(items) => items.get(segment.parse::<usize>().ok()?),
            _ => None,
        }
    })
}
