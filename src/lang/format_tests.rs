//! The canonical style, and that it changes nothing else.

use proptest::prelude::*;

use super::format::format;
use super::parse::parse;
use super::parse_tests::EXAMPLES;
use super::scan::scan;
use crate::diagnostic::FileId;

fn formatted(text: &str) -> String {
    format(FileId(0), text).unwrap()
}

/// The tree without its spans, if the text has no mistake.
fn meaning(text: &str) -> Option<String> {
    let mut mistakes = Vec::new();
    let files = parse(FileId(0), text, &mut mistakes);
    let spans = regex::Regex::new(r"Span \{[^}]*\}").unwrap();
    mistakes.is_empty().then(|| spans.replace_all(&format!("{files:?}"), "").into_owned())
}

fn comments(text: &str) -> Vec<String> {
    let tokens = scan(FileId(0), text, 0..text.len()).tokens;
    tokens
        .iter()
        .filter(|token| token.is_comment())
        .map(|token| token.text(text).trim_end().to_owned())
        .collect()
}

#[test]
fn the_examples_are_left_as_they_are() {
    for text in EXAMPLES {
        assert_eq!(formatted(text), text);
    }
}

#[test]
fn a_file_is_put_in_the_canonical_style() {
    insta::assert_snapshot!(formatted(r#"

// the stack
stack   "shop"{
region="us-east-1"   # near
  tags={a=1,b:2}


  long_name =   -1+ 2*( 3 - -x )   ;short=!a   &&b[ 0 ] . c[*].d
  multi = [

      1,2,   # two
      {
     x = f( a , b... )
            long = c?d:-1


        y = [for k,v in  [1,2]:v if(k>1)]

      }
  ]
  after = 1
  text = <<-EOT
        kept   as it is
          ${ a.b }
  EOT
  z = "a ${ b  } c"
  empty {} /* e */
  one { a=1;b=2 }
  two { a = 1
  b   = 2 }
  call=f(g({
   a = 1 # one
        bb = [2] //two
}))
}
# end

"#), @r#"
// the stack
stack "shop" {
  region = "us-east-1" # near
  tags   = { a = 1, b : 2 }

  long_name = -1 + 2 * (3 - -x)
  short     = !a && b[0].c[*].d
  multi = [
    1, 2, # two
    {
      x    = f(a, b...)
      long = c ? d : -1

      y = [for k, v in [1, 2] : v if (k > 1)]
    }
  ]
  after = 1
  text  = <<-EOT
        kept   as it is
          ${ a.b }
  EOT
  z = "a ${ b  } c"
  empty {} /* e */
  one { a = 1; b = 2 }
  two {
    a = 1
    b = 2
  }
  call = f(g({
    a  = 1   # one
    bb = [2] //two
  }))
}
# end
"#);
}

#[test]
fn what_cannot_be_read_is_not_formatted() {
    assert_eq!(format(FileId(0), "a {\n  b = \n}\n").unwrap_err().len(), 1);
}

#[test]
fn an_empty_file_stays_empty() {
    assert_eq!(formatted("\n\n"), "");
}

fn keeps_everything(text: &str) -> Result<(), TestCaseError> {
    if let Some(before) = meaning(text) {
        let once = formatted(text);
        prop_assert_eq!(meaning(&once), Some(before), "{}\n---\n{}", text, once);
        prop_assert_eq!(comments(&once), comments(text), "{}\n---\n{}", text, once);
        prop_assert_eq!(&formatted(&once), &once, "{}", text);
    }
    Ok(())
}

/// Expressions as authors write them, with spaces and newlines wherever they are allowed.
fn expression() -> impl Strategy<Value = String> {
    let space = prop::sample::select(vec!["", " ", "  ", "\t"]);
    let leaf = prop::sample::select(vec![
        "1",
        "a",
        "a.b",
        "var.x-y",
        "\"s ${a  .b} t\"",
        "\"\"",
        "5s",
        "25%",
        "null",
        "a[*].b",
        "1.5",
        "\"$${x}\"",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(4, 24, 4, move |inner| {
        let line =
            prop::sample::select(vec!["", " ", "\n", "\n\n\n", " # note\n", "\n// note\n\n", "/* in */"]);
        let operator = prop::sample::select(vec![" +", " -", "*", "/", "==", "!=", "<", ">=", "&&", "||"]);
        prop_oneof![
            (inner.clone(), operator, space.clone(), inner.clone())
                .prop_map(|(a, o, s, b)| format!("{a}{o}{s}{b}")),
            (prop::sample::select(vec!["-", "!", "- ", "! "]), inner.clone())
                .prop_map(|(o, a)| format!("{o}{a}")),
            (inner.clone(), inner.clone(), inner.clone(), space.clone())
                .prop_map(|(a, b, c, s)| format!("({a}{s}?{s}{b}{s}:{s}{c})")),
            (prop::collection::vec(inner.clone(), 0..3), line.clone())
                .prop_map(|(items, l)| format!("[{l}{}{l}]", items.join(&format!(",{l}")))),
            (prop::collection::vec(inner.clone(), 0..3), line.clone(), space.clone()).prop_map(
                |(items, l, s)| {
                    let items: Vec<String> = items
                        .iter()
                        .enumerate()
                        .map(|(i, v)| format!("{}{s}={s}{v}", "k".repeat(i + 1)))
                        .collect();
                    let comma = if l.contains('\n') { l.to_owned() } else { format!(",{l}") };
                    format!("{{{l}{}{l}}}", items.join(&comma))
                }
            ),
            (inner.clone(), inner.clone(), line.clone()).prop_map(|(a, b, l)| format!("f({l}{a},{b}{l})")),
            (inner.clone(), inner.clone(), line).prop_map(|(a, b, l)| format!("[for x in{l} {a}:{b}{l}]")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("{{for k,v in {a}:k=>{b}... if v}}")),
        ]
    })
}

proptest! {
    #[test]
    fn formatting_keeps_the_meaning_and_is_done_once(
        values in prop::collection::vec((expression(), "[ ]{0,3}", "\n{1,4}( #c\n)?"), 1..5)
    ) {
        let mut text = String::from("a \"b\"{ // open\n");
        for (at, (value, space, end)) in values.iter().enumerate() {
            text += &format!("{space}{}={space}{value}{end}", "n".repeat(at + 1));
            text += &format!("c{{{space}d={value};e = 1}}{end}");
        }
        text += "}";
        keeps_everything(&text)?;
    }

    #[test]
    fn formatting_a_changed_example_keeps_its_meaning(
        example in 0..EXAMPLES.len(),
        changes in prop::collection::vec(
            (any::<prop::sample::Index>(), prop::sample::select(vec![
                "\n\n\n", "   \n", " # c\n", "\n\t/* c\n d */ \n", "\r\n", ";\n", " // c\n  ", "\n x = [ 1,\n2 ] \n", " ", "",
            ])),
            1..9,
        ),
    ) {
        let mut lines: Vec<String> = EXAMPLES[example].lines().map(|line| format!("{line}\n")).collect();
        for (at, end) in changes {
            let at = at.index(lines.len());
            let line = lines[at].trim_end().replace(" = ", "  =").replace(", ", ",");
            lines[at] = line + end;
        }
        keeps_everything(&lines.concat())?;
    }
}
