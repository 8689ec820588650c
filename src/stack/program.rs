//! A stack that was read: declarations, variables, locals, `for_each` expanded, and the mentions of each
//! block. Texts come in; an immutable [`Program`] goes out. The parts that depend on the facts of deployments
//! are in its [`View`](super::View).

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use indexmap::IndexMap;
use sha2::{Digest, Sha256};

use super::Settings;
use super::deployments::Lowered;
use super::expand::{Instances, leave_consequences_out};
use super::modules::{Call, Folder, Place, folders};
use super::named::{Named, key};
use super::scope::{Known, Names};
use super::view::View;
use crate::address::{Address, split};
use crate::deployment::nested::nested;
use crate::diagnostic::{Mistake, Sources, Span};
use crate::facts::Deployment;
use crate::kind;
use crate::kind::schema::Schema;
use crate::lang::ast::{Attribute, Block, Expr, Files, Name};
use crate::lang::declare::{Declarations, Kinds, declare};
use crate::lang::variable::{self, Given};
use crate::value::Value;

/// The source of files: `file("user-data.sh")` names a file relative to the stack file.
pub trait ReadFile: Send + Sync {
    /// Returns the content, or why there is none: `there is no such file`.
    fn read(&self, path: &Path) -> Result<Vec<u8>, String>;

    /// Tells whether a plain file is there, or why that is not known.
    fn exists(&self, path: &Path) -> Result<bool, String>;

    /// The plain files in a folder and in the folders in it, relative to it, with `/`.
    fn list(&self, folder: &Path) -> Result<Vec<String>, String>;

    /// The home folder of the person who runs bgform.
    fn home(&self) -> Option<String>;
}

/// A stack, ready to be viewed.
pub struct Program {
    pub sources: Sources,
    pub settings: Settings,
    pub variables: IndexMap<String, Value>,
    /// The author's declarations; those of deployments are in a view.
    pub(super) declarations: Declarations,
    /// The instances of the author's blocks that have `for_each`.
    pub(super) instances: HashMap<Address, Instances>,
    /// The addresses that each of the author's blocks mentions, with the places.
    pub(super) mentions: IndexMap<Address, Vec<(Address, Span)>>,
    /// The deployments that are disabled, with the place of the condition.
    disabled: HashMap<String, Span>,
    /// Locals, and inputs and outputs of modules, by [`key`](super::named::key).
    pub(super) named: IndexMap<String, Named>,
    /// Those of them whose declaration holds a mistake that has been reported.
    pub(super) broken_names: HashSet<String>,
    /// Those of them that name no resource, with their values.
    pub(super) constants: HashMap<String, Value>,
    /// The `module` blocks, by their path without a key.
    pub(super) calls: HashMap<String, Call>,
    /// The modules, by their path.
    pub(super) places: BTreeMap<Arc<str>, Place>,
    /// Number of sources that are the stack's own files.
    own: usize,
    files: Arc<dyn ReadFile>,
    /// Hashes of the files that `file(...)` and similar functions have read, for the digest.
    read: Mutex<BTreeMap<PathBuf, [u8; 32]>>,
}

/// The registry, to sort declarations.
pub(super) struct Registry;

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

    fn elsewhere(&self, keyword: &str, labels: &[&str]) -> Option<String> {
        kind::terraform::block(keyword, labels)
    }

    fn called_here(&self, word: &str) -> Option<&'static str> {
        kind::terraform::kind_of(word)
    }
}

/// The input of a stack.
pub struct Input {
    /// The stack's own files come first, then those with values of variables.
    pub sources: Sources,
    /// Number of sources that are the stack's own, or of its modules.
    pub own: usize,
    pub files: Files,
    /// The folders of modules, as [`folder_of`](super::modules::folder_of) names them.
    pub folders: HashMap<PathBuf, Files>,
    pub given: BTreeMap<String, Vec<Given>>,
    pub reader: Arc<dyn ReadFile>,
}

impl Program {
    /// The file with the `stack` block, or the first file if none has it.
    pub fn file(&self) -> &Path {
        let stack = self.declarations.stack.as_ref().map(|(name, _)| self.sources.path(name.span.file));
        stack.or_else(|| self.sources.iter().next().map(|(_, path, _)| path)).unwrap_or(Path::new(""))
    }

    /// Reads a stack and checks all of it offline. Every mistake is added to `mistakes`; the program is
    /// usable only if there are none.
    pub fn new(
        input: Input,
        parse_text: &mut dyn FnMut(&str, &str) -> Option<Expr>,
        mistakes: &mut Vec<Mistake>,
    ) -> Self {
        let mut declarations = declare(input.files, &Registry, mistakes);
        let variables = variable::resolve(&mut declarations, &input.given, parse_text, mistakes);
        let folders = folders(input.folders, mistakes);
        let local = |(name, local): (&String, &Attribute)| {
            let named = Named { expr: local.value.clone(), within: Arc::from(""), each: None, input: None };
            (key("", "local", name), named)
        };
        let named = declarations.locals.iter().map(local).collect();
        let mut program = Self {
            sources: input.sources,
            settings: Settings::default(),
            declarations,
            variables,
            instances: HashMap::new(),
            mentions: IndexMap::new(),
            disabled: HashMap::new(),
            named,
            broken_names: HashSet::new(),
            constants: HashMap::new(),
            calls: HashMap::new(),
            places: BTreeMap::new(),
            own: input.own,
            files: input.reader,
            read: Mutex::default(),
        };
        program.settings = View::unexpanded(&program, Lowered::default()).settings(mistakes);
        program.add_modules(&folders, mistakes);
        program.break_cycles(mistakes);
        program.validate(&folders, mistakes);
        let written = View::unexpanded(&program, Lowered::default());
        let constants = Names::new(&written, &Known::new(), None).constants();
        program.constants = constants;
        program.switch_deployments(mistakes);
        let view = View::unexpanded(&program, Lowered::new(&program, &IndexMap::new(), mistakes));
        let instances = view.expand(&program.declarations.resources, mistakes);
        let lowered = view.lowered;
        program.instances = instances;
        program.mentions = program.mentions_of_all(&program.declarations.resources);
        View::new(&program, lowered, mistakes).check(mistakes);
        program.once(mistakes);
        leave_consequences_out(mistakes);
        program
    }

