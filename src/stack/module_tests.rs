//! Modules: their blocks under qualified names, and their mistakes, in the module and at the call.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use super::program_tests::{HEAD, NoFiles};
use super::scope::Known;
use super::{Input, Program, modules};
use crate::diagnostic::{Mistake, Sources};
use crate::lang::parse::parse;
use crate::value::Value;

/// A stack in `main.deploy`, and modules in folders beside it.
fn load(stack: &str, folders: &[(&str, &str)]) -> (Program, Vec<Mistake>) {
    let (mut sources, mut mistakes) = (Sources::default(), Vec::new());
    let file = sources.add("stack/main.deploy", format!("{HEAD}{stack}"));
    let files = parse(file, sources.text(file), &mut mistakes);
    let mut read = HashMap::new();
    for (folder, text) in folders {
        let file = sources.add(format!("{folder}/module.deploy"), *text);
        read.insert(PathBuf::from(folder), parse(file, sources.text(file), &mut mistakes));
    }
    let own = 1 + folders.len();
    let input =
        Input { sources, own, files, folders: read, given: BTreeMap::new(), reader: Arc::new(NoFiles) };
    let program = Program::new(input, &mut |_, _| None, &mut mistakes);
    (program, mistakes)
}

/// The mistakes: message, underlined text of each label, help.
fn told(stack: &str, folders: &[(&str, &str)]) -> Vec<String> {
    let (program, mistakes) = load(stack, folders);
    let one = |mistake: &Mistake| {
        let labels =
            mistake.labels.iter().map(|(span, label)| format!("<{}> {label}", program.sources.slice(*span)));
        format!(
            "{} | {} | {}",
            mistake.message,
            labels.collect::<Vec<_>>().join(" | "),
            mistake.help.as_deref().unwrap_or("")
        )
    };
    mistakes.iter().map(one).collect()
}

fn addresses(program: &Program) -> Vec<String> {
    program
        .unreleased()
        .nodes
        .iter()
        .filter(|node| node.managed)
        .map(|node| node.address.to_string())
        .collect()
}

fn output(program: &Program, name: &str) -> Value {
    program.unreleased().outputs(&Known::new(), &mut Vec::new()).get(name).cloned().unwrap_or_default()
}

const GROUP: &str = r#"
variable "vpc" {}

variable "port" {
  type    = number
  default = 8080
}

locals {
  name = "on-${var.port}"
}

target_group "web" {
  vpc      = var.vpc
  port     = var.port
  protocol = "HTTP"
  tags     = { name = local.name }
}

output "arn" {
  value = target_group.web.arn
}

output "port" {
  value = var.port
}

output "group" {
  value = target_group.web
}
"#;

#[test]
fn the_blocks_of_a_module_stand_under_its_name() {
    let stack = "module \"edge\" {\n  source = \"./edge\"\n  vpc = vpc.main\n}\noutput \"port\" {\n  value = module.edge.port\n}\n";
    let (program, mistakes) = load(stack, &[("stack/edge", GROUP)]);
    assert!(mistakes.is_empty(), "{mistakes:?}");
    assert_eq!(addresses(&program), ["module.edge.target_group.web"]);
    assert_eq!(output(&program, "port"), Value::from(8080));
    let view = program.unreleased();
    let node = view.nodes.iter().find(|node| node.managed).unwrap();
    let evaluated = view.evaluate(node, &Known::new(), &mut Vec::new()).unwrap();
    assert_eq!(evaluated.inputs["tags"].get("name"), &Value::from("on-8080"));
    assert_eq!(evaluated.depends_on.iter().map(ToString::to_string).collect::<Vec<_>>(), ["vpc.main"]);
}

