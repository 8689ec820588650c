//! Modules: the blocks of a folder, in the stack once for each call of it. Declarations of folders and calls
//! come in; their blocks go out among the stack's own, under names that are qualified by the module, with a
//! mistake for every call that will not do. Reads no file.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;

use super::deployments::Lowered;
use super::named::{Input, Named, key, path_of};
use super::program::{Program, Registry};
use super::scope::{Known, Names};
use super::view::View;
use crate::address::{Address, qualified};
use crate::diagnostic::{Mistake, Sources, Span};
use crate::lang::ast::{Attribute, Block, Expr, Files, Name, Node};
use crate::lang::declare::{Declarations, Module, declare, unknown_member};
use crate::lang::evaluate::{Mentioned, references};
use crate::lang::variable::{self, VariableType};
use crate::value::Value;

/// Maximum number of modules in a stack, each instance counted.
const MOST: usize = 10_000;

/// A `module` block, with its instances.
#[derive(Default)]
pub(super) struct Call {
    /// The paths of its instances by key; one without a key if it has no `for_each`.
    pub paths: IndexMap<Option<String>, Arc<str>>,
    pub outputs: Vec<String>,
    /// Whether a mistake hides them.
    pub failed: bool,
    pub disabled: Option<Span>,
}

/// The place of an instance.
pub(super) struct Place {
    /// The label of the `module` block.
    pub call: Span,
    /// The path of the module that calls it.
    pub outer: Arc<str>,
    folder: PathBuf,
}

/// A folder of a module, declared once however often it is called.
pub(super) struct Folder {
    declarations: Declarations,
    variables: IndexMap<String, Variable>,
}

/// The key of an instance, and its `each`.
type Keyed = (Option<String>, Option<Arc<(Value, Value)>>);

struct Variable {
    label: Name,
    ty: VariableType,
    default: Option<Expr>,
    sensitive: bool,
}

/// The folder that the `source` of a module names, in a short form. `at` is the text as it is written.
///
/// # Errors
/// When it is no text that stands as it is, or no path that begins with `./` or `../`.
pub fn folder_of(source: &Expr, sources: &Sources) -> Result<PathBuf, Mistake> {
    let wrong = |label: &str| {
        Mistake::new(NO_FOLDER, "the `source` of a module is a folder, written out")
            .at(source.span, label)
            .help("write a path that begins with ./ or ../, as in source = \"./modules/edge\"")
    };
    let Node::String(text) = &source.node else { return Err(wrong("no plain text")) };
    if !["./", "../"].iter().any(|begin| text.starts_with(begin)) && text != "." && text != ".." {
        return Err(wrong("no path beside this file"));
    }
    let beside = sources.path(source.span.file).parent().unwrap_or(Path::new(""));
    Ok(short(&beside.join(text)))
}

/// The code of the mistake of a `source` that is no folder of a module.
pub const NO_FOLDER: &str = "bgform::lang::module_source";

/// The `source` of each `module` block of a file.
pub fn sources_of(files: &Files) -> impl Iterator<Item = &Expr> {
    let modules = files.blocks.iter().filter(|block| block.keyword.text == "module");
    let source = |block: &'_ Block| block.body.attributes.iter().position(|one| one.name.text == "source");
    modules.filter_map(move |block| block.body.attributes.get(source(block)?)).map(|one| &one.value)
}

/// The path without `.` and without a folder that `..` leaves again.
fn short(path: &Path) -> PathBuf {
    let mut short = PathBuf::new();
    for part in path.components() {
        let leaves = matches!(short.components().next_back(), Some(Component::Normal(_)));
        match part {
            Component::CurDir => {}
            Component::ParentDir if leaves => {
                short.pop();
            }
            part => short.push(part),
        }
    }
    short
}

