//! The trees of texts, and that parsing any text ends.

use std::time::Duration;

use proptest::prelude::*;

use super::ast::{Access, Block, Expr, Files, Node, Part, Unary};
use super::parse::parse;
use crate::diagnostic::{FileId, Mistake, Sources};

pub(super) const EXAMPLES: [&str; 3] = [
    include_str!("../../stacks/explicit.deploy"),
    include_str!("../../stacks/shop.deploy"),
    include_str!("../../stacks/canary.deploy"),
];

fn read(text: &str) -> (Files, Vec<Mistake>) {
    let mut mistakes = Vec::new();
    let files = parse(FileId(0), text, &mut mistakes);
    (files, mistakes)
}

/// The only expression of a text, written with every operator's operands in brackets.
fn value(expression: &str) -> String {
    let text = format!("locals {{\n  x = {expression}\n}}\n");
    let (files, mistakes) = read(&text);
    match (mistakes.first(), files.blocks.first().and_then(|block| block.body.attributes.first())) {
        (None, Some(attribute)) => show(&attribute.value),
        (Some(mistake), _) => format!("{}; {}", mistake.message, mistake.help.clone().unwrap_or_default()),
        (None, None) => "nothing".to_owned(),
    }
}

fn list(items: &[Expr]) -> String {
    items.iter().map(show).collect::<Vec<_>>().join(" ")
}

fn show(expr: &Expr) -> String {
    match &expr.node {
        Node::Null => "null".to_owned(),
        Node::Bool(value) => value.to_string(),
        Node::Number(value) => value.to_string(),
        Node::Duration(value) => format!("{value:?}"),
        Node::Percent(value) => format!("{value}%"),
        Node::String(text) => format!("{text:?}"),
        Node::Template(parts) => {
            let part = |part: &Part| match part {
                Part::Text(text) => format!("{text:?}"),
                Part::Value(value) => show(value),
            };
            format!("(template {})", parts.iter().map(part).collect::<Vec<_>>().join(" "))
        }
        Node::List(items) => format!("[{}]", list(items)),
        Node::Object(items) => {
            let items = items.iter().map(|(key, value)| format!("{}: {}", show(key), show(value)));
            format!("{{{}}}", items.collect::<Vec<_>>().join(", "))
        }
        Node::Name(name) => name.clone(),
        Node::Attribute(target, name) => format!("{}.{}", show(target), name.text),
        Node::Index(target, index) => format!("{}[{}]", show(target), show(index)),
        Node::Splat(target, accesses) => {
            let access = |access: &Access| match access {
                Access::Attribute(name) => format!(".{}", name.text),
                Access::Index(index) => format!("[{}]", show(index)),
            };
            format!("{}[*]({})", show(target), accesses.iter().map(access).collect::<String>())
        }
        Node::Call { function, arguments, spread } => {
            format!("{}({}{})", function.text, list(arguments), if *spread { "..." } else { "" })
        }
        Node::Unary(Unary::Not, operand) => format!("(! {})", show(operand)),
        Node::Unary(Unary::Minus, operand) => format!("(- {})", show(operand)),
        Node::Binary(operator, left, right) => {
            format!("({} {} {})", show(left), operator.symbol(), show(right))
        }
        Node::Conditional { condition, yes, no } => {
            format!("({} ? {} : {})", show(condition), show(yes), show(no))
        }
        Node::For(each) => {
            let key = each.key.as_ref().map_or(String::new(), |key| format!("{}, ", key.text));
            let result_key = each.result_key.as_ref().map_or(String::new(), |key| show(key) + " => ");
            let grouped = if each.grouped { "..." } else { "" };
            let condition =
                each.condition.as_ref().map_or(String::new(), |test| format!(" if {}", show(test)));
            format!(
                "(for {key}{} in {}: {result_key}{}{grouped}{condition})",
                each.value.text,
                show(&each.collection),
                show(&each.result),
            )
        }
    }
}

