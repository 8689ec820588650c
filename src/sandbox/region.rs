//! One region: its state, the tasks that follow it, and its folder on disk.

use std::convert::Infallible;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::AbortHandle;

use super::api::{Calls, SERVICES};
use super::balancer::{self, Balancer};
use super::cloudwatch::Metrics;
use super::compute::{self, Compute};
use super::faults::Faults;
use super::log::{self, Log};
use super::network::{self, Claim};
use super::pace::Pace;
use super::state::State;
use super::{ec2, ecs, elbv2, ssm};
use crate::clock::{self, Clock};

/// Maximum number of rounds through the services in one turn; the rest waits for the next.
const ROUNDS: usize = 20;
/// Time to wait after a state could not be written.
const RETRY: Duration = Duration::from_millis(500);

/// Reports of the effects.
#[derive(Debug, Clone)]
pub enum Report {
    Compute(compute::Report),
    Balancer(balancer::Report),
}

/// The parameters of a region.
#[derive(Debug, Clone)]
pub struct Setup {
    pub name: String,
    /// `state.json`, `instances/`, `images/` and logs are in it.
    pub folder: PathBuf,
    pub clock: Clock,
    pub pace: Pace,
    pub faults: Arc<Faults>,
    /// The bgform binary, for the base images' service.
    pub program: PathBuf,
}

/// A region that is up.
#[derive(Debug)]
pub struct Region {
    pub setup: Setup,
    pub metrics: Arc<Metrics>,
    pub calls: Calls,
    pub compute: Compute,
    balancer: Balancer,
    store: Mutex<Store>,
    /// Wakes the driver.
    changed: Notify,
    /// The number of the newest state.
    newest: watch::Sender<u64>,
    /// The progress of saving.
    saved: watch::Sender<Saved>,
    /// The last state that compute and the balancer have.
    told: watch::Sender<u64>,
    tasks: Mutex<Vec<AbortHandle>>,
    _claim: Claim,
}

#[derive(Debug)]
struct Store {
    state: Arc<State>,
    /// Counts changes.
    number: u64,
    /// Earlier states and until when they stood, for readers that see late (eventual consistency).
    past: Vec<(Timestamp, Arc<State>)>,
}

#[derive(Debug, Clone, Default)]
struct Saved {
    number: u64,
    failure: Option<String>,
}

