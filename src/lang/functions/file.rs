//! Functions that read a file, through the scope. Paths are relative to the stack file with the call.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use globset::GlobBuilder;

use crate::diagnostic::{FileId, Mistake, Span};
use crate::value::{Object, Reference, Value};

use super::super::evaluate::{Found, Members, Scope, evaluate_template};
use super::super::template;
use super::{Body, Call, Fault, Function, Outcome, row};

pub(super) const TABLE: &[Function] = &[
    row("file", "file(path)", "The text of a file", (1, 1), Body::Known(file)),
    row("filebase64", "filebase64(path)", "The bytes of a file in base64", (1, 1), Body::Known(filebase64)),
    row("fileexists", "fileexists(path)", "Whether there is a file", (1, 1), Body::Known(fileexists)),
    row(
        "fileset",
        "fileset(folder, pattern)",
        "The paths of the files in a folder that fit a pattern of `*`, `**`, `?`, `{a,b}`, `[a-z]`, sorted",
        (2, 2),
        Body::Known(fileset),
    ),
    row(
        "templatestring",
        "templatestring(text, variables)",
        "The text, its `${...}` filled in with the members of an object",
        (2, 2),
        Body::Any(templatestring),
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
pub(super) fn read(call: &Call<'_>, path: &str) -> Result<Vec<u8>, Fault> {
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

fn fileexists(call: &Call<'_>) -> Outcome {
    let path = call.text(0)?;
    let Some(span) = call.spans.first() else { return Err(call.wrong(0, "a path")) };
    let exists = call.scope.file_exists(*span, &path);
    let why = |why| call.fault(0, format!("{} cannot be looked at: {why}", call.quote(&path)), "this path");
    exists.map(Value::Bool).map_err(why)
}

fn fileset(call: &Call<'_>) -> Outcome {
    let (folder, pattern) = (call.text(0)?, call.text(1)?);
    let Some(span) = call.spans.first() else { return Err(call.wrong(0, "a path")) };
    let glob = GlobBuilder::new(&pattern).literal_separator(true).build().map_err(|error| {
        let fault = call.fault(1, format!("{} is no pattern of paths", call.quote(&pattern)), "bad pattern");
        match call.sensitive {
            true => fault,
            false => fault.help(error.kind().to_string()),
        }
    })?;
    let fits = glob.compile_matcher();
    let why = |why| call.fault(0, format!("{} cannot be listed: {why}", call.quote(&folder)), "this folder");
    let mut paths = call.scope.files_in(*span, &folder).map_err(why)?;
    paths.retain(|path| fits.is_match(path));
    paths.sort();
    Ok(Value::from(paths))
}

fn templatefile(call: &Call<'_>) -> Outcome {
    filled_in(call, |path| {
        let text = read_text(call, path)?;
        Ok((call.quote(path), text))
    })
}

fn templatestring(call: &Call<'_>) -> Outcome {
    filled_in(call, |text| Ok(("the text".to_owned(), text.to_owned())))
}

/// A template, named and read by its first argument, with the members of the second.
fn filled_in(call: &Call<'_>, read: impl Fn(&str) -> Result<(String, String), Fault>) -> Outcome {
    if call.in_template {
        return Err(call.fault(0, "a template cannot be filled in within a template", "in a template"));
    }
    let (given, given_marked) = call.get(0).unmark();
    let (variables, marked) = call.get(1).unmark();
    let marked = marked || given_marked;
    if let Some(unknown) = [given, variables].into_iter().find(|value| matches!(value, Value::Unknown(_))) {
        return Ok(unknown.clone().marked_if(marked));
    }
    let Value::String(given) = given else { return Err(call.wrong(0, "a string")) };
    let Value::Object(variables) = variables else { return Err(call.wrong(1, "an object of variables")) };
    let (name, text) = read(given)?;
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
    value
        .map(|value| value.marked_if(marked))
        .ok_or_else(|| in_template(call, &name, &text, given_marked, mistakes.first()))
}

/// A mistake in a template, shown at the call: the template is no file of the stack.
fn in_template(call: &Call<'_>, name: &str, text: &str, hidden: bool, mistake: Option<&Mistake>) -> Fault {
    let Some(mistake) = mistake.filter(|_| !hidden) else {
        return call.fault(0, "the template cannot be filled in", "this template");
    };
    let before = mistake.labels.first().and_then(|(span, _)| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let fault = call.fault(
        0,
        format!("line {line} of {name}: {}", mistake.message),
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

    fn file_exists(&self, _: Span, path: &str) -> Result<bool, String> {
        self.outer.file_exists(self.span, path)
    }

    fn files_in(&self, _: Span, folder: &str) -> Result<Vec<String>, String> {
        self.outer.files_in(self.span, folder)
    }

    fn home(&self) -> Option<String> {
        self.outer.home()
    }
}
