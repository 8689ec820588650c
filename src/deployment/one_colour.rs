//! The additions of strategies that keep the live colour. `rolling` sets how the fleets replace their
//! instances. `in_place` adds its commands to the end of the startup script, so that instances launched later
//! get the release too. Evaluates nothing.

use super::syntax::{at, attribute, nested_block, text};
use crate::diagnostic::{Mistake, Span};
use crate::kind::fleet::{Fleet, Refusal};
use crate::lang::ast::{Binary, Block, Body, Expr, Name, Node};

/// The attributes of `strategy "rolling"` that are also in the block of [`Fleet::replaced`].
const REFRESH: [&str; 4] = ["min_healthy", "max_healthy", "checkpoints", "checkpoint_delay"];
fn strategy<'a>(deployment: &'a Block, name: &str) -> Option<&'a Block> {
    let mut strategies = deployment.body.blocks.iter().filter(|block| block.keyword.text == "strategy");
    strategies.find(|block| block.labels.first().is_some_and(|label| label.text == name))
}

fn value<'a>(block: &'a Block, name: &str) -> Option<&'a Expr> {
    block.body.attributes.iter().find(|one| one.name.text == name).map(|one| &one.value)
}

/// The fleet with the strategy's handling of running instances.
pub fn fleet(mut fleet: Block, deployment: &Block, seam: &dyn Fleet, mistakes: &mut Vec<Mistake>) -> Block {
    let span = fleet.keyword.span;
    let (replaced, rested) = (seam.replaced(), seam.rested());
    let ours: Vec<&str> =
        replaced.map(|seam| seam.block()).into_iter().chain(rested.map(|seam| seam.outdated().0)).collect();
    if let (Some(rolling), Some(replaced)) = (strategy(deployment, "rolling"), replaced) {
        not_ours(&mut fleet, "rolling", &ours, mistakes);
        let written = rolling.body.attributes.iter().filter(|one| REFRESH.contains(&one.name.text.as_str()));
        let mut members: Vec<_> = written.cloned().collect();
        for (name, default) in [("min_healthy", 90.0), ("max_healthy", 110.0)] {
            if value(rolling, name).is_none() {
                members.push(attribute(name, at(Node::Percent(default), span), span));
            }
        }
        members.push(attribute("auto_rollback", turns_back(deployment, span), span));
        fleet.body.blocks.push(nested_block(replaced.block(), None, members, Vec::new(), span));
    }
    if let (Some(_), Some(rested)) = (strategy(deployment, "in_place"), rested) {
        not_ours(&mut fleet, "in_place", &ours, mistakes);
        let (name, value) = rested.outdated();
        fleet.body.attributes.push(attribute(name, text(value, span), span));
    }
    fleet
}

/// A failed refresh rolls back by itself unless it is to be held: `on_failure != "hold"`.
fn turns_back(deployment: &Block, span: Span) -> Expr {
    match value(deployment, "on_failure") {
        None => at(Node::Bool(true), span),
        Some(written) => {
            let (written, hold) = (Box::new(written.clone()), Box::new(text("hold", span)));
            at(Node::Binary(Binary::NotEqual, written, hold), span)
        }
    }
}

