//! Finds a stack's state. A whole program knows its own place. To read the state the `stack` block is enough,
//! so that no variable has to be given and mistakes elsewhere in the files do not matter.

use std::path::{Path, PathBuf};

use super::context::{program_lenient, read_text, stack_files};
use super::{CliError, Global};
use crate::address::Address;
use crate::diagnostic::Sources;
use crate::lang::ast::{Block, Node};
use crate::lang::parse::parse;
use crate::stack::Program;
use crate::state::{BucketSettings, Loaded, Store};
use crate::terminal::errln;

/// The store of a stack's state.
pub fn store(global: &Global, program: &Program) -> Result<Store, CliError> {
    let setting = program.settings.state.as_deref();
    of_file(global, program.file(), &first_file(program), setting, &program.settings.name)
}

/// The state of the stack whose block is in `file`; `first` is the stack's first file.
fn of_file(
    global: &Global,
    file: &Path,
    first: &Path,
    setting: Option<&str>,
    name: &str,
) -> Result<Store, CliError> {
    let root = root(global, first, setting);
    let store = in_place(global, &root, name, global.state.is_none())?;
    Ok(store.of_file(called(file, &root), global.adopt_state))
}

/// A stack file's name that is the same in other checkouts and on other machines, as far as possible:
/// relative to the root of its checkout, otherwise to the folder with the state, otherwise absolute. In S3
/// without a checkout it is the file's own name.
fn called(file: &Path, root: &Path) -> String {
    let file = std::fs::canonicalize(file).unwrap_or_else(|_| absolute(file));
    let near = match (checkout(&file), is_bucket(root)) {
        (Some(checkout), _) => Some(checkout.to_owned()),
        (None, true) => file.parent().map(Path::to_path_buf),
        (None, false) => {
            absolute(root).parent().map(|near| std::fs::canonicalize(near).unwrap_or(near.to_owned()))
        }
    };
    let from = near.and_then(|near| file.strip_prefix(near).ok().map(Path::to_path_buf));
    from.unwrap_or(file).display().to_string()
}

/// The root of a path's git checkout.
fn checkout(path: &Path) -> Option<&Path> {
    path.ancestors().find(|folder| folder.join(".git").exists())
}

/// The place in S3 of a stack's state, if it is there.
pub fn bucket(global: &Global, program: &Program) -> Option<BucketSettings> {
    let root = root(global, &first_file(program), program.settings.state.as_deref());
    let settings = BucketSettings::parse(root.to_str()?).ok()?;
    Some(settings.of_stack(&program.settings.name))
}

fn first_file(program: &Program) -> PathBuf {
    program.sources.iter().next().map(|(_, path, _)| path.to_path_buf()).unwrap_or_default()
}

/// The parent of the stack's own folder of state; `path` is the stack's first file.
fn root(global: &Global, path: &Path, setting: Option<&str>) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or(path.to_path_buf());
    let beside = absolute.parent().unwrap_or(Path::new("/")).to_path_buf();
    match (&global.state, setting) {
        (Some(place), _) => place.clone(),
        (None, Some(setting)) if is_bucket(Path::new(setting)) => PathBuf::from(setting),
        (None, Some(folder)) => beside.join(folder),
        (None, None) => checkout(&beside).unwrap_or(&beside).join("state"),
    }
}

/// A place that means the same in every working folder.
pub fn absolute(place: &Path) -> PathBuf {
    match is_bucket(place) {
        true => place.to_owned(),
        false => std::path::absolute(place).unwrap_or(place.to_owned()),
    }
}

/// Tells whether a place is in S3.
pub fn is_bucket(place: &Path) -> bool {
    place.to_str().is_some_and(|text| text.starts_with("s3://"))
}

/// The state of a stack in a folder or in `s3://bucket/prefix`. Warns where others may read what is sent
/// there; `by_stack` is whether the stack file names the place.
///
/// # Errors
/// When the place in S3 is malformed.
pub fn in_place(global: &Global, place: &Path, name: &str, by_stack: bool) -> Result<Store, CliError> {
    let Some(text) = place.to_str().filter(|_| is_bucket(place)) else {
        return Ok(Store::at(place.join(name)));
    };
    match BucketSettings::parse(text) {
        Ok(mut settings) => {
            settings.profile = settings.profile.or_else(|| global.profile.clone());
            for exposed in settings.exposed(by_stack) {
                errln!("{exposed}");
            }
            Ok(Store::in_bucket(settings.of_stack(name)))
        }
        Err(reason) => Err(CliError::usage(
            "bgform::cli::state_backend",
            format!("`{text}` is no place for state: {reason}"),
            "write a folder, or s3://bucket/prefix with settings such as ?region=eu-west-1&sse=aws:kms",
        )),
    }
}

