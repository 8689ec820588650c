//! The name of a resource in a stack: `kind.name` or `kind.name["key"]`, and before it the modules that it is
//! in: `module.edge["a"].kind.name`.
//!
//! A name is *qualified* by the path of its module: `web` in `module.edge` is `module.edge.web`. A name of the
//! stack itself is as it is written.
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
    /// The label in the stack file, qualified by its module.
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

    /// The module that holds it, such as `module.edge["a"]`; empty for the stack itself.
    pub fn module(&self) -> &str {
        split(&self.name).0
    }

    /// The label in its file.
    pub fn label(&self) -> &str {
        split(&self.name).1
    }

    /// Tells whether `self`, from a command line, selects `other`: the same address, an instance of it, or
    /// what is in the module that it names.
    pub fn selects(&self, other: &Address) -> bool {
        let is_within = || {
            let rest = other.name.strip_prefix(&self.to_string());
            rest.is_some_and(|rest| rest.starts_with('.') || (self.key.is_none() && rest.starts_with('[')))
        };
        self == other || other.block.as_ref() == Some(self) || (self.kind == MODULE && is_within())
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
        let (module, label) = split(&self.name);
        let dot = if module.is_empty() { "" } else { "." };
        write!(f, "{module}{dot}{}.{label}", self.kind)?;
        match &self.key {
            Some(key) => f.write_str(&in_brackets(key)),
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

/// The word before the name of a module.
pub const MODULE: &str = "module";

/// A key as it stands after a name: `["a"]`.
pub fn in_brackets(key: &str) -> String {
    format!("[{}]", serde_json::Value::from(key))
}

/// The module of a qualified name, and the name in it.
pub fn split(name: &str) -> (&str, &str) {
    let mut rest = name;
    while let Some(after) = after_module(rest) {
        rest = after;
    }
    let module = name.get(..name.len() - rest.len()).unwrap_or_default();
    (module.trim_end_matches('.'), rest)
}

/// The text after `module.NAME.` or `module.NAME["key"].`
fn after_module(text: &str) -> Option<&str> {
    let rest = text.strip_prefix(MODULE)?.strip_prefix('.')?;
    let end = rest.find(['.', '['])?;
    let rest = rest.get(end..)?;
    match rest.strip_prefix('[') {
        None => rest.strip_prefix('.'),
        Some(keyed) => {
            // The key is JSON: it ends at the first quote that is not escaped.
            let mut read = serde_json::Deserializer::from_str(keyed).into_iter::<String>();
            read.next()?.ok()?;
            keyed.get(read.byte_offset()..)?.strip_prefix("].")
        }
    }
}

/// A name as it is known outside its module; a name that is qualified stays as it is.
pub fn qualified(module: &str, name: &str) -> String {
    match module.is_empty() || name.contains('.') {
        true => name.to_owned(),
        false => format!("{module}.{name}"),
    }
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
        let mut module = String::new();
        let mut rest = text;
        loop {
            let (part, after) = part(rest).ok_or_else(invalid)?;
            match after {
                None => {
                    let block = Self::new(part.kind, qualified(&module, part.name));
                    return Ok(match part.key {
                        Some(key) => block.with_key(key),
                        None => block,
                    });
                }
                Some(after) if part.kind == MODULE => {
                    let dot = if module.is_empty() { "" } else { "." };
                    let key = part.key.map(|key| in_brackets(&key)).unwrap_or_default();
                    module = format!("{module}{dot}{MODULE}.{}{key}", part.name);
                    rest = after;
                }
                Some(_) => return Err(invalid()),
            }
        }
    }
}

/// `kind.name` or `kind.name["key"]` in an address.
struct Part<'a> {
    kind: &'a str,
    name: &'a str,
    key: Option<String>,
}

/// The first part of an address, and the text after its dot, if there is more.
fn part(text: &str) -> Option<(Part<'_>, Option<&str>)> {
    let (kind, rest) = text.split_once('.')?;
    let end = rest.find(['.', '[']).unwrap_or(rest.len());
    let (name, mut rest) = rest.split_at(end);
    let mut key = None;
    if let Some(keyed) = rest.strip_prefix('[') {
        let mut read = serde_json::Deserializer::from_str(keyed).into_iter::<String>();
        let (found, after) = match read.next() {
            Some(Ok(found)) => (found, keyed.get(read.byte_offset()..)?),
            // A shell may have removed the quotes.
            _ => {
                let (found, _) = keyed.split_once(']').filter(|(found, _)| !found.contains('"'))?;
                (found.to_owned(), keyed.get(found.len()..)?)
            }
        };
        key = Some(found);
        rest = after.strip_prefix(']')?;
    }
    let after = match rest {
        "" => None,
        rest => Some(rest.strip_prefix('.')?),
    };
    (is_name(kind) && is_name(name)).then_some((Part { kind, name, key }, after))
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
        for text in [
            "vpc.main",
            r#"image.shop["blue"]"#,
            r#"image.shop["a\"b]"]"#,
            "module.edge.vpc.main",
            r#"module.edge["a.b"].module.inner.image.shop["c]."]"#,
            r#"module.edge["a\"]."].vpc.main"#,
            "module.edge",
            r#"module.edge["a"].module.inner["b"]"#,
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_address_in_a_module_knows_its_module_and_its_label() {
        let inner: Address = r#"module.edge["a.b"].module.inner.image.shop["c"]"#.parse().unwrap();
        assert_eq!((inner.module(), inner.label()), (r#"module.edge["a.b"].module.inner"#, "shop"));
        assert_eq!(inner.kind, "image");
        let plain: Address = "image.module".parse().unwrap();
        assert_eq!((plain.module(), plain.label()), ("", "module"));
        assert_eq!(qualified("module.a", "web"), "module.a.web");
        assert_eq!(qualified("module.a", "module.b.web"), "module.b.web");
    }

    #[test]
    fn a_module_selects_what_is_in_it() {
        let selects = |target: &str, other: &str| {
            target.parse::<Address>().unwrap().selects(&other.parse::<Address>().unwrap())
        };
        for inside in ["module.edge[\"a\"].vpc.x", "module.edge[\"a\"].module.b.vpc.x[\"k\"]"] {
            assert!(selects("module.edge", inside) && selects("module.edge[a]", inside), "{inside}");
        }
        for outside in
            ["module.edges.vpc.x", "module.edge[\"ab\"].vpc.x", "vpc.edge", "module.b.module.edge.vpc.x"]
        {
            assert!(!selects("module.edge[\"a\"]", outside), "{outside}");
        }
        assert!(!selects("module.edge", "module.edges.vpc.x") && selects("module.edge", "module.edge.vpc.x"));
    }

    #[test]
    fn an_address_whose_quotes_a_shell_ate_is_understood() {
        assert_eq!("image.shop[blue]".parse::<Address>().unwrap().key.as_deref(), Some("blue"));
        assert_eq!(
            "module.edge[a].image.shop[blue]".parse::<Address>().unwrap().to_string(),
            r#"module.edge["a"].image.shop["blue"]"#
        );
        for text in
            ["", "image", "image.", ".x", "image.shop[", "1.x", "image.a.b", "module.a.", "image.a[\"k\"]x"]
        {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
