//! What the names in an expression mean: the question that evaluation asks of whoever calls it.

use indexmap::IndexMap;

use crate::address::Address;
use crate::diagnostic::Span;
use crate::value::{Reference, Value};

/// The answer to a name.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    Value(Value),
    /// It is declared, but its declaration holds a mistake that has been reported: what uses it
    /// fails in silence.
    Broken,
    /// It is not declared. The names that are, for a did-you-mean.
    Missing(Vec<String>),
}

impl From<Option<Value>> for Found {
    fn from(value: Option<Value>) -> Self {
        value.map_or_else(|| Self::Missing(Vec::new()), Self::Value)
    }
}

/// How many resources a reference names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Members {
    /// One resource, or one member of a plural `existing`.
    NotPlural,
    /// A plural `existing` that has not been read.
    Unknown,
    Count(usize),
}

/// What the names in an expression mean. The names of a loop are the evaluator's own. What an
/// implementation leaves out means nothing there.
pub trait Scope {
    /// `var.NAME`.
    fn variable(&self, _name: &str) -> Found {
        Found::Missing(Vec::new())
    }

    /// `local.NAME`.
    fn local(&self, _name: &str) -> Found {
        Found::Missing(Vec::new())
    }

    /// Whether there is a local of this name, for a did-you-mean: not by evaluating it, since the mistake may
    /// be in itself.
    fn is_local(&self, name: &str) -> bool {
        !matches!(self.local(name), Found::Missing(_))
    }

    /// `each.key` and `each.value`, inside a block with `for_each`.
    fn each(&self) -> Option<(&Value, &Value)> {
        None
    }

    /// Any other bare word that has a value here: `new` and `old` in a gate, `module`, the
    /// variables of a template. It goes before a kind of the same name.
    fn word(&self, _word: &str) -> Option<Value> {
        None
    }

    /// The words that [`Scope::word`] answers, for a did-you-mean.
    fn words(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whether a bare word is a resource kind, managed or existing.
    fn is_kind(&self, _word: &str) -> bool {
        false
    }

    /// The kinds, for a did-you-mean.
    fn kinds(&self) -> Vec<String> {
        Vec::new()
    }

    /// What may be named here, where that is not all of a stack.
    fn only(&self) -> Option<&'static str> {
        None
    }

    /// What to write for a first word, and perhaps the one after it, that another tool knows.
    fn elsewhere(&self, _head: &str, _name: Option<&str>) -> Option<String> {
        None
    }

    /// `kind.name`: a [`Value::Ref`], or an object of them by key where the block has `for_each`.
    fn resource(&self, _kind: &str, _name: &str) -> Found {
        Found::Missing(Vec::new())
    }

    /// `var.NAME`, `local.NAME` and `each.NAME` where they stand, so that one part can be taken without
    /// a copy of all; none where there is no such value, or it would have to be made first.
    fn standing(&self, _head: &str, _name: &str) -> Option<&Value> {
        None
    }

    /// The same of `kind.name` where the block has `for_each`: its instances by key.
    fn instances(&self, _kind: &str, _name: &str) -> Option<&IndexMap<String, Address>> {
        None
    }

    /// `load_balancer.edge.dns_name`: an output or an input of a resource, [`Value::Unknown`]
    /// until it is known. [`Found::Missing`] where its kind has no such attribute.
    fn attribute(&self, _reference: &Reference, _name: &str) -> Found {
        Found::Missing(Vec::new())
    }

    /// How many members a plural `existing`, such as `subnets.public`, has.
    fn members(&self, _reference: &Reference) -> Members {
        Members::NotPlural
    }

    /// The content of a file named relative to the stack file that `span` is in, or why it cannot
    /// be had: `there is no such file`.
    fn read_file(&self, _span: Span, _path: &str) -> Result<Vec<u8>, String> {
        Err("no file can be read here".to_owned())
    }
}

/// A scope in which no name means anything: for what must be constant, such as a default.
#[derive(Debug, Clone, Copy, Default)]
pub struct Constant;

impl Scope for Constant {}
