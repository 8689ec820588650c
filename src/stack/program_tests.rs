//! What is wrong with a stack is found offline: each mistake by its code, the text that it
//! underlines and its help.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::program::{Input, Program, ReadFile};
use super::scope::Known;
use crate::diagnostic::{Mistake, Sources};
use crate::lang::ast::Files;
use crate::lang::parse::{parse, parse_attributes};
use crate::lang::variable::Given;
use crate::value::Value;

struct NoFiles;

impl ReadFile for NoFiles {
    fn read(&self, path: &Path) -> Result<Vec<u8>, String> {
        match path.ends_with("motd") {
            true => Ok(b"hello".to_vec()),
            false => Err("there is no such file".to_owned()),
        }
    }
}

pub(crate) fn load(text: &str, vars: &[(&str, &str)]) -> (Program, Vec<Mistake>) {
    let mut sources = Sources::default();
    let mut mistakes = Vec::new();
    let file = sources.add("test.deploy", text);
    let files: Files = parse(file, sources.text(file), &mut mistakes);
    let given = vars.iter().map(|(name, text)| {
        let given = Given::Text { text: (*text).to_owned(), origin: format!("--var {name}") };
        ((*name).to_owned(), vec![given])
    });
    let given: BTreeMap<_, _> = given.collect();
    let mut texts = Sources::default();
    let mut parse_text = |text: &str, origin: &str| {
        let file = texts.add(origin, format!("value = {text}"));
        parse_attributes(file, texts.text(file), &mut Vec::new()).attributes.pop().map(|one| one.value)
    };
    let input = Input { sources, own: 1, files, given, reader: Arc::new(NoFiles) };
    let program = Program::new(input, &mut parse_text, &mut mistakes);
    (program, mistakes)
}

const HEAD: &str = "stack \"s\" {\n}\nexisting vpc \"main\" {\n  default = true\n}\nexisting subnets \"all\" {\n  vpc = vpc.main\n}\n";

/// The one mistake of a stack that begins with [`HEAD`]: its code, underlined text and help.
#[track_caller]
fn one(text: &str) -> (String, String, String) {
    let (program, mistakes) = load(&format!("{HEAD}{text}"), &[]);
    let said: Vec<_> = mistakes.iter().map(|mistake| &mistake.message).collect();
    assert_eq!(mistakes.len(), 1, "{said:?}");
    let mistake = &mistakes[0];
    let underlined = mistake.labels.first().map(|(span, _)| program.sources.slice(*span).to_owned());
    let code = mistake.code.trim_start_matches("bgform::lang::").to_owned();
    (code, underlined.unwrap_or_default(), mistake.help.clone().unwrap_or_default())
}

#[track_caller]
fn says(text: &str, code: &str, underlined: &str, help: &str) {
    let found = one(text);
    assert_eq!((found.0.as_str(), found.1.as_str()), (code, underlined), "{found:?}");
    assert!(found.2.contains(help), "{found:?}");
}

fn group(attributes: &str) -> String {
    format!(
        "target_group \"web\" {{\n  vpc = vpc.main\n  port = 80\n  protocol = \"HTTP\"\n{attributes}\n}}\n"
    )
}

#[test]
fn a_sound_stack_has_no_mistakes() {
    let (program, mistakes) = load(&format!("{HEAD}{}", group("tags = { motd = file(\"motd\") }")), &[]);
    assert!(mistakes.is_empty(), "{mistakes:?}");
    assert_eq!(program.unreleased().nodes.len(), 3);
}

#[test]
fn a_value_of_the_wrong_type_says_what_to_write() {
    says(&group("deregistration_delay = 5"), "wrong_type", "5", "write 5s");
    says(&group("deregistration_delay = \"5s\""), "wrong_type", "\"5s\"", "write 5s without quotes");
    says(&group("deregistration_delay = 2h"), "out_of_range", "2h", "");
    says(&group("name = 7"), "wrong_type", "7", "write \"7\"");
    says(&group("name = vpc.main"), "wrong_type", "vpc.main", "such as vpc.main.id");
    says(&group("tags = \"x\""), "wrong_type", "\"x\"", "");
    says(
        &group("name = \"a-name-of-more-than-thirty-two-characters\""),
        "out_of_range",
        "\"a-name-of-more-than-thirty-two-characters\"",
        "",
    );
}

