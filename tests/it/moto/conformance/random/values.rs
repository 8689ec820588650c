//! Random values of a schema's rows. Comes in: a type, and the values that a case has in its place, for
//! references and for texts of a certain form. Goes out: a value of the type, at its bounds as often as within.

use std::collections::BTreeMap;
use std::time::Duration;

use bgform::kind::schema::{Attribute, Parts, Type};
use bgform::value::{Object, Value};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

/// Makes values, the same ones for the same seed.
pub struct Values {
    pub rng: StdRng,
    /// The values of a case, by path: `ingress.cidr`.
    seen: BTreeMap<String, Vec<Value>>,
}

const SIGNS: &str = "abcxyzABCXYZ0189-_./:*?@,;+=~#%&()[]{}'\"\\ <>|^`!$";

impl Values {
    pub fn new(seed: u64) -> Self {
        Self { rng: StdRng::seed_from_u64(seed), seen: BTreeMap::new() }
    }

    /// Keeps what a case has in an attribute.
    pub fn learn(&mut self, attributes: &[Attribute], members: &Object, path: &str) {
        for (name, value) in members {
            if let Some(attribute) = attributes.iter().find(|attribute| attribute.name == name) {
                self.learn_of(&attribute.ty, value, &join(path, name));
            }
        }
    }

    fn learn_of(&mut self, ty: &Type, value: &Value, path: &str) {
        match ty.parts(value) {
            Parts::Items(item, items) => items.iter().for_each(|one| self.learn_of(item, one, path)),
            Parts::Members(item, members) => {
                members.values().for_each(|one| self.learn_of(item, one, path));
            }
            Parts::Block(attributes, members) => {
                let path = labelled(path, ty, value);
                self.learn(attributes, members, &path);
            }
            Parts::Whole(Value::Null) => {}
            Parts::Whole(whole) => {
                let seen = self.seen.entry(path.to_owned()).or_default();
                if !seen.contains(whole) {
                    seen.push(whole.clone());
                }
            }
        }
    }

    pub fn chance(&mut self, percent: u32) -> bool {
        self.rng.random_range(0..100) < percent
    }

    /// Another value of an attribute that is `now`; `None` where there is none to be made.
    pub fn value(&mut self, ty: &Type, path: &str, now: &Value) -> Option<Value> {
        Some(match ty {
            Type::Bool => self.rng.random_bool(0.5).into(),
            Type::Integer { min, max } => Value::Number(self.within(*min, *max) as f64),
            Type::Number { min, max } => {
                Value::Number(*[*min, *max, self.rng.random_range(*min..*max)].choose(&mut self.rng)?)
            }
            Type::Percent { min, max } => {
                Value::Percent(self.within(min.ceil() as i64, max.floor() as i64) as f64)
            }
            Type::Duration { min, max } => {
                let seconds = self.within(i64::try_from(*min).ok()?, i64::try_from(*max).ok()?);
                Duration::from_secs(u64::try_from(seconds).ok()?).into()
            }
            Type::Choice(words) => (*words.choose(&mut self.rng)?).into(),
            Type::String { max } => self.text(path, *max).into(),
            // A shell runs it, as one argument of which there may be five.
            Type::Text { max } => {
                let length = *[1, 9, 300, (*max).min(20_000)].choose(&mut self.rng)?;
                let text = "#!/bin/sh\n# ".chars().chain(std::iter::repeat('u')).take(length.max(12));
                text.collect::<String>().into()
            }
            Type::Ref { .. } => self.seen.get(path)?.choose(&mut self.rng)?.clone(),
            Type::List(item) | Type::Set(item) => {
                let count = self.within(0, 5);
                let items = (0..count).filter_map(|_| self.value(item, path, &Value::Null));
                Value::List(items.collect())
            }
            Type::Map(item) => {
                let count = self.within(0, 4);
                let pairs = (0..count).filter_map(|_| {
                    Some((self.signs(127, "ab09 .:/=+-@_") + "k", self.value(item, path, &Value::Null)?))
                });
                Value::Object(pairs.collect())
            }
            Type::Block(attributes) => Value::Object(self.block(attributes, path, now)?),
            Type::Blocks { .. } => self.blocks(ty, path, now)?,
            Type::Labelled { variants, many } => match many {
                true => self.blocks(ty, path, now)?,
                false => self.labelled(variants, path)?,
            },
        })
    }

