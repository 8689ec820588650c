//! `bgform rehearse`: brings one release up in a sandbox of its own, ships the next one as `apply` would
//! under real requests, and reports the result.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use super::lock::locked;
use super::sandbox::daemon;
use super::sandbox::home::{Home, Record, refused};
use super::{CliError, Exit, Global, StackArgs, VariableArgs, Within, context, report};
use crate::address::Address;
use crate::clock::{self, Clock};
use crate::facts::Stage;
use crate::kind::operation::Reporter;
use crate::kind::shutdown::Shutdown;
use crate::plan::Options;
use crate::rehearse::tally::Verdict;
use crate::rehearse::timeline::{self, Timeline};
use crate::rehearse::{Generator, Row, Settings, Target};
use crate::rollout::run::End;
use crate::rollout::tell::tell;
use crate::rollout::{Engine, Shipped, plan, recover, ship, stage};
use crate::sandbox::faults::{Fault, Faults};
use crate::sandbox::pace::Pace;
use crate::sandbox::region::Region;
use crate::sandbox::{self, Sandbox};
use crate::secrets::hidden;
use crate::stack::Program;
use crate::terminal::errln;

mod aim;
mod prepare;

use aim::aim;
use prepare::{commands_agreed, prepare};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "The first release has the values of --var with those of --from over them; the second has those \
                        of --var alone. A request fails when it is answered with 500 or above, not within 10 s, or \
                        when its connection breaks. It exits with 1 when a request or the release has failed.\n\n\
                        Its sandbox has what every new account has, and Amazon's images. --prepare makes whatever \
                        else the stack reads, such as a load balancer, images or alarms: it runs in this folder, \
                        with AWS_ENDPOINT_URL and BGFORM_SANDBOX_DIR set, so that `$BGFORM sandbox image`, \
                        `$BGFORM --sandbox apply` and any AWS client reach the sandbox.\n\n\
                        The JSON has `format` bgform.rehearsal and `version` 1: stack, url, speed, per_second, \
                        applied, error, stages (those that rollouts came to, with deployment and stage), timeline (rows with time and either step, or weights, health, \
                        requests_per_second, p50_ms, p99_ms and failed), requests (sent, failed, slowest_ms, p50_ms, \
                        p99_ms, failures with at and error) and passed.\n\n\
                        Examples:\n  \
                        bgform rehearse stacks/hello.deploy --from live=blue --var live=green\n  \
                        bgform rehearse --from release=1.0.1 --var release=1.0.2 --rps 500\n  \
                        bgform rehearse stacks/canary.deploy --from release=1.0.1 --var release=1.0.2 --commands \\\n    \
                        --prepare stacks/rehearse/canary --url http://checkout.example.com/pay/ --speed 60\n  \
                        bgform rehearse --from live=blue --var live=green --fault propagation=3:10s --speed 1"
)]
pub struct RehearseArgs {
    #[command(flatten)]
    stack: StackArgs,
    /// A variable of the first release that differs from the second's; may be given several times.
    #[arg(long, value_name = "NAME=VALUE")]
    from: Vec<String>,
    /// Requests a second; half of them on connections that are kept, half on new ones.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rps: u32,
    /// How many connections are kept.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    connections: u16,
    /// Let time run N times as fast: waits and delays are shorter, requests are not. 1 shortens nothing.
    #[arg(long, value_name = "N", default_value_t = 10.0, value_parser = super::sandbox::speed)]
    speed: f64,
    /// Where requests go [default: the output `url`, or the only load balancer]. A host that is none of the
    /// sandbox's is sent to its only load balancer under that name.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// A shell command that makes what the stack finds in its account, before the first release.
    #[arg(long, value_name = "COMMAND")]
    prepare: Option<String>,
    /// Let gates run their commands on this machine.
    #[arg(long)]
    commands: bool,
    /// A fault from the second release on; may be given several times.
    #[arg(long, value_name = "KIND=ARGS")]
    fault: Vec<Fault>,
    /// Print the timeline and the verdict as JSON.
    #[arg(long)]
    json: bool,
    /// Leave the sandbox's folder, with its logs and state.
    #[arg(long)]
    keep: bool,
}

/// Maximum real time until the first release answers.
const PATIENCE: Duration = Duration::from_secs(60);
/// The interval of looks at weights and health, in real time.
const LOOK: Duration = Duration::from_millis(100);
/// Real time of requests before and after the release.
const BEFORE: Duration = Duration::from_secs(2);
const AFTER: Duration = Duration::from_secs(3);

