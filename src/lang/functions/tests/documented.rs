//! Terraform's documented examples.

use crate::evaluate::testing::{mistakes, same};

#[test]
fn functions_of_strings_do_what_terraform_documents() {
    same(&[
        ("upper(\"hello\")", "\"HELLO\""),
        ("upper(\"алло!\")", "\"АЛЛО!\""),
        ("lower(\"HELLO\")", "\"hello\""),
        ("title(\"hello world\")", "\"Hello World\""),
        ("trimspace(\"  hello\\n\\n\")", "\"hello\""),
        ("trim(\"?!hello?!\", \"!?\")", "\"hello\""),
        ("trim(\"foobar\", \"far\")", "\"oob\""),
        ("trimprefix(\"helloworld\", \"hello\")", "\"world\""),
        ("trimprefix(\"helloworld\", \"cat\")", "\"helloworld\""),
        ("trimprefix(\"--hello\", \"-\")", "\"-hello\""),
        ("trimsuffix(\"helloworld\", \"world\")", "\"hello\""),
        ("chomp(\"hello\\r\\n\\n\")", "\"hello\""),
        ("indent(2, \"[\\n  foo,\\n]\\n\")", "\"[\\n    foo,\\n  ]\\n  \""),
        ("startswith(\"hello world\", \"hello\")", "true"),
        ("startswith(\"hello world\", \"world\")", "false"),
        ("endswith(\"hello world\", \"world\")", "true"),
        ("strcontains(\"hello world\", \"wor\")", "true"),
        ("strrev(\"a ☃\")", "\"☃ a\""),
        ("substr(\"hello world\", 1, 4)", "\"ello\""),
        ("substr(\"🤔🤷\", 0, 1)", "\"🤔\""),
        ("substr(\"hello world\", -5, -1)", "\"world\""),
        ("substr(\"hello world\", 6, 10)", "\"world\""),
        ("join(\"-\", [\"foo\", \"bar\", \"baz\"])", "\"foo-bar-baz\""),
        ("join(\", \", [\"foo\", 1, true])", "\"foo, 1, true\""),
        ("join(\", \", [])", "\"\""),
        ("split(\",\", \"foo,bar,baz\")", "[\"foo\", \"bar\", \"baz\"]"),
        ("split(\",\", \"foo\")", "[\"foo\"]"),
        ("split(\",\", \"\")", "[\"\"]"),
        ("split(\"\", \"abc\")", "[\"a\", \"b\", \"c\"]"),
    ]);
}

#[test]
fn patterns_do_what_terraform_documents() {
    same(&[
        ("regex(\"[a-z]+\", \"53453453.345345aaabbbccc23454\")", "\"aaabbbccc\""),
        (
            "regex(\"(\\\\d\\\\d\\\\d\\\\d)-(\\\\d\\\\d)-(\\\\d\\\\d)\", \"2019-02-01\")",
            "[\"2019\", \"02\", \"01\"]",
        ),
        (
            "regex(\"^(?:(?P<scheme>[^:/?#]+):)?(?://(?P<authority>[^/?#]*))?\", \"https://terraform.io/docs/\")",
            "{ scheme = \"https\", authority = \"terraform.io\" }",
        ),
        ("regex(\"(a)|(b)\", \"b\")", "[null, \"b\"]"),
        ("regexall(\"[a-z]+\", \"1234abcd5678efgh9\")", "[\"abcd\", \"efgh\"]"),
        ("length(regexall(\"[a-z]+\", \"123456789\"))", "0"),
        ("replace(\"1 + 2 + 3\", \"+\", \"-\")", "\"1 - 2 - 3\""),
        ("replace(\"hello world\", \"/w.*d/\", \"everybody\")", "\"hello everybody\""),
        ("replace(\"a-b c-d\", \"/(\\\\w)-(\\\\w)/\", \"$2-$1\")", "\"b-a d-c\""),
        ("replace(\"a/b\", \"/\", \"_\")", "\"a_b\""),
        ("replace(\"abc\", \"//\", \"-\")", "\"-a-b-c-\""),
    ]);
    for (text, expected) in [
        (
            "regex(\"[0-9]+\", \"abc\")",
            "bad_argument: `regex`: the pattern matches nothing in the string | <\"abc\"> no match | `can(regex(...))` asks whether it matches, `try(regex(...), null)` goes on; it is written `regex(pattern, string)`",
        ),
        (
            "regex(\"(a\", \"abc\")",
            "bad_argument: `regex`: `(a` is no regular expression | <\"(a\"> bad pattern | unclosed group; it is written `regex(pattern, string)`",
        ),
        (
            "regex(\"(?P<x>a)(b)\", \"ab\")",
            "bad_argument: `regex`: the pattern has groups with and without names | <\"(?P<x>a)(b)\"> name all or none | it is written `regex(pattern, string)`",
        ),
    ] {
        assert_eq!(mistakes(text), expected, "{text}");
    }
}

