//! The arguments of one call, converted to the types that a function takes.

use crate::diagnostic::Span;
use crate::value::{Object, Value};

use super::super::evaluate::{LARGEST, Scope, describe, to_text};
use super::Function;

/// One call of a function.
pub(crate) struct Call<'a> {
    pub function: &'static Function,
    pub values: Vec<Value>,
    /// A span for every value.
    pub spans: Vec<Span>,
    pub scope: &'a dyn Scope,
    /// Whether any argument was sensitive: then no mistake shows one.
    pub sensitive: bool,
    /// Whether the call is in the text of a `templatefile`.
    pub in_template: bool,
}

/// Why a call has no result.
#[derive(Debug)]
pub(crate) struct Fault {
    /// The argument at fault; `None` for the whole call.
    pub argument: Option<usize>,
    pub message: String,
    pub label: String,
    pub help: Option<String>,
}

impl Fault {
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl Call<'_> {
    /// The argument, or null if it was left out.
    pub(super) fn get(&self, index: usize) -> &Value {
        static NULL: Value = Value::Null;
        self.values.get(index).unwrap_or(&NULL)
    }

    pub(super) fn count(&self) -> usize {
        self.values.len()
    }

    /// The fault of an argument of a wrong type: `expected` is `a list of strings`.
    pub(super) fn wrong(&self, index: usize, expected: &str) -> Fault {
        self.fault(
            index,
            format!("this must be {expected}"),
            format!("this is {}", describe(self.get(index))),
        )
    }

    /// The fault of an argument of the right type with a wrong value.
    pub(super) fn fault(&self, index: usize, message: impl Into<String>, label: impl Into<String>) -> Fault {
        Fault { argument: Some(index), message: message.into(), label: label.into(), help: None }
    }

    /// Checks that a text or list to be made stays within the limits of a value.
    pub(super) fn fits(&self, bytes: usize) -> Result<(), Fault> {
        match bytes > LARGEST {
            true => Err(self.fault(0, "the result is too large", format!("more than {} MiB", LARGEST >> 20))),
            false => Ok(()),
        }
    }

    /// An author's text in backticks, unless it may be a secret.
    pub(super) fn quote(&self, text: &str) -> String {
        match self.sensitive {
            true => "the sensitive value".to_owned(),
            false if text.chars().count() > 60 => format!("`{}…`", text.chars().take(60).collect::<String>()),
            false => format!("`{text}`"),
        }
    }

    /// A string, or a value that interpolation can write as one.
    pub(super) fn text(&self, index: usize) -> Result<String, Fault> {
        to_text(self.get(index)).ok_or_else(|| match self.get(index) {
            Value::Ref(reference) => self
                .wrong(index, "a string")
                .help(format!("name one of its attributes, as in `{reference}.id`")),
            _ => self.wrong(index, "a string"),
        })
    }

    pub(super) fn number(&self, index: usize) -> Result<f64, Fault> {
        match self.get(index) {
            Value::Number(number) => Ok(*number),
            Value::String(_) => {
                Err(self.wrong(index, "a number").help("`tonumber(...)` reads a number from a string"))
            }
            _ => Err(self.wrong(index, "a number")),
        }
    }

    /// A whole number that every number format holds exactly.
    pub(super) fn whole(&self, index: usize) -> Result<i64, Fault> {
        let number = self.number(index)?;
        match number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0 {
            true => Ok(number as i64),
            false => Err(self.fault(index, "this must be a whole number", "not a whole number")),
        }
    }

    /// A whole number from 0 to `most`.
    pub(super) fn size(&self, index: usize, most: usize) -> Result<usize, Fault> {
        let number = self.whole(index)?;
        usize::try_from(number).ok().filter(|size| *size <= most).ok_or_else(|| {
            self.fault(index, format!("this must be a whole number from 0 to {most}"), "out of range")
        })
    }

    pub(super) fn list(&self, index: usize) -> Result<&[Value], Fault> {
        match self.get(index) {
            Value::List(items) => Ok(items),
            _ => Err(self.wrong(index, "a list")),
        }
    }

    pub(super) fn object(&self, index: usize) -> Result<&Object, Fault> {
        match self.get(index) {
            Value::Object(members) => Ok(members),
            _ => Err(self.wrong(index, "an object")),
        }
    }

    /// A list of values with a text.
    pub(super) fn texts(&self, index: usize) -> Result<Vec<String>, Fault> {
        let text = |item: &Value| {
            to_text(item).ok_or_else(|| {
                self.fault(
                    index,
                    "this must be a list of strings",
                    format!("an element is {}", describe(item)),
                )
            })
        };
        self.list(index)?.iter().map(text).collect()
    }

    pub(super) fn numbers(&self, index: usize) -> Result<Vec<f64>, Fault> {
        let number = |item: &Value| {
            item.as_number().ok_or_else(|| {
                self.fault(
                    index,
                    "this must be a list of numbers",
                    format!("an element is {}", describe(item)),
                )
            })
        };
        self.list(index)?.iter().map(number).collect()
    }
}