#[test]
fn an_unknown_word_is_met_with_the_nearest_known_one() {
    says(&group("health_chek {\n}"), "unknown_block", "health_chek", "did you mean `health_check`?");
    says(&group("prot = 80"), "unknown_attribute", "prot", "did you mean `port`?");
    says(&group("name = local.nme"), "unknown_local", "nme", "");
    says("target_grop \"web\" {\n}\n", "unknown_kind", "target_grop", "did you mean `target_group`?");
    says("vpc \"web\" {\n}\n", "unknown_kind", "vpc", "write existing vpc \"web\"");
    says("existing vpcs \"web\" {\n}\n", "unknown_kind", "vpcs", "did you mean `vpc`?");
    says(
        "variable \"x\" {\n  type = strng\n  default = 1\n}\n",
        "unknown_type",
        "strng",
        "did you mean `string`?",
    );
}

#[test]
fn a_reference_must_be_to_the_right_kind() {
    let balancer = |subnets: &str| format!("load_balancer \"e\" {{\n  subnets = {subnets}\n}}\n");
    says(&balancer("[vpc.main]"), "wrong_kind", "vpc.main", "");
    says(&balancer("subnets.all[0]"), "wrong_type", "subnets.all[0]", "write [subnets.all[0]]");
    says(&balancer("[subnets.all]"), "wrong_kind", "subnets.all", "write subnets.all[0]");
    says(
        &balancer("[\"subnet-1\"]"),
        "wrong_type",
        "\"subnet-1\"",
        "existing subnet \"main\" { id = \"subnet-1\" }",
    );
    says(&balancer("[subnets.none]"), "unknown_resource", "none", "");
}

#[test]
fn a_resource_with_keys_is_named_with_one() {
    let text = "security_group \"g\" {\n  for_each = toset([\"a\"])\n  vpc = vpc.main\n}\nload_balancer \"e\" {\n  subnets = subnets.all\n  security_groups = security_group.g\n}\n";
    says(text, "wrong_type", "security_group.g", "values(security_group.g)");
}

#[test]
fn blocks_and_attributes_are_not_mixed_up() {
    says(&group("health_check = {}"), "wrong_type", "health_check", "without `=`");
    says(&group("tags {\n}"), "wrong_type", "tags", "write tags = { ... }");
    says(&group("health_check {\n}\nhealth_check {\n}"), "duplicate", "health_check", "");
}

#[test]
fn what_is_missing_or_twice_is_said_where_it_belongs() {
    says(
        "target_group \"web\" {\n  vpc = vpc.main\n  port = 80\n}\n",
        "missing_attribute",
        "\"web\"",
        "protocol",
    );
    says(&format!("{}{}", group(""), group("")), "duplicate", "\"web\"", "another name");
    says("stack \"t\" {\n}\n", "duplicate", "\"t\"", "folder");
}

#[test]
fn a_cycle_is_drawn_edge_by_edge() {
    let text = "security_group \"a\" {\n  vpc = vpc.main\n  depends_on = [security_group.b]\n}\nsecurity_group \"b\" {\n  vpc = vpc.main\n  depends_on = [security_group.a]\n}\n";
    let (_, mistakes) = load(&format!("{HEAD}{text}"), &[]);
    let cycle: Vec<_> = mistakes.iter().filter(|one| one.code == "bgform::lang::cycle").collect();
    assert_eq!(cycle.len(), 1);
    assert!(
        cycle[0].message.contains("security_group.a → security_group.b → security_group.a"),
        "{}",
        cycle[0].message
    );
    assert_eq!(cycle[0].labels.len(), 2);
}

#[test]
fn variables_are_read_as_their_types_ask() {
    let text = "stack \"s\" {\n}\nvariable \"zones\" {\n  type = list(string)\n}\nvariable \"wait\" {\n  type = duration\n}\n\
                variable \"name\" {\n  type = string\n}\n";
    let (program, mistakes) = load(text, &[("zones", "[\"a\", \"b\"]"), ("wait", "90s"), ("name", "007")]);
    assert!(mistakes.is_empty(), "{mistakes:?}");
    assert_eq!(program.variables["zones"], Value::from(vec!["a", "b"]));
    assert_eq!(program.variables["name"], Value::from("007"));
    let (_, mistakes) = load(text, &[("zones", "a"), ("wait", "90"), ("nme", "x")]);
    let codes: Vec<_> = mistakes.iter().map(|one| one.code.trim_start_matches("bgform::lang::")).collect();
    assert_eq!(codes, ["wrong_type", "wrong_type", "no_value", "unknown_variable"]);
}

