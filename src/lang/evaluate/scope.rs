//! The scope: the meaning of an expression's names, which the evaluator asks its caller for.

use indexmap::IndexMap;

use crate::address::Address;
use crate::diagnostic::Span;
use crate::value::{Reference, Value};

/// The answer for a name.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    Value(Value),
    /// It is declared, but its declaration holds a mistake that has been reported: expressions that use it
    /// fail silently.
    Broken,
    /// It is declared, and its block says `enabled = false`. Holds the place of that condition, and its text.
    Disabled(Span, String),
    /// It is not declared. Holds the declared names, for a did-you-mean.
    Missing(Vec<String>),
}

impl From<Option<Value>> for Found {
    fn from(value: Option<Value>) -> Self {
        value.map_or_else(|| Self::Missing(Vec::new()), Self::Value)
    }
}

/// The number of resources that a reference names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Members {
    /// One resource, or one member of a plural `existing`.
    NotPlural,
    /// A plural `existing` that was not read.
    Unknown,
    Count(usize),
}

/// The meaning of the names in an expression. The evaluator itself handles loop variables. A method that is
/// not implemented means that its names have no meaning.
pub trait Scope {
    /// `var.NAME`.
    fn variable(&self, _name: &str) -> Found {
        Found::Missing(Vec::new())
    }

    /// `local.NAME`.
    fn local(&self, _name: &str) -> Found {
        Found::Missing(Vec::new())
    }

    /// Tells whether there is a local of this name, for a did-you-mean. It must not evaluate the local, which
    /// may itself hold the mistake.
    fn is_local(&self, name: &str) -> bool {
        !matches!(self.local(name), Found::Missing(_))
    }

    /// `each.key` and `each.value`, inside a block with `for_each`.
    fn each(&self) -> Option<(&Value, &Value)> {
        None
    }

    /// Any other bare word that has a value here: `new` and `old` in a gate, `module`, the variables of a
    /// template. It takes precedence over a kind of the same name.
    fn word(&self, _word: &str) -> Option<Value> {
        None
    }

    /// The words of [`Scope::word`], for a did-you-mean.
    fn words(&self) -> Vec<String> {
        Vec::new()
    }

    /// Tells whether a bare word is a resource kind, managed or existing.
    fn is_kind(&self, _word: &str) -> bool {
        false
    }

    /// The kinds, for a did-you-mean.
    fn kinds(&self) -> Vec<String> {
        Vec::new()
    }

    /// The names that are allowed here, if not all of a stack's are.
    fn only(&self) -> Option<&'static str> {
        None
    }

    /// The remedy for a first word, and perhaps the next, of another tool.
    fn elsewhere(&self, _head: &str, _name: Option<&str>) -> Option<String> {
        None
    }

    /// `kind.name`: a [`Value::Ref`], or an object of them by key if the block has `for_each`.
    fn resource(&self, _kind: &str, _name: &str) -> Found {
        Found::Missing(Vec::new())
    }

    /// `module.NAME`: its outputs, or an object of them by key if its block has `for_each`.
    fn module(&self, _name: &str) -> Found {
        Found::Missing(Vec::new())
    }

    /// One output of a module, so that no other is computed; `None` if there is no such module, key or output.
    fn output(&self, _module: &str, _key: Option<&str>, _output: &str) -> Option<Found> {
        None
    }

    /// A borrowed `var.NAME`, `local.NAME` or `each.NAME`, so that one part can be taken without a copy of
    /// all. `None` if there is no such value, or it would have to be computed first.
    fn standing(&self, _head: &str, _name: &str) -> Option<&Value> {
        None
    }

    /// The same for `kind.name` if the block has `for_each`: its instances by key.
    fn instances(&self, _kind: &str, _name: &str) -> Option<&IndexMap<String, Address>> {
        None
    }

    /// `load_balancer.edge.dns_name`: an output or an input of a resource, [`Value::Unknown`] until it is
    /// known; [`Found::Missing`] if its kind has no such attribute.
    fn attribute(&self, _reference: &Reference, _name: &str) -> Found {
        Found::Missing(Vec::new())
    }

    /// The number of members of a plural `existing`, such as `subnets.public`.
    fn members(&self, _reference: &Reference) -> Members {
        Members::NotPlural
    }

    /// The content of a file named relative to the stack file of `span`, or why it cannot be read: `there is
    /// no such file`.
    fn read_file(&self, _span: Span, _path: &str) -> Result<Vec<u8>, String> {
        Err("no file can be read here".to_owned())
    }

    /// Tells whether there is a file at a path relative to the stack file of `span`, or why nobody knows.
    fn file_exists(&self, _span: Span, _path: &str) -> Result<bool, String> {
        Err("no file can be read here".to_owned())
    }

    /// The files in a folder and in the folders in it, relative to that folder, with `/`; or why they cannot
    /// be listed.
    fn files_in(&self, _span: Span, _folder: &str) -> Result<Vec<String>, String> {
        Err("no folder can be read here".to_owned())
    }

    /// The home folder of the person who runs this.
    fn home(&self) -> Option<String> {
        None
    }
}

/// A scope without names, for values that must be constant, such as a default.
#[derive(Debug, Clone, Copy, Default)]
pub struct Constant;

impl Scope for Constant {}
