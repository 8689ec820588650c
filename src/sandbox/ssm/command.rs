//! Commands, and how far they are on each instance.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::input::seconds;

/// The only document.
pub const DOCUMENT: &str = "AWS-RunShellScript";
/// The name of its one step.
pub const PLUGIN: &str = "aws:runShellScript";

/// A command that was sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Command {
    pub id: String,
    pub comment: String,
    /// As they were given.
    pub parameters: BTreeMap<String, Vec<String>>,
    pub instance_ids: Vec<String>,
    pub targets: Vec<Target>,
    /// The script, with its working directory.
    pub script: String,
    pub sent: Timestamp,
    /// Seconds until an instance must have begun (`TimeoutSeconds`).
    pub delivery: u32,
    /// Seconds that it may run (`executionTimeout`).
    pub execution: u32,
    /// `MaxConcurrency` and `MaxErrors`: numbers or percentages.
    pub max_concurrency: String,
    pub max_errors: String,
    /// By instance.
    pub invocations: IndexMap<String, Invocation>,
}

/// The target of a command: `InstanceIds` or `tag:KEY`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    pub key: String,
    pub values: Vec<String>,
}

/// A command on one instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Invocation {
    pub status: Status,
    pub began: Option<Timestamp>,
    pub ended: Option<Timestamp>,
    /// The exit code, -1 if there is none.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Statuses of an invocation (Systems Manager user guide, monitor-commands).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    Pending,
    InProgress,
    Success,
    Failed,
    DeliveryTimedOut,
    ExecutionTimedOut,
    Cancelling,
    Cancelled,
    /// It never ran, or its end was not observed.
    Undeliverable,
    /// Not begun, since others failed (`MaxErrors`).
    Terminated,
}

impl Status {
    /// `Status` of the answers.
    pub fn name(self) -> &'static str {
        match self {
            Status::Pending => "Pending",
            Status::InProgress => "InProgress",
            Status::Success => "Success",
            Status::Failed | Status::Undeliverable => "Failed",
            Status::DeliveryTimedOut | Status::ExecutionTimedOut => "TimedOut",
            Status::Cancelling => "Cancelling",
            Status::Cancelled | Status::Terminated => "Cancelled",
        }
    }

    /// `StatusDetails` of the answers.
    pub fn details(self) -> &'static str {
        match self {
            Status::DeliveryTimedOut => "DeliveryTimedOut",
            Status::ExecutionTimedOut => "ExecutionTimedOut",
            Status::Undeliverable => "Undeliverable",
            Status::Terminated => "Terminated",
            other => other.name(),
        }
    }

    pub fn ended(self) -> bool {
        !matches!(self, Status::Pending | Status::InProgress | Status::Cancelling)
    }

    /// Tells whether it counts for `MaxErrors` (user guide, send-commands-maxerrors).
    pub fn is_error(self) -> bool {
        matches!(
            self,
            Status::Failed | Status::DeliveryTimedOut | Status::ExecutionTimedOut | Status::Undeliverable
        )
    }
}

impl Invocation {
    pub fn pending() -> Self {
        Self {
            status: Status::Pending,
            began: None,
            ended: None,
            code: -1,
            stdout: String::new(),
            stderr: String::new(),
        }
    }
}

impl Command {
    /// The name of the run on an instance, for compute.
    pub fn run_id(&self, instance: &str) -> String {
        format!("{}.{instance}", self.id)
    }

    /// Until when an instance must have begun.
    pub fn delivered_by(&self) -> Timestamp {
        self.sent.saturating_add(SignedDuration::from_secs(self.delivery.into())).unwrap_or(Timestamp::MAX)
    }

    /// The number of invocations whose status `holds`.
    pub fn count(&self, holds: impl Fn(Status) -> bool) -> usize {
        self.invocations.values().filter(|invocation| holds(invocation.status)).count()
    }

    /// `MaxConcurrency` as a number of instances, at least one.
    pub fn concurrency(&self) -> usize {
        limit(&self.max_concurrency, self.invocations.len()).max(1)
    }

    /// `MaxErrors` as a number of instances.
    pub fn errors_allowed(&self) -> usize {
        limit(&self.max_errors, self.invocations.len())
    }

    /// The status of the whole.
    pub fn status(&self) -> Status {
        let has = |status| self.count(|one| one == status) > 0;
        if has(Status::Cancelling) {
            return Status::Cancelling;
        }
        if self.count(|status| !status.ended()) > 0 {
            let begun = self.count(|status| status != Status::Pending) > 0;
            return if begun { Status::InProgress } else { Status::Pending };
        }
        // The worst of them.
        let order = [
            Status::Failed,
            Status::Undeliverable,
            Status::ExecutionTimedOut,
            Status::DeliveryTimedOut,
            Status::Cancelled,
        ];
        order.into_iter().find(|status| has(*status)).unwrap_or(Status::Success)
    }

    /// `Command` of the answers.
    pub fn shown(&self) -> Value {
        let status = self.status();
        let details = if self.invocations.is_empty() { "NoInstancesInTag" } else { status.details() };
        let expires = SignedDuration::from_secs(self.execution.into());
        let targets: Vec<Value> =
            self.targets.iter().map(|target| json!({ "Key": target.key, "Values": target.values })).collect();
        json!({
            "CommandId": self.id,
            "DocumentName": DOCUMENT,
            "DocumentVersion": "$DEFAULT",
            "Comment": self.comment,
            "ExpiresAfter": seconds(self.delivered_by().saturating_add(expires).unwrap_or(Timestamp::MAX)),
            "Parameters": self.parameters,
            "InstanceIds": self.instance_ids,
            "Targets": targets,
            "RequestedDateTime": seconds(self.sent),
            "Status": status.name(),
            "StatusDetails": details,
            "OutputS3BucketName": "",
            "OutputS3KeyPrefix": "",
            "MaxConcurrency": self.max_concurrency,
            "MaxErrors": self.max_errors,
            "TargetCount": self.invocations.len(),
            "CompletedCount": self.count(Status::ended),
            "ErrorCount": self.count(|status| matches!(status, Status::Failed | Status::ExecutionTimedOut)),
            "DeliveryTimedOutCount": self.count(|status| status == Status::DeliveryTimedOut),
            "ServiceRole": "",
            "NotificationConfig": notifications(),
            "CloudWatchOutputConfig": output(),
            "TimeoutSeconds": self.delivery,
        })
    }
}

/// No notification of a command's status (AWS CLI reference, send-command, its example).
pub fn notifications() -> Value {
    json!({ "NotificationArn": "", "NotificationEvents": [], "NotificationType": "" })
}

/// Output does not go to CloudWatch Logs.
pub fn output() -> Value {
    json!({ "CloudWatchLogGroupName": "", "CloudWatchOutputEnabled": false })
}

fn limit(text: &str, of: usize) -> usize {
    match text.strip_suffix('%').map(str::parse::<usize>) {
        Some(percent) => percent.unwrap_or(100).saturating_mul(of) / 100,
        None => text.parse().unwrap_or(usize::MAX),
    }
}
