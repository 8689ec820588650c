//! An expression and the scope of its names come in; its value goes out, or every mistake in it.
//!
//! Evaluation reads no file and knows no kind: it asks the [`Scope`] for both. A value that is known only
//! after apply stays [`Value::Unknown`], and the sensitive mark taints every value made from it.

mod access;
mod bounds;
mod call;
mod comprehension;
mod mentions;
mod names;
mod operators;
mod scope;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod text;

pub(super) use access::members_of;
pub(super) use bounds::LARGEST;
pub use call::STATIC;
pub use mentions::{Mention, Mentioned, attempted, references};
pub use names::DISABLED;
pub use scope::{Constant, Found, Members, Scope};
pub use text::{describe, to_text};

use crate::diagnostic::{Mistake, Span};
use crate::value::{Object, Value};

use super::ast::{Expr, Node};

/// Returns the value of an expression. `None` means that a mistake is in `mistakes`, or that the expression
/// uses a name whose declaration is broken and was reported before, so that nothing cascades.
///
/// The value may be [`Value::Unknown`] or hold unknowns, and may carry sensitive marks at any depth.
pub fn evaluate(expr: &Expr, scope: &dyn Scope, mistakes: &mut Vec<Mistake>) -> Option<Value> {
    Evaluator { scope, mistakes, loops: Vec::new(), depth: 0, steps: 0, in_template: false }.value(expr)
}

/// The same for the text of a `templatefile`, which cannot use another template.
pub(super) fn evaluate_template(
    expr: &Expr,
    scope: &dyn Scope,
    mistakes: &mut Vec<Mistake>,
) -> Option<Value> {
    Evaluator { scope, mistakes, loops: Vec::new(), depth: 0, steps: 0, in_template: true }.value(expr)
}

/// Chains such as `a + b + c` nest without a bracket, so the scanner's bound does not cover them.
const DEEPEST: usize = 250;

struct Evaluator<'a> {
    scope: &'a dyn Scope,
    mistakes: &'a mut Vec<Mistake>,
    /// The variables of the enclosing comprehensions, the innermost last.
    loops: Vec<(String, Value)>,
    depth: usize,
    /// Number of expressions evaluated so far.
    steps: usize,
    /// Whether this is the text of a `templatefile`, which cannot use another.
    in_template: bool,
}

