//! What the commands about deployments have in common: the deployment found without any variable,
//! a message to the apply that runs, or, where none does, a session of one's own.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::apply::{end, recover_first};
use super::progress::Progress;
use super::{CliError, Exit, Global, context, locate, lock};
use crate::apply::shutdown::Shutdown;
use crate::clock;
use crate::cloud::Cloud;
use crate::deployment::mailbox::{Mailbox, Message};
use crate::deployment::run::{End, Ended, Run};
use crate::deployment::tell::tell;
use crate::diagnostic::did_you_mean;
use crate::lang::program::Program;
use crate::lang::scope::Known;
use crate::plan::remembered_outputs;
use crate::state::deployment::{Deployment, Release, Rollout};
use crate::state::{Change, Entry, Holder, Journal, LockGuard, Snapshot, StateError, Store};
use crate::terminal::{errln, outln};

/// Which deployment a command is about.
#[derive(Debug, Clone, clap::Args)]
pub struct Which {
    /// A stack file or folder; left out, the only .deploy file here.
    #[arg(value_name = "STACK")]
    pub stack: Option<PathBuf>,
    /// The deployment; left out, the stack's only one.
    #[arg(long, value_name = "NAME")]
    pub deployment: Option<String>,
}

/// A stack with its state, found by its `stack` block.
pub struct Site {
    pub store: Store,
    files: Vec<PathBuf>,
    which: Option<String>,
}

/// After how long it is said that a running apply has not taken a message yet.
const PATIENCE: Duration = Duration::from_secs(15);

impl Site {
    pub fn find(global: &Global, which: &Which) -> Result<Self, CliError> {
        let files = context::stack_files(which.stack.as_deref())?;
        let store = locate::store_of(global, &files)?;
        Ok(Self { store, files, which: which.deployment.clone() })
    }

    pub fn snapshot(&self) -> Result<Snapshot, CliError> {
        Ok(locate::loaded(&self.store)?.snapshot)
    }

    /// The deployments that were asked for: the one named, or all.
    pub fn all(&self, snapshot: &Snapshot) -> Result<Vec<(String, Deployment)>, CliError> {
        if let Some(name) = &self.which {
            let facts = snapshot.deployments.get(name).cloned();
            return facts.map(|facts| vec![(name.clone(), facts)]).ok_or_else(|| unknown(snapshot, name));
        }
        match snapshot.deployments.is_empty() {
            true => Err(CliError::usage(
                "bgform::deployment::none",
                format!("nothing was shipped yet by a `deployment` of stack `{}`", snapshot.stack),
                "`bgform apply` ships the first release",
            )),
            false => Ok(snapshot.deployments.clone().into_iter().collect()),
        }
    }

    /// The one deployment that was asked for.
    pub fn one(&self, snapshot: &Snapshot) -> Result<(String, Deployment), CliError> {
        let mut all = self.all(snapshot)?;
        if all.len() > 1 {
            let names: Vec<_> = all.iter().map(|(name, _)| format!("--deployment {name}")).collect();
            return Err(CliError::usage(
                "bgform::deployment::several",
                format!("stack `{}` has {} deployments", snapshot.stack, all.len()),
                format!("name one: {}", names.join(" or ")),
            ));
        }
        all.pop().ok_or_else(|| unknown(snapshot, ""))
    }

    /// Clients for the region that the state belongs to, and what the files say without variables.
    pub async fn connect(&self, global: &Global, snapshot: &Snapshot) -> Result<(Program, Cloud), CliError> {
        let program = context::program_lenient(&self.files)?;
        let mut global = global.clone();
        global.region.get_or_insert_with(|| snapshot.region.clone());
        let cloud = context::connect(&global, &program).await?;
        Ok((program, cloud))
    }

