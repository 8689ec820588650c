//! Limits of the size and depth of a value, and of evaluation steps: names that double each other would fill
//! memory, and nested loops would not end in time.

use crate::diagnostic::{Mistake, Span};
use crate::value::Value;

use super::Evaluator;

/// Bytes of text, plus some for every member: far more than a stack needs.
pub const LARGEST: usize = 8 << 20;

/// Maximum depth of lists and objects, as in the text. Names can nest deep values into others, and the state
/// keeps them as JSON, which is parsed up to 127 levels.
const DEEPEST: usize = 100;

/// Maximum number of expressions that are evaluated for one.
pub(super) const MOST_STEPS: usize = 2_000_000;

/// The size of a member of a list or object, in bytes.
const MEMBER: usize = 16;

impl Evaluator<'_> {
    /// Returns the value, unless it has grown past [`LARGEST`] or [`DEEPEST`].
    pub(super) fn bounded(&mut self, value: Value, span: Span) -> Option<Value> {
        let mut left = LARGEST;
        match fits(&value, DEEPEST, &mut left) {
            Ok(()) => Some(value),
            Err(Excess::Size) => self.fail(too_large(span)),
            Err(Excess::Depth) => self.fail(
                Mistake::new("bgform::lang::out_of_range", "this value is nested too deep")
                    .at(span, format!("lists and objects in one another, more than {DEEPEST} deep")),
            ),
        }
    }

    /// Subtracts the size of a part from the remaining size of a value.
    pub(super) fn grown(&mut self, by: &Value, left: &mut usize, span: Span) -> Option<()> {
        match fits(by, usize::MAX, left) {
            Ok(()) => Some(()),
            Err(_) => self.fail(too_large(span)),
        }
    }
}

enum Excess {
    Size,
    Depth,
}

pub(super) fn too_large(span: Span) -> Mistake {
    Mistake::new("bgform::lang::out_of_range", "this value is too large")
        .at(span, format!("more than {} MiB", LARGEST >> 20))
}

fn fits(value: &Value, levels: usize, left: &mut usize) -> Result<(), Excess> {
    let mut take = |bytes: usize| match left.checked_sub(bytes) {
        Some(rest) => {
            *left = rest;
            Ok(())
        }
        None => Err(Excess::Size),
    };
    let inner = levels.checked_sub(1).ok_or(Excess::Depth);
    match value {
        Value::String(text) => take(MEMBER + text.len()),
        Value::Sensitive(inner) => fits(inner, levels, left),
        Value::List(items) => {
            take(MEMBER)?;
            let inner = inner?;
            items.iter().try_for_each(|item| fits(item, inner, left))
        }
        Value::Object(members) => {
            take(MEMBER + members.keys().map(String::len).sum::<usize>())?;
            let inner = inner?;
            members.values().try_for_each(|member| fits(member, inner, left))
        }
        _ => take(MEMBER),
    }
}
