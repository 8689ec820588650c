//! Unknowns and sensitive marks.

use super::super::testing::{later, mistakes, value};
use crate::value::Value;

#[test]
fn what_depends_on_an_unknown_is_unknown() {
    for text in [
        "load_balancer.edge.dns_name",
        "\"http://${load_balancer.edge.dns_name}/\"",
        "var.later + 1",
        "var.later == 1",
        "[var.later] == [1]",
        "var.later ? 1 : 2",
        "true && var.later",
        "var.later.a.b[0]",
        "var.names[var.later]",
        "var.later[*].x",
        "[for x in var.later : x.y]",
        "{ (var.later) = 1 }",
        "upper(var.later)",
        "join(\",\", [\"a\", var.later])",
        "max(var.later...)",
        "can(var.later)",
        "flatten([[1], var.later])",
    ] {
        assert_eq!(value(text), later(), "{text}");
    }
    assert_eq!(value("[1, var.later]"), Value::List(vec![1.into(), later()]));
    assert_eq!(value("length([1, var.later])"), Value::Number(2.0));
    assert_eq!(value("merge({ a = var.later }, { b = 1 }).b"), Value::Number(1.0));
    assert_eq!(value("coalesce(\"a\", var.later)"), Value::string("a"));
}

#[test]
fn branches_behind_an_unknown_condition_are_both_looked_into() {
    assert_eq!(mistakes("var.later ? var.a1 : local.b1").lines().count(), 2);
    assert_eq!(mistakes("[for x in var.later : var.a1]").lines().count(), 1);
}

#[test]
fn the_sensitive_mark_taints_what_is_made_from_it() {
    let secret = |text: &str| Value::string(text).sensitive();
    assert_eq!(value("\"a${var.secret}\""), secret("as3cret"));
    assert_eq!(value("upper(var.secret)"), secret("S3CRET"));
    assert_eq!(value("join(\"-\", [\"a\", var.secret])"), secret("a-s3cret"));
    assert_eq!(value("local.secrets.key"), secret("k"));
    assert_eq!(value("local.secrets[*]"), Value::from(vec!["k"]).sensitive());
    assert_eq!(value("var.secret == \"x\""), Value::Bool(false).sensitive());
    assert_eq!(value("var.secret == \"x\" ? 1 : 2"), Value::Number(2.0).sensitive());
    assert_eq!(value("[var.secret]"), Value::List(vec![secret("s3cret")]));
    assert_eq!(value("merge({ a = var.secret }, { b = 1 }).b"), Value::Number(1.0));
    assert_eq!(value("nonsensitive(var.secret)"), Value::string("s3cret"));
    assert_eq!(value("\"${var.later}${var.secret}\""), later().sensitive());
}

#[test]
fn no_mistake_shows_a_sensitive_value() {
    for text in [
        "tonumber(var.secret)",
        "jsondecode(var.secret)",
        "lookup(local.releases, var.secret)",
        "local.releases[var.secret]",
        "regex(\"${var.secret}(\", \"a\")",
        "cidrsubnet(var.secret, 1, 1)",
        "file(var.secret)",
        "{ (var.secret) = 1, (var.secret) = 2 }",
        "tobool(var.secret)",
    ] {
        let said = mistakes(text);
        assert!(!said.is_empty() && !said.contains("s3cret"), "{text}: {said}");
    }
}