/// Declares the folders of modules; each mistake in one is told once.
pub(super) fn folders(
    files: HashMap<PathBuf, Files>,
    mistakes: &mut Vec<Mistake>,
) -> HashMap<PathBuf, Arc<Folder>> {
    let mut folders = HashMap::new();
    for (path, files) in files.into_iter().collect::<BTreeMap<_, _>>() {
        let mut declarations = declare(files, &Registry, mistakes);
        if let Some((name, _)) = declarations.stack.take() {
            mistakes.push(
                Mistake::new("bgform::lang::not_here", "a module has no `stack` block")
                    .at(name.span, "not here")
                    .help("the stack that calls it has one; write what differs as a variable"),
            );
        }
        let mut variables = IndexMap::new();
        for (name, (label, block)) in &declarations.variables {
            if OF_THE_CALL.contains(&name.as_str()) {
                mistakes.push(
                    Mistake::new(
                        "bgform::lang::bad_name",
                        format!("no variable of a module is called `{name}`"),
                    )
                    .at(label.span, "a `module` block means something else by it")
                    .help("give it another name"),
                );
            }
            match variable_of(label, block, mistakes) {
                Some(variable) => {
                    variables.insert(name.clone(), variable);
                }
                None => {
                    declarations.broken.insert(("var".to_owned(), name.clone()));
                }
            }
        }
        for (label, block) in declarations.outputs.values() {
            check_output(label, block, mistakes);
        }
        folders.insert(path, Arc::new(Folder { declarations, variables }));
    }
    folders
}

fn find<'b>(block: &'b Block, name: &str) -> Option<&'b Attribute> {
    block.body.attributes.iter().find(|attribute| attribute.name.text == name)
}

/// The words of a `module` block that are no inputs.
const OF_THE_CALL: [&str; 4] = ["source", "enabled", "for_each", "depends_on"];

fn is_true(attribute: Option<&Attribute>) -> bool {
    attribute.is_some_and(|attribute| attribute.value.node == Node::Bool(true))
}

/// Checks that a module says itself whether something is sensitive.
fn written_out(attribute: Option<&Attribute>, mistakes: &mut Vec<Mistake>) {
    if let Some(Attribute { value, .. }) = attribute
        && !matches!(value.node, Node::Bool(_))
    {
        mistakes.push(
            Mistake::new("bgform::lang::wrong_type", "`sensitive` in a module is true or false, written out")
                .at(value.span, "neither of them"),
        );
    }
}

fn variable_of(label: &Name, block: &Block, mistakes: &mut Vec<Mistake>) -> Option<Variable> {
    let known = ["type", "default", "description", "sensitive"];
    for attribute in block.body.attributes.iter().filter(|one| !known.contains(&one.name.text.as_str())) {
        mistakes.push(unknown_member(&attribute.name, "variable", &known));
    }
    for unknown in block.body.blocks.iter().filter(|one| one.keyword.text != "validation") {
        mistakes.push(unknown_member(&unknown.keyword, "variable", &["validation"]));
    }
    let ty = match find(block, "type") {
        Some(attribute) => VariableType::parse(&attribute.value, mistakes)?,
        None => VariableType::Any,
    };
    written_out(find(block, "sensitive"), mistakes);
    let default = find(block, "default").map(|attribute| attribute.value.clone());
    let is_variable = |mentioned: &Mentioned| matches!(mentioned, Mentioned::Variable(_));
    let mentions = default.iter().flat_map(|default| references(default, &|_| false));
    for mention in mentions.filter(|mention| !is_variable(&mention.what)) {
        mistakes.push(
            Mistake::new("bgform::lang::not_here", "this cannot be named in a default")
                .at(mention.span, "not known yet")
                .help("a variable's default names other variables, and functions"),
        );
    }
    (!block.broken).then(|| Variable {
        label: label.clone(),
        ty,
        default,
        sensitive: is_true(find(block, "sensitive")),
    })
}

fn check_output(label: &Name, block: &Block, mistakes: &mut Vec<Mistake>) {
    let known = ["value", "description", "sensitive"];
    for attribute in block.body.attributes.iter().filter(|one| !known.contains(&one.name.text.as_str())) {
        mistakes.push(unknown_member(&attribute.name, "output", &known));
    }
    written_out(find(block, "sensitive"), mistakes);
    if find(block, "value").is_none() && !block.broken {
        mistakes.push(
            Mistake::new("bgform::lang::missing_attribute", "`output` needs `value`")
                .at(label.span, "`value` is not written here"),
        );
    }
}

