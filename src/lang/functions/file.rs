//! Functions that read a file, through the scope. Paths are relative to the stack file that names
//! them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::value::Value;

use super::{Body, Call, Fault, Function, Outcome, row};

pub(super) const TABLE: &[Function] = &[
    row("file", "file(path)", "The text of a file", (1, 1), Body::Known(file)),
    row("filebase64", "filebase64(path)", "The bytes of a file in base64", (1, 1), Body::Known(filebase64)),
    row(
        "filesha256",
        "filesha256(path)",
        "The SHA-256 digest of a file in hexadecimal",
        (1, 1),
        Body::Known(filesha256),
    ),
];

/// The bytes of the file that the first argument names.
fn read(call: &Call<'_>, path: &str) -> Result<Vec<u8>, Fault> {
    let Some(span) = call.spans.first() else { return Err(call.wrong(0, "a path")) };
    call.scope
        .read_file(*span, path)
        .map_err(|why| {
            call.fault(0, format!("{} cannot be read: {why}", call.quote(path)), "this file")
                .help("a path is relative to the stack file that names it")
        })
        .and_then(|bytes| call.fits(bytes.len()).map(|()| bytes))
}

fn read_text(call: &Call<'_>, path: &str) -> Result<String, Fault> {
    String::from_utf8(read(call, path)?).map_err(|_| {
        call.fault(0, format!("{} is not UTF-8 text", call.quote(path)), "this file")
            .help("`filebase64(...)` reads any bytes")
    })
}

fn file(call: &Call<'_>) -> Outcome {
    read_text(call, &call.text(0)?).map(Value::String)
}

fn filebase64(call: &Call<'_>) -> Outcome {
    Ok(Value::String(STANDARD.encode(read(call, &call.text(0)?)?)))
}

fn filesha256(call: &Call<'_>) -> Outcome {
    Ok(Value::String(hex::encode(Sha256::digest(read(call, &call.text(0)?)?))))
}
