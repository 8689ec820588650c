//! `bgform import`: takes over an existing resource. Reads it, adds it to the state, and shows the changes of
//! the next plan. Changes nothing in the account.

use std::fmt::Write;

use super::lock::locked;
use super::state::{keep, nothing_open};
use super::{CliError, Exit, Global, StackArgs, context, report};
use crate::address::Address;
use crate::diagnostic::did_you_mean;
use crate::plan::cover::pair;
use crate::plan::diff::AttributeChange;
use crate::plan::observe::read_existing;
use crate::plan::render::show_value;
use crate::plan::take_over::take_over;
use crate::rollout::same_account;
use crate::stack::{Facts, Known, Node, View};
use crate::state::{Change, Record, Snapshot};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Write the resource into the stack first. ID is the value of its `id`: an ARN in Elastic Load \
                        Balancing, the name of an Auto Scaling group, the id of anything else. The import changes \
                        nothing in the account, and sets no tags: bgform:stack and bgform:address are only on what \
                        bgform has made. It makes the state if there is none, so a lost state is built up again by \
                        imports. A running service becomes a deployment: `bgform help adoption`.\n\n\
                        Examples:\n  bgform import security_group.edge sg-0a1b2c3d\n  \
                        bgform import 'autoscaling_group.shop[\"blue\"]' shop-blue stacks/explicit.deploy"
)]
pub struct ImportArgs {
    /// Where the stack declares it.
    #[arg(value_name = "ADDRESS")]
    address: Address,
    /// The id, ARN or name that AWS has for it.
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    stack: StackArgs,
}

pub async fn run(global: &Global, args: ImportArgs) -> Result<Exit, CliError> {
    let ImportArgs { address, id, stack } = args;
    let program = context::program(&stack)?;
    let view = program.unreleased();
    let node = declared(&view, &address)?;
    let store = context::store(global, &program)?;
    let loaded = store.load()?;
    let known_before = loaded.is_some();
    if let Some(loaded) = &loaded {
        not_in_state(&loaded.snapshot, &address, &id)?;
        nothing_open(&loaded.open)?;
    }
    let cloud = context::connect(global, &program).await?;
    let account = cloud.account().await?;
    let snapshot = match loaded {
        Some(loaded) => loaded.snapshot,
        None => {
            let (region, endpoint) = (cloud.region.clone(), cloud.endpoint.clone());
            Snapshot::new(&program.settings.name, &account, region, endpoint)
        }
    };
    let known = known_before.then_some(&snapshot);
    same_account(context::realm(global), &cloud, &account, &program, known)?;

    let mut known = remembered(&snapshot);
    let answers = read_existing(&cloud, &view, &snapshot, false, &mut known).await?;
    let taken = take_over(&cloud, &view, node, &id, &known).await?;
    let taken = taken.ok_or_else(|| not_there(&address, &id, &cloud.region))?;
    let changes = taken.next_changes(&view);
    let record = taken.record;

    let lock = locked(global, &store, "bgform import").await?;
    // Read again: others may have imported meanwhile, or made the state.
    let snapshot = match store.load()? {
        Some(loaded) => {
            not_in_state(&loaded.snapshot, &address, &id)?;
            nothing_open(&loaded.open)?;
            loaded.snapshot
        }
        None => snapshot,
    };
    let mut facts: Vec<_> =
        answers.into_iter().map(|(address, value)| Change::Existing { address, value }).collect();
    facts.push(Change::Put { address: address.clone(), record: record.clone() });
    let kept = keep(&store, &lock, snapshot, facts).await?;
    report::out(&told(&address, &record, &kept, &changes));
    Ok(Exit::Done)
}

