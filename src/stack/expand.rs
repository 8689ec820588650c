//! `for_each` expanded and blocks put into an order in which dependencies come first; cycles are
//! drawn.

use std::collections::{BTreeSet, HashMap, HashSet};

use indexmap::IndexMap;

use super::program::{Node, Program, Registry};
use super::scope::Names;
use crate::address::Address;
use crate::diagnostic::{Mistake, Span};
use crate::graph;
use crate::lang::ast::{Body, Expr};
use crate::lang::declare::{Declarations, Declared, Kinds};
use crate::lang::evaluate::{Mentioned, Scope, describe, evaluate, references};
use crate::stack::scope::Known;
use crate::value::Value;

impl Program {
    /// Expands `for_each` and puts every instance into an order in which dependencies come first.
    pub(super) fn expand(&mut self, mistakes: &mut Vec<Mistake>) {
        let known = Known::new();
        let mut expanded: HashMap<Address, Vec<(Value, Value)>> = HashMap::new();
        for (address, declared) in &self.declarations.resources {
            let Some(for_each) = &declared.for_each else { continue };
            let scope = Names::new(self, &known, None);
            match keys(for_each, &scope, mistakes) {
                Some(pairs) => {
                    expanded.insert(address.clone(), pairs);
                }
                None => {
                    expanded.insert(address.clone(), Vec::new());
                    self.keys.insert(address.clone(), IndexMap::new());
                }
            }
        }
        let failed: HashSet<_> = self.keys.drain().map(|(address, _)| address).collect();
        for (address, pairs) in &expanded {
            if failed.contains(address) {
                self.declarations.broken.insert((address.kind.clone(), address.name.clone()));
                continue;
            }
            let keys = pairs.iter().filter_map(|(key, _)| key.as_str());
            let instances = keys.map(|key| (key.to_owned(), address.with_key(key))).collect();
            self.keys.insert(address.clone(), instances);
        }
        let order = match graph::order(&self.block_dependencies()) {
            Ok(order) => order,
            Err(cycle) => {
                mistakes.push(self.cycle(&cycle));
                self.declarations.resources.keys().cloned().collect()
            }
        };
        for address in order {
            let Some(declared) = self.declarations.resources.get(&address) else { continue };
            let managed = declared.managed;
            match expanded.get(&address) {
                None => self.nodes.push(Node { address, managed, each: None }),
                Some(_) if failed.contains(&address) => {}
                Some(pairs) => {
                    let instances = self.keys.get(&address);
                    self.nodes.extend(pairs.iter().filter_map(|pair| {
                        let address = instances?.get(pair.0.as_str()?)?.clone();
                        Some(Node { address, managed, each: Some(pair.clone()) })
                    }));
                }
            }
        }
    }

    /// What each block mentions, by address, with the places.
    fn block_dependencies(&self) -> IndexMap<Address, Vec<(Address, Span)>> {
        self.declarations
            .resources
            .iter()
            .map(|(address, declared)| (address.clone(), self.mentioned_by(declared)))
            .collect()
    }

    fn mentioned_by(&self, declared: &Declared) -> Vec<(Address, Span)> {
        let mut found = Vec::new();
        let mut locals = BTreeSet::new();
        let mut visit = |expr: &Expr| self.mentions(expr, &mut locals, &mut found);
        expressions(&declared.block.body, &mut visit);
        declared.depends_on.iter().for_each(&mut visit);
        declared.for_each.iter().for_each(&mut visit);
        found
    }

    /// Depth first, without recursion: locals may be made from each other in a long chain.
    fn mentions(&self, expr: &Expr, locals: &mut BTreeSet<String>, found: &mut Vec<(Address, Span)>) {
        let mentions_of = |expr: &Expr| references(expr, &|word| Registry.is_kind(word)).into_iter();
        let mut open = vec![mentions_of(expr)];
        while let Some(innermost) = open.last_mut() {
            let Some(mention) = innermost.next() else {
                open.pop();
                continue;
            };
            match mention.what {
                Mentioned::Resource(address) if self.declarations.resources.contains_key(&address) => {
                    found.push((address, mention.span));
                }
                Mentioned::Local(name) if locals.insert(name.clone()) => {
                    open.extend(self.declarations.locals.get(&name).map(|local| mentions_of(&local.value)));
                }
                _ => {}
            }
        }
    }

    /// The locals that an expression mentions and that can be evaluated, and whether it mentions a
    /// resource.
    pub(in crate::stack) fn mentions_of_local(&self, expr: &Expr) -> (Vec<String>, bool) {
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

    fn cycle(&self, cycle: &[(Address, Span)]) -> Mistake {
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
}

/// Calls `visit` with every expression of a body, nested blocks included.
fn expressions(body: &Body, visit: &mut dyn FnMut(&Expr)) {
    for attribute in &body.attributes {
        visit(&attribute.value);
    }
    for block in &body.blocks {
        expressions(&block.body, visit);
    }
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

/// Locals that depend on each other are a mistake, and broken from then on.
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
    // One cycle is told a run; what depends on it must not recurse.
    while let Err(cycle) = graph::order(
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
