//! A program with the facts of its deployments: the author's resources, and those of deployments. Evaluates
//! blocks one by one, offline (`validate`) or with known facts of the cloud.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Deref;
use std::sync::Arc;

use super::check::{Check, Place, does_not_fit, place_in};
use super::deployments::Lowered;
use super::expand::Instances;
use super::program::{Program, member_kind, schema_of};
use super::scope::{Facts, Known, Names};
use crate::address::Address;
use crate::diagnostic::{Mistake, Span};
use crate::kind;
use crate::kind::schema::{Attribute, Schema, Type};
use crate::lang::declare::{Condition, Declared, unknown_member};
use crate::lang::evaluate::{DISABLED, STATIC, Scope, describe, evaluate};
use crate::value::{Object, Value};

/// Attributes of every block, and those of every resource.
const OF_EVERY_BLOCK: [&str; 3] = ["for_each", "enabled", "depends_on"];
const OF_EVERY_RESOURCE: [&str; 4] = ["for_each", "enabled", "depends_on", "lifecycle"];

/// A program with given facts. It derefs to the program.
pub struct View<'p> {
    program: &'p Program,
    pub(super) lowered: Lowered,
    /// The instances of the lowered blocks that have `for_each`; `None` while they are being found, so that
    /// none is made from another's.
    instances: Option<HashMap<Address, Instances>>,
    /// Every instance of every block, dependencies first.
    pub nodes: Vec<Node>,
}

impl Deref for View<'_> {
    type Target = Program;

    fn deref(&self) -> &Program {
        self.program
    }
}

/// One resource or `existing` block to evaluate: a block, or one instance of it.
#[derive(Debug, Clone)]
pub struct Node {
    pub address: Address,
    pub managed: bool,
    /// `each.key` and `each.value`.
    pub each: Option<Arc<(Value, Value)>>,
}

/// An evaluated block.
#[derive(Debug, Clone)]
pub struct Evaluated {
    /// Canonical inputs, references kept.
    pub inputs: Object,
    /// The addresses that the inputs name or read.
    pub depends_on: BTreeSet<Address>,
    pub prevent_destroy: bool,
}

impl<'p> View<'p> {
    /// The view before expansion: no block has instances.
    pub(super) fn unexpanded(program: &'p Program, lowered: Lowered) -> Self {
        Self { program, lowered, instances: None, nodes: Vec::new() }
    }

    pub(super) fn new(program: &'p Program, lowered: Lowered, mistakes: &mut Vec<Mistake>) -> Self {
        let mut view = Self::unexpanded(program, lowered);
        view.instances = Some(view.expand(&view.lowered.resources, mistakes));
        view.nodes = view.ordered(mistakes);
        view
    }

    /// The block that declares a resource, whatever the address's key.
    pub fn resource(&self, address: &Address) -> Option<&Declared> {
        let block = address.block();
        let written = &self.program.declarations.resources;
        self.lowered.resources.get(&block).or_else(|| written.get(&block))
    }

    /// The blocks of all resources: the author's, then those of deployments.
    pub fn resources(&self) -> impl Iterator<Item = (&Address, &Declared)> {
        let written = self.program.declarations.resources.iter();
        let as_written = written.filter(|(address, _)| !self.lowered.resources.contains_key(*address));
        as_written.chain(&self.lowered.resources)
    }

    /// The instances of a block with `for_each`, by its address without a key.
    pub(super) fn instances(&self, block: &Address) -> Option<&Instances> {
        let of_lowered = self.instances.as_ref()?;
        self.program.instances.get(block).or_else(|| of_lowered.get(block))
    }

    /// Tells whether a declaration holds a mistake that has been reported.
    pub(super) fn is_broken(&self, category: &str, name: &str) -> bool {
        let all = [&self.program.declarations.broken, &self.lowered.broken];
        let mut all = all.into_iter().filter(|broken| !broken.is_empty());
        all.any(|broken| broken.contains(&(category.to_owned(), name.to_owned())))
    }

    /// Tells whether a name is a local of the stack whose declaration holds a mistake.
    fn is_broken_local(&self, key: &str) -> bool {
        key.strip_prefix("local.").is_some_and(|name| self.is_broken("local", name))
    }

    pub(super) fn declared_at(&self, address: &Address) -> Option<Span> {
        self.resource(address).map(|declared| declared.name.span)
    }

