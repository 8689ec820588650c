use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::address::Address;
use crate::diagnostic::Sources;
use crate::lang::ast::{Expr, Files};
use crate::lang::parse::{parse, parse_attributes};
use crate::lang::variable::Given;
use crate::plan;
use crate::plan::diff::AttributeChange;
use crate::plan::step::{Action, Step, TrafficChange};
use crate::rollout::Rollouts;
use crate::stack::{Input, ReadFile};
use crate::state::Snapshot;
use crate::value::{Object, Value};

struct Nothing;

impl ReadFile for Nothing {
    fn read(&self, _: &Path) -> Result<Vec<u8>, String> {
        Err("there is no such file".to_owned())
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

const STACK: &str = r#"
stack "shop" {
  region = "us-east-1"
}
variable "release" {
  type    = string
  default = "1.0.1"
}
variable "password" {
  type      = string
  default   = "unset"
  sensitive = true
}
variable "shape" {
  type    = object({ zones = list(string), every = duration, share = percent, on = bool })
  default = { zones = [], every = 5s, share = 10%, on = false }
}
variable "note" {
  default = null
}
output "release" {
  value = var.release
}
"#;

/// A stack with values as `--var` gives them, and one from a file as `--var-file` does.
fn program(text: &str, given: &[&str], from_file: Option<&str>) -> Program {
    let mut sources = Sources::default();
    let mut mistakes = Vec::new();
    let file = sources.add("/stacks/shop.deploy", text);
    let parsed = parse(file, sources.text(file), &mut mistakes);
    let files = Files { blocks: parsed.blocks, broken: parsed.broken };
    let mut all: BTreeMap<String, Vec<Given>> = BTreeMap::new();
    if let Some(text) = from_file {
        let file = sources.add("/stacks/prod.vars", text);
        for attribute in parse_attributes(file, sources.text(file), &mut mistakes).attributes {
            all.entry(attribute.name.text).or_default().push(Given::Expr(attribute.value));
        }
    }
    for text in given {
        let (name, value) = text.split_once('=').unwrap();
        let given = Given::Text { text: value.to_owned(), origin: format!("--var {name}") };
        all.entry(name.to_owned()).or_default().push(given);
    }
    let input =
        Input { sources, own: 1, files, folders: Default::default(), given: all, reader: Arc::new(Nothing) };
    let mut of_texts = Sources::default();
    let mut parse_text = |text: &str, origin: &str| -> Option<Expr> {
        let file = of_texts.add(origin, format!("value = {text}"));
        let mut body = parse_attributes(file, of_texts.text(file), &mut Vec::new());
        body.attributes.pop().map(|attribute| attribute.value)
    };
    let program = Program::new(input, &mut parse_text, &mut mistakes);
    assert!(mistakes.is_empty(), "{mistakes:?}");
    program
}

fn snapshot(serial: u64) -> Snapshot {
    Snapshot { serial, ..Snapshot::new("shop", "123456789012", "us-east-1", None) }
}

fn plan(snapshot: Snapshot, port: i32) -> Plan {
    let change = AttributeChange {
        path: "port".to_owned(),
        before: Value::Null,
        after: port.into(),
        replaces: false,
        text: false,
    };
    let step = Step {
        address: Address::new("target_group", "shop"),
        action: Action::Create { generation: 0, replaces: None },
        changes: vec![change],
        after: Vec::new(),
        together: Vec::new(),
        half: None,
        inputs: Object::new(),
        record: None,
        live: None,
        traffic: TrafficChange::default(),
    };
    let resources = plan::Plan { steps: vec![step], ..plan::Plan::default() };
    let options = Options { allow_outage: true, ..Options::default() };
    Plan::of(snapshot, resources, Rollouts::default(), options)
}

fn saved(program: &Program, plan: &Plan) -> SavedPlan {
    let files = [PathBuf::from("/stacks/shop.deploy")];
    let global = Global { state: Some("states".into()), ..Global::default() };
    SavedPlan::new(&files, &global, program, plan)
}

fn code(result: Result<(), SavedPlanError>) -> String {
    miette::Diagnostic::code(&result.unwrap_err()).unwrap().to_string()
}

#[test]
fn a_saved_plan_reads_back_and_is_its_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("release.bgplan");
    let written = saved(&program(STACK, &[], None), &plan(snapshot(3), 80));
    written.write(&path).unwrap();
    assert!(SavedPlan::is_one(&path));
    assert_eq!(SavedPlan::read(&path).unwrap(), written);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    // Once more, over the same file.
    written.write(&path).unwrap();
}

#[test]
fn the_variables_read_back_to_the_same_values_wherever_they_came_from() {
    let secret = "password=a \"b\" ${c} %{ if d } %{e}\nd";
    let file = "shape = { zones = [\"a${0 + 1}\", \"$${b}\"], every = 90s, share = 12.5%, on = true }";
    let first = program(STACK, &[secret, "release=2"], Some(file));
    let saved = saved(&first, &plan(snapshot(0), 80));
    let texts = saved.variables();
    let again = |more: &str| {
        let texts = texts.iter().map(String::as_str).chain([more]);
        program(STACK, &texts.collect::<Vec<_>>(), None)
    };
    assert_eq!(again(secret).variables, first.variables);
    assert_eq!(saved.missing(&again(secret)), Vec::<String>::new());
    saved.still_holds(&again(secret), &plan(snapshot(0), 80)).unwrap();
    // The sensitive value is not in it, and another value does not match the plan.
    assert_eq!(saved.missing(&again("password=another")), ["password"]);
    let folder = tempfile::tempdir().unwrap();
    let secret = program(STACK, &["password=quay-mole-19"], None);
    let path = folder.path().join("release.bgplan");
    self::saved(&secret, &plan(snapshot(0), 80)).write(&path).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("\"password\"") && !text.contains("quay-mole-19"), "{text}");
}

