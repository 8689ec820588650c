//! Variables: their declared types, and their given values. Declarations and given texts come in; typed
//! values go out, with a mistake for each that does not fit.

use std::collections::{BTreeMap, HashSet};

use indexmap::IndexMap;

use super::ast::{Attribute, Block, Expr, Name, Node};
use super::declare::{Declarations, unknown_member};
use super::evaluate::{Found, Members, Scope, describe, evaluate};
use super::functions::identity;
use crate::diagnostic::{Mistake, Span, did_you_mean};
use crate::value::{Object, Reference, Value};

/// The `type` of a variable.
#[derive(Debug, Clone, PartialEq)]
pub enum VariableType {
    Any,
    String,
    Number,
    Bool,
    Duration,
    Percent,
    List(Box<VariableType>),
    Set(Box<VariableType>),
    Map(Box<VariableType>),
    Object(Vec<(String, VariableType)>),
}

/// A value from outside the stack; the last one of each name wins.
#[derive(Debug, Clone)]
pub enum Given {
    /// `--var name=value` or `BGFORM_VAR_name`: text, parsed by the variable's type.
    Text { text: String, origin: String },
    /// An attribute of a `--var-file`.
    Expr(Expr),
}

/// The code of the mistake of a validation that names what is known only after apply.
pub const UNDECIDED: &str = "bgform::lang::undecided";

/// The code of the mistake that a variable has neither a value nor a default.
pub const NO_VALUE: &str = "bgform::lang::no_value";

const NAMES: [&str; 6] = ["any", "string", "number", "bool", "duration", "percent"];

impl VariableType {
    pub fn parse(expr: &Expr, mistakes: &mut Vec<Mistake>) -> Option<Self> {
        let unknown = |mistakes: &mut Vec<Mistake>, word: &str| {
            let mistake = Mistake::new("bgform::lang::unknown_type", format!("`{word}` is no type"))
                .at(expr.span, "not known");
            let known = NAMES.iter().copied().chain(["list", "set", "map", "object"]);
            mistakes.push(match did_you_mean(word, known) {
                Some(guess) => mistake.help(format!("did you mean `{guess}`?")),
                None => mistake.help(
                    "the types are string, number, bool, duration, percent, list(...), set(...), map(...), \
                     object({ name = type }) and any",
                ),
            });
            None
        };
        match &expr.node {
            Node::Name(word) => match word.as_str() {
                "any" => Some(Self::Any),
                "string" => Some(Self::String),
                "number" => Some(Self::Number),
                "bool" => Some(Self::Bool),
                "duration" => Some(Self::Duration),
                "percent" => Some(Self::Percent),
                "list" => Some(Self::List(Box::new(Self::Any))),
                "set" => Some(Self::Set(Box::new(Self::Any))),
                "map" => Some(Self::Map(Box::new(Self::Any))),
                other => unknown(mistakes, other),
            },
            Node::Call { function, arguments, .. } => {
                let [argument] = arguments.as_slice() else { return unknown(mistakes, &function.text) };
                match (function.text.as_str(), &argument.node) {
                    ("list", _) => Some(Self::List(Box::new(Self::parse(argument, mistakes)?))),
                    ("set", _) => Some(Self::Set(Box::new(Self::parse(argument, mistakes)?))),
                    ("map", _) => Some(Self::Map(Box::new(Self::parse(argument, mistakes)?))),
                    ("object", Node::Object(members)) => members
                        .iter()
                        .map(|(key, value)| match &key.node {
                            Node::Name(name) | Node::String(name) => {
                                Some((name.clone(), Self::parse(value, mistakes)?))
                            }
                            _ => {
                                unknown(mistakes, "object");
                                None
                            }
                        })
                        .collect::<Option<_>>()
                        .map(Self::Object),
                    (other, _) => unknown(mistakes, other),
                }
            }
            _ => unknown(mistakes, "this"),
        }
    }

