//! Holds a block against its schema. A parsed body and a schema come in; the block's value goes
//! out (references kept, defaults filled in), with a mistake for everything that does not fit.
//! Knows no kind by name and reads nothing from the cloud.

use std::collections::BTreeMap;

use crate::address::Address;
use crate::diagnostic::{Mistake, Span, did_you_mean};
use crate::kind::schema::{Attribute, Type, canonical_members, references_to};
use crate::lang::ast::{Block, Body, Expr, Name, Node};
use crate::lang::evaluate::{Scope, describe, evaluate};
use crate::value::{Object, Reference, Value, format_number};

/// What a check needs beside the schema: the meaning of names, and what a plural kind holds.
pub struct Check<'a> {
    pub scope: &'a dyn Scope,
    /// The kind of one member of a plural `existing` kind.
    pub member_kind: &'a dyn Fn(&str) -> Option<&'static str>,
    /// Where a resource is declared: the other half of a reference that does not fit.
    pub declared_at: &'a dyn Fn(&Address) -> Option<Span>,
    pub mistakes: &'a mut Vec<Mistake>,
}

/// The block that is checked, for the words of a mistake.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// `target_group`, or `target_group.health_check`.
    pub what: &'a str,
    pub span: Span,
    /// Whether something inside was left out for a mistake of syntax.
    pub broken: bool,
}

