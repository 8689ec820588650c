//! The schema of a kind's block: attributes with their types, defaults and the effect of a change. The
//! checker, the diff, `--help` texts, the reference and the conformance test all use it. Knows no kind by
//! name and makes no call.

use std::time::Duration;

use crate::value::{Object, Value};

/// Everything that a kind declares about its block.
#[derive(Debug)]
pub struct Schema {
    /// The keyword, such as `target_group`.
    pub kind: &'static str,
    /// One or two sentences for the reference.
    pub doc: &'static str,
    pub attributes: Vec<Attribute>,
    /// The outputs for `kind.name.output`. Every record has `id`.
    pub outputs: Vec<Output>,
    /// Fields of the API's create input that are not offered, and why. A test compares this list and the
    /// attributes' [`Attribute::api`] with the SDK's input.
    pub not_offered: &'static [(&'static str, &'static str)],
    /// Attributes that only one resource at a time can hold (a name, a listener's port). A replacement that
    /// keeps all of them, declared, must delete before it creates.
    pub unique: &'static [&'static str],
}

#[derive(Debug)]
pub struct Attribute {
    pub name: &'static str,
    pub doc: &'static str,
    pub ty: Type,
    pub required: bool,
    /// The value of an undeclared attribute. Without a default, an attribute that was never declared is not
    /// compared (the API's own choice stands).
    pub default: Option<Value>,
    pub on_change: OnChange,
    /// The fields of the API's create input that this attribute sets, in the SDK's snake_case. Empty means
    /// the attribute's own name; [`NOT_AT_CREATE`] means none.
    pub api: &'static [&'static str],
    /// Normalizes canonical values that mean the same (several condition blocks or one, a single target group
    /// with or without a weight). Values may hold unknowns.
    pub normal: Option<fn(Value) -> Value>,
    pub rule: Option<Rule>,
    /// Whether an empty text has a meaning to AWS. For most members it has none: their minimum length is 1,
    /// or empty means unset.
    pub may_be_empty: bool,
}

/// A mistake: the attribute, `""` for the whole; the message; the remedy.
pub type Wrong = (&'static str, String, String);

/// A rule of AWS that the type does not show. It checks the canonical value; for an attribute of blocks it
/// checks each block, whose attributes a [`Wrong`] names. Values may hold unknowns, and be sensitive.
pub type Rule = fn(&Value) -> Vec<Wrong>;

/// [`Attribute::api`] of an attribute that a later call sets, and no field of the create input.
pub const NOT_AT_CREATE: &[&str] = &["-"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnChange {
    Update,
    Replace,
}

#[derive(Debug)]
pub struct Output {
    pub name: &'static str,
    pub doc: &'static str,
    /// Attributes whose change does *not* touch this output. `None`: no update touches it.
    pub changes_unless_only: Option<&'static [&'static str]>,
}

/// The output of a resource that the API takes for a reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    Id,
    Arn,
    Name,
    /// An object of these outputs, such as a launch template's `id` and `latest_version`.
    Outputs(&'static [&'static str]),
}

#[derive(Debug)]
pub enum Type {
    Bool,
    /// A whole number within both bounds.
    Integer {
        min: i64,
        max: i64,
    },
    Number {
        min: f64,
        max: f64,
    },
    /// At most `max` characters.
    String {
        max: usize,
    },
    /// Long text that is diffed line by line, such as user data.
    Text {
        max: usize,
    },
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Whole seconds within both bounds.
    Duration {
        min: u64,
        max: u64,
    },
    Percent {
        min: f64,
        max: f64,
    },
    /// A reference to one of these kinds.
    Ref {
        kinds: &'static [&'static str],
        by: By,
    },
    List(Box<Type>),
    /// Order does not matter; duplicates are folded.
    Set(Box<Type>),
    Map(Box<Type>),
    /// `name { ... }`, at most once: an object.
    Block(Vec<Attribute>),
    /// `name { ... }`, any number of times: a list of objects, or a set if order does not matter.
    Blocks {
        attributes: Vec<Attribute>,
        ordered: bool,
        max: usize,
    },
    /// `name "label" { ... }`: an object whose `type` is the label and whose other members are that
    /// variant's; a list of them if `many`.
    Labelled {
        variants: Vec<(&'static str, Vec<Attribute>)>,
        many: bool,
    },
}

impl Type {
    /// Any string of a length that the API takes.
    pub const fn string() -> Self {
        Self::String { max: 1024 }
    }

    pub fn list(self) -> Self {
        Self::List(Box::new(self))
    }