    /// Evaluates every block without facts of the cloud.
    pub(super) fn check(&self, mistakes: &mut Vec<Mistake>) {
        let known = Known::new();
        let names = Names::new(self, &known, None);
        let written = self.named.iter().filter(|(key, _)| !self.broken_names.contains(*key));
        let mut told = HashSet::new();
        for (_, named) in written.filter(|(key, _)| !self.is_broken_local(key)) {
            let mut here = Vec::new();
            let scope = names.within(&named.within).with_each(named.each.as_deref());
            named.evaluate(&scope, &mut here);
            // The instances of a module share the mistakes of its inputs.
            here.retain(|mistake| told.insert((mistake.code, mistake.labels.first().map(|(span, _)| *span))));
            self.tell_calls(&named.within, &mut here);
            mistakes.append(&mut here);
        }
        let mut told = HashMap::new();
        let mut beside = Known::new();
        for node in &self.nodes {
            let mut here = Vec::new();
            if let Some(evaluated) = self.evaluate(node, &known, &mut here)
                && node.managed
            {
                beside.insert(node.address.clone(), Facts { inputs: evaluated.inputs, ..Facts::default() });
            }
            // Instances of one block share its mistakes: the first instance reports them.
            for mistake in here {
                let place =
                    (node.address.block(), mistake.code, mistake.labels.first().map(|(span, _)| *span));
                if *told.entry(place).or_insert(&node.address) == &node.address {
                    mistakes.push(mistake);
                }
            }
        }
        self.check_absent(mistakes);
        self.check_beside(&beside, mistakes);
        self.check_deployments(mistakes);
        self.outputs(&known, mistakes);
    }

    /// Checks the blocks without an instance for mistakes that no other value avoids: a misspelt name is one
    /// whether the block is enabled or not.
    fn check_absent(&self, mistakes: &mut Vec<Mistake>) {
        for (address, declared) in self.resources() {
            let Some(instances) = self.instances(address) else { continue };
            if instances.failed || !instances.addresses.is_empty() {
                continue;
            }
            let each = || Value::unknown(address, "each");
            let each = declared.for_each.is_some().then(|| Arc::new((each(), each())));
            let node = Node { address: address.clone(), managed: declared.managed, each };
            let mut here = Vec::new();
            self.evaluate(&node, &Known::new(), &mut here);
            let is_static = |mistake: &Mistake| {
                STATIC.contains(&mistake.code) || mistake.code == "bgform::lang::unknown_block"
            };
            mistakes.extend(here.into_iter().filter(is_static));
        }
    }

    /// Checks resources against each other, as far as the files tell.
    fn check_beside(&self, all: &Known, mistakes: &mut Vec<Mistake>) {
        let mut held: HashMap<_, &Address> = HashMap::new();
        for (address, Facts { inputs, .. }) in
            self.nodes.iter().filter_map(|node| all.get_key_value(&node.address))
        {
            let (Some(kind), Some(declared)) = (kind::find_managed(&address.kind), self.resource(address))
            else {
                continue;
            };
            let place =
                |attribute: &str| place_in(&declared.block.body, attribute).unwrap_or(declared.name.span);
            let wrong = kind.beside(inputs, &|value| named(value, all));
            mistakes.extend(wrong.into_iter().map(|wrong| does_not_fit(place(wrong.0), wrong)));
            let Some(only) = only_of(kind.schema(), inputs) else { continue };
            let Some(first) = held.insert((&address.kind, only), address) else { continue };
            let unique = kind.schema().unique;
            let words = unique.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ");
            let last = unique.last().copied().unwrap_or_default();
            let mut mistake = Mistake::new(
                "bgform::lang::duplicate",
                format!("`{first}` and `{address}` have the same {words}"),
            )
            .at(place(last), "again here");
            if let Some(other) = self.resource(first).filter(|_| first.block() != address.block()) {
                mistake =
                    mistake.at(place_in(&other.block.body, last).unwrap_or(other.name.span), "first here");
            }
            mistakes.push(mistake.help(format!("give one of them another `{last}`: AWS takes each once")));
        }
    }

    /// Attributes of a resource that keep their values: those whose changes its author ignores, and those
    /// that a deployment's colour keeps.
    pub fn kept_attributes(&self, address: &Address) -> Vec<&str> {
        let declared = self.resource(address);
        let ignored = declared.into_iter().flat_map(|one| &one.ignore_changes).map(|name| name.text.as_str());
        ignored.chain(self.lowered.frozen.get(address).into_iter().flatten().copied()).collect()
    }

    /// Tells whether a kept attribute keeps the applied value: the author ignores no changes of it, and nobody
    /// but bgform changes it rightly.
    pub fn stays_as_applied(&self, address: &Address, attribute: &str) -> bool {
        let declared = self.resource(address);
        let mut ignored = declared.into_iter().flat_map(|one| &one.ignore_changes);
        let mut applied = self.lowered.applied.get(address).into_iter().flatten();
        applied.any(|name| *name == attribute) && !ignored.any(|name| name.text == attribute)
    }

