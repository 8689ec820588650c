//! (being written)

use crate::value::Value;

/// A value in one line, secrets hidden.
pub fn show_value(value: &Value) -> String {
    match value {
        Value::Sensitive(_) => "(sensitive)".to_owned(),
        other => other.to_plain_json().to_string(),
    }
}
