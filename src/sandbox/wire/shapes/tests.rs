//! Requests of tests: the required parameters of each action, and every single possible fault.

use serde_json::{Map, Value, json};

use super::check::constraints;
use super::{Bounds, Kind, Member, Shape, Shapes};

/// The fault of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wrong {
    Missing,
    TooLong,
    TooShort,
    Above,
    Below,
    NotInEnum,
    NoMatch,
    OtherType,
}

/// Parameters with one thing wrong.
#[derive(Debug)]
pub struct Case {
    /// The member that is wrong, or that has a wrong item.
    pub member: &'static str,
    pub wrong: Wrong,
    pub params: Value,
}

/// The protocol of the requests.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// Numbers are numbers, not texts.
    pub typed: bool,
    /// An empty text is present.
    pub empty: bool,
}

/// Texts of which one satisfies each pattern of the tables.
const TEXTS: [&str; 19] = [
    "a",
    "1",
    "200",
    "HTTP",
    "AAA",
    "i-12345678",
    "ami-1",
    "tag:a",
    "ipam-pool-1",
    "ipv4pool-coip-1",
    "$LATEST",
    "10%",
    "/",
    "a.example.com",
    "123456789012",
    "00000000-0000-0000-0000-000000000000",
    "arn:aws:acm:us-east-1:123456789012:certificate/1",
    "arn:aws:acm-pca:us-east-1:123456789012:certificate-authority/1",
    "sha256:0000000000000000000000000000000000000000000000000000000000000000",
];

impl Shapes {
    /// The least that an action takes.
    pub fn least(&self, action: &str, form: Form) -> Value {
        let members = &self.actions[action].members;
        match members.iter().any(|member| member.required) {
            true => self.structure(members, form),
            false => json!({}),
        }
    }

    /// Tells whether an action's parameters are refused with errors that it declares.
    pub fn declares(&self, action: &str) -> bool {
        self.actions[action].own
    }

    /// Every single violation of an action's shape.
    pub fn violations(&self, action: &str, form: Form) -> Vec<Case> {
        let mut cases = Vec::new();
        self.of_members(&self.actions[action].members, form, &|value| value, &mut cases);
        cases
    }

    /// The names of the actions, of shapes that are named and not there, and of patterns that do not compile.
    pub fn named(&self) -> (Vec<&'static str>, Vec<&'static str>) {
        let mut words: Vec<&'static str> = Vec::new();
        let members = |members: &[Member]| members.iter().map(|member| member.of).collect::<Vec<_>>();
        self.actions.values().for_each(|action| words.extend(members(&action.members)));
        let mut wrong = Vec::new();
        for shape in self.shapes.values() {
            match shape {
                Shape::Struct(of) => words.extend(members(of)),
                Shape::List(_, item) => words.push(item),
                Shape::Map(_, key, item) => words.extend([*key, *item]),
                Shape::Plain(_, _, Some(pattern)) => {
                    wrong.extend(regex::Regex::new(pattern.0).is_err().then_some(pattern.0));
                }
                Shape::Enum(_) | Shape::Plain(..) => {}
            }
        }
        wrong.extend(words.into_iter().filter(|word| !self.shapes.contains_key(word)));
        (self.actions.keys().copied().collect(), wrong)
    }

    fn structure(&self, members: &[Member], form: Form) -> Value {
        let needed = members.iter().filter(|member| member.required).map(|member| member.name);
        let mut names: Vec<&str> = needed.collect();
        if names.is_empty() && !form.empty {
            names.extend(members.first().map(|member| member.name));
        }
        let named = members.iter().filter(|member| names.contains(&member.name));
        named
            .map(|member| (member.name.to_owned(), self.sample(member.of, form)))
            .collect::<Map<_, _>>()
            .into()
    }

    fn sample(&self, of: &str, form: Form) -> Value {
        match &self.shapes[of] {
            Shape::Struct(members) => self.structure(members, form),
            Shape::List(bounds, item) => {
                let count = bounds.0.unwrap_or(0).max(1);
                (0..count).map(|_| self.sample(item, form)).collect()
            }
            Shape::Map(bounds, key, item) => {
                let count = usize::try_from(bounds.0.unwrap_or(0).max(1)).unwrap();
                self.map(&vec![self.sample(key, form); count], &self.sample(item, form), form)
            }
            Shape::Enum(words) => json!(words[0]),
            shape @ Shape::Plain(kind, Bounds(least, most), _) => match kind {
                Kind::Text | Kind::Blob => {
                    let long = |text: &str| {
                        let length = usize::try_from(least.unwrap_or(0)).unwrap();
                        let last = text.chars().last().unwrap();
                        let pad = length.saturating_sub(text.len());
                        json!(format!("{text}{}", last.to_string().repeat(pad)))
                    };
                    let good = |text: &Value| constraints(shape).iter().all(|must| must.holds(text));
                    let found = TEXTS.iter().map(|text| long(text)).find(good);
                    found.unwrap_or_else(|| panic!("no text for {of}"))
                }
                Kind::Bool => plain(json!(true), form),
                Kind::Time => json!("2030-01-01T00:00:00Z"),
                _ => plain(json!(least.or(*most).unwrap_or(1)), form),
            },
        }
    }

