//! Tokens come in, a tree of statements goes out: blocks with their content, and attributes. At most one
//! mistake for each statement, and one for braces that are never closed. Passes over the tokens a bounded
//! number of times and never recurses. Of an expression it reads only the brackets.

use std::ops::Range;

use super::place::{Place, places};
use super::scan::{Kind, Scan, Token};
use crate::diagnostic::{FileId, Mistake, Span};

/// Maximum depth of blocks, brackets, conditionals and `${ }` together.
pub(super) const DEEPEST: usize = 100;

#[derive(Debug)]
pub(super) struct Statement {
    /// A header with its `{`, or an attribute without the newline or `;` after it.
    pub tokens: Range<usize>,
    pub inside: Option<Inside>,
    /// Whether its own tokens cannot be parsed; the mistake may be reported elsewhere.
    pub broken: bool,
    pub mistake: Option<Mistake>,
}

/// The content of a block.
#[derive(Debug)]
pub(super) struct Inside {
    pub statements: Vec<Statement>,
    /// The `}`, if there is one.
    pub close: Option<usize>,
}

#[derive(Debug, Default)]
pub(super) struct Cut {
    pub statements: Vec<Statement>,
    /// Mistakes that belong to no statement.
    pub loose: Vec<Mistake>,
}

pub(super) fn cut(file: FileId, text: &str, scan: &Scan) -> Cut {
    let first = Cutter::new(file, text, scan, 0).run();
    match first.unclosed {
        0 => first.cut,
        // The missing brace is found by the indent of the lines.
        unclosed => Cutter::new(file, text, scan, unclosed).run().cut,
    }
}

pub(super) fn too_deep(span: Span) -> Mistake {
    Mistake::new("bgform::lang::nested_too_deep", format!("nested more than {DEEPEST} deep"))
        .at(span, "one level too many")
        .help("name the inner part in `locals { }` and refer to it as `local.name`")
}

struct OpenBlock {
    tokens: Range<usize>,
    statements: Vec<Statement>,
    mistake: Option<Mistake>,
    brace: usize,
}

struct Cutter<'a> {
    file: FileId,
    text: &'a str,
    scan: &'a Scan,
    /// The place of each token.
    places: Vec<Place>,
    at: usize,
    blocks: Vec<OpenBlock>,
    /// Number of unclosed braces that are still to be found.
    missing: usize,
    unclosed: usize,
    never_closed: Vec<Span>,
    cut: Cut,
}

impl<'a> Cutter<'a> {
    fn new(file: FileId, text: &'a str, scan: &'a Scan, missing: usize) -> Self {
        Self {
            file,
            text,
            scan,
            places: places(&scan.tokens),
            at: 0,
            blocks: Vec::new(),
            missing,
            unclosed: 0,
            never_closed: Vec::new(),
            cut: Cut::default(),
        }
    }

    fn token(&self, at: usize) -> Option<Token> {
        self.scan.tokens.get(at).copied()
    }

