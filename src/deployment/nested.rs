//! The kinds whose blocks a deployment nests: a fleet, its launch source, its target group, and its routers.

use std::sync::LazyLock;

use crate::kind::{self, fleet::Fleet};
use crate::lang::ast::Block;

/// Attributes that change in place in either colour: they reach no instance.
const OF_NO_RELEASE: [&str; 2] = ["tags", "name"];

/// Tells whether an attribute of this kind ships with a release, in a deployment with this fleet.
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
    // The deployment's own routers come before the stack's.
    routers.sort_by_key(|(_, router)| router.named_by().is_some());
    all.extend(routers.into_iter().map(|(kind, _)| (kind.schema().kind, true)));
    all
});

/// The kinds that a deployment nests: name, and whether it may have several. At least one router
/// ([`kind::router`]) must be declared.
pub fn nested() -> &'static [(&'static str, bool)] {
    &NESTED
}

/// The kinds of a fleet that a deployment needs, in the order of their lowering.
pub fn parts(seam: &dyn Fleet) -> [&'static str; 3] {
    [seam.source(), seam.kind(), seam.targets()]
}

/// The kind of fleet in a deployment's block; the first of all kinds if it has none.
pub fn fleet_of(block: &Block) -> &'static dyn Fleet {
    let is_written = |kind: &str| block.body.blocks.iter().any(|one| one.keyword.text == kind);
    let itself = kind::fleets().find(|seam| is_written(seam.kind()));
    let found = itself.or_else(|| kind::fleets().find(|seam| is_written(seam.source())));
    // INVARIANT: the registry has a kind of fleet.
    found.or_else(|| kind::fleets().next()).expect("a kind of fleet")
}