pub async fn run(global: &Global, args: RehearseArgs) -> Result<Exit, CliError> {
    if args.from.is_empty() {
        return Err(CliError::usage(
            "bgform::rehearse::from",
            "which release is replaced is not said: without --from the first release is the second",
            "say what the first one has that the second has not, such as --from release=1.0.1",
        ));
    }
    let files = context::stack_files(args.stack.stack.as_deref())?;
    let given = &args.stack.variables;
    let from = given.var.iter().chain(&args.from).cloned().collect();
    let first = VariableArgs { var: from, var_file: given.var_file.clone() };
    let programs = [context::program_given(&files, &first)?, context::program_given(&files, given)?];
    programs.iter().try_for_each(|program| commands_agreed(program, args.commands))?;

    let folder = tempfile::Builder::new().prefix("bgform-rehearse-").tempdir();
    let mut folder = folder.map_err(|error| {
        refused(
            "bgform::rehearse::folder",
            format!("no folder can be made to rehearse in: {error}"),
            "see TMPDIR",
        )
    })?;
    if args.keep {
        folder.disable_cleanup(true);
    }
    // Set up before anything exists that an interrupt would leave.
    let shutdown = Arc::new(Shutdown::default());
    let ends = shutdown.clone();
    shutdown.listen(move |again| {
        if !again {
            errln!("\nInterrupted: the rehearsal ends, and its sandbox is taken away.");
            // Nothing of it is kept, so no step under way is waited for.
            ends.interrupt();
        }
    });
    daemon::more_files();
    // Other commands reach the rehearsal by this folder, as they reach the daemon.
    let home = Home { folder: folder.path().to_owned() };
    let held = home.hold().await?.ok_or_else(|| {
        refused("bgform::rehearse::folder", "another process holds the folder to rehearse in", "see TMPDIR")
    })?;
    let (key, started) = (held.key()?, clock::now());
    let clock = Clock::scaled_since(args.speed, started);
    let sandbox = Sandbox::start(sandbox::Options {
        folder: folder.path().to_owned(),
        port: 0,
        clock: clock.clone(),
        pace: Pace::default(),
        faults: Arc::new(Faults::new(clock.clone(), [])),
        program: daemon::program()?,
        key: key.clone(),
    });
    let sandbox = match sandbox.await {
        Ok(sandbox) => sandbox,
        Err(error) => return Err(daemon::told(error).await),
    };
    held.record(&Record {
        pid: std::process::id(),
        port: sandbox.address().port(),
        started,
        speed: args.speed,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })?;
    let global = Global {
        profile: None,
        endpoint_url: None,
        state: Some(home.stack_state()),
        within: Some(Within::Process { endpoint: sandbox.endpoint(), key, clock: clock.clone() }),
        ..global.clone()
    };
    let rehearsal =
        Rehearsal { global, args: &args, clock, home: &home, sandbox: &sandbox, shutdown: &shutdown };
    let result = rehearsal.go(&programs).await;
    sandbox.stop().await;
    if args.keep {
        errln!("What it left is in {}.", folder.path().display());
    }
    result
}

struct Rehearsal<'a> {
    global: Global,
    args: &'a RehearseArgs,
    clock: Clock,
    home: &'a Home,
    sandbox: &'a Sandbox,
    shutdown: &'a Shutdown,
}

/// The result of a release.
struct Came {
    shipped: Shipped,
    /// There was nothing to do.
    idle: bool,
}

impl Came {
    /// The first failure, with its error.
    fn failed(&self) -> Option<String> {
        let step = self.shipped.outcome.failed.first();
        let step = step.map(|one| format!("could not {} `{}`: {}", one.verb, one.address, one.error));
        let rollout = self.shipped.rollouts.iter().find(|ended| ended.end.has_failed());
        step.or_else(|| rollout.map(tell))
    }

    fn interrupted(&self) -> bool {
        let mut rollouts = self.shipped.rollouts.iter();
        self.shipped.outcome.interrupted || rollouts.any(|one| matches!(one.end, End::Interrupted { .. }))
    }
}

