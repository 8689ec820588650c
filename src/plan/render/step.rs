//! One step for a reader. A step and its role come in, lines go out.

use super::change::{Draw, Shown};
use super::names::Names;
use super::paint::{Meaning, Style};
use super::text::printable;
use crate::address::Address;
use crate::plan::cover::covered;
use crate::plan::diff::AttributeChange;
use crate::plan::step::{Action, Plan, Step, TrafficChange};
use crate::plan::summary::Role;
use crate::state::{Record, Snapshot};
use crate::value::Value;

/// Columns before an attribute.
const INDENT: usize = 6;

pub(super) struct Steps<'a> {
    pub plan: &'a Plan,
    pub snapshot: &'a Snapshot,
    pub names: &'a Names<'a>,
    pub style: Style,
}

impl Steps<'_> {
    pub(super) fn step(&self, step: &Step, role: Role, out: &mut Vec<String>) {
        match role {
            Role::Create => self.create(step, out),
            Role::Update => self.update(step, out),
            Role::Replace { old } => self.replace(step, old, out),
            Role::Replaced { new } => self.replaced(step, new, out),
            Role::Delete => {
                self.head("  -", Meaning::Removed, "delete", step, &self.which(step), out);
                // A destroy removes all traffic anyway.
                if !self.plan.destroys {
                    self.traffic(&step.traffic, out);
                }
            }
            Role::Forget => {
                let why = match &step.action {
                    Action::Forget { why, .. } => why,
                    _ => "",
                };
                self.head("   ", Meaning::Aside, "forget", step, why, out);
            }
        }
    }

    fn create(&self, step: &Step, out: &mut Vec<String>) {
        self.head("  +", Meaning::Added, "create", step, "", out);
        self.traffic(&step.traffic, out);
        self.draw().attributes(&self.shown(&step.address, &step.sets(), None), INDENT, out);
    }

    fn update(&self, step: &Step, out: &mut Vec<String>) {
        let unfinished = step.record.as_ref().is_some_and(|record| record.unfinished);
        let beside = self.plan.beside.get(&step.address);
        let live = beside.map(|beside| format!("beside {}, which is live", beside.release));
        let note = match (unfinished, step.changes.is_empty()) {
            (true, true) => "finish the interrupted change",
            (true, false) => "and finish the interrupted change",
            (false, _) => live.as_deref().unwrap_or_default(),
        };
        self.head("  ~", Meaning::Changed, "update", step, note, out);
        self.traffic(&step.traffic, out);
        let said = weights_said(step);
        let changes: Vec<AttributeChange> = beside
            .map_or(&step.changes, |beside| &beside.changes)
            .iter()
            .filter(|change| !(said && is_weight(change)))
            .cloned()
            .collect();
        self.draw().changes(&self.shown(&step.address, &changes, step.record.as_ref()), INDENT, out);
    }

    fn replace(&self, step: &Step, old: Option<usize>, out: &mut Vec<String>) {
        let replaced = old.and_then(|old| self.plan.steps.get(old));
        let note = match deletes_first(step) {
            true => "the old one is deleted first: only one can hold its place",
            false => "",
        };
        self.head("-/+", Meaning::Changed, "replace", step, note, out);
        let mut traffic = step.traffic.clone();
        // With delete first, the traffic is really gone before it comes back.
        for step in replaced.iter().filter(|_| !deletes_first(step)) {
            for (group, (before, _)) in &step.traffic.weights {
                traffic.weights.entry(group.clone()).or_insert((0, 0)).0 = *before;
            }
        }
        self.traffic(&traffic, out);
        if !step.changes.iter().any(|change| change.replaces) {
            let asked = self.style.paint(Meaning::Removed, "# asked for by --replace");
            out.push(format!("{:INDENT$}{asked}", ""));
        }
        let record = replaced.and_then(|step| step.record.as_ref());
        self.draw().changes(&self.shown(&step.address, &step.changes, record), INDENT, out);
    }

    /// The create of a replacement already tells of the delete.
    fn replaced(&self, step: &Step, new: usize, out: &mut Vec<String>) {
        let first = self.plan.steps.get(new).is_some_and(deletes_first);
        let which = spaced(&self.which(step));
        match (&step.action, first) {
            (Action::Forget { why, .. }, _) => self.head("   ", Meaning::Aside, "forget", step, why, out),
            (_, true) => {
                let note = format!("{which}makes room for the new one below");
                self.head("  -", Meaning::Removed, "delete", step, &note, out);
                self.traffic(&step.traffic, out);
            }
            (_, false) => {
                let note = format!("{which}replaced above");
                self.head("  -", Meaning::Removed, "delete", step, &note, out);
            }
        }
    }

    fn head(&self, sign: &str, meaning: Meaning, verb: &str, step: &Step, note: &str, out: &mut Vec<String>) {
        let address = self.style.paint(Meaning::Heading, &printable(&step.address.to_string()));
        let note = match note {
            "" => String::new(),
            note => format!(" {}", self.style.paint(Meaning::Aside, &format!("({})", printable(note)))),
        };
        out.push(format!("{} {verb} {address}{note}", self.style.paint(meaning, sign)));
    }

    /// The id that a delete removes, if it says more than the address.
    fn which(&self, step: &Step) -> String {
        match &step.action {
            Action::Delete { id, .. } | Action::Forget { id, .. } if !id.starts_with("arn:") => printable(id),
            _ => String::new(),
        }
    }

    /// All weights of the groups between which a step shifts traffic.
    fn traffic(&self, traffic: &TrafficChange, out: &mut Vec<String>) {
        if traffic.weights.values().any(|(before, after)| before != after) {
            let weights = traffic.weights.iter().map(|(group, weights)| (group.as_str(), *weights));
            out.push(format!("{:INDENT$}{}", "", traffic_line(weights, self.style)));
        }
    }

    fn draw(&self) -> Draw<'_> {
        Draw { names: self.names, style: self.style }
    }

    fn shown(&self, address: &Address, changes: &[AttributeChange], record: Option<&Record>) -> Vec<Shown> {
        let record = record.or_else(|| self.snapshot.resources.get(address));
        shown(changes, record)
    }
}

