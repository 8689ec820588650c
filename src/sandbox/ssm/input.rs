//! Reading what callers give, and writing times, as Systems Manager has them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::api::{Params, Refusal};

/// `ValidationException`, as the JSON services refuse a value.
pub fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("ValidationException", message)
}

/// A text that must be there.
pub fn required(params: &Params, name: &str) -> Result<String, Refusal> {
    let text = params.text(name).filter(|text| !text.is_empty());
    let mut letters = name.chars();
    let first = letters.next().map(|first| first.to_ascii_lowercase());
    let member: String = first.into_iter().chain(letters).collect();
    text.ok_or_else(|| {
        invalid(format!(
            "1 validation error detected: Value at '{member}' failed to satisfy constraint: Member must not be null"
        ))
    })
}

/// A number within bounds; `default` where none is given.
pub fn number(params: &Params, name: &str, default: u32, least: u32, most: u32) -> Result<u32, Refusal> {
    let Some(text) = params.text(name) else { return Ok(default) };
    match text.parse() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(invalid(format!(
            "1 validation error detected: Value '{text}' at '{name}' failed to satisfy constraint: Member must \
             have value between {least} and {most}"
        ))),
    }
}

/// A map of lists of texts, such as the parameters of a document.
pub fn lists(params: &Params, name: &str) -> BTreeMap<String, Vec<String>> {
    let Some(map) = params.child(name) else { return BTreeMap::new() };
    let keys = map.value().as_object().into_iter().flat_map(|map| map.keys());
    keys.map(|key| (key.clone(), map.texts(key))).collect()
}

/// Seconds since 1970 with fractions: times in JSON.
pub fn seconds(at: Timestamp) -> Value {
    json!(at.as_millisecond() as f64 / 1000.0)
}
