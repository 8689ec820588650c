//! A command line that can be relied on: whoever reads its output, whatever files it is given, and what it
//! says to type next.

use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::process::Stdio;

use serde_json::{Value as Json, json};

use crate::kit::product::{Product, ended};

const STACK: &str = "stack \"s\" {\n  region = \"us-east-1\"\n}\n";

fn one(product: &Product, text: &str) {
    product.write("s.deploy", &format!("{STACK}{text}"));
}

#[test]
fn a_mistake_in_a_line_of_a_hundred_thousand_columns_is_told() {
    let product = Product::alone();
    one(&product, &format!("output \"o\" {{\n  value = \"{}\" + nothing.x\n}}\n", "QUJD".repeat(25_000)));
    let run = product.run(&["validate"]).exits(2);
    assert!(!run.err.contains("panicked") && !run.err.contains("has a fault"), "{}", run.err);
    assert!(run.err.len() < 4000 && run.err.contains("nothing"), "{}", run.err);
}

#[test]
fn a_file_that_has_no_end_or_never_begins_is_not_waited_for() {
    let product = Product::alone();
    let fifo = product.path("fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(made.success());
    for function in ["file", "filebase64", "filesha256"] {
        for path in ["/dev/zero", fifo.to_str().unwrap(), "."] {
            one(&product, &format!("output \"o\" {{\n  value = {function}(\"{path}\")\n}}\n"));
            product.run(&["validate"]).exits(2).says("it is no plain file");
        }
    }
    one(&product, "");
    product.run(&["validate", "--var-file", "/dev/zero"]).exits(2).says("it has more than 8388608 bytes");
    product.run(&["validate", "/dev/zero"]).exits(2).says("is neither a plain file nor a folder");
}

#[test]
fn a_mistake_in_a_file_of_variables_shows_no_value() {
    let product = Product::alone();
    one(
        &product,
        "variable \"password\" {\n  type      = string\n  sensitive = true\n}\nvariable \"size\" {\n  type    = number\n  default = 1\n}\n",
    );
    for (text, shown) in [
        ("password = \"hunter2-is-it\nsize = 2\n", None),
        ("size = 2\npassword = hunter2-is-it\n", None),
        ("password = [\"hunter2-is-it\" \"x\"]\n", None),
        ("password = <<EOT\n  hunter2-is-it\nEOT\nsize = = 2\n", Some("size = = 2")),
        ("pasword = \"hunter2-is-it\"\n", Some("pasword")),
        ("hunter2-is-it\n", None),
        ("password = \"${hunter2-is-it}\"\n", None),
        ("password = \"fine, and long\"\nsize = \"hunter\"\n", Some("size")),
    ] {
        product.write("prod.vars", text);
        let run = product.run(&["validate", "--var-file", "prod.vars"]).exits(2);
        assert!(!run.err.contains("hunter2") && !run.out.contains("hunter2"), "{text}\n{}", run.err);
        assert!(shown.is_none_or(|shown| run.err.contains(shown)), "{text}\n{}", run.err);
    }
}

#[test]
fn a_program_can_read_what_validate_finds() {
    let product = Product::alone();
    one(&product, "output \"a\" {\n  value = \"é\" + nowhere.x\n}\n");
    let told: Json = serde_json::from_str(&product.run(&["validate", "--json"]).exits(2).out).unwrap();
    assert_eq!(
        (&told["format"], &told["version"], &told["valid"]),
        (&json!("bgform.validate"), &json!(1), &json!(false))
    );
    let place = &told["mistakes"][0]["places"][0];
    assert_eq!(
        (&place["file"], &place["line"], &place["column"]),
        (&json!("s.deploy"), &json!(5), &json!(17)),
        "{told:#}"
    );
    assert!(told["mistakes"][0]["code"].as_str().unwrap().starts_with("bgform::lang::"));
    one(&product, "");
    let told: Json = serde_json::from_str(&product.run(&["validate", "--json"]).exits(0).out).unwrap();
    assert_eq!((&told["valid"], &told["stack"], &told["resources"]), (&json!(true), &json!("s"), &json!(0)));
}

#[test]
fn fmt_writes_through_a_link_and_over_nothing_but_a_plain_file() {
    let product = Product::alone();
    let ugly = STACK.replace(" = ", "=");
    let real = product.write("real/s.deploy", &ugly);
    let link = product.path("link.deploy");
    symlink(&real, &link).unwrap();
    product.run(&["fmt", "link.deploy"]).exits(0).says("link.deploy");
    assert!(link.symlink_metadata().unwrap().is_symlink());
    assert_eq!(std::fs::read_to_string(&real).unwrap(), STACK);
    // A pipe and a device are no stack files.
    let mut command = product.command(&["fmt", "/dev/stdin"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It may have refused and ended before it reads.
    let _ = child.stdin.take().unwrap().write_all(ugly.as_bytes());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(std::path::Path::new("/dev/stdin").symlink_metadata().unwrap().is_symlink());
}

#[test]
fn no_reader_and_no_room_are_no_panic_and_no_other_code() {
    let product = Product::alone();
    one(&product, "");
    let commands: [(&[&str], i32); 5] = [
        (&["validate"], 0),
        (&["validate", "--json"], 0),
        (&["--help"], 0),
        (&["completions", "bash"], 0),
        (&["validate", "nowhere.deploy"], 2),
    ];
    for (arguments, code) in commands {
        let full = || Stdio::from(std::fs::File::options().write(true).open("/dev/full").unwrap());
        let silent = product.command(arguments).stdout(full()).stderr(full()).status().unwrap();
        assert_eq!(silent.code(), Some(code), "{arguments:?}");
        let mut child =
            product.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code), "{arguments:?}: {said}");
        assert!(!said.contains("fault"), "{said}");
    }
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = product.command(&["validate"]).stdout(full).stderr(Stdio::piped()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("not all of its output could be written: the disk is full"), "{said}");
}

#[test]
fn an_id_in_a_message_is_one_word() {
    let product = Product::alone();
    let long = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/my-very-long-name-of-a-balancer/50dc6c495c0c9188";
    let run = ended(product.command(&["show", long]).env("COLUMNS", "60")).exits(2);
    assert!(run.err.contains(long), "{}", run.err);
}

#[test]
fn what_is_told_to_be_typed_names_the_stack_and_the_state() {
    let product = Product::alone();
    product.write("my stacks/s.deploy", STACK);
    product.write("other/t.deploy", STACK);
    let place = product.path("states");
    let run = product.run(&["show", "my stacks/s.deploy", "--state", place.to_str().unwrap()]).exits(1);
    run.says(&format!("`bgform --state {} apply 'my stacks/s.deploy'`", place.display()));
    // The only stack that is here needs no name.
    one(&product, "");
    product.run(&["show", "s.deploy"]).exits(1).says("the first `bgform apply` or");
}

/// A canary on moto whose first step lasts so long, with 1.0 live.
fn canary(interval: &str) -> Product {
    let product = Product::on_moto();
    let steps = format!("strategy \"canary\" {{\n    steps = [25%]\n    interval = {interval}");
    product
        .write("web.deploy", &crate::moto::deployment::SERVICE.replace("strategy \"blue_green\" {", &steps));
    product.run(&["apply", "--auto-approve", "--var", "release=1.0"]).exits(0);
    product.wire.take();
    product
}

/// Ships 2.0; its readers go and this signal comes while green has its first share. The code that it ends with.
fn left_alone(product: &Product, signal: rustix::process::Signal) -> Option<i32> {
    let mut command = product.command(&["apply", "--auto-approve", "--var", "release=2.0"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = std::io::BufReader::new(child.stderr.take().unwrap());
    let began = bgform::clock::monotonic();
    while product.wire.count("ModifyRule") == 0 {
        assert!(bgform::clock::monotonic().saturating_sub(began).as_secs() < 90, "no shift");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    drop(child.stdout.take());
    std::thread::sleep(std::time::Duration::from_secs(1));
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
    // `tee` dies of the same Ctrl-C.
    let mut some = [0; 64];
    let _ = said.read(&mut some);
    drop(said);
    child.wait().unwrap().code()
}

#[test]
fn a_rollout_goes_on_when_its_readers_and_its_terminal_have_gone() {
    let product = canary("4s");
    assert_eq!(left_alone(&product, rustix::process::Signal::HUP), Some(0));
    product.run(&["status"]).exits(0).says("2.0 on green");
}

#[test]
fn an_interrupt_counts_though_nobody_reads_that_it_does() {
    let product = canary("1h");
    assert_eq!(left_alone(&product, rustix::process::Signal::INT), Some(4));
    product.run(&["abort"]).exits(0).says("1.0 on blue");
}

#[test]
fn a_saved_plan_asks_again_for_what_is_sensitive() {
    let product = Product::on_moto();
    let variable = "variable \"key\" {\n  type      = string\n  sensitive = true\n}\nvariable \"size\" {\n  type    = number\n  default = 1\n}\n";
    let group = "existing vpc \"main\" {\n  default = true\n}\nsecurity_group \"g\" {\n  vpc         = vpc.main\n  description = \"d\"\n  tags        = { key = var.key }\n}\n";
    one(&product, &format!("{variable}{group}"));
    product.run(&["plan", "--var", "key=quay-mole-20", "--out", "a.bgplan"]).exits(0);
    assert!(!std::fs::read_to_string(product.path("a.bgplan")).unwrap().contains("quay-mole-20"));
    let asks = "the plan needs `key` with the values of when it was made";
    product.run(&["apply", "a.bgplan"]).exits(1).says(asks).says("BGFORM_VAR_key");
    product.run(&["apply", "a.bgplan", "--var", "key=another"]).exits(1).says(asks);
    product
        .run(&["apply", "a.bgplan", "--var", "key=quay-mole-20", "--var", "size=2"])
        .exits(2)
        .says("fixes its variables");
    ended(product.command(&["apply", "a.bgplan"]).env("BGFORM_VAR_key", "quay-mole-20"))
        .exits(0)
        .says("1 created");
}

#[test]
fn a_deployment_can_be_targeted_by_its_name() {
    let product = Product::on_moto();
    product.write("web.deploy", crate::moto::deployment::SERVICE);
    let plan = ["plan", "--var", "release=1.0", "--target"];
    product.run(&[&plan[..], &["deployment.web"]].concat()).exits(0).says("autoscaling_group.web");
    product.run(&[&plan[..], &["deployment.wep"]].concat()).exits(2).says("did you mean `deployment.web`?");
    let apply = ["apply", "--auto-approve", "--var", "release=1.0", "--target", "deployment.web"];
    product.run(&apply).exits(0).says("web: 1.0 is live on blue");
}