#[test]
fn a_value_that_no_text_gives_is_refused_with_what_to_write() {
    let program = program(STACK, &[], Some("note = [1, 2]"));
    let folder = tempfile::tempdir().unwrap();
    let result = saved(&program, &plan(snapshot(0), 80)).write(&folder.path().join("x"));
    assert_eq!(code(result), "bgform::plan::saved_variable");
}

#[test]
fn what_has_moved_since_is_said() {
    let first = program(STACK, &[], None);
    let saved = saved(&first, &plan(snapshot(3), 80));
    let at = |serial| Snapshot { lineage: saved.state.clone().unwrap().lineage, ..snapshot(serial) };
    saved.still_holds(&first, &plan(at(3), 80)).unwrap();

    let state = saved.still_holds(&first, &plan(at(4), 80)).unwrap_err().to_string();
    assert!(state.ends_with("it was at serial 3, and is at 4"), "{state}");
    assert_eq!(code(saved.still_holds(&first, &plan(snapshot(3), 80))), "bgform::plan::saved_state");
    assert_eq!(code(saved.still_holds(&first, &plan(at(3), 81))), "bgform::plan::saved_steps");
    let other = Snapshot { account: "210987654321".to_owned(), ..at(3) };
    assert_eq!(code(saved.still_holds(&first, &plan(other, 80))), "bgform::plan::saved_account");

    let edited = program(&STACK.replace("1.0.1", "1.0.2"), &[], None);
    let stack = saved.still_holds(&edited, &plan(at(3), 80)).unwrap_err().to_string();
    assert!(stack.ends_with("`/stacks/shop.deploy` has changed"), "{stack}");
    let given = program(STACK, &["release=2"], None);
    assert_eq!(code(saved.still_holds(&given, &plan(at(3), 80))), "bgform::plan::saved_stack");
}

#[test]
fn a_first_plan_holds_as_long_as_there_is_no_state() {
    let program = program(STACK, &[], None);
    let saved = saved(&program, &plan(snapshot(0), 80));
    saved.still_holds(&program, &plan(snapshot(0), 80)).unwrap();
    assert_eq!(code(saved.still_holds(&program, &plan(snapshot(1), 80))), "bgform::plan::saved_state");
}

#[test]
fn account_and_state_are_those_of_the_plan() {
    let saved = saved(&program(STACK, &[], None), &plan(snapshot(0), 80));
    let global = saved.global(&Global { verbose: true, ..Global::default() }).unwrap();
    assert!(global.verbose && saved.options().allow_outage);
    assert_eq!(global.region.as_deref(), Some("us-east-1"));
    assert!(global.state.is_some_and(|state| state.is_absolute()));
}

#[test]
#[allow(clippy::disallowed_methods, reason = "files to be mistaken for saved plans")]
fn only_a_saved_plan_is_taken_for_one_or_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let saved = saved(&program(STACK, &[], None), &plan(snapshot(0), 80));
    let stack = folder.path().join("shop.deploy");
    assert_eq!(code(saved.write(&stack)), "bgform::plan::saved_unwritable");
    let path = folder.path().join("a.bgplan");
    saved.write(&path).unwrap();
    std::fs::copy(&path, &stack).unwrap();
    assert!(!SavedPlan::is_one(&stack));

    let notes = folder.path().join("notes.txt");
    std::fs::write(&notes, "{ \"format\": \"mine\" }").unwrap();
    assert!(!SavedPlan::is_one(&notes) && !SavedPlan::is_one(folder.path()));
    assert_eq!(code(saved.write(&notes)), "bgform::plan::saved_unwritable");
    assert_eq!(std::fs::read_to_string(&notes).unwrap(), "{ \"format\": \"mine\" }");
}

#[test]
fn a_plan_of_another_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.bgplan");
    let mut saved = saved(&program(STACK, &[], None), &plan(snapshot(0), 80));
    saved.bgform = "0.0.9".to_owned();
    saved.write(&path).unwrap();
    assert_eq!(code(SavedPlan::read(&path).map(|_| ())), "bgform::plan::saved_version");
}
