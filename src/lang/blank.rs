//! The tokens of one statement come in, pest's text goes out: every byte in its place, with comments,
//! insignificant newlines and the inside of strings blanked. Refuses nesting that is too deep for recursion.
//! Does not parse expressions.

use super::cut::{DEEPEST, too_deep};
use super::expression::Reader;
use super::scan::{Kind, Token};
use crate::diagnostic::{FileId, Mistake};

/// Maximum number of chained operators and accesses in an expression.
const LONGEST_CHAIN: usize = 250;

/// pest's text, and its start in the file.
pub(super) struct Blanked {
    pub text: String,
    pub start: usize,
}

impl Reader<'_> {
    /// Returns the text for pest, and a reader with the expression's depth.
    pub(super) fn blank(self, tokens: &[Token], bracketed: bool) -> Result<(Self, Blanked), Mistake> {
        let start = tokens.first().map_or(0, |token| token.start);
        let mut blanked = Blanked { text: String::new(), start };
        let mut measure = Measure::new(self);
        let mut open: Vec<bool> = vec![bracketed];
        for (at, &token) in tokens.iter().enumerate() {
            let gap = token.start.saturating_sub(start + blanked.text.len());
            blanked.text.extend(std::iter::repeat_n(' ', gap));
            let (word, length) = (token.text(self.text), token.end - token.start);
            let mut fill = |first: &str, with: char, last: &str| {
                let between = length.saturating_sub(first.len() + last.len());
                blanked.text.push_str(first);
                blanked.text.extend(std::iter::repeat_n(with, between));
                blanked.text.push_str(last);
            };
            match token.kind {
                Kind::LineComment | Kind::BlockComment => fill("", ' ', ""),
                Kind::Newline if open.last() == Some(&true) => fill("", ' ', ""),
                Kind::String => fill("\"", 's', "\""),
                Kind::Heredoc => fill("<<", 'h', ""),
                _ => blanked.text.push_str(word),
            }
            match token.kind {
                Kind::Open => {
                    // A comprehension may span lines; in an object a line ends an item.
                    let mut next = tokens.iter().skip(at + 1).filter(|token| !token.is_space());
                    let comprehension = next.next().is_some_and(|token| token.text(self.text) == "for")
                        && next.next().is_some_and(|token| token.kind == Kind::Word);
                    open.push(word != "{" || comprehension);
                }
                Kind::Close if open.len() > 1 => {
                    open.pop();
                }
                _ => {}
            }
            measure.token(token, word, open.last() == Some(&true))?;
        }
        Ok((Reader { depth: measure.deepest, chain: measure.longest, ..self }, blanked))
    }
}

/// Bounds the depth of an expression's tree, before any recursion over it.
struct Measure {
    file: FileId,
    /// Depth and chain at each open bracket.
    open: Vec<(usize, usize)>,
    depth: usize,
    chain: usize,
    deepest: usize,
    longest: usize,
}

impl Measure {
    fn new(reader: Reader) -> Self {
        let Reader { file, depth, chain, .. } = reader;
        Self { file, open: vec![(depth, chain)], depth, chain, deepest: depth, longest: chain }
    }

    fn token(&mut self, token: Token, word: &str, bracketed: bool) -> Result<(), Mistake> {
        match token.kind {
            Kind::Open => {
                self.chain += 1;
                self.depth += 1;
                self.open.push((self.depth, self.chain));
            }
            Kind::Close => {
                // The count inside ends; the bracket itself is a link of the outer chain.
                let (depth, chain) = self.open.pop().unwrap_or((self.depth, self.chain));
                self.depth = depth.saturating_sub(1);
                self.chain = chain;
            }
            Kind::Newline if !bracketed => self.separate(),
            Kind::Symbol if word == "," => self.separate(),
            Kind::Symbol if word == "?" => self.depth += 1,
            Kind::Symbol => self.chain += 1,
            _ => {}
        }
        self.deepest = self.deepest.max(self.depth);
        self.longest = self.longest.max(self.chain);
        if self.depth > DEEPEST {
            return Err(too_deep(token.span(self.file)));
        }
        if self.chain > LONGEST_CHAIN {
            let message = format!("more than {LONGEST_CHAIN} operators in one expression");
            return Err(Mistake::new("bgform::lang::nested_too_deep", message)
                .at(token.span(self.file), "one too many")
                .help("name a part of it in `locals { }` and refer to it as `local.name`"));
        }
        Ok(())
    }

    fn separate(&mut self) {
        (self.depth, self.chain) = self.open.last().copied().unwrap_or_default();
    }
}
