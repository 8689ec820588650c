//! Functions of paths, which are texts with `/` between their parts.

use std::path::Path;

use crate::value::Value;

use super::{Body, Call, Function, Outcome, row};

pub(super) const TABLE: &[Function] = &[
    row("basename", "basename(path)", "The last part of a path", (1, 1), Body::Known(basename)),
    row("dirname", "dirname(path)", "A path without its last part", (1, 1), Body::Known(dirname)),
    row(
        "pathexpand",
        "pathexpand(path)",
        "The path, with your home folder for a `~` at its beginning",
        (1, 1),
        Body::Known(pathexpand),
    ),
];

fn basename(call: &Call<'_>) -> Outcome {
    let path = call.text(0)?;
    let name = Path::new(&path).file_name().and_then(|name| name.to_str());
    Ok(Value::string(match name {
        Some(name) => name,
        None if path.is_empty() => ".",
        None => path.as_str(),
    }))
}

fn dirname(call: &Call<'_>) -> Outcome {
    let path = call.text(0)?;
    let parent = match Path::new(&path).parent() {
        Some(parent) => parent.to_str().unwrap_or_default(),
        // The root has no parent.
        None if path.starts_with('/') => "/",
        None => "",
    };
    Ok(Value::string(if parent.is_empty() { "." } else { parent }))
}

fn pathexpand(call: &Call<'_>) -> Outcome {
    let path = call.text(0)?;
    let rest = match path.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => rest,
        _ => return Ok(Value::String(path)),
    };
    match call.scope.home() {
        Some(home) => Ok(Value::String(format!("{}{rest}", home.trim_end_matches('/')))),
        None => Err(call
            .fault(0, "no home folder is known", "begins with `~`")
            .help("set HOME, or write the path")),
    }
}