#[test]
fn a_module_is_called_for_each_element_and_within_others() {
    let outer = "variable \"vpc\" {}\nvariable \"ports\" {}\nmodule \"group\" {\n  source = \"../edge\"\n  for_each = var.ports\n  vpc = var.vpc\n  port = each.value\n}\n\
                 output \"ports\" {\n  value = { for k, m in module.group : k => m.port }\n}\noutput \"first\" {\n  value = module.group[\"a\"].group\n}\n";
    let stack = "module \"all\" {\n  source = \"./outer\"\n  for_each = { x = { a = 80, \"b.c\" = 81 }, y = { a = 82 } }\n  vpc = vpc.main\n  ports = each.value\n}\n\
                 output \"ports\" {\n  value = { for k, m in module.all : k => m.ports }\n}\n\
                 security_group \"g\" {\n  vpc = vpc.main\n  tags = { group = module.all[\"x\"].first.name }\n}\n";
    let (program, mistakes) = load(stack, &[("stack/edge", GROUP), ("stack/outer", outer)]);
    assert!(mistakes.is_empty(), "{mistakes:?}");
    let mut all = addresses(&program);
    all.sort();
    assert_eq!(
        all,
        [
            "module.all[\"x\"].module.group[\"a\"].target_group.web",
            "module.all[\"x\"].module.group[\"b.c\"].target_group.web",
            "module.all[\"y\"].module.group[\"a\"].target_group.web",
            "security_group.g",
        ]
    );
    assert_eq!(*output(&program, "ports").get("x").get("b.c"), Value::from(81));
    let view = program.unreleased();
    let last = view.nodes.iter().find(|node| node.address.kind == "security_group").unwrap();
    let needs = view.evaluate(last, &Known::new(), &mut Vec::new()).unwrap().depends_on;
    let needs: Vec<_> = needs.iter().map(ToString::to_string).collect();
    assert_eq!(needs, ["module.all[\"x\"].module.group[\"a\"].target_group.web", "vpc.main"]);
}

#[test]
fn modules_may_need_each_other_as_long_as_no_resource_needs_itself() {
    let pair = "variable \"vpc\" {}\nvariable \"other\" {}\nsecurity_group \"a\" {\n  vpc = var.vpc\n}\nsecurity_group \"b\" {\n  vpc = var.vpc\n  tags = { other = var.other }\n}\noutput \"a\" {\n  value = security_group.a.id\n}\n";
    let call = |name: &str, other: &str| {
        format!(
            "module \"{name}\" {{\n  source = \"./pair\"\n  vpc = vpc.main\n  other = module.{other}.a\n}}\n"
        )
    };
    let stack = format!("{}{}", call("x", "y"), call("y", "x"));
    assert_eq!(told(&stack, &[("stack/pair", pair)]), Vec::<String>::new());
    let tangled = pair.replace("security_group.a.id", "security_group.b.id");
    let cycle = told(&stack, &[("stack/pair", &tangled)]);
    assert!(
        cycle.len() == 1 && cycle[0].contains("module.x.security_group.b → module.y.security_group.b"),
        "{cycle:?}"
    );
}

#[test]
fn the_number_of_a_module_may_depend_on_another() {
    let names = "output \"names\" {\n  value = [\"a\", \"b\"]\n}\n";
    let stack = "module \"web\" {\n  source = \"./edge\"\n  for_each = toset(module.names.names)\n  vpc = vpc.main\n}\nmodule \"names\" {\n  source = \"./names\"\n}\n";
    let (program, mistakes) = load(stack, &[("stack/edge", GROUP), ("stack/names", names)]);
    assert!(mistakes.is_empty(), "{mistakes:?}");
    assert_eq!(addresses(&program).len(), 2);
    let turned = "module \"a\" {\n  source = \"./names\"\n  enabled = module.b.names != []\n}\nmodule \"b\" {\n  source = \"./names\"\n  enabled = module.a.names != []\n}\n";
    let cycle = told(turned, &[("stack/names", names)]);
    assert!(cycle.len() == 2 && cycle[0].contains("depends on `module.b`"), "{cycle:?}");
}

