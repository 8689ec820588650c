//! Tokens come in, the place of each goes out: its line, that line's indent, the next significant token. Does
//! not read a token's content.

use super::scan::{Kind, Token};

/// The place of one token.
#[derive(Clone, Copy, Default)]
pub(super) struct Place {
    pub line: usize,
    /// The indent of that line.
    pub indent: usize,
    /// Whether it is the first token of its line.
    pub first: bool,
    /// The first token from here on that is no newline and no comment.
    pub solid: usize,
}

pub(super) fn places(tokens: &[Token]) -> Vec<Place> {
    let mut places = Vec::with_capacity(tokens.len());
    let (mut line, mut line_start, mut first, mut indent) = (0, 0, true, 0);
    for token in tokens {
        if first {
            indent = token.start.saturating_sub(line_start);
        }
        places.push(Place { line, indent, first, solid: tokens.len() });
        first = token.kind == Kind::Newline;
        if first {
            line += 1;
            line_start = token.end;
        }
    }
    let mut solid = tokens.len();
    for (at, (place, token)) in places.iter_mut().zip(tokens).enumerate().rev() {
        if !token.is_space() {
            solid = at;
        }
        place.solid = solid;
    }
    places
}
