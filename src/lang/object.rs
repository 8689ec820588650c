//! The members of an object value. A clone shares them until one of the two is changed: a plan holds the same
//! inputs as its facts, its steps and its stack do, and changes few of them.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use indexmap::IndexMap;
use indexmap::map::{IntoIter, Iter, IterMut};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::value::Value;

type Members = IndexMap<String, Value>;

/// An object's members, in the order of the source.
#[derive(Debug, Clone, Default)]
pub struct Object(Arc<Members>);

impl Object {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn with_capacity(members: usize) -> Self {
        Members::with_capacity(members).into()
    }

    pub fn into_values(self) -> impl Iterator<Item = Value> {
        self.into_iter().map(|(_, value)| value)
    }

    pub fn into_keys(self) -> impl Iterator<Item = String> {
        self.into_iter().map(|(name, _)| name)
    }
}

impl Deref for Object {
    type Target = Members;

    fn deref(&self) -> &Members {
        &self.0
    }
}

impl DerefMut for Object {
    /// Copies the members first if another clone shares them.
    fn deref_mut(&mut self) -> &mut Members {
        Arc::make_mut(&mut self.0)
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl From<Members> for Object {
    fn from(members: Members) -> Self {
        Self(Arc::new(members))
    }
}

impl<const N: usize> From<[(String, Value); N]> for Object {
    fn from(members: [(String, Value); N]) -> Self {
        members.into_iter().collect()
    }
}

impl FromIterator<(String, Value)> for Object {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(members: I) -> Self {
        Members::from_iter(members).into()
    }
}

impl Extend<(String, Value)> for Object {
    fn extend<I: IntoIterator<Item = (String, Value)>>(&mut self, members: I) {
        self.deref_mut().extend(members);
    }
}

impl IntoIterator for Object {
    type Item = (String, Value);
    type IntoIter = IntoIter<String, Value>;

    fn into_iter(self) -> Self::IntoIter {
        Arc::unwrap_or_clone(self.0).into_iter()
    }
}

impl<'a> IntoIterator for &'a Object {
    type Item = (&'a String, &'a Value);
    type IntoIter = Iter<'a, String, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a mut Object {
    type Item = (&'a String, &'a mut Value);
    type IntoIter = IterMut<'a, String, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.deref_mut().iter_mut()
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Members::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_shares_the_members_until_one_is_changed() {
        let one = Object::from([("port".to_owned(), Value::from(80))]);
        let mut other = one.clone();
        assert!(std::ptr::eq(&raw const *one, &raw const *other));
        other.insert("port".to_owned(), Value::from(81));
        assert_eq!((one["port"].as_number(), other["port"].as_number()), (Some(80.0), Some(81.0)));
        assert_ne!(one, other);
    }
}
