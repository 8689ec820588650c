//! CBOR bodies of the Smithy RPC v2 protocol: <https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html>.

use ciborium::Value as Cbor;
use serde_json::{Map, Number, Value};

use super::answer::{MAP, TIMESTAMP, seconds};

/// The tag of a point in time, in seconds (RFC 8949, 3.4.2).
const EPOCH: u64 = 1;

/// Parses a body. `Err`: why it is no CBOR that JSON could express.
pub fn read(body: &[u8]) -> Result<Value, String> {
    let value: Cbor = ciborium::from_reader(body).map_err(|error| format!("the body is no CBOR: {error}"))?;
    tree(value).ok_or_else(|| "the body has a CBOR value that no AWS shape has".to_owned())
}

/// The body for a tree.
pub fn write(value: &Value) -> Vec<u8> {
    let mut body = Vec::new();
    // Writing to memory does not fail.
    let _ = ciborium::into_writer(&cbor(value), &mut body);
    body
}

fn tree(value: Cbor) -> Option<Value> {
    Some(match value {
        Cbor::Null => Value::Null,
        Cbor::Bool(flag) => Value::Bool(flag),
        Cbor::Text(text) => Value::String(text),
        Cbor::Integer(number) => Value::Number(Number::from_i128(number.into())?),
        // JSON has no number for these; AWS's shapes know them by name.
        Cbor::Float(number) if number.is_nan() => Value::String("NaN".to_owned()),
        Cbor::Float(number) => Number::from_f64(number).map_or_else(
            || Value::String(if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()),
            Value::Number,
        ),
        Cbor::Tag(EPOCH, at) => tree(*at)?,
        Cbor::Array(items) => Value::Array(items.into_iter().map(tree).collect::<Option<_>>()?),
        Cbor::Map(pairs) => {
            let mut map = Map::new();
            for (key, value) in pairs {
                map.insert(key.into_text().ok()?, tree(value)?);
            }
            Value::Object(map)
        }
        _ => return None,
    })
}

fn cbor(value: &Value) -> Cbor {
    match value {
        Value::Null => Cbor::Null,
        Value::Bool(flag) => Cbor::Bool(*flag),
        Value::String(text) => Cbor::Text(text.clone()),
        Value::Number(number) => match number.as_i64() {
            Some(number) => Cbor::Integer(number.into()),
            None => Cbor::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::Array(items) => Cbor::Array(items.iter().map(cbor).collect()),
        Value::Object(map) => match (map.get(TIMESTAMP), map.get(MAP)) {
            (Some(at), _) => Cbor::Tag(EPOCH, Box::new(Cbor::Float(seconds(at)))),
            (None, Some(map)) => cbor(map),
            (None, None) => {
                let pairs = map.iter().filter(|(_, value)| !value.is_null());
                Cbor::Map(pairs.map(|(key, value)| (Cbor::Text(key.clone()), cbor(value))).collect())
            }
        },
    }
}
