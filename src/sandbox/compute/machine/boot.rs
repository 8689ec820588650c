//! Starting a machine's processes: environment, user data, boot script, console.

use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use tokio::process::{Child, Command};

use super::super::process::{Group, MACHINE, RUN};
use super::super::shared::{Shared, on_disk};
use super::super::{Machine, console, folder};

/// The console is kept up to this size; what is older is in `console.log.1`.
const CONSOLE: u64 = 8 << 20;

/// Where programs are looked for.
pub fn path() -> OsString {
    std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into())
}

/// What every process of a machine has in its environment. Nothing of the sandbox's own
/// environment but `PATH`: least of all its credentials.
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

/// Starts user data (on the first boot) and boot script, one after the other, in a process group
/// of their own. The group is None when the first process has ended already.
pub fn start(shared: &Shared, machine: &Machine) -> io::Result<(Child, Option<Group>)> {
    let mut log = File::options().create(true).append(true).open(console(&shared.setup.root, &machine.id))?;
    let user_data = first_boot(shared, machine, &mut log)?;
    let child = Command::new("/bin/sh")
        .args(["-c", include_str!("../boot.sh"), "boot"])
        .arg(user_data)
        .current_dir(shared.machine_root(&machine.id))
        .env_clear()
        .envs(environment(shared, machine))
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()?;
    let group = child.id().and_then(|pid| Group::of(pid, &shared.run));
    Ok((child, group))
}

/// The user data's file, if this is the first boot of a machine that has a script there. The mark
/// is set before it runs, since a script that ends in `exec` never ends.
fn first_boot(shared: &Shared, machine: &Machine, log: &mut File) -> io::Result<OsString> {
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
            writeln!(log, "the user data is no script that begins with #!, and is not run")?;
            OsString::new()
        }
        None => OsString::new(),
    };
    File::create(mark)?;
    Ok(script)
}

/// Keeps the console from growing without end: what is there becomes `console.log.1`.
pub async fn cap_console(kept: &Path) {
    let path = kept.join("console.log");
    if !fs::metadata(&path).is_ok_and(|console| console.len() > CONSOLE) {
        return;
    }
    // Whoever writes to it appends, so it may be emptied under them.
    let capped = on_disk(move || {
        fs::copy(&path, path.with_extension("log.1"))?;
        File::options().write(true).open(&path)?.set_len(0)
    });
    // On a full disk it is tried again.
    let _ = capped.await;
}