#[test]
fn a_mistake_in_a_module_is_told_once_with_where_it_is_called() {
    let wrong = GROUP.replace("protocol = \"HTTP\"", "protocol = \"HTP\"");
    let stack =
        "module \"edge\" {\n  source = \"./edge\"\n  for_each = { a = 1, b = 2 }\n  vpc = vpc.main\n}\n";
    let said = told(stack, &[("stack/edge", &wrong)]);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].contains("<\"HTP\">") && said[0].contains("<\"edge\"> `module.edge[\"a\"]` is called here"),
        "{said:?}"
    );
}

#[test]
fn a_call_that_will_not_do_is_told_at_the_call() {
    let call = |inputs: &str| format!("module \"edge\" {{\n  source = \"./edge\"\n{inputs}\n}}\n");
    let edge = [("stack/edge", GROUP)];
    for (inputs, said) in [
        (
            "",
            "`module.edge` needs `vpc` | <\"edge\"> `vpc` is not written here | <\"vpc\"> the module declares it",
        ),
        (
            "vpc = vpc.main\nprot = 1",
            "`module.edge` has no attribute `prot` | <prot> not known | did you mean `port`?",
        ),
        (
            "vpc = vpc.main\nport = \"x\"",
            "the module wants a number here | <\"x\"> this is a string | <\"port\"> declared here",
        ),
        ("vpc = vpc.main\nvpc = vpc.main", "`vpc` is written twice"),
        ("vpc = vpc.mian", "there is no vpc `mian`"),
        ("vpc = 7", "`vpc` is a reference to a `vpc` | <var.vpc> this is a number"),
        ("vpc = vpc.main\nfor_each = 7", "`for_each` is an object or a set of strings"),
        ("vpc = vpc.main\ndepends_on = [vpc.main]", "takes no `depends_on`"),
        ("vpc = vpc.main\nport {\n}", "`module` holds no blocks"),
    ] {
        let all = told(&call(inputs), &edge);
        assert!(all.len() == 1 && all[0].contains(said), "{inputs}: {all:?}");
    }
    let with = |more: &str| told(&format!("{}{more}", call("vpc = vpc.main")), &edge);
    for (value, said) in [
        ("module.edge.prot", "there is no key `prot` | <prot> no such key | did you mean `port`?"),
        ("module.egde.port", "there is no module `egde` | <egde> not declared | did you mean `module.edge`?"),
        ("module", "`module` alone is no value"),
        ("target_group.web.arn", "there is no target_group `web`"),
    ] {
        let all = with(&format!("output \"o\" {{\n  value = {value}\n}}\n"));
        assert!(all.len() == 1 && all[0].contains(said), "{value}: {all:?}");
    }
    let twice = with(&call("vpc = vpc.main"));
    assert!(twice.len() == 1 && twice[0].contains("module `edge` is declared twice"), "{twice:?}");
}

#[test]
fn a_source_is_a_folder_beside_the_file() {
    let sources = |source: &str| {
        let (program, _) = load(&format!("module \"m\" {{\n  source = {source}\n}}\n"), &[]);
        let mut mistakes = Vec::new();
        let file = program.sources.iter().next().unwrap().0;
        let files = parse(file, program.sources.text(file), &mut mistakes);
        let found = modules::sources_of(&files).map(|source| modules::folder_of(source, &program.sources));
        found.map(|found| found.map_err(|mistake| mistake.message)).next().unwrap()
    };
    assert_eq!(sources("\"./a/../b/.\""), Ok(PathBuf::from("stack/b")));
    assert_eq!(sources("\"../../up\""), Ok(PathBuf::from("../up")));
    for source in
        ["\"hashicorp/consul/aws\"", "\"${stack.name}\"", "7", "\"git::https://x/y.git\"", "\"/etc\""]
    {
        assert!(sources(source).is_err(), "{source}");
    }
}

