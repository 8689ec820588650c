//! `bgform validate`: all mistakes of a stack, without any API call.

use super::{CliError, Exit, Global, StackArgs, context};
use crate::terminal::outln;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  bgform validate\n  bgform validate stacks/explicit.deploy --var live=green"
)]
pub struct ValidateArgs {
    #[command(flatten)]
    stack: StackArgs,
}

pub fn run(_global: &Global, args: ValidateArgs) -> Result<Exit, CliError> {
    let program = context::program(&args.stack)?;
    let count = program.unreleased().nodes.iter().filter(|node| node.managed).count();
    outln!("The stack `{}` is valid: {count} resources.", program.settings.name);
    Ok(Exit::Done)
}