impl Region {
    /// Opens the region in its folder, or a new one, and starts its tasks.
    pub async fn open(setup: Setup) -> Result<Arc<Self>, OpenError> {
        // The name is the name of a folder, and comes from anybody's request.
        if !is_region(&setup.name) {
            return Err(OpenError::NoRegion { name: setup.name });
        }
        let failed = |what: &'static str| {
            let folder = setup.folder.clone();
            move |error: std::io::Error| OpenError::Folder { folder, what, reason: compute::why(&error) }
        };
        // Its state holds the user data of instances, including secrets.
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&setup.folder);
        made.map_err(failed("make"))?;
        let path = setup.folder.join("state.json");
        let old: Option<State> = match std::fs::read(&path) {
            Ok(bytes) => Some(
                serde_json::from_slice(&bytes)
                    .map_err(|error| OpenError::State { path: path.clone(), reason: error.to_string() })?,
            ),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed("read")(error)),
        };
        let now = setup.clock.now();
        let claim = network::claim(old.as_ref().map(|state| state.network), &setup.folder)
            .map_err(|_| OpenError::Network { folder: setup.folder.clone() })?;
        let state = old.unwrap_or_else(|| State::new(&setup.name, claim.network, setup.pace.clone(), now));
        let (reports, inbox) = mpsc::unbounded_channel();
        let metrics = Arc::<Metrics>::default();
        let compute = Compute::start(compute::Setup {
            root: setup.folder.clone(),
            clock: setup.clock.clone(),
            faults: setup.faults.clone(),
            reports: reports.clone(),
            program: setup.program.clone(),
        })
        .await
        .map_err(failed("make machines in"))?;
        let balancer = Balancer::start(balancer::Setup {
            clock: setup.clock.clone(),
            faults: setup.faults.clone(),
            metrics: metrics.clone(),
            reports,
            access_log: Log::new(setup.folder.join("access.log"), log::LIMIT),
        });
        let region = Arc::new(Self {
            metrics,
            calls: Calls::to(Log::new(setup.folder.join("calls.log"), log::LIMIT)),
            compute,
            balancer,
            store: Mutex::new(Store { state: Arc::new(state), number: 1, past: Vec::new() }),
            changed: Notify::new(),
            newest: watch::Sender::new(1),
            saved: watch::Sender::default(),
            told: watch::Sender::default(),
            tasks: Mutex::default(),
            _claim: claim,
            setup,
        });
        let tasks = [tokio::spawn(region.clone().drive(inbox)), tokio::spawn(region.clone().save())];
        *region.tasks.lock().unwrap_or_else(PoisonError::into_inner) =
            tasks.iter().map(|task| task.abort_handle()).collect();
        if let Err(reason) = region.saved().await {
            // Its machines may have begun to boot.
            region.close().await;
            return Err(OpenError::Folder { folder: region.setup.folder.clone(), what: "write to", reason });
        }
        Ok(region)
    }

    /// The current state.
    pub fn look(&self) -> Arc<State> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner).state.clone()
    }

    /// The state as a reader sees it while changes of the last `lag` are still spreading.
    pub fn look_late(&self, lag: Duration) -> Arc<State> {
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let then = ago(self.now(), lag);
        // The first state that was replaced after `then` is the state at `then`.
        store.past.iter().find(|(until, _)| *until > then).map_or(&store.state, |(_, state)| state).clone()
    }

    pub fn now(&self) -> Timestamp {
        self.setup.clock.now()
    }

    /// Changes the state: all of it or, on an error, nothing.
    pub fn change<T, E>(&self, change: impl FnOnce(&mut State, Timestamp) -> Result<T, E>) -> Result<T, E> {
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.now();
        let mut state = State::clone(&store.state);
        let answer = change(&mut state, now)?;
        if state == *store.state {
            return Ok(answer);
        }
        store.remember(self.setup.faults.lag(), now);
        store.state = Arc::new(state);
        store.number += 1;
        self.newest.send_replace(store.number);
        self.changed.notify_one();
        Ok(answer)
    }

    /// Waits until the current state is on disk; the error is why it cannot be written.
    pub async fn saved(&self) -> Result<(), String> {
        let number = self.store.lock().unwrap_or_else(PoisonError::into_inner).number;
        let mut saved = self.saved.subscribe();
        let seen = saved.wait_for(|saved| saved.number >= number || saved.failure.is_some()).await;
        match seen.map_err(|_| "the region is closed".to_owned())?.failure.clone() {
            Some(reason) => Err(reason),
            None => Ok(()),
        }
    }

    /// Waits until the current state is in effect: on disk, and sent to compute and the balancer.
    pub async fn in_effect(&self) -> Result<(), String> {
        let number = self.store.lock().unwrap_or_else(PoisonError::into_inner).number;
        let mut told = self.told.subscribe();
        let _ = told.wait_for(|told| *told >= number).await;
        self.saved().await
    }

    /// Waits until the state has what is looked for.
    pub async fn until<T>(&self, found: impl Fn(&State) -> Option<T>) -> Option<T> {
        let mut newest = self.newest.subscribe();
        loop {
            newest.mark_unchanged();
            if let Some(found) = found(&self.look()) {
                return Some(found);
            }
            newest.changed().await.ok()?;
        }
    }

    /// Requests that came to targets since the start, by target group ARN.
    pub fn requests(&self) -> std::collections::BTreeMap<String, u64> {
        let groups = self.balancer.traffic().groups.into_iter();
        groups.map(|(arn, traffic)| (arn, traffic.requests)).collect()
    }

    /// Ends the machines and the tasks; the state stays.
    pub async fn close(&self) {
        let _ = self.saved().await;
        for task in self.tasks.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            task.abort();
        }
        self.balancer.close();
        self.compute.stop().await;
    }

    /// Passes reports on and lets time pass, until nothing more is due now; when to look again.
    fn turn(&self, reports: &[Report]) -> Option<Timestamp> {
        let _ = self.change::<(), Infallible>(|state, now| {
            for report in reports {
                match report {
                    Report::Compute(report) => {
                        ec2::reported(state, report, now);
                        ssm::reported(state, report, now);
                        ecs::reported(state, report, now);
                    }
                    Report::Balancer(report) => elbv2::reported(state, report, now),
                }
            }
            Ok(())
        });
        // One service may have to react to another: repeat until nothing changes.
        let mut next = None;
        for _ in 0..ROUNDS {
            let before = self.look();
            let _ = self.change::<(), Infallible>(|state, now| {
                let ticks = SERVICES.iter().filter_map(|service| service.tick);
                next = ticks.filter_map(|tick| tick(state, &self.metrics, now)).min();
                Ok(())
            });
            if Arc::ptr_eq(&before, &self.look()) {
                break;
            }
        }
        let (number, state) = {
            let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
            (store.number, store.state.clone())
        };
        let mut wanted = ec2::wanted(&state);
        wanted.commands = ssm::wanted(&state);
        ecs::wanted(&state, &mut wanted);
        self.compute.want(wanted);
        self.balancer.publish(Arc::new(elbv2::config(&state)));
        self.told.send_replace(number);
        next
    }

    /// Handles time, reports and changes while it is polled.
    async fn drive(self: Arc<Self>, mut inbox: mpsc::UnboundedReceiver<Report>) {
        let mut reports = Vec::new();
        loop {
            let next = self.turn(&reports);
            reports.clear();
            let clock = &self.setup.clock;
            let due = async {
                match next {
                    Some(next) => {
                        clock.sleep(next.duration_since(clock.now()).try_into().unwrap_or_default()).await
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = inbox.recv_many(&mut reports, 1000) => {}
                () = self.changed.notified() => {}
                () = due => {}
            }
        }
    }

    /// Writes each newest state while it is polled.
    async fn save(self: Arc<Self>) {
        let mut newest = self.newest.subscribe();
        loop {
            let (number, state) = {
                let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
                (store.number, store.state.clone())
            };
            newest.mark_unchanged();
            if self.saved.borrow().number < number {
                let failure = self.write(&state).await.err().map(|error| compute::why(&error));
                let failed = failure.is_some();
                self.saved.send_modify(|saved| {
                    if !failed {
                        saved.number = number;
                    }
                    saved.failure = failure;
                });
                if failed {
                    // A full disk may get room again.
                    clock::sleep(RETRY).await;
                    continue;
                }
            }
            if *newest.borrow() == number && newest.changed().await.is_err() {
                return;
            }
        }
    }

    async fn write(&self, state: &State) -> std::io::Result<()> {
        let text = serde_json::to_vec(state)?;
        let new = self.setup.folder.join("state.json.new");
        tokio::fs::write(&new, text).await?;
        tokio::fs::rename(&new, self.setup.folder.join("state.json")).await
    }
}

impl Store {
    /// Keeps the state that is about to be the past for as long as `lag` can ask for it.
    fn remember(&mut self, lag: Option<Duration>, now: Timestamp) {
        let Some(lag) = lag else { return self.past.clear() };
        self.past.push((now, self.state.clone()));
        let oldest = ago(now, lag * 2);
        self.past.retain(|(until, _)| *until >= oldest);
    }
}

fn ago(now: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| now.checked_sub(by).ok()).unwrap_or(Timestamp::MIN)
}

