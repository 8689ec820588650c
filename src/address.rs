//! The name of a resource in a stack: `kind.name` or `kind.name["key"]`.
//!
//! An [`Address`] is ours and logical; ids and ARNs are the cloud's and are plain strings
//! that end in `_id` or `_arn`. The two never mix.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One resource, or one instance of a resource with `for_each`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    /// The resource kind, such as `autoscaling_group`.
    pub kind: String,
    /// The label in the stack file.
    pub name: String,
    /// The `for_each` key, where the block has one.
    pub key: Option<String>,
}

impl Address {
    pub fn new(kind: impl Into<String>, name: impl Into<String>) -> Self {
        Self { kind: kind.into(), name: name.into(), key: None }
    }

    /// The same block's instance for one `for_each` key.
    pub fn with_key(&self, key: impl Into<String>) -> Self {
        Self { key: Some(key.into()), ..self.clone() }
    }

    /// The block that this instance comes from.
    pub fn block(&self) -> Self {
        Self { key: None, ..self.clone() }
    }

    /// Whether `self`, given on a command line, names `other`: itself, or any instance of it.
    pub fn selects(&self, other: &Address) -> bool {
        self == other || (self.key.is_none() && *self == other.block())
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

fn is_identifier(text: &str) -> bool {
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
                // A shell may have eaten the quotes.
                let key = match serde_json::from_str::<String>(key) {
                    Ok(key) => key,
                    Err(_) if !key.contains('"') => key.to_owned(),
                    Err(_) => return Err(invalid()),
                };
                (name, Some(key))
            }
        };
        if !is_identifier(kind) || !is_identifier(name) {
            return Err(invalid());
        }
        Ok(Self { kind: kind.to_owned(), name: name.to_owned(), key })
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
