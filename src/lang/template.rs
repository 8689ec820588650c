//! The span of a string or heredoc comes in; its text goes out with escapes resolved and every `${ }` parsed.
//! Never evaluates one.

use super::ast::{Expr, Node, Part};
use super::ends::end_of_hole;
use super::expression::Reader;
use super::scan::{heredoc_marker, unclosed_hole};
use crate::diagnostic::{FileId, Mistake, Span};

/// The parts of a string or heredoc as they are found.
#[derive(Default)]
struct Parts {
    parts: Vec<Part>,
    text: String,
}

impl Parts {
    fn value(&mut self, value: Expr) {
        if !self.text.is_empty() {
            self.parts.push(Part::Text(std::mem::take(&mut self.text)));
        }
        self.parts.push(Part::Value(value));
    }

    fn node(mut self) -> Node {
        if self.parts.is_empty() {
            return Node::String(self.text);
        }
        if !self.text.is_empty() {
            self.parts.push(Part::Text(self.text));
        }
        Node::Template(self.parts)
    }
}

/// Parses a string; `span` is from quote to quote.
pub(super) fn string(reader: Reader, span: Span) -> Result<Expr, Mistake> {
    let end = span.end.saturating_sub(1);
    let mut parts = Parts::default();
    let mut at = span.start + 1;
    while at < end {
        let rest = reader.text.get(at..end).unwrap_or("");
        match rest.strip_prefix('\\') {
            Some(escaped) => {
                let (character, length) = escape(escaped, Span::new(span.file, at, at + 1))?;
                parts.text.push(character);
                at += 1 + length;
            }
            None => at = plain_or_hole(reader, &mut parts, at, end, true)?,
        }
    }
    Ok(Expr { node: parts.node(), span })
}

/// Takes the text up to the next escape or `${`, or that itself, and returns its end.
fn plain_or_hole(
    reader: Reader,
    parts: &mut Parts,
    at: usize,
    end: usize,
    escapes: bool,
) -> Result<usize, Mistake> {
    let rest = reader.text.get(at..end).unwrap_or("");
    if rest.starts_with("$${") {
        parts.text.push_str("${");
        return Ok(at + 3);
    }
    if rest.starts_with("${") {
        let Some(close) = end_of_hole(reader.text, at + 2, end) else {
            let inside = rest.get(2..).unwrap_or("");
            let length = inside.find(|c: char| !(c.is_alphanumeric() || "_-.".contains(c)));
            let name = inside.get(..length.unwrap_or(inside.len())).unwrap_or("");
            return Err(unclosed_hole(Span::new(reader.file, at, at + 2 + name.len()), name));
        };
        parts.value(reader.hole(at + 2..close)?);
        return Ok(close + 1);
    }
    if let Some(directive) = directive(rest) {
        let span = Span::new(reader.file, at, at + directive.len());
        return Err(Mistake::new("bgform::lang::syntax", format!("bgform has no `{directive}`"))
            .at(span, "this would stay in the text")
            .help(
                "write `${condition ? \"a\" : \"b\"}`, or `${join(\"\\n\", [for x in list : \"...\"])}`; for the text \
                 itself write `${\"%\"}{`",
            ));
    }
    let first = rest.chars().next().map_or(1, char::len_utf8);
    let length = rest
        .get(first..)
        .and_then(|rest| rest.find(|c| c == '$' || c == '%' || (escapes && c == '\\')))
        .map_or(rest.len(), |length| first + length);
    parts.text.extend(rest.get(..length));
    Ok(at + length.max(1))
}

/// A text in the form of a heredoc, or of a string's unescaped part, without any interpolation.
pub fn literal(text: &str) -> String {
    let text = text.replace("${", "$${");
    let mut written = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find("%{") {
        let (before, from) = rest.split_at(at);
        written.push_str(before);
        written.push_str(if directive(from).is_some() { "${\"%\"}" } else { "%" });
        rest = from.get(1..).unwrap_or("");
    }
    written + rest
}

/// `%{ if` and similar directives at the beginning of the text: HCL's branches and loops in templates.
fn directive(text: &str) -> Option<&str> {
    let inside = text.strip_prefix("%{")?;
    let word = inside.strip_prefix('~').unwrap_or(inside).trim_start_matches(' ');
    let length = word.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(word.len());
    let (word, rest) = word.split_at(length);
    let is_said = rest.starts_with(' ') && !rest.trim_start_matches([' ', '~']).starts_with('}');
    let known = matches!(word, "if" | "for") && is_said
        || matches!(word, "else" | "endif" | "endfor")
            && rest.trim_start_matches([' ', '~']).starts_with('}');
    known.then(|| text.get(..text.len() - rest.len())).flatten()
}

