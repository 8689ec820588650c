//! Operators, strings, conditionals, and the limits of size and depth.

use super::super::testing::{mistakes, mistakes_in, same, stack, value};
use super::super::{DEEPEST, evaluate, references};
use crate::ast::{Binary, Expr, Name, Node, Part, Unary};
use crate::diagnostic::{FileId, Span};
use crate::value::Value;

#[test]
fn operators_bind_as_in_hcl() {
    same(&[
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("7 - 2 - 1", "4"),
        ("8 / 2 / 2", "2"),
        ("-2 + 3", "1"),
        ("!true || true", "true"),
        ("1 + 1 == 2 && 2 >= 2", "true"),
        ("1 < 2", "true"),
        ("2 <= 1", "false"),
        ("25% < 50%", "true"),
        ("true ? 1 : 2", "1"),
        ("false ? 1 : true ? 2 : 3", "2"),
    ]);
}

#[test]
fn durations_add_scale_and_compare() {
    same(&[
        ("1m + 30s", "90s"),
        ("1m - 30s", "30s"),
        ("2 * 30s", "1m"),
        ("30s * 2", "1m"),
        ("1m / 4", "15s"),
        ("1h / 10m", "6"),
        ("90s > 1m", "true"),
        ("60s == 1m", "true"),
    ]);
    assert_eq!(
        mistakes("30s - 1m"),
        "out_of_range: a duration cannot be negative | <30s - 1m> this has no result"
    );
}

#[test]
fn equality_is_deep_and_never_between_types() {
    same(&[
        ("[1, { a = \"b\" }] == [1, { a = \"b\" }]", "true"),
        ("{ a = 1, b = 2 } == { b = 2, a = 1 }", "true"),
        ("5 == \"5\"", "false"),
        ("null == local.none", "true"),
        ("25% == 25", "false"),
        ("vpc.main == vpc.main", "true"),
        ("image.shop[\"blue\"] != image.shop[\"green\"]", "true"),
    ]);
}

#[test]
fn interpolation_writes_scalars_as_people_do() {
    same(&[
        ("\"shop-${var.release}\"", "\"shop-1.0.2\""),
        ("\"${var.port}/${var.live}\"", "\"8080/true\""),
        ("\"${90s} ${10m} ${25%} ${0.5}\"", "\"90s 10m 25% 0.5\""),
        ("\"$${HOME} ${\"a${0 + 1}\"}\"", "\"$${HOME} a1\""),
    ]);
}

#[test]
fn what_is_no_text_cannot_be_interpolated() {
    for (text, expected) in [
        (
            "\"x${var.names}\"",
            "wrong_type: a list cannot be put into a string | <var.names> this is a list | join it, as in `join(\",\", ...)`, or write `jsonencode(...)`",
        ),
        (
            "\"x${local.releases}\"",
            "wrong_type: an object cannot be put into a string | <local.releases> this is an object | name one of its members, or write `jsonencode(...)`",
        ),
        (
            "\"x${null}\"",
            "wrong_type: null cannot be put into a string | <null> this is null | give it another value, as in `coalesce(..., \"none\")`",
        ),
        (
            "\"http://${load_balancer.edge}/\"",
            "wrong_type: a reference cannot be put into a string | <load_balancer.edge> this is a reference | name one of its attributes: `load_balancer.edge.dns_name`",
        ),
        (
            "\"${subnets.public}\"",
            "wrong_type: a reference cannot be put into a string | <subnets.public> this is a reference | name one of its attributes: `subnets.public[0].id`",
        ),
    ] {
        assert_eq!(mistakes(text), expected, "{text}");
    }
}

#[test]
fn a_type_that_does_not_fit_says_what_would() {
    for (text, expected) in [
        (
            "1 + \"2\"",
            "wrong_type: `+` takes two numbers or two durations | <1> this is a number | <\"2\"> this is a string | `tonumber(...)` reads a number from a string",
        ),
        (
            "\"a\" + \"b\"",
            "wrong_type: `+` takes two numbers or two durations | <\"a\"> this is a string | <\"b\"> this is a string | write `\"${a}${b}\"` to join strings",
        ),
        (
            "30s + 5",
            "wrong_type: `+` takes two numbers or two durations | <30s> this is a duration | <5> this is a number | write `5s` for seconds",
        ),
        (
            "25% > 5",
            "wrong_type: `>` takes two numbers, two durations or two percents | <25%> this is a percent | <5> this is a number | write `5%` for a percent",
        ),
        ("1 / 0", "out_of_range: division by zero | <1 / 0> this has no result"),
        (
            "!1",
            "wrong_type: what `!` negates must be true or false | <1> this is a number | compare it, as in `... > 0`",
        ),
        (
            "var.release ? 1 : 2",
            "wrong_type: a condition must be true or false | <var.release> this is a string | compare it, or write `tobool(...)`",
        ),
        (
            "true && 1",
            "wrong_type: a side of `&&` must be true or false | <1> this is a number | compare it, as in `... > 0`",
        ),
        ("-\"a\"", "wrong_type: only a number has a negative | <\"a\"> this is a string"),
    ] {
        assert_eq!(mistakes(text), expected, "{text}");
    }
}

#[test]
fn what_decides_early_keeps_the_rest_from_being_evaluated() {
    same(&[
        ("false && 1 / 0 > 1", "false"),
        ("true || 1 / 0 > 1", "true"),
        ("true ? 1 : 1 / 0", "1"),
        ("var.later == 1 && false", "false"),
        ("var.later == 1 || true", "true"),
    ]);
}

#[test]
fn values_that_double_each_other_are_stopped() {
    let doubled = (0..40)
        .fold("\"0123456789\"".to_owned(), |text, _| format!("[for x in [{text}] : \"${{x}}${{x}}\"][0]"));
    let (_, said) = mistakes_in(&doubled, &stack());
    assert!(said.starts_with("out_of_range: this value is too large"), "{said}");
    assert!(mistakes("[for a in range(1024) : [for b in range(1024) : 1]]").contains("too large"));
}

/// An expression nested in itself to a depth.
fn nested(depth: usize, around: impl Fn(Expr) -> Node) -> Expr {
    let span = Span::new(FileId(0), 0, 1);
    let innermost = Expr { node: Node::Number(1.0), span };
    (0..depth).fold(innermost, |expr, _| Expr { node: around(expr), span })
}

#[test]
fn the_deepest_expressions_fit_on_the_stack() {
    let name = || Name { text: "max".to_owned(), span: Span::new(FileId(0), 0, 1) };
    let is_true = || nested(0, |expr| expr.node);
    let shapes: [&dyn Fn(Expr) -> Node; 4] = [
        &|expr| Node::Unary(Unary::Minus, Box::new(expr)),
        &|expr| Node::Binary(Binary::Add, Box::new(expr), Box::new(is_true())),
        &|expr| Node::Call { function: name(), arguments: vec![expr], spread: false },
        &|expr| Node::Template(vec![Part::Value(expr)]),
    ];
    for shape in shapes {
        let mut mistakes = Vec::new();
        assert!(evaluate(&nested(DEEPEST - 1, shape), &stack(), &mut mistakes).is_some(), "{mistakes:?}");
        assert!(evaluate(&nested(DEEPEST, shape), &stack(), &mut mistakes).is_none());
        assert_eq!(mistakes.pop().unwrap().code, "bgform::lang::too_deep");
        references(&nested(DEEPEST, shape), &|_| false);
    }
    assert_eq!(value(&vec!["1"; 200].join(" + ")), Value::Number(200.0));
}
