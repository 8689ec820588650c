//! Functions of lists.

use std::collections::HashSet;

use crate::value::{Object, Unknown, Value};

use super::super::evaluate::{Members, describe, members_of};
use super::convert::as_set;
use super::{Body, Call, Fault, Function, Outcome, row, variadic};

/// Maximum length of a list from `range` and `setproduct`.
const LONGEST: usize = 1024;

pub(super) const TABLE: &[Function] = &[
    row("length", "length(value)", "How many elements, members or characters", (1, 1), Body::Partial(length)),
    row(
        "contains",
        "contains(list, value)",
        "Whether the value is an element",
        (2, 2),
        Body::Known(contains),
    ),
    row("index", "index(list, value)", "Where the value is in the list, from 0", (2, 2), Body::Known(index)),
    row(
        "element",
        "element(list, index)",
        "An element; the index goes round, and a negative one counts from the end",
        (2, 2),
        Body::Partial(element),
    ),
    row(
        "slice",
        "slice(list, start, end)",
        "The elements from `start` to before `end`",
        (3, 3),
        Body::Partial(slice),
    ),
    row("one", "one(list)", "The only element, or null of an empty list", (1, 1), Body::Partial(one)),
    variadic("concat", "concat(list, ...)", "The lists one after the other", 1, Body::Partial(concat)),
    row(
        "flatten",
        "flatten(list)",
        "The lists in the list opened, at every depth",
        (1, 1),
        Body::Partial(flatten),
    ),
    row("distinct", "distinct(list)", "Each element once, where it was first", (1, 1), Body::Known(distinct)),
    variadic(
        "coalescelist",
        "coalescelist(list, ...)",
        "The first list that is neither null nor empty",
        1,
        Body::Partial(coalescelist),
    ),
    row(
        "matchkeys",
        "matchkeys(values, keys, wanted)",
        "The values whose key, at the same place, is among those wanted",
        (3, 3),
        Body::Partial(matchkeys),
    ),
    row("compact", "compact(list)", "Without nulls and empty strings", (1, 1), Body::Known(compact)),
    row("reverse", "reverse(list)", "The elements in reverse", (1, 1), Body::Partial(reverse)),
    row(
        "sort",
        "sort(list)",
        "Strings in the order of their characters, numbers by size",
        (1, 1),
        Body::Known(sort),
    ),
    row(
        "chunklist",
        "chunklist(list, size)",
        "Lists of at most `size` elements",
        (2, 2),
        Body::Partial(chunklist),
    ),
    row(
        "range",
        "range(start, limit, step)",
        "Numbers up to before the limit; start and step may be left out",
        (1, 3),
        Body::Known(range),
    ),
    row("alltrue", "alltrue(list)", "Whether no element is false", (1, 1), Body::Known(alltrue)),
    row("anytrue", "anytrue(list)", "Whether an element is true", (1, 1), Body::Known(anytrue)),
    variadic(
        "setproduct",
        "setproduct(list, ...)",
        "Every combination of one element from each",
        1,
        Body::Partial(setproduct),
    ),
    variadic(
        "setunion",
        "setunion(list, ...)",
        "What is in any of the lists, sorted",
        1,
        Body::Known(setunion),
    ),
    variadic(
        "setintersection",
        "setintersection(list, ...)",
        "What is in all of the lists, sorted",
        1,
        Body::Known(setintersection),
    ),
    row(
        "setsubtract",
        "setsubtract(list, other)",
        "What is in the first list only, sorted",
        (2, 2),
        Body::Known(setsubtract),
    ),
];

fn length(call: &Call<'_>) -> Outcome {
    let length = match call.get(0) {
        Value::List(items) => items.len(),
        Value::Object(members) => members.len(),
        Value::String(text) => text.chars().count(),
        _ => return Err(call.wrong(0, "a list, an object or a string")),
    };
    Ok(Value::Number(length as f64))
}

fn contains(call: &Call<'_>) -> Outcome {
    Ok(Value::Bool(call.list(0)?.contains(call.get(1))))
}

fn index(call: &Call<'_>) -> Outcome {
    match call.list(0)?.iter().position(|item| item == call.get(1)) {
        Some(at) => Ok(Value::Number(at as f64)),
        None => Err(call.fault(1, "the value is not in the list", "not an element")),
    }
}

fn element(call: &Call<'_>) -> Outcome {
    let items = call.list(0)?;
    let at =
        i64::try_from(items.len()).ok().and_then(|length| call.whole(1).ok()?.checked_rem_euclid(length));
    match at.and_then(|at| items.get(usize::try_from(at).ok()?)) {
        Some(item) => Ok(item.clone()),
        None if items.is_empty() => Err(call.fault(0, "an empty list has no element", "empty")),
        None => Err(call.whole(1).err().unwrap_or_else(|| call.wrong(1, "a whole number"))),
    }
}

