//! `bgform show`: the state, or a saved plan, for people and for programs. Makes no call, and needs no
//! variable of the stack.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json, json};

use super::saved::SavedPlan;
use super::{CliError, Exit, Global, locate, report};
use crate::address::Address;
use crate::diagnostic::did_you_mean;
use crate::kind;
use crate::stack::notation;
use crate::state::{Action, OpenOperation, Record, Snapshot};
use crate::value::{Object, Value};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "One word alone is an address if it looks like one (kind.name, kind.name[\"key\"]) and no such \
                        file exists; else it is the stack, or a plan that `bgform plan --out FILE` has saved, which is \
                        shown as it was agreed to, with --json in the format of `bgform plan --json`.\n\n\
                        The JSON has `format` bgform.state and `version` 1: stack, account, region, endpoint, lineage, \
                        serial, taken_at; outputs by name, each with value and sensitive; resources with address, \
                        kind, name, key, id, generation, inputs, outputs, sensitive, depends_on, prevent_destroy, \
                        unfinished; deposed (address, id, generation) and open operations (address, action, since). \
                        Durations are seconds and percents numbers. A sensitive value is null, and `sensitive` lists \
                        its path.\n\n\
                        Examples:\n  bgform show\n  bgform show load_balancer.edge stacks/explicit.deploy\n  \
                        bgform show 'target_group.shop[\"blue\"]'\n  \
                        bgform show --json | jq -r .outputs.url.value\n  bgform show release.bgplan"
)]
pub struct ShowArgs {
    #[command(flatten)]
    what: What,
}

/// What of a state is shown, and of which stack; for `show` and `state show`.
#[derive(Debug, clap::Args)]
pub struct What {
    /// Show only this resource, with its inputs and outputs; or a saved plan.
    #[arg(value_name = "ADDRESS")]
    address: Option<String>,
    /// A stack file or folder; left out, the only .deploy file here.
    #[arg(value_name = "STACK")]
    stack: Option<PathBuf>,
    /// Print JSON (format bgform.state, version 1).
    #[arg(long)]
    json: bool,
}

pub fn run(global: &Global, args: ShowArgs) -> Result<Exit, CliError> {
    let What { address: first, stack, json } = &args.what;
    let path = first.as_deref().map(Path::new).filter(|path| stack.is_none() && SavedPlan::is_one(path));
    if let Some(path) = path {
        let saved = SavedPlan::read(path).map_err(|error| CliError::Diagnostic(Box::new(error)))?;
        let (text, document) = saved.shown();
        report::out(&match json {
            true => format!("{document:#}\n"),
            false => format!("{text}\nTo run it: bgform apply {}\n", path.display()),
        });
        return Ok(Exit::Done);
    }
    show(global, args.what, None)
}

/// Shows the current state, or the state at `serial`.
pub fn show(global: &Global, what: What, serial: Option<u64>) -> Result<Exit, CliError> {
    let (address, stack) = locate::address_and_stack(what.address.as_deref(), what.stack.as_deref())?;
    let store = locate::store_at(global, stack.as_deref())?;
    let (snapshot, open) = match serial {
        Some(serial) => (store.load_serial(serial)?, Vec::new()),
        None => {
            let loaded = locate::loaded(&store)?;
            (loaded.snapshot, loaded.open)
        }
    };
    let shown = match &address {
        Some(address) => Some(known(&snapshot, address)?),
        None => None,
    };
    report::out(&match (what.json, shown) {
        (true, _) => format!("{:#}\n", document(&snapshot, &open, address.as_ref())),
        (false, Some((address, record))) => resource(address, record),
        (false, None) => overview(&snapshot, &open),
    });
    Ok(Exit::Done)
}

/// The record at an address.
///
/// # Errors
/// When there is none: names the address that was probably meant.
pub fn known<'a>(snapshot: &'a Snapshot, address: &Address) -> Result<(&'a Address, &'a Record), CliError> {
    let found = snapshot.resources.get_key_value(address);
    found.ok_or_else(|| unknown(snapshot, address))
}

