//! Values as text: interpolation, and the names of values in mistakes.

use crate::diagnostic::{Mistake, Span, did_you_mean};
use crate::value::{Unknown, Value, format_duration, format_number};

use super::super::ast::{Expr, Node, Part};
use super::super::slip::LITERAL;
use super::bounds::{LARGEST, too_large};
use super::{Evaluator, Members};

/// The text of a value in an interpolation: strings as they are, `8080`, `true`, `30s`, `25%`. `None` for
/// values without a text: null, lists, objects, references, unknowns.
pub fn to_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(format_number(*number)),
        Value::Bool(value) => Some(value.to_string()),
        Value::Duration(duration) => Some(format_duration(*duration)),
        Value::Percent(percent) => Some(format!("{}%", format_number(*percent))),
        Value::Sensitive(inner) => to_text(inner),
        Value::Null | Value::List(_) | Value::Object(_) | Value::Ref(_) | Value::Unknown(_) => None,
    }
}

/// A value's type with its article, for `this is ...`. It never shows the value.
pub fn describe(value: &Value) -> String {
    match value.type_name() {
        "null" => "null".to_owned(),
        name @ "object" => format!("an {name}"),
        name => format!("a {name}"),
    }
}

impl Evaluator<'_> {
    /// The text of all parts; unknown if a part is, sensitive if a part is.
    pub(super) fn template(&mut self, parts: &[Part], span: Span) -> Option<Value> {
        let mut text = String::new();
        let mut unknown: Option<Unknown> = None;
        let (mut marked, mut failed) = (false, false);
        for part in parts {
            let expr = match part {
                Part::Text(part) => {
                    text.push_str(part);
                    continue;
                }
                Part::Value(expr) => expr,
            };
            let Some(value) = self.interpolated(expr) else {
                failed = true;
                continue;
            };
            let (value, mark) = value.into_unmarked();
            marked |= mark;
            match value {
                Value::Unknown(what) => unknown = unknown.or(Some(what)),
                value => match to_text(&value) {
                    Some(part) => text.push_str(&part),
                    None => {
                        failed = true;
                        let mistake = self.no_text(expr, &value);
                        self.mistakes.push(mistake);
                    }
                },
            }
            if text.len() > LARGEST {
                return self.fail(too_large(span));
            }
        }
        match (failed, unknown) {
            (true, _) => None,
            (false, Some(unknown)) => Some(Value::Unknown(unknown).marked_if(marked)),
            (false, None) => Some(Value::String(text).marked_if(marked)),
        }
    }

    /// `${HOME}` is usually meant for the shell.
    fn interpolated(&mut self, expr: &Expr) -> Option<Value> {
        match &expr.node {
            Node::Name(word) if !self.knows(word) => {
                let mistake = self.unknown_word(word, None, expr.span);
                let literal = format!("write `$${{{word}}}` for a literal `${{{word}}}`");
                let help = match &mistake.help {
                    Some(help) if self.resembles_a_name(word) => format!("{help}; {literal}"),
                    _ => literal,
                };
                self.fail(mistake.help(help))
            }
            Node::Binary(..) | Node::Unary(..) | Node::Index(..) | Node::Splat(..) => {
                let before = self.mistakes.len();
                let value = self.value(expr);
                for mistake in self.mistakes.iter_mut().skip(before) {
                    if mistake.code == "bgform::lang::unknown_name" {
                        *mistake = mistake.clone().and_help(LITERAL);
                    }
                }
                value
            }
            _ => self.value(expr),
        }
    }

    fn no_text(&self, expr: &Expr, value: &Value) -> Mistake {
        let mistake = Mistake::new(
            "bgform::lang::wrong_type",
            format!("{} cannot be put into a string", describe(value)),
        )
        .at(expr.span, format!("this is {}", describe(value)));
        match value {
            Value::List(_) => mistake.help("join it, as in `join(\",\", ...)`, or write `jsonencode(...)`"),
            Value::Object(_) => mistake.help("name one of its members, or write `jsonencode(...)`"),
            Value::Null => mistake.help("give it another value, as in `coalesce(..., \"none\")`"),
            Value::Ref(reference) => {
                let member = match self.scope.members(reference) {
                    _ if reference.index.is_some() => String::new(),
                    Members::NotPlural => String::new(),
                    Members::Unknown | Members::Count(_) => "[0]".to_owned(),
                };
                let known = match self.scope.attribute(reference, "") {
                    super::Found::Missing(known) => known,
                    _ => Vec::new(),
                };
                let attribute = ["dns_name", "id", "name", "arn"]
                    .into_iter()
                    .find(|name| known.iter().any(|known| known == name))
                    .unwrap_or("id");
                mistake.help(format!("name one of its attributes: `{reference}{member}.{attribute}`"))
            }
            _ => mistake,
        }
    }

    fn resembles_a_name(&self, word: &str) -> bool {
        let names = self.bare_words();
        did_you_mean(word, names.iter().map(String::as_str)).is_some()
            || self.is_variable(word)
            || self.is_local(word)
    }
}
