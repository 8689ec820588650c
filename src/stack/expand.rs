//! Expands `for_each` and orders blocks, dependencies first. Draws cycles.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use indexmap::IndexMap;

use super::named::Mentions;
use super::program::Program;
use super::scope::{Known, Names};
use super::view::{Node, View};
use crate::address::Address;
use crate::diagnostic::{Mistake, Span};
use crate::graph;
use crate::lang::ast::{Body, Expr};
use crate::lang::declare::Declared;
use crate::lang::evaluate::{Scope, describe, evaluate};
use crate::value::Value;

/// The instances of a block with `for_each`, or of one that is disabled: there are none.
#[derive(Default)]
pub(super) struct Instances {
    /// The instances by key.
    pub addresses: IndexMap<String, Address>,
    /// `each.key` and `each.value`, in the same order.
    each: Vec<Arc<(Value, Value)>>,
    /// Whether a mistake hides them.
    pub failed: bool,
    /// The condition of a block that is disabled and has no `for_each`.
    pub disabled: Option<Span>,
}

impl Instances {
    fn new(block: &Address, pairs: Vec<(Value, Value)>) -> Self {
        let mut instances = Self::default();
        for pair in pairs {
            if let Some(key) = pair.0.as_str() {
                instances.addresses.insert(key.to_owned(), block.with_key(key));
                instances.each.push(Arc::new(pair));
            }
        }
        instances
    }
}

impl View<'_> {
    /// The instances of the blocks that have `for_each`, and those of disabled blocks.
    pub(super) fn expand(
        &self,
        blocks: &IndexMap<Address, Declared>,
        mistakes: &mut Vec<Mistake>,
    ) -> HashMap<Address, Instances> {
        let known = Known::new();
        let mut expanded = HashMap::new();
        for (address, declared) in blocks {
            let names = Names::new(self, &known, None).within(address.module());
            let mut here = Vec::new();
            let failed = || Instances { failed: true, ..Instances::default() };
            let enabled = match &declared.enabled {
                None => Some(true),
                Some(condition) => self.switch(condition, &names, address.module(), &mut here),
            };
            let instances = match (enabled, &declared.for_each, &declared.enabled) {
                (None, ..) => failed(),
                (Some(true), None, _) => continue,
                (Some(true), Some(for_each), _) => {
                    match self.keys(for_each, &names, address.module(), &mut here) {
                        Some(pairs) => Instances::new(address, pairs),
                        None => failed(),
                    }
                }
                (Some(false), Some(_), _) => Instances::default(),
                (Some(false), None, condition) => {
                    Instances { disabled: condition.as_ref().map(|one| one.span), ..Instances::default() }
                }
            };
            self.tell_calls(address.module(), &mut here);
            mistakes.append(&mut here);
            expanded.insert(address.clone(), instances);
        }
        expanded
    }

    /// Every instance of every block, dependencies first.
    pub(super) fn ordered(&self, mistakes: &mut Vec<Mistake>) -> Vec<Node> {
        let of_lowered = self.mentions_of_all(&self.lowered.resources);
        let mentions = self.mentions.iter().chain(&of_lowered);
        let edges = mentions.map(|(address, mentions)| (address.clone(), mentions.as_slice())).collect();
        let order = match graph::order(&edges) {
            Ok(order) => order,
            Err(cycle) => {
                mistakes.push(told(&cycle));
                edges.into_keys().collect()
            }
        };
        let mut nodes = Vec::with_capacity(order.len());
        for address in order {
            let Some(Declared { managed, .. }) = self.resource(&address) else { continue };
            let node = |address, each| Node { address, managed: *managed, each };
            match self.instances(&address) {
                None => nodes.push(node(address, None)),
                Some(instances) => {
                    let all = instances.addresses.values().cloned().zip(instances.each.iter().cloned());
                    nodes.extend(all.map(|(address, each)| node(address, Some(each))));
                }
            }
        }
        nodes
    }
}

