//! The command line: one file for each command. Arguments come in; text for people (or JSON) and an exit code
//! go out.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args as ClapArgs, Parser, Subcommand};

mod abort;
mod apply;
mod approve;
mod completions;
mod context;
mod destroy;
mod fmt;
mod graph;
pub mod help;
mod history;
mod import;
mod locate;
mod lock;
mod pause;
mod permissions;
mod plan;
mod progress;
mod promote;
mod rehearse;
mod report;
mod result;
mod retire;
mod rollback;
mod rollout;
pub mod sandbox;
mod saved;
mod show;
mod state;
mod status;
mod validate;
mod write;

use crate::terminal::{errln, quoted, tell_with_options, unwritten};
pub use report::{CliError, usage};

/// The end of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, or nothing to do.
    Done = 0,
    /// Refused, or failed before anything was done.
    Failed = 1,
    /// A wrong command line or a bad stack; nothing was tried.
    Usage = 2,
    /// `plan --detailed-exitcode`: there are changes.
    Changes = 3,
    /// Interrupted; the next apply goes on.
    Interrupted = 4,
    /// A release was taken back; the one before has all traffic.
    WentBack = 5,
    /// Stopped in the middle: held, stuck, or done in part. The status was reported.
    Stopped = 6,
}

/// The exit code after a panic, as of any Rust program.
const PANICKED: u8 = 101;

/// Ships releases on EC2: a stack file, a plan you can read, and a cutover that is one change of a
/// listener rule.
#[derive(Debug, Parser)]
#[command(
    name = "bgform",
    version,
    max_term_width = 100,
    disable_help_subcommand = true,
    after_help = after_help()
)]
pub struct Args {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

fn after_help() -> String {
    format!(
        "{}\n\nExamples:\n  \
         bgform --sandbox apply stacks/release.deploy\n  \
         bgform plan stacks/explicit.deploy\n  \
         bgform apply stacks/explicit.deploy --var live=green\n  \
         bgform help deployments",
        help::listed()
    )
}

/// Options of every command.
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct Global {
    /// The AWS region; goes before the stack's and AWS_REGION.
    #[arg(long, global = true, value_name = "REGION")]
    pub region: Option<String>,
    /// The AWS profile; goes before the stack's and AWS_PROFILE.
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<String>,
    /// Call this endpoint instead of AWS; goes before AWS_ENDPOINT_URL.
    #[arg(long, global = true, value_name = "URL")]
    pub endpoint_url: Option<String>,
    /// Use the local sandbox instead of AWS, starting it if need be; see `bgform help sandbox`. Your
    /// AWS credentials are not used, and the stack's state is kept in the sandbox's folder unless
    /// --state is given, so that `bgform sandbox reset` removes it too. BGFORM_SANDBOX=1 says the same.
    #[arg(long, global = true)]
    pub sandbox: bool,
    /// Keep the state in PLACE/<stack>, a folder or s3://bucket/prefix; goes before the stack's `state`.
    #[arg(long, global = true, value_name = "PLACE")]
    pub state: Option<PathBuf>,
    /// Take over a state that another stack file made, or that is in another user's folder.
    #[arg(long, global = true)]
    pub adopt_state: bool,
    /// Wait this long, such as 10m, for the lock of the state; left out, only until its holder is seen to
    /// live. A holder that shows no life for 20 s loses the lock.
    #[arg(long, global = true, value_name = "TIME", value_parser = lock::timeout)]
    pub lock_timeout: Option<std::time::Duration>,
    /// No colours, whatever the terminal can do (also NO_COLOR).
    #[arg(long, global = true)]
    pub no_color: bool,
    /// Show every API call.
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// The sandbox that is used, where it is not AWS.
    #[arg(skip)]
    pub within: Option<Within>,
}

/// The sandbox for commands.
#[derive(Debug, Clone)]
pub enum Within {
    /// The user's sandbox, started when it is first called.
    Daemon {
        home: sandbox::home::Home,
        /// Whether the stack's state is in the sandbox's folder.
        own_state: bool,
    },
    /// The sandbox of a rehearsal, in this process, whose time may run faster.
    Process { endpoint: String, key: crate::sandbox::key::Key, clock: crate::clock::Clock },
}

/// The stack and its variables.
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct StackArgs {
    /// A stack file or folder; left out, the only .deploy file here.
    #[arg(value_name = "STACK")]
    pub stack: Option<PathBuf>,
    #[command(flatten)]
    pub variables: VariableArgs,
}

/// Values of variables.
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct VariableArgs {
    /// Set a variable; goes before --var-file, BGFORM_VAR_name and the default.
    #[arg(long = "var", value_name = "NAME=VALUE")]
    pub var: Vec<String>,
    /// Set variables from a file of `name = value` lines.
    #[arg(long = "var-file", value_name = "FILE")]
    pub var_file: Vec<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check a stack without any API call
    Validate(validate::ValidateArgs),
    /// Write stack files in their canonical form
    Fmt(fmt::FmtArgs),
    /// Show what apply would do
    Plan(plan::PlanArgs),
    /// Change the account to what the stack says
    Apply(apply::ApplyArgs),
    /// Delete everything that the stack made
    Destroy(destroy::DestroyArgs),
    /// Show which release each deployment runs, and how far a rollout is
    Status(status::StatusArgs),
    /// Show what was shipped: who, when, from which commit, and how it ended
    History(history::HistoryArgs),
    /// End the wait of a rollout's stage now
    Promote(promote::PromoteArgs),
    /// Keep a rollout where it is until `promote` or `abort`
    Pause(pause::PauseArgs),
    /// Give the approval that a gate waits for
    Approve(approve::ApproveArgs),
    /// Take the release under way back, now
    Abort(abort::AbortArgs),
    /// Go back to the release before
    Rollback(rollback::RollbackArgs),
    /// Empty the colour that stands by
    Retire(retire::RetireArgs),
    /// Take over a resource that exists already
    Import(import::ImportArgs),
    /// Show the resources and outputs in the state
    Show(show::ShowArgs),
    /// List, repair and move the state
    State(state::StateArgs),
    /// Print the graph of dependencies
    Graph(graph::GraphArgs),
    /// List the IAM actions that a stack needs
    Permissions(permissions::PermissionsArgs),
    /// Try a release under load, in a sandbox of its own
    Rehearse(rehearse::RehearseArgs),
    /// A local region with real traffic: up, down, status, logs, faults
    Sandbox(sandbox::SandboxArgs),
    /// Write a completion script for a shell
    Completions(completions::CompletionsArgs),
    /// Explain a command, a topic or a kind
    Help(help::HelpArgs),
}

/// Runs one command.
pub fn run(args: Args) -> ExitCode {
    let colour = report::colour(&args.global);
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            errln!("bgform: no runtime can be started: {error}");
            return ExitCode::from(Exit::Failed as u8);
        }
    };
    // A panic is reported where it happens.
    let result = catch_unwind(AssertUnwindSafe(|| runtime.block_on(command(args))));
    // A step that was cut short must not keep the process alive.
    runtime.shutdown_background();
    if let Some(error) = unwritten() {
        errln!("bgform: not all of its output could be written: {}", context::reason(error));
    }
    let Ok(result) = result else { return ExitCode::from(PANICKED) };
    match result {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(error) => {
            let exit = error.exit();
            report::print(&error, colour);
            ExitCode::from(exit as u8)
        }
    }
}

