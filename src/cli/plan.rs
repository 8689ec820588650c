//! `bgform plan`: what apply would do. Changes nothing, neither in the account nor in the state.

use std::collections::HashMap;
use std::path::PathBuf;

use futures_util::future::try_join_all;

use super::saved::SavedPlan;
use super::{CliError, Exit, Global, StackArgs, context, report};
use crate::address::Address;
use crate::cloud::Cloud;
use crate::deployment::decide::{Author, Intent, What, Wrong, decide};
use crate::deployment::lower::is_of;
use crate::deployment::preflight::{Finding, preflight};
use crate::deployment::story::story;
use crate::deployment::verify::{self, Proof};
use crate::kind::autoscaling_group::fleet::{Fleet, observe};
use crate::lang::program::Program;
use crate::lang::scope::Known;
use crate::plan::document::document;
use crate::plan::render::{Style, render};
use crate::plan::{self, Basis, Made, Options, PlanError};
use crate::state::deployment::{Colour, Rollout};
use crate::state::{Holder, OpenOperation, Snapshot};
use crate::value::Value;

#[derive(Debug, Clone, Default, clap::Args)]
pub struct PlanOptions {
    /// Only this resource and what it depends on; may be given again.
    #[arg(long, value_name = "ADDRESS")]
    pub target: Vec<Address>,
    /// Make this resource again though nothing about it differs; may be given again.
    #[arg(long, value_name = "ADDRESS")]
    pub replace: Vec<Address>,
    /// Compare with what was last known instead of reading what is.
    #[arg(long)]
    pub no_refresh: bool,
    /// Look again for `existing` answers that may have moved (`most_recent`).
    #[arg(long)]
    pub upgrade: bool,
    /// Let what carries traffic be taken away before its replacement is there.
    #[arg(long)]
    pub allow_outage: bool,
    /// Give up a release of a deployment that is under way, and ship this one in its place.
    #[arg(long)]
    pub supersede: bool,
}

impl PlanOptions {
    pub fn options(&self, destroy: bool) -> Options {
        Options {
            targets: self.target.clone(),
            replace: self.replace.clone(),
            no_refresh: self.no_refresh,
            upgrade: self.upgrade,
            destroy,
            allow_outage: self.allow_outage,
            supersede: self.supersede,
        }
    }
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  bgform plan\n  bgform plan stacks/explicit.deploy --var live=green\n  \
                        bgform plan --out release.bgplan && bgform apply release.bgplan\n  \
                        bgform plan --detailed-exitcode   # 0 nothing to do, 3 changes")]
pub struct PlanArgs {
    #[command(flatten)]
    stack: StackArgs,
    #[command(flatten)]
    options: PlanOptions,
    /// Plan to take everything away.
    #[arg(long)]
    destroy: bool,
    /// Print the plan as JSON (format bgform.plan, version 1).
    #[arg(long)]
    json: bool,
    /// Save the plan to a file that `bgform apply FILE` runs.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Exit 3 when there are changes.
    #[arg(long)]
    detailed_exitcode: bool,
}

/// A plan with what it was made from.
pub struct Planned {
    pub cloud: Cloud,
    pub snapshot: Snapshot,
    pub open: Vec<OpenOperation>,
    pub made: Made,
    pub rollouts: Rollouts,
}

/// What deployments are about to do, and the reads that it was decided by.
#[derive(Debug, Default)]
pub struct Rollouts {
    pub intents: Vec<Intent>,
    /// The size of the live fleet of each, where it is known.
    pub capacities: HashMap<String, u32>,
    /// What is to be known before.
    pub findings: Vec<Finding>,
    /// What was proved of each rollout.
    pub proofs: HashMap<String, Proof>,
    pub existing: Option<(Vec<(Address, Value)>, Known)>,
}

impl Rollouts {
    /// Whether any deployment has a way to go.
    pub fn any(&self) -> bool {
        self.intents.iter().any(|intent| intent.facts.rollout.is_some() || intent.what == What::GiveUp)
    }

