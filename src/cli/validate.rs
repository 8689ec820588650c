//! `bgform validate`: all mistakes of a stack, without any API call.

use serde_json::{Value as Json, json};

use super::report::mistakes_as_json;
use super::{CliError, Exit, Global, StackArgs, context};
use crate::terminal::outln;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "The JSON has `format` bgform.validate and `version` 1: valid, stack, resources (how many), and \
                        mistakes, each with code, message, help and places (file, line, column, end_line, end_column, \
                        label), the first of which is the mistake's own. Lines and columns count from 1, columns in \
                        characters. It exits 2 where there are mistakes. `bgform help language` explains the language.\n\n\
                        Examples:\n  bgform validate\n  bgform validate stacks/explicit.deploy --var live=green\n  \
                        bgform validate --json | jq -r '.mistakes[].message'"
)]
pub struct ValidateArgs {
    #[command(flatten)]
    stack: StackArgs,
    /// Print JSON (format bgform.validate, version 1).
    #[arg(long)]
    json: bool,
}

pub fn run(_global: &Global, args: ValidateArgs) -> Result<Exit, CliError> {
    let files = context::stack_files(args.stack.stack.as_deref())?;
    let (program, mistakes) = context::read_program(&files, &args.stack.variables)?;
    let name = &program.settings.name;
    if !mistakes.is_empty() && !args.json {
        return Err(CliError::Mistakes { sources: Box::new(program.sources), mistakes });
    }
    let count = || program.unreleased().nodes.iter().filter(|node| node.managed).count();
    if !args.json {
        let count = count();
        outln!("The stack `{name}` is valid: {count} resource{}.", if count == 1 { "" } else { "s" });
        return Ok(Exit::Done);
    }
    let valid = mistakes.is_empty();
    let document = json!({
        "format": "bgform.validate",
        "version": 1,
        "valid": valid,
        "stack": Some(name).filter(|name| !name.is_empty()),
        "resources": if valid { json!(count()) } else { Json::Null },
        "mistakes": mistakes_as_json(&program.sources, &mistakes),
    });
    outln!("{document:#}");
    Ok(if valid { Exit::Done } else { Exit::Usage })
}
