//! Indexes of a state's records: by id, by the resources that keep an id, by generation. A snapshot comes in;
//! each answer takes one look-up.

use std::collections::HashMap;

use crate::address::Address;
use crate::kind;
use crate::state::{Record, Snapshot};

pub struct Records<'a> {
    snapshot: &'a Snapshot,
    /// The records by id, in the order of the state.
    by_id: HashMap<&'a str, Vec<(&'a Address, &'a Record)>>,
    /// The addresses that keep an id, in the order of the state.
    keepers: HashMap<String, Vec<&'a Address>>,
    /// The highest generation among the replaced resources of an address.
    deposed: HashMap<&'a Address, u32>,
}

impl<'a> Records<'a> {
    pub fn new(snapshot: &'a Snapshot) -> Self {
        let mut by_id: HashMap<&str, Vec<_>> = HashMap::new();
        let mut keepers: HashMap<String, Vec<_>> = HashMap::new();
        for (address, record) in &snapshot.resources {
            by_id.entry(&record.id).or_default().push((address, record));
            let kept = kind::find_managed(&address.kind).map(|kind| kind.keeps(record));
            for id in kept.into_iter().flatten() {
                keepers.entry(id).or_default().push(address);
            }
        }
        let mut deposed: HashMap<&Address, u32> = HashMap::new();
        for old in &snapshot.deposed {
            let highest = deposed.entry(&old.address).or_default();
            *highest = old.record.generation.max(*highest);
        }
        Self { snapshot, by_id, keepers, deposed }
    }

    /// The records with this id: a renamed address may have it beside the old one.
    pub fn with_id(&self, id: &str) -> &[(&'a Address, &'a Record)] {
        self.by_id.get(id).map_or(&[], Vec::as_slice)
    }

    /// The address that keeps this id, other than `except`.
    pub fn keeper(&self, id: &str, except: Option<&Address>) -> Option<&'a Address> {
        self.keepers.get(id)?.iter().copied().find(|keeper| Some(*keeper) != except)
    }

    /// An unused generation for this address: above the existing ones, and above those of names that an
    /// earlier apply may have made before the address was renamed.
    pub fn next_generation(&self, address: &Address) -> u32 {
        let standing = self.snapshot.resources.get(address).map(|record| record.generation);
        let made = standing.max(self.deposed.get(address).copied()).map(|highest| highest + 1);
        let serial = u32::try_from(self.snapshot.serial).unwrap_or(u32::MAX);
        made.unwrap_or_default().max(serial)
    }
}
