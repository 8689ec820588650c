//! Text comes in, tokens go out: words, numbers, whole strings and heredocs, brackets, comments, newlines.
//! Reads every byte a bounded number of times, whatever is left unclosed. Does not check that the tokens make
//! sense together, and reads strings only to find their ends.

use std::collections::HashMap;
use std::ops::Range;

use super::ends::end_of_string;
use crate::diagnostic::{FileId, Mistake, Span};

/// The type of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Word,
    /// Anything that begins with a digit: `5`, `25%`, `1h30m`, `10.0.0.1`.
    Number,
    /// From quote to quote.
    String,
    /// From `<<` to the end of the closing marker, without the newline after it.
    Heredoc,
    LineComment,
    BlockComment,
    Newline,
    Open,
    Close,
    /// Operators and punctuation.
    Symbol,
    /// A character that the language does not use.
    Unknown,
}

/// A part of the text, by its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    pub kind: Kind,
    pub start: usize,
    pub end: usize,
}

impl Token {
    /// Its characters in the text that was scanned.
    pub fn text(self, text: &str) -> &str {
        text.get(self.start..self.end).unwrap_or("")
    }

    /// Its place in that file.
    pub fn span(self, file: FileId) -> Span {
        Span::new(file, self.start, self.end)
    }

    /// A comment of either form.
    pub fn is_comment(self) -> bool {
        matches!(self.kind, Kind::LineComment | Kind::BlockComment)
    }

    /// A newline or a comment.
    pub fn is_space(self) -> bool {
        self.kind == Kind::Newline || self.is_comment()
    }
}

/// The tokens of a text, including comments and newlines, and the mistakes of single tokens.
#[derive(Debug, Default)]
pub struct Scan {
    /// In the text's order; only spaces are between them.
    pub tokens: Vec<Token>,
    /// Mistakes of single tokens, by the token's place in `tokens`, in order.
    pub mistakes: Vec<(usize, Mistake)>,
    /// Whether something unclosed has swallowed braces, so that open ones mean nothing.
    pub runaway: bool,
}

/// The tokens of `range` of the text.
pub fn scan(file: FileId, text: &str, range: Range<usize>) -> Scan {
    let mut scanner = Scanner {
        file,
        text,
        at: range.start,
        end: range.end,
        spare: range.len(),
        markers: None,
        found: Scan::default(),
    };
    while scanner.at < scanner.end {
        scanner.token();
    }
    scanner.found
}

struct Scanner<'a> {
    file: FileId,
    text: &'a str,
    at: usize,
    end: usize,
    /// Number of bytes that may still be read twice, after strings without an end.
    spare: usize,
    /// Lines that may close a heredoc, by their content: start of the line and end of the marker.
    markers: Option<HashMap<&'a str, Vec<(usize, usize)>>>,
    found: Scan,
}

