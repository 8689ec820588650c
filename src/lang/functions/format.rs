//! `format` and `formatlist`, with Terraform's verbs.

use std::iter::Peekable;
use std::str::Chars;

use crate::value::{Value, format_number};

use super::super::evaluate::describe;
use super::encoding::json;
use super::{Body, Call, Fault, Function, Outcome, variadic};

pub(super) const TABLE: &[Function] = &[
    variadic(
        "format",
        "format(format, value, ...)",
        "The format with `%s`, `%d`, `%05.1f`, `%q`, `%v`, `%x`, `%t`, `%%` and so on filled in",
        1,
        Body::Known(format),
    ),
    variadic(
        "formatlist",
        "formatlist(format, value, ...)",
        "`format` for every element of the lists among the values, side by side",
        1,
        Body::Known(formatlist),
    ),
];

/// Maximum width of a field and number of digits.
const WIDEST: usize = 1024;

/// One parsed `%...`: `%[2]-08.3f`.
#[derive(Debug, Default)]
struct Verb {
    minus: bool,
    plus: bool,
    space: bool,
    zero: bool,
    sharp: bool,
    width: usize,
    precision: Option<usize>,
    /// The number of its argument, from 1, if it has one.
    argument: Option<usize>,
    letter: char,
    /// Its source text, for mistakes.
    text: String,
}

fn format(call: &Call<'_>) -> Outcome {
    filled(call).map(Value::String)
}

fn formatlist(call: &Call<'_>) -> Outcome {
    let mut count = None;
    for argument in 1..call.count() {
        if let Value::List(items) = call.get(argument) {
            match count {
                Some(count) if count != items.len() => {
                    let label = format!("{} elements, not {count}", items.len());
                    return Err(call.fault(argument, "the lists must be of the same length", label));
                }
                _ => count = Some(items.len()),
            }
        }
    }
    let mut texts = Vec::new();
    let mut size = 0;
    for index in 0..count.unwrap_or(1) {
        let values = call.values.iter().map(|value| match value {
            Value::List(items) => items.get(index).cloned().unwrap_or_default(),
            value => value.clone(),
        });
        let text = filled(&Call { values: values.collect(), spans: call.spans.clone(), ..*call })?;
        size += text.len();
        call.fits(size)?;
        texts.push(Value::String(text));
    }
    Ok(Value::List(texts))
}

fn filled(call: &Call<'_>) -> Result<String, Fault> {
    let format = call.text(0)?;
    let mut chars = format.chars().peekable();
    let mut text = String::new();
    let (mut next, mut used) = (1, 0);
    while let Some(c) = chars.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        let verb = read(call, &mut chars)?;
        if verb.letter == '%' {
            text.push('%');
            continue;
        }
        let argument = verb.argument.unwrap_or(next);
        if argument == 0 || argument >= call.count() {
            let message = format!("there is no value for `{}`", verb.text);
            return Err(call.fault(0, message, format!("{} values given", call.count() - 1)));
        }
        text.push_str(&written(call, argument, &verb)?);
        call.fits(text.len())?;
        next = argument + 1;
        used = used.max(argument);
    }
    match used + 1 < call.count() {
        true => Err(call.fault(used + 1, "the format has no verb for this value", "not used")),
        false => Ok(text),
    }
}

/// Parses the text after a `%`.
fn read(call: &Call<'_>, chars: &mut Peekable<Chars<'_>>) -> Result<Verb, Fault> {
    let mut verb = Verb { text: "%".to_owned(), ..Verb::default() };
    while let Some(flag) = chars.next_if(|c| "-+ 0#".contains(*c)) {
        verb.text.push(flag);
        match flag {
            '-' => verb.minus = true,
            '+' => verb.plus = true,
            ' ' => verb.space = true,
            '0' => verb.zero = true,
            _ => verb.sharp = true,
        }
    }
    position(call, chars, &mut verb)?;
    verb.width = digits(call, chars, &mut verb)?.unwrap_or(0);
    if chars.next_if_eq(&'.').is_some() {
        verb.text.push('.');
        verb.precision = Some(digits(call, chars, &mut verb)?.unwrap_or(0));
    }
    position(call, chars, &mut verb)?;
    let Some(letter) = chars.next() else {
        let message = format!("`{}` at the end of the format is not complete", verb.text);
        return Err(call.fault(0, message, "ends in a verb").help("write `%%` for a percent sign"));
    };
    verb.text.push(letter);
    verb.letter = letter;
    match "%sdfvqxXtbogGeE".contains(letter) {
        true => Ok(verb),
        false => Err(call
            .fault(0, format!("there is no verb `{}`", verb.text), "unknown verb")
            .help("write `%%` for a percent sign")),
    }
}