impl Program {
    /// The addresses that each block mentions, with the places.
    pub(super) fn mentions_of_all(
        &self,
        blocks: &IndexMap<Address, Declared>,
    ) -> IndexMap<Address, Vec<(Address, Span)>> {
        let mentioned = |(address, declared): (&Address, &Declared)| {
            (address.clone(), self.mentioned_by(address.module(), declared))
        };
        blocks.iter().map(mentioned).collect()
    }

    /// The value of an `enabled` in a module, which is known before any call; `None` always with a mistake.
    pub(super) fn switch(
        &self,
        expr: &Expr,
        names: &Names<'_>,
        within: &str,
        mistakes: &mut Vec<Mistake>,
    ) -> Option<bool> {
        let names_block = || {
            let mut all = self.mentioned(expr, within).into_iter();
            all.find_map(|(mention, _)| match mention {
                Mentions::Block(address) => Some(address),
                _ => None,
            })
        };
        if let Some(address) = names_block().or_else(|| self.attempts(expr, within)) {
            mistakes.push(too_early(ENABLED, expr, &address));
            return None;
        }
        let before = mistakes.len();
        let enabled = switch(expr, names, mistakes);
        if enabled.is_none() && mistakes.len() == before {
            mistakes.push(self.no_value(ENABLED, expr, within));
        }
        enabled
    }

    /// `each.key` and `each.value` of a `for_each` in a module; `None` always with a mistake.
    pub(super) fn keys(
        &self,
        expr: &Expr,
        names: &Names<'_>,
        within: &str,
        mistakes: &mut Vec<Mistake>,
    ) -> Option<Vec<(Value, Value)>> {
        if let Some(address) = self.attempts(expr, within) {
            mistakes.push(too_early(FOR_EACH, expr, &address));
            return None;
        }
        let before = mistakes.len();
        let pairs = keys(expr, names, mistakes);
        if pairs.is_none() && mistakes.len() == before {
            mistakes.push(self.no_value(FOR_EACH, expr, within));
        }
        pairs
    }

    /// The mistake of an `enabled` or a `for_each` that has no value because a name in it has none.
    fn no_value(&self, code: &'static str, expr: &Expr, within: &str) -> Mistake {
        let mut found = Vec::new();
        self.mentions(expr, within, &mut BTreeSet::new(), &mut found);
        match found.first() {
            Some((address, _)) => too_early(code, expr, address),
            None => Mistake::new(NO_VALUE, format!("`{}` has no value", word(code)))
                .at(expr.span, "a name in this has none")
                .help(EARLY),
        }
    }

    fn mentioned_by(&self, within: &str, declared: &Declared) -> Vec<(Address, Span)> {
        let mut found = Vec::new();
        let mut seen = BTreeSet::new();
        let mut visit = |expr: &Expr| self.mentions(expr, within, &mut seen, &mut found);
        expressions(&declared.block.body, &mut visit);
        declared.depends_on.iter().for_each(&mut visit);
        for one in &declared.preconditions {
            visit(&one.condition);
            visit(&one.message);
        }
        declared.enabled.iter().chain(&declared.for_each).for_each(&mut visit);
        found
    }
}

const ENABLED: &str = "bgform::lang::enabled";
const FOR_EACH: &str = "bgform::lang::for_each";
/// The code of the mistake of a name without a value, which mostly follows from another mistake.
const NO_VALUE: &str = "bgform::lang::not_evaluated";
const EARLY: &str = "use variables, locals and functions only: what there is must be known before any call";

/// The attribute that a code is of.
fn word(code: &str) -> &str {
    code.rsplit(':').next().unwrap_or(code)
}

fn too_early(code: &'static str, expr: &Expr, address: &Address) -> Mistake {
    Mistake::new(code, format!("`{}` takes variables, locals and functions only", word(code)))
        .at(expr.span, format!("this depends on `{address}`"))
        .help(EARLY)
}

/// Leaves out the mistakes of names without a value if there are others: they follow from those.
pub(super) fn leave_consequences_out(mistakes: &mut Vec<Mistake>) {
    if mistakes.iter().any(|mistake| mistake.code != NO_VALUE) {
        mistakes.retain(|mistake| mistake.code != NO_VALUE);
    }
}