#[test]
fn format_knows_terraforms_verbs() {
    same(&[
        ("format(\"Hello, %s!\", \"Ander\")", "\"Hello, Ander!\""),
        ("format(\"There are %d lights\", 4)", "\"There are 4 lights\""),
        ("format(\"%s-%03d\", \"web\", 7)", "\"web-007\""),
        ("format(\"%05d|%-5d|%5d|%+d|% d\", -42, 42, 42, 42, 42)", "\"-0042|42   |   42|+42| 42\""),
        ("format(\"%-10s|%10s|%.2s\", \"ab\", \"ab\", \"abc\")", "\"ab        |        ab|ab\""),
        ("format(\"%f %.2f %6.1f %06.1f\", 1.5, 1.256, 2.25, -2.5)", "\"1.500000 1.26    2.2 -002.5\""),
        ("format(\"%e %.1E %g\", 1500, 0.00015, 1.5)", "\"1.500000e+03 1.5E-04 1.5\""),
        ("format(\"%x %X %#x %o %b\", 255, 255, 255, 8, 5)", "\"ff FF 0xff 10 101\""),
        ("format(\"%q\", \"a\\\"b\")", "\"\\\"a\\\\\\\"b\\\"\""),
        ("format(\"%v %v %v %v\", \"a\", 1.5, true, [1, \"x\"])", "\"a 1.5 true [1,\\\"x\\\"]\""),
        ("format(\"%#v %t\", \"a\", false)", "\"\\\"a\\\" false\""),
        ("format(\"%[2]s %[1]s %s\", \"a\", \"b\")", "\"b a b\""),
        ("format(\"100%%\")", "\"100%\""),
        ("format(\"%s %s\", 30s, 25%)", "\"30s 25%\""),
        (
            "formatlist(\"Hello, %s!\", [\"Valentina\", \"Ander\"])",
            "[\"Hello, Valentina!\", \"Hello, Ander!\"]",
        ),
        ("formatlist(\"%s, %s!\", \"Hi\", [\"A\", \"B\"])", "[\"Hi, A!\", \"Hi, B!\"]"),
    ]);
    for (text, expected) in [
        (
            "format(\"%d\", \"5\")",
            "bad_argument: `format`: `%d` takes a number | <\"5\"> this is a string | it is written `format(format, value, ...)`",
        ),
        (
            "format(\"%d\", 1.5)",
            "bad_argument: `format`: `%d` takes a whole number | <1.5> not a whole number | `%f` takes any number; it is written `format(format, value, ...)`",
        ),
        (
            "format(\"%s %s\", 1)",
            "bad_argument: `format`: there is no value for `%s` | <\"%s %s\"> 1 values given | it is written `format(format, value, ...)`",
        ),
        (
            "format(\"%s\", 1, 2)",
            "bad_argument: `format`: the format has no verb for this value | <2> not used | it is written `format(format, value, ...)`",
        ),
        (
            "format(\"%2000d\", 1)",
            "bad_argument: `format`: the number in `%2000` is more than 1024 | <\"%2000d\"> too large | it is written `format(format, value, ...)`",
        ),
        (
            "format(\"%y\", 1)",
            "bad_argument: `format`: there is no verb `%y` | <\"%y\"> unknown verb | write `%%` for a percent sign; it is written `format(format, value, ...)`",
        ),
        (
            "format(\"%s\", [1])",
            "bad_argument: `format`: this must be a string | <[1]> this is a list | it is written `format(format, value, ...)`",
        ),
    ] {
        assert_eq!(mistakes(text), expected, "{text}");
    }
}

