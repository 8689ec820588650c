//! Clients that nobody here wrote: what they ask must be answered as AWS answers it.
//!
//! Each program of `tests/clients` takes an endpoint with nothing in it but what an account begins
//! with. Where an answer is not AWS's it says what was wanted and found, and its exit code is not 0.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::door::within;
use crate::kit::local::Local;
use crate::traffic::daemon::Sandboxed;

/// Runs a program of `tests/clients` against a sandbox of its own; its exit code and output.
fn client(program: &str) -> (Option<i32>, String) {
    by(&Local::start(&[]), program, &[])
}

/// Runs a program of `tests/clients` against a sandbox; its exit code and output.
pub fn by(local: &Local, program: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
    let programs = target.join("moto/bin");
    assert!(programs.join("aws").exists(), "no AWS CLI of the tests' own: run tests/moto first");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths([programs].into_iter().chain(std::env::split_paths(&path)));
    let output = Command::new(root.join("tests/clients").join(program))
        .arg(&local.endpoint)
        .args(arguments)
        .env("PATH", path.expect("a path"))
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env_remove("AWS_PROFILE")
        .output()
        .expect("it runs");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    println!("{text}");
    (output.status.code(), text)
}

/// Every answer is of botocore's shape, and what AWS refuses is refused with its code.
#[test]
fn boto3_walks_through_an_estate() {
    let (code, text) = client("estate.py");
    assert_eq!(code, Some(0), "{text}");
}

#[test]
fn the_aws_cli_lives_an_estate() {
    let (code, text) = client("aws.sh");
    assert_eq!(code, Some(0), "{text}");
}

/// Takes two to three minutes, of which Terraform's provider sleeps most between two looks. Run it
/// with `cargo test --test it -- --ignored --nocapture terraform`. Without Terraform and a mirror of
/// its AWS provider it says that it is skipped.
#[test]
#[ignore = "takes minutes: cargo test --test it -- --ignored --nocapture terraform"]
fn terraform_makes_plans_shifts_and_destroys() {
    let product = Sandboxed::new();
    product.sandbox(&["up", "--port", "0"]).exits(0);
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/terraform");
    let run = within(&product, &format!("'{}' \"$AWS_ENDPOINT_URL\"", program.display()));
    let (code, text) = (Some(run.code), format!("{}{}", run.out, run.err));
    println!("{text}");
    match code {
        Some(77) => println!("skipped: {text}"),
        code => assert_eq!(code, Some(0), "{text}"),
    }
}
