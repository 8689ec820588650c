//! `!`, `-`, arithmetic, comparison, equality, `&&` and `||`.

use std::time::Duration;

use crate::diagnostic::{Mistake, Span};
use crate::value::{Value, format_number};

use super::super::ast::{Binary, Expr, Node, Unary};
use super::{Evaluator, describe, not_a_bool};

/// Why two values have no result.
enum Failure {
    /// The operator does not take these types.
    Types,
    Range(&'static str),
}

impl Evaluator<'_> {
    pub(super) fn unary(&mut self, operator: Unary, operand: &Expr) -> Option<Value> {
        let (value, marked) = self.value(operand)?.into_unmarked();
        let value = match (operator, value) {
            (_, unknown @ Value::Unknown(_)) => unknown,
            (Unary::Not, Value::Bool(value)) => Value::Bool(!value),
            // `0 - x`, so that there is no negative zero.
            (Unary::Minus, Value::Number(value)) => Value::Number(0.0 - value),
            (Unary::Not, other) => return self.fail(not_a_bool("what `!` negates", operand, &other)),
            (Unary::Minus, other) => {
                return self.fail(
                    Mistake::new("bgform::lang::wrong_type", "only a number has a negative")
                        .at(operand.span, format!("this is {}", describe(&other))),
                );
            }
        };
        Some(value.marked_if(marked))
    }

    pub(super) fn binary(&mut self, operator: Binary, left: &Expr, right: &Expr) -> Option<Value> {
        if matches!(operator, Binary::And | Binary::Or) {
            return self.logical(operator, left, right);
        }
        let (first, second) = (self.value(left), self.value(right));
        let (first, second) = (first?, second?);
        if matches!(operator, Binary::Equal | Binary::NotEqual) {
            return Some(equality(operator, &first, &second));
        }
        let (first, first_marked) = first.into_unmarked();
        let (second, second_marked) = second.into_unmarked();
        let marked = first_marked || second_marked;
        let result = match (&first, &second) {
            (Value::Unknown(_), _) => Ok(first),
            (_, Value::Unknown(_)) => Ok(second),
            _ => combine(operator, &first, &second).map_err(|failure| match failure {
                Failure::Types => wrong_types(operator, (left, &first), (right, &second)),
                Failure::Range(why) => Mistake::new("bgform::lang::out_of_range", why)
                    .at(left.span.to(right.span), "this has no result"),
            }),
        };
        match result {
            Ok(value) => Some(value.marked_if(marked)),
            Err(mistake) => self.fail(mistake),
        }
    }

    /// Evaluates the right side only if the left does not decide.
    fn logical(&mut self, operator: Binary, left: &Expr, right: &Expr) -> Option<Value> {
        let decides = operator == Binary::Or;
        let what = if decides { "a side of `||`" } else { "a side of `&&`" };
        let first = self.side(left, what);
        let Some((first, marked)) = first else {
            self.side(right, what);
            return None;
        };
        if first == Value::Bool(decides) {
            return Some(first.marked_if(marked));
        }
        let (second, second_marked) = self.side(right, what)?;
        let value = match first {
            Value::Unknown(_) if second != Value::Bool(decides) => first,
            _ => second,
        };
        Some(value.marked_if(marked || second_marked))
    }

    fn side(&mut self, expr: &Expr, what: &str) -> Option<(Value, bool)> {
        let (value, marked) = self.value(expr)?.into_unmarked();
        match value {
            Value::Bool(_) | Value::Unknown(_) => Some((value, marked)),
            other => self.fail(not_a_bool(what, expr, &other)),
        }
    }
}

/// Compares values. Values of different types are different; marks do not count, but taint the answer.
fn equality(operator: Binary, first: &Value, second: &Value) -> Value {
    let marked = first.has_sensitive() || second.has_sensitive();
    let value = match first.find_unknown().or_else(|| second.find_unknown()) {
        Some(unknown) => Value::Unknown(unknown.clone()),
        None => {
            let equal = first.same(second);
            Value::Bool(equal == (operator == Binary::Equal))
        }
    };
    value.marked_if(marked)
}