/// Tells whether a text has the form of a region's name, such as `us-gov-west-1`: letters, then words of
/// letters, then a number, joined by hyphens.
fn is_region(name: &str) -> bool {
    let words: Vec<&str> = name.split('-').collect();
    let all = |word: &str, is: fn(&u8) -> bool| !word.is_empty() && word.bytes().all(|byte| is(&byte));
    match words.as_slice() {
        [area, middle @ .., number] => {
            name.len() <= 32
                && !middle.is_empty()
                && all(area, u8::is_ascii_lowercase)
                && middle.iter().all(|word| all(word, u8::is_ascii_lowercase))
                && all(number, u8::is_ascii_digit)
        }
        _ => false,
    }
}

/// A region that cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the sandbox cannot {what} its folder {folder}: {reason}")]
    Folder { folder: PathBuf, what: &'static str, reason: String },
    #[error("the sandbox's state {path} does not read: {reason}")]
    State { path: PathBuf, reason: String },
    #[error("`{name}` is no region's name")]
    NoRegion { name: String },
    #[error("the sandbox in {folder} has addresses that another sandbox uses now")]
    Network { folder: PathBuf },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::is_region;

    #[test]
    fn a_region_has_a_name_as_aws_gives_them() {
        for name in ["us-east-1", "ap-southeast-7", "us-gov-west-1", "us-iso-east-1", "eusc-de-east-1"] {
            assert!(is_region(name), "{name}");
        }
        for name in
            ["", "..", "us", "us-1", "us--1", "US-east-1", "us-east-1/", "us-east-1\0", "state", "../x-y-1"]
        {
            assert!(!is_region(name), "{name}");
        }
        assert!(!is_region(&format!("us-{}-1", "e".repeat(40))), "longer than any");
    }

    proptest! {
        /// A folder of this name is one folder below the sandbox's.
        #[test]
        fn a_region_is_one_folder_whatever_its_name(name in "[a-z0-9./\\\\_-]{0,12}|(us|\\.\\.|/|%2e)(-|/|east|\\.\\.){0,4}(-1)?|\\PC{0,8}") {
            if is_region(&name) {
                let path = std::path::Path::new("/sandbox").join(&name);
                prop_assert_eq!(path.components().count(), 3);
                prop_assert_eq!(path.file_name().and_then(|name| name.to_str()), Some(name.as_str()));
            }
        }
    }
}