    pub fn set(self) -> Self {
        Self::Set(Box::new(self))
    }

    pub fn map(self) -> Self {
        Self::Map(Box::new(self))
    }

    pub const fn id_of(kinds: &'static [&'static str]) -> Self {
        Self::Ref { kinds, by: By::Id }
    }

    pub const fn arn_of(kinds: &'static [&'static str]) -> Self {
        Self::Ref { kinds, by: By::Arn }
    }

    pub const fn name_of(kinds: &'static [&'static str]) -> Self {
        Self::Ref { kinds, by: By::Name }
    }

    /// Tells whether the attribute is written as a block.
    pub fn is_block(&self) -> bool {
        matches!(self, Self::Block(_) | Self::Blocks { .. } | Self::Labelled { .. })
    }

    /// The form of a value, for `expected` in mistakes and for the reference.
    pub fn describe(&self) -> String {
        match self {
            Self::Bool => "true or false".into(),
            Self::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Self::Number { min, max } => format!("a number from {min} to {max}"),
            Self::String { .. } => "a string".into(),
            Self::Text { .. } => "a text".into(),
            Self::Choice(words) => {
                let quoted: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
                format!("one of {}", quoted.join(", "))
            }
            Self::Duration { .. } => "a duration, such as 30s, 10m or 2h".into(),
            Self::Percent { .. } => "a percent, such as 25%".into(),
            Self::Ref { kinds, .. } => references_to(kinds),
            Self::List(item) => format!("a list of {}", item.describe_many()),
            Self::Set(item) => format!("a set of {}", item.describe_many()),
            Self::Map(item) => format!("an object whose values are {}", item.describe_many()),
            Self::Block(_) => "a block".into(),
            Self::Blocks { .. } => "blocks".into(),
            Self::Labelled { variants, .. } => {
                let labels: Vec<_> = variants.iter().map(|(label, _)| format!("\"{label}\"")).collect();
                format!("a block with the label {}", labels.join(", "))
            }
        }
    }

    fn describe_many(&self) -> String {
        match self {
            Self::String { .. } | Self::Text { .. } => "strings".into(),
            Self::Integer { .. } | Self::Number { .. } => "numbers".into(),
            Self::Ref { kinds, .. } => format!("references to {}", one_of(kinds)),
            other => other.describe(),
        }
    }

    /// The attributes of a block whose label (if it has one) is `label`.
    pub fn block_attributes(&self, label: Option<&str>) -> Option<&[Attribute]> {
        match self {
            Self::Block(attributes) | Self::Blocks { attributes, .. } => Some(attributes),
            Self::Labelled { variants, .. } => {
                variants.iter().find(|(name, _)| Some(*name) == label).map(|(_, attributes)| &attributes[..])
            }
            _ => None,
        }
    }

    /// Takes a value apart, one level deep. Every walk over a value by its type uses it.
    pub fn parts<'a>(&'a self, value: &'a Value) -> Parts<'a> {
        match (self, value.unmark().0) {
            (Self::List(item) | Self::Set(item), Value::List(items)) => Parts::Items(item, items),
            (Self::Blocks { .. } | Self::Labelled { .. }, Value::List(blocks)) => Parts::Items(self, blocks),
            (Self::Map(item), Value::Object(members)) => Parts::Members(item, members),
            (_, plain) => match (self.block_attributes(plain.get("type").as_str()), plain) {
                (Some(attributes), Value::Object(members)) => Parts::Block(attributes, members),
                _ => Parts::Whole(plain),
            },
        }
    }

    /// Returns the value with each part mapped by `part`, which gets the part's type. Marks stay, and so do
    /// members that no attribute declares.
    pub fn map_parts(&self, value: &Value, part: &mut dyn FnMut(&Type, &Value) -> Value) -> Value {
        let made = match self.parts(value) {
            Parts::Items(item, items) => Value::List(items.iter().map(|one| part(item, one)).collect()),
            Parts::Members(item, members) => {
                Value::Object(members.iter().map(|(name, one)| (name.clone(), part(item, one))).collect())
            }
            Parts::Block(attributes, members) => {
                let made = members.iter().map(|(name, one)| {
                    let attribute = attributes.iter().find(|attribute| attribute.name == name);
                    let made = attribute.map_or_else(|| one.clone(), |attribute| part(&attribute.ty, one));
                    (name.clone(), made)
                });
                Value::Object(made.collect())
            }
            Parts::Whole(plain) => plain.clone(),
        };
        made.marked_if(value.unmark().1)
    }

    /// Tells whether the order of items has a meaning.
    pub fn is_ordered(&self) -> bool {
        !matches!(self, Self::Set(_) | Self::Blocks { ordered: false, .. })
    }

    /// The canonical form in which values of this type are compared and stored: defaults filled in, sets
    /// sorted and without duplicates, numbers of seconds as durations.
    pub fn canonical(&self, value: &Value) -> Value {
        let (plain, sensitive) = value.unmark();
        let canonical = match (self, plain) {
            (Self::Duration { .. }, Value::Number(seconds)) if *seconds >= 0.0 => {
                Value::Duration(Duration::from_secs_f64(*seconds))
            }
            (Self::Percent { .. }, Value::Number(value)) => Value::Percent(*value),
            _ => match self.parts(plain) {
                Parts::Block(attributes, members) => {
                    let label = matches!(self, Self::Labelled { .. }).then(|| members.get_key_value("type"));
                    let label = label.flatten().map(|(name, label)| (name.clone(), label.clone()));
                    Value::Object(label.into_iter().chain(canonical_members(attributes, members)).collect())
                }
                _ => match self.map_parts(plain, &mut |ty, part| ty.canonical(part)) {
                    Value::List(items) if !self.is_ordered() => sorted(items),
                    Value::Object(mut members) if matches!(self, Self::Map(_)) => {
                        members.sort_keys();
                        Value::Object(members)
                    }
                    other => other,
                },
            },
        };
        canonical.marked_if(sensitive)
    }

    /// Tells whether a live value agrees with the declared one, both canonical. An attribute of a block that
    /// is undeclared and has no default is the API's own choice, as at the top level.
    pub fn agrees(&self, declared: &Value, live: &Value) -> bool {
        match (self.parts(declared), self.parts(live)) {
            (Parts::Block(attributes, members), Parts::Block(..)) => {
                let label = declared.get("type");
                (label.is_null() || label.same(live.get("type")))
                    && attributes.iter().all(|Attribute { name, ty, .. }| {
                        members.get(*name).is_none_or(|value| ty.agrees(value, live.get(name)))
                    })
            }
            (Parts::Items(block, items), Parts::Items(_, live)) if self.is_block() => {
                // Members that the API chose may sort a set differently: each declared item takes a live item
                // of its own, at any place.
                let mut left: Vec<&Value> = live.iter().collect();
                let mut takes = |item: &Value| {
                    let place = left.iter().position(|live| block.agrees(item, live));
                    place.map(|place| left.swap_remove(place)).is_some()
                };
                items.len() == live.len()
                    && match self.is_ordered() {
                        true => items.iter().zip(live).all(|(item, live)| block.agrees(item, live)),
                        false => items.iter().all(&mut takes),
                    }
            }
            _ => declared.same(live),
        }
    }
}