    /// What follows the plan of resources, for people.
    pub fn story(&self) -> String {
        let told = self.intents.iter().map(|intent| {
            let mut lines = story(intent, self.capacities.get(&intent.name).copied());
            if let Some(Proof { points, .. }) = self.proofs.get(&intent.name) {
                let line = format!("  Proved: at each of the {points} points where it, or its way back, can be cut short, a healthy fleet that is large enough has the traffic.");
                lines.extend([line, String::new()]);
            }
            for Finding { address, message, help, page, .. } in self.findings.iter().filter(|one| one.address.name == intent.name) {
                lines.extend([format!("  Note: {address}: {message}."), format!("        {help}; see {page}"), String::new()]);
            }
            lines.iter().map(|line| format!("{line}\n")).collect::<String>()
        });
        told.collect()
    }
}

pub async fn run(global: &Global, args: PlanArgs) -> Result<Exit, CliError> {
    let files = context::stack_files(args.stack.stack.as_deref())?;
    let program = context::program_given(&files, &args.stack.variables)?;
    let options = args.options.options(args.destroy);
    let planned = plan(global, &program, &options).await?;
    let Planned { cloud, snapshot, open, made, rollouts } = &planned;
    let style = Style { colour: report::colour(global) };
    match args.json {
        true => println!("{:#}", document(&made.plan, snapshot)),
        false => {
            if !open.is_empty() {
                eprintln!("{}", cut_short(open));
            }
            print!("{}{}", rollouts.story(), render(&made.plan, snapshot, &style));
        }
    }
    if let Some(path) = &args.out {
        let saved =
            SavedPlan::new(&files, &args.stack.variables, global, &options, &program, snapshot, &made.plan);
        saved.write(path).map_err(|error| CliError::Diagnostic(Box::new(error)))?;
        if !args.json {
            println!("Saved to {0}. To run it: bgform apply {0}", path.display());
        }
    }
    if global.verbose {
        eprintln!("{} API calls", cloud.calls());
    }
    match args.detailed_exitcode && (!made.plan.is_empty() || rollouts.any()) {
        true => Ok(Exit::Changes),
        false => Ok(Exit::Done),
    }
}

/// What an earlier apply has left to be looked up.
pub fn cut_short(open: &[OpenOperation]) -> String {
    let names: Vec<_> = open.iter().map(|one| one.begin.address.to_string()).collect();
    format!(
        "An earlier apply was cut short while it worked on {}; the next apply looks there first, and what this \
         plan says of it may change.\n",
        names.join(", ")
    )
}

/// Plans from what state and account say now.
pub async fn plan(global: &Global, program: &Program, options: &Options) -> Result<Planned, CliError> {
    let store = context::store(global, program)?;
    let loaded = store.load()?;
    let cloud = context::connect(global, program).await?;
    let known_before = loaded.is_some();
    let (snapshot, open) = match loaded {
        Some(loaded) => (loaded.snapshot, loaded.open),
        None => {
            let (region, endpoint) = (cloud.region.clone(), cloud.endpoint.clone());
            (Snapshot::new(&program.settings.name, "", region, endpoint), Vec::new())
        }
    };
    let has_deployments = !program.declarations.deployments.is_empty() && !options.destroy;
    let snapshot = match known_before {
        true => {
            // The account is asked for beside the reads; whose answers they are is settled first.
            let (account, (rollouts, made)) = if has_deployments {
                let (account, made) =
                    tokio::join!(cloud.account(), with_deployments(&cloud, program, &snapshot, options));
                (account?, made.map(|(rollouts, made)| (rollouts, Ok(made)))?)
            } else {
                let basis = Basis {
                    cloud: &cloud,
                    program,
                    snapshot: &snapshot,
                    options,
                    existing: None,
                    part: None,
                };
                let (account, made) = tokio::join!(cloud.account(), plan::make(basis));
                (account?, (Rollouts::default(), made))
            };
            context::same_account(global, &cloud, &account, program, Some(&snapshot))?;
            return Ok(Planned { made: made?, cloud, snapshot, open, rollouts });
        }
        false => {
            let account = cloud.account().await?;
            context::same_account(global, &cloud, &account, program, None)?;
            context::nothing_tagged(&cloud, program).await?;
            Snapshot { account, ..snapshot }
        }
    };
    let (rollouts, made) = match has_deployments {
        true => with_deployments(&cloud, program, &snapshot, options).await?,
        false => {
            let basis =
                Basis { cloud: &cloud, program, snapshot: &snapshot, options, existing: None, part: None };
            (Rollouts::default(), plan::make(basis).await?)
        }
    };
    Ok(Planned { made, cloud, snapshot, open, rollouts })
}

/// Decides about the deployments, and plans as the stack will be once their new colours are raised.
async fn with_deployments(
    cloud: &Cloud,
    program: &Program,
    snapshot: &Snapshot,
    options: &Options,
) -> Result<(Rollouts, Made), CliError> {
    let mut program = program.clone();
    program.stand(&snapshot.deployments);
    let mut known = plan::remembered_outputs(snapshot);
    let answers =
        plan::observe::read_existing(cloud, &program, snapshot, options.upgrade, &mut known).await?;
    // A deployment goes on as a whole, where a target selects a part of it.
    let selected = plan::targeted(&program, options);
    let goes = |name: &str| {
        selected.as_ref().is_none_or(|selected| selected.iter().any(|address| is_of(address, name)))
    };
    let intents =
        decide(&program, &goes, &snapshot.deployments, &known, &author(&program), options.supersede)
            .map_err(|wrong| match wrong {
                Wrong::Mistakes(mistakes) => PlanError::stack(&program, mistakes),
                Wrong::Refused(refused) => PlanError::Deployment(refused),
            })?;
    let (mut capacities, mut idle, mut intents) = (HashMap::new(), HashMap::new(), intents);
    for intent in &mut intents {
        let Fleets { carries, other } = fleets(cloud, snapshot, intent).await?;
        capacities.extend(carries.map(|capacity| (intent.name.clone(), capacity)));
        idle.extend(other.map(|seen| (intent.name.clone(), seen)));
        if let (Some(capacity), Some([_, healthy])) = (carries, other)
            && healthy < capacity
        {
            intent.raise_first();
        }
    }
    let intents = intents;
    let looks = intents
        .iter()
        .map(|intent| preflight(cloud, &program, &known, intent, capacities.get(&intent.name).copied()));
    let findings: Vec<Finding> = try_join_all(looks).await?.into_iter().flatten().collect();
    if let Some(refusing) = findings.iter().find(|finding| finding.refuses) {
        return Err(PlanError::Preflight(refusing.clone()).into());
    }
    let mut proofs = HashMap::new();
    for intent in &intents {
        let Some(capacity) = capacities.get(&intent.name) else { continue };
        // No traffic is moved any more.
        if intent.facts.rollout.as_ref().is_none_or(Rollout::has_shipped) {
            continue;
        }
        let (before, seen) = (snapshot.deployments.get(&intent.name), idle.get(&intent.name).copied());
        let proof = verify::prove_rollout(before, &intent.facts, *capacity, seen);
        let unproved = |broken| PlanError::Unproved { deployment: intent.name.clone(), broken };
        proofs.extend(proof.map_err(unproved)?.map(|proof| (intent.name.clone(), proof)));
    }
    let shown = intents
        .iter()
        .map(|intent| (intent.name.clone(), intent.raised(capacities.get(&intent.name).copied())));
    let mut standing = snapshot.deployments.clone();
    standing.extend(shown);
    program.stand(&standing);
    let existing = Some((answers, known));
    let basis = Basis { cloud, program: &program, snapshot, options, existing: existing.clone(), part: None };
    let made = plan::make(basis).await?;
    Ok((Rollouts { intents, capacities, findings, proofs, existing }, made))
}

/// The sizes of a deployment's fleets, where they are known.
#[derive(Default)]
struct Fleets {
    /// How many instances the one that carries most of the traffic is to have.
    carries: Option<u32>,
    /// How many the colour that is not live is to have, and how many are in service.
    other: Option<[u32; 2]>,
}

async fn fleets(cloud: &Cloud, snapshot: &Snapshot, intent: &Intent) -> Result<Fleets, CliError> {
    let (Some(_), Some(live)) = (&intent.facts.rollout, intent.facts.live) else {
        return Ok(Fleets::default());
    };
    let group = |colour: Colour| {
        let address = Address::new("autoscaling_group", &intent.name).with_key(colour.name());
        snapshot.resources.get(&address).map(|record| record.id.as_str())
    };
    let names: Vec<&str> = Colour::BOTH.into_iter().filter_map(group).collect();
    if names.is_empty() {
        return Ok(Fleets::default());
    }
    let seen = observe(cloud, &names).await?;
    let of = |colour: Colour| group(colour).and_then(|name| seen.get(name));
    let carries = Colour::BOTH.into_iter().max_by_key(|colour| intent.facts.weight(*colour));
    let in_service = |fleet: &Fleet| u32::try_from(fleet.in_service()).unwrap_or(u32::MAX);
    Ok(Fleets {
        carries: carries.and_then(of).map(|fleet| fleet.desired.unsigned_abs()),
        other: of(live.other()).map(|fleet| [fleet.desired.unsigned_abs(), in_service(fleet)]),
    })
}

/// Who ships, and from which commit of the checkout that holds the stack.
fn author(program: &Program) -> Author {
    let Holder { user, host, .. } = Holder::this_process("");
    Author { by: format!("{user}@{host}"), commit: commit(&program.folder()) }
}

/// What `HEAD` of the checkout around a folder names.
fn commit(folder: &std::path::Path) -> Option<String> {
    let absolute = std::path::absolute(folder).ok()?;
    let git = absolute.ancestors().map(|folder| folder.join(".git")).find(|git| git.is_dir())?;
    let head = std::fs::read_to_string(git.join("HEAD")).ok()?;
    let head = head.trim();
    let Some(name) = head.strip_prefix("ref: ") else { return Some(head.to_owned()) };
    let loose = std::fs::read_to_string(git.join(name)).ok().map(|text| text.trim().to_owned());
    loose.or_else(|| {
        let packed = std::fs::read_to_string(git.join("packed-refs")).ok()?;
        let line = packed.lines().find(|line| line.ends_with(&format!(" {name}")))?;
        line.split_once(' ').map(|(commit, _)| commit.to_owned())
    })
}
