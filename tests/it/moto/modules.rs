//! Modules, switches and blocks from data through the product: what is made, moved, shipped and taken away.

use serde_json::Value;

use crate::kit::product::{Product, Run};
use crate::moto::deployment::SERVICE;

/// A service as a module: its stack block and its variable are the caller's.
fn shop() -> String {
    let from = SERVICE.find("variable").expect("a variable");
    format!("{}\noutput \"url\" {{\n  value = load_balancer.edge.dns_name\n}}\n", &SERVICE[from..])
}

const SHOPS: &str = r#"
stack "shops" {
  region = "us-east-1"
}

variable "us" {
  type    = string
  default = "1.0"
}

variable "eu" {
  type    = bool
  default = true
}

module "shop" {
  source   = "./shop"
  for_each = var.eu ? { eu = "1.0", us = var.us } : { us = var.us }
  release  = each.value
}

output "urls" {
  value = { for name, shop in module.shop : name => shop.url }
}
"#;

fn addresses(product: &Product, stack: &str) -> Vec<String> {
    let shown = product.run(&["show", stack, "--json"]).exits(0).out;
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    let all = shown["resources"].as_array().expect("resources").iter();
    let mut all: Vec<_> = all.map(|one| one["address"].as_str().expect("an address").to_owned()).collect();
    all.sort();
    all
}

#[test]
fn a_deployment_of_a_module_is_shipped_and_taken_back_for_one_call_alone() {
    let product = Product::on_moto();
    product.write("shop/shop.deploy", &shop());
    product.write("shops.deploy", SHOPS);
    let run = |command: &str, more: &[&str]| -> Run {
        product.run(&[&[command, "shops.deploy", "--auto-approve"], more].concat())
    };
    let first = run("apply", &[]).exits(0);
    for name in ["eu", "us"] {
        assert!(
            first.out.contains(&format!("module.shop[\"{name}\"].web: 1.0 is live on blue.")),
            "{}",
            first.out
        );
    }
    run("apply", &[]).exits(0).says("Nothing to do");
    let all = addresses(&product, "shops.deploy");
    assert!(all.contains(&"module.shop[\"eu\"].target_group.web[\"blue\"]".to_owned()), "{all:?}");

    let second =
        run("apply", &["--var", "us=2.0"]).exits(0).says("module.shop[\"us\"].web: 2.0 is live on green.");
    assert!(!second.out.contains("shop[\"eu\"]"), "{}", second.out);
    // Which one is said as the shell takes it; a name whose quotes it ate will do.
    product
        .run(&["rollback", "shops.deploy", "--auto-approve"])
        .exits(2)
        .says("--deployment 'module.shop[\"us\"].web'");
    product
        .run(&[
            "rollback",
            "shops.deploy",
            "--auto-approve",
            "--deployment",
            "module.shop[us].deployment.web",
        ])
        .exits(0)
        .says("1.0 is live on blue.");
    product.run(&["status", "shops.deploy"]).exits(0).says("module.shop[\"eu\"].web");

    let target = ["plan", "shops.deploy", "--var", "us=3.0", "--target", "module.shop[\"eu\"]"];
    product.run(&target).exits(0).says("Nothing to do");
    run("apply", &["--var", "eu=false"]).exits(1).says("bgform::plan::under_traffic");
    let gone = run("apply", &["--var", "eu=false", "--allow-outage"]).exits(0);
    assert!(!gone.out.contains("shop[\"us\"].load_balancer"), "{}", gone.out);
    let left = addresses(&product, "shops.deploy");
    assert!(!left.is_empty() && left.iter().all(|one| one.starts_with("module.shop[\"us\"].")), "{left:?}");
    product.run(&["graph", "shops.deploy"]).exits(0).says("module.shop");
}

