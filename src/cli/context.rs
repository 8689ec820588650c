//! The common start of most commands: reads the stack, finds its state, connects to AWS.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read;
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
use crate::stack::{Input, Program, ReadFile, modules};
use crate::terminal::{quoted, tell_with_deployments, tell_with_stack, tell_with_variables};

pub use super::locate::store;

/// Reads files for `file(...)` and similar functions.
struct Disk;

/// Maximum size of a file that a stack reads.
const LARGEST: u64 = 8 << 20;

impl ReadFile for Disk {
    fn read(&self, path: &Path) -> Result<Vec<u8>, String> {
        // Checked before it is opened: a pipe may never return data, and opening a device may have effects.
        match std::fs::metadata(path) {
            Ok(meta) if !meta.is_file() => Err("it is no plain file".to_owned()),
            Ok(_) => bounded(path),
            Err(error) => Err(reason(&error)),
        }
    }

    fn exists(&self, path: &Path) -> Result<bool, String> {
        match std::fs::metadata(path) {
            Ok(meta) => Ok(meta.is_file()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(reason(&error)),
        }
    }

    fn list(&self, folder: &Path) -> Result<Vec<String>, String> {
        let mut files = Vec::new();
        let mut open = vec![PathBuf::new()];
        while let Some(inner) = open.pop() {
            for entry in std::fs::read_dir(folder.join(&inner)).map_err(|error| reason(&error))? {
                let entry = entry.map_err(|error| reason(&error))?;
                let path = inner.join(entry.file_name());
                // A link to a folder is not followed: it may lead back.
                let kind = entry.file_type().map_err(|error| reason(&error))?;
                if kind.is_dir() {
                    open.push(path);
                } else if entry.path().is_file()
                    && let Some(text) = path.to_str()
                {
                    files.push(text.to_owned());
                }
                if files.len() + open.len() > MOST_FILES {
                    return Err(format!("there are more than {MOST_FILES} files in it"));
                }
            }
        }
        Ok(files)
    }

    fn home(&self) -> Option<String> {
        std::env::home_dir()?.to_str().filter(|home| !home.is_empty()).map(str::to_owned)
    }
}

/// Maximum number of files and folders that are listed in a folder.
const MOST_FILES: usize = 100_000;

/// Reads a file up to the limit, since it may have no end.
fn bounded(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| reason(&error))?;
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|error| reason(&error))?;
    match bytes.len() as u64 > LARGEST {
        true => Err(format!("it has more than {LARGEST} bytes, which are the most")),
        false => Ok(bytes),
    }
}

/// An I/O error in plain words.
pub fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => "the disk is full".to_owned(),
        std::io::ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
        _ => error.to_string(),
    }
}

/// The stack's files; by default the only `.deploy` file here. From now on commands are shown with it.
pub fn stack_files(stack: Option<&Path>) -> Result<Vec<PathBuf>, CliError> {
    let found = files_of(stack)?;
    if let Some(stack) = stack
        && files_of(None).ok().as_deref().map(same) != Some(same(&found))
    {
        tell_with_stack(stack);
    }
    Ok(found)
}

/// The files in canonical form, to compare them.
fn same(files: &[PathBuf]) -> Vec<Option<PathBuf>> {
    files.iter().map(|file| std::fs::canonicalize(file).ok()).collect()
}

