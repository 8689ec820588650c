//! A deployment's own body, with `new` and `old` in its gates resolved.

use super::lower::misspelt;
use super::nested::nested;
use super::syntax::{attribute, member, of_colour, text, word};
use crate::facts::Colour;
use crate::kind;
use crate::lang::ast::{Block, Body, Expr, Name, Node};

/// The meaning of `new` and `old` in a gate.
pub struct Sides<'a> {
    /// The deployment's name.
    pub name: &'a str,
    pub new: Colour,
    /// The labels of the new release and of the old one.
    pub releases: [&'a str; 2],
}

/// Replaces `new` and `old`: `new.target_group.arn_suffix` becomes `target_group.web["green"].arn_suffix`,
/// and `new.release` the label.
pub fn name_sides(expr: &mut Expr, sides: &Sides<'_>) {
    let span = expr.span;
    if let Node::Attribute(target, what) = &expr.node
        && let Node::Name(side) = &target.node
        && ["new", "old"].contains(&side.as_str())
    {
        let (colour, release) = match side.as_str() {
            "new" => (sides.new, sides.releases[0]),
            _ => (sides.new.other(), sides.releases[1]),
        };
        *expr = match what.text.as_str() {
            "release" => text(release, span),
            "colour" => text(colour.name(), span),
            kind if kind::fleets().any(|fleet| fleet.source() == kind) => {
                member(word(kind, span), sides.name, span)
            }
            kind => of_colour(kind, sides.name, colour, span),
        };
        return;
    }
    expr.children_mut(&mut |child| name_sides(child, sides));
}

/// The block without the kinds that it nests, in the form of its own schema: a gate's label is its `name`,
/// and `new` and `old` are replaced.
pub fn own_body(block: &Block, sides: &Sides<'_>) -> Body {
    let mut body = block.body.clone();
    // A misspelt block is already reported.
    let misspelt: Vec<&Name> = nested().iter().filter_map(|(kind, _)| misspelt(block, kind)).collect();
    body.blocks.retain(|one| {
        !nested().iter().any(|(kind, _)| *kind == one.keyword.text) && !misspelt.contains(&&one.keyword)
    });
    for gate in body.blocks.iter_mut().filter(|one| one.keyword.text == "gate") {
        if let [label] = std::mem::take(&mut gate.labels).as_slice() {
            gate.body.attributes.insert(0, attribute("name", text(&label.text, label.span), label.span));
        }
        sides_of_body(&mut gate.body, sides);
    }
    body
}

fn sides_of_body(body: &mut Body, sides: &Sides<'_>) {
    body.attributes.iter_mut().for_each(|one| name_sides(&mut one.value, sides));
    body.blocks.iter_mut().for_each(|block| sides_of_body(&mut block.body, sides));
}