#[test]
fn a_module_has_no_stack_block_and_does_not_call_itself() {
    let own = format!("stack \"inner\" {{\n}}\n{GROUP}");
    let stack = "module \"edge\" {\n  source = \"./edge\"\n  vpc = vpc.main\n}\n";
    let said = told(stack, &[("stack/edge", &own)]);
    assert!(said.len() == 1 && said[0].contains("a module has no `stack` block"), "{said:?}");
    let (a, b) = ("module \"b\" {\n  source = \"../b\"\n}\n", "module \"a\" {\n  source = \"../a\"\n}\n");
    let said = told("module \"a\" {\n  source = \"./a\"\n}\n", &[("stack/a", a), ("stack/b", b)]);
    assert!(said.len() == 1 && said[0].contains("the module `stack/a` calls itself"), "{said:?}");
    assert!(said[0].contains("`module.a.module.b` is called here"), "{said:?}");
}

#[test]
fn a_disabled_module_has_nothing_and_its_outputs_are_guarded() {
    let stack = |value: &str| {
        format!(
            "module \"edge\" {{\n  source = \"./edge\"\n  enabled = stack.name == \"other\"\n  vpc = vpc.main\n}}\noutput \"o\" {{\n  value = {value}\n}}\n"
        )
    };
    let (program, mistakes) = load(&stack("try(module.edge.port, 0)"), &[("stack/edge", GROUP)]);
    assert!(mistakes.is_empty() && addresses(&program).is_empty(), "{mistakes:?}");
    assert_eq!(output(&program, "o"), Value::from(0));
    let said = told(&stack("module.edge.port"), &[("stack/edge", GROUP)]);
    assert!(said.len() == 1 && said[0].contains("`module.edge` is disabled"), "{said:?}");
}

#[test]
fn the_variables_of_a_module_are_validated_with_what_it_is_given() {
    let checked = GROUP.replace("default = 8080\n", "default = 8080\n  validation {\n    condition = var.port < 9000\n    message = \"port ${var.port} is too high\"\n  }\n");
    let stack = |port: &str| {
        format!("module \"edge\" {{\n  source = \"./edge\"\n  vpc = vpc.main\n  port = {port}\n}}\n")
    };
    assert_eq!(told(&stack("80"), &[("stack/edge", &checked)]), Vec::<String>::new());
    let said = told(&stack("9001"), &[("stack/edge", &checked)]);
    assert!(
        said.len() == 1
            && said[0].contains("variable `port`: port 9001 is too high")
            && said[0].contains("is called here"),
        "{said:?}"
    );
    let later = GROUP.replace("variable \"vpc\" {}", "variable \"vpc\" {\n  validation {\n    condition = var.vpc.id != \"vpc-0\"\n    message = \"no\"\n  }\n}");
    assert_eq!(told(&stack("80"), &[("stack/edge", &later)]), Vec::<String>::new());
}

#[test]
fn what_is_sensitive_stays_so_through_a_module() {
    let inner = "variable \"key\" {\n  sensitive = true\n}\noutput \"plain\" {\n  value = \"k${var.key}\"\n}\noutput \"marked\" {\n  value = 1\n  sensitive = true\n}\n";
    let stack = |output: &str| {
        format!(
            "module \"m\" {{\n  source = \"./m\"\n  key = \"hunter2\"\n}}\noutput \"o\" {{\n  value = module.m.{output}\n}}\n"
        )
    };
    for output in ["plain", "marked"] {
        let said = told(&stack(output), &[("stack/m", inner)]);
        assert!(said.len() == 1 && said[0].contains("would show a sensitive value"), "{said:?}");
    }
}

#[test]
fn a_deployment_in_a_module_is_one_of_each_call() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/stacks/shop.deploy")).unwrap();
    let inner = text.replacen("stack \"shop\" {\n  region = \"us-east-1\"\n}\n", "", 1);
    let stack = "module \"shop\" {\n  source = \"./shop\"\n  for_each = toset([\"eu\", \"us\"])\n  release = \"1.0\"\n}\n";
    let (program, mistakes) = load(stack, &[("stack/shop", &inner)]);
    assert!(mistakes.is_empty(), "{:?}", mistakes.iter().map(|one| &one.message).collect::<Vec<_>>());
    let deployments: Vec<_> = program.deployments().keys().cloned().collect();
    assert_eq!(deployments, ["module.shop[\"eu\"].web", "module.shop[\"us\"].web"]);
    let view = program.unreleased();
    let target = "module.shop[\"eu\"].deployment.web".parse().unwrap();
    let mut of_one: Vec<_> = view
        .nodes
        .iter()
        .filter(|node| view.selects(&target, &node.address))
        .map(|node| node.address.to_string())
        .collect();
    of_one.sort();
    assert!(of_one.contains(&"module.shop[\"eu\"].target_group.web[\"blue\"]".to_owned()), "{of_one:?}");
    assert!(
        of_one.len() >= 5 && of_one.iter().all(|one| one.starts_with("module.shop[\"eu\"].")),
        "{of_one:?}"
    );
}