    /// Launch attributes that keep their values on a colour's fleet: a missing fleet is created again with
    /// its earlier values, not with the file's current ones.
    pub fn launched_again(&self, address: &Address) -> &[&'static str] {
        self.lowered.launched.get(address).map_or(&[], Vec::as_slice)
    }

    /// The attributes of one instance that others change rightly.
    pub fn changed_by_others(&self, address: &Address) -> &[&'static str] {
        self.lowered.others.get(address).map_or(&[], Vec::as_slice)
    }

    /// Evaluates one block with the known facts; `None` if there was a mistake.
    pub fn evaluate(&self, node: &Node, known: &Known, mistakes: &mut Vec<Mistake>) -> Option<Evaluated> {
        let mut here = Vec::new();
        let evaluated = self.evaluate_block(node, known, &mut here);
        self.tell_calls(node.address.module(), &mut here);
        mistakes.append(&mut here);
        evaluated
    }

    fn evaluate_block(&self, node: &Node, known: &Known, mistakes: &mut Vec<Mistake>) -> Option<Evaluated> {
        let declared = self.resource(&node.address)?;
        let schema = schema_of(&node.address.kind, node.managed)?;
        let scope = Names::new(self, known, node.each.as_deref()).within(node.address.module());
        let place = Place {
            what: &node.address.kind,
            span: declared.name.span,
            broken: declared.block.broken,
            beside: if node.managed { &OF_EVERY_RESOURCE } else { &OF_EVERY_BLOCK },
        };
        let declared_at = |address: &Address| self.declared_at(address);
        let mut check = Check {
            scope: &scope,
            member_kind: &member_kind,
            declared_at: &declared_at,
            sources: &self.sources,
            mistakes,
        };
        let inputs = check.body(&schema.attributes, &declared.block.body, place);
        let prevent_destroy = match &declared.prevent_destroy {
            None => Some(false),
            Some(expr) => check.expression(&Type::Bool, expr, "prevent_destroy").and_then(|v| v.as_bool()),
        };
        let explicit = self.explicit_dependencies(declared, &scope, mistakes);
        let holds = declared.preconditions.iter().all(|one| hold(&node.address, one, &scope, mistakes));
        for name in &declared.ignore_changes {
            if schema.attribute(&name.text).is_none() {
                let known: Vec<_> = schema.attributes.iter().map(|attribute| attribute.name).collect();
                mistakes.push(unknown_member(name, schema.kind, &known));
            }
        }
        let mut inputs = inputs.filter(|_| holds)?;
        if let (true, Some(tags)) = (node.managed, inputs.get_mut("tags")) {
            *tags = with_stack_tags(&self.settings.tags, std::mem::take(tags));
        }
        if let Some(kind) = kind::find_managed(&node.address.kind).filter(|_| node.managed) {
            let mut wrong = kind.check(&inputs);
            wrong.extend(kind.beside(&inputs, &|value| named(value, known)));
            let is_wrong = !wrong.is_empty();
            let place = |attribute| place_in(&declared.block.body, attribute).unwrap_or(declared.name.span);
            mistakes.extend(wrong.into_iter().map(|wrong| does_not_fit(place(wrong.0), wrong)));
            if is_wrong {
                return None;
            }
        }
        let mut depends_on = scope.touched();
        depends_on.extend(explicit?);
        mentioned_in(&Value::Object(inputs.clone()), &mut depends_on);
        depends_on.remove(&node.address);
        Some(Evaluated { inputs, depends_on, prevent_destroy: prevent_destroy? })
    }

    fn explicit_dependencies(
        &self,
        declared: &Declared,
        scope: &dyn Scope,
        mistakes: &mut Vec<Mistake>,
    ) -> Option<BTreeSet<Address>> {
        let mut found = BTreeSet::new();
        for expr in &declared.depends_on {
            let mut here = Vec::new();
            let value = evaluate(expr, scope, &mut here);
            // A disabled block need not be waited for.
            if !here.is_empty() && here.iter().all(|mistake| mistake.code == DISABLED) {
                continue;
            }
            mistakes.append(&mut here);
            let value = value?;
            let before = found.len();
            mentioned_in(&value, &mut found);
            if found.len() == before && !matches!(value, Value::Ref(_) | Value::Object(_)) {
                mistakes.push(
                    Mistake::new("bgform::lang::wrong_type", "`depends_on` is a list of references")
                        .at(expr.span, format!("this is {}", describe(&value))),
                );
            }
        }
        Some(found)
    }