impl Evaluator<'_> {
    fn value(&mut self, expr: &Expr) -> Option<Value> {
        if self.depth == DEEPEST {
            return self.fail(
                Mistake::new("bgform::lang::too_deep", "this expression nests too deeply")
                    .at(expr.span, format!("more than {DEEPEST} levels"))
                    .help("name its parts in `locals`"),
            );
        }
        self.steps += 1;
        if self.steps > bounds::MOST_STEPS {
            // Reported once; the rest of the expression is not evaluated.
            if self.steps - 1 > bounds::MOST_STEPS {
                return None;
            }
            return self.fail(
                Mistake::new("bgform::lang::too_long", "this expression takes too long")
                    .at(expr.span, format!("more than {} steps", bounds::MOST_STEPS))
                    .help("its loops go through too much; let them go through less"),
            );
        }
        self.depth += 1;
        let value = self.node(expr);
        self.depth -= 1;
        value
    }

    fn node(&mut self, expr: &Expr) -> Option<Value> {
        let span = expr.span;
        match &expr.node {
            Node::Null => Some(Value::Null),
            Node::Bool(value) => Some(Value::Bool(*value)),
            Node::Number(value) => Some(Value::Number(*value)),
            Node::Duration(value) => Some(Value::Duration(*value)),
            Node::Percent(value) => Some(Value::Percent(*value)),
            Node::String(text) => Some(Value::String(text.clone())),
            Node::Template(parts) => self.template(parts, span),
            Node::List(items) => self.list(items, span),
            Node::Object(members) => self.object(members, span),
            Node::Name(word) => self.word(word, span),
            Node::Attribute(target, name) => self.attribute(target, name),
            Node::Index(target, index) => self.index(target, index),
            Node::Splat(target, accesses) => self.splat(target, accesses, span),
            Node::Call { function, arguments, spread } => self.call(function, arguments, *spread, span),
            Node::Unary(operator, operand) => self.unary(*operator, operand),
            Node::Binary(operator, left, right) => self.binary(*operator, left, right),
            Node::Conditional { condition, yes, no } => self.conditional(condition, yes, no),
            Node::For(comprehension) => self.comprehension(comprehension, span),
        }
    }

    fn list(&mut self, items: &[Expr], span: Span) -> Option<Value> {
        let items = self.all(items)?;
        self.bounded(Value::List(items), span)
    }

    /// The values of all items, or `None` after the mistakes of every one have been found.
    fn all(&mut self, items: &[Expr]) -> Option<Vec<Value>> {
        let values: Vec<_> = items.iter().map(|item| self.value(item)).collect();
        values.into_iter().collect()
    }

    /// An object. A key that is known only after apply makes the whole object unknown; a sensitive key marks
    /// it.
    fn object(&mut self, members: &[(Expr, Expr)], span: Span) -> Option<Value> {
        let mut object = Object::new();
        let mut spans = Vec::new();
        let (mut unknown, mut marked, mut failed) = (None, false, false);
        for (key_expr, value_expr) in members {
            let key = self.object_key(key_expr);
            let (Some((key, mark)), Some(value)) = (key, self.value(value_expr)) else {
                failed = true;
                continue;
            };
            marked |= mark;
            let key = match key {
                Value::String(key) => key,
                other => {
                    unknown = unknown.or(Some(other));
                    continue;
                }
            };
            if let Some(first) = object.get_index_of(&key).and_then(|index| spans.get(index)) {
                let shown = if mark { "a sensitive key".to_owned() } else { format!("`{key}`") };
                self.mistakes.push(
                    Mistake::new("bgform::lang::duplicate_key", format!("{shown} is in this object twice"))
                        .at(key_expr.span, "again here")
                        .at(*first, "first here"),
                );
                failed = true;
                continue;
            }
            spans.push(key_expr.span);
            object.insert(key, value);
        }
        match failed {
            true => None,
            false => self.bounded(unknown.unwrap_or(Value::Object(object)).marked_if(marked), span),
        }
    }

    /// A key as a string or an unknown, and whether it was sensitive.
    fn object_key(&mut self, expr: &Expr) -> Option<(Value, bool)> {
        if let Some(name) = bare_key(expr) {
            return Some((Value::string(name), false));
        }
        self.key(expr)
    }

    /// The same for a key that is an expression.
    fn key(&mut self, expr: &Expr) -> Option<(Value, bool)> {
        let value = self.value(expr)?;
        let (value, marked) = value.into_unmarked();
        match value {
            Value::String(_) | Value::Unknown(_) => Some((value, marked)),
            Value::Number(_) | Value::Bool(_) => Some((Value::String(to_text(&value)?), marked)),
            other => self.fail(
                Mistake::new("bgform::lang::wrong_type", "a key must be a string")
                    .at(expr.span, format!("this is {}", describe(&other))),
            ),
        }
    }

    /// Evaluates only the branch that is taken; while the condition is unknown, both, for their mistakes.
    fn conditional(&mut self, condition: &Expr, yes: &Expr, no: &Expr) -> Option<Value> {
        let Some(decided) = self.value(condition) else {
            self.value(yes);
            self.value(no);
            return None;
        };
        let (decided, marked) = decided.into_unmarked();
        let value = match decided {
            Value::Bool(true) => self.value(yes)?,
            Value::Bool(false) => self.value(no)?,
            Value::Unknown(unknown) => {
                let (yes, no) = (self.value(yes), self.value(no));
                let marked = yes?.unmark().1 | no?.unmark().1;
                Value::Unknown(unknown).marked_if(marked)
            }
            other => return self.fail(not_a_bool("a condition", condition, &other)),
        };
        Some(value.marked_if(marked))
    }

    fn fail<T>(&mut self, mistake: Mistake) -> Option<T> {
        self.mistakes.push(mistake);
        None
    }
}

/// The bare name of an object's key, as in `{ name = 1 }`. In `{ (name) = 1 }` it is an expression, whose
/// span includes the brackets.
fn bare_key(expr: &Expr) -> Option<&str> {
    match &expr.node {
        Node::Name(name) if expr.span.end - expr.span.start == name.len() => Some(name),
        _ => None,
    }
}

fn not_a_bool(what: &str, expr: &Expr, value: &Value) -> Mistake {
    let mistake = Mistake::new("bgform::lang::wrong_type", format!("{what} must be true or false"))
        .at(expr.span, format!("this is {}", describe(value)));
    match value {
        Value::String(_) => mistake.help("compare it, or write `tobool(...)`"),
        Value::Null => mistake.help("write `... != null`"),
        _ => mistake.help("compare it, as in `... > 0`"),
    }
}
