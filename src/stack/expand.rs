//! Expands `for_each` and orders blocks, dependencies first. Draws cycles.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use indexmap::IndexMap;

use super::program::{Program, Registry};
use super::scope::{Known, Names};
use super::view::{Node, View};
use crate::address::Address;
use crate::diagnostic::{Mistake, Span};
use crate::graph;
use crate::lang::ast::{Body, Expr};
use crate::lang::declare::{Declarations, Declared, Kinds};
use crate::lang::evaluate::{Mentioned, Scope, describe, evaluate, references};
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
            let names = Names::new(self, &known, None);
            let failed = || Instances { failed: true, ..Instances::default() };
            let enabled = match &declared.enabled {
                None => Some(true),
                Some(condition) => switch(condition, &names, mistakes),
            };
            let instances = match (enabled, &declared.for_each, &declared.enabled) {
                (None, ..) => failed(),
                (Some(true), None, _) => continue,
                (Some(true), Some(for_each), _) => match keys(for_each, &names, mistakes) {
                    Some(pairs) => Instances::new(address, pairs),
                    None => failed(),
                },
                (Some(false), Some(_), _) => Instances::default(),
                (Some(false), None, condition) => {
                    Instances { disabled: condition.as_ref().map(|one| one.span), ..Instances::default() }
                }
            };
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
        blocks.iter().map(|(address, declared)| (address.clone(), self.mentioned_by(declared))).collect()
    }

    fn mentioned_by(&self, declared: &Declared) -> Vec<(Address, Span)> {
        let mut found = Vec::new();
        let mut locals = BTreeSet::new();
        let mut visit = |expr: &Expr| self.mentions(expr, &mut locals, &mut found);
        expressions(&declared.block.body, &mut visit);
        declared.depends_on.iter().for_each(&mut visit);
        declared.enabled.iter().chain(&declared.for_each).for_each(&mut visit);
        found
    }

    /// Depth first, without recursion: locals may refer to each other in a long chain.
    fn mentions(&self, expr: &Expr, locals: &mut BTreeSet<String>, found: &mut Vec<(Address, Span)>) {
        let mentions_of = |expr: &Expr| references(expr, &|word| Registry.is_kind(word)).into_iter();
        let mut open = vec![mentions_of(expr)];
        while let Some(innermost) = open.last_mut() {
            let Some(mention) = innermost.next() else {
                open.pop();
                continue;
            };
            match mention.what {
                Mentioned::Resource(address) => found.push((address, mention.span)),
                Mentioned::Local(name) if locals.insert(name.clone()) => {
                    open.extend(self.declarations.locals.get(&name).map(|local| mentions_of(&local.value)));
                }
                _ => {}
            }
        }
    }

    /// The place where an expression, or a local that it mentions, names the `stack`.
    pub(super) fn names_stack(&self, expr: &Expr) -> Option<Span> {
        let (mut seen, mut open) = (BTreeSet::new(), vec![expr]);
        while let Some(expr) = open.pop() {
            for mention in references(expr, &|word| Registry.is_kind(word)) {
                match mention.what {
                    Mentioned::Word(word, _) if word == "stack" => return Some(mention.span),
                    Mentioned::Local(name) => {
                        if let Some(local) = self.declarations.locals.get(&name)
                            && seen.insert(name)
                        {
                            open.push(&local.value);
                        }
                    }
                    _ => {}
                }
            }
        }
        None
    }

    /// The locals that an expression mentions and that can be evaluated, and whether it mentions a resource.
    pub(super) fn mentions_of_local(&self, expr: &Expr) -> (Vec<String>, bool) {
        let mut locals = Vec::new();
        let mut resources = false;
        for mention in references(expr, &|word| Registry.is_kind(word)) {
            match mention.what {
                Mentioned::Local(name) => locals.push(name),
                Mentioned::Resource(_) => resources = true,
                _ => {}
            }
        }
        locals.retain(|name| {
            self.declarations.locals.contains_key(name)
                && !self.declarations.broken.contains(&("local".to_owned(), name.clone()))
        });
        (locals, resources)
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
pub(super) fn switch(expr: &Expr, scope: &dyn Scope, mistakes: &mut Vec<Mistake>) -> Option<bool> {
    let value = evaluate(expr, scope, mistakes)?;
    if let (Value::Bool(enabled), false) = value.unmark() {
        return Some(*enabled);
    }
    let mistake = Mistake::new("bgform::lang::enabled", "`enabled` is true or false");
    mistakes.push(match value.unmark() {
        (_, true) => mistake
            .at(expr.span, "this is sensitive, and everybody sees what there is")
            .help("decide it by something that anybody may see"),
        (other, _) if other.find_unknown().is_some() => mistake
            .at(expr.span, "this is known only after apply")
            .help("use variables, locals and functions only: what there is must be known before any call"),
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
        Mistake::new("bgform::lang::for_each", "`for_each` is an object or a set of strings")
            .at(expr.span, what)
            .help(help)
    };
    if sensitive {
        mistakes
            .push(wrong("this is sensitive, and keys are shown".to_owned(), "use keys that anybody may see"));
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
            mistakes.push(wrong(
                "this is known only after apply".to_owned(),
                "use variables, locals and functions only: what there is must be known before any call",
            ));
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

/// Reports locals that depend on each other, and marks them as broken.
pub(super) fn break_cycles_of_locals(declarations: &mut Declarations, mistakes: &mut Vec<Mistake>) {
    let edges: IndexMap<String, Vec<(String, Span)>> = declarations
        .locals
        .iter()
        .map(|(name, local)| {
            let mentions = references(&local.value, &|word| Registry.is_kind(word));
            let locals = mentions.into_iter().filter_map(|mention| match mention.what {
                Mentioned::Local(other) if declarations.locals.contains_key(&other) => {
                    Some((other, mention.span))
                }
                _ => None,
            });
            (name.clone(), locals.collect())
        })
        .collect();
    let Err(cycle) = graph::order(&edges) else { return };
    let names: Vec<_> = cycle.iter().map(|(name, _)| format!("local.{name}")).collect();
    let mut mistake = Mistake::new(
        "bgform::lang::cycle",
        format!(
            "these locals depend on each other: {} → {}",
            names.join(" → "),
            names.first().map_or("", |n| n)
        ),
    );
    for (name, span) in &cycle {
        mistake = mistake.at(*span, format!("in local.{name}"));
        declarations.broken.insert(("local".to_owned(), name.clone()));
    }
    mistakes.push(mistake);
    // A run reports one cycle; locals that depend on it must not recurse.
    while let Err(cycle) = graph::order::<_, _, Vec<_>>(
        &edges
            .iter()
            .filter(|(name, _)| !declarations.broken.contains(&("local".to_owned(), (*name).clone())))
            .map(|(name, edges)| {
                let kept = edges
                    .iter()
                    .filter(|(other, _)| !declarations.broken.contains(&("local".to_owned(), other.clone())))
                    .cloned()
                    .collect();
                (name.clone(), kept)
            })
            .collect(),
    ) {
        declarations.broken.extend(cycle.into_iter().map(|(name, _)| ("local".to_owned(), name)));
    }
}
