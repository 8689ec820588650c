//! `bgform sandbox`: starts, inspects, disturbs and ends a local region on this machine.

pub mod daemon;
mod down;
mod env;
pub mod home;
mod logs;
mod status;
mod up;

use std::path::PathBuf;

use clap::Subcommand;

use super::{CliError, Exit, Global, report};
use crate::sandbox::control::{CallError, NewImage};
use crate::sandbox::faults::{Fault, KINDS};
use crate::sandbox::hello;
use home::{Home, Record, refused};
pub use up::running;

#[derive(Debug, clap::Args)]
#[command(after_help = after_help())]
pub struct SandboxArgs {
    #[command(subcommand)]
    command: SandboxCommand,
}

#[derive(Debug, Subcommand)]
enum SandboxCommand {
    /// Start the sandbox in the background
    Up(up::UpArgs),
    /// End the sandbox and its machines; they come back with the next `up`
    Down(DirArg),
    /// Print settings for other AWS clients: eval "$(bgform sandbox env)"
    Env(env::EnvArgs),
    /// Show its instances, services, load balancers, calls and faults
    Status(status::StatusArgs),
    /// Print an instance's console, the calls, the requests, or the sandbox's own log
    Logs(logs::LogsArgs),
    /// End its machines, and remove its regions and the state of the stacks made in them
    Reset(DirArg),
    /// Make an image of a folder, with an executable `boot` in it
    Image(ImageArgs),
    /// Show, set or clear faults
    Fault(FaultCommand),
    /// Kill the processes of an instance or a task, as a crash does
    Crash(CrashArgs),
    /// The service of the base images
    #[command(hide = true)]
    Serve(ServeArgs),
}

/// Where the sandbox is.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct DirArg {
    /// Its folder [default: BGFORM_SANDBOX_DIR, or bgform/sandbox in ~/.local/share].
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// Faults from the start.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct FaultArgs {
    /// A fault; may be given several times. `bgform help sandbox` lists the faults.
    #[arg(long, value_name = "KIND=ARGS")]
    pub fault: Vec<Fault>,
}

#[derive(Debug, clap::Args)]
struct ImageArgs {
    /// The name of the image; REPOSITORY:TAG makes a container image.
    #[arg(value_name = "NAME")]
    name: String,
    /// The folder, copied now; later changes do not reach the image.
    #[arg(value_name = "DIR")]
    source: PathBuf,
    /// The description of the image.
    #[arg(long, value_name = "TEXT", default_value = "")]
    description: String,
    #[command(flatten)]
    dir: DirArg,
}

#[derive(Debug, clap::Args)]
struct FaultCommand {
    /// Faults to add to those that are set.
    #[arg(value_name = "KIND=ARGS")]
    faults: Vec<Fault>,
    /// Clear the faults that are set first.
    #[arg(long)]
    clear: bool,
    #[command(flatten)]
    dir: DirArg,
}

#[derive(Debug, clap::Args)]
struct CrashArgs {
    /// The id of the instance or the task.
    #[arg(value_name = "ID")]
    instance: String,
    #[command(flatten)]
    dir: DirArg,
}

#[derive(Debug, clap::Args)]
struct ServeArgs {
    /// [default: HOST of the environment]
    #[arg(long, env = "HOST", default_value = "127.0.0.1")]
    host: std::net::IpAddr,
    #[arg(long, env = "PORT", default_value_t = 8080)]
    port: u16,
    /// Answer all paths that begin with this as `/`.
    #[arg(long, value_name = "PATH")]
    below: Option<String>,
    /// The folder with its release.
    #[arg(default_value = ".")]
    folder: PathBuf,
}

fn after_help() -> String {
    let kinds: Vec<_> = KINDS.iter().map(|(_, example)| format!("  {example}")).collect();
    format!(
        "Faults (`bgform help sandbox` explains them):\n{}\n\nExamples:\n  bgform sandbox up\n  bgform sandbox status\n  \
         bgform sandbox fault lost=CreateRule:1\n  bgform sandbox logs --access --follow\n  bgform sandbox down",
        kinds.join("\n")
    )
}

