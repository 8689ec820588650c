//! The tokens of one expression come in, an [`Expr`] goes out, or its first mistake. pest parses it without
//! the inside of strings; [`super::template`] calls back for every `${ }`. Never evaluates anything.

use std::ops::Range;
use std::sync::LazyLock;

use pest::Parser;
use pest::iterators::Pair;
use pest::pratt_parser::{Assoc, Op, PrattParser};

use super::ast::{Access, Binary, Expr, For, Name, Node, Unary};
use super::cut::{DEEPEST, too_deep};
use super::scan::{Token, scan};
use super::{literal, slip, template};
use crate::diagnostic::{FileId, Mistake, Span};

#[derive(pest_derive::Parser)]
#[grammar = "../../grammar/deploy.pest"]
pub(super) struct Grammar;

static OPERATORS: LazyLock<PrattParser<Rule>> = LazyLock::new(|| {
    let left = |rule| Op::infix(rule, Assoc::Left);
    PrattParser::new()
        .op(left(Rule::or))
        .op(left(Rule::and))
        .op(left(Rule::equal) | left(Rule::not_equal))
        .op(left(Rule::less) | left(Rule::at_most) | left(Rule::greater) | left(Rule::at_least))
        .op(left(Rule::add) | left(Rule::subtract))
        .op(left(Rule::multiply) | left(Rule::divide))
        .op(Op::prefix(Rule::not) | Op::prefix(Rule::minus))
});

type Result<T, E = Mistake> = std::result::Result<T, E>;

/// The source of a statement or a `${ }`.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub file: FileId,
    pub text: &'a str,
    /// Depth of the enclosing blocks, brackets, and `${ }`.
    pub depth: usize,
    /// Number of enclosing operators and accesses.
    pub chain: usize,
}

impl<'a> Reader<'a> {
    /// `name = expression`
    pub fn attribute(self, tokens: &[Token]) -> Result<(Name, Expr)> {
        match self.plain_attribute(tokens) {
            Some(attribute) => Ok(attribute),
            None => self.attribute_by_grammar(tokens),
        }
    }

    pub(super) fn attribute_by_grammar(self, tokens: &[Token]) -> Result<(Name, Expr)> {
        let (reader, blanked) = self.blank(tokens, false)?;
        let parsed = Grammar::parse(Rule::attribute, &blanked.text);
        let pair =
            parsed.map_err(|error| slip::explain(self, tokens, Rule::attribute, blanked.start, error))?;
        let building = Building { reader, start: blanked.start };
        let mut inner = pair.flat_map(Pair::into_inner).filter(|pair| pair.as_rule() != Rule::assign);
        match (inner.next(), inner.next()) {
            (Some(name), Some(value)) => Ok((building.name(&name), building.expression(value)?)),
            _ => Err(building.missing_part(0)),
        }
    }

    /// The words and labels of `keyword bare "label" {`.
    pub fn header(self, tokens: &[Token]) -> Result<Vec<Name>> {
        match self.plain_header(tokens) {
            Some(header) => Ok(header),
            None => self.header_by_grammar(tokens),
        }
    }

    pub(super) fn header_by_grammar(self, tokens: &[Token]) -> Result<Vec<Name>> {
        let (reader, blanked) = self.blank(tokens, false)?;
        let parsed = Grammar::parse(Rule::header, &blanked.text);
        let pair = parsed.map_err(|error| slip::explain(self, tokens, Rule::header, blanked.start, error))?;
        let building = Building { reader, start: blanked.start };
        let words = pair.flat_map(Pair::into_inner).filter(|pair| pair.as_rule() != Rule::EOI);
        words.map(|pair| building.label(pair)).collect()
    }

    /// The expression of a `${ }` with its inside at `range` of the text.
    pub fn hole(self, range: Range<usize>) -> Result<Expr> {
        let inside = self.text.get(range.clone()).unwrap_or("");
        if slip::is_of_the_shell(inside) {
            let span = Span::new(self.file, range.start.saturating_sub(2), range.end + 1);
            return Err(slip::of_the_shell(inside, span));
        }
        self.hole_of_ours(range).map_err(|mistake| match slip::may_be_of_the_shell(inside) {
            true => mistake.and_help(slip::LITERAL),
            false => mistake,
        })
    }