/// The parts of a value, by its type and without its own mark.
pub enum Parts<'a> {
    /// The items of a list or a set, or several blocks, with the type of each.
    Items(&'a Type, &'a [Value]),
    /// An object with the author's keys, and the type of each member.
    Members(&'a Type, &'a Object),
    /// One block: its possible attributes, and its members.
    Block(&'a [Attribute], &'a Object),
    /// A value without parts, or one that does not match the type.
    Whole(&'a Value),
}

/// `a reference to a `vpc``
pub fn references_to(kinds: &[&str]) -> String {
    format!("a reference to {}", one_of(kinds))
}

fn one_of(kinds: &[&str]) -> String {
    let article = |kind: &&str| match kind.starts_with(['a', 'e', 'i', 'o', 'u']) {
        true => format!("an `{kind}`"),
        false => format!("a `{kind}`"),
    };
    kinds.iter().map(article).collect::<Vec<_>>().join(" or ")
}

/// Sets are compared as sorted lists.
pub fn sorted(mut items: Vec<Value>) -> Value {
    items.sort_by_cached_key(|item| item.without_marks().to_typed_json().to_string());
    items.dedup();
    Value::List(items)
}

/// Members in schema order with defaults filled in; nulls and unknown names are dropped.
pub fn canonical_members(attributes: &[Attribute], members: &Object) -> Object {
    // Counted first, so that the object is allocated at its size.
    let mut canonical = Vec::with_capacity(attributes.len());
    for attribute in attributes {
        let given = members.get(attribute.name).filter(|value| !value.is_null());
        if let Some(value) = given.or(attribute.default.as_ref()) {
            canonical.push((attribute.name.to_owned(), attribute.canonical(value)));
        }
    }
    canonical.into_iter().collect()
}

