//! Conversions of types, and alternatives to null.

use crate::value::Value;

use super::{Body, Call, Function, Outcome, row, variadic};

pub(super) const TABLE: &[Function] = &[
    row(
        "tostring",
        "tostring(value)",
        "The value as a string; null stays null",
        (1, 1),
        Body::Known(tostring),
    ),
    row(
        "tonumber",
        "tonumber(value)",
        "The number that a string says; null stays null",
        (1, 1),
        Body::Known(tonumber),
    ),
    row(
        "tobool",
        "tobool(value)",
        "`\"true\"` and `\"false\"` as bools; null stays null",
        (1, 1),
        Body::Known(tobool),
    ),
    row("tolist", "tolist(list)", "The list", (1, 1), Body::Partial(tolist)),
    row("toset", "toset(list)", "The elements, each once, sorted", (1, 1), Body::Known(toset)),
    row("tomap", "tomap(object)", "The object", (1, 1), Body::Partial(tomap)),
    row("sensitive", "sensitive(value)", "The value, never shown", (1, 1), Body::Any(sensitive)),
    row(
        "nonsensitive",
        "nonsensitive(value)",
        "The value, which may be shown",
        (1, 1),
        Body::Any(nonsensitive),
    ),
    row(
        "issensitive",
        "issensitive(value)",
        "Whether the value, or a part of it, is sensitive",
        (1, 1),
        Body::Any(issensitive),
    ),
    variadic(
        "coalesce",
        "coalesce(value, ...)",
        "The first argument that is neither null nor an empty string",
        1,
        Body::Any(coalesce),
    ),
];

fn tostring(call: &Call<'_>) -> Outcome {
    match call.get(0) {
        Value::Null => Ok(Value::Null),
        _ => call.text(0).map(Value::String),
    }
}

fn tonumber(call: &Call<'_>) -> Outcome {
    match call.get(0) {
        kept @ (Value::Null | Value::Number(_)) => Ok(kept.clone()),
        Value::String(text) => {
            // The parser also takes words such as `inf`, which are no numbers here.
            let plain = text.chars().all(|c| c.is_ascii_digit() || "+-.eE".contains(c));
            match text.parse::<f64>() {
                Ok(number) if plain && number.is_finite() => Ok(Value::Number(number + 0.0)),
                _ => Err(call.fault(0, format!("{} is no number", call.quote(text)), "not a number")),
            }
        }
        Value::Duration(_) => {
            Err(call.wrong(0, "a string or a number").help("`5m / 1s` is a number of seconds"))
        }
        _ => Err(call.wrong(0, "a string or a number")),
    }
}

fn tobool(call: &Call<'_>) -> Outcome {
    match call.get(0) {
        kept @ (Value::Null | Value::Bool(_)) => Ok(kept.clone()),
        Value::String(text) => text.parse().map(Value::Bool).map_err(|_| {
            call.fault(0, format!("{} is neither `true` nor `false`", call.quote(text)), "not a bool")
        }),
        _ => Err(call.wrong(0, "a string or a bool")),
    }
}

fn tolist(call: &Call<'_>) -> Outcome {
    Ok(Value::List(call.list(0)?.to_vec()))
}

fn tomap(call: &Call<'_>) -> Outcome {
    Ok(Value::Object(call.object(0)?.clone()))
}

fn toset(call: &Call<'_>) -> Outcome {
    Ok(Value::List(as_set(call.list(0)?.iter())))
}

/// Each element once; sorted if all are strings or all are numbers, otherwise in their order.
pub(super) fn as_set<'a>(items: impl Iterator<Item = &'a Value>) -> Vec<Value> {
    let mut set = super::list::each_once(items);
    super::list::sort_values(&mut set);
    set
}

fn sensitive(call: &Call<'_>) -> Outcome {
    Ok(call.get(0).clone().sensitive())
}

fn nonsensitive(call: &Call<'_>) -> Outcome {
    Ok(call.get(0).clone().into_unmarked().0)
}

fn issensitive(call: &Call<'_>) -> Outcome {
    Ok(Value::Bool(call.get(0).has_sensitive()))
}

fn coalesce(call: &Call<'_>) -> Outcome {
    let mut marked = false;
    for value in &call.values {
        marked |= value.unmark().1;
        match value.unmark().0 {
            Value::Null => {}
            Value::String(text) if text.is_empty() => {}
            found => return Ok(found.clone().marked_if(marked)),
        }
    }
    Err(call.fault(0, "every argument is null or an empty string", "nothing to take"))
}
