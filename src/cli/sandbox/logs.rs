//! `bgform sandbox logs`: files of the sandbox's folder, as they are and as they grow.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::time::Duration;

use super::DirArg;
use super::home::{Home, refused};
use crate::cli::context::reason;
use crate::cli::{CliError, Exit};
use crate::clock;
use crate::sandbox::control::find_log;
use crate::sandbox::region_folders;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  bgform sandbox logs i-0a1b2c3d4e5f67890\n  bgform sandbox logs --access --follow\n  \
                        bgform sandbox logs --calls | sort -k3 | uniq -c -f2"
)]
pub struct LogsArgs {
    /// The console of this instance; left out, the sandbox's own log.
    #[arg(value_name = "i-...")]
    instance: Option<String>,
    /// The API calls: when, service, action, and `ok`, the error's code or `silence`.
    #[arg(long, conflicts_with_all = ["instance", "access"])]
    calls: bool,
    /// The requests that went through load balancers.
    #[arg(long, conflicts_with = "instance")]
    access: bool,
    /// Go on as it grows, until Ctrl-C.
    #[arg(short, long)]
    follow: bool,
    #[command(flatten)]
    dir: DirArg,
}

/// How often a file that is followed is looked at.
const LOOK: Duration = Duration::from_millis(200);

pub async fn run(args: LogsArgs) -> Result<Exit, CliError> {
    let home = Home::of(args.dir.dir.as_deref())?;
    let of = match (&args.instance, args.calls, args.access) {
        (Some(instance), ..) => Some(instance.as_str()),
        (None, true, _) => Some("calls"),
        (None, _, true) => Some("access"),
        _ => None,
    };
    let path = match of {
        None => Some(home.log()).filter(|path| path.is_file()),
        Some(of) => find_log(region_folders(&home.folder), of),
    };
    let path = path.ok_or_else(|| {
        let what = match of {
            None => "of its own".to_owned(),
            Some("calls") => "of calls".to_owned(),
            Some("access") => "of requests".to_owned(),
            Some(instance) => format!("of {instance}"),
        };
        let help = "the console of an instance goes with it when it is terminated";
        refused(
            "bgform::sandbox::no_log",
            format!("the sandbox in {} has no log {what}", home.folder.display()),
            help,
        )
    })?;
    print(&path, args.follow).await
}

async fn print(path: &PathBuf, follow: bool) -> Result<Exit, CliError> {
    let failed =
        |error: std::io::Error| CliError::File { path: path.clone(), what: "read", reason: reason(&error) };
    let mut at = 0;
    loop {
        let mut file = match File::open(path) {
            Ok(file) => file,
            // It went with its instance.
            Err(_) if at > 0 => return Ok(Exit::Done),
            Err(error) => return Err(failed(error)),
        };
        // A file that is shorter than it was is another one.
        if file.metadata().map_err(failed)?.len() < at {
            at = 0;
        }
        file.seek(SeekFrom::Start(at)).map_err(failed)?;
        let mut part = vec![0; 64 << 10];
        loop {
            let read = file.read(&mut part).map_err(failed)?;
            at += read as u64;
            let mut out = std::io::stdout().lock();
            // A reader that stops early is no failure.
            let Some(part) = part.get(..read) else { break };
            if out.write_all(part).and_then(|()| out.flush()).is_err() {
                return Ok(Exit::Done);
            }
            if read == 0 {
                break;
            }
        }
        if !follow {
            return Ok(Exit::Done);
        }
        clock::sleep(LOOK).await;
    }
}