    pub fn describe(&self) -> String {
        match self {
            Self::Any => "anything".into(),
            Self::String => "a string".into(),
            Self::Number => "a number".into(),
            Self::Bool => "true or false".into(),
            Self::Duration => "a duration, such as 30s".into(),
            Self::Percent => "a percent, such as 25%".into(),
            Self::List(item) => format!("a list, each {}", item.describe()),
            Self::Set(item) => format!("a set, each {}", item.describe()),
            Self::Map(item) => format!("an object, each value {}", item.describe()),
            Self::Object(members) => {
                let members: Vec<_> =
                    members.iter().map(|(name, ty)| format!("{name} = {}", ty.describe())).collect();
                format!("an object of {}", members.join(", "))
            }
        }
    }

    /// The value if it fits this type. A value that is known only after apply fits every type.
    pub fn fit(&self, value: Value) -> Option<Value> {
        let (value, sensitive) = value.into_unmarked();
        let fitted = match (self, value) {
            (Self::Any, value) | (_, value @ (Value::Null | Value::Unknown(_))) => value,
            (Self::String, value @ Value::String(_))
            | (Self::Number, value @ Value::Number(_))
            | (Self::Bool, value @ Value::Bool(_))
            | (Self::Duration, value @ Value::Duration(_))
            | (Self::Percent, value @ Value::Percent(_)) => value,
            (Self::List(item), Value::List(items)) => {
                Value::List(items.into_iter().map(|value| item.fit(value)).collect::<Option<_>>()?)
            }
            (Self::Set(item), Value::List(items)) => {
                let mut unique = Vec::new();
                let mut seen = HashSet::new();
                for value in items {
                    let value = item.fit(value)?;
                    if seen.insert(identity(&value)) {
                        unique.push(value);
                    }
                }
                Value::List(unique)
            }
            (Self::Map(item), Value::Object(members)) => Value::Object(
                members
                    .into_iter()
                    .map(|(key, value)| Some((key, item.fit(value)?)))
                    .collect::<Option<_>>()?,
            ),
            (Self::Object(types), Value::Object(mut members)) => {
                let fitted: Option<Object> = types
                    .iter()
                    .map(|(name, ty)| Some((name.clone(), ty.fit(members.swap_remove(name)?)?)))
                    .collect();
                if !members.is_empty() {
                    return None;
                }
                Value::Object(fitted?)
            }
            _ => return None,
        };
        Some(fitted.marked_if(sensitive))
    }

    /// Tells whether text from a command line is the value itself rather than an expression for it.
    fn is_text(&self) -> bool {
        matches!(self, Self::String | Self::Any)
    }
}

/// Returns the values of all variables. A wrong one is a mistake, and left out.
pub fn resolve(
    declarations: &mut Declarations,
    given: &BTreeMap<String, Vec<Given>>,
    parse_text: &mut dyn FnMut(&str, &str) -> Option<Expr>,
    mistakes: &mut Vec<Mistake>,
) -> IndexMap<String, Value> {
    let mut values = IndexMap::new();
    let mut broken = Vec::new();
    for (name, (label, block)) in &declarations.variables {
        match one(label, block, given.get(name), &values, parse_text, mistakes) {
            Some(value) => {
                values.insert(name.clone(), value);
            }
            None => broken.push(("var".to_owned(), name.clone())),
        }
    }
    for (name, all) in given {
        let from_environment =
            |given: &Given| matches!(given, Given::Text { origin, .. } if origin.starts_with("BGFORM_VAR_"));
        let declared = declarations.variables.contains_key(name)
            || declarations.broken.contains(&("var".to_owned(), name.clone()));
        // The environment may serve several stacks, but an option of this command must match one.
        if declared || all.iter().all(from_environment) {
            continue;
        }
        let mut mistake =
            Mistake::new("bgform::lang::unknown_variable", format!("the stack has no variable `{name}`"));
        if let Some(Given::Expr(expr)) = all.last() {
            mistake = mistake.at(expr.span, "given here");
        }
        let guess = did_you_mean(name, declarations.variables.keys().map(String::as_str));
        mistakes.push(match guess {
            Some(guess) => mistake.help(format!("did you mean `{guess}`?")),
            None => mistake.help(format!("declare it: variable \"{name}\" {{ type = string }}")),
        });
    }
    declarations.broken.extend(broken);
    values
}

