//! Expressions with a name: locals, and the inputs and outputs of modules. Each is evaluated where it is
//! written: an input of a module in the file that calls it, an output in the module. Draws their cycles.

use std::collections::BTreeSet;
use std::sync::Arc;

use indexmap::IndexMap;

use super::program::{Program, Registry};
use crate::address::{Address, MODULE, in_brackets, qualified};
use crate::diagnostic::{Mistake, Span};
use crate::graph;
use crate::lang::ast::Expr;
use crate::lang::declare::Kinds;
use crate::lang::evaluate::{Mention, Mentioned, Scope, attempted, describe, evaluate, references};
use crate::lang::variable::VariableType;
use crate::value::Value;

/// An expression with a name.
#[derive(Clone)]
pub(super) struct Named {
    pub expr: Expr,
    /// The path of the module in which it is evaluated; empty for the stack itself.
    pub within: Arc<str>,
    /// `each` in it: that of the `module` block for an input.
    pub each: Option<Arc<(Value, Value)>>,
    /// What an input of a module has to be.
    pub input: Option<Input>,
}

#[derive(Clone)]
pub(super) struct Input {
    pub ty: VariableType,
    pub sensitive: bool,
    /// The place of the variable's name.
    pub declared: Span,
}

impl Named {
    /// The value in a scope; that of an input fits its type.
    pub fn evaluate(&self, scope: &dyn Scope, mistakes: &mut Vec<Mistake>) -> Option<Value> {
        let value = evaluate(&self.expr, scope, mistakes)?;
        let Some(Input { ty, sensitive, declared }) = &self.input else { return Some(value) };
        let shown = describe(&value);
        let Some(value) = ty.fit(value) else {
            mistakes.push(
                Mistake::new("bgform::lang::wrong_type", format!("the module wants {} here", ty.describe()))
                    .at(self.expr.span, format!("this is {shown}"))
                    .at(*declared, "declared here"),
            );
            return None;
        };
        Some(value.marked_if(*sensitive))
    }
}

/// The name of a local, an input or an output in the table of all: `local.x`, `module.edge.var.x`,
/// `module.edge.output.x`.
pub(super) fn key(module: &str, sort: &str, name: &str) -> String {
    match module {
        "" => format!("{sort}.{name}"),
        module => format!("{module}.{sort}.{name}"),
    }
}

/// The path of a module in another: `module.edge`, or `module.edge["a"]`.
pub(super) fn path_of(outer: &str, name: &str, key: Option<&str>) -> String {
    let dot = if outer.is_empty() { "" } else { "." };
    format!("{outer}{dot}{MODULE}.{name}{}", key.map(in_brackets).unwrap_or_default())
}

/// What an expression mentions, as the whole stack knows it.
pub(super) enum Mentions {
    /// A block, by its address without a key.
    Block(Address),
    /// A key of [`Program::named`].
    Named(String),
    /// A `module` block whose instances are not known yet.
    Module(String),
}

impl Program {
    /// What an expression in a module mentions, with the places.
    pub(super) fn mentioned(&self, expr: &Expr, within: &str) -> Vec<(Mentions, Span)> {
        self.meant(references(expr, &|word| Registry.is_kind(word)), within)
    }

    fn meant(&self, mentions: Vec<Mention>, within: &str) -> Vec<(Mentions, Span)> {
        let mut found = Vec::new();
        for mention in mentions {
            let span = mention.span;
            match mention.what {
                Mentioned::Resource(address) => {
                    let address = match within {
                        "" => address,
                        within => Address::new(&address.kind, qualified(within, &address.name)),
                    };
                    found.push((Mentions::Block(address), span));
                }
                Mentioned::Local(name) => found.push((Mentions::Named(key(within, "local", &name)), span)),
                Mentioned::Variable(name) if !within.is_empty() => {
                    found.push((Mentions::Named(key(within, "var", &name)), span));
                }
                Mentioned::Output { module, key: of, output } => {
                    let call = path_of(within, &module, None);
                    let Some(known) = self.calls.get(&call) else {
                        found.push((Mentions::Module(call), span));
                        continue;
                    };
                    let paths = known.paths.iter().filter(|(key, _)| of.is_none() || **key == of);
                    for (_, path) in paths {
                        let outputs = known.outputs.iter();
                        let meant = outputs.filter(|name| output.as_ref().is_none_or(|one| one == *name));
                        found.extend(meant.map(|name| (Mentions::Named(key(path, "output", name)), span)));
                    }
                }
                _ => {}
            }
        }
        found
    }

