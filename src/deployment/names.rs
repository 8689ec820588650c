//! Which resources a deployment is made of. Of those that are declared, the program knows which it
//! has lowered; of those in state, what a rule forwards to tells. Names alone do not:
//! `listener_rule.web-api` may be the rule `api` of `web`, the only one of `web-api`, or one that the
//! author wrote beside both.

use std::collections::BTreeSet;

use super::schema::NESTED;
use crate::address::Address;
use crate::state::{Record, Snapshot};

/// Stands after the name of the rule that a preview is above.
const PREVIEW: &str = "-preview";

/// The name of the deployment's rule with this label.
pub fn rule(deployment: &str, label: &str) -> String {
    format!("{deployment}-{label}")
}

/// The name of the preview above a rule.
pub fn preview(rule: &str) -> String {
    format!("{rule}{PREVIEW}")
}

/// Whether one of the rules of a deployment is the preview above another.
pub fn is_preview(rule: &Address, deployment: &str) -> bool {
    rule.name != deployment && rule.name.ends_with(PREVIEW)
}

/// The resources in state that a deployment is made of.
pub fn in_state(snapshot: &Snapshot, deployment: &str) -> BTreeSet<Address> {
    let all = snapshot.resources.iter().filter(|(address, record)| is_of(address, record, deployment));
    all.map(|(address, _)| address.clone()).collect()
}

fn is_of(address: &Address, record: &Record, deployment: &str) -> bool {
    if address.kind != "listener_rule" {
        return address.name == deployment && NESTED.iter().any(|(kind, _)| *kind == address.kind);
    }
    let mut forwards = record.depends_on.iter().filter(|needed| needed.kind == "target_group").peekable();
    match address.name.strip_prefix(deployment) {
        // One that was written into state by hand may say nothing of what it needs.
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
        assert!(!is_of("target_group.web-api[\"blue\"]", &[], "web") && !is_of("listener.web", &web, "web"));
    }

    #[test]
    fn a_deployment_may_be_called_preview_itself() {
        let rule = |name: &str| Address::new("listener_rule", name);
        assert!(is_preview(&rule("web-preview"), "web") && is_preview(&rule("web-api-preview"), "web"));
        assert!(!is_preview(&rule("web-preview"), "web-preview") && !is_preview(&rule("web"), "web"));
        assert!(is_preview(&rule(&preview("web-preview")), "web-preview"));
    }
}
