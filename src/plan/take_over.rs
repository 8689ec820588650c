//! Builds the record of an existing resource that is to be managed: a node of the stack and an id come in,
//! the record goes out. Changes nothing.

use std::collections::BTreeSet;

use super::PlanError;
use super::make::declared_part;
use super::observe::overlaid;
use super::resolve::resolve;
use crate::address::Address;
use crate::cloud::Cloud;
use crate::kind::{self, Live, Wanted};
use crate::plan::diff::{AttributeChange, diff};
use crate::stack::{Evaluated, Known, Node, View};
use crate::state::Record;
use crate::value::{Object, Value};

/// An existing resource, with the stack's inputs for it.
#[derive(Debug, Clone)]
pub struct Taken {
    pub address: Address,
    pub record: Record,
    pub live: Live,
    /// The stack's inputs, with references resolved as far as they are known.
    pub inputs: Object,
}

/// Reads the resource for `node`; `None` if it does not exist.
///
/// # Errors
/// A mistake of the stack, or a failed read.
pub async fn take_over(
    cloud: &Cloud,
    program: &View<'_>,
    node: &Node,
    id: &str,
    known: &Known,
) -> Result<Option<Taken>, PlanError> {
    let address = &node.address;
    let Some(kind) = kind::find_managed(&address.kind) else { return Ok(None) };
    let mut mistakes = Vec::new();
    let Some(evaluated) = program.evaluate(node, known, &mut mistakes) else {
        return Err(PlanError::stack(program, mistakes));
    };
    let Evaluated { inputs, depends_on, prevent_destroy } = evaluated;
    let inputs = resolve(kind.schema(), &inputs, known);
    let declared = declared(program, address, &inputs);
    // Attributes that AWS does not have, such as timeouts, come from the stack.
    let said = Record {
        id: id.to_owned(),
        inputs: inputs.clone(),
        outputs: Object::new(),
        generation: 0,
        depends_on: depends_on.into_iter().collect(),
        prevent_destroy,
        unfinished: false,
    };
    let wanted = [Wanted { address, id, declared: &declared, last: Some(&said) }];
    let live = match kind.read(cloud, &wanted).await {
        Ok(mut live) => live.remove(id),
        Err(error) if error.is_not_found() => None,
        Err(error) => return Err(PlanError::Read { address: address.clone(), error }),
    };
    Ok(live.map(|live| {
        let record = Record {
            id: live.outputs.get("id").and_then(Value::as_str).unwrap_or(id).to_owned(),
            inputs: declared_and_live(&inputs, &live),
            outputs: live.outputs.clone(),
            ..said
        };
        Taken { address: address.clone(), record, live, inputs }
    }))
}

impl Taken {
    /// The differences between the resource and the stack, without those that its author ignores and those
    /// that a deployment's colour keeps.
    pub fn next_changes(&self, program: &View<'_>) -> Vec<AttributeChange> {
        self.changes_but(&program.kept_attributes(&self.address))
    }

    /// The same, with these attributes as they are.
    pub fn changes_but(&self, kept: &[&str]) -> Vec<AttributeChange> {
        let Some(kind) = kind::find_managed(&self.address.kind) else { return Vec::new() };
        let (before, mut inputs) = (overlaid(&self.record, &self.live), self.inputs.clone());
        for name in kept {
            match before.get(*name) {
                Some(value) => inputs.insert((*name).to_owned(), value.clone()),
                None => inputs.shift_remove(*name),
            };
        }
        diff(kind.schema(), &before, &inputs, &self.record.inputs)
    }
}

/// The attributes that the stack declares.
fn declared(program: &View<'_>, address: &Address, inputs: &Object) -> BTreeSet<String> {
    let mut declared: BTreeSet<String> = inputs.keys().cloned().collect();
    if let Some(block) = program.resource(address) {
        let body = &block.block.body;
        declared.extend(body.attributes.iter().map(|attribute| attribute.name.text.clone()));
        declared.extend(body.blocks.iter().map(|block| block.keyword.text.clone()));
    }
    declared
}

/// The live values of the declared attributes: the next plan changes them if the stack differs.
fn declared_and_live(inputs: &Object, live: &Live) -> Object {
    inputs
        .iter()
        .filter_map(|(name, wanted)| {
            let value = declared_part(live.inputs.get(name)?, wanted);
            Some((name.clone(), value.marked_if(wanted.has_sensitive())))
        })
        .collect()
}
