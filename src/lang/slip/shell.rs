//! A shell's parameter expansions that look like this language's `${ }`.

use crate::diagnostic::{Mistake, Span};

/// Tells whether the inside of a `${ }` can only be meant for a shell: `A:-b`, `a[@]`, `f%.txt`, `#a`,
/// `!ref`, `1`, `@`
/// (<https://pubs.opengroup.org/onlinepubs/9699919799/utilities/V3_chap02.html#tag_18_06_02>, and bash's
/// own). Text that this language can also parse, such as `a-b` and `a == b`, does not count.
pub(crate) fn is_of_the_shell(inside: &str) -> bool {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let name_of = |text: &str| text.find(|c| !is_name(c)).unwrap_or(text.len());
    // The length of `a`, or all names that begin with `a`.
    if let Some(name) = inside.strip_prefix('#') {
        return !name.is_empty() && !name.contains(char::is_whitespace);
    }
    if let Some(name) = inside.strip_prefix('!') {
        let length = name_of(name);
        return length > 0 && matches!(name.get(length..), Some("*" | "@" | "[@]" | "[*]"));
    }
    let digits = inside.find(|c: char| !c.is_ascii_digit()).unwrap_or(inside.len());
    let special = inside.starts_with(['@', '*', '?', '$', '-']);
    let length = match (special, digits) {
        (true, _) => 1,
        (false, 0) => name_of(inside),
        (false, digits) => digits,
    };
    let (name, mut rest) = inside.split_at(length);
    if name.is_empty() {
        return false;
    }
    if let Some(after) = rest.strip_prefix("[@]").or(rest.strip_prefix("[*]")) {
        // `list[*]`, with or without accesses after it, is a splat of ours.
        if rest.starts_with("[@]") {
            return true;
        }
        rest = after;
    }
    if rest.is_empty() {
        return special || digits > 0;
    }
    // Operators that can follow a name without a space, and mean nothing here.
    let touches = |after: &str| !after.starts_with(char::is_whitespace);
    let follows = |operators: &[&str], alone: bool| {
        let mut after = operators.iter().filter_map(|operator| rest.strip_prefix(operator));
        after.any(|after| touches(after) && (alone || !after.is_empty()))
    };
    if follows(&[":-", ":=", ":?", ":+", "^", ","], true) || follows(&["#", "%", "//", "/#", "/%"], false) {
        return true;
    }
    let of_slice =
        rest.strip_prefix(':').is_some_and(|after| after.starts_with(|c: char| c.is_ascii_digit()));
    // `a/b` divides; `a/b/c` with both names would too, and `a/x/` cannot be parsed at all.
    let of_pattern = rest.starts_with('/') && rest.ends_with('/') && rest.len() > 1;
    of_slice
        || of_pattern
        || matches!(rest, "-" | "=" | "?" | "+" | "@Q" | "@E" | "@P" | "@A" | "@a" | "@U" | "@u" | "@L")
}

/// Tells whether the inside of a `${ }` may also be an expansion: a name directly followed by an operator.
pub(crate) fn may_be_of_the_shell(inside: &str) -> bool {
    let length = inside.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(inside.len());
    let rest = inside.get(length..).unwrap_or("");
    length > 0 && rest.starts_with(['=', '?', '+', ':', '/', '[', '@', '^', ',', '#', '%', '-'])
}

/// The remedy for a `${ }` that was meant for the shell.
pub(crate) const LITERAL: &str = "for a shell's own `${ }` write `$${ }`";

/// The mistake of such a `${ }`; `span` includes its brackets.
pub(crate) fn of_the_shell(inside: &str, span: Span) -> Mistake {
    let shown = if inside.len() > 60 || inside.contains('\n') { "..." } else { inside };
    Mistake::new(
        "bgform::lang::syntax",
        format!("`${{{shown}}}` is a shell's, and bgform fills in each `${{ }}` first"),
    )
    .at(span, "meant for the shell")
    .help(format!("write `$${{{shown}}}`, which is `${{{shown}}}` in the text"))
}
