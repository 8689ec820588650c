//! Checks a block against its schema. A parsed body and a schema come in; the block's value goes out
//! (references kept, defaults filled in), with a mistake for everything that does not fit. Knows no kind by
//! name and reads nothing from the cloud.

use std::collections::BTreeMap;

use super::each::{Within, elements, for_each};
use crate::address::Address;
use crate::diagnostic::{Mistake, Sources, Span, did_you_mean};
use crate::kind::schema::{Attribute, Type, Wrong, canonical_members, references_to};
use crate::kind::terraform;
use crate::lang::ast::{Block, Body, Expr, Name, Node};
use crate::lang::declare::take;
use crate::lang::evaluate::{Scope, describe, evaluate};
use crate::lang::literal;
use crate::stack::program::schema_of;
use crate::value::{Object, Reference, Value, format_number};

/// The context of a check besides the schema: the scope of names, and the members of plural kinds.
pub struct Check<'a> {
    pub scope: &'a dyn Scope,
    /// The kind of one member of a plural `existing` kind.
    pub member_kind: &'a dyn Fn(&str) -> Option<&'static str>,
    /// The place where a resource is declared: the second label for a reference that does not fit.
    pub declared_at: &'a dyn Fn(&Address) -> Option<Span>,
    /// The source text, for help that repeats it.
    pub sources: &'a Sources,
    pub mistakes: &'a mut Vec<Mistake>,
}

/// The values of a block that may have `for_each`.
enum Repeated {
    Blocks(Vec<Value>),
    /// The number of blocks is known only after apply.
    Unknown(Value),
}

/// The checked block, in the words of a mistake.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// `target_group`, or `target_group.health_check`.
    pub what: &'a str,
    pub span: Span,
    /// Whether something inside was left out because of a syntax mistake.
    pub broken: bool,
    /// Names that it may hold beside its attributes, for a did-you-mean.
    pub beside: &'a [&'static str],
}

