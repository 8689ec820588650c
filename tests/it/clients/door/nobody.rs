//! Another user of the machine, who has not the key.

use std::process::Command;

use super::{DESCRIBE, until};
use crate::kit::product::{Run, ended};
use crate::traffic::daemon::Sandboxed;

/// What `nobody` runs. None where this is not root, who alone can be somebody else.
fn as_nobody(command: &mut Command) -> Option<Run> {
    use std::os::unix::process::CommandExt;
    if !rustix::process::geteuid().is_root() {
        println!("left out: only root can be another user");
        return None;
    }
    Some(ended(command.uid(65_534).gid(65_534).current_dir("/")))
}

#[test]
fn another_user_of_the_machine_starts_reads_and_resets_nothing() {
    use std::os::unix::fs::PermissionsExt;
    let product = Sandboxed::new();
    product.sandbox(&["up", "--port", "0"]).exits(0);
    product.0.copy_stack("hello.deploy");
    product.0.run(&["--sandbox", "apply", "hello.deploy", "--auto-approve"]).exits(0);
    let endpoint = product.status()["endpoint"].as_str().expect("a URL").to_owned();
    // Nothing on the way to the sandbox's own folder keeps anybody out.
    let mut way = product.path("");
    while way.starts_with(product.0.folder.path()) {
        way = way.parent().expect("a folder").to_owned();
        std::fs::set_permissions(&way, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
        if way == product.0.folder.path() {
            break;
        }
    }
    let calls =
        || std::fs::read_to_string(product.path("us-east-1/calls.log")).expect("a log").lines().count();
    let before = (calls(), product.status()["regions"][0]["instances"].clone());
    for file in [
        "sandbox.key",
        "sandbox.json",
        "us-east-1/state.json",
        "us-east-1/calls.log",
        "state/hello/snapshot.json",
    ] {
        assert!(product.path(file).exists(), "{file}");
        let Some(run) = as_nobody(Command::new("cat").arg(product.path(file))) else { return };
        assert!(
            run.code != 0 && run.out.is_empty() && run.err.contains("Permission denied"),
            "{file}: {run:?}"
        );
    }
    for arguments in [
        vec!["-d", DESCRIBE],
        vec!["-d", "Action=RunInstances&Version=2016-11-15&ImageId=ami-1&MinCount=1&MaxCount=1"],
        vec!["--aws-sigv4", "aws:amz:us-east-1:ec2", "--user", "test:test", "-d", DESCRIBE],
        vec!["-X", "POST"],
    ] {
        let target =
            if arguments[0] == "-X" { format!("{endpoint}/_sandbox/reset") } else { endpoint.clone() };
        let run = as_nobody(Command::new("curl").args(["-sS", "-i"]).args(&arguments).arg(target))
            .expect("this is root");
        let refused = ["HTTP/1.1 403", "HTTP/1.1 401"].iter().any(|status| run.out.starts_with(status));
        assert!(refused && run.out.contains("bgform sandbox env"), "{arguments:?}: {run:?}");
    }
    let mut other = product.0.command(&["sandbox", "env"]);
    other.env("BGFORM_SANDBOX_DIR", product.path(""));
    let run = as_nobody(&mut other).expect("this is root");
    assert!(run.code != 0 && run.out.is_empty(), "{run:?}");
    assert_eq!((calls(), product.status()["regions"][0]["instances"].clone()), before);

    // A key that others may have read is used no more, and the help leads to a new one.
    let key = product.path("sandbox.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).expect("it is ours");
    let run = product.sandbox(&["status"]).exits(1).says("others may read it (mode 644)");
    let help = run.err.split_once("help: `").and_then(|(_, rest)| rest.split_once('`')).expect("a command").0;
    ended(Command::new("sh").args(["-c", &help.split_whitespace().collect::<Vec<_>>().join(" ")])).exits(0);
    until("it has ended", || product.sandbox(&["status"]).out.contains("No sandbox runs"));
    product.sandbox(&["up", "--port", "0"]).exits(0);
    product.sandbox(&["status"]).exits(0);

    // A folder that somebody else has made ready: they could put a key of theirs there.
    let trap = product.0.path("trap");
    std::fs::create_dir(&trap).expect("a folder");
    std::fs::File::create(trap.join("sandbox.lock")).expect("a file");
    std::os::unix::fs::chown(&trap, Some(65_534), Some(65_534)).expect("this is root");
    let run = product.sandbox(&["up", "--port", "0", "--dir", trap.to_str().expect("a path")]).exits(1);
    run.says("belongs to another user, who could run programs as you");
}
