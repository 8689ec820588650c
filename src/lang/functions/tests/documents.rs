//! Dates, documents, digests and paths: Terraform's documented examples, RFC 9562's, and the faults.

use crate::evaluate::testing::{mistakes, same, value};
use crate::value::Value;

#[test]
fn dates_do_what_terraform_documents() {
    let time = "2018-01-02T23:12:01";
    for (format, zone, written) in [
        ("DD MMM YYYY hh:mm ZZZ", "Z", "02 Jan 2018 23:12 UTC"),
        ("EEEE, DD-MMM-YY hh:mm:ss ZZZ", "Z", "Tuesday, 02-Jan-18 23:12:01 UTC"),
        ("EEE, DD MMM YYYY hh:mm:ss ZZZ", "-08:00", "Tue, 02 Jan 2018 23:12:01 -0800"),
        ("MMM DD, YYYY", "Z", "Jan 02, 2018"),
        ("HH:mmaa", "Z", "11:12pm"),
        ("H AA D M MMMM", "Z", "11 PM 2 1 January"),
        ("h'h'mm", "Z", "23h12"),
        ("h 'o''clock'", "Z", "23 o'clock"),
        ("YYYY-MM-DD'T'hh:mm:ssZ", "Z", "2018-01-02T23:12:01Z"),
        ("hh ZZZZZ ZZZZ Z", "+05:30", "23 +05:30 +0530 +05:30"),
    ] {
        let text = format!("formatdate(\"{format}\", \"{time}{zone}\")");
        assert_eq!(value(&text), Value::string(written), "{text}");
    }
    same(&[
        ("timeadd(\"2017-11-22T00:00:00Z\", \"10m\")", "\"2017-11-22T00:10:00Z\""),
        ("timeadd(\"2018-05-13T07:44:12+02:00\", \"-1h30m\")", "\"2018-05-13T06:14:12+02:00\""),
        ("timeadd(\"2024-02-28T12:00:00Z\", 24h)", "\"2024-02-29T12:00:00Z\""),
        ("timecmp(\"2017-11-22T01:00:00Z\", \"2017-11-22T00:00:00-01:00\")", "0"),
        ("timecmp(\"2017-11-22T01:00:00Z\", \"2017-11-22T00:59:00Z\")", "1"),
    ]);
    for (text, said) in [
        ("formatdate(\"YYY\", \"2018-01-02T23:12:01Z\")", "there is no `YYY` in a format"),
        ("formatdate(\"'open\", \"2018-01-02T23:12:01Z\")", "not closed"),
        ("formatdate(\"YYYY\", \"2018-01-02\")", "`2018-01-02` is no time"),
        ("formatdate(\"YYYY\", \"2018-13-02T23:12:01Z\")", "is no time"),
        ("formatdate(\"YYYY\", \"2018-01-02T23:12:01Z[UTC]\")", "is no time"),
        ("timeadd(\"2018-01-02T23:12:01Z\", 5)", "a duration"),
        ("timeadd(\"2018-01-02T23:12:01Z\", \"soon\")", "a duration"),
        ("timeadd(\"9999-12-30T21:00:00Z\", 72h)", "there is no such time"),
        ("timeadd(\"0001-01-01T00:00:00Z\", \"-2h\")", "there is no such time"),
        ("timestamp()", "a plan is the same whenever it is made"),
    ] {
        assert!(mistakes(text).contains(said), "{text}: {}", mistakes(text));
    }
}

#[test]
fn documents_are_written_as_terraform_does_and_read_back() {
    same(&[
        (
            "yamlencode({ foo = [1, { a = \"b\", c = \"d\" }, 3], bar = \"baz\" })",
            "\"\\\"bar\\\": \\\"baz\\\"\\n\\\"foo\\\":\\n- 1\\n- \\\"a\\\": \\\"b\\\"\\n  \\\"c\\\": \\\"d\\\"\\n- 3\\n\"",
        ),
        (
            "yamlencode({ a = {}, b = [], c = null, d = { e = [[1, 2], []] } })",
            "\"\\\"a\\\": {}\\n\\\"b\\\": []\\n\\\"c\\\": null\\n\\\"d\\\":\\n  \\\"e\\\":\\n  - - 1\\n    - 2\\n  - []\\n\"",
        ),
        ("yamldecode(\"hello: world\")", "{ hello = \"world\" }"),
        ("yamldecode(\"true\")", "true"),
        ("yamldecode(\"{a: &foo [1, 2, 3], b: *foo}\")", "{ a = [1, 2, 3], b = [1, 2, 3] }"),
        ("csvdecode(\"a,b\\n1,\\\"x, y\\\"\\n\")", "[{ a = \"1\", b = \"x, y\" }]"),
        ("csvdecode(\"a,b\\n\")", "[]"),
    ]);
    let round =
        "{ a = [1, 2.5, \"x: y\", true, null, \"- no\"], b = { \"c d\" = [[1], {}], e = \"two\\nlines\" } }";
    assert_eq!(value(&format!("yamldecode(yamlencode({round}))")), value(round));
    for (text, said) in [
        ("yamldecode(\"a: [\")", "the string is not YAML"),
        ("yamldecode(\"a: 1\\n---\\nb: 2\\n\")", "the string is not YAML"),
        ("yamlencode(load_balancer.edge)", "has no JSON"),
        ("csvdecode(\"a,a\\n1,2\\n\")", "two columns are called `a`"),
        ("csvdecode(\"a,b\\n1\\n\")", "the string is not CSV"),
    ] {
        assert!(mistakes(text).contains(said), "{text}: {}", mistakes(text));
    }
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\\ng: [*f,*f,*f,*f,*f,*f,*f,*f,*f]";
    let stopped = mistakes(&format!("yamldecode(\"{bomb}\")"));
    assert!(["not YAML", "too large"].iter().any(|said| stopped.contains(said)), "{stopped}");
    assert!(mistakes("csvdecode(\"${join(\",\", range(400))}\\n${join(\"\\n\", [for x in range(300) : join(\",\", range(400))])}\\n\")").contains("more than 100000 cells"));
}

