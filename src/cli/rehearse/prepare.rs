//! Prepares the account of a rehearsal: before the first release, the author's command makes the resources
//! that the stack expects. It reaches the sandbox and nothing else.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use super::super::CliError;
use super::super::sandbox::{daemon, home::refused};
use crate::cloud::Cloud;
use crate::deployment::sides::Sides;
use crate::facts::Colour;
use crate::kind::shutdown::Shutdown;
use crate::stack::{Known, Program};

/// Runs the command to its end, with access to the sandbox in this folder and to nothing else; false if an
/// interrupt came first. Its output goes to standard error.
pub async fn prepare(
    command: &str,
    folder: &Path,
    cloud: &Cloud,
    shutdown: &Shutdown,
) -> Result<bool, CliError> {
    let mut process = Command::new("/bin/sh");
    cloud.lead(&mut process);
    process
        .args(["-c", command])
        .env("BGFORM_SANDBOX_DIR", folder)
        .env("BGFORM", daemon::program()?)
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        .process_group(0)
        .kill_on_drop(true);
    let ended = tokio::select! {
        ended = process.status() => ended,
        () = shutdown.draining() => return Ok(false),
    };
    let help = "no release was brought up. It runs in this folder, with AWS_ENDPOINT_URL, BGFORM_SANDBOX_DIR and \
                BGFORM (this program) in its environment";
    match ended {
        Ok(status) if status.success() => Ok(true),
        Ok(status) => {
            Err(refused("bgform::rehearse::prepare", format!("`{command}` ended with {status}"), help))
        }
        Err(error) => {
            Err(refused("bgform::rehearse::prepare", format!("`{command}` cannot be run: {error}"), help))
        }
    }
}

/// Checks that gates with commands on this machine were agreed to: they have their effects outside the
/// sandbox too.
pub fn commands_agreed(program: &Program, agreed: bool) -> Result<(), CliError> {
    let view = program.unreleased();
    for name in program.deployments().keys().filter(|_| !agreed) {
        let sides = Sides { name, new: Colour::Blue, releases: ["", ""] };
        let declaration = view.deployment(name, &sides, &Known::new(), &mut Vec::new());
        let gates = declaration.into_iter().flat_map(|declaration| declaration.gate);
        for gate in gates {
            let Some(command) = &gate.command else { continue };
            return Err(CliError::usage(
                "bgform::rehearse::commands",
                format!(
                    "gate \"{}\" of `{name}` runs {} on this machine, and a sandbox keeps it from nothing",
                    gate.name,
                    command.join(" ")
                ),
                "nothing was run. Where it may be tried, pass --commands: it has the sandbox's AWS_* in its \
                 environment in place of yours",
            ));
        }
    }
    Ok(())
}
