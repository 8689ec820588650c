//! The shared part of the data plane.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::access_log::Log;
use super::workers::Workers;
use super::{Report, Setup};
use crate::clock::{self, Clock};
use crate::faults::Faults;
use crate::region;

#[derive(Debug)]
pub struct Plane {
    pub clock: Clock,
    pub faults: Arc<Faults>,
    pub log: Arc<Log>,
    pub reports: mpsc::UnboundedSender<region::Report>,
    pub workers: Workers,
    runtime: Handle,
    /// `None` once the balancer is closed.
    tasks: Mutex<Option<JoinSet<()>>>,
}

impl Plane {
    /// With the task that writes the access log.
    pub fn new(setup: Setup) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let log = Arc::<Log>::default();
        let writer = log.clone().write(setup.access_log);
        let plane = Self {
            clock: setup.clock,
            faults: setup.faults,
            log,
            reports: setup.reports,
            workers: Workers::start(),
            runtime: Handle::current(),
            tasks: Mutex::new(Some(JoinSet::new())),
        };
        (plane, writer)
    }

    /// Runs a task until it ends or the balancer is closed.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> Option<tokio::task::AbortHandle> {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let tasks = tasks.as_mut()?;
        while tasks.try_join_next().is_some() {}
        Some(tasks.spawn_on(task, &self.runtime))
    }

    /// Lets sockets be made where no runtime is entered.
    pub fn enter(&self) -> tokio::runtime::EnterGuard<'_> {
        self.runtime.enter()
    }

    pub fn report(&self, report: Report) {
        // The region that would listen may have ended.
        let _ = self.reports.send(region::Report::Balancer(report));
    }

    /// Ends all tasks, and with them all sockets. Not to be called by one of them.
    pub fn end(&self) {
        *self.tasks.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.workers.end();
        self.log.flush();
    }
}

/// The result of `future`, if it comes within this real time: the other end of a socket does not get faster
/// with the region's clock.
pub async fn within<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
    let late = std::pin::pin!(clock::sleep(limit));
    match select(std::pin::pin!(future), late).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(((), _)) => None,
    }
}
