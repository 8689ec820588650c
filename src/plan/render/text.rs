//! Values as text in the language's notation, on one line or several. No part of a sensitive value goes out.

use super::names::Names;
use crate::terminal::{acts, escaped};
use crate::value::{Object, Unknown, Value, format_duration, format_number};

/// A value in one line, in the language's notation, secrets hidden.
pub fn show_value(value: &Value) -> String {
    one_line(value, "", &Names::default())
}

/// A value on one line, with ids shown as their addresses. `member` is the name of its attribute.
pub(super) fn one_line(value: &Value, member: &str, names: &Names<'_>) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(value) => format_number(*value),
        Value::String(text) => {
            names.find(text, member).map(|found| printable(&found)).unwrap_or_else(|| quoted(text))
        }
        Value::Duration(duration) => format_duration(*duration),
        Value::Percent(value) => format!("{}%", format_number(*value)),
        Value::List(items) => {
            let items: Vec<_> = items.iter().map(|item| one_line(item, member, names)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(members) if members.is_empty() => "{}".to_owned(),
        Value::Object(members) => {
            let said = |(name, value): (&String, &Value)| {
                format!("{} = {}", key(name), one_line(value, name, names))
            };
            format!("{{ {} }}", members.iter().map(said).collect::<Vec<_>>().join(", "))
        }
        Value::Ref(reference) => printable(&reference.to_string()),
        Value::Unknown(unknown) => later(unknown),
        Value::Sensitive(_) => "(sensitive)".to_owned(),
    }
}

/// A value on as many lines as it needs to stay within `width` columns, if it can be broken.
pub(super) fn lines(value: &Value, member: &str, width: usize, names: &Names<'_>) -> Vec<String> {
    let line = one_line(value, member, names);
    if line.chars().count() <= width {
        return vec![line];
    }
    let inner = width.saturating_sub(2);
    let mut all = Vec::new();
    match value {
        Value::List(items) => {
            all.push("[".to_owned());
            for item in items {
                let mut item = lines(item, member, inner, names);
                if let Some(last) = item.last_mut() {
                    last.push(',');
                }
                all.extend(item.into_iter().map(|line| format!("  {line}")));
            }
            all.push("]".to_owned());
        }
        Value::Object(members) => {
            all.push("{".to_owned());
            all.extend(members_in_lines(members, inner, names).into_iter().map(|line| format!("  {line}")));
            all.push("}".to_owned());
        }
        _ => all.push(line),
    }
    all
}

fn members_in_lines(members: &Object, width: usize, names: &Names<'_>) -> Vec<String> {
    let longest = members.keys().map(|name| key(name).chars().count()).max().unwrap_or_default();
    let mut all = Vec::new();
    for (name, value) in members {
        let mut value = lines(value, name, width.saturating_sub(longest + 3), names).into_iter();
        all.push(format!("{:longest$} = {}", key(name), value.next().unwrap_or_default()));
        all.extend(value);
    }
    all
}

/// An unknown id or ARN, shown as the reference.
fn later(unknown: &Unknown) -> String {
    match unknown.attribute.as_str() {
        "id" | "arn" => format!("{} (known after apply)", printable(&unknown.address.to_string())),
        _ => "(known after apply)".to_owned(),
    }
}

/// A member's name, in quotes if it is not an identifier.
fn key(name: &str) -> String {
    let mut letters = name.chars();
    let plain = letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && letters.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
        && name != "for";
    if plain { name.to_owned() } else { quoted(name) }
}

/// A text in quotes, in a form that the language parses back.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for (index, c) in text.char_indices() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '$' if text.get(index..).is_some_and(|rest| rest.starts_with("${")) => out.push_str("$$"),
            c if acts(c) => out.push_str(&escaped(c)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A printable line: no character in it moves the cursor or reverses the text.
pub(super) fn printable(line: &str) -> String {
    line.chars()
        .map(|c| match c {
            '\t' => "    ".to_owned(),
            c if acts(c) => escaped(c),
            c => c.to_string(),
        })
        .collect()
}
