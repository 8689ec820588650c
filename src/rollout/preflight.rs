//! Finds faults that would stop a rollout halfway, before anything is changed. Gathers what the file and the
//! account say of each rollout that is about to begin, and asks every kind.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use futures_util::future::try_join_all;

use super::decide::Intent;
use crate::address::Address;
use crate::cloud::Cloud;
use crate::cloud::error::Error;
use crate::facts::Stage;
use crate::kind::fleet::Standing;
use crate::kind::preflight::{self, Begins, Finding, Said};
use crate::kind::{self, router};
use crate::plan::resolve::resolve;
use crate::plan::step::{Action, Step};
use crate::stack::{Known, View};
use crate::state::Snapshot;

/// The context of the preflight.
pub struct Ground<'a> {
    pub cloud: &'a Cloud,
    /// The program with the facts of its deployments.
    pub program: &'a View<'a>,
    pub snapshot: &'a Snapshot,
    pub known: &'a Known,
    /// The steps of the plan, with the new colours raised.
    pub steps: &'a [Step],
    /// The live fleet of each deployment, as observed.
    pub fleets: &'a HashMap<String, Standing>,
}

impl<'a> Ground<'a> {
    fn begins(&self, intent: &Intent) -> Option<Begins<'a>> {
        let rollout = intent.facts.rollout.as_ref().filter(|rollout| rollout.at == 0)?;
        let (name, seam) = (&intent.name, self.program.fleet(&intent.name)?);
        let at = |kind: &str, colour| Address::new(kind, name).with_key(colour);
        let (to, other) = (rollout.to.name(), rollout.to.other().name());
        let fleet = self.said(at(seam.kind(), to))?;
        let source = self.said(Address::new(seam.source(), name))?;
        let carries = intent.facts.live.unwrap_or(rollout.to.other());
        let live = self.fleets.get(name);
        let routers = self.program.routers_of(name).into_iter();
        Some(Begins {
            other: self.said(at(seam.kind(), other))?,
            targets: self.said(at(seam.targets(), to))?,
            made: self.snapshot.resources.get(&source.address),
            raises: rollout.stages.contains(&Stage::Raise),
            launches: match live {
                Some(live) => live.instances_for(live.desired),
                None => seam.wanted(&fleet.inputs).unwrap_or_default(),
            },
            live: live.map(|standing| (at(seam.kind(), carries.name()), standing)),
            previews: rollout.stages.contains(&Stage::Preview { on: true }),
            retires_after: rollout.stages.iter().find_map(retires_after),
            routers: routers
                .filter_map(|address| Some((router(&address.kind)?, self.said(address)?)))
                .map(|(router, said)| (said, router))
                .collect(),
            fleet,
            source,
        })
    }

    /// The attributes of a resource in the file.
    fn said(&self, address: Address) -> Option<Said> {
        let node = self.program.nodes.iter().find(|node| node.address == address)?;
        let evaluated = self.program.evaluate(node, self.known, &mut Vec::new())?;
        let schema = kind::find_managed(&address.kind)?.schema();
        let inputs = resolve(schema, &evaluated.inputs, self.known);
        let ignored = self.program.kept_attributes(&address).into_iter().map(str::to_owned).collect();
        Some(Said { address, inputs, ignored })
    }
}

fn retires_after(stage: &Stage) -> Option<Duration> {
    match stage {
        Stage::Retire { after } if !after.is_zero() => Some(*after),
        _ => None,
    }
}

/// The resources of each kind that the plan creates, less those that it deletes first at the same address.
fn made(steps: &[Step]) -> BTreeMap<&str, Vec<&Address>> {
    let goes_first = |address: &Address| {
        steps.iter().any(|step| {
            step.address == *address && matches!(step.action, Action::Delete { deposed: false, .. })
        })
    };
    let mut made: BTreeMap<&str, Vec<&Address>> = BTreeMap::new();
    let created = steps.iter().filter(|step| matches!(step.action, Action::Create { .. }));
    for address in created.map(|step| &step.address).filter(|address| !goes_first(address)) {
        made.entry(&address.kind).or_default().push(address);
    }
    made
}

/// Checks every rollout that is about to begin. Makes one call for each kind of question, and none if no
/// rollout begins.
///
/// # Errors
/// When the account cannot be read.
pub async fn look(ground: &Ground<'_>, intents: &[Intent]) -> Result<Vec<Finding>, Error> {
    let begins: Vec<Begins<'_>> = intents.iter().filter_map(|intent| ground.begins(intent)).collect();
    if begins.is_empty() {
        return Ok(Vec::new());
    }
    let asked = preflight::Ground { cloud: ground.cloud, begins, made: made(ground.steps) };
    let found = try_join_all(kind::managed().iter().map(|kind| kind.before(&asked))).await?;
    Ok(found.into_iter().flatten().collect())
}
