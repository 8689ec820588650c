//! Shared by the commands about deployments: finds the deployment without any variable, sends a message to
//! the running apply, or, without one, sets up the engine to do it here.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::progress::Progress;
use super::{CliError, Exit, Global, context, locate, lock};
use crate::address::Address;
use crate::clock;
use crate::cloud::Cloud;
use crate::diagnostic::did_you_mean;
use crate::facts::{Deployment, Release};
use crate::kind::shutdown::Shutdown;
use crate::rollout::mailbox::{Mailbox, Message};
use crate::rollout::run::{End, Ended};
use crate::rollout::tell::tell;
use crate::rollout::{Answer, Engine, Order, Plan, Realm, Shipped, order, recover, ship, stage};
use crate::stack::Program;
use crate::state::{LockGuard, Snapshot, StateError, Store};
use crate::terminal::{about, errln, outln, quoted, tell_with_deployment, tell_with_deployments};

/// Which deployment a command is about.
#[derive(Debug, Clone, clap::Args)]
pub struct Which {
    /// A stack file or folder; left out, the only .deploy file here.
    #[arg(value_name = "STACK")]
    pub stack: Option<PathBuf>,
    /// The deployment; left out, the stack's only one.
    #[arg(long, value_name = "NAME", value_parser = named)]
    pub deployment: Option<String>,
}

/// The deployment that a word of the command line names: `web`, or in a module `module.shop["eu"].web` or
/// `module.shop["eu"].deployment.web`. A shell may have removed the quotes.
pub fn named(text: &str) -> Result<String, Infallible> {
    let is_deployment = |address: &Address| address.kind == "deployment" && address.key.is_none();
    let address = |text: &str| text.parse::<Address>().ok().filter(is_deployment);
    let in_module = || {
        let (module, label) = text.rsplit_once('.')?;
        address(&format!("{module}.deployment.{label}"))
    };
    Ok(address(text).or_else(in_module).map_or_else(|| text.to_owned(), |found| found.name.clone()))
}

/// A stack with its state, found by its `stack` block.
pub struct Site {
    pub store: Store,
    files: Vec<PathBuf>,
    which: Option<String>,
}

