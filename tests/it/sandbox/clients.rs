//! Clients that nobody here wrote: what they ask must be answered as AWS answers it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::local::Local;

/// Runs a program of `tests/clients` against a sandbox of its own; its exit code and output.
fn client(program: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let local = Local::start(&[]);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
    let output = Command::new(program)
        .args(arguments)
        .arg(&local.endpoint)
        .current_dir(root.join("tests/clients"))
        .env("PATH", {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let ours = [target.join("moto/bin")].into_iter().chain(std::env::split_paths(&path));
            std::env::join_paths(ours).expect("a path")
        })
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env_remove("AWS_PROFILE")
        .output()
        .expect("it runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn terraform_makes_plans_shifts_and_destroys() {
    let (code, text) = client("./terraform", &[]);
    println!("{text}");
    assert!(matches!(code, Some(0 | 77)), "{text}");
}
