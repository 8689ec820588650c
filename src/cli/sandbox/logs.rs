//! `bgform sandbox logs`: prints files of the sandbox's folder, and follows them as they grow.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use super::DirArg;
use super::home::{Home, refused};
use crate::cli::context::reason;
use crate::cli::{CliError, Exit};
use crate::clock;
use crate::sandbox::control::find_log;
use crate::sandbox::log::{Follower, Seen};
use crate::sandbox::region_folders;
use crate::terminal::{errln, shown};

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

/// The interval at which a followed file is read.
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

async fn print(path: &Path, follow: bool) -> Result<Exit, CliError> {
    let failed = |error: std::io::Error| CliError::File {
        path: path.to_path_buf(),
        what: "read",
        reason: reason(&error),
    };
    let mut log = Follower::open(path).map_err(failed)?;
    let mut room = vec![0; 64 << 10];
    let mut out = Out { terminal: std::io::stdout().is_terminal(), left: Vec::new() };
    loop {
        match log.read(&mut room).map_err(failed)? {
            Seen::Read(read) => {
                let part = room.get(..read).unwrap_or_default();
                // A reader that stops early is no failure.
                if !out.print(part) {
                    return Ok(Exit::Done);
                }
            }
            Seen::Missed => {
                errln!("Lines are missing here: the log grew faster than it was read.");
            }
            Seen::End if follow => clock::sleep(LOOK).await,
            // The file was removed with its instance.
            Seen::End | Seen::Gone => return Ok(Exit::Done),
        }
    }
}

/// The output of a log: unchanged to a file or a program, without acting characters to a terminal.
struct Out {
    terminal: bool,
    /// The start of a character whose other bytes were not read yet.
    left: Vec<u8>,
}

impl Out {
    /// Prints a part; returns whether there is still a reader.
    fn print(&mut self, part: &[u8]) -> bool {
        let mut out = std::io::stdout().lock();
        if !self.terminal {
            return out.write_all(part).and_then(|()| out.flush()).is_ok();
        }
        self.left.extend_from_slice(part);
        let cut = self.left.utf8_chunks().last().map_or(0, |last| last.invalid().len());
        let rest = self.left.split_off(self.left.len() - cut);
        let text = std::mem::replace(&mut self.left, rest);
        out.write_all(shown(&String::from_utf8_lossy(&text)).as_bytes()).and_then(|()| out.flush()).is_ok()
    }
}
