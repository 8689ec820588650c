//! Parameters of a call, as one tree: objects, lists, texts. The query protocols know only texts,
//! so numbers and booleans are read from either form.

use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

/// Maximum nesting of the names of a query's parameters. The deepest of the services here, in
/// `LaunchTemplateConfigs.member.1.Overrides.member.1...`, is below 16.
const DEEPEST: usize = 32;

/// An object of parameters.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Params(Value);

impl Params {
    /// From JSON: as it came.
    pub fn from_json(value: Value) -> Self {
        Self(value)
    }

    /// From the pairs of a query: `Filter.1.Value.2` (EC2) and `Filters.member.1.Values.member.2`
    /// are paths; numbered children are a list, in the order of their numbers, and `entry.1.key`,
    /// `entry.1.value` stay a list of pairs. `Err`: a name is nested deeper than any shape of AWS.
    pub fn from_query<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, String> {
        let mut root = Map::new();
        for (name, value) in pairs {
            if name.bytes().filter(|byte| *byte == b'.').count() > DEEPEST {
                return Err(format!("a parameter's name has more than {DEEPEST} dots"));
            }
            let mut at = &mut root;
            let mut path = name.split('.').filter(|part| *part != "member").peekable();
            while let Some(part) = path.next() {
                if path.peek().is_none() {
                    at.insert(part.to_owned(), Value::String(value.to_owned()));
                    break;
                }
                let next = at.entry(part).or_insert_with(|| Value::Object(Map::new()));
                if !next.is_object() {
                    *next = Value::Object(Map::new());
                }
                let Value::Object(next) = next else { break };
                at = next;
            }
        }
        Ok(Self(lists(Value::Object(root))))
    }

    pub fn value(&self) -> &Value {
        &self.0
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// A text; numbers and booleans of JSON as text.
    pub fn text(&self, name: &str) -> Option<String> {
        self.get(name).and_then(text)
    }

    /// A text that the action's shape requires; empty if it is missing.
    pub fn needed(&self, name: &str) -> String {
        self.text(name).unwrap_or_default()
    }

    /// A non-empty text; an empty one counts as left out.
    pub fn given(&self, name: &str) -> Option<String> {
        self.text(name).filter(|text| !text.is_empty())
    }

    /// A number of any type that parses from text; `None` for one that does not: shapes are checked before.
    pub fn number<N: FromStr>(&self, name: &str) -> Option<N> {
        self.text(name)?.parse().ok()
    }

    /// `true` or `false`.
    pub fn flag(&self, name: &str) -> Option<bool> {
        Some(matches!(self.text(name)?.as_str(), "true" | "True" | "1"))
    }

    /// A point in time: ISO 8601, or seconds since 1970 as JSON and CBOR have it.
    pub fn timestamp(&self, name: &str) -> Option<Timestamp> {
        let text = self.text(name)?;
        let seconds = || SignedDuration::try_from_secs_f64(text.parse().ok()?).ok();
        text.parse().ok().or_else(|| Timestamp::UNIX_EPOCH.checked_add(seconds()?).ok())
    }

    /// Texts of a list; empty if it is missing. A single text counts as a list of one, except an empty one,
    /// which is the query protocol's form of an empty list.
    pub fn texts(&self, name: &str) -> Vec<String> {
        match self.get(name) {
            Some(Value::Array(items)) => items.iter().filter_map(text).collect(),
            Some(single) => text(single).filter(|text| !text.is_empty()).into_iter().collect(),
            None => Vec::new(),
        }
    }

    /// Numbers of a list; empty if it is missing.
    pub fn numbers<N: FromStr>(&self, name: &str) -> Vec<N> {
        self.texts(name).iter().filter_map(|text| text.parse().ok()).collect()
    }

    /// Objects of a list; empty if it is missing.
    pub fn items(&self, name: &str) -> Vec<Params> {
        match self.get(name) {
            Some(Value::Array(items)) => {
                items.iter().filter(|item| item.is_object()).cloned().map(Params).collect()
            }
            _ => Vec::new(),
        }
    }

    /// An object.
    pub fn child(&self, name: &str) -> Option<Params> {
        self.get(name).filter(|value| value.is_object()).cloned().map(Params)
    }
}

/// A value that is one word, as the query protocols write it.
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// Objects whose keys are all numbers become lists.
fn lists(value: Value) -> Value {
    let Value::Object(map) = value else { return value };
    let numbers: Option<Vec<u64>> = map.keys().map(|key| key.parse().ok()).collect();
    match numbers {
        Some(numbers) if !numbers.is_empty() => {
            let mut items: Vec<_> =
                numbers.into_iter().zip(map.into_iter().map(|(_, item)| lists(item))).collect();
            items.sort_by_key(|(number, _)| *number);
            Value::Array(items.into_iter().map(|(_, item)| item).collect())
        }
        _ => Value::Object(map.into_iter().map(|(key, item)| (key, lists(item))).collect()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_query_protocols_become_the_same_tree() {
        let ec2 = Params::from_query([
            ("Filter.1.Name", "tag:a"),
            ("Filter.1.Value.2", "y"),
            ("Filter.1.Value.1", "x"),
        ])
        .unwrap();
        assert_eq!(ec2.value(), &json!({ "Filter": [{ "Name": "tag:a", "Value": ["x", "y"] }] }));
        let query = Params::from_query([
            ("Names.member.1", "a"),
            ("Names.member.10", "c"),
            ("Names.member.2", "b"),
            ("MinSize", "2"),
        ])
        .unwrap();
        assert_eq!(query.texts("Names"), ["a", "b", "c"]);
        assert_eq!(query.number::<u32>("MinSize"), Some(2));
        assert!(
            query.texts("None").is_empty()
                && Params::from_query([("Names", "")]).unwrap().texts("Names").is_empty()
        );
    }

    #[test]
    fn a_name_that_is_nested_too_deep_is_refused() {
        let nested = |depth: usize| Params::from_query([(vec!["a"; depth].join(".").as_str(), "x")]);
        assert!(nested(20).is_ok());
        assert!(nested(3000).unwrap_err().contains("32 dots"));
        assert!(Params::from_query([(".".repeat(8 << 20).as_str(), "x")]).is_err());
    }
}
