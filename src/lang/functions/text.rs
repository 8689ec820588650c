//! Functions of strings.

use crate::value::Value;

use super::{Body, Call, Function, Outcome, row};

pub(super) const TABLE: &[Function] = &[
    row("upper", "upper(string)", "The string in capital letters", (1, 1), Body::Known(upper)),
    row("lower", "lower(string)", "The string in small letters", (1, 1), Body::Known(lower)),
    row("join", "join(separator, list)", "The elements in one string", (2, 2), Body::Known(join)),
];

fn upper(call: &Call<'_>) -> Outcome {
    Ok(Value::String(call.text(0)?.to_uppercase()))
}

fn lower(call: &Call<'_>) -> Outcome {
    Ok(Value::String(call.text(0)?.to_lowercase()))
}

fn join(call: &Call<'_>) -> Outcome {
    Ok(Value::String(call.texts(1)?.join(&call.text(0)?)))
}
