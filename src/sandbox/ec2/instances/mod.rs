//! Instances, and the calls that start, stop and describe them.

use std::net::Ipv4Addr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::api::{Actions, Refusal};
use super::super::state::State;
use super::ids;
use super::launch::Launch;
use super::profiles::Association;

mod attributes;
mod describe;
mod lifecycle;
mod options;
mod run;
mod shown;
mod status;

pub use options::MetadataOptions;
pub use shown::interface;

/// The calls about instances, by name.
pub const ACTIONS: Actions = &[
    ("DescribeInstanceAttribute", attributes::describe),
    ("DescribeInstanceCreditSpecifications", options::describe_credits),
    ("DescribeInstanceStatus", status::describe),
    ("DescribeInstances", describe::describe),
    ("GetConsoleOutput", status::console_output),
    ("ModifyInstanceAttribute", attributes::modify),
    ("ModifyInstanceMaintenanceOptions", options::modify_maintenance),
    ("ModifyInstanceMetadataOptions", options::modify_metadata),
    ("MonitorInstances", options::monitor),
    ("RebootInstances", lifecycle::reboot),
    ("RunInstances", run::run),
    ("StartInstances", lifecycle::start),
    ("StopInstances", lifecycle::stop),
    ("TerminateInstances", lifecycle::terminate),
    ("UnmonitorInstances", options::unmonitor),
];

/// A machine. Its folder and its processes belong to `compute`, which follows [`InstanceState`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    pub id: String,
    pub reservation: String,
    /// Its place in the reservation.
    pub index: u32,
    pub image: String,
    pub instance_type: String,
    pub subnet: String,
    pub vpc: String,
    /// Such as `us-east-1a`.
    pub zone: String,
    /// The address in the API; the reachable one is [`super::super::state::Network::host`].
    pub private_address: Ipv4Addr,
    /// Whether it has a public address while it runs.
    pub public: bool,
    /// The `PORT` of the boot script: that of the target group that it is launched for, or 8080.
    pub port: u16,
    /// If the system only has 127.0.0.1: the port there that stands for all of its ports.
    pub own_port: Option<u16>,
    /// The id of its network interface, and of the attachment.
    pub interface: String,
    pub interface_attachment: String,
    #[serde(default)]
    pub interface_description: String,
    pub security_groups: Vec<String>,
    pub user_data: Option<Vec<u8>>,
    /// Name or ARN of the instance profile.
    pub profile: Option<String>,
    /// The association of its profile, if it has one.
    pub association: Option<Association>,
    pub key_name: Option<String>,
    pub devices: Vec<Device>,
    pub attributes: Attributes,
    pub state: InstanceState,
    /// The time of the last change of state, from which the next is due.
    pub since: Timestamp,
    pub launched_at: Timestamp,
    /// Counts starts and reboots, so that compute can tell one from the next.
    pub boots: u64,
    /// The last of its boots that compute reported.
    pub booted: u64,
    /// Whether compute failed to bring it up again while it was running.
    pub impaired: bool,
    /// `Client.UserInitiatedShutdown` and the like, with its message.
    pub state_reason: Option<(String, String)>,
    /// `User initiated (2026-01-01 00:00:00 GMT)`, or empty.
    pub transition_reason: String,
    /// The Auto Scaling group that it belongs to.
    pub group: Option<String>,
    /// Of RunInstances; also a filter.
    pub client_token: Option<String>,
}

/// A volume at an instance; the rest is in the volume.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Device {
    /// Such as `/dev/xvda`.
    pub device: String,
    pub volume: String,
}

/// The attributes of an instance (API_InstanceAttribute).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attributes {
    pub metadata: MetadataOptions,
    pub monitoring: bool,
    pub ebs_optimized: bool,
    pub source_dest_check: bool,
    pub disable_api_termination: bool,
    pub disable_api_stop: bool,
    /// `stop` or `terminate`.
    pub shutdown_behavior: String,
    /// `standard` or `unlimited`; `None`: the family's default.
    pub credits: Option<String>,
    pub tenancy: String,
    /// `default` or `disabled`.
    pub auto_recovery: String,
}

impl Default for Attributes {
    fn default() -> Self {
        Self::of(&Launch::default())
    }
}

