//! Text that is not ours reaches a terminal as something to read: what would act there is shown.

use std::process::Command;

use bgform::facts::{Colour, Deployment, Ending, Release, Shipped};
use bgform::state::{Holder, Snapshot, Store};

use crate::kit::product::{Product, Run, ended};
use crate::kit::wire::Fault;
use crate::traffic::daemon::Sandboxed;

/// Sets the title, clears the screen, goes back, turns what follows round; by C0, C1 and Unicode.
const EVIL: &str = "\x1b]0;pwned\x07\x1b[2Ja\rb\u{8}c\u{7f}\u{202e}\u{2066}d\u{9b}2J";
/// The same as it is shown.
const SHOWN: &str = r"\u001b]0;pwned\u0007\u001b[2Ja\rb\u0008c\u007f\u202e\u2066d\u009b2J";
/// What of it may stand in XML.
const EVIL_IN_XML: &str = "\u{202e}\u{2066}d\u{9b}2J";

/// A stack without resources.
const STACK: &str = "stack \"text\" {\n  region = \"us-east-1\"\n}\n";

/// The run, in which nothing acts in a terminal, and which shows the end of the text.
#[track_caller]
fn harmless(run: Run) -> Run {
    for text in [&run.out, &run.err] {
        let acts = text.chars().find(|c| !matches!(c, '\n' | '\t') && bgform::terminal::acts(*c));
        assert_eq!(acts, None, "\n--- out\n{:?}\n--- err\n{:?}", run.out, run.err);
    }
    let all = run.out.clone() + &run.err;
    assert!(all.contains(r"\u202e\u2066d\u009b2J"), "\n--- out\n{}\n--- err\n{}", run.out, run.err);
    run
}

#[test]
fn what_is_typed_and_what_stands_in_files_is_shown() {
    let product = Product::alone();
    let run = |args: &[&str]| harmless(product.run(args));
    // Arguments and paths.
    run(&[&format!("--{EVIL}")]).exits(2);
    run(&["validate", &format!("{EVIL}.deploy")]).exits(2);
    product.write("text.deploy", STACK);
    run(&["validate", "text.deploy", "--var", &format!("{EVIL}=1")]).exits(2);
    run(&["validate", "text.deploy", "--var", EVIL]).exits(2);
    run(&["validate", "text.deploy", "--var-file", EVIL]).exits(2);
    run(&["state", "list", "text.deploy", "--state", &format!("s3://{EVIL}")]);
    product.write("some.vars", &format!("{EVIL} = 1\n"));
    run(&["validate", "text.deploy", "--var-file", "some.vars"]).exits(2);
    let mut command = product.command(&["validate", "text.deploy"]);
    command.env(format!("BGFORM_VAR_{EVIL}"), "1");
    harmless_or_silent(ended(&mut command));
    // Source lines, with the underline below the word; a carriage return in them is a mistake of its own.
    let [evil, shown] = [EVIL.replace('\r', ""), SHOWN.replace(r"\r", "")];
    product
        .write("text.deploy", &format!("{STACK}output \"x\" {{\n  value = [\"{evil}\", nothing.here]\n}}\n"));
    let run_ = run(&["validate", "text.deploy"]).exits(2);
    let lines: Vec<&str> = run_.err.lines().collect();
    let at =
        lines.iter().position(|line| line.contains("nothing.here") && line.contains(&shown)).expect("a line");
    let column = |line: &str, text: &str| line.split_once(text).map(|(before, _)| before.chars().count());
    assert_eq!(column(lines[at], "nothing.here"), column(lines[at + 1], "─"), "{}", run_.err);
    // A difference that `fmt` shows.
    product.write("text.deploy", &format!("{STACK}# {evil}\noutput \"x\" {{\nvalue=1\n}}\n"));
    run(&["fmt", "--check", "text.deploy"]).exits(1);
}

/// As [`harmless`], for what may say nothing of it.
#[track_caller]
fn harmless_or_silent(run: Run) {
    if !(run.out.is_empty() && run.err.is_empty()) && (run.out.clone() + &run.err).contains("pwned") {
        harmless(run);
    }
}

#[test]
fn a_label_is_one_line_to_read() {
    let product = Product::alone();
    product.copy_stack("release.deploy");
    let stack = std::fs::read_to_string(product.path("release.deploy")).expect("the stack");
    let release =
        stack.lines().find(|line| line.trim().starts_with("release ")).expect("a release").to_owned();
    let validate = |label: &str| {
        product.write("release.deploy", &stack.replace(&release, &format!("  release = \"{label}\"")));
        product.run(&["validate", "release.deploy"])
    };
    validate("1.0, grün 🚀").exits(0);
    harmless(validate(&format!("1.0{EVIL_IN_XML}")).exits(2))
        .says("`release` has a character that is none to read: `\\u202e`");
    validate("1.0\\u001b[2J")
        .exits(2)
        .says("`release` has a character that is none to read: `\\u001b`")
        .says("bgform::lang::bad_release");
    validate("1.0\\n2.0").exits(2).says("none to read: `\\n`");
    validate("").exits(2).says("`release` is empty").says("such as a version or a commit");
    validate(" ").exits(2).says("`release` is empty");
    validate(&"x".repeat(129)).exits(2).says("at most 128 characters");
}

