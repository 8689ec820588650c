//! Instances: what they are, and the calls that start, stop and describe them.

use std::net::Ipv4Addr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::api::Actions;

/// The calls about instances, by name.
pub const ACTIONS: Actions = &[];

/// A machine. Its folder and its processes belong to `compute`, which follows [`InstanceState`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    pub id: String,
    pub image: String,
    pub instance_type: String,
    pub subnet: String,
    pub vpc: String,
    /// Such as `us-east-1a`.
    pub zone: String,
    /// The address that the API tells; where it is reached is [`super::super::state::Network::host`].
    pub private_address: Ipv4Addr,
    /// The port that the boot script is told as `PORT`: of the target group that it is launched
    /// for, or 8080.
    pub port: u16,
    /// Where the system has only 127.0.0.1: the port there that stands for every port of it.
    pub own_port: Option<u16>,
    pub security_groups: Vec<String>,
    pub user_data: Option<Vec<u8>>,
    /// Name or ARN of the instance profile.
    pub profile: Option<String>,
    pub key_name: Option<String>,
    pub state: InstanceState,
    /// When the state began, and what is due next is counted from.
    pub since: Timestamp,
    pub launched_at: Timestamp,
    /// Counts starts and reboots, so that compute can tell one from the next.
    pub boots: u64,
    /// `Client.UserInitiatedShutdown` and the like, with its message.
    pub state_reason: Option<(String, String)>,
    /// The Auto Scaling group that it belongs to.
    pub group: Option<String>,
    /// Of RunInstances; also a filter.
    pub client_token: Option<String>,
}

/// The states of the instance lifecycle (EC2 user guide, ec2-instance-lifecycle).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstanceState {
    Pending,
    Running,
    Stopping,
    Stopped,
    ShuttingDown,
    Terminated,
}

impl InstanceState {
    /// The code beside the name, as the API gives it.
    pub fn code(self) -> u16 {
        match self {
            InstanceState::Pending => 0,
            InstanceState::Running => 16,
            InstanceState::ShuttingDown => 32,
            InstanceState::Terminated => 48,
            InstanceState::Stopping => 64,
            InstanceState::Stopped => 80,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            InstanceState::Pending => "pending",
            InstanceState::Running => "running",
            InstanceState::ShuttingDown => "shutting-down",
            InstanceState::Terminated => "terminated",
            InstanceState::Stopping => "stopping",
            InstanceState::Stopped => "stopped",
        }
    }

    /// Whether its processes should be there.
    pub fn runs(self) -> bool {
        matches!(self, InstanceState::Pending | InstanceState::Running)
    }
}
