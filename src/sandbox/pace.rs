//! The durations of states that take time at AWS.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Durations of the region's own work, by the region's clock. AWS publishes none of them; the defaults are
/// long enough for every state to be observed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pace {
    /// `pending` → `running`.
    pub launch: Duration,
    /// `stopping` → `stopped`, and `shutting-down` → `terminated`.
    pub stop: Duration,
    /// Time that a terminated instance is still listed.
    pub remember_terminated: Duration,
    /// Image `pending` → `available`.
    pub image: Duration,
    /// Load balancer `provisioning` → `active`.
    pub load_balancer: Duration,
    /// `running` → Systems Manager knows the instance.
    pub agent: Duration,
    /// A task `PROVISIONING`, `ACTIVATING` and `DEPROVISIONING`: each of them.
    pub task: Duration,
    /// How long a task that nothing checks runs before its service counts it as healthy; 40 s on AWS.
    pub task_settles: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            launch: Duration::from_millis(500),
            stop: Duration::from_millis(500),
            remember_terminated: Duration::from_secs(3600),
            image: Duration::from_millis(800),
            load_balancer: Duration::from_millis(800),
            agent: Duration::from_millis(300),
            task: Duration::from_millis(300),
            task_settles: Duration::from_secs(1),
        }
    }
}
