//! `bgform fmt`: stack files in their canonical form.

use std::path::{Path, PathBuf};

use similar::TextDiff;

use super::write::{self, Readers};
use super::{CliError, Exit, context, report};
use crate::diagnostic::Sources;
use crate::lang::format::format;
use crate::terminal::outln;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  bgform fmt\n  bgform fmt --check stacks/explicit.deploy")]
pub struct FmtArgs {
    /// Stack files or folders; left out, every .deploy file here.
    #[arg(value_name = "STACK")]
    stacks: Vec<PathBuf>,
    /// Change nothing; show what would change and exit 1 if anything would.
    #[arg(long)]
    check: bool,
}

pub fn run(args: FmtArgs) -> Result<Exit, CliError> {
    let stacks = if args.stacks.is_empty() { vec![PathBuf::from(".")] } else { args.stacks };
    let mut paths = Vec::new();
    for stack in &stacks {
        paths.extend(context::stack_files(Some(stack))?);
    }
    let mut sources = Sources::default();
    let (mut mistakes, mut changed) = (Vec::new(), false);
    for path in paths {
        let file = sources.add(path.clone(), context::read_text(&path)?);
        let text = sources.text(file);
        match format(file, text) {
            Ok(formatted) if formatted == text => {}
            Ok(formatted) => {
                changed = true;
                outln!("{}", path.display());
                match args.check {
                    true => report::out(&TextDiff::from_lines(text, &formatted).unified_diff().to_string()),
                    false => write(&path, &formatted)?,
                }
            }
            Err(found) => mistakes.extend(found),
        }
    }
    match (mistakes.is_empty(), args.check && changed) {
        (false, _) => Err(CliError::Mistakes { sources: Box::new(sources), mistakes }),
        (true, true) => Ok(Exit::Failed),
        (true, false) => Ok(Exit::Done),
    }
}

/// Replaces the file, keeping its permissions.
fn write(path: &Path, text: &str) -> Result<(), CliError> {
    write::replace(path, text.as_bytes(), Readers::AsBefore).map_err(|error| CliError::File {
        path: path.to_path_buf(),
        what: "written",
        reason: context::reason(&error),
    })
}
