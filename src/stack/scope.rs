//! The meaning of names in a view of a stack: variables, locals, `each`, and resources as far as they are
//! known. Records the resources that an evaluation touched, which are its dependencies.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use indexmap::IndexMap;

use super::modules::Call;
use super::named::{Mentions, Named, key, path_of};
use super::view::View;
use crate::address::{Address, qualified};
use crate::diagnostic::Span;
use crate::kind;
use crate::lang::evaluate::{Found, Members, Scope};
use crate::value::{Object, Reference, Value};

/// The facts known of one resource so far.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Evaluated inputs, references kept.
    pub inputs: Object,
    /// Outputs; an unknown output is [`Value::Unknown`] or left out.
    pub outputs: Object,
    /// The outputs of each member of a plural `existing`.
    pub members: Option<Vec<Object>>,
}

/// The known facts of resources, by address. Empty for `validate`.
pub type Known = HashMap<Address, Facts>;

/// The scope of one block's expressions.
pub struct Names<'a> {
    view: &'a View<'a>,
    known: &'a Known,
    /// The path of the module that the block is in; empty for the stack itself.
    within: &'a str,
    each: Option<&'a (Value, Value)>,
    touched: RefCell<BTreeSet<Address>>,
    /// Evaluated names: each is evaluated once, however often and through however many others it is named.
    evaluated: Rc<RefCell<HashMap<String, Evaluated>>>,
}

/// The value of a name; it is broken if it has none.
#[derive(Clone)]
struct Evaluated {
    value: Option<Value>,
    touched: BTreeSet<Address>,
    /// Whether it names no resource, directly or through another name.
    constant: bool,
}

impl<'a> Names<'a> {
    pub fn new(view: &'a View<'a>, known: &'a Known, each: Option<&'a (Value, Value)>) -> Self {
        Self { view, known, within: "", each, touched: RefCell::default(), evaluated: Rc::default() }
    }

    /// The same names in a module; what has been evaluated is shared.
    pub(super) fn within(&self, module: &'a str) -> Self {
        let evaluated = Rc::clone(&self.evaluated);
        Self { within: module, touched: RefCell::default(), evaluated, ..*self }
    }

    pub(super) fn with_each(self, each: Option<&'a (Value, Value)>) -> Self {
        Self { each, ..self }
    }

    /// Resources whose attributes were read, directly or through a name.
    pub fn touched(&self) -> BTreeSet<Address> {
        self.touched.borrow().clone()
    }

    /// The names of no resource: their values are known before any call and never change.
    pub(super) fn constants(&self) -> HashMap<String, Value> {
        for key in self.view.named.keys().filter(|key| !self.view.broken_names.contains(*key)) {
            self.evaluate_named(key);
        }
        let all = self.evaluated.take().into_iter();
        all.filter_map(|(key, one)| Some((key, one.value.filter(|_| one.constant)?))).collect()
    }

    fn is_evaluated(&self, key: &str) -> bool {
        self.view.constants.contains_key(key) || self.evaluated.borrow().contains_key(key)
    }

    fn is_constant(&self, key: &str) -> bool {
        self.view.constants.contains_key(key)
            || self.evaluated.borrow().get(key).is_some_and(|one| one.constant)
    }

    /// Evaluates a name after those that it mentions, so that a long chain does not recurse. A name that
    /// depends on itself is broken.
    fn evaluate_named(&self, key: &str) {
        let mut waiting = vec![key.to_owned()];
        let mut open: HashSet<String> = HashSet::new();
        while let Some(key) = waiting.last().cloned() {
            let Some(named) = self.view.named.get(&key).filter(|_| !self.is_evaluated(&key)) else {
                waiting.pop();
                continue;
            };
            let (names, resources) = self.names_in(named);
            if open.insert(key.clone()) {
                let before = waiting.len();
                waiting.extend(names.iter().filter(|other| !self.is_evaluated(other)).cloned());
                if waiting.len() > before {
                    continue;
                }
            }
            waiting.pop();
            // What is open still depends on this one: it would not end.
            let is_cycle = names.iter().any(|other| open.contains(other) && !self.is_evaluated(other));
            let constant = !is_cycle && !resources && names.iter().all(|other| self.is_constant(other));
            // Its own mistakes are reported once, by the check of the whole stack.
            let scope = self.within(&named.within).with_each(named.each.as_deref());
            let value = match is_cycle {
                true => None,
                false => named.evaluate(&scope, &mut Vec::new()),
            };
            let touched = scope.touched.into_inner();
            let constant = constant
                && touched.is_empty()
                && value.as_ref().is_none_or(|value| value.find_unknown().is_none());
            self.evaluated.borrow_mut().insert(key, Evaluated { value, touched, constant });
        }
    }

