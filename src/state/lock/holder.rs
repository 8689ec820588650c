//! The holder of a lock, as others see it.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::state::record::WrittenBy;

/// The holder of a lock, as it describes itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub host: String,
    pub user: String,
    pub pid: u32,
    pub command: String,
    pub since: Timestamp,
    /// The commit of the checkout in which the command was run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

impl Holder {
    /// A description of this process.
    pub fn this_process(command: &str) -> Self {
        let variable = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
        let kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
        let host = kernel.map(|name| name.trim().to_owned()).or_else(|| variable("HOSTNAME"));
        Self {
            host: host.unwrap_or_else(|| "unknown".to_owned()),
            user: variable("USER").or_else(|| variable("LOGNAME")).unwrap_or_else(|| "unknown".to_owned()),
            pid: std::process::id(),
            command: command.to_owned(),
            since: clock::now(),
            commit: None,
        }
    }

    pub(in crate::state) fn written_by(&self) -> WrittenBy {
        WrittenBy {
            bgform: env!("CARGO_PKG_VERSION").to_owned(),
            host: self.host.clone(),
            user: self.user.clone(),
            command: self.command.clone(),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, user, pid, command, since, commit } = self;
        write!(f, "`{command}` of {user} on {host} (process {pid}), since {since:.0}")?;
        match commit {
            Some(commit) => write!(f, ", from commit {}", commit.get(..12).unwrap_or(commit)),
            None => Ok(()),
        }
    }
}