#[test]
fn digests_are_those_of_the_standards() {
    same(&[
        // RFC 1321, A.5; FIPS 180; RFC 9562, A.4.
        ("md5(\"abc\")", "\"900150983cd24fb0d6963f7d28e17f72\""),
        ("sha1(\"abc\")", "\"a9993e364706816aba3e25717850c26c9cd0d89d\""),
        ("uuidv5(\"dns\", \"www.example.com\")", "\"2ed6657d-e927-568b-95e1-2665a8aea6a2\""),
        ("uuidv5(\"6ba7b810-9dad-11d1-80b4-00c04fd430c8\", \"a\")", "uuidv5(\"dns\", \"a\")"),
        ("filemd5(\"blob\")", "\"e0e8bfafbb0689563b2fba789c97b3cc\""),
    ]);
    assert!(mistakes("uuidv5(\"shop\", \"a\")").contains("`shop` is no namespace"));
    assert!(mistakes("uuid()").contains("uuidv5"));
}

#[test]
fn paths_are_taken_apart_and_files_found() {
    same(&[
        ("basename(\"foo/bar/baz.txt\")", "\"baz.txt\""),
        (
            "[basename(\"\"), basename(\"/\"), basename(\"a/\"), basename(\"a\")]",
            "[\".\", \"/\", \"a\", \"a\"]",
        ),
        ("dirname(\"foo/bar/baz.txt\")", "\"foo/bar\""),
        ("[dirname(\"\"), dirname(\"/\"), dirname(\"/a\"), dirname(\"a\")]", "[\".\", \"/\", \"/\", \".\"]"),
        (
            "[pathexpand(\"~\"), pathexpand(\"~ann\"), pathexpand(\"/a\")]",
            "[\"/home/ann\", \"~ann\", \"/a\"]",
        ),
        ("fileset(\"site\", \"*\")", "[\"index.html\"]"),
        ("fileset(\"site\", \"{css,js}/**\")", "[\"css/a.css\", \"css/b.css\", \"js/deep/c.js\"]"),
        ("fileset(\"site\", \"css/[b-z].css\")", "[\"css/b.css\"]"),
        ("fileexists(\"nope\")", "false"),
        ("[urldecode(\"%E2%98%83\"), urldecode(urlencode(\"a=1&b=ü\"))]", "[\"☃\", \"a=1&b=ü\"]"),
    ]);
    for (text, said) in [
        ("fileset(\"nope\", \"*\")", "`nope` cannot be listed: there is no such folder"),
        ("fileset(\"site\", \"[\")", "is no pattern of paths"),
        ("urldecode(\"%E2\")", "not UTF-8"),
        ("urldecode(\"100%\")", "not escaped for a URL"),
    ] {
        assert!(mistakes(text).contains(said), "{text}: {}", mistakes(text));
    }
}

#[test]
fn lists_and_blocks_of_addresses_are_held_against_each_other() {
    same(&[
        ("coalescelist(null, [], [1])", "[1]"),
        ("matchkeys([1, 2, 3], [\"a\", \"b\", \"a\"], [\"b\", \"c\"])", "[2]"),
        ("matchkeys([load_balancer.edge.dns_name, 2], [\"a\", \"b\"], [\"b\"])", "[2]"),
        (
            "[cidrcontains(\"10.0.0.0/8\", \"10.1.0.0/16\"), cidrcontains(\"10.1.0.0/16\", \"10.0.0.0/8\")]",
            "[true, false]",
        ),
        (
            "[cidrcontains(\"0.0.0.0/0\", \"1.2.3.4\"), cidrcontains(\"::/0\", \"1.2.3.4\"), cidrcontains(\"::/0\", \"fd00::1\")]",
            "[true, false, true]",
        ),
        (
            "[cidrcontains(\"10.0.0.1/32\", \"10.0.0.1\"), cidrcontains(\"10.0.0.1/32\", \"10.0.0.2\")]",
            "[true, false]",
        ),
        ("[signum(0), signum(3), log(8, 2)]", "[0, 1, 3]"),
        ("transpose({ a = [\"x\", \"x\"] })", "{ x = [\"a\"] }"),
    ]);
    for (text, said) in [
        ("coalescelist([], null)", "every list is null or empty"),
        ("matchkeys([1], [], [])", "0 keys and 1 values"),
        ("cidrcontains(\"10.0.0.0/8\", \"ten\")", "`ten` is no address block"),
        ("log(0, 2)", "too large"),
        ("transpose({ a = 1 })", "`a` is no list"),
        ("templatestring(\"$${prot}\", { port = 1 })", "did you mean `port`?"),
    ] {
        assert!(mistakes(text).contains(said), "{text}: {}", mistakes(text));
    }
    assert_eq!(value("issensitive([1, var.secret])"), Value::Bool(true));
    let hidden = mistakes("templatestring(\"$${x} ${var.secret}\", {})");
    assert!(!hidden.contains("s3cret") && hidden.contains("cannot be filled in"), "{hidden}");
}
