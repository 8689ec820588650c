//! What differs between two sets of inputs, by the schema. Values come in, changes by attribute
//! go out. Knows no kind by name and makes no call.
//!
//! An attribute without a default that was never declared is the API's own business: it is not
//! compared. One that was declared before and is no longer changes to nothing.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::kind::schema::{Attribute, OnChange, Schema, Type};
use crate::value::{Object, Value};

/// One attribute that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttributeChange {
    /// `health_check.interval`, `action[0].target_group[1].weight`, `tags.team`.
    pub path: String,
    /// `Null` where there was nothing.
    pub before: Value,
    /// `Null` where there will be nothing; unknown where apply decides.
    pub after: Value,
    /// Whether the change makes a new resource.
    pub replaces: bool,
    /// Whether both are long texts, compared line by line.
    pub text: bool,
}

impl AttributeChange {
    /// The top-level attribute that the change is in.
    pub fn attribute(&self) -> &str {
        self.path.split(['.', '[']).next().unwrap_or_default()
    }
}

/// The names of the top-level attributes that changes are in.
pub fn changed_attributes(changes: &[AttributeChange]) -> BTreeSet<String> {
    changes.iter().map(|change| change.attribute().to_owned()).collect()
}

/// What must change for `before` to become `after`. `last` is what was last applied: what it
/// declares and `after` does not is taken away.
pub fn diff(schema: &Schema, before: &Object, after: &Object, last: &Object) -> Vec<AttributeChange> {
    let mut changes = Vec::new();
    members(&schema.attributes, "", before, after, last, false, &mut changes);
    changes
}

/// What differs between what was last applied and what is live, of what was declared. An
/// attribute that was not read is as it was.
pub fn drift(schema: &Schema, last: &Object, live: &Object) -> Vec<AttributeChange> {
    let mut changes = Vec::new();
    for attribute in &schema.attributes {
        let declared = last.get(attribute.name);
        let (Some(declared), Some(now)) = (declared, live.get(attribute.name)) else { continue };
        // Compared as if the live value were wanted, but only where the declared one says something.
        let mut found = Vec::new();
        value(attribute, attribute.name, now, declared, &Value::Null, false, &mut found);
        changes.extend(found.into_iter().map(|change| AttributeChange {
            before: change.after,
            after: change.before,
            replaces: false,
            ..change
        }));
    }
    changes
}

#[allow(clippy::too_many_arguments, reason = "three trees and where they stand are walked side by side")]
fn members(
    attributes: &[Attribute],
    path: &str,
    before: &Object,
    after: &Object,
    last: &Object,
    replaces: bool,
    changes: &mut Vec<AttributeChange>,
) {
    for attribute in attributes {
        let path = match path {
            "" => attribute.name.to_owned(),
            outer => format!("{outer}.{}", attribute.name),
        };
        let get = |of: &Object| of.get(attribute.name).cloned().unwrap_or_default();
        let (before, after, last) = (get(before), get(after), get(last));
        if after.is_null() && last.is_null() {
            continue;
        }
        value(attribute, &path, &before, &after, &last, replaces, changes);
    }
}

fn value(
    attribute: &Attribute,
    path: &str,
    before: &Value,
    after: &Value,
    last: &Value,
    replaces: bool,
    changes: &mut Vec<AttributeChange>,
) {
    let replaces = replaces || attribute.on_change == OnChange::Replace;
    walk(&attribute.ty, path, before, after, last, replaces, changes);
}

fn walk(
    ty: &Type,
    path: &str,
    before: &Value,
    after: &Value,
    last: &Value,
    replaces: bool,
    changes: &mut Vec<AttributeChange>,
) {
    let sensitive = before.unmark().1 || after.unmark().1;
    let (before, after, last) = (before.unmark().0, after.unmark().0, last.unmark().0);
    if before.without_marks() == after.without_marks() {
        return;
    }
    let empty = Object::new();
    match (ty, before, after) {
        (Type::Block(attributes), Value::Object(old), Value::Object(new)) => {
            members(attributes, path, old, new, last.as_object().unwrap_or(&empty), replaces, changes);
        }
        (Type::Labelled { many: false, .. }, Value::Object(old), Value::Object(new))
            if old.get("type") == new.get("type") =>
        {
            let label = after.get("type").as_str();
            if let Some(attributes) = ty.block_attributes(label) {
                members(attributes, path, old, new, last.as_object().unwrap_or(&empty), replaces, changes);
            }
        }
        (
            Type::Blocks { ordered: true, .. } | Type::Labelled { many: true, .. },
            Value::List(old),
            Value::List(new),
        ) if old.len() == new.len() && same_labels(old, new) => {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                let last = last.as_list().and_then(|items| items.get(index)).cloned().unwrap_or_default();
                let path = format!("{path}[{index}]");
                if let (Some(attributes), Value::Object(old), Value::Object(new)) =
                    (ty.block_attributes(new.get("type").as_str()), old, new)
                {
                    members(
                        attributes,
                        &path,
                        old,
                        new,
                        last.as_object().unwrap_or(&empty),
                        replaces,
                        changes,
                    );
                }
            }
        }
        // What a block leaves unsaid is the API's own choice here too.
        (Type::Blocks { ordered: false, .. }, Value::List(_), Value::List(_))
            if (last.is_null() || last.without_marks() == after.without_marks())
                && ty.agrees(after, before) => {}
        (Type::Map(_), Value::Object(old), Value::Object(new)) => {
            let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for name in names {
                let (old, new) = (old.get(name).cloned(), new.get(name).cloned());
                if old != new {
                    changes.push(AttributeChange {
                        path: format!("{path}.{name}"),
                        before: old.unwrap_or_default().marked_if(sensitive),
                        after: new.unwrap_or_default().marked_if(sensitive),
                        replaces,
                        text: false,
                    });
                }
            }
        }
        _ => changes.push(AttributeChange {
            path: path.to_owned(),
            before: before.clone().marked_if(sensitive),
            after: after.clone().marked_if(sensitive),
            replaces,
            text: matches!(ty, Type::Text { .. }),
        }),
    }
}

fn same_labels(old: &[Value], new: &[Value]) -> bool {
    old.iter().zip(new).all(|(old, new)| old.get("type") == new.get("type"))
}

/// Whether what apply found agrees with what the plan knew: unknowns may have become anything.
pub fn agrees(planned: &Value, actual: &Value) -> bool {
    match (planned.unmark().0, actual.unmark().0) {
        (Value::Unknown(_), _) => true,
        (Value::List(planned), Value::List(actual)) => {
            // A set with unknowns in it may be in another order once they are known.
            let unknown = planned.iter().any(|value| value.find_unknown().is_some());
            planned.len() == actual.len()
                && (unknown || planned.iter().zip(actual).all(|(planned, actual)| agrees(planned, actual)))
        }
        (Value::Object(planned), Value::Object(actual)) => {
            planned.len() == actual.len()
                && planned
                    .iter()
                    .all(|(name, value)| actual.get(name).is_some_and(|actual| agrees(value, actual)))
        }
        (planned, actual) => planned.without_marks() == actual.without_marks(),
    }
}