#[test]
fn a_hundred_calls_of_a_hundred_resources_are_read_in_one_go() {
    let many: String = (0..100).map(|at| format!("target_group \"g{at}\" {{\n  vpc = var.vpc\n  port = var.port + {at}\n  protocol = \"HTTP\"\n}}\n")).collect();
    let inner = format!("variable \"vpc\" {{}}\nvariable \"port\" {{}}\n{many}");
    let stack = "module \"m\" {\n  source = \"./m\"\n  for_each = { for n in range(100) : \"k${n}\" => n }\n  vpc = vpc.main\n  port = each.value + 1\n}\n";
    let (program, mistakes) = load(stack, &[("stack/m", &inner)]);
    assert!(mistakes.is_empty(), "{:?}", mistakes.first());
    assert_eq!(addresses(&program).len(), 10_000);
}

#[test]
fn a_variable_of_a_module_is_not_called_like_a_word_of_the_call() {
    let inner = "variable \"enabled\" {\n  default = true\n  sensitive = 1 == 1\n}\n";
    let said = told("module \"m\" {\n  source = \"./m\"\n}\n", &[("stack/m", inner)]);
    assert!(said.len() == 2 && said[0].contains("no variable of a module is called `enabled`"), "{said:?}");
    assert!(said[1].contains("`sensitive` in a module is true or false, written out"), "{said:?}");
}

#[test]
fn the_digest_tells_files_of_two_modules_apart_that_are_called_alike() {
    let inner = "output \"x\" {\n  value = fileexists(\"motd\")\n}\n";
    let stack = "module \"a\" {\n  source = \"./a\"\n}\nmodule \"b\" {\n  source = \"./b\"\n}\n";
    let (program, mistakes) = load(stack, &[("stack/a", inner), ("stack/b", inner)]);
    assert!(mistakes.is_empty(), "{mistakes:?}");
    assert_eq!(program.files_told(), ["1:motd exists", "2:motd exists"]);
}

#[test]
fn what_there_is_depends_on_no_resource_of_a_module() {
    let edge = "variable \"vpc\" {\n}\ntarget_group \"web\" {\n  for_each = toset([\"http\"])\n  vpc = var.vpc\n  port = 80\n  protocol = \"HTTP\"\n}\n\
                output \"arns\" {\n  value = { for k, g in target_group.web : k => g.arn }\n}\n";
    let call = "module \"a\" {\n  source = \"../edge\"\n  vpc = vpc.main\n}\n";
    for condition in ["length(module.a.arns) > 0", "module.a.nope == 1", "try(length(module.a.arns), 0) > 0"]
    {
        let other = format!("security_group \"g\" {{\n  enabled = {condition}\n  vpc = vpc.main\n}}\n");
        let told = self::told(&format!("{call}{other}"), &[("edge", edge)]);
        assert!(told.iter().any(|one| one.contains(&format!("<{condition}>"))), "{condition}: {told:?}");
        let again = format!(
            "{call}module \"b\" {{\n  source = \"../edge\"\n  enabled = {condition}\n  vpc = vpc.main\n}}\n"
        );
        let told = self::told(&again, &[("edge", edge)]);
        assert!(told.iter().any(|one| one.contains(&format!("<{condition}>"))), "{condition}: {told:?}");
    }
}
