//! Functions that read a file, through the scope. Paths are relative to the stack file with the call.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::diagnostic::{FileId, Mistake, Span};
use crate::value::{Object, Reference, Value};

use super::super::evaluate::{Found, Members, Scope, evaluate_template};
use super::super::template;
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
    row(
        "templatefile",
        "templatefile(path, variables)",
        "The text of a file, its `${...}` filled in with the members of an object",
        (2, 2),
        Body::Any(templatefile),
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

fn templatefile(call: &Call<'_>) -> Outcome {
    if call.in_template {
        return Err(call.fault(0, "a template cannot be filled in within a template", "in a template"));
    }
    let (path, path_marked) = call.get(0).unmark();
    let (variables, marked) = call.get(1).unmark();
    let marked = marked || path_marked;
    if let Some(unknown) = [path, variables].into_iter().find(|value| matches!(value, Value::Unknown(_))) {
        return Ok(unknown.clone().marked_if(marked));
    }
    let Value::String(path) = path else { return Err(call.wrong(0, "a path")) };
    let Value::Object(variables) = variables else { return Err(call.wrong(1, "an object of variables")) };
    let text = read_text(call, path)?;
    let span = call.spans.first().copied().unwrap_or(Span::new(FileId(0), 0, 0));
    let scope = Template { variables, outer: call.scope, span };
    let mut mistakes = Vec::new();
    let value = match template::whole(span.file, &text) {
        Ok(expr) => evaluate_template(&expr, &scope, &mut mistakes),
        Err(mistake) => {
            mistakes.push(mistake);
            None
        }
    };
    value.map(|value| value.marked_if(marked)).ok_or_else(|| in_template(call, path, &text, mistakes.first()))
}

/// A mistake in a template, shown at the call: the template is no file of the stack.
fn in_template(call: &Call<'_>, path: &str, text: &str, mistake: Option<&Mistake>) -> Fault {
    let Some(mistake) = mistake else {
        return call.fault(0, "the template uses a value that is broken elsewhere", "this template");
    };
    let before = mistake.labels.first().and_then(|(span, _)| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let fault = call.fault(
        0,
        format!("line {line} of {}: {}", call.quote(path), mistake.message),
        format!("in line {line} of this template"),
    );
    match &mistake.help {
        Some(help) => fault.help(help.clone()),
        None => fault,
    }
}

/// The scope of a template: its variables, and nothing else.
struct Template<'a> {
    variables: &'a Object,
    outer: &'a dyn Scope,
    /// The place of the call.
    span: Span,
}

impl Scope for Template<'_> {
    fn variable(&self, _: &str) -> Found {
        Found::Missing(Vec::new())
    }

    fn local(&self, _: &str) -> Found {
        Found::Missing(Vec::new())
    }

    fn word(&self, word: &str) -> Option<Value> {
        self.variables.get(word).cloned()
    }

    fn words(&self) -> Vec<String> {
        self.variables.keys().cloned().collect()
    }

    fn is_kind(&self, _: &str) -> bool {
        false
    }

    fn kinds(&self) -> Vec<String> {
        Vec::new()
    }

    fn resource(&self, _: &str, _: &str) -> Found {
        Found::Missing(Vec::new())
    }

    fn attribute(&self, reference: &Reference, name: &str) -> Found {
        self.outer.attribute(reference, name)
    }

    fn members(&self, reference: &Reference) -> Members {
        self.outer.members(reference)
    }

    fn read_file(&self, _: Span, path: &str) -> Result<Vec<u8>, String> {
        self.outer.read_file(self.span, path)
    }
}