impl Schema {
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }

    pub fn output(&self, name: &str) -> Option<&Output> {
        self.outputs.iter().find(|output| output.name == name)
    }

    /// See [`Type::canonical`].
    pub fn canonical(&self, inputs: &Object) -> Object {
        canonical_members(&self.attributes, inputs)
    }

    /// The broken [`Rule`]s of canonical inputs, by the top-level attribute.
    pub fn wrong(&self, inputs: &Object) -> Vec<Wrong> {
        let within = |attribute: &Attribute| {
            let mut found = Vec::new();
            if let Some(value) = inputs.get(attribute.name) {
                broken_rules(attribute, value, &mut found);
            }
            found.into_iter().map(|(_, message, help)| (attribute.name, message, help)).collect::<Vec<_>>()
        };
        self.attributes.iter().flat_map(within).collect()
    }
}

fn broken_rules(attribute: &Attribute, value: &Value, found: &mut Vec<Wrong>) {
    match attribute.ty.parts(value) {
        Parts::Items(_, blocks) if attribute.ty.is_block() => {
            blocks.iter().for_each(|block| broken_rules(attribute, block, found));
        }
        parts => {
            if !attribute.may_be_empty && has_empty(&attribute.ty, value) {
                let message = format!("`{}` is empty", attribute.name);
                found.push(("", message, "write something, or take it away".to_owned()));
            }
            found
                .extend(attribute.rule.filter(|_| !value.is_null()).into_iter().flat_map(|rule| rule(value)));
            let Parts::Block(attributes, members) = parts else { return };
            for (inner, value) in attributes.iter().filter_map(|one| Some((one, members.get(one.name)?))) {
                broken_rules(inner, value, found);
            }
        }
    }
}

/// Tells whether a value is an empty text of one line, or a list with one. The author's own keys and values
/// may be empty.
fn has_empty(ty: &Type, value: &Value) -> bool {
    match ty {
        Type::String { .. } => value.as_str() == Some(""),
        Type::List(item) | Type::Set(item) => {
            value.as_list().is_some_and(|items| items.iter().any(|one| has_empty(item, one)))
        }
        _ => false,
    }
}

/// An optional attribute that is updated in place; see the methods for the rest.
pub fn attribute(name: &'static str, ty: Type, doc: &'static str) -> Attribute {
    Attribute {
        name,
        doc,
        ty,
        required: false,
        default: None,
        on_change: OnChange::Update,
        api: &[],
        normal: None,
        rule: None,
        may_be_empty: false,
    }
}

impl Attribute {
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    pub fn default(mut self, value: impl Into<Value>) -> Self {
        self.default = Some(value.into());
        self
    }

    /// The default, in seconds.
    pub fn default_seconds(self, seconds: u64) -> Self {
        self.default(Duration::from_secs(seconds))
    }

    /// Makes a change of the attribute replace the resource.
    pub fn replaces(mut self) -> Self {
        self.on_change = OnChange::Replace;
        self
    }

    pub fn api(mut self, fields: &'static [&'static str]) -> Self {
        self.api = fields;
        self
    }

    /// See [`Attribute::normal`].
    pub fn normal(mut self, form: fn(Value) -> Value) -> Self {
        self.normal = Some(form);
        self
    }

    /// See [`Attribute::may_be_empty`].
    pub fn may_be_empty(mut self) -> Self {
        self.may_be_empty = true;
        self
    }

    /// See [`Rule`].
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rule = Some(rule);
        self
    }

    /// See [`Type::canonical`] and [`Attribute::normal`].
    pub fn canonical(&self, value: &Value) -> Value {
        let (value, sensitive) = self.ty.canonical(value).into_unmarked();
        let value = match self.normal {
            Some(form) => form(value),
            None => value,
        };
        value.marked_if(sensitive)
    }

    /// The fields of the API's create input that this attribute sets.
    pub fn api_fields(&self) -> Vec<&'static str> {
        match self.api {
            [] => vec![self.name],
            fields if fields == NOT_AT_CREATE => Vec::new(),
            fields => fields.to_vec(),
        }
    }
}

/// An output that no update touches.
pub fn output(name: &'static str, doc: &'static str) -> Output {
    Output { name, doc, changes_unless_only: None }
}

impl Output {
    /// An update of any attribute except these makes the output unknown until it is done.
    pub fn changes_unless_only(mut self, attributes: &'static [&'static str]) -> Self {
        self.changes_unless_only = Some(attributes);
        self
    }
}

/// The `tags` attribute of every kind that takes tags.
pub fn tags_attribute(api: &'static [&'static str]) -> Attribute {
    attribute("tags", Type::String { max: 256 }.map(), "Tags; the stack's tags are added to them.")
        .default(Value::Object(Object::new()))
        .api(api)
        .rule(tags)
}

