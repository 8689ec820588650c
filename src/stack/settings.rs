//! The settings of the `stack` block.

use super::program::member_kind;
use super::scope::Names;
use super::view::View;
use crate::address::Address;
use crate::diagnostic::{Mistake, Span};
use crate::kind::schema::{self, Type};
use crate::lang::declare::unknown_member;
use crate::lang::evaluate::{describe, evaluate};
use crate::object;
use crate::stack::Known;
use crate::stack::check::{Check, does_not_fit};
use crate::value::{Object, Value};

/// The settings of the `stack` block.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    pub name: String,
    pub region: Option<String>,
    pub profile: Option<String>,
    pub account: Option<String>,
    pub state: Option<String>,
    pub tags: Object,
}

impl Settings {
    /// The meaning of `stack` in an expression; an unwritten setting is null.
    pub(super) fn as_value(&self) -> Value {
        object! { "name" => self.name.as_str(), "region" => self.region.clone(), "account" => self.account.clone() }
    }
}

impl View<'_> {
    pub(super) fn settings(&self, mistakes: &mut Vec<Mistake>) -> Settings {
        let Some((name, block)) = &self.declarations.stack else {
            if let Some((file, ..)) = self.sources.iter().next() {
                mistakes.push(
                    Mistake::new("bgform::lang::no_stack", "there is no `stack` block")
                        .at(Span::new(file, 0, 0), "a stack begins with one")
                        .help("write stack \"shop\" { region = \"us-east-1\" }; a module is checked in a stack that calls it"),
                );
            }
            return Settings::default();
        };
        let mut settings = Settings { name: name.text.clone(), ..Settings::default() };
        if name.text.is_empty()
            || !name.text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        {
            mistakes.push(
                Mistake::new("bgform::lang::bad_name", "a stack's name is letters, digits, `-` and `_`")
                    .at(name.span, "it is part of the resources' names"),
            );
        }
        let known = Known::new();
        let scope = Names::new(self, &known, None);
        for attribute in &block.body.attributes {
            if let Some(span) = self.names_stack(&attribute.value) {
                let name = &attribute.name.text;
                mistakes.push(
                    Mistake::new(
                        "bgform::lang::cycle",
                        format!("`{name}` of the stack names the stack itself"),
                    )
                    .at(attribute.value.span, "this needs what it says")
                    .at(span, "by this name")
                    .help("write the value out, or make it of variables"),
                );
                continue;
            }
            let text = |mistakes: &mut Vec<Mistake>| {
                let value = evaluate(&attribute.value, &scope, mistakes)?;
                match value.unmark().0 {
                    Value::String(text) => Some(text.clone()),
                    other => {
                        mistakes.push(
                            Mistake::new(
                                "bgform::lang::wrong_type",
                                format!("`{}` is a string", attribute.name.text),
                            )
                            .at(attribute.value.span, format!("this is {}", describe(other))),
                        );
                        None
                    }
                }
            };
            match attribute.name.text.as_str() {
                "region" => settings.region = text(mistakes),
                "profile" => settings.profile = text(mistakes),
                "account" => settings.account = text(mistakes),
                "state" => settings.state = text(mistakes),
                "tags" => {
                    let ty = Type::String { max: 256 }.map();
                    let declared_at = |address: &Address| self.declared_at(address);
                    let mut check = Check {
                        scope: &scope,
                        member_kind: &member_kind,
                        declared_at: &declared_at,
                        sources: &self.sources,
                        mistakes,
                    };
                    let value = check.expression(&ty, &attribute.value, "tags").unwrap_or_default();
                    let wrong = schema::tags(&value);
                    match value {
                        Value::Object(tags) if wrong.is_empty() => settings.tags = tags,
                        _ => {}
                    }
                    mistakes.extend(wrong.into_iter().map(|wrong| does_not_fit(attribute.value.span, wrong)));
                }
                _ => mistakes.push(unknown_member(
                    &attribute.name,
                    "stack",
                    &["region", "profile", "account", "tags", "state"],
                )),
            }
        }
        for inner in &block.body.blocks {
            mistakes.push(unknown_member(
                &inner.keyword,
                "stack",
                &["region", "profile", "account", "tags", "state"],
            ));
        }
        settings
    }
}