impl Rehearsal<'_> {
    async fn go(&self, [first, second]: &[Program; 2]) -> Result<Exit, CliError> {
        let name = context::sandbox_region(&self.global, second);
        let region = self.sandbox.region(&name).await;
        let region = region.map_err(|error| refused("bgform::rehearse::region", error.to_string(), ""))?;
        if let Some(command) = &self.args.prepare {
            let cloud = context::connect(&self.global, first).await?;
            if !prepare(command, &self.home.folder, &cloud, self.shutdown).await? {
                return Ok(Exit::Interrupted);
            }
        }
        errln!("Bringing the first release up in a sandbox of its own.");
        let told = Told::default();
        let came = self.ship(first, &told).await?;
        if came.interrupted() {
            return Ok(Exit::Interrupted);
        }
        if let Some(failed) = came.failed() {
            let message = format!("the first release does not come up: {failed}");
            return Err(refused("bgform::rehearse::first", message, "no request was sent yet"));
        }
        told.clear();
        let (url, target) = aim(self.args.url.as_deref(), &region, &came.shipped.snapshot).await?;
        if !self.answers(&url, &target).await? {
            return Ok(Exit::Interrupted);
        }
        errln!(
            "It answers at {url}. Sending {} requests a second, and shipping the second release.",
            self.args.rps
        );
        if !second.deployments().is_empty() {
            errln!(
                "Other terminals lead it by `BGFORM_SANDBOX_DIR={} bgform --sandbox promote`, pause, approve and abort.",
                self.home.folder.display()
            );
        }

        let mut screen =
            Screen { json: self.args.json, timeline: Timeline::new(self.clock.clone()), stages: Vec::new() };
        let settings =
            Settings { per_second: self.args.rps, connections: usize::from(self.args.connections) };
        let load = Generator::start(target, settings);
        screen.begin();
        self.watch(&mut screen, &region, &load, clock::sleep(BEFORE), &told).await;
        self.args.fault.iter().for_each(|fault| self.sandbox.faults().add(fault.clone()));
        let shipping = self.ship(second, &told);
        let shipped = self.watch(&mut screen, &region, &load, shipping, &told).await;
        if !self.shutdown.is_draining() {
            self.watch(&mut screen, &region, &load, clock::sleep(AFTER), &told).await;
        }
        let verdict = load.stop().await.verdict();
        let (error, interrupted) = match shipped {
            Ok(Came { idle: true, .. }) => {
                (Some("there was nothing to do: both releases are the same".to_owned()), false)
            }
            Ok(came) => (came.failed(), came.interrupted()),
            Err(error) => {
                report::print(&error, report::colour(&self.global));
                (Some(error.to_string()), false)
            }
        };
        let interrupted = interrupted || self.shutdown.is_draining();
        screen.stages = told.stages();
        self.tell(&screen, second, &url, &verdict, error.as_deref(), interrupted);
        Ok(match (interrupted, error, verdict.failed) {
            (true, ..) => Exit::Interrupted,
            (false, None, 0) => Exit::Done,
            _ => Exit::Failed,
        })
    }

    /// Applies a program as `apply --auto-approve` does.
    async fn ship(&self, program: &Program, told: &Told) -> Result<Came, CliError> {
        let store = context::store(&self.global, program)?;
        let lock = locked(&self.global, &store, "bgform rehearse").await?;
        let cloud = context::connect(&self.global, program).await?;
        let engine = Engine {
            cloud: &cloud,
            program,
            store: &store,
            realm: context::realm(&self.global),
            reporter: told,
            shutdown: self.shutdown,
            parallelism: 10,
            acts: &stage::of,
        };
        recover(&engine, &lock, false).await?;
        let plan = plan(&engine, &Options::default()).await?;
        let idle = !plan.moves();
        Ok(Came { shipped: ship(&engine, &lock, plan).await?, idle })
    }

    /// Waits until the first release answers; false if an interrupt came first.
    async fn answers(&self, url: &str, target: &Target) -> Result<bool, CliError> {
        let began = clock::monotonic();
        let mut seen = String::new();
        while clock::monotonic() - began < PATIENCE {
            match target.get().await {
                Ok(200..=399) => return Ok(true),
                Ok(status) => seen = format!("status {status}"),
                Err(error) => seen = error,
            }
            tokio::select! {
                () = clock::sleep(LOOK) => {}
                () = self.shutdown.draining() => return Ok(false),
            }
        }
        let message = format!("the first release does not answer at {url}: {seen}");
        Err(refused(
            "bgform::rehearse::silent",
            message,
            "see its console: rehearse with --keep, then look at REGION/instances/*/console.log in the folder \
             that is named at the end",
        ))
    }

    /// The result of `until`, with a row at each change and each second meanwhile.
    async fn watch<T>(
        &self,
        screen: &mut Screen,
        region: &Region,
        load: &Generator,
        until: impl Future<Output = T>,
        told: &Told,
    ) -> T {
        let mut until = std::pin::pin!(until);
        loop {
            let ended = tokio::select! {
                output = &mut until => Some(output),
                () = clock::sleep(LOOK) => None,
            };
            for step in told.take() {
                screen.step(step);
            }
            screen.look(region, load);
            if let Some(output) = ended {
                return output;
            }
        }
    }

    fn tell(
        &self,
        screen: &Screen,
        program: &Program,
        url: &str,
        verdict: &Verdict,
        error: Option<&str>,
        interrupted: bool,
    ) {
        let passed = error.is_none() && !interrupted && verdict.failed == 0;
        if self.args.json {
            let document = json!({
                "format": "bgform.rehearsal",
                "version": 1,
                "stack": program.settings.name,
                "url": url,
                "speed": self.args.speed,
                "per_second": self.args.rps,
                "applied": error.is_none() && !interrupted,
                "error": error,
                "stages": screen.stages,
                "timeline": screen.timeline.rows(),
                "requests": verdict,
                "passed": passed,
            });
            report::out(&format!("{document:#}\n"));
            return;
        }
        let Verdict { sent, failed, slowest_ms, p50_ms, p99_ms, failures } = verdict;
        let mut text = format!(
            "\n{sent} requests sent, {failed} failed; slowest {slowest_ms:.1} ms, p50 {p50_ms:.1} ms, p99 {p99_ms:.1} ms.\n"
        );
        for failure in failures {
            text.push_str(&format!("  after {:.3} s: {}\n", failure.at, failure.error));
        }
        if let Some(error) = error {
            text.push_str(&format!("The release failed: {error}\n"));
        }
        text.push_str(match passed {
            true => "The release went through, and no request failed.\n",
            false if interrupted => "It was interrupted: this says nothing of the release.\n",
            false if error.is_some() => "This release is not ready: it did not go through.\n",
            false => "This release is not ready: it went through, and requests failed.\n",
        });
        report::out(&text);
    }
}