    fn hole_of_ours(self, range: Range<usize>) -> Result<Expr> {
        if self.depth >= DEEPEST {
            return Err(too_deep(Span::new(self.file, range.start, range.end)));
        }
        let scanned = scan(self.file, self.text, range.clone());
        if let Some((_, mistake)) = scanned.mistakes.into_iter().next() {
            return Err(mistake);
        }
        if scanned.tokens.iter().all(|token| token.is_space()) {
            let span = Span::new(self.file, range.start.saturating_sub(2), range.end + 1);
            return Err(Mistake::new("bgform::lang::syntax", "this `${ }` is empty")
                .at(span, "expected a value in it")
                .help("write `${name}` to put a value here, or `$${` for the two characters themselves"));
        }
        let inside = Reader { depth: self.depth + 1, ..self };
        let (reader, blanked) = inside.blank(&scanned.tokens, true)?;
        let parsed = Grammar::parse(Rule::hole, &blanked.text);
        let pair = parsed
            .map_err(|error| slip::explain(inside, &scanned.tokens, Rule::hole, blanked.start, error))?;
        let building = Building { reader, start: blanked.start };
        match pair.flat_map(Pair::into_inner).next() {
            Some(value) => building.expression(value),
            None => Err(building.missing_part(0)),
        }
    }
}

/// Builds the tree from pest's pairs.
#[derive(Clone, Copy)]
struct Building<'a> {
    reader: Reader<'a>,
    /// The start of pest's text in the file.
    start: usize,
}

