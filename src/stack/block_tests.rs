//! Blocks that are switched off, and blocks that are made for each element; what validations may name.

use super::program_tests::{HEAD, group, load, says};
use super::scope::Known;
use crate::kind;
use crate::value::Value;

fn stack(text: &str) -> String {
    format!("{HEAD}variable \"on\" {{\n  type = bool\n}}\n{text}")
}

/// The addresses of a stack, and the text of its mistakes.
fn read(text: &str, vars: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
    let (program, mistakes) = load(text, vars);
    let nodes = program.unreleased().nodes.iter().map(|node| node.address.to_string()).collect();
    let said = mistakes.iter().map(|one| {
        let underlined = one.labels.first().map(|(span, _)| program.sources.slice(*span));
        format!(
            "{}: {} <{}> {}",
            one.code,
            one.message,
            underlined.unwrap_or(""),
            one.help.as_deref().unwrap_or("")
        )
    });
    (nodes, said.collect())
}

#[test]
fn no_kind_has_an_attribute_that_every_block_has() {
    let managed = kind::managed().iter().map(|kind| kind.schema());
    for schema in managed.chain(kind::existing().iter().map(|kind| kind.schema())) {
        for name in ["for_each", "enabled", "depends_on", "lifecycle"] {
            assert!(schema.attribute(name).is_none(), "{}.{name}", schema.kind);
        }
    }
}

#[test]
fn a_disabled_block_is_not_there_and_an_enabled_one_has_no_key() {
    let text = stack(&format!(
        "{}\noutput \"arn\" {{\n  value = var.on ? target_group.web.arn : null\n}}\n",
        group("enabled = var.on")
    ));
    let (on, mistakes) = read(&text, &[("on", "true")]);
    assert_eq!(
        (on.last().map(String::as_str), mistakes.len()),
        (Some("target_group.web"), 0),
        "{mistakes:?}"
    );
    let (off, mistakes) = read(&text, &[("on", "false")]);
    assert!(off == ["vpc.main", "subnets.all"] && mistakes.is_empty(), "{off:?} {mistakes:?}");
}

#[test]
fn a_reference_to_a_disabled_block_says_how_it_is_guarded() {
    let off = group("enabled = var.on && true");
    let named = |how: &str| {
        read(&stack(&format!("{off}output \"o\" {{\n  value = {how}\n}}\n")), &[("on", "false")]).1
    };
    let told = named("target_group.web.arn");
    assert_eq!(told.len(), 1, "{told:?}");
    for said in [
        "bgform::lang::disabled: `target_group.web` is disabled <target_group.web>",
        "`var.on && true ? target_group.web : null`, or try(target_group.web, null)",
    ] {
        assert!(told[0].contains(said), "{told:?}");
    }
    for guarded in
        ["try(target_group.web.arn, null)", "can(target_group.web.arn)", "var.on ? target_group.web : null"]
    {
        assert!(named(guarded).is_empty(), "{guarded}: {:?}", named(guarded));
    }
    let waits =
        format!("{off}security_group \"g\" {{\n  vpc = vpc.main\n  depends_on = [target_group.web]\n}}\n");
    assert!(read(&stack(&waits), &[("on", "false")]).1.is_empty());
}

#[test]
fn a_misspelt_name_in_a_block_that_is_not_there_is_told_and_nothing_else() {
    for switch in ["enabled = var.on", "for_each = var.on ? { a = 1 } : {}"] {
        let wrong = group(&format!(
            "{switch}\nhelth_check {{\n}}\nname = local.nme\nderegistration_delay = null\ntags = {{ a = target_group.other.arn }}"
        ));
        let other = group("enabled = var.on").replace("\"web\"", "\"other\"");
        let (_, told) = read(&stack(&format!("{wrong}{other}")), &[("on", "false")]);
        let codes: Vec<_> = told.iter().filter_map(|one| one.split(": ").next()).collect();
        assert_eq!(codes, ["bgform::lang::unknown_local", "bgform::lang::unknown_block"], "{told:?}");
    }
}

