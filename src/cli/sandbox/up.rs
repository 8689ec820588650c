//! `bgform sandbox up`: starts the daemon in the background and waits until it answers.

use std::convert::Infallible;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use super::daemon::{self, Start, Word};
use super::home::{Home, Record, Standing, refused};
use crate::cli::{CliError, Exit, report};
use crate::clock;
use crate::sandbox::faults::Fault;
use crate::sandbox::log;
use crate::terminal::errln;

/// The default port.
pub const PORT: u16 = 4577;
/// Maximum time until a daemon answers.
const PATIENCE: Duration = Duration::from_secs(60);
/// The interval at which the length of the daemon's log is checked.
const LOOK: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, clap::Args)]
pub struct UpArgs {
    /// The port of 127.0.0.1 to listen on [default: 4577, or where it runs already]; 0 for any free one.
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    #[command(flatten)]
    pub dir: super::DirArg,
    #[command(flatten)]
    faults: super::FaultArgs,
    /// Stay in the foreground until Ctrl-C.
    #[arg(long)]
    foreground: bool,
    /// Let the sandbox's time run N times as fast.
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = super::speed)]
    speed: f64,
    /// What the background process of `up` is started with.
    #[arg(long, hide = true, requires = "foreground")]
    detached: bool,
}

pub async fn run(args: UpArgs) -> Result<Exit, CliError> {
    let home = Home::of(args.dir.dir.as_deref())?;
    let start = Start {
        home: home.clone(),
        port: args.port.unwrap_or(PORT),
        speed: args.speed,
        faults: args.faults.fault.clone(),
    };
    if args.detached {
        return Ok(detached(start).await);
    }
    if args.foreground {
        let was_killed = was_killed(&home);
        daemon::run(start, |record| {
            report::out(&format!("{was_killed}The sandbox is at {}; Ctrl-C ends it.\n", record.endpoint()));
        })
        .await?;
        return Ok(Exit::Done);
    }
    if let Standing::Runs(record) = home.standing() {
        return runs_already(&home, &record, &args);
    }
    let was_killed = was_killed(&home);
    let record = background(&start).await?;
    report::out(&format!("{was_killed}{}", welcome(&home, &record)));
    Ok(Exit::Done)
}

fn was_killed(home: &Home) -> String {
    match home.standing() {
        Standing::Killed(_) => {
            "The last sandbox here was killed. This one continues from its state.\n".to_owned()
        }
        _ => String::new(),
    }
}

fn runs_already(home: &Home, record: &Record, args: &UpArgs) -> Result<Exit, CliError> {
    let message = || format!("a sandbox runs in {} already, at {}", home.folder.display(), record.endpoint());
    let help = "`bgform sandbox down` ends it; faults are set while it runs: `bgform sandbox fault KIND=...`; \
                --dir names a folder for another one";
    let other_port = args.port.is_some_and(|port| port != 0 && port != record.port);
    if other_port || !args.faults.fault.is_empty() || args.speed != 1.0 {
        return Err(refused("bgform::sandbox::runs", message(), help));
    }
    home.key()?;
    report::out(&format!("The sandbox runs already.\n{}", welcome(home, record)));
    Ok(Exit::Done)
}

fn welcome(home: &Home, record: &Record) -> String {
    let endpoint = record.endpoint();
    format!(
        "A region of your own is at {endpoint} (folder {folder}).\n\n  \
         bgform --sandbox apply STACK\n  \
         eval \"$(bgform sandbox env{dir})\"   # for other AWS clients in this shell\n\n\
         `bgform sandbox status` shows what is in it, `bgform sandbox down` ends it.\n",
        folder = home.folder.display(),
        dir = home.dir_argument(),
    )
}

