//! Puts ids, ARNs and names where references stand. Checked inputs and what is known of the
//! resources that they name come in; the same tree without references goes out, unknown where a
//! resource does not exist yet. Makes no call.

use crate::kind::schema::{Attribute, By, Schema, Type};
use crate::lang::scope::Known;
use crate::value::{Object, Reference, Value};

/// Inputs with every reference resolved as the schema asks.
pub fn resolve(schema: &Schema, inputs: &Object, known: &Known) -> Object {
    let resolved = members(&schema.attributes, inputs, known);
    schema.canonical(resolved)
}

fn members(attributes: &[Attribute], inputs: &Object, known: &Known) -> Object {
    inputs
        .iter()
        .map(|(name, value)| {
            let ty =
                attributes.iter().find(|attribute| attribute.name == name).map(|attribute| &attribute.ty);
            (name.clone(), ty.map_or_else(|| value.clone(), |ty| resolve_value(ty, value, known)))
        })
        .collect()
}

fn resolve_value(ty: &Type, value: &Value, known: &Known) -> Value {
    let (plain, sensitive) = value.unmark();
    let resolved = match (ty, plain) {
        (Type::Ref { by, .. }, Value::Ref(reference)) => wanted(reference, *by, known),
        (Type::List(item) | Type::Set(item) | Type::Map(item), Value::List(items)) => {
            Value::List(items.iter().map(|value| resolve_value(item, value, known)).collect())
        }
        (Type::Map(item), Value::Object(inner)) => {
            Value::Object(inner.iter().map(|(k, v)| (k.clone(), resolve_value(item, v, known))).collect())
        }
        (Type::Block(attributes), Value::Object(inner)) => Value::Object(members(attributes, inner, known)),
        (Type::Blocks { attributes, .. }, Value::List(items)) => Value::List(
            items
                .iter()
                .map(|item| match item {
                    Value::Object(inner) => Value::Object(members(attributes, inner, known)),
                    other => other.clone(),
                })
                .collect(),
        ),
        (Type::Labelled { .. }, Value::List(items)) => {
            Value::List(items.iter().map(|item| resolve_value(ty, item, known)).collect())
        }
        (Type::Labelled { .. }, Value::Object(inner)) => {
            let label = plain.get("type").as_str();
            match ty.block_attributes(label) {
                Some(attributes) => Value::Object(members(attributes, inner, known)),
                None => plain.clone(),
            }
        }
        (_, other) => other.clone(),
    };
    resolved.marked_if(sensitive)
}

/// What the API wants of a resource, or an unknown of it.
fn wanted(reference: &Reference, by: By, known: &Known) -> Value {
    let output = |name: &str| {
        let facts = known.get(&reference.address);
        let found = match (facts, reference.index) {
            (Some(facts), Some(index)) => facts
                .members
                .as_ref()
                .and_then(|members| members.get(index))
                .and_then(|member| member.get(name)),
            (Some(facts), None) => facts.outputs.get(name),
            (None, _) => None,
        };
        found.cloned().unwrap_or_else(|| Value::unknown(&reference.address, name))
    };
    match by {
        By::Id => output("id"),
        By::Arn => output("arn"),
        By::Name => output("name"),
        By::Outputs(names) => {
            Value::Object(names.iter().map(|name| ((*name).to_owned(), output(name))).collect())
        }
    }
}

/// Whether resolved inputs name `id` where the schema has a reference. The same text elsewhere, a
/// name for instance, says nothing.
pub fn refers_to(schema: &Schema, inputs: &Object, id: &str) -> bool {
    any_member(&schema.attributes, inputs, id)
}

fn any_member(attributes: &[Attribute], inputs: &Object, id: &str) -> bool {
    attributes
        .iter()
        .any(|attribute| inputs.get(attribute.name).is_some_and(|value| names(&attribute.ty, value, id)))
}

fn names(ty: &Type, value: &Value, id: &str) -> bool {
    match (ty, value.unmark().0) {
        (Type::Ref { .. }, Value::String(text)) => text == id,
        (Type::Ref { .. }, Value::Object(outputs)) => {
            outputs.values().any(|value| value.as_str() == Some(id))
        }
        (Type::List(item) | Type::Set(item), Value::List(items)) => {
            items.iter().any(|value| names(item, value, id))
        }
        (Type::Map(item), Value::Object(members)) => members.values().any(|value| names(item, value, id)),
        (Type::Blocks { .. } | Type::Labelled { .. }, Value::List(items)) => {
            items.iter().any(|item| names_in_block(ty, item, id))
        }
        (Type::Block(_) | Type::Labelled { .. }, Value::Object(_)) => names_in_block(ty, value, id),
        _ => false,
    }
}

fn names_in_block(ty: &Type, block: &Value, id: &str) -> bool {
    match (ty.block_attributes(block.get("type").as_str()), block.as_object()) {
        (Some(attributes), Some(members)) => any_member(attributes, members, id),
        _ => false,
    }
}