    /// A map of distinct keys.
    fn map(&self, keys: &[Value], item: &Value, form: Form) -> Value {
        let text = |(number, key): (usize, &Value)| match number {
            0 => key.as_str().unwrap_or_default().to_owned(),
            number => format!("{}{number}", key.as_str().unwrap_or_default()),
        };
        let keys = keys.iter().enumerate().map(text);
        match form.typed {
            true => keys.map(|key| (key, item.clone())).collect::<Map<_, _>>().into(),
            false => {
                json!({ "entry": keys.map(|key| json!({ "key": key, "value": item })).collect::<Vec<_>>() })
            }
        }
    }

    fn of_members(
        &self,
        members: &[Member],
        form: Form,
        whole: &dyn Fn(Value) -> Value,
        cases: &mut Vec<Case>,
    ) {
        let least = self.structure(members, form);
        for member in members {
            let name = member.name;
            if member.required {
                let mut without = least.clone();
                without.as_object_mut().unwrap().remove(name);
                if !form.empty && without == json!({}) {
                    // If an empty structure cannot be written, it gets another member.
                    let Some(other) = members.iter().find(|other| other.name != name) else { continue };
                    without[other.name] = self.sample(other.of, form);
                }
                cases.push(Case { member: name, wrong: Wrong::Missing, params: whole(without) });
            }
            let with = |value: Value| {
                let mut params = least.clone();
                params[name] = value;
                whole(params)
            };
            self.of_value(name, member.of, form, &with, cases);
        }
    }

    fn of_value(
        &self,
        member: &'static str,
        of: &str,
        form: Form,
        whole: &dyn Fn(Value) -> Value,
        cases: &mut Vec<Case>,
    ) {
        let mut push = |wrong, value| cases.push(Case { member, wrong, params: whole(value) });
        match &self.shapes[of] {
            Shape::Struct(members) => {
                push(Wrong::OtherType, json!("x"));
                self.of_members(members, form, whole, cases);
            }
            Shape::List(bounds, item) => {
                push(Wrong::OtherType, json!("x"));
                let items = |count: i64| (0..count).map(|_| self.sample(item, form)).collect::<Value>();
                lengths(*bounds, |wrong, count| push(wrong, items(count)));
                self.of_value(member, item, form, &|value| whole(json!([value])), cases);
            }
            Shape::Map(bounds, key, item) => {
                push(Wrong::OtherType, json!("x"));
                let (own, value) = (self.sample(key, form), self.sample(item, form));
                let count = usize::try_from(bounds.0.unwrap_or(0).max(1)).unwrap();
                let of = |count: i64| vec![own.clone(); usize::try_from(count).unwrap()];
                lengths(*bounds, |wrong, count| push(wrong, self.map(&of(count), &value, form)));
                let keyed = |bad: Value| {
                    let mut keys = vec![own.clone(); count];
                    keys[0] = bad;
                    whole(self.map(&keys, &value, form))
                };
                let mut of_keys = Vec::new();
                self.of_value(member, key, form, &keyed, &mut of_keys);
                cases.extend(of_keys.into_iter().filter(|case| case.wrong != Wrong::OtherType));
                let with = |bad: Value| whole(self.map(&vec![own.clone(); count], &bad, form));
                self.of_value(member, item, form, &with, cases);
            }
            Shape::Enum(_) => push(Wrong::NotInEnum, json!("no-such-word")),
            Shape::Plain(kind, bounds, pattern) => {
                let wrong = match (kind, form.typed) {
                    (Kind::Text | Kind::Blob, true) => json!(7),
                    (Kind::Text | Kind::Blob, false) => json!({ "x": "1" }),
                    _ => json!("maybe"),
                };
                push(Wrong::OtherType, wrong);
                if matches!(kind, Kind::Text | Kind::Blob) {
                    // A text of maximum length that does not match its pattern is another case.
                    if let Some(pattern) = pattern {
                        let length = usize::try_from(bounds.0.unwrap_or(1).max(1)).unwrap();
                        let texts = ["\u{7f}", " ", ":", "\u{2603}"].map(|text| text.repeat(length));
                        let text = texts.iter().find(|text| !pattern.matches(text));
                        push(Wrong::NoMatch, json!(text.unwrap_or_else(|| panic!("{of} takes every text"))));
                    }
                    let text = |count: i64| json!("1".repeat(usize::try_from(count).unwrap()));
                    lengths(*bounds, |wrong, count| {
                        if count > 0 || form.empty {
                            push(wrong, text(count));
                        }
                    });
                } else {
                    let Bounds(least, most) = *bounds;
                    if let Some(most) = most.filter(|most| *kind != Kind::Int || *most < i64::from(i32::MAX))
                    {
                        push(Wrong::Above, plain(json!(most + 1), form));
                    }
                    if let Some(least) = least {
                        push(Wrong::Below, plain(json!(least - 1), form));
                    }
                }
            }
        }
    }
}

fn lengths(Bounds(least, most): Bounds, mut push: impl FnMut(Wrong, i64)) {
    if let Some(most) = most {
        push(Wrong::TooLong, most + 1);
    }
    if let Some(least) = least.filter(|least| *least > 0) {
        push(Wrong::TooShort, least - 1);
    }
}

/// A number or a flag in this form.
fn plain(value: Value, form: Form) -> Value {
    if form.typed { value } else { json!(value.to_string()) }
}