impl Building<'_> {
    fn span(self, pair: &Pair<Rule>) -> Span {
        let span = pair.as_span();
        Span::new(self.reader.file, self.start + span.start(), self.start + span.end())
    }

    /// The grammar guarantees each rule its parts; a missing one is a mistake, not a crash.
    fn missing_part(self, at: usize) -> Mistake {
        let span = Span::new(self.reader.file, self.start + at, self.start + at);
        Mistake::new("bgform::lang::syntax", "this cannot be read").at(span, "here")
    }

    fn name(self, pair: &Pair<Rule>) -> Name {
        Name { text: pair.as_str().to_owned(), span: self.span(pair) }
    }

    fn label(self, pair: Pair<Rule>) -> Result<Name> {
        if pair.as_rule() == Rule::name {
            return Ok(self.name(&pair));
        }
        let span = self.span(&pair);
        match template::string(self.reader, span)?.node {
            Node::String(text) => Ok(Name { text, span }),
            _ => Err(Mistake::new("bgform::lang::syntax", "a block's name is fixed: it cannot hold `${ }`")
                .at(span, "expected a plain string")
                .help("use `for_each` to make several of one block, each with its `each.key`")),
        }
    }

    fn expression(self, pair: Pair<Rule>) -> Result<Expr> {
        let span = self.span(&pair);
        let mut parts = pair.into_inner();
        let first = parts.next().ok_or_else(|| self.missing_part(0))?;
        let condition = self.chain(first)?;
        Ok(match (parts.next(), parts.next()) {
            (Some(yes), Some(no)) => Expr {
                node: Node::Conditional {
                    condition: Box::new(condition),
                    yes: Box::new(self.expression(yes)?),
                    no: Box::new(self.expression(no)?),
                },
                span,
            },
            _ => condition,
        })
    }

    fn chain(self, pair: Pair<Rule>) -> Result<Expr> {
        OPERATORS
            .map_primary(|operand| self.operand(operand))
            .map_prefix(|operator, operand| {
                let operand = operand?;
                let unary = if operator.as_rule() == Rule::not { Unary::Not } else { Unary::Minus };
                let span = self.span(&operator).to(operand.span);
                Ok(Expr { node: Node::Unary(unary, Box::new(operand)), span })
            })
            .map_infix(|left, operator, right| {
                let (left, right) = (left?, right?);
                let binary = match operator.as_rule() {
                    Rule::or => Binary::Or,
                    Rule::and => Binary::And,
                    Rule::equal => Binary::Equal,
                    Rule::not_equal => Binary::NotEqual,
                    Rule::less => Binary::Less,
                    Rule::at_most => Binary::LessOrEqual,
                    Rule::greater => Binary::Greater,
                    Rule::at_least => Binary::GreaterOrEqual,
                    Rule::add => Binary::Add,
                    Rule::subtract => Binary::Subtract,
                    Rule::multiply => Binary::Multiply,
                    _ => Binary::Divide,
                };
                let span = left.span.to(right.span);
                Ok(Expr { node: Node::Binary(binary, Box::new(left), Box::new(right)), span })
            })
            .parse(pair.into_inner())
    }

    fn operand(self, pair: Pair<Rule>) -> Result<Expr> {
        let mut parts = pair.into_inner();
        let mut value = self.primary(parts.next().ok_or_else(|| self.missing_part(0))?)?;
        while let Some(part) = parts.next() {
            let span = value.span.to(self.span(&part));
            let target = Box::new(value);
            value = match part.as_rule() {
                Rule::splat => return self.splat(*target, part, parts),
                _ => match self.access(part)? {
                    Access::Attribute(name) => Expr { node: Node::Attribute(target, name), span },
                    Access::Index(index) => Expr { node: Node::Index(target, Box::new(index)), span },
                },
            };
        }
        Ok(value)
    }

    fn access(self, part: Pair<Rule>) -> Result<Access> {
        let at = part.as_span().start();
        let member = part.as_rule() == Rule::member;
        let inner = part.into_inner().next().ok_or_else(|| self.missing_part(at))?;
        Ok(if member { Access::Attribute(self.name(&inner)) } else { Access::Index(self.expression(inner)?) })
    }

    fn splat<'i>(
        self,
        target: Expr,
        splat: Pair<'i, Rule>,
        rest: impl Iterator<Item = Pair<'i, Rule>>,
    ) -> Result<Expr> {
        let mut span = target.span.to(self.span(&splat));
        let mut accesses = Vec::new();
        for part in rest {
            let part_span = self.span(&part);
            if part.as_rule() == Rule::splat {
                return Err(Mistake::new("bgform::lang::syntax", "a second `[*]` in one expression")
                    .at(part_span, "this one would go over a list of lists")
                    .at(self.span(&splat), "the first is here")
                    .help(
                        "write `[for item in list : item.name[*]]`, within `flatten( )` for one flat list",
                    ));
            }
            span = span.to(part_span);
            accesses.push(self.access(part)?);
        }
        Ok(Expr { node: Node::Splat(Box::new(target), accesses), span })
    }

    fn primary(self, pair: Pair<Rule>) -> Result<Expr> {
        let span = self.span(&pair);
        let node = match pair.as_rule() {
            Rule::string => return template::string(self.reader, span),
            Rule::heredoc => return template::heredoc(self.reader, span),
            Rule::number => literal::number(pair.as_str(), span)?,
            Rule::name => match pair.as_str() {
                "null" => Node::Null,
                "true" => Node::Bool(true),
                "false" => Node::Bool(false),
                name => Node::Name(name.to_owned()),
            },
            Rule::group => {
                let inner = pair.into_inner().next().ok_or_else(|| self.missing_part(0))?;
                self.expression(inner)?.node
            }
            Rule::list => {
                Node::List(pair.into_inner().map(|item| self.expression(item)).collect::<Result<_>>()?)
            }
            Rule::object => {
                Node::Object(pair.into_inner().map(|item| self.item(item)).collect::<Result<_>>()?)
            }
            Rule::call => self.call(pair)?,
            _ => self.comprehension(pair)?,
        };
        Ok(Expr { node, span })
    }

    fn call(self, pair: Pair<Rule>) -> Result<Node> {
        let mut parts = pair.into_inner();
        let function = self.name(&parts.next().ok_or_else(|| self.missing_part(0))?);
        let mut arguments = Vec::new();
        let mut spread = false;
        for part in parts {
            match part.as_rule() {
                Rule::spread => spread = true,
                _ => arguments.push(self.expression(part)?),
            }
        }
        Ok(Node::Call { function, arguments, spread })
    }

    fn item(self, pair: Pair<Rule>) -> Result<(Expr, Expr)> {
        let mut parts = pair.into_inner();
        let (Some(key), Some(_assign), Some(value)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(self.missing_part(0));
        };
        let span = self.span(&key);
        let key = key.into_inner().next().ok_or_else(|| self.missing_part(0))?;
        let key = match key.as_rule() {
            Rule::name => Expr { node: Node::Name(key.as_str().to_owned()), span },
            _ => self.primary(key)?,
        };
        Ok((key, self.expression(value)?))
    }

    fn comprehension(self, pair: Pair<Rule>) -> Result<Node> {
        let object = pair.as_rule() == Rule::for_object;
        let mut names = Vec::new();
        let mut values = Vec::new();
        let mut grouped = false;
        let mut condition = None;
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::for_head => {
                    for part in part.into_inner() {
                        match part.as_rule() {
                            Rule::name => names.push(self.name(&part)),
                            Rule::expression => values.push(self.expression(part)?),
                            _ => {}
                        }
                    }
                }
                Rule::expression => values.push(self.expression(part)?),
                Rule::condition => {
                    let inner = part.into_inner().find(|part| part.as_rule() == Rule::expression);
                    condition = inner.map(|inner| self.expression(inner)).transpose()?;
                }
                _ => grouped = true,
            }
        }
        let (mut names, mut values) = (names.into_iter().rev(), values.into_iter());
        let missing = || self.missing_part(0);
        let value = names.next().ok_or_else(missing)?;
        let collection = values.next().ok_or_else(missing)?;
        let result_key = if object { Some(values.next().ok_or_else(missing)?) } else { None };
        let result = values.next().ok_or_else(missing)?;
        Ok(Node::For(Box::new(For {
            key: names.next(),
            value,
            collection,
            result_key,
            result,
            grouped,
            condition,
        })))
    }
}