async fn command(args: Args) -> Result<Exit, CliError> {
    tell_with_options(choices(&args.global));
    let global = &sandboxed(args.global)?;
    match args.command {
        Command::Validate(args) => validate::run(global, args),
        Command::Fmt(args) => fmt::run(args),
        Command::Plan(args) => plan::run(global, args).await,
        Command::Apply(args) => apply::run(global, args).await,
        Command::Destroy(args) => destroy::run(global, args).await,
        Command::Status(args) => status::run(global, args).await,
        Command::History(args) => history::run(global, args),
        Command::Promote(args) => promote::run(global, args).await,
        Command::Pause(args) => pause::run(global, args).await,
        Command::Approve(args) => approve::run(global, args).await,
        Command::Abort(args) => abort::run(global, args).await,
        Command::Rollback(args) => rollback::run(global, args).await,
        Command::Retire(args) => retire::run(global, args).await,
        Command::Show(args) => show::run(global, args),
        Command::State(args) => state::run(global, args).await,
        Command::Import(args) => import::run(global, args).await,
        Command::Graph(args) => graph::run(global, args),
        Command::Permissions(args) => permissions::run(global, args),
        Command::Rehearse(args) => rehearse::run(global, args).await,
        Command::Sandbox(args) => sandbox::run(global, args).await,
        Command::Completions(args) => completions::run(args),
        Command::Help(args) => help::run(global, &args),
    }
}

/// The options of this command that others need too, for the same account and state.
fn choices(global: &Global) -> String {
    let Global { region, profile, endpoint_url, state, sandbox, .. } = global;
    let state = state.as_ref().map(|place| place.display().to_string());
    let each = [("region", region), ("profile", profile), ("endpoint-url", endpoint_url), ("state", &state)];
    let named =
        each.iter().filter_map(|(name, value)| Some(format!(" --{name} {}", quoted(value.as_deref()?))));
    sandbox.then(|| " --sandbox".to_owned()).into_iter().chain(named).collect()
}

/// The options with the effects of `--sandbox`.
fn sandboxed(mut global: Global) -> Result<Global, CliError> {
    // An endpoint or a profile on the command line takes precedence over the environment.
    let said = global.endpoint_url.is_none() && global.profile.is_none();
    global.sandbox |= said && std::env::var_os("BGFORM_SANDBOX").is_some_and(|value| value == "1");
    if !global.sandbox {
        return Ok(global);
    }
    let other = [("--endpoint-url", global.endpoint_url.is_some()), ("--profile", global.profile.is_some())];
    if let Some((option, _)) = other.iter().find(|(_, given)| *given) {
        return Err(CliError::usage(
            "bgform::cli::sandbox",
            format!("--sandbox and {option} exclude each other"),
            "the sandbox has an endpoint and credentials of its own",
        ));
    }
    let home = sandbox::home::Home::of_environment()?;
    let own_state = global.state.is_none();
    if own_state {
        global.state = Some(home.stack_state());
    }
    global.within = Some(Within::Daemon { home, own_state });
    Ok(global)
}
