//! `self` in the block of a fleet: the resources of its own colour. `self.target_group` stands for
//! `target_group.web[each.key]`. Evaluates nothing.

use super::syntax::{at, member, word};
use crate::diagnostic::{Mistake, Span};
use crate::kind::fleet::Fleet;
use crate::lang::ast::{Block, Body, Expr, Name, Node};

const SELF: &str = "self";

/// Replaces `self.target_group` in the fleet's block with each colour's own target group. Refuses a target
/// group of the deployment under another name: it would give one colour's group to both.
pub fn fleet(block: &mut Block, name: &Name, seam: &dyn Fleet, mistakes: &mut Vec<Mistake>) {
    body(&mut block.body, &mut |expr| of_fleet(expr, name, seam, mistakes));
}

/// Refuses `self` in a block that belongs to no colour.
pub fn none(block: &mut Block, seam: &dyn Fleet, mistakes: &mut Vec<Mistake>) {
    let keyword = block.keyword.text.clone();
    body(&mut block.body, &mut |expr| {
        let Some((_, what)) = own(expr) else { return false };
        mistakes.push(
            Mistake::new(
                "bgform::lang::not_here",
                format!("`self.{what}` is each colour's own, and stands in `{}` only", seam.kind()),
            )
            .at(expr.span, format!("`{keyword}` has none"))
            .help("take it away"),
        );
        true
    });
}

/// Calls `visit` with every expression; an expression that it handles is not descended into.
fn body(of: &mut Body, visit: &mut dyn FnMut(&mut Expr) -> bool) {
    fn expression(expr: &mut Expr, visit: &mut dyn FnMut(&mut Expr) -> bool) {
        if !visit(expr) {
            expr.children_mut(&mut |child| expression(child, visit));
        }
    }
    of.attributes.iter_mut().for_each(|attribute| expression(&mut attribute.value, visit));
    of.blocks.iter_mut().for_each(|block| body(&mut block.body, visit));
}

/// `self.what`
fn own(expr: &Expr) -> Option<(Span, &str)> {
    match &expr.node {
        Node::Attribute(target, what) if matches!(&target.node, Node::Name(word) if word == SELF) => {
            Some((what.span, &what.text))
        }
        _ => None,
    }
}

fn of_fleet(expr: &mut Expr, name: &Name, seam: &dyn Fleet, mistakes: &mut Vec<Mistake>) -> bool {
    let (span, targets) = (expr.span, seam.targets());
    if let Some((at_what, what)) = own(expr) {
        if what != targets {
            mistakes.push(
                Mistake::new("bgform::lang::unknown_attribute", format!("`self` has no `{what}`"))
                    .at(at_what, "not known")
                    .help(format!("self.{targets} is the colour's own target group")),
            );
            *expr = at(Node::Null, span);
            return true;
        }
        *expr = of_each(targets, &name.text, span);
        return true;
    }
    let Node::Attribute(target, what) = &expr.node else { return false };
    let is_named = what.text == name.text && matches!(&target.node, Node::Name(word) if word == targets);
    if is_named {
        mistakes.push(
            Mistake::new(
                "bgform::lang::not_here",
                format!("`{}` names target groups of `{}` by their colour", seam.kind(), name.text),
            )
            .at(span, "each colour has its own")
            .help(format!("write self.{targets} in place of {targets}.{}[...]", name.text)),
        );
    }
    is_named
}

/// `kind.name[each.key]`
pub fn of_each(kind: &str, name: &str, span: Span) -> Expr {
    let all = member(word(kind, span), name, span);
    at(Node::Index(Box::new(all), Box::new(member(word("each", span), "key", span))), span)
}
