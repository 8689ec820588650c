//! The meaning of names in a view of a stack: variables, locals, `each`, and resources as far as they are
//! known. Records the resources that an evaluation touched, which are its dependencies.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use indexmap::IndexMap;

use super::view::View;
use crate::address::Address;
use crate::diagnostic::Span;
use crate::kind;
use crate::lang::evaluate::{Found, Members, Scope, evaluate};
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
    each: Option<&'a (Value, Value)>,
    touched: RefCell<BTreeSet<Address>>,
    /// Evaluated locals: each is evaluated once, however often and through however many others it is named.
    locals: Rc<RefCell<HashMap<String, Local>>>,
}

/// An evaluated local; broken if it has no value.
#[derive(Clone)]
struct Local {
    value: Option<Value>,
    touched: BTreeSet<Address>,
    /// Whether it names no resource, directly or through another local.
    constant: bool,
}

impl<'a> Names<'a> {
    pub fn new(view: &'a View<'a>, known: &'a Known, each: Option<&'a (Value, Value)>) -> Self {
        Self { view, known, each, touched: RefCell::default(), locals: Rc::default() }
    }

    /// Resources whose attributes were read, directly or through a local.
    pub fn touched(&self) -> BTreeSet<Address> {
        self.touched.borrow().clone()
    }

    /// The locals that name no resource: their values are known before any call and never change.
    pub(super) fn constants(&self) -> HashMap<String, Value> {
        for name in self.view.declarations.locals.keys().filter(|name| !self.view.is_broken("local", name)) {
            self.evaluate_local(name);
        }
        let locals = self.locals.take().into_iter();
        locals.filter_map(|(name, local)| Some((name, local.value.filter(|_| local.constant)?))).collect()
    }

    fn is_evaluated(&self, local: &str) -> bool {
        self.view.constants.contains_key(local) || self.locals.borrow().contains_key(local)
    }

    fn is_constant(&self, local: &str) -> bool {
        self.view.constants.contains_key(local)
            || self.locals.borrow().get(local).is_some_and(|local| local.constant)
    }

    /// Evaluates a local after those that it mentions, so that a long chain does not recurse. Cycles are
    /// broken names.
    fn evaluate_local(&self, name: &str) {
        let mut waiting = vec![name.to_owned()];
        while let Some(name) = waiting.last().cloned() {
            let Some(local) = self.view.declarations.locals.get(&name) else { return };
            let before = waiting.len();
            let mut constant = true;
            if !self.is_evaluated(&name) {
                let (locals, resources) = self.view.mentions_of_local(&local.value);
                waiting.extend(locals.iter().filter(|other| !self.is_evaluated(other)).cloned());
                constant = !resources && locals.iter().all(|other| self.is_constant(other));
            }
            if waiting.len() > before {
                continue;
            }
            waiting.pop();
            if self.is_evaluated(&name) {
                continue;
            }
            // Its own mistakes are reported once, by the check of the whole stack.
            let scope =
                Names { each: None, touched: RefCell::default(), locals: Rc::clone(&self.locals), ..*self };
            let value = evaluate(&local.value, &scope, &mut Vec::new());
            let local = Local { value, touched: scope.touched.into_inner(), constant };
            self.locals.borrow_mut().insert(name, local);
        }
    }
}

impl Scope for Names<'_> {
    fn variable(&self, name: &str) -> Found {
        match self.view.variables.get(name) {
            Some(value) => Found::Value(value.clone()),
            None if self.view.is_broken("var", name) => Found::Broken,
            None => Found::Missing(self.view.declarations.variables.keys().cloned().collect()),
        }
    }

    fn local(&self, name: &str) -> Found {
        if self.view.is_broken("local", name) {
            return Found::Broken;
        }
        if let Some(value) = self.view.constants.get(name) {
            return Found::Value(value.clone());
        }
        let locals = &self.view.declarations.locals;
        if !locals.contains_key(name) {
            return Found::Missing(locals.keys().cloned().collect());
        }
        self.evaluate_local(name);
        match self.locals.borrow().get(name) {
            Some(Local { value, touched, .. }) => {
                self.touched.borrow_mut().extend(touched.iter().cloned());
                value.clone().map_or(Found::Broken, Found::Value)
            }
            None => Found::Broken,
        }
    }

    fn is_local(&self, name: &str) -> bool {
        self.view.declarations.locals.contains_key(name) || self.view.is_broken("local", name)
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
        let address = Address::new(kind, name);
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
        if self.view.is_broken(kind, name) {
            return Found::Broken;
        }
        if let Some(condition) = self.view.disabled_deployment(kind, name) {
            return Found::Disabled(condition, self.view.sources.slice(condition).to_owned());
        }
        match self.view.resource(&address).is_some() {
            true => Found::Value(Value::Ref(address.into())),
            false => {
                let same_kind = self.view.resources().filter(|(other, _)| other.kind == kind);
                Found::Missing(same_kind.map(|(other, _)| other.name.clone()).collect())
            }
        }
    }

    fn standing(&self, head: &str, name: &str) -> Option<&Value> {
        match head {
            "var" => self.view.variables.get(name),
            "local" if !self.view.is_broken("local", name) => self.view.constants.get(name),
            "each" => self.each.and_then(|(key, value)| match name {
                "key" => Some(key),
                "value" => Some(value),
                _ => None,
            }),
            _ => None,
        }
    }

    fn instances(&self, kind: &str, name: &str) -> Option<&IndexMap<String, Address>> {
        let instances = self.view.instances(&Address::new(kind, name))?;
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