#[test]
fn the_examples_are_read_without_a_mistake() {
    for text in EXAMPLES {
        let (files, mistakes) = read(text);
        assert!(mistakes.is_empty(), "{mistakes:?}");
        assert!(files.broken.is_empty() && files.blocks.iter().all(|block| !block.broken));
    }
}

#[test]
fn a_block_has_its_labels_attributes_and_blocks() {
    let mut sources = Sources::default();
    let text =
        "existing vpc \"main\" { # here\n  a = 1; b = 2 // there\n\n  c { d = \"x\" }\n  /* e */ f {}\n}";
    let file = sources.add("x.deploy", text);
    let mut mistakes = Vec::new();
    let files = parse(file, text, &mut mistakes);
    assert!(mistakes.is_empty(), "{mistakes:?}");
    let block = &files.blocks[0];
    let names = |blocks: &[Block]| blocks.iter().map(|block| block.keyword.text.clone()).collect::<Vec<_>>();
    assert_eq!(block.keyword.text, "existing");
    assert_eq!(block.labels.iter().map(|label| &*label.text).collect::<Vec<_>>(), ["vpc", "main"]);
    assert_eq!(sources.slice(block.labels[1].span), "\"main\"");
    assert_eq!(sources.slice(block.span), text);
    assert_eq!(names(&block.body.blocks), ["c", "f"]);
    let attribute = &block.body.attributes[1];
    assert_eq!((sources.slice(attribute.name.span), sources.slice(attribute.value.span)), ("b", "2"));
    assert_eq!(sources.slice(block.body.blocks[0].body.attributes[0].value.span), "\"x\"");
}

#[test]
fn operators_bind_as_in_terraform() {
    for (written, read) in [
        ("a || b && c", "(a || (b && c))"),
        ("a && b == c < d + e * f", "(a && (b == (c < (d + (e * f)))))"),
        ("1 - 2 - 3 / 4 / 5", "((1 - 2) - ((3 / 4) / 5))"),
        ("-a * !b", "((- a) * (! b))"),
        ("-a.b[0]", "(- a.b[0])"),
        ("(1 + 2) * 3", "((1 + 2) * 3)"),
        ("a >= 1 != b <= 2", "((a >= 1) != (b <= 2))"),
        ("a ? b : c ? d : e", "(a ? b : (c ? d : e))"),
        ("a || b ? 1 : 2", "((a || b) ? 1 : 2)"),
        ("a-b", "a-b"),
        ("a - b", "(a - b)"),
        ("a -b", "(a - b)"),
        ("1-2", "(1 - 2)"),
        ("a ? -1 : 2", "(a ? (- 1) : 2)"),
    ] {
        assert_eq!(value(written), read, "{written}");
    }
}

#[test]
fn literals_are_read() {
    for (written, read) in [
        ("null", "null"),
        ("true", "true"),
        ("8080", "8080"),
        ("0.25", "0.25"),
        ("1e3", "1000"),
        ("2.5e-1", "0.25"),
        ("5s", "5s"),
        ("500ms", "500ms"),
        ("1h30m", "5400s"),
        ("1d", "86400s"),
        ("25%", "25%"),
        ("12.5%", "12.5%"),
        ("[1, 2,]", "[1 2]"),
        ("[\n    1, # one\n    2\n  ]", "[1 2]"),
        ("[]", "[]"),
        ("{}", "{}"),
        ("{ a = 1, \"b\" : 2, (c) = 3 }", "{a: 1, \"b\": 2, c: 3}"),
        ("{\n a = 1\n\n b = 2,\n c = 3 # three\n}", "{a: 1, b: 2, c: 3}"),
        ("[{\n a = [\n 1\n ]\n b = 2 }]", "[{a: [1], b: 2}]"),
    ] {
        assert_eq!(value(written), read, "{written}");
    }
}