    /// The names that a name mentions and that can be evaluated, and whether it mentions a resource.
    fn names_in(&self, named: &Named) -> (Vec<String>, bool) {
        let (mut names, mut resources) = (Vec::new(), false);
        for (mention, _) in self.view.mentioned(&named.expr, &named.within) {
            match mention {
                Mentions::Named(key) => names.push(key),
                Mentions::Block(_) | Mentions::Module(_) => resources = true,
            }
        }
        names.retain(|key| self.view.named.contains_key(key) && !self.view.broken_names.contains(key));
        (names, resources)
    }

    /// The value of a name in the module; `None` if there is none.
    fn named(&self, module: &str, sort: &str, name: &str) -> Option<Found> {
        let key = key(module, sort, name);
        if self.view.broken_names.contains(&key) {
            return Some(Found::Broken);
        }
        if let Some(value) = self.view.constants.get(&key) {
            return Some(Found::Value(value.clone()));
        }
        if !self.view.named.contains_key(&key) {
            return None;
        }
        self.evaluate_named(&key);
        Some(match self.evaluated.borrow().get(&key) {
            Some(Evaluated { value, touched, .. }) => {
                self.touched.borrow_mut().extend(touched.iter().cloned());
                value.clone().map_or(Found::Broken, Found::Value)
            }
            None => Found::Broken,
        })
    }

    /// The names of a sort that the module has.
    fn names_of(&self, sort: &str) -> Vec<String> {
        let prefix = key(self.within, sort, "");
        self.view.named.keys().filter_map(|key| key.strip_prefix(&prefix)).map(str::to_owned).collect()
    }

    /// The value of a whole module: its outputs.
    fn outputs(&self, call: &Call, path: &str) -> Option<Value> {
        let output = |name: &String| match self.named(path, "output", name)? {
            Found::Value(value) => Some((name.clone(), value)),
            _ => None,
        };
        call.outputs.iter().map(output).collect::<Option<Object>>().map(Value::Object)
    }

    fn in_module(&self, name: &str) -> String {
        qualified(self.within, name)
    }
}

