//! `for_each` of a block within a block: `ingress { for_each = var.ports ... }`. The value of the `for_each`
//! comes in; the elements go out, and a scope in which `each` is one of them.

use indexmap::IndexMap;

use crate::address::Address;
use crate::diagnostic::{Mistake, Span};
use crate::kind::schema::Attribute;
use crate::lang::ast::{self, Block};
use crate::lang::evaluate::{Found, Members, Scope, describe};
use crate::value::{Reference, Value};

/// Maximum number of blocks that one `for_each` makes: more than AWS takes anywhere.
const MOST: usize = 1000;

/// The `for_each` of a block within a block, unless the block has an attribute of that name.
pub(super) fn for_each<'b>(attribute: &Attribute, block: &'b Block) -> Option<&'b ast::Attribute> {
    let label = block.labels.first().map(|label| label.text.as_str());
    let own = attribute.ty.block_attributes(label).unwrap_or_default();
    let written = block.body.attributes.iter().find(|one| one.name.text == "for_each");
    written.filter(|_| own.iter().all(|one| one.name != "for_each"))
}

/// `each.key` and `each.value` for every element: of an object its members, sorted; of a list of strings
/// each string twice, as in a resource's `for_each`; of another list the place, from 0, and the element. Both
/// are sensitive if the value is. The inner error is an unknown.
pub(super) fn elements(
    value: Value,
    span: Span,
    scope: &dyn Scope,
    mistakes: &mut Vec<Mistake>,
) -> Option<Result<Vec<(Value, Value)>, Value>> {
    let (value, marked) = value.into_unmarked();
    let items = match value {
        Value::Object(mut members) => {
            members.sort_keys();
            let pair = |(key, value): (String, Value)| {
                (Value::String(key).marked_if(marked), value.marked_if(marked))
            };
            return bounded(members.into_iter().map(pair).collect(), span, mistakes).map(Ok);
        }
        unknown @ Value::Unknown(_) => return Some(Err(unknown.marked_if(marked))),
        Value::List(items) => items,
        Value::Ref(reference) => match scope.members(&reference) {
            Members::Unknown => return Some(Err(Value::unknown(&reference.address, "members"))),
            Members::Count(count) => {
                let member = |index| Value::Ref(Reference { index: Some(index), ..reference.clone() });
                (0..count).map(member).collect()
            }
            Members::NotPlural => return wrong(&Value::Ref(reference), span, mistakes),
        },
        other => return wrong(&other, span, mistakes),
    };
    let texts = items.iter().all(|item| matches!(item.unmark().0, Value::String(_)));
    let pair = |(place, item): (usize, Value)| match texts {
        true => (item.clone().marked_if(marked), item.marked_if(marked)),
        false => (Value::Number(place as f64), item.marked_if(marked)),
    };
    bounded(items.into_iter().enumerate().map(pair).collect(), span, mistakes).map(Ok)
}

fn bounded(
    pairs: Vec<(Value, Value)>,
    span: Span,
    mistakes: &mut Vec<Mistake>,
) -> Option<Vec<(Value, Value)>> {
    if pairs.len() > MOST {
        let message = format!("a `for_each` makes at most {MOST} blocks");
        mistakes.push(
            Mistake::new("bgform::lang::too_many", message).at(span, format!("it has {}", pairs.len())),
        );
        return None;
    }
    Some(pairs)
}

fn wrong<T>(value: &Value, span: Span, mistakes: &mut Vec<Mistake>) -> Option<T> {
    mistakes.push(
        Mistake::new("bgform::lang::for_each", "the `for_each` of a block is a list or an object")
            .at(span, format!("this is {}", describe(value)))
            .help("for a block that is there or not, write for_each = condition ? [1] : []"),
    );
    None
}

/// A scope in which `each` is an element.
pub(super) struct Within<'a> {
    pub outer: &'a dyn Scope,
    pub each: (&'a Value, &'a Value),
}

impl Scope for Within<'_> {
    fn each(&self) -> Option<(&Value, &Value)> {
        Some(self.each)
    }

    fn standing(&self, head: &str, name: &str) -> Option<&Value> {
        match (head, name) {
            ("each", "key") => Some(self.each.0),
            ("each", "value") => Some(self.each.1),
            ("each", _) => None,
            _ => self.outer.standing(head, name),
        }
    }

    fn variable(&self, name: &str) -> Found {
        self.outer.variable(name)
    }

    fn local(&self, name: &str) -> Found {
        self.outer.local(name)
    }

    fn is_local(&self, name: &str) -> bool {
        self.outer.is_local(name)
    }

    fn word(&self, word: &str) -> Option<Value> {
        self.outer.word(word)
    }

    fn words(&self) -> Vec<String> {
        self.outer.words()
    }

    fn is_kind(&self, word: &str) -> bool {
        self.outer.is_kind(word)
    }

    fn kinds(&self) -> Vec<String> {
        self.outer.kinds()
    }

    fn only(&self) -> Option<&'static str> {
        self.outer.only()
    }

    fn elsewhere(&self, head: &str, name: Option<&str>) -> Option<String> {
        self.outer.elsewhere(head, name)
    }

    fn resource(&self, kind: &str, name: &str) -> Found {
        self.outer.resource(kind, name)
    }

    fn module(&self, name: &str) -> Found {
        self.outer.module(name)
    }

    fn output(&self, module: &str, key: Option<&str>, output: &str) -> Option<Found> {
        self.outer.output(module, key, output)
    }

    fn instances(&self, kind: &str, name: &str) -> Option<&IndexMap<String, Address>> {
        self.outer.instances(kind, name)
    }

    fn attribute(&self, reference: &Reference, name: &str) -> Found {
        self.outer.attribute(reference, name)
    }

    fn members(&self, reference: &Reference) -> Members {
        self.outer.members(reference)
    }

    fn read_file(&self, span: Span, path: &str) -> Result<Vec<u8>, String> {
        self.outer.read_file(span, path)
    }

    fn file_exists(&self, span: Span, path: &str) -> Result<bool, String> {
        self.outer.file_exists(span, path)
    }

    fn files_in(&self, span: Span, folder: &str) -> Result<Vec<String>, String> {
        self.outer.files_in(span, folder)
    }

    fn home(&self) -> Option<String> {
        self.outer.home()
    }
}