fn slice(call: &Call<'_>) -> Outcome {
    let items = call.list(0)?;
    let end = call.size(2, items.len())?;
    let start = call.size(1, end)?;
    Ok(Value::List(items.iter().take(end).skip(start).cloned().collect()))
}

fn one(call: &Call<'_>) -> Outcome {
    match call.list(0)? {
        [] => Ok(Value::Null),
        [item] => Ok(item.clone()),
        items => {
            Err(call.fault(0, "the list must have one element or none", format!("it has {}", items.len())))
        }
    }
}

fn coalescelist(call: &Call<'_>) -> Outcome {
    for argument in 0..call.count() {
        if !call.get(argument).is_null() && !call.list(argument)?.is_empty() {
            return Ok(call.get(argument).clone());
        }
    }
    Err(call.fault(0, "every list is null or empty", "nothing to take"))
}

fn matchkeys(call: &Call<'_>) -> Outcome {
    let (values, keys, wanted) = (call.list(0)?, call.list(1)?, call.list(2)?);
    if values.len() != keys.len() {
        let label = format!("{} keys and {} values", keys.len(), values.len());
        return Err(call.fault(1, "there must be as many keys as values", label));
    }
    let mut all = keys.iter().chain(wanted);
    let marked = all.any(Value::has_sensitive);
    if let Some(unknown) = keys.iter().chain(wanted).find_map(Value::find_unknown) {
        return Ok(Value::Unknown(unknown.clone()).marked_if(marked));
    }
    let wanted: HashSet<String> = wanted.iter().map(|key| identity(&key.without_marks())).collect();
    let fits = |(_, key): &(&Value, &Value)| wanted.contains(&identity(&key.without_marks()));
    let matched = values.iter().zip(keys).filter(fits).map(|(value, _)| value.clone());
    Ok(Value::List(matched.collect()).marked_if(marked))
}

fn concat(call: &Call<'_>) -> Outcome {
    let mut all = Vec::new();
    for argument in 0..call.count() {
        all.extend_from_slice(call.list(argument)?);
    }
    Ok(Value::List(all))
}

fn flatten(call: &Call<'_>) -> Outcome {
    let mut flat = Vec::new();
    match open(call, call.list(0)?, false, &mut flat) {
        Ok(()) => Ok(Value::List(flat)),
        // An unknown element may be a list.
        Err(unknown) => Ok(unknown),
    }
}

fn open(call: &Call<'_>, items: &[Value], marked: bool, flat: &mut Vec<Value>) -> Result<(), Value> {
    for item in items {
        let (value, mark) = item.unmark();
        let marked = marked || mark;
        match value {
            Value::List(items) => open(call, items, marked, flat)?,
            Value::Unknown(unknown) => return Err(Value::Unknown(unknown.clone()).marked_if(marked)),
            Value::Ref(reference) if reference.index.is_none() => match call.scope.members(reference) {
                Members::NotPlural => flat.push(value.clone().marked_if(marked)),
                Members::Count(count) => {
                    flat.extend(
                        members_of(reference, count).into_iter().map(|member| member.marked_if(marked)),
                    );
                }
                Members::Unknown => {
                    let unknown = Unknown { address: reference.address.clone(), attribute: "id".to_owned() };
                    return Err(Value::Unknown(unknown).marked_if(marked));
                }
            },
            other => flat.push(other.clone().marked_if(marked)),
        }
    }
    Ok(())
}

/// Each value once, at its first place.
pub(super) fn each_once<'a>(items: impl Iterator<Item = &'a Value>) -> Vec<Value> {
    let mut seen = HashSet::new();
    items.filter(|item| seen.insert(item.to_typed_json().to_string())).cloned().collect()
}

/// Sorts a list of strings or of numbers; returns false for any other, which stays as it is.
pub(super) fn sort_values(items: &mut [Value]) -> bool {
    if items.iter().all(|item| matches!(item, Value::String(_))) {
        items.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
        return true;
    }
    if items.iter().all(|item| matches!(item, Value::Number(_))) {
        let number = |item: &Value| item.as_number().unwrap_or_default();
        items.sort_by(|a, b| number(a).total_cmp(&number(b)));
        return true;
    }
    false
}

fn distinct(call: &Call<'_>) -> Outcome {
    Ok(Value::List(each_once(call.list(0)?.iter())))
}

fn compact(call: &Call<'_>) -> Outcome {
    let kept = |item: &&Value| !item.is_null() && item.as_str() != Some("");
    Ok(Value::List(call.list(0)?.iter().filter(kept).cloned().collect()))
}

fn reverse(call: &Call<'_>) -> Outcome {
    match call.get(0) {
        Value::String(_) => Err(call.wrong(0, "a list").help("`strrev(...)` reverses a string")),
        _ => Ok(Value::List(call.list(0)?.iter().rev().cloned().collect())),
    }
}

