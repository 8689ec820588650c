//! A fast path for statements that hold only literals and names, and lists and objects of them, which are
//! most of a stack. Their tokens come in; the grammar's tree goes out, at a small part of its cost.
//! Everything else, and every mistake, is left to the grammar.

use super::ast::{Expr, Name, Node};
use super::cut::DEEPEST;
use super::expression::Reader;
use super::scan::{Kind, Token};
use super::{literal, template};

/// Maximum number of chained names, and depth of lists and objects, on the fast path.
const MOST: usize = 8;

impl Reader<'_> {
    /// `name = value`
    pub(super) fn plain_attribute(self, tokens: &[Token]) -> Option<(Name, Expr)> {
        let [name, assign, value @ ..] = tokens else { return None };
        if assign.text(self.text) != "=" || self.depth + MOST > DEEPEST {
            return None;
        }
        let mut value = Plain { reader: self, tokens: value, open: 0 };
        let read = value.value()?;
        Some((self.plain_name(*name)?, value.tokens.is_empty().then_some(read)?))
    }

    /// `keyword bare "label" {`
    pub(super) fn plain_header(self, tokens: &[Token]) -> Option<Vec<Name>> {
        let [keyword, labels @ .., open] = tokens else { return None };
        if open.text(self.text) != "{" {
            return None;
        }
        let label = |token: &Token| match token.kind {
            Kind::String => match self.plain_string(*token)? {
                Expr { node: Node::String(text), span } => Some(Name { text, span }),
                _ => None,
            },
            _ => self.plain_name(*token),
        };
        std::iter::once(self.plain_name(*keyword)).chain(labels.iter().map(label)).collect()
    }

    /// A string without any `${`.
    fn plain_string(self, token: Token) -> Option<Expr> {
        let plain = !token.text(self.text).contains('$');
        plain.then(|| template::string(self, token.span(self.file)).ok()).flatten()
    }

    fn plain_name(self, token: Token) -> Option<Name> {
        let text = token.text(self.text);
        // The scanner's words may hold other letters.
        (token.kind == Kind::Word && text.is_ascii())
            .then(|| Name { text: text.to_owned(), span: token.span(self.file) })
    }
}

/// The rest of a value's tokens.
struct Plain<'a, 'b> {
    reader: Reader<'a>,
    tokens: &'b [Token],
    /// Number of enclosing lists and objects.
    open: usize,
}

