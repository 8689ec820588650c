//! Functions of numbers; `min` and `max` also compare durations and percents.

use std::cmp::Ordering;

use crate::value::Value;

use super::{Body, Call, Fault, Function, Outcome, row, variadic};

pub(super) const TABLE: &[Function] = &[
    row("abs", "abs(number)", "The number without its sign", (1, 1), Body::Known(abs)),
    row("ceil", "ceil(number)", "The next whole number upwards", (1, 1), Body::Known(ceil)),
    row("floor", "floor(number)", "The next whole number downwards", (1, 1), Body::Known(floor)),
    row("pow", "pow(number, exponent)", "The number to a power", (2, 2), Body::Known(pow)),
    row("log", "log(number, base)", "The logarithm to a base", (2, 2), Body::Known(log)),
    row("signum", "signum(number)", "-1, 0 or 1, as the number's sign is", (1, 1), Body::Known(signum)),
    row("sum", "sum(list)", "The numbers added up", (1, 1), Body::Known(sum)),
    row(
        "parseint",
        "parseint(string, base)",
        "A whole number written in a base from 2 to 36",
        (2, 2),
        Body::Known(parseint),
    ),
    variadic("min", "min(value, ...)", "The least of numbers, durations or percents", 1, Body::Known(min)),
    variadic("max", "max(value, ...)", "The greatest of numbers, durations or percents", 1, Body::Known(max)),
];

fn finite(call: &Call<'_>, number: f64) -> Outcome {
    match number.is_finite() {
        true => Ok(Value::Number(number + 0.0)),
        false => Err(call.fault(0, "the result is no number, or too large", "no result")),
    }
}

fn abs(call: &Call<'_>) -> Outcome {
    finite(call, call.number(0)?.abs())
}

fn ceil(call: &Call<'_>) -> Outcome {
    finite(call, call.number(0)?.ceil())
}

fn floor(call: &Call<'_>) -> Outcome {
    finite(call, call.number(0)?.floor())
}

fn pow(call: &Call<'_>) -> Outcome {
    finite(call, call.number(0)?.powf(call.number(1)?))
}

fn log(call: &Call<'_>) -> Outcome {
    finite(call, call.number(0)?.ln() / call.number(1)?.ln())
}

fn signum(call: &Call<'_>) -> Outcome {
    let number = call.number(0)?;
    finite(call, if number == 0.0 { 0.0 } else { number.signum() })
}

fn sum(call: &Call<'_>) -> Outcome {
    match call.numbers(0)? {
        numbers if numbers.is_empty() => Err(call.fault(0, "an empty list has no sum", "empty")),
        numbers => finite(call, numbers.into_iter().sum()),
    }
}

fn parseint(call: &Call<'_>) -> Outcome {
    let text = call.text(0)?;
    let base = call.size(1, 36)?;
    let base = u32::try_from(base).ok().filter(|base| *base >= 2);
    let base = base.ok_or_else(|| call.fault(1, "the base is from 2 to 36", "no base"))?;
    i64::from_str_radix(&text, base).map(Value::from).map_err(|_| {
        call.fault(0, format!("{} is no whole number in base {base}", call.quote(&text)), "not a number")
    })
}

fn min(call: &Call<'_>) -> Outcome {
    choose(call, Ordering::Less)
}

fn max(call: &Call<'_>) -> Outcome {
    choose(call, Ordering::Greater)
}

/// The argument that compares with all others as `wanted`.
fn choose(call: &Call<'_>, wanted: Ordering) -> Outcome {
    let mut best = call.get(0);
    compare(call, 0, best)?;
    for argument in 1..call.count() {
        if compare(call, argument, best)? == wanted {
            best = call.get(argument);
        }
    }
    Ok(best.clone())
}

fn compare(call: &Call<'_>, argument: usize, with: &Value) -> Result<Ordering, Fault> {
    match (call.get(argument), with) {
        (Value::Number(a), Value::Number(b)) | (Value::Percent(a), Value::Percent(b)) => Ok(a.total_cmp(b)),
        (Value::Duration(a), Value::Duration(b)) => Ok(a.cmp(b)),
        (Value::List(_), _) => {
            Err(call.wrong(argument, "a number, a duration or a percent").help("write `...` after a list"))
        }
        (_, Value::Number(_)) => Err(call.wrong(argument, "a number, as the first is")),
        (_, Value::Duration(_)) => Err(call.wrong(argument, "a duration, as the first is")),
        (_, Value::Percent(_)) => Err(call.wrong(argument, "a percent, as the first is")),
        _ => Err(call.wrong(argument, "a number, a duration or a percent")),
    }
}