impl Scope for Names<'_> {
    fn variable(&self, name: &str) -> Found {
        if !self.within.is_empty() {
            return self
                .named(self.within, "var", name)
                .unwrap_or_else(|| Found::Missing(self.names_of("var")));
        }
        match self.view.variables.get(name) {
            Some(value) => Found::Value(value.clone()),
            None if self.view.is_broken("var", name) => Found::Broken,
            None => Found::Missing(self.view.declarations.variables.keys().cloned().collect()),
        }
    }

    fn local(&self, name: &str) -> Found {
        if self.view.is_broken("local", name) && self.within.is_empty() {
            return Found::Broken;
        }
        self.named(self.within, "local", name).unwrap_or_else(|| Found::Missing(self.names_of("local")))
    }

    fn module(&self, name: &str) -> Found {
        let Some(call) = self.view.calls.get(&path_of(self.within, name, None)) else {
            if self.view.is_broken("module", &self.in_module(name)) {
                return Found::Broken;
            }
            let prefix = path_of(self.within, "", None);
            let here = self.view.calls.keys().filter_map(|call| call.strip_prefix(&prefix));
            return Found::Missing(here.filter(|name| !name.contains('.')).map(str::to_owned).collect());
        };
        if call.failed {
            return Found::Broken;
        }
        if let Some(condition) = call.disabled {
            return Found::Disabled(condition, self.view.sources.slice(condition).to_owned());
        }
        let whole = match call.paths.first() {
            Some((None, path)) => self.outputs(call, path),
            _ => {
                let one = |(key, path): (&Option<String>, &Arc<str>)| {
                    Some((key.clone().unwrap_or_default(), self.outputs(call, path)?))
                };
                call.paths.iter().map(one).collect::<Option<Object>>().map(Value::Object)
            }
        };
        whole.map_or(Found::Broken, Found::Value)
    }

    fn output(&self, module: &str, of: Option<&str>, output: &str) -> Option<Found> {
        let call = self.view.calls.get(&path_of(self.within, module, None))?;
        if call.failed {
            return Some(Found::Broken);
        }
        let path = call.paths.get(&of.map(str::to_owned))?;
        self.named(path, "output", output)
    }

    fn is_local(&self, name: &str) -> bool {
        let key = key(self.within, "local", name);
        self.view.named.contains_key(&key)
            || self.view.broken_names.contains(&key)
            || (self.within.is_empty() && self.view.is_broken("local", name))
    }

    fn each(&self) -> Option<(&Value, &Value)> {
        self.each.map(|(key, value)| (key, value))
    }

    fn word(&self, word: &str) -> Option<Value> {
        (word == "stack").then(|| self.view.settings.as_value())
    }

    fn words(&self) -> Vec<String> {
        vec!["stack".to_owned()]
    }

    fn is_kind(&self, word: &str) -> bool {
        kind::find_managed(word).is_some() || kind::find_existing(word).is_some()
    }

    fn kinds(&self) -> Vec<String> {
        let managed = kind::managed().iter().map(|kind| kind.schema().kind);
        let existing = kind::existing().iter().map(|kind| kind.schema().kind);
        managed.chain(existing).map(str::to_owned).collect()
    }

    fn elsewhere(&self, head: &str, name: Option<&str>) -> Option<String> {
        kind::terraform::reference(head, name)
    }

    fn resource(&self, kind: &str, name: &str) -> Found {
        let address = Address::new(kind, self.in_module(name));
        if let Some(instances) = self.view.instances(&address) {
            if instances.failed {
                return Found::Broken;
            }
            if let Some(condition) = instances.disabled {
                return Found::Disabled(condition, self.view.sources.slice(condition).to_owned());
            }
            let member =
                |(key, address): (&String, &Address)| (key.clone(), Value::Ref(address.clone().into()));
            return Found::Value(Value::Object(instances.addresses.iter().map(member).collect()));
        }
        if self.view.is_broken(kind, &address.name) {
            return Found::Broken;
        }
        if let Some(condition) = self.view.disabled_deployment(kind, &address.name) {
            return Found::Disabled(condition, self.view.sources.slice(condition).to_owned());
        }
        match self.view.resource(&address).is_some() {
            true => Found::Value(Value::Ref(address.into())),
            false => {
                let here = |other: &Address| other.kind == kind && other.module() == self.within;
                let near = self.view.resources().filter(|(other, _)| here(other));
                Found::Missing(near.map(|(other, _)| other.label().to_owned()).collect())
            }
        }
    }

    fn standing(&self, head: &str, name: &str) -> Option<&Value> {
        match head {
            "var" if self.within.is_empty() => self.view.variables.get(name),
            "local" if self.within.is_empty() && self.view.is_broken("local", name) => None,
            "var" | "local" => self.view.constants.get(&key(self.within, head, name)),
            "each" => self.each.and_then(|(key, value)| match name {
                "key" => Some(key),
                "value" => Some(value),
                _ => None,
            }),
            _ => None,
        }
    }

    fn instances(&self, kind: &str, name: &str) -> Option<&IndexMap<String, Address>> {
        let instances = self.view.instances(&Address::new(kind, self.in_module(name)))?;
        (!instances.failed && instances.disabled.is_none()).then_some(&instances.addresses)
    }

    fn attribute(&self, reference: &Reference, name: &str) -> Found {
        let address = &reference.address;
        self.touched.borrow_mut().insert(address.clone());
        let managed = self.view.resource(address).is_none_or(|block| block.managed);
        let schema = match managed {
            true => kind::find_managed(&address.kind).map(|kind| kind.schema()),
            false => kind::find_existing(&address.kind).map(|kind| kind.schema()),
        };
        let Some(schema) = schema else { return Found::Missing(Vec::new()) };
        let is_output = schema.output(name).is_some();
        if !is_output && schema.attribute(name).is_none() {
            let outputs = schema.outputs.iter().map(|output| output.name);
            let attributes = schema.attributes.iter().map(|attribute| attribute.name);
            return Found::Missing(outputs.chain(attributes).map(str::to_owned).collect());
        }
        let facts = self.known.get(address);
        let value = match (facts, reference.index) {
            (Some(Facts { members: Some(members), .. }), Some(index)) => {
                members.get(index).and_then(|member| member.get(name))
            }
            (Some(facts), _) if is_output => facts.outputs.get(name).or_else(|| facts.inputs.get(name)),
            (Some(facts), _) => facts.inputs.get(name),
            (None, _) => None,
        };
        Found::Value(match value {
            Some(value) => value.clone(),
            // An attribute that is known to be unset.
            None if facts.is_some() && !is_output => Value::Null,
            None => Value::unknown(address, name),
        })
    }

    fn members(&self, reference: &Reference) -> Members {
        let plural =
            kind::find_existing(&reference.address.kind).and_then(|kind| kind.member_kind()).is_some();
        if !plural || reference.index.is_some() {
            return Members::NotPlural;
        }
        match self.known.get(&reference.address).and_then(|facts| facts.members.as_ref()) {
            Some(members) => {
                self.touched.borrow_mut().insert(reference.address.clone());
                Members::Count(members.len())
            }
            None => Members::Unknown,
        }
    }

    fn read_file(&self, span: Span, path: &str) -> Result<Vec<u8>, String> {
        self.view.read_file(span, path)
    }

    fn file_exists(&self, span: Span, path: &str) -> Result<bool, String> {
        self.view.file_exists(span, path)
    }

    fn files_in(&self, span: Span, folder: &str) -> Result<Vec<String>, String> {
        self.view.files_in(span, folder)
    }

    fn home(&self) -> Option<String> {
        self.view.home()
    }
}
