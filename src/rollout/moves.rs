//! The moves of deployments: adopted, decided, checked by preflight, proved. Reads only, and hands the
//! resulting stack to the plan of resources.

use std::collections::HashMap;

use super::Error;
use super::author::author;
use crate::address::Address;
use crate::cloud::Cloud;
use crate::deployment::names;
use crate::deployment::sides::Sides;
use crate::facts::{Colour, Deployment, Stage};
use crate::kind::preflight::Finding;
use crate::kind::{self, fleet::Standing};
use crate::plan::{self, Basis, Made, Options, PlanError};
use crate::rollout::adopt::{Adoption, NotAdopted, adopt};
use crate::rollout::decide::{Intent, What, Wrong, decide};
use crate::rollout::lost::{lost, under_traffic, unscheduled, without_origin};
use crate::rollout::preflight::{self, Ground};
use crate::rollout::stage::{Acts, Setting};
use crate::rollout::story::story;
use crate::rollout::verify::{self, Broken, Proof};
use crate::secrets::hidden;
use crate::stack::{Known, Program, View};
use crate::state::Snapshot;
use crate::terminal::about;
use crate::value::Value;

/// The intents of all deployments, and the reads that they rest on.
#[derive(Debug, Default)]
pub struct Rollouts {
    pub intents: Vec<Intent>,
    /// The size of the live fleet of each deployment, if it is known.
    pub capacities: HashMap<String, u32>,
    /// The findings of the preflight.
    pub findings: Vec<Finding>,
    /// The proof of each rollout.
    pub proofs: HashMap<String, Proof>,
    pub existing: Option<(Vec<(Address, Value)>, Known)>,
    /// Fleets that are adopted, without a call; the state does not have them yet.
    pub adopted: Vec<Adoption>,
}

impl Rollouts {
    /// Tells whether any deployment has work to do.
    pub fn any(&self) -> bool {
        self.intents.iter().any(Self::goes)
    }

    /// Tells whether a deployment has work to do.
    pub(super) fn goes(intent: &Intent) -> bool {
        let pins = intent.facts.adopted.as_ref().is_some_and(|adopted| adopted.pin.is_some());
        intent.facts.rollout.is_some()
            || matches!(intent.what, What::GiveUp | What::Adopt | What::Schedule)
            || pins
    }

    /// Tells whether a rollout begins by launching instances, because the release before has none left.
    pub fn launches(&self) -> bool {
        let rollouts = self.intents.iter().filter_map(|intent| intent.facts.rollout.as_ref());
        rollouts.into_iter().any(|rollout| {
            rollout.at == 0 && matches!(rollout.stages.first(), Some(Stage::Raise | Stage::Restore))
        })
    }

    /// The state on which the plan rests, with the adopted records.
    pub fn basis(&self, snapshot: &Snapshot) -> Snapshot {
        with_adopted(snapshot, &self.adopted)
    }

    /// The text about rollouts that follows the plan of resources.
    pub fn story(&self) -> String {
        let told = self.intents.iter().map(|intent| {
            let mut lines = story(intent, self.capacities.get(&intent.name).copied());
            let adopted = self.adopted.iter().filter(|adoption| adoption.name == intent.name);
            for line in adopted.flat_map(|adoption| &adoption.lines) {
                lines.extend([format!("  {line}.")]);
            }
            if intent.what == What::Adopt {
                lines.push(String::new());
            }
            // A release in the same colour moves neither weights nor sizes: the refresh and the batches keep
            // the other instances in service.
            if let Some(Proof { points, moves: 1.. }) = self.proofs.get(&intent.name) {
                let points = format!(
                    "  Proved: at each of the {points} points where it, or its way back, can be cut short,"
                );
                let line = "  a healthy fleet that is large enough has the traffic.".to_owned();
                lines.extend([points, line, String::new()]);
            }
            for Finding { address, message, help, page, .. } in
                self.findings.iter().filter(|one| one.address.name == intent.name)
            {
                lines.extend([
                    format!("  Note: {address}: {message}."),
                    format!("        {help}; see {page}"),
                    String::new(),
                ]);
            }
            lines.iter().map(|line| format!("{line}\n")).collect::<String>()
        });
        // A gate's command is plain text here.
        hidden(&told.collect::<String>())
    }
}