impl Check<'_> {
    /// The members of a body in canonical form. `None` when there was a mistake.
    pub fn body(&mut self, attributes: &[Attribute], body: &Body, place: Place<'_>) -> Option<Object> {
        let before = self.mistakes.len();
        let mut members = Object::new();
        let mut failed = false;
        let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
        for written in &body.attributes {
            let name = &written.name;
            let Some(attribute) = attributes.iter().find(|attribute| attribute.name == name.text) else {
                self.unknown(name, attributes, place, false);
                // Its value's own mistakes are told in the same run.
                evaluate(&written.value, self.scope, self.mistakes);
                continue;
            };
            if let Some(first) = seen.insert(attribute.name, name.span) {
                self.twice(name, first);
            }
            if attribute.ty.is_block() {
                self.block_expected(name, attribute);
                continue;
            }
            match self.expression(&attribute.ty, &written.value, attribute.name) {
                Some(value) => {
                    members.insert(attribute.name.to_owned(), value);
                }
                None => failed = true,
            }
        }
        for attribute in attributes.iter().filter(|attribute| attribute.ty.is_block()) {
            let written: Vec<_> =
                body.blocks.iter().filter(|block| block.keyword.text == attribute.name).collect();
            if let Some(value) = self.blocks(attribute, &written, place) {
                members.insert(attribute.name.to_owned(), value);
            }
        }
        for block in &body.blocks {
            match attributes.iter().find(|attribute| attribute.name == block.keyword.text) {
                Some(attribute) if attribute.ty.is_block() => {}
                Some(attribute) => self.attribute_expected(&block.keyword, attribute),
                None => self.unknown(&block.keyword, attributes, place, true),
            }
        }
        let written = |name: &str| {
            body.attributes.iter().any(|attribute| attribute.name.text == name)
                || body.blocks.iter().any(|block| block.keyword.text == name)
        };
        for attribute in attributes.iter().filter(|attribute| attribute.required && !place.broken) {
            let null = members.get(attribute.name).is_some_and(Value::is_null);
            if !written(attribute.name) || null {
                self.missing(attribute, place);
            }
        }
        let fits = self.mistakes.len() == before && !failed;
        fits.then(|| canonical_members(attributes, &members))
    }

    fn blocks(&mut self, attribute: &Attribute, written: &[&Block], place: Place<'_>) -> Option<Value> {
        let what = format!("{}.{}", place.what, attribute.name);
        let (first, rest) = written.split_first()?;
        let single = match &attribute.ty {
            Type::Block(_) => true,
            Type::Labelled { many, .. } => !many,
            _ => false,
        };
        if single && let Some(second) = rest.first() {
            self.twice(&second.keyword, first.keyword.span);
        }
        if let Type::Blocks { max, .. } = attribute.ty
            && let Some(extra) = written.get(max)
        {
            self.mistakes.push(
                Mistake::new(
                    "bgform::lang::too_many",
                    format!("`{}` takes at most {max} `{}` blocks", place.what, attribute.name),
                )
                .at(extra.keyword.span, "one too many")
                .at(first.keyword.span, "the first one"),
            );
        }
        let values: Vec<_> = written.iter().map(|block| self.block(&attribute.ty, block, &what)).collect();
        let mut values = values.into_iter().collect::<Option<Vec<_>>>()?;
        if single { values.pop() } else { Some(Value::List(values)) }
    }

    fn block(&mut self, ty: &Type, block: &Block, what: &str) -> Option<Value> {
        let place = Place { what, span: block.keyword.span, broken: block.broken };
        if let Type::Labelled { variants, .. } = ty {
            let labels: Vec<_> = variants.iter().map(|(label, _)| *label).collect();
            let [label] = block.labels.as_slice() else {
                self.mistakes.push(
                    Mistake::new("bgform::lang::labels", format!("`{what}` takes one label"))
                        .at(block.keyword.span, "this block")
                        .help(format!("it is one of {}", labels.join(", "))),
                );
                return None;
            };
            let Some(attributes) = ty.block_attributes(Some(&label.text)) else {
                let mistake = Mistake::new(
                    "bgform::lang::unknown_label",
                    format!("`{what}` has no type `{}`", label.text),
                )
                .at(label.span, "not known");
                self.mistakes.push(match did_you_mean(&label.text, labels.iter().copied()) {
                    Some(guess) => mistake.help(format!("did you mean `{guess}`?")),
                    None => mistake.help(format!("it is one of {}", labels.join(", "))),
                });
                return None;
            };
            let members = self.body(attributes, &block.body, place)?;
            let mut value = Object::from_iter([("type".to_owned(), Value::string(&label.text))]);
            value.extend(members);
            return Some(Value::Object(value));
        }
        if let Some(label) = block.labels.first() {
            self.mistakes.push(
                Mistake::new("bgform::lang::labels", format!("`{what}` takes no label"))
                    .at(label.span, "not here")
                    .help(format!("write {} {{", block.keyword.text)),
            );
        }
        let attributes = ty.block_attributes(None)?;
        Some(Value::Object(self.body(attributes, &block.body, place)?))
    }

    /// The value of an expression that must be of a type.
    pub fn expression(&mut self, ty: &Type, expr: &Expr, name: &str) -> Option<Value> {
        let value = evaluate(expr, self.scope, self.mistakes)?;
        self.value(ty, value, expr, name)
    }

    fn value(&mut self, ty: &Type, value: Value, expr: &Expr, name: &str) -> Option<Value> {
        let (value, sensitive) = value.into_unmarked();
        let fitted = match (ty, value) {
            (_, value @ (Value::Null | Value::Unknown(_))) => Some(value),
            (Type::Bool, value @ Value::Bool(_)) => Some(value),
            (Type::Integer { min, max }, Value::Number(number)) => {
                let fits = number.fract() == 0.0 && (*min as f64..=*max as f64).contains(&number);
                self.fits(fits, Value::Number(number), ty, expr, name, || format_number(number))
            }
            (Type::Number { min, max }, Value::Number(number)) => {
                let fits = (*min..=*max).contains(&number);
                self.fits(fits, Value::Number(number), ty, expr, name, || format_number(number))
            }
            (Type::Percent { min, max }, Value::Percent(number)) => {
                let fits = (*min..=*max).contains(&number);
                let shown = || format!("{}%", format_number(number));
                if fits {
                    Some(Value::Percent(number))
                } else {
                    self.out_of_range(format!("from {min}% to {max}%"), expr, name, shown())
                }
            }
            (Type::Duration { min, max }, Value::Duration(duration)) => {
                let fits = duration.subsec_nanos() == 0 && (*min..=*max).contains(&duration.as_secs());
                let shown = crate::value::format_duration(duration);
                let bounds = || {
                    let written =
                        |seconds| crate::value::format_duration(std::time::Duration::from_secs(seconds));
                    format!("whole seconds from {} to {}", written(*min), written(*max))
                };
                if fits {
                    Some(Value::Duration(duration))
                } else {
                    self.out_of_range(bounds(), expr, name, shown)
                }
            }
            (Type::String { max } | Type::Text { max }, Value::String(text)) => {
                let length = text.chars().count();
                match length <= *max {
                    true => Some(Value::String(text)),
                    false => self.out_of_range(
                        format!("at most {max} characters"),
                        expr,
                        name,
                        format!("{length} characters"),
                    ),
                }
            }
            (Type::Choice(words), Value::String(text)) => match words.contains(&text.as_str()) {
                true => Some(Value::String(text)),
                false => {
                    let mistake = Mistake::new(
                        "bgform::lang::unknown_choice",
                        format!("`{name}` is {}", ty.describe()),
                    )
                    .at(expr.span, format!("this is \"{text}\""));
                    let guess = did_you_mean(&text, words.iter().copied());
                    self.mistakes.push(match guess {
                        Some(guess) => mistake.help(format!("did you mean \"{guess}\"?")),
                        None => mistake,
                    });
                    None
                }
            },
            (Type::Ref { kinds, .. }, Value::Ref(reference)) => self.reference(kinds, reference, expr, name),
            (Type::List(item) | Type::Set(item), Value::List(items)) => {
                // The item's own expression is underlined where the list is written out.
                let places: Vec<&Expr> = match &expr.node {
                    Node::List(written) if written.len() == items.len() => written.iter().collect(),
                    _ => vec![expr; items.len()],
                };
                let items: Vec<_> = items
                    .into_iter()
                    .zip(places)
                    .map(|(value, place)| match value {
                        Value::Null => self.mismatch(item, &Value::Null, place, name),
                        value => self.value(item, value, place, name),
                    })
                    .collect();
                Some(Value::List(items.into_iter().collect::<Option<_>>()?))
            }
            (Type::List(item) | Type::Set(item), Value::Ref(reference)) => {
                self.plural(ty, item, reference, expr, name)
            }
            (Type::Map(item), Value::Object(members)) => {
                let members: Vec<_> = members
                    .into_iter()
                    .map(|(key, value)| Some((key, self.value(item, value, expr, name)?)))
                    .collect();
                Some(Value::Object(members.into_iter().collect::<Option<_>>()?))
            }
            (_, other) => self.mismatch(ty, &other, expr, name),
        };
        fitted.map(|value| value.marked_if(sensitive))
    }

    fn fits(
        &mut self,
        fits: bool,
        value: Value,
        ty: &Type,
        expr: &Expr,
        name: &str,
        shown: impl FnOnce() -> String,
    ) -> Option<Value> {
        if fits { Some(value) } else { self.out_of_range(ty.describe(), expr, name, shown()) }
    }

    /// A plural `existing` where a list is wanted stands for all its members.
    fn plural(
        &mut self,
        ty: &Type,
        item: &Type,
        reference: Reference,
        expr: &Expr,
        name: &str,
    ) -> Option<Value> {
        use crate::lang::evaluate::Members;
        let Type::Ref { kinds, .. } = item else {
            return self.mismatch(ty, &Value::Ref(reference), expr, name);
        };
        let member = (self.member_kind)(&reference.address.kind).filter(|_| reference.index.is_none());
        if !member.is_some_and(|member| kinds.contains(&member)) {
            let written = reference.to_string();
            self.mistakes.push(
                Mistake::new("bgform::lang::wrong_type", format!("`{name}` is {}", ty.describe()))
                    .at(expr.span, "this is one reference")
                    .help(format!("write [{written}]")),
            );
            return None;
        }
        Some(match self.scope.members(&reference) {
            Members::Count(count) => Value::List(
                (0..count)
                    .map(|index| Value::Ref(Reference { index: Some(index), ..reference.clone() }))
                    .collect(),
            ),
            Members::Unknown | Members::NotPlural => Value::unknown(&reference.address, "members"),
        })
    }

    fn reference(&mut self, kinds: &[&str], reference: Reference, expr: &Expr, name: &str) -> Option<Value> {
        let kind = reference.address.kind.as_str();
        let member = (self.member_kind)(kind);
        let kind = match (member, reference.index) {
            (Some(member), Some(_)) => member,
            (Some(member), None) if kinds.contains(&member) => {
                self.mistakes.push(
                    Mistake::new("bgform::lang::wrong_kind", format!("`{name}` names one `{member}`"))
                        .at(expr.span, format!("this is all of `{}`", reference.address))
                        .help(format!("write {}[0]", reference.address)),
                );
                return None;
            }
            _ => kind,
        };
        if kinds.contains(&kind) {
            return Some(Value::Ref(reference));
        }
        let mut mistake =
            Mistake::new("bgform::lang::wrong_kind", format!("`{name}` is {}", references_to(kinds)))
                .at(expr.span, format!("this is a `{kind}`"));
        if let Some(declared) = (self.declared_at)(&reference.address.block()) {
            mistake = mistake.at(declared, format!("`{}` is declared here", reference.address.block()));
        }
        self.mistakes.push(mistake);
        None
    }

    fn out_of_range(&mut self, expected: String, expr: &Expr, name: &str, shown: String) -> Option<Value> {
        self.mistakes.push(
            Mistake::new("bgform::lang::out_of_range", format!("`{name}` is {expected}"))
                .at(expr.span, format!("this is {shown}")),
        );
        None
    }

    fn mismatch(&mut self, ty: &Type, value: &Value, expr: &Expr, name: &str) -> Option<Value> {
        let mistake = Mistake::new("bgform::lang::wrong_type", format!("`{name}` is {}", ty.describe()))
            .at(expr.span, format!("this is {}", describe(value)));
        let help = match (ty, value) {
            (Type::Duration { .. }, Value::Number(number)) => {
                Some(format!("write {}s", format_number(*number)))
            }
            (Type::Percent { .. }, Value::Number(number)) => {
                Some(format!("write {}%", format_number(*number)))
            }
            (Type::String { .. } | Type::Text { .. }, Value::Number(number)) => {
                Some(format!("write \"{}\"", format_number(*number)))
            }
            (Type::String { .. } | Type::Text { .. }, Value::Ref(reference)) => {
                Some(format!("name one of its attributes, such as {reference}.id"))
            }
            (Type::Integer { .. } | Type::Number { .. }, Value::String(text))
                if text.parse::<f64>().is_ok() =>
            {
                Some(format!("write {text}"))
            }
            (Type::Integer { .. } | Type::Number { .. }, Value::Duration(duration)) => {
                Some(format!("write {}", format_number(duration.as_secs_f64())))
            }
            (Type::Duration { .. }, Value::String(text)) => Some(format!("write {text} without quotes")),
            (Type::Ref { kinds, .. }, Value::String(text)) => {
                let kind = kinds.first().copied().unwrap_or("vpc");
                Some(format!(
                    "declare what it names, as in existing {kind} \"main\" {{ id = \"{text}\" }}, and write {kind}.main"
                ))
            }
            (Type::Ref { .. }, Value::Object(members)) => match members.first() {
                Some((key, Value::Ref(reference))) => Some(format!(
                    "it has `for_each`: say which, as in {}[\"{key}\"]",
                    reference.address.block()
                )),
                _ => None,
            },
            (Type::List(_) | Type::Set(_), Value::Object(members))
                if members.values().all(|value| matches!(value, Value::Ref(_))) =>
            {
                Some(format!("write values({})", self.written(expr)))
            }
            (Type::List(item) | Type::Set(item), other) if same_shape(item, other) => {
                Some(format!("write [{}]", self.written(expr)))
            }
            _ => None,
        };
        self.mistakes.push(match help {
            Some(help) => mistake.help(help),
            None => mistake,
        });
        None
    }

    /// How an expression reads, as far as a help text needs it.
    fn written(&self, expr: &Expr) -> String {
        match &expr.node {
            Node::String(text) => format!("\"{text}\""),
            Node::Number(number) => format_number(*number),
            Node::Name(name) => name.clone(),
            Node::Attribute(target, name) => format!("{}.{}", self.written(target), name.text),
            _ => "...".to_owned(),
        }
    }

    fn unknown(&mut self, name: &Name, attributes: &[Attribute], place: Place<'_>, block: bool) {
        let word = if block { "block" } else { "attribute" };
        let code = if block { "bgform::lang::unknown_block" } else { "bgform::lang::unknown_attribute" };
        let mistake = Mistake::new(code, format!("`{}` has no {word} `{}`", place.what, name.text))
            .at(name.span, "not known");
        let guess = did_you_mean(&name.text, attributes.iter().map(|attribute| attribute.name));
        self.mistakes.push(match guess {
            Some(guess) => mistake.help(format!("did you mean `{guess}`?")),
            None => {
                let names: Vec<_> = attributes.iter().map(|attribute| attribute.name).collect();
                mistake.help(format!("it has {}", names.join(", ")))
            }
        });
    }

    fn missing(&mut self, attribute: &Attribute, place: Place<'_>) {
        let help = match attribute.ty.is_block() {
            true => format!("add a block: {} {{ ... }}", attribute.name),
            false => format!("add {} = ..., {}", attribute.name, attribute.ty.describe()),
        };
        self.mistakes.push(
            Mistake::new(
                "bgform::lang::missing_attribute",
                format!("`{}` needs `{}`", place.what, attribute.name),
            )
            .at(place.span, format!("`{}` is not written here", attribute.name))
            .help(help),
        );
    }

    fn twice(&mut self, name: &Name, first: Span) {
        self.mistakes.push(
            Mistake::new("bgform::lang::duplicate", format!("`{}` is written twice", name.text))
                .at(name.span, "again here")
                .at(first, "first here"),
        );
    }

    fn block_expected(&mut self, name: &Name, attribute: &Attribute) {
        self.mistakes.push(
            Mistake::new("bgform::lang::wrong_type", format!("`{}` is a block", name.text))
                .at(name.span, "written as an attribute")
                .help(match attribute.ty {
                    Type::Labelled { .. } => format!("write {} \"...\" {{ ... }}", name.text),
                    _ => format!("write {} {{ ... }}, without `=`", name.text),
                }),
        );
    }

    fn attribute_expected(&mut self, keyword: &Name, attribute: &Attribute) {
        self.mistakes.push(
            Mistake::new("bgform::lang::wrong_type", format!("`{}` is an attribute", keyword.text))
                .at(keyword.span, "written as a block")
                .help(match attribute.ty {
                    Type::Map(_) => format!("write {} = {{ ... }}", keyword.text),
                    _ => format!("write {} = ..., {}", keyword.text, attribute.ty.describe()),
                }),
        );
    }
}

fn same_shape(ty: &Type, value: &Value) -> bool {
    matches!(
        (ty, value),
        (Type::String { .. } | Type::Text { .. } | Type::Choice(_), Value::String(_))
            | (Type::Integer { .. } | Type::Number { .. }, Value::Number(_))
    )
}
