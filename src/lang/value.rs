//! Values of the language, in expressions, plans and the state.
//!
//! A value may be [`Value::Unknown`] until apply, and may carry the sensitive mark, which taints every value
//! made from it. References stay references until a schema asks for one of the resource's ids.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::address::Address;
pub use crate::object::Object;

/// The text shown for a sensitive value.
pub const SENSITIVE: &str = "(sensitive)";

#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    #[default]
    Null,
    Bool(bool),
    Number(f64),
    String(String),
    Duration(Duration),
    /// `25%` is 25.0.
    Percent(f64),
    List(Vec<Value>),
    Object(Object),
    Ref(Reference),
    /// Known only after apply.
    Unknown(Unknown),
    /// INVARIANT: never directly nested; made by [`Value::sensitive`] only.
    Sensitive(Box<Value>),
}

/// A reference to a resource, or to one member of a plural `existing` (`subnets.public[0]`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    pub address: Address,
    pub index: Option<usize>,
}

/// A value that will be known once `address` has been applied.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Unknown {
    pub address: Address,
    /// The requested output, such as `dns_name`.
    pub attribute: String,
}

impl From<Address> for Reference {
    fn from(address: Address) -> Self {
        Self { address, index: None }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.address)?;
        match self.index {
            Some(index) => write!(f, "[{index}]"),
            None => Ok(()),
        }
    }
}

impl Value {
    pub fn string(text: impl Into<String>) -> Self {
        Self::String(text.into())
    }

    pub fn unknown(address: &Address, attribute: impl Into<String>) -> Self {
        Self::Unknown(Unknown { address: address.clone(), attribute: attribute.into() })
    }

    /// The same value with the sensitive mark.
    pub fn sensitive(self) -> Self {
        match self {
            marked @ Self::Sensitive(_) => marked,
            plain => Self::Sensitive(Box::new(plain)),
        }
    }

    /// The value under the mark, and whether there was a mark.
    pub fn unmark(&self) -> (&Value, bool) {
        match self {
            Self::Sensitive(inner) => (inner, true),
            plain => (plain, false),
        }
    }

    /// The same, by value.
    pub fn into_unmarked(self) -> (Value, bool) {
        match self {
            Self::Sensitive(inner) => (*inner, true),
            plain => (plain, false),
        }
    }

    pub fn marked_if(self, sensitive: bool) -> Self {
        if sensitive { self.sensitive() } else { self }
    }

