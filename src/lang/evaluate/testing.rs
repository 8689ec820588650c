//! A stack for the tests of expressions, and short functions for values and mistakes.

use indexmap::IndexMap;

use crate::address::Address;
use crate::ast::Expr;
use crate::diagnostic::{FileId, Mistake, Sources, Span};
use crate::object;
use crate::parse::parse;
use crate::value::{Object, Reference, Value};

use super::{Found, Members, Scope, evaluate};

/// Names of every sort. `subnets.public` has two members, `subnets.later` was not read, `image.shop` has
/// `for_each`, `broken` names have a mistake elsewhere.
pub(crate) struct Stack {
    variables: Object,
    locals: Object,
    each: Option<(Value, Value)>,
    resources: IndexMap<&'static str, Object>,
}

pub(crate) fn stack() -> Stack {
    let members = |value: Value| match value {
        Value::Object(members) => members,
        _ => Object::new(),
    };
    let reference = |kind: &str, name: &str| Value::Ref(Address::new(kind, name).into());
    let shop = |key: &str| Value::Ref(Address::new("image", "shop").with_key(key).into());
    Stack {
        variables: members(object! {
            "release" => "1.0.2",
            "port" => 8080,
            "secret" => Value::string("s3cret").sensitive(),
            "live" => true,
            "names" => vec!["a", "b"],
            "later" => later(),
        }),
        locals: members(object! {
            "releases" => object! { "green" => "1.0.2", "blue" => "1.0.1" },
            "none" => Value::Null,
            "secrets" => object! { "key" => "k" }.sensitive(),
        }),
        each: None,
        resources: IndexMap::from([
            ("vpc", members(object! { "main" => reference("vpc", "main") })),
            (
                "subnets",
                members(object! {
                    "public" => reference("subnets", "public"),
                    "later" => reference("subnets", "later"),
                }),
            ),
            (
                "image",
                members(object! { "shop" => object! { "blue" => shop("blue"), "green" => shop("green") } }),
            ),
            ("load_balancer", members(object! { "edge" => reference("load_balancer", "edge") })),
        ]),
    }
}

impl Stack {
    pub(crate) fn with_each(self, key: &str, value: Value) -> Self {
        Self { each: Some((key.into(), value)), ..self }
    }
}

/// `load_balancer.edge.dns_name`, which is known only after apply.
pub(crate) fn later() -> Value {
    Value::unknown(&Address::new("load_balancer", "edge"), "dns_name")
}

fn found(members: &Object, name: &str) -> Found {
    match members.get(name) {
        Some(value) => Found::Value(value.clone()),
        None if name == "broken" => Found::Broken,
        None => Found::Missing(members.keys().cloned().collect()),
    }
}

impl Scope for Stack {
    fn variable(&self, name: &str) -> Found {
        found(&self.variables, name)
    }

    fn local(&self, name: &str) -> Found {
        found(&self.locals, name)
    }

    fn each(&self) -> Option<(&Value, &Value)> {
        self.each.as_ref().map(|(key, value)| (key, value))
    }

    fn word(&self, word: &str) -> Option<Value> {
        (word == "new").then(|| object! { "release" => "1.0.3" })
    }

    fn words(&self) -> Vec<String> {
        vec!["new".to_owned()]
    }

    fn is_kind(&self, word: &str) -> bool {
        self.resources.contains_key(word)
    }

    fn kinds(&self) -> Vec<String> {
        self.resources.keys().map(|kind| (*kind).to_owned()).collect()
    }

    fn resource(&self, kind: &str, name: &str) -> Found {
        found(self.resources.get(kind).unwrap_or(&Object::new()), name)
    }

    fn attribute(&self, reference: &Reference, name: &str) -> Found {
        let address = &reference.address;
        let plural = address.kind == "subnets" && reference.index.is_none();
        match (address.kind.as_str(), name) {
            _ if plural => Found::Missing(Vec::new()),
            ("load_balancer", "name") => Found::Value("edge".into()),
            ("load_balancer", "dns_name") => Found::Value(later()),
            ("load_balancer", _) => Found::Missing(vec!["dns_name".to_owned(), "name".to_owned()]),
            (_, "id") => Found::Value(format!("{reference}-id").into()),
            _ => Found::Missing(vec!["id".to_owned()]),
        }
    }

