//! A disk that takes no more: before anything is done the account is left as it is; in the middle,
//! what was done is found again by the next apply.

use std::fmt::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::kit::product::{Product, Run, ended};
use crate::kit::wire::is_read;
use crate::moto::lifecycle::everything;

const STACK: &str = "disk.deploy";
const APPLY: &[&str] = &["apply", STACK, "--auto-approve"];
const TEMPLATES: usize = 12;

/// So many launch templates; what each is written down with is larger than a page of the disk.
fn stack(templates: usize) -> String {
    let mut text = r#"
stack "disk" {
  region = "us-east-1"
}

existing image "base" {
  owners      = ["amazon"]
  name        = "amzn2-ami-hvm-2.0.*-x86_64-gp2"
  most_recent = true
}
"#
    .to_owned();
    for number in 0..templates {
        let data = "all work and no play ".repeat(400);
        let _ = write!(
            text,
            "\nlaunch_template \"t{number}\" {{\n  image         = image.base\n  instance_type = \"t3.small\"\n  \
             user_data     = \"# {number} {data}\"\n}}\n"
        );
    }
    text
}

/// The command with no file of its own that is larger: the disk is full from there on, for root too.
fn with_room_for(product: &Product, bytes: usize, arguments: &[&str]) -> Run {
    let command = product.command(arguments);
    let mut limited = Command::new("sh");
    let limit = format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", bytes / 512);
    limited.args(["-c", &limit]).arg(command.get_program()).args(command.get_args());
    ended(like(&mut limited, &command))
}

/// The folder and the environment of another command.
fn like<'a>(command: &'a mut Command, other: &Command) -> &'a mut Command {
    let set = other.get_envs().filter_map(|(name, value)| Some((name, value?)));
    command.env_clear().envs(set).current_dir(other.get_current_dir().expect("a folder"))
}

/// Sets the permissions of a folder and of all in it.
fn open(path: &Path, folders: u32, files: u32) {
    let mode = if path.is_dir() { folders } else { files };
    if path.is_dir() {
        let all = std::fs::read_dir(path).expect("a folder");
        all.for_each(|one| open(&one.expect("one").path(), folders, files));
    }
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("it may be set");
}

/// The command as somebody who may read the state and not write it.
fn without_permission(product: &Product, arguments: &[&str]) -> Run {
    let mut command = product.command(arguments);
    let state = product.path("state");
    let run = if rustix::process::getuid().is_root() {
        // Root may write everywhere: somebody else, who can reach the folder and the binary.
        let binary = product.path("bgform");
        std::fs::copy(command.get_program(), &binary).expect("a copy");
        open(&binary, 0o755, 0o755);
        let folder = product.folder.path();
        std::fs::set_permissions(folder, PermissionsExt::from_mode(0o755)).expect("it may be set");
        open(&state, 0o755, 0o644);
        let mut other = Command::new(binary);
        other.args(command.get_args()).uid(65534).gid(65534);
        ended(like(&mut other, &command))
    } else {
        open(&state, 0o500, 0o400);
        ended(&mut command)
    };
    open(&state, 0o700, 0o600);
    run
}

fn has_changed_nothing(product: &Product, run: Run, reason: &str) {
    run.exits(1).says(reason);
    let calls = product.wire.take();
    assert!(calls.iter().all(|call| is_read(call)), "{calls:?}");
}

#[tokio::test]
async fn a_state_that_cannot_be_written_leaves_the_account_as_it_is() {
    let product = Product::on_moto();
    product.write(STACK, &stack(1));
    let before = everything(&product.cloud().await).await;
    // First with no state at all, then with one that is to change.
    for templates in [1, 2] {
        product.write(STACK, &stack(templates));
        product.wire.take();
        has_changed_nothing(&product, with_room_for(&product, 2048, APPLY), "file too large");
        // Root's folder is another user's before it is one that cannot be written.
        let anothers = rustix::process::getuid().is_root();
        let reason = if anothers { "belongs to user 0" } else { "cannot be written" };
        has_changed_nothing(&product, without_permission(&product, APPLY), reason);
        let there = everything(&product.cloud().await).await;
        assert_eq!(there["launch templates"], before["launch templates"] + templates - 1);
        product.run(APPLY).exits(0).says("1 created");
    }
    product.run(&["plan", STACK, "--detailed-exitcode"]).exits(0);
}

#[tokio::test]
async fn a_disk_that_is_full_in_the_middle_loses_nothing_that_was_done() {
    // Few at once: what several begin is written in one go.
    let apply = ["apply", STACK, "--auto-approve", "--parallelism", "2"];
    for room in [80 << 10, 120 << 10, 160 << 10] {
        let product = Product::on_moto();
        product.write(STACK, &stack(TEMPLATES));
        let run = with_room_for(&product, room, &apply).exits(6).says("cannot be written");
        let begun = product.wire.take().iter().filter(|call| *call == "CreateLaunchTemplate").count();
        println!("room for {room} bytes: {begun} of {TEMPLATES} were begun");
        assert!((1..TEMPLATES).contains(&begun), "{begun} were begun\n{}\n{}", run.out, run.err);
        product.run(APPLY).exits(0);
        product.run(&["plan", STACK, "--detailed-exitcode"]).exits(0).says("Nothing to do");
        let made = product.wire.take().iter().filter(|call| *call == "CreateLaunchTemplate").count();
        let there = everything(&product.cloud().await).await;
        assert_eq!(
            (there["launch templates"], begun + made),
            (TEMPLATES, TEMPLATES),
            "nothing is there twice"
        );
    }
}
