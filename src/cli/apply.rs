//! `bgform apply`: plans, shows, asks, carries out, and reports the result.

use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::lock::locked;
use super::plan::{PlanOptions, print_plan};
use super::progress::{Progress, took_text};
use super::rollout::{exit, shipped};
use super::saved::{SavedPlan, SavedPlanError};
use super::{CliError, Exit, Global, StackArgs, VariableArgs, context, report, result};
use crate::apply::Failed;
use crate::kind::shutdown::Shutdown;
use crate::plan::Options;
use crate::plan::render::{Style, show_value};
use crate::rollout::tell::tell as rollout_ended;
use crate::rollout::{Engine, Plan, Shipped, plan, recover, stage};
use crate::stack::Program;
use crate::state::LockGuard;
use crate::terminal::{about, errln, outln, tell_with_stack};
use crate::value::Value;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "`bgform help plan` explains the order of changes, `bgform help deployments` releases, and \
                        `bgform help recovery` interruptions.\n\n\
                        --result writes JSON of format bgform.result, version 1: exit (null while it runs), error, \
                        steps (address, verb, seconds), failed (address, verb, error, in_doubt), not_done (address, \
                        verb, waits_for), rollouts (deployment, release, end, colour, reason, traffic) and outputs. \
                        An end is shipped, taken_back, retired, given_up, held, interrupted, waits or stuck.\n\n\
                        Examples:\n  bgform apply stacks/explicit.deploy\n  \
                        bgform apply --var live=green --auto-approve\n  bgform apply release.bgplan"
)]
pub struct ApplyArgs {
    /// STACK is a stack file or folder, or a plan saved by `bgform plan --out`.
    #[command(flatten)]
    stack: StackArgs,
    #[command(flatten)]
    options: PlanOptions,
    #[command(flatten)]
    ask: Ask,
}

/// How far apply may go without asking.
#[derive(Debug, Clone, clap::Args)]
pub struct Ask {
    /// Do not ask.
    #[arg(long)]
    pub auto_approve: bool,
    /// With --auto-approve: put weights back that somebody else has moved.
    #[arg(long)]
    pub accept_drift: bool,
    /// Write how it ended to a file, as JSON, for the job that called it.
    #[arg(long, value_name = "FILE")]
    pub result: Option<PathBuf>,
    /// The number of steps that may be under way at once.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub parallelism: u16,
}

pub async fn run(global: &Global, args: ApplyArgs) -> Result<Exit, CliError> {
    result::keep(args.ask.result.as_deref(), async {
        if let Some(path) = args.stack.stack.as_deref().filter(|path| SavedPlan::is_one(path)) {
            return saved(global, path, &args).await;
        }
        let program = context::program(&args.stack)?;
        carry_out(global, &program, &args.options.options(false), &args.ask, None, "bgform apply").await
    })
    .await
}

async fn saved(global: &Global, path: &Path, args: &ApplyArgs) -> Result<(Exit, Option<Shipped>), CliError> {
    let saved = SavedPlan::read(path).map_err(|error| CliError::Diagnostic(Box::new(error)))?;
    let name = |text: &str| text.split_once('=').map_or(text, |(name, _)| name).to_owned();
    let given = args.stack.variables.clone();
    let fixed = given.var.iter().any(|text| !saved.is_sensitive(&name(text)))
        || !args.options.target.is_empty()
        || !args.options.replace.is_empty();
    if fixed {
        return Err(CliError::usage(
            "bgform::cli::saved_plan",
            "a saved plan fixes its variables, targets and replacements",
            "leave these options out, or plan again with them; only a sensitive variable is given again",
        ));
    }
    let (global, files, options) = (saved.global(global)?, saved.stack_files(), saved.options());
    if let [file] = files.as_slice() {
        tell_with_stack(file);
    }
    let var = [given.var, saved.variables()].concat();
    let variables = with_sensitive(&saved, &files, VariableArgs { var, ..given })?;
    let (program, global) = match options.destroy {
        true => context::program_to_destroy(&global, &files, &variables)?,
        false => (context::program_given(&files, &variables)?, global),
    };
    carry_out(&global, &program, &options, &args.ask, Some(&saved), "bgform apply").await
}

/// The variables of the saved plan, with sensitive ones that were not given asked for.
fn with_sensitive(
    saved: &SavedPlan,
    files: &[PathBuf],
    mut variables: VariableArgs,
) -> Result<VariableArgs, CliError> {
    let missing = |variables: &VariableArgs| -> Result<Vec<String>, CliError> {
        Ok(saved.missing(&context::read_program(files, variables)?.0))
    };
    let asks = missing(&variables)?;
    if std::io::stdin().is_terminal() {
        for name in &asks {
            variables.var.push(format!("{name}={}", ask_unseen(&format!("Value of `{name}` (sensitive): "))));
        }
    }
    let still = if asks.is_empty() { asks } else { missing(&variables)? };
    let Some(first) = still.first() else { return Ok(variables) };
    let names: Vec<_> = still.iter().map(|name| format!("`{name}`")).collect();
    let (names, example) = (names.join(", "), format!("BGFORM_VAR_{first}"));
    Err(CliError::Diagnostic(Box::new(SavedPlanError::Sensitive { names, example })))
}