fn one(
    label: &Name,
    block: &Block,
    given: Option<&Vec<Given>>,
    known: &IndexMap<String, Value>,
    parse_text: &mut dyn FnMut(&str, &str) -> Option<Expr>,
    mistakes: &mut Vec<Mistake>,
) -> Option<Value> {
    let before = mistakes.len();
    let find = |name: &str| block.body.attributes.iter().find(|attribute| attribute.name.text == name);
    for attribute in &block.body.attributes {
        let names = ["type", "default", "description", "sensitive"];
        if !names.contains(&attribute.name.text.as_str()) {
            mistakes.push(unknown_member(&attribute.name, "variable", &names));
        }
    }
    let ty = match find("type") {
        Some(attribute) => VariableType::parse(&attribute.value, mistakes)?,
        None => VariableType::Any,
    };
    let scope = Variables { values: known };
    let sensitive = match find("sensitive").map(|attribute| evaluate(&attribute.value, &scope, mistakes)) {
        None => false,
        Some(value) => value?.as_bool().unwrap_or_default(),
    };
    let value = match (given.and_then(|all| all.last()), find("default")) {
        (Some(Given::Expr(expr)), _) => fitted(&ty, expr, label, &scope, mistakes)?,
        (Some(Given::Text { text, origin }), _) => {
            from_text(&ty, (text, origin), label, sensitive, parse_text, mistakes)?
        }
        (None, Some(Attribute { value, .. })) => fitted(&ty, value, label, &scope, mistakes)?,
        (None, None) if block.broken => return None,
        (None, None) => {
            let name = &label.text;
            mistakes.push(
                Mistake::new(NO_VALUE, format!("variable `{name}` has no value"))
                    .at(label.span, "declared here, without a default")
                    .help(format!("pass --var {name}=..., set BGFORM_VAR_{name}, or give it a default")),
            );
            return None;
        }
    };
    let value = value.marked_if(sensitive);
    for unknown in block.body.blocks.iter().filter(|one| one.keyword.text != "validation") {
        mistakes.push(unknown_member(&unknown.keyword, "variable", &["validation"]));
    }
    (mistakes.len() == before).then_some(value)
}

fn fitted(
    ty: &VariableType,
    expr: &Expr,
    label: &Name,
    scope: &dyn Scope,
    mistakes: &mut Vec<Mistake>,
) -> Option<Value> {
    let value = evaluate(expr, scope, mistakes)?;
    let shown = describe(&value);
    ty.fit(value).or_else(|| {
        mistakes.push(
            Mistake::new(
                "bgform::lang::wrong_type",
                format!("variable `{}` is {}", label.text, ty.describe()),
            )
            .at(expr.span, format!("this is {shown}"))
            .at(label.span, "declared here"),
        );
        None
    })
}

fn from_text(
    ty: &VariableType,
    (text, origin): (&str, &str),
    label: &Name,
    sensitive: bool,
    parse_text: &mut dyn FnMut(&str, &str) -> Option<Expr>,
    mistakes: &mut Vec<Mistake>,
) -> Option<Value> {
    if ty.is_text() {
        return Some(Value::string(text));
    }
    let value = parse_text(text, origin)
        .and_then(|expr| evaluate(&expr, &super::evaluate::Constant, &mut Vec::new()))
        .and_then(|value| ty.fit(value));
    if value.is_none() {
        let given = match (sensitive, text.char_indices().nth(60)) {
            (true, _) => "something else, which is sensitive and not shown".to_owned(),
            (false, None) => format!("`{text}`"),
            (false, Some((end, _))) => format!("`{}...`", text.get(..end).unwrap_or_default()),
        };
        mistakes.push(
            Mistake::new(
                "bgform::lang::wrong_type",
                format!("variable `{}` is {}; {origin} gave {given}", label.text, ty.describe()),
            )
            .at(label.span, "declared here")
            .help("lists and objects are written as in a stack: --var 'zones=[\"a\", \"b\"]'"),
        );
    }
    value
}

/// Holds the values of variables against their validations, which may name every variable and local of
/// `scope`. A variable whose value will not do becomes broken, and has no value.
pub fn validate(
    declarations: &Declarations,
    values: &IndexMap<String, Value>,
    scope: &dyn Scope,
    mistakes: &mut Vec<Mistake>,
) -> Vec<String> {
    let mut broken = Vec::new();
    for (name, (label, block)) in &declarations.variables {
        let Some(value) = values.get(name) else { continue };
        let before = mistakes.len();
        for validation in block.body.blocks.iter().filter(|one| one.keyword.text == "validation") {
            validate_one(label, validation, value, &Validation(scope), mistakes);
        }
        if mistakes.len() > before {
            broken.push(name.clone());
        }
    }
    broken
}

