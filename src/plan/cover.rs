//! Hides the secrets of a change. A change and the last applied inputs come in; its two values go out with
//! the sensitive mark on everything that either side, or the last apply, marks as secret. Values read from
//! the account carry no marks, so one side alone does not suffice. In doubt more is hidden, never less.

use super::diff::AttributeChange;
use crate::value::{Object, Value};

/// A change's values, each with the marks of the other and of the last applied inputs.
pub fn covered(change: &AttributeChange, last: Option<&Object>) -> (Value, Value) {
    let (before, after) = pair(&change.before, &change.after);
    match last.and_then(|last| marks_at(last, &change.path)) {
        Some(last) => (under(&before, last), under(&after, last)),
        None => (before, after),
    }
}

/// Two values of the same attribute, each with the marks of the other.
pub fn pair(before: &Value, after: &Value) -> (Value, Value) {
    (under(before, after), under(after, before))
}

/// The value at a path, or the nearest one around it, if it holds a mark.
fn marks_at<'a>(last: &'a Object, path: &str) -> Option<&'a Value> {
    let mut segments = path.split(['.', '[']).map(|segment| segment.trim_end_matches(']'));
    let mut found = last.get(segments.next()?)?;
    for segment in segments {
        let inner = match found {
            Value::Object(members) => members.get(segment),
            Value::List(items) => segment.parse().ok().and_then(|index: usize| items.get(index)),
            _ => None,
        };
        match inner {
            Some(inner) => found = inner,
            None => break,
        }
    }
    found.has_sensitive().then_some(found)
}

/// `value` with the marks that `other` has in the same places. If a set may be in another order, or keys may
/// have moved, everything is marked.
fn under(value: &Value, other: &Value) -> Value {
    match (value, other) {
        (Value::Sensitive(_) | Value::Null, _) => value.clone(),
        (_, Value::Sensitive(_)) => value.clone().sensitive(),
        (_, other) if !other.has_sensitive() => value.clone(),
        (Value::Object(members), Value::Object(others)) => Value::Object(
            members
                .iter()
                .map(|(name, member)| match others.get(name) {
                    Some(other) => (name.clone(), under(member, other)),
                    None => (name.clone(), member.clone().sensitive()),
                })
                .collect(),
        ),
        (value, other) if value.same(other) => other.clone(),
        (value, _) => value.clone().sensitive(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object;

    fn secret(text: &str) -> Value {
        Value::string(text).sensitive()
    }

    #[test]
    fn what_is_live_is_hidden_where_the_stack_says_that_it_is_secret() {
        let live = object! { "user" => "shop", "password" => "old" };
        let wanted = object! { "user" => "shop", "password" => secret("new") };
        let (before, _) = pair(&live, &wanted);
        assert_eq!(before, object! { "user" => "shop", "password" => secret("old") });
    }

    #[test]
    fn a_list_that_may_be_in_another_order_is_hidden_whole() {
        let live = Value::List(vec!["a".into(), "old".into()]);
        let (before, _) = pair(&live, &Value::List(vec![secret("new"), "b".into()]));
        assert_eq!(before, live.sensitive());
    }

    #[test]
    fn what_was_secret_at_the_last_apply_stays_hidden_though_the_stack_no_longer_says_so() {
        let last = object! { "env" => object! { "a.b" => secret("old") } };
        let last = last.as_object().unwrap();
        let change = AttributeChange {
            path: "env.a.b".to_owned(),
            before: "old".into(),
            after: Value::Null,
            replaces: false,
            text: false,
        };
        assert_eq!(covered(&change, Some(last)), (secret("old"), Value::Null));
    }
}
