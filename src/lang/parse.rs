//! The text of one file comes in, its blocks go out with its syntax mistakes, one for each statement. Does
//! not know the meaning of names or the attributes of blocks.

use std::borrow::Cow;

use super::ast::{Attribute, Block, Body, Files};
use super::cut::{Inside, Statement, cut};
use super::expression::Reader;
use super::scan::{Kind, Token, scan};
use crate::diagnostic::{FileId, Mistake, Span};

/// Parses one file. A statement with a mistake is left out, and the block around it marked as broken. A block
/// without a readable header is left out whole, and its words are in [`Files::broken`].
pub fn parse(file: FileId, text: &str, mistakes: &mut Vec<Mistake>) -> Files {
    let text = &lines(file, text, mistakes);
    let scanned = scan(file, text, 0..text.len());
    let cut = cut(file, text, &scanned);
    let mut parser = Parser { file, text, tokens: &scanned.tokens, mistakes: Vec::new(), broken: Vec::new() };
    parser.mistakes.extend(cut.loose);
    let mut files = Files::default();
    for statement in cut.statements {
        match statement.inside {
            Some(_) => files.blocks.extend(parser.block(statement, 0)),
            None => parser.attribute_outside(statement),
        }
    }
    files.broken = parser.broken;
    let mut found = parser.mistakes;
    found.sort_by_key(|mistake| mistake.labels.first().map_or(0, |(span, _)| span.start));
    mistakes.append(&mut found);
    files
}

/// Parses a file of `name = value` lines, such as a `--var-file`.
pub fn parse_attributes(file: FileId, text: &str, mistakes: &mut Vec<Mistake>) -> Body {
    let text = &lines(file, text, mistakes);
    let scanned = scan(file, text, 0..text.len());
    let cut = cut(file, text, &scanned);
    let mut parser = Parser { file, text, tokens: &scanned.tokens, mistakes: Vec::new(), broken: Vec::new() };
    parser.mistakes.extend(cut.loose);
    let (body, _) = parser.body(cut.statements, 0);
    mistakes.append(&mut parser.mistakes);
    body
}

/// The text with a newline for each lone carriage return. An editor shows a new line there, and the text on
/// it must not be part of a comment. Every byte keeps its place.
fn lines<'a>(file: FileId, text: &'a str, mistakes: &mut Vec<Mistake>) -> Cow<'a, str> {
    let bytes = text.as_bytes();
    let alone = |(at, _): &(usize, &str)| bytes.get(at + 1) != Some(&b'\n');
    let Some((first, _)) = text.match_indices('\r').find(alone) else { return Cow::Borrowed(text) };
    mistakes.push(
        Mistake::new("bgform::lang::line_end", "a carriage return stands alone")
            .at(Span::new(file, first, first + 1), "the first one")
            .help(
                "end each line with a newline (LF or CRLF); for the character in a text write `\\r`, in a heredoc \
                 `${\"\\r\"}`",
            ),
    );
    let mut made = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\r') {
        let (before, after) = rest.split_at(at);
        made.push_str(before);
        made.push(if after.starts_with("\r\n") { '\r' } else { '\n' });
        rest = after.get(1..).unwrap_or("");
    }
    made.push_str(rest);
    Cow::Owned(made)
}

struct Parser<'a> {
    file: FileId,
    text: &'a str,
    tokens: &'a [Token],
    mistakes: Vec<Mistake>,
    broken: Vec<Vec<String>>,
}

impl<'a> Parser<'a> {
    fn reader(&self, depth: usize) -> Reader<'a> {
        Reader { file: self.file, text: self.text, depth, chain: 0 }
    }

    /// The tokens of a statement, without comments and newlines at its end.
    fn tokens_of(&self, statement: &Statement) -> &'a [Token] {
        let tokens = self.tokens.get(statement.tokens.clone()).unwrap_or(&[]);
        let solid = tokens.iter().rposition(|token| !token.is_space());
        tokens.get(..solid.map_or(0, |last| last + 1)).unwrap_or(&[])
    }

    fn attribute_outside(&mut self, statement: Statement) {
        let read = match statement.broken {
            true => None,
            false => Some(self.reader(0).attribute(self.tokens_of(&statement))),
        };
        self.mistakes.extend(match read {
            None => statement.mistake,
            Some(Err(mistake)) => Some(mistake),
            Some(Ok((name, _))) => Some(
                Mistake::new("bgform::lang::syntax", format!("`{}` stands outside any block", name.text))
                    .at(name.span, "expected a block here, such as `stack \"name\" {`")
                    .help(format!("write `locals {{ {} = ... }}` to name a value", name.text)),
            ),
        });
    }

    fn block(&mut self, statement: Statement, depth: usize) -> Option<Block> {
        let tokens = self.tokens_of(&statement);
        let header = match statement.broken {
            true => Err(statement.mistake),
            false => self.reader(depth).header(tokens).map_err(Some),
        };
        let Inside { statements, close } = statement.inside?;
        let (body, broken) = self.body(statements, depth + 1);
        let first = tokens.first()?;
        let last = close.and_then(|close| self.tokens.get(close)).or(tokens.last())?;
        let mut words = match header {
            Ok(words) => words.into_iter(),
            Err(mistake) => {
                self.mistakes.extend(mistake);
                if depth == 0 {
                    self.broken.push(self.words(tokens));
                }
                return None;
            }
        };
        Some(Block {
            keyword: words.next()?,
            labels: words.collect(),
            body,
            span: Span::new(self.file, first.start, last.end),
            broken: broken || close.is_none(),
        })
    }

    /// The readable words and strings of a header that cannot be parsed.
    fn words(&self, tokens: &[Token]) -> Vec<String> {
        let words = tokens.iter().filter(|token| matches!(token.kind, Kind::Word | Kind::String));
        words.map(|token| token.text(self.text).trim_matches('"').to_owned()).collect()
    }

    /// The content of a block, and whether something was left out.
    fn body(&mut self, statements: Vec<Statement>, depth: usize) -> (Body, bool) {
        let mut body = Body::default();
        let mut broken = false;
        for statement in statements {
            if statement.inside.is_some() {
                let block = self.block(statement, depth);
                broken |= block.is_none();
                body.blocks.extend(block);
                continue;
            }
            let read = match statement.broken {
                true => Err(statement.mistake),
                false => self.reader(depth).attribute(self.tokens_of(&statement)).map_err(Some),
            };
            match read {
                Ok((name, value)) => body.attributes.push(Attribute { name, value }),
                Err(mistake) => {
                    broken = true;
                    self.mistakes.extend(mistake);
                }
            }
        }
        // They are kept for as long as the stack is.
        body.attributes.shrink_to_fit();
        body.blocks.shrink_to_fit();
        (body, broken)
    }
}
