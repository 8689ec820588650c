//! How large a value may grow: names that double each other would fill memory.

use crate::diagnostic::{Mistake, Span};
use crate::value::Value;

use super::Evaluator;

/// Bytes of text, and some for every member: far more than any stack has use for.
pub const LARGEST: usize = 8 << 20;

/// What a member of a list or object counts for, in bytes.
const MEMBER: usize = 16;

impl Evaluator<'_> {
    /// The value, unless it has grown past [`LARGEST`].
    pub(super) fn bounded(&mut self, value: Value, span: Span) -> Option<Value> {
        let mut left = LARGEST;
        match fits(&value, &mut left) {
            true => Some(value),
            false => self.fail(too_large(span)),
        }
    }
}

pub(super) fn too_large(span: Span) -> Mistake {
    Mistake::new("bgform::lang::out_of_range", "this value is too large")
        .at(span, format!("more than {} MiB", LARGEST >> 20))
}

fn fits(value: &Value, left: &mut usize) -> bool {
    let mut take = |bytes: usize| match left.checked_sub(bytes) {
        Some(rest) => {
            *left = rest;
            true
        }
        None => false,
    };
    match value {
        Value::String(text) => take(MEMBER + text.len()),
        Value::Sensitive(inner) => fits(inner, left),
        Value::List(items) => take(MEMBER) && items.iter().all(|item| fits(item, left)),
        Value::Object(members) => {
            take(MEMBER + members.keys().map(String::len).sum::<usize>())
                && members.values().all(|member| fits(member, left))
        }
        _ => take(MEMBER),
    }
}