/// The declaration of the resource to import.
fn declared<'a>(program: &'a View<'a>, address: &Address) -> Result<&'a Node, CliError> {
    let found = program.nodes.iter().find(|node| node.address == *address);
    if let Some(node) = found.filter(|node| node.managed) {
        return Ok(node);
    }
    if found.is_some() {
        return Err(CliError::usage(
            "bgform::import::existing",
            format!("`{address}` is an `existing` block: the stack reads it and does not manage it"),
            format!(
                "nothing was changed. Declare it as {} \"{}\" {{ ... }} to manage it",
                address.kind, address.name
            ),
        ));
    }
    let managed = || program.nodes.iter().filter(|node| node.managed).map(|node| &node.address);
    let instances: Vec<_> =
        managed().filter(|one| address.selects(one)).map(|one| format!("`{one}`")).collect();
    let names: Vec<String> = managed().map(ToString::to_string).collect();
    let guess = did_you_mean(&address.to_string(), names.iter().map(String::as_str));
    let help = match (instances.as_slice(), guess) {
        ([_, ..], _) => {
            format!("nothing was changed. It has `for_each`, write one of {}", instances.join(", "))
        }
        ([], Some(guess)) => format!("nothing was changed. Did you mean `{guess}`?"),
        ([], None) => "nothing was changed. Write its block into the stack first, then import it".to_owned(),
    };
    let stack = &program.settings.name;
    Err(CliError::usage(
        "bgform::import::not_declared",
        format!("stack `{stack}` does not declare `{address}`"),
        help,
    ))
}

/// Checks that the address has no resource, and the resource no other address.
fn not_in_state(snapshot: &Snapshot, address: &Address, id: &str) -> Result<(), CliError> {
    let refused = |code, message: String, help: String| Err(CliError::Refused { code, message, help });
    if let Some(record) = snapshot.resources.get(address) {
        return refused(
            "bgform::import::in_state",
            format!("`{address}` is in the state already, as {}", record.id),
            format!(
                "nothing was changed. To take the other one out of the state first: bgform state rm '{address}'"
            ),
        );
    }
    let other = snapshot.resources.iter().find(|(one, record)| one.kind == address.kind && record.id == id);
    if let Some((other, _)) = other {
        return refused(
            "bgform::import::elsewhere",
            format!("{id} is in the state already, as `{other}`"),
            format!("nothing was changed. If that was renamed: bgform state mv '{other}' '{address}'"),
        );
    }
    Ok(())
}

/// The facts of resources in the state, on which others may depend.
fn remembered(snapshot: &Snapshot) -> Known {
    let facts = |record: &Record| Facts {
        inputs: record.inputs.clone(),
        outputs: record.outputs.clone(),
        members: None,
    };
    snapshot.resources.iter().map(|(address, record)| (address.clone(), facts(record))).collect()
}

fn not_there(address: &Address, id: &str, region: &str) -> CliError {
    CliError::Refused {
        code: "bgform::import::not_found",
        message: format!("there is no `{}` with the id {id} in region {region}", address.kind),
        help: "nothing was changed. Check the id (an ARN for what Elastic Load Balancing has, the name of an Auto \
               Scaling group), --region and --profile"
            .to_owned(),
    }
}

fn told(address: &Address, record: &Record, snapshot: &Snapshot, changes: &[AttributeChange]) -> String {
    let mut text = format!(
        "Imported `{address}` ({}); stack `{}` manages it from now on. Kept as serial {}.\n",
        record.id, snapshot.stack, snapshot.serial
    );
    if changes.is_empty() {
        text.push_str("It is as the stack says.\n");
        return text;
    }
    let replaced = changes.iter().any(|change| change.replaces);
    text.push_str(match replaced {
        true => "\nIt is not as the stack says, and the next apply would replace it:\n",
        false => "\nIt is not as the stack says, and the next apply would change it:\n",
    });
    for change in changes {
        let (before, after) = pair(&change.before, &change.after);
        let why = if change.replaces { "  (a new one replaces it)" } else { "" };
        let _ = writeln!(text, "  {}: {} → {}{why}", change.path, show_value(&before), show_value(&after));
    }
    let _ = writeln!(
        text,
        "\nTo keep it as it is, write what stands on the left into the stack; to let go of it again: \
         bgform state rm '{address}'"
    );
    text
}
