//! `bgform plan`: shows the changes of an apply. Changes nothing, neither in the account nor in the state.

use std::path::PathBuf;

use super::progress::Progress;
use super::saved::SavedPlan;
use super::{CliError, Exit, Global, StackArgs, context, report};
use crate::address::Address;
use crate::kind::shutdown::Shutdown;
use crate::plan::Options;
use crate::plan::render::{Style, render};
use crate::rollout::{Engine, Plan, plan, stage};
use crate::state::OpenOperation;
use crate::terminal::{errln, out_painted, outln};

#[derive(Debug, Clone, Default, clap::Args)]
pub struct PlanOptions {
    /// Only this resource, deployment.NAME or module.NAME, and what it depends on; may be given several times.
    #[arg(long, value_name = "ADDRESS")]
    pub target: Vec<Address>,
    /// Leave this resource, deployment.NAME or module.NAME as it is, and what needs it; may be given several times.
    #[arg(long, value_name = "ADDRESS")]
    pub exclude: Vec<Address>,
    /// Replace this resource though nothing about it differs; may be given several times.
    #[arg(long, value_name = "ADDRESS")]
    pub replace: Vec<Address>,
    /// Compare with the last known values instead of reading the account.
    #[arg(long)]
    pub no_refresh: bool,
    /// Look up those `existing` blocks again whose answer may have moved (`most_recent`).
    #[arg(long)]
    pub upgrade: bool,
    /// Allow to delete what carries traffic before its replacement is there.
    #[arg(long)]
    pub allow_outage: bool,
    /// Give up the release of a deployment that is under way, and ship this one in its place.
    #[arg(long)]
    pub supersede: bool,
}

impl PlanOptions {
    pub fn options(&self, destroy: bool) -> Options {
        Options {
            targets: self.target.clone(),
            excludes: self.exclude.clone(),
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
#[command(after_help = "`bgform help plan` explains how a plan is made.\n\n\
                        Examples:\n  bgform plan\n  bgform plan stacks/explicit.deploy --var live=green\n  \
                        bgform plan --out release.bgplan && bgform apply release.bgplan\n  \
                        bgform plan --detailed-exitcode   # 0 nothing to do, 3 changes")]
pub struct PlanArgs {
    #[command(flatten)]
    stack: StackArgs,
    #[command(flatten)]
    options: PlanOptions,
    /// Plan to delete everything.
    #[arg(long)]
    destroy: bool,
    /// Print the plan as JSON (format bgform.plan, version 2).
    #[arg(long)]
    json: bool,
    /// Save the plan to a file that `bgform apply FILE` runs.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Exit 3 when there are changes.
    #[arg(long)]
    detailed_exitcode: bool,
}

pub async fn run(global: &Global, args: PlanArgs) -> Result<Exit, CliError> {
    let files = context::stack_files(args.stack.stack.as_deref())?;
    let (program, global) = match args.destroy {
        true => context::program_to_destroy(global, &files, &args.stack.variables)?,
        false => (context::program_given(&files, &args.stack.variables)?, global.clone()),
    };
    let global = &global;
    let options = args.options.options(args.destroy);
    let store = context::store(global, &program)?;
    let cloud = context::connect(global, &program).await?;
    let engine = Engine {
        cloud: &cloud,
        program: &program,
        store: &store,
        realm: context::realm(global),
        reporter: &Progress::new(),
        shutdown: &Shutdown::default(),
        parallelism: 1,
        acts: &stage::of,
    };
    let plan = plan(&engine, &options).await?;
    let style = Style { colour: report::colour(global) };
    match args.json {
        true => outln!("{:#}", plan.document()),
        false => {
            if !plan.open.is_empty() {
                errln!("{}", cut_short(&plan.open));
            }
            print_plan(&plan, &style);
        }
    }
    if let Some(path) = &args.out {
        let saved = SavedPlan::new(&files, global, &program, &plan);
        saved.write(path).map_err(|error| CliError::Diagnostic(Box::new(error)))?;
        if !args.json {
            outln!("Saved to {0}. To run it: bgform apply {0}", path.display());
        }
    }
    if global.verbose {
        errln!("{} API calls", cloud.calls());
    }
    match args.detailed_exitcode && plan.moves() {
        true => Ok(Exit::Changes),
        false => Ok(Exit::Done),
    }
}

/// Prints a whole plan for people: the rollouts, then the steps.
pub fn print_plan(plan: &Plan, style: &Style) {
    report::out(&plan.rollouts.story());
    out_painted(&resources(plan, style));
}

/// The same as a text without colours.
pub fn text(plan: &Plan) -> String {
    format!("{}{}", plan.rollouts.story(), resources(plan, &Style { colour: false }))
}

/// The plan of the resources; nothing if only a deployment has work to do.
fn resources(plan: &Plan, style: &Style) -> String {
    let resources = &plan.resources;
    let is_told = plan.rollouts.any() && resources.is_empty();
    match is_told && resources.drift.is_empty() && resources.kept.is_empty() {
        true => String::new(),
        false => render(resources, &plan.basis(), style),
    }
}

/// Operations that an earlier apply left open.
fn cut_short(open: &[OpenOperation]) -> String {
    let names: Vec<_> = open.iter().map(|one| one.begin.address.to_string()).collect();
    format!(
        "An earlier apply was cut short while it worked on {}; the next apply looks there first, and what this \
         plan says of it may change.\n",
        names.join(", ")
    )
}
