//! Filters of EC2's (and Auto Scaling's) describe calls.

use super::{Params, Refusal};
use crate::state::Tags;

/// All must hold; of each, one value.
#[derive(Debug, Clone, Default)]
pub struct Filters(Vec<(String, Vec<String>)>);

impl Filters {
    /// `Filter.N.Name` with `Filter.N.Value.M` (EC2), or `Filters` with `Values`.
    pub fn of(params: &Params) -> Self {
        let listed = ["Filter", "Filters"].into_iter().flat_map(|name| params.items(name));
        let pairs = listed.filter_map(|filter| {
            let values = ["Value", "Values"].into_iter().flat_map(|name| filter.texts(name)).collect();
            Some((filter.text("Name")?, values))
        });
        Self(pairs.collect())
    }

    /// Tells whether an item passes all filters. `values` returns its values for a filter's name, `None` for
    /// an unknown name (`InvalidParameterValue`); tags are matched here.
    pub fn pass<'a>(
        &self,
        tags: &Tags,
        values: impl Fn(&str) -> Option<Vec<String>> + 'a,
    ) -> Result<bool, Refusal> {
        for (name, wanted) in &self.0 {
            let has = match tag_values(tags, name) {
                Some(has) => has,
                None => {
                    values(name).ok_or_else(|| Refusal::value(format!("The filter '{name}' is invalid")))?
                }
            };
            if !wanted.iter().any(|pattern| has.iter().any(|value| wildcard(pattern, value))) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The values of the tags for `tag:KEY`, `tag-key` and `tag-value`; `None` for other filters.
pub fn tag_values(tags: &Tags, filter: &str) -> Option<Vec<String>> {
    match filter.strip_prefix("tag:") {
        Some(key) => Some(tags.get(key).cloned().into_iter().collect()),
        None if filter == "tag-key" => Some(tags.keys().cloned().collect()),
        None if filter == "tag-value" => Some(tags.values().cloned().collect()),
        None => None,
    }
}

/// Tells whether `text` matches `pattern`: `*` is any text, `?` one character, case counts.
pub fn wildcard(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                // The last star takes one character more.
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards() {
        for (pattern, text) in
            [("", ""), ("*", ""), ("a*c", "abbc"), ("a?c", "abc"), ("*b*", "abc"), ("a**", "a")]
        {
            assert!(wildcard(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("", "a"), ("a", "A"), ("a*c", "abcd"), ("?", ""), ("*x", "abc")] {
            assert!(!wildcard(pattern, text), "{pattern} {text}");
        }
    }
}