#[test]
fn encodings_do_what_terraform_documents() {
    same(&[
        ("base64encode(\"Hello World\")", "\"SGVsbG8gV29ybGQ=\""),
        ("base64decode(\"SGVsbG8gV29ybGQ=\")", "\"Hello World\""),
        ("jsonencode({ hello = \"world\" })", "\"{\\\"hello\\\":\\\"world\\\"}\""),
        ("jsonencode({ b = [1, 2.5, null], a = true })", "\"{\\\"a\\\":true,\\\"b\\\":[1,2.5,null]}\""),
        ("jsonencode(30s)", "\"30\""),
        ("jsondecode(\"{\\\"hello\\\": \\\"world\\\"}\")", "{ hello = \"world\" }"),
        ("jsondecode(\"[1, null, 2.5, true]\")", "[1, null, 2.5, true]"),
        ("urlencode(\"Hello World!\")", "\"Hello+World%21\""),
        ("urlencode(\"☃\")", "\"%E2%98%83\""),
        ("sha256(\"hello world\")", "\"b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9\""),
        ("base64sha256(\"hello world\")", "\"uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=\""),
    ]);
    assert_eq!(
        mistakes("jsonencode({ lb = load_balancer.edge })"),
        "bad_argument: `jsonencode`: the reference `load_balancer.edge` has no JSON | <{ lb = load_balancer.edge }> holds a reference | name one of its attributes, as in `load_balancer.edge.id`; it is written `jsonencode(value)`"
    );
    assert_eq!(
        mistakes("jsondecode(\"{\")"),
        "bad_argument: `jsondecode`: the string is not JSON | <\"{\"> not JSON | EOF while parsing an object at line 1 column 1; it is written `jsondecode(string)`"
    );
    assert!(mistakes("base64decode(\"/wA=\")").contains("not UTF-8"));
    assert!(mistakes("base64decode(\"?\")").contains("not base64"));
}

#[test]
fn conversions_do_what_terraform_documents() {
    same(&[
        ("tostring(1)", "\"1\""),
        ("tostring(true)", "\"true\""),
        ("tostring(null)", "null"),
        ("tonumber(\"1\")", "1"),
        ("tonumber(\"-1.5e3\")", "-1500"),
        ("tonumber(null)", "null"),
        ("tobool(\"true\")", "true"),
        ("toset([\"b\", \"a\", \"b\"])", "[\"a\", \"b\"]"),
        ("toset([3, 1, 3])", "[1, 3]"),
        ("tolist([\"a\"])", "[\"a\"]"),
        ("tomap({ a = 1 })", "{ a = 1 }"),
        ("coalesce(\"a\", \"b\")", "\"a\""),
        ("coalesce(\"\", null, \"b\")", "\"b\""),
        ("coalesce([\"\", \"b\"]...)", "\"b\""),
    ]);
    for text in ["\"no\"", "\"inf\"", "\"NaN\"", "\"0x10\"", "\"\""] {
        assert!(mistakes(&format!("tonumber({text})")).contains("is no number"), "{text}");
    }
    assert!(mistakes("tonumber(5m)").contains("`5m / 1s` is a number of seconds"));
    assert!(mistakes("coalesce(null, \"\")").contains("every argument is null"));
}

