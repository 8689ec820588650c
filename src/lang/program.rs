//! A stack that has been read: declarations, variables, `for_each` expanded, dependencies known.
//! Texts come in; a [`Program`] goes out whose blocks can be evaluated one by one, offline
//! (`validate`) or with what is known of the cloud. Decides nothing about the cloud.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use indexmap::IndexMap;
use sha2::{Digest, Sha256};

use super::ast::{Block, Expr, Files};
use super::check::{Check, Place};
use super::declare::{Declarations, Declared, Kinds, declare, unknown_member};
use super::evaluate::{Scope, describe, evaluate};
use super::scope::{Known, Names};
use super::variable::{self, Given};
use crate::address::Address;
use crate::diagnostic::{Mistake, Sources, Span};
use crate::kind;
use crate::kind::schema::{Schema, Type};
use crate::value::{Object, Value};

mod deployments;
mod expand;
mod settings;

pub use settings::Settings;

use expand::break_cycles_of_locals;

/// Where files are read from: `file("user-data.sh")` names one relative to the stack file.
pub trait ReadFile: Send + Sync {
    /// The content, or why there is none: `there is no such file`.
    fn read(&self, path: &Path) -> Result<Vec<u8>, String>;
}

/// One resource or `existing` block to evaluate: a block, or one instance of it.
#[derive(Debug, Clone)]
pub struct Node {
    pub address: Address,
    pub managed: bool,
    /// `each.key` and `each.value`.
    pub each: Option<(Value, Value)>,
}

/// A stack, ready to be evaluated.
#[derive(Clone)]
pub struct Program {
    pub sources: Sources,
    pub settings: Settings,
    pub declarations: Declarations,
    pub variables: IndexMap<String, Value>,
    /// The instances of the blocks that have `for_each`, by key.
    pub keys: HashMap<Address, IndexMap<String, Address>>,
    /// The locals that name no resource.
    pub(in crate::lang) constants: HashMap<String, Value>,
    /// Every instance of every block, dependencies first.
    pub nodes: Vec<Node>,
    /// The resources that deployments are made of, by address without a key, and whose they are.
    lowered: HashMap<Address, String>,
    /// What divides the traffic of each deployment, in the order of its blocks.
    routers: HashMap<String, Vec<Address>>,
    /// Attributes of a deployment's colours that stay as they are, by address.
    frozen: HashMap<Address, Vec<&'static str>>,
    /// Attributes of theirs that scaling policies and retirements change.
    others: HashMap<Address, Vec<&'static str>>,
    /// How many of the sources are the stack's own files.
    own: usize,
    files: Arc<dyn ReadFile>,
    /// What `file(...)` and its like have read, for the digest.
    read: Arc<Mutex<BTreeMap<PathBuf, [u8; 32]>>>,
}

/// What one block says, evaluated.
#[derive(Debug, Clone)]
pub struct Evaluated {
    /// Canonical inputs, references kept.
    pub inputs: Object,
    /// What the inputs name or read.
    pub depends_on: BTreeSet<Address>,
    pub prevent_destroy: bool,
}

/// The registry, for sorting declarations.
struct Registry;

impl Kinds for Registry {
    fn is_managed(&self, kind: &str) -> bool {
        kind::find_managed(kind).is_some()
    }

    fn is_existing(&self, kind: &str) -> bool {
        kind::find_existing(kind).is_some()
    }

    fn managed(&self) -> Vec<&'static str> {
        kind::managed().iter().map(|kind| kind.schema().kind).collect()
    }

    fn existing(&self) -> Vec<&'static str> {
        kind::existing().iter().map(|kind| kind.schema().kind).collect()
    }
}

/// What a stack is read from.
pub struct Input {
    /// The stack's own files come first, what variables are given by after them.
    pub sources: Sources,
    /// How many of the sources are the stack's own.
    pub own: usize,
    pub files: Files,
    pub given: BTreeMap<String, Vec<Given>>,
    pub reader: Arc<dyn ReadFile>,
}

