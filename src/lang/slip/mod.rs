//! The place where pest stopped comes in; a mistake in the user's words goes out, with the remedy. Reads the
//! tokens before and after that place and never names a rule of the grammar.

mod shell;
mod value;

use pest::error::{Error, InputLocation};

use super::expression::{Reader, Rule};
use super::scan::{Kind, Token};
use crate::diagnostic::{Mistake, Span};

/// Explains why pest could not parse a statement. `start` is the place of pest's text in the file.
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
    let slip = Slip::new(reader, tokens, at);
    slip.quotes().unwrap_or_else(|| match rule {
        Rule::header => slip.header(),
        Rule::attribute => slip.name().unwrap_or_else(|| slip.value()),
        _ => slip.value(),
    })
}

pub(crate) use shell::{LITERAL, is_of_the_shell, may_be_of_the_shell, of_the_shell};

/// The place where the parse of a statement stopped.
struct Slip<'a> {
    reader: Reader<'a>,
    /// The tokens without comments, with newlines.
    tokens: Vec<Token>,
    /// The first unread token that is not a newline.
    found: usize,
    /// The last token before it that is not a newline.
    previous: Option<usize>,
    /// Whether a newline, or the end of the statement, is between the two.
    line_ends: bool,
}

impl<'a> Slip<'a> {
    fn new(reader: Reader<'a>, tokens: &[Token], at: usize) -> Self {
        let tokens: Vec<Token> = tokens.iter().copied().filter(|token| !token.is_comment()).collect();
        let is_newline = |token: &Token| token.kind == Kind::Newline;
        let found =
            tokens.iter().position(|token| token.end > at && !is_newline(token)).unwrap_or(tokens.len());
        let previous = tokens.iter().take(found).rposition(|token| !is_newline(token));
        let next_of_previous = previous.map_or(0, |previous| previous + 1);
        let line_ends = next_of_previous < found || found == tokens.len();
        Self { reader, tokens, found, previous, line_ends }
    }

