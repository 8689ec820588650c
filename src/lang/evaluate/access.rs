//! Parts of values: attributes, indexes, splats, and iteration over members.

use indexmap::IndexMap;

use crate::address::{Address, MODULE};
use crate::diagnostic::{Mistake, Span};
use crate::value::{Object, Reference, Unknown, Value, format_number};

use super::super::ast::{Access, Expr, Name, Node};
use super::names::nearest;
use super::{Evaluator, Found, Members, describe, to_text};

/// The elements of a splat or a `for`. Objects are sorted by key.
pub(super) enum Collection {
    List(Vec<Value>),
    Object(Object),
    /// A plural `existing` that was not read: this member stands for all of them.
    Unread(Reference),
    Unknown(Unknown),
}

impl<'a> Evaluator<'a> {
    pub(super) fn attribute(&mut self, target: &Expr, name: &Name) -> Option<Value> {
        if let Node::Name(head) = &target.node
            && self.loop_variable(head).is_none()
        {
            return self.qualified(head, target.span, name);
        }
        match self.output_of_module(target, name) {
            Some(Found::Value(value)) => return Some(value),
            Some(Found::Broken) => return None,
            _ => {}
        }
        if let Some(Value::Object(members)) = self.standing(target)
            && let Some(member) = members.get(&name.text)
        {
            return Some(member.clone());
        }
        let value = self.value(target)?;
        self.member(value, name, target.span)
    }

    /// `module.NAME.output` or `module.NAME["key"].output`, if there is one.
    fn output_of_module(&mut self, target: &Expr, name: &Name) -> Option<Found> {
        let (of, index) = match &target.node {
            Node::Index(of, index) => (of.as_ref(), Some(index)),
            _ => (target, None),
        };
        let Node::Attribute(word, module) = &of.node else { return None };
        if !matches!(&word.node, Node::Name(word) if word == MODULE) || self.loop_variable(MODULE).is_some() {
            return None;
        }
        // A mistake in the key is told when the whole is evaluated.
        let key = match index {
            None => None,
            Some(index) => {
                let before = self.mistakes.len();
                let key = self.value(index);
                self.mistakes.truncate(before);
                match key {
                    Some(Value::String(key)) => Some(key),
                    _ => return None,
                }
            }
        };
        self.scope.output(&module.text, key.as_deref(), &name.text)
    }