fn sort(call: &Call<'_>) -> Outcome {
    let mut items = call.list(0)?.to_vec();
    match sort_values(&mut items) {
        true => Ok(Value::List(items)),
        false => Err(call.fault(
            0,
            "this must be a list of strings or a list of numbers",
            "elements of other types",
        )),
    }
}

fn chunklist(call: &Call<'_>) -> Outcome {
    let items = call.list(0)?;
    match call.size(1, usize::MAX)? {
        0 => Err(call.fault(1, "the size must be at least 1", "no elements")),
        size => Ok(Value::List(items.chunks(size).map(|chunk| Value::List(chunk.to_vec())).collect())),
    }
}

fn range(call: &Call<'_>) -> Outcome {
    let (start, limit) = match call.count() {
        1 => (0.0, call.number(0)?),
        _ => (call.number(0)?, call.number(1)?),
    };
    let upwards = limit >= start;
    let step = match call.count() {
        3 => call.number(2)?,
        _ if upwards => 1.0,
        _ => -1.0,
    };
    if step == 0.0 || (step > 0.0) != upwards && start != limit {
        return Err(call.fault(2, "the step must lead from the start towards the limit", "never gets there"));
    }
    let mut numbers = Vec::new();
    loop {
        // Multiplied, so that small errors do not add up.
        let number = start + step * numbers.len() as f64;
        if if step > 0.0 { number >= limit } else { number <= limit } {
            return Ok(Value::from(numbers));
        }
        if numbers.len() == LONGEST {
            let last = call.count() - 1;
            return Err(call.fault(last.min(1), format!("more than {LONGEST} numbers"), "too many"));
        }
        numbers.push(number);
    }
}

fn bools(call: &Call<'_>) -> Result<Vec<bool>, Fault> {
    let bool = |item: &Value| {
        item.as_bool().ok_or_else(|| {
            call.fault(0, "this must be a list of bools", format!("an element is {}", describe(item)))
        })
    };
    call.list(0)?.iter().map(bool).collect()
}

fn alltrue(call: &Call<'_>) -> Outcome {
    Ok(Value::Bool(bools(call)?.into_iter().all(|element| element)))
}

fn anytrue(call: &Call<'_>) -> Outcome {
    Ok(Value::Bool(bools(call)?.into_iter().any(|element| element)))
}

fn setproduct(call: &Call<'_>) -> Outcome {
    let mut product = vec![Vec::new()];
    for argument in 0..call.count() {
        let items = call.list(argument)?;
        if product.len().saturating_mul(items.len()) > LONGEST {
            return Err(call.fault(argument, format!("more than {LONGEST} combinations"), "too many"));
        }
        let with = |before: &Vec<Value>, item: &Value| -> Vec<Value> {
            before.iter().chain([item]).cloned().collect()
        };
        product = product
            .iter()
            .flat_map(|before| items.iter().map(|item| with(before, item)).collect::<Vec<_>>())
            .collect();
    }
    Ok(Value::List(product.into_iter().map(Value::List).collect()))
}

fn setunion(call: &Call<'_>) -> Outcome {
    let lists = (0..call.count()).map(|argument| call.list(argument)).collect::<Result<Vec<_>, _>>()?;
    Ok(Value::List(as_set(lists.into_iter().flatten())))
}

/// A text that is equal for equal values only; the order of an object's members does not count.
pub(crate) fn identity(value: &Value) -> String {
    fn in_order(value: &Value) -> Value {
        match value {
            Value::Object(members) => {
                let mut members: Object =
                    members.iter().map(|(name, value)| (name.clone(), in_order(value))).collect();
                members.sort_keys();
                Value::Object(members)
            }
            Value::List(items) => Value::List(items.iter().map(in_order).collect()),
            Value::Sensitive(inner) => in_order(inner).sensitive(),
            plain => plain.clone(),
        }
    }
    in_order(value).to_typed_json().to_string()
}

fn identities(items: &[Value]) -> HashSet<String> {
    items.iter().map(identity).collect()
}

fn setintersection(call: &Call<'_>) -> Outcome {
    let others = 1..call.count();
    let others =
        others.map(|argument| Ok(identities(call.list(argument)?))).collect::<Result<Vec<_>, _>>()?;
    let in_all = |item: &&Value| others.iter().all(|other| other.contains(&identity(item)));
    Ok(Value::List(as_set(call.list(0)?.iter().filter(in_all))))
}

fn setsubtract(call: &Call<'_>) -> Outcome {
    let taken = identities(call.list(1)?);
    Ok(Value::List(as_set(call.list(0)?.iter().filter(|item| !taken.contains(&identity(item))))))
}
