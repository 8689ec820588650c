//! The data plane: sockets that accept real connections, choose a target by rules, weights and
//! health, and carry requests to it.
//!
//! In: a [`Config`], whole, whenever it changed. Out: [`Report`]s, counters into the region's
//! metrics, an access log.
//!
//! ```text
//! publish ─ control ─▶ listeners ─ nodes ─▶ rules          (swapped as a whole)
//!                   └▶ groups ─▶ targets ◀─ health checks  (live, one for all nodes)
//! client ─ listen ─ client ─ serve: route ─ choose ─ forward ─ pool ─▶ target
//! ```

mod access_log;
mod answers;
mod choose;
mod client;
pub mod config;
mod control;
mod cookies;
mod counters;
mod desync;
mod exchange;
mod forward;
mod groups;
mod headers;
mod health;
mod io;
mod listen;
mod metrics;
mod nodes;
mod plane;
mod pool;
mod publish;
mod route;
mod serve;
mod tcp;
#[cfg(test)]
mod tests;
mod traffic;
mod upgrade;
mod workers;

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use super::cloudwatch::Metrics;
use super::elbv2::targets::Health;
use super::faults::Faults;
use super::log::Log;
use crate::clock::Clock;
pub use config::Config;
use control::Control;
use plane::Plane;
pub use traffic::{GroupTraffic, ListenerTraffic, Traffic};

/// Reports of the balancer.
#[derive(Debug, Clone)]
pub enum Report {
    /// A target's health changed, as the checks saw it (never `unused` or `draining`).
    Health { group: String, target: config::TargetKey, health: Health },
    /// A draining target has no open request any more.
    Drained { group: String, target: config::TargetKey },
    /// A listener's socket could not be opened: why, for people.
    Refused { listener: String, why: String },
}

/// The parameters of a balancer.
#[derive(Debug)]
pub struct Setup {
    pub clock: Clock,
    pub faults: Arc<Faults>,
    pub metrics: Arc<Metrics>,
    pub reports: mpsc::UnboundedSender<super::region::Report>,
    /// The file for a line about each request.
    pub access_log: Log,
}

/// The running data plane. Dropping it closes its sockets and ends its tasks.
#[derive(Debug)]
pub struct Balancer {
    plane: Arc<Plane>,
    control: Arc<Mutex<Control>>,
}

impl Balancer {
    /// Starts with nothing to serve. Needs a tokio runtime.
    pub fn start(setup: Setup) -> Self {
        let into = setup.metrics.clone();
        let (plane, writer) = Plane::new(setup);
        let plane = Arc::new(plane);
        let control = Arc::<Mutex<Control>>::default();
        plane.spawn(writer);
        plane.spawn(metrics::follow(plane.clone(), Arc::downgrade(&control), into));
        Self { plane, control }
    }

    /// Serves this configuration from now on. Sockets that stay keep their connections; requests under way
    /// end as they began. A rule change reaches the nodes with the delay of the propagation fault.
    pub fn publish(&self, config: Arc<Config>) {
        self.control.lock().unwrap_or_else(PoisonError::into_inner).publish(&self.plane, &config);
    }

    /// The traffic since the start, by listener and by target group.
    pub fn traffic(&self) -> Traffic {
        self.control.lock().unwrap_or_else(PoisonError::into_inner).traffic()
    }

    /// Closes all sockets and ends all connections.
    pub fn close(&self) {
        self.plane.end();
        self.control.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.close();
    }
}
