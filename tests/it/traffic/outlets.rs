//! Every command, of clap's own list, with its output closed, read to its first line, and on a full disk: it
//! ends as it does with a reader, and without a panic.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use clap::CommandFactory;

use super::daemon::Sandboxed;
use crate::kit::product::Product;

/// Where the output of a command goes.
#[derive(Debug, Clone, Copy)]
pub enum Outlet {
    Read,
    /// `>&-`
    Closed,
    /// A pipe whose reader has enough after a line, as `head -1`.
    OneLine,
    /// `/dev/full`
    Full,
}

/// The commands that a person can type, each with what it needs: arguments that clap requires are `x`.
pub fn leaves(command: &clap::Command, path: &[String], found: &mut Vec<Vec<String>>) {
    let inner: Vec<_> = command.get_subcommands().filter(|one| !one.is_hide_set()).collect();
    for one in &inner {
        leaves(one, &[path, &[one.get_name().to_owned()]].concat(), found);
    }
    if inner.is_empty() || (!path.is_empty() && !command.is_subcommand_required_set()) {
        let needed = command.get_arguments().filter(|one| one.is_required_set()).flat_map(|one| {
            let word = one.get_possible_values().first().map_or("x", |first| first.get_name()).to_owned();
            one.get_long().map(|long| format!("--{long}")).into_iter().chain([word]).collect::<Vec<_>>()
        });
        found.push(path.iter().cloned().chain(needed).collect());
    }
}

/// The command under way, with this outlet.
pub fn begun(product: &Product, arguments: &[&str], outlet: Outlet, errors: Stdio) -> Child {
    let mut command = product.command(arguments);
    if matches!(outlet, Outlet::Closed) {
        let mut shell = Command::new("sh");
        shell.args(["-c", "exec \"$0\" \"$@\" >&-"]).arg(command.get_program()).args(arguments).env_clear();
        shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        shell.current_dir(product.folder.path()).stdin(Stdio::null());
        command = shell;
    }
    let out = match outlet {
        Outlet::Full => Stdio::from(std::fs::File::options().write(true).open("/dev/full").expect("Linux")),
        Outlet::Closed => Stdio::null(),
        Outlet::Read | Outlet::OneLine => Stdio::piped(),
    };
    let mut child = command.stdout(out).stderr(errors).spawn().expect("it runs");
    if let Some(mut out) = child.stdout.take() {
        // The pipe breaks where the reader has had its line.
        std::thread::spawn(move || match outlet {
            Outlet::OneLine => {
                let _ = BufReader::with_capacity(1, out).read_line(&mut String::new());
            }
            _ => drop(std::io::copy(&mut out, &mut std::io::sink())),
        });
    }
    child
}

/// How it ended, and what it said on the other outlet.
fn ended(product: &Sandboxed, arguments: &[&str], outlet: Outlet) -> (Option<i32>, String) {
    let output = begun(&product.0, arguments, outlet, Stdio::piped()).wait_with_output().expect("it ends");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn every_command_ends_as_it_does_whoever_reads_it() {
    let product = Sandboxed::new();
    product.0.copy_stack("hello.deploy");
    product.sandbox(&["up", "--port", "0"]).exits(0);
    product.0.run(&["--sandbox", "apply", "hello.deploy", "--auto-approve"]).exits(0);
    let mut all = Vec::new();
    leaves(&bgform::cli::Args::command(), &[], &mut all);
    assert!(all.len() > 30, "{all:?}");
    let mut wrong = Vec::new();
    for command in &all {
        let of_sandbox = command[0] == "sandbox";
        let mut arguments: Vec<&str> = if of_sandbox { vec![] } else { vec!["--sandbox"] };
        arguments.extend(command.iter().map(String::as_str));
        match &command.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["sandbox", "up"] => arguments.extend(["--port", "0"]),
            ["apply"] => arguments.push("--auto-approve"),
            // They take no `--sandbox`.
            ["completions", ..] | ["rehearse", ..] => drop(arguments.remove(0)),
            _ => {}
        }
        let mut codes = Vec::new();
        for outlet in [Outlet::Read, Outlet::Closed, Outlet::OneLine, Outlet::Full] {
            if of_sandbox {
                product.sandbox(&["up", "--port", "0"]).exits(0);
            }
            let (code, said) = ended(&product, &arguments, outlet);
            codes.push(code);
            let known = code.is_some_and(|code| (0..=6).contains(&code));
            if !known || codes[0] != code || said.contains("panicked") || said.contains("a bug in bgform") {
                wrong.push(format!(
                    "{arguments:?} {outlet:?}: {code:?}, and {:?} with a reader: {said}",
                    codes[0]
                ));
            }
        }
    }
    println!("{} commands, {} runs", all.len(), all.len() * 4);
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong.join("\n"));
}