#[test]
fn a_validation_that_does_not_hold_says_its_message_and_no_secret() {
    let text = "stack \"s\" {\n}\nvariable \"key\" {\n  type = string\n  sensitive = true\n  validation {\n    condition = \
                length(var.key) > 20\n    message = \"the key is too short\"\n  }\n}\n";
    let (_, mistakes) = load(text, &[("key", "hunter2")]);
    assert_eq!(mistakes.len(), 1);
    assert!(mistakes[0].message.contains("the key is too short"));
    assert!(!format!("{mistakes:?}").contains("hunter2"));
}

#[test]
fn an_output_does_not_show_a_secret_by_accident() {
    let text = "variable \"key\" {\n  type = string\n  default = \"x\"\n  sensitive = true\n}\noutput \"o\" {\n  value = \"k=${var.key}\"\n}\n";
    says(text, "sensitive_output", "\"k=${var.key}\"", "sensitive = true");
}

#[test]
fn dependencies_are_those_of_the_instance_and_not_of_the_block() {
    let text = format!(
        "{HEAD}existing image \"i\" {{\n  id = \"ami-1\"\n}}\nsecurity_group \"g\" {{\n  for_each = {{ a = 1, b = 2 }}\n  vpc = vpc.main\n}}\nlaunch_template \"t\" \
         {{\n  for_each = {{ a = 1, b = 2 }}\n  instance_type = \"t3.small\"\n  image = image.i\n  security_groups = \
         [security_group.g[each.key]]\n}}\n"
    );
    let (program, mistakes) = load(&text, &[]);
    assert!(mistakes.is_empty(), "{mistakes:?}");
    let program = program.unreleased();
    let node =
        program.nodes.iter().find(|node| node.address.to_string() == "launch_template.t[\"a\"]").unwrap();
    let evaluated = program.evaluate(node, &Known::new(), &mut Vec::new()).unwrap();
    let names: Vec<_> = evaluated.depends_on.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["image.i", "security_group.g[\"a\"]"]);
}

#[test]
fn keys_must_be_known_before_any_call() {
    let text = "load_balancer \"e\" {\n  subnets = subnets.all\n}\nsecurity_group \"g\" {\n  for_each = toset([load_balancer.e.dns_name])\n  vpc = vpc.main\n}\n";
    let found = one(text);
    assert_eq!(found.0, "for_each", "{found:?}");
}

/// A stack of 10,000 locals, each written by `local` from its number.
fn many_locals(local: impl Fn(usize) -> String) -> (Program, Vec<Mistake>) {
    let locals: String = (1..10_000).map(|at| format!("  l{at} = {}\n", local(at))).collect();
    load(&format!("{HEAD}locals {{\n  l0 = 1\n{locals}}}\noutput \"last\" {{ value = local.l9999 }}\n"), &[])
}

#[test]
fn a_long_chain_of_locals_is_followed() {
    let (program, mistakes) = many_locals(|at| format!("local.l{} + 1", at - 1));
    assert!(mistakes.is_empty(), "{:?}", mistakes[0]);
    let outputs = program.unreleased().outputs(&Known::new(), &mut Vec::new());
    assert_eq!(outputs["last"], Value::from(10_000));
}

/// Evaluated anew at each mention, the last of these would take 2^9999 steps.
#[test]
fn a_local_is_evaluated_once_however_often_it_is_mentioned() {
    let (_, mistakes) = many_locals(|at| format!("local.l{0} == local.l{0} ? {at} : 0", at - 1));
    assert!(mistakes.is_empty(), "{:?}", mistakes[0]);
}

#[test]
fn locals_that_nest_in_each_other_are_too_deep() {
    let (program, mistakes) = many_locals(|at| format!("[{{ a = local.l{} }}]", at - 1));
    assert_eq!(mistakes.len(), 1, "{:?}", mistakes.iter().map(|one| &one.message).collect::<Vec<_>>());
    assert!(mistakes[0].message.contains("too deep"));
    assert_eq!(program.sources.slice(mistakes[0].labels[0].0), "{ a = local.l50 }");
}