/// The running daemon of the user's folder, started if need be, for `--sandbox`.
pub async fn running(home: &Home) -> Result<Record, CliError> {
    match home.standing() {
        Standing::Runs(record) => return Ok(record),
        Standing::Starts => {
            // Two commands started at once: waits for the other's daemon.
            for _ in 0..100 {
                clock::sleep(Duration::from_millis(100)).await;
                if let Standing::Runs(record) = home.standing() {
                    return Ok(record);
                }
            }
        }
        Standing::Down | Standing::Killed(_) => {}
    }
    let was_killed = was_killed(home);
    let mut start = Start { home: home.clone(), port: PORT, speed: 1.0, faults: Vec::new() };
    // If the default port is taken, another is used: nobody has named a port.
    if std::net::TcpListener::bind(("127.0.0.1", PORT)).is_err() {
        start.port = 0;
    }
    let record = match background(&start).await {
        Err(error) => match home.standing() {
            Standing::Runs(record) => record,
            _ => return Err(error),
        },
        Ok(record) => record,
    };
    errln!("{was_killed}Started a sandbox at {}; `bgform sandbox down` ends it.", record.endpoint());
    Ok(record)
}

/// Starts this binary again in the background and waits until it answers or reports an error.
async fn background(start: &Start) -> Result<Record, CliError> {
    let home = &start.home;
    home.make()?;
    let log = home.log();
    let file = log::within(&log, log::LIMIT).and_then(|_| log::open(&log));
    let file = file.map_err(home.cannot("written to"))?;
    let faults = start.faults.iter().map(|fault: &Fault| format!("--fault={fault}"));
    let mut child = Command::new(daemon::program()?)
        .args(["sandbox", "up", "--foreground", "--detached"])
        .arg(format!("--port={}", start.port))
        .arg(format!("--speed={}", start.speed))
        .arg("--dir")
        .arg(&home.folder)
        .args(faults)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(file)
        .spawn()
        .map_err(|error| {
            refused("bgform::sandbox::start", format!("bgform cannot be started again: {error}"), "")
        })?;
    let mut line = String::new();
    if let Some(out) = child.stdout.take() {
        let mut out = BufReader::new(out);
        tokio::select! {
            _ = out.read_line(&mut line) => {}
            () = clock::sleep(PATIENCE) => {}
        }
    }
    match serde_json::from_str(&line) {
        Ok(Word::Ready(record)) => Ok(record),
        Ok(Word::Failed { message, help, .. }) => {
            let _ = child.wait().await;
            Err(refused("bgform::sandbox::start", message, help))
        }
        Err(_) => {
            // No process is left behind: neither a hanging one nor one that is no longer awaited.
            let _ = child.kill().await;
            let message = "the sandbox ended or hung before it answered";
            Err(refused("bgform::sandbox::start", message, format!("its output is in {}", log.display())))
        }
    }
}

/// Runs the background process: in a session of its own, with one message to its starter.
async fn detached(start: Start) -> Exit {
    // It leads no group yet, so this does not fail; if it does, a terminal's hangup ends it.
    let _ = rustix::process::setsid();
    let log = start.home.log();
    let ended = tokio::select! {
        ended = daemon::run(start, |record| daemon::say(&Word::Ready(record.clone()))) => ended,
        never = bounded(&log) => match never {},
    };
    let Err(error) = ended else { return Exit::Done };
    let (code, help) = match &error {
        CliError::Refused { code, help, .. } => (*code, help.clone()),
        CliError::Usage { code, help, .. } => (*code, help.clone().unwrap_or_default()),
        _ => ("bgform::sandbox::start", String::new()),
    };
    let _ = writeln!(std::io::stderr(), "{:.0} {error}", clock::now());
    daemon::say(&Word::Failed { code: code.to_owned(), message: error.to_string(), help });
    Exit::Failed
}

/// Keeps the log, this process's standard error, within its limit.
async fn bounded(path: &Path) -> Infallible {
    loop {
        clock::sleep(LOOK).await;
        if log::within(path, log::LIMIT).is_ok_and(|was_within| !was_within)
            && let Ok(new) = log::open(path)
        {
            // Text written until then is in the older file.
            let _ = rustix::stdio::dup2_stderr(new);
        }
    }
}
