//! What goes wrong before anything is done is said clearly, and nothing is lost.

use std::process::Stdio;

use crate::kit::product::{Product, ended};
use crate::kit::wire::{Fault, Moment, is_read};

const SMALL: &str = r#"
stack "small" {
  region = "us-east-1"
}

existing vpc "main" {
  default = true
}

security_group "web" {
  vpc         = vpc.main
  description = "web"
}

security_group "edge" {
  vpc         = vpc.main
  description = "edge"
}
"#;

/// A product whose small stack has been applied.
fn applied() -> Product {
    let product = Product::on_moto();
    product.write("small.deploy", SMALL);
    product.run(&["apply", "--auto-approve"]).exits(0);
    product.wire.take();
    product
}

#[test]
fn a_dozen_mistakes_are_a_dozen_diagnostics_and_no_call() {
    let product = Product::alone();
    product.write("bad.deploy", include_str!("../../fixtures/dozen.deploy"));
    let run = product.run(&["plan"]).exits(2).says("12 mistakes in the stack; no API call was made");
    let codes: Vec<_> = run.err.lines().filter(|line| line.starts_with("bgform::")).collect();
    assert_eq!(codes.len(), 12, "{}", run.err);
    assert!(product.wire.take().is_empty());
}

#[test]
fn a_missing_file_and_a_folder_without_stacks_are_named() {
    let product = Product::alone();
    product.run(&["plan", "none.deploy"]).exits(2).says("there is no stack at `none.deploy`");
    product.run(&["plan"]).exits(2).says("no .deploy file is in `.`");
    product.write("a.deploy", SMALL);
    product.write("b.deploy", SMALL);
    product.run(&["plan"]).exits(2).says("there are 2 .deploy files here: a.deploy, b.deploy");
}

#[test]
fn an_endpoint_that_refuses_is_said_to() {
    let product = Product::alone();
    product.write("small.deploy", SMALL);
    product
        .run(&["plan", "--endpoint-url", "http://127.0.0.1:9"])
        .exits(1)
        .says("STS GetCallerIdentity failed")
        .says("Connection refused")
        .says("nothing was sent");
}

#[test]
fn missing_and_wrong_credentials_are_told_apart() {
    let product = Product::on_moto();
    product.write("small.deploy", SMALL);
    ended(product.command(&["plan"]).env_remove("AWS_ACCESS_KEY_ID"))
        .exits(1)
        .says("no AWS credentials were found")
        .says("AWS_PROFILE");
    let wrong = "<ErrorResponse><Error><Code>InvalidClientTokenId</Code><Message>The security token \
                 included in the request is invalid.</Message></Error><RequestId>r-1</RequestId></ErrorResponse>";
    product.wire.fault_always("GetCallerIdentity", Fault::Answer(403, wrong.to_owned()));
    product
        .run(&["plan"])
        .exits(1)
        .says("InvalidClientTokenId")
        .says("check AWS_PROFILE")
        .says("request r-1");
}

#[test]
fn an_access_denied_answer_names_the_permission() {
    let product = applied();
    let denied = "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>You are not authorized \
                  to perform this operation.</Message></Error></Errors><RequestID>r-2</RequestID></Response>";
    product.wire.fault_always("DescribeSecurityGroups", Fault::Answer(403, denied.to_owned()));
    product
        .run(&["plan"])
        .exits(1)
        .says("` cannot be read: EC2 DescribeSecurityGroups answered UnauthorizedOperation")
        .says("bgform permissions");
}

