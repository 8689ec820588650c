//! The expressions and blocks that lowering writes, each at the source place that it comes from.

use crate::diagnostic::Span;
use crate::facts::Colour;
use crate::lang::ast::{Attribute, Binary, Block, Body, Expr, Name, Node};

pub(super) fn attribute(name: &str, value: Expr, span: Span) -> Attribute {
    Attribute { name: Name { text: name.to_owned(), span }, value }
}

pub(super) fn nested_block(
    keyword: &str,
    label: Option<&str>,
    attributes: Vec<Attribute>,
    blocks: Vec<Block>,
    span: Span,
) -> Block {
    let name = |text: &str| Name { text: text.to_owned(), span };
    let labels = label.map(name).into_iter().collect();
    Block { keyword: name(keyword), labels, body: Body { attributes, blocks }, span, broken: false }
}

/// `for_each = { blue = "blue", green = "green" }`
pub(super) fn colours(span: Span) -> Attribute {
    let both = Colour::BOTH.map(|colour| (text(colour.name(), span), text(colour.name(), span)));
    attribute("for_each", at(Node::Object(both.to_vec()), span), span)
}

/// `each.key == "blue" ? blue : green`
pub(super) fn by_colour(blue: Expr, green: Expr, span: Span) -> Expr {
    let key = member(word("each", span), "key", span);
    let is_blue = Node::Binary(Binary::Equal, Box::new(key), Box::new(text(Colour::Blue.name(), span)));
    let (yes, no) = (Box::new(blue), Box::new(green));
    at(Node::Conditional { condition: Box::new(at(is_blue, span)), yes, no }, span)
}

/// `max(0, a - n)`
pub(super) fn less(a: Expr, n: u32, span: Span) -> Expr {
    let rest = Node::Binary(Binary::Subtract, Box::new(a), Box::new(number(n, span)));
    larger(number(0, span), at(rest, span), span)
}

/// `max(a, b)`
pub(super) fn larger(a: Expr, b: Expr, span: Span) -> Expr {
    let function = Name { text: "max".to_owned(), span };
    at(Node::Call { function, arguments: vec![a, b], spread: false }, span)
}

pub(super) fn at(node: Node, span: Span) -> Expr {
    Expr { node, span }
}

pub(super) fn text(text: &str, span: Span) -> Expr {
    at(Node::String(text.to_owned()), span)
}

pub(super) fn number(number: u32, span: Span) -> Expr {
    at(Node::Number(f64::from(number)), span)
}

pub(super) fn word(word: &str, span: Span) -> Expr {
    at(Node::Name(word.to_owned()), span)
}

pub(super) fn member(target: Expr, name: &str, span: Span) -> Expr {
    at(Node::Attribute(Box::new(target), Name { text: name.to_owned(), span }), span)
}

/// `kind.name["blue"]`
pub(super) fn of_colour(kind: &str, name: &str, colour: Colour, span: Span) -> Expr {
    let all = member(word(kind, span), name, span);
    at(Node::Index(Box::new(all), Box::new(text(colour.name(), span))), span)
}