/// The error of an address that the state does not have, with the remedy.
pub fn unknown(snapshot: &Snapshot, address: &Address) -> CliError {
    let names: Vec<String> = snapshot.resources.keys().map(ToString::to_string).collect();
    let instances: Vec<_> =
        snapshot.resources.keys().filter(|one| address.selects(one)).map(|one| format!("`{one}`")).collect();
    let guess = did_you_mean(&address.to_string(), names.iter().map(String::as_str));
    let help = match (instances.as_slice(), guess) {
        ([_, ..], _) => format!("it has several instances, write one of them: {}", instances.join(", ")),
        ([], Some(guess)) => format!("did you mean `{guess}`?"),
        ([], None) => "`bgform state list` shows what there is".to_owned(),
    };
    CliError::usage(
        "bgform::state::no_such_address",
        format!("`{address}` is not in the state of stack `{}`", snapshot.stack),
        help,
    )
}

/// Outputs, then a table of resources.
fn overview(snapshot: &Snapshot, open: &[OpenOperation]) -> String {
    let mut text = String::new();
    if !snapshot.outputs.is_empty() {
        text.push_str("Outputs:\n");
        for line in notation::members(&[], &snapshot.outputs) {
            let _ = writeln!(text, "  {line}");
        }
        text.push('\n');
    }
    match snapshot.resources.len() {
        0 => {
            let _ = writeln!(text, "Stack `{}` has no resources.", snapshot.stack);
        }
        count => {
            let noun = if count == 1 { "resource" } else { "resources" };
            let _ = writeln!(
                text,
                "{count} {noun} of stack `{}` in account {}, {}:",
                snapshot.stack, snapshot.account, snapshot.region
            );
        }
    }
    text + &table(&rows(snapshot, open), "  ")
}

/// Address, id and note of every resource in the state.
pub fn rows(snapshot: &Snapshot, open: &[OpenOperation]) -> Vec<[String; 3]> {
    let under_way = |address: &Address| open.iter().find(|one| one.begin.address == *address);
    let mut rows = Vec::new();
    for (address, record) in &snapshot.resources {
        let note = match (under_way(address), record.unfinished) {
            (Some(one), _) => cut_short(one.begin.action).to_owned(),
            (None, true) => "unfinished: the next apply ends it".to_owned(),
            (None, false) => String::new(),
        };
        rows.push([address.to_string(), record.id.clone(), note]);
    }
    for old in &snapshot.deposed {
        let note = "deposed: replaced, and still to be deleted".to_owned();
        rows.push([old.address.to_string(), old.record.id.clone(), note]);
    }
    for one in open.iter().filter(|one| !snapshot.resources.contains_key(&one.begin.address)) {
        rows.push([one.begin.address.to_string(), "-".to_owned(), cut_short(one.begin.action).to_owned()]);
    }
    rows
}

fn cut_short(action: Action) -> &'static str {
    match action {
        Action::Create => "cut short while it was created: the next apply looks first",
        Action::Update => "cut short while it was updated: the next apply looks first",
        Action::Delete => "cut short while it was deleted: the next apply looks first",
    }
}

/// Rows with aligned columns.
pub fn table<const N: usize>(rows: &[[String; N]], margin: &str) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in rows {
        let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        let _ = writeln!(text, "{margin}{}", cells.join("  ").trim_end());
    }
    text
}