/// Asks at the terminal for a value that is not echoed.
fn ask_unseen(question: &str) -> String {
    use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
    report::out(question);
    let stdin = std::io::stdin();
    let before = tcgetattr(&stdin).ok();
    if let Some(mut unseen) = before.clone() {
        unseen.local_modes.remove(LocalModes::ECHO);
        let _ = tcsetattr(&stdin, OptionalActions::Flush, &unseen);
    }
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer).ok();
    if let Some(before) = before {
        let _ = tcsetattr(&stdin, OptionalActions::Now, &before);
    }
    report::out("\n");
    answer.trim_end_matches(['\r', '\n']).to_owned()
}

/// Locks, recovers, plans, asks and applies; for apply and destroy.
pub async fn carry_out(
    global: &Global,
    program: &Program,
    options: &Options,
    ask: &Ask,
    saved: Option<&SavedPlan>,
    command: &str,
) -> Result<(Exit, Option<Shipped>), CliError> {
    if !ask.auto_approve && saved.is_none() && !std::io::stdin().is_terminal() {
        return Err(CliError::usage(
            "bgform::cli::no_terminal",
            format!("`{command}` asks before it changes anything, and there is no terminal to ask at"),
            "pass --auto-approve, or save a plan with `bgform plan --out FILE` and apply that",
        ));
    }
    let store = context::store(global, program)?;
    let (progress, asks) = (Progress::new(), !ask.auto_approve && saved.is_none());
    let shutdown = Arc::new(Shutdown::default());
    Shutdown::outlive_terminal();
    // Until a question is answered, Ctrl-C ends the program as usual.
    if !asks {
        listen(&shutdown);
    }
    // A first apply that is refused or declined leaves no state behind.
    let is_first = || Ok::<_, CliError>(!store.exists()? && store.load()?.is_none());
    let ready = async {
        let lock = if is_first()? { None } else { Some(locked(global, &store, command).await?) };
        Ok::<_, CliError>((lock, context::connect(global, program).await?))
    };
    let Some(ready) = unless_interrupted(&shutdown, ready).await else {
        return Ok((Exit::Interrupted, None));
    };
    let (lock, cloud) = ready?;
    let engine = Engine {
        cloud: &cloud,
        program,
        store: &store,
        realm: context::realm(global),
        reporter: &progress,
        shutdown: &shutdown,
        parallelism: usize::from(ask.parallelism),
        acts: &stage::of,
    };
    let settled = settled(global, &engine, (options, ask, saved), lock, (asks, command));
    let Some(settled) = unless_interrupted(&shutdown, settled).await else {
        return Ok((Exit::Interrupted, None));
    };
    let Some((lock, plan)) = settled? else { return Ok((Exit::Done, None)) };
    if asks {
        listen(&shutdown);
    }
    go_on(global, &engine, &lock, plan).await
}

/// The result of a future; `None` if an interrupt came first, and nothing of the plan was begun.
async fn unless_interrupted<T>(shutdown: &Shutdown, of: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        came = of => Some(came),
        () = shutdown.draining() => {
            errln!("Nothing of the plan was begun; the same command begins anew.");
            None
        }
    }
}

/// Recovers, plans and asks, until there is a plan to carry out under the lock; `None` if there is nothing to
/// do.
async fn settled(
    global: &Global,
    engine: &Engine<'_>,
    (options, ask, saved): (&Options, &Ask, Option<&SavedPlan>),
    mut lock: Option<LockGuard>,
    (asks, command): (bool, &str),
) -> Result<Option<(LockGuard, Plan)>, CliError> {
    if let Some(lock) = &lock {
        engine.store.take_over(lock)?;
    }
    loop {
        if let Some(lock) = &lock {
            recover(engine, lock, options.destroy).await?;
        }
        let plan = plan(engine, options).await?;
        if let Some(saved) = saved {
            saved
                .still_holds(engine.program, &plan)
                .map_err(|error| CliError::Diagnostic(Box::new(error)))?;
        }
        print_plan(&plan, &style(global));
        let moves = plan.moves();
        if !moves && (lock.is_none() || !plan.learns()) {
            return Ok(None);
        }
        if moves && asks {
            // The lock is free while a question waits for its answer, so that nobody is kept from a way back.
            drop(lock.take());
            ask_at_terminal()?;
        } else if moves {
            agreed(ask, &plan.resources, options)?;
        }
        if let Some(lock) = lock {
            return Ok(Some((lock, plan)));
        }
        // Planned again under the lock, even at a first apply: another process may have made the state since.
        let again = locked(global, engine.store, command).await?;
        if plan.still_stands(engine)? {
            return Ok(Some((again, plan)));
        }
        engine.reporter.say("The state was changed meanwhile, and nothing was done. As it is now:");
        lock = Some(again);
    }
}