    fn labelled(&mut self, variants: &[(&'static str, Vec<Attribute>)], path: &str) -> Option<Value> {
        let (label, attributes) = variants.choose(&mut self.rng)?;
        let mut members = Object::from_iter([("type".to_owned(), Value::string(*label))]);
        members.extend(self.block(attributes, &join(path, label), &Value::Null)?);
        Some(Value::Object(members))
    }

    /// One more, one other, or one less.
    fn blocks(&mut self, ty: &Type, path: &str, now: &Value) -> Option<Value> {
        let mut items = now.as_list().unwrap_or_default().to_vec();
        let at = (!items.is_empty()).then(|| self.rng.random_range(0..items.len()));
        if let Some(at) = at.filter(|_| self.chance(40)) {
            items.remove(at);
        }
        let one = match ty {
            Type::Labelled { variants, .. } => self.labelled(variants, path)?,
            _ => Value::Object(self.block(ty.block_attributes(None)?, path, &Value::Null)?),
        };
        items.push(one);
        Some(Value::List(items))
    }

    /// What is required, and of the rest each member or none.
    fn block(&mut self, attributes: &[Attribute], path: &str, now: &Value) -> Option<Object> {
        let mut members = now.as_object().cloned().unwrap_or_default();
        for attribute in attributes {
            let is = members.get(attribute.name).cloned().unwrap_or(Value::Null);
            let needed = attribute.required && is.is_null();
            if needed || self.chance(30) {
                match self.value(&attribute.ty, &join(path, attribute.name), &is) {
                    Some(value) => members.insert(attribute.name.to_owned(), value),
                    None if needed => return None,
                    None => None,
                };
            } else if !attribute.required && self.chance(20) {
                members.shift_remove(attribute.name);
            }
        }
        Some(members)
    }

    /// At a bound, near the lower one, or anywhere.
    fn within(&mut self, min: i64, max: i64) -> i64 {
        let near = max.min(min.saturating_add(100));
        let any = [min, max, self.rng.random_range(min..=near), self.rng.random_range(min..=max)];
        any.choose(&mut self.rng).copied().unwrap_or(min)
    }

    /// One of the case's, one that is a little different, or any.
    fn text(&mut self, path: &str, max: usize) -> String {
        let known = self.seen.get(path).and_then(|seen| seen.choose(&mut self.rng)?.as_str());
        let known = known.map(str::to_owned);
        let cut = |text: String| text.chars().take(max).collect();
        match known {
            Some(text) if self.chance(30) => cut(text),
            Some(text) if self.chance(60) => {
                let mut signs: Vec<char> = text.chars().collect();
                for _ in 0..self.rng.random_range(1..4) {
                    let at = self.rng.random_range(0..=signs.len());
                    signs.splice(at..at, self.signs(3, SIGNS).chars());
                }
                cut(signs.into_iter().collect())
            }
            _ if self.chance(50) => self.signs(max, "abyz0189"),
            _ => self.signs(max, SIGNS),
        }
    }

    /// A text of these characters, sometimes as long as can be.
    fn signs(&mut self, max: usize, of: &str) -> String {
        let of: Vec<char> = of.chars().collect();
        let lengths = [0, 1, 3.min(max), 20.min(max), max, self.rng.random_range(1..=max)];
        let length = *lengths.choose(&mut self.rng).unwrap_or(&1);
        (0..length).filter_map(|_| of.choose(&mut self.rng)).collect()
    }
}

pub fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// The path of what stands in a block, which has the block's label where it has one.
pub fn labelled(path: &str, ty: &Type, block: &Value) -> String {
    match (ty, block.get("type").as_str()) {
        (Type::Labelled { .. }, Some(label)) => join(path, label),
        _ => path.to_owned(),
    }
}
