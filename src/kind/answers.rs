//! Answers of any service as values: pages, outputs, and the typed form of filters. Knows no kind and no service.

use std::future::Future;

use serde::de::DeserializeOwned;

use super::operation::Poll;
use super::schema::Schema;
use crate::cloud::error::Error;
use crate::value::{Object, Value};

/// Reads all pages. `page` takes a page token, and returns that page's items and the next token.
pub async fn pages<T, F, Fut>(mut page: F) -> Result<Vec<T>, Error>
where
    F: FnMut(Option<String>) -> Fut,
    Fut: Future<Output = Result<(Option<Vec<T>>, Option<String>), Error>>,
{
    let mut all = Vec::new();
    let mut token = None;
    loop {
        let (items, next) = page(token).await?;
        all.extend(items.unwrap_or_default());
        token = next.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(all);
        }
    }
}

/// Returns `None` for a resource that was not found.
pub fn unless_gone<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The look of a wait that asks for a deletion until nothing uses the resource any more.
pub fn deleted<T>(answer: Result<T, Error>) -> Result<Poll<()>, Error> {
    match unless_gone(answer) {
        Ok(_) => Ok(Poll::Ready(())),
        Err(error) if error.is_in_use() => Ok(Poll::Pending(error.to_string())),
        Err(error) => Err(error),
    }
}

/// An object of strings.
pub fn strings(members: impl IntoIterator<Item = (String, String)>) -> Value {
    Value::Object(members.into_iter().map(|(key, value)| (key, Value::String(value))).collect())
}

/// The filters of an `existing` block in their typed form.
pub fn typed<T: DeserializeOwned>(schema: &Schema, filters: &Object) -> Result<T, Error> {
    let canonical = Value::Object(schema.canonical(filters));
    serde_json::from_value(canonical.to_plain_json()).map_err(|mismatch| {
        Error::failed(
            format!("the filters of `existing {}` do not fit: {mismatch}", schema.kind),
            "this is a bug in bgform; report it with the block as it is written",
        )
    })
}

/// Builds an object without the members that are not set.
#[derive(Default)]
pub struct Members(Object);

impl Members {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `value` unless it is `None` or null.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) -> &mut Self {
        let value = value.into();
        if !value.is_null() {
            self.0.insert(name.to_owned(), value);
        }
        self
    }

    pub fn take(&mut self) -> Object {
        std::mem::take(&mut self.0)
    }

    /// The object, or null if nothing was set.
    pub fn value(&mut self) -> Value {
        match self.0.is_empty() {
            true => Value::Null,
            false => Value::Object(self.take()),
        }
    }
}

/// Outputs from a list of pairs; every output is present, null if AWS answered nothing.
pub fn outputs<const N: usize>(members: [(&str, Value); N]) -> Object {
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Ids as a list value.
pub fn list(items: impl IntoIterator<Item = impl Into<String>>) -> Value {
    Value::List(items.into_iter().map(|item| Value::String(item.into())).collect())
}