    /// The addresses that an expression mentions, directly or by names. Depth first, without recursion: names
    /// may refer to each other in a long chain.
    pub(super) fn mentions(
        &self,
        expr: &Expr,
        within: &str,
        seen: &mut BTreeSet<String>,
        found: &mut Vec<(Address, Span)>,
    ) {
        let mut open = vec![self.mentioned(expr, within).into_iter()];
        while let Some(innermost) = open.last_mut() {
            match innermost.next() {
                None => {
                    open.pop();
                }
                Some((Mentions::Block(address), span)) => found.push((address, span)),
                Some((Mentions::Named(key), _)) => {
                    if let Some(named) = self.named.get(&key)
                        && seen.insert(key)
                    {
                        open.push(self.mentioned(&named.expr, &named.within).into_iter());
                    }
                }
                Some((Mentions::Module(_), _)) => {}
            }
        }
    }

    /// A block that an expression mentions within `try` or `can`, directly or by names. They would answer
    /// otherwise before the block has instances than after.
    pub(super) fn attempts(&self, expr: &Expr, within: &str) -> Option<Address> {
        let (mut seen, mut open) = (BTreeSet::new(), vec![(expr, within)]);
        while let Some((expr, within)) = open.pop() {
            for (mention, _) in self.meant(attempted(expr, &|word| Registry.is_kind(word)), within) {
                let mut found = Vec::new();
                match mention {
                    Mentions::Block(address) => return Some(address),
                    Mentions::Named(key) => {
                        if let Some(named) = self.named.get(&key) {
                            self.mentions(&named.expr, &named.within, &mut BTreeSet::new(), &mut found);
                        }
                    }
                    Mentions::Module(_) => {}
                }
                if let Some((address, _)) = found.into_iter().next() {
                    return Some(address);
                }
            }
            for (mention, _) in self.mentioned(expr, within) {
                if let Mentions::Named(key) = mention
                    && let Some(named) = self.named.get(&key)
                    && seen.insert(key)
                {
                    open.push((&named.expr, &named.within));
                }
            }
        }
        None
    }

    /// The first `module` block that an expression needs, directly or by names, and whose instances are not
    /// known yet.
    pub(super) fn waits_for(&self, expr: &Expr, within: &str) -> Option<(String, Span)> {
        let (mut seen, mut open) = (BTreeSet::new(), self.mentioned(expr, within));
        while let Some((mention, span)) = open.pop() {
            match mention {
                Mentions::Block(_) => {}
                Mentions::Module(call) => return Some((call, span)),
                Mentions::Named(key) => {
                    if let Some(named) = self.named.get(&key)
                        && seen.insert(key)
                    {
                        open.extend(self.mentioned(&named.expr, &named.within));
                    }
                }
            }
        }
        None
    }

    /// The place where an expression of the stack, or a name in it, names the `stack`.
    pub(super) fn names_stack(&self, expr: &Expr) -> Option<Span> {
        let (mut seen, mut open) = (BTreeSet::new(), vec![(expr, "")]);
        while let Some((expr, within)) = open.pop() {
            for mention in references(expr, &|word| Registry.is_kind(word)) {
                if matches!(&mention.what, Mentioned::Word(word, _) if word == "stack") {
                    return Some(mention.span);
                }
            }
            for (mention, _) in self.mentioned(expr, within) {
                if let Mentions::Named(key) = mention
                    && let Some(named) = self.named.get(&key)
                    && seen.insert(key)
                {
                    open.push((&named.expr, &named.within));
                }
            }
        }
        None
    }

    /// Reports names that depend on each other, and marks them as broken.
    pub(super) fn break_cycles(&mut self, mistakes: &mut Vec<Mistake>) {
        let mut edges: IndexMap<String, Vec<(String, Span)>> = IndexMap::with_capacity(self.named.len());
        for (key, named) in &self.named {
            let mentioned = self.mentioned(&named.expr, &named.within).into_iter();
            let names = mentioned.filter_map(|(mention, span)| match mention {
                Mentions::Named(other) if self.named.contains_key(&other) => Some((other, span)),
                _ => None,
            });
            edges.insert(key.clone(), names.collect());
        }
        let mut is_first = true;
        while let Err(cycle) = graph::order(&edges) {
            // A run reports one cycle; what depends on it must not recurse.
            if std::mem::take(&mut is_first) {
                mistakes.push(told(&cycle));
            }
            for (key, _) in cycle {
                edges.shift_remove(&key);
                edges.values_mut().for_each(|names| names.retain(|(other, _)| *other != key));
                self.broken_names.insert(key);
            }
        }
    }
}

fn told(cycle: &[(String, Span)]) -> Mistake {
    let names: Vec<_> = cycle.iter().map(|(name, _)| name.as_str()).collect();
    let is_local = names.iter().all(|name| name.starts_with("local."));
    let what = if is_local { "locals" } else { "values" };
    let message = format!(
        "these {what} depend on each other: {} → {}",
        names.join(" → "),
        names.first().copied().unwrap_or_default()
    );
    let mistake = Mistake::new("bgform::lang::cycle", message);
    cycle.iter().fold(mistake, |mistake, (name, span)| mistake.at(*span, format!("in {name}")))
}