#[test]
fn locals_that_are_named_without_their_prefix_in_themselves_are_mistakes() {
    for locals in ["  x = x\n", "  x = \"${x}\"\n", "  x = y\n  y = [x]\n", "  x = { a = \"x\", b = x }\n"] {
        let (_, mistakes) = load(&format!("{HEAD}locals {{\n{locals}}}\n"), &[]);
        assert!(!mistakes.is_empty(), "{locals}");
        for mistake in mistakes {
            let help = mistake.help.as_deref().unwrap_or_default();
            assert!(help.starts_with("did you mean `local."), "{locals}: {mistake:?}");
        }
    }
}

#[test]
fn loops_in_loops_end() {
    let said = |expression: &str| {
        let text = format!("{HEAD}locals {{\n  big = range(1024)\n  x = {expression}\n}}\n");
        load(&text, &[]).1.iter().map(|mistake| mistake.message.clone()).collect::<Vec<_>>()
    };
    let loops = |result: &str| format!("[for a in local.big : [for b in local.big : {result}]]");
    assert_eq!(said(&loops("local.big")), ["this value is too large"]);
    let long = loops("[for c in local.big : 1 if false]");
    // Once, whatever is beside it, and no other value would avoid it.
    for expression in [&long, &format!("[{long}, 1, 2]"), &format!("can({long})"), &format!("try({long}, 1)")]
    {
        assert_eq!(said(expression), ["this expression takes too long"]);
    }
}

#[test]
fn a_sensitive_text_that_does_not_fit_is_not_shown() {
    let told = |sensitive: bool, given: &str| {
        let text = format!("{HEAD}variable \"pin\" {{\n  type = number\n  sensitive = {sensitive}\n}}\n");
        load(&text, &[("pin", given)]).1.iter().map(|mistake| mistake.message.clone()).collect::<String>()
    };
    assert_eq!(told(false, "hunter2"), "variable `pin` is a number; --var pin gave `hunter2`");
    assert!(!told(true, "hunter2").contains("hunter2") && told(true, "hunter2").contains("--var pin"));
    assert!(told(false, &"[".repeat(10_000)).len() < 200);
}

#[test]
fn a_label_that_no_expression_and_no_address_can_say_is_refused() {
    let named = |label: &str| group("").replacen("\"web\"", label, 1);
    says(&named("\"api.v2\""), "bad_name", "\"api.v2\"", "write \"api-v2\"");
    let beside = named("\"x\"").replacen("{\n", "{\n  for_each = toset([\"k\"])\n", 1);
    let taken = format!("{beside}{}", named(r#""x[\"k\"]""#));
    says(&taken, "bad_name", r#""x[\"k\"]""#, "write \"x--k\"");
    says(&named("\"2nd\""), "bad_name", "\"2nd\"", "such as \"web\"");
    says(&named("\"\""), "bad_name", "\"\"", "such as \"web\"");
    says("variable \"a b\" {\n}\n", "bad_name", "\"a b\"", "write \"a-b\"");
    says("output \"ü\" {\n  value = 1\n}\n", "bad_name", "\"ü\"", "such as \"web\"");
    says("existing vpc \"a/b\" {\n  default = true\n}\n", "bad_name", "\"a/b\"", "write \"a-b\"");
    says("deployment \"shop.web\" {\n}\n", "bad_name", "\"shop.web\"", "write \"shop-web\"");
    // What mentions it is no second mistake.
    let mention = format!("{}output \"arn\" {{\n  value = target_group.api.v2\n}}\n", named("\"api.v2\""));
    says(&mention, "bad_name", "\"api.v2\"", "write \"api-v2\"");
}

#[test]
fn the_label_of_a_rule_in_a_deployment_is_a_name_too() {
    let text = include_str!("../../stacks/release.deploy").replacen(
        "listener_rule {",
        "listener_rule \"api.v2\" {",
        1,
    );
    let (_, mistakes) = load(&text, &[("release", "1.0")]);
    let told: Vec<_> = mistakes.iter().map(|one| one.code).collect();
    assert!(text.contains("\"api.v2\"") && told.contains(&"bgform::lang::bad_name"), "{mistakes:?}");
}