    /// The stack's outputs with the known facts.
    pub fn outputs(&self, known: &Known, mistakes: &mut Vec<Mistake>) -> Object {
        let mut outputs = Object::new();
        for (name, (label, block)) in &self.declarations.outputs {
            let find =
                |name: &str| block.body.attributes.iter().find(|attribute| attribute.name.text == name);
            for attribute in &block.body.attributes {
                let names = ["value", "description", "sensitive"];
                if !names.contains(&attribute.name.text.as_str()) {
                    mistakes.push(unknown_member(&attribute.name, "output", &names));
                }
            }
            let scope = Names::new(self, known, None);
            let sensitive =
                find("sensitive").and_then(|attribute| evaluate(&attribute.value, &scope, mistakes));
            let Some(value) = find("value") else {
                if !block.broken {
                    mistakes.push(
                        Mistake::new("bgform::lang::missing_attribute", "`output` needs `value`")
                            .at(label.span, "`value` is not written here"),
                    );
                }
                continue;
            };
            let Some(evaluated) = evaluate(&value.value, &scope, mistakes) else { continue };
            let declared = sensitive.as_ref().and_then(Value::as_bool).unwrap_or_default();
            if evaluated.has_sensitive() && !declared {
                mistakes.push(
                    Mistake::new(
                        "bgform::lang::sensitive_output",
                        format!("output `{name}` would show a sensitive value"),
                    )
                    .at(value.value.span, "made from something sensitive")
                    .help("add sensitive = true; it is kept in state and shown redacted"),
                );
                continue;
            }
            outputs.insert(name.clone(), evaluated.marked_if(declared));
        }
        outputs
    }
}

/// Tells whether a precondition holds; one that is known only after apply may, and is asked again there.
fn hold(address: &Address, one: &Condition, scope: &dyn Scope, mistakes: &mut Vec<Mistake>) -> bool {
    let Some(value) = evaluate(&one.condition, scope, mistakes) else { return false };
    let message = evaluate(&one.message, scope, mistakes);
    let place = one.condition.span;
    match value.unmark().0 {
        Value::Unknown(_) | Value::Bool(true) => true,
        Value::Bool(false) => {
            let said = message.as_ref().filter(|text| !text.has_sensitive()).and_then(Value::as_str);
            let said = said.unwrap_or("a precondition does not hold");
            mistakes.push(
                Mistake::new("bgform::lang::precondition", format!("`{address}`: {said}"))
                    .at(place, "this does not hold"),
            );
            false
        }
        other => {
            mistakes.push(
                Mistake::new("bgform::lang::wrong_type", "a condition must be true or false")
                    .at(place, format!("this is {}", describe(other))),
            );
            false
        }
    }
}

/// The known facts of a referenced resource.
fn named(value: &Value, known: &Known) -> Option<Object> {
    let Value::Ref(reference) = value.unmark().0 else { return None };
    let facts = known.get(&reference.address)?;
    if let Some(index) = reference.index {
        return facts.members.as_ref()?.get(index).cloned();
    }
    let mut all = facts.inputs.clone();
    all.extend(facts.outputs.clone());
    Some(all)
}

/// The exclusive values of a resource as text; `None` if they are unknown, or AWS chooses them. A value in
/// another VPC is a different one.
fn only_of(schema: &Schema, inputs: &Object) -> Option<Vec<String>> {
    let text = |value: &Value| {
        value.find_unknown().is_none().then(|| value.without_marks().to_typed_json().to_string())
    };
    let unique: Vec<_> = schema
        .unique
        .iter()
        .map(|name| text(inputs.get(*name)?))
        .collect::<Option<_>>()
        .filter(|all: &Vec<_>| !all.is_empty())?;
    let of_vpc = |one: &&Attribute| matches!(one.ty, Type::Ref { kinds: ["vpc"], .. });
    let vpc = schema
        .attributes
        .iter()
        .filter(of_vpc)
        .map(|one| inputs.get(one.name).map_or(Some(String::new()), text));
    Some(unique.into_iter().chain(vpc.collect::<Option<Vec<_>>>()?).collect())
}

/// Adds the stack's tags; the resource's own take precedence.
fn with_stack_tags(stack: &Object, own: Value) -> Value {
    let (own, sensitive) = own.into_unmarked();
    let Value::Object(own) = own else { return own.marked_if(sensitive) };
    let mut tags = stack.clone();
    tags.extend(own);
    tags.sort_keys();
    Value::Object(tags).marked_if(sensitive)
}

/// Adds every resource that a value refers to or waits for.
pub fn mentioned_in(value: &Value, found: &mut BTreeSet<Address>) {
    match value {
        Value::Ref(reference) => {
            found.insert(reference.address.clone());
        }
        Value::Unknown(unknown) => {
            found.insert(unknown.address.clone());
        }
        Value::Sensitive(inner) => mentioned_in(inner, found),
        Value::List(items) => items.iter().for_each(|item| mentioned_in(item, found)),
        Value::Object(members) => members.values().for_each(|member| mentioned_in(member, found)),
        _ => {}
    }
}
