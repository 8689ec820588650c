//! Parameters held against the shape of their action.

use jiff::Timestamp;
use serde_json::{Number, Value};

use super::super::{Params, Protocol, Refusal};
use super::{Bounds, Kind, Member, Pattern, Shape, Shapes, refuse};

/// A step on the way to a value.
#[derive(Debug, Clone)]
pub enum Step {
    Member(&'static str),
    /// Counted from 1.
    Item(usize),
    Key(String),
}

/// A constraint on a value.
#[derive(Debug, Clone)]
pub enum Constraint<'a> {
    NotNull,
    /// Of a type, by the name that it has in Java, as AWS's messages name it.
    Type(&'static str),
    AtLeast(i64),
    AtMost(i64),
    LengthAtLeast(i64),
    LengthAtMost(i64),
    Pattern(&'a Pattern),
    Enum(&'a [&'static str]),
    /// Of the items of a list: all that each of them must be.
    Items(Vec<Constraint<'a>>),
}

/// A value that violates a constraint.
#[derive(Debug)]
pub struct Violation<'a> {
    pub path: Vec<Step>,
    pub value: Value,
    pub must: Constraint<'a>,
}

impl Shapes {
    /// Refuses parameters that are not as the action's shape has them. Members that the shape does not
    /// have are left alone. `invalid` is the service's code for a validation error.
    ///
    /// # Errors
    /// As [`refuse`] words them.
    pub fn check(
        &self,
        action: &str,
        params: &Params,
        protocol: Protocol,
        invalid: &str,
    ) -> Result<(), Refusal> {
        let Some(action) = self.actions.get(action) else { return Ok(()) };
        let mut check = Check { shapes: self, protocol, path: Vec::new(), found: Vec::new() };
        check.members(&action.members, params.value());
        match check.found.is_empty() {
            true => Ok(()),
            false => Err(refuse::refuse(&check.found, protocol, action.own, invalid)),
        }
    }
}

/// A check under way.
struct Check<'a> {
    shapes: &'a Shapes,
    protocol: Protocol,
    path: Vec<Step>,
    found: Vec<Violation<'a>>,
}

impl<'a> Check<'a> {
    fn must(&mut self, must: Constraint<'a>, value: &Value) {
        self.found.push(Violation { path: self.path.clone(), value: value.clone(), must });
    }

    fn within(&mut self, step: Step, of: &'static str, value: &Value) {
        self.path.push(step);
        self.value(of, value);
        self.path.pop();
    }

    /// The query protocols write everything as text, and an empty value as an empty text.
    fn typed(&self) -> bool {
        self.protocol.is_typed()
    }

    fn members(&mut self, members: &'a [Member], value: &Value) {
        if !value.is_object() && (self.typed() || value != "") {
            return self.must(Constraint::Type("Structure"), value);
        }
        for member in members {
            let given = value.get(member.name).filter(|value| {
                // EC2 treats an empty text as none.
                !value.is_null() && (self.protocol != Protocol::Ec2 || *value != "")
            });
            match given {
                Some(value) => self.within(Step::Member(member.name), member.of, value),
                None if member.required => {
                    self.path.push(Step::Member(member.name));
                    self.must(Constraint::NotNull, &Value::Null);
                    self.path.pop();
                }
                None => {}
            }
        }
    }

    fn value(&mut self, of: &'static str, value: &Value) {
        let shapes = self.shapes;
        match shapes.shapes.get(of) {
            None => {}
            Some(Shape::Struct(members)) => self.members(members, value),
            Some(Shape::List(bounds, item)) => match value {
                Value::Array(items) => self.items(*bounds, item, items, value),
                Value::String(text) if text.is_empty() && !self.typed() => {
                    self.items(*bounds, item, &[], &Value::Array(Vec::new()));
                }
                _ => self.must(Constraint::Type("List"), value),
            },
            Some(Shape::Map(bounds, key, item)) => match value {
                Value::Object(map) => {
                    // `Name.entry.1.key` and `Name.entry.1.value` of the query protocols.
                    let entries = map.get("entry").and_then(Value::as_array).filter(|_| !self.typed());
                    let pairs: Vec<(Value, &Value)> = match entries {
                        Some(entries) => {
                            entries.iter().map(|one| (one["key"].clone(), &one["value"])).collect()
                        }
                        None => map.iter().map(|(key, item)| (key.as_str().into(), item)).collect(),
                    };
                    self.length(*bounds, pairs.len(), value);
                    for (name, of_name) in pairs {
                        self.within(Step::Key(refuse::shown(&name)), key, &name);
                        self.within(Step::Key(refuse::shown(&name)), item, of_name);
                    }
                }
                _ => self.must(Constraint::Type("Map"), value),
            },
            Some(plain) => match type_of(plain).filter(|kind| !kind.has(value, self.typed())) {
                Some(kind) => self.must(Constraint::Type(kind.name()), value),
                None => {
                    let broken = constraints(plain).into_iter().filter(|must| !must.holds(value));
                    broken.for_each(|must| self.must(must, value));
                }
            },
        }
    }