/// Parses the speed factor of time.
pub fn speed(text: &str) -> Result<f64, String> {
    let speed: f64 = text.parse().map_err(|_| "it is no number".to_owned())?;
    match (0.1..=1000.0).contains(&speed) {
        true => Ok(speed),
        false => Err("from 0.1 to 1000".to_owned()),
    }
}

pub async fn run(global: &Global, args: SandboxArgs) -> Result<Exit, CliError> {
    match args.command {
        SandboxCommand::Up(args) => up::run(args).await,
        SandboxCommand::Down(dir) => down::down(&Home::of(dir.dir.as_deref())?).await,
        SandboxCommand::Env(args) => env::run(global, &args),
        SandboxCommand::Status(args) => status::run(args).await,
        SandboxCommand::Logs(args) => logs::run(args).await,
        SandboxCommand::Reset(dir) => down::reset(&Home::of(dir.dir.as_deref())?).await,
        SandboxCommand::Image(args) => image(global, args).await,
        SandboxCommand::Fault(args) => fault(args).await,
        SandboxCommand::Crash(args) => crash(args).await,
        SandboxCommand::Serve(args) => serve(args).await,
    }
}

/// The error of a failed control call.
fn told(record: &Record, error: CallError) -> CliError {
    match error {
        CallError::Refused { text, .. } => refused("bgform::sandbox::refused", text, "nothing was changed"),
        error => {
            let help = format!(
                "its process is {}: if it hangs, end it with `kill -9 {0}`, and `bgform sandbox up` goes on",
                record.pid
            );
            refused("bgform::sandbox::silent", error.to_string(), help)
        }
    }
}

async fn image(global: &Global, args: ImageArgs) -> Result<Exit, CliError> {
    let folder = match std::fs::canonicalize(&args.source) {
        Ok(folder) if folder.is_dir() => folder,
        _ => {
            return Err(CliError::usage(
                "bgform::sandbox::no_folder",
                format!("`{}` is no folder", args.source.display()),
                "name a folder: it is copied as the image",
            ));
        }
    };
    let home = Home::of(args.dir.dir.as_deref())?;
    let record = home.running()?;
    let new =
        NewImage { region: home::region(global), name: args.name, description: args.description, folder };
    let made = home.client(&record)?.image(&new).await.map_err(|error| told(&record, error))?;
    report::out(&format!("{}\n", made.id));
    Ok(Exit::Done)
}

async fn fault(args: FaultCommand) -> Result<Exit, CliError> {
    let home = Home::of(args.dir.dir.as_deref())?;
    let record = home.running()?;
    let client = home.client(&record)?;
    let calls = async {
        if args.clear {
            client.clear_faults().await?;
        }
        let texts: Vec<_> = args.faults.iter().map(ToString::to_string).collect();
        client.add_faults(&texts).await
    };
    let armed = calls.await.map_err(|error| told(&record, error))?;
    match armed.is_empty() {
        true => report::out("No fault is set.\n"),
        false => report::out(&armed.iter().map(|fault| format!("{fault}\n")).collect::<String>()),
    }
    Ok(Exit::Done)
}

async fn crash(args: CrashArgs) -> Result<Exit, CliError> {
    let home = Home::of(args.dir.dir.as_deref())?;
    let record = home.running()?;
    home.client(&record)?.crash(&args.instance).await.map_err(|error| told(&record, error))?;
    report::out(&format!("{} has crashed.\n", args.instance));
    Ok(Exit::Done)
}

async fn serve(args: ServeArgs) -> Result<Exit, CliError> {
    let (host, port) = (args.host, args.port);
    hello::serve(host, port, args.folder, args.below).await.map_err(|error| {
        refused("bgform::sandbox::serve", format!("{host}:{port} cannot be served: {error}"), "")
    })?;
    Ok(Exit::Done)
}