impl Plain<'_, '_> {
    fn next(&mut self) -> Option<Token> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(*first)
    }

    fn word(&self) -> &str {
        self.tokens.first().map_or("", |token| token.text(self.reader.text))
    }

    fn skip_newlines(&mut self) {
        while self.tokens.first().is_some_and(|token| token.kind == Kind::Newline) {
            self.next();
        }
    }

    fn value(&mut self) -> Option<Expr> {
        let first = self.next()?;
        match (first.kind, first.text(self.reader.text)) {
            (Kind::String, _) => self.reader.plain_string(first),
            (Kind::Number, text) => {
                let span = first.span(self.reader.file);
                Some(Expr { node: literal::number(text, span).ok()?, span })
            }
            (Kind::Word, _) => self.names(first),
            (Kind::Open, "[") => self.nested(|plain| plain.list(first)),
            (Kind::Open, "{") => self.nested(|plain| plain.object(first)),
            _ => None,
        }
    }

    fn nested(&mut self, read: impl FnOnce(&mut Self) -> Option<Expr>) -> Option<Expr> {
        self.open += 1;
        let value = (self.open < MOST).then(|| read(self)).flatten();
        self.open -= 1;
        value
    }

    /// `one.other`
    fn names(&mut self, first: Token) -> Option<Expr> {
        let Name { text, span } = self.reader.plain_name(first)?;
        let node = match text.as_str() {
            "null" => Node::Null,
            "true" => Node::Bool(true),
            "false" => Node::Bool(false),
            _ => Node::Name(text),
        };
        let mut value = Expr { node, span };
        for _ in 0..MOST {
            if self.word() != "." {
                return Some(value);
            }
            self.next();
            let name = self.next()?;
            let name = self.reader.plain_name(name)?;
            let span = value.span.to(name.span);
            value = Expr { node: Node::Attribute(Box::new(value), name), span };
        }
        None
    }

    /// A list, in which newlines do not count.
    fn list(&mut self, open: Token) -> Option<Expr> {
        let mut items = Vec::new();
        loop {
            self.skip_newlines();
            if self.word() == "]" {
                break;
            }
            if self.word() == "for" {
                return None;
            }
            items.push(self.value()?);
            self.skip_newlines();
            match self.word() {
                "," => self.next(),
                "]" => continue,
                _ => return None,
            };
        }
        let span = open.span(self.reader.file).to(self.next()?.span(self.reader.file));
        Some(Expr { node: Node::List(items), span })
    }

    /// An object, in which a comma or a newline ends a member.
    fn object(&mut self, open: Token) -> Option<Expr> {
        let mut members = Vec::new();
        loop {
            self.skip_newlines();
            if self.word() == "}" {
                break;
            }
            let key = self.next()?;
            let key = match key.kind {
                Kind::String => self.reader.plain_string(key)?,
                _ => {
                    let Name { text, span } =
                        self.reader.plain_name(key).filter(|name| name.text != "for")?;
                    Expr { node: Node::Name(text), span }
                }
            };
            let assign = self.next()?.text(self.reader.text);
            if !matches!(assign, "=" | ":") {
                return None;
            }
            members.push((key, self.value()?));
            match self.tokens.first()?.kind {
                Kind::Newline => self.skip_newlines(),
                _ if matches!(self.word(), "," | "}") => {}
                _ => return None,
            }
            if self.word() == "," {
                self.next();
            }
        }
        members.shrink_to_fit();
        let span = open.span(self.reader.file).to(self.next()?.span(self.reader.file));
        Some(Expr { node: Node::Object(members), span })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::expression::Reader;
    use super::super::scan::{Token, scan};
    use crate::diagnostic::FileId;

    const PIECES: [&str; 35] = [
        "a",
        "b-c",
        "_d9",
        "é",
        "for",
        "in",
        "if",
        "null",
        "true",
        "x",
        "0",
        "8080",
        "1.5",
        "10s",
        "25%",
        "1e-3",
        "10.0.0.1",
        "\"text\"",
        "\"a\\n\\\"b\"",
        "\"${x}\"",
        "\"\\q\"",
        ".",
        "=",
        "==",
        ":",
        "{",
        "}",
        "{",
        "}",
        "[",
        "]",
        "-",
        ",",
        "\n",
        "a = ",
    ];

    /// The result of the fast path, if there is one, and the grammar's.
    fn both(text: &str) -> (Vec<String>, Vec<String>) {
        let file = FileId(0);
        let scanned = scan(file, text, 0..text.len());
        let reader = Reader { file, text, depth: 0, chain: 0 };
        // In the parser's form.
        let solid = scanned.tokens.iter().rposition(|token| !token.is_space());
        let tokens: &[Token] = scanned.tokens.get(..solid.map_or(0, |last| last + 1)).unwrap_or(&[]);
        let (attribute, header) = (reader.plain_attribute(tokens), reader.plain_header(tokens));
        let mut of_grammar = Vec::new();
        if attribute.is_some() {
            of_grammar.push(format!("{:?}", reader.attribute_by_grammar(tokens).ok()));
        }
        if header.is_some() {
            of_grammar.push(format!("{:?}", reader.header_by_grammar(tokens).ok()));
        }
        let attribute = attribute.map(|read| format!("{:?}", Some(read)));
        let header = header.map(|read| format!("{:?}", Some(read)));
        (attribute.into_iter().chain(header).collect(), of_grammar)
    }

    #[test]
    fn what_most_statements_hold_is_read_plainly() {
        for text in [
            "a = 1",
            "a = \"x\"",
            "a = b.c.d",
            "a = null",
            "a {",
            "a b \"c\" {",
            "a = []",
            "a = [b.c, [1], ]",
            "a = [\n1,\n2\n]",
            "a = { b = 1 }",
            "a = {\n b = 1\n\n \"c\" : { d = e.f, g = [] },\n}",
        ] {
            assert_eq!(both(text).0.len(), 1, "{text}");
        }
        for text in ["a = b[0]", "a = \"${b}\"", "a = -1", "a = é", "é = 1", "a = b.", "a =", "a", "= {", ""]
        {
            assert_eq!(both(text).0.len(), 0, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]

        #[test]
        fn what_is_read_plainly_is_what_the_grammar_reads(
            begins in prop::sample::select(vec!["a = ", "a ", "b-c = x", "", "a = {", "a = [", "a = { b = "]),
            pieces in prop::collection::vec((prop::sample::select(PIECES.to_vec()), prop::bool::ANY), 0..7),
            ends in prop::sample::select(vec!["", "}", "]", "\n}", ",]"]),
        ) {
            let mut text = begins.to_owned();
            for (piece, space) in pieces {
                text.push_str(piece);
                text.push_str(if space { " " } else { "" });
            }
            text.push_str(ends);
            let (plainly, by_grammar) = both(&text);
            prop_assert_eq!(plainly, by_grammar, "{}", text);
        }
    }
}
