//! The reference of kinds, functions and Terraform's terms, as Markdown pages. The registry and the table of
//! functions come in, text goes out. All of it comes from the schemas.

use std::fmt::Write;

use super::notation;
use crate::deployment::nested::nested;
use crate::deployment::schema::ATTRIBUTES;
use crate::kind;
use crate::kind::schema::{Attribute, OnChange, Output, Schema, Type};
use crate::lang::functions::{self, Function};
use crate::value::Value;

/// A page of the help.
pub struct Page {
    /// The words that select it, such as `target_group`, `existing vpc` or `functions`.
    pub name: String,
    pub summary: String,
    /// Writes the page on demand, since every command lists the names.
    text: Box<dyn Fn() -> String>,
}

impl Page {
    pub fn new(name: &str, summary: &str, text: impl Fn() -> String + 'static) -> Self {
        Self { name: name.to_owned(), summary: summary.to_owned(), text: Box::new(text) }
    }

    /// The page as Markdown.
    pub fn text(&self) -> String {
        (self.text)()
    }
}

/// The pages of the list of kinds, the functions, and Terraform's terms.
pub fn topics() -> Vec<Page> {
    vec![
        Page::new("kinds", "The kinds of resources", all_kinds),
        Page::new("functions", "The functions of expressions", functions),
        Page::new("terraform", "Words of Terraform, and what replaces them", terraform),
    ]
}

/// A page for the deployment, each managed kind, and each kind that `existing` reads.
pub fn kinds() -> Vec<Page> {
    let mut pages =
        vec![Page::new("deployment", "A service in two colours, made of other kinds.", deployment)];
    pages.extend(kind::managed().iter().map(|kind| {
        let schema = kind.schema();
        Page::new(schema.kind, &first_sentence(schema.doc), || managed(schema))
    }));
    pages.extend(kind::existing().iter().map(|kind| {
        let schema = kind.schema();
        let text = || existing(schema, kind.member_kind());
        Page::new(&format!("existing {}", schema.kind), &first_sentence(schema.doc), text)
    }));
    pages
}

fn all_kinds() -> String {
    let (existing, managed): (Vec<_>, Vec<_>) =
        kinds().into_iter().partition(|page| page.name.starts_with("existing "));
    let table = |pages: Vec<Page>| {
        let rows = pages.iter().map(|Page { name, summary, .. }| format!("| {} | {summary} |\n", code(name)));
        format!("| kind | |\n|---|---|\n{}", rows.collect::<String>())
    };
    format!(
        "# Kinds\n\n\
         `bgform help target_group` prints the attributes and outputs of that kind.\n\n\
         {}\n\
         Each of these kinds also takes `for_each`, `enabled`, `depends_on`, and `lifecycle {{ prevent_destroy, ignore_changes, precondition }}`. \
         AWS chooses the value of an attribute that has no default and is not written, and bgform leaves that value \
         alone.\n\n\
         ## Existing kinds\n\n\
         `existing KIND \"name\" {{ ... }}` finds a resource that the stack reads and never changes. Its attributes are \
         filters. A plural kind finds any number of resources, sorted; `[0]` or `[*]` reads its members.\n\n\
         {}",
        table(managed),
        table(existing),
    )
}

fn terraform() -> String {
    let mut text = "# Words of Terraform\n\n\
         bgform reads no Terraform. A word of Terraform in a stack file is a mistake whose help says this:\n\n\
         | Terraform | bgform |\n|---|---|\n"
        .to_owned();
    for (word, here) in kind::terraform::table() {
        let _ = writeln!(text, "| {word} | {} |", cell(&here));
    }
    text
}

fn functions() -> String {
    let mut text = "# Functions\n\n\
         `bgform help cidrsubnet` prints one of them with an example. None tells the time or what chance gives, so \
         that a plan is the same whenever it is made.\n\n\
         | function | result |\n|---|---|\n"
        .to_owned();
    for function in by_name() {
        let _ = writeln!(text, "| {} | {} |", code(function.signature), cell(function.doc));
    }
    text
}

fn by_name() -> Vec<&'static Function> {
    let mut all: Vec<_> = functions::all().collect();
    all.sort_by_key(|function| function.name);
    all
}

/// A page for each function, which is no file of the reference: the page of all functions has its line.
pub fn each_function() -> Vec<Page> {
    let page =
        |function: &'static Function| Page::new(function.name, function.doc, || one_function(function));
    by_name().into_iter().map(page).collect()
}

fn one_function(function: &Function) -> String {
    let mut text = format!("# `{}`\n\n{}.\n", function.signature, cell(function.doc));
    if let Some((written, value)) = functions::example(function.name) {
        let _ = write!(text, "\n```deploy\n{written}\n```\n\ngives\n\n```deploy\n{value}\n```\n");
    }
    text
}

