//! What most commands begin with: the stack read, its state found, AWS reached.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{CliError, Global, StackArgs, VariableArgs, Within, locate, sandbox};
use crate::clock::Clock;
use crate::cloud::{Cloud, Target};
use crate::diagnostic::{FileId, Mistake, Sources};
use crate::lang::ast::{Attribute, Expr, Files, Node};
use crate::lang::parse::{parse, parse_attributes};
use crate::lang::variable::{Given, NO_VALUE};
use crate::rollout::Realm;
use crate::secrets;
use crate::stack::{Input, Program, ReadFile};

pub use super::locate::store;

/// Reads files for `file(...)` and its like.
struct Disk;

/// The largest file that a stack may read in.
const LARGEST: u64 = 8 << 20;

impl ReadFile for Disk {
    fn read(&self, path: &Path) -> Result<Vec<u8>, String> {
        let meta = std::fs::metadata(path).map_err(|error| reason(&error))?;
        match meta.len() {
            size if size > LARGEST => Err(format!("it has {size} bytes, and {LARGEST} are the most")),
            _ => std::fs::read(path).map_err(|error| reason(&error)),
        }
    }
}

/// An I/O error as people say it.
pub fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => "the disk is full".to_owned(),
        std::io::ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
        _ => error.to_string(),
    }
}

/// The stack's files, the only `.deploy` file here where none is named.
pub fn stack_files(stack: Option<&Path>) -> Result<Vec<PathBuf>, CliError> {
    let given = stack.unwrap_or(Path::new("."));
    if given.is_file() {
        return Ok(vec![given.to_path_buf()]);
    }
    if !given.exists() {
        return Err(CliError::usage(
            "bgform::cli::no_stack",
            format!("there is no stack at `{}`", given.display()),
            "name a .deploy file, or a folder that holds some",
        ));
    }
    let unreadable = |error: std::io::Error| CliError::File {
        path: given.to_path_buf(),
        what: "read",
        reason: reason(&error),
    };
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(given).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "deploy") && path.is_file() {
            files.push(path.strip_prefix(".").map(Path::to_path_buf).unwrap_or(path));
        }
    }
    files.sort();
    match (stack, files.as_slice()) {
        (_, []) => Err(CliError::usage(
            "bgform::cli::no_stack",
            format!("no .deploy file is in `{}`", given.display()),
            "name the stack: bgform plan path/to/stack.deploy",
        )),
        (None, [_, _, ..]) => {
            let names: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
            Err(CliError::usage(
                "bgform::cli::several_stacks",
                format!("there are {} .deploy files here: {}", names.len(), names.join(", ")),
                format!(
                    "name one, as in bgform plan {}; or the folder, if together they are one stack: bgform plan .",
                    names[0]
                ),
            ))
        }
        _ => Ok(files),
    }
}

/// Reads and checks a stack offline.
///
/// # Errors
/// All mistakes at once.
pub fn program(args: &StackArgs) -> Result<Program, CliError> {
    program_given(&stack_files(args.stack.as_deref())?, &args.variables)
}

/// The same from files that were found already.
pub fn program_given(paths: &[PathBuf], variables: &VariableArgs) -> Result<Program, CliError> {
    let (program, mistakes) = read_program(paths, variables)?;
    match mistakes.is_empty() {
        true => Ok(program),
        false => Err(CliError::Mistakes { sources: Box::new(program.sources), mistakes }),
    }
}

/// The same for taking everything away: what there is, and where, is known from state, so that no
/// variable has to be given. A stack that has no state is read like any other.
///
/// # Errors
/// All other mistakes at once.
pub fn program_to_destroy(
    global: &Global,
    paths: &[PathBuf],
    variables: &VariableArgs,
) -> Result<(Program, Global), CliError> {
    let (program, mistakes) = read_program(paths, variables)?;
    let mut global = global.clone();
    if mistakes.is_empty() {
        return Ok((program, global));
    }
    let loaded = match mistakes.iter().all(|mistake| mistake.code == NO_VALUE) {
        true => locate::store_of(&global, paths)?.load()?,
        false => None,
    };
    let Some(loaded) = loaded else {
        return Err(CliError::Mistakes { sources: Box::new(program.sources), mistakes });
    };
    if program.settings.region.is_none() {
        global.region.get_or_insert(loaded.snapshot.region);
    }
    Ok((program, global))
}

/// What can be made of the files though variables have no value or there are mistakes: for
/// settings only.
pub fn program_lenient(paths: &[PathBuf]) -> Result<Program, CliError> {
    Ok(read_program(paths, &VariableArgs::default())?.0)
}

fn read_program(paths: &[PathBuf], variables: &VariableArgs) -> Result<(Program, Vec<Mistake>), CliError> {
    let mut sources = Sources::default();
    let mut mistakes = Vec::new();
    let mut files = Files::default();
    for path in paths {
        let text = read_text(path)?;
        let file = sources.add(path.clone(), text);
        let parsed = parse(file, sources.text(file), &mut mistakes);
        files.blocks.extend(parsed.blocks);
        files.broken.extend(parsed.broken);
    }
    let given = given(variables, &mut sources, &mut mistakes)?;
    keep_secrets(&files, &given, &sources);
    let mut of_texts = Sources::default();
    let mut parse_text = |text: &str, origin: &str| parse_value(&mut of_texts, text, origin);
    let input = Input { sources, own: paths.len(), files, given, reader: Arc::new(Disk) };
    let program = Program::new(input, &mut parse_text, &mut mistakes);
    program.variables.values().for_each(secrets::keep);
    mistakes.sort_by_key(|mistake| mistake.labels.first().map(|(span, _)| (span.file, span.start)));
    Ok((program, mistakes))
}

