//! The data plane: sockets that accept real connections, choose a target by rules, weights and
//! health, and carry requests to it.
//!
//! In: a [`Config`], whole, whenever it changed. Out: [`Report`]s, counters into the region's
//! metrics, an access log.

pub mod config;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::cloudwatch::Metrics;
use super::elbv2::targets::Health;
use super::faults::Faults;
use crate::clock::Clock;
pub use config::Config;

/// What the balancer saw.
#[derive(Debug, Clone)]
pub enum Report {
    /// A target's health changed, as the checks saw it (never `unused` or `draining`).
    Health { group: String, target: config::TargetKey, health: Health },
    /// A draining target has no open request any more.
    Drained { group: String, target: config::TargetKey },
    /// A listener's socket could not be opened: why, for people.
    Refused { listener: String, why: String },
}

/// What the balancer is started with.
#[derive(Debug, Clone)]
pub struct Setup {
    pub clock: Clock,
    pub faults: Arc<Faults>,
    pub metrics: Arc<Metrics>,
    pub reports: mpsc::UnboundedSender<super::region::Report>,
    /// `access.log` is appended there.
    pub access_log: PathBuf,
}

/// The running data plane. Dropping it closes its sockets and ends its tasks.
#[derive(Debug)]
pub struct Balancer {
    _setup: Setup,
}

impl Balancer {
    /// Starts with nothing to serve. Needs a tokio runtime.
    pub fn start(setup: Setup) -> Self {
        Self { _setup: setup }
    }

    /// Serves this from now on. Sockets that stay keep their connections; requests under way end
    /// as they began. A rule change reaches the nodes as the propagation fault says.
    pub fn publish(&self, _config: Arc<Config>) {}

    /// Closes all sockets and ends all connections.
    pub fn close(&self) {}
}
