//! What is said of a stack without any call: its graph, its permissions, the command line itself.

use super::state::json_of;
use crate::kit::product::Product;

/// A stack of the kinds that others need, with a key that has quotes to be escaped.
pub const DRAWN: &str = r#"
stack "shop" {
  region = "us-east-1"
}

existing vpc "main" {
  default = true
}

security_group "edge" {
  vpc         = vpc.main
  description = "HTTP from anywhere"
}

security_group "web" {
  for_each    = toset(["blue", "a\"b"])
  vpc         = vpc.main
  description = "HTTP from the edge"

  ingress {
    protocol        = "tcp"
    port            = 8080
    security_groups = [security_group.edge]
  }
}
"#;

#[test]
fn a_graph_has_an_arrow_from_each_resource_to_what_it_needs() {
    let product = Product::alone();
    product.write("shop.deploy", DRAWN);
    insta::assert_snapshot!(product.run(&["graph"]).exits(0).out, @r##"
    digraph "shop" {
      rankdir = "LR"
      node [shape = box]
      "vpc.main" [style = dashed]
      "security_group.edge"
      "security_group.web[\"a\\\"b\"]"
      "security_group.web[\"blue\"]"
      "security_group.edge" -> "vpc.main"
      "security_group.web[\"a\\\"b\"]" -> "security_group.edge"
      "security_group.web[\"a\\\"b\"]" -> "vpc.main"
      "security_group.web[\"blue\"]" -> "security_group.edge"
      "security_group.web[\"blue\"]" -> "vpc.main"
    }
    "##);
    insta::assert_snapshot!(product.run(&["graph", "--format", "mermaid"]).exits(0).out, @r##"
    flowchart LR
      n0["vpc.main"]:::existing
      n1["security_group.edge"]
      n2["security_group.web[#quot;a\#quot;b#quot;]"]
      n3["security_group.web[#quot;blue#quot;]"]
      n1 --> n0
      n2 --> n1
      n2 --> n0
      n3 --> n1
      n3 --> n0
      classDef existing stroke-dasharray: 5 5
    "##);
    assert_eq!(product.wire.take(), Vec::<String>::new());
}

#[test]
fn permissions_are_those_of_the_kinds_in_the_stack_and_no_role_is_passed_without_one() {
    let product = Product::alone();
    product.write("shop.deploy", DRAWN);
    let policy = json_of(&product.run(&["permissions", "--json"]).exits(0).out);
    assert_eq!(policy["Version"], "2012-10-17");
    let statements = policy["Statement"].as_array().unwrap();
    let ids: Vec<_> = statements.iter().map(|one| one["Sid"].as_str().unwrap()).collect();
    assert_eq!(ids, ["ReadAutoscaling", "ReadEc2", "ReadSts", "WriteEc2"]);
    let actions = |id: &str| statements.iter().find(|one| one["Sid"] == id).unwrap()["Action"].to_string();
    assert!(actions("ReadEc2").contains("ec2:DescribeVpcs"), "{policy:#}");
    assert!(actions("WriteEc2").contains("ec2:CreateSecurityGroup"), "{policy:#}");
    let listing = product.run(&["permissions"]).exits(0);
    listing.says("sts:GetCallerIdentity every stack").says("ec2:DescribeVpcs existing vpc");
    assert_eq!(product.wire.take(), Vec::<String>::new());
}

#[test]
fn a_stack_with_an_instance_profile_may_pass_roles_to_what_runs_with_them() {
    let product = Product::alone();
    product.copy_stack("explicit.deploy");
    let policy = json_of(&product.run(&["permissions", "--json"]).exits(0).out);
    let statements = policy["Statement"].as_array().unwrap();
    let pass: Vec<_> =
        statements.iter().filter(|one| one["Action"].to_string().contains("iam:PassRole")).collect();
    assert_eq!(pass.len(), 1, "{policy:#}");
    assert!(
        pass[0]["Condition"]["StringLike"]["iam:PassedToService"].to_string().contains("ec2"),
        "{policy:#}"
    );
    let mut seen = std::collections::BTreeSet::new();
    for action in statements.iter().flat_map(|one| one["Action"].as_array().unwrap()) {
        assert!(seen.insert(action.as_str().unwrap()), "{action} is there twice");
    }
}

#[test]
fn completions_name_every_command() {
    let product = Product::alone();
    for shell in ["bash", "zsh", "fish"] {
        let run = product.run(&["completions", shell]).exits(0);
        for command in ["validate", "import", "permissions", "graph", "state"] {
            assert!(run.out.contains(command), "{shell}: {command}");
        }
    }
    product.run(&["completions", "bush"]).exits(2);
}
