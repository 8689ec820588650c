//! `bgform state mv`: keeps the record of a resource that was renamed in the stack, so that it is not created
//! again.

use super::{Hand, StackArg, tell};
use crate::address::{Address, MODULE};
use crate::cli::show::{known, unknown};
use crate::cli::{CliError, Exit, Global};
use crate::deployment::names;
use crate::state::{Change, Snapshot};

#[derive(Debug, clap::Args)]
#[command(after_help = "Rename it in the stack file first; both addresses are of one kind.\n\n\
                        Examples:\n  bgform state mv target_group.web target_group.shop\n  \
                        bgform state mv target_group.web 'target_group.shop[\"blue\"]' stacks/explicit.deploy\n  \
                        bgform state mv module.edge 'module.edge[\"shop\"]'\n  \
                        bgform state mv deployment.web deployment.shop")]
pub struct MvArgs {
    /// The address that the state has.
    #[arg(value_name = "FROM")]
    from: Address,
    /// The address that it is to have.
    #[arg(value_name = "TO")]
    to: Address,
    #[command(flatten)]
    stack: StackArg,
}

pub async fn run(global: &Global, args: MvArgs) -> Result<Exit, CliError> {
    let MvArgs { from, to, stack } = args;
    if from == to {
        let message = format!("`{from}` cannot be moved to itself");
        return Err(CliError::usage("bgform::state::same_address", message, "name another address after it"));
    }
    if from.kind != to.kind {
        return Err(CliError::usage(
            "bgform::state::other_kind",
            format!("a `{}` cannot become a `{}`", from.kind, to.kind),
            "nothing was changed. A move keeps the kind; for something else, change the stack and apply",
        ));
    }
    if let Some(keyed) = [&from, &to].into_iter().find(|one| one.kind == DEPLOYMENT && one.key.is_some()) {
        return Err(CliError::usage(
            "bgform::state::no_key",
            format!("`{keyed}` cannot be: a deployment has no key"),
            "nothing was changed. Name the deployment alone, as in deployment.web",
        ));
    }
    let hand = Hand::on(global, stack.stack.as_deref(), "bgform state mv").await?;
    if from.kind == MODULE || from.kind == DEPLOYMENT {
        return all_of(hand, &from, &to).await;
    }
    let (_, record) = known(&hand.snapshot, &from)?;
    let id = record.id.clone();
    if let Some(there) = hand.snapshot.resources.get(&to) {
        return Err(CliError::usage(
            "bgform::state::address_taken",
            format!("`{to}` stands for {} already", there.id),
            format!(
                "nothing was changed. Move that resource first, or take it out of the state: bgform state rm '{to}'"
            ),
        ));
    }
    let change = Change::Move { from: from.clone(), to: to.clone() };
    let snapshot = hand.keep(vec![change]).await?;
    tell(&[format!("`{from}` is now `{to}` ({id}); nothing in the account was changed.")], &snapshot);
    Ok(Exit::Done)
}

/// The word before a deployment's name in an address.
const DEPLOYMENT: &str = "deployment";

