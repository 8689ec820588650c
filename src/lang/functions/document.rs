//! Documents of other formats: YAML and CSV.

use crate::value::{Object, Value};

use super::encoding::json;
use super::{Body, Call, Fault, Function, Outcome, row};

/// Maximum number of rows and columns of a CSV text.
const MOST_CELLS: usize = 100_000;

pub(super) const TABLE: &[Function] = &[
    row(
        "yamlencode",
        "yamlencode(value)",
        "The value as YAML, keys sorted; durations are seconds",
        (1, 1),
        Body::Known(yamlencode),
    ),
    row(
        "yamldecode",
        "yamldecode(string)",
        "The value of a YAML text with one document",
        (1, 1),
        Body::Known(yamldecode),
    ),
    row(
        "csvdecode",
        "csvdecode(string)",
        "An object for each line of a CSV text, whose first line names the columns",
        (1, 1),
        Body::Known(csvdecode),
    ),
];

fn yamlencode(call: &Call<'_>) -> Outcome {
    // JSON has what YAML can hold: no references, and keys in order.
    let value = serde_json::from_str(&json(call, 0)?)
        .map_err(|_| call.fault(0, "the value has no YAML", "no document"))?;
    let mut text = String::new();
    write_yaml(&value, 0, &mut text);
    Ok(Value::String(text))
}

/// Writes a value as Terraform does: texts in double quotes, as JSON has them, and lists at the column of
/// their key.
fn write_yaml(value: &serde_json::Value, indent: usize, text: &mut String) {
    use serde_json::Value::{Array, Object};
    let nested = |value: &serde_json::Value| match value {
        Array(items) => !items.is_empty(),
        Object(members) => !members.is_empty(),
        _ => false,
    };
    // The first line of a list's item stands beside its `-`.
    let margin = |text: &str| if text.ends_with('\n') { " ".repeat(indent) } else { String::new() };
    match value {
        Array(items) if nested(value) => {
            for item in items {
                text.push_str(&format!("{}- ", margin(text)));
                write_yaml(item, indent + 2, text);
            }
        }
        Object(members) if nested(value) => {
            for (key, member) in members {
                let key = serde_json::Value::from(key.as_str());
                text.push_str(&format!("{}{key}:", margin(text)));
                match member {
                    Array(_) if nested(member) => {
                        text.push('\n');
                        write_yaml(member, indent, text);
                    }
                    Object(_) if nested(member) => {
                        text.push('\n');
                        write_yaml(member, indent + 2, text);
                    }
                    plain => {
                        text.push(' ');
                        write_yaml(plain, indent, text);
                    }
                }
            }
        }
        plain => text.push_str(&format!("{plain}\n")),
    }
}

fn yamldecode(call: &Call<'_>) -> Outcome {
    let text = call.text(0)?;
    let read = serde_saphyr::from_str::<serde_json::Value>(&text);
    read.map(Value::from_plain_json).map_err(|error| no_document(call, "YAML", &error))
}

fn csvdecode(call: &Call<'_>) -> Outcome {
    let text = call.text(0)?;
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let names = reader.headers().map_err(|error| no_document(call, "CSV", &error))?.clone();
    let mut seen = std::collections::HashSet::new();
    if let Some(twice) = names.iter().find(|name| !seen.insert(*name)) {
        let message = format!("two columns are called {}", call.quote(twice));
        return Err(call.fault(0, message, "named in its first line"));
    }
    let mut rows = Vec::new();
    for row in reader.records() {
        let row = row.map_err(|error| no_document(call, "CSV", &error))?;
        if (rows.len() + 1).saturating_mul(names.len()) > MOST_CELLS {
            return Err(call.fault(0, format!("it has more than {MOST_CELLS} cells"), "too much"));
        }
        let cells = names.iter().zip(&row).map(|(name, cell)| (name.to_owned(), Value::string(cell)));
        rows.push(Value::Object(cells.collect::<Object>()));
    }
    Ok(Value::List(rows))
}

fn no_document(call: &Call<'_>, format: &str, error: &dyn std::fmt::Display) -> Fault {
    let fault = call.fault(0, format!("the string is not {format}"), format!("not {format}"));
    match (call.sensitive, error.to_string().lines().next()) {
        (false, Some(first)) => fault.help(first.to_owned()),
        _ => fault,
    }
}