impl<'a> Scanner<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..self.end).unwrap_or("")
    }

    fn end_of_line(&self, from: usize) -> usize {
        let rest = self.text.get(from..self.end).unwrap_or("");
        from + rest.find('\n').unwrap_or(rest.len())
    }

    fn push(&mut self, kind: Kind, end: usize) {
        self.found.tokens.push(Token { kind, start: self.at, end });
        self.at = end;
    }

    fn push_wrong(&mut self, kind: Kind, end: usize, mistake: Mistake) {
        self.found.mistakes.push((self.found.tokens.len(), mistake));
        self.push(kind, end);
    }

    fn token(&mut self) {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            self.at = self.end;
            return;
        };
        match first {
            ' ' | '\t' | '\r' | '\u{feff}' => self.at += first.len_utf8(),
            '\n' => self.push(Kind::Newline, self.at + 1),
            '#' => self.push(Kind::LineComment, self.end_of_line(self.at)),
            '/' if rest.starts_with("//") => self.push(Kind::LineComment, self.end_of_line(self.at)),
            '/' if rest.starts_with("/*") => self.block_comment(),
            '"' => self.string(),
            '<' if heredoc_marker(rest).is_some() => self.heredoc(),
            '(' | '[' | '{' => self.push(Kind::Open, self.at + 1),
            ')' | ']' | '}' => self.push(Kind::Close, self.at + 1),
            '0'..='9' => self.push(Kind::Number, self.at + number_length(rest)),
            _ if first.is_alphabetic() || first == '_' => {
                let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-'));
                self.push(Kind::Word, self.at + length.unwrap_or(rest.len()));
            }
            _ => {
                let long = ["...", "==", "!=", "<=", ">=", "&&", "||", "=>"];
                let symbol = long.into_iter().find(|symbol| rest.starts_with(symbol));
                let length = symbol.map_or(first.len_utf8(), str::len);
                let known = symbol.is_some() || "=:,;.?!<>+-*/%&|".contains(first);
                self.push(if known { Kind::Symbol } else { Kind::Unknown }, self.at + length);
            }
        }
    }

    fn block_comment(&mut self) {
        match self.rest().get(2..).and_then(|inside| inside.find("*/")) {
            Some(length) => self.push(Kind::BlockComment, self.at + length + 4),
            None => {
                let span = Span::new(self.file, self.at, self.at + 2);
                let mistake = Mistake::new("bgform::lang::unclosed_comment", "this comment never ends")
                    .at(span, "opened here")
                    .help("write `*/` where it ends, or begin each line of it with `#`");
                self.found.runaway = true;
                self.push_wrong(Kind::BlockComment, self.end, mistake);
            }
        }
    }

    fn string(&mut self) {
        let start = self.at;
        match end_of_string(self.text, start + 1, self.end, self.spare == 0) {
            Ok(end) => self.push(Kind::String, end),
            Err(unclosed) => {
                let end_of_line = self.end_of_line(start);
                self.spare = self.spare.saturating_sub(unclosed.at.saturating_sub(end_of_line));
                let mistake = match unclosed.hole {
                    Some(hole) => self.unclosed_hole(hole),
                    None => self.unclosed_string(start, end_of_line),
                };
                let line = self.text.get(start..end_of_line).unwrap_or("");
                self.push_wrong(Kind::String, start + line.trim_end().len().max(1), mistake);
            }
        }
    }

    fn unclosed_string(&self, start: usize, end: usize) -> Mistake {
        let inside = self.text.get(start + 1..end).unwrap_or("").trim_end();
        let before = self.found.tokens.last().filter(|word| word.kind == Kind::Word && word.end == start);
        // A bracket that closes one around the string is probably not part of it.
        let mut meant = inside;
        while let Some((rest, closer)) = [(']', '['), (')', '('), ('}', '{'), (',', ',')]
            .into_iter()
            .find_map(|(last, first)| Some((meant.strip_suffix(last)?, first)))
            && (closer == ',' || !rest.contains(closer))
        {
            meant = rest.trim_end();
        }
        let help = match before {
            Some(word) if inside.is_empty() => {
                format!("the quote before it is missing: write `\"{}\"`", word.text(self.text))
            }
            _ if meant.contains('"') => {
                "look for a quote that is missing in it; a quote that is part of a text is written `\\\"`"
                    .to_owned()
            }
            _ => format!("write `\"{meant}\"`"),
        };
        Mistake::new("bgform::lang::unclosed_string", "this string is not closed on its line")
            .at(Span::new(self.file, start, start + 1 + inside.len()), "opened here")
            .help(match inside.len() > 60 {
                true => "end it with `\"`; text of several lines is a heredoc, `<<-EOT`".to_owned(),
                false => help,
            })
    }

    fn unclosed_hole(&self, hole: usize) -> Mistake {
        let inside = self.text.get(hole + 2..self.end).unwrap_or("");
        let name = inside.split(|c: char| !(c.is_alphanumeric() || "_-.".contains(c))).next().unwrap_or("");
        unclosed_hole(Span::new(self.file, hole, hole + 2 + name.len()), name)
    }

    fn heredoc(&mut self) {
        let start = self.at;
        let rest = self.rest();
        let marker = heredoc_marker(rest).unwrap_or("");
        let line_end = self.end_of_line(start);
        let head = start + rest.find(marker).unwrap_or(0) + marker.len();
        let after = self.text.get(head..line_end).unwrap_or("");
        if !after.trim().is_empty() {
            let mistake = Mistake::new(
                "bgform::lang::syntax",
                format!("the text of a heredoc begins on the line after `<<{marker}`"),
            )
            .at(Span::new(self.file, head, head + after.trim_end().len()), "this does not belong here")
            .help(format!("end the line after `<<{marker}`"));
            let end = self.closing_marker(marker, line_end).unwrap_or(line_end);
            self.push_wrong(Kind::Heredoc, end, mistake);
            return;
        }
        if let Some(end) = self.closing_marker(marker, line_end) {
            self.push(Kind::Heredoc, end);
            return;
        }
        let mistake =
            Mistake::new("bgform::lang::unclosed_heredoc", format!("this heredoc has no closing `{marker}`"))
                .at(Span::new(self.file, start, head), "opened here")
                .help(format!("write `{marker}` alone on the line after the text"));
        self.found.runaway = true;
        let end = self.next_top_level_header(line_end).unwrap_or(self.end);
        // The newline before the next header stays a token of its own.
        self.push_wrong(Kind::Heredoc, end.max(head), mistake);
    }

    /// The end of the first line after `from` that holds only the marker.
    fn closing_marker(&mut self, marker: &str, from: usize) -> Option<usize> {
        let (start, text) = (self.at, self.rest());
        let markers = self.markers.get_or_insert_with(|| {
            let mut markers: HashMap<&str, Vec<(usize, usize)>> = HashMap::new();
            let mut at = start;
            for line in text.split_inclusive('\n') {
                let word = line.trim();
                if heredoc_marker_word(word) == word.len() && !word.is_empty() {
                    let indent = line.len() - line.trim_start().len();
                    markers.entry(word).or_default().push((at, at + indent + word.len()));
                }
                at += line.len();
            }
            markers
        });
        let lines = markers.get(marker)?;
        lines.get(lines.partition_point(|(start, _)| *start <= from)).map(|(_, end)| *end)
    }

    /// The newline before the next line that begins, without indent, a block with a label.
    fn next_top_level_header(&self, from: usize) -> Option<usize> {
        let rest = self.text.get(from..self.end)?;
        let mut at = from;
        for line in rest.split_inclusive('\n') {
            let header = line.trim_end();
            if at > from && header.ends_with("\" {") && header.starts_with(|c: char| c.is_ascii_lowercase()) {
                return Some(at - 1);
            }
            at += line.len();
        }
        None
    }
}

/// The mistake of a `${` without its `}`; `span` is from the `${` to the end of the name in it.
pub(super) fn unclosed_hole(span: Span, name: &str) -> Mistake {
    let name = if name.is_empty() { "name" } else { name };
    Mistake::new("bgform::lang::unclosed_interpolation", "this `${` is never closed")
        .at(span, "opened here")
        .help(format!("write `${{{name}}}` to put a value here, or `$${{` for the two characters themselves"))
}

fn heredoc_marker_word(text: &str) -> usize {
    match text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        true => {
            text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-')).unwrap_or(text.len())
        }
        false => 0,
    }
}

/// `EOT` of `<<EOT` or `<<-EOT` at the beginning of the text.
pub(super) fn heredoc_marker(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("<<")?;
    let rest = rest.strip_prefix('-').unwrap_or(rest);
    rest.get(..heredoc_marker_word(rest)).filter(|marker| !marker.is_empty())
}

fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        at += match byte {
            b'e' | b'E' if matches!(bytes.get(at + 1), Some(b'+' | b'-')) && digit(at + 2) => 3,
            b'_' | b'%' => 1,
            b'.' if digit(at + 1) => 1,
            byte if byte.is_ascii_alphanumeric() => 1,
            _ => break,
        };
    }
    at
}
