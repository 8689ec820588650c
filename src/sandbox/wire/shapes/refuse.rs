//! Refuses parameters that do not match their shape. The words are those of AWS's answers. The codes are
//! documented in the errors-overview of EC2's API reference, and in the CommonErrors and the actions' errors
//! of the others.

use serde_json::Value;

use super::super::{Protocol, Refusal};
use super::check::{Constraint, Step, Violation};

/// The refusal of a call with these violations, at least one. `own`: the action declares errors for
/// parameters; `invalid`: the service's code for a validation error.
pub fn refuse(found: &[Violation], protocol: Protocol, own: bool, invalid: &str) -> Refusal {
    // A request is read before it is validated.
    let unread = found.iter().find(|violation| matches!(violation.must, Constraint::Type(_)));
    match (found, unread, protocol) {
        ([first, ..], unread, Protocol::Ec2) => ec2(unread.unwrap_or(first)),
        (_, Some(unread), Protocol::RestXml) => Refusal::new(invalid, not_read(unread)),
        (_, Some(unread), Protocol::Query) => Refusal::new("MalformedInput", not_read(unread)),
        (_, Some(unread), _) => Refusal::new("SerializationException", not_converted(unread)),
        ([first, ..], None, _) if own => of_parameter(first),
        _ => {
            let plural = if found.len() == 1 { "" } else { "s" };
            let all: Vec<String> = found.iter().map(of_member).collect();
            let message = format!("{} validation error{plural} detected: {}", found.len(), all.join("; "));
            Refusal::new(invalid, message)
        }
    }
}

fn ec2(one: &Violation) -> Refusal {
    let (path, value) = (dotted(&one.path, ""), shown(&one.value));
    let bound = |words: &str, bound: i64| {
        let name = lower_first(&path);
        let message =
            format!("Value ( {value} ) for parameter {name} is invalid. Expecting a value {words} {bound}.");
        Refusal::value(message)
    };
    match &one.must {
        Constraint::NotNull => Refusal::missing(&path),
        Constraint::Enum(_) => Refusal::value(format!("Invalid value '{value}' for {path}.")),
        Constraint::AtLeast(least) => bound("greater than or equal to", *least),
        Constraint::AtMost(most) => bound("less than or equal to", *most),
        Constraint::Type(kind) => {
            let must = match *kind {
                "Integer" | "Long" | "Double" => "a number",
                "Boolean" => "true or false",
                "Timestamp" => "a timestamp in ISO 8601 format",
                "List" => "a list",
                "Structure" | "Map" => "a structure",
                _ => "a text",
            };
            Refusal::value(format!("Value ({value}) for parameter {path} is invalid. It must be {must}."))
        }
        other => {
            Refusal::value(format!("Value ({value}) for parameter {path} is invalid. {}.", words(other)))
        }
    }
}

/// The query protocol's message for a value that does not parse.
fn not_read(one: &Violation) -> String {
    match one.must {
        Constraint::Type("Timestamp") => "timestamp must follow ISO8601".to_owned(),
        Constraint::Type("Integer" | "Long" | "Double") => {
            format!("For input string: \"{}\"", shown(&one.value))
        }
        Constraint::Type(kind) => format!("Value at '{}' is no {kind}", members(&one.path)),
        _ => String::new(),
    }
}

/// The JSON protocols' message for a value that does not parse.
fn not_converted(one: &Violation) -> String {
    let Constraint::Type(kind) = one.must else { return String::new() };
    match &one.value {
        Value::Array(_) => "Start of list found where not expected".to_owned(),
        Value::Object(_) => "Start of structure or map found where not expected.".to_owned(),
        _ if kind == "List" => "Expected list or null".to_owned(),
        _ if matches!(kind, "Structure" | "Map") => "Expected map or null".to_owned(),
        Value::String(_) => format!("STRING_VALUE can not be converted to {}", with_article(kind)),
        Value::Bool(flag) => {
            format!(
                "{}_VALUE can not be converted to {}",
                flag.to_string().to_uppercase(),
                with_article(kind)
            )
        }
        _ => format!("NUMBER_VALUE can not be converted to {}", with_article(kind)),
    }
}

fn with_article(kind: &str) -> String {
    format!("{} {kind}", if kind.starts_with('I') { "an" } else { "a" })
}

/// As the actions of CloudWatch refuse that declare errors for parameters.
fn of_parameter(one: &Violation) -> Refusal {
    let (path, value) = (dotted(&one.path, "member."), shown(&one.value));
    let message = match &one.must {
        Constraint::NotNull => {
            return Refusal::new("MissingParameter", format!("The parameter {path} is required."));
        }
        Constraint::AtLeast(least) => {
            format!("The parameter {path} must be greater than or equal to {least}.")
        }
        Constraint::AtMost(most) => format!("The parameter {path} must be less than or equal to {most}."),
        Constraint::LengthAtMost(most) if one.value.is_array() => {
            format!("The collection {path} must not have a size greater than {most}.")
        }
        Constraint::LengthAtMost(most) => {
            format!("The parameter {path} must be shorter than {} characters.", most + 1)
        }
        Constraint::Enum(words) => {
            format!("The parameter {path} must be a value in the set [{}].", words.join(", "))
        }
        other => format!("The value {value} for parameter {path} is invalid. {}.", words(other)),
    };
    Refusal::value(message)
}

/// One validation error, in the form of services with Coral's validation.
fn of_member(one: &Violation) -> String {
    let value = match &one.value {
        Value::Null => "null".to_owned(),
        value => format!("'{}'", shown(value)),
    };
    format!("Value {value} at '{}' failed to satisfy constraint: {}", members(&one.path), words(&one.must))
}

fn words(must: &Constraint) -> String {
    match must {
        Constraint::NotNull => "Member must not be null".to_owned(),
        Constraint::Type(kind) => format!("Member must be {}", with_article(kind)),
        Constraint::AtLeast(least) => format!("Member must have value greater than or equal to {least}"),
        Constraint::AtMost(most) => format!("Member must have value less than or equal to {most}"),
        Constraint::LengthAtLeast(least) => {
            format!("Member must have length greater than or equal to {least}")
        }
        Constraint::LengthAtMost(most) => format!("Member must have length less than or equal to {most}"),
        Constraint::Pattern(pattern) => {
            format!("Member must satisfy regular expression pattern: {}", pattern.0)
        }
        Constraint::Enum(set) => format!("Member must satisfy enum value set: [{}]", set.join(", ")),
        Constraint::Items(all) => {
            let all: Vec<String> = all.iter().map(words).collect();
            format!("Member must satisfy constraint: [{}]", all.join(", "))
        }
    }
}

/// `BlockDeviceMapping.1.Ebs`, or with `member.` before the numbers of items.
fn dotted(path: &[Step], item: &str) -> String {
    let steps = path.iter().map(|step| match step {
        Step::Member(name) => (*name).to_owned(),
        Step::Item(number) => format!("{item}{number}"),
        Step::Key(key) => key.clone(),
    });
    steps.collect::<Vec<_>>().join(".")
}

/// `tags.1.member.key`
fn members(path: &[Step]) -> String {
    let steps = path.iter().map(|step| match step {
        Step::Member(name) => lower_first(name),
        Step::Item(number) => format!("{number}.member"),
        Step::Key(key) => format!("{key}.member"),
    });
    steps.collect::<Vec<_>>().join(".")
}

/// `Tags` → `tags`
pub fn lower_first(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}

/// A value as messages have it.
pub fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}