/// Moves everything that is in a module, or a deployment's own: resources, answers and facts.
async fn all_of(hand: Hand, from: &Address, to: &Address) -> Result<Exit, CliError> {
    let snapshot = &hand.snapshot;
    let own = names::in_state(snapshot, &from.name);
    let is_moved = |address: &&Address| match from.kind == MODULE {
        true => from.selects(address),
        // A listener is the stack's, and keeps its name.
        false => own.contains(*address) && rename(&address.name, from, to).is_some(),
    };
    let renamed = |name: &str| rename(name, from, to);
    let addresses: Vec<Address> = snapshot
        .resources
        .keys()
        .chain(snapshot.existing.keys())
        .chain(snapshot.deposed.iter().map(|old| &old.address))
        .filter(is_moved)
        .cloned()
        .collect();
    let deployments: Vec<String> =
        snapshot.deployments.keys().filter(|name| is_facts(name, from)).cloned().collect();
    if addresses.is_empty() && deployments.is_empty() {
        return Err(unknown(snapshot, from));
    }
    let mut names = addresses.iter().map(|address| &address.name).chain(&deployments);
    if let Some(name) = names.find(|name| has_two_keys(name, from, to)) {
        return Err(CliError::usage(
            "bgform::state::other_key",
            format!("`{from}` has keys already, as in `{name}`, and `{to}` is one of them"),
            format!("nothing was changed. Move one at a time: bgform state mv '{from}[\"...\"]' '{to}'"),
        ));
    }
    if let Some(name) = deployments.iter().find(|name| is_moving(snapshot, name)) {
        return Err(CliError::Refused {
            code: "bgform::state::rollout",
            message: format!("a release of `{name}` is under way, and `{from}` cannot be moved"),
            help: "nothing was changed. Let it end, or run `bgform abort`, and move it then".to_owned(),
        });
    }
    let mut changes = Vec::new();
    let mut moved = std::collections::BTreeSet::new();
    for address in addresses {
        let Some(name) = renamed(&address.name) else { continue };
        let block = Address::new(&address.kind, name);
        let new = address.key.as_ref().map_or(block.clone(), |key| block.with_key(key));
        if snapshot.resources.contains_key(&new) {
            return Err(CliError::usage(
                "bgform::state::address_taken",
                format!("`{new}` is in the state already"),
                format!(
                    "nothing was changed. Move it out of the way first, or let go of it: bgform state rm '{new}'"
                ),
            ));
        }
        if moved.insert(address.clone()) {
            changes.push(Change::Move { from: address, to: new });
        }
    }
    if let Some(name) =
        deployments.iter().filter_map(|name| renamed(name)).find(|new| snapshot.deployments.contains_key(new))
    {
        return Err(CliError::usage(
            "bgform::state::address_taken",
            format!("`{name}` is a deployment in the state already"),
            "nothing was changed. Choose another name",
        ));
    }
    for name in deployments {
        let (Some(new), Some(facts)) = (renamed(&name), snapshot.deployments.get(&name)) else { continue };
        changes.push(Change::Deployment { name: new, facts: Some(Box::new(facts.clone())) });
        changes.push(Change::Deployment { name, facts: None });
    }
    let told =
        format!("`{from}` is now `{to}`: {} addresses; nothing in the account was changed.", moved.len());
    let snapshot = hand.keep(changes).await?;
    tell(&[told], &snapshot);
    Ok(Exit::Done)
}

fn is_moving(snapshot: &Snapshot, deployment: &str) -> bool {
    snapshot.deployments.get(deployment).is_some_and(|facts| facts.rollout.is_some())
}

/// Tells whether the facts of a deployment move.
fn is_facts(name: &str, from: &Address) -> bool {
    match from.kind == MODULE {
        true => rename(name, from, from).is_some(),
        false => name == from.name,
    }
}

/// Tells whether a name in a module with keys would get a second key.
fn has_two_keys(name: &str, from: &Address, to: &Address) -> bool {
    let rest = name.strip_prefix(&from.to_string());
    from.kind == MODULE && to.key.is_some() && rest.is_some_and(|rest| rest.starts_with('['))
}

/// The name of what is in one module, or of a deployment, as if it were the other's; `None` if it is not.
fn rename(name: &str, from: &Address, to: &Address) -> Option<String> {
    if from.kind == DEPLOYMENT {
        let rest = name.strip_prefix(&from.name)?;
        return (rest.is_empty() || rest.starts_with('-')).then(|| format!("{}{rest}", to.name));
    }
    let rest = name.strip_prefix(&from.to_string())?;
    let is_within = rest.starts_with('.') || (from.key.is_none() && rest.starts_with('['));
    is_within.then(|| format!("{to}{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_a_module_is_renamed_and_nothing_else() {
        let renamed = |name: &str, from: &str, to: &str| {
            rename(name, &from.parse::<Address>().unwrap(), &to.parse::<Address>().unwrap())
        };
        for (name, from, to, new) in [
            ("module.a.web", "module.a", "module.b", Some("module.b.web")),
            ("module.a[\"k\"].web", "module.a", "module.b", Some("module.b[\"k\"].web")),
            ("module.a.web", "module.a", "module.a[k]", Some("module.a[\"k\"].web")),
            ("module.a.module.c.web", "module.a.module.c", "module.c", Some("module.c.web")),
            ("module.ab.web", "module.a", "module.b", None),
            ("web", "module.a", "module.b", None),
            ("web-api", "deployment.web", "deployment.shop", Some("shop-api")),
            ("web", "deployment.web", "module.a.deployment.shop", Some("module.a.shop")),
            ("website", "deployment.web", "deployment.shop", None),
        ] {
            assert_eq!(renamed(name, from, to).as_deref(), new, "{name}");
        }
    }

    #[test]
    fn a_module_with_keys_gets_no_second_key() {
        let two = |name: &str, from: &str, to: &str| {
            has_two_keys(name, &from.parse::<Address>().unwrap(), &to.parse::<Address>().unwrap())
        };
        assert!(two("module.a[\"k\"].web", "module.a", "module.a[\"y\"]"));
        assert!(!two("module.a[\"k\"].web", "module.a[\"k\"]", "module.a[\"y\"]"));
        assert!(!two("module.a.web", "module.a", "module.a[\"y\"]"));
        assert!(!two("module.a[\"k\"].web", "module.a", "module.b"));
    }
}