impl Program {
    /// Adds the blocks of every module that the stack calls, directly or by others.
    pub(super) fn add_modules(
        &mut self,
        folders: &HashMap<PathBuf, Arc<Folder>>,
        mistakes: &mut Vec<Mistake>,
    ) {
        let modules = std::mem::take(&mut self.declarations.modules);
        self.call_all(&Arc::from(""), &modules, folders, mistakes);
    }

    /// Adds the modules that are called at one place, each after those that its number depends on.
    fn call_all(
        &mut self,
        outer: &Arc<str>,
        modules: &IndexMap<String, Module>,
        folders: &HashMap<PathBuf, Arc<Folder>>,
        mistakes: &mut Vec<Mistake>,
    ) {
        let here: HashSet<String> = modules.keys().map(|name| path_of(outer, name, None)).collect();
        let mut waiting: Vec<&Module> = modules.values().collect();
        while !waiting.is_empty() {
            let (before, mut later) = (waiting.len(), Vec::new());
            for module in waiting {
                let mut decides = module.enabled.iter().chain(&module.for_each);
                let waits =
                    decides.find_map(|expr| self.waits_for(expr, outer)).filter(|(on, _)| here.contains(on));
                match waits {
                    Some(waits) => later.push((module, waits)),
                    None => self.call(outer, module, folders, mistakes),
                }
            }
            if later.len() == before {
                for (module, (on, span)) in &later {
                    let call = path_of(outer, &module.name.text, None);
                    mistakes.push(
                        Mistake::new(
                            "bgform::lang::cycle",
                            format!("how many `{call}` there are depends on `{on}`, and that on it"),
                        )
                        .at(*span, "by this")
                        .help("decide it by variables and locals"),
                    );
                    self.calls.insert(call, Call { failed: true, ..Call::default() });
                }
                return;
            }
            waiting = later.into_iter().map(|(module, _)| module).collect();
        }
    }

    fn call(
        &mut self,
        outer: &Arc<str>,
        module: &Module,
        folders: &HashMap<PathBuf, Arc<Folder>>,
        mistakes: &mut Vec<Mistake>,
    ) {
        let name = &module.name.text;
        let mut here = Vec::new();
        let call = self.instances_of_call(outer, module, folders, &mut here);
        if let Some(declared) = call.as_ref().and_then(|(folder, _)| folders.get(folder)) {
            self.check_inputs(module, declared, &mut here);
        }
        self.tell_calls(outer, &mut here);
        mistakes.append(&mut here);
        let (folder, each) = match call {
            Some((folder, each)) => (folder, each),
            None => {
                let failed = Call { failed: true, ..Call::default() };
                self.calls.insert(path_of(outer, name, None), failed);
                return;
            }
        };
        // INVARIANT: the folder was found.
        let Some(declared) = folders.get(&folder).cloned() else { return };
        let outputs = declared.declarations.outputs.keys().cloned().collect();
        let mut call = Call { outputs, ..Call::default() };
        match each {
            Err(condition) => call.disabled = Some(condition),
            Ok(each) => {
                for (key, _) in &each {
                    call.paths.insert(key.clone(), Arc::from(path_of(outer, name, key.as_deref())));
                }
                let paths: Vec<Arc<str>> = call.paths.values().cloned().collect();
                self.calls.insert(path_of(outer, name, None), call);
                for (path, (_, each)) in paths.into_iter().zip(each) {
                    let place =
                        Place { call: module.name.span, outer: outer.clone(), folder: folder.clone() };
                    self.places.insert(path.clone(), place);
                    self.add_blocks(&path, module, each, &declared);
                    self.call_all(&path, &declared.declarations.modules, folders, mistakes);
                }
                return;
            }
        }
        self.calls.insert(path_of(outer, name, None), call);
    }

