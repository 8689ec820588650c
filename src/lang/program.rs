//! A stack that has been read: declarations, variables, `for_each` expanded, dependencies known.
//! Texts come in; a [`Program`] goes out whose blocks can be evaluated one by one, offline
//! (`validate`) or with what is known of the cloud. Decides nothing about the cloud.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use indexmap::IndexMap;
use sha2::{Digest, Sha256};

use super::ast::{Body, Expr, Files};
use super::check::{Check, Place};
use super::declare::{Declarations, Declared, Kinds, declare, unknown_member};
use super::evaluate::{Mentioned, Scope, describe, evaluate, references};
use super::scope::{Known, Names};
use super::variable::{self, Given};
use crate::address::Address;
use crate::diagnostic::{FileId, Mistake, Sources, Span};
use crate::graph;
use crate::kind;
use crate::kind::schema::Schema;
use crate::value::{Object, Value};

/// Where files are read from: `file("user-data.sh")` names one relative to the stack file.
pub trait ReadFile: Send + Sync {
    /// The content, or why there is none: `there is no such file`.
    fn read(&self, path: &Path) -> Result<Vec<u8>, String>;
}

/// What the `stack` block says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    pub name: String,
    pub region: Option<String>,
    pub profile: Option<String>,
    pub account: Option<String>,
    pub state: Option<String>,
    pub tags: Object,
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
pub struct Program {
    pub sources: Sources,
    pub settings: Settings,
    pub declarations: Declarations,
    pub variables: IndexMap<String, Value>,
    /// `for_each` keys of the blocks that have them.
    pub keys: HashMap<Address, Vec<String>>,
    /// Every instance of every block, dependencies first.
    pub nodes: Vec<Node>,
    files: Arc<dyn ReadFile>,
    /// The files among the sources that blocks stand in; the others only give values.
    of_blocks: BTreeSet<FileId>,
    /// What `file(...)` and its like have read, for the digest.
    read: Mutex<BTreeMap<PathBuf, [u8; 32]>>,
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
    pub sources: Sources,
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
        let of_blocks = input.files.blocks.iter().map(|block| block.span.file).collect();
        let mut declarations = declare(input.files, &Registry, mistakes);
        let variables = variable::resolve(&mut declarations, &input.given, parse_text, mistakes);
        break_cycles_of_locals(&mut declarations, mistakes);
        let mut program = Self {
            sources: input.sources,
            settings: Settings::default(),
            declarations,
            variables,
            keys: HashMap::new(),
            nodes: Vec::new(),
            files: input.reader,
            of_blocks,
            read: Mutex::default(),
        };
        program.settings = program.settings(mistakes);
        program.expand(mistakes);
        program.check(mistakes);
        program
    }

    /// The digest of everything that the stack's meaning comes from: its files, the files that
    /// they read, and the values of its variables, wherever these were given.
    pub fn digest(&self) -> String {
        let mut digest = Sha256::new();
        for (_, path, text) in self.sources.iter().filter(|(file, ..)| self.of_blocks.contains(file)) {
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

    fn settings(&self, mistakes: &mut Vec<Mistake>) -> Settings {
        let Some((name, block)) = &self.declarations.stack else {
            if let Some((file, ..)) = self.sources.iter().next() {
                mistakes.push(
                    Mistake::new("bgform::lang::no_stack", "there is no `stack` block")
                        .at(Span::new(file, 0, 0), "a stack begins with one")
                        .help("write stack \"shop\" { region = \"us-east-1\" }"),
                );
            }
            return Settings::default();
        };
        let mut settings = Settings { name: name.text.clone(), ..Settings::default() };
        if name.text.is_empty()
            || !name.text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        {
            mistakes.push(
                Mistake::new("bgform::lang::bad_name", "a stack's name is letters, digits, `-` and `_`")
                    .at(name.span, "it is part of the names of what is made"),
            );
        }
        let known = Known::new();
        let scope = Names::new(self, &known, None);
        for attribute in &block.body.attributes {
            let text = |mistakes: &mut Vec<Mistake>| {
                let value = evaluate(&attribute.value, &scope, mistakes)?;
                match value.unmark().0 {
                    Value::String(text) => Some(text.clone()),
                    other => {
                        mistakes.push(
                            Mistake::new(
                                "bgform::lang::wrong_type",
                                format!("`{}` is a string", attribute.name.text),
                            )
                            .at(attribute.value.span, format!("this is {}", describe(other))),
                        );
                        None
                    }
                }
            };
            match attribute.name.text.as_str() {
                "region" => settings.region = text(mistakes),
                "profile" => settings.profile = text(mistakes),
                "account" => settings.account = text(mistakes),
                "state" => settings.state = text(mistakes),
                "tags" => {
                    let ty = crate::kind::schema::Type::String { max: 256 }.map();
                    let mut check = Check { scope: &scope, member_kind: &member_kind, mistakes };
                    if let Some(Value::Object(tags)) = check.expression(&ty, &attribute.value, "tags") {
                        settings.tags = tags;
                    }
                }
                _ => mistakes.push(unknown_member(
                    &attribute.name,
                    "stack",
                    &["region", "profile", "account", "tags", "state"],
                )),
            }
        }
        for inner in &block.body.blocks {
            mistakes.push(unknown_member(
                &inner.keyword,
                "stack",
                &["region", "profile", "account", "tags", "state"],
            ));
        }
        settings
    }

    /// Expands `for_each` and puts every instance into an order in which dependencies come first.
    fn expand(&mut self, mistakes: &mut Vec<Mistake>) {
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
                    self.keys.insert(address.clone(), Vec::new());
                }
            }
        }
        let failed: Vec<_> = self.keys.drain().map(|(address, _)| address).collect();
        for (address, pairs) in &expanded {
            if failed.contains(address) {
                self.declarations.broken.insert((address.kind.clone(), address.name.clone()));
                continue;
            }
            let keys = pairs.iter().filter_map(|(key, _)| key.as_str().map(str::to_owned)).collect();
            self.keys.insert(address.clone(), keys);
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
                Some(pairs) => self.nodes.extend(pairs.iter().filter_map(|pair| {
                    let address = address.with_key(pair.0.as_str()?);
                    Some(Node { address, managed, each: Some(pair.clone()) })
                })),
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

    fn mentions(&self, expr: &Expr, locals: &mut BTreeSet<String>, found: &mut Vec<(Address, Span)>) {
        let is_kind = |word: &str| Registry.is_kind(word);
        for mention in references(expr, &is_kind) {
            match mention.what {
                Mentioned::Resource(address) if self.declarations.resources.contains_key(&address) => {
                    found.push((address, mention.span));
                }
                Mentioned::Local(name) if locals.insert(name.clone()) => {
                    if let Some(local) = self.declarations.locals.get(&name) {
                        self.mentions(&local.value, locals, found);
                    }
                }
                _ => {}
            }
        }
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

    /// Evaluates every block with nothing known of the cloud.
    fn check(&self, mistakes: &mut Vec<Mistake>) {
        let known = Known::new();
        for local in self.declarations.locals.values() {
            if !self.declarations.broken.contains(&("local".to_owned(), local.name.text.clone())) {
                evaluate(&local.value, &Names::new(self, &known, None), mistakes);
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
        self.outputs(&known, mistakes);
    }

    /// Evaluates one block with what is known. `None` when there was a mistake.
    pub fn evaluate(&self, node: &Node, known: &Known, mistakes: &mut Vec<Mistake>) -> Option<Evaluated> {
        let declared = self.declarations.resources.get(&node.address.block())?;
        let schema = schema_of(&node.address.kind, node.managed)?;
        let scope = Names::new(self, known, node.each.as_ref());
        let place =
            Place { what: &node.address.kind, span: declared.name.span, broken: declared.block.broken };
        let mut check = Check { scope: &scope, member_kind: &member_kind, mistakes };
        let inputs = check.body(&schema.attributes, &declared.block.body, place);
        let prevent_destroy = match &declared.prevent_destroy {
            None => Some(false),
            Some(expr) => check
                .expression(&crate::kind::schema::Type::Bool, expr, "prevent_destroy")
                .and_then(|v| v.as_bool()),
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

fn place_of(declared: &Declared, attribute: &str) -> Span {
    let body = &declared.block.body;
    let written = body.attributes.iter().find(|one| one.name.text == attribute).map(|one| one.value.span);
    let block = || body.blocks.iter().find(|one| one.keyword.text == attribute).map(|one| one.keyword.span);
    written.or_else(block).unwrap_or(declared.name.span)
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
            for item in items {
                let Some(text) = item.as_str() else {
                    mistakes.push(wrong(
                        format!("{} is in it", describe(item)),
                        "make strings of them: toset([for x in ... : tostring(x)])",
                    ));
                    return None;
                };
                if pairs.iter().any(|(key, _): &(Value, Value)| key.as_str() == Some(text)) {
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
fn break_cycles_of_locals(declarations: &mut Declarations, mistakes: &mut Vec<Mistake>) {
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
