//! The name of a resource in a stack: `kind.name` or `kind.name["key"]`.
//!
//! An [`Address`] is ours and logical; ids and ARNs are the cloud's and are plain strings
//! that end in `_id` or `_arn`. The two never mix.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One resource, or one instance of a resource with `for_each`. A clone shares its parts, and a comparison
/// starts with the hashes.
pub struct Address(Arc<Parts>);

/// The parts of an address.
#[derive(Debug)]
pub struct Parts {
    /// The resource kind, such as `autoscaling_group`.
    pub kind: String,
    /// The label in the stack file.
    pub name: String,
    /// The `for_each` key, if the block has one.
    pub key: Option<String>,
    /// The block of an instance; `None` if this is a block.
    block: Option<Address>,
    /// The hash of the three texts.
    hash: u64,
}

impl Address {
    pub fn new(kind: impl Into<String>, name: impl Into<String>) -> Self {
        Self::of(kind.into(), name.into(), None, None)
    }

    fn of(kind: String, name: String, key: Option<String>, block: Option<Address>) -> Self {
        let mut hasher = DefaultHasher::new();
        (&kind, &name, &key).hash(&mut hasher);
        Self(Arc::new(Parts { hash: hasher.finish(), kind, name, key, block }))
    }

    /// The instance of the same block for one `for_each` key.
    pub fn with_key(&self, key: impl Into<String>) -> Self {
        Self::of(self.kind.clone(), self.name.clone(), Some(key.into()), Some(self.block()))
    }

    /// The block of this instance.
    pub fn block(&self) -> Self {
        self.block.as_ref().unwrap_or(self).clone()
    }

    /// Tells whether `self`, from a command line, selects `other`: the same address, or an instance of it.
    pub fn selects(&self, other: &Address) -> bool {
        self == other || other.block.as_ref() == Some(self)
    }
}

/// The number of times this thread has compared, hashed or copied an address, for the tests of scale.
#[cfg(feature = "touched")]
pub mod touched {
    use std::cell::Cell;

    thread_local!(static TOUCHED: Cell<u64> = const { Cell::new(0) });

    pub(super) fn once() {
        TOUCHED.set(TOUCHED.get() + 1);
    }

    /// Runs `work`; returns the number of touches and the result.
    pub fn count<T>(work: impl FnOnce() -> T) -> (u64, T) {
        let before = TOUCHED.get();
        let given = work();
        (TOUCHED.get() - before, given)
    }
}

#[cfg(not(feature = "touched"))]
mod touched {
    #[inline(always)]
    pub(super) fn once() {}
}

impl Clone for Address {
    fn clone(&self) -> Self {
        touched::once();
        Self(Arc::clone(&self.0))
    }
}

impl Deref for Address {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Parts {
    fn texts(&self) -> (&str, &str, Option<&str>) {
        (&self.kind, &self.name, self.key.as_deref())
    }
}

impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        touched::once();
        Arc::ptr_eq(&self.0, &other.0) || (self.hash == other.hash && self.texts() == other.texts())
    }
}

impl Eq for Address {}

impl Hash for Address {
    fn hash<H: Hasher>(&self, state: &mut H) {
        touched::once();
        state.write_u64(self.hash);
    }
}

impl PartialOrd for Address {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Address {
    fn cmp(&self, other: &Self) -> Ordering {
        touched::once();
        match Arc::ptr_eq(&self.0, &other.0) {
            true => Ordering::Equal,
            false => self.texts().cmp(&other.texts()),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.kind, self.name)?;
        match &self.key {
            Some(key) => write!(f, "[{}]", serde_json::Value::from(key.as_str())),
            None => Ok(()),
        }
    }
}

/// A text that is no address.
#[derive(Debug, Clone, thiserror::Error, miette::Diagnostic)]
#[error("`{text}` is not an address")]
#[diagnostic(
    code(bgform::address::invalid),
    help(
        "write kind.name or kind.name[\"key\"], as `bgform state list` prints them; quote it for the shell"
    )
)]
pub struct InvalidAddress {
    pub text: String,
}

/// Tells whether a text is a `name` of the language's grammar.
pub fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidAddress { text: text.to_owned() };
        let (kind, rest) = text.split_once('.').ok_or_else(invalid)?;
        let (name, key) = match rest.split_once('[') {
            None => (rest, None),
            Some((name, key)) => {
                let key = key.strip_suffix(']').ok_or_else(invalid)?;
                // A shell may have removed the quotes.
                let key = match serde_json::from_str::<String>(key) {
                    Ok(key) => key,
                    Err(_) if !key.contains('"') => key.to_owned(),
                    Err(_) => return Err(invalid()),
                };
                (name, Some(key))
            }
        };
        if !is_name(kind) || !is_name(name) {
            return Err(invalid());
        }
        let block = Self::new(kind, name);
        Ok(match key {
            Some(key) => block.with_key(key),
            None => block,
        })
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_back_as_it_prints() {
        for text in ["vpc.main", r#"image.shop["blue"]"#, r#"image.shop["a\"b]"]"#] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_address_whose_quotes_a_shell_ate_is_understood() {
        assert_eq!("image.shop[blue]".parse::<Address>().unwrap().key.as_deref(), Some("blue"));
        for text in ["", "image", "image.", ".x", "image.shop[", "1.x"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
