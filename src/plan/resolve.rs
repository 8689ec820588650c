//! Replaces references with ids, ARNs and names. Checked inputs and the known facts of the referenced
//! resources come in. The same tree without references goes out, unknown for a resource that does not exist
//! yet. Makes no call.

use crate::kind::schema::{Attribute, By, Parts, Schema, Type};
use crate::stack::Known;
use crate::value::{Object, Reference, Value};

/// Resolves every reference in canonical inputs as the schema asks, and makes the result canonical.
pub fn resolve(schema: &Schema, inputs: &Object, known: &Known) -> Object {
    let mut resolved = Object::with_capacity(inputs.len());
    for (name, value) in inputs {
        let value = match schema.attribute(name).filter(|_| has_reference(value)) {
            None => Some(value.clone()),
            Some(attribute) => {
                let value = Some(resolve_value(&attribute.ty, value, known)).filter(|value| !value.is_null());
                value.as_ref().or(attribute.default.as_ref()).map(|value| attribute.canonical(value))
            }
        };
        resolved.extend(value.map(|value| (name.clone(), value)));
    }
    resolved
}

fn has_reference(value: &Value) -> bool {
    match value.unmark().0 {
        Value::Ref(_) => true,
        Value::List(items) => items.iter().any(has_reference),
        Value::Object(members) => members.values().any(has_reference),
        _ => false,
    }
}

fn resolve_value(ty: &Type, value: &Value, known: &Known) -> Value {
    match (ty, value.unmark()) {
        (Type::Ref { by, .. }, (Value::Ref(reference), sensitive)) => {
            wanted(reference, *by, known).marked_if(sensitive)
        }
        _ => ty.map_parts(value, &mut |ty, part| resolve_value(ty, part, known)),
    }
}

/// The output of a resource that the API takes for a reference, or an unknown of it.
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

/// The ids in resolved inputs at places where the schema has a reference. The same text elsewhere, such as a
/// name, does not count.
pub fn ids_named<'a>(schema: &'a Schema, inputs: &'a Object) -> Vec<&'a str> {
    let mut found = Vec::new();
    named_by_members(&schema.attributes, inputs, &mut found);
    found
}

fn named_by_members<'a>(attributes: &'a [Attribute], inputs: &'a Object, found: &mut Vec<&'a str>) {
    for attribute in attributes {
        if let Some(value) = inputs.get(attribute.name) {
            named(&attribute.ty, value, found);
        }
    }
}

fn named<'a>(ty: &'a Type, value: &'a Value, found: &mut Vec<&'a str>) {
    match (ty, value.unmark().0) {
        (Type::Ref { .. }, Value::String(text)) => found.push(text),
        (Type::Ref { .. }, Value::Object(outputs)) => {
            found.extend(outputs.values().filter_map(Value::as_str))
        }
        _ => match ty.parts(value) {
            Parts::Items(item, items) => items.iter().for_each(|value| named(item, value, found)),
            Parts::Members(item, members) => members.values().for_each(|value| named(item, value, found)),
            Parts::Block(attributes, members) => named_by_members(attributes, members, found),
            Parts::Whole(_) => {}
        },
    }
}
