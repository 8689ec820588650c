//! Maps an id or ARN to its address. A plan and a snapshot come in; the text to show instead of an id goes
//! out. Knows only resources in the state.

use std::collections::{HashMap, HashSet};

use crate::address::Address;
use crate::plan::step::{Action, Plan};
use crate::state::{Record, Snapshot};

/// Maximum length of an id that is shown beside an address: ARNs are longer and add nothing.
const LONGEST_ID: usize = 32;

/// Ids and ARNs of the state's resources.
#[derive(Debug, Default)]
pub(super) struct Names<'a> {
    known: HashMap<&'a str, Owner<'a>>,
}

#[derive(Debug)]
struct Owner<'a> {
    address: &'a Address,
    id: &'a str,
    /// Whether another resource is at the address, or will be.
    old: bool,
}

impl<'a> Names<'a> {
    pub(super) fn new(plan: &'a Plan, snapshot: &'a Snapshot) -> Self {
        let replaced: HashSet<&str> = plan
            .steps
            .iter()
            .filter_map(|step| match &step.action {
                Action::Create { replaces, .. } => replaces.as_deref(),
                Action::Delete { id, .. } => Some(id),
                Action::Update | Action::Forget { .. } => None,
            })
            .collect();
        let mut names = Self::default();
        for (address, record) in &snapshot.resources {
            names.add(address, record, replaced.contains(record.id.as_str()) && !plan.destroys);
        }
        for old in &snapshot.deposed {
            names.add(&old.address, &old.record, true);
        }
        names
    }

    fn add(&mut self, address: &'a Address, record: &'a Record, old: bool) {
        let arn = record.outputs.get("arn").and_then(|arn| arn.as_str());
        for text in [Some(record.id.as_str()), arn].into_iter().flatten() {
            self.known.entry(text).or_insert(Owner { address, id: &record.id, old });
        }
    }

    /// The text to show for a text at `member`, if it is one of the ids. A text that may be only a name (the
    /// id of an Auto Scaling group is its name) is left alone.
    pub(super) fn find(&self, text: &str, member: &str) -> Option<String> {
        let owner = self.known.get(text)?;
        let kind = owner.address.kind.as_str();
        let named_for = member == kind || member.strip_suffix('s') == Some(kind);
        if !named_for && !is_made_by_the_cloud(text) {
            return None;
        }
        Some(match owner.old {
            false => owner.address.to_string(),
            true if owner.id.len() > LONGEST_ID => format!("{} (old)", owner.address),
            true => format!("{} ({})", owner.address, owner.id),
        })
    }
}

/// Tells whether the cloud generated the text: `arn:aws:...`, `subnet-0a1b2c3d4e5f60718`.
fn is_made_by_the_cloud(text: &str) -> bool {
    let random = |part: &str| part.len() >= 8 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.starts_with("arn:") || text.rsplit_once('-').is_some_and(|(_, part)| random(part))
}
