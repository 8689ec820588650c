//! The differences between two sets of inputs, by the schema. Values come in, changes by attribute go out.
//! Knows no kind by name and makes no call.
//!
//! An attribute without a default that was never declared is the API's choice and is not compared. An
//! attribute that is no longer declared changes to nothing.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::kind::schema::{Attribute, OnChange, Parts, Schema, Type};
use crate::value::{Object, Value};

/// One attribute that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttributeChange {
    /// `health_check.interval`, `action[0].target_group[1].weight`, `tags.team`.
    pub path: String,
    /// `Null` if there was nothing.
    pub before: Value,
    /// `Null` if there will be nothing; unknown if only apply decides.
    pub after: Value,
    /// Whether the change replaces the resource.
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

/// The names of the top-level attributes that have changes.
pub fn changed_attributes(changes: &[AttributeChange]) -> BTreeSet<String> {
    changes.iter().map(|change| change.attribute().to_owned()).collect()
}

/// The changes from `before` to `after`. `last` is what was last applied: an attribute that it declares and
/// `after` does not is removed.
pub fn diff(schema: &Schema, before: &Object, after: &Object, last: &Object) -> Vec<AttributeChange> {
    let mut changes = Vec::new();
    members(&schema.attributes, "", before, after, last, false, &mut changes);
    changes
}

/// The differences between the last applied inputs and the live ones, in declared attributes. An attribute
/// that was not read counts as unchanged.
pub fn drift(schema: &Schema, last: &Object, live: &Object) -> Vec<AttributeChange> {
    let mut changes = Vec::new();
    for attribute in &schema.attributes {
        let declared = last.get(attribute.name);
        let (Some(declared), Some(now)) = (declared, live.get(attribute.name)) else { continue };
        // Compared as if the live value were wanted, but only where the declared value sets something.
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
        let (before, after, last) = (get(before, attribute), get(after, attribute), get(last, attribute));
        if after.is_null() && last.is_null() {
            continue;
        }
        let path = match path {
            "" => attribute.name.to_owned(),
            outer => format!("{outer}.{}", attribute.name),
        };
        value(attribute, &path, before, after, last, replaces, changes);
    }
}