impl Program {
    /// Reads a stack and checks all of it offline. Every mistake is in `mistakes`; the program is
    /// of use only when there are none.
    pub fn new(
        input: Input,
        parse_text: &mut dyn FnMut(&str, &str) -> Option<Expr>,
        mistakes: &mut Vec<Mistake>,
    ) -> Self {
        let mut declarations = declare(input.files, &Registry, mistakes);
        let variables = variable::resolve(&mut declarations, &input.given, parse_text, mistakes);
        break_cycles_of_locals(&mut declarations, mistakes);
        let mut program = Self {
            sources: input.sources,
            settings: Settings::default(),
            declarations,
            variables,
            keys: HashMap::new(),
            constants: HashMap::new(),
            nodes: Vec::new(),
            lowered: HashMap::new(),
            routers: HashMap::new(),
            frozen: HashMap::new(),
            others: HashMap::new(),
            own: input.own,
            files: input.reader,
            read: Arc::default(),
        };
        program.constants = Names::new(&program, &Known::new(), None).constants();
        program.settings = program.settings(mistakes);
        program.lower(&IndexMap::new(), mistakes);
        program.expand(mistakes);
        program.check(mistakes);
        program
    }

    /// The digest of everything that the stack's meaning comes from: its files, the files that
    /// they read, and the values of its variables.
    pub fn digest(&self) -> String {
        let mut digest = Sha256::new();
        for (_, path, text) in self.sources.iter().take(self.own) {
            digest.update(path.file_name().unwrap_or_default().as_encoded_bytes());
            digest.update([0]);
            digest.update(Sha256::digest(text.as_bytes()));
        }
        for (name, value) in &self.variables {
            digest.update(name.as_bytes());
            digest.update([0]);
            digest.update(Sha256::digest(value.without_marks().to_typed_json().to_string().as_bytes()));
        }
        if let Ok(read) = self.read.lock() {
            for (path, content) in read.iter() {
                digest.update(path.as_os_str().as_encoded_bytes());
                digest.update([0]);
                digest.update(content);
            }
        }
        hex::encode(digest.finalize())
    }

    pub fn read_file(&self, span: Span, path: &str) -> Result<Vec<u8>, String> {
        let folder = self.sources.path(span.file).parent().unwrap_or(Path::new("")).to_path_buf();
        let content = self.files.read(&folder.join(path))?;
        if let Ok(mut read) = self.read.lock() {
            read.insert(PathBuf::from(path), Sha256::digest(&content).into());
        }
        Ok(content)
    }

    /// The folder of the stack's first file.
    pub fn folder(&self) -> PathBuf {
        let first = self.sources.iter().next().and_then(|(_, path, _)| path.parent());
        first.map(Path::to_path_buf).unwrap_or_default()
    }

    fn declared_at(&self, address: &Address) -> Option<Span> {
        self.declarations.resources.get(address).map(|declared| declared.name.span)
    }

    /// Evaluates every block with nothing known of the cloud.
    fn check(&self, mistakes: &mut Vec<Mistake>) {
        let known = Known::new();
        let names = Names::new(self, &known, None);
        for local in self.declarations.locals.values() {
            if !self.declarations.broken.contains(&("local".to_owned(), local.name.text.clone())) {
                evaluate(&local.value, &names, mistakes);
            }
        }
        let mut told = BTreeSet::new();
        for node in &self.nodes {
            let mut here = Vec::new();
            self.evaluate(node, &known, &mut here);
            // Instances of one block share its mistakes.
            for mistake in here {
                let span = mistake.labels.first().map(|(span, _)| (span.file, span.start, span.end));
                if told.insert((node.address.block(), mistake.code, span)) {
                    mistakes.push(mistake);
                }
            }
        }
        self.check_deployments(mistakes);
        self.outputs(&known, mistakes);
    }

