//! What only the sandbox can prove: traffic, health, faults.

pub mod containers;
pub mod daemon;
pub mod deployment;
pub mod differences;
pub mod emptied;
pub mod endurance;
pub mod faults;
pub mod not_in_place;
pub mod outlets;
pub mod priorities;
pub mod rehearsal;
pub mod replaced;
pub mod requests_per_target;
pub mod secrets;
pub mod stages;
pub mod stories;
pub mod terminal;
pub mod text;
pub mod time;
pub mod unseen;

/// The explicit stack with a bake that any machine can run, and its file.
pub const STACK: (&str, &str) = ("explicit.deploy", include_str!("../../../stacks/explicit.deploy"));

/// Its install script is not on a sandbox's machines: the release becomes the file that the base
/// image's service reads.
pub fn stack() -> String {
    let text = STACK.1.replace("/opt/shop/install.sh ${each.value}", "echo ${each.value} > release");
    assert_ne!(text, STACK.1);
    text
}