    /// The folder of a call, and the keys of its instances with their `each`, or the condition that disables
    /// it.
    fn instances_of_call(
        &self,
        outer: &Arc<str>,
        module: &Module,
        folders: &HashMap<PathBuf, Arc<Folder>>,
        mistakes: &mut Vec<Mistake>,
    ) -> Option<(PathBuf, Result<Vec<Keyed>, Span>)> {
        let source = module.source.as_ref()?;
        // Told when the files were read.
        let folder = folder_of(source, &self.sources).ok().filter(|folder| folders.contains_key(folder))?;
        let mut around = Some(outer);
        while let Some(place) = around.and_then(|path| self.places.get(path)) {
            if place.folder == folder {
                mistakes.push(
                    Mistake::new(
                        "bgform::lang::cycle",
                        format!("the module `{}` calls itself", folder.display()),
                    )
                    .at(source.span, "this is the folder of a module around it")
                    .help("call it from outside, for as many as there are, with `for_each`"),
                );
                return None;
            }
            around = Some(&place.outer);
        }
        let (view, known) = (View::unexpanded(self, Lowered::default()), Known::new());
        let names = Names::new(&view, &known, None).within(outer);
        if let Some(condition) = &module.enabled
            && !self.switch(condition, &names, outer, mistakes)?
        {
            return Some((
                folder,
                match &module.for_each {
                    Some(_) => Ok(Vec::new()),
                    None => Err(condition.span),
                },
            ));
        }
        let each = match &module.for_each {
            None => vec![(None, None)],
            Some(for_each) => {
                let pairs = self.keys(for_each, &names, outer, mistakes)?.into_iter();
                pairs.map(|pair| (pair.0.as_str().map(str::to_owned), Some(Arc::new(pair)))).collect()
            }
        };
        if self.places.len() + each.len() > MOST {
            mistakes.push(
                Mistake::new("bgform::lang::too_many", format!("a stack has at most {MOST} modules"))
                    .at(module.name.span, "these are too many"),
            );
            return None;
        }
        Some((folder, Ok(each)))
    }

    /// Checks the names of the inputs of a call against the variables of the module.
    fn check_inputs(&self, module: &Module, folder: &Folder, mistakes: &mut Vec<Mistake>) {
        let mut seen: HashMap<&str, Span> = HashMap::new();
        for input in &module.block.body.attributes {
            let name = &input.name;
            if let Some(first) = seen.insert(&name.text, name.span) {
                mistakes.push(
                    Mistake::new("bgform::lang::duplicate", format!("`{}` is written twice", name.text))
                        .at(name.span, "again here")
                        .at(first, "first here"),
                );
            }
            if !folder.declarations.variables.contains_key(&name.text) {
                let mut known: Vec<&str> = folder.variables.keys().map(String::as_str).collect();
                known.extend(["for_each", "enabled", "source"]);
                mistakes.push(unknown_member(name, &format!("module.{}", module.name.text), &known));
            }
        }
        for (name, variable) in &folder.variables {
            if variable.default.is_none() && !seen.contains_key(name.as_str()) && !module.block.broken {
                mistakes.push(
                    Mistake::new(
                        "bgform::lang::missing_attribute",
                        format!("`module.{}` needs `{name}`", module.name.text),
                    )
                    .at(module.name.span, format!("`{name}` is not written here"))
                    .at(variable.label.span, "the module declares it without a default")
                    .help(format!("add {name} = ..., {}", variable.ty.describe())),
                );
            }
        }
    }