/// Decides about the deployments, and plans the stack with their new colours raised.
pub(super) async fn moves(
    cloud: &Cloud,
    stack: &Program,
    snapshot: &Snapshot,
    options: &Options,
    acts: Acts<'_>,
) -> Result<(Rollouts, Made), Error> {
    let mut program = stack.view(&snapshot.deployments);
    let mut known = plan::remembered_outputs(snapshot);
    let answers =
        plan::observe::read_existing(cloud, &program, snapshot, options.upgrade, &mut known).await?;
    // A deployment goes on as a whole, even if a target selects only a part of it.
    let selected = plan::targeted(&program, options);
    let goes = |program: &View<'_>, name: &str| {
        selected.as_ref().is_none_or(|selected| selected.iter().any(|address| program.is_of(address, name)))
    };
    let mut adopted = adoptions(cloud, &program, snapshot, &known).await?;
    adopted.retain(|adoption| goes(&program, &adoption.name));
    let mut snapshot = with_adopted(snapshot, &adopted);
    let lost = match options.no_refresh {
        true => Vec::new(),
        false => lost(cloud, &snapshot, &|name| goes(&program, name)).await?,
    };
    snapshot.deployments.extend(lost.iter().map(|one| (one.name.clone(), one.facts.clone())));
    if options.supersede {
        without_origin(cloud, &mut snapshot, &|name| goes(&program, name)).await?;
    }
    let snapshot = &snapshot;
    if !adopted.is_empty() || !lost.is_empty() {
        program = stack.view(&snapshot.deployments);
        known.extend(plan::remembered_outputs(snapshot));
    }
    let goes = |name: &str| goes(&program, name);
    let mut intents =
        decide(&program, &goes, &snapshot.deployments, &known, &author(&program), options.supersede)
            .map_err(|wrong| match wrong {
                Wrong::Mistakes(mistakes) => PlanError::stack(&program, mistakes).into(),
                Wrong::Refused(refused) => {
                    let help = about(refused.deployment(), &refused.help()).into_owned();
                    Error::refused("bgform::plan::under_way", refused.to_string(), help)
                }
            })?;
    let (mut fleets, mut idle) = (HashMap::new(), HashMap::new());
    for intent in &mut intents {
        let [carries, other] = both_fleets(cloud, snapshot, intent).await?;
        let in_service = |fleet: &Standing| u32::try_from(fleet.in_service()).unwrap_or(u32::MAX);
        let seen = other.as_ref().map(|fleet| [fleet.desired.unsigned_abs(), in_service(fleet)]);
        if let (Some(carries), Some([_, healthy])) = (&carries, seen)
            && healthy < carries.desired.unsigned_abs()
        {
            intent.raise_first();
        }
        if intent.what == What::Nothing && !options.no_refresh && unscheduled(cloud, snapshot, intent).await?
        {
            intent.what = What::Schedule;
        }
        idle.extend(seen.map(|seen| (intent.name.clone(), seen)));
        fleets.extend(carries.map(|fleet| (intent.name.clone(), fleet)));
    }
    let intents = intents;
    let capacities: HashMap<String, u32> =
        fleets.iter().map(|(name, fleet)| (name.clone(), fleet.desired.unsigned_abs())).collect();
    let mut proofs = HashMap::new();
    for intent in &intents {
        let Some(capacity) = capacities.get(&intent.name) else { continue };
        // No traffic is left to move.
        let Some(rollout) = intent.facts.rollout.as_ref().filter(|rollout| !rollout.has_shipped()) else {
            continue;
        };
        let (before, seen) = (snapshot.deployments.get(&intent.name), idle.get(&intent.name).copied());
        let (declaration, facts) = (&intent.declaration, &intent.facts);
        let of = Setting { declaration, facts, rollout, capacity: Some(*capacity), acts };
        let proof = verify::prove_rollout(before, &of, seen);
        let unproved = |broken| unproved(&intent.name, &broken);
        proofs.extend(proof.map_err(unproved)?.map(|proof| (intent.name.clone(), proof)));
    }
    let shown = intents
        .iter()
        .map(|intent| (intent.name.clone(), intent.raised(capacities.get(&intent.name).copied())));
    let mut stands = snapshot.deployments.clone();
    stands.extend(shown);
    let raised = stack.view(&stands);
    let existing = Some((answers, known));
    let basis = Basis { cloud, program: &raised, snapshot, options, existing: existing.clone(), part: None };
    let mut made = plan::make(basis).await?;
    for intent in &intents {
        let Some(carries) = fleets.get(&intent.name) else { continue };
        let seam = names::fleet(snapshot, &intent.name);
        super::beside::beside(cloud, intent, seam, carries, snapshot, &mut made.plan).await?;
    }
    let known = &made.known;
    let steps = &made.plan.steps;
    let ground = Ground { cloud, program: &program, snapshot, known, steps, fleets: &fleets };
    let mut findings = preflight::look(&ground, &intents).await?;
    findings.extend(lost.into_iter().map(|one| one.finding));
    if !options.no_refresh {
        findings.extend(under_traffic(cloud, snapshot, &intents).await?);
    }
    if let Some(refusing) = findings.iter().find(|finding| finding.refuses) {
        let Finding { address, message, help, page, .. } = refusing;
        return Err(Error::refused(
            "bgform::plan::preflight",
            format!("`{address}`: {message}"),
            format!("nothing was changed. {help}; see {page}"),
        ));
    }
    Ok((Rollouts { intents, capacities, findings, proofs, existing, adopted }, made))
}

