//! Decides which replaced resources are deleted before their replacements are created, since both cannot
//! exist at once. Makes no call.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::address::Address;
use crate::kind::AnyKind;
use crate::state::Record;
use crate::value::{Object, Value};

use super::order::{Loose, group_name};
use super::records::Records;
use super::resolve::ids_named;
use super::step::{Action, named_traffic};

/// A resource that is to be replaced.
pub struct Replaced<'a> {
    pub kind: &'static dyn AnyKind,
    pub record: &'a Record,
    /// The existing resource's inputs.
    pub before: &'a Object,
    /// The declared inputs: as written, and with known values inserted.
    pub declared: &'a Object,
    pub inputs: &'a Object,
    pub changed: BTreeSet<String>,
}

/// The decisions so far: everything that the next resource depends on.
#[derive(Default)]
pub struct Decided {
    loose: Vec<Loose>,
    /// The creates, by address.
    made: HashMap<Address, usize>,
    /// The deletes of the resources at each address, by id.
    gone: HashMap<String, Vec<Address>>,
    /// The ids of all deletes.
    deleted: HashSet<String>,
}

impl Decided {
    pub fn push(&mut self, loose: Loose) {
        let address = &loose.step.address;
        match &loose.step.action {
            Action::Create { .. } => {
                self.made.entry(address.clone()).or_insert(self.loose.len());
            }
            Action::Delete { id, deposed } => {
                self.deleted.insert(id.clone());
                if !deposed {
                    self.gone.entry(id.clone()).or_default().push(address.clone());
                }
            }
            Action::Update | Action::Forget { .. } => {}
        }
        self.loose.push(loose);
    }

    pub fn last_mut(&mut self) -> Option<&mut Loose> {
        self.loose.last_mut()
    }

    pub fn loose(&self) -> &[Loose] {
        &self.loose
    }

    pub fn into_loose(self) -> Vec<Loose> {
        self.loose
    }

    /// Tells whether a step deletes this id.
    pub fn deletes(&self, id: &str) -> bool {
        self.deleted.contains(id)
    }

    /// The inputs of the resource that will be created at an address.
    fn made(&self, address: &Address) -> Option<&Object> {
        self.loose.get(*self.made.get(address)?).map(|one| &one.step.inputs)
    }
}

/// The known facts about other resources.
pub struct Around<'a> {
    pub decided: &'a Decided,
    pub records: &'a Records<'a>,
    /// Addresses by id.
    pub addresses: &'a HashMap<String, Address>,
}

impl Replaced<'_> {
    pub fn goes_first(&self, around: &Around<'_>) -> bool {
        self.holds_what_stays()
            || self.kind.in_the_way(self.before, self.inputs)
            || self.goes_with_its_holder(around.decided)
            || self.takes_groups_along(around)
    }

    /// Tells whether the author fixed all exclusive values, and none changes.
    fn holds_what_stays(&self) -> bool {
        let unique = self.kind.schema().unique;
        let fixed = |name: &&str| self.inputs.get(*name).is_some_and(|value| !value.is_null());
        !unique.is_empty() && unique.iter().all(|name| fixed(name) && !self.changed.contains(*name))
    }

    /// Tells whether a resource that it refers to is deleted first and takes it along: a rule of a listener.
    fn goes_with_its_holder(&self, decided: &Decided) -> bool {
        let named = ids_named(self.kind.schema(), &self.record.inputs);
        let mut gone = named.into_iter().filter_map(|id| decided.gone.get(id)).flatten();
        gone.any(|address| decided.made(address).is_some())
    }

    /// Tells whether it forwards to a group that moves to another load balancer. A target group belongs to
    /// one load balancer at a time (Elastic Load Balancing quotas), so the old router must release it first.
    fn takes_groups_along(&self, around: &Around<'_>) -> bool {
        let name = |value: &Value| group_name(value, around.addresses);
        let (old, _) = named_traffic(&self.kind.traffic(self.before), &name);
        let (new, _) = named_traffic(&self.kind.traffic(self.declared), &name);
        // An ARN is no address, and nothing is created there.
        let is_made = |address: &Address| around.decided.made(address).is_some();
        let stays = |group: &&String| !group.parse().is_ok_and(|address| is_made(&address));
        old.keys().filter(|group| new.contains_key(*group)).any(|group| stays(&group))
            && self.changes_its_load_balancer(around)
    }

    fn changes_its_load_balancer(&self, around: &Around<'_>) -> bool {
        if self.changed.contains("load_balancer") {
            return true;
        }
        let (Some(old), Some(new)) = (self.before.get("listener"), self.inputs.get("listener")) else {
            return false;
        };
        let of = |listener: &Value| {
            let inputs = match listener.unmark().0 {
                Value::Unknown(unknown) => around.decided.made(&unknown.address),
                Value::String(arn) => around.records.with_id(arn).first().map(|(_, record)| &record.inputs),
                _ => None,
            };
            inputs.and_then(|inputs| inputs.get("load_balancer")).cloned()
        };
        self.changed.contains("listener") && (of(old).is_none() || of(old) != of(new))
    }
}