fn get<'a>(members: &'a Object, attribute: &Attribute) -> &'a Value {
    static NULL: Value = Value::Null;
    members.get(attribute.name).unwrap_or(&NULL)
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
    if before.same(after) {
        return;
    }
    let sensitive = before.unmark().1 || after.unmark().1;
    let (before, after, last) = (before.unmark().0, after.unmark().0, last.unmark().0);
    match (ty.parts(before), ty.parts(after)) {
        (Parts::Block(_, old), Parts::Block(attributes, new)) if same_label(ty, before, after) => {
            let empty = Object::new();
            members(attributes, path, old, new, last.as_object().unwrap_or(&empty), replaces, changes);
        }
        (Parts::Items(block, old), Parts::Items(_, new))
            if ty.is_block()
                && ty.is_ordered()
                && old.len() == new.len()
                && old.iter().zip(new).all(|(old, new)| same_label(ty, old, new)) =>
        {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                let last = last.as_list().and_then(|items| items.get(index)).unwrap_or(&Value::Null);
                walk(block, &format!("{path}[{index}]"), old, new, last, replaces, changes);
            }
        }
        // Undeclared members of a block are the API's own choice here too.
        (Parts::Items(..), Parts::Items(..))
            if ty.is_block() && (last.is_null() || last.same(after)) && ty.agrees(after, before) => {}
        (Parts::Members(_, old), Parts::Members(_, new)) => {
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

/// Tells whether two blocks have the same label, and so the same attributes.
fn same_label(ty: &Type, old: &Value, new: &Value) -> bool {
    !matches!(ty, Type::Labelled { .. }) || old.get("type") == new.get("type")
}

/// Tells whether apply's value agrees with the plan's: unknowns may have become anything.
pub fn agrees(planned: &Value, actual: &Value) -> bool {
    match (planned.unmark().0, actual.unmark().0) {
        (Value::Unknown(_), _) => true,
        (Value::List(planned), Value::List(actual)) => {
            // A set with unknowns may be in another order once they are known.
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
        (planned, actual) => planned.same(actual),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::address::Address;
    use crate::kind::schema::{attribute, tags_attribute};
    use crate::object;

    fn schema() -> Schema {
        let check = || {
            vec![
                attribute("path", Type::string(), ""),
                attribute("interval", Type::Duration { min: 1, max: 300 }, "").default_seconds(30),
                attribute("port", Type::Integer { min: 1, max: 65535 }, "").replaces(),
            ]
        };
        Schema {
            kind: "thing",
            doc: "",
            attributes: vec![
                attribute("name", Type::string(), "").replaces(),
                attribute("size", Type::Integer { min: 0, max: 9 }, ""),
                attribute("script", Type::Text { max: 999 }, ""),
                attribute("check", Type::Block(check()), ""),
                attribute("rules", Type::Blocks { attributes: check(), ordered: false, max: 9 }, ""),
                attribute("zones", Type::string().set(), ""),
                tags_attribute(&[]),
            ],
            outputs: Vec::new(),
            not_offered: &[],
            unique: &[],
        }
    }

    fn canonical(value: Value) -> Object {
        schema().canonical(&value.as_object().cloned().unwrap_or_default())
    }

    /// The changed paths, with `!` if the change replaces.
    fn changes(before: Value, after: Value, last: Value) -> Vec<String> {
        diff(&schema(), &canonical(before), &canonical(after), &canonical(last))
            .into_iter()
            .map(|change| format!("{}{}", change.path, if change.replaces { "!" } else { "" }))
            .collect()
    }

    #[test]
    fn what_was_never_declared_is_not_compared() {
        let live = object! { "name" => "a", "size" => 3, "check" => object! { "path" => "/", "port" => 80 } };
        let wanted = object! { "check" => object! { "path" => "/" } };
        assert!(changes(live.clone(), wanted.clone(), wanted.clone()).is_empty());
        let declared_before = object! { "size" => 3, "check" => object! { "path" => "/", "port" => 80 } };
        assert_eq!(changes(live, wanted, declared_before), ["size", "check.port!"]);
    }

    #[test]
    fn a_default_is_what_an_attribute_returns_to() {
        let live = object! { "check" => object! { "interval" => Duration::from_secs(5) } };
        assert_eq!(changes(live, object! { "check" => object! {} }, Value::Null), ["check.interval"]);
    }

    #[test]
    fn the_order_of_a_set_says_nothing_and_that_of_tags_neither() {
        let one = object! { "zones" => vec!["a", "b"], "tags" => object! { "x" => "1", "y" => "2" } };
        let other = object! { "zones" => vec!["b", "a", "a"], "tags" => object! { "y" => "2", "x" => "1" } };
        assert!(changes(one.clone(), other, Value::Null).is_empty());
        let less = object! { "zones" => vec!["a"], "tags" => object! { "x" => "2" } };
        assert_eq!(changes(one, less, Value::Null), ["zones", "tags.x", "tags.y"]);
    }

    #[test]
    fn blocks_in_a_set_leave_to_aws_what_they_do_not_say() {
        let rule = |path: &str| object! { "path" => path };
        let live = object! { "rules" => vec![object! { "path" => "/a", "port" => 80 }, rule("/b")] };
        let wanted = object! { "rules" => vec![rule("/b"), rule("/a")] };
        assert!(changes(live.clone(), wanted.clone(), wanted.clone()).is_empty());
        let last = object! { "rules" => vec![object! { "path" => "/a", "port" => 80 }, rule("/b")] };
        assert_eq!(changes(live.clone(), wanted, last), ["rules"]);
        assert_eq!(changes(live, object! { "rules" => vec![rule("/a")] }, Value::Null), ["rules"]);
    }

    #[test]
    fn what_is_not_known_yet_counts_as_a_change() {
        let later = Value::unknown(&Address::new("thing", "other"), "id");
        let live = object! { "name" => "a", "size" => 1 };
        assert_eq!(changes(live, object! { "name" => later, "size" => 1 }, Value::Null), ["name!"]);
    }

    #[test]
    fn a_secret_stays_one_in_what_is_shown_of_it() {
        let live = canonical(object! { "script" => "old" });
        let wanted = canonical(object! { "script" => Value::string("new").sensitive() });
        let found = diff(&schema(), &live, &wanted, &live);
        assert!(found[0].text);
        assert!(found[0].before.has_sensitive() && found[0].after.has_sensitive());
    }

    #[test]
    fn drift_is_told_from_what_was_applied_to_what_is() {
        let last = canonical(object! { "size" => 1, "zones" => vec!["a"], "script" => "x" });
        let mut live = canonical(object! { "size" => 2, "zones" => vec!["a"], "name" => "anything" });
        live.insert("script".to_owned(), Value::Null);
        let found = drift(&schema(), &last, &live);
        let told: Vec<_> =
            found.iter().map(|one| (one.path.as_str(), one.before.clone(), one.after.clone())).collect();
        assert_eq!(told, [("size", 1.into(), 2.into()), ("script", "x".into(), Value::Null)]);
    }

    #[test]
    fn what_apply_finds_may_only_fill_in_what_was_unknown() {
        let later = Value::unknown(&Address::new("thing", "other"), "id");
        let planned = object! { "name" => later, "size" => 1 };
        assert!(agrees(&planned, &object! { "name" => "x", "size" => 1 }));
        assert!(!agrees(&planned, &object! { "name" => "x", "size" => 2 }));
        assert!(!agrees(&planned, &object! { "name" => "x" }));
    }
}
