//! The inputs of a plan, as a saved plan keeps them: the account, the files, the options and the state. All
//! come from the command line and the program; nothing is read or written.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::fingerprint::digest;
use crate::address::Address;
use crate::plan::Options;
use crate::stack::Program;
use crate::state::Snapshot;

/// The account that a plan is for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) account: String,
    pub(super) region: String,
    pub(super) endpoint: Option<String>,
}

/// A file of the stack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct File {
    pub(super) path: PathBuf,
    /// SHA-256, to tell which file has changed.
    pub(super) digest: String,
}

/// The options of the plan itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Chosen {
    pub(super) targets: Vec<Address>,
    #[serde(default)]
    pub(super) excludes: Vec<Address>,
    pub(super) replace: Vec<Address>,
    pub(super) no_refresh: bool,
    pub(super) upgrade: bool,
    pub(super) destroy: bool,
    pub(super) allow_outage: bool,
    #[serde(default)]
    pub(super) supersede: bool,
}

/// The options that choose account and state, whatever their source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Where {
    pub(super) region: Option<String>,
    pub(super) profile: Option<String>,
    pub(super) endpoint_url: Option<String>,
    pub(super) state: Option<PathBuf>,
    /// Whether it is the user's sandbox instead of AWS.
    #[serde(default)]
    pub(super) sandbox: bool,
}

/// The identity of the state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Serial {
    pub(super) lineage: String,
    pub(super) serial: u64,
    pub(super) sequence: u64,
}

impl Place {
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        Self {
            account: snapshot.account.clone(),
            region: snapshot.region.clone(),
            endpoint: snapshot.endpoint.clone(),
        }
    }

    pub(super) fn text(&self) -> String {
        let endpoint = self.endpoint.as_ref().map(|endpoint| format!(" at {endpoint}")).unwrap_or_default();
        format!("account {}, region {}{endpoint}", self.account, self.region)
    }
}

impl File {
    /// The digest is of the text that the program has read.
    pub(super) fn of(path: &Path, program: &Program) -> Self {
        let path = absolute(path);
        let text = program.sources.iter().find(|(_, source, _)| absolute(source) == path);
        let text = text.map(|(_, _, text)| text).unwrap_or_default();
        Self { digest: digest(text.as_bytes()), path }
    }
}

impl Chosen {
    pub(super) fn of(options: &Options) -> Self {
        let Options { targets, excludes, replace, no_refresh, upgrade, destroy, supersede, allow_outage } =
            options.clone();
        Self { targets, excludes, replace, no_refresh, upgrade, destroy, supersede, allow_outage }
    }
}

impl Serial {
    /// `None` for the snapshot of a stack that was never applied.
    pub(super) fn of(snapshot: &Snapshot) -> Option<Self> {
        (snapshot.serial > 0 || snapshot.sequence > 0).then(|| Self {
            lineage: snapshot.lineage.clone(),
            serial: snapshot.serial,
            sequence: snapshot.sequence,
        })
    }
}

pub(super) fn moved(planned: Option<&Serial>, now: Option<&Serial>) -> String {
    match (planned, now) {
        (None, _) => "there was none, and now there is one".to_owned(),
        (Some(_), None) => "there was one, and now there is none".to_owned(),
        (Some(planned), Some(now)) if planned.lineage != now.lineage => "it is another state".to_owned(),
        (Some(planned), Some(now)) if planned.serial != now.serial => {
            format!("it was at serial {}, and is at {}", planned.serial, now.serial)
        }
        (Some(planned), Some(now)) => {
            format!("it was at record {}, and is at {}", planned.sequence, now.sequence)
        }
    }
}

pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}
