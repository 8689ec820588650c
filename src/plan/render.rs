//! (being written)

use super::step::Plan;
use crate::state::Snapshot;
use crate::value::Value;

pub struct Style {
    pub colour: bool,
}

pub fn render(plan: &Plan, _snapshot: &Snapshot, _style: &Style) -> String {
    let mut out = String::new();
    for drift in &plan.drift {
        out += &format!("drift {} {:?}\n", drift.address, drift.kind);
    }
    for step in &plan.steps {
        out += &format!("{} {} after {:?}\n", step.action.verb(), step.address, step.after);
        if !matches!(step.action, super::step::Action::Create { replaces: None, .. }) {
            for change in &step.changes {
                out += &format!(
                    "    {} {} -> {}\n",
                    change.path,
                    show_value(&change.before),
                    show_value(&change.after)
                );
            }
        }
    }
    out += &format!("{} steps\n", plan.steps.len());
    out
}

/// A value in one line, secrets hidden.
pub fn show_value(value: &Value) -> String {
    match value {
        Value::Sensitive(_) => "(sensitive)".to_owned(),
        other => other.to_typed_json().to_string(),
    }
}
