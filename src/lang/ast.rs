//! The syntax tree of a stack file, with the place of every part.

use std::time::Duration;

use crate::diagnostic::Span;

/// The parsed files of one stack. Blocks that could not be parsed are left out of `blocks` but their names
/// are in `broken`, so that one slip does not cause twenty mistakes.
#[derive(Debug, Default)]
pub struct Files {
    pub blocks: Vec<Block>,
    /// Labels (keyword first) of blocks that are, or hold, a syntax mistake.
    pub broken: Vec<Vec<String>>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Name {
    pub text: String,
    pub span: Span,
}

/// `keyword bare "label" { ... }`: `existing vpc "main"` has two labels, `vpc` and `main`.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    pub keyword: Name,
    /// Bare words and quoted strings after the keyword, in order.
    pub labels: Vec<Name>,
    pub body: Body,
    /// From the keyword to the closing brace.
    pub span: Span,
    /// Whether an attribute or block inside was left out because of a syntax mistake: a missing attribute may
    /// have been written.
    pub broken: bool,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Body {
    pub attributes: Vec<Attribute>,
    pub blocks: Vec<Block>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Attribute {
    pub name: Name,
    pub value: Expr,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    pub node: Node,
    pub span: Span,
}

impl Expr {
    /// Calls `visit` with every direct subexpression.
    pub fn children_mut(&mut self, visit: &mut dyn FnMut(&mut Expr)) {
        match &mut self.node {
            Node::Null
            | Node::Bool(_)
            | Node::Number(_)
            | Node::Duration(_)
            | Node::Percent(_)
            | Node::String(_)
            | Node::Name(_) => {}
            Node::Template(parts) => {
                for part in parts {
                    if let Part::Value(expr) = part {
                        visit(expr);
                    }
                }
            }
            Node::List(items) | Node::Call { arguments: items, .. } => items.iter_mut().for_each(visit),
            Node::Object(members) => {
                for (key, value) in members {
                    visit(key);
                    visit(value);
                }
            }
            Node::Attribute(target, _) | Node::Unary(_, target) => visit(target),
            Node::Index(left, right) | Node::Binary(_, left, right) => {
                visit(left);
                visit(right);
            }
            Node::Splat(target, accesses) => {
                visit(target);
                for access in accesses {
                    if let Access::Index(index) = access {
                        visit(index);
                    }
                }
            }
            Node::Conditional { condition, yes, no } => {
                visit(condition);
                visit(yes);
                visit(no);
            }
            Node::For(it) => {
                visit(&mut it.collection);
                it.result_key.iter_mut().chain([&mut it.result]).chain(&mut it.condition).for_each(visit);
            }
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    Null,
    Bool(bool),
    Number(f64),
    Duration(Duration),
    Percent(f64),
    /// A string or heredoc without interpolation, escapes resolved.
    String(String),
    /// A string or heredoc with `${...}`.
    Template(Vec<Part>),
    List(Vec<Expr>),
    /// Keys are names, strings or `(expression)`.
    Object(Vec<(Expr, Expr)>),
    /// A bare word at the head of an expression: `var`, `local`, `each`, a kind, a loop variable.
    Name(String),
    /// `target.name`
    Attribute(Box<Expr>, Name),
    /// `target[index]`
    Index(Box<Expr>, Box<Expr>),
    /// `target[*]`; the accesses after it apply to every element.
    Splat(Box<Expr>, Vec<Access>),
    Call {
        function: Name,
        arguments: Vec<Expr>,
        spread: bool,
    },
    Unary(Unary, Box<Expr>),
    Binary(Binary, Box<Expr>, Box<Expr>),
    Conditional {
        condition: Box<Expr>,
        yes: Box<Expr>,
        no: Box<Expr>,
    },
    For(Box<For>),
}

/// An access after a splat.
#[derive(Debug, Clone, PartialEq)]
pub enum Access {
    Attribute(Name),
    Index(Expr),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    Text(String),
    Value(Expr),
}

/// `[for k, v in collection : value if condition]` or
/// `{ for k, v in collection : key => value... if condition }`.
#[derive(Debug, Clone, PartialEq)]
pub struct For {
    /// `k` of `for k, v`, if there are two names.
    pub key: Option<Name>,
    pub value: Name,
    pub collection: Expr,
    /// The object's key; only an object comprehension has one.
    pub result_key: Option<Expr>,
    pub result: Expr,
    /// `...` after the value of an object comprehension: values of equal keys become a list.
    pub grouped: bool,
    pub condition: Option<Expr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unary {
    Not,
    Minus,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binary {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
}

impl Binary {
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Or => "||",
            Self::And => "&&",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
        }
    }
}
