//! Decides everything that apply will do. A program and a snapshot come in, live resources are read, and a
//! plan goes out: steps in order, drift, outputs. Nothing is changed.

use std::collections::{BTreeSet, HashMap};

use crate::address::Address;
use crate::cloud::Cloud;
use crate::cloud::error::Error;
use crate::diagnostic::{Mistake, Sources};
use crate::stack::{Known, View};
use crate::state::Snapshot;

pub mod cover;
pub mod diff;
pub mod document;
mod halves;
mod held;
mod make;
pub mod observe;
pub mod order;
pub mod records;
pub mod render;
pub mod resolve;
mod room;
#[cfg(test)]
mod scale_tests;
pub mod step;
mod summary;
pub mod take_over;
mod verify;

pub use make::{make, remembered_outputs, targeted, with_dependencies};
pub use step::Plan;

/// The command line's options for a plan.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Only these addresses and their dependencies. Empty: everything.
    pub targets: Vec<Address>,
    /// Not these addresses, nor what needs them.
    pub excludes: Vec<Address>,
    /// Addresses to replace though nothing about them differs.
    pub replace: Vec<Address>,
    /// Compare with the state's facts and read no managed resource.
    pub no_refresh: bool,
    /// Read again `existing` blocks whose answers may have changed.
    pub upgrade: bool,
    /// Delete everything.
    pub destroy: bool,
    /// Let another release replace the release under way.
    pub supersede: bool,
    /// Let a resource that carries traffic be deleted before its replacement exists.
    pub allow_outage: bool,
}

/// The input of a plan.
pub struct Basis<'a> {
    pub cloud: &'a Cloud,
    pub program: &'a View<'a>,
    pub snapshot: &'a Snapshot,
    pub options: &'a Options,
    /// The answers of `existing` blocks, if they were read before: those to remember, and their facts.
    pub existing: Option<(Vec<(Address, crate::value::Value)>, Known)>,
    /// Plans only a part of the stack, with known facts of the rest.
    pub part: Option<Part>,
}

/// A part of a stack that is planned alone.
#[derive(Debug, Clone, Default)]
pub struct Part {
    /// Exactly these addresses are read and get steps.
    pub addresses: BTreeSet<Address>,
    /// Facts of all other addresses, including `existing` ones.
    pub known: Known,
}

/// Why no plan was made. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    #[error("the stack has {}", match .mistakes.len() { 1 => "a mistake".to_owned(), n => format!("{n} mistakes") })]
    Stack { sources: Box<Sources>, mistakes: Vec<Mistake> },
    #[error("`{address}` cannot be read: {error}")]
    Read { address: Address, error: Error },
    #[error("`existing {address}` is looked up by `{needs}`, which does not exist yet")]
    ExistingUnknown { address: Address, needs: Address },
    #[error("the plan has `{address}` {what}, and its `lifecycle` says prevent_destroy")]
    Prevented { address: Address, what: &'static str },
    #[error("`{address}` would be changed while its targets carry traffic: {reason}")]
    UnderTraffic { address: Address, reason: String, help: String },
    #[error("{step} would take `{group}` away while it carries traffic")]
    Outage { step: String, group: String },
    #[error("these steps wait for each other: {}", .steps.join(" → "))]
    Cycle { steps: Vec<String> },
    #[error("`{address}` cannot be changed so: {reason}")]
    CannotChange { address: Address, reason: String, help: &'static str },
    #[error("`{address}` is to have {attribute} {value}, which `{by}` has and keeps")]
    Taken { address: Address, attribute: &'static str, value: String, by: String },
    #[error("nothing of the {count} resources in the state was found in {place}")]
    EverythingGone { count: usize, place: String },
    #[error("`{address}` is neither in the stack nor in the state")]
    NoSuchAddress { address: Address, guess: Option<String> },
    #[error("the state holds `{address}`, of a kind that this bgform does not have")]
    UnknownKind { address: Address },
}

impl PlanError {
    pub(crate) fn stack(program: &View<'_>, mistakes: Vec<Mistake>) -> Self {
        Self::Stack { sources: Box::new(program.sources.clone()), mistakes }
    }

    /// The stable error code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Stack { .. } => "bgform::plan::stack",
            Self::Read { .. } => "bgform::plan::read",
            Self::ExistingUnknown { .. } => "bgform::plan::existing_unknown",
            Self::Prevented { .. } => "bgform::plan::prevented",
            Self::UnderTraffic { .. } => "bgform::plan::under_traffic",
            Self::Outage { .. } => "bgform::plan::outage",
            Self::Cycle { .. } => "bgform::plan::cycle",
            Self::CannotChange { .. } => "bgform::plan::cannot_change",
            Self::Taken { .. } => "bgform::plan::taken",
            Self::EverythingGone { .. } => "bgform::plan::everything_gone",
            Self::NoSuchAddress { .. } => "bgform::plan::no_such_address",
            Self::UnknownKind { .. } => "bgform::plan::unknown_kind",
        }
    }

    /// The remedy.
    pub fn help(&self) -> Option<String> {
        Some(match self {
            Self::Stack { .. } => return None,
            Self::Read { address, error } => return error.help(Some(address)),
            Self::ExistingUnknown { needs, .. } => {
                format!(
                    "apply `{needs}` first: bgform apply --target '{needs}'; or refer to the resource itself"
                )
            }
            Self::Prevented { .. } => {
                "take prevent_destroy away, apply, and try again; or keep what needs it".to_owned()
            }
            Self::UnderTraffic { help, .. } => help.clone(),
            Self::Outage { .. } => {
                "shift its weight to the other target group and apply; then take it away. With an outage in \
                 mind, pass --allow-outage"
                    .to_owned()
            }
            Self::Cycle { .. } => "where a name is fixed in the stack, what bears it must go before its \
                 replacement comes: leave the name out (bgform makes one), or change it"
                .to_owned(),
            Self::CannotChange { help, .. } => (*help).to_owned(),
            Self::Taken { attribute, by, .. } => format!(
                "choose another {attribute}, or give `{by}` another one first; what is in the stack changes places \
                 in one apply, without --target"
            ),
            Self::EverythingGone { .. } => {
                "check the account, --region, --profile and --endpoint-url; if all of \
                 it was really deleted, `bgform state rm` each address and apply again"
                    .to_owned()
            }
            Self::NoSuchAddress { guess: Some(guess), .. } => format!("did you mean `{guess}`?"),
            Self::NoSuchAddress { guess: None, .. } => "`bgform state list` shows what there is".to_owned(),
            Self::UnknownKind { .. } => {
                "it was applied by another version: use that one, or a later one".to_owned()
            }
        })
    }
}

/// A plan, and the facts from which apply goes on.
pub struct Made {
    pub plan: Plan,
    pub known: Known,
}

/// The addresses of the records in the state, by id.
fn addresses_by_id(snapshot: &Snapshot) -> HashMap<String, Address> {
    snapshot.resources.iter().map(|(address, record)| (record.id.clone(), address.clone())).collect()
}

/// Targets with all their dependencies.
fn closure(
    program_dependencies: &HashMap<Address, BTreeSet<Address>>,
    targets: BTreeSet<Address>,
) -> BTreeSet<Address> {
    let mut all = targets.clone();
    let mut queue: Vec<Address> = targets.into_iter().collect();
    while let Some(address) = queue.pop() {
        for needed in program_dependencies.get(&address).into_iter().flatten() {
            if all.insert(needed.clone()) {
                queue.push(needed.clone());
            }
        }
    }
    all
}
