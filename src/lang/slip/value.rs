//! Slips in an expression, recognized by the token before the place and the token there.

use super::super::literal::unit_help;
use super::{Kind, Slip};
use crate::diagnostic::Mistake;

impl Slip<'_> {
    /// A slip in an expression.
    pub(super) fn value(&self) -> Mistake {
        let (word, previous) = (self.word(self.found), self.previous.map_or("", |at| self.word(at)));
        let next = self.word(self.found + 1);
        match (previous, word) {
            (_, "$") if next == "{" => {
                let inside = self.source(self.found + 2..self.closing(self.found + 1));
                return self.here(
                    "`${ }` is only written in strings",
                    "expected a value",
                    format!("write `{inside}`"),
                );
            }
            (".", "*") => {
                return self.here(
                    "a splat is written in brackets",
                    "expected a name",
                    "write `[*]` without the `.`",
                );
            }
            (".", _) if self.kind(self.found) == Some(Kind::Number) => {
                return self.here(
                    "expected a name after `.`",
                    "not a name",
                    format!("write `[{word}]` without the `.`"),
                );
            }
            (".", _) => {
                return self.here(
                    "expected a name after `.`",
                    "expected a name",
                    "write `target.name` or `target[\"key\"]`",
                );
            }
            ("if", _) => {
                return self.here(
                    "`if` does not begin a value",
                    "not expected here",
                    "write `condition ? yes : no`",
                );
            }
            ("not", _) if !self.line_ends => {
                return self.here("`not` is written `!`", "not expected here", format!("write `!{word}`"));
            }
            _ => {}
        }
        if let Some(mistake) = self.comprehension() {
            return mistake;
        }
        let previous_kind = self.previous.and_then(|at| self.kind(at));
        match previous_kind {
            None | Some(Kind::Symbol | Kind::Open) if previous != "..." => {
                self.instead_of_value(previous, word, next)
            }
            _ => self.after_value(previous, word, next),
        }
    }

    fn here(&self, message: impl Into<String>, label: &str, help: impl Into<String>) -> Mistake {
        self.mistake(message, self.found, label, help)
    }

    /// The bracket around the place.
    fn around(&self) -> Option<usize> {
        let mut open = Vec::new();
        for (at, token) in self.tokens.iter().enumerate().take(self.found) {
            match token.kind {
                Kind::Open => open.push(at),
                Kind::Close => {
                    open.pop();
                }
                _ => {}
            }
        }
        open.pop()
    }

    /// The bracket that closes the one at `open`.
    fn closing(&self, open: usize) -> usize {
        let mut depth = 0usize;
        for (at, token) in self.tokens.iter().enumerate().skip(open) {
            match token.kind {
                Kind::Open => depth += 1,
                Kind::Close if depth <= 1 => return at,
                Kind::Close => depth -= 1,
                _ => {}
            }
        }
        self.tokens.len()
    }

    /// Tells whether the place is in the head of a `for`, or of a text that should be one.
    fn comprehension(&self) -> Option<Mistake> {
        let open = self.around()?;
        if self.word(open + 1) != "for" || self.kind(open + 2) != Some(Kind::Word) {
            return None;
        }
        let colon = self.tokens.iter().enumerate().take(self.found).skip(open);
        let after_colon = colon.clone().any(|(at, _)| self.word(at) == ":");
        let arrow = colon.clone().any(|(at, _)| self.word(at) == "=>");
        let object = self.word(open) == "{";
        if after_colon && (!object || arrow) {
            return None;
        }
        let (what, form) = match object {
            true => ("{ }", "`{ for key, value in object : key => value }`"),
            false => ("[ ]", "`[for item in list : value if condition]`"),
        };
        Some(self.here(
            format!("this `for` in `{what}` is not finished"),
            "cannot be read from here",
            format!("write it as {form}"),
        ))
    }

    /// A value was expected.
    fn instead_of_value(&self, previous: &str, word: &str, next: &str) -> Mistake {
        let message = match previous {
            "" => "expected a value".to_owned(),
            previous => format!("expected a value after `{previous}`"),
        };
        let label = "expected a value here";
        if self.line_ends && (word.is_empty() || self.around().is_none_or(|open| self.word(open) == "{")) {
            let behind = self.previous.unwrap_or(self.found);
            let help = match previous {
                "=" | ":" if self.previous == Some(1) => {
                    format!("write `{} = value`, such as `{0} = \"text\"`", self.word(0))
                }
                "=" => "write the value on the same line".to_owned(),
                _ => "put the expression in `( )` to go on in the next line".to_owned(),
            };
            return self.mistake(message, behind, "nothing follows on this line", help);
        }
        match word {
            "." if self.kind(self.found + 1) == Some(Kind::Number) => {
                self.here("a number begins with a digit", label, format!("write `0.{next}`"))
            }
            "+" => self.here(message, label, "there is no `+` before a single value; remove it"),
            "<" if next == "<" => self.here(
                "a heredoc's marker is a word right after `<<`",
                "expected a marker",
                "write `<<-EOT`, the text from the next line on, and `EOT` alone on the last",
            ),
            "=" if previous == "=" => self.here(message, label, "write one `=`"),
            "," => self.here(message, label, "remove one `,`, or write the value that is missing"),
            ")" | "]" | "}" => {
                let help = match previous {
                    "," => "remove one `,`, or write the value that is missing".to_owned(),
                    previous => format!("write a value between `{previous}` and `{word}`"),
                };
                self.here(format!("expected a value before `{word}`"), label, help)
            }
            _ if self.kind(self.found) == Some(Kind::Unknown) => self.unknown(word),
            _ => self.here(message, label, "write a string, a number, a list, an object or a reference"),
        }
    }

    fn unknown(&self, word: &str) -> Mistake {
        self.here(format!("`{word}` has no meaning here"), "not expected", "a text stands in double quotes")
    }

    /// A value has ended; an operator, a separator or the end was expected.
    fn after_value(&self, previous: &str, word: &str, next: &str) -> Mistake {
        let open = self.around();
        let around = open.map_or("", |open| self.word(open));
        let kind = self.kind(self.found);
        if self.is_half_conditional(open) {
            let last = self.previous.unwrap_or(self.found);
            let from = open.map_or(2, |open| open + 1);
            let written = self.source(from..last + 1);
            return self.mistake(
                "expected `:` and the other value of this `? :`",
                if self.line_ends { last } else { self.found },
                "`:` is missing",
                format!("write `{written} : other`"),
            );
        }
        if around == "{" && self.is_key(open.unwrap_or(0)) {
            let help = format!("write `{previous} = value`");
            return self.here(format!("expected `=` after `{previous}`"), "expected `=` and a value", help);
        }
        match word {
            "%" => {
                let percent =
                    self.kind(self.found + 1).is_none_or(|kind| matches!(kind, Kind::Close | Kind::Symbol));
                let number = self.previous.and_then(|at| self.kind(at)) == Some(Kind::Number);
                match percent && number {
                    true => {
                        self.here("a `%` touches its number", "not expected", format!("write `{previous}%`"))
                    }
                    false => self.here(
                        "there is no modulo operator",
                        "not an operator",
                        "a percent is written `25%`; `a - floor(a / b) * b` is the remainder",
                    ),
                }
            }
            "&" | "|" | "and" | "or" => {
                let symbol = if matches!(word, "&" | "and") { "&&" } else { "||" };
                let help = format!("write `{previous} {symbol} {next}`");
                self.here(format!("`{word}` is written `{symbol}`"), "not an operator", help)
            }
            "=" => self.here("`=` does not stand within a value", "not expected", "write `==` to compare"),
            ":" => self.here("this `:` has no `?`", "not expected", "write `condition ? yes : no`"),
            "..." => self.here(
                "`...` stands after the last argument of a call",
                "not expected",
                "remove the `...`",
            ),
            "," if around.is_empty() => self.comma(),
            _ if kind == Some(Kind::Unknown) => self.unknown(word),
            _ if kind == Some(Kind::Symbol) => self.here(
                format!("`{word}` is not expected here"),
                "not expected",
                format!("remove the `{word}`"),
            ),
            _ => self.no_separator(previous, word, next, around),
        }
    }

    /// A comma at the end of an attribute, or in place of a list.
    fn comma(&self) -> Mistake {
        let help = match (self.kind(self.found + 1), self.word(self.found + 2)) {
            (None, _) => "remove the `,`".to_owned(),
            (Some(_), "=") => "write each attribute on a line of its own, or `;` between them".to_owned(),
            (Some(_), _) => format!("write a list, `[{}]`", self.source(2..self.tokens.len())),
        };
        self.here("an attribute ends with its line, without a comma", "not expected", help)
    }

    /// Two values beside each other.
    fn no_separator(&self, previous: &str, word: &str, next: &str, around: &str) -> Mistake {
        if let Some(help) = unit_help(previous, word) {
            return self.here("a duration is written without a space", "not expected", help);
        }
        let both = format!("`{previous}, {word}`");
        let short = previous.len() + word.len() < 60 && !both.contains('\n');
        let list = if short { format!("write {both}") } else { "write `,` before it".to_owned() };
        match around {
            "[" => {
                self.here("expected a `,` between two values of the list", "expected `,` before this", list)
            }
            "(" => self.here("expected a `,`, an operator or `)`", "expected `,` before this", list),
            "{" => self.here(
                "expected a `,` or a new line between two items of the object",
                "expected `,` before this",
                format!("write `,` between `{previous}` and `{word}`"),
            ),
            _ if self.kind(self.found) == Some(Kind::Close) || word.is_empty() => self.here(
                "this expression is not finished",
                "cannot be read from here",
                "write a value or an operator",
            ),
            _ if next == "=" => self.here(
                "expected the end of the line after the value",
                "another attribute begins here",
                "write each attribute on a line of its own, or `;` between them",
            ),
            _ => {
                let words = |at: usize| matches!(self.kind(at), Some(Kind::Word | Kind::Number));
                let sentence = self.kind(2) == Some(Kind::Word) && (2..self.tokens.len()).all(words);
                let help = match (sentence, self.source(2..self.tokens.len())) {
                    (true, "...") | (false, _) => {
                        "join texts in one string, as in `\"${a} and ${b}\"`".to_owned()
                    }
                    (true, text) => format!("write `\"{text}\"` if it is a text"),
                };
                self.here("expected an operator or the end of the line", "not expected", help)
            }
        }
    }

    /// Tells whether a `?` without its `:` is in the bracket around the place.
    fn is_half_conditional(&self, open: Option<usize>) -> bool {
        if self.word(self.found) == ":" || !(self.line_ends || self.kind(self.found) == Some(Kind::Close)) {
            return false;
        }
        let mut depth = 0usize;
        let mut halves = 0usize;
        for (at, token) in
            self.tokens.iter().enumerate().take(self.found).skip(open.map_or(0, |open| open + 1))
        {
            match (token.kind, self.word(at)) {
                (Kind::Open, _) => depth += 1,
                (Kind::Close, _) => depth = depth.saturating_sub(1),
                (_, "?") if depth == 0 => halves += 1,
                (_, ":") if depth == 0 => halves = halves.saturating_sub(1),
                (_, ",") if depth == 0 => halves = 0,
                _ => {}
            }
        }
        halves > 0
    }

    /// Tells whether the last token is the key of an object's item, without `=` yet.
    fn is_key(&self, open: usize) -> bool {
        let Some(before) = self.previous.and_then(|previous| previous.checked_sub(1)) else {
            return false;
        };
        before == open || self.kind(before) == Some(Kind::Newline) || self.word(before) == ","
    }
}