fn files_of(stack: Option<&Path>) -> Result<Vec<PathBuf>, CliError> {
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
    if !given.is_dir() {
        return Err(CliError::usage(
            "bgform::cli::no_stack",
            format!("`{}` is neither a plain file nor a folder", given.display()),
            "write the stack into a .deploy file, and name that",
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

/// The same for a destroy. The state tells what exists and where, so no variable has to be given. A stack
/// without a state is read like any other.
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

/// The readable part of the files, despite mistakes and variables without values: for settings only.
pub fn program_lenient(paths: &[PathBuf]) -> Result<Program, CliError> {
    Ok(read_program(paths, &VariableArgs::default())?.0)
}

pub fn read_program(
    paths: &[PathBuf],
    variables: &VariableArgs,
) -> Result<(Program, Vec<Mistake>), CliError> {
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
    let folders = read_modules(&files, &mut sources, &mut mistakes);
    let own = sources.iter().count();
    if files.blocks.iter().filter(|block| block.keyword.text == "deployment").count() > 1 {
        tell_with_deployments();
    }
    let secret = Secret::of(&files);
    let options = options(variables, &secret);
    if !options.is_empty() {
        tell_with_variables(options);
    }
    let given = given(variables, &secret, &mut sources, &mut mistakes)?;
    keep_secrets(&secret, &given, &sources);
    let mut of_texts = Sources::default();
    let mut parse_text = |text: &str, origin: &str| parse_value(&mut of_texts, text, origin);
    let input = Input { sources, own, files, folders, given, reader: Arc::new(Disk) };
    let program = Program::new(input, &mut parse_text, &mut mistakes);
    if program.deployments().len() > 1 {
        tell_with_deployments();
    }
    program.variables.values().for_each(secrets::keep);
    // A mistake may name a word of a given value.
    for (file, _, text) in program.sources.iter().skip(own) {
        if mistakes.iter().flat_map(|mistake| &mistake.labels).any(|(span, _)| span.file == file) {
            secret.keep_in(text, true);
        }
    }
    mistakes.sort_by_key(|mistake| mistake.labels.first().map(|(span, _)| (span.file, span.start)));
    Ok((program, mistakes))
}

/// Reads the folders of the modules that files call, and of those that these call.
fn read_modules(
    files: &Files,
    sources: &mut Sources,
    mistakes: &mut Vec<Mistake>,
) -> HashMap<PathBuf, Files> {
    let mut folders: HashMap<PathBuf, Files> = HashMap::new();
    let mut open: Vec<Expr> = modules::sources_of(files).cloned().collect();
    while let Some(source) = open.pop() {
        let folder = match modules::folder_of(&source, sources) {
            Ok(folder) if folders.contains_key(&folder) => continue,
            Ok(folder) => folder,
            Err(mistake) => {
                mistakes.push(mistake);
                continue;
            }
        };
        match read_folder(&folder, sources, mistakes) {
            Ok(read) => {
                open.extend(modules::sources_of(&read).cloned());
                folders.insert(folder, read);
            }
            Err(why) => mistakes.push(
                Mistake::new(
                    modules::NO_FOLDER,
                    format!("the module `{}` cannot be read: {why}", folder.display()),
                )
                .at(source.span, "this folder")
                .help("a source is relative to the file that names it, and its folder holds .deploy files"),
            ),
        }
    }
    folders
}

fn read_folder(folder: &Path, sources: &mut Sources, mistakes: &mut Vec<Mistake>) -> Result<Files, String> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such folder".to_owned(),
        _ => reason(&error),
    })? {
        let path = entry.map_err(|error| reason(&error))?.path();
        if path.extension().is_some_and(|extension| extension == "deploy") && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    if paths.is_empty() {
        return Err("no .deploy file is in it".to_owned());
    }
    let mut files = Files::default();
    for path in paths {
        let text = read_text(&path).map_err(|error| error.to_string())?;
        let file = sources.add(path, text);
        let parsed = parse(file, sources.text(file), mistakes);
        files.blocks.extend(parsed.blocks);
        files.broken.extend(parsed.broken);
    }
    Ok(files)
}

/// The variables that may be shown: those that a parsed block declares and that are not sensitive.
struct Secret {
    open: BTreeSet<String>,
    sensitive: BTreeSet<String>,
}

impl Secret {
    fn of(files: &Files) -> Self {
        let (mut open, mut sensitive) = (BTreeSet::new(), BTreeSet::new());
        for block in files.blocks.iter().filter(|block| block.keyword.text == "variable") {
            let Some(name) = block.labels.first() else { continue };
            let is_open = |attribute: &Attribute| matches!(attribute.value.node, Node::Bool(false));
            let said = block.body.attributes.iter().find(|attribute| attribute.name.text == "sensitive");
            match said.is_none_or(is_open) {
                false => sensitive.insert(name.text.clone()),
                true => !block.broken && open.insert(name.text.clone()),
            };
        }
        Self { open, sensitive }
    }

    /// Hides the values in a file of all variables except those that may be shown. Works by lines, since the
    /// file may not parse: a misspelt name must not reveal a secret. `words` also hides each word of a value,
    /// since a mistake may name one.
    fn keep_in(&self, text: &str, words: bool) {
        // Whether the value is hidden, and the text that ends it.
        let mut value: Option<(bool, Rest)> = None;
        for line in text.lines() {
            let (hides, rest, part) = match value.take() {
                Some((hides, rest)) => (hides, rest, line),
                None => {
                    let Some((name, part)) = line.split_once('=') else {
                        self.hide(line, words);
                        continue;
                    };
                    (!self.open.contains(name.trim().trim_matches('"')), Rest::default(), part)
                }
            };
            if hides {
                self.hide(part, words);
            }
            value = rest.after(part).map(|rest| (hides, rest));
        }
    }

    fn hide(&self, text: &str, words: bool) {
        secrets::keep_text(text.trim().trim_matches('"'));
        let ends = |c: char| c.is_whitespace() || "\"'`,;()[]{}".contains(c);
        let each = text.split(ends).filter(|word| words && !self.open.contains(*word));
        each.for_each(secrets::keep_text);
    }
}

/// The rest of a value that continues on the next line.
#[derive(Default)]
struct Rest {
    /// The word that ends a heredoc.
    heredoc: Option<String>,
    open_brackets: usize,
}

impl Rest {
    fn after(mut self, part: &str) -> Option<Self> {
        if let Some(end) = &self.heredoc {
            return (part.trim() != end).then_some(self);
        }
        if let Some(word) = part.trim().strip_prefix("<<") {
            self.heredoc = Some(word.trim_start_matches('-').trim().to_owned());
            return Some(self);
        }
        for c in part.chars() {
            match c {
                '(' | '[' | '{' => self.open_brackets += 1,
                ')' | ']' | '}' => self.open_brackets = self.open_brackets.saturating_sub(1),
                _ => {}
            }
        }
        (self.open_brackets > 0).then_some(self)
    }
}

/// The options that give these variables, each after a space; what may not be shown is left out of them.
fn options(args: &VariableArgs, secret: &Secret) -> String {
    let file = |path: &PathBuf| format!(" --var-file {}", quoted(&path.display().to_string()));
    let var = |text: &String| match text.split_once('=') {
        Some((name, _)) if !secret.open.contains(name) => format!(" --var {}=...", quoted(name)),
        _ => format!(" --var {}", quoted(text)),
    };
    args.var_file.iter().map(file).chain(args.var.iter().map(var)).collect()
}

/// Hides values given for sensitive variables before anything is printed.
fn keep_secrets(secret: &Secret, given: &BTreeMap<String, Vec<Given>>, sources: &Sources) {
    for given in secret.sensitive.iter().filter_map(|name| given.get(name)).flatten() {
        match given {
            Given::Text { text, .. } => secrets::keep_text(text),
            Given::Expr(expr) => secrets::keep_text(sources.slice(expr.span).trim_matches('"')),
        }
    }
}

pub fn read_text(path: &Path) -> Result<String, CliError> {
    let text = bounded(path)
        .and_then(|bytes| String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned()));
    let text = text.map_err(|reason| CliError::File { path: path.to_path_buf(), what: "read", reason })?;
    // Some editors begin a file with a byte order mark.
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// The expression in a text of the command line.
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
    secret: &Secret,
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
        secret.keep_in(sources.text(file), false);
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
    // The user's credentials and profile are not read.
    let target =
        Target { region: Some(sandbox_region(global, program)), profile: None, endpoint_url: Some(endpoint) };
    Ok(Cloud::connect_as(Some(key.credentials()), &target, clock, global.verbose).await?)
}

/// The kind of account that commands reach.
pub fn realm(global: &Global) -> Realm {
    match &global.within {
        None => Realm::Aws,
        Some(Within::Daemon { own_state: true, .. }) => Realm::SandboxWithState,
        Some(Within::Daemon { .. } | Within::Process { .. }) => Realm::Sandbox,
    }
}
