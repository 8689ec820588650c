//! Names: `var.x`, `local.x`, `each.key`, `kind.name`, loop variables, and the mistakes of unknown ones.

use crate::address::MODULE;
use crate::diagnostic::{Mistake, Span, did_you_mean};
use crate::value::Value;

use super::super::ast::Name;
use super::{Evaluator, Found};

impl Evaluator<'_> {
    pub(super) fn loop_variable(&self, word: &str) -> Option<&Value> {
        self.loops.iter().rev().find(|(name, _)| name == word).map(|(_, value)| value)
    }

    /// A bare word without an attribute.
    pub(super) fn word(&mut self, word: &str, span: Span) -> Option<Value> {
        if let Some(value) = self.loop_variable(word) {
            return Some(value.clone());
        }
        let incomplete = |what: &str, help: String| {
            Mistake::new("bgform::lang::unknown_name", format!("`{word}` alone is no value"))
                .at(span, format!("{what} is missing"))
                .help(help)
        };
        let mistake = match word {
            "var" => incomplete("the variable's name", "write `var.NAME`".to_owned()),
            "local" => incomplete("the local's name", "write `local.NAME`".to_owned()),
            "each" => incomplete("`key` or `value`", "write `each.key` or `each.value`".to_owned()),
            MODULE => incomplete("the module's name", "write `module.NAME.OUTPUT`".to_owned()),
            _ => match self.scope.word(word) {
                Some(value) => return Some(value),
                None if self.scope.is_kind(word) => {
                    incomplete("the resource's name", format!("write `{word}.NAME`"))
                }
                None => self.unknown_word(word, None, span),
            },
        };
        self.fail(mistake)
    }

    /// Tells whether a bare word has a meaning here, alone or with an attribute.
    pub(super) fn knows(&self, word: &str) -> bool {
        matches!(word, "var" | "local" | "each" | MODULE)
            || self.loop_variable(word).is_some()
            || self.scope.word(word).is_some()
            || self.scope.is_kind(word)
    }

    /// `head.name`, if `head` is a bare word that is no loop variable.
    pub(super) fn qualified(&mut self, head: &str, head_span: Span, name: &Name) -> Option<Value> {
        let span = head_span.to(name.span);
        let (found, code, what) = match head {
            "var" => (self.scope.variable(&name.text), "bgform::lang::unknown_variable", "variable"),
            "local" => (self.scope.local(&name.text), "bgform::lang::unknown_local", "local"),
            "each" => return self.each(name, span),
            MODULE => (self.scope.module(&name.text), "bgform::lang::unknown_module", MODULE),
            _ => match self.scope.word(head) {
                Some(value) => return self.member(value, name, head_span),
                None if self.scope.is_kind(head) => {
                    (self.scope.resource(head, &name.text), "bgform::lang::unknown_resource", head)
                }
                None => {
                    let mistake = self.unknown_word(head, Some(&name.text), head_span);
                    return self.fail(mistake);
                }
            },
        };
        let known = match found {
            Found::Value(value) => return Some(value),
            Found::Broken => return None,
            Found::Disabled(place, condition) => {
                return self.fail(disabled(&format!("{head}.{}", name.text), span, place, &condition));
            }
            Found::Missing(known) => known,
        };
        let mistake = Mistake::new(code, format!("there is no {what} `{}`", name.text));
        let mistake = mistake.at(name.span, "not declared");
        let declare = match what {
            "variable" => format!("declare it: `variable \"{}\" {{ }}`", name.text),
            "local" => format!("declare it: `locals {{ {} = ... }}`", name.text),
            MODULE => format!("declare it: `module \"{}\" {{ source = \"./folder\" }}`", name.text),
            _ => format!("declare it: `{head} \"{0}\" {{ }}` or `existing {head} \"{0}\" {{ }}`", name.text),
        };
        let near = nearest(&name.text, &known, |near| format!("{head}.{near}"));
        match (near, self.scope.only()) {
            (Some(near), _) => self.fail(mistake.help(near)),
            (None, None) => self.fail(mistake.help(declare)),
            (None, Some(only)) => self.fail(not_here(&format!("{head}.{}", name.text), span, only)),
        }
    }

    fn each(&mut self, name: &Name, span: Span) -> Option<Value> {
        let Some((key, value)) = self.scope.each() else {
            return self.fail(
                Mistake::new(
                    "bgform::lang::not_in_for_each",
                    format!("`each.{}` means nothing here", name.text),
                )
                .at(span, "this block has no `for_each`")
                .help("give the block a `for_each`, or name the value itself"),
            );
        };
        match name.text.as_str() {
            "key" => Some(key.clone()),
            "value" => Some(value.clone()),
            _ => self.fail(
                Mistake::new("bgform::lang::unknown_attribute", format!("`each` has no `{}`", name.text))
                    .at(name.span, "not `key` or `value`")
                    .help(format!("write `each.key`, `each.value` or `each.value.{}`", name.text)),
            ),
        }
    }

    /// The mistake of an unknown word. `after` is the name after its `.`, if there is one.
    pub(super) fn unknown_word(&self, word: &str, after: Option<&str>, span: Span) -> Mistake {
        if let (Some(only), Some(_)) = (self.scope.only(), after) {
            return not_here(word, span, only);
        }
        let mistake = Mistake::new("bgform::lang::unknown_name", format!("nothing here is named `{word}`"))
            .at(span, "unknown name");
        let words = self.bare_words();
        let help = if self.is_variable(word) {
            format!("did you mean `var.{word}`?")
        } else if self.is_local(word) {
            format!("did you mean `local.{word}`?")
        } else if let Some(help) = self.scope.elsewhere(word, after) {
            help
        } else {
            nearest(word, &words, str::to_owned)
                .unwrap_or_else(|| format!("write `\"{word}\"` with quotes if it is a string"))
        };
        mistake.help(help)
    }

    pub(super) fn is_variable(&self, word: &str) -> bool {
        !matches!(self.scope.variable(word), Found::Missing(_))
    }

    pub(super) fn is_local(&self, word: &str) -> bool {
        self.scope.is_local(word)
    }

    /// Every bare word that has a meaning here.
    pub(super) fn bare_words(&self) -> Vec<String> {
        let mut words: Vec<_> = self.loops.iter().map(|(name, _)| name.clone()).collect();
        words.extend(self.scope.words());
        words.extend(self.scope.kinds());
        words.extend(["var", "local", "each", MODULE].map(str::to_owned));
        words
    }
}

