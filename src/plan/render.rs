//! A plan as text for the person who approves it. A plan and its snapshot come in. Text goes out: first the
//! drift, then every step in order, the kept resources, the changed outputs, and a line of counts. Gives no
//! advice, and never shows a part of a sensitive value.

mod change;
mod drift;
mod names;
mod paint;
mod step;
#[cfg(test)]
mod tests;
mod text;

pub use paint::Style;
pub use text::show_value;

use change::{Draw, Shown};
use names::Names;
use paint::Meaning;
use step::Steps;
use text::printable;

use super::cover::pair;
use super::step::Plan;
use super::summary::{Role, Summary, roles};
use crate::state::Snapshot;

/// The whole plan, ending in a newline.
pub fn render(plan: &Plan, snapshot: &Snapshot, style: &Style) -> String {
    let names = Names::new(plan, snapshot);
    let roles = roles(plan);
    let mut text = String::new();
    let mut out = Vec::new();
    if !plan.drift.is_empty() {
        heading("Changed outside bgform since the last apply:", *style, &mut out);
        drift::drift(plan, snapshot, &names, *style, &mut out);
        out.push(String::new());
    }
    if !plan.steps.is_empty() {
        let said = match plan.destroys {
            true => "To be taken away, in this order:",
            false => "To be done, in this order:",
        };
        heading(said, *style, &mut out);
        let steps = Steps { plan, snapshot, names: &names, style: *style };
        // A plan may have many steps, and a line is no longer needed once it is in the text.
        let mut several = false;
        for (index, (step, role)) in plan.steps.iter().zip(&roles).enumerate() {
            let heading = out.len();
            steps.step(step, *role, &mut out);
            let lines = out.len() - heading;
            // Steps of one line stand without a gap, longer ones apart.
            if index > 0 && (several || lines > 1) {
                out.insert(heading, String::new());
            }
            several = lines > 1;
            flush(&mut out, &mut text);
        }
        out.push(String::new());
    }
    kept(plan, *style, &mut out);
    outputs(plan, &names, *style, &mut out);
    out.push(style.paint(Meaning::Heading, &last_line(plan, snapshot, &roles)));
    flush(&mut out, &mut text);
    text
}

/// Moves the lines into the text, each with its newline.
fn flush(lines: &mut Vec<String>, text: &mut String) {
    for line in lines.drain(..) {
        text.push_str(&line);
        text.push('\n');
    }
}

fn heading(text: &str, style: Style, out: &mut Vec<String>) {
    out.push(style.paint(Meaning::Heading, text));
    out.push(String::new());
}

fn kept(plan: &Plan, style: Style, out: &mut Vec<String>) {
    if plan.kept.is_empty() {
        return;
    }
    heading("Replaced, and still in use:", style, out);
    for kept in &plan.kept {
        let (address, by) = (kept.address.to_string(), kept.by.to_string());
        let (address, by) = (printable(&address), printable(&by));
        out.push(format!("    {address} {} is kept while {by} uses it", printable(&kept.id)));
    }
    out.push(String::new());
}

fn outputs(plan: &Plan, names: &Names<'_>, style: Style, out: &mut Vec<String>) {
    if plan.outputs.is_empty() {
        return;
    }
    heading("Outputs:", style, out);
    let shown: Vec<Shown> = plan
        .outputs
        .iter()
        .map(|output| {
            let (before, after) = pair(&output.before, &output.after);
            Shown { path: output.name.clone(), before, after, forces: false }
        })
        .collect();
    Draw { names, style }.changes(&shown, 2, out);
    out.push(String::new());
}

fn last_line(plan: &Plan, snapshot: &Snapshot, roles: &[Role]) -> String {
    let counts = Summary::of(roles).text();
    if !counts.is_empty() {
        return format!("Plan: {counts}.");
    }
    match plan.outputs.len() {
        0 => nothing_to_do(plan, snapshot),
        1 => "Plan: 1 output changes, and no resource.".to_owned(),
        n => format!("Plan: {n} outputs change, and no resource."),
    }
}

fn nothing_to_do(plan: &Plan, snapshot: &Snapshot) -> String {
    let stack = printable(&snapshot.stack);
    match (plan.resources, plan.drift.is_empty()) {
        (0, _) => format!("Nothing to do: stack \"{stack}\" has no resources."),
        (_, false) => format!(
            "Nothing to do: the changes from outside match stack \"{stack}\" now, or it ignores them."
        ),
        (1, true) => format!("Nothing to do: the resource of stack \"{stack}\" is as the stack says."),
        (n, true) => format!("Nothing to do: the {n} resources of stack \"{stack}\" are as the stack says."),
    }
}