/// AWS allows 50 tags for a resource, and bgform's own take three
/// (<https://docs.aws.amazon.com/tag-editor/latest/userguide/tagging.html>: keys of 1 to 128 characters, none
/// that begins with `aws:` in any case).
const MOST_TAGS: usize = 47;

/// The [`Rule`] of an object of tags.
pub fn tags(tags: &Value) -> Vec<Wrong> {
    let Some(tags) = tags.as_object() else { return Vec::new() };
    let mut found = Vec::new();
    let mut wrong = |message: String, help: &str| found.push(("", message, help.to_owned()));
    if tags.len() > MOST_TAGS {
        let message =
            format!("{} tags, and a resource has at most {MOST_TAGS} beside bgform's own three", tags.len());
        wrong(message, "take some away; the stack's own tags count too");
    }
    for key in tags.keys() {
        let reserved =
            |prefix: &str| key.get(..prefix.len()).is_some_and(|one| one.eq_ignore_ascii_case(prefix));
        if reserved("aws:") {
            wrong(
                format!("a tag's key cannot begin with `aws:`, as `{key}` does"),
                "AWS keeps these keys for itself",
            );
        } else if reserved("bgform:") {
            wrong(format!("`{key}` is one of bgform's own tags"), "bgform finds what it has made by them");
        } else if key.is_empty() {
            wrong("a tag's key is empty".to_owned(), "give it a key of 1 to 128 characters");
        } else if key.chars().count() > 128 {
            wrong(format!("the key of a tag is longer than 128 characters: `{key}`"), "shorten it");
        }
    }
    found
}

/// A rule for a text of these characters only; `words` names them, `of` names the text.
pub fn characters(of: &str, text: &Value, fits: impl Fn(char) -> bool, words: &str) -> Vec<Wrong> {
    let wrong = text.as_str().and_then(|text| text.chars().find(|c| !fits(*c)));
    let message = |c: char| match text.unmark() {
        (_, true) => format!("{of} cannot hold a character of this, which is sensitive"),
        _ => format!("{of} cannot hold {c:?}"),
    };
    wrong.map(|c| ("", message(c), format!("use {words}"))).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object;

    #[test]
    fn a_text_that_is_sensitive_is_refused_without_a_character_of_it() {
        let told = |text: Value| characters("a tag", &text, char::is_alphanumeric, "letters").remove(0).1;
        assert_eq!(told(Value::string("a<")), "a tag cannot hold '<'");
        let sensitive = Value::Sensitive(Box::new(Value::string("a<")));
        assert!(!told(sensitive).contains('<'));
    }

    #[test]
    fn a_set_of_blocks_agrees_with_what_the_api_added_and_in_any_order() {
        let attributes =
            || vec![attribute("role", Type::string(), "Role."), attribute("name", Type::string(), "Name.")];
        let blocks = |ordered| Type::Blocks { attributes: attributes(), ordered, max: 9 };
        let declared = Value::List(vec![object! { "name" => "a" }, object! { "name" => "b" }]);
        let live = Value::List(vec![object! { "role" => "x", "name" => "b" }, object! { "name" => "a" }]);
        assert!(blocks(false).agrees(&declared, &live));
        assert!(!blocks(true).agrees(&declared, &live));
        let twice = Value::List(vec![object! { "name" => "a" }, object! { "name" => "a" }]);
        assert!(!blocks(false).agrees(&twice, &live));
    }

    #[test]
    fn a_walk_goes_into_every_part_and_marks_stay() {
        let forward = vec![attribute("groups", Type::string().set(), "Groups.")];
        let ty = Type::Labelled { variants: vec![("forward", forward)], many: true };
        let block = |groups: &[&str]| {
            let groups = Value::from(groups.to_vec()).sensitive();
            Value::List(vec![object! { "type" => "forward", "groups" => groups }.sensitive()])
        };
        assert_eq!(ty.canonical(&block(&["b", "a", "b"])), block(&["a", "b"]));
        assert!(ty.agrees(&block(&["a"]), &block(&["a"])) && !ty.agrees(&block(&["a"]), &block(&["b"])));
        let mut seen = Vec::new();
        ty.map_parts(&block(&["a"]), &mut |ty, part| {
            seen.push(ty.is_block());
            ty.map_parts(part, &mut |ty, part| {
                seen.push(ty.is_block());
                part.clone()
            })
        });
        assert_eq!(seen, [true, false]);
    }
}