#[test]
fn a_resource_moves_into_a_module_without_a_step() {
    let product = Product::on_moto();
    let group = "security_group \"web\" {\n  vpc = vpc.main\n}\n";
    let head =
        "stack \"moves\" {\n  region = \"us-east-1\"\n}\n\nexisting vpc \"main\" {\n  default = true\n}\n\n";
    product.write("moves.deploy", &format!("{head}{group}"));
    product.run(&["apply", "moves.deploy", "--auto-approve"]).exits(0);
    product.write(
        "net/net.deploy",
        &format!("variable \"vpc\" {{}}\n\n{}", group.replace("vpc.main", "var.vpc")),
    );
    product.write(
        "moves.deploy",
        &format!("{head}module \"net\" {{\n  source = \"./net\"\n  vpc    = vpc.main\n}}\n"),
    );
    product
        .run(&["state", "mv", "security_group.web", "module.net.security_group.web", "moves.deploy"])
        .exits(0);
    product.run(&["plan", "moves.deploy"]).exits(0).says("Nothing to do");
    let keyed = format!(
        "{head}module \"net\" {{\n  source   = \"./net\"\n  for_each = toset([\"a\"])\n  vpc      = vpc.main\n}}\n"
    );
    product.write("moves.deploy", &keyed);
    product.run(&["state", "mv", "module.nat", "module.net[a]", "moves.deploy"]).exits(2).says("module.nat");
    product.run(&["state", "mv", "module.net", "module.net[a]", "moves.deploy"]).exits(0).says("1 addresses");
    product.run(&["plan", "moves.deploy"]).exits(0).says("Nothing to do");
    let gone = product.run(&["destroy", "moves.deploy", "--auto-approve"]).exits(0);
    gone.says("module.net[\"a\"].security_group.web");
}

#[test]
fn what_is_switched_off_is_taken_away_and_blocks_follow_their_data() {
    let product = Product::on_moto();
    let stack = r#"
stack "switches" {
  region = "us-east-1"
}

variable "web" {
  type    = bool
  default = true
}

variable "ports" {
  type    = map(number)
  default = { http = 80, admin = 8080 }
}

existing vpc "main" {
  default = true
}

existing subnet "zone" {
  for_each           = toset(["a", "b"])
  vpc                = vpc.main
  availability_zones = ["us-east-1${each.key}"]
}

security_group "web" {
  enabled = var.web
  vpc     = vpc.main

  ingress {
    for_each    = var.ports
    protocol    = "tcp"
    port        = each.value
    cidr        = ["10.0.0.0/8"]
    description = each.key
  }
}

output "zones" {
  value = { for zone, subnet in subnet.zone : zone => subnet.availability_zone }
}

output "group" {
  value = var.web ? security_group.web.id : "none"
}
"#;
    product.write("switches.deploy", stack);
    let run = |more: &[&str]| product.run(&[&["apply", "switches.deploy", "--auto-approve"], more].concat());
    let made = run(&[]).exits(0).says("us-east-1b");
    assert!(made.out.contains("sg-"), "{}", made.out);
    run(&[]).exits(0).says("Nothing to do");
    // One rule goes, and no other is touched.
    product.wire.take();
    run(&["--var", "ports={ http = 80 }"]).exits(0);
    let calls = format!("{:?}", product.wire.take());
    assert!(
        calls.contains("RevokeSecurityGroupIngress") && !calls.contains("AuthorizeSecurityGroupIngress"),
        "{calls}"
    );
    run(&["--var", "web=false"]).exits(0).says("none");
    assert!(addresses(&product, "switches.deploy").is_empty());
}

#[test]
fn a_mistake_in_a_module_is_shown_in_its_file_and_at_the_call() {
    let product = Product::alone();
    product
        .write("edge/edge.deploy", "variable \"vpc\" {}\n\nsecurity_group \"web\" {\n  vcp = var.vpc\n}\n");
    let head =
        "stack \"calls\" {\n  region = \"us-east-1\"\n}\n\nexisting vpc \"main\" {\n  default = true\n}\n\n";
    let call = |source: &str| {
        format!("{head}module \"edge\" {{\n  source = \"{source}\"\n  vpc    = vpc.main\n}}\n")
    };
    product.write("calls.deploy", &call("./edge"));
    product
        .run(&["validate", "calls.deploy"])
        .exits(2)
        .says("did you mean `vpc`?")
        .says("edge.deploy:4:3")
        .says("`module.edge` is called here")
        .says("calls.deploy:9:8");
    product.write("calls.deploy", &call("./egde"));
    product
        .run(&["validate", "calls.deploy"])
        .exits(2)
        .says("the module `egde` cannot be read: there is no such folder");
    product.write("calls.deploy", &call("hashicorp/consul/aws"));
    product.run(&["validate", "calls.deploy"]).exits(2).says("write a path that begins with ./ or ../");
}