/// One resource in a stack file's notation, then its outputs.
fn resource(address: &Address, record: &Record) -> String {
    let attributes = kind::find_managed(&address.kind).map(|kind| kind.schema().attributes.as_slice());
    let mut text = format!("{address}  {}\n", record.id);
    if record.unfinished {
        text.push_str("unfinished: an operation on it was cut short, and the next apply ends it\n");
    }
    if record.prevent_destroy {
        text.push_str("prevent_destroy: it is neither replaced nor deleted\n");
    }
    let mut section = |title: &str, lines: Vec<String>| {
        let _ = write!(text, "\n{title}:\n");
        for line in lines {
            let line = format!("  {line}");
            let _ = writeln!(text, "{}", line.trim_end());
        }
    };
    section("Inputs", notation::members(attributes.unwrap_or_default(), &record.inputs));
    section("Outputs", notation::members(&[], &record.outputs));
    if !record.depends_on.is_empty() {
        section("Depends on", record.depends_on.iter().map(ToString::to_string).collect());
    }
    text
}

/// The state as JSON; `only` one resource of it, if an address was given.
fn document(snapshot: &Snapshot, open: &[OpenOperation], only: Option<&Address>) -> Json {
    let wanted = |address: &Address| only.is_none_or(|only| only == address);
    let outputs: Map<String, Json> = snapshot
        .outputs
        .iter()
        .map(|(name, value)| {
            let (mut paths, sensitive) = (Vec::new(), value.has_sensitive());
            (name.clone(), json!({ "value": revealed(value, name, &mut paths), "sensitive": sensitive }))
        })
        .collect();
    let resources = snapshot.resources.iter().filter(|(address, _)| wanted(address));
    let deposed = snapshot.deposed.iter().filter(|old| wanted(&old.address)).map(
        |old| json!({ "address": old.address, "id": old.record.id, "generation": old.record.generation }),
    );
    let open = open.iter().filter(|one| wanted(&one.begin.address)).map(
        |one| json!({ "address": one.begin.address, "action": one.begin.action, "since": one.since.to_string() }),
    );
    json!({
        "format": "bgform.state",
        "version": 1,
        "stack": snapshot.stack,
        "account": snapshot.account,
        "region": snapshot.region,
        "endpoint": snapshot.endpoint,
        "lineage": snapshot.lineage,
        "serial": snapshot.serial,
        "taken_at": snapshot.taken_at.to_string(),
        "outputs": outputs,
        "resources": resources.map(|(address, record)| of_record(address, record)).collect::<Vec<_>>(),
        "deposed": deposed.collect::<Vec<_>>(),
        "open": open.collect::<Vec<_>>(),
    })
}

fn of_record(address: &Address, record: &Record) -> Json {
    let mut sensitive = Vec::new();
    let mut members = |members: &Object, within: &str| -> Map<String, Json> {
        let one = |(name, value): (&String, &Value)| {
            (name.clone(), revealed(value, &format!("{within}.{name}"), &mut sensitive))
        };
        members.iter().map(one).collect()
    };
    let (inputs, outputs) = (members(&record.inputs, "inputs"), members(&record.outputs, "outputs"));
    json!({
        "address": address,
        "kind": address.kind,
        "name": address.name,
        "key": address.key,
        "id": record.id,
        "generation": record.generation,
        "inputs": inputs,
        "outputs": outputs,
        "sensitive": sensitive,
        "depends_on": record.depends_on,
        "prevent_destroy": record.prevent_destroy,
        "unfinished": record.unfinished,
    })
}

/// A value as plain JSON with null for sensitive parts, whose paths are added to `hidden`.
fn revealed(value: &Value, path: &str, hidden: &mut Vec<String>) -> Json {
    match value {
        Value::Sensitive(_) => {
            hidden.push(path.to_owned());
            Json::Null
        }
        Value::List(items) => {
            let items = items.iter().enumerate();
            items.map(|(index, item)| revealed(item, &format!("{path}[{index}]"), hidden)).collect()
        }
        Value::Object(members) => Json::Object(
            members
                .iter()
                .map(|(name, value)| (name.clone(), revealed(value, &format!("{path}.{name}"), hidden)))
                .collect(),
        ),
        plain => plain.to_plain_json(),
    }
}
