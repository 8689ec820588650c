//! The messages for slips.

use miette::{GraphicalReportHandler, GraphicalTheme};

use super::parse::parse;
use crate::diagnostic::Sources;

/// Every mistake of a text as it is shown.
fn shown(text: &str) -> String {
    let mut sources = Sources::default();
    let file = sources.add("shop.deploy", text);
    let mut mistakes = Vec::new();
    parse(file, text, &mut mistakes);
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor()).with_links(false);
    let mut shown = String::new();
    for mistake in mistakes {
        handler.render_report(&mut shown, &mistake.in_sources(&sources)).unwrap();
    }
    shown
}

/// For each line, written as a block's attribute: code, message, the underlined text and the help.
fn slips(lines: &str) -> String {
    let mut told = String::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let text = format!("locals {{\n  {line}\n}}\n").replace("\\n", "\n");
        let mut sources = Sources::default();
        let file = sources.add("shop.deploy", text.as_str());
        let mut mistakes = Vec::new();
        parse(file, &text, &mut mistakes);
        told += &format!("{line}\n");
        for mistake in mistakes {
            let code = mistake.code.replace("bgform::lang::", "");
            let (span, label) = &mistake.labels[0];
            let help = mistake.help.unwrap_or_default();
            told += &format!("  {code}: {}\n", mistake.message);
            told += &format!("  `{}` {label}\n  -> {help}\n", sources.slice(*span));
        }
    }
    told
}