    /// Adds the blocks of one instance under their qualified names.
    fn add_blocks(
        &mut self,
        path: &Arc<str>,
        module: &Module,
        each: Option<Arc<(Value, Value)>>,
        folder: &Folder,
    ) {
        let declared = &folder.declarations;
        let outer = self.places.get(path).map_or_else(|| Arc::from(""), |place| place.outer.clone());
        for (name, variable) in &folder.variables {
            let input = Input {
                ty: variable.ty.clone(),
                sensitive: variable.sensitive,
                declared: variable.label.span,
            };
            let given = find(&module.block, name).map(|one| (one.value.clone(), outer.clone(), each.clone()));
            let default = || Some((variable.default.clone()?, path.clone(), None));
            match given.or_else(default) {
                Some((expr, within, each)) => {
                    self.named
                        .insert(key(path, "var", name), Named { expr, within, each, input: Some(input) });
                }
                None => {
                    self.broken_names.insert(key(path, "var", name));
                }
            }
        }
        let plain = |expr: &Expr| Named { expr: expr.clone(), within: path.clone(), each: None, input: None };
        for (name, local) in &declared.locals {
            self.named.insert(key(path, "local", name), plain(&local.value));
        }
        for (name, (label, block)) in &declared.outputs {
            let Some(value) = find(block, "value") else {
                self.broken_names.insert(key(path, "output", name));
                continue;
            };
            let input = is_true(find(block, "sensitive")).then_some(Input {
                ty: VariableType::Any,
                sensitive: true,
                declared: label.span,
            });
            self.named.insert(key(path, "output", name), Named { input, ..plain(&value.value) });
        }
        let named = |name: &Name| Name { text: qualified(path, &name.text), span: name.span };
        for (address, resource) in &declared.resources {
            let mut resource = resource.clone();
            resource.name = named(&resource.name);
            self.declarations
                .resources
                .insert(Address::new(&address.kind, qualified(path, &address.name)), resource);
        }
        for (name, (label, block)) in &declared.deployments {
            self.declarations.deployments.insert(qualified(path, name), (named(label), block.clone()));
        }
        for (name, condition) in &declared.switches {
            self.declarations.switches.insert(qualified(path, name), condition.clone());
        }
        for (category, name) in &declared.broken {
            match category.as_str() {
                "var" | "local" | "output" => self.broken_names.insert(key(path, category, name)),
                _ => self.declarations.broken.insert((category.clone(), qualified(path, name))),
            };
        }
    }

    /// Holds the inputs of modules against the validations of their variables, as far as they are known
    /// before any call.
    pub(super) fn validate_modules(
        &self,
        folders: &HashMap<PathBuf, Arc<Folder>>,
        mistakes: &mut Vec<Mistake>,
    ) -> Vec<String> {
        use crate::lang::evaluate::{Found, Scope};
        let (view, known) = (View::unexpanded(self, Lowered::default()), Known::new());
        let names = Names::new(&view, &known, None);
        let mut broken = Vec::new();
        for (path, place) in &self.places {
            let Some(folder) = folders.get(&place.folder) else { continue };
            let has_validation = |(_, block): &&(Name, Block)| !block.body.blocks.is_empty();
            if !folder.declarations.variables.values().any(|one| has_validation(&one)) {
                continue;
            }
            let names = names.within(path);
            let known_now = |name: &String| match names.variable(name) {
                Found::Value(value) if value.find_unknown().is_none() => Some((name.clone(), value)),
                _ => None,
            };
            let values: IndexMap<String, Value> = folder.variables.keys().filter_map(known_now).collect();
            let mut here = Vec::new();
            let wrong = variable::validate(&folder.declarations, &values, &names, &mut here);
            // What is known only after apply is not decided yet.
            here.retain(|mistake| mistake.code != variable::UNDECIDED);
            self.tell_calls(path, &mut here);
            broken.extend(wrong.into_iter().filter(|_| !here.is_empty()).map(|name| key(path, "var", &name)));
            mistakes.append(&mut here);
        }
        broken
    }

    /// Adds to each mistake the calls through which the module is in the stack.
    pub(super) fn tell_calls(&self, path: &str, mistakes: &mut [Mistake]) {
        if mistakes.is_empty() {
            return;
        }
        let mut path = path;
        while let Some(place) = self.places.get(path) {
            for mistake in mistakes.iter_mut() {
                mistake.labels.push((place.call, format!("`{path}` is called here")));
            }
            path = &place.outer;
        }
    }

    /// Leaves one mistake of those that the instances of a module share.
    pub(super) fn once(&self, mistakes: &mut Vec<Mistake>) {
        let folders: HashSet<&Path> = self.places.values().map(|place| place.folder.as_path()).collect();
        let is_in_module = |span: &Span| {
            let folder = self.sources.path(span.file).parent();
            folder.is_some_and(|folder| folders.contains(short(folder).as_path()))
        };
        let mut told = HashSet::new();
        mistakes.retain(|mistake| match mistake.labels.first() {
            Some((span, _)) if is_in_module(span) => told.insert((mistake.code, *span)),
            _ => true,
        });
    }
}
