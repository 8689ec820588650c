//! Lists, objects, plural `existing`, splats and comprehensions.

use super::super::testing::{mistakes, same, value};
use crate::address::Address;
use crate::value::{Reference, Value};

fn subnet(index: usize) -> Value {
    Value::Ref(Reference { address: Address::new("subnets", "public"), index: Some(index) })
}

#[test]
fn lists_and_objects_are_indexed() {
    same(&[
        ("var.names[1]", "\"b\""),
        ("local.releases[\"blue\"]", "\"1.0.1\""),
        ("local.releases.green", "\"1.0.2\""),
        ("{ \"80\" = \"http\" }[80]", "\"http\""),
        ("[[1, 2], [3]][0][1]", "2"),
        ("new.release", "\"1.0.3\""),
    ]);
    for (text, expected) in [
        (
            "var.names[2]",
            "out_of_range: `2` is past the end of a list of 2 | <2> no such element | the indexes are 0 to 1",
        ),
        (
            "var.names[0.5]",
            "out_of_range: `0.5` is no index of a list | <0.5> not a whole number from 0 | `element(list, -1)` counts from the end",
        ),
        (
            "var.names[-1]",
            "out_of_range: `-1` is no index of a list | <-1> not a whole number from 0 | `element(list, -1)` counts from the end",
        ),
        ("var.names[\"a\"]", "wrong_type: a list is indexed with a number | <\"a\"> this is a string"),
        ("var.port[0]", "wrong_type: only lists and objects have an index | <var.port> this is a number"),
        (
            "vpc.main[0]",
            "wrong_type: `vpc.main` is one resource, not a list | <0> nothing to index | write `vpc.main`, or give its block a `for_each`",
        ),
        (
            "var.names.id",
            "wrong_type: a list has no attributes | <id> no such attribute | <var.names> this is a list | write `[0].id` for one, `[*].id` for a list of all",
        ),
    ] {
        assert_eq!(mistakes(text), expected, "{text}");
    }
}

#[test]
fn a_resource_with_for_each_is_an_object_of_all() {
    let blue = Address::new("image", "shop").with_key("blue");
    assert_eq!(value("image.shop[\"blue\"]"), Value::Ref(blue.into()));
    assert_eq!(value("image.shop.blue.id"), value("image.shop[\"blue\"].id"));
    same(&[("[for key, image in image.shop : key]", "[\"blue\", \"green\"]")]);
    assert_eq!(
        mistakes("image.shop.id"),
        "unknown_key: there is no key `id` | <id> no such key | with `for_each` it is an object of all, by key: write `[\"blue\"].id`; the keys are `blue`, `green`"
    );
}

#[test]
fn a_plural_existing_is_a_list() {
    assert_eq!(value("subnets.public[1]"), subnet(1));
    assert_eq!(value("subnets.public[*]"), Value::List(vec![subnet(0), subnet(1)]));
    assert_eq!(value("length(subnets.public)"), Value::Number(2.0));
    same(&[
        ("subnets.public[*].id", "[\"subnets.public[0]-id\", \"subnets.public[1]-id\"]"),
        (
            "[for i, s in subnets.public : \"${i}${s.id}\"]",
            "[\"0subnets.public[0]-id\", \"1subnets.public[1]-id\"]",
        ),
        ("flatten([subnets.public, [1]])", "concat(subnets.public, [1])"),
    ]);
    assert_eq!(
        mistakes("subnets.public[2]"),
        "out_of_range: `2` is past the end of a list of 2 | <2> no such element | the indexes are 0 to 1"
    );
    assert_eq!(
        mistakes("subnets.public.id"),
        "unknown_attribute: `subnets.public` has no attribute `id` | <id> no such attribute | it names several: write `subnets.public[0].id` for one, `subnets.public[*].id` for a list of all"
    );
}

#[test]
fn a_plural_existing_that_is_not_read_is_looked_into_for_mistakes() {
    let unread = Value::unknown(&Address::new("subnets", "later"), "id");
    for text in ["subnets.later[*].id", "[for s in subnets.later : s.id]", "length(subnets.later)"] {
        assert_eq!(value(text), unread, "{text}");
    }
    let third = Reference { address: Address::new("subnets", "later"), index: Some(2) };
    assert_eq!(value("subnets.later[2]"), Value::Ref(third));
    assert_eq!(
        mistakes("[for s in subnets.later : s.idd]"),
        "unknown_attribute: `subnets.later[0]` has no attribute `idd` | <idd> no such attribute | did you mean `id`?"
    );
}

#[test]
fn a_splat_goes_through_lists_objects_and_null() {
    same(&[
        ("[{ a = 1 }, { a = 2 }][*].a", "[1, 2]"),
        ("[[1, 2], [3]][*][0]", "[1, 3]"),
        ("local.releases[*]", "[\"1.0.1\", \"1.0.2\"]"),
        ("image.shop[*].id", "[image.shop.blue.id, image.shop.green.id]"),
        ("local.none[*].x", "[]"),
    ]);
    assert_eq!(
        mistakes("vpc.main[*].id"),
        "wrong_type: `[*]` goes through a list or an object, and `vpc.main` is one resource | <vpc.main> this is one resource | write `[vpc.main]`"
    );
}

#[test]
fn a_comprehension_goes_through_objects_by_key() {
    same(&[
        ("[for n in var.names : upper(n)]", "[\"A\", \"B\"]"),
        ("[for i, n in var.names : \"${i}${n}\"]", "[\"0a\", \"1b\"]"),
        ("[for k, v in local.releases : \"${k}=${v}\"]", "[\"blue=1.0.1\", \"green=1.0.2\"]"),
        ("[for v in [1, 2, 3] : v * 2 if v != 2]", "[2, 6]"),
        ("{ for k, v in local.releases : v => k }", "{ \"1.0.1\" = \"blue\", \"1.0.2\" = \"green\" }"),
        (
            "{ for n in [\"aa\", \"ab\", \"b\"] : substr(n, 0, 1) => n... }",
            "{ a = [\"aa\", \"ab\"], b = [\"b\"] }",
        ),
        ("[for a in [1, 2] : [for b in [10, 20] : a * b]]", "[[10, 20], [20, 40]]"),
        ("[for var in [1] : var]", "[1]"),
    ]);
    assert_eq!(
        mistakes("{ for n in [1, 1] : n => n }"),
        "duplicate_key: two elements have the key `1` | <n> not unique | write `...` after the value to gather the values of equal keys in lists"
    );
    assert_eq!(mistakes("[for n in [1, 2, 3] : n.x]").lines().count(), 1);
    assert_eq!(
        mistakes("[for n in 5 : n]"),
        "wrong_type: `for` goes through a list or an object | <5> this is a number"
    );
}

#[test]
fn a_key_of_an_object_is_a_word_unless_it_stands_in_brackets() {
    same(&[
        ("{ port = 1, \"a b\" = 2 }", "{ \"port\" = 1, \"a b\" = 2 }"),
        ("{ (var.release) = 1, (1 + 1) = 2 }", "{ \"1.0.2\" = 1, \"2\" = 2 }"),
        ("[for k in [\"x\"] : { (k) = 1, k = 2 }]", "[{ x = 1, k = 2 }]"),
    ]);
    assert_eq!(
        mistakes("{ a = 1, \"a\" = 2 }"),
        "duplicate_key: `a` is in this object twice | <\"a\"> again here | <a> first here"
    );
}
