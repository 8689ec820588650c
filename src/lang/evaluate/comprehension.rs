//! `[for v in list : ...]` and `{ for k, v in object : k => v }`.

use crate::diagnostic::{Mistake, Span};
use crate::value::{Object, Unknown, Value};

use super::super::ast::{Expr, For};
use super::access::Collection;
use super::{Evaluator, LARGEST, not_a_bool};

/// The results of a comprehension so far.
struct Results {
    items: Vec<Value>,
    members: Object,
    /// The remaining size, in bytes.
    left: usize,
    /// Set if the shape of the result is known only after apply.
    unknown: Option<Unknown>,
    marked: bool,
}

impl Evaluator<'_> {
    /// Iterates over lists in order and over objects by key. A mistake ends it, so that it is reported once
    /// and not for each element.
    pub(super) fn comprehension(&mut self, it: &For, span: Span) -> Option<Value> {
        let (value, marked) = self.value(&it.collection)?.into_unmarked();
        let mut results =
            Results { items: Vec::new(), members: Object::new(), left: LARGEST, unknown: None, marked };
        match self.collection(value, it.collection.span, "`for` goes through")? {
            Collection::List(items) => {
                for (index, item) in items.into_iter().enumerate() {
                    self.turn(it, Value::Number(index as f64), item, &mut results)?;
                }
            }
            Collection::Object(members) => {
                for (key, member) in members {
                    self.turn(it, Value::String(key), member, &mut results)?;
                }
            }
            // One iteration, for the mistakes in it.
            Collection::Unread(reference) => {
                let later = Unknown { address: reference.address.clone(), attribute: "id".to_owned() };
                self.turn(it, Value::Unknown(later.clone()), Value::Ref(reference), &mut results)?;
                results.unknown = Some(later);
            }
            Collection::Unknown(unknown) => {
                let later = Value::Unknown(unknown.clone());
                self.turn(it, later.clone(), later, &mut results)?;
                results.unknown = Some(unknown);
            }
        }
        let value = match results.unknown {
            Some(unknown) => Value::Unknown(unknown),
            None if it.result_key.is_some() => Value::Object(results.members),
            None => Value::List(results.items),
        };
        self.bounded(value.marked_if(results.marked), span)
    }

    fn turn(&mut self, it: &For, key: Value, value: Value, results: &mut Results) -> Option<()> {
        let outer = self.loops.len();
        if let Some(name) = &it.key {
            self.loops.push((name.text.clone(), key));
        }
        self.loops.push((it.value.text.clone(), value));
        let done = self.turn_inside(it, results);
        self.loops.truncate(outer);
        done
    }

    fn turn_inside(&mut self, it: &For, results: &mut Results) -> Option<()> {
        if let Some(condition) = &it.condition {
            let (value, marked) = self.value(condition)?.into_unmarked();
            results.marked |= marked;
            match value {
                Value::Bool(true) => {}
                Value::Bool(false) => return Some(()),
                Value::Unknown(unknown) => {
                    results.unknown.get_or_insert(unknown);
                }
                other => return self.fail(not_a_bool("what follows `if`", condition, &other)),
            }
        }
        let Some(key_expr) = &it.result_key else {
            let value = self.value(&it.result)?;
            self.grown(&value, &mut results.left, it.result.span)?;
            results.items.push(value);
            return Some(());
        };
        let key = self.key(key_expr);
        let value = self.value(&it.result)?;
        self.grown(&value, &mut results.left, it.result.span)?;
        let (key, marked) = key?;
        results.marked |= marked;
        match key {
            Value::String(key) => self.insert(it, key_expr, key, value, marked, results),
            Value::Unknown(unknown) => {
                results.unknown.get_or_insert(unknown);
                Some(())
            }
            _ => None,
        }
    }

    fn insert(
        &mut self,
        it: &For,
        key_expr: &Expr,
        key: String,
        value: Value,
        hidden: bool,
        results: &mut Results,
    ) -> Option<()> {
        if it.grouped {
            match results.members.entry(key).or_insert_with(|| Value::List(Vec::new())) {
                Value::List(items) => items.push(value),
                // INVARIANT: a grouped object has lists only.
                _ => return None,
            }
            return Some(());
        }
        // While a condition is unknown, a repeated key may turn out to be unique.
        if results.members.contains_key(&key) && results.unknown.is_none() {
            let shown = if hidden { "a sensitive key".to_owned() } else { format!("`{key}`") };
            return self.fail(
                Mistake::new("bgform::lang::duplicate_key", format!("two elements have the key {shown}"))
                    .at(key_expr.span, "not unique")
                    .help("write `...` after the value to gather the values of equal keys in lists"),
            );
        }
        results.members.insert(key, value);
        Some(())
    }
}
