//! How large and how deep a value may grow, and how long that may take: names that double each other
//! would fill memory, and loops in loops would never end.

use crate::diagnostic::{Mistake, Span};
use crate::value::Value;

use super::Evaluator;

/// Bytes of text, and some for every member: far more than any stack has use for.
pub const LARGEST: usize = 8 << 20;

/// How deep lists and objects may be in one another, as in the text: names put what is deep into what
/// is deep, and the state keeps them as JSON, which is read 127 levels deep.
const DEEPEST: usize = 100;

/// How many expressions may be evaluated for one.
pub(super) const MOST_STEPS: usize = 2_000_000;

/// What a member of a list or object counts for, in bytes.
const MEMBER: usize = 16;

impl Evaluator<'_> {
    /// The value, unless it has grown past [`LARGEST`] or [`DEEPEST`].
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

    /// Takes the size of what goes into a value from what the value may yet grow by.
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
