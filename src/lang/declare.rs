//! Sorts the blocks of a stack into declarations. Parsed files come in; declarations by name go out, with a
//! mistake for every block that is no declaration, is declared twice or lacks its labels. Evaluates nothing.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use super::ast::{Attribute, Block, Body, Expr, Files, Name, Node};
use crate::address::{Address, is_name, split};
use crate::diagnostic::{Mistake, Span, did_you_mean};

/// The kinds that blocks may name, from the caller's registry.
pub trait Kinds {
    fn is_managed(&self, kind: &str) -> bool;
    fn is_existing(&self, kind: &str) -> bool;
    fn managed(&self) -> Vec<&'static str>;
    fn existing(&self) -> Vec<&'static str>;

    fn is_kind(&self, word: &str) -> bool {
        self.is_managed(word) || self.is_existing(word)
    }

    /// The remedy for a block of another tool, by its keyword and labels.
    fn elsewhere(&self, _keyword: &str, _labels: &[&str]) -> Option<String> {
        None
    }

    /// The kind for another tool's word.
    fn called_here(&self, _word: &str) -> Option<&'static str> {
        None
    }
}

/// Everything that a stack declares, by name.
#[derive(Debug, Default, Clone)]
pub struct Declarations {
    pub stack: Option<(Name, Block)>,
    pub variables: IndexMap<String, (Name, Block)>,
    pub locals: IndexMap<String, Attribute>,
    /// Managed resources and `existing` blocks, by address without a key: one namespace, so that adoption
    /// changes no other line.
    pub resources: IndexMap<Address, Declared>,
    pub outputs: IndexMap<String, (Name, Block)>,
    pub modules: IndexMap<String, Module>,
    pub deployments: IndexMap<String, (Name, Block)>,
    /// The `enabled` of each deployment that has one.
    pub switches: IndexMap<String, Expr>,
    /// `(category, name)` of declarations whose block holds a syntax mistake. The category is `var`, `local`
    /// or a kind.
    pub broken: BTreeSet<(String, String)>,
}

/// A `module` block. What is left in its body are the inputs.
#[derive(Debug, Clone)]
pub struct Module {
    pub name: Name,
    pub block: Block,
    pub source: Option<Expr>,
    pub enabled: Option<Expr>,
    pub for_each: Option<Expr>,
}

/// One resource or `existing` block.
#[derive(Debug, Clone)]
pub struct Declared {
    pub managed: bool,
    pub name: Name,
    pub block: Block,
    /// Whether there is such a resource at all.
    pub enabled: Option<Expr>,
    pub for_each: Option<Expr>,
    pub depends_on: Vec<Expr>,
    pub prevent_destroy: Option<Expr>,
    pub ignore_changes: Vec<Name>,
    pub preconditions: Vec<Condition>,
}

/// What has to hold, and what is said if it does not.
#[derive(Debug, Clone)]
pub struct Condition {
    pub condition: Expr,
    pub message: Expr,
}

/// What a `lifecycle` block holds.
const LIFECYCLE: [&str; 3] = ["prevent_destroy", "ignore_changes", "precondition"];

const KEYWORDS: [&str; 7] = ["stack", "variable", "locals", "existing", "output", "deployment", "module"];

/// Sorts `files`; a block that cannot be sorted is a mistake.
pub fn declare(files: Files, kinds: &dyn Kinds, mistakes: &mut Vec<Mistake>) -> Declarations {
    let mut declare = Declare { kinds, mistakes, written: None, out: Declarations::default() };
    for labels in &files.broken {
        declare.broken(labels);
    }
    for block in files.blocks {
        declare.block(block);
    }
    // They are kept for as long as the stack is.
    declare.out.resources.shrink_to_fit();
    declare.out
}

/// Declares blocks as if the author had added them to `written`. Returns only the new ones.
pub fn declare_beside(
    written: &Declarations,
    blocks: Vec<(Name, Block)>,
    kinds: &dyn Kinds,
    mistakes: &mut Vec<Mistake>,
) -> Declarations {
    let mut declare = Declare { kinds, mistakes, written: Some(written), out: Declarations::default() };
    for (name, block) in blocks {
        declare.resource(block.keyword.text.clone(), name, block, true);
    }
    declare.out
}

struct Declare<'a> {
    kinds: &'a dyn Kinds,
    mistakes: &'a mut Vec<Mistake>,
    /// The earlier declarations.
    written: Option<&'a Declarations>,
    out: Declarations,
}

