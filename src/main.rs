//! Parses the command line, runs one command, and turns its end into an exit code.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    bgform::terminal::tell_panics();
    match bgform::cli::Args::try_parse() {
        Ok(args) => bgform::cli::run(args),
        Err(error) => bgform::cli::usage(&error),
    }
}
