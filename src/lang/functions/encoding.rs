//! Base64, JSON, and texts in URLs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::value::Value;

use super::{Body, Call, Fault, Function, Outcome, row};

pub(super) const TABLE: &[Function] = &[
    row(
        "base64encode",
        "base64encode(string)",
        "The string's bytes in base64",
        (1, 1),
        Body::Known(base64encode),
    ),
    row(
        "base64decode",
        "base64decode(string)",
        "The text that was encoded in base64",
        (1, 1),
        Body::Known(base64decode),
    ),
    row(
        "jsonencode",
        "jsonencode(value)",
        "The value as JSON, keys sorted; durations are seconds",
        (1, 1),
        Body::Known(jsonencode),
    ),
    row("jsondecode", "jsondecode(string)", "The value of a JSON text", (1, 1), Body::Known(jsondecode)),
    row(
        "urlencode",
        "urlencode(string)",
        "The string escaped for a query in a URL",
        (1, 1),
        Body::Known(urlencode),
    ),
    row(
        "urldecode",
        "urldecode(string)",
        "The text that was escaped for a query in a URL",
        (1, 1),
        Body::Known(urldecode),
    ),
];

fn base64encode(call: &Call<'_>) -> Outcome {
    Ok(Value::String(STANDARD.encode(call.text(0)?)))
}

fn base64decode(call: &Call<'_>) -> Outcome {
    let bytes = STANDARD
        .decode(call.text(0)?)
        .map_err(|_| call.fault(0, "the string is not base64", "not base64"))?;
    String::from_utf8(bytes)
        .map(Value::String)
        .map_err(|_| call.fault(0, "the decoded bytes are not UTF-8 text", "not text"))
}

fn jsonencode(call: &Call<'_>) -> Outcome {
    Ok(Value::String(json(call, 0)?))
}

/// An argument as JSON in one line.
pub(super) fn json(call: &Call<'_>, index: usize) -> Result<String, Fault> {
    let value = call.get(index);
    if let Some(reference) = find_reference(value) {
        return Err(call
            .fault(index, format!("the reference `{reference}` has no JSON"), "holds a reference")
            .help(format!("name one of its attributes, as in `{reference}.id`")));
    }
    Ok(sorted(value).to_plain_json().to_string())
}

fn find_reference(value: &Value) -> Option<String> {
    match value {
        Value::Ref(reference) => Some(reference.to_string()),
        Value::List(items) => items.iter().find_map(find_reference),
        Value::Object(members) => members.values().find_map(find_reference),
        _ => None,
    }
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::List(items) => Value::List(items.iter().map(sorted).collect()),
        Value::Object(members) => {
            let mut members: crate::value::Object =
                members.iter().map(|(key, member)| (key.clone(), sorted(member))).collect();
            members.sort_keys();
            Value::Object(members)
        }
        other => other.clone(),
    }
}

fn jsondecode(call: &Call<'_>) -> Outcome {
    serde_json::from_str(&call.text(0)?).map(Value::from_plain_json).map_err(|error| {
        let fault = call.fault(0, "the string is not JSON", "not JSON");
        match call.sensitive {
            true => fault,
            false => fault.help(error.to_string()),
        }
    })
}

fn urlencode(call: &Call<'_>) -> Outcome {
    let mut encoded = String::new();
    for byte in call.text(0)?.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => encoded.push(byte.into()),
            b' ' => encoded.push('+'),
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    Ok(Value::String(encoded))
}

fn urldecode(call: &Call<'_>) -> Outcome {
    let text = call.text(0)?;
    let wrong =
        || call.fault(0, "the string is not escaped for a URL", "a `%` without two hexadecimal digits");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let (digits, after) = rest.split_at_checked(2).ok_or_else(wrong)?;
                bytes.extend(hex::decode(digits).map_err(|_| wrong())?);
                rest = after;
            }
            other => bytes.push(*other),
        }
    }
    String::from_utf8(bytes)
        .map(Value::String)
        .map_err(|_| call.fault(0, "the decoded bytes are not UTF-8 text", "not text"))
}
