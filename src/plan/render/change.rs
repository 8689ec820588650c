//! Attributes and their differences, as lines. Changes with covered secrets come in; aligned lines go out,
//! with values side by side if they fit, otherwise line by line.

use similar::{ChangeTag, TextDiff};

use super::names::Names;
use super::paint::{Meaning, Style};
use super::text::{lines, one_line, printable};
use crate::value::Value;

/// Maximum columns of a line before it is broken.
const WIDTH: usize = 100;
/// Names longer than this do not push the others to the right.
const WIDEST_NAME: usize = 36;
/// Maximum number of shown lines of a new text.
const LONGEST_TEXT: usize = 40;
/// Equal lines that are shown around different ones.
const CONTEXT: usize = 3;

/// One attribute, covered.
pub(super) struct Shown {
    pub path: String,
    pub before: Value,
    pub after: Value,
    pub forces: bool,
}

pub(super) struct Draw<'a> {
    pub names: &'a Names<'a>,
    pub style: Style,
}

impl Draw<'_> {
    /// The attributes of a new resource: `name = value`.
    pub(super) fn attributes(&self, attributes: &[Shown], indent: usize, out: &mut Vec<String>) {
        let longest = longest_name(attributes);
        for attribute in attributes {
            let name = format!("{:longest$}", attribute.path);
            self.value(&name, &attribute.path, &attribute.after, indent, "", out);
        }
    }

    /// The differences: `+` for new, `-` for removed, `~` for changed.
    pub(super) fn changes(&self, changes: &[Shown], indent: usize, out: &mut Vec<String>) {
        let longest = longest_name(changes);
        for change in changes {
            let (sign, meaning) = match (&change.before, &change.after) {
                (Value::Null, _) => ("+", Meaning::Added),
                (_, Value::Null) => ("-", Meaning::Removed),
                _ => ("~", Meaning::Changed),
            };
            let name = format!("{} {:longest$}", self.style.paint(meaning, sign), change.path);
            let note = match change.forces {
                true => format!("  {}", self.style.paint(Meaning::Removed, "# forces replacement")),
                false => String::new(),
            };
            match (&change.before, &change.after) {
                (Value::Null, value) | (value, Value::Null) => {
                    self.value(&name, &change.path, value, indent, &note, out);
                }
                (before, after) => self.both(&name, &change.path, (before, after), indent, &note, out),
            }
        }
    }

    /// One value after its name, in as many lines as it needs.
    fn value(&self, name: &str, path: &str, value: &Value, indent: usize, note: &str, out: &mut Vec<String>) {
        let pad = " ".repeat(indent);
        if let Value::String(text) = value
            && text.trim_end_matches('\n').contains('\n')
        {
            out.push(format!("{pad}{} <<{note}", name.trim_end()));
            let all: Vec<&str> = text.lines().collect();
            out.extend(all.iter().take(LONGEST_TEXT).map(|line| format!("{pad}    {}", printable(line))));
            if let Some(more) = all.len().checked_sub(LONGEST_TEXT).filter(|more| *more > 0) {
                let more = format!("… {more} more {}", if more == 1 { "line" } else { "lines" });
                out.push(format!("{pad}    {}", self.style.paint(Meaning::Aside, &more)));
            }
            return;
        }
        let width = WIDTH.saturating_sub(indent + path.chars().count() + 3);
        let mut said = lines(value, member(path), width, self.names).into_iter();
        out.push(format!("{pad}{name} = {}{note}", said.next().unwrap_or_default()));
        out.extend(said.map(|line| format!("{pad}{line}")));
    }

    /// Two values: with an arrow between them, or line by line.
    fn both(
        &self,
        name: &str,
        path: &str,
        (before, after): (&Value, &Value),
        indent: usize,
        note: &str,
        out: &mut Vec<String>,
    ) {
        let pad = " ".repeat(indent);
        if let (Value::String(before), Value::String(after)) = (before, after)
            && (before.contains('\n') || after.contains('\n'))
        {
            out.push(format!("{pad}{}{note}", name.trim_end()));
            return self.line_by_line(before, after, indent + 4, out);
        }
        let says = |value| one_line(value, member(path), self.names);
        let (old, new) = (says(before), says(after));
        let length = old.chars().count() + new.chars().count();
        let breaks = |value: &Value| matches!(value, Value::List(_) | Value::Object(_));
        if indent + path.chars().count() + length + 8 > WIDTH && (breaks(before) || breaks(after)) {
            out.push(format!("{pad}{}{note}", name.trim_end()));
            let whole = |value| {
                let mut text = lines(value, member(path), SPREAD, self.names).join("\n");
                text.push('\n');
                text
            };
            return self.line_by_line(&whole(before), &whole(after), indent + 4, out);
        }
        let arrow = self.style.paint(Meaning::Aside, "→");
        out.push(format!("{pad}{name} = {old} {arrow} {new}{note}"));
    }

    fn line_by_line(&self, before: &str, after: &str, indent: usize, out: &mut Vec<String>) {
        let pad = " ".repeat(indent);
        let diff = TextDiff::from_lines(before, after);
        let cut = || format!("{pad}  {}", self.style.paint(Meaning::Aside, "…"));
        let mut reached = 0;
        for group in diff.grouped_ops(CONTEXT) {
            if group.first().is_some_and(|first| first.old_range().start > reached) {
                out.push(cut());
            }
            for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
                let mut line = printable(change.value().trim_end_matches('\n'));
                if change.missing_newline() && change.tag() != ChangeTag::Equal {
                    line.push_str(&self.style.paint(Meaning::Aside, "  (no newline at the end)"));
                }
                out.push(match change.tag() {
                    ChangeTag::Equal => format!("{pad}  {line}"),
                    ChangeTag::Delete => {
                        format!("{pad}{}", self.style.paint(Meaning::Removed, &format!("- {line}")))
                    }
                    ChangeTag::Insert => {
                        format!("{pad}{}", self.style.paint(Meaning::Added, &format!("+ {line}")))
                    }
                });
            }
            reached = group.last().map_or(reached, |last| last.old_range().end);
        }
        if reached < diff.old_slices().len() {
            out.push(cut());
        }
    }
}

/// Columns of values that are compared line by line: narrow, so that each line holds one item.
const SPREAD: usize = 60;

fn longest_name(all: &[Shown]) -> usize {
    let lengths = all.iter().map(|one| one.path.chars().count());
    lengths.filter(|length| *length <= WIDEST_NAME).max().unwrap_or_default()
}

/// The last name in a path.
fn member(path: &str) -> &str {
    let last = path.rsplit('.').next().unwrap_or(path);
    last.split('[').next().unwrap_or(last)
}
