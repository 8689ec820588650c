//! `bgform destroy`: deletes everything that the stack made.

use super::apply::{Ask, carry_out};
use super::{CliError, Exit, Global, StackArgs, context, result};
use crate::address::Address;
use crate::plan::Options;

#[derive(Debug, clap::Args)]
#[command(after_help = "Variables need no value: the state knows the resources.\n\n\
                        Examples:\n  bgform destroy stacks/explicit.deploy\n  bgform destroy --auto-approve")]
pub struct DestroyArgs {
    #[command(flatten)]
    stack: StackArgs,
    /// Only this resource and what depends on it; may be given several times.
    #[arg(long, value_name = "ADDRESS")]
    target: Vec<Address>,
    /// Leave this resource and what it needs; may be given several times.
    #[arg(long, value_name = "ADDRESS")]
    exclude: Vec<Address>,
    #[command(flatten)]
    ask: Ask,
}

pub async fn run(global: &Global, args: DestroyArgs) -> Result<Exit, CliError> {
    result::keep(args.ask.result.as_deref(), async {
        let files = context::stack_files(args.stack.stack.as_deref())?;
        let (program, global) = context::program_to_destroy(global, &files, &args.stack.variables)?;
        let options =
            Options { targets: args.target, excludes: args.exclude, destroy: true, ..Options::default() };
        carry_out(&global, &program, &options, &args.ask, None, "bgform destroy").await
    })
    .await
}
