//! The reference of the language's kinds and functions, as Markdown. The registry and the table of
//! functions come in, text goes out; nothing is said here that a schema does not say.

use std::fmt::Write;

use super::notation;
use crate::deployment::nested::nested;
use crate::deployment::schema::ATTRIBUTES;
use crate::kind;
use crate::kind::schema::{Attribute, OnChange, Output, Schema, Type};
use crate::lang::functions;
use crate::value::Value;

/// Deployments, every managed kind, every kind that `existing` reads, and every function.
pub fn reference() -> String {
    let mut text = String::new();
    deployment(&mut text);
    text.push_str(
        "\n### Resource kinds\n\n\
         Every one also takes `for_each`, `depends_on` and `lifecycle { prevent_destroy, ignore_changes }`. An \
         attribute without a default that is not written is AWS's own choice and is left alone.\n",
    );
    for kind in kind::managed() {
        managed(&mut text, kind.schema());
    }
    text.push_str(
        "\n### Existing kinds\n\n\
         `existing KIND \"name\" { ... }` finds what the stack reads and never changes; its attributes are filters. A \
         plural kind finds any number, sorted, and `[0]` or `[*]` reads its members.\n",
    );
    for kind in kind::existing() {
        existing(&mut text, kind.schema(), kind.member_kind());
    }
    text.push_str("\n### Coming from Terraform\n\n| Terraform | here |\n|---|---|\n");
    for (word, here) in kind::terraform::table() {
        let _ = writeln!(text, "| {word} | {} |", cell(&here));
    }
    text.push_str("\n### Functions\n\n| function | gives |\n|---|---|\n");
    let mut all: Vec<_> = functions::all().collect();
    all.sort_by_key(|function| function.name);
    for function in all {
        let _ = writeln!(text, "| {} | {} |", code(function.signature), cell(function.doc));
    }
    text
}

fn deployment(text: &mut String) {
    let own =
        |(kind, _): &&(&str, bool)| crate::kind::router(kind).is_none_or(|one| one.named_by().is_none());
    let nested: Vec<String> = nested()
        .iter()
        .filter(own)
        .map(|(kind, many)| format!("`{kind}`{}", if *many { ", once or more" } else { "" }))
        .collect();
    let _ = write!(
        text,
        "### `deployment`\n\n\
         One service, kept in two colours. It nests {}, with the attributes that these kinds have; a `name` of theirs \
         gets the colour after it. Beside a `listener_rule`, or in its place, `listener {{ listener = listener.NAME }}` \
         makes the default action of a listener of the stack the deployment's. Beside them:\n\n\
         | attribute | value | default | |\n|---|---|---|---|\n",
        nested.join("; ")
    );
    // A gate's name is its label.
    let is_label = |row: &Row<'_>| row.path == "gate.name";
    for row in rows(&ATTRIBUTES, "", OnChange::Update).into_iter().filter(|row| !is_label(row)) {
        let path = row.path.replacen("gate", "gate \"NAME\"", usize::from(row.path.starts_with("gate")));
        let Row { attribute, .. } = row;
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            code(&path),
            cell(&described(&attribute.ty)),
            default(attribute),
            cell(attribute.doc)
        );
    }
}

fn managed(text: &mut String, schema: &Schema) {
    heading(text, &code(schema.kind), schema.doc);
    text.push_str("| attribute | value | default | a change | |\n|---|---|---|---|---|\n");
    for row in rows(&schema.attributes, "", OnChange::Update) {
        let Row { path, attribute, on_change } = row;
        let change = match on_change {
            OnChange::Update => "in place",
            OnChange::Replace => "replaces",
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {change} | {} |",
            code(&path),
            cell(&described(&attribute.ty)),
            default(attribute),
            cell(attribute.doc)
        );
    }
    outputs(text, &schema.outputs);
}

fn existing(text: &mut String, schema: &Schema, member: Option<&str>) {
    heading(text, &format!("`existing {}`", schema.kind), schema.doc);
    text.push_str("| filter | value | default | |\n|---|---|---|---|\n");
    for Row { path, attribute, .. } in rows(&schema.attributes, "", OnChange::Update) {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            code(&path),
            cell(&described(&attribute.ty)),
            default(attribute),
            cell(attribute.doc)
        );
    }
    if let Some(member) = member {
        let _ = writeln!(text, "\nEach member is what `existing {member}` finds.");
    }
    outputs(text, &schema.outputs);
}

fn heading(text: &mut String, title: &str, doc: &str) {
    let _ = write!(text, "\n#### {title}\n\n{}\n\n", cell(doc));
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

/// One attribute, with the blocks that it stands in.
struct Row<'a> {
    /// `health_check.path`, `action "forward".target_group.weight`.
    path: String,
    attribute: &'a Attribute,
    /// Inside a block that replaces everything does.
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

/// What to write, and for blocks how many.
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
        _ if attribute.required => "required".to_owned(),
        Some(Value::Null) | None => String::new(),
        Some(value) => code(&notation::value(value)),
    }
}

/// In backticks, safe inside a table.
fn code(text: &str) -> String {
    format!("`{}`", cell(text))
}

/// On one line, without what would end a table's cell.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
