//! What only the sandbox can prove: traffic, health, faults.

mod clients;
mod containers;
mod deployment;
mod differences;
mod door;
mod emptied;
mod endurance;
mod faults;
mod load;
mod not_in_place;
mod priorities;
mod rehearsal;
mod replaced;
mod requests_per_target;
mod stages;
mod text;
mod time;
mod unseen;

/// The explicit stack with a bake that any machine can run, and its file.
pub const STACK: (&str, &str) = ("explicit.deploy", include_str!("../../../stacks/explicit.deploy"));

/// Its install script is not on a sandbox's machines: the release becomes the file that the base
/// image's service reads.
pub fn stack() -> String {
    let text = STACK.1.replace("/opt/shop/install.sh ${each.value}", "echo ${each.value} > release");
    assert_ne!(text, STACK.1);
    text
}
