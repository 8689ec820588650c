//! The `deployment` blocks of a stack: lowered to ordinary resources as they stand, and read.

use indexmap::IndexMap;

use super::{Names, Program, Registry, member_kind};
use crate::address::Address;
use crate::deployment::Declaration;
use crate::deployment::lower::{Sides, is_of, lower, own_body};
use crate::deployment::schema::{ATTRIBUTES, NESTED};
use crate::diagnostic::Mistake;
use crate::lang::check::{Check, Place};
use crate::lang::declare::declare_lowered;
use crate::lang::scope::Known;
use crate::state::deployment::{Colour, Deployment};
use crate::value::{Object, Value};

impl Program {
    /// Puts the resources of every deployment in place as `facts` say that it stands; one that they do
    /// not name is as before its first release.
    pub(super) fn lower(&mut self, facts: &IndexMap<String, Deployment>, mistakes: &mut Vec<Mistake>) {
        let first = Deployment::first();
        let mut blocks = Vec::new();
        self.frozen.clear();
        self.others.clear();
        for (text, (name, block)) in &self.declarations.deployments {
            let lowered = lower(name, block, facts.get(text).unwrap_or(&first), mistakes);
            // A nested block that is missing is told once, not at everything that needs it.
            for (kind, _) in NESTED {
                if !lowered.blocks.iter().any(|(_, block)| block.keyword.text == kind) {
                    self.declarations.broken.insert((kind.to_owned(), text.clone()));
                }
            }
            blocks.extend(lowered.blocks);
            self.frozen.extend(lowered.frozen);
            self.others.extend(lowered.others);
        }
        declare_lowered(&mut self.declarations, blocks, &Registry, mistakes);
    }

    /// The same again for facts that have changed; what the stack says was checked before.
    pub fn stand(&mut self, facts: &IndexMap<String, Deployment>) {
        let names: Vec<&String> = self.declarations.deployments.keys().collect();
        let of_deployments = |address: &Address| names.iter().any(|name| is_of(address, name));
        let lowered: Vec<Address> =
            self.declarations.resources.keys().filter(|address| of_deployments(address)).cloned().collect();
        for address in lowered {
            self.declarations.resources.shift_remove(&address);
        }
        self.nodes.clear();
        self.keys.clear();
        let mut known = Vec::new();
        self.lower(facts, &mut known);
        self.expand(&mut known);
    }

    /// What a deployment says of its own, with what is known; what is not known yet is `""`.
    pub fn deployment(
        &self,
        text: &str,
        sides: &Sides<'_>,
        known: &Known,
        mistakes: &mut Vec<Mistake>,
    ) -> Option<Declaration> {
        let (name, block) = self.declarations.deployments.get(text)?;
        let body = own_body(block, sides);
        let scope = Names::new(self, known, None);
        let declared_at = |address: &Address| self.declared_at(address);
        let mut check =
            Check { scope: &scope, member_kind: &member_kind, declared_at: &declared_at, mistakes };
        let place = Place { what: "deployment", span: name.span, broken: block.broken };
        let inputs = check.body(&ATTRIBUTES, &body, place)?;
        let plain = Value::Object(without_unknown(inputs)).to_plain_json();
        match serde_json::from_value(plain) {
            Ok(declaration) => Some(declaration),
            Err(mismatch) => {
                mistakes.push(
                    Mistake::new(
                        "bgform::lang::does_not_fit",
                        format!("this deployment cannot be read: {mismatch}"),
                    )
                    .at(name.span, "this one")
                    .help("this is a fault of bgform; report it with the block as it is written"),
                );
                None
            }
        }
    }

    /// Reads every deployment offline, for its mistakes.
    pub(super) fn check_deployments(&self, mistakes: &mut Vec<Mistake>) {
        for name in self.declarations.deployments.keys() {
            let sides = Sides { name, new: Colour::Blue, releases: ["", ""] };
            let before = mistakes.len();
            if let Some(declaration) = self.deployment(name, &sides, &Known::new(), mistakes)
                && let Some((name, _)) = self.declarations.deployments.get(name)
                && mistakes.len() == before
            {
                declaration.check(name.span, mistakes);
            }
        }
    }
}

/// What is not known yet as an empty text.
fn without_unknown(members: Object) -> Object {
    fn plain(value: Value) -> Value {
        match value {
            Value::Unknown(_) => Value::string(""),
            Value::Sensitive(inner) => plain(*inner),
            Value::List(items) => Value::List(items.into_iter().map(plain).collect()),
            Value::Object(members) => Value::Object(without_unknown(members)),
            other => other,
        }
    }
    members.into_iter().map(|(name, value)| (name, plain(value))).collect()
}