#[test]
fn what_enables_is_a_bool_that_is_known_before_any_call() {
    says(&group("enabled = 1"), "enabled", "1", "compare it");
    says(&group("enabled = null"), "enabled", "null", "compare it");
    says(&group("enabled = vpc.main.id == \"x\""), "enabled", "vpc.main.id == \"x\"", "before any call");
    says(&group("enabled = sensitive(true)"), "enabled", "sensitive(true)", "anybody may see");
}

#[test]
fn existing_blocks_take_for_each_and_enabled() {
    let text = stack(
        "existing subnet \"zone\" {\n  for_each = toset([\"a\", \"b\"])\n  vpc = vpc.main\n  availability_zones = [\"us-east-1${each.key}\"]\n}\n\
         existing subnet \"spare\" {\n  enabled = var.on\n  vpc = vpc.main\n}\n\
         load_balancer \"e\" {\n  subnets = values(subnet.zone)\n}\n",
    );
    let (nodes, told) = read(&text, &[("on", "false")]);
    assert!(told.is_empty(), "{told:?}");
    let mut subnets: Vec<_> = nodes.into_iter().filter(|node| node.starts_with("subnet.")).collect();
    subnets.sort();
    assert_eq!(subnets, ["subnet.zone[\"a\"]", "subnet.zone[\"b\"]"]);
}

/// The `ingress` of the security group of a stack without mistakes.
fn ingress(attributes: &str) -> Value {
    let text = format!("{HEAD}security_group \"g\" {{\n  vpc = vpc.main\n{attributes}\n}}\n");
    let (program, mistakes) = load(&text, &[]);
    assert!(mistakes.is_empty(), "{mistakes:?}");
    let view = program.unreleased();
    let node = view.nodes.iter().find(|node| node.managed).unwrap();
    view.evaluate(node, &Known::new(), &mut Vec::new())
        .unwrap()
        .inputs
        .get("ingress")
        .cloned()
        .unwrap_or_default()
}

#[test]
fn a_block_in_a_block_is_made_for_each_element() {
    let rule = |port: i32, what: &str| {
        format!(
            "ingress {{\n  protocol = \"tcp\"\n  port = {port}\n  cidr = [\"10.0.0.0/8\"]\n  description = \"{what}\"\n}}\n"
        )
    };
    let each = |of: &str| {
        ingress(&format!(
            "ingress {{\n  for_each = {of}\n  protocol = \"tcp\"\n  port = each.value\n  cidr = [\"10.0.0.0/8\"]\n  description = \"${{each.key}}\"\n}}"
        ))
    };
    assert_eq!(
        each("{ web = 80, api = 8080 }"),
        ingress(&format!("{}{}", rule(8080, "api"), rule(80, "web")))
    );
    assert_eq!(each("[80, 443]"), ingress(&format!("{}{}", rule(80, "0"), rule(443, "1"))));
    assert_eq!(each("[]"), Value::List(Vec::new()));
    let beside = ingress(&format!(
        "ingress {{\n  for_each = [80]\n  protocol = \"tcp\"\n  port = each.value\n  cidr = [\"10.0.0.0/8\"]\n  description = \"0\"\n}}\n{}",
        rule(22, "ssh")
    ));
    assert_eq!(beside, ingress(&format!("{}{}", rule(80, "0"), rule(22, "ssh"))));
}

