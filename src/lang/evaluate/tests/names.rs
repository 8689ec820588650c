//! Names, the mistakes of unknown ones, and `try`.

use super::super::testing::{expression, mistakes, mistakes_in, same, stack};
use super::super::{Mentioned, references};
use crate::address::Address;
use crate::object;
use crate::value::Value;

#[test]
fn an_unknown_name_in_a_string_may_have_been_meant_for_the_shell() {
    assert_eq!(
        mistakes("\"echo ${HOME}\""),
        "unknown_name: nothing here is named `HOME` | <HOME> unknown name | write `$${HOME}` for a literal `${HOME}`"
    );
    assert_eq!(
        mistakes("\"echo ${release}\""),
        "unknown_name: nothing here is named `release` | <release> unknown name | did you mean `var.release`?; write `$${release}` for a literal `${release}`"
    );
}

#[test]
fn names_that_mean_nothing_come_with_the_nearest_that_do() {
    for (text, expected) in [
        (
            "var.relase",
            "unknown_variable: there is no variable `relase` | <relase> not declared | did you mean `var.release`?",
        ),
        (
            "var.zone",
            "unknown_variable: there is no variable `zone` | <zone> not declared | declare it: `variable \"zone\" { }`",
        ),
        (
            "local.relases",
            "unknown_local: there is no local `relases` | <relases> not declared | did you mean `local.releases`?",
        ),
        (
            "vpc.mian",
            "unknown_resource: there is no vpc `mian` | <mian> not declared | did you mean `vpc.main`?",
        ),
        (
            "load_balancr.edge",
            "unknown_name: nothing here is named `load_balancr` | <load_balancr> unknown name | did you mean `load_balancer`?",
        ),
        (
            "release",
            "unknown_name: nothing here is named `release` | <release> unknown name | did you mean `var.release`?",
        ),
        (
            "t3_small",
            "unknown_name: nothing here is named `t3_small` | <t3_small> unknown name | write `\"t3_small\"` with quotes if it is a string",
        ),
        (
            "var.port-1",
            "unknown_variable: there is no variable `port-1` | <port-1> not declared | to subtract, put spaces round the `-`: `var.port - 1`",
        ),
        (
            "vpc",
            "unknown_name: `vpc` alone is no value | <vpc> the resource's name is missing | write `vpc.NAME`",
        ),
        (
            "each.key",
            "not_in_for_each: `each.key` means nothing here | <each.key> this block has no `for_each` | give the block a `for_each`, or name the value itself",
        ),
        (
            "load_balancer.edge.dnsname",
            "unknown_attribute: `load_balancer.edge` has no attribute `dnsname` | <dnsname> no such attribute | did you mean `dns_name`?",
        ),
        (
            "local.releases.blu",
            "unknown_key: there is no key `blu` | <blu> no such key | did you mean `blue`?",
        ),
        (
            "local.releases[\"red\"]",
            "unknown_key: there is no key `red` | <\"red\"> no such key | the keys are `green`, `blue`",
        ),
        (
            "lenght([])",
            "unknown_function: there is no function `lenght` | <lenght> unknown function | did you mean `length`?",
        ),
        (
            "var.port.x",
            "wrong_type: a number has no attributes | <x> no such attribute | <var.port> this is a number",
        ),
    ] {
        assert_eq!(mistakes(text), expected, "{text}");
    }
}

#[test]
fn every_mistake_of_an_expression_is_found_at_once() {
    let found = mistakes("[var.a1, 1 + \"x\", { b = local.zz, c = upper() }, true ? 1 : var.not_looked_at]");
    assert_eq!(found.lines().count(), 4, "{found}");
}

#[test]
fn what_a_broken_declaration_would_have_said_fails_in_silence() {
    for text in
        ["var.broken", "\"a${local.broken}\"", "[vpc.broken.id, 1]", "try(var.broken, 1)", "can(var.broken)"]
    {
        assert_eq!(mistakes(text), "", "{text}");
    }
}

#[test]
fn try_takes_the_first_that_has_a_value_and_hides_no_misspelling() {
    same(&[
        ("try(local.releases.red, \"none\")", "\"none\""),
        ("try(var.port.x.y, var.names[7], 3)", "3"),
        ("can(local.releases.red)", "false"),
        ("can(regex(\"^1\", var.release))", "true"),
        ("[for n in [\"1\", \"x\"] : try(tonumber(n), 0)]", "[1, 0]"),
    ]);
    assert!(mistakes("try(var.relase, 1)").contains("did you mean `var.release`?"));
    assert!(mistakes("can(lenght(1))").contains("did you mean `length`?"));
    assert_eq!(
        mistakes("try(var.names[7], local.releases.red)"),
        "bad_argument: `try` has no argument that can be evaluated | <try(var.names[7], local.releases.red)> every one has a mistake | in order: `7` is past the end of a list of 2; there is no key `red`"
    );
}

#[test]
fn each_means_the_key_and_value_of_the_block() {
    let scope = stack().with_each("blue", object! { "size" => 2 });
    assert_eq!(mistakes_in("\"${each.key}${each.value.size}\"", &scope).0, Some(Value::string("blue2")));
    assert_eq!(
        mistakes_in("each.size", &scope).1,
        "unknown_attribute: `each` has no `size` | <size> not `key` or `value` | write `each.key`, `each.value` or `each.value.size`"
    );
}

#[test]
fn the_mentions_of_an_expression_leave_loop_variables_out() {
    let (sources, expr) = expression(
        "[for k, v in local.a : { k = v, (k) = \"${var.b}-${image.shop[each.key].id}\" } if new.c == upper(d)]",
    );
    let mentions = references(&expr, &|word| word == "image");
    let seen: Vec<_> = mentions.iter().map(|it| (it.what.clone(), sources.slice(it.span))).collect();
    let word = |word: &str, name: Option<&str>| Mentioned::Word(word.to_owned(), name.map(str::to_owned));
    assert_eq!(
        seen,
        [
            (Mentioned::Local("a".to_owned()), "local.a"),
            (Mentioned::Variable("b".to_owned()), "var.b"),
            (Mentioned::Resource(Address::new("image", "shop")), "image.shop"),
            (Mentioned::Each, "each.key"),
            (word("new", Some("c")), "new.c"),
            (word("d", None), "d"),
        ]
    );
}
