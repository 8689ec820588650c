//! The fingerprint that distinguishes releases: a digest of everything that reaches an instance or says how
//! it is judged. Makes no call.

use sha2::{Digest, Sha256};

use crate::address::Address;
use crate::deployment::nested::ships;
use crate::diagnostic::Mistake;
use crate::facts::Colour;
use crate::kind;
use crate::stack::{Known, View};
use crate::value::{Object, Value};

/// Returns the digest of the instances as the deployment's file describes them, with the known facts, and the
/// digest of the target group alone. An `existing` resource counts by its id, a baked image by its inputs.
pub fn fingerprint(
    program: &View<'_>,
    name: &str,
    known: &Known,
    mistakes: &mut Vec<Mistake>,
) -> Option<(String, String)> {
    let mut judged = String::new();
    let mut digest = Sha256::new();
    let seam = program.fleet(name)?;
    for kind in [seam.source(), seam.targets(), seam.kind()] {
        let all = Address::new(kind, name);
        let address = if kind == seam.source() { all } else { all.with_key(Colour::Blue.name()) };
        let mut inputs = inputs(program, &address, known, mistakes)?;
        inputs.retain(|name, _| ships(seam, kind, name));
        let text = said(program, &Value::Object(inputs), known, mistakes)?.to_string();
        if kind == seam.targets() {
            judged = short(Sha256::digest(&text));
        }
        digest.update(text);
    }
    Some((short(digest.finalize()), judged))
}

fn short(digest: impl AsRef<[u8]>) -> String {
    hex::encode(digest).chars().take(16).collect()
}

fn inputs(
    program: &View<'_>,
    address: &Address,
    known: &Known,
    mistakes: &mut Vec<Mistake>,
) -> Option<Object> {
    let node = program.nodes.iter().find(|node| node.address == *address)?;
    Some(program.evaluate(node, known, mistakes)?.inputs)
}

/// A value with each reference replaced by the value that it stands for.
fn said(
    program: &View<'_>,
    value: &Value,
    known: &Known,
    mistakes: &mut Vec<Mistake>,
) -> Option<serde_json::Value> {
    Some(match value.unmark().0 {
        Value::Ref(reference) => {
            let address = &reference.address;
            let is_managed = program.nodes.iter().any(|node| node.managed && node.address == *address);
            match is_managed {
                // A bake counts by its inputs.
                true if kind::find_managed(&address.kind).is_some_and(|kind| kind.is_its_inputs()) => {
                    let mut inputs = inputs(program, address, known, mistakes)?;
                    inputs.retain(|name, _| name != "tags");
                    said(program, &Value::Object(inputs), known, mistakes)?
                }
                true => serde_json::Value::from(reference.to_string()),
                false => {
                    let facts = known.get(address);
                    let member = facts.and_then(|facts| facts.members.as_ref()).zip(reference.index);
                    let outputs = match member {
                        Some((members, index)) => members.get(index),
                        None => facts.map(|facts| &facts.outputs),
                    };
                    let id = outputs.and_then(|outputs| outputs.get("id")).and_then(Value::as_str);
                    serde_json::Value::from(id.map_or_else(|| reference.to_string(), str::to_owned))
                }
            }
        }
        Value::Unknown(unknown) => {
            serde_json::Value::from(format!("{}.{}", unknown.address, unknown.attribute))
        }
        Value::List(items) => {
            let items: Option<Vec<_>> =
                items.iter().map(|item| said(program, item, known, mistakes)).collect();
            serde_json::Value::from(items?)
        }
        Value::Object(members) => {
            let mut told = serde_json::Map::new();
            for (name, member) in members {
                told.insert(name.clone(), said(program, member, known, mistakes)?);
            }
            serde_json::Value::Object(told)
        }
        other => other.to_typed_json(),
    })
}