    /// The name of this value's type in mistakes.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Number(_) => "number",
            Self::String(_) => "string",
            Self::Duration(_) => "duration",
            Self::Percent(_) => "percent",
            Self::List(_) => "list",
            Self::Object(_) => "object",
            Self::Ref(_) => "reference",
            Self::Unknown(_) => "value known after apply",
            Self::Sensitive(inner) => inner.type_name(),
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(self.unmark().0, Self::Null)
    }

    pub fn as_str(&self) -> Option<&str> {
        match self.unmark().0 {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self.unmark().0 {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    pub fn as_number(&self) -> Option<f64> {
        match self.unmark().0 {
            Self::Number(value) => Some(*value),
            _ => None,
        }
    }

    pub fn as_list(&self) -> Option<&[Value]> {
        match self.unmark().0 {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    pub fn as_object(&self) -> Option<&Object> {
        match self.unmark().0 {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    /// A member of an object; `Null` if it does not exist.
    pub fn get(&self, name: &str) -> &Value {
        static NULL: Value = Value::Null;
        self.as_object().and_then(|members| members.get(name)).unwrap_or(&NULL)
    }

    /// The first unknown in the tree, if any.
    pub fn find_unknown(&self) -> Option<&Unknown> {
        match self {
            Self::Unknown(unknown) => Some(unknown),
            Self::Sensitive(inner) => inner.find_unknown(),
            Self::List(items) => items.iter().find_map(Self::find_unknown),
            Self::Object(members) => members.values().find_map(Self::find_unknown),
            _ => None,
        }
    }

    /// Tells whether any part of the tree carries the sensitive mark.
    pub fn has_sensitive(&self) -> bool {
        match self {
            Self::Sensitive(_) => true,
            Self::List(items) => items.iter().any(Self::has_sensitive),
            Self::Object(members) => members.values().any(Self::has_sensitive),
            _ => false,
        }
    }

    /// Tells whether both are the same tree apart from marks.
    pub fn same(&self, other: &Value) -> bool {
        match (self.unmark().0, other.unmark().0) {
            (Self::List(one), Self::List(other)) => {
                one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.same(other))
            }
            (Self::Object(one), Self::Object(other)) => {
                let same =
                    |(name, value): (&String, &Value)| other.get(name).is_some_and(|other| value.same(other));
                one.len() == other.len() && one.iter().all(same)
            }
            (one, other) => one == other,
        }
    }

    /// The same tree without any mark, for texts that are not shown.
    pub fn without_marks(&self) -> Value {
        match self {
            Self::Sensitive(inner) => inner.without_marks(),
            Self::List(items) => Self::List(items.iter().map(Self::without_marks).collect()),
            Self::Object(members) => {
                Self::Object(members.iter().map(|(k, v)| (k.clone(), v.without_marks())).collect())
            }
            other => other.clone(),
        }
    }

    /// Plain JSON for `jsonencode`, typed specs and the wire: durations are seconds, percents are
    /// numbers, marks are dropped, references are their address. Unknowns are null.
    pub fn to_plain_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match self {
            Self::Null | Self::Unknown(_) => Json::Null,
            Self::Bool(value) => Json::Bool(*value),
            Self::Number(value) | Self::Percent(value) => json_number(*value),
            Self::String(text) => Json::String(text.clone()),
            Self::Duration(duration) => json_number(duration.as_secs_f64()),
            Self::List(items) => Json::Array(items.iter().map(Self::to_plain_json).collect()),
            Self::Object(members) => {
                Json::Object(members.iter().map(|(k, v)| (k.clone(), v.to_plain_json())).collect())
            }
            Self::Ref(reference) => Json::String(reference.to_string()),
            Self::Sensitive(inner) => inner.to_plain_json(),
        }
    }

    /// The reverse of [`Value::to_plain_json`] for values that JSON has (`jsondecode`, live reads).
    pub fn from_plain_json(json: serde_json::Value) -> Self {
        use serde_json::Value as Json;
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(value),
            Json::Number(number) => Self::Number(number.as_f64().unwrap_or_default()),
            Json::String(text) => Self::String(text),
            Json::Array(items) => Self::List(items.into_iter().map(Self::from_plain_json).collect()),
            Json::Object(members) => {
                Self::Object(members.into_iter().map(|(k, v)| (k, Self::from_plain_json(v))).collect())
            }
        }
    }
}

/// A whole number prints without a fraction.
fn json_number(value: f64) -> serde_json::Value {
    if value.fract() == 0.0 && value.abs() < 9e15 {
        serde_json::Value::from(value as i64)
    } else {
        serde_json::Value::from(value)
    }
}

/// A number in its usual notation: `8080`, `0.5`.
pub fn format_number(value: f64) -> String {
    json_number(value).to_string()
}

/// A duration in the language's notation, with the largest unit that divides it: `90s`, `10m`, `2h`.
pub fn format_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        _ if duration.subsec_nanos() != 0 => format!("{}ms", duration.as_millis()),
        0 => "0s".to_owned(),
        _ if seconds.is_multiple_of(3600) => format!("{}h", seconds / 3600),
        _ if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        _ => format!("{seconds}s"),
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}
impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::Number(value.into())
    }
}
impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Number(value as f64)
    }
}
impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}
impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::String(value.to_owned())
    }
}
impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::String(value)
    }
}
impl From<Duration> for Value {
    fn from(value: Duration) -> Self {
        Self::Duration(value)
    }
}
impl From<Object> for Value {
    fn from(value: Object) -> Self {
        Self::Object(value)
    }
}
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(value: Vec<T>) -> Self {
        Self::List(value.into_iter().map(Into::into).collect())
    }
}

/// Builds a [`Value::Object`]: `object! { "port" => 80, "cidr" => vec!["0.0.0.0/0"] }`.
#[macro_export]
macro_rules! object {
    ($($name:expr => $value:expr),* $(,)?) => {{
        #[allow(unused_mut)]
        let mut members = $crate::value::Object::new();
        $(members.insert($name.to_string(), $crate::value::Value::from($value));)*
        $crate::value::Value::Object(members)
    }};
}