#[test]
fn the_for_each_of_a_block_sees_the_each_around_it() {
    let text = format!(
        "{HEAD}security_group \"g\" {{\n  for_each = {{ a = [80, 81], b = [443] }}\n  vpc = vpc.main\n  ingress {{\n    for_each = {{ for p in each.value : \"${{each.key}}${{p}}\" => p }}\n    protocol = \"tcp\"\n    port = each.value\n    cidr = [\"10.0.0.0/8\"]\n    description = each.key\n  }}\n}}\n"
    );
    let (program, mistakes) = load(&text, &[]);
    assert!(mistakes.is_empty(), "{mistakes:?}");
    let view = program.unreleased();
    let rules = |node: &super::Node| {
        let inputs = view.evaluate(node, &Known::new(), &mut Vec::new()).unwrap().inputs;
        inputs["ingress"]
            .as_list()
            .unwrap()
            .iter()
            .map(|rule| rule.get("description").as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let all: Vec<_> = view.nodes.iter().filter(|node| node.managed).flat_map(rules).collect();
    assert_eq!(all, ["a80", "a81", "b443"]);
}

#[test]
fn the_for_each_of_a_block_that_will_not_do_is_told() {
    let health = |of: &str| group(&format!("health_check {{\n  for_each = {of}\n  path = \"/\"\n}}"));
    says(&health("[1, 2]"), "too_many", "health_check", "too many elements");
    says(&health("3"), "for_each", "3", "condition ? [1] : []");
    says(&health("vpc.main"), "for_each", "vpc.main", "condition ? [1] : []");
    says(&health("range(1001)"), "too_many", "range(1001)", "");
    says(
        &group("health_check {\n  for_each = [1]\n  pth = each.value\n}"),
        "unknown_attribute",
        "pth",
        "`path`",
    );
    says(
        &group("dynamic \"health_check\" {\n}"),
        "unknown_block",
        "dynamic",
        "write `for_each = [...]` in the block itself",
    );
    assert!(load(&format!("{HEAD}{}", health("[1]")), &[]).1.is_empty());
    assert!(load(&format!("{HEAD}{}", health("[]")), &[]).1.is_empty());
    // None of a block that is needed.
    let rule = "listener_rule \"r\" {\n  listener = listener.l\n  priority = 1\n  action \"forward\" {\n    for_each = []\n  }\n}\nexisting listener \"l\" {\n  arn = \"x\"\n}\n";
    let (_, mistakes) = load(&format!("{HEAD}{rule}"), &[]);
    assert!(mistakes.iter().any(|one| one.message == "`listener_rule` needs `action`"), "{mistakes:?}");
}

#[test]
fn an_element_that_is_known_only_after_apply_leaves_the_number_of_blocks_open() {
    let open = ingress(
        "ingress {\n  for_each = subnets.all[*].cidr_block\n  protocol = \"tcp\"\n  port = 80\n  cidr = [each.value]\n}",
    );
    assert!(matches!(open, Value::Unknown(_)), "{open:?}");
}

#[test]
fn the_stack_says_its_name_region_and_account() {
    let head = HEAD.replacen("{\n}", "{\n  region = \"eu-west-1\"\n}", 1);
    let text = format!(
        "{head}locals {{\n  all = [stack.name, stack.region, stack.account]\n}}\noutput \"o\" {{\n  value = local.all\n}}\n"
    );
    let (program, mistakes) = load(&text, &[]);
    assert!(mistakes.is_empty(), "{mistakes:?}");
    let outputs = program.unreleased().outputs(&Known::new(), &mut Vec::new());
    assert_eq!(outputs["o"], Value::List(vec!["s".into(), "eu-west-1".into(), Value::Null]));
    says("output \"o\" {\n  value = stack.regin\n}\n", "unknown_key", "regin", "did you mean `region`?");
}

#[test]
fn the_stack_block_is_not_made_of_itself() {
    let head = HEAD.replacen("{\n}", "{\n  region = local.r\n}", 1);
    let (_, told) = read(&format!("{head}locals {{\n  r = stack.name\n}}\n"), &[]);
    assert!(told.len() == 1 && told[0].contains("`region` of the stack names the stack itself"), "{told:?}");
}

#[test]
fn a_validation_names_other_variables_and_locals() {
    let text = format!(
        "{HEAD}variable \"min\" {{\n  type = number\n  validation {{\n    condition = var.min <= local.most && stack.name == \"s\"\n    message = \"at most ${{local.most}}\"\n  }}\n}}\n\
         variable \"max\" {{\n  type = number\n  default = 3\n}}\nlocals {{\n  most = var.max * 2\n}}\noutput \"o\" {{\n  value = var.min\n}}\n"
    );
    assert!(read(&text, &[("min", "6")]).1.is_empty());
    // What is made of it is no second mistake.
    let (_, told) = read(&text, &[("min", "7")]);
    assert!(told.len() == 1 && told[0].contains("variable `min`: at most 6"), "{told:?}");
    let condition = |of: &str| {
        format!(
            "variable \"x\" {{\n  default = 1\n  validation {{\n    condition = {of}\n    message = \"no\"\n  }}\n}}\n"
        )
    };
    says(&condition("vpc.main.id != null"), "not_here", "vpc", "names variables, locals made of them");
    let later = format!("locals {{\n  id = vpc.main.id\n}}\n{}", condition("local.id == \"vpc-1\""));
    says(&later, "undecided", "local.id == \"vpc-1\"", "names variables, locals made of them");
}

#[test]
fn a_disabled_deployment_leaves_nothing_behind() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/stacks/shop.deploy")).unwrap();
    let name = text.split("deployment \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let off = text.replacen(
        &format!("deployment \"{name}\" {{"),
        &format!("deployment \"{name}\" {{\n  enabled = false"),
        1,
    );
    let (nodes, told) = read(&off, &[("release", "1"), ("on", "true")]);
    let told: Vec<_> = told
        .into_iter()
        .filter(|one| !one.contains("no_value") && !one.contains("unknown_variable"))
        .collect();
    assert!(
        nodes
            .iter()
            .all(|node| !node.contains(&format!("group.{name}[")) && !node.starts_with("launch_template")),
        "{nodes:?}"
    );
    let named = format!("{off}\noutput \"blue\" {{\n  value = target_group.{name}[\"blue\"].arn\n}}\n");
    let told_of_name = read(&named, &[("release", "1")]).1;
    assert!(
        told_of_name.iter().any(|one| one.contains("`target_group.") && one.contains("is disabled")),
        "{told:?} {told_of_name:?}"
    );
}

#[test]
fn a_precondition_that_does_not_hold_says_its_message() {
    let with = |condition: &str| {
        group(&format!(
            "lifecycle {{\n  precondition {{\n    condition = {condition}\n    message = \"not in ${{stack.name}}\"\n  }}\n}}"
        ))
    };
    says(&with("stack.name == \"other\""), "precondition", "stack.name == \"other\"", "");
    assert!(read(&format!("{HEAD}{}", with("stack.name == \"s\"")), &[]).1.is_empty());
    // It is known at apply, and what it names is waited for.
    let (program, mistakes) = load(&format!("{HEAD}{}", with("length(subnets.all) > 1")), &[]);
    assert!(mistakes.is_empty(), "{mistakes:?}");
    let view = program.unreleased();
    let node = view.nodes.iter().find(|node| node.managed).unwrap();
    let known = Known::from([(
        "subnets.all".parse().unwrap(),
        super::Facts { members: Some(Vec::new()), ..super::Facts::default() },
    )]);
    let mut told = Vec::new();
    assert!(view.evaluate(node, &known, &mut told).is_none());
    assert_eq!(
        told.iter().map(|one| one.message.as_str()).collect::<Vec<_>>(),
        ["`target_group.web`: not in s"]
    );
    says(&with("3"), "wrong_type", "3", "");
    says(
        &group("lifecycle {\n  precondition {\n    condition = true\n  }\n}"),
        "missing_attribute",
        "precondition",
        "",
    );
    says(
        &group("lifecycle {\n  postcondition {\n  }\n}"),
        "unknown_attribute",
        "postcondition",
        "did you mean `precondition`?",
    );
}

/// A target group with keys, and a local that depends on it.
fn depends(local: &str, block: &str) -> String {
    let web = group("for_each = toset([\"http\", \"admin\"])\nname = each.key");
    stack(&format!("{web}locals {{\n  names = {local}\n}}\n{block}"))
}

#[test]
fn what_there_is_depends_on_no_resource_not_even_through_a_local() {
    let other = |attributes: &str| group(attributes).replace("\"web\"", "\"other\"");
    for (local, attribute) in [
        ("keys(target_group.web)", "for_each = toset(local.names)"),
        ("keys(target_group.web)", "enabled = length(local.names) > 0"),
        ("merge({ a = 1 }, target_group.web)", "for_each = local.names"),
        ("values(target_group.web)[*].arn", "enabled = length(local.names) > 0"),
        ("target_group.web[\"http\"].arn", "enabled = local.names != \"\""),
        ("1", "enabled = can(target_group.web[\"http\"].arn)"),
        ("1", "for_each = try(toset(keys(target_group.web)), [])"),
        ("keys(target_group.web)", "for_each = try(toset(local.names), [])"),
        ("try(keys(target_group.web), [])", "for_each = toset(local.names)"),
        ("1", "enabled = target_group.web != null"),
    ] {
        let (_, told) = read(&depends(local, &other(attribute)), &[("on", "true")]);
        assert_eq!(told.len(), 1, "{local} {attribute}: {told:?}");
        let value = attribute.split_once(" = ").unwrap().1;
        assert!(
            told[0].contains("takes variables, locals and functions only")
                && told[0].contains(&format!("<{value}>")),
            "{told:?}"
        );
    }
}

#[test]
fn a_deployment_that_a_resource_would_enable_is_a_mistake() {
    let shop = "deployment \"shop\" {\n  enabled = length(local.names) > 0\n}\n";
    let (_, told) = read(&depends("keys(target_group.web)", shop), &[("on", "true")]);
    let said = "bgform::lang::enabled: `enabled` takes variables, locals and functions only <length(local.names) > 0>";
    assert!(told.iter().any(|one| one.contains(said)), "{told:?}");
}

#[test]
fn a_local_with_a_mistake_is_told_once_where_it_is_written() {
    let text = stack(&format!(
        "locals {{\n  names = nme(1)\n}}\n{}",
        group("for_each = local.names\nenabled = local.names == 1")
    ));
    let (_, told) = read(&text, &[("on", "true")]);
    assert!(told.len() == 1 && told[0].contains("nme"), "{told:?}");
}

#[test]
fn the_keys_of_a_sensitive_for_each_of_a_block_are_sensitive() {
    for all in [
        "var.list",
        "keys(var.list)",
        "{ for k, v in var.list : k => v }",
        "[for k, v in var.list : k]",
        "merge({ a = \"b\" }, var.list)",
        "zipmap(keys(var.list), [1])",
    ] {
        let text = format!(
            "{HEAD}variable \"list\" {{\n  type = map(string)\n  sensitive = true\n  default = {{ hunter2xyz = \"b\" }}\n}}\n\
             security_group \"g\" {{\n  vpc = vpc.main\n  ingress {{\n    for_each = {all}\n    protocol = \"tcp\"\n    port = 80\n    cidr = [\"10.0.0.0/8\"]\n    description = each.key\n  }}\n}}\n"
        );
        let (program, mistakes) = load(&text, &[]);
        assert!(mistakes.is_empty(), "{all}: {mistakes:?}");
        let view = program.unreleased();
        let node = view.nodes.iter().find(|node| node.managed).unwrap();
        let inputs = view.evaluate(node, &Known::new(), &mut Vec::new()).unwrap().inputs;
        for rule in inputs["ingress"].unmark().0.as_list().unwrap() {
            assert!(rule.has_sensitive() && rule.get("description").has_sensitive(), "{all}: {inputs:?}");
        }
    }
}