/// A state that an older bgform may have written, with such texts in it.
fn old_state(product: &Product) -> Store {
    product.write("text.deploy", STACK);
    let store = Store::at(product.path("state/text"));
    let lock = store.lock("a test").expect("a lock");
    let mut snapshot =
        Snapshot::new("text", "123456789012", "us-east-1", Some(product.wire.endpoint.clone()));
    let release = Release {
        label: EVIL.to_owned(),
        fingerprint: "f".to_owned(),
        judged: String::new(),
        began: bgform::clock::now(),
        by: format!("{EVIL}@vm"),
        commit: Some(EVIL.to_owned()),
    };
    let mut facts = Deployment::first();
    facts.live = Some(Colour::Blue);
    facts.releases.insert(Colour::Blue, release.clone());
    facts.history.push(Shipped {
        release,
        colour: Colour::Blue,
        ended: bgform::clock::now(),
        ending: Ending::RolledBack,
        reason: Some(format!("gate \"smoke\" failed\n  {EVIL}")),
    });
    snapshot.deployments.insert("web".to_owned(), facts);
    snapshot.outputs.insert("evil".to_owned(), EVIL.into());
    store.checkpoint(&lock, &mut snapshot).expect("a state");
    store
}

#[test]
fn what_stands_in_a_state_and_in_its_lock_is_shown() {
    let product = Product::on_sandbox(&[]);
    let store = old_state(&product);
    let run = |args: &[&str]| harmless(product.run(args));
    run(&["history", "text.deploy"]).exits(0).says("pwned");
    run(&["status", "text.deploy"]).exits(0);
    run(&["show", "text.deploy"]).exits(0);
    for command in ["history", "status", "show"] {
        let run = run(&[command, "text.deploy", "--json"]).exits(0);
        assert!(
            serde_json::from_str::<serde_json::Value>(&run.out).expect("JSON").to_string().contains("pwned")
        );
    }
    run(&["plan", "text.deploy"]);
    let holder = Holder {
        user: EVIL.to_owned(),
        host: EVIL.to_owned(),
        command: format!("bgform apply {EVIL}"),
        ..Holder::this_process("")
    };
    let held = store.contend(holder).try_take().expect("the lock");
    run(&["apply", "text.deploy", "--auto-approve"]).exits(1).says("is in use by");
    run(&["state", "unlock", "text.deploy"]);
    drop(held);
}

#[test]
fn what_aws_says_and_what_a_plan_holds_is_shown() {
    let product = Product::on_sandbox(&[]);
    let stack = format!(
        "{STACK}existing vpc \"main\" {{\n  default = true\n}}\nsecurity_group \"web\" {{\n  vpc = vpc.main\n  \
         description = \"for the web\"\n  tags = {{ \"k{EVIL_IN_XML}\" = \"v{EVIL_IN_XML}\" }}\n}}\n"
    );
    product.write("text.deploy", &stack);
    harmless(product.run(&["plan", "text.deploy"])).exits(0);
    harmless(product.run(&["plan", "text.deploy", "--json"])).exits(0);
    let answer = format!(
        "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>no {EVIL_IN_XML}</Message></Error>\
         </Errors><RequestID>r{EVIL_IN_XML}</RequestID></Response>"
    );
    product.wire.fault_once("CreateSecurityGroup", 0, Fault::Answer(403, answer));
    harmless(product.run(&["apply", "text.deploy", "--auto-approve", "--verbose"])).exits(6);
    // What stands in the account and in the state, and a change of it.
    harmless(product.run(&["apply", "text.deploy", "--auto-approve"])).exits(0);
    product.write("text.deploy", &stack.replace("= \"v", "= \"another v"));
    harmless(product.run(&["plan", "text.deploy"])).exits(0);
    harmless(product.run(&["show", "security_group.web", "text.deploy"])).exits(0);
}

#[test]
fn what_an_instance_prints_acts_in_no_terminal() {
    let product = Sandboxed::new();
    product.0.write(".local/share/bgform/sandbox/us-east-1/state.json", "{}");
    let said = format!("{EVIL}\nhalf a character: ü\n");
    product.0.write(".local/share/bgform/sandbox/us-east-1/instances/i-1/console.log", &said);
    // To a program as it is.
    assert_eq!(product.sandbox(&["logs", "i-1"]).exits(0).out, said);
    let mut command = Command::new("python3");
    let program = env!("CARGO_BIN_EXE_bgform");
    command
        .args([
            "-c",
            "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)",
            program,
            "sandbox",
            "logs",
            "i-1",
        ])
        .env("HOME", product.0.folder.path())
        .stdin(std::process::Stdio::null());
    let run = ended(&mut command).exits(0);
    // A terminal's driver begins lines itself.
    harmless(Run { out: run.out.replace("\r\n", "\n"), ..run }).says("half a character: ü");
}
