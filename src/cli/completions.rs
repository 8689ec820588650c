//! `bgform completions`: a shell's script for completing command lines.

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use super::{Args, CliError, Exit, report};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
                        bgform completions bash > ~/.local/share/bash-completion/completions/bgform\n  \
                        bgform completions zsh > \"${fpath[1]}/_bgform\"\n  \
                        bgform completions fish > ~/.config/fish/completions/bgform.fish")]
pub struct CompletionsArgs {
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

pub fn run(args: CompletionsArgs) -> Result<Exit, CliError> {
    // Into memory first: a reader that stops early is no failure.
    let mut text = Vec::new();
    generate(args.shell, &mut Args::command(), "bgform", &mut text);
    report::out(&String::from_utf8_lossy(&text));
    Ok(Exit::Done)
}
