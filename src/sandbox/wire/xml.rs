//! Texts and XML 1.0: the characters that requests may hold so that answers can repeat them, and their form
//! in answers.

use std::borrow::Cow;
use std::fmt::Write;

use quick_xml::escape::escape;
use serde_json::Value;

use super::{Params, Refusal, Wire, lower_first};

/// The pattern of texts in Auto Scaling's model (XmlString and similar, in `service-2.json`); no pattern of
/// another service here allows more.
const PATTERN: &str = r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*";

/// Tells whether XML 1.0 has the character, even escaped (production 2, `Char`).
fn has(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// The text as an element's content. A character that XML does not have becomes U+FFFD, so that a text from
/// another source does not make the whole answer unreadable.
pub fn content(text: &str) -> Cow<'_, str> {
    match text.chars().all(has) {
        true => escape(text),
        false => escape(text.replace(|c| !has(c), "\u{fffd}")),
    }
}

/// Refuses a call with a character that no answer could hold: with EC2's `InvalidCharacter` (errors-overview,
/// common client error codes), or with the constraint of the other services' models.
///
/// # Errors
/// The first such parameter, in AWS's notation: `tags.1.member.value`.
pub fn speakable(wire: &Wire, params: &Params) -> Result<(), Refusal> {
    // A service that knows JSON alone escapes every character.
    if wire.query.is_none() {
        return Ok(());
    }
    let mut path = String::new();
    match unspeakable(params.value(), &mut path) {
        false => Ok(()),
        true => Err(match wire.is_ec2() {
            true => Refusal::new(
                "InvalidCharacter",
                format!("The parameter {path} contains a character that is not valid"),
            ),
            false => Refusal::validation(format!(
                "1 validation error detected: Value at '{path}' failed to satisfy constraint: Member must \
                 satisfy regular expression pattern: {PATTERN}"
            )),
        }),
    }
}

/// Tells whether such a character is in a name or a text of the tree; `path` then leads to it.
fn unspeakable(value: &Value, path: &mut String) -> bool {
    let known = |text: &str| text.chars().all(has);
    let length = path.len();
    let mut within = |name: &dyn std::fmt::Display, value: &Value| {
        let dot = if length == 0 { "" } else { "." };
        // Writing to memory does not fail.
        let _ = write!(path, "{dot}{name}");
        let found = unspeakable(value, path);
        if !found {
            path.truncate(length);
        }
        found
    };
    match value {
        Value::String(text) => !known(text),
        Value::Array(items) => {
            items.iter().zip(1..).any(|(item, number)| within(&format_args!("{number}.member"), item))
        }
        Value::Object(members) => members.iter().any(|(name, value)| match known(name) {
            true => within(&lower_first(name), value),
            false => within(&name.escape_debug(), &Value::from("\0")),
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_xml_does_not_have_is_never_written() {
        assert_eq!(
            content("a <b> & \"c\"\n\u{1f600}\u{85}"),
            "a &lt;b&gt; &amp; &quot;c&quot;\n\u{1f600}\u{85}"
        );
        assert_eq!(content("a\r\n\0\u{1}\u{1b}[2J\u{fffe}"), "a&#13;\n\u{fffd}\u{fffd}\u{fffd}[2J\u{fffd}");
        for number in 0..=0xffff {
            let Some(c) = char::from_u32(number) else { continue };
            let xml = format!("<a>{}</a>", content(c.encode_utf8(&mut [0; 4])));
            assert!(xml.chars().all(has), "{number:x}");
        }
    }

    #[test]
    fn a_request_that_no_answer_could_repeat_is_refused_in_the_services_own_way() {
        let refused = |service: &crate::api::Service, params| {
            let refusal = speakable(&service.wire, &Params::from_json(params)).unwrap_err();
            format!("{}: {}", refusal.code, refusal.message)
        };
        let tags = json!({ "ResourceId": ["i-1"], "Tag": [{ "Key": "a", "Value": "ok" }, { "Key": "b", "Value": "\u{1}" }] });
        insta::assert_snapshot!(refused(&crate::ec2::SERVICE, tags), @"InvalidCharacter: The parameter tag.2.member.value contains a character that is not valid");
        insta::assert_snapshot!(refused(&crate::autoscaling::SERVICE, json!({ "Tags": [{ "Key": "\u{1b}" }] })), @r"ValidationError: 1 validation error detected: Value at 'tags.1.member.key' failed to satisfy constraint: Member must satisfy regular expression pattern: [\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*");
        insta::assert_snapshot!(refused(&crate::sts::SERVICE, json!({ "a": 1, "b\u{7}": "x" })), @r"ValidationError: 1 validation error detected: Value at 'b\u{7}' failed to satisfy constraint: Member must satisfy regular expression pattern: [\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*");
        let fine = json!({ "a": "tab\t, line\r\n, \u{7f}\u{9b}\u{202e}", "b": [1, null, true] });
        assert_eq!(speakable(&crate::elbv2::SERVICE.wire, &Params::from_json(fine)), Ok(()));
        assert_eq!(speakable(&crate::ssm::SERVICE.wire, &Params::from_json(json!({ "a": "\u{1}" }))), Ok(()));
    }
}
