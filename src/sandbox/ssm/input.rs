//! Parses callers' input, and formats times, in Systems Manager's forms.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::api::{Paging, Params, Refusal};

/// `ValidationException`, as the JSON services refuse a value.
pub fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("ValidationException", message)
}

/// A map of lists of texts, such as the parameters of a document.
pub fn lists(params: &Params, name: &str) -> BTreeMap<String, Vec<String>> {
    let Some(map) = params.child(name) else { return BTreeMap::new() };
    let keys = map.value().as_object().into_iter().flat_map(|map| map.keys());
    keys.map(|key| (key.clone(), map.texts(key))).collect()
}

/// The paging of lists, with a default size.
pub fn pages(size: usize) -> Paging {
    Paging { most: "MaxResults", size, token: "NextToken", next: "NextToken", bad: "InvalidNextToken" }
}

/// Seconds since 1970 with fractions: times in JSON.
pub fn seconds(at: Timestamp) -> Value {
    json!(at.as_millisecond() as f64 / 1000.0)
}