#[test]
fn functions_of_lists_do_what_terraform_documents() {
    same(&[
        ("length([])", "0"),
        ("length([\"a\", \"b\"])", "2"),
        ("length({ a = \"b\" })", "1"),
        ("length(\"hé\")", "2"),
        ("contains([\"a\", \"b\", \"c\"], \"a\")", "true"),
        ("contains([\"a\", \"b\", \"c\"], \"d\")", "false"),
        ("index([\"a\", \"b\", \"c\"], \"b\")", "1"),
        ("element([\"a\", \"b\", \"c\"], 1)", "\"b\""),
        ("element([\"a\", \"b\", \"c\"], 3)", "\"a\""),
        ("element([\"a\", \"b\", \"c\"], -1)", "\"c\""),
        ("slice([\"a\", \"b\", \"c\", \"d\"], 1, 3)", "[\"b\", \"c\"]"),
        ("one([])", "null"),
        ("one([\"a\"])", "\"a\""),
        ("concat([\"a\", \"\"], [\"b\", \"c\"])", "[\"a\", \"\", \"b\", \"c\"]"),
        ("flatten([[\"a\", \"b\"], [], [\"c\"]])", "[\"a\", \"b\", \"c\"]"),
        ("flatten([[[\"a\", \"b\"], []], [\"c\"]])", "[\"a\", \"b\", \"c\"]"),
        ("distinct([\"a\", \"b\", \"a\", \"c\", \"d\", \"b\"])", "[\"a\", \"b\", \"c\", \"d\"]"),
        ("compact([\"a\", \"\", \"b\", null, \"c\"])", "[\"a\", \"b\", \"c\"]"),
        ("reverse([1, 2, 3])", "[3, 2, 1]"),
        ("sort([\"e\", \"d\", \"a\", \"x\"])", "[\"a\", \"d\", \"e\", \"x\"]"),
        ("sort([10, 9, 1])", "[1, 9, 10]"),
        ("chunklist([\"a\", \"b\", \"c\"], 2)", "[[\"a\", \"b\"], [\"c\"]]"),
        ("range(3)", "[0, 1, 2]"),
        ("range(1, 4)", "[1, 2, 3]"),
        ("range(1, 8, 2)", "[1, 3, 5, 7]"),
        ("range(1, 4, 0.5)", "[1, 1.5, 2, 2.5, 3, 3.5]"),
        ("range(4, 1)", "[4, 3, 2]"),
        ("range(10, 5, -2)", "[10, 8, 6]"),
        ("range(0)", "[]"),
        ("length(range(1024))", "1024"),
        ("alltrue([true, false])", "false"),
        ("alltrue([])", "true"),
        ("anytrue([true, false])", "true"),
        ("anytrue([])", "false"),
        (
            "setproduct([\"dev\", \"prod\"], [\"a\", \"b\"])",
            "[[\"dev\", \"a\"], [\"dev\", \"b\"], [\"prod\", \"a\"], [\"prod\", \"b\"]]",
        ),
        ("setproduct([1], [])", "[]"),
        ("setunion([\"a\", \"b\"], [\"b\", \"c\"], [\"d\"])", "[\"a\", \"b\", \"c\", \"d\"]"),
        ("setintersection([\"a\", \"b\"], [\"b\", \"c\"], [\"b\", \"d\"])", "[\"b\"]"),
        ("setsubtract([\"a\", \"b\", \"c\"], [\"a\", \"c\"])", "[\"b\"]"),
    ]);
    for (text, said) in [
        ("range(1025)", "more than 1024 numbers"),
        ("range(1e300, 1, 1)", "towards the limit"),
        ("range(1, 5, 0)", "towards the limit"),
        ("setproduct(range(100), range(100))", "more than 1024 combinations"),
        ("index([1], 2)", "not in the list"),
        ("element([], 0)", "empty list"),
        ("element([1], 0.5)", "whole number"),
        ("slice([1, 2], 1, 3)", "a whole number from 0 to 2"),
        ("slice([1, 2], 2, 1)", "a whole number from 0 to 1"),
        ("one([1, 2])", "one element or none"),
        ("sort([1, \"a\"])", "a list of strings or a list of numbers"),
        ("chunklist([1], 0)", "at least 1"),
        ("alltrue([1])", "a list of bools"),
    ] {
        assert!(mistakes(text).contains(said), "{text}: {}", mistakes(text));
    }
}

#[test]
fn functions_of_objects_do_what_terraform_documents() {
    same(&[
        ("keys({ c = 2, a = 1, d = 3 })", "[\"a\", \"c\", \"d\"]"),
        ("values({ a = 3, c = 2, d = 1 })", "[3, 2, 1]"),
        ("lookup({ a = \"ay\", b = \"bee\" }, \"a\", \"what?\")", "\"ay\""),
        ("lookup({ a = \"ay\", b = \"bee\" }, \"c\", \"what?\")", "\"what?\""),
        ("merge({ a = \"b\", c = \"d\" }, { e = \"f\", c = \"z\" })", "{ a = \"b\", c = \"z\", e = \"f\" }"),
        ("merge({ a = 1 }, null)", "{ a = 1 }"),
        ("merge([{ a = 1 }, { b = 2 }]...)", "{ a = 1, b = 2 }"),
        ("merge()", "{}"),
        ("zipmap([\"a\", \"b\"], [1, 2])", "{ a = 1, b = 2 }"),
    ]);
    assert!(mistakes("lookup({}, \"a\")").contains("the object has no key `a`"));
    assert!(mistakes("zipmap([\"a\"], [])").contains("1 keys and 0 values"));
}