/// The store of the stack in `files`, by its `stack` block alone.
///
/// # Errors
/// When the files have no readable block of that kind, or its `state` needs a variable's value.
pub fn store_of(global: &Global, files: &[PathBuf]) -> Result<Store, CliError> {
    let (mut sources, mut mistakes, mut found) = (Sources::default(), Vec::new(), None);
    for path in files {
        let file = sources.add(path.clone(), read_text(path)?);
        let parsed = parse(file, sources.text(file), &mut mistakes);
        found = found.or_else(|| parsed.blocks.into_iter().find(|block| block.keyword.text == "stack"));
    }
    let setting_matters = global.state.is_none();
    let named = found.as_ref().and_then(|block| Some((block, block.labels.first()?.text.as_str())));
    let (block, name) = match named {
        Some((block, name)) if is_name(name) && !(block.broken && setting_matters) => (block, name),
        _ if !mistakes.is_empty() => return Err(CliError::Mistakes { sources: Box::new(sources), mistakes }),
        Some((_, name)) => {
            return Err(CliError::usage(
                "bgform::lang::bad_name",
                format!("the stack's name is `{name}`"),
                "a stack's name is letters, digits, `-` and `_`",
            ));
        }
        None => {
            let names: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
            return Err(CliError::usage(
                "bgform::lang::no_stack",
                format!("no `stack` block is in {}", names.join(", ")),
                "name the file or folder that has it; a stack begins with stack \"shop\" { region = \"us-east-1\" }",
            ));
        }
    };
    let setting = if setting_matters { state_setting(block, files)? } else { None };
    let first = files.first().map_or(Path::new(""), PathBuf::as_path);
    of_file(global, sources.path(block.keyword.span.file), first, setting.as_deref(), name)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

/// The value of `state = ...`; variables in it have their defaults and the environment's values.
fn state_setting(block: &Block, files: &[PathBuf]) -> Result<Option<String>, CliError> {
    let written = block.body.attributes.iter().find(|attribute| attribute.name.text == "state");
    let Some(written) = written else { return Ok(None) };
    match &written.value.node {
        Node::String(text) => Ok(Some(text.clone())),
        _ => match program_lenient(files)?.settings.state {
            Some(text) => Ok(Some(text)),
            None => Err(CliError::usage(
                "bgform::cli::state_unknown",
                "where the state is depends on values that are not known here",
                "set them with BGFORM_VAR_name, or name the folder that holds the stack's own: --state DIR",
            )),
        },
    }
}

/// The store of the stack on a command line.
pub fn store_at(global: &Global, stack: Option<&Path>) -> Result<Store, CliError> {
    store_of(global, &stack_files(stack)?)
}

/// The state of a stack, which must have one.
pub fn loaded(store: &Store) -> Result<Loaded, CliError> {
    store.load()?.ok_or_else(|| CliError::Refused {
        code: "bgform::state::none",
        message: format!("there is no state in `{}`", store.place().display()),
        help: "the first `bgform apply` or `bgform import` makes it; if it is elsewhere, name the place that holds \
               it with --state"
            .to_owned(),
    })
}

/// The address in a word of the command line, `kind.name` or `kind.name["key"]`; `None` if it is an existing
/// file or folder, or has the name of a stack file.
pub fn as_address(text: &str) -> Option<Address> {
    let address: Address = text.parse().ok()?;
    let is_file = (address.name == "deploy" && address.key.is_none()) || Path::new(text).exists();
    (!is_file).then_some(address)
}

/// `[ADDRESS] [STACK]`, both optional.
pub fn address_and_stack(
    first: Option<&str>,
    stack: Option<&Path>,
) -> Result<(Option<Address>, Option<PathBuf>), CliError> {
    let address = first.and_then(as_address);
    match (first, address, stack) {
        (Some(first), None, None) => Ok((None, Some(PathBuf::from(first)))),
        (Some(first), None, Some(_)) => Err(CliError::usage(
            "bgform::address::invalid",
            format!("`{first}` is not an address"),
            "write kind.name or kind.name[\"key\"], as `bgform state list` prints them; quote it for the shell",
        )),
        (_, address, stack) => Ok((address, stack.map(Path::to_path_buf))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_an_address_unless_it_is_a_file_or_named_like_one() {
        assert_eq!(
            as_address("target_group.shop[blue]").and_then(|it| it.key.clone()).as_deref(),
            Some("blue")
        );
        for text in ["shop.deploy", "Cargo.toml", "src", "stacks/shop.deploy", "."] {
            assert!(as_address(text).is_none(), "{text}");
        }
    }
}