    /// Takes the lock, or hands the message to the apply that has it, and waits until that has taken
    /// it or has ended. None where it was taken; what became of it is said there.
    pub async fn lock_or_tell(
        &self,
        deployment: &str,
        about: &Release,
        message: &Message,
        command: &str,
    ) -> Result<Option<LockGuard>, CliError> {
        let mut contender = lock::contend(&self.store, command);
        let holder = match contender.try_take() {
            Ok(lock) => return Ok(Some(lock)),
            Err(StateError::Locked { holder, path, help }) => match holder.command.as_str() {
                // There will be nothing left to lead or to go back to.
                "bgform destroy" => return Err(StateError::Locked { holder, path, help }.into()),
                _ => holder,
            },
            Err(error) => return Err(error.into()),
        };
        let sent = Mailbox::of(&self.store).put(deployment, about, message)?;
        let (began, mut told) = (clock::monotonic(), false);
        loop {
            if !self.store.is_posted(&sent)? {
                outln!("{deployment}: {holder} has taken it, and does so now.");
                return Ok(None);
            }
            // It may have ended without looking once more, or be dead.
            if let Ok(lock) = contender.try_take() {
                lock::tell(&lock);
                if self.store.take(&sent)?.is_some() {
                    return Ok(Some(lock));
                }
                outln!("{deployment}: {holder} has taken it, and has ended.");
                return Ok(None);
            }
            if clock::monotonic().saturating_sub(began) >= PATIENCE && !std::mem::replace(&mut told, true) {
                outln!(
                    "{deployment}: {holder} has not taken it yet: it is at a step of {deployment} that it ends first. \
                     This waits until it does, or has ended; interrupted, it leaves the request there."
                );
            }
            clock::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Changes the rollout under way in the state, where no apply runs.
    pub async fn note(
        &self,
        global: &Global,
        lock: &LockGuard,
        about: &Release,
        change: impl FnOnce(&mut Deployment, &mut Rollout),
    ) -> Result<(), CliError> {
        let session = Session::begin(self, global, lock).await?;
        let (name, mut facts) = self.one(&session.journal.snapshot())?;
        still_under_way(&name, &facts, about)?;
        if let Some(mut rollout) = facts.rollout.take() {
            change(&mut facts, &mut rollout);
            facts.rollout = Some(rollout);
        }
        session.keep(&name, facts).await?;
        session.end(self, lock)
    }
}

fn unknown(snapshot: &Snapshot, name: &str) -> CliError {
    let names: Vec<&str> = snapshot.deployments.keys().map(String::as_str).collect();
    let help = match did_you_mean(name, names.iter().copied()) {
        Some(guess) => format!("did you mean `{guess}`?"),
        None => format!("there is {}", names.join(", ")),
    };
    CliError::usage(
        "bgform::deployment::unknown",
        format!("no deployment `{name}` is in the state of stack `{}`", snapshot.stack),
        help,
    )
}

/// The rollout under way, or that there is none.
pub fn under_way<'a>(name: &str, facts: &'a Deployment) -> Result<&'a Rollout, CliError> {
    facts.rollout.as_ref().ok_or_else(|| CliError::Refused {
        code: "bgform::deployment::nothing_under_way",
        message: format!("no release of `{name}` is under way"),
        help: "nothing was changed. `bgform status` shows what is live; `bgform rollback` goes back to the release \
               before"
            .to_owned(),
    })
}

/// The rollout that a command was given for, which may have ended while it waited for the lock.
pub fn still_under_way<'a>(
    name: &str,
    facts: &'a Deployment,
    about: &Release,
) -> Result<&'a Rollout, CliError> {
    let rollout = under_way(name, facts)?;
    match rollout.release == *about {
        true => Ok(rollout),
        false => Err(CliError::Refused {
            code: "bgform::deployment::nothing_under_way",
            message: format!(
                "{} of `{name}` has ended meanwhile, and {} is under way",
                about.label, rollout.release.label
            ),
            help: "nothing was changed. `bgform status` shows what stands".to_owned(),
        }),
    }
}

/// Who gives a command, as `user@host`.
pub fn who() -> String {
    let Holder { user, host, .. } = Holder::this_process("");
    format!("{user}@{host}")
}

/// Work on a stack whose state is locked, from its records.
pub struct Session {
    pub cloud: Cloud,
    pub program: Program,
    pub journal: Journal,
    mailbox: Mailbox,
    shutdown: Arc<Shutdown>,
    progress: Progress,
    lineage: String,
    known: Known,
}

impl Session {
    /// Ends what an earlier run left open, then begins.
    pub async fn begin(site: &Site, global: &Global, lock: &LockGuard) -> Result<Self, CliError> {
        let snapshot = site.snapshot()?;
        let (program, cloud) = site.connect(global, &snapshot).await?;
        let progress = Progress::new();
        recover_first(global, &program, &site.store, lock, false, &progress).await?;
        let snapshot = site.snapshot()?;
        let (lineage, known) = (snapshot.lineage.clone(), remembered_outputs(&snapshot));
        let journal = site.store.begin_session(lock, snapshot)?;
        let shutdown = Arc::new(Shutdown::default());
        shutdown.listen(|_| errln!("\nInterrupted: what is under way is ended; the same command goes on."));
        let mailbox = Mailbox::of(&site.store);
        Ok(Self { cloud, program, journal, mailbox, shutdown, progress, lineage, known })
    }

    pub fn run(&self) -> Run<'_> {
        Run {
            cloud: &self.cloud,
            program: &self.program,
            journal: &self.journal,
            reporter: &self.progress,
            shutdown: &self.shutdown,
            mailbox: &self.mailbox,
            lineage: &self.lineage,
            parallelism: 10,
            known: &self.known,
            from_records: true,
        }
    }

    /// Writes a deployment's facts down.
    pub async fn keep(&self, name: &str, facts: Deployment) -> Result<(), CliError> {
        let change = Change::Deployment { name: name.to_owned(), facts: Some(Box::new(facts)) };
        Ok(self.journal.append(Entry::Fact { change }).await?)
    }

    pub fn end(self, site: &Site, lock: &LockGuard) -> Result<(), CliError> {
        end(&site.store, lock, self.journal).map(drop)
    }
}

/// Says how it ended. A release that was taken back is what `abort` was asked for.
pub fn told(ended: &Ended) -> Exit {
    outln!("{}", tell(ended));
    match ended.end {
        End::Shipped { .. } | End::GivenUp { .. } => Exit::Done,
        End::Interrupted { .. } => Exit::Interrupted,
        End::WentBack { .. } | End::Held { .. } | End::Waits { .. } | End::Stuck { .. } => Exit::Failed,
    }
}
