//! The text of one file comes in, the same text in the canonical style goes out: two spaces of indent, `=`
//! aligned in runs of attributes, at most one blank line. Never changes the meaning, never drops a comment,
//! never joins or splits the lines of an expression.

use super::cut::{Statement, cut};
use super::parse::parse;
use super::scan::{Kind, Token, scan};
use crate::diagnostic::{FileId, Mistake};

/// Returns the text in the canonical style, or its syntax mistakes: text that cannot be parsed is not
/// changed.
pub fn format(file: FileId, text: &str) -> Result<String, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    parse(file, text, &mut mistakes);
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let scanned = scan(file, text, 0..text.len());
    let cut = cut(file, text, &scanned);
    let mut breaks = Breaks { tokens: &scanned.tokens, before: vec![false; scanned.tokens.len() + 1] };
    breaks.statements(&cut.statements, true);
    let mut lines = lines(text, &scanned.tokens, &breaks.before);
    indent(&mut lines);
    align_equals(&mut lines);
    Ok(write(&lines))
}

/// The places where lines must begin, whatever the author wrote.
struct Breaks<'a> {
    tokens: &'a [Token],
    before: Vec<bool>,
}

impl Breaks<'_> {
    fn at(&mut self, at: usize) {
        // A comment stays on the line that it describes.
        let comment = self.tokens.get(at).is_some_and(|token| token.is_comment());
        if let Some(place) = self.before.get_mut(at)
            && !comment
        {
            *place = true;
        }
    }

    /// A block on several lines has every statement, and its `}`, on a line of its own.
    fn statements(&mut self, statements: &[Statement], several_lines: bool) {
        for statement in statements {
            if several_lines {
                self.at(statement.tokens.start);
            }
            let Some(inside) = &statement.inside else {
                continue;
            };
            let close = inside.close.unwrap_or(statement.tokens.end);
            let range = statement.tokens.start..close;
            let is_newline = |token: &Token| token.kind == Kind::Newline;
            let several_lines = self.tokens.get(range).is_some_and(|tokens| tokens.iter().any(is_newline));
            if several_lines {
                self.at(statement.tokens.end);
                self.at(close);
            }
            self.statements(&inside.statements, several_lines);
            if several_lines {
                self.at(close + 1);
            }
        }
    }
}

/// One output line.
#[derive(Debug, Default)]
struct Line {
    /// Whether a blank line precedes it.
    blank: bool,
    indent: usize,
    tokens: Vec<(Kind, String)>,
}

impl Line {
    fn starts(&self, kind: Kind) -> bool {
        self.tokens.first().is_some_and(|(first, _)| *first == kind)
    }

    fn ends(&self, kind: Kind) -> bool {
        self.code().last().is_some_and(|(last, _)| *last == kind)
    }

    fn code(&self) -> impl DoubleEndedIterator<Item = &(Kind, String)> {
        self.tokens.iter().filter(|(kind, _)| !matches!(kind, Kind::LineComment | Kind::BlockComment))
    }

    /// Whether every bracket that the line opens is closed on it.
    fn is_whole(&self) -> bool {
        let count = |kind| self.tokens.iter().filter(|(found, _)| *found == kind).count();
        count(Kind::Open) == count(Kind::Close)
    }

    fn has_comment_behind(&self) -> bool {
        let one_line = !self.tokens.iter().any(|(_, text)| text.contains('\n'));
        one_line
            && self.tokens.len() > 1
            && self.tokens.last().is_some_and(|(last, _)| *last == Kind::LineComment)
    }

    /// Number of tokens before the `=` of `name = value` or `key = value`.
    fn assigns(&self) -> Option<usize> {
        let equals = self.tokens.iter().position(|(kind, text)| *kind == Kind::Symbol && text == "=")?;
        let key = self.tokens.get(..equals)?;
        let plain = |kind: &Kind| matches!(kind, Kind::Word | Kind::String);
        (self.is_whole() && matches!(key, [(kind, _)] if plain(kind))).then_some(equals)
    }
}

/// The tokens as lines; newlines and the `;` between lines are left out.
fn lines(text: &str, tokens: &[Token], before: &[bool]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut line = Line::default();
    let mut newlines = 0;
    for (at, token) in tokens.iter().enumerate() {
        if token.kind == Kind::Newline || before.get(at) == Some(&true) {
            if !line.tokens.is_empty() {
                lines.push(std::mem::take(&mut line));
                newlines = 0;
            }
            if token.kind == Kind::Newline {
                newlines += 1;
                continue;
            }
        }
        if line.tokens.is_empty() {
            line.blank = newlines > 1;
        }
        // Only verbatim tokens can hold a newline; a file has one kind of line end.
        line.tokens.push((token.kind, token.text(text).replace("\r\n", "\n").trim_end().to_owned()));
    }
    lines.extend((!line.tokens.is_empty()).then_some(line));
    for line in &mut lines {
        // A `;` is needed only between two attributes on one line.
        while line.tokens.last().is_some_and(|(_, text)| text == ";") {
            line.tokens.pop();
        }
    }
    lines.retain(|line| !line.tokens.is_empty());
    let mut after_open = true;
    for line in &mut lines {
        line.blank &= !after_open && !line.starts(Kind::Close);
        after_open = line.ends(Kind::Open);
    }
    lines
}

