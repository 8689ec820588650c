//! Input shapes: the parameters of each action in AWS's service models, and the check of a request against
//! them.
//!
//! A table (`shapes.txt` of a service, made by `make.py` beside this file) has a line for each action and
//! for each shape that says more than its type; a line that begins with a space goes on with the one
//! before. Members are `Name:TYPE`, and `Name!:TYPE` where they are required:
//!
//! ```text
//! ACTION plain MEMBER...          refused with the service's validation error
//! ACTION own MEMBER...            refused with the errors for parameters that the action declares
//! ACTION rest METHOD PATH MEMBER...  named by method and path, as plain otherwise
//! SHAPE struct MEMBER...
//! SHAPE list LEAST..MOST TYPE
//! SHAPE map LEAST..MOST TYPE TYPE
//! SHAPE enum WORD...
//! SHAPE text LEAST..MOST PATTERN  bounds of the length; of an int, long or double those of the value
//! ```
//!
//! A TYPE is the name of a shape, `[TYPE]` (a list of any length), or `text`, `int`, `long`, `double`,
//! `bool`, `time`, `blob`.

mod check;
mod refuse;
mod rest;
#[cfg(test)]
pub mod tests;

pub use refuse::lower_first;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use regex::Regex;

/// The table of a service.
#[derive(Debug)]
pub struct Shapes {
    actions: BTreeMap<&'static str, Action>,
    shapes: BTreeMap<&'static str, Shape>,
}

#[derive(Debug)]
struct Action {
    /// Whether it declares its own errors for wrong parameters.
    own: bool,
    /// The method and the path, with `{NAME}` for a member's value, that name it.
    route: Option<(&'static str, &'static str)>,
    members: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    name: &'static str,
    required: bool,
    of: &'static str,
}

#[derive(Debug)]
enum Shape {
    Struct(Vec<Member>),
    List(Bounds, &'static str),
    Map(Bounds, &'static str, &'static str),
    Enum(Vec<&'static str>),
    Plain(Kind, Bounds, Option<Pattern>),
}

/// The least and the most of a value, a length or a number of items.
#[derive(Debug, Clone, Copy, Default)]
struct Bounds(Option<i64>, Option<i64>);

/// A regular expression that all of a text matches; compiled when it is first asked.
#[derive(Debug)]
struct Pattern(&'static str, OnceLock<Option<Regex>>);

/// The types of values that hold no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Int,
    Long,
    Double,
    Bool,
    Time,
    Blob,
}

const KINDS: [(&str, Kind); 7] = [
    ("text", Kind::Text),
    ("int", Kind::Int),
    ("long", Kind::Long),
    ("double", Kind::Double),
    ("bool", Kind::Bool),
    ("time", Kind::Time),
    ("blob", Kind::Blob),
];

impl Shapes {
    /// Reads a table.
    pub fn parse(table: &'static str) -> Self {
        let plain = KINDS.map(|(word, kind)| (word, Shape::Plain(kind, Bounds::default(), None)));
        let mut made = Self { actions: BTreeMap::new(), shapes: plain.into_iter().collect() };
        let mut from = 0;
        for (end, _) in table.match_indices('\n').filter(|(end, _)| !table[end + 1..].starts_with(' ')) {
            let line = &table[from..end];
            from = end + 1;
            if !line.starts_with('#') {
                made.line(line);
            }
        }
        made
    }

    /// Tells whether a structure has a member of this name.
    pub fn has(&self, structure: &str, name: &str) -> bool {
        match self.shapes.get(structure) {
            Some(Shape::Struct(members)) => members.iter().any(|member| member.name == name),
            _ => false,
        }
    }

    fn line(&mut self, line: &'static str) -> Option<()> {
        let mut words = line.split_whitespace();
        let (name, kind) = (words.next()?, words.next()?);
        for word in words.clone() {
            let mut of = word.split_once(':').map_or(word, |(_, of)| of);
            while let Some(item) = of.strip_prefix('[').and_then(|of| of.strip_suffix(']')) {
                self.shapes.insert(of, Shape::List(Bounds::default(), item));
                of = item;
            }
        }
        let shape = match kind {
            "plain" | "own" | "rest" => {
                let route = if kind == "rest" { Some((words.next()?, words.next()?)) } else { None };
                let members = words.filter_map(Member::parse).collect();
                self.actions.insert(name, Action { own: kind == "own", route, members });
                return Some(());
            }
            "struct" => Shape::Struct(words.filter_map(Member::parse).collect()),
            "list" => Shape::List(Bounds::parse(words.next()?), words.next()?),
            "map" => Shape::Map(Bounds::parse(words.next()?), words.next()?, words.next()?),
            "enum" => Shape::Enum(words.collect()),
            kind => {
                let (_, kind) = KINDS.into_iter().find(|(word, _)| *word == kind)?;
                let bounds = Bounds::parse(words.next()?);
                Shape::Plain(kind, bounds, words.next().map(|text| Pattern(text, OnceLock::new())))
            }
        };
        self.shapes.insert(name, shape);
        Some(())
    }
}

impl Member {
    fn parse(word: &'static str) -> Option<Self> {
        let (name, of) = word.split_once(':')?;
        Some(Self { name: name.trim_end_matches('!'), required: name.ends_with('!'), of })
    }
}

impl Bounds {
    fn parse(word: &str) -> Self {
        let (least, most) = word.split_once("..").unwrap_or_default();
        Self(least.parse().ok(), most.parse().ok())
    }
}

impl Pattern {
    fn matches(&self, text: &str) -> bool {
        let regex = self.1.get_or_init(|| Regex::new(&format!("^(?:{})$", self.0)).ok());
        regex.as_ref().is_none_or(|regex| regex.is_match(text))
    }
}