#[test]
fn a_slip_at_an_attribute_is_told_with_what_to_write() {
    insta::assert_snapshot!(slips(r#"
        port 80
        port == 80
        port: 80
        port => 80
        port += 80
        port
        port =
        tags.team = "x"
        "port" = 80
        größe = 1
        port = 80,
        port = 80, 81
        a = 1 b = 2
        a = b = c
        5 = 1
    "#), @r#"
port 80
  syntax: expected `=` after `port`
  `80` expected `=` before this
  -> write `port = 80`
port == 80
  syntax: `==` compares; an attribute is set with `=`
  `==` expected `=`
  -> write `port = 80`
port: 80
  syntax: an attribute is set with `=`, not with `:`
  `:` expected `=`
  -> write `port = 80`
port => 80
  syntax: an attribute is set with `=`, not with `=>`
  `=>` expected `=`
  -> write `port = 80`
port += 80
  syntax: expected `=` after `port`
  `+` expected `=`
  -> write `port = 80`
port
  syntax: expected `=` after `port`
  `` expected `=` and a value
  -> write `port = value`
port =
  syntax: expected a value after `=`
  `=` nothing follows on this line
  -> write `port = value`, such as `port = "text"`
tags.team = "x"
  syntax: an attribute's name has no `.`
  `.` expected `=`
  -> write `tags = { team = "x" }`
"port" = 80
  syntax: `"port"` cannot begin an attribute or a block
  `"port"` expected a name without quotes
  -> write `port = 80`
größe = 1
  syntax: `größe` cannot begin an attribute or a block
  `größe` not all of this is a name
  -> names are ASCII letters, digits, `_` and `-`
port = 80,
  syntax: an attribute ends with its line, without a comma
  `,` not expected
  -> remove the `,`
port = 80, 81
  syntax: an attribute ends with its line, without a comma
  `,` not expected
  -> write a list, `[80, 81]`
a = 1 b = 2
  syntax: expected the end of the line after the value
  `b` another attribute begins here
  -> write each attribute on a line of its own, or `;` between them
a = b = c
  syntax: `=` does not stand within a value
  `=` not expected
  -> write `==` to compare
5 = 1
  syntax: `5` cannot begin an attribute or a block
  `5` expected a name
  -> write `name = value` or `block "name" {`
"#);
}

#[test]
fn a_slip_in_a_string_is_told_with_what_to_write() {
    insta::assert_snapshot!(slips(r#"
        a = "abc
        a = abc"
        a = 'abc'
        a = “abc”
        a = ["x", "y]
        a = "${HOME"
        a = "x ${f("a)}"
        a = "${}"
        a = ${var.x}
        a = "\d+"
        a = "\u12"
        a = "\${x}"
        a = HTTP from anywhere
        a = "x" "y"
        a = "${a b}"
        a = << EOT
    "#), @r#"
a = "abc
  unclosed_string: this string is not closed on its line
  `"abc` opened here
  -> write `"abc"`
a = abc"
  unclosed_string: this string is not closed on its line
  `"` opened here
  -> the quote before it is missing: write `"abc"`
a = 'abc'
  syntax: a string begins and ends with `"`, not with `'`
  `'abc'` expected a string in double quotes
  -> write `"abc"`
a = “abc”
  syntax: a string begins and ends with `"`, not with `“`
  `“abc”` expected a string in double quotes
  -> write `"abc"`
a = ["x", "y]
  unclosed_string: this string is not closed on its line
  `"y]` opened here
  -> write `"y"`
a = "${HOME"
  unclosed_interpolation: this `${` is never closed
  `${HOME` opened here
  -> write `${HOME}` to put a value here, or `$${` for the two characters themselves
a = "x ${f("a)}"
  unclosed_string: this string is not closed on its line
  `"x ${f("a)}"` opened here
  -> look for a quote that is missing in it; a quote that is part of a text is written `\"`
a = "${}"
  syntax: this `${ }` is empty
  `${}` expected a value in it
  -> write `${name}` to put a value here, or `$${` for the two characters themselves
a = ${var.x}
  syntax: `${ }` is only written in strings
  `$` expected a value
  -> write `var.x`
a = "\d+"
  bad_escape: `\d` is not an escape
  `\d` here
  -> the escapes are `\n`, `\t`, `\r`, `\"`, `\\` and `\u` with four hex digits; write `\\d` for a backslash
a = "\u12"
  bad_escape: `\u` needs four hex digits
  `\u` here
  -> write it as in `\u00e9`
a = "\${x}"
  bad_escape: `\$` is not an escape
  `\$` here
  -> write `$${` for the two characters `${`
a = HTTP from anywhere
  syntax: expected an operator or the end of the line
  `from` not expected
  -> write `"HTTP from anywhere"` if it is a text
a = "x" "y"
  syntax: expected an operator or the end of the line
  `"y"` not expected
  -> join texts in one string, as in `"${a} and ${b}"`
a = "${a b}"
  syntax: expected an operator or the end of the line
  `b` not expected
  -> join texts in one string, as in `"${a} and ${b}"`
a = << EOT
  syntax: a heredoc's marker is a word right after `<<`
  `<` expected a marker
  -> write `<<-EOT`, the text from the next line on, and `EOT` alone on the last
"#);
}

#[test]
fn a_slip_in_a_number_is_told_with_what_to_write() {
    insta::assert_snapshot!(slips(r#"
        a = 5 s
        a = 5sec
        a = 1.5h
        a = 30m1h
        a = 25 %
        a = 5 % 3
        a = 5%3
        a = b % c
        a = .5
        a = 1_000
        a = 007
        a = 10.0.0.0/16
        a = 1.2.3
        a = 0x1F
        a = +5
    "#), @r#"
a = 5 s
  syntax: a duration is written without a space
  `s` not expected
  -> write `5s`
a = 5sec
  bad_number: not a duration: `5sec`
  `5sec` here
  -> write `5s`
a = 1.5h
  bad_number: not a duration: `1.5h`
  `1.5h` here
  -> write `90m`: durations are whole
a = 30m1h
  bad_number: not a duration: `30m1h`
  `30m1h` here
  -> units go from the largest to the smallest, as in `1h30m`
a = 25 %
  syntax: a `%` touches its number
  `%` not expected
  -> write `25%`
a = 5 % 3
  syntax: there is no modulo operator
  `%` not an operator
  -> a percent is written `25%`; `a - floor(a / b) * b` is the remainder
a = 5%3
  bad_number: not a number: `5%3`
  `5%3` here
  -> a percent ends with its `%`; there is no modulo operator
a = b % c
  syntax: there is no modulo operator
  `%` not an operator
  -> a percent is written `25%`; `a - floor(a / b) * b` is the remainder
a = .5
  syntax: a number begins with a digit
  `.` expected a value here
  -> write `0.5`
a = 1_000
  bad_number: not a number: `1_000`
  `1_000` here
  -> write `1000`
a = 007
  bad_number: a number does not begin with 0: `007`
  `007` here
  -> write `7`, or `"007"` if it is a text
a = 10.0.0.0/16
  bad_number: not a number: `10.0.0.0`
  `10.0.0.0` here
  -> versions and addresses are strings: write all of it in quotes, as in `"10.0.0.0"`
a = 1.2.3
  bad_number: not a number: `1.2.3`
  `1.2.3` here
  -> versions and addresses are strings: write all of it in quotes, as in `"1.2.3"`
a = 0x1F
  bad_number: not a number: `0x1F`
  `0x1F` here
  -> write `"0x1F"` if it is a text
a = +5
  syntax: expected a value after `=`
  `+` expected a value here
  -> there is no `+` before a single value; remove it
"#);
}

#[test]
fn a_slip_in_an_expression_is_told_with_what_to_write() {
    insta::assert_snapshot!(slips(r#"
        a = i ? x
        a = (i ? x)
        a = i : x
        a = [1 2]
        a = ["x" "y"]
        a = [1,, 2]
        a = f(a b)
        a = f(1))
        a = f(1
        a = [1, 2
        a = [1, 2)
        a = [1, 2}
        a = { b }
        a = { b 1 }
        a = { b = 1 c = 2 }
        a = { b = 1\n c 2 }
        a = b and c
        a = b & c
        a = not b
        a = if b
        a = 1 +
        a = (1 + )
        a = b.0
        a = b.*.c
        a = b[*].c[*].d
        a = [for x xs : x]
        a = { for x in xs : x }
        a = @
        a = b..c
    "#), @r#"
a = i ? x
  syntax: expected `:` and the other value of this `? :`
  `x` `:` is missing
  -> write `i ? x : other`
a = (i ? x)
  syntax: expected `:` and the other value of this `? :`
  `)` `:` is missing
  -> write `i ? x : other`
a = i : x
  syntax: this `:` has no `?`
  `:` not expected
  -> write `condition ? yes : no`
a = [1 2]
  syntax: expected a `,` between two values of the list
  `2` expected `,` before this
  -> write `1, 2`
a = ["x" "y"]
  syntax: expected a `,` between two values of the list
  `"y"` expected `,` before this
  -> write `"x", "y"`
a = [1,, 2]
  syntax: expected a value after `,`
  `,` expected a value here
  -> remove one `,`, or write the value that is missing
a = f(a b)
  syntax: expected a `,`, an operator or `)`
  `b` expected `,` before this
  -> write `a, b`
a = f(1))
  syntax: this `)` closes nothing
  `)` nothing is open that it could close
  -> remove the `)`, or write what it should close
a = f(1
  unclosed_bracket: this `(` is never closed
  `(` opened here
  -> write `)` where it ends
a = [1, 2
  unclosed_bracket: this `[` is never closed
  `[` opened here
  -> write `]` where it ends
a = [1, 2)
  unclosed_bracket: this `[` is never closed
  `[` opened here
  -> write `]` where it ends
a = [1, 2}
  unclosed_bracket: this `[` is never closed
  `[` opened here
  -> write `]` where it ends
a = { b }
  syntax: expected `=` after `b`
  `}` expected `=` and a value
  -> write `b = value`
a = { b 1 }
  syntax: expected `=` after `b`
  `1` expected `=` and a value
  -> write `b = value`
a = { b = 1 c = 2 }
  syntax: expected a `,` or a new line between two items of the object
  `c` expected `,` before this
  -> write `,` between `1` and `c`
a = { b = 1\n c 2 }
  syntax: expected `=` after `c`
  `2` expected `=` and a value
  -> write `c = value`
a = b and c
  syntax: `and` is written `&&`
  `and` not an operator
  -> write `b && c`
a = b & c
  syntax: `&` is written `&&`
  `&` not an operator
  -> write `b && c`
a = not b
  syntax: `not` is written `!`
  `b` not expected here
  -> write `!b`
a = if b
  syntax: `if` does not begin a value
  `b` not expected here
  -> write `condition ? yes : no`
a = 1 +
  syntax: expected a value after `+`
  `+` nothing follows on this line
  -> put the expression in `( )` to go on in the next line
a = (1 + )
  syntax: expected a value before `)`
  `)` expected a value here
  -> write a value between `+` and `)`
a = b.0
  syntax: expected a name after `.`
  `0` not a name
  -> write `[0]` without the `.`
a = b.*.c
  syntax: a splat is written in brackets
  `*` expected a name
  -> write `[*]` without the `.`
a = b[*].c[*].d
  syntax: a second `[*]` in one expression
  `[*]` this one would go over a list of lists
  -> write `[for item in list : item.name[*]]`, within `flatten( )` for one flat list
a = [for x xs : x]
  syntax: this `for` in `[ ]` is not finished
  `xs` cannot be read from here
  -> write it as `[for item in list : value if condition]`
a = { for x in xs : x }
  syntax: this `for` in `{ }` is not finished
  `}` cannot be read from here
  -> write it as `{ for key, value in object : key => value }`
a = @
  syntax: `@` has no meaning here
  `@` not expected
  -> a text stands in double quotes
a = b..c
  syntax: `.` is not expected here
  `.` not expected
  -> remove the `.`
"#);
}

#[test]
fn one_unclosed_brace_is_one_mistake_where_it_was_opened() {
    insta::assert_snapshot!(shown(r#"stack "shop" {
  region = "us-east-1"

variable "release" {
  type = string
}

output "url" {
  value = var.release
}
"#), @r#"
bgform::lang::unclosed_brace

  × this `{` is never closed
   ╭─[shop.deploy:1:14]
 1 │ stack "shop" {
   ·              ┬
   ·              ╰── opened here
 2 │   region = "us-east-1"
   ╰────
  help: write `}` at the end of its content
"#);
}

#[test]
fn unclosed_braces_are_found_wherever_they_are() {
    let opened = |text: &str| {
        let mut mistakes = Vec::new();
        let mut sources = Sources::default();
        let file = sources.add("shop.deploy", text);
        parse(file, text, &mut mistakes);
        assert_eq!(mistakes.len(), 1, "{text}: {mistakes:?}");
        assert_eq!(mistakes[0].code, "bgform::lang::unclosed_brace");
        let before = &text[..mistakes[0].labels[0].0.start];
        before.rsplit('\n').next().unwrap().trim().to_owned()
    };
    assert_eq!(opened("a {\n  b {\n    x = 1\n}\n\nc {\n  d = 1\n}\n"), "b");
    assert_eq!(opened("a {\n  b {\n    x = 1\n  y = 2\n}\n\nc {\n  d = 1\n}\n"), "b");
    assert_eq!(opened("a {\n  tags = {\n    x = 1\n  y = 2\n}\n\nc {\n  d = 1\n}\n"), "tags =");
    assert_eq!(opened("a {\n  tags = { x = 1\n  y = 2\n}\n\nc {\n  d = 1\n}\n"), "tags =");
    assert_eq!(opened("a {\nx = 1\n}\nb {\ny = 1\n"), "b");
    assert_eq!(opened("a { x = 1"), "a");
    assert_eq!(opened("a {\n  x = {"), "x =");
}

#[test]
fn every_statement_tells_its_own_mistake_and_the_others_are_read() {
    insta::assert_snapshot!(shown(r#"stack shop. {
  region = us east
  tags   = [1, 2
  state  = "ok"
}

variable "release"
{
  type = strin g
}

x = 1
}
existing "vpc" {
  user_data = <<-EOT
    echo
  EOF
}

output "url" {
  value = 1 1
}
"#), @r#"
bgform::lang::syntax

  × `.` cannot stand in the name of a block
   ╭─[shop.deploy:1:11]
 1 │ stack shop. {
   ·           ┬
   ·           ╰── expected a name, a string or `{`
 2 │   region = us east
   ╰────
  help: write it in quotes, `"shop"`
bgform::lang::syntax

  × expected an operator or the end of the line
   ╭─[shop.deploy:2:15]
 1 │ stack shop. {
 2 │   region = us east
   ·               ──┬─
   ·                 ╰── not expected
 3 │   tags   = [1, 2
   ╰────
  help: write `"us east"` if it is a text
bgform::lang::unclosed_bracket

  × this `[` is never closed
   ╭─[shop.deploy:3:12]
 2 │   region = us east
 3 │   tags   = [1, 2
   ·            ┬
   ·            ╰── opened here
 4 │   state  = "ok"
   ╰────
  help: write `]` where it ends
bgform::lang::syntax

  × expected `{` at the end of this line
   ╭─[shop.deploy:8:1]
 7 │ variable "release"
 8 │ {
   · ┬
   · ╰── it stands here
 9 │   type = strin g
   ╰────
  help: write the `{` on the line of the block's name
bgform::lang::syntax

  × expected an operator or the end of the line
    ╭─[shop.deploy:9:16]
  8 │ {
  9 │   type = strin g
    ·                ┬
    ·                ╰── not expected
 10 │ }
    ╰────
  help: write `"strin g"` if it is a text
bgform::lang::syntax

  × `x` stands outside any block
    ╭─[shop.deploy:12:1]
 11 │ 
 12 │ x = 1
    · ┬
    · ╰── expected a block here, such as `stack "name" {`
 13 │ }
    ╰────
  help: write `locals { x = ... }` to name a value
bgform::lang::syntax

  × this `}` closes nothing
    ╭─[shop.deploy:13:1]
 12 │ x = 1
 13 │ }
    · ┬
    · ╰── no block is open here
 14 │ existing "vpc" {
    ╰────
  help: remove it, or look for a `}` too many above
bgform::lang::unclosed_heredoc

  × this heredoc has no closing `EOT`
    ╭─[shop.deploy:15:15]
 14 │ existing "vpc" {
 15 │   user_data = <<-EOT
    ·               ───┬──
    ·                  ╰── opened here
 16 │     echo
    ╰────
  help: write `EOT` alone on the line after the text
bgform::lang::syntax

  × expected an operator or the end of the line
    ╭─[shop.deploy:21:13]
 20 │ output "url" {
 21 │   value = 1 1
    ·             ┬
    ·             ╰── not expected
 22 │ }
    ╰────
  help: join texts in one string, as in `"${a} and ${b}"`
"#);
}
