//! A secret goes to AWS, to a gate's command and into the state, and is shown to nobody: not in a
//! plan or its JSON, not in what AWS and commands say back, not in a mistake. All of the state is
//! its owner's alone.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use aws_sdk_ec2::types::Tag;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::kit::product::{Product, Run, ended};
use crate::kit::wire::Fault;

const STACK: &str = "vault.deploy";
const SECRET: &str = "Xq7-horse-Zz91";
const NEXT: &str = "Wk3-staple-Yy82";

/// The secret itself, and what base64 makes of it wherever it begins in a text.
fn forms(secret: &str) -> Vec<String> {
    let coded = (0..3).map(|before| {
        let text = STANDARD.encode(format!("{}{secret}", "-".repeat(before)));
        // What is before and after it has a part in the outer letters.
        text[[0, 2, 3][before]..text.len() - 4].to_owned()
    });
    coded.chain([secret.to_owned()]).collect()
}

fn shows_nothing(what: &str, said: &str) {
    for form in [SECRET, NEXT].into_iter().flat_map(forms) {
        let at = said.find(&form).map(|at| said[..at].lines().count());
        assert_eq!(at, None, "`{what}` shows `{form}`, in line\n{said}");
    }
}

/// Nobody but the owner reads any of it, and what is secret is marked as that.
fn is_private(path: &Path) {
    let mode = std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    if !path.is_dir() {
        assert_eq!(mode, 0o600, "{}", path.display());
        return;
    }
    assert_eq!(mode, 0o700, "{}", path.display());
    for entry in std::fs::read_dir(path).expect("a folder") {
        is_private(&entry.expect("an entry").path());
    }
}

struct Vault {
    product: Product,
    secret: &'static str,
}

impl Vault {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.product.command(arguments);
        command.env("BGFORM_VAR_secret", self.secret);
        command
    }

    #[track_caller]
    fn run(&self, arguments: &[&str]) -> Run {
        let run = ended(&mut self.command(arguments));
        shows_nothing(&arguments.join(" "), &format!("{}{}", run.out, run.err));
        run
    }
}

/// An answer that quotes the request, as many of AWS do.
fn echo() -> Fault {
    let data = STANDARD.encode(format!("#!/bin/sh\nexport KEY={SECRET}\necho 1.0 > release\n"));
    let coded = STANDARD.encode(SECRET);
    let said = format!("Value (for {SECRET}) for parameter key is invalid. Not '{coded}', not {data}");
    let body = format!(
        "<Response><Errors><Error><Code>InvalidParameterValue</Code><Message>{said}</Message></Error></Errors>\
         <RequestID>r-1</RequestID></Response>"
    );
    Fault::Answer(400, body)
}

#[tokio::test]
async fn a_secret_is_shown_nowhere() {
    let mut vault = Vault { product: Product::on_sandbox(&[]), secret: SECRET };
    vault.product.write(STACK, include_str!("../../fixtures/secrets.deploy"));
    let looks: [&[&str]; 12] = [
        &["validate", STACK],
        &["plan", STACK],
        &["plan", STACK, "--json", "--verbose"],
        &["graph", STACK],
        &["permissions", STACK],
        &["show", STACK],
        &["show", STACK, "--json"],
        &["state", "show", STACK],
        &["state", "show", "launch_template.spare", STACK],
        &["state", "history", STACK],
        &["status", STACK],
        &["history", STACK, "--json"],
    ];
    for arguments in looks {
        vault.run(arguments);
    }
    vault.run(&["plan", STACK, "--out", "first.bgplan"]).exits(0).says("(sensitive)");
    is_private(&vault.product.path("first.bgplan"));

    for action in ["CreateSecurityGroup", "CreateLaunchTemplate"] {
        vault.product.wire.fault_once(action, 0, echo());
    }
    let apply = ["apply", STACK, "--auto-approve", "--verbose"];
    vault.run(&apply).exits(6).says("InvalidParameterValue: Value ((sensitive)) for parameter key");
    // The first release has nothing to go back to; its gate says what it was asked with.
    vault.run(&apply).exits(6).says("asked with (sensitive)");
    vault.product.write("ready", "");
    vault.run(&apply).exits(0).says("1.0 is live on blue");
    for arguments in looks {
        vault.run(arguments).exits(0);
    }
    let state = vault.product.path("state/vault");
    is_private(&state);
    let snapshot = std::fs::read_to_string(state.join("snapshot.json")).expect("a state");
    for text in snapshot.lines().filter(|line| line.contains(SECRET)) {
        assert!(text.contains("$sensitive"), "it stands in the state unmarked: {text}");
    }

    // Somebody else's change of what holds it, and another secret.
    let cloud = vault.product.cloud().await;
    let groups = cloud.ec2.describe_security_groups().send().await.expect("an answer");
    let group =
        groups.security_groups().iter().find(|one| one.description() == Some(&format!("for {SECRET}")));
    let tag = Tag::builder().key("key").value(format!("{SECRET} and more")).build();
    let id = group.and_then(|group| group.group_id()).expect("the secret reached AWS");
    cloud.ec2.create_tags().resources(id).tags(tag).send().await.expect("a tag");
    vault.run(&["plan", STACK]).exits(0).says("Changed outside bgform");
    vault.run(&["plan", STACK, "--json"]).exits(0);
    vault.secret = NEXT;
    vault.run(&["plan", STACK, "--var", "release=2.0"]).exits(0);
    vault
        .run(&["apply", STACK, "--auto-approve", "--var", "release=2.0"])
        .exits(0)
        .says("2.0 is live on green");
    vault.run(&["history", STACK]).exits(0);
    vault.run(&["rollback", STACK]).exits(0);
    vault.run(&["destroy", STACK, "--auto-approve", "--verbose"]).exits(0);
    is_private(&state);
}

#[test]
fn no_mistake_quotes_what_is_secret() {
    let vault = |secret| Vault { product: Product::alone(), secret };
    let text = include_str!("../../fixtures/secrets.deploy");
    let short = Vault { product: Product::alone(), secret: "Zz91Xq" };
    short.product.write(STACK, text);
    let run = short.run(&["validate", STACK]).exits(2).says("variable `secret`: the condition does not hold");
    assert!(!run.err.contains("Zz91Xq"), "{}", run.err);

    let wrong = vault(SECRET);
    wrong.product.write(STACK, &text.replacen("type      = string", "type      = number", 1));
    wrong.run(&["validate", STACK]).exits(2).says("variable `secret` is a number; BGFORM_VAR_secret gave");

    // The lines around a mistake in a file of variables.
    let beside = vault(NEXT);
    beside.product.write(STACK, text);
    beside.product.write("all.vars", &format!("release = \"1.0\"\nsecret = \"{SECRET}\"\nport = \"x\"\n"));
    beside.run(&["validate", STACK, "--var-file", "all.vars"]).exits(2).says("variable `port` is a number");

    let label = vault(SECRET);
    label.product.write(STACK, &text.replacen("release = var.release", "release = var.secret", 1));
    label.run(&["validate", STACK]).exits(2).says("`release` is sensitive");
}