/// EC2 is eventually consistent: what was made a moment ago may not be listed.
#[test]
fn what_ec2_does_not_show_yet_is_looked_for_again() {
    let product = Product::on_moto();
    product.write("small.deploy", SMALL);
    let mut command = product.command(&["apply", "--auto-approve", "--parallelism", "1"]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    assert!(product.wire.kill(child, 0, Moment::BeforeItsAnswer));
    let none = "<DescribeSecurityGroupsResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>r</requestId>\
                <securityGroupInfo/></DescribeSecurityGroupsResponse>";
    for _ in 0..2 {
        product.wire.fault_once("DescribeSecurityGroups", 0, Fault::Answer(200, none.to_owned()));
    }
    product.wire.take();
    product.run(&["apply", "--auto-approve"]).exits(0).says("it had been made, and is adopted");
    assert_eq!(product.wire.count("CreateSecurityGroup"), 1);
}

/// The group is made, its rules are not, and would not be the next time.
#[test]
fn a_group_whose_rules_are_refused_is_adopted_without_them_and_the_stack_mends_it() {
    let product = Product::on_moto();
    let without = SMALL.split("security_group \"edge\"").next().unwrap();
    let with_rule_for = |port: u16| {
        let rule = format!(
            "  ingress {{\n    protocol = \"tcp\"\n    port = {port}\n    cidr = [\"10.0.0.0/8\"]\n  }}\n}}\n"
        );
        format!("{}{rule}", without.trim_end().trim_end_matches('}'))
    };
    product.write("small.deploy", &with_rule_for(80));
    let limit = "<Response><Errors><Error><Code>RulesPerSecurityGroupLimitExceeded</Code><Message>The maximum \
                 number of rules has been reached.</Message></Error></Errors><RequestID>r-3</RequestID></Response>";
    // Once in the create, and once where it is looked up.
    for _ in 0..2 {
        product.wire.fault_once("AuthorizeSecurityGroupIngress", 0, Fault::Answer(400, limit.to_owned()));
    }
    product.run(&["apply", "--auto-approve"]).exits(6).says("RulesPerSecurityGroupLimitExceeded");
    product.write("small.deploy", &with_rule_for(81));
    product.run(&["apply", "--auto-approve"]).exits(0).says("adopted");
    assert_eq!(product.wire.count("CreateSecurityGroup"), 1);
    product.run(&["plan", "--detailed-exitcode"]).exits(0);
}

#[test]
fn a_corrupt_state_is_refused_with_the_way_back() {
    let product = applied();
    let path = product.path("state/small/snapshot.json");
    let sound = std::fs::read_to_string(&path).unwrap();
    product.write("state/small/snapshot.json", &sound[..sound.len() / 2]);
    product.run(&["plan"]).exits(1).says("does not read").says("bgform state restore");
    product.run(&["apply", "--auto-approve"]).exits(1).says("does not read");
    product.write("state/small/snapshot.json", &sound.replacen("sg-", "sg_", 1));
    product.run(&["plan"]).exits(1).says("checksum");
    assert!(product.wire.take().iter().all(|call| is_read(call)));
    product.run(&["state", "restore", "--auto-approve"]).exits(0).says("Serial 1 is the state again");
    product.run(&["plan", "--detailed-exitcode"]).exits(0);
}

#[test]
fn a_state_from_a_newer_version_is_refused() {
    let product = applied();
    let path = product.path("state/small/snapshot.json");
    let text = std::fs::read_to_string(&path).unwrap();
    product.write("state/small/snapshot.json", &text.replacen("\"version\": 1", "\"version\": 2", 1));
    product.run(&["plan"]).exits(1).says("has format 2").says("install that version or a later one");
}

#[test]
fn a_locked_state_says_by_whom() {
    let product = applied();
    let store = bgform::state::Store::at(product.path("state/small"));
    let _lock = store.lock("bgform apply by another").unwrap();
    product
        .run(&["apply", "--auto-approve", "--replace", "security_group.web"])
        .exits(1)
        .says("is in use by")
        .says("bgform apply by another");
    assert!(product.wire.take().is_empty());
    product.run(&["plan", "--detailed-exitcode"]).exits(0);
}

#[test]
fn state_of_another_account_is_refused() {
    let product = applied();
    let other = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
                 <Account>210987654321</Account><Arn>a</Arn><UserId>u</UserId></GetCallerIdentityResult>\
                 </GetCallerIdentityResponse>";
    product.wire.fault_always("GetCallerIdentity", Fault::Answer(200, other.to_owned()));
    for command in [&["plan"][..], &["apply", "--auto-approve"], &["destroy", "--auto-approve"]] {
        product
            .run(command)
            .exits(1)
            .says("the state belongs to account 123456789012, and these credentials belong to 210987654321");
    }
    assert!(product.wire.take().iter().all(|call| is_read(call)));
}

#[test]
fn apply_without_a_terminal_refuses_to_guess() {
    let product = Product::on_moto();
    product.write("small.deploy", SMALL);
    product.run(&["apply"]).exits(2).says("there is no terminal to ask at").says("--auto-approve");
    assert!(product.wire.take().is_empty());
    assert!(!product.path("state").exists());
}

#[test]
fn a_lost_state_does_not_make_everything_again() {
    let product = applied();
    std::fs::remove_dir_all(product.path("state")).unwrap();
    product
        .run(&["apply", "--auto-approve"])
        .exits(1)
        .says("there is no state for stack `small`, yet 2 of its resources exist: sg-")
        .says("`bgform state rebuild`");
    product.run(&["state", "rebuild"]).exits(2).says("pass --auto-approve");
    product.run(&["state", "rebuild", "--auto-approve"]).exits(0).says("Kept as serial 1");
    product.run(&["plan", "--detailed-exitcode"]).exits(0);
    assert!(product.wire.take().iter().all(|call| is_read(call)));
}

#[test]
fn everything_gone_at_once_is_refused() {
    let product = applied();
    let none = "<DescribeSecurityGroupsResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">\
                <requestId>r</requestId><securityGroupInfo/></DescribeSecurityGroupsResponse>";
    product.wire.fault_always("DescribeSecurityGroups", Fault::Answer(200, none.to_owned()));
    product
        .run(&["apply", "--auto-approve"])
        .exits(1)
        .says("nothing of the 2 resources in the state was found in account 123456789012, region us-east-1");
    assert!(product.wire.take().iter().all(|call| is_read(call)));
}

#[test]
fn a_lost_answer_is_looked_up_and_not_repeated() {
    let product = Product::on_moto();
    product.write("small.deploy", SMALL);
    product.wire.fault_once("CreateSecurityGroup", 0, Fault::AnswerLost);
    product.run(&["apply", "--auto-approve"]).exits(6).says("not known").says("looks first and goes on");
    product.run(&["apply", "--auto-approve"]).exits(0).says("it had been made, and is adopted");
    product.run(&["plan", "--detailed-exitcode"]).exits(0);
    let made = product.wire.take().iter().filter(|call| *call == "CreateSecurityGroup").count();
    assert_eq!(made, 2, "one of each");
}