    fn members(&self, reference: &Reference) -> Members {
        match reference.address.to_string().as_str() {
            _ if reference.index.is_some() => Members::NotPlural,
            "subnets.public" => Members::Count(2),
            "subnets.later" => Members::Unknown,
            _ => Members::NotPlural,
        }
    }

    fn read_file(&self, _: Span, path: &str) -> Result<Vec<u8>, String> {
        match path {
            "hello.txt" => Ok("hé\n".into()),
            "blob" => Ok(vec![0xff, 0x00]),
            "web.sh" => Ok("#!/bin/sh\nexport PORT=${port} HOME=$${HOME}\n${upper(name)}\n".into()),
            "bad.sh" => Ok("one\ntwo ${prot}\n".into()),
            "torn.sh" => Ok("one ${\n".into()),
            "nested.sh" => Ok("${templatefile(\"web.sh\", {})}".into()),
            _ => Err("there is no such file".to_owned()),
        }
    }

    fn file_exists(&self, _: Span, path: &str) -> Result<bool, String> {
        Ok(matches!(path, "hello.txt" | "blob" | "web.sh"))
    }

    fn files_in(&self, _: Span, folder: &str) -> Result<Vec<String>, String> {
        match folder {
            "site" => {
                Ok(["index.html", "css/a.css", "css/b.css", "js/deep/c.js"].map(str::to_owned).to_vec())
            }
            _ => Err("there is no such folder".to_owned()),
        }
    }

    fn home(&self) -> Option<String> {
        Some("/home/ann".to_owned())
    }
}

/// The expression in a file of its own.
pub(crate) fn expression(text: &str) -> (Sources, Expr) {
    let mut sources = Sources::default();
    let text = format!("locals {{\n  it = {text}\n}}\n");
    let file = sources.add("test.deploy", text.as_str());
    assert_eq!(file, FileId(0));
    let mut mistakes = Vec::new();
    let mut files = parse(file, &text, &mut mistakes);
    assert!(mistakes.is_empty(), "{text}: {mistakes:?}");
    let value = files.blocks.remove(0).body.attributes.remove(0).value;
    (sources, value)
}

pub(crate) fn mistakes_in(text: &str, scope: &dyn Scope) -> (Option<Value>, String) {
    let (sources, expr) = expression(text);
    let mut mistakes = Vec::new();
    let value = evaluate(&expr, scope, &mut mistakes);
    let shown: Vec<_> = mistakes.iter().map(|mistake| show(mistake, &sources)).collect();
    (value, shown.join("\n"))
}

/// `code: message | underlined: label | help`
fn show(mistake: &Mistake, sources: &Sources) -> String {
    let mut parts =
        vec![format!("{}: {}", mistake.code.trim_start_matches("bgform::lang::"), mistake.message)];
    parts.extend(mistake.labels.iter().map(|(span, label)| format!("<{}> {label}", sources.slice(*span))));
    parts.extend(mistake.help.clone());
    parts.join(" | ")
}

/// The value of an expression without a mistake.
pub(crate) fn value(text: &str) -> Value {
    let (value, mistakes) = mistakes_in(text, &stack());
    value.unwrap_or_else(|| panic!("{text}: {mistakes}"))
}

/// The mistakes of an expression without a value.
pub(crate) fn mistakes(text: &str) -> String {
    let (value, mistakes) = mistakes_in(text, &stack());
    assert_eq!(value, None, "{text}");
    mistakes
}

/// Every expression on the left has the value of the expression on the right.
pub(crate) fn same(table: &[(&str, &str)]) {
    for (text, expected) in table {
        assert_eq!(value(text), value(expected), "{text}");
    }
}
