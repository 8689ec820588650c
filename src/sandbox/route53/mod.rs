//! Route 53: hosted zones and their record sets, as they are kept and looked up. No name is answered by a server.

mod changes;
mod records;
#[cfg(test)]
mod tests;
mod zones;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::api::{Actions, Protocol, Refusal, Service, Shapes, Wire};
pub use records::Key;
pub use zones::Zone;

/// The state of Route 53.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Route53 {
    /// By id.
    pub zones: BTreeMap<String, Zone>,
    /// When each change was made, by its id.
    pub changes: BTreeMap<String, (Timestamp, Option<String>)>,
}

/// Route 53.
pub static SERVICE: Service = Service {
    wire: Wire {
        name: "route53",
        signed: "route53",
        query: Some(Protocol::RestXml),
        namespace: "https://route53.amazonaws.com/doc/2013-04-01/",
        invalid: "InvalidInput",
        ..Wire::QUERY
    },
    actions: ACTIONS,
    shapes: LazyLock::new(|| Shapes::parse(include_str!("shapes.txt"))),
    tick: None,
};

/// The calls, by name.
const ACTIONS: &[Actions] = &[changes::ACTIONS, records::ACTIONS, zones::ACTIONS];

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("InvalidInput", message)
}

/// A name as Route 53 keeps it: in lower case, with the last dot, and other signs as `\052`
/// (developer guide, DomainNameFormat).
fn full(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.\\".contains(c);
    let mut full: String = name
        .to_ascii_lowercase()
        .chars()
        .map(|c| if plain(c) { c.to_string() } else { format!("\\{:03o}", c as u32) })
        .collect();
    if !full.ends_with('.') {
        full.push('.');
    }
    full
}

/// The order of names: by their labels from the last to the first (API_ListResourceRecordSets).
fn order(name: &str) -> Vec<String> {
    name.trim_end_matches('.').rsplit('.').map(str::to_owned).collect()
}