/// The character of an escape after a `\`, and the number of bytes of the escape.
fn escape(escaped: &str, slash: Span) -> Result<(char, usize), Mistake> {
    let bad = |length: usize, message: &str, help: String| {
        let shown = escaped.get(..length).unwrap_or("");
        let span = Span { end: slash.end + shown.len(), ..slash };
        Mistake::new("bgform::lang::bad_escape", format!("`\\{shown}` {message}")).at(span, "here").help(help)
    };
    let first = escaped.chars().next();
    let all = "the escapes are `\\n`, `\\t`, `\\r`, `\\\"`, `\\\\` and `\\u` with four hex digits";
    match first {
        Some('n') => Ok(('\n', 1)),
        Some('t') => Ok(('\t', 1)),
        Some('r') => Ok(('\r', 1)),
        Some('"') => Ok(('"', 1)),
        Some('\\') => Ok(('\\', 1)),
        Some('u') => {
            let digits = escaped.get(1..5).unwrap_or("");
            let hex = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            let code = if hex { u32::from_str_radix(digits, 16).ok() } else { None };
            let Some(code) = code else {
                return Err(bad(1, "needs four hex digits", "write it as in `\\u00e9`".to_owned()));
            };
            match char::from_u32(code) {
                Some(character) => Ok((character, 5)),
                None => Err(bad(5, "is half of a character", "write the character itself".to_owned())),
            }
        }
        Some('$') => Err(bad(1, "is not an escape", "write `$${` for the two characters `${`".to_owned())),
        Some(other) => {
            let help = format!("{all}; write `\\\\{other}` for a backslash");
            Err(bad(other.len_utf8(), "is not an escape", help))
        }
        None => Err(bad(0, "is not an escape", all.to_owned())),
    }
}

/// Parses a heredoc; `span` is from `<<` to the end of the closing marker. Lines end in `\n`, whatever the
/// file's line ends, and the last one keeps its newline.
pub(super) fn heredoc(reader: Reader, span: Span) -> Result<Expr, Mistake> {
    let whole = reader.text.get(span.start..span.end).unwrap_or("");
    let indented = whole.starts_with("<<-");
    let marker = heredoc_marker(whole).unwrap_or("");
    let body = span.start + whole.find('\n').map_or(whole.len(), |newline| newline + 1);
    let end = span.start + whole.rfind('\n').map_or(whole.len(), |newline| newline + 1);
    let end = if whole.ends_with(marker) { end.max(body) } else { span.end };
    let text = reader.text.get(body..end).unwrap_or("");
    let indent_of = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let least = text.lines().filter(|line| !line.trim().is_empty()).map(indent_of).min().unwrap_or(0);
    let least = if indented { least } else { 0 };

    let mut parts = Parts::default();
    let mut at = body;
    let mut new_line = true;
    while at < end {
        if new_line {
            let line = reader.text.get(at..end).and_then(|rest| rest.lines().next()).unwrap_or("");
            at += indent_of(line).min(least);
            new_line = false;
            continue;
        }
        let rest = reader.text.get(at..end).unwrap_or("");
        if let Some(length) = rest.strip_prefix("\r\n").map(|_| 2).or(rest.strip_prefix('\n').map(|_| 1)) {
            parts.text.push('\n');
            at += length;
            new_line = true;
            continue;
        }
        // Only to the end of the line, so that the next line's indent can be removed.
        let line = rest.find('\n').unwrap_or(rest.len());
        let line = if rest.get(..line).is_some_and(|line| line.ends_with('\r')) { line - 1 } else { line };
        let stop = if rest.starts_with("${") { end } else { at + line.max(1) };
        at = plain_or_hole(reader, &mut parts, at, stop, false)?;
    }
    Ok(Expr { node: parts.node(), span })
}

/// Parses a whole file as a template: only `${ }` is special, a backslash is a backslash, and line ends stay.
/// Spans are places in `text`.
pub(crate) fn whole(file: FileId, text: &str) -> Result<Expr, Mistake> {
    let reader = Reader { file, text, depth: 0, chain: 0 };
    let mut parts = Parts::default();
    let mut at = 0;
    while at < text.len() {
        at = plain_or_hole(reader, &mut parts, at, text.len(), false)?;
    }
    Ok(Expr { node: parts.node(), span: Span::new(file, 0, text.len()) })
}
