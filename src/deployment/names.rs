//! The resources of a deployment, and its routers. Declared ones are known from the lowering; those in the
//! state are found by their forwards. Names do not suffice: `listener_rule.web-api` may be the rule `api` of
//! `web`, the only rule of `web-api`, or one that the author wrote beside both; a listener has the author's
//! name.

use std::collections::BTreeSet;

use super::nested::nested;
use crate::address::Address;
use crate::facts::Colour;
use crate::kind::fleet::Fleet;
use crate::kind::{self, router::Router};
use crate::state::{Record, Snapshot};

/// The suffix of the name of a preview's rule, after the name of the rule below it.
const PREVIEW: &str = "-preview";

/// The name of the deployment's rule with this label.
pub fn rule(deployment: &str, label: &str) -> String {
    format!("{deployment}-{label}")
}

/// The name of the preview above a rule.
pub fn preview(rule: &str) -> String {
    format!("{rule}{PREVIEW}")
}

/// The name of the preview above the default action of a listener of the stack.
pub fn preview_of_default(deployment: &str, listener: &str) -> String {
    preview(&rule(deployment, &format!("{listener}-default")))
}

/// The address of the preview above a router of a deployment.
pub fn preview_address(router: &Address, deployment: &str) -> Address {
    match kind::router(&router.kind) {
        Some(seam) if seam.named_by().is_some() => {
            Address::new(seam.preview_kind(), preview_of_default(deployment, router.label()))
        }
        _ => Address::new(&router.kind, preview(&router.name)),
    }
}

/// The kind of a deployment's fleet in the state; the first of all kinds if there is none yet.
pub fn fleet(snapshot: &Snapshot, deployment: &str) -> &'static dyn Fleet {
    let is_there = |fleet: &&'static dyn Fleet| {
        let at = |colour: Colour| Address::new(fleet.kind(), deployment).with_key(colour.name());
        Colour::BOTH.into_iter().any(|colour| snapshot.resources.contains_key(&at(colour)))
    };
    // INVARIANT: the registry has a kind of fleet.
    kind::fleets().find(is_there).or_else(|| kind::fleets().next()).expect("a kind of fleet")
}

/// The fleets and the routers of the rollouts under way, first releases apart. The stages of a rollout wait
/// for the instances that it needs; those of an earlier release may never come up again, and must not hold up
/// the release that replaces them.
pub fn under_way(snapshot: &Snapshot) -> BTreeSet<Address> {
    let mut all = BTreeSet::new();
    for (name, facts) in snapshot.deployments.iter().filter(|(_, facts)| facts.rollout.is_some()) {
        if facts.live.is_none() {
            continue;
        }
        let kind = fleet(snapshot, name).kind();
        all.extend(Colour::BOTH.map(|colour| Address::new(kind, name).with_key(colour.name())));
        all.extend(routers(snapshot, name).into_iter().map(|(address, ..)| address.clone()));
    }
    all
}

/// Tells whether the kind at an address can be a router.
pub fn is_router(address: &Address) -> bool {
    kind::router(&address.kind).is_some()
}

/// The routers of a deployment in the state, without the previews above them.
pub fn routers<'s>(
    snapshot: &'s Snapshot,
    deployment: &str,
) -> Vec<(&'s Address, &'s Record, &'static dyn Router)> {
    let all = snapshot.resources.iter().filter(|(address, record)| is_of(address, record, deployment));
    let plain = all.filter(|(address, _)| !is_preview(address, deployment));
    let mut routers: Vec<_> =
        plain.filter_map(|(address, record)| Some((address, record, kind::router(&address.kind)?))).collect();
    routers.sort_by_key(|(address, ..)| *address);
    routers
}

/// Tells whether a router of a deployment is the preview above another.
pub fn is_preview(router: &Address, deployment: &str) -> bool {
    let is_named = kind::router(&router.kind).is_some_and(|router| router.named_by().is_some());
    !is_named && router.name != deployment && router.name.ends_with(PREVIEW)
}

/// Tells whether this is a preview of any deployment of the stack: without it, the rule below answers its
/// requests.
pub fn is_any_preview(snapshot: &Snapshot, address: &Address, record: &Record) -> bool {
    let mut names = snapshot.deployments.keys();
    names.any(|name| is_preview(address, name) && is_of(address, record, name))
}

