//! Pages of a long list.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Params, Refusal};

/// A part of a list, and the token that asks for the next part.
#[derive(Debug)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next: Option<String>,
}

/// The paging of a call's list.
#[derive(Debug, Clone, Copy)]
pub struct Paging {
    /// The parameter with the size of a page; `size` is the default.
    pub most: &'static str,
    pub size: usize,
    /// The parameter and the element that have the token of the next part.
    pub token: &'static str,
    pub next: &'static str,
    /// The code for a token that was not given out.
    pub bad: &'static str,
}

impl Paging {
    /// The page that a call asks for.
    ///
    /// # Errors
    /// A token that was not given out.
    pub fn page<T>(&self, params: &Params, items: Vec<T>) -> Result<Page<T>, Refusal> {
        let size = params.number(self.most).unwrap_or(self.size).min(self.size);
        let from = match params.given(self.token) {
            None => 0,
            Some(token) => from(&token)
                .ok_or_else(|| Refusal::new(self.bad, format!("The token '{token}' is not valid")))?,
        };
        let more = items.len() > from.saturating_add(size);
        let next = more.then(|| STANDARD.encode(format!("from:{}", from + size)));
        Ok(Page { items: items.into_iter().skip(from).take(size).collect(), next })
    }

    /// The answer with the page that a call asks for, under `list`.
    ///
    /// # Errors
    /// As [`Paging::page`].
    pub fn answer(&self, params: &Params, list: &str, items: Vec<Value>) -> Result<Value, Refusal> {
        let page = self.page(params, items)?;
        Ok(json!({ list: page.items, self.next: page.next }))
    }
}

fn from(token: &str) -> Option<usize> {
    String::from_utf8(STANDARD.decode(token).ok()?).ok()?.strip_prefix("from:")?.parse().ok()
}