/// Reports what the fleet cannot do, and names in a gate that do not exist while one colour has both releases.
pub fn check(deployment: &Block, seam: &dyn Fleet, mistakes: &mut Vec<Mistake>) {
    let rolls = || {
        let reason = format!("a deployment does not turn round an update of its {} halfway", seam.members());
        (
            reason,
            "write strategy \"canary\", \"linear\" or \"blue_green\": a release gets a colour of its own"
                .to_owned(),
        )
    };
    let rests = || seam.keeps_to_itself().unwrap_or_default();
    let strategies: [(&str, bool, &dyn Fn() -> Refusal); 2] =
        [("rolling", seam.replaced().is_some(), &rolls), ("in_place", seam.rested().is_some(), &rests)];
    for (name, can, why) in strategies {
        if let Some(block) = strategy(deployment, name).filter(|_| !can) {
            let label = block.labels.first().map_or(block.keyword.span, |label| label.span);
            let (reason, help) = why();
            let message = format!("strategy \"{name}\" is not for `{}`: {reason}", seam.kind());
            mistakes.push(
                Mistake::new("bgform::lang::does_not_fit", message).at(label, "not this one").help(help),
            );
        }
    }
    let gates = deployment.body.blocks.iter().filter(|block| block.keyword.text == "gate");
    for task in gates.flat_map(|gate| &gate.body.blocks).filter(|one| one.keyword.text == "task") {
        if seam.runs().is_none() {
            let message =
                format!("a `task` is one run of a container, and `{}` has {}", seam.kind(), seam.members());
            mistakes.push(
                Mistake::new("bgform::lang::not_here", message)
                    .at(task.keyword.span, "not here")
                    .help("write `command = [...]`, which runs where bgform runs, or `remote = [...]`"),
            );
        }
    }
    if let Some((reason, _)) = seam.keeps_to_itself() {
        let gates = deployment.body.blocks.iter().filter(|block| block.keyword.text == "gate");
        for remote in gates.flat_map(|gate| &gate.body.attributes).filter(|one| one.name.text == "remote") {
            mistakes.push(
                Mistake::new(
                    "bgform::lang::not_here",
                    format!(
                        "a gate runs no commands in the {} of `{}`: {reason}",
                        seam.members(),
                        seam.kind()
                    ),
                )
                .at(remote.name.span, "not here")
                .help("write `command = [...]`, which runs where bgform runs, or an `http` check"),
            );
        }
    }
    let strategies = deployment.body.blocks.iter().filter(|block| block.keyword.text == "strategy");
    let labels = strategies.filter_map(|block| block.labels.first());
    let Some(kept) =
        labels.map(|label| label.text.as_str()).find(|text| ["rolling", "in_place"].contains(text))
    else {
        return;
    };
    for gate in deployment.body.blocks.iter().filter(|block| block.keyword.text == "gate") {
        named(&gate.body, kept, mistakes);
    }
}

fn named(body: &Body, strategy: &str, mistakes: &mut Vec<Mistake>) {
    for attribute in &body.attributes {
        // The expression is only walked; the walk needs a copy.
        old_colour(&mut attribute.value.clone(), strategy, mistakes);
    }
    body.blocks.iter().for_each(|block| named(&block.body, strategy, mistakes));
}

fn old_colour(expr: &mut Expr, strategy: &str, mistakes: &mut Vec<Mistake>) {
    if let Node::Attribute(target, what) = &expr.node
        && let Node::Name(side) = &target.node
        && side == "old"
    {
        if what.text != "release" {
            mistakes.push(
                Mistake::new(
                    "bgform::lang::not_here",
                    format!(
                        "strategy \"{strategy}\" has no old colour: both releases are in the one that is live"
                    ),
                )
                .at(expr.span, "this is not there")
                .help(format!("write new.{}, which is the live colour's; old.release is there", what.text)),
            );
        }
        return;
    }
    expr.children_mut(&mut |child| old_colour(child, strategy, mistakes));
}

fn not_ours(group: &mut Block, strategy: &str, ours: &[&str], mistakes: &mut Vec<Mistake>) {
    let names = group
        .body
        .attributes
        .iter()
        .map(|one| &one.name)
        .chain(group.body.blocks.iter().map(|one| &one.keyword));
    let written: Vec<Name> = names.filter(|name| ours.contains(&name.text.as_str())).cloned().collect();
    for name in written {
        mistakes.push(
            Mistake::new(
                "bgform::lang::not_here",
                format!("strategy \"{strategy}\" sets `{}` of its groups itself", name.text),
            )
            .at(name.span, "leave this out")
            .help("write the strategy's setting for it in the strategy's block"),
        );
    }
    group.body.attributes.retain(|one| !ours.contains(&one.name.text.as_str()));
    group.body.blocks.retain(|one| !ours.contains(&one.keyword.text.as_str()));
}

/// The launch source, with the strategy's commands after the author's script: `join("\n", concat([user_data],
/// run))`. Without a script the commands become a shell script.
pub fn source(mut source: Block, deployment: &Block, seam: &dyn Fleet) -> Block {
    let span = source.keyword.span;
    let run = strategy(deployment, "in_place").and_then(|strategy| value(strategy, "run"));
    let (Some(run), Some(rested)) = (run.cloned(), seam.rested()) else { return source };
    let place = source.body.attributes.iter().position(|one| one.name.text == rested.script());
    let first = match place {
        Some(place) => source.body.attributes.remove(place).value,
        None => text("#!/bin/sh\nset -e", span),
    };
    let lines = call("concat", vec![at(Node::List(vec![first]), span), run], span);
    let whole = call("join", vec![text("\n", span), lines], span);
    source.body.attributes.push(attribute(rested.script(), whole, span));
    source
}

fn call(function: &str, arguments: Vec<Expr>, span: Span) -> Expr {
    let function = Name { text: function.to_owned(), span };
    at(Node::Call { function, arguments, spread: false }, span)
}