/// The resources of a deployment in the state.
pub fn in_state(snapshot: &Snapshot, deployment: &str) -> BTreeSet<Address> {
    let all = snapshot.resources.iter().filter(|(address, record)| is_of(address, record, deployment));
    all.map(|(address, _)| address.clone()).collect()
}

fn is_targets(kind: &str) -> bool {
    kind::fleets().any(|fleet| fleet.targets() == kind)
}

fn is_of(address: &Address, record: &Record, deployment: &str) -> bool {
    let Some(router) = kind::router(&address.kind) else {
        return address.name == deployment && nested().iter().any(|(kind, _)| *kind == address.kind);
    };
    if router.named_by().is_some() {
        let needs = |kind: &str, colour: Colour| {
            record.depends_on.contains(&Address::new(kind, deployment).with_key(colour.name()))
        };
        let both = |kind: &str| Colour::BOTH.into_iter().all(|colour| needs(kind, colour));
        return kind::fleets().any(|fleet| both(fleet.targets()));
    }
    let mut forwards = record.depends_on.iter().filter(|needed| is_targets(&needed.kind)).peekable();
    match address.name.strip_prefix(deployment) {
        // A record that was edited by hand may have no dependencies.
        Some("") => forwards.peek().is_none() || forwards.any(|group| group.name == deployment),
        Some(rest) => rest.starts_with('-') && forwards.any(|group| group.name == deployment),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Object;

    fn record(depends_on: &[&str]) -> Record {
        Record {
            id: "rule".to_owned(),
            inputs: Object::new(),
            outputs: Object::new(),
            generation: 0,
            depends_on: depends_on.iter().map(|address| address.parse().unwrap()).collect(),
            prevent_destroy: false,
            unfinished: false,
        }
    }

    #[test]
    fn a_rule_in_state_is_of_the_deployment_that_it_forwards_to() {
        let is_of = |address: &str, needs: &[&str], deployment: &str| {
            is_of(&address.parse().unwrap(), &record(needs), deployment)
        };
        let web = ["listener.http", "target_group.web[\"blue\"]", "target_group.web[\"green\"]"];
        let api = ["listener.http", "target_group.web-api[\"blue\"]", "target_group.web-api[\"green\"]"];
        for rule in ["listener_rule.web-api", "listener_rule.web-api-v2"] {
            assert!(is_of(rule, &web, "web") && !is_of(rule, &web, "web-api"), "{rule}");
            assert!(is_of(rule, &api, "web-api") && !is_of(rule, &api, "web"), "{rule}");
            assert!(!is_of(rule, &["target_group.pages"], "web"), "{rule}");
        }
        assert!(is_of("listener_rule.web", &web, "web") && is_of("listener_rule.web", &[], "web"));
        assert!(!is_of("listener_rule.website", &web, "web"));
        assert!(is_of("target_group.web[\"blue\"]", &[], "web"));
        assert!(
            !is_of("target_group.web-api[\"blue\"]", &[], "web") && !is_of("listener.web", &web[..1], "web")
        );
    }

    #[test]
    fn a_listener_in_state_is_of_the_deployment_both_of_whose_colours_it_forwards_to() {
        let web = ["target_group.web[\"blue\"]", "target_group.web[\"green\"]"];
        let is_of = |address: &str, needs: &[&str], deployment: &str| {
            is_of(&address.parse().unwrap(), &record(needs), deployment)
        };
        for listener in ["listener.tcp", "listener.web", "listener.tcp-preview"] {
            assert!(is_of(listener, &web, "web") && !is_of(listener, &web, "tcp"), "{listener}");
            assert!(!is_of(listener, &web[..1], "web") && !is_of(listener, &[], "web"), "{listener}");
            assert!(!is_preview(&listener.parse().unwrap(), "web"), "{listener}");
        }
        let preview = Address::new("listener_rule", preview_of_default("web", "http"));
        assert!(is_preview(&preview, "web") && preview.name.starts_with("web-"));
    }

    #[test]
    fn a_deployment_may_be_called_preview_itself() {
        let rule = |name: &str| Address::new("listener_rule", name);
        assert!(is_preview(&rule("web-preview"), "web") && is_preview(&rule("web-api-preview"), "web"));
        assert!(!is_preview(&rule("web-preview"), "web-preview") && !is_preview(&rule("web"), "web"));
        assert!(is_preview(&rule(&preview("web-preview")), "web-preview"));
    }
}
