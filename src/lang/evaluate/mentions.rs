//! The names that an expression mentions, without evaluating it: the edges of a dependency graph.

use crate::address::{Address, MODULE};
use crate::diagnostic::Span;

use super::super::ast::{Access, Expr, For, Name, Node, Part};
use super::bare_key;

/// A name in an expression, and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Mention {
    pub what: Mentioned,
    /// From the first to the last word of the name: `kind.name`.
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Mentioned {
    Variable(String),
    Local(String),
    /// `each.key` or `each.value`
    Each,
    /// `kind.name`, the whole block: the address has no key.
    Resource(Address),
    /// `module.NAME.output` or `module.NAME["key"].output`: the module's name, its key if it is written as a
    /// string, and the output, if one is named. Without them, all are meant.
    Output {
        module: String,
        key: Option<String>,
        output: Option<String>,
    },
    /// Any other bare word that is no loop variable, such as `new`, and the word after it.
    Word(String, Option<String>),
}

/// Every name that `expr` mentions, in the order of the text, with repetitions and without loop variables.
/// Both branches of a conditional count.
pub fn references(expr: &Expr, is_kind: &dyn Fn(&str) -> bool) -> Vec<Mention> {
    walked(expr, is_kind, false)
}

/// Those of [`references`] that `expr` mentions within `try` or `can`, which answer for them if they fail.
pub fn attempted(expr: &Expr, is_kind: &dyn Fn(&str) -> bool) -> Vec<Mention> {
    walked(expr, is_kind, true)
}

fn walked(expr: &Expr, is_kind: &dyn Fn(&str) -> bool, only_attempts: bool) -> Vec<Mention> {
    let mut walk = Walk { is_kind, loops: Vec::new(), mentions: Vec::new(), only_attempts, attempts: 0 };
    walk.expr(expr);
    walk.mentions
}

struct Walk<'a> {
    is_kind: &'a dyn Fn(&str) -> bool,
    loops: Vec<String>,
    mentions: Vec<Mention>,
    /// Whether names outside of `try` and `can` are left out.
    only_attempts: bool,
    /// Number of calls of `try` and `can` around the place.
    attempts: usize,
}

impl Walk<'_> {
    fn expr(&mut self, expr: &Expr) {
        match &expr.node {
            Node::Null
            | Node::Bool(_)
            | Node::Number(_)
            | Node::Duration(_)
            | Node::Percent(_)
            | Node::String(_) => {}
            Node::Template(parts) => {
                for part in parts {
                    if let Part::Value(expr) = part {
                        self.expr(expr);
                    }
                }
            }
            Node::List(items) => self.all(items),
            Node::Object(members) => {
                for (key, value) in members {
                    if bare_key(key).is_none() {
                        self.expr(key);
                    }
                    self.expr(value);
                }
            }
            Node::Name(word) => self.word(word, None, expr.span),
            Node::Attribute(target, name) => self.attribute(target, name, expr.span),
            Node::Index(target, index) => {
                self.expr(target);
                self.expr(index);
            }
            Node::Splat(target, accesses) => {
                self.expr(target);
                for access in accesses {
                    if let Access::Index(index) = access {
                        self.expr(index);
                    }
                }
            }
            Node::Call { function, arguments, .. } => {
                let attempts = usize::from(matches!(function.text.as_str(), "try" | "can"));
                self.attempts += attempts;
                self.all(arguments);
                self.attempts -= attempts;
            }
            Node::Unary(_, operand) => self.expr(operand),
            Node::Binary(_, left, right) => {
                self.expr(left);
                self.expr(right);
            }
            Node::Conditional { condition, yes, no } => {
                self.expr(condition);
                self.expr(yes);
                self.expr(no);
            }
            Node::For(comprehension) => self.comprehension(comprehension),
        }
    }

    fn found(&mut self, mention: Mention) {
        if !self.only_attempts || self.attempts > 0 {
            self.mentions.push(mention);
        }
    }

    fn all(&mut self, items: &[Expr]) {
        for item in items {
            self.expr(item);
        }
    }

    fn comprehension(&mut self, it: &For) {
        self.expr(&it.collection);
        let outer = self.loops.len();
        self.loops.extend(it.key.iter().chain([&it.value]).map(|name| name.text.clone()));
        for part in it.result_key.iter().chain([&it.result]).chain(&it.condition) {
            self.expr(part);
        }
        self.loops.truncate(outer);
    }

    fn attribute(&mut self, target: &Expr, name: &Name, span: Span) {
        if let Node::Name(word) = &target.node {
            return self.word(word, Some(name), target.span);
        }
        if let Some(module) = self.module(target) {
            return self.output(module, None, Some(name), span);
        }
        if let Node::Index(of, index) = &target.node
            && let Some(module) = self.module(of)
        {
            self.expr(index);
            let key = match &index.node {
                Node::String(key) => Some(key.clone()),
                _ => None,
            };
            return self.output(module, key, Some(name), span);
        }
        self.expr(target);
    }

    /// The name of the module that an expression names: `module.NAME`.
    fn module<'e>(&self, expr: &'e Expr) -> Option<&'e str> {
        let Node::Attribute(target, name) = &expr.node else { return None };
        let is_module = matches!(&target.node, Node::Name(word) if word == MODULE);
        (is_module && !self.loops.iter().any(|loop_variable| loop_variable == MODULE)).then_some(&name.text)
    }

    fn output(&mut self, module: &str, key: Option<String>, output: Option<&Name>, span: Span) {
        let output = output.map(|name| name.text.clone());
        let what = Mentioned::Output { module: module.to_owned(), key, output };
        self.found(Mention { what, span });
    }

    fn word(&mut self, word: &str, name: Option<&Name>, span: Span) {
        if self.loops.iter().any(|loop_variable| loop_variable == word) {
            return;
        }
        let what = match (word, name) {
            ("each", _) => Mentioned::Each,
            ("var", Some(name)) => Mentioned::Variable(name.text.clone()),
            ("local", Some(name)) => Mentioned::Local(name.text.clone()),
            (MODULE, Some(name)) => Mentioned::Output { module: name.text.clone(), key: None, output: None },
            (kind, Some(name)) if (self.is_kind)(kind) => Mentioned::Resource(Address::new(kind, &name.text)),
            _ => Mentioned::Word(word.to_owned(), name.map(|name| name.text.clone())),
        };
        let span = name.map_or(span, |name| span.to(name.span));
        self.found(Mention { what, span });
    }
}
