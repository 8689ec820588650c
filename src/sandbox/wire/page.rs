//! Pages of a long list.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Refusal;

/// A part of a list, and the token that asks for the next part.
#[derive(Debug)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next: Option<String>,
}

/// The part of `items` that begins at `token`, at most `size` long. `InvalidNextToken` for a token
/// that was not given out.
pub fn page<T>(items: Vec<T>, token: Option<String>, size: usize) -> Result<Page<T>, Refusal> {
    let from = match token {
        None => 0,
        Some(token) => STANDARD
            .decode(&token)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok()?.strip_prefix("from:")?.parse::<usize>().ok())
            .ok_or_else(|| Refusal::new("InvalidNextToken", format!("The token '{token}' is not valid")))?,
    };
    let more = items.len() > from.saturating_add(size);
    let next = more.then(|| STANDARD.encode(format!("from:{}", from + size)));
    Ok(Page { items: items.into_iter().skip(from).take(size).collect(), next })
}
