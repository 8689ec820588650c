//! Which replaced resources go before their replacements are made, since both cannot stand at once.
//! Makes no call.

use std::collections::{BTreeSet, HashMap};

use crate::address::Address;
use crate::kind::AnyKind;
use crate::state::{Record, Snapshot};
use crate::value::{Object, Value};

use super::order::{Loose, group_name};
use super::resolve::refers_to;
use super::step::{Action, named_traffic};

/// A resource that is to be replaced.
pub struct Replaced<'a> {
    pub kind: &'static dyn AnyKind,
    pub record: &'a Record,
    /// What stands.
    pub before: &'a Object,
    /// What is declared: as it was written, and with what is known put in.
    pub declared: &'a Object,
    pub inputs: &'a Object,
    pub changed: BTreeSet<String>,
}

/// What has been decided so far: everything that the resource depends on.
pub struct Decided<'a> {
    pub loose: &'a [Loose],
    pub snapshot: &'a Snapshot,
    /// By id.
    pub addresses: &'a HashMap<String, Address>,
}

impl Replaced<'_> {
    pub fn goes_first(&self, decided: &Decided<'_>) -> bool {
        self.holds_what_stays() || self.goes_with_its_holder(decided) || self.takes_groups_along(decided)
    }

    /// Everything that only one can hold is fixed by the author and stays.
    fn holds_what_stays(&self) -> bool {
        let unique = self.kind.schema().unique;
        let fixed = |name: &&str| self.inputs.get(*name).is_some_and(|value| !value.is_null());
        !unique.is_empty() && unique.iter().all(|name| fixed(name) && !self.changed.contains(*name))
    }

    /// What it names goes first itself, and takes it along: a rule of a listener.
    fn goes_with_its_holder(&self, decided: &Decided<'_>) -> bool {
        decided.loose.iter().any(|one| match &one.step.action {
            Action::Delete { id, deposed: false } => {
                refers_to(self.kind.schema(), &self.record.inputs, id)
                    && decided.made(&one.step.address).is_some()
            }
            _ => false,
        })
    }

    /// A target group is of one load balancer at a time (Elastic Load Balancing quotas): what forwards
    /// to a group of an old one lets it go before another one's can have it.
    fn takes_groups_along(&self, decided: &Decided<'_>) -> bool {
        let name = |value: &Value| group_name(value, decided.addresses);
        let (old, _) = named_traffic(&self.kind.traffic(self.before), &name);
        let (new, _) = named_traffic(&self.kind.traffic(self.declared), &name);
        let stays = |group: &&String| {
            decided.loose.iter().all(|one| {
                !matches!(one.step.action, Action::Create { .. }) || one.step.address.to_string() != **group
            })
        };
        old.keys().filter(|group| new.contains_key(*group)).any(|group| stays(&group))
            && self.changes_its_load_balancer(decided)
    }

    fn changes_its_load_balancer(&self, decided: &Decided<'_>) -> bool {
        if self.changed.contains("load_balancer") {
            return true;
        }
        let (Some(old), Some(new)) = (self.before.get("listener"), self.inputs.get("listener")) else {
            return false;
        };
        let of = |listener: &Value| {
            let inputs = match listener.unmark().0 {
                Value::Unknown(unknown) => decided.made(&unknown.address),
                Value::String(arn) => decided.stands(arn),
                _ => None,
            };
            inputs.and_then(|inputs| inputs.get("load_balancer")).cloned()
        };
        self.changed.contains("listener") && (of(old).is_none() || of(old) != of(new))
    }
}

impl Decided<'_> {
    /// What is going to be made at an address.
    fn made(&self, address: &Address) -> Option<&Object> {
        let create =
            |one: &&Loose| matches!(one.step.action, Action::Create { .. }) && one.step.address == *address;
        self.loose.iter().find(create).map(|one| &one.step.inputs)
    }

    fn stands(&self, id: &str) -> Option<&Object> {
        let is = |record: &&Record| record.id == id;
        self.snapshot.resources.values().find(is).map(|record| &record.inputs)
    }
}