    /// Attributes of a resource that stay as they are: what its author ignores changes of, and what
    /// a colour of a deployment keeps.
    pub fn kept_attributes(&self, address: &Address) -> Vec<&str> {
        let declared = self.declarations.resources.get(&address.block());
        let ignored = declared.into_iter().flat_map(|one| &one.ignore_changes).map(|name| name.text.as_str());
        ignored.chain(self.frozen.get(address).into_iter().flatten().copied()).collect()
    }

    /// The attributes of one instance that others change rightly.
    pub fn changed_by_others(&self, address: &Address) -> &[&'static str] {
        self.others.get(address).map_or(&[], Vec::as_slice)
    }

    /// Evaluates one block with what is known. `None` when there was a mistake.
    pub fn evaluate(&self, node: &Node, known: &Known, mistakes: &mut Vec<Mistake>) -> Option<Evaluated> {
        let declared = self.declarations.resources.get(&node.address.block())?;
        let schema = schema_of(&node.address.kind, node.managed)?;
        let scope = Names::new(self, known, node.each.as_ref());
        let place =
            Place { what: &node.address.kind, span: declared.name.span, broken: declared.block.broken };
        let declared_at = |address: &Address| self.declared_at(address);
        let mut check =
            Check { scope: &scope, member_kind: &member_kind, declared_at: &declared_at, mistakes };
        let inputs = check.body(&schema.attributes, &declared.block.body, place);
        let prevent_destroy = match &declared.prevent_destroy {
            None => Some(false),
            Some(expr) => check.expression(&Type::Bool, expr, "prevent_destroy").and_then(|v| v.as_bool()),
        };
        let explicit = self.explicit_dependencies(declared, &scope, mistakes);
        for name in &declared.ignore_changes {
            if schema.attribute(&name.text).is_none() {
                let known: Vec<_> = schema.attributes.iter().map(|attribute| attribute.name).collect();
                mistakes.push(unknown_member(name, schema.kind, &known));
            }
        }
        let mut inputs = inputs?;
        if let (true, Some(tags)) = (node.managed, inputs.get_mut("tags")) {
            *tags = with_stack_tags(&self.settings.tags, std::mem::take(tags));
        }
        if node.managed
            && !is_broken(&declared.block)
            && let Some(kind) = kind::find_managed(&node.address.kind)
        {
            let wrong = kind.check(&inputs);
            for (attribute, message, help) in &wrong {
                let at = place_of(declared, attribute);
                mistakes.push(
                    Mistake::new("bgform::lang::does_not_fit", message).at(at, "this").help(help.clone()),
                );
            }
            if !wrong.is_empty() {
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
            let value = evaluate(expr, scope, mistakes)?;
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

    /// The stack's outputs with what is known.
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

/// The schema of a kind, as managed or as `existing`.
pub fn schema_of(kind: &str, managed: bool) -> Option<&'static Schema> {
    match managed {
        true => kind::find_managed(kind).map(|kind| kind.schema()),
        false => kind::find_existing(kind).map(|kind| kind.schema()),
    }
}

pub fn member_kind(kind: &str) -> Option<&'static str> {
    kind::find_existing(kind)?.member_kind()
}

/// The resource's own tags go before the stack's.
fn with_stack_tags(stack: &Object, own: Value) -> Value {
    let (own, sensitive) = own.into_unmarked();
    let Value::Object(own) = own else { return own.marked_if(sensitive) };
    let mut tags = stack.clone();
    tags.extend(own);
    tags.sort_keys();
    Value::Object(tags).marked_if(sensitive)
}

/// Every resource that a value refers to or waits for.
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

/// Whether a mistake of syntax was found anywhere in a block.
fn is_broken(block: &Block) -> bool {
    block.broken || block.body.blocks.iter().any(is_broken)
}

fn place_of(declared: &Declared, attribute: &str) -> Span {
    let body = &declared.block.body;
    let written = body.attributes.iter().find(|one| one.name.text == attribute).map(|one| one.value.span);
    let block = || body.blocks.iter().find(|one| one.keyword.text == attribute).map(|one| one.keyword.span);
    written.or_else(block).unwrap_or(declared.name.span)
}
