//! Functions of objects.

use indexmap::IndexMap;

use crate::value::{Object, Value};

use super::super::evaluate::{describe, to_text};
use super::{Body, Call, Function, Outcome, row, variadic};

pub(super) const TABLE: &[Function] = &[
    row("keys", "keys(object)", "The keys, sorted", (1, 1), Body::Partial(keys)),
    row("values", "values(object)", "The values, in the order of their keys", (1, 1), Body::Partial(values)),
    row(
        "lookup",
        "lookup(object, key, default)",
        "The value of a key, or the default",
        (2, 3),
        Body::Partial(lookup),
    ),
    variadic(
        "merge",
        "merge(object, ...)",
        "The members of all; of equal keys, the last; nulls are passed over",
        0,
        Body::Partial(merge),
    ),
    row(
        "zipmap",
        "zipmap(keys, values)",
        "An object of two lists of the same length",
        (2, 2),
        Body::Partial(zipmap),
    ),
    row(
        "transpose",
        "transpose(object)",
        "An object of lists turned over: each element becomes a key, with the keys that had it",
        (1, 1),
        Body::Known(transpose),
    ),
];

fn sorted(call: &Call<'_>) -> Result<Object, super::Fault> {
    let mut members = call.object(0)?.clone();
    members.sort_keys();
    Ok(members)
}

fn keys(call: &Call<'_>) -> Outcome {
    Ok(Value::List(sorted(call)?.into_keys().map(Value::String).collect()))
}

fn values(call: &Call<'_>) -> Outcome {
    Ok(Value::List(sorted(call)?.into_values().collect()))
}

fn lookup(call: &Call<'_>) -> Outcome {
    let key = call.text(1)?;
    match call.object(0)?.get(&key) {
        Some(value) => Ok(value.clone()),
        None if call.count() == 3 => Ok(call.get(2).clone()),
        None => Err(call
            .fault(1, format!("the object has no key {}", call.quote(&key)), "no such key")
            .help("a third argument is its result instead")),
    }
}

fn merge(call: &Call<'_>) -> Outcome {
    let mut merged = Object::new();
    for argument in 0..call.count() {
        if !call.get(argument).is_null() {
            merged.extend(call.object(argument)?.clone());
        }
    }
    Ok(Value::Object(merged))
}

fn zipmap(call: &Call<'_>) -> Outcome {
    let (keys, values) = (call.list(0)?, call.list(1)?);
    if keys.len() != values.len() {
        let label = format!("{} keys and {} values", keys.len(), values.len());
        return Err(call.fault(1, "there must be as many values as keys", label));
    }
    let marked = keys.iter().any(|key| key.unmark().1);
    let mut zipped = Object::new();
    for (key, value) in keys.iter().zip(values) {
        match key.unmark().0 {
            Value::Unknown(unknown) => return Ok(Value::Unknown(unknown.clone()).marked_if(marked)),
            key => {
                let key = to_text(key).ok_or_else(|| {
                    call.fault(0, "the keys must be strings", format!("an element is {}", describe(key)))
                })?;
                zipped.insert(key, value.clone());
            }
        }
    }
    Ok(Value::Object(zipped).marked_if(marked))
}

fn transpose(call: &Call<'_>) -> Outcome {
    let mut turned: IndexMap<String, Vec<String>> = IndexMap::new();
    for (key, texts) in sorted(call)? {
        let Value::List(texts) = texts else {
            return Err(call.fault(0, "this must be an object of lists", format!("`{key}` is no list")));
        };
        for text in texts {
            let text = to_text(&text).ok_or_else(|| {
                call.fault(0, "the lists must hold strings", format!("an element is {}", describe(&text)))
            })?;
            let keys = turned.entry(text).or_default();
            if !keys.contains(&key) {
                keys.push(key.clone());
            }
        }
    }
    turned.sort_keys();
    Ok(Value::Object(turned.into_iter().map(|(text, keys)| (text, Value::from(keys))).collect()))
}