    fn length(&mut self, Bounds(least, most): Bounds, length: usize, value: &Value) {
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        if let Some(most) = most.filter(|most| length > *most) {
            self.must(Constraint::LengthAtMost(most), value);
        }
        if let Some(least) = least.filter(|least| length < *least) {
            self.must(Constraint::LengthAtLeast(least), value);
        }
    }

    fn items(&mut self, bounds: Bounds, of: &'static str, items: &[Value], list: &Value) {
        self.length(bounds, items.len(), list);
        let shapes = self.shapes;
        let plain = shapes.shapes.get(of).and_then(|shape| Some((type_of(shape)?, constraints(shape))));
        for (item, number) in items.iter().zip(1..) {
            match &plain {
                // A constraint on the items of a list is reported once, at the list.
                Some((kind, all)) if kind.has(item, self.typed()) => {
                    if self.protocol != Protocol::Ec2 && all.iter().any(|must| !must.holds(item)) {
                        return self.must(Constraint::Items(all.clone()), list);
                    }
                    if self.protocol == Protocol::Ec2 {
                        self.within(Step::Item(number), of, item);
                    }
                }
                _ => self.within(Step::Item(number), of, item),
            }
        }
    }
}

/// The type of a value that holds no others.
fn type_of(shape: &Shape) -> Option<Kind> {
    match shape {
        Shape::Plain(kind, ..) => Some(*kind),
        Shape::Enum(_) => Some(Kind::Text),
        _ => None,
    }
}

/// The constraints on a value of this shape besides its type, in the order in which AWS reports them.
pub fn constraints(shape: &Shape) -> Vec<Constraint<'_>> {
    match shape {
        Shape::Enum(words) => vec![Constraint::Enum(words)],
        Shape::Plain(kind, Bounds(least, most), pattern) => {
            let of_length = matches!(kind, Kind::Text | Kind::Blob);
            let most = most.map(if of_length { Constraint::LengthAtMost } else { Constraint::AtMost });
            let least = least.map(if of_length { Constraint::LengthAtLeast } else { Constraint::AtLeast });
            let pattern = pattern.as_ref().map(Constraint::Pattern);
            [most, least, pattern].into_iter().flatten().collect()
        }
        _ => Vec::new(),
    }
}

impl Constraint<'_> {
    /// Tells whether a value of the right type satisfies it.
    pub fn holds(&self, value: &Value) -> bool {
        let text = refuse::shown(value);
        let number = || text.parse::<f64>().unwrap_or(f64::NAN);
        let length = || i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
        match self {
            Constraint::AtLeast(least) => number() >= *least as f64,
            Constraint::AtMost(most) => number() <= *most as f64,
            Constraint::LengthAtLeast(least) => length() >= *least,
            Constraint::LengthAtMost(most) => length() <= *most,
            Constraint::Pattern(pattern) => pattern.matches(&text),
            Constraint::Enum(words) => words.contains(&text.as_str()),
            Constraint::NotNull | Constraint::Type(_) | Constraint::Items(_) => true,
        }
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Text => "String",
            Kind::Int => "Integer",
            Kind::Long => "Long",
            Kind::Double => "Double",
            Kind::Bool => "Boolean",
            Kind::Time => "Timestamp",
            Kind::Blob => "Blob",
        }
    }

    /// Tells whether a value has this type; `typed`: in a protocol that does not write everything as text.
    fn has(self, value: &Value, typed: bool) -> bool {
        match (self, value) {
            (Kind::Text | Kind::Blob, Value::String(_)) => true,
            (Kind::Text, Value::Number(_) | Value::Bool(_)) => !typed,
            (Kind::Int, Value::Number(number)) => whole(number).is_some_and(|n| i32::try_from(n).is_ok()),
            (Kind::Long, Value::Number(number)) => whole(number).is_some(),
            (Kind::Double | Kind::Time, Value::Number(_)) | (Kind::Bool, Value::Bool(_)) => true,
            (Kind::Time, Value::String(text)) if text.parse::<Timestamp>().is_ok() => true,
            (Kind::Double, Value::String(text)) if typed => {
                ["NaN", "Infinity", "-Infinity"].contains(&text.as_str())
            }
            (_, Value::String(_)) if typed => false,
            (Kind::Int, Value::String(text)) => text.parse::<i32>().is_ok(),
            (Kind::Long, Value::String(text)) => text.parse::<i64>().is_ok(),
            (Kind::Double | Kind::Time, Value::String(text)) => text.parse::<f64>().is_ok(),
            (Kind::Bool, Value::String(text)) => {
                ["true", "false", "True", "False", "1", "0"].contains(&text.as_str())
            }
            _ => false,
        }
    }
}

fn whole(number: &Number) -> Option<i64> {
    let float = || number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < 9e18);
    number.as_i64().or_else(|| float().map(|float| float as i64))
}