/// What is given for a sensitive variable is hidden before anything is said of it.
fn keep_secrets(files: &Files, given: &BTreeMap<String, Vec<Given>>, sources: &Sources) {
    for block in files.blocks.iter().filter(|block| block.keyword.text == "variable") {
        let is_open = |attribute: &Attribute| matches!(attribute.value.node, Node::Bool(false));
        let sensitive = block.body.attributes.iter().find(|attribute| attribute.name.text == "sensitive");
        let Some(name) = block.labels.first().filter(|_| sensitive.is_some_and(|one| !is_open(one))) else {
            continue;
        };
        for given in given.get(&name.text).into_iter().flatten() {
            match given {
                Given::Text { text, .. } => secrets::keep_text(text),
                Given::Expr(expr) => secrets::keep_text(sources.slice(expr.span).trim_matches('"')),
            }
        }
    }
}

pub fn read_text(path: &Path) -> Result<String, CliError> {
    let text = std::fs::read_to_string(path).map_err(|error| CliError::File {
        path: path.to_path_buf(),
        what: "read",
        reason: reason(&error),
    })?;
    // Some editors begin a file with a byte order mark.
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// The expression that a text from a command line is.
fn parse_value(sources: &mut Sources, text: &str, origin: &str) -> Option<Expr> {
    let file = sources.add(origin, format!("value = {text}"));
    let mut mistakes = Vec::new();
    let mut body = parse_attributes(file, sources.text(file), &mut mistakes);
    let only = body.attributes.len() == 1 && body.blocks.is_empty() && mistakes.is_empty();
    body.attributes.pop().filter(|_| only).map(|attribute| attribute.value)
}

/// Values of variables, the strongest last: environment, files, command line.
fn given(
    args: &VariableArgs,
    sources: &mut Sources,
    mistakes: &mut Vec<Mistake>,
) -> Result<BTreeMap<String, Vec<Given>>, CliError> {
    let mut given: BTreeMap<String, Vec<Given>> = BTreeMap::new();
    for (key, value) in std::env::vars_os() {
        let (Some(key), Some(value)) = (key.to_str(), value.to_str()) else { continue };
        if let Some(name) = key.strip_prefix("BGFORM_VAR_") {
            let text = Given::Text { text: value.to_owned(), origin: key.to_owned() };
            given.entry(name.to_owned()).or_default().push(text);
        }
    }
    for path in &args.var_file {
        let file: FileId = sources.add(path.clone(), read_text(path)?);
        for attribute in parse_attributes(file, sources.text(file), mistakes).attributes {
            given.entry(attribute.name.text).or_default().push(Given::Expr(attribute.value));
        }
    }
    for text in &args.var {
        let Some((name, value)) = text.split_once('=') else {
            return Err(CliError::usage(
                "bgform::cli::var",
                format!("`--var {text}` has no value"),
                format!("write --var {text}=..."),
            ));
        };
        let text = Given::Text { text: value.to_owned(), origin: format!("--var {name}") };
        given.entry(name.to_owned()).or_default().push(text);
    }
    Ok(given)
}

/// The region of a stack in a sandbox, which always has one.
pub fn sandbox_region(global: &Global, program: &Program) -> String {
    let named = global.region.clone().or_else(|| program.settings.region.clone());
    named.unwrap_or_else(|| sandbox::home::region(global))
}

/// Clients for the stack's region and profile.
pub async fn connect(global: &Global, program: &Program) -> Result<Cloud, CliError> {
    let (endpoint, key, clock) = match &global.within {
        Some(Within::Daemon { home, .. }) => {
            let record = sandbox::running(home).await?;
            (record.endpoint(), home.key()?, record.clock())
        }
        Some(Within::Process { endpoint, key, clock }) => (endpoint.clone(), key.clone(), clock.clone()),
        None => {
            let region = global.region.clone().or_else(|| program.settings.region.clone());
            let profile = global.profile.clone().or_else(|| program.settings.profile.clone());
            let target = Target { region, profile, endpoint_url: global.endpoint_url.clone() };
            return Ok(Cloud::connect(&target, Clock::real(), global.verbose).await?);
        }
    };
    // Neither the user's credentials nor their profile is looked at.
    let target =
        Target { region: Some(sandbox_region(global, program)), profile: None, endpoint_url: Some(endpoint) };
    Ok(Cloud::connect_as(Some(key.credentials()), &target, clock, global.verbose).await?)
}

/// Whose the account is that commands reach.
pub fn realm(global: &Global) -> Realm {
    match &global.within {
        None => Realm::Aws,
        Some(Within::Daemon { own_state: true, .. }) => Realm::SandboxWithState,
        Some(Within::Daemon { .. } | Within::Process { .. }) => Realm::Sandbox,
    }
}