impl Check<'_> {
    /// The members of a body in canonical form; `None` if there was a mistake.
    pub fn body(&mut self, attributes: &[Attribute], body: &Body, place: Place<'_>) -> Option<Object> {
        let before = self.mistakes.len();
        let mut members = Object::new();
        // What was left out is already reported, and the rest may mean something else.
        let mut failed = place.broken;
        let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
        // The attributes that unknown names probably meant.
        let mut meant = String::new();
        for written in &body.attributes {
            let name = &written.name;
            let Some(attribute) = attributes.iter().find(|attribute| attribute.name == name.text) else {
                meant += &self.unknown(name, attributes, place, false);
                // Mistakes in its value are reported in the same run.
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
                    self.rule(attribute, &value, |_| written.value.span);
                    members.insert(attribute.name.to_owned(), value);
                }
                None => failed = true,
            }
        }
        for attribute in attributes.iter().filter(|attribute| attribute.ty.is_block()) {
            let written: Vec<_> =
                body.blocks.iter().filter(|block| block.keyword.text == attribute.name).collect();
            match self.blocks(attribute, &written, place) {
                Some(value) => {
                    members.insert(attribute.name.to_owned(), value);
                }
                None => failed |= !written.is_empty(),
            }
        }
        for block in &body.blocks {
            match attributes.iter().find(|attribute| attribute.name == block.keyword.text) {
                Some(attribute) if attribute.ty.is_block() => {}
                Some(attribute) => self.attribute_expected(&block.keyword, attribute),
                None => meant += &self.unknown(&block.keyword, attributes, place, true),
            }
        }
        let written = |name: &str| {
            body.attributes.iter().any(|attribute| attribute.name.text == name)
                || body.blocks.iter().any(|block| block.keyword.text == name)
        };
        for attribute in attributes.iter().filter(|attribute| attribute.required && !place.broken) {
            let null = members.get(attribute.name).is_some_and(Value::is_null);
            if (!written(attribute.name) || null) && !meant.contains(&format!("`{}`", attribute.name)) {
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
        let mut values = Vec::new();
        let (mut unknown, mut failed) = (None, false);
        for block in written {
            match self.repeated(attribute, block, &what) {
                Some(Repeated::Blocks(all)) => values.extend(all),
                Some(Repeated::Unknown(value)) => unknown = unknown.or(Some(value)),
                None => failed = true,
            }
        }
        match (failed, unknown) {
            (true, _) => None,
            (false, Some(unknown)) => Some(unknown),
            (false, None) => self.counted(attribute, values, single, place, written),
        }
    }

    /// The values of the blocks of one attribute, after those with `for_each` were repeated.
    fn counted(
        &mut self,
        attribute: &Attribute,
        mut values: Vec<Value>,
        single: bool,
        place: Place<'_>,
        written: &[&Block],
    ) -> Option<Value> {
        let repeats = written.iter().find(|block| for_each(attribute, block).is_some());
        let most = match attribute.ty {
            Type::Blocks { max, .. } => max,
            _ if single => 1,
            _ => usize::MAX,
        };
        if let Some(block) = repeats.filter(|_| values.len() > most) {
            let message = format!("`{}` takes at most {most} `{}` blocks", place.what, attribute.name);
            self.mistakes.push(
                Mistake::new("bgform::lang::too_many", message)
                    .at(block.keyword.span, format!("there are {}", values.len()))
                    .help("its `for_each` has too many elements"),
            );
            return None;
        }
        match single {
            // As if it were not written.
            _ if values.is_empty() && (single || attribute.required) => Some(Value::Null),
            true => values.pop(),
            false => Some(Value::List(values)),
        }
    }

    /// The values of a block: of one with `for_each`, a value for each element.
    fn repeated(&mut self, attribute: &Attribute, block: &Block, what: &str) -> Option<Repeated> {
        let Some(each) = for_each(attribute, block) else {
            return Some(Repeated::Blocks(vec![self.ruled_block(attribute, block, what)?]));
        };
        let mut plain = block.clone();
        take(&mut plain.body, "for_each");
        let value = evaluate(&each.value, self.scope, self.mistakes)?;
        let pairs = match elements(value, each.value.span, self.scope, self.mistakes)? {
            Ok(pairs) => pairs,
            Err(unknown) => {
                // Its mistakes do not depend on the elements.
                self.ruled_once(attribute, &plain, what, (&unknown, &unknown))?;
                return Some(Repeated::Unknown(unknown));
            }
        };
        let mut values = Vec::new();
        for (key, value) in &pairs {
            // The first element's mistakes are enough.
            values.push(self.ruled_once(attribute, &plain, what, (key, value))?);
        }
        Some(Repeated::Blocks(values))
    }

    fn ruled_once(
        &mut self,
        attribute: &Attribute,
        block: &Block,
        what: &str,
        each: (&Value, &Value),
    ) -> Option<Value> {
        let scope = Within { outer: self.scope, each };
        let mut check = Check {
            scope: &scope,
            member_kind: self.member_kind,
            declared_at: self.declared_at,
            sources: self.sources,
            mistakes: self.mistakes,
        };
        check.ruled_block(attribute, block, what)
    }

    fn ruled_block(&mut self, attribute: &Attribute, block: &Block, what: &str) -> Option<Value> {
        let value = self.block(&attribute.ty, block, what)?;
        self.rule(attribute, &value, |member| place_in(&block.body, member).unwrap_or(block.keyword.span));
        Some(value)
    }

    /// Checks a value against its attribute's own rule.
    fn rule(&mut self, attribute: &Attribute, value: &Value, place: impl Fn(&str) -> Span) {
        let Some(rule) = attribute.rule.filter(|_| !matches!(value, Value::Null)) else { return };
        let wrong = rule(&attribute.ty.canonical(value)).into_iter();
        self.mistakes.extend(wrong.map(|wrong| does_not_fit(place(wrong.0), wrong)));
    }

    fn block(&mut self, ty: &Type, block: &Block, what: &str) -> Option<Value> {
        let place = Place { what, span: block.keyword.span, broken: block.broken, beside: &[] };
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

    /// The value of an expression that must have a type.
    pub fn expression(&mut self, ty: &Type, expr: &Expr, name: &str) -> Option<Value> {
        let value = evaluate(expr, self.scope, self.mistakes)?;
        self.value(ty, value, expr, name)
    }

    fn value(&mut self, ty: &Type, value: Value, expr: &Expr, name: &str) -> Option<Value> {
        let (value, sensitive) = value.into_unmarked();
        let fitted = match (ty, value) {
            (Type::Ref { .. }, value @ Value::Unknown(_)) => self.not_an_attribute(value, expr, name, ty),
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
                // If the list is written out, the item's own expression is underlined.
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

    /// A plural `existing` in place of a list stands for all its members.
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

    /// Refuses an attribute of a resource in place of a reference, even if it is known only after apply.
    fn not_an_attribute(&mut self, value: Value, expr: &Expr, name: &str, ty: &Type) -> Option<Value> {
        let Node::Attribute(target, output) = &expr.node else { return Some(value) };
        let mut root = target.as_ref();
        while let Node::Attribute(inner, _) | Node::Index(inner, _) = &root.node {
            root = inner;
        }
        let kind = match &root.node {
            Node::Name(word) if self.scope.is_kind(word) => word.as_str(),
            _ => return Some(value),
        };
        let attribute =
            [true, false].into_iter().find_map(|managed| schema_of(kind, managed)?.attribute(&output.text));
        // The attribute may itself hold a reference: `listener.http.load_balancer`.
        if attribute.is_some_and(|attribute| matches!(attribute.ty, Type::Ref { .. })) {
            return Some(value);
        }
        self.mistakes.push(
            Mistake::new("bgform::lang::wrong_type", format!("`{name}` is {}", ty.describe()))
                .at(expr.span, "this is one of its attributes")
                .help(format!("write {}", self.written(target))),
        );
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
            (Type::Duration { .. }, Value::Number(number)) => Some(match number.fract() == 0.0 {
                true => format!("write {}s", format_number(*number)),
                false => format!("durations are whole: write {}s", format_number(number.ceil())),
            }),
            (Type::Percent { .. }, Value::Number(number)) => Some(as_percent(*number)),
            (
                Type::String { .. } | Type::Text { .. } | Type::Choice(_),
                Value::Number(_) | Value::Bool(_) | Value::Duration(_) | Value::Percent(_),
            ) => Some(match self.literal(expr) {
                Some(text) => format!("write \"{text}\""),
                None => "give it as a string where its value is written".to_owned(),
            }),
            (Type::String { .. } | Type::Text { .. }, Value::Ref(reference)) => {
                Some(format!("name one of its attributes, such as {reference}.id"))
            }
            (_, Value::String(text)) if reads_as(ty, text) => Some(format!("write {text} without quotes")),
            (Type::Integer { .. } | Type::Number { .. }, Value::Duration(duration)) => {
                Some(format!("write {}", format_number(duration.as_secs_f64())))
            }
            (Type::Ref { kinds, .. }, Value::String(text)) => {
                let kind = kinds.first().copied().unwrap_or("vpc");
                Some(format!(
                    "declare it, as in existing {kind} \"main\" {{ id = \"{text}\" }}, and write {kind}.main"
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

    /// The source text of an expression, if it is short.
    fn written(&self, expr: &Expr) -> &str {
        let text = self.sources.slice(expr.span);
        if text.is_empty() || text.len() > 60 || text.contains('\n') { "..." } else { text }
    }

    /// The source text of a number, percent, duration or bool: `1.0` stays `1.0`.
    fn literal(&self, expr: &Expr) -> Option<&str> {
        use Node::{Bool, Duration, Number, Percent};
        let is_literal = matches!(expr.node, Number(_) | Percent(_) | Duration(_) | Bool(_));
        Some(self.written(expr)).filter(|text| is_literal && reads(text).is_some())
    }

    /// Reports an unknown name. Returns the guessed attribute, which is then not reported as missing.
    fn unknown(&mut self, name: &Name, attributes: &[Attribute], place: Place<'_>, block: bool) -> String {
        let word = if block { "block" } else { "attribute" };
        let code = if block { "bgform::lang::unknown_block" } else { "bgform::lang::unknown_attribute" };
        let mistake = Mistake::new(code, format!("`{}` has no {word} `{}`", place.what, name.text))
            .at(name.span, "not known");
        let names = || attributes.iter().map(|attribute| attribute.name).chain(place.beside.iter().copied());
        let guess = match (terraform::inside(&name.text), did_you_mean(&name.text, names())) {
            (Some(help), _) => help.to_owned(),
            (None, Some(guess)) => format!("did you mean `{guess}`?"),
            (None, None) => format!("it has {}", names().collect::<Vec<_>>().join(", ")),
        };
        self.mistakes.push(mistake.help(guess.clone()));
        guess
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

/// The mistake of a broken rule that no type shows.
pub fn does_not_fit(at: Span, (_, message, help): Wrong) -> Mistake {
    Mistake::new("bgform::lang::does_not_fit", message).at(at, "this").help(help)
}

/// The place of an attribute's value, or of the first block of that name, in a body.
pub fn place_in(body: &Body, attribute: &str) -> Option<Span> {
    let written = body.attributes.iter().find(|one| one.name.text == attribute).map(|one| one.value.span);
    let block = || body.blocks.iter().find(|one| one.keyword.text == attribute).map(|one| one.keyword.span);
    written.or_else(block)
}

/// `25%` for 25 and for 0.25.
fn as_percent(number: f64) -> String {
    let written = |number: f64| format!("write {}%", format_number((number * 1e6).round() / 1e6));
    match number > 0.0 && number < 1.0 {
        true => written(number * 100.0),
        false => written(number),
    }
}

/// The value of a text if it had no quotes.
fn reads(text: &str) -> Option<Value> {
    match text {
        "true" => Some(Value::Bool(true)),
        "false" => Some(Value::Bool(false)),
        _ => literal::value(text),
    }
}

fn reads_as(ty: &Type, text: &str) -> bool {
    matches!(
        (ty, reads(text)),
        (Type::Bool, Some(Value::Bool(_)))
            | (Type::Integer { .. } | Type::Number { .. }, Some(Value::Number(_)))
            | (Type::Duration { .. }, Some(Value::Duration(_)))
            | (Type::Percent { .. }, Some(Value::Percent(_)))
    )
}

fn same_shape(ty: &Type, value: &Value) -> bool {
    matches!(
        (ty, value),
        (Type::String { .. } | Type::Text { .. } | Type::Choice(_), Value::String(_))
            | (Type::Integer { .. } | Type::Number { .. }, Value::Number(_))
    )
}
