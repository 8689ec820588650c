//! `bgform plan`: what apply would do. Changes nothing, neither in the account nor in the state.

use std::path::PathBuf;

use super::saved::SavedPlan;
use super::{CliError, Exit, Global, StackArgs, context, report};
use crate::address::Address;
use crate::cloud::Cloud;
use crate::lang::program::Program;
use crate::plan::document::document;
use crate::plan::render::{Style, render};
use crate::plan::{self, Basis, Made, Options};
use crate::secrets;
use crate::state::{OpenOperation, Snapshot};

mod deployments;

use crate::terminal::{errln, out_painted, outln};
pub use deployments::Rollouts;
use deployments::with_deployments;

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

pub async fn run(global: &Global, args: PlanArgs) -> Result<Exit, CliError> {
    let files = context::stack_files(args.stack.stack.as_deref())?;
    let (program, global) = match args.destroy {
        true => context::program_to_destroy(global, &files, &args.stack.variables)?,
        false => (context::program_given(&files, &args.stack.variables)?, global.clone()),
    };
    let global = &global;
    let options = args.options.options(args.destroy);
    let planned = plan(global, &program, &options).await?;
    let Planned { cloud, snapshot, open, made, rollouts } = &planned;
    let style = Style { colour: report::colour(global) };
    let basis = rollouts.basis(snapshot);
    match args.json {
        true => outln!("{:#}", document(&made.plan, &basis)),
        false => {
            if !open.is_empty() {
                errln!("{}", cut_short(open));
            }
            report::out(&rollouts.story());
            out_painted(&render(&made.plan, &basis, &style));
        }
    }
    if let Some(path) = &args.out {
        let saved =
            SavedPlan::new(&files, &args.stack.variables, global, &options, &program, snapshot, &made.plan);
        saved.write(path).map_err(|error| CliError::Diagnostic(Box::new(error)))?;
        if !args.json {
            outln!("Saved to {0}. To run it: bgform apply {0}", path.display());
        }
    }
    if global.verbose {
        errln!("{} API calls", cloud.calls());
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
    if let Some(loaded) = &loaded {
        loaded.snapshot.resources.values().for_each(|record| secrets::keep_all(&record.inputs));
        loaded.open.iter().for_each(|one| secrets::keep_all(&one.begin.inputs));
    }
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