#[test]
fn the_files_beside_a_module_are_found_from_it_and_their_change_is_one_of_the_plan() {
    let product = Product::on_moto();
    let inner = "variable \"vpc\" {}\n\nsecurity_group \"web\" {\n  vpc = var.vpc\n  tags = {\n    motd  = trimspace(file(\"motd.txt\"))\n    files = join(\",\", fileset(\".\", \"*.txt\"))\n  }\n}\n";
    product.write("edge/edge.deploy", inner);
    product.write("edge/motd.txt", "hello\n");
    product.write("files.deploy", "stack \"files\" {\n  region = \"us-east-1\"\n}\n\nexisting vpc \"main\" {\n  default = true\n}\n\nmodule \"edge\" {\n  source = \"./edge\"\n  vpc    = vpc.main\n}\n");
    product.run(&["apply", "files.deploy", "--auto-approve"]).exits(0);
    product.run(&["plan", "files.deploy", "--out", "saved"]).exits(0);
    product.write("edge/more.txt", "");
    // A saved plan is of the files that it was made from.
    product.run(&["apply", "saved"]).exits(1).says("bgform::plan::saved_stack");
    product.run(&["plan", "files.deploy"]).exits(0).says("more.txt,motd.txt");
}

#[test]
fn a_deployment_is_renamed_and_goes_on_as_if_it_had_always_been_called_so() {
    let product = Product::on_moto();
    product.write("service.deploy", SERVICE);
    let run = |command: &str, release: &str| {
        product.run(&[command, "service.deploy", "--var", &format!("release={release}"), "--auto-approve"])
    };
    run("apply", "1.0").exits(0);
    run("apply", "2.0").exits(0).says("web: 2.0 is live on green.");
    product.write("service.deploy", &SERVICE.replace("deployment \"web\"", "deployment \"shop\""));
    product.run(&["state", "mv", "deployment.web", "deployment.shop", "service.deploy"]).exits(0);
    run("apply", "2.0").exits(0).says("Nothing to do");
    let all = addresses(&product, "service.deploy");
    assert!(all.iter().all(|one| !one.contains(".web")), "{all:?}");
    product
        .run(&["rollback", "service.deploy", "--auto-approve"])
        .exits(0)
        .says("shop: 1.0 is live on blue.");
    run("apply", "3.0").exits(0).says("shop: 3.0 is live on green.");
    product
        .run(&["state", "mv", "deployment.web", "deployment.x", "service.deploy"])
        .exits(2)
        .says("deployment.web");
}

#[test]
fn what_is_excluded_stays_as_it_is_with_what_needs_it() {
    let product = Product::on_moto();
    let rest = SERVICE.split_once("deployment").expect("a deployment");
    let group = |tag: &str| {
        format!("security_group \"alone\" {{\n  vpc  = vpc.main\n  tags = {{ v = \"{tag}\" }}\n}}\n\n")
    };
    product.write("service.deploy", &format!("{}{}deployment{}", rest.0, group("1"), rest.1));
    let run = |release: &str, more: &[&str]| {
        let release = format!("release={release}");
        product.run(&[&["apply", "service.deploy", "--var", &release, "--auto-approve"], more].concat())
    };
    run("1.0", &["--exclude", "deployment.web"]).exits(0);
    let made = addresses(&product, "service.deploy");
    assert_eq!(made, ["listener.http", "load_balancer.edge", "security_group.alone"]);
    run("1.0", &[]).exits(0).says("web: 1.0 is live on blue.");
    // The deployment needs the listener, which needs the load balancer.
    product.write("service.deploy", &format!("{}{}deployment{}", rest.0, group("2"), rest.1));
    let second = run("2.0", &["--exclude", "load_balancer.edge"]).exits(0).says("security_group.alone");
    assert!(!second.out.contains("web: 2.0"), "{}", second.out);
    run("2.0", &["--exclude", "deployment.wep"]).exits(2).says("did you mean `deployment.web`?");
    // What an excluded one needs is not taken away under it.
    product.run(&["destroy", "service.deploy", "--auto-approve", "--exclude", "listener.http"]).exits(0);
    assert_eq!(addresses(&product, "service.deploy"), ["listener.http", "load_balancer.edge"]);
}
