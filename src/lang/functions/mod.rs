//! The functions of the language: a table that evaluation, did-you-mean and the reference share. A function
//! takes values and returns a value. Files are read through the scope, and nothing here uses time, chance or
//! the cloud, so that a plan is the same every time.

mod arguments;
mod convert;
mod date;
mod digest;
mod document;
mod encoding;
mod examples;
mod file;
mod format;
mod list;
mod network;
mod number;
mod object;
mod path;
mod pattern;
#[cfg(test)]
mod tests;
mod text;

pub(crate) use arguments::{Call, Fault};
pub use examples::example;

pub(super) use list::identity;

use crate::value::Value;

/// The result of a function.
pub(crate) type Outcome = Result<Value, Fault>;

/// A function, as the reference describes it.
#[derive(Debug)]
pub struct Function {
    pub name: &'static str,
    /// Its form: `join(separator, list)`.
    pub signature: &'static str,
    /// One line, without a full stop.
    pub doc: &'static str,
    pub min: usize,
    /// `None`: any number of arguments.
    pub max: Option<usize>,
    pub(crate) body: Body,
}

/// A function's handling of unknown or sensitive arguments.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Body {
    /// It gets known and unmarked values, at every depth. An unknown or sensitive part makes the whole result
    /// so.
    Known(fn(&Call<'_>) -> Outcome),
    /// Its arguments are known and unmarked; their members may be unknown and keep their marks.
    Partial(fn(&Call<'_>) -> Outcome),
    /// It gets the values as they are.
    Any(fn(&Call<'_>) -> Outcome),
    /// The special forms, which the evaluator handles.
    Try,
    Can,
}

/// Every function, by its table.
pub fn all() -> impl Iterator<Item = &'static Function> {
    TABLES.iter().flat_map(|table| table.iter())
}

pub fn find(name: &str) -> Option<&'static Function> {
    all().find(|function| function.name == name)
}

/// Functions of Terraform that bgform leaves out, and the remedy.
pub const LEFT_OUT: [(&str, &str); 12] = [
    ("timestamp", NO_NOW),
    ("plantimestamp", NO_NOW),
    ("uuid", "it would be another one in each plan: write `uuidv5(\"dns\", \"shop.example\")`"),
    ("bcrypt", "it would be another one in each plan: give the hash as a variable"),
    ("abspath", "a path is relative to the file that names it: write it without `abspath`"),
    ("rsadecrypt", "give what it decrypts as a variable with `sensitive = true`"),
    ("base64gzip", "what it gives changes with the compressor: write `base64encode(...)`"),
    ("textencodebase64", "texts are UTF-8: write `base64encode(...)`"),
    ("textdecodebase64", "texts are UTF-8: write `base64decode(...)`"),
    ("list", "write `[a, b]`"),
    ("map", "write `{ name = value }`"),
    ("type", "a variable says its own: variable \"port\" { type = number }"),
];

const NO_NOW: &str = "a plan is the same whenever it is made: give the time as a variable, as in \
                      --var now=\"$(date -u +%Y-%m-%dT%H:%M:%SZ)\"";

const TABLES: [&[Function]; 15] = [
    SPECIAL,
    text::TABLE,
    pattern::TABLE,
    format::TABLE,
    encoding::TABLE,
    document::TABLE,
    digest::TABLE,
    date::TABLE,
    path::TABLE,
    file::TABLE,
    convert::TABLE,
    list::TABLE,
    object::TABLE,
    number::TABLE,
    network::TABLE,
];

const SPECIAL: &[Function] = &[
    Function {
        name: "try",
        signature: "try(value, ..., fallback)",
        doc: "The first argument that can be evaluated; misspelled names are mistakes all the same",
        min: 1,
        max: None,
        body: Body::Try,
    },
    Function {
        name: "can",
        signature: "can(value)",
        doc: "Whether the argument can be evaluated",
        min: 1,
        max: Some(1),
        body: Body::Can,
    },
];

/// A row of a table; the counts are the minimum and maximum number of arguments.
const fn row(
    name: &'static str,
    signature: &'static str,
    doc: &'static str,
    counts: (usize, usize),
    body: Body,
) -> Function {
    Function { name, signature, doc, min: counts.0, max: Some(counts.1), body }
}

/// A row of a function with `min` or more arguments.
const fn variadic(
    name: &'static str,
    signature: &'static str,
    doc: &'static str,
    min: usize,
    body: Body,
) -> Function {
    Function { name, signature, doc, min, max: None, body }
}