    fn text_of(&self, token: Option<&Token>) -> &'a str {
        token.map_or("", |token| token.text(self.reader.text))
    }

    fn word(&self, at: usize) -> &'a str {
        self.text_of(self.tokens.get(at))
    }

    fn kind(&self, at: usize) -> Option<Kind> {
        self.tokens.get(at).map(|token| token.kind)
    }

    /// The span of the token at `at`, or of the place after the last one.
    fn span(&self, at: usize) -> Span {
        let end = self.tokens.last().map_or(0, |token| token.end);
        let place = Span::new(self.reader.file, end, end);
        self.tokens.get(at).map_or(place, |token| token.span(self.reader.file))
    }

    /// The source of a range of tokens; `...` if it is long or spans lines.
    fn source(&self, tokens: std::ops::Range<usize>) -> &'a str {
        let tokens = self.tokens.get(tokens).unwrap_or(&[]);
        let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else {
            return "...";
        };
        let text = self.reader.text.get(first.start..last.end).unwrap_or("");
        if text.len() > 60 || text.contains('\n') || text.is_empty() { "..." } else { text }
    }

    fn mistake(
        &self,
        message: impl Into<String>,
        at: usize,
        label: &str,
        help: impl Into<String>,
    ) -> Mistake {
        Mistake::new("bgform::lang::syntax", message).at(self.span(at), label).help(help)
    }

    /// A slip with quotes that the language does not have.
    fn quotes(&self) -> Option<Mistake> {
        let found = self.tokens.get(self.found)?;
        let quote = self.word(self.found).chars().next()?;
        if !matches!(quote, '\'' | '`' | '“' | '”' | '„' | '‘' | '’' | '«' | '»') {
            return None;
        }
        let rest = self.reader.text.get(found.end..).unwrap_or("").lines().next().unwrap_or("");
        let end = rest.find(['\'', '`', '“', '”', '’', '‘', '«', '»', '"']);
        let inside = rest.get(..end.unwrap_or(rest.len())).unwrap_or("").trim_end();
        let length = match end {
            Some(end) => end + rest.get(end..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8),
            None => inside.len(),
        };
        let span = Span::new(self.reader.file, found.start, found.end + length);
        Some(
            Mistake::new(
                "bgform::lang::syntax",
                format!("a string begins and ends with `\"`, not with `{quote}`"),
            )
            .at(span, "expected a string in double quotes")
            .help(format!("write `\"{inside}\"`")),
        )
    }

    fn header(&self) -> Mistake {
        let word = self.word(self.found);
        match self.kind(self.found) {
            Some(Kind::String) => self.mistake(
                "expected the keyword of a block",
                self.found,
                "a block begins with its keyword",
                format!("write what it is before its name, such as `image {word} {{`"),
            ),
            Some(Kind::Symbol) if word == "," => self.mistake(
                "no comma stands between the names of a block",
                self.found,
                "not expected here",
                "remove the `,`",
            ),
            _ => {
                let previous = self.previous.map_or("", |previous| self.word(previous));
                let whole = match word {
                    "." | "-" if matches!(self.kind(self.found + 1), Some(Kind::Word | Kind::Number)) => {
                        format!("{previous}{word}{}", self.word(self.found + 1))
                    }
                    "." | "-" => previous.to_owned(),
                    word => word.to_owned(),
                };
                self.mistake(
                    format!("`{word}` cannot stand in the name of a block"),
                    self.found,
                    "expected a name, a string or `{`",
                    format!("write it in quotes, `\"{whole}\"`"),
                )
            }
        }
    }

    /// A slip before the `=` of an attribute.
    fn name(&self) -> Option<Mistake> {
        let (name, second) = (self.word(0), self.word(1));
        let rest = self.source(2..self.tokens.len());
        let from_second = self.source(1..self.tokens.len());
        if self.found == 0 {
            let (label, help) = match self.kind(0) {
                Some(Kind::String) if second == "=" => {
                    ("expected a name without quotes", format!("write `{} = {rest}`", name.trim_matches('"')))
                }
                Some(Kind::Word) => {
                    ("not all of this is a name", "names are ASCII letters, digits, `_` and `-`".to_owned())
                }
                _ => ("expected a name", "write `name = value` or `block \"name\" {`".to_owned()),
            };
            let message = format!("`{name}` cannot begin an attribute or a block");
            return Some(self.mistake(message, 0, label, help));
        }
        if self.found > 2 || (self.found == 2 && second == "=" && !matches!(self.word(2), "=" | ">")) {
            return None;
        }
        let message = format!("expected `=` after `{name}`");
        Some(match (self.kind(1), second) {
            (None, _) => {
                self.mistake(message, 1, "expected `=` and a value", format!("write `{name} = value`"))
            }
            (_, "==") => self.mistake(
                "`==` compares; an attribute is set with `=`",
                1,
                "expected `=`",
                format!("write `{name} = {rest}`"),
            ),
            (_, ":" | "=>") => self.mistake(
                format!("an attribute is set with `=`, not with `{second}`"),
                1,
                "expected `=`",
                format!("write `{name} = {rest}`"),
            ),
            (_, ".") => {
                let key = self.word(2);
                let help = match self.word(3) {
                    "=" => format!("write `{name} = {{ {key} = {} }}`", self.source(4..self.tokens.len())),
                    _ => "write `name = value`".to_owned(),
                };
                self.mistake("an attribute's name has no `.`", 1, "expected `=`", help)
            }
            (Some(Kind::Symbol), _) => {
                let rest = if self.word(2) == "=" { self.source(3..self.tokens.len()) } else { rest };
                self.mistake(message, 1, "expected `=`", format!("write `{name} = {rest}`"))
            }
            _ => self.mistake(
                message,
                1,
                "expected `=` before this",
                format!("write `{name} = {from_second}`"),
            ),
        })
    }
}
