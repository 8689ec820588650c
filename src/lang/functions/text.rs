//! Functions of strings.

use crate::value::Value;

use super::{Body, Call, Fault, Function, Outcome, row};

pub(super) const TABLE: &[Function] = &[
    row("upper", "upper(string)", "The string in capital letters", (1, 1), Body::Known(upper)),
    row("lower", "lower(string)", "The string in small letters", (1, 1), Body::Known(lower)),
    row(
        "title",
        "title(string)",
        "The string with every word's first letter capital",
        (1, 1),
        Body::Known(title),
    ),
    row("trimspace", "trimspace(string)", "Without white space at both ends", (1, 1), Body::Known(trimspace)),
    row(
        "trim",
        "trim(string, characters)",
        "Without any of these characters at both ends",
        (2, 2),
        Body::Known(trim),
    ),
    row(
        "trimprefix",
        "trimprefix(string, prefix)",
        "Without the prefix, where it has it",
        (2, 2),
        Body::Known(trimprefix),
    ),
    row(
        "trimsuffix",
        "trimsuffix(string, suffix)",
        "Without the suffix, where it has it",
        (2, 2),
        Body::Known(trimsuffix),
    ),
    row("chomp", "chomp(string)", "Without the newlines at the end", (1, 1), Body::Known(chomp)),
    row(
        "indent",
        "indent(spaces, string)",
        "Every line but the first moved to the right",
        (2, 2),
        Body::Known(indent),
    ),
    row(
        "startswith",
        "startswith(string, prefix)",
        "Whether the string begins with the prefix",
        (2, 2),
        Body::Known(startswith),
    ),
    row(
        "endswith",
        "endswith(string, suffix)",
        "Whether the string ends with the suffix",
        (2, 2),
        Body::Known(endswith),
    ),
    row(
        "strcontains",
        "strcontains(string, part)",
        "Whether the part is somewhere in the string",
        (2, 2),
        Body::Known(strcontains),
    ),
    row("strrev", "strrev(string)", "The characters in reverse", (1, 1), Body::Known(strrev)),
    row(
        "substr",
        "substr(string, offset, length)",
        "A part, in characters; a negative offset counts from the end, length -1 is the rest",
        (3, 3),
        Body::Known(substr),
    ),
    row("join", "join(separator, list)", "The elements in one string", (2, 2), Body::Known(join)),
    row("split", "split(separator, string)", "The parts between the separators", (2, 2), Body::Known(split)),
];

fn string(text: impl Into<String>) -> Outcome {
    Ok(Value::String(text.into()))
}

fn upper(call: &Call<'_>) -> Outcome {
    string(call.text(0)?.to_uppercase())
}

fn lower(call: &Call<'_>) -> Outcome {
    string(call.text(0)?.to_lowercase())
}

fn title(call: &Call<'_>) -> Outcome {
    let mut inside = false;
    let mut titled = String::new();
    for c in call.text(0)?.chars() {
        match inside {
            true => titled.push(c),
            false => titled.extend(c.to_uppercase()),
        }
        inside = c.is_alphanumeric() || c == '_';
    }
    string(titled)
}

fn trimspace(call: &Call<'_>) -> Outcome {
    string(call.text(0)?.trim())
}

fn trim(call: &Call<'_>) -> Outcome {
    let characters = call.text(1)?;
    string(call.text(0)?.trim_matches(|c| characters.contains(c)))
}

fn trimprefix(call: &Call<'_>) -> Outcome {
    let (text, prefix) = (call.text(0)?, call.text(1)?);
    string(text.strip_prefix(&prefix).unwrap_or(&text))
}

fn trimsuffix(call: &Call<'_>) -> Outcome {
    let (text, suffix) = (call.text(0)?, call.text(1)?);
    string(text.strip_suffix(&suffix).unwrap_or(&text))
}

fn chomp(call: &Call<'_>) -> Outcome {
    string(call.text(0)?.trim_end_matches(['\r', '\n']))
}

fn indent(call: &Call<'_>) -> Outcome {
    let spaces = call.size(0, 1024)?;
    let text = call.text(1)?;
    call.fits(text.len() + spaces * text.matches('\n').count())?;
    string(text.replace('\n', &format!("\n{}", " ".repeat(spaces))))
}

fn startswith(call: &Call<'_>) -> Outcome {
    Ok(Value::Bool(call.text(0)?.starts_with(&call.text(1)?)))
}

fn endswith(call: &Call<'_>) -> Outcome {
    Ok(Value::Bool(call.text(0)?.ends_with(&call.text(1)?)))
}

fn strcontains(call: &Call<'_>) -> Outcome {
    Ok(Value::Bool(call.text(0)?.contains(&call.text(1)?)))
}

fn strrev(call: &Call<'_>) -> Outcome {
    string(call.text(0)?.chars().rev().collect::<String>())
}

fn substr(call: &Call<'_>) -> Outcome {
    let text = call.text(0)?;
    let (offset, length) = (call.whole(1)?, call.whole(2)?);
    let count = text.chars().count();
    let from_end = usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX);
    let start = if offset < 0 { count.saturating_sub(from_end) } else { from_end };
    let length = match length {
        -1 => count,
        _ => usize::try_from(length)
            .map_err(|_| call.fault(2, "the length is -1 for the rest, or from 0", "negative length"))?,
    };
    string(text.chars().skip(start).take(length).collect::<String>())
}

fn join(call: &Call<'_>) -> Outcome {
    let separator = call.text(0)?;
    let parts = call.texts(1).map_err(|fault: Fault| match call.get(1) {
        Value::String(_) => fault.help("the separator comes first"),
        _ => fault,
    })?;
    call.fits(parts.iter().map(|part| part.len() + separator.len()).sum())?;
    string(parts.join(&separator))
}

fn split(call: &Call<'_>) -> Outcome {
    let (separator, text) = (call.text(0)?, call.text(1)?);
    let parts: Vec<String> = match separator.is_empty() {
        true => text.chars().map(String::from).collect(),
        false => text.split(&separator).map(str::to_owned).collect(),
    };
    Ok(Value::from(parts))
}
