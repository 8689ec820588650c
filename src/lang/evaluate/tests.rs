use super::testing::{expression, later, mistakes, mistakes_in, same, stack, value};
use super::{DEEPEST, Mentioned, evaluate, references};
use crate::address::Address;
use crate::diagnostic::{FileId, Span};
use crate::lang::ast::{Binary, Expr, Name, Node, Part, Unary};
use crate::object;
use crate::value::{Reference, Value};

fn subnet(index: usize) -> Value {
    Value::Ref(Reference { address: Address::new("subnets", "public"), index: Some(index) })
}

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
        ("\"$${HOME} ${\"a${1}\"}\"", "\"$${HOME} a1\""),
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
fn values_that_double_each_other_are_stopped() {
    let doubled = (0..40)
        .fold("\"0123456789\"".to_owned(), |text, _| format!("[for x in [{text}] : \"${{x}}${{x}}\"][0]"));
    let (_, said) = mistakes_in(&doubled, &stack());
    assert!(said.starts_with("out_of_range: this value is too large"), "{said}");
    assert!(mistakes("[for a in range(1024) : [for b in range(1024) : 1]]").contains("too large"));
}

/// An expression within an expression, so many deep.
fn nested(depth: usize, around: impl Fn(Expr) -> Node) -> Expr {
    let span = Span::new(FileId(0), 0, 1);
    let innermost = Expr { node: Node::Number(1.0), span };
    (0..depth).fold(innermost, |expr, _| Expr { node: around(expr), span })
}

#[test]
fn the_deepest_expressions_fit_on_the_stack() {
    let name = || Name { text: "max".to_owned(), span: Span::new(FileId(0), 0, 1) };
    let is_true = || nested(0, |expr| expr.node);
    let shapes: [&dyn Fn(Expr) -> Node; 5] = [
        &|expr| Node::Unary(Unary::Minus, Box::new(expr)),
        &|expr| Node::Binary(Binary::Add, Box::new(expr), Box::new(is_true())),
        &|expr| Node::Call { function: name(), arguments: vec![expr], spread: false },
        &|expr| Node::List(vec![expr]),
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
