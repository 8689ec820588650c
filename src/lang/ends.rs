//! The start of a string or a `${ }` comes in, its end goes out, whatever the nesting. Never recurses, never
//! reads a byte twice.

/// The place where a string or a `${ }` stopped without its end.
pub(super) struct Unclosed {
    pub at: usize,
    /// The outermost `${` that was open.
    pub hole: Option<usize>,
}

/// The end of the `${` whose inside starts at `inside`: the place of its `}`.
pub(super) fn end_of_hole(text: &str, inside: usize, limit: usize) -> Option<usize> {
    skip(text.as_bytes(), inside, limit, Mode::Hole { at: inside, braces: 0 }, false).ok().map(|end| end - 1)
}

/// The place after the closing quote of the string whose inside starts at `inside`.
pub(super) fn end_of_string(
    text: &str,
    inside: usize,
    limit: usize,
    one_line: bool,
) -> Result<usize, Unclosed> {
    skip(text.as_bytes(), inside, limit, Mode::Quote, one_line)
}

#[derive(Clone, Copy)]
enum Mode {
    Quote,
    Hole { at: usize, braces: usize },
}

/// Moves from inside a string or a hole to after its end.
fn skip(bytes: &[u8], from: usize, limit: usize, first: Mode, one_line: bool) -> Result<usize, Unclosed> {
    let mut outer: Vec<Mode> = Vec::new();
    let mut mode = first;
    let mut at = from;
    let byte = |at: usize| if at < limit { bytes.get(at).copied() } else { None };
    loop {
        let next = byte(at);
        let closed = match (&mut mode, next) {
            (Mode::Quote, None | Some(b'\n')) | (Mode::Hole { .. }, None) => break,
            (Mode::Hole { .. }, Some(b'\n')) if one_line => break,
            (Mode::Quote, Some(b'\\')) => {
                // An escaped newline still ends the line.
                at += if byte(at + 1) == Some(b'\n') { 1 } else { 2 };
                continue;
            }
            (Mode::Quote, Some(b'$')) if byte(at + 1) == Some(b'$') && byte(at + 2) == Some(b'{') => {
                at += 3;
                continue;
            }
            (Mode::Quote, Some(b'$')) if byte(at + 1) == Some(b'{') => {
                outer.push(std::mem::replace(&mut mode, Mode::Hole { at, braces: 0 }));
                at += 2;
                continue;
            }
            (Mode::Quote, Some(b'"')) => true,
            (Mode::Hole { .. }, Some(b'"')) => {
                outer.push(std::mem::replace(&mut mode, Mode::Quote));
                false
            }
            (Mode::Hole { braces, .. }, Some(b'{')) => {
                *braces += 1;
                false
            }
            (Mode::Hole { braces: 0, .. }, Some(b'}')) => true,
            (Mode::Hole { braces, .. }, Some(b'}')) => {
                *braces -= 1;
                false
            }
            _ => false,
        };
        at += 1;
        if closed {
            match outer.pop() {
                Some(around) => mode = around,
                None => return Ok(at),
            }
        }
    }
    let hole = outer.iter().chain([&mode]).find_map(|mode| match mode {
        Mode::Hole { at, .. } => Some(*at),
        Mode::Quote => None,
    });
    Err(Unclosed { at: at.min(limit), hole })
}
