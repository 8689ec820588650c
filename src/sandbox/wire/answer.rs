//! Answers as AWS writes them: XML for EC2 and the query services, JSON or CBOR for the others.
//!
//! CloudWatch is asked in three protocols, which write points in time and maps in their own ways:
//! its handlers answer with [`timestamp`] and [`map`].

use std::fmt::Write;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Refusal, Wire, cbor, xml};

/// The only key of an object that stands for a point in time.
pub(super) const TIMESTAMP: &str = "$timestamp";
/// The only key of an object that stands for a map, whose keys are data.
pub(super) const MAP: &str = "$map";

/// A point in time, for the answer of a service with several protocols: text in XML, a number in
/// JSON, tag 1 in CBOR.
pub fn timestamp(at: Timestamp) -> Value {
    json!({ TIMESTAMP: format!("{at:.3}") })
}

/// A map, for the answer of a service with several protocols: `entry`, `key` and `value` elements
/// in XML, an object in JSON and CBOR.
pub fn map(map: Map<String, Value>) -> Value {
    json!({ MAP: map })
}

/// The time of [`timestamp`], in seconds.
pub(super) fn seconds(at: &Value) -> f64 {
    let at = at.as_str().and_then(|at| at.parse::<Timestamp>().ok()).unwrap_or_default();
    at.as_duration().as_secs_f64()
}

/// The protocol of a request, and so of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Ec2,
    Query,
    /// Methods, paths and XML.
    RestXml,
    /// JSON 1.0 or 1.1: the content type to answer with.
    Json(&'static str),
    /// Smithy RPC v2: CBOR.
    Cbor,
}

impl Protocol {
    pub fn content_type(self) -> &'static str {
        match self {
            Protocol::Ec2 | Protocol::Query | Protocol::RestXml => "text/xml;charset=UTF-8",
            Protocol::Json(content_type) => content_type,
            Protocol::Cbor => "application/cbor",
        }
    }

    /// Tells whether numbers and flags have types of their own in it: in JSON and CBOR, not in a query's
    /// texts.
    pub fn is_typed(self) -> bool {
        matches!(self, Protocol::Json(_) | Protocol::Cbor)
    }

    /// The body of an answer.
    pub fn answer(self, wire: &Wire, action: &str, result: &Value, id: &str) -> Vec<u8> {
        let mut xml = String::new();
        match self {
            Protocol::Json(_) => return plain_json(result).to_string().into_bytes(),
            // An operation without an output has no body.
            Protocol::Cbor if result.is_null() => return Vec::new(),
            Protocol::Cbor => return cbor::write(result),
            Protocol::Ec2 => {
                let _ =
                    write!(xml, "<{action}Response xmlns=\"{}\"><requestId>{id}</requestId>", wire.namespace);
                element_content(&mut xml, result, "item");
            }
            Protocol::RestXml => {
                let _ = write!(xml, "<{action}Response xmlns=\"{}\">", wire.namespace);
                element_content(&mut xml, result, SINGULAR);
            }
            Protocol::Query => {
                let _ = write!(xml, "<{action}Response xmlns=\"{}\"><{action}Result>", wire.namespace);
                element_content(&mut xml, result, "member");
                let _ = write!(
                    xml,
                    "</{action}Result><ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata>"
                );
            }
        }
        let _ = write!(xml, "</{action}Response>");
        xml.into_bytes()
    }

    /// The body of an error.
    pub fn refusal(self, wire: &Wire, refusal: &Refusal, id: &str) -> Vec<u8> {
        let (code, message) = (xml::content(&refusal.code), xml::content(&refusal.message));
        let typed = || json!({ "__type": shape(wire, &refusal.code), "message": refusal.message });
        match self {
            Protocol::Json(_) => typed().to_string(),
            Protocol::Cbor => return cbor::write(&typed()),
            Protocol::Ec2 => format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{code}</Code>\
                 <Message>{message}</Message></Error></Errors><RequestID>{id}</RequestID></Response>"
            ),
            Protocol::Query | Protocol::RestXml => {
                let whose = if refusal.status < 500 { "Sender" } else { "Receiver" };
                format!(
                    "<ErrorResponse xmlns=\"{}\"><Error><Type>{whose}</Type><Code>{code}</Code>\
                     <Message>{message}</Message></Error><RequestId>{id}</RequestId></ErrorResponse>",
                    wire.namespace
                )
            }
        }
        .into_bytes()
    }

    /// The header with the code that the query protocol has for an error, for the newer protocols of
    /// a service that once knew only that one (trait `awsQueryCompatible`).
    pub fn query_error(self, wire: &Wire, refusal: &Refusal) -> Option<String> {
        let newer = wire.query.is_some() && self.is_typed();
        let whose = if refusal.status < 500 { "Sender" } else { "Receiver" };
        newer.then(|| format!("{};{whose}", refusal.code))
    }
}

/// The name of an error's shape, which JSON and CBOR have in place of the query protocol's code.
fn shape<'a>(wire: &Wire, code: &'a str) -> &'a str {
    wire.errors.iter().find(|(known, _)| *known == code).map_or(code, |(_, shape)| shape)
}