/// Returns the adoptions of deployments that have shipped nothing yet.
async fn adoptions(
    cloud: &Cloud,
    program: &View<'_>,
    snapshot: &Snapshot,
    known: &Known,
) -> Result<Vec<Adoption>, Error> {
    let mut all = Vec::new();
    for name in program.deployments().keys() {
        let sides = Sides { name, new: Colour::Blue, releases: ["", ""] };
        let mut mistakes = Vec::new();
        let Some(declaration) = program.deployment(name, &sides, known, &mut mistakes) else {
            return Err(PlanError::stack(program, mistakes).into());
        };
        let Some(wanted) = declaration.adopt else { continue };
        // The schema requires one fleet.
        let found = wanted.iter().find_map(|(kind, group)| Some((kind::fleet(kind)?, group)));
        let Some((seam, group)) = found else { continue };
        match snapshot.deployments.get(name) {
            None => match adopt(cloud, program, snapshot, known, name, seam, group).await {
                Ok(adoption) => all.push(adoption),
                Err(NotAdopted::Plan(error)) => return Err(error.into()),
                Err(NotAdopted::Refused { reason, help }) => return Err(not_adopted(name, &reason, &help)),
            },
            Some(facts) if facts.adopted.as_ref().is_some_and(|adopted| adopted.group == *group) => {}
            Some(_) => {
                return Err(not_adopted(
                    name,
                    &format!("it has a first colour already, which is not `{group}`"),
                    "take `adopt` away; for another service, write another deployment",
                ));
            }
        }
    }
    Ok(all)
}

fn not_adopted(deployment: &str, reason: &str, help: &str) -> Error {
    Error::refused(
        "bgform::plan::not_adopted",
        format!("`{deployment}` cannot adopt the running service: {reason}"),
        format!("nothing was changed. To adopt it: {help}"),
    )
}

fn unproved(deployment: &str, broken: &Broken) -> Error {
    Error::refused(
        "bgform::plan::unproved",
        format!("the rollout of `{deployment}` would leave traffic without a home, at {broken}"),
        "nothing was changed. The live fleet needs a capacity of at least 1, and no step may take away what still \
         carries traffic; `bgform status` shows what stands",
    )
}

fn with_adopted(snapshot: &Snapshot, adopted: &[Adoption]) -> Snapshot {
    let mut snapshot = snapshot.clone();
    for adoption in adopted {
        adoption.changes().for_each(|change| snapshot.apply(&change));
        let facts = Deployment::adopting(adoption.adopted.clone());
        snapshot.deployments.insert(adoption.name.clone(), facts);
    }
    snapshot
}

/// The fleet that carries most of the traffic, and the fleet of the colour that is not live, as AWS shows
/// them now.
pub(super) async fn both_fleets(
    cloud: &Cloud,
    snapshot: &Snapshot,
    intent: &Intent,
) -> Result<[Option<Standing>; 2], Error> {
    let (Some(_), Some(live)) = (&intent.facts.rollout, intent.facts.live) else { return Ok([None, None]) };
    let seam = names::fleet(snapshot, &intent.name);
    let group = |colour: Colour| {
        let address = Address::new(seam.kind(), &intent.name).with_key(colour.name());
        snapshot.resources.get(&address).map(|record| record.id.as_str())
    };
    let names: Vec<&str> = Colour::BOTH.into_iter().filter_map(group).collect();
    if names.is_empty() {
        return Ok([None, None]);
    }
    let seen = seam.observe(cloud, &names).await?;
    let of = |colour: Colour| group(colour).and_then(|name| seen.get(name)).cloned();
    let carries = Colour::BOTH.into_iter().max_by_key(|colour| intent.facts.weight(*colour));
    Ok([carries.and_then(of), of(live.other())])
}