fn deployment() -> String {
    let own =
        |(kind, _): &&(&str, bool)| crate::kind::router(kind).is_none_or(|one| one.named_by().is_none());
    let nested: Vec<String> = nested()
        .iter()
        .filter(own)
        .map(|(kind, many)| format!("`{kind}`{}", if *many { " (one or more)" } else { "" }))
        .collect();
    let mut text = format!(
        "# `deployment`\n\n\
         One service in two colours. `bgform help deployments` explains it.\n\n\
         These blocks have the attributes of the kind of the same name: {}. A `name` in one of them gets the colour \
         after it. `listener {{ listener = listener.NAME }}` gives the deployment the default action of a listener of \
         the stack, beside a `listener_rule` or in its place.\n\n\
         | attribute | value | default | |\n|---|---|---|---|\n",
        nested.join(", ")
    );
    // A gate's name is its label.
    let is_label = |row: &Row<'_>| row.path == "gate.name";
    for row in rows(&ATTRIBUTES, "", OnChange::Update).into_iter().filter(|row| !is_label(row)) {
        let path = row.path.replacen("gate", "gate \"NAME\"", usize::from(row.path.starts_with("gate")));
        attribute(&mut text, &path, row.attribute, None);
    }
    text
}

/// A line of a table: the attribute, its value, its default, the effect of a change (for managed kinds), and
/// its documentation.
fn attribute(text: &mut String, path: &str, attribute: &Attribute, change: Option<&str>) {
    let change = change.map(|change| format!(" {change} |")).unwrap_or_default();
    let _ = writeln!(
        text,
        "| {} | {} | {} |{change} {} |",
        code(path),
        cell(&described(&attribute.ty)) + if attribute.required { ", required" } else { "" },
        default(attribute),
        cell(attribute.doc)
    );
}

fn managed(schema: &Schema) -> String {
    let mut text = heading(schema.kind, schema.doc);
    text.push_str("| attribute | value | default | a change | |\n|---|---|---|---|---|\n");
    for Row { path, attribute: row, on_change } in rows(&schema.attributes, "", OnChange::Update) {
        let change = match on_change {
            OnChange::Update => "in place",
            OnChange::Replace => "replaces",
        };
        attribute(&mut text, &path, row, Some(change));
    }
    outputs(&mut text, &schema.outputs);
    text
}

fn existing(schema: &Schema, member: Option<&str>) -> String {
    let mut text = heading(&format!("existing {}", schema.kind), schema.doc);
    text.push_str("| filter | value | default | |\n|---|---|---|---|\n");
    for Row { path, attribute: row, .. } in rows(&schema.attributes, "", OnChange::Update) {
        attribute(&mut text, &path, row, None);
    }
    if let Some(member) = member {
        let _ = writeln!(text, "\nEach member is a result of `existing {member}`.");
    }
    outputs(&mut text, &schema.outputs);
    text
}

fn heading(name: &str, doc: &str) -> String {
    format!("# `{name}`\n\n{}\n\n", cell(doc))
}

fn first_sentence(doc: &str) -> String {
    let doc = cell(doc);
    doc.split_once(". ").map_or(doc.clone(), |(first, _)| format!("{first}."))
}

fn outputs(text: &mut String, outputs: &[Output]) {
    if outputs.is_empty() {
        return;
    }
    text.push_str("\n| output | |\n|---|---|\n");
    for output in outputs {
        let _ = writeln!(text, "| {} | {} |", code(output.name), cell(output.doc));
    }
}

/// One attribute, with the blocks that hold it.
struct Row<'a> {
    /// `health_check.path`, `action "forward".target_group.weight`.
    path: String,
    attribute: &'a Attribute,
    /// Within a block that replaces, every attribute replaces.
    on_change: OnChange,
}

fn rows<'a>(attributes: &'a [Attribute], outer: &str, around: OnChange) -> Vec<Row<'a>> {
    let mut all = Vec::new();
    for attribute in attributes {
        let path = match outer {
            "" => attribute.name.to_owned(),
            outer => format!("{outer}.{}", attribute.name),
        };
        let on_change = if around == OnChange::Replace { around } else { attribute.on_change };
        all.push(Row { path: path.clone(), attribute, on_change });
        match &attribute.ty {
            Type::Block(inner) | Type::Blocks { attributes: inner, .. } => {
                all.extend(rows(inner, &path, on_change));
            }
            Type::Labelled { variants, .. } => {
                for (label, inner) in variants {
                    all.extend(rows(inner, &format!("{path} \"{label}\""), on_change));
                }
            }
            _ => {}
        }
    }
    all
}

/// The form of a value, and the number of a block.
fn described(ty: &Type) -> String {
    match ty {
        Type::Block(_) => "a block, at most once".to_owned(),
        Type::Blocks { max, ordered, .. } => {
            let order = if *ordered { ", in order" } else { "" };
            format!("up to {max} blocks{order}")
        }
        Type::Labelled { variants, many } => {
            let labels: Vec<_> = variants.iter().map(|(label, _)| format!("\"{label}\"")).collect();
            let count = if *many { "blocks, in order, each" } else { "a block" };
            format!("{count} labelled {}", labels.join(" or "))
        }
        other => other.describe(),
    }
}

fn default(attribute: &Attribute) -> String {
    match &attribute.default {
        Some(Value::Null) | None => String::new(),
        Some(value) => code(&notation::value(value)),
    }
}

/// Text in backticks, safe inside a table.
fn code(text: &str) -> String {
    format!("`{}`", cell(text))
}

/// Text on one line, without characters that would end a table's cell.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
