//! Files, templates, limits, and the faults of wrong arguments.

use super::super::all;
use crate::evaluate::testing::{mistakes, same, value};
use crate::value::Value;

#[test]
fn files_are_read_through_the_scope() {
    same(&[
        ("file(\"hello.txt\")", "\"hé\\n\""),
        ("filebase64(\"blob\")", "\"/wA=\""),
        ("filesha256(\"hello.txt\")", "sha256(file(\"hello.txt\"))"),
    ]);
    assert_eq!(
        mistakes("file(\"nope\")"),
        "bad_argument: `file`: `nope` cannot be read: there is no such file | <\"nope\"> this file | a path is relative to the stack file that names it; it is written `file(path)`"
    );
    assert!(mistakes("file(\"blob\")").contains("`filebase64(...)` reads any bytes"));
}

#[test]
fn a_template_knows_its_variables_and_nothing_else() {
    same(&[(
        "templatefile(\"web.sh\", { port = 80, name = \"shop\" })",
        "\"#!/bin/sh\\nexport PORT=80 HOME=$${HOME}\\nSHOP\\n\"",
    )]);
    let sensitive = value("templatefile(\"web.sh\", { port = 80, name = var.secret })");
    assert!(matches!(sensitive, Value::Sensitive(_)));
    let unknown = value("templatefile(\"web.sh\", { port = 80, name = var.later })");
    assert!(matches!(unknown, Value::Unknown(_)));
    assert_eq!(
        mistakes("templatefile(\"bad.sh\", { port = 80 })"),
        "bad_argument: `templatefile`: line 2 of `bad.sh`: nothing here is named `prot` | <\"bad.sh\"> in line 2 of this template | did you mean `port`?; write `$${prot}` for a literal `${prot}`; it is written `templatefile(path, variables)`"
    );
    for (text, said) in [
        ("templatefile(\"torn.sh\", {})", "line 1 of `torn.sh`"),
        ("templatefile(\"nested.sh\", {})", "a template cannot be filled in within a template"),
        ("templatefile(\"web.sh\", [])", "an object of variables"),
    ] {
        assert!(mistakes(text).contains(said), "{text}: {}", mistakes(text));
    }
}

#[test]
fn an_argument_that_will_not_do_is_underlined_and_the_signature_shown() {
    for (text, expected) in [
        (
            "join(var.names, \",\")",
            "bad_argument: `join`: this must be a string | <var.names> this is a list | it is written `join(separator, list)`",
        ),
        (
            "join(\",\", [\"a\", [1]])",
            "bad_argument: `join`: this must be a list of strings | <[\"a\", [1]]> an element is a list | it is written `join(separator, list)`",
        ),
        (
            "upper(load_balancer.edge)",
            "bad_argument: `upper`: this must be a string | <load_balancer.edge> this is a reference | name one of its attributes, as in `load_balancer.edge.id`; it is written `upper(string)`",
        ),
        (
            "abs(\"5\")",
            "bad_argument: `abs`: this must be a number | <\"5\"> this is a string | `tonumber(...)` reads a number from a string; it is written `abs(number)`",
        ),
        (
            "upper(\"a\", \"b\")",
            "bad_argument: `upper` takes 1 argument, not 2 | <upper> 2 arguments given | it is written `upper(string)`",
        ),
        (
            "lookup({})",
            "bad_argument: `lookup` takes 2 to 3 arguments, not 1 | <lookup> 1 argument given | it is written `lookup(object, key, default)`",
        ),
        (
            "max([]...)",
            "bad_argument: `max` takes at least 1 argument, not 0 | <max> 0 arguments given | it is written `max(value, ...)`",
        ),
        ("max(5...)", "wrong_type: `...` takes a list | <5> this is a number"),
    ] {
        assert_eq!(mistakes(text), expected, "{text}");
    }
}

#[test]
fn the_table_describes_every_function_once() {
    let mut names: Vec<_> = all().map(|function| function.name).collect();
    for function in all() {
        assert!(function.signature.starts_with(&format!("{}(", function.name)), "{}", function.name);
        assert!(!function.doc.is_empty() && !function.doc.ends_with('.'), "{}", function.name);
        assert!(function.max.is_none_or(|max| max >= function.min), "{}", function.name);
    }
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn text_that_would_grow_past_bounds_is_refused_before_it_is_made() {
    let long = "join(\"\", [for n in range(1024) : \"0123456789012345678901234567890123456789\"])";
    for text in [
        format!("replace({long}, \"0\", {long})"),
        format!("replace({long}, \"/0/\", {long})"),
        format!("join({long}, range(1024))"),
        format!("indent(1024, replace({long}, \"/[0-4]/\", \"\\n\"))"),
        format!("formatlist(\"%s%s\", range(1024), {long})"),
    ] {
        assert!(mistakes(&text).contains("too large"), "{text}: {}", mistakes(&text));
    }
}
