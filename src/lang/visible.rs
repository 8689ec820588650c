//! Makes text visible. Text comes in that may be foreign in any part. Characters that would act in a terminal
//! go out as visible escapes, such as `\u001b`, which the language and JSON parse back to the same character.
//! Prints nothing.

use std::borrow::Cow;

/// Tells whether a terminal acts on the character instead of drawing it, or draws later ones in another
/// order: controls (C0, DEL, C1), separators of lines and paragraphs, the marks, embeddings, overrides and
/// isolates of bidirectional text (Unicode annex 9), and the byte order mark.
pub fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || c == '\u{feff}'
}

/// The character as an escape of the language and of JSON.
pub fn escaped(c: char) -> String {
    match c {
        '\n' => "\\n".to_owned(),
        '\t' => "\\t".to_owned(),
        '\r' => "\\r".to_owned(),
        // All acting characters are in the first plane, where four digits are enough.
        c => format!("\\u{:04x}", u32::from(c)),
    }
}

/// The text with acting characters escaped; newlines and tabs stay.
pub fn shown(text: &str) -> Cow<'_, str> {
    let shows = |c| acts(c) && !matches!(c, '\n' | '\t');
    if !text.contains(shows) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match shows(c) {
            true => out.push_str(&escaped(c)),
            false => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// A text with acting characters escaped, and the new places of its bytes.
#[derive(Debug)]
pub struct Source {
    pub text: String,
    /// Pairs of a place and the number of bytes that later places move right; ascending.
    shifts: Vec<(usize, usize)>,
}

impl Source {
    /// A carriage return that ends a line with a newline becomes a space, so that places stay.
    pub fn of(text: &str) -> Self {
        let (mut out, mut shifts, mut at) = (String::with_capacity(text.len()), vec![(0, 0)], 0);
        let mut letters = text.chars().peekable();
        while let Some(c) = letters.next() {
            at += c.len_utf8();
            match c {
                '\r' if letters.peek() == Some(&'\n') => out.push(' '),
                c if acts(c) && !matches!(c, '\n' | '\t') => {
                    out.push_str(&escaped(c));
                    shifts.push((at, out.len().saturating_sub(at)));
                }
                c => out.push(c),
            }
        }
        Self { text: out, shifts }
    }

    /// The new place of the byte at `place`.
    pub fn place(&self, place: usize) -> usize {
        let before = self.shifts.partition_point(|(from, _)| *from <= place);
        let shift = self.shifts.get(before.saturating_sub(1)).map_or(0, |(_, shift)| *shift);
        place + shift
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_in_a_terminal_is_shown_and_nothing_else() {
        for (text, wanted) in [
            ("\x1b]0;pwned\x07", r"\u001b]0;pwned\u0007"),
            ("\x1b[2J\x1b[31m", r"\u001b[2J\u001b[31m"),
            ("a\rb\u{8}c\u{7f}\u{9b}2J", r"a\rb\u0008c\u007f\u009b2J"),
            ("\u{202e}\u{2066}\u{200f}\u{2028}\u{feff}", r"\u202e\u2066\u200f\u2028\ufeff"),
            ("line\n\ttab, grüße, 日本, 👩\u{200d}💻", "line\n\ttab, grüße, 日本, 👩\u{200d}💻"),
        ] {
            assert_eq!(shown(text), wanted);
        }
        for c in (0..=0x10_ffff).filter_map(char::from_u32) {
            assert!(u32::from(c) < 0x1_0000 || !acts(c), "four digits do not say {c:?}");
        }
    }

    #[test]
    fn places_in_a_source_move_with_what_is_shown() {
        let text = "a = \"\x1b[2J\u{202e}\" # é\r\nb = 1\n";
        let source = Source::of(text);
        assert_eq!(source.text, "a = \"\\u001b[2J\\u202e\" # é \nb = 1\n");
        for word in ["a =", "[2J", "\" #", "é", "b = 1"] {
            let place = source.place(text.find(word).unwrap());
            assert!(source.text.get(place..).unwrap().starts_with(word), "{word}");
        }
        assert_eq!(source.place(text.find('\x1b').unwrap()), source.text.find("\\u001b").unwrap());
        assert_eq!(source.place(text.len()), source.text.len());
    }
}