/// The mistake of a cycle, drawn edge by edge.
fn told(cycle: &[(Address, Span)]) -> Mistake {
    let names: Vec<_> = cycle.iter().map(|(address, _)| address.to_string()).collect();
    let drawn = match names.first() {
        Some(first) => format!("{} → {first}", names.join(" → ")),
        None => String::new(),
    };
    let mut mistake = Mistake::new("bgform::lang::cycle", format!("these depend on each other: {drawn}"));
    for (index, (address, span)) in cycle.iter().enumerate() {
        let next = cycle.get(index + 1).or(cycle.first()).map(|(next, _)| next.to_string());
        mistake = mistake.at(*span, format!("{address} → {}", next.unwrap_or_default()));
    }
    mistake.help("take one of these references away; a name that both know is often enough")
}

/// Calls `visit` with every expression of a body, including nested blocks.
fn expressions(body: &Body, visit: &mut dyn FnMut(&Expr)) {
    for attribute in &body.attributes {
        visit(&attribute.value);
    }
    for block in &body.blocks {
        expressions(&block.body, visit);
    }
}

/// The value of an `enabled`, which is known before any call.
fn switch(expr: &Expr, scope: &dyn Scope, mistakes: &mut Vec<Mistake>) -> Option<bool> {
    let value = evaluate(expr, scope, mistakes)?;
    if let (Value::Bool(enabled), false) = value.unmark() {
        return Some(*enabled);
    }
    let mistake = Mistake::new(ENABLED, "`enabled` is true or false");
    mistakes.push(match value.unmark() {
        (_, true) => mistake
            .at(expr.span, "this is sensitive, and everybody sees what there is")
            .help("decide it by something that anybody may see"),
        (other, _) if other.find_unknown().is_some() => {
            mistake.at(expr.span, "this is known only after apply").help(EARLY)
        }
        (other, _) => mistake
            .at(expr.span, format!("this is {}", describe(other)))
            .help("compare it, as in enabled = var.stage == \"prod\""),
    });
    None
}

/// `each.key` and `each.value` of a `for_each`: an object's members, or a set of strings.
fn keys(expr: &Expr, scope: &dyn Scope, mistakes: &mut Vec<Mistake>) -> Option<Vec<(Value, Value)>> {
    let value = evaluate(expr, scope, mistakes)?;
    let (plain, sensitive) = value.unmark();
    let wrong = |what: String, help: &str| {
        Mistake::new(FOR_EACH, "`for_each` is an object or a set of strings").at(expr.span, what).help(help)
    };
    if sensitive {
        mistakes
            .push(wrong("this is sensitive, and keys are shown".to_owned(), "use keys that are not secret"));
        return None;
    }
    match plain {
        Value::Object(members) if !members.values().any(|value| matches!(value, Value::Unknown(_))) => {
            Some(members.iter().map(|(key, value)| (Value::string(key), value.clone())).collect())
        }
        Value::List(items) => {
            let mut pairs = Vec::new();
            let mut seen = HashSet::new();
            for item in items {
                let Some(text) = item.as_str() else {
                    mistakes.push(wrong(
                        format!("{} is in it", describe(item)),
                        "make strings of them: toset([for x in ... : tostring(x)])",
                    ));
                    return None;
                };
                if !seen.insert(text) {
                    mistakes.push(wrong(format!("\"{text}\" is in it twice"), "write toset(...) around it"));
                    return None;
                }
                pairs.push((Value::string(text), Value::string(text)));
            }
            Some(pairs)
        }
        _ if value.find_unknown().is_some() => {
            mistakes.push(wrong("this is known only after apply".to_owned(), EARLY));
            None
        }
        other => {
            mistakes.push(wrong(
                format!("this is {}", describe(other)),
                "write { blue = \"1.0.1\", green = \"1.0.2\" }",
            ));
            None
        }
    }
}