/// Time after which it is reported that a running apply has not taken a message yet.
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

    /// The requested deployments: the named one, or all.
    pub fn all(&self, snapshot: &Snapshot) -> Result<Vec<(String, Deployment)>, CliError> {
        if snapshot.deployments.len() > 1 {
            tell_with_deployments();
        }
        if let Some(name) = &self.which {
            tell_with_deployment(name);
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

    /// The requested deployment, to lead its rollout; by default the only one with a rollout under way.
    pub fn leading(&self, snapshot: &Snapshot) -> Result<(String, Deployment), CliError> {
        let mut moving = self.all(snapshot)?;
        moving.retain(|(_, facts)| facts.rollout.is_some());
        match moving.len() {
            1 => {
                let only = moving.pop().ok_or_else(|| unknown(snapshot, ""))?;
                tell_with_deployment(&only.0);
                Ok(only)
            }
            _ => self.one(snapshot),
        }
    }

    /// The only requested deployment.
    pub fn one(&self, snapshot: &Snapshot) -> Result<(String, Deployment), CliError> {
        let mut all = self.all(snapshot)?;
        if all.len() > 1 {
            let names: Vec<_> =
                all.iter().map(|(name, _)| format!("--deployment {}", quoted(name))).collect();
            return Err(CliError::usage(
                "bgform::deployment::several",
                format!("stack `{}` has {} deployments", snapshot.stack, all.len()),
                format!("name one: {}", names.join(" or ")),
            ));
        }
        all.pop().ok_or_else(|| unknown(snapshot, ""))
    }

    /// Clients for the state's region, and the part of the files that needs no variables.
    pub async fn connect(&self, global: &Global, snapshot: &Snapshot) -> Result<(Program, Cloud), CliError> {
        let program = context::program_lenient(&self.files)?;
        let mut global = global.clone();
        global.region.get_or_insert_with(|| snapshot.region.clone());
        let cloud = context::connect(&global, &program).await?;
        Ok((program, cloud))
    }

    /// Takes the lock, or sends the message to the apply that holds it, and waits until that has taken it or
    /// has ended. `None` if it was taken; that apply reports the result.
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
                // A destroy leaves nothing to lead or to go back to.
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
            // It may have ended without checking the mailbox again, or be dead.
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

/// The context of a command for a deployment that no apply leads: the stack's files without variables.
pub struct Reach {
    cloud: Cloud,
    program: Program,
    realm: Realm,
    shutdown: Arc<Shutdown>,
    progress: Progress,
}

impl Reach {
    pub async fn of(site: &Site, global: &Global) -> Result<Self, CliError> {
        let (program, cloud) = site.connect(global, &site.snapshot()?).await?;
        let (realm, progress) = (context::realm(global), Progress::new());
        Ok(Self { cloud, program, realm, shutdown: Arc::default(), progress })
    }

    pub fn engine<'a>(&'a self, site: &'a Site) -> Engine<'a> {
        Engine {
            cloud: &self.cloud,
            program: &self.program,
            store: &site.store,
            realm: self.realm,
            reporter: &self.progress,
            shutdown: &self.shutdown,
            parallelism: 10,
            acts: &stage::of,
        }
    }

    /// From now on an interrupt ends the work under way.
    pub fn listen(&self) {
        self.shutdown.listen(|_| {
            errln!("\nInterrupted: the calls under way are finished. The same command continues.")
        });
    }
}

/// Decides again with the lock, and carries out the order.
pub async fn carry_out(
    global: &Global,
    site: &Site,
    lock: &LockGuard,
    name: &str,
    wanted: &Order,
) -> Result<Vec<Ended>, CliError> {
    let reach = Reach::of(site, global).await?;
    let engine = reach.engine(site);
    Shutdown::outlive_terminal();
    recover(&engine, lock, false).await?;
    reach.listen();
    match order(site.snapshot()?, name, wanted, engine.cloud.clock.now())? {
        Answer::Ship(plan) => {
            plan.launchable(engine.cloud).await?;
            Ok(shipped(&engine, lock, *plan).await?.rollouts)
        }
        Answer::Nothing(nothing) => {
            outln!("{nothing}");
            Ok(Vec::new())
        }
    }
}

/// Ships a plan; an error after something has begun is no refusal.
///
/// # Errors
/// [`CliError::Stopped`] in that case, otherwise the refusal.
pub async fn shipped(engine: &Engine<'_>, lock: &LockGuard, plan: Plan) -> Result<Shipped, CliError> {
    let before = plan.snapshot.sequence;
    let error = match ship(engine, lock, plan).await {
        Ok(shipped) => return Ok(shipped),
        Err(error) => CliError::from(error),
    };
    let has_begun = match engine.store.load() {
        Ok(Some(there)) => there.snapshot.sequence > before || !there.open.is_empty(),
        Ok(None) => false,
        Err(_) => true,
    };
    Err(if has_begun { CliError::Stopped(Box::new(error)) } else { error })
}

/// Reports the result. For `abort`, a release that was taken back is a success.
pub fn told(ended: &Ended) -> Exit {
    outln!("{}", about(&ended.name, &tell(ended)));
    exit([&ended.end])
}

/// The exit of a command with these ends of rollouts: the one that most needs attention.
pub fn exit<'a>(ends: impl IntoIterator<Item = &'a End>) -> Exit {
    let each = ends.into_iter().map(|end| match end {
        End::Shipped { .. } | End::GivenUp { .. } | End::Retired { .. } => (0, Exit::Done),
        End::Interrupted { .. } => (1, Exit::Interrupted),
        End::WentBack { stands: Some(_), .. } => (2, Exit::WentBack),
        // A first release has nothing to go back to.
        End::WentBack { stands: None, .. } | End::Held { .. } | End::Waits { .. } | End::Stuck { .. } => {
            (3, Exit::Stopped)
        }
    });
    each.max_by_key(|(need, _)| *need).map_or(Exit::Done, |(_, exit)| exit)
}
