//! Values in the notation of a stack file. Values and a schema come in; lines that parse go out, with blocks
//! where the schema has blocks. Sensitive values are never written.

use crate::kind::schema::{Attribute, Parts, Type};
use crate::lang::template::literal;
use crate::terminal::{acts, escaped};
use crate::value::{Object, SENSITIVE, Value, format_duration, format_number};

/// Maximum width of a list or an object on one line.
const WIDTH: usize = 90;

/// The members of a block, one attribute on each line with aligned `=`, blocks last. Members that
/// `attributes` does not have are written by their values.
pub fn members(attributes: &[Attribute], members: &Object) -> Vec<String> {
    let type_of = |name: &str| attributes.iter().find(|one| one.name == name).map(|one| &one.ty);
    let (blocks, plain): (Vec<_>, Vec<_>) = members
        .iter()
        .partition(|(name, value)| type_of(name).is_some_and(Type::is_block) && !value.unmark().1);
    let widest = plain.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    let mut lines = Vec::new();
    for (name, value) in plain {
        let key = format!("{:widest$}", key(name));
        lines.extend(assigned(&key, value_lines(value)));
    }
    for (name, value) in blocks {
        let Some(ty) = type_of(name) else { continue };
        let one = std::slice::from_ref(value);
        for block in value.as_list().unwrap_or(one) {
            match ty.parts(block) {
                Parts::Block(attributes, members) => lines.extend(block_lines(name, ty, attributes, members)),
                Parts::Whole(Value::Object(members)) => lines.extend(block_lines(name, ty, &[], members)),
                _ => {}
            }
        }
    }
    lines
}

fn block_lines(name: &str, ty: &Type, attributes: &[Attribute], of: &Object) -> Vec<String> {
    let mut inner = of.clone();
    let label = matches!(ty, Type::Labelled { .. }).then(|| inner.shift_remove("type")).flatten();
    let head = match label.as_ref().and_then(Value::as_str) {
        Some(label) => format!("{name} {}", quoted(label)),
        None => name.to_owned(),
    };
    let inner = members(attributes, &inner);
    if inner.is_empty() {
        return vec![format!("{head} {{}}")];
    }
    let mut lines = vec![format!("{head} {{")];
    lines.extend(indented(inner));
    lines.push("}".to_owned());
    lines
}

fn indented(lines: Vec<String>) -> impl Iterator<Item = String> {
    lines.into_iter().map(|line| if line.is_empty() { line } else { format!("  {line}") })
}

fn assigned(key: &str, value: Vec<String>) -> Vec<String> {
    let mut lines = value;
    if let Some(first) = lines.first_mut() {
        *first = format!("{key} = {first}");
    }
    lines
}

/// A value on one line.
pub fn value(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(value) => format_number(*value),
        Value::String(text) => quoted(text),
        Value::Duration(duration) => format_duration(*duration),
        Value::Percent(value) => format!("{}%", format_number(*value)),
        Value::List(items) => {
            format!("[{}]", items.iter().map(self::value).collect::<Vec<_>>().join(", "))
        }
        Value::Object(members) if members.is_empty() => "{}".to_owned(),
        Value::Object(members) => {
            let members =
                members.iter().map(|(name, value)| format!("{} = {}", key(name), self::value(value)));
            format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
        }
        Value::Ref(reference) => reference.to_string(),
        Value::Unknown(_) => "(known after apply)".to_owned(),
        Value::Sensitive(_) => SENSITIVE.to_owned(),
    }
}

/// A value on one line if it fits, otherwise a part on each line; texts of several lines as heredocs.
pub fn value_lines(value: &Value) -> Vec<String> {
    let line = self::value(value);
    match value {
        Value::String(text) if text.ends_with('\n') && is_plain(text) => heredoc(text),
        _ if line.chars().count() <= WIDTH => vec![line],
        Value::List(items) => {
            let mut lines = vec!["[".to_owned()];
            for item in items {
                let mut of_item = value_lines(item);
                if let Some(last) = of_item.last_mut() {
                    last.push(',');
                }
                lines.extend(indented(of_item));
            }
            lines.push("]".to_owned());
            lines
        }
        Value::Object(of) => {
            let mut lines = vec!["{".to_owned()];
            lines.extend(indented(members(&[], of)));
            lines.push("}".to_owned());
            lines
        }
        _ => vec![line],
    }
}

/// Tells whether a text can be in an indented heredoc, and holds no terminal codes.
fn is_plain(text: &str) -> bool {
    text.lines().count() > 1
        && text.lines().any(|line| line.starts_with(|c: char| !c.is_whitespace()))
        && text.chars().all(|c| c == '\n' || c == '\t' || !acts(c))
        && !text.lines().any(|line| line.trim() == "EOT")
}

fn heredoc(text: &str) -> Vec<String> {
    let mut lines = vec!["<<-EOT".to_owned()];
    lines.extend(text.lines().map(literal));
    lines.push("EOT".to_owned());
    lines
}

fn key(name: &str) -> String {
    let bare = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if bare { name.to_owned() } else { quoted(name) }
}

/// A string in quotes, with escapes for characters that the language or a terminal would interpret.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            character if acts(character) => out.push_str(&escaped(character)),
            other => out.push(other),
        }
    }
    out.push('"');
    literal(&out)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::kind::schema::attribute;
    use crate::object;

    fn object(value: Value) -> Object {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn a_block_is_written_as_a_stack_file_would_have_it() {
        let forward = attribute("target_group", Type::string(), "");
        let schema = [
            attribute("port", Type::Integer { min: 1, max: 65535 }, ""),
            attribute("deregistration_delay", Type::Duration { min: 0, max: 3600 }, ""),
            attribute("health_check", Type::Block(vec![attribute("path", Type::string(), "")]), ""),
            attribute(
                "action",
                Type::Labelled { variants: vec![("forward", vec![forward])], many: true },
                "",
            ),
        ];
        let inputs = object! {
            "port" => 8080,
            "health_check" => object! { "path" => "/healthz" },
            "action" => vec![object! { "type" => "forward", "target_group" => "arn" }],
            "deregistration_delay" => Duration::from_secs(30),
        };
        insta::assert_snapshot!(members(&schema, &object(inputs)).join("\n"), @r#"
        port                 = 8080
        deregistration_delay = 30s
        health_check {
          path = "/healthz"
        }
        action "forward" {
          target_group = "arn"
        }
        "#);
    }

    #[test]
    fn what_is_sensitive_is_not_written_at_any_depth() {
        let inputs = object! {
            "password" => Value::string("hunter2").sensitive(),
            "tags" => object! { "key" => Value::string("hunter2").sensitive() },
        };
        insta::assert_snapshot!(members(&[], &object(inputs)).join("\n"), @r"
        password = (sensitive)
        tags     = { key = (sensitive) }
        ");
    }

    #[test]
    fn texts_are_escaped_or_stand_in_a_heredoc() {
        let inputs = object! {
            "data" => "#!/bin/sh\necho ${HOME}\n",
            "name" => "a \"b\" ${c} \u{1b}[31m",
        };
        insta::assert_snapshot!(members(&[], &object(inputs)).join("\n"), @r##"
        data = <<-EOT
        #!/bin/sh
        echo $${HOME}
        EOT
        name = "a \"b\" $${c} \u001b[31m"
        "##);
    }
}