/// The mistake of a name that may have a meaning, but not here.
fn not_here(name: &str, span: Span, only: &str) -> Mistake {
    Mistake::new("bgform::lang::not_here", format!("`{name}` cannot be named here"))
        .at(span, "not known yet")
        .help(only)
}

/// The mistake of a reference to a block that is disabled.
pub(super) fn disabled(name: &str, span: Span, place: Span, condition: &str) -> Mistake {
    Mistake::new(DISABLED, format!("`{name}` is disabled"))
        .at(span, "there is none")
        .at(place, "this is false")
        .help(format!("ask before it is named: `{condition} ? {name} : null`, or try({name}, null)"))
}

/// The code of the mistake of a reference to a block that is disabled.
pub const DISABLED: &str = "bgform::lang::disabled";

/// `help` for a name that is not in `known`; `written` gives the nearest one's form in the source.
pub(super) fn nearest(name: &str, known: &[String], written: impl Fn(&str) -> String) -> Option<String> {
    // `-` is allowed in names, so `count-1` is a name.
    if let Some((before, after)) = name.split_once('-')
        && known.iter().any(|known| known == before)
    {
        return Some(format!("to subtract, put spaces round the `-`: `{} - {after}`", written(before)));
    }
    did_you_mean(name, known.iter().map(String::as_str))
        .map(|near| format!("did you mean `{}`?", written(near)))
}