    /// Holds variables against their validations.
    fn validate(&mut self, folders: &HashMap<PathBuf, Arc<Folder>>, mistakes: &mut Vec<Mistake>) {
        let view = View::unexpanded(self, Lowered::default());
        let known = Known::new();
        let names = Names::new(&view, &known, None);
        let broken = variable::validate(&self.declarations, &self.variables, &names, mistakes);
        let broken_inputs = self.validate_modules(folders, mistakes);
        self.broken_names.extend(broken_inputs);
        for name in broken {
            self.variables.shift_remove(&name);
            self.declarations.broken.insert(("var".to_owned(), name));
        }
    }

    /// Takes away the deployments that are disabled.
    fn switch_deployments(&mut self, mistakes: &mut Vec<Mistake>) {
        let switches = std::mem::take(&mut self.declarations.switches);
        for (name, condition) in switches {
            let view = View::unexpanded(self, Lowered::default());
            let (known, mut here) = (Known::new(), Vec::new());
            let within = split(&name).0;
            let names = Names::new(&view, &known, None).within(within);
            let enabled = self.switch(&condition, &names, within, &mut here);
            self.tell_calls(within, &mut here);
            mistakes.append(&mut here);
            if enabled == Some(false) {
                self.declarations.deployments.shift_remove(&name);
                self.disabled.insert(name, condition.span);
            }
        }
    }

    /// The condition that disables the deployment of this name, if a resource of this kind would be its own.
    pub(super) fn disabled_deployment(&self, kind: &str, name: &str) -> Option<Span> {
        let is_nested = || nested().iter().any(|(nested, _)| *nested == kind);
        self.disabled.get(name).copied().filter(|_| is_nested())
    }

    /// The program with these facts of deployments; a deployment without facts is as before its first
    /// release. The author's blocks are shared and not evaluated again. The cost is to lower and expand the
    /// deployments, and to order all blocks.
    pub fn view(&self, facts: &IndexMap<String, Deployment>) -> View<'_> {
        // Its mistakes were reported when the program was read.
        let mut told = Vec::new();
        let lowered = Lowered::new(self, facts, &mut told);
        View::new(self, lowered, &mut told)
    }

    /// The view before the first release of every deployment, from the files alone.
    pub fn unreleased(&self) -> View<'_> {
        self.view(&IndexMap::new())
    }

    pub fn deployments(&self) -> &IndexMap<String, (Name, Block)> {
        &self.declarations.deployments
    }

    pub fn variable_blocks(&self) -> &IndexMap<String, (Name, Block)> {
        &self.declarations.variables
    }

    /// The digest of everything that decides the stack's meaning: its files, the files that they read, and
    /// the values of its variables.
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
        let content = self.files.read(&self.beside(span, path))?;
        self.has_read(span, path, &content);
        Ok(content)
    }

    pub fn file_exists(&self, span: Span, path: &str) -> Result<bool, String> {
        let exists = self.files.exists(&self.beside(span, path))?;
        self.has_read(span, &format!("{path} exists"), &[u8::from(exists)]);
        Ok(exists)
    }

    pub fn files_in(&self, span: Span, folder: &str) -> Result<Vec<String>, String> {
        let mut files = self.files.list(&self.beside(span, folder))?;
        files.sort();
        self.has_read(span, &format!("{folder} has"), files.join("\0").as_bytes());
        Ok(files)
    }

    pub fn home(&self) -> Option<String> {
        self.files.home()
    }

    /// The path of what a stack file names.
    fn beside(&self, span: Span, path: &str) -> PathBuf {
        self.sources.path(span.file).parent().unwrap_or(Path::new("")).join(path)
    }

    /// Keeps what a file told. Files of two modules may be called alike: each is known by the place of the
    /// file that names it, which is the same on every machine.
    fn has_read(&self, span: Span, what: &str, content: &[u8]) {
        let what = match self.sources.path(span.file).parent() == self.folder_of_stack() {
            true => PathBuf::from(what),
            false => PathBuf::from(format!("{}:{what}", span.file.0)),
        };
        if let Ok(mut read) = self.read.lock() {
            read.insert(what, Sha256::digest(content).into());
        }
    }

    /// What the digest knows of files beside the stack's own.
    #[cfg(test)]
    pub(super) fn files_told(&self) -> Vec<String> {
        self.read.lock().unwrap().keys().map(|what| what.display().to_string()).collect()
    }

    /// The folder of the stack's first file.
    pub fn folder(&self) -> PathBuf {
        self.folder_of_stack().map(Path::to_path_buf).unwrap_or_default()
    }

    fn folder_of_stack(&self) -> Option<&Path> {
        self.sources.iter().next().and_then(|(_, path, _)| path.parent())
    }
}

/// The schema of a kind, managed or `existing`.
pub fn schema_of(kind: &str, managed: bool) -> Option<&'static Schema> {
    match managed {
        true => kind::find_managed(kind).map(|kind| kind.schema()),
        false => kind::find_existing(kind).map(|kind| kind.schema()),
    }
}

pub fn member_kind(kind: &str) -> Option<&'static str> {
    kind::find_existing(kind)?.member_kind()
}