fn combine(operator: Binary, first: &Value, second: &Value) -> Result<Value, Failure> {
    use Binary::{Add, Divide, Multiply, Subtract};
    match (operator, first, second) {
        (Binary::Less | Binary::LessOrEqual | Binary::Greater | Binary::GreaterOrEqual, a, b) => {
            compare(operator, a, b)
        }
        (Add, Value::Number(a), Value::Number(b)) => number(a + b),
        (Subtract, Value::Number(a), Value::Number(b)) => number(a - b),
        (Multiply, Value::Number(a), Value::Number(b)) => number(a * b),
        (Divide, Value::Number(_) | Value::Duration(_), Value::Number(0.0)) => {
            Err(Failure::Range("division by zero"))
        }
        (Divide, Value::Number(a), Value::Number(b)) => number(a / b),
        (Add, Value::Duration(a), Value::Duration(b)) => {
            a.checked_add(*b).map(Value::Duration).ok_or(Failure::Range("the duration is too long"))
        }
        (Subtract, Value::Duration(a), Value::Duration(b)) => {
            a.checked_sub(*b).map(Value::Duration).ok_or(Failure::Range("a duration cannot be negative"))
        }
        (Divide, Value::Duration(_), Value::Duration(b)) if b.is_zero() => {
            Err(Failure::Range("division by zero"))
        }
        (Divide, Value::Duration(a), Value::Duration(b)) => number(a.as_secs_f64() / b.as_secs_f64()),
        (Multiply, Value::Duration(a), Value::Number(b))
        | (Multiply, Value::Number(b), Value::Duration(a)) => duration(a.as_secs_f64() * b),
        (Divide, Value::Duration(a), Value::Number(b)) => duration(a.as_secs_f64() / b),
        _ => Err(Failure::Types),
    }
}

fn compare(operator: Binary, first: &Value, second: &Value) -> Result<Value, Failure> {
    let ordering = match (first, second) {
        (Value::Number(a), Value::Number(b)) | (Value::Percent(a), Value::Percent(b)) => a.total_cmp(b),
        (Value::Duration(a), Value::Duration(b)) => a.cmp(b),
        _ => return Err(Failure::Types),
    };
    Ok(Value::Bool(match operator {
        Binary::Less => ordering.is_lt(),
        Binary::LessOrEqual => ordering.is_le(),
        Binary::Greater => ordering.is_gt(),
        _ => ordering.is_ge(),
    }))
}

fn number(value: f64) -> Result<Value, Failure> {
    match value.is_finite() {
        // There is no negative zero.
        true => Ok(Value::Number(value + 0.0)),
        false => Err(Failure::Range("the number is too large")),
    }
}

fn duration(seconds: f64) -> Result<Value, Failure> {
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) => Ok(Value::Duration(duration)),
        Err(_) if seconds < 0.0 => Err(Failure::Range("a duration cannot be negative")),
        Err(_) => Err(Failure::Range("the duration is too long")),
    }
}

fn wrong_types(operator: Binary, left: (&Expr, &Value), right: (&Expr, &Value)) -> Mistake {
    let takes = match operator {
        Binary::Add | Binary::Subtract => "two numbers or two durations",
        Binary::Multiply => "two numbers, or a duration and a number",
        Binary::Divide => "two numbers, two durations, or a duration and a number",
        _ => "two numbers, two durations or two percents",
    };
    let label = |(expr, value): (&Expr, &Value)| -> (Span, String) {
        (expr.span, format!("this is {}", describe(value)))
    };
    let ((left_span, left_label), (right_span, right_label)) = (label(left), label(right));
    let mistake = Mistake::new("bgform::lang::wrong_type", format!("`{}` takes {takes}", operator.symbol()))
        .at(left_span, left_label)
        .at(right_span, right_label);
    let plain = [left, right].into_iter().find_map(|(expr, _)| match expr.node {
        Node::Number(number) => Some(format_number(number)),
        _ => None,
    });
    match (left.1, right.1) {
        (Value::String(_), Value::String(_)) if operator == Binary::Add => {
            mistake.help("write `\"${a}${b}\"` to join strings")
        }
        (Value::String(_), _) | (_, Value::String(_)) => {
            mistake.help("`tonumber(...)` reads a number from a string")
        }
        (Value::Duration(_), Value::Number(_)) | (Value::Number(_), Value::Duration(_)) => {
            mistake.help(format!("write `{}s` for seconds", plain.as_deref().unwrap_or("1")))
        }
        (Value::Percent(_), Value::Number(_)) | (Value::Number(_), Value::Percent(_)) => {
            mistake.help(format!("write `{}%` for a percent", plain.as_deref().unwrap_or("1")))
        }
        _ => mistake,
    }
}
