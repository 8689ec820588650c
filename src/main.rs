//! Parses the command line, runs one command, and turns how it ended into an exit code.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    bgform::cli::run(bgform::cli::Args::parse())
}