#[test]
fn functions_of_numbers_do_what_terraform_documents() {
    same(&[
        ("abs(-12.4)", "12.4"),
        ("ceil(5.1)", "6"),
        ("floor(4.9)", "4"),
        ("pow(3, 2)", "9"),
        ("sum([10, 13, 6, 4.5])", "33.5"),
        ("parseint(\"FF\", 16)", "255"),
        ("parseint(\"-1011\", 2)", "-11 + 0"),
        ("max(12, 54, 3)", "54"),
        ("max([12, 54, 3]...)", "54"),
        ("min(12, 54, 3)", "3"),
        ("min(1m, 30s)", "30s"),
        ("max(5%, 25%)", "25%"),
    ]);
    assert!(mistakes("max([1, 2])").contains("write `...` after a list"));
    assert!(mistakes("max(1, 30s)").contains("a number, as the first is"));
    assert!(mistakes("sum([])").contains("no sum"));
    assert!(mistakes("pow(10, 1000)").contains("too large"));
}

#[test]
fn address_blocks_are_divided_as_terraform_documents() {
    same(&[
        ("cidrsubnet(\"172.16.0.0/12\", 4, 2)", "\"172.18.0.0/16\""),
        ("cidrsubnet(\"10.1.2.0/24\", 4, 15)", "\"10.1.2.240/28\""),
        ("cidrsubnet(\"fd00:fd12:3456:7890::/56\", 16, 162)", "\"fd00:fd12:3456:7800:a200::/72\""),
        ("cidrsubnet(\"0.0.0.0/0\", 0, 0)", "\"0.0.0.0/0\""),
        ("cidrsubnet(\"::/0\", 128, 5)", "\"::5/128\""),
        (
            "cidrsubnets(\"10.1.0.0/16\", 4, 4, 8, 4)",
            "[\"10.1.0.0/20\", \"10.1.16.0/20\", \"10.1.32.0/24\", \"10.1.48.0/20\"]",
        ),
        (
            "cidrsubnets(\"fd00:fd12:3456:7890::/56\", 16, 16, 16, 32)",
            "[\"fd00:fd12:3456:7800::/72\", \"fd00:fd12:3456:7800:100::/72\", \"fd00:fd12:3456:7800:200::/72\", \"fd00:fd12:3456:7800:300::/88\"]",
        ),
        ("cidrhost(\"10.12.112.0/20\", 16)", "\"10.12.112.16\""),
        ("cidrhost(\"10.12.112.0/20\", 268)", "\"10.12.113.12\""),
        ("cidrhost(\"10.12.112.0/20\", -1)", "\"10.12.127.255\""),
        ("cidrhost(\"fd00:fd12:3456:7890:00a2::/72\", 34)", "\"fd00:fd12:3456:7890::22\""),
        ("cidrnetmask(\"172.16.0.0/12\")", "\"255.240.0.0\""),
    ]);
    for (text, said) in [
        ("cidrsubnet(\"10.0.0.0\", 8, 1)", "`10.0.0.0` is no address block"),
        ("cidrsubnet(\"10.0.0.0/24\", 9, 1)", "the block has 8 bits to divide, not 9"),
        ("cidrsubnet(\"10.0.0.0/24\", 2, 4)", "the parts are 0 to 3"),
        ("cidrsubnet(\"10.0.0.0/24\", 2, -1)", "the parts are 0 to 3"),
        ("cidrsubnets(\"10.0.0.0/24\", 1, 1, 1)", "no room left"),
        ("cidrsubnets(\"::/0\", 0, 1)", "no room left"),
        ("cidrhost(\"10.0.0.0/24\", 256)", "the last is number 255"),
        ("cidrhost(\"10.0.0.0/24\", -257)", "no such address"),
        ("cidrnetmask(\"fd00::/8\")", "no netmask"),
    ] {
        assert!(mistakes(text).contains(said), "{text}: {}", mistakes(text));
    }
}