fn validate_one(label: &Name, block: &Block, value: &Value, scope: &dyn Scope, mistakes: &mut Vec<Mistake>) {
    let sensitive = value.has_sensitive();
    let find = |name: &str| block.body.attributes.iter().find(|attribute| attribute.name.text == name);
    let (Some(condition), Some(message)) = (find("condition"), find("message")) else {
        if !block.broken {
            mistakes.push(
                Mistake::new(
                    "bgform::lang::missing_attribute",
                    "`validation` needs `condition` and `message`",
                )
                .at(block.keyword.span, "one of them is not written here"),
            );
        }
        return;
    };
    let Some(holds) = evaluate(&condition.value, scope, mistakes) else { return };
    let text = evaluate(&message.value, scope, mistakes);
    match holds.as_bool() {
        Some(true) => {}
        Some(false) => {
            let text = text.as_ref().filter(|text| !text.has_sensitive()).and_then(Value::as_str);
            let text = text.unwrap_or("the condition does not hold").to_owned();
            let shown = match (sensitive, value) {
                (false, Value::String(text)) => format!(" (it is \"{text}\")"),
                _ => String::new(),
            };
            mistakes.push(
                Mistake::new(
                    "bgform::lang::invalid_variable",
                    format!("variable `{}`: {text}{shown}", label.text),
                )
                .at(condition.value.span, "this does not hold"),
            );
        }
        None if holds.find_unknown().is_some() => mistakes.push(
            Mistake::new(UNDECIDED, "a validation is decided before any call")
                .at(condition.value.span, "this is known only after apply")
                .help(ONLY_IN_VALIDATION),
        ),
        None => mistakes.push(
            Mistake::new("bgform::lang::wrong_type", "a condition must be true or false")
                .at(condition.value.span, format!("this is {}", describe(&holds))),
        ),
    }
}

const ONLY_IN_VALIDATION: &str =
    "a variable's validation names variables, locals made of them, `stack`, and functions";

/// The scope of a validation: another one without its resources.
struct Validation<'a>(&'a dyn Scope);

impl Scope for Validation<'_> {
    fn only(&self) -> Option<&'static str> {
        Some(ONLY_IN_VALIDATION)
    }

    fn variable(&self, name: &str) -> Found {
        self.0.variable(name)
    }

    fn local(&self, name: &str) -> Found {
        self.0.local(name)
    }

    fn is_local(&self, name: &str) -> bool {
        self.0.is_local(name)
    }

    fn word(&self, word: &str) -> Option<Value> {
        self.0.word(word)
    }

    fn words(&self) -> Vec<String> {
        self.0.words()
    }

    /// Of a reference that a variable of a module has.
    fn attribute(&self, reference: &Reference, name: &str) -> Found {
        self.0.attribute(reference, name)
    }

    fn members(&self, reference: &Reference) -> Members {
        self.0.members(reference)
    }

    fn read_file(&self, span: Span, path: &str) -> Result<Vec<u8>, String> {
        self.0.read_file(span, path)
    }

    fn file_exists(&self, span: Span, path: &str) -> Result<bool, String> {
        self.0.file_exists(span, path)
    }

    fn files_in(&self, span: Span, folder: &str) -> Result<Vec<String>, String> {
        self.0.files_in(span, folder)
    }

    fn home(&self) -> Option<String> {
        self.0.home()
    }
}

/// The scope of a default: the variables declared before.
struct Variables<'a> {
    values: &'a IndexMap<String, Value>,
}

impl Scope for Variables<'_> {
    fn only(&self) -> Option<&'static str> {
        Some("a variable's default names the variables declared before it, and functions")
    }

    fn variable(&self, name: &str) -> Found {
        match self.values.get(name) {
            Some(value) => Found::Value(value.clone()),
            None => Found::Missing(self.values.keys().cloned().collect()),
        }
    }
}
