//! The kinds whose blocks a deployment nests: a fleet, what it launches from and how it is reached, and what
//! divides the traffic.

use std::sync::LazyLock;

use crate::kind::{self, fleet::Fleet};
use crate::lang::ast::Block;

/// What of a resource changes in place whichever colour it is: it reaches no instance.
const OF_NO_RELEASE: [&str; 2] = ["tags", "name"];

/// Whether an attribute of a resource of this kind, of a deployment on this fleet, is a part of what ships.
pub fn ships(fleet: &dyn Fleet, kind: &str, attribute: &str) -> bool {
    match kind == fleet.kind() {
        true => fleet.shape().ships.contains(&attribute),
        false => !OF_NO_RELEASE.contains(&attribute),
    }
}

static NESTED: LazyLock<Vec<(&str, bool)>> = LazyLock::new(|| {
    let mut all: Vec<(&str, bool)> = Vec::new();
    for fleet in kind::fleets() {
        for kind in parts(fleet) {
            if !all.iter().any(|(known, _)| *known == kind) {
                all.push((kind, false));
            }
        }
    }
    let mut routers: Vec<_> =
        kind::managed().iter().filter_map(|kind| Some((kind, kind.router()?))).collect();
    // What is the deployment's own comes before what is the stack's.
    routers.sort_by_key(|(_, router)| router.named_by().is_some());
    all.extend(routers.into_iter().map(|(kind, _)| (kind.schema().kind, true)));
    all
});

/// The kinds that a deployment nests: name, and whether it may have several. Of those that divide its
/// traffic ([`kind::router`]) at least one is written.
pub fn nested() -> &'static [(&'static str, bool)] {
    &NESTED
}

/// The kinds of a fleet that a deployment needs, in the order of their lowering.
pub fn parts(seam: &dyn Fleet) -> [&'static str; 3] {
    [seam.source(), seam.kind(), seam.targets()]
}

/// The fleet that a deployment's block is written with: the first of all where it is written with none.
pub fn fleet_of(block: &Block) -> &'static dyn Fleet {
    let is_written = |kind: &str| block.body.blocks.iter().any(|one| one.keyword.text == kind);
    let written = |seam: &&'static dyn Fleet| is_written(seam.kind()) || is_written(seam.source());
    // INVARIANT: the registry has a kind of fleet.
    kind::fleets().find(written).or_else(|| kind::fleets().next()).expect("a kind of fleet")
}
