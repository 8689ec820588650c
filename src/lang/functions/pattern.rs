//! Functions of regular expressions. The syntax is that of the `regex` crate, which like
//! Terraform's RE2 takes linear time and has no look-around.

use regex::{Captures, Regex};

use crate::value::{Object, Value};

use super::{Body, Call, Fault, Function, Outcome, row};

pub(super) const TABLE: &[Function] = &[
    row(
        "regex",
        "regex(pattern, string)",
        "The first match: a string, a list of the groups, or an object of the named groups",
        (2, 2),
        Body::Known(first),
    ),
    row(
        "regexall",
        "regexall(pattern, string)",
        "Every match, each as `regex` gives it",
        (2, 2),
        Body::Known(every),
    ),
    row(
        "replace",
        "replace(string, part, replacement)",
        "Every part replaced; `/.../` is a pattern, whose groups are `$1` or `$name`",
        (3, 3),
        Body::Known(replace),
    ),
];

fn pattern(call: &Call<'_>, index: usize, text: &str) -> Result<Regex, Fault> {
    Regex::new(text).map_err(|error| {
        let fault =
            call.fault(index, format!("{} is no regular expression", call.quote(text)), "bad pattern");
        // The last line of the error gives the reason; the lines before draw the pattern.
        match error.to_string().lines().last() {
            Some(why) if !call.sensitive => fault.help(why.trim_start_matches("error: ").to_owned()),
            _ => fault,
        }
    })
}

/// The pattern, and whether its groups have names; a mix is a fault.
fn with_groups(call: &Call<'_>) -> Result<(Regex, bool), Fault> {
    let regex = pattern(call, 0, &call.text(0)?)?;
    let named = regex.capture_names().skip(1).filter(Option::is_some).count();
    match named != 0 && named + 1 != regex.captures_len() {
        true => Err(call.fault(0, "the pattern has groups with and without names", "name all or none")),
        false => Ok((regex, named != 0)),
    }
}

fn groups(regex: &Regex, named: bool, captures: &Captures<'_>) -> Value {
    let group = |index: usize| captures.get(index).map(|group| group.as_str().to_owned());
    match (named, regex.captures_len()) {
        (true, _) => {
            let names = regex.capture_names().enumerate();
            let members = names.filter_map(|(index, name)| Some((name?.to_owned(), group(index).into())));
            Value::Object(members.collect::<Object>())
        }
        (false, 1) => group(0).into(),
        (false, count) => Value::List((1..count).map(|index| group(index).into()).collect()),
    }
}

fn first(call: &Call<'_>) -> Outcome {
    let (regex, named) = with_groups(call)?;
    let text = call.text(1)?;
    match regex.captures(&text) {
        Some(captures) => Ok(groups(&regex, named, &captures)),
        None => Err(call
            .fault(1, "the pattern matches nothing in the string", "no match")
            .help("`can(regex(...))` asks whether it matches, `try(regex(...), null)` goes on")),
    }
}

fn every(call: &Call<'_>) -> Outcome {
    let (regex, named) = with_groups(call)?;
    let text = call.text(1)?;
    Ok(Value::List(regex.captures_iter(&text).map(|captures| groups(&regex, named, &captures)).collect()))
}

fn replace(call: &Call<'_>) -> Outcome {
    let (text, part, replacement) = (call.text(0)?, call.text(1)?, call.text(2)?);
    let inside = part.strip_prefix('/').and_then(|part| part.strip_suffix('/'));
    let Some(inside) = inside else {
        call.fits(text.len() + text.matches(&part).count() * replacement.len())?;
        return Ok(Value::String(text.replace(&part, &replacement)));
    };
    let regex = pattern(call, 1, inside)?;
    let mut replaced = String::new();
    let mut end = 0;
    for captures in regex.captures_iter(&text) {
        // INVARIANT: group 0 is the whole match, always there.
        let Some(whole) = captures.get(0) else { continue };
        replaced.push_str(text.get(end..whole.start()).unwrap_or_default());
        let most = replacement.len() + replacement.matches('$').count() * whole.len();
        call.fits(replaced.len() + most)?;
        captures.expand(&replacement, &mut replaced);
        end = whole.end();
    }
    replaced.push_str(text.get(end..).unwrap_or_default());
    Ok(Value::String(replaced))
}
