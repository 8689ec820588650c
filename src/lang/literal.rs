//! The text of a number comes in, its value goes out: a number, a duration or a percent. Never guesses a
//! unit.

use std::time::Duration;

use super::ast::Node;
use crate::diagnostic::{FileId, Mistake, Span};
use crate::value::Value;

/// The units of a duration, largest first, in milliseconds.
pub(super) const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// The value of a text that begins with a digit.
pub(super) fn number(text: &str, span: Span) -> Result<Node, Mistake> {
    let bad = |message: &str, help: String| {
        Err(Mistake::new("bgform::lang::bad_number", format!("{message} `{text}`"))
            .at(span, "here")
            .help(help))
    };
    if let Some(digits) = text.strip_suffix('%') {
        return match plain(digits) {
            Some(value) => Ok(Node::Percent(value)),
            None => bad("not a percent:", "a percent is a number and a `%`, such as `25%`".to_owned()),
        };
    }
    if let Some(value) = plain(text) {
        return Ok(Node::Number(value));
    }
    if let Some(duration) = duration(text) {
        return Ok(Node::Duration(duration));
    }
    if text.contains('%') {
        let help = "a percent ends with its `%`; there is no modulo operator".to_owned();
        return bad("not a number:", help);
    }
    if text.contains('_') && plain(&text.replace('_', "")).is_some() {
        return bad("not a number:", format!("write `{}`", text.replace('_', "")));
    }
    if text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let trimmed = text.trim_start_matches('0');
        return bad(
            "a number does not begin with 0:",
            format!("write `{trimmed}`, or `\"{text}\"` if it is a text"),
        );
    }
    if text.matches('.').count() > 1 {
        return bad(
            "not a number:",
            format!("versions and addresses are strings: write all of it in quotes, as in `\"{text}\"`"),
        );
    }
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (digits, word) = text.split_at(split);
    if let Some(help) = unit_help(digits, word) {
        return bad("not a duration:", help);
    }
    let mut units = text.split(|c: char| c.is_ascii_digit()).filter(|unit| !unit.is_empty());
    if units.all(|unit| UNITS.iter().any(|(name, _)| *name == unit)) {
        return bad("not a duration:", "units go from the largest to the smallest, as in `1h30m`".to_owned());
    }
    bad("not a number:", format!("write `\"{text}\"` if it is a text"))
}

/// The value of a text that is a single number, duration or percent.
pub fn value(text: &str) -> Option<Value> {
    let span = Span::new(FileId(0), 0, 0);
    match number(text, span).ok()? {
        Node::Number(value) => Some(Value::Number(value)),
        Node::Duration(value) => Some(Value::Duration(value)),
        Node::Percent(value) => Some(Value::Percent(value)),
        _ => None,
    }
}

/// The remedy for a duration with a unit of another notation.
pub(super) fn unit_help(digits: &str, word: &str) -> Option<String> {
    let unit = match word.to_ascii_lowercase().as_str() {
        "s" | "sec" | "secs" | "second" | "seconds" => "s",
        "m" | "min" | "mins" | "minute" | "minutes" => "m",
        "h" | "hr" | "hrs" | "hour" | "hours" => "h",
        "d" | "day" | "days" => "d",
        "ms" | "msec" | "millis" | "milliseconds" => "ms",
        _ => return None,
    };
    let value = plain(digits)?;
    let (_, factor) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
    if value.fract() == 0.0 {
        return Some(format!("write `{digits}{unit}`"));
    }
    let milliseconds = Duration::try_from_secs_f64(value * factor as f64 / 1000.0).ok()?;
    Some(format!("write `{}`: durations are whole", crate::value::format_duration(milliseconds)))
}

/// `8080`, `0.5`, `1e3`.
fn plain(text: &str) -> Option<f64> {
    let whole = text.split(['.', 'e', 'E']).next().unwrap_or("");
    let shaped = text.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    if !shaped || (whole.len() > 1 && whole.starts_with('0')) {
        return None;
    }
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

/// `90s`, `500ms`, `1h30m`: whole numbers, each unit smaller than the one before.
fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total: u64 = 0;
    let mut last = u64::MAX;
    while !rest.is_empty() {
        let (digits, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let (unit, after) = after.split_at(after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len()));
        let (_, factor) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
        if factor >= last {
            return None;
        }
        last = factor;
        total = total.checked_add(digits.parse::<u64>().ok()?.checked_mul(factor)?)?;
        rest = after;
    }
    (last < u64::MAX).then(|| Duration::from_millis(total))
}
