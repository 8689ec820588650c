//! Texts that must never be shown: in AWS's answers about a request, in the output of a gate's command, in
//! the source lines of a mistake. Marks hide the values of the language; this module hides texts that come
//! back without a mark. It covers the whole process, since a secret is one everywhere.

use std::sync::{PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::value::{Object, SENSITIVE, Value, format_number};

/// Shorter texts occur in many words, and hiding them would reveal them.
const SHORTEST: usize = 4;
/// Lines of this length, in a text of several lines, are also hidden alone.
const LONG_LINE: usize = 12;

/// The longest first: one may be part of another.
static KNOWN: RwLock<Vec<String>> = RwLock::new(Vec::new());

/// From now on the marked parts of the value are hidden.
pub fn keep(value: &Value) {
    let mut texts = Vec::new();
    marked(value, false, &mut texts);
    texts.iter().for_each(|text| keep_text(text));
}

/// The same for all members.
pub fn keep_all(members: &Object) {
    members.values().for_each(keep);
}

/// From now on the text is hidden, also in its base64 and JSON forms.
pub fn keep_text(text: &str) {
    let coded = STANDARD.encode(text);
    let text = text.trim();
    let quoted = serde_json::Value::from(text).to_string();
    let mut forms = vec![text.to_owned(), quoted.trim_matches('"').to_owned(), STANDARD.encode(text), coded];
    forms.extend((0..3).map(|before| coded_after(before, text)));
    if text.contains('\n') {
        let long = text.lines().map(str::trim).filter(|line| line.len() >= LONG_LINE);
        forms.extend(long.map(str::to_owned));
    }
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    for form in forms.into_iter().filter(|form| form.chars().count() >= SHORTEST) {
        let place = known.partition_point(|other| (other.len(), other) > (form.len(), &form));
        if known.get(place) != Some(&form) {
            known.insert(place, form);
        }
    }
}

/// The base64 form of the text inside another, `before` bytes after the start of a group of three, without
/// the letters at both ends, which also encode its neighbours.
fn coded_after(before: usize, text: &str) -> String {
    let all = STANDARD.encode([&[0].repeat(before), text.as_bytes()].concat());
    let own = (before + text.len()) * 8 / 6;
    all.chars().take(own).skip((before * 8).div_ceil(6)).collect()
}

fn marked(value: &Value, under: bool, texts: &mut Vec<String>) {
    match value {
        Value::Sensitive(inner) => marked(inner, true, texts),
        Value::List(items) => items.iter().for_each(|item| marked(item, under, texts)),
        Value::Object(members) => members.values().for_each(|member| marked(member, under, texts)),
        Value::String(text) if under => texts.push(text.clone()),
        Value::Number(number) if under => texts.push(format_number(*number)),
        _ => {}
    }
}

/// The text with `(sensitive)` for each that is hidden.
pub fn hidden(text: &str) -> String {
    replaced(text, |_| SENSITIVE.to_owned())
}

/// The text with asterisks for each hidden part, so that everything else keeps its place.
pub fn masked(text: &str) -> String {
    replaced(text, |secret| "*".repeat(secret.len()))
}

fn replaced(text: &str, by: impl Fn(&str) -> String) -> String {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    let found = known.iter().filter(|secret| text.contains(secret.as_str()));
    found.fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), &by(secret)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object;

    #[test]
    fn what_is_marked_is_hidden_in_every_form_that_comes_back() {
        let script = "#!/bin/sh\nexport KEY=quay-mole-17\n";
        keep(&object! { "open" => "in sight", "key" => Value::string("quay-mole-17\"x").sensitive() });
        keep(&Value::from(vec!["quay-mole-17", script]).sensitive());
        let said = format!("'{}' is no user data", STANDARD.encode(script.trim()));
        assert_eq!(hidden(&said), "'(sensitive)' is no user data");
        assert_eq!(hidden(r#"in sight: {"key":"quay-mole-17\"x"}"#), r#"in sight: {"key":"(sensitive)"}"#);
        assert_eq!(hidden("line 2: export KEY=quay-mole-17: not found"), "line 2: (sensitive): not found");
        for before in ["", "x", "xy"] {
            let said = hidden(&STANDARD.encode(format!("{before}quay-mole-17, and more")));
            assert!(said.contains("(sensitive)"), "{said}");
        }
        assert_eq!(masked("a quay-mole-17 b"), "a ************ b");
    }

    #[test]
    fn what_is_too_short_to_hide_is_left() {
        keep_text("a");
        keep_text("");
        assert_eq!(hidden("a bad name"), "a bad name");
    }
}