fn listen(shutdown: &Arc<Shutdown>) {
    shutdown.listen(|again| match again {
        false => {
            errln!("\nInterrupted: no new step begins, those under way are ended. Once more to stop at once.")
        }
        true => errln!("\nInterrupted again: stopping; the next apply goes on from here."),
    });
}

fn style(global: &Global) -> Style {
    Style { colour: report::colour(global) }
}

async fn go_on(
    global: &Global,
    engine: &Engine<'_>,
    lock: &LockGuard,
    plan: Plan,
) -> Result<(Exit, Option<Shipped>), CliError> {
    let moves = plan.moves();
    let shipped = shipped(engine, lock, plan).await?;
    if global.verbose {
        errln!("{} API calls", engine.cloud.calls());
    }
    let exit = tell(&shipped, !moves, report::colour(global));
    Ok((exit, Some(shipped)))
}

/// Checks that the options given beforehand agree to this plan.
fn agreed(ask: &Ask, plan: &crate::plan::Plan, options: &Options) -> Result<(), CliError> {
    match plan.puts_weights_back() {
        Some(address) if !ask.accept_drift && !options.destroy => Err(CliError::Refused {
            code: "bgform::apply::weights_moved",
            message: format!(
                "the traffic of `{address}` was moved from outside, and this plan would move it back"
            ),
            help:
                "nothing was changed. If the stack is right, pass --accept-drift. If they are, write their \
                   weights into the stack; those of a deployment move by `bgform promote` and `bgform rollback`"
                    .to_owned(),
        }),
        _ => Ok(()),
    }
}

pub fn ask_at_terminal() -> Result<(), CliError> {
    report::out("\nDo this? Only `yes` is a yes: ");
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).ok();
    match answer.trim() {
        "yes" => Ok(()),
        _ => Err(CliError::Refused {
            code: "bgform::apply::declined",
            message: "not applied".to_owned(),
            help: "nothing was changed".to_owned(),
        }),
    }
}

/// Reports the result on the last lines.
fn tell(shipped: &Shipped, was_empty: bool, colour: bool) -> Exit {
    let Shipped { outcome, rollouts: rolled, snapshot } = shipped;
    // All steps that were refused for credentials have the same cause.
    let locked_out = outcome.failed.iter().position(|failed| failed.error.is_locked_out());
    let is_said = |index: usize, failed: &Failed| {
        failed.error.is_locked_out() && locked_out.is_some_and(|first| first < index)
    };
    for (_, failed) in outcome.failed.iter().enumerate().filter(|(index, failed)| !is_said(*index, failed)) {
        let mut help = failed.error.help(&failed.address).unwrap_or_default();
        if failed.error.in_doubt() {
            help =
                "whether it was carried out is not known; `bgform apply` looks first and goes on".to_owned();
        }
        let message = format!("could not {} `{}`: {}", failed.verb, failed.address, failed.error);
        report::plain("bgform::apply::step", &message, Some(help).filter(|help| !help.is_empty()), colour);
    }
    let count = |verb: &str| outcome.done.iter().filter(|done| done.verb == verb).count();
    if !was_empty || !outcome.done.is_empty() {
        outln!(
            "\n{}: {} created, {} updated, {} deleted.",
            if outcome.is_complete() { "Applied" } else { "Applied in part" },
            count("create"),
            count("update"),
            count("delete")
        );
    }
    if let Some(slowest) = outcome.done.iter().max_by_key(|done| done.took)
        && slowest.took.as_secs() >= 10
    {
        outln!("Slowest: {} {} ({}).", slowest.verb, slowest.address, took_text(slowest.took));
    }
    if !outcome.is_complete() {
        for (_, failed) in outcome.failed.iter().enumerate().filter(|(index, failed)| is_said(*index, failed))
        {
            outln!("  cut short: {} {}, for the same reason", failed.verb, failed.address);
        }
        for (address, verb, cause) in &outcome.not_done {
            match cause {
                Some(cause) => outln!("  not done: {verb} {address}, which waits for {cause}"),
                None => outln!("  not done: {verb} {address}"),
            }
        }
        for ended in rolled {
            outln!("{}", about(&ended.name, &rollout_ended(ended)));
        }
        outln!("The finished steps are in the state; `bgform apply` continues from here.");
        return if outcome.failed.is_empty() { Exit::Interrupted } else { Exit::Stopped };
    }
    for ended in rolled {
        outln!("{}", about(&ended.name, &rollout_ended(ended)));
    }
    for (name, value) in &snapshot.outputs {
        outln!("{name} = {}", shown(value));
    }
    exit(rolled.iter().map(|ended| &ended.end))
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => show_value(other),
    }
}