/// `[2]`: the number of the argument.
fn position(call: &Call<'_>, chars: &mut Peekable<Chars<'_>>, verb: &mut Verb) -> Result<(), Fault> {
    if chars.next_if_eq(&'[').is_none() {
        return Ok(());
    }
    verb.text.push('[');
    verb.argument = digits(call, chars, verb)?;
    match chars.next_if_eq(&']').and(verb.argument) {
        Some(_) => {
            verb.text.push(']');
            Ok(())
        }
        None => Err(call.fault(0, format!("`{}` is not complete", verb.text), "no `]`")),
    }
}

fn digits(call: &Call<'_>, chars: &mut Peekable<Chars<'_>>, verb: &mut Verb) -> Result<Option<usize>, Fault> {
    let mut number = None;
    while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
        verb.text.extend(chars.next());
        let value = number.unwrap_or(0) * 10 + digit as usize;
        if value > WIDEST {
            let message = format!("the number in `{}` is more than {WIDEST}", verb.text);
            return Err(call.fault(0, message, "too large"));
        }
        number = Some(value);
    }
    Ok(number)
}

fn written(call: &Call<'_>, argument: usize, verb: &Verb) -> Result<String, Fault> {
    let value = call.get(argument);
    let text = match verb.letter {
        's' => call.text(argument)?,
        'v' if verb.sharp => json(call, argument)?,
        'v' => match value {
            Value::List(_) | Value::Object(_) | Value::Null => json(call, argument)?,
            _ => call.text(argument)?,
        },
        'q' => serde_json::Value::String(call.text(argument)?).to_string(),
        't' => match value {
            Value::Bool(value) => value.to_string(),
            _ => return Err(call.wrong(argument, "a bool").help(format!("for `{}`", verb.text))),
        },
        _ => return number(call, argument, verb),
    };
    let text = match verb.precision {
        Some(most) if verb.letter != 't' => text.chars().take(most).collect(),
        _ => text,
    };
    Ok(padded(text, verb, false))
}

fn number(call: &Call<'_>, argument: usize, verb: &Verb) -> Result<String, Fault> {
    let value = match call.get(argument) {
        Value::Number(number) => *number,
        other => {
            let message = format!("`{}` takes a number", verb.text);
            return Err(call.fault(argument, message, format!("this is {}", describe(other))));
        }
    };
    let (negative, size) = (value.is_sign_negative() && value != 0.0, value.abs());
    let digits = match verb.letter {
        'f' => format!("{size:.*}", verb.precision.unwrap_or(6)),
        'e' | 'E' => exponent(size, verb.precision.unwrap_or(6)),
        'g' | 'G' => format_number(size),
        letter => {
            if size.fract() != 0.0 || size >= u64::MAX as f64 {
                let message = format!("`{}` takes a whole number", verb.text);
                return Err(call
                    .fault(argument, message, "not a whole number")
                    .help("`%f` takes any number"));
            }
            let size = size as u64;
            match letter {
                'x' if verb.sharp => format!("{size:#x}"),
                'x' => format!("{size:x}"),
                'X' if verb.sharp => format!("0X{size:X}"),
                'X' => format!("{size:X}"),
                'o' if verb.sharp => format!("0{size:o}"),
                'o' => format!("{size:o}"),
                'b' => format!("{size:b}"),
                _ => size.to_string(),
            }
        }
    };
    let digits = if matches!(verb.letter, 'E' | 'G') { digits.to_uppercase() } else { digits };
    let sign = match (negative, verb.plus, verb.space) {
        (true, ..) => "-",
        (_, true, _) => "+",
        (_, _, true) => " ",
        _ => "",
    };
    Ok(padded(format!("{sign}{digits}"), verb, true))
}

/// `1.500000e+03`
fn exponent(size: f64, precision: usize) -> String {
    let text = format!("{size:.precision$e}");
    match text.split_once('e') {
        Some((digits, exponent)) => {
            let (sign, exponent) = match exponent.strip_prefix('-') {
                Some(exponent) => ('-', exponent),
                None => ('+', exponent),
            };
            format!("{digits}e{sign}{exponent:0>2}")
        }
        None => text,
    }
}

fn padded(text: String, verb: &Verb, is_number: bool) -> String {
    let missing = verb.width.saturating_sub(text.chars().count());
    if missing == 0 {
        return text;
    }
    if verb.minus {
        return text + &" ".repeat(missing);
    }
    if verb.zero && is_number {
        let sign = text.len() - text.trim_start_matches(['-', '+', ' ']).len();
        let (sign, digits) = text.split_at(sign);
        return format!("{sign}{}{digits}", "0".repeat(missing));
    }
    " ".repeat(missing) + &text
}
