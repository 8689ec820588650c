//! What a terminal gets. Text comes in, of which any part may not be ours: answers of AWS, output of
//! gates and instances, tags, labels, names, source lines. What would act in a terminal goes out as a
//! visible escape, such as `\u001b`, which the language and JSON read back as the same character.
//!
//! Everything that is printed goes through here; no other place writes to standard output or error.

use std::io::Write;

pub use crate::lang::visible::{Source, acts, escaped, shown};

/// Text with the colours that bgform itself has put there; everything else that acts is shown.
pub fn painted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("\x1b[") {
        let (before, from) = rest.split_at(start);
        out.push_str(&shown(before));
        let length = colour(from).unwrap_or(1);
        let (colour, after) = from.split_at(length);
        match length {
            1 => out.push_str(&shown(colour)),
            _ => out.push_str(colour),
        }
        rest = after;
    }
    out.push_str(&shown(rest));
    out
}

/// The length of the sequence that sets colours at the beginning of the text (SGR, ECMA-48 8.3.117).
fn colour(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\x1b[")?;
    let end = parameters.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    parameters.get(end..)?.starts_with('m').then_some("\x1b[".len() + end + 1)
}

/// Prints to standard output. A reader that stops early, such as `head`, is no failure.
pub fn out(text: &str) {
    write(&mut std::io::stdout().lock(), &shown(text));
}

/// Prints to standard output text with our colours, into which nothing foreign goes that has not been
/// shown before: its colours would be taken for ours.
pub fn out_painted(text: &str) {
    write(&mut std::io::stdout().lock(), &painted(text));
}

/// Prints to standard error.
pub fn err(text: &str) {
    write(&mut std::io::stderr().lock(), &shown(text));
}

/// Prints to standard error text with our colours, as [`out_painted`] does.
pub fn err_painted(text: &str) {
    write(&mut std::io::stderr().lock(), &painted(text));
}

/// Goes so many lines up on standard output and clears everything from there on.
pub fn back(lines: usize) {
    write(&mut std::io::stdout().lock(), &format!("\x1b[{lines}A\x1b[J"));
}

fn write(to: &mut impl Write, text: &str) {
    let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
}

/// Prints a line to standard output, as `println!` does.
macro_rules! outln {
    ($($part:tt)*) => { $crate::terminal::out(&format!("{}\n", format_args!($($part)*))) };
}

/// Prints a line to standard error, as `eprintln!` does.
macro_rules! errln {
    ($($part:tt)*) => { $crate::terminal::err(&format!("{}\n", format_args!($($part)*))) };
}

pub(crate) use {errln, outln};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_colours_pass_among_what_is_painted() {
        assert_eq!(painted("\x1b[1;31mred\x1b[0m"), "\x1b[1;31mred\x1b[0m");
        assert_eq!(painted("\x1b[2J\x1b[\x1b[31\x1b]0;x\x07"), r"\u001b[2J\u001b[\u001b[31\u001b]0;x\u0007");
        assert_eq!(painted("\x1b[?25l\x1b[3\u{9b}1m\x1b[m"), "\\u001b[?25l\\u001b[3\\u009b1m\x1b[m");
    }
}