/// Prints rows as they are made, unless JSON is wanted at the end.
struct Screen {
    json: bool,
    timeline: Timeline,
    stages: Vec<Entered>,
}

impl Screen {
    fn print(json: bool, text: &str) {
        if !json {
            report::out(&format!("{}\n", text.trim_end()));
        }
    }

    fn begin(&self) {
        Self::print(self.json, &timeline::head());
    }

    fn step(&mut self, text: String) {
        let row: &Row = self.timeline.step(text);
        Self::print(self.json, &timeline::text(row));
    }

    fn look(&mut self, region: &Region, load: &Generator) {
        if let Some(row) = self.timeline.look(region, load) {
            Self::print(self.json, &timeline::text(row));
        }
    }
}

/// The messages of rollouts and steps, for the timeline.
#[derive(Default)]
struct Told {
    lines: Mutex<Vec<String>>,
    stages: Mutex<Vec<Entered>>,
}

/// A stage that a rollout has reached.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Entered {
    deployment: String,
    stage: Stage,
}

impl Told {
    fn line(&self, text: String) {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).push(hidden(&text));
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.lines.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn stages(&self) -> Vec<Entered> {
        self.stages.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Removes the messages about the release before.
    fn clear(&self) {
        self.take();
        self.stages.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Reporter for Told {
    fn progress(&self, _address: &Address, _text: &str) {}

    fn told(&self, address: &Address, text: &str) {
        self.line(format!("{address}: {text}"));
    }

    fn entered(&self, deployment: &Address, stage: &Stage) {
        self.line(format!("{deployment}: {stage}"));
        let entered = Entered { deployment: deployment.name.clone(), stage: stage.clone() };
        self.stages.lock().unwrap_or_else(PoisonError::into_inner).push(entered);
    }

    fn done(&self, address: &Address, verb: &str, _took: Duration) {
        self.line(format!("{} {address}", super::progress::past(verb)));
    }

    fn failed(&self, address: &Address, verb: &str, error: &str) {
        self.line(format!("failed to {verb} {address}: {error}"));
    }
}