impl Attributes {
    /// The attributes of a launch, with the defaults of API_RunInstances.
    pub fn of(launch: &Launch) -> Self {
        let text = |given: &Option<String>, otherwise: &str| given.clone().unwrap_or(otherwise.to_owned());
        Self {
            metadata: launch.metadata.clone(),
            monitoring: launch.monitoring.unwrap_or_default(),
            ebs_optimized: launch.ebs_optimized.unwrap_or_default(),
            source_dest_check: true,
            disable_api_termination: launch.disable_api_termination.unwrap_or_default(),
            disable_api_stop: launch.disable_api_stop.unwrap_or_default(),
            shutdown_behavior: text(&launch.shutdown_behavior, "stop"),
            credits: launch.credits.clone(),
            tenancy: text(&launch.tenancy, "default"),
            auto_recovery: "default".to_owned(),
        }
    }
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

    /// Tells whether it should have processes.
    pub fn runs(self) -> bool {
        matches!(self, InstanceState::Pending | InstanceState::Running)
    }
}

impl Instance {
    /// Begins a state.
    pub fn enter(&mut self, state: InstanceState, now: Timestamp) {
        self.state = state;
        self.since = now;
    }

    /// Tells whether the API treats it as unusable.
    pub fn is_gone(&self) -> bool {
        matches!(self.state, InstanceState::ShuttingDown | InstanceState::Terminated)
    }
}

/// The text beside a state that was entered for this reason.
pub fn transition_reason(code: &str, now: Timestamp) -> String {
    match code {
        "Client.UserInitiatedShutdown" => {
            format!("User initiated ({})", now.strftime("%Y-%m-%d %H:%M:%S GMT"))
        }
        code => code.to_owned(),
    }
}

/// `InvalidInstanceID.Malformed` and `InvalidInstanceID.NotFound`, for any of these.
pub fn check_ids(state: &State, wanted: &[String]) -> Result<(), Refusal> {
    if let Some(bad) = wanted.iter().find(|id| !ids::well_formed("i", id)) {
        return Err(ids::refused("i", bad));
    }
    let missing: Vec<&str> =
        wanted.iter().map(String::as_str).filter(|id| !state.ec2.instances.contains_key(*id)).collect();
    let message = match missing.as_slice() {
        [] => return Ok(()),
        [one] => format!("The instance ID '{one}' does not exist"),
        some => format!("The instance IDs '{}' do not exist", some.join(", ")),
    };
    Err(Refusal::new("InvalidInstanceID.NotFound", message))
}

/// The instance with this id, to be changed.
pub fn find<'a>(state: &'a mut State, id: &str) -> Result<&'a mut Instance, Refusal> {
    state.ec2.instances.get_mut(id).ok_or_else(|| ids::refused("i", id))
}

/// `stop` or `terminate` (API_ModifyInstanceAttribute).
pub fn check_shutdown_behavior(value: &str) -> Result<(), Refusal> {
    match value {
        "stop" | "terminate" => Ok(()),
        other => Err(Refusal::value(format!(
            "Value ({other}) for parameter instanceInitiatedShutdownBehavior is invalid."
        ))),
    }
}

#[cfg(test)]
impl Instance {
    /// A running instance for tests of other services.
    pub fn example() -> Self {
        Self {
            id: "i-0123456789abcdef0".to_owned(),
            reservation: "r-0123456789abcdef0".to_owned(),
            index: 0,
            image: "ami-1".to_owned(),
            instance_type: "t3.micro".to_owned(),
            subnet: String::new(),
            vpc: String::new(),
            zone: "us-east-1a".to_owned(),
            private_address: Ipv4Addr::new(127, 31, 0, 10),
            public: false,
            port: 8080,
            own_port: None,
            interface: "eni-0123456789abcdef0".to_owned(),
            interface_attachment: "eni-attach-0123456789abcdef0".to_owned(),
            interface_description: String::new(),
            security_groups: Vec::new(),
            user_data: None,
            profile: None,
            association: None,
            key_name: None,
            devices: Vec::new(),
            attributes: Attributes::default(),
            state: InstanceState::Running,
            since: Timestamp::UNIX_EPOCH,
            launched_at: Timestamp::UNIX_EPOCH,
            boots: 1,
            booted: 1,
            impaired: false,
            state_reason: None,
            transition_reason: String::new(),
            group: None,
            client_token: None,
        }
    }
}
