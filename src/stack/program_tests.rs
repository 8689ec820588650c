//! Mistakes of a stack are found offline: each with its code, the underlined text and the help.

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

pub(super) struct NoFiles;

impl ReadFile for NoFiles {
    fn read(&self, path: &Path) -> Result<Vec<u8>, String> {
        match path.ends_with("motd") {
            true => Ok(b"hello".to_vec()),
            false => Err("there is no such file".to_owned()),
        }
    }

    fn exists(&self, _: &Path) -> Result<bool, String> {
        Ok(false)
    }

    fn list(&self, _: &Path) -> Result<Vec<String>, String> {
        Err("there is no such folder".to_owned())
    }

    fn home(&self) -> Option<String> {
        None
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
    let input =
        Input { sources, own: 1, files, folders: Default::default(), given, reader: Arc::new(NoFiles) };
    let program = Program::new(input, &mut parse_text, &mut mistakes);
    (program, mistakes)
}

pub(super) const HEAD: &str = "stack \"s\" {\n}\nexisting vpc \"main\" {\n  default = true\n}\nexisting subnets \"all\" {\n  vpc = vpc.main\n}\n";

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
pub(super) fn says(text: &str, code: &str, underlined: &str, help: &str) {
    let found = one(text);
    assert_eq!((found.0.as_str(), found.1.as_str()), (code, underlined), "{found:?}");
    assert!(found.2.contains(help), "{found:?}");
}

pub(super) fn group(attributes: &str) -> String {
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
    says(&group("name = 1.0"), "wrong_type", "1.0", "write \"1.0\"");
    says(&group("name = true"), "wrong_type", "true", "write \"true\"");
    says(&group("deregistration_delay = 0.5"), "wrong_type", "0.5", "write 1s");
    says(&group("preserve_client_ip = \"true\""), "wrong_type", "\"true\"", "write true without quotes");
    let routing =
        |share: &str| group(&format!("dns_failover {{\n  minimum_healthy_percentage = {share}\n}}"));
    says(&routing("0.25"), "wrong_type", "0.25", "write 25%");
    says(&routing("25"), "wrong_type", "25", "write 25%");
    says(&routing("\"25%\""), "wrong_type", "\"25%\"", "write 25% without quotes");
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
    says(&group("lifecyle {\n}"), "unknown_block", "lifecyle", "did you mean `lifecycle`?");
    says(&group("vpc_id = 1"), "unknown_attribute", "vpc_id", "did you mean `vpc`?");
    says(&group("wheels = 4"), "unknown_attribute", "wheels", "tags");
    says(&group("wheels = 4"), "unknown_attribute", "wheels", "for_each, enabled, depends_on, lifecycle");
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

/// A stack of 10,000 locals, each made by `local` from its number.
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

/// If each mention evaluated it anew, the last local would take 2^9999 steps.
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
    // Reported once, whatever is beside it, and no other value would avoid it.
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
    // A mention of it is no second mistake.
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

#[test]
fn who_comes_from_terraform_is_told_what_it_is_called_here() {
    let block = |keyword: &str, help: &str| {
        let first = keyword.split(' ').next().unwrap();
        says(&format!("{keyword} {{\n}}\n"), "unknown_kind", first, help);
    };
    block("resource \"aws_lb\" \"web\"", "write load_balancer \"web\" {");
    block("data \"aws_vpc\" \"other\"", "write existing vpc \"other\" {");
    block("resource \"aws_vpc\" \"other\"", "write existing vpc \"other\" {");
    block("aws_instance \"web\"", "write instance \"web\" {");
    block("resource \"aws_security_group_rule\" \"web\"", "`ingress` and `egress` blocks");
    block("resource \"aws_s3_bucket\" \"web\"", "no kind for `aws_s3_bucket` yet");
    block("provider \"aws\"", "`stack` block");
    block("terraform", "`stack` block");
    block("moved", "bgform state mv");
    says(
        "existing aws_subnets \"web\" {\n}\n",
        "unknown_kind",
        "aws_subnets",
        "write existing subnets \"web\" {",
    );
    says(&group("count = 2"), "unknown_attribute", "count", "for_each");
    says(&group("dynamic \"health_check\" {\n}"), "unknown_block", "dynamic", "in the block itself");
    let output = |value: &str| format!("output \"o\" {{\n  value = {value}\n}}\n");
    says(&output("aws_lb.web.arn"), "unknown_name", "aws_lb", "write `load_balancer.web`");
    says(&output("data.aws_vpc.main.id"), "unknown_name", "data", "write `vpc.NAME`");
    says(&output("module.web.url"), "unknown_module", "web", "module \"web\" { source =");
    says(&output("\"${path.module}/x\""), "unknown_name", "path", "relative to the file");
}

#[test]
fn a_word_is_no_guess_for_one_that_says_something_else() {
    let gate = "deployment \"web\" {\n  release = \"1\"\n  gate \"smoke\" {\n    at = \"pre_shift\"\n    approval {\n    }\n  }\n}\n";
    let (_, mistakes) = load(&format!("{HEAD}{gate}"), &[]);
    let choice = mistakes.iter().find(|one| one.code == "bgform::lang::unknown_choice").unwrap();
    assert!(choice.message.contains("\"before_shift\", \"shift\""), "{choice:?}");
    assert_eq!(choice.help, None);
}

#[test]
fn one_mistake_causes_no_second() {
    // A failed nested block is not reported as missing, and neither is one that an unclosed heredoc
    // swallowed.
    let rule = "variable \"live\" {\n  type = string\n  default = 5s\n}\nexisting listener \"http\" {\n  id = \"arn:aws:x\"\n}\n\
                listener_rule \"web\" {\n  listener = listener.http\n  priority = 1\n  condition {\n    path_pattern = [\"/*\"]\n  }\n  \
                action \"forward\" {\n    target_group {\n      group = target_group.web\n      weight = var.live == \"blue\" ? 1 : 0\n    }\n  }\n}\n";
    says(&format!("{rule}{}", group("")), "wrong_type", "5s", "");
    says(
        "deployment \"web\" {\n  release = <<-EOT\n   x\n",
        "unclosed_heredoc",
        "<<-EOT",
        "alone on the line",
    );
    let balancer = "load_balancer \"edge\" {\n  type = \"network\"\n  subnets = subnets.all\n}\nexisting image \"i\" {\n  id = \"ami-1\"\n}\nlistener \
                    \"tcp\" {\n  load_balancer = load_balancer.edge\n  port = 80\n  protocol = \"TCP\"\n}\n";
    let deployment = "deployment \"web\" {\n  release = \"1\"\n  launch_template {\n    image = image.i\n  }\n  autoscaling_group {\n    subnets \
                      = subnets.all\n    min_size = 2\n    max_size = 4\n  }\n  target_group {\n    vpc = vpc.main\n    port = 80\n    protocol = \
                      \"TCP\"\n  }\n  listener {\n    listener = listener.tpc\n  }\n  strategy \"blue_green\" {\n  }\n}\n";
    says(&format!("{balancer}{deployment}"), "not_declared", "listener.tpc", "did you mean `listener.tcp`?");
    // A misspelt required attribute is not reported as missing.
    let misspelt = group("").replace("vpc = vpc.main", "vcp = vpc.main");
    says(&misspelt, "unknown_attribute", "vcp", "did you mean `vpc`?");
    let misspelt = "load_balancer \"edge\" {\n  type = \"network\"\n  subnts = subnets.all\n}\n";
    says(misspelt, "unknown_attribute", "subnts", "did you mean `subnets`?");
}

#[test]
fn each_of_several_mistakes_is_told_at_its_own_place() {
    let ingress = |body: &str| format!("  ingress {{\n    protocol = \"tcp\"\n{body}  }}\n");
    let text = format!(
        "{HEAD}security_group \"g\" {{\n  for_each = toset([\"a\", \"b\"])\n  vpc = vpc.main\n{}{}{}{}}}\n",
        ingress("    port = 80\n    self = true\n"),
        ingress("    self = true # one\n"),
        ingress("    port = 80 # two\n"),
        ingress("    port = 80\n    cidr = [\"10.0.0.1/8\"]\n"),
    );
    let (_, mistakes) = load(&text, &[]);
    let at: Vec<_> =
        mistakes.iter().map(|one| text[..one.labels[0].0.start].matches("ingress").count()).collect();
    assert_eq!(at, [1, 2, 4], "{mistakes:?}");
    assert!(mistakes[2].message.contains("names a host"), "{mistakes:?}");
}

#[test]
fn a_name_that_only_one_can_have_is_given_once() {
    let named = |name: &str, resource: &str| {
        format!(
            "target_group \"{resource}\" {{\n  vpc = vpc.main\n  port = 80\n  protocol = \"HTTP\"\n  name = \"{name}\"\n}}\n"
        )
    };
    says(&format!("{}{}", named("x", "a"), named("x", "b")), "duplicate", "\"x\"", "another `name`");
    let (_, none) = load(&format!("{HEAD}{}{}", named("x", "a"), named("y", "b")), &[]);
    assert!(none.is_empty(), "{none:?}");
    let rule = |priority: u32, resource: &str| {
        format!(
            "listener_rule \"{resource}\" {{\n  listener = listener.http\n  priority = {priority}\n  condition {{\n    path_pattern = \
             [\"/*\"]\n  }}\n  action \"fixed_response\" {{\n    status_code = 404\n  }}\n}}\n"
        )
    };
    let listener = "existing listener \"http\" {\n  id = \"arn:aws:x\"\n}\n";
    says(&format!("{listener}{}{}", rule(7, "a"), rule(7, "b")), "duplicate", "7", "another `priority`");
}

#[test]
fn a_listener_speaks_what_its_load_balancer_does_and_has_rules_where_there_are_some() {
    let stack = |of: &str, protocol: &str, rule: bool| {
        let action = "default_action \"forward\" {\n    group = target_group.web\n  }";
        let listener = format!(
            "load_balancer \"edge\" {{\n  type = \"{of}\"\n  subnets = subnets.all\n}}\nlistener \"web\" {{\n  load_balancer = \
             load_balancer.edge\n  port = 80\n  protocol = \"{protocol}\"\n  {action}\n}}\ntarget_group \"web\" {{\n  vpc = vpc.main\n  \
             port = 80\n  protocol = \"{protocol}\"\n}}\n"
        );
        let rules = "listener_rule \"r\" {\n  listener = listener.web\n  priority = 1\n  condition {\n    path_pattern = [\"/*\"]\n  }\n  action \
                     \"forward\" {\n    group = target_group.web\n  }\n}\n";
        format!("{listener}{}", if rule { rules } else { "" })
    };
    for (of, protocol, rule) in [("application", "HTTP", true), ("network", "TCP", false)] {
        let (_, none) = load(&format!("{HEAD}{}", stack(of, protocol, rule)), &[]);
        assert!(none.is_empty(), "{none:?}");
    }
    says(&stack("network", "TCP", true), "does_not_fit", "listener.web", "default action");
    says(&stack("application", "TCP", false), "does_not_fit", "\"TCP\"", "type = \"network\"");
    says(&stack("network", "HTTP", false), "does_not_fit", "\"HTTP\"", "type = \"application\"");
    // Targets speak what the listener does.
    let mixed = stack("network", "TLS", false).replacen("\"TLS\"", "\"TCP\"", 1);
    says(&mixed, "does_not_fit", "default_action", "write protocol = \"TCP\" or \"TCP_UDP\"");
    let plain = stack("application", "HTTP", true)
        .replace("port = 80\n  protocol = \"HTTP\"\n}", "port = 80\n  protocol = \"TCP\"\n}");
    let (_, twice) = load(&format!("{HEAD}{plain}"), &[]);
    assert_eq!(twice.len(), 2, "the listener and the rule: {twice:?}");
    let dual = stack("network", "UDP", false).replacen(
        "\"network\"",
        "\"network\"\n  ip_address_type = \"dualstack\"",
        1,
    );
    says(&dual, "does_not_fit", "\"UDP\"", "ip_address_type = \"ipv4\"");
}

#[test]
fn what_aws_refuses_of_a_load_balancer_is_told() {
    let balancer = |of: &str, more: &str| {
        format!("load_balancer \"b\" {{\n  type = \"{of}\"\n  subnets = subnets.all\n  {more}\n}}\n")
    };
    let bare = "ip_address_type = \"dualstack-without-public-ipv4\"";
    says(
        &balancer("network", bare),
        "does_not_fit",
        "\"dualstack-without-public-ipv4\"",
        "write `ip_address_type",
    );
    let inside = format!("scheme = \"internal\"\n  {bare}");
    says(
        &balancer("application", &inside),
        "does_not_fit",
        "\"dualstack-without-public-ipv4\"",
        "\"dualstack\"",
    );
    let logs = "access_logs {\n    bucket = \"b\"\n    prefix = \"x/AWSLogs\"\n  }";
    says(&balancer("application", logs), "does_not_fit", "\"x/AWSLogs\"", "AWS puts it in");
    let mapped = |scheme: &str, address: &str| {
        format!(
            "load_balancer \"b\" {{\n  type = \"network\"\n  scheme = \"{scheme}\"\n  subnet_mapping {{\n    subnet = \
             subnets.all[0]\n    {address}\n  }}\n}}\n"
        )
    };
    let (elastic, private) = ("allocation_id = \"eipalloc-1\"", "private_ipv4_address = \"10.0.0.9\"");
    says(&mapped("internal", elastic), "does_not_fit", "subnet_mapping", "private_ipv4_address");
    says(&mapped("internet-facing", private), "does_not_fit", "subnet_mapping", "allocation_id");
    says(&mapped("internal", "ipv6_address = \"fd00::9\""), "does_not_fit", "subnet_mapping", "dualstack");
    for good in
        [balancer("application", bare), mapped("internal", private), mapped("internet-facing", elastic)]
    {
        let (_, none) = load(&format!("{HEAD}{good}"), &[]);
        assert!(none.is_empty(), "{none:?}");
    }
    let rule = |condition: &str| {
        format!(
            "existing listener \"l\" {{\n  id = \"arn:aws:x\"\n}}\nlistener_rule \"r\" {{\n  listener = listener.l\n  priority = \
             1\n  condition {{\n    {condition}\n  }}\n  action \"fixed_response\" {{\n    status_code = 404\n  }}\n}}\n"
        )
    };
    for wrong in ["localhost", "a.example.com:8443", "10.0.0.1", "a.example.com.", "*"] {
        let hosts = rule(&format!("host_header = [\"{wrong}\"]"));
        says(&hosts, "does_not_fit", &format!("[\"{wrong}\"]"), "no digit after the last");
    }
    for good in ["*.example.com", "api-*.*", "example.c?m"] {
        let (_, none) = load(&format!("{HEAD}{}", rule(&format!("host_header = [\"{good}\"]"))), &[]);
        assert!(none.is_empty(), "{none:?}");
    }
    let nowhere = rule("source_ip = [\"255.255.255.255/32\"]");
    says(&nowhere, "does_not_fit", "[\"255.255.255.255/32\"]", "10.0.0.0/8");
}

#[test]
fn what_aws_refuses_of_one_value_is_told_where_it_stands() {
    let check = |body: &str| group(&format!("  health_check {{\n    {body}\n  }}"));
    says(&check("path = \"healthz\""), "does_not_fit", "\"healthz\"", "write \"/healthz\"");
    says(&check("interval = 5s"), "does_not_fit", "health_check", "lower `timeout`");
    let secure =
        |attributes: &str| format!("security_group \"g\" {{\n  vpc = vpc.main\n  {attributes}\n}}\n");
    says(&secure("name = \"sg-web\""), "does_not_fit", "\"sg-web\"", "does not begin with `sg-`");
    says(&secure("name = \"\""), "does_not_fit", "\"\"", "not empty");
    says(
        &group("tags = { team = \"a;b\" }"),
        "does_not_fit",
        "{ team = \"a;b\" }",
        "letters, digits, spaces",
    );
    says(&secure("description = \"für alle\""), "does_not_fit", "\"für alle\"", "ASCII letters");
    says(&secure("tags = { \"aws:x\" = \"y\" }"), "does_not_fit", "{ \"aws:x\" = \"y\" }", "AWS keeps");
    says(&secure("tags = { \"\" = \"y\" }"), "does_not_fit", "{ \"\" = \"y\" }", "1 to 128");
    says(
        &secure("tags = { for n in range(48) : \"k${n}\" => \"v\" }"),
        "does_not_fit",
        "{ for n in range(48) : \"k${n}\" => \"v\" }",
        "take some away",
    );
    let template = |data: &str| {
        format!(
            "existing image \"i\" {{\n  id = \"ami-1\"\n}}\nlaunch_template \"t\" {{\n  image = image.i\n  user_data = {data}\n}}\n"
        )
    };
    says(
        &template("base64encode(\"#!/bin/sh\")"),
        "does_not_fit",
        "base64encode(\"#!/bin/sh\")",
        "leave `base64encode(...)` out",
    );
    let data = "join(\"\", [for a in range(100) : join(\"\", [for b in range(60) : \"äb\"])])";
    says(&template(data), "does_not_fit", data, "keep the script in the image");
}

#[test]
fn the_stacks_own_tags_count_with_those_of_a_resource() {
    let tags = |from: u32, to: u32| format!("{{ for n in range({from}, {to}) : \"k${{n}}\" => \"v\" }}");
    let text = |own: &str| {
        format!("stack \"s\" {{\n  tags = {}\n}}\nsecurity_group \"g\" {{\n  tags = {own}\n}}\n", tags(0, 40))
    };
    let said = |own: &str| load(&text(own), &[]).1.into_iter().map(|one| one.message).collect::<Vec<_>>();
    assert_eq!(said(&tags(0, 47)), Vec::<String>::new());
    assert_eq!(said(&tags(40, 50)), ["50 tags, and a resource has at most 47 beside bgform's own three"]);
}

#[test]
fn an_attribute_of_a_resource_is_no_reference_to_it() {
    let groups = |value: &str| {
        format!(
            "security_group \"a\" {{\n  vpc = vpc.main\n}}\nload_balancer \"e\" {{\n  subnets = subnets.all\n  security_groups = {value}\n}}\n"
        )
    };
    says(&groups("[security_group.a.id]"), "wrong_type", "security_group.a.id", "write security_group.a");
    says(&groups("[for g in [security_group.a] : g]\n  wheels = 4"), "unknown_attribute", "wheels", "");
    let subnets = "load_balancer \"e\" {\n  subnets = [subnets.all[0].id, subnets.all[1]]\n}\n";
    says(subnets, "wrong_type", "subnets.all[0].id", "write subnets.all[0]");
}

#[test]
fn a_validation_says_what_may_be_named_in_it() {
    let variable = |condition: &str| {
        format!(
            "locals {{\n  all = [1]\n}}\nvariable \"n\" {{\n  type = number\n  default = 1\n  validation {{\n    condition = {condition}\n    message = \"m\"\n  }}\n}}\n"
        )
    };
    says(&variable("subnets.all[0].id == \"x\""), "not_here", "subnets", "locals made of them");
    says(&variable("vpc.main.id == \"x\""), "not_here", "vpc", "locals made of them");
}

#[test]
fn a_deployment_that_cannot_have_its_second_release_is_refused() {
    let deployment = |size: u32, hosts: &str, more: &str, strategy: &str| {
        format!(
            "existing image \"i\" {{\n  id = \"ami-1\"\n}}\nexisting listener \"http\" {{\n  id = \"arn:aws:x\"\n}}\ndeployment \"web\" {{\n  \
             release = \"1\"\n{more}  launch_template {{\n    image = image.i\n  }}\n  autoscaling_group {{\n    subnets = subnets.all\n    \
             min_size = {size}\n    max_size = 4\n  }}\n  target_group {{\n    vpc = vpc.main\n    port = 80\n    protocol = \"HTTP\"\n  }}\n  \
             listener_rule {{\n    listener = listener.http\n    priority = 9\n    condition {{\n      host_header = {hosts}\n    }}\n  }}\n  \
             {strategy}\n}}\n"
        )
    };
    let (five, one) = ("[\"a.io\", \"b.io\", \"c.io\", \"d.io\", \"e.io\"]", "[\"a.io\"]");
    let preview = "  preview {\n    header = { \"X-Preview\" = \"next\" }\n  }\n";
    let (swap, batches) =
        ("strategy \"blue_green\" {\n  }", "strategy \"in_place\" {\n    run = [\"true\"]\n  }");
    for sound in
        [deployment(2, one, preview, swap), deployment(2, five, "", swap), deployment(2, one, "", batches)]
    {
        let (_, mistakes) = load(&format!("{HEAD}{sound}"), &[]);
        assert!(mistakes.is_empty(), "{mistakes:?}");
    }
    says(&deployment(2, five, preview, swap), "does_not_fit", "preview", "leave the preview out");
    says(&deployment(1, one, "", batches), "does_not_fit", "strategy", "write min_size = 2 or more");
}