#[test]
fn accesses_calls_and_comprehensions_are_read() {
    for (written, read) in [
        ("a.b.c[0][\"k\"].d", "a.b.c[0][\"k\"].d"),
        ("a.b[*].c[0].d", "a.b[*](.c[0].d)"),
        ("a[*]", "a[*]()"),
        ("[1][0]", "[1][0]"),
        ("f()", "f()"),
        ("f(1, g(2),)", "f(1 g(2))"),
        ("f(\n  1,\n  a...\n)", "f(1 a...)"),
        ("f(a).b", "f(a).b"),
        ("[for x in xs : x.y if x.z]", "(for x in xs: x.y if x.z)"),
        ("[for k, v in { a = 1 } : \"${k}\"]", "(for k, v in {a: 1}: (template k))"),
        ("{ for k, v in m : k => v... if v > 1 }", "(for k, v in m: k => v... if (v > 1))"),
        ("{\n for k in m :\n k => [\n k\n ]\n}", "(for k in m: k => [k])"),
        ("[for, forward]", "[for forward]"),
        ("[for x in in : iffy]", "(for x in in: iffy)"),
    ] {
        assert_eq!(value(written), read, "{written}");
    }
}

#[test]
fn strings_are_read_with_escapes_and_interpolation() {
    for (written, read) in [
        (r#""a\n\t\"\\\u00e9""#, r#""a\n\t\"\\é""#),
        (r#""shop-${each.value}-x""#, r#"(template "shop-" each.value "-x")"#),
        (r#""$${HOME} %{ if } $5 $$ 100%""#, r#""${HOME} %{ if } $5 $$ 100%""#),
        (r#""$$${a}""#, r#""$${a}""#),
        (r#""a${f("b}${c}", {})}d""#, r#"(template "a" f((template "b}" c) {}) "d")"#),
        ("\"a${f(\n  1\n)}\"", r#"(template "a" f(1))"#),
        ("\"größe ${a} €\"", r#"(template "größe " a " €")"#),
    ] {
        assert_eq!(value(written), read, "{written}");
    }
}

#[test]
fn heredocs_lose_their_least_indent_and_keep_the_last_newline() {
    for (written, read) in [
        ("<<EOT\n  a\n b\nEOT", r#""  a\n b\n""#),
        ("<<-EOT\n      a\n\n        b\n    EOT", r#""a\n\n  b\n""#),
        (
            "<<-EOT\n    #!/bin/sh\n    echo ${a.b} \"$${c}\" \\n\n    EOT",
            r##"(template "#!/bin/sh\necho " a.b " \"${c}\" \\n\n")"##,
        ),
        ("<<-EOT\r\n  a\r\n  b\r\n  EOT\r", r#""a\nb\n""#),
        ("<<EOT\nEOT", r#""""#),
        ("<<-EOT\n\t\tA EOT\n\t\tEOTX\n\tEOT", r#""A EOT\nEOTX\n""#),
        ("[<<A\n1\nA\n  , <<B\n2\nB\n  ]", r#"["1\n" "2\n"]"#),
        ("{\n a = <<-A\n   ${x}\n  ${\"y\"}\n A\n b = 1 }", r#"{a: (template " " x "\n" "y" "\n"), b: 1}"#),
    ] {
        assert_eq!(value(written), read, "{written}");
    }
}

#[test]
fn a_hundred_levels_fit_in_the_stack_of_a_thread() {
    let nested = |open: &str, inner: &str, close: &str, levels: usize| {
        value(&(open.repeat(levels) + inner + &close.repeat(levels)))
    };
    for levels in [98, 99, 101] {
        let too_deep = levels > 99;
        for (open, inner, close) in [("(", "1", ")"), ("[", "", "]"), ("f(", "1", ")"), ("{ a = ", "1", "}")]
        {
            assert_eq!(nested(open, inner, close, levels).contains("100 deep"), too_deep, "{open} {levels}");
        }
    }
    assert!(!nested("[for a in b : ", "1", "]", 90).contains("deep"));
    assert!(!nested("a ? b : ", "1", "", 90).contains("deep"));
    assert!(!nested("\"${", "a", "}\"", 90).contains("deep"));
    assert!(!value(&("1 + ".repeat(240) + "1")).contains("operators"));
}

#[test]
fn a_long_heredoc_is_read_whole() {
    for end in ["\n", "\r\n"] {
        let text = format!("a {{\n  b = <<-A\n{}  A\n}}\n", format!("  ${{x}} y{end}").repeat(20_000));
        let (files, mistakes) = read(&text);
        assert!(mistakes.is_empty());
        let Node::Template(parts) = &files.blocks[0].body.attributes[0].value.node else { panic!() };
        assert_eq!(parts.len(), 40_000);
        assert_eq!(parts[1], Part::Text(" y\n".to_owned()));
    }
}

/// Texts of a construct nested `levels` deep, or repeated, most of them never closed.
fn deep(levels: usize) -> Vec<String> {
    let nested = |open: &str, close: &str| open.repeat(levels) + &close.repeat(levels);
    let value = |value: &str| format!("a {{\n x = {value}\n}}");
    let unclosed = ["[", "(", "{ a = ", "\"${", "<<A\n", "f(", "[for ", "a ? ", "a[", "? ", "= "];
    let values = ["-", "!", "1 + ", "a && ", "a ? b : "].map(|one| value(&(one.repeat(levels) + "1")));
    let accesses = [".a", "[0]", "[*]"].map(|one| value(&format!("a{}", one.repeat(levels))));
    let pairs = [
        ("[", "]"),
        ("{ a = ", "}"),
        ("\"${", "}\""),
        ("f(", ")"),
        ("(a ? ", ": b)"),
        ("[for a in b : ", "]"),
    ];
    let lines = [
        "a {\n",
        "x = <<A\n",
        "x = \"${\n",
        "x = \"\n",
        "x = [\n",
        "x = (1, }\n",
        "a \"b\" {\n  x = [\n",
        "a = [}",
        "/*",
        "{",
        "}",
        "a = {\n",
        "x = <<A ${\n",
        "x = \"${ \"\n",
        "@",
        "\"",
    ];
    let mut texts: Vec<_> = unclosed.iter().map(|one| value(&one.repeat(levels))).collect();
    texts.extend(values.into_iter().chain(accesses));
    texts.extend(pairs.map(|(open, close)| value(&nested(open, close))));
    texts.extend(lines.map(|one| one.repeat(levels)));
    texts.extend([
        nested("a {\n", "}\n"),
        format!("a {{ b = {}", nested("[", "}")),
        format!("x = [{}", "\n".repeat(levels)),
        format!("a\n{}", "# \n".repeat(levels)),
        value(&format!("<<A\n{}A", "${\n".repeat(levels))),
        value(&format!("\"{}\"", "${".repeat(levels))),
        value(&format!("[{} 1 2]", "\"a\", ".repeat(levels))),
    ]);
    texts
}

/// The processor time of this thread alone, so that others on the machine do not count.
fn time_to_read(text: &str) -> Duration {
    let now =
        || Duration::try_from(rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime)).unwrap();
    let start = now();
    let (_, mistakes) = read(text);
    assert!(!mistakes.is_empty(), "{}", &text[..20]);
    now() - start
}

#[test]
fn a_text_of_any_depth_is_refused_in_time_that_grows_as_it_does() {
    for (text, twice) in deep(10_000).iter().zip(deep(20_000)) {
        let (took, twice) = (time_to_read(text), time_to_read(&twice));
        assert!(twice < took * 3 + Duration::from_millis(300), "{}: {took:?}, {twice:?}", &text[..20]);
    }
}

proptest! {
    #[test]
    fn any_text_is_read(text in "\\PC*") {
        read(&text);
    }

    #[test]
    fn any_sequence_of_what_the_language_is_made_of_is_read(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "a", "x =", "{", "}", "[", "]", "(", ")", "\"", "${", "$${", "\n", " ", "<<A\n", "A", "<<-A\n", "#",
                "//", "/*", "*/", "=", "==", ":", ",", ";", ".", "...", "?", "!", "-", "+", "5s", "10%", "1", "for",
                "in", "if", "=>", "\\", "'", "é", "\r", "\t", "|", "&", "%",
            ]),
            0..80,
        )
    ) {
        read(&pieces.concat());
    }

    #[test]
    fn any_damage_to_an_example_is_read(
        example in 0..EXAMPLES.len(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0..40usize, "[\\[\\](){}\"=,:#$<\n a1%-]{0,3}"), 1..4),
    ) {
        let mut text: Vec<char> = EXAMPLES[example].chars().collect();
        for (at, length, with) in cuts {
            let at = at.index(text.len());
            let end = (at + length).min(text.len());
            text.splice(at..end, with.chars());
        }
        read(&text.into_iter().collect::<String>());
    }
}

#[test]
fn a_carriage_return_alone_ends_a_line_and_is_told() {
    let (files, mistakes) = read("# a comment\rlocals {\r  x = 1\r\n  y = 2\r}\r");
    let words: Vec<_> = mistakes.iter().map(|mistake| (mistake.code, mistake.labels[0].0.start)).collect();
    assert_eq!(words, [("bgform::lang::line_end", 11)]);
    assert_eq!(files.blocks[0].body.attributes.len(), 2);
    let (_, none) = read("# a comment\r\nlocals {\r\n  x = 1\r\n}\r\n");
    assert!(none.is_empty(), "{none:?}");
}

#[test]
fn what_is_meant_for_a_shell_is_told_how_to_reach_it() {
    for inside in [
        "A:-b", "A:=b", "A:?b", "A:+b", "A:-", "a[@]", "a[@]:1", "f%.txt", "f%%.*", "f##*/", "f#x", "#a",
        "#a[@]", "!a[@]", "a//x/y", "a/x/", "a^^", "a,,", "a:1:2", "1", "@", "*", "?", "1:-x", "A-", "a@Q",
    ] {
        for text in [format!("\"x ${{{inside}}}\""), format!("<<-EOT\n    x ${{{inside}}}\n  EOT")] {
            let said = value(&text);
            assert!(
                said.ends_with(&format!("write `$${{{inside}}}`, which is `${{{inside}}}` in the text")),
                "{said}"
            );
        }
    }
    // A hole that cannot be parsed and may be meant for the shell gets both texts.
    for inside in ["A=x", "A?err", "a[1:2]"] {
        let said = value(&format!("\"${{{inside}}}\""));
        assert!(said.ends_with("for a shell's own `${ }` write `$${ }`"), "{said}");
    }
    for ours in [
        "a-b",
        "a - b",
        "a[0]",
        "a[*]",
        "a[*].b",
        "25%",
        "1h",
        "a ? b : c",
        "-a",
        "!a",
        "a / b",
        "a.b",
        "a # c\n",
        "[]",
        "f(a, b)",
    ] {
        let said = value(&format!("\"${{{ours}}}\""));
        assert!(!said.contains("shell"), "{said}");
    }
}

#[test]
fn a_directive_of_another_tool_is_no_text() {
    for text in ["%{ if x }", "%{if x}", "%{~ for a in b ~}", "%{ else }", "%{~ endif ~}", "%{ endfor }"] {
        for text in [format!("\"a {text}\""), format!("<<-EOT\n    a {text}\n  EOT")] {
            let said = value(&text);
            assert!(said.starts_with("bgform has no `%{"), "{said}");
        }
    }
    assert_eq!(value("\"%{http_code} 100%{ %{ iffy } ${\"%\"}{ if x }\"").matches("http_code").count(), 1);
}
