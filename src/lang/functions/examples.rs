//! An example of each function: for its page of the help, and held to by a test.

/// The name of a function, an expression that calls it, and the value of that expression.
const EXAMPLES: &[(&str, &str, &str)] = &[
    ("abs", "abs(-12.4)", "12.4"),
    ("alltrue", "alltrue([true, false])", "false"),
    ("anytrue", "anytrue([true, false])", "true"),
    ("base64decode", r#"base64decode("SGVsbG8gV29ybGQ=")"#, r#""Hello World""#),
    ("base64encode", r#"base64encode("Hello World")"#, r#""SGVsbG8gV29ybGQ=""#),
    ("base64sha256", r#"base64sha256("hello world")"#, r#""uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=""#),
    (
        "base64sha512",
        r#"base64sha512("hello world")"#,
        r#""MJ7MSJwS1utMxA9QyQLytNDtd+5RGnx6m808qG1M2G+YndNbxf9JlnDaNCVbRbDP2DDoH2Bdz33FVC6TrpzXbw==""#,
    ),
    ("basename", r#"basename("scripts/setup.sh")"#, r#""setup.sh""#),
    ("can", r#"can(tonumber("five"))"#, "false"),
    ("ceil", "ceil(5.1)", "6"),
    ("chomp", r#"chomp("hello\n")"#, r#""hello""#),
    ("chunklist", r#"chunklist(["a", "b", "c"], 2)"#, r#"[["a", "b"], ["c"]]"#),
    ("cidrcontains", r#"cidrcontains("192.168.2.0/20", "192.168.2.1")"#, "true"),
    ("cidrhost", r#"cidrhost("10.12.112.0/20", 16)"#, r#""10.12.112.16""#),
    ("cidrnetmask", r#"cidrnetmask("172.16.0.0/12")"#, r#""255.240.0.0""#),
    ("cidrsubnet", r#"cidrsubnet("10.1.2.0/24", 4, 15)"#, r#""10.1.2.240/28""#),
    (
        "cidrsubnets",
        r#"cidrsubnets("10.1.0.0/16", 4, 4, 8)"#,
        r#"["10.1.0.0/20", "10.1.16.0/20", "10.1.32.0/24"]"#,
    ),
    ("coalesce", r#"coalesce("", null, "b")"#, r#""b""#),
    ("coalescelist", r#"coalescelist([], ["c", "d"])"#, r#"["c", "d"]"#),
    ("compact", r#"compact(["a", "", "b", null])"#, r#"["a", "b"]"#),
    ("concat", r#"concat(["a"], ["b", "c"])"#, r#"["a", "b", "c"]"#),
    ("contains", r#"contains(["a", "b", "c"], "a")"#, "true"),
    ("csvdecode", r#"csvdecode("name,size\nweb,2\n")"#, r#"[{ name = "web", size = "2" }]"#),
    ("dirname", r#"dirname("scripts/setup.sh")"#, r#""scripts""#),
    ("distinct", r#"distinct(["a", "b", "a"])"#, r#"["a", "b"]"#),
    ("element", r#"element(["a", "b", "c"], 3)"#, r#""a""#),
    ("endswith", r#"endswith("hello world", "world")"#, "true"),
    ("file", r#"file("hello.txt")"#, r#""hé\n""#),
    ("filebase64", r#"filebase64("hello.txt")"#, r#""aMOpCg==""#),
    ("filebase64sha256", r#"filebase64sha256("hello.txt")"#, r#"base64sha256(file("hello.txt"))"#),
    ("filebase64sha512", r#"filebase64sha512("hello.txt")"#, r#"base64sha512(file("hello.txt"))"#),
    ("fileexists", r#"fileexists("hello.txt")"#, "true"),
    ("filemd5", r#"filemd5("hello.txt")"#, r#"md5(file("hello.txt"))"#),
    ("fileset", r#"fileset("site", "**/*.css")"#, r#"["css/a.css", "css/b.css"]"#),
    ("filesha1", r#"filesha1("hello.txt")"#, r#"sha1(file("hello.txt"))"#),
    ("filesha256", r#"filesha256("hello.txt")"#, r#"sha256(file("hello.txt"))"#),
    ("filesha512", r#"filesha512("hello.txt")"#, r#"sha512(file("hello.txt"))"#),
    ("flatten", r#"flatten([["a", "b"], [], ["c"]])"#, r#"["a", "b", "c"]"#),
    ("floor", "floor(4.9)", "4"),
    ("format", r#"format("%s-%03d", "web", 7)"#, r#""web-007""#),
    (
        "formatdate",
        r#"formatdate("DD MMM YYYY hh:mm ZZZ", "2018-01-02T23:12:01Z")"#,
        r#""02 Jan 2018 23:12 UTC""#,
    ),
    ("formatlist", r#"formatlist("%s.example", ["a", "b"])"#, r#"["a.example", "b.example"]"#),
    ("indent", r#"indent(2, "a:\nb: 1")"#, r#""a:\n  b: 1""#),
    ("index", r#"index(["a", "b", "c"], "b")"#, "1"),
    ("issensitive", r#"issensitive(sensitive("s3cret"))"#, "true"),
    ("join", r#"join("-", ["foo", "bar"])"#, r#""foo-bar""#),
    ("jsondecode", r#"jsondecode("{\"hello\": \"world\"}")"#, r#"{ hello = "world" }"#),
    ("jsonencode", r#"jsonencode({ hello = "world" })"#, r#""{\"hello\":\"world\"}""#),
    ("keys", "keys({ c = 2, a = 1 })", r#"["a", "c"]"#),
    ("length", r#"length(["a", "b"])"#, "2"),
    ("log", "log(16, 2)", "4"),
    ("lookup", r#"lookup({ a = "ay" }, "c", "what?")"#, r#""what?""#),
    ("lower", r#"lower("HELLO")"#, r#""hello""#),
    ("matchkeys", r#"matchkeys(["i-1", "i-2", "i-3"], ["a", "b", "a"], ["a"])"#, r#"["i-1", "i-3"]"#),
    ("max", "max(12, 54, 3)", "54"),
    ("md5", r#"md5("hello world")"#, r#""5eb63bbbe01eeed093cb22bb8f5acdc3""#),
    ("merge", "merge({ a = 1, b = 2 }, { b = 3 })", "{ a = 1, b = 3 }"),
    ("min", "min(1m, 30s)", "30s"),
    ("nonsensitive", r#"issensitive(nonsensitive(sensitive("a")))"#, "false"),
    ("one", r#"one(["a"])"#, r#""a""#),
    ("parseint", r#"parseint("FF", 16)"#, "255"),
    ("pathexpand", r#"pathexpand("~/.ssh/id.pub")"#, r#""/home/ann/.ssh/id.pub""#),
    ("pow", "pow(3, 2)", "9"),
    ("range", "range(1, 8, 2)", "[1, 3, 5, 7]"),
    ("regex", r#"regex("[a-z]+", "123abc456")"#, r#""abc""#),
    ("regexall", r#"regexall("[a-z]+", "12ab34cd")"#, r#"["ab", "cd"]"#),
    ("replace", r#"replace("1 + 2 + 3", "+", "-")"#, r#""1 - 2 - 3""#),
    ("reverse", "reverse([1, 2, 3])", "[3, 2, 1]"),
    ("sensitive", r#"issensitive(sensitive("a"))"#, "true"),
    ("setintersection", r#"setintersection(["a", "b"], ["b", "c"])"#, r#"["b"]"#),
    (
        "setproduct",
        r#"setproduct(["dev", "prod"], ["a", "b"])"#,
        r#"[["dev", "a"], ["dev", "b"], ["prod", "a"], ["prod", "b"]]"#,
    ),
    ("setsubtract", r#"setsubtract(["a", "b", "c"], ["a", "c"])"#, r#"["b"]"#),
    ("setunion", r#"setunion(["a", "b"], ["b", "c"])"#, r#"["a", "b", "c"]"#),
    ("sha1", r#"sha1("hello world")"#, r#""2aae6c35c94fcfb415dbe95f408b9ce91ee846ed""#),
    (
        "sha256",
        r#"sha256("hello world")"#,
        r#""b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9""#,
    ),
    ("sha512", r#"substr(sha512("hello world"), 0, 16)"#, r#""309ecc489c12d6eb""#),
    ("signum", "signum(-13)", "-1"),
    ("slice", r#"slice(["a", "b", "c", "d"], 1, 3)"#, r#"["b", "c"]"#),
    ("sort", r#"sort(["e", "d", "a"])"#, r#"["a", "d", "e"]"#),
    ("split", r#"split(",", "foo,bar")"#, r#"["foo", "bar"]"#),
    ("startswith", r#"startswith("hello world", "hello")"#, "true"),
    ("strcontains", r#"strcontains("hello world", "wor")"#, "true"),
    ("strrev", r#"strrev("hello")"#, r#""olleh""#),
    ("substr", r#"substr("hello world", 1, 4)"#, r#""ello""#),
    ("sum", "sum([10, 13, 6, 4.5])", "33.5"),
    (
        "templatefile",
        r#"templatefile("web.sh", { port = 80, name = "shop" })"#,
        r##""#!/bin/sh\nexport PORT=80 HOME=$${HOME}\nSHOP\n""##,
    ),
    ("templatestring", r#"templatestring("port $${port}", { port = 80 })"#, r#""port 80""#),
    ("timeadd", r#"timeadd("2017-11-22T00:00:00Z", 10m)"#, r#""2017-11-22T00:10:00Z""#),
    ("timecmp", r#"timecmp("2017-11-22T00:00:00Z", "2017-11-22T01:00:00Z")"#, "-1"),
    ("title", r#"title("hello world")"#, r#""Hello World""#),
    ("tobool", r#"tobool("true")"#, "true"),
    ("tolist", r#"tolist(["a"])"#, r#"["a"]"#),
    ("tomap", "tomap({ a = 1 })", "{ a = 1 }"),
    ("tonumber", r#"tonumber("-1.5e3")"#, "-1500"),
    ("toset", r#"toset(["b", "a", "b"])"#, r#"["a", "b"]"#),
    ("tostring", "tostring(1)", r#""1""#),
    ("transpose", r#"transpose({ a = ["1", "2"], b = ["2"] })"#, r#"{ "1" = ["a"], "2" = ["a", "b"] }"#),
    ("trim", r#"trim("?!hello?!", "!?")"#, r#""hello""#),
    ("trimprefix", r#"trimprefix("helloworld", "hello")"#, r#""world""#),
    ("trimspace", r#"trimspace("  hello\n")"#, r#""hello""#),
    ("trimsuffix", r#"trimsuffix("helloworld", "world")"#, r#""hello""#),
    ("try", r#"try(tonumber("five"), 5)"#, "5"),
    ("upper", r#"upper("hello")"#, r#""HELLO""#),
    ("urldecode", r#"urldecode("a+b%21")"#, r#""a b!""#),
    ("urlencode", r#"urlencode("a b!")"#, r#""a+b%21""#),
    ("uuidv5", r#"uuidv5("dns", "www.terraform.io")"#, r#""a5008fae-b28c-5ba5-96cd-82b4c53552d6""#),
    ("values", "values({ a = 3, c = 2 })", "[3, 2]"),
    ("yamldecode", r#"yamldecode("a: 1\nb: [x, true]")"#, r#"{ a = 1, b = ["x", true] }"#),
    ("yamlencode", r#"yamlencode({ a = "b", c = [1, 2] })"#, r#""\"a\": \"b\"\n\"c\":\n- 1\n- 2\n""#),
    ("zipmap", r#"zipmap(["a", "b"], [1, 2])"#, "{ a = 1, b = 2 }"),
];

/// An expression that calls a function, and its value as an expression.
pub fn example(function: &str) -> Option<(&'static str, &'static str)> {
    EXAMPLES.iter().find(|(name, ..)| *name == function).map(|(_, written, value)| (*written, *value))
}

#[cfg(test)]
mod tests {
    use super::super::{LEFT_OUT, all, find};
    use super::*;
    use crate::evaluate::testing::same;

    #[test]
    fn every_function_has_an_example_that_calls_it_and_gives_what_it_says() {
        for function in all() {
            let (written, value) = example(function.name).unwrap_or_else(|| panic!("{}", function.name));
            assert!(written.contains(&format!("{}(", function.name)), "{written}");
            same(&[(written, value)]);
        }
        for (name, ..) in EXAMPLES {
            assert!(find(name).is_some(), "{name}");
        }
    }

    #[test]
    fn a_function_that_is_left_out_is_none() {
        for (name, _) in LEFT_OUT {
            assert!(find(name).is_none(), "{name}");
        }
    }
}