/// The tree with times and maps as JSON has them.
fn plain_json(value: &Value) -> Value {
    match value {
        Value::Null => json!({}),
        Value::Array(items) => items.iter().map(plain_json).collect(),
        Value::Object(map) => match (map.get(TIMESTAMP), map.get(MAP)) {
            (Some(at), _) => json!(seconds(at)),
            (None, Some(map)) => plain_json(map),
            (None, None) => {
                let present = map.iter().filter(|(_, value)| !value.is_null());
                Value::Object(present.map(|(key, value)| (key.clone(), plain_json(value))).collect())
            }
        },
        other => other.clone(),
    }
}

/// The items of a list are named after it, without its last letter: `Tag` of `Tags`.
const SINGULAR: &str = "";

fn element_content(xml: &mut String, value: &Value, item: &str) {
    match value {
        Value::Null => {}
        Value::Object(map) if map.contains_key(TIMESTAMP) || map.contains_key(MAP) => {
            match (map.get(TIMESTAMP), map.get(MAP).and_then(Value::as_object)) {
                (_, Some(map)) => map.iter().for_each(|(key, value)| {
                    element(xml, "entry", &json!({ "key": key, "value": value }), item)
                }),
                (at, None) => element_content(xml, at.unwrap_or_default(), item),
            }
        }
        Value::Object(map) => {
            for (name, value) in map.iter().filter(|(_, value)| !value.is_null()) {
                element(xml, name, value, item);
            }
        }
        Value::Array(items) => items.iter().for_each(|value| element(xml, item, value, item)),
        Value::String(text) => xml.push_str(&xml::content(text)),
        other => xml.push_str(&other.to_string()),
    }
}

fn element(xml: &mut String, name: &str, value: &Value, item: &str) {
    let _ = write!(xml, "<{name}>");
    let own = match (item, value) {
        _ if of_group_ids(name, value) => "groupId",
        (SINGULAR, Value::Array(_)) => name.strip_suffix('s').unwrap_or(name),
        _ => item,
    };
    // An item of a list is named after the list, and what is in it after itself.
    match (item, value) {
        (SINGULAR, Value::Array(items)) => items.iter().for_each(|value| element(xml, own, value, SINGULAR)),
        _ => element_content(xml, value, own),
    }
    let _ = write!(xml, "</{name}>");
}

/// Tells whether a list has elements of another name: the only one in EC2 is the security groups of a launch
/// template's network interface (GroupIdStringList).
fn of_group_ids(name: &str, value: &Value) -> bool {
    name == "groupSet" && value.as_array().is_some_and(|items| items.iter().all(Value::is_string))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_nulls() {
        let result = json!({ "set": [{ "a": 1, "b": null }, { "a": "<&>" }], "ok": true, "none": [] });
        let text = |body| String::from_utf8(body).unwrap();
        insta::assert_snapshot!(text(Protocol::Ec2.answer(&crate::ec2::SERVICE.wire, "X", &result, "r-1")), @r#"<XResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r-1</requestId><set><item><a>1</a></item><item><a>&lt;&amp;&gt;</a></item></set><ok>true</ok><none></none></XResponse>"#);
        insta::assert_snapshot!(text(Protocol::Query.answer(&crate::sts::SERVICE.wire, "X", &json!({ "L": ["a"] }), "r-1")), @r#"<XResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><XResult><L><member>a</member></L></XResult><ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></XResponse>"#);
        let groups = json!({ "groupSet": ["sg-1"] });
        let answer = text(Protocol::Ec2.answer(&crate::ec2::SERVICE.wire, "X", &groups, "r-1"));
        assert!(answer.contains("<groupSet><groupId>sg-1</groupId></groupSet>"), "{answer}");
    }

    #[test]
    fn times_and_maps_are_each_protocols_own() {
        let half = Timestamp::from_millisecond(1_500).unwrap();
        let result =
            json!({ "T": timestamp(half), "M": map(Map::from_iter([("p90".to_owned(), json!(2.0))])) });
        let answer =
            |protocol: Protocol| protocol.answer(&crate::cloudwatch::SERVICE.wire, "X", &result, "r-1");
        let xml = String::from_utf8(answer(Protocol::Query)).unwrap();
        assert!(xml.contains(
            "<T>1970-01-01T00:00:01.500Z</T><M><entry><key>p90</key><value>2.0</value></entry></M>"
        ));
        assert_eq!(answer(Protocol::Json("")), br#"{"T":1.5,"M":{"p90":2.0}}"#);
        let cbor: ciborium::Value = ciborium::from_reader(&*answer(Protocol::Cbor)).unwrap();
        assert_eq!(cbor.as_map().unwrap()[0].1, ciborium::Value::Tag(1, Box::new(1.5.into())));
        assert_eq!(cbor::read(&answer(Protocol::Cbor)), Ok(json!({ "T": 1.5, "M": { "p90": 2.0 } })));
    }
}