/// Sets the depth of each line: one more than the line of the innermost open bracket.
fn indent(lines: &mut [Line]) {
    let mut open: Vec<usize> = Vec::new();
    for line in lines {
        // A bracket opened on this line gets its indent once that is known.
        let mut indent = open.last().map_or(0, |opener| opener + 1);
        let mut leading = true;
        for (kind, _) in &line.tokens {
            match kind {
                Kind::Close => {
                    let opener = open.pop().unwrap_or(0);
                    if leading {
                        indent = opener;
                    }
                }
                Kind::Open => {
                    leading = false;
                    open.push(usize::MAX);
                }
                _ => leading = false,
            }
        }
        for opener in open.iter_mut().filter(|opener| **opener == usize::MAX) {
            *opener = indent;
        }
        line.indent = indent;
    }
}

/// Aligns the names of a run of attributes on consecutive lines.
fn align_equals(lines: &mut [Line]) {
    let mut rest = lines;
    while !rest.is_empty() {
        let indent = rest.first().map_or(0, |line| line.indent);
        let mut run = 0;
        let mut width = 0;
        for line in rest.iter() {
            let heredoc = run > 0 && rest.get(run - 1).is_some_and(|line| line.ends(Kind::Heredoc));
            let Some((_, name)) = line.assigns().and_then(|_| line.tokens.first()) else { break };
            if line.indent != indent || (run > 0 && line.blank) || heredoc {
                break;
            }
            width = width.max(name.chars().count());
            run += 1;
        }
        let (now, later) = rest.split_at_mut(run.max(1));
        for line in now.iter_mut().take(run) {
            if let Some((_, name)) = line.tokens.first_mut() {
                let missing = width - name.chars().count();
                name.extend(std::iter::repeat_n(' ', missing));
            }
        }
        rest = later;
    }
}

fn write(lines: &[Line]) -> String {
    let mut text = String::new();
    let mut rest = lines;
    while !rest.is_empty() {
        // Comments after consecutive lines share a column.
        let indent = rest.first().map_or(0, |line| line.indent);
        let commented = |(at, line): &(usize, &Line)| {
            line.has_comment_behind() && line.indent == indent && (*at == 0 || !line.blank)
        };
        let run = rest.iter().enumerate().take_while(commented).count();
        let (now, later) = rest.split_at(run.max(1).min(rest.len()));
        let width = |line: &Line| write_line(line, None).chars().count();
        let column = if run > 1 { now.iter().map(width).max() } else { None };
        for line in now {
            if line.blank {
                text.push('\n');
            }
            text.extend(std::iter::repeat_n("  ", line.indent));
            text.push_str(&write_line(line, Some(column.unwrap_or(0))));
            text.push('\n');
        }
        rest = later;
    }
    text
}

/// A line without its indent; its comment, if wanted, begins at the column or after it.
fn write_line(line: &Line, comment_column: Option<usize>) -> String {
    let mut text = String::new();
    let mut sign = false;
    for (at, (kind, word)) in line.tokens.iter().enumerate() {
        let previous = at.checked_sub(1).and_then(|at| line.tokens.get(at));
        if *kind == Kind::LineComment {
            let Some(column) = comment_column else { break };
            let missing = column.saturating_sub(text.chars().count());
            text.extend(std::iter::repeat_n(' ', if at > 0 { missing } else { 0 }));
        }
        if previous.is_some_and(|previous| is_spaced(previous, sign, (*kind, word))) {
            text.push(' ');
        }
        // The token before a `-` or `!` decides whether it is a sign.
        sign = *kind == Kind::Symbol && matches!(word.as_str(), "-" | "!") && operand_follows(previous);
        text.push_str(word);
    }
    text
}

/// Whether a `-` after this token is a sign, not a subtraction.
fn operand_follows(previous: Option<&(Kind, String)>) -> bool {
    match previous {
        None => true,
        Some((Kind::Open | Kind::Symbol | Kind::BlockComment, _)) => true,
        Some((Kind::Word, word)) => is_keyword(word),
        Some(_) => false,
    }
}

fn is_keyword(word: &str) -> bool {
    matches!(word, "for" | "in" | "if")
}

/// Tells whether a space is between two tokens of a line; `sign` says that the first is a `-` or `!` before
/// its operand.
fn is_spaced((left_kind, left): &(Kind, String), sign: bool, (kind, right): (Kind, &str)) -> bool {
    let comment = |kind: Kind| matches!(kind, Kind::LineComment | Kind::BlockComment);
    if comment(*left_kind) || comment(kind) {
        return true;
    }
    match (left.as_str(), right) {
        ("{", "}") => false,
        ("{", _) | (_, "}") => true,
        ("(" | "[", _) | (_, ")" | "]" | "," | ";" | "...") => false,
        (".", _) | (_, ".") => false,
        ("-" | "!", _) if sign => false,
        (_, "(" | "[") => match left_kind {
            Kind::Word => is_keyword(left.trim_end()),
            Kind::Close | Kind::String | Kind::Number | Kind::Heredoc => false,
            _ => true,
        },
        _ => true,
    }
}
