//! The values of a stack's variables as texts that `--var name=text` parses back to the same values. A
//! program comes in; texts go out, without sensitive values.

use crate::lang::ast::{Block, Node};
use crate::lang::evaluate::evaluate;
use crate::plan::render::show_value;
use crate::stack::{Known, Names, Program, View};
use crate::value::Value;

/// The variables whose values are sensitive.
pub(super) fn sensitive(program: &Program) -> impl Iterator<Item = (&String, &Value)> {
    program.variables.iter().filter(|(_, value)| value.has_sensitive())
}

/// `name=text` of every variable that may be shown. A variable whose value has no text is left out if it is
/// its default; otherwise its name is the error.
pub(super) fn texts(program: &Program) -> Result<Vec<String>, String> {
    let view = program.unreleased();
    let mut texts = Vec::new();
    for (name, value) in program.variables.iter().filter(|(_, value)| !value.has_sensitive()) {
        let Some((_, block)) = program.variable_blocks().get(name) else { continue };
        let value = value.without_marks();
        match (takes_text(block), &value) {
            (true, Value::String(text)) => texts.push(format!("{name}={text}")),
            (true, _) if default_gives(&view, block, &value) => {}
            (true, _) => return Err(name.clone()),
            (false, value) => texts.push(format!("{name}={}", show_value(value))),
        }
    }
    Ok(texts)
}

/// Tells whether a text is the value itself: the type is string, any or none.
fn takes_text(block: &Block) -> bool {
    let declared = block.body.attributes.iter().find(|attribute| attribute.name.text == "type");
    declared.is_none_or(
        |declared| matches!(&declared.value.node, Node::Name(word) if word == "string" || word == "any"),
    )
}

fn default_gives(view: &View<'_>, block: &Block, value: &Value) -> bool {
    let Some(default) = block.body.attributes.iter().find(|attribute| attribute.name.text == "default")
    else {
        return false;
    };
    let known = Known::new();
    let scope = Names::new(view, &known, None);
    evaluate(&default.value, &scope, &mut Vec::new()).is_some_and(|given| given.without_marks() == *value)
}