    fn word(&self, at: usize) -> &'a str {
        self.token(at).map_or("", |token| token.text(self.text))
    }

    fn span(&self, at: usize) -> Span {
        let end = Token { kind: Kind::Newline, start: self.text.len(), end: self.text.len() };
        self.token(at).unwrap_or(end).span(self.file)
    }

    fn place(&self, at: usize) -> Place {
        self.places.get(at).copied().unwrap_or_default()
    }

    fn run(mut self) -> Self {
        while let Some(token) = self.token(self.at) {
            match token.kind {
                Kind::Newline => self.at += 1,
                Kind::BlockComment | Kind::LineComment => {
                    self.at += 1;
                    self.keep_token_mistake(self.at - 1..self.at);
                }
                Kind::Symbol if token.text(self.text) == ";" => self.at += 1,
                Kind::Close if token.text(self.text) == "}" => self.close_block(),
                _ => self.statement(),
            }
        }
        self.unclosed += self.blocks.len();
        while let Some(block) = self.blocks.pop() {
            if self.never_closed.len() < 3 {
                self.never_closed.push(self.span(block.brace));
            }
            self.attach(block, None);
        }
        if !self.scan.runaway
            && let Some((first, others)) = self.never_closed.split_first()
        {
            let mut mistake = Mistake::new("bgform::lang::unclosed_brace", "this `{` is never closed")
                .at(*first, "opened here")
                .help("write `}` at the end of its content");
            for other in others {
                mistake = mistake.at(*other, "nor is this one");
            }
            self.cut.loose.push(mistake);
        }
        self
    }

    /// Tells whether the indent of the line at `at` shows that the brace at `opened` should have been closed
    /// before it. False if the author does not indent.
    fn is_past(&self, at: usize, opened: usize) -> bool {
        let (line, opener) = (self.place(at), self.place(opened));
        let inside = self.place(self.place(opened + 1).solid);
        if !line.first || (inside.line != opener.line && inside.indent <= opener.indent) {
            return false;
        }
        match self.token(at).map(|token| token.kind) {
            None | Some(Kind::Newline) => false,
            Some(Kind::Close) => line.indent < opener.indent,
            Some(_) => line.indent <= opener.indent,
        }
    }

    fn blame(&mut self, opened: usize) {
        self.missing = self.missing.saturating_sub(1);
        if self.never_closed.len() < 3 {
            self.never_closed.push(self.span(opened));
        }
    }

    /// Closes the blocks that miss their `}` according to the indent of the next line.
    fn close_by_indent(&mut self) {
        while self.missing > 0
            && let Some(block) = self.blocks.pop()
        {
            if !self.is_past(self.at, block.brace) {
                self.blocks.push(block);
                return;
            }
            self.blame(block.brace);
            self.attach(block, None);
        }
    }

    fn close_block(&mut self) {
        self.close_by_indent();
        match self.blocks.pop() {
            Some(block) => self.attach(block, Some(self.at)),
            None => {
                let mistake = Mistake::new("bgform::lang::syntax", "this `}` closes nothing")
                    .at(self.span(self.at), "no block is open here")
                    .help("remove it, or look for a `}` too many above");
                self.cut.loose.push(mistake);
            }
        }
        self.at += 1;
    }

    fn attach(&mut self, block: OpenBlock, close: Option<usize>) {
        let statement = Statement {
            tokens: block.tokens,
            inside: Some(Inside { statements: block.statements, close }),
            broken: block.mistake.is_some(),
            mistake: block.mistake,
        };
        // A block that is too deep was reported where it began.
        if self.blocks.len() <= DEEPEST {
            self.push(statement);
        }
    }

    fn push(&mut self, statement: Statement) {
        match self.blocks.last_mut() {
            Some(block) => block.statements.push(statement),
            None => self.cut.statements.push(statement),
        }
    }

    /// Reports the first mistake of a token in the range, if any, as the statement's.
    fn token_mistake(&self, tokens: &Range<usize>) -> Option<Mistake> {
        let mistakes = &self.scan.mistakes;
        let next = mistakes.get(mistakes.partition_point(|(at, _)| *at < tokens.start))?;
        (next.0 < tokens.end).then(|| next.1.clone())
    }

    fn keep_token_mistake(&mut self, tokens: Range<usize>) {
        self.cut.loose.extend(self.token_mistake(&tokens));
    }

    fn statement(&mut self) {
        self.close_by_indent();
        let start = self.at;
        let mut at = start;
        let mut plain = true;
        while let Some(token) = self.token(at) {
            match token.kind {
                Kind::Word | Kind::String | Kind::BlockComment => {}
                Kind::Number | Kind::Unknown => plain = false,
                Kind::Symbol if matches!(token.text(self.text), "." | "-" | ",") => plain = false,
                _ => break,
            }
            at += 1;
        }
        if self.word(at) == "{" && at > start {
            return self.open_block(start..at + 1, at, None);
        }
        let next = self.next_line(at);
        if plain && next.is_some() && self.token(start).is_some_and(|token| token.kind == Kind::Word) {
            let next = next.unwrap_or(at);
            let missing = Mistake::new("bgform::lang::syntax", "expected `{` at the end of this line");
            let label = self.span(start).to(self.span(at.saturating_sub(1)));
            if self.word(next) == "{" {
                let mistake = missing
                    .at(self.span(next), "it stands here")
                    .help("write the `{` on the line of the block's name");
                return self.open_block(start..next + 1, next, Some(mistake));
            }
            let deeper = self.place(next).indent > self.place(start).indent;
            if deeper && self.token(next).is_some_and(|token| token.kind == Kind::Word) {
                let header = self.text.get(label.start..label.end).unwrap_or("");
                let mistake = missing.at(label, "a block needs `{`").help(format!("write `{header} {{`"));
                return self.open_block(start..at, at.saturating_sub(1), Some(mistake));
            }
        }
        self.attribute(start);
    }

    /// The first token of the next line with one, if the line ends at `at`.
    fn next_line(&self, at: usize) -> Option<usize> {
        let token = self.token(at)?;
        let next = self.place(at).solid;
        ((token.is_space()) && next < self.places.len()).then_some(next)
    }

    fn open_block(&mut self, tokens: Range<usize>, brace: usize, mistake: Option<Mistake>) {
        self.at = tokens.end;
        let deep = (self.blocks.len() == DEEPEST).then(|| too_deep(self.span(tokens.start)));
        let mistake = self.token_mistake(&tokens).or(mistake).or(deep);
        self.blocks.push(OpenBlock { tokens, statements: Vec::new(), mistake, brace });
    }

    fn attribute(&mut self, start: usize) {
        let mut open: Vec<usize> = Vec::new();
        let mut braces = 0;
        let mut unclosed = false;
        let mut mistake = None;
        let mut at = start;
        while let Some(token) = self.token(at) {
            let word = token.text(self.text);
            if self.missing > 0
                && let Some(&opener) = open.last()
                && self.word(opener) == "{"
                && self.is_past(at, opener)
            {
                self.blame(opener);
                unclosed = true;
                break;
            }
            match (token.kind, open.last().map(|&opener| self.word(opener))) {
                (Kind::Newline, None) => break,
                (Kind::Symbol, None) if word == ";" => break,
                (Kind::Open, _) => {
                    braces += usize::from(word == "{");
                    open.push(at);
                }
                (Kind::Close, None) if word == "}" => break,
                (Kind::Close, None | Some("{")) if word != "}" => {
                    mistake.get_or_insert_with(|| {
                        Mistake::new("bgform::lang::syntax", format!("this `{word}` closes nothing"))
                            .at(token.span(self.file), "nothing is open that it could close")
                            .help(format!("remove the `{word}`, or write what it should close"))
                    });
                }
                (Kind::Close, Some(opener)) if closer_of(opener) == word => {
                    braces -= usize::from(word == "}");
                    open.pop();
                }
                (Kind::Close, Some(opener)) => {
                    let last = open.pop().unwrap_or(at);
                    let wrong =
                        unclosed_bracket(opener, self.span(last)).at(token.span(self.file), "closed here");
                    if word != "}" {
                        mistake.get_or_insert(wrong);
                    } else if braces > 0 {
                        mistake.get_or_insert(unclosed_bracket(opener, self.span(last)));
                        while open.pop().is_some_and(|opener| self.word(opener) != "{") {}
                        braces -= 1;
                    } else if self.place(last).line == self.place(at).line && !self.is_in_one_line_block(at) {
                        mistake.get_or_insert(wrong);
                    } else {
                        open.push(last);
                        break;
                    }
                }
                _ => {}
            }
            at += 1;
        }
        // A bracket left open ends at the first line that is not deeper than its own.
        if let Some(&opener) = open.iter().rfind(|&&opener| self.word(opener) != "{") {
            mistake.get_or_insert(unclosed_bracket(self.word(opener), self.span(opener)));
            at = self.end_of_deeper_lines(opener, at);
        } else if at >= self.scan.tokens.len() && !open.is_empty() {
            self.unclosed += open.len();
            for &brace in open.iter().rev().take(3) {
                self.blame(brace);
            }
            unclosed = true;
        }
        let tokens = start..at.max(start + 1);
        self.at = tokens.end;
        let mistake = self.token_mistake(&tokens).or(mistake);
        self.push(Statement { tokens, inside: None, broken: unclosed || mistake.is_some(), mistake });
    }

    fn is_in_one_line_block(&self, at: usize) -> bool {
        self.blocks.last().is_some_and(|block| self.place(block.brace).line == self.place(at).line)
    }

    fn end_of_deeper_lines(&self, opener: usize, limit: usize) -> usize {
        let deeper = |at: usize| self.place(at).indent > self.place(opener).indent;
        let line_ends = |at: &usize| self.token(*at).is_some_and(|token| token.kind == Kind::Newline);
        let shallower = |at: &usize| self.next_line(*at).is_none_or(|next| next >= limit || !deeper(next));
        (opener..limit).filter(line_ends).find(shallower).unwrap_or(limit)
    }
}

fn closer_of(opener: &str) -> &'static str {
    match opener {
        "(" => ")",
        "[" => "]",
        _ => "}",
    }
}

fn unclosed_bracket(opener: &str, span: Span) -> Mistake {
    let closer = closer_of(opener);
    Mistake::new("bgform::lang::unclosed_bracket", format!("this `{opener}` is never closed"))
        .at(span, "opened here")
        .help(format!("write `{closer}` where it ends"))
}
