//! Starting a machine's processes: environment, user data, boot script, console.

use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use tokio::process::{Child, Command};

use super::super::console::Console;
use super::super::process::{Group, MACHINE, RUN};
use super::super::shared::Shared;
use super::super::{Machine, folder};

/// The search path of programs.
pub fn path() -> OsString {
    std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into())
}

/// The environment of every process of a machine. Of the sandbox's own environment it has only `PATH`, and
/// above all no credentials.
pub fn environment(shared: &Shared, machine: &Machine) -> Vec<(String, OsString)> {
    let given = machine.environment.iter().map(|(name, value)| (name.clone(), value.into()));
    let own = [
        ("PATH", path()),
        ("HOME", shared.machine_root(&machine.id).into()),
        ("HOST", machine.host.to_string().into()),
        ("PORT", machine.port.to_string().into()),
        ("BGFORM", shared.setup.program.clone().into()),
        (MACHINE, shared.machine(&machine.id).into()),
        (RUN, shared.run.clone().into()),
    ];
    given.chain(own.map(|(name, value)| (name.to_owned(), value))).collect()
}

/// Starts user data (on the first boot) and boot script, one after another, in a process group of their own.
/// The group is `None` if the first process has ended already.
pub fn start(
    shared: &Shared,
    machine: &Machine,
    console: &mut Console,
) -> io::Result<(Child, Option<Group>)> {
    let user_data = first_boot(shared, machine, console)?;
    let printed = console.pipe()?;
    let child = Command::new("/bin/sh")
        .args(["-c", include_str!("../boot.sh"), "boot"])
        .arg(user_data)
        .args(&machine.command)
        .current_dir(shared.machine_root(&machine.id))
        .env_clear()
        .envs(environment(shared, machine))
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(printed.try_clone()?)
        .stderr(printed)
        .spawn()?;
    let group = child.id().and_then(|pid| Group::of(pid, &shared.run));
    Ok((child, group))
}

/// The user data's file, if this is the first boot of a machine that has a script there. The mark
/// is set before it runs, since a script that ends in `exec` never ends.
fn first_boot(shared: &Shared, machine: &Machine, console: &Console) -> io::Result<OsString> {
    let kept = shared.machine(&machine.id);
    let mark = kept.join("first-boot");
    if mark.exists() {
        return Ok(OsString::new());
    }
    let script = match machine.user_data.as_deref().filter(|data| !data.is_empty()) {
        Some(data) if data.starts_with(b"#!") => {
            let path = kept.join("user-data");
            folder::put(&path, data)?;
            fs::set_permissions(&path, Permissions::from_mode(0o700))?;
            path.into()
        }
        Some(_) => {
            console.say("the user data is no script that begins with #!, and is not run")?;
            OsString::new()
        }
        None => OsString::new(),
    };
    File::create(mark)?;
    Ok(script)
}