    /// The value of a chain of names, if it can be borrowed whole and no part of it is marked.
    fn standing(&self, expr: &Expr) -> Option<&'a Value> {
        let Node::Attribute(target, name) = &expr.node else { return None };
        match &target.node {
            Node::Name(head) if self.loop_variable(head).is_some() => None,
            Node::Name(head) => self.scope.standing(head, &name.text),
            _ => match self.standing(target)? {
                Value::Object(members) => members.get(&name.text),
                _ => None,
            },
        }
    }

    /// `kind.name` of a block with `for_each`.
    fn instances(&self, expr: &Expr) -> Option<&'a IndexMap<String, Address>> {
        let Node::Attribute(target, name) = &expr.node else { return None };
        match &target.node {
            Node::Name(kind) if self.loop_variable(kind).is_none() && self.scope.word(kind).is_none() => {
                self.scope.instances(kind, &name.text)
            }
            _ => None,
        }
    }

    /// `value.name`: a member of an object, or an attribute of a resource.
    pub(super) fn member(&mut self, value: Value, name: &Name, target: Span) -> Option<Value> {
        let (value, marked) = value.into_unmarked();
        let found = match value {
            unknown @ Value::Unknown(_) => Some(unknown),
            Value::Object(members) => self.at_key(members, &name.text, name.span, marked),
            Value::Ref(reference) => self.output(&reference, name),
            other => {
                let mistake = Mistake::new(
                    "bgform::lang::wrong_type",
                    format!("{} has no attributes", describe(&other)),
                )
                .at(name.span, "no such attribute")
                .at(target, format!("this is {}", describe(&other)));
                self.fail(match other {
                    Value::List(_) => mistake
                        .help(format!("write `[0].{0}` for one, `[*].{0}` for a list of all", name.text)),
                    _ => mistake,
                })
            }
        }?;
        Some(found.marked_if(marked))
    }

    fn at_key(&mut self, mut members: Object, key: &str, span: Span, marked: bool) -> Option<Value> {
        if let Some(value) = members.swap_remove(key) {
            return Some(value);
        }
        if marked {
            return self.fail(
                Mistake::new("bgform::lang::unknown_key", "this sensitive object has no such key")
                    .at(span, "no such key"),
            );
        }
        let known: Vec<String> = members.keys().cloned().collect();
        let every_key = known.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
        let help = match members.get_index(0) {
            None => "the object is empty".to_owned(),
            Some((first, Value::Ref(_))) if nearest(key, &known, str::to_owned).is_none() => format!(
                "with `for_each` it is an object of all, by key: write `[\"{first}\"].{key}`; the keys are {every_key}"
            ),
            Some(_) => {
                nearest(key, &known, str::to_owned).unwrap_or_else(|| format!("the keys are {every_key}"))
            }
        };
        self.fail(
            Mistake::new("bgform::lang::unknown_key", format!("there is no key `{key}`"))
                .at(span, "no such key")
                .help(help),
        )
    }

    fn output(&mut self, reference: &Reference, name: &Name) -> Option<Value> {
        let known = match self.scope.attribute(reference, &name.text) {
            Found::Value(value) => return Some(value),
            // A reference to a disabled block has no value.
            Found::Broken | Found::Disabled(..) => return None,
            Found::Missing(known) => known,
        };
        let plural = reference.index.is_none() && self.scope.members(reference) != Members::NotPlural;
        let mistake = Mistake::new(
            "bgform::lang::unknown_attribute",
            format!("`{reference}` has no attribute `{}`", name.text),
        )
        .at(name.span, "no such attribute");
        let help = match nearest(&name.text, &known, str::to_owned) {
            _ if plural => Some(format!(
                "it names several: write `{reference}[0].{0}` for one, `{reference}[*].{0}` for a list of all",
                name.text
            )),
            Some(near) => Some(near),
            None if known.is_empty() => None,
            None => Some(format!("it has {}", known.join(", "))),
        };
        self.fail(match help {
            Some(help) => mistake.help(help),
            None => mistake,
        })
    }

    pub(super) fn index(&mut self, target: &Expr, index: &Expr) -> Option<Value> {
        let (standing, instances) = (self.standing(target), self.instances(target));
        if standing.is_none() && instances.is_none() {
            let (value, key) = (self.value(target), self.value(index));
            return self.element(value?, key?, target.span, index.span);
        }
        let key = self.value(index)?;
        let found = match (standing, &key) {
            (Some(Value::Object(members)), Value::String(key)) => members.get(key).cloned(),
            (Some(Value::List(items)), Value::Number(at)) if *at >= 0.0 && at.fract() == 0.0 => {
                items.get(*at as usize).cloned()
            }
            (None, Value::String(key)) => {
                let address = instances.and_then(|instances| instances.get(key));
                address.map(|address| Value::Ref(address.clone().into()))
            }
            _ => None,
        };
        match found {
            Some(found) => Some(found),
            None => {
                let value = self.value(target)?;
                self.element(value, key, target.span, index.span)
            }
        }
    }

    /// `value[index]`
    fn element(&mut self, value: Value, index: Value, target: Span, span: Span) -> Option<Value> {
        let (value, value_marked) = value.into_unmarked();
        let (index, index_marked) = index.into_unmarked();
        let marked = value_marked || index_marked;
        let found = match (value, index) {
            (unknown @ Value::Unknown(_), _) | (_, unknown @ Value::Unknown(_)) => Some(unknown),
            (Value::List(mut items), Value::Number(number)) => {
                let at = self.position(number, Some(items.len()), "list", span, index_marked)?;
                // INVARIANT: `position` is within the list.
                Some(items.swap_remove(at))
            }
            (Value::Object(members), key @ (Value::String(_) | Value::Number(_) | Value::Bool(_))) => {
                self.at_key(members, &to_text(&key)?, span, marked)
            }
            (Value::Ref(reference), Value::Number(number)) if reference.index.is_none() => {
                let length = match self.scope.members(&reference) {
                    Members::NotPlural => return self.not_a_list(&reference, span),
                    Members::Unknown => None,
                    Members::Count(count) => Some(count),
                };
                let at = self.position(number, length, "list", span, index_marked)?;
                Some(Value::Ref(Reference { index: Some(at), ..reference }))
            }
            (Value::Ref(reference), _) => self.not_a_list(&reference, span),
            (value, index) => {
                let (wanted, got) = match value {
                    Value::List(_) => ("a list is indexed with a number", describe(&index)),
                    Value::Object(_) => ("an object is indexed with a string", describe(&index)),
                    _ => ("only lists and objects have an index", describe(&value)),
                };
                let place = if matches!(value, Value::List(_) | Value::Object(_)) { span } else { target };
                self.fail(
                    Mistake::new("bgform::lang::wrong_type", wanted).at(place, format!("this is {got}")),
                )
            }
        }?;
        Some(found.marked_if(marked))
    }

    fn not_a_list(&mut self, reference: &Reference, span: Span) -> Option<Value> {
        self.fail(
            Mistake::new("bgform::lang::wrong_type", format!("`{reference}` is one resource, not a list"))
                .at(span, "nothing to index")
                .help(format!("write `{reference}`, or give its block a `for_each`")),
        )
    }

    /// A whole number within the bounds, if they are known.
    fn position(
        &mut self,
        number: f64,
        length: Option<usize>,
        what: &str,
        span: Span,
        hidden: bool,
    ) -> Option<usize> {
        let shown = if hidden { "this index".to_owned() } else { format!("`{}`", format_number(number)) };
        if number.fract() != 0.0 || number < 0.0 {
            return self.fail(
                Mistake::new("bgform::lang::out_of_range", format!("{shown} is no index of a {what}"))
                    .at(span, "not a whole number from 0")
                    .help("`element(list, -1)` counts from the end"),
            );
        }
        let at = number as usize;
        match length {
            Some(length) if at >= length => {
                let help = match length {
                    0 => "the list is empty".to_owned(),
                    1 => "the only index is 0".to_owned(),
                    _ => format!("the indexes are 0 to {}", length - 1),
                };
                self.fail(
                    Mistake::new(
                        "bgform::lang::out_of_range",
                        format!("{shown} is past the end of a {what} of {length}"),
                    )
                    .at(span, "no such element")
                    .help(help),
                )
            }
            _ => Some(at),
        }
    }

    /// `target[*].name`: a list, empty for null.
    pub(super) fn splat(&mut self, target: &Expr, accesses: &[Access], span: Span) -> Option<Value> {
        let (value, marked) = self.value(target)?.into_unmarked();
        if value == Value::Null {
            return Some(Value::List(Vec::new()).marked_if(marked));
        }
        let value = match self.collection(value, target.span, "`[*]` goes through")? {
            Collection::Unknown(unknown) => Value::Unknown(unknown),
            Collection::Unread(reference) => {
                let unknown = Value::unknown(&reference.address, "id");
                self.accessed(Value::Ref(reference), accesses, target.span)?;
                unknown
            }
            Collection::List(items) => Value::List(self.accessed_all(items, accesses, target.span)?),
            Collection::Object(members) => {
                Value::List(self.accessed_all(members.into_values().collect(), accesses, target.span)?)
            }
        };
        self.bounded(value.marked_if(marked), span)
    }

    fn accessed_all(&mut self, items: Vec<Value>, accesses: &[Access], target: Span) -> Option<Vec<Value>> {
        items.into_iter().map(|item| self.accessed(item, accesses, target)).collect()
    }

    fn accessed(&mut self, item: Value, accesses: &[Access], target: Span) -> Option<Value> {
        accesses.iter().try_fold(item, |value, access| match access {
            Access::Attribute(name) => self.member(value, name, target),
            Access::Index(index) => {
                let key = self.value(index)?;
                self.element(value, key, target, index.span)
            }
        })
    }

    /// The members of an unmarked value; `goes_through` begins the text of a mistake.
    pub(super) fn collection(&mut self, value: Value, span: Span, goes_through: &str) -> Option<Collection> {
        match value {
            Value::List(items) => Some(Collection::List(items)),
            Value::Object(mut members) => {
                members.sort_keys();
                Some(Collection::Object(members))
            }
            Value::Unknown(unknown) => Some(Collection::Unknown(unknown)),
            Value::Ref(reference) if reference.index.is_none() => match self.scope.members(&reference) {
                Members::NotPlural => self.fail(
                    Mistake::new(
                        "bgform::lang::wrong_type",
                        format!("{goes_through} a list or an object, and `{reference}` is one resource"),
                    )
                    .at(span, "this is one resource")
                    .help(format!("write `[{reference}]`")),
                ),
                Members::Unknown => Some(Collection::Unread(Reference { index: Some(0), ..reference })),
                Members::Count(count) => Some(Collection::List(members_of(&reference, count))),
            },
            other => self.fail(
                Mistake::new("bgform::lang::wrong_type", format!("{goes_through} a list or an object"))
                    .at(span, format!("this is {}", describe(&other))),
            ),
        }
    }
}

/// A reference to each member of a plural `existing`.
pub(in super::super) fn members_of(reference: &Reference, count: usize) -> Vec<Value> {
    let member = |index| Value::Ref(Reference { index: Some(index), ..reference.clone() });
    (0..count).map(member).collect()
}