/// Changes with their secrets covered.
pub(super) fn shown(changes: &[AttributeChange], last: Option<&Record>) -> Vec<Shown> {
    changes
        .iter()
        .map(|change| {
            let (before, after) = covered(change, last.map(|record| &record.inputs));
            Shown { path: printable(&change.path), before, after, forces: change.replaces }
        })
        .collect()
}

/// `traffic: target_group.shop["blue"] 100 → 0, target_group.shop["green"] 0 → 100`.
pub(super) fn traffic_line<'a>(weights: impl Iterator<Item = (&'a str, (u32, u32))>, style: Style) -> String {
    let arrow = style.paint(Meaning::Aside, "→");
    let said: Vec<String> = weights
        .map(|(group, (before, after))| match before == after {
            true => format!("{} {after}", printable(group)),
            false => format!("{} {before} {arrow} {after}", printable(group)),
        })
        .collect();
    format!("{} {}", style.paint(Meaning::Changed, "traffic:"), said.join(", "))
}

pub(super) fn is_weight(change: &AttributeChange) -> bool {
    change.path.ends_with(".weight")
}

/// Tells whether the line about traffic covers all changes of weights.
fn weights_said(step: &Step) -> bool {
    let number = |value: &Value| value.as_number().unwrap_or_default();
    let mut paths: Vec<(f64, f64)> = step
        .changes
        .iter()
        .filter(|change| is_weight(change))
        .map(|change| (number(&change.before), number(&change.after)))
        .collect();
    let mut groups: Vec<(f64, f64)> = step
        .traffic
        .weights
        .values()
        .filter(|(before, after)| before != after)
        .map(|(before, after)| (f64::from(*before), f64::from(*after)))
        .collect();
    paths.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    groups.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    paths == groups
}

/// Tells whether the create of a replacement comes after the delete.
fn deletes_first(create: &Step) -> bool {
    matches!(create.action, Action::Create { replaces: None, .. })
}

fn spaced(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{text}, ") }
}
