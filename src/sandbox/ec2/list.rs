//! Describe calls that list: ids asked for, filters, pages. A filter's values are found in the
//! answer itself, by a path.

use serde_json::{Value, json};

use super::super::api::{Call, Filters, Page, Paging, Refusal};
use super::super::state::Tags;
use super::super::wire::text;
use super::ids;

/// The parameters of a describe call's list.
#[derive(Debug)]
pub struct List {
    /// The parameter that has ids, and where an item has its own.
    pub ids: (&'static str, &'static str),
    /// The element that the items are answered in.
    pub answer: &'static str,
    /// Items of a page at most.
    pub most: usize,
    /// Filters beside tags: name, and path in an item (`attachmentSet.vpcId`; lists are walked). The empty
    /// path matches nothing. A member whose name begins with `_` is for filters only and not answered.
    pub filters: &'static [(&'static str, &'static str)],
}

/// Answers a describe call from all existing items, in the form of answers. A missing id is refused by its
/// own code, an unknown filter by `InvalidParameterValue`.
pub fn list(call: &Call, list: &List, items: Vec<Value>) -> Result<Value, Refusal> {
    let mut page = select(call, list, items)?;
    for item in page.items.iter_mut().filter_map(Value::as_object_mut) {
        item.retain(|name, _| !name.starts_with('_'));
    }
    Ok(json!({ list.answer: page.items, "nextToken": page.next }))
}

/// The items that a call asks for, of one page; members for filters are still there.
pub fn select(call: &Call, list: &List, items: Vec<Value>) -> Result<Page<Value>, Refusal> {
    let (parameter, own) = list.ids;
    let wanted = call.params.texts(parameter);
    for id in &wanted {
        if !items.iter().any(|item| item[own] == id.as_str()) {
            return Err(ids::not_found(id));
        }
    }
    let filters = Filters::of(call.params);
    let mut found = Vec::new();
    for item in items {
        let asked = wanted.is_empty() || wanted.iter().any(|id| item[own] == id.as_str());
        let values = |name: &str| {
            let (_, path) = list.filters.iter().find(|(filter, _)| *filter == name)?;
            Some(at(&item, path))
        };
        if asked && filters.pass(&tags(&item), values)? {
            found.push(item);
        }
    }
    let bad = "InvalidNextToken";
    let pages = Paging { most: "MaxResults", size: list.most, token: "NextToken", next: "nextToken", bad };
    pages.page(call.params, found)
}

/// The texts at a path.
fn at(value: &Value, path: &str) -> Vec<String> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    match value {
        Value::Array(items) => items.iter().flat_map(|item| at(item, path)).collect(),
        Value::Object(map) => match (map.get(first), rest) {
            (None | Some(Value::Null), _) => Vec::new(),
            (Some(inner), Some(rest)) => at(inner, rest),
            (Some(Value::Array(items)), None) => items.iter().filter_map(text).collect(),
            (Some(inner), None) => text(inner).into_iter().collect(),
        },
        _ => Vec::new(),
    }
}

/// The tags that an item shows.
fn tags(item: &Value) -> Tags {
    let lists = ["tagSet", "_tagSet"].map(|name| item[name].as_array());
    let pairs = lists.into_iter().flatten().flatten();
    pairs.filter_map(|tag| Some((text(&tag["key"])?, text(&tag["value"])?))).collect()
}