// State and saved plans keep types that JSON lacks as one-member objects: `{"$duration": 30}`
// (seconds), `{"$percent": 25}`, `{"$sensitive": ...}`, `{"$unknown": ["address", "attribute"]}`,
// `{"$ref": ["address", index]}`. An object of the author's with such a member is kept as
// `{"$object": {...}}`.
const MARKERS: [&str; 6] = ["$duration", "$percent", "$sensitive", "$unknown", "$ref", "$object"];

impl Value {
    /// Converts to JSON that parses back to the same value.
    pub fn to_typed_json(&self) -> serde_json::Value {
        use serde_json::json;
        match self {
            Self::Duration(duration) => json!({ "$duration": json_number(duration.as_secs_f64()) }),
            Self::Percent(value) => json!({ "$percent": json_number(*value) }),
            Self::Sensitive(inner) => json!({ "$sensitive": inner.to_typed_json() }),
            Self::Unknown(u) => json!({ "$unknown": [u.address.to_string(), u.attribute] }),
            Self::Ref(r) => json!({ "$ref": [r.address.to_string(), r.index] }),
            Self::List(items) => items.iter().map(Self::to_typed_json).collect(),
            Self::Object(members) => {
                let plain: serde_json::Map<_, _> =
                    members.iter().map(|(k, v)| (k.clone(), v.to_typed_json())).collect();
                match members.len() == 1 && members.keys().any(|k| MARKERS.contains(&k.as_str())) {
                    true => json!({ "$object": plain }),
                    false => serde_json::Value::Object(plain),
                }
            }
            plain => plain.to_plain_json(),
        }
    }

    /// Parses the JSON of [`Value::to_typed_json`].
    pub fn from_typed_json(json: serde_json::Value) -> Result<Self, String> {
        use serde_json::Value as Json;
        let parse_address = |json: &Json| {
            json.as_str().and_then(|text| text.parse::<Address>().ok()).ok_or("a bad address".to_owned())
        };
        let members = |members: serde_json::Map<String, Json>| {
            members
                .into_iter()
                .map(|(k, v)| Ok((k, Self::from_typed_json(v)?)))
                .collect::<Result<Object, String>>()
                .map(Self::Object)
        };
        Ok(match json {
            Json::Object(map) if map.len() == 1 => {
                let Some((marker, mut inner)) = map.into_iter().next() else { return Ok(Self::default()) };
                match marker.as_str() {
                    "$duration" => Self::Duration(
                        Duration::try_from_secs_f64(inner.as_f64().unwrap_or(-1.0))
                            .map_err(|_| "a bad duration".to_owned())?,
                    ),
                    "$percent" => Self::Percent(inner.as_f64().ok_or("a bad percent")?),
                    "$sensitive" => Self::from_typed_json(inner)?.sensitive(),
                    "$unknown" => Self::Unknown(Unknown {
                        address: parse_address(&inner[0])?,
                        attribute: inner[1].as_str().unwrap_or_default().to_owned(),
                    }),
                    "$ref" => Self::Ref(Reference {
                        address: parse_address(&inner[0])?,
                        index: inner[1].as_u64().map(|index| index as usize),
                    }),
                    "$object" => match inner.take() {
                        Json::Object(inner) => members(inner)?,
                        _ => return Err("a bad object".to_owned()),
                    },
                    _ => members(serde_json::Map::from_iter([(marker, inner)]))?,
                }
            }
            Json::Object(map) => members(map)?,
            Json::Array(items) => {
                Self::List(items.into_iter().map(Self::from_typed_json).collect::<Result<_, _>>()?)
            }
            plain => Self::from_plain_json(plain),
        })
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_typed_json().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_typed_json(serde_json::Value::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_reads_back_from_state_as_it_was() {
        let value = object! {
            "delay" => Duration::from_secs(30),
            "share" => Value::Percent(25.0),
            "secret" => Value::string("s3cret").sensitive(),
            "later" => Value::unknown(&Address::new("load_balancer", "edge"), "dns_name"),
            "odd" => object! { "$duration" => "not one" },
            "list" => vec![1, 2, 3],
        };
        let text = serde_json::to_string(&value).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }

    #[test]
    fn a_duration_is_written_in_its_largest_exact_unit() {
        let written = |seconds| format_duration(Duration::from_secs(seconds));
        assert_eq!([0, 90, 600, 7200].map(written), ["0s", "90s", "10m", "2h"]);
    }
}