impl Declare<'_> {
    fn broken(&mut self, labels: &[String]) {
        let mut add = |category: &str, name: &str| {
            self.out.broken.insert((category.to_owned(), name.to_owned()));
        };
        match labels {
            [keyword, name, ..] if keyword == "variable" => add("var", name),
            [keyword, name, ..] if keyword == "module" => add("module", name),
            [keyword, kind, name, ..] if keyword == "existing" => add(kind, name),
            [kind, name, ..] => add(kind, name),
            [_] | [] => {}
        }
    }

    fn block(&mut self, block: Block) {
        match block.keyword.text.as_str() {
            "stack" => {
                let Some(name) = self.one_label(&block, "stack \"shop\" {") else { return };
                if let Some((first, _)) = &self.out.stack {
                    self.mistakes.push(
                        Mistake::new("bgform::lang::duplicate", "a stack has one `stack` block")
                            .at(name.span, "a second one")
                            .at(first.span, "the first one")
                            .help("a folder is one stack; put the other into a folder of its own"),
                    );
                    return;
                }
                self.out.stack = Some((name, block));
            }
            "variable" => {
                let Some(name) = self.named(&block, "var", "variable \"release\" {") else { return };
                if block.broken {
                    self.out.broken.insert(("var".to_owned(), name.text.clone()));
                }
                let first = self.out.variables.get(&name.text).map(|(first, _)| first.span);
                match first {
                    Some(first) => self.duplicate("variable", &name, first),
                    None => {
                        self.out.variables.insert(name.text.clone(), (name, block));
                    }
                }
            }
            "locals" => self.locals(block),
            "output" => {
                let Some(name) = self.named(&block, "output", "output \"url\" {") else { return };
                let first = self.out.outputs.get(&name.text).map(|(first, _)| first.span);
                match first {
                    Some(first) => self.duplicate("output", &name, first),
                    None => {
                        self.out.outputs.insert(name.text.clone(), (name, block));
                    }
                }
            }
            "deployment" => {
                let Some(name) = self.named(&block, "deployment", "deployment \"web\" {") else { return };
                let first = self.out.deployments.get(&name.text).map(|(first, _)| first.span);
                match first {
                    Some(first) => self.duplicate("deployment", &name, first),
                    None => {
                        let mut block = block;
                        if let Some(enabled) = take(&mut block.body, "enabled") {
                            self.out.switches.insert(name.text.clone(), enabled);
                        }
                        self.out.deployments.insert(name.text.clone(), (name, block));
                    }
                }
            }
            "module" => self.module(block),
            "existing" => {
                let Some((kind, name)) = self.two_labels(&block) else { return };
                if !self.kinds.is_existing(&kind.text) {
                    return self.unknown_kind(&kind, &block.labels, true);
                }
                self.resource(kind.text.clone(), name, block, false);
            }
            kind if self.kinds.is_managed(kind) => {
                let example = format!("{kind} \"web\" {{");
                let Some(name) = self.one_label(&block, &example) else { return };
                self.resource(kind.to_owned(), name, block, true);
            }
            _ => self.unknown_kind(&block.keyword, &block.labels, false),
        }
    }

    fn module(&mut self, mut block: Block) {
        let Some(name) = self.named(&block, "module", "module \"edge\" {") else { return };
        if let Some(first) = self.out.modules.get(&name.text).map(|first| first.name.span) {
            return self.duplicate("module", &name, first);
        }
        self.no_blocks(&block.body, "module");
        if let Some(waits) = take(&mut block.body, "depends_on") {
            self.mistakes.push(
                Mistake::new("bgform::lang::unknown_attribute", "a `module` block takes no `depends_on`")
                    .at(waits.span, "not here")
                    .help("write it in the resource of the module that has to wait, with a variable for it"),
            );
        }
        let [source, enabled, for_each] =
            ["source", "enabled", "for_each"].map(|word| take(&mut block.body, word));
        if source.is_none() && !block.broken {
            self.mistakes.push(
                Mistake::new("bgform::lang::missing_attribute", "`module` needs `source`")
                    .at(name.span, "`source` is not written here")
                    .help(format!("write source = \"./modules/{}\", a folder beside this file", name.text)),
            );
        }
        let module = Module { name: name.clone(), block, source, enabled, for_each };
        self.out.modules.insert(name.text, module);
    }

    fn locals(&mut self, block: Block) {
        self.no_blocks(&block.body, "locals");
        for attribute in block.body.attributes {
            let name = attribute.name.clone();
            let first = self.out.locals.get(&name.text).map(|first| first.name.span);
            match first {
                Some(first) => self.duplicate("local", &name, first),
                None => {
                    self.out.locals.insert(name.text.clone(), attribute);
                }
            }
        }
    }

    fn resource(&mut self, kind: String, name: Name, mut block: Block, managed: bool) {
        if !self.is_name(&kind, &name) {
            return;
        }
        if block.broken {
            self.out.broken.insert((kind.clone(), name.text.clone()));
        }
        let address = Address::new(kind, &name.text);
        let before = self.written.and_then(|written| written.resources.get(&address));
        if let Some(first) = self.out.resources.get(&address).or(before) {
            let first = first.name.span;
            return self.duplicate(&address.kind.clone(), &name, first);
        }
        let (enabled, for_each) = (take(&mut block.body, "enabled"), take(&mut block.body, "for_each"));
        let depends_on = match take(&mut block.body, "depends_on") {
            None => Vec::new(),
            Some(Expr { node: Node::List(items), .. }) => items,
            Some(other) => {
                self.mistakes.push(
                    Mistake::new("bgform::lang::wrong_type", "`depends_on` is a list of references")
                        .at(other.span, "no list")
                        .help("write depends_on = [instance.source]"),
                );
                Vec::new()
            }
        };
        let mut declared = Declared {
            managed,
            name,
            enabled,
            for_each,
            depends_on,
            prevent_destroy: None,
            ignore_changes: Vec::new(),
            preconditions: Vec::new(),
            block,
        };
        if managed {
            self.lifecycle(&mut declared);
        }
        self.out.resources.insert(address, declared);
    }

    fn lifecycle(&mut self, declared: &mut Declared) {
        if declared.block.body.blocks.iter().all(|block| block.keyword.text != "lifecycle") {
            return;
        }
        let blocks = std::mem::take(&mut declared.block.body.blocks);
        let (lifecycle, rest): (Vec<_>, Vec<_>) =
            blocks.into_iter().partition(|block| block.keyword.text == "lifecycle");
        declared.block.body.blocks = rest;
        for block in lifecycle {
            for inner in &block.body.blocks {
                match inner.keyword.text.as_str() {
                    "precondition" => declared.preconditions.extend(self.condition(inner)),
                    _ => self.mistakes.push(unknown_member(&inner.keyword, "lifecycle", &LIFECYCLE)),
                }
            }
            for attribute in block.body.attributes {
                match attribute.name.text.as_str() {
                    "prevent_destroy" => declared.prevent_destroy = Some(attribute.value),
                    "ignore_changes" => match attribute.value.node {
                        Node::List(items) => {
                            for item in items {
                                match item.node {
                                    Node::Name(text) | Node::String(text) => {
                                        declared.ignore_changes.push(Name { text, span: item.span });
                                    }
                                    _ => self.mistakes.push(
                                        Mistake::new(
                                            "bgform::lang::wrong_type",
                                            "`ignore_changes` is a list of attribute names",
                                        )
                                        .at(item.span, "no name of an attribute")
                                        .help("write ignore_changes = [desired_capacity]"),
                                    ),
                                }
                            }
                        }
                        _ => self.mistakes.push(
                            Mistake::new(
                                "bgform::lang::wrong_type",
                                "`ignore_changes` is a list of attribute names",
                            )
                            .at(attribute.value.span, "no list")
                            .help("write ignore_changes = [desired_capacity]"),
                        ),
                    },
                    _ => self.mistakes.push(unknown_member(&attribute.name, "lifecycle", &LIFECYCLE)),
                }
            }
        }
    }

    /// `condition` and `message` of a block.
    fn condition(&mut self, block: &Block) -> Option<Condition> {
        self.no_blocks(&block.body, &block.keyword.text);
        let mut body = block.body.clone();
        let found = take(&mut body, "condition").zip(take(&mut body, "message"));
        for unknown in &body.attributes {
            if found.is_some() {
                let known = ["condition", "message"];
                self.mistakes.push(unknown_member(&unknown.name, &block.keyword.text, &known));
            }
        }
        if found.is_none() && !block.broken {
            self.mistakes.push(
                Mistake::new(
                    "bgform::lang::missing_attribute",
                    format!("`{}` needs `condition` and `message`", block.keyword.text),
                )
                .at(block.keyword.span, "one of them is not written here"),
            );
        }
        found.map(|(condition, message)| Condition { condition, message })
    }

    fn no_blocks(&mut self, body: &Body, what: &str) {
        for block in &body.blocks {
            self.mistakes.push(
                Mistake::new("bgform::lang::unknown_block", format!("`{what}` holds no blocks"))
                    .at(block.keyword.span, "this block")
                    .help(format!("for an object write `{} = {{ ... }}`", block.keyword.text)),
            );
        }
    }

    fn one_label(&mut self, block: &Block, example: &str) -> Option<Name> {
        match block.labels.as_slice() {
            [name] => Some(name.clone()),
            labels => {
                let span = labels.get(1).map_or(block.keyword.span, |extra| extra.span);
                let problem = if labels.is_empty() { "no name" } else { "one name too many" };
                self.mistakes.push(
                    Mistake::new(
                        "bgform::lang::labels",
                        format!("a `{}` block has one name", block.keyword.text),
                    )
                    .at(span, problem)
                    .help(format!("write {example}")),
                );
                None
            }
        }
    }

    /// The only label of a block, its name in expressions and addresses.
    fn named(&mut self, block: &Block, category: &str, example: &str) -> Option<Name> {
        self.one_label(block, example).filter(|name| self.is_name(category, name))
    }

    /// Tells whether expressions, addresses and the state can hold this name. `kind.a.b` and `kind.a["k"]`
    /// would mean an attribute and an instance of another.
    fn is_name(&mut self, category: &str, name: &Name) -> bool {
        // A block of a deployment in a module has a name that is qualified already.
        let label = if self.written.is_some() { split(&name.text).1 } else { &name.text };
        if is_name(label) {
            return true;
        }
        let sayable = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        // A mention of it elsewhere is no second mistake.
        let begin = name.text.split(|c| !sayable(c)).next().unwrap_or_default();
        self.out.broken.insert((category.to_owned(), begin.to_owned()));
        let plain: String = name.text.chars().map(|c| if sayable(c) { c } else { '-' }).collect();
        let help = match plain.trim_matches('-') {
            plain if is_name(plain) => format!("write \"{plain}\""),
            _ => "write a name such as \"web\"".to_owned(),
        };
        self.mistakes.push(
            Mistake::new(
                "bgform::lang::bad_name",
                "a name is letters, digits, `-` and `_`, and begins with a letter or `_`",
            )
            .at(name.span, "this name")
            .help(help),
        );
        false
    }

    fn two_labels(&mut self, block: &Block) -> Option<(Name, Name)> {
        match block.labels.as_slice() {
            [kind, name] => Some((kind.clone(), name.clone())),
            _ => {
                self.mistakes.push(
                    Mistake::new("bgform::lang::labels", "an `existing` block has a kind and a name")
                        .at(block.keyword.span, "this block")
                        .help("write existing vpc \"main\" {"),
                );
                None
            }
        }
    }

    fn duplicate(&mut self, what: &str, name: &Name, first: Span) {
        self.mistakes.push(
            Mistake::new("bgform::lang::duplicate", format!("{what} `{}` is declared twice", name.text))
                .at(name.span, "again here")
                .at(first, "first here")
                .help("give one of them another name"),
        );
    }

    fn unknown_kind(&mut self, kind: &Name, labels: &[Name], existing: bool) {
        let labels: Vec<&str> = labels.iter().map(|label| label.text.as_str()).collect();
        let name = labels.last().copied().unwrap_or(&kind.text);
        // It counts as declared under every word that may name it elsewhere.
        for word in labels.iter().chain([&kind.text.as_str()]) {
            let kind = self.kinds.called_here(word).unwrap_or(word);
            self.out.broken.insert((kind.to_owned(), name.to_owned()));
        }
        let elsewhere = match existing {
            true => {
                self.kinds.elsewhere("data", &labels).filter(|_| self.kinds.called_here(&kind.text).is_some())
            }
            false => self.kinds.elsewhere(&kind.text, &labels),
        };
        let (what, known) = match existing {
            true => ("kind that `existing` can read", self.kinds.existing()),
            false => ("block or resource kind", self.kinds.managed()),
        };
        let mut mistake = Mistake::new("bgform::lang::unknown_kind", format!("`{}` is no {what}", kind.text))
            .at(kind.span, "not known");
        let keywords = if existing { &[][..] } else { &KEYWORDS[..] };
        let guess = did_you_mean(&kind.text, known.iter().copied().chain(keywords.iter().copied()));
        mistake = match (elsewhere, guess) {
            (Some(help), _) => mistake.help(help),
            (None, _) if !existing && self.kinds.is_existing(&kind.text) => mistake.help(format!(
                "bgform reads it but does not make it: write existing {} \"{name}\"",
                kind.text
            )),
            (None, Some(guess)) => mistake.help(format!("did you mean `{guess}`?")),
            (None, None) => mistake
                .help(format!("the kinds are {}; `bgform help kinds` says what each is", known.join(", "))),
        };
        self.mistakes.push(mistake);
    }
}

/// Takes an attribute out of a body.
pub fn take(body: &mut Body, wanted: &str) -> Option<Expr> {
    let at = body.attributes.iter().position(|attribute| attribute.name.text == wanted)?;
    Some(body.attributes.remove(at).value)
}

/// The mistake of a name that a block of bgform's own does not have.
pub fn unknown_member(name: &Name, block: &str, known: &[&str]) -> Mistake {
    let mistake = Mistake::new(
        "bgform::lang::unknown_attribute",
        format!("`{block}` has no attribute `{}`", name.text),
    )
    .at(name.span, "not known");
    match did_you_mean(&name.text, known.iter().copied()) {
        Some(guess) => mistake.help(format!("did you mean `{guess}`?")),
        None => mistake.help(format!("it has {}", known.join(", "))),
    }
}
