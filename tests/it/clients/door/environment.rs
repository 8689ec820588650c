//! What programs beside a sandbox and in it are given: foreign clients its key, gates and machines nothing of the
//! caller's.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::kit::product::{Run, ended};
use crate::traffic::daemon::Sandboxed;

/// `eval "$(bgform sandbox env)"`, then this.
pub fn within(product: &Sandboxed, script: &str) -> Run {
    let bgform = env!("CARGO_BIN_EXE_bgform");
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target"), PathBuf::from);
    let path = std::env::join_paths(
        [target.join("moto/bin")]
            .into_iter()
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    );
    let mut command = product.0.command(&[]);
    let mut shell = Command::new("bash");
    shell
        .args(["-euc", &format!("eval \"$('{bgform}' sandbox env)\"\n{script}")])
        .current_dir(product.0.folder.path());
    shell.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    // What a user has, and what must not be looked at.
    shell.env("AWS_SESSION_TOKEN", "caller").env("AWS_PROFILE", "nobody").env("PATH", path.expect("a path"));
    command.stdin(Stdio::null());
    ended(shell.stdin(Stdio::null()))
}

#[test]
fn foreign_clients_work_with_what_sandbox_env_prints() {
    let product = Sandboxed::new();
    product.sandbox(&["env"]).exits(1).says("`bgform sandbox up` starts one");
    product.sandbox(&["up", "--port", "0"]).exits(0).says("eval \"$(bgform sandbox env)\"");
    let run = within(&product, "aws sts get-caller-identity --query Account --output text").exits(0);
    assert_eq!(run.out.trim(), "123456789012");
    let script = "python - <<'PY'\nimport boto3\nprint(len(boto3.client('ec2').describe_images(Owners=['amazon'])['Images']))\n\
                  print(boto3.client('ssm').describe_instance_information()['InstanceInformationList'])\n\
                  print(boto3.client('cloudwatch').describe_alarms()['MetricAlarms'])\nPY";
    assert!(within(&product, script).exits(0).out.ends_with("[]\n[]\n"));
    product.0.copy_stack("hello.deploy");
    let bgform = env!("CARGO_BIN_EXE_bgform");
    within(&product, &format!("'{bgform}' plan hello.deploy")).exits(0).says("9 to create");
    // A shell that has the key goes on with the next daemon.
    let before = product.sandbox(&["env"]).out;
    product.sandbox(&["down"]).exits(0);
    product.sandbox(&["up", "--port", "0"]).exits(0);
    let key =
        |text: &str| text.lines().filter(|line| line.contains("KEY")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(key(&product.sandbox(&["env"]).out), key(&before));
}

/// A gate's command that leaves its environment in a file.
const STACK: &str = r#"
  gate "look" {
    at      = "before_shift"
    command = ["sh", "-c", "env > seen.$BGFORM_RELEASE"]
  }

  strategy "canary" {"#;

/// Asserts that a program was led to the sandbox and was given nothing of the caller's.
#[track_caller]
fn is_led_to_the_sandbox(environment: &str) {
    let of = |name: &str| {
        environment.lines().find_map(|line| line.strip_prefix(&format!("{name}=")).map(str::to_owned))
    };
    assert!(!environment.contains("caller"), "{environment}");
    assert_eq!(of("BGFORM_SANDBOX").as_deref(), Some("1"));
    assert!(of("AWS_ENDPOINT_URL").is_some_and(|url| url.starts_with("http://127.0.0.1:")), "{environment}");
    assert!(of("AWS_ACCESS_KEY_ID").is_some_and(|key| key.starts_with("SANDBOX")), "{environment}");
    assert_eq!(of("AWS_SHARED_CREDENTIALS_FILE").as_deref(), Some("/dev/null"));
}

#[test]
fn a_gate_and_a_machine_in_a_sandbox_have_nothing_of_the_callers_credentials() {
    let product = Sandboxed::new();
    let text = std::fs::read_to_string(product.0.copy_stack("release.deploy")).expect("the stack");
    let text =
        text.replace("\n  strategy \"canary\" {", STACK).replace("interval     = 10s", "interval     = 1s");
    let looks = format!(
        "env > {}/booted.${{var.release}}\n      echo ${{var.release}}",
        product.0.folder.path().display()
    );
    let text = text.replace("echo ${var.release}", &looks);
    product.0.write("release.deploy", &text);
    product.sandbox(&["up", "--port", "0"]).exits(0);
    let as_a_user = |arguments: &[&str]| {
        let mut command = product.0.command(arguments);
        for name in [
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "AWS_PROFILE",
            "AWS_ROLE_ARN",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            "AWS_ENDPOINT_URL_EC2",
            "AWS_CONFIG_FILE",
        ] {
            command.env(name, "caller");
        }
        ended(&mut command)
    };
    as_a_user(&["--sandbox", "apply", "release.deploy", "--auto-approve"]).exits(0);
    as_a_user(&["--sandbox", "apply", "release.deploy", "--auto-approve", "--var", "release=2.0"]).exits(0);
    let rehearse = ["rehearse", "release.deploy", "--from", "release=3.0", "--var", "release=4.0"];
    as_a_user(&[&rehearse[..], &["--commands", "--speed", "60"]].concat()).exits(0);
    for release in ["2.0", "4.0"] {
        let seen = std::fs::read_to_string(product.0.path(&format!("seen.{release}")));
        is_led_to_the_sandbox(&seen.expect("the gate ran"));
        let booted = std::fs::read_to_string(product.0.path(&format!("booted.{release}")));
        is_a_machines_own(&booted.expect("a machine booted"));
    }
}

/// Asserts that a machine was given nothing of the caller's.
#[track_caller]
fn is_a_machines_own(booted: &str) {
    assert!(booted.contains("PORT=") && !booted.contains("caller"), "{booted}");
    assert_eq!(
        booted.lines().filter(|line| line.starts_with("AWS_")).collect::<Vec<_>>(),
        ["AWS_REGION=us-east-1"]
    );
}

/// With two clocks every release was held after a minute.
#[test]
fn a_release_in_a_sandbox_that_runs_faster_goes_through() {
    let product = Sandboxed::new();
    product.0.copy_stack("release.deploy");
    product.sandbox(&["up", "--port", "0", "--speed", "20"]).exits(0);
    let apply = ["--sandbox", "apply", "release.deploy", "--auto-approve"];
    product.0.run(&apply).exits(0);
    let second = [&apply[..], &["--var", "release=2.0"]].concat();
    product.0.run(&second).exits(0).says("2.0");
    let now = |text: &str| text.parse::<jiff::Timestamp>().expect("a time");
    let record: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(product.path("sandbox.json")).expect("a record"))
            .expect("JSON");
    assert_eq!(record["speed"], 20.0);
    let (started, sandbox) = (record["started"].as_str().expect("a time"), product.status());
    let ahead = now(sandbox["now"].as_str().expect("a time")).duration_since(now(started));
    let real = jiff::Timestamp::now().duration_since(now(started));
    assert!(ahead > real * 15, "{ahead} after {real}");
    // The retirement was planned by the sandbox's time, which is ahead of the machine's.
    let snapshot = std::fs::read_to_string(product.path("state/release/snapshot.json")).expect("a state");
    let snapshot: serde_json::Value = serde_json::from_str(&snapshot).expect("JSON");
    let at = snapshot.pointer("/deployments/web/retirement/at").and_then(|at| at.as_str());
    let left = now(at.expect("it retires")).duration_since(jiff::Timestamp::now());
    assert!(left > jiff::SignedDuration::from_secs(600), "{left}");
}
