//! Function calls: arguments, spreading, unknowns and marks; and the special forms `try` and `can`, which
//! inspect the mistakes of their arguments.

use crate::diagnostic::{Mistake, Span};
use crate::value::Value;

use super::super::ast::{Expr, Name};
use super::super::functions::{self, Body, Call, Fault, Function};
use super::access::members_of;
use super::names::nearest;
use super::{Evaluator, Members, describe};

/// Mistakes that no other value could avoid: `try` and `can` do not hide them.
pub const STATIC: [&str; 10] = [
    "bgform::lang::unknown_name",
    "bgform::lang::unknown_variable",
    "bgform::lang::unknown_local",
    "bgform::lang::unknown_module",
    "bgform::lang::unknown_resource",
    "bgform::lang::unknown_attribute",
    "bgform::lang::unknown_function",
    "bgform::lang::not_in_for_each",
    "bgform::lang::too_deep",
    "bgform::lang::too_long",
];

/// The result of an argument of `try` or `can`.
enum Attempt {
    Value(Value),
    /// A mistake that another value could avoid.
    Failed(Mistake),
    /// A mistake that was reported.
    Reported,
}

impl Evaluator<'_> {
    pub(super) fn call(
        &mut self,
        name: &Name,
        arguments: &[Expr],
        spread: bool,
        span: Span,
    ) -> Option<Value> {
        let Some(function) = functions::find(&name.text) else {
            self.all(arguments);
            return self.unknown_function(name);
        };
        let takes_this = |count: usize| count >= function.min && function.max.is_none_or(|max| count <= max);
        if !spread && !takes_this(arguments.len()) {
            self.all(arguments);
            return self.fail(wrong_count(function, arguments.len(), name.span));
        }
        match function.body {
            Body::Try => return self.try_each(arguments, span),
            Body::Can => return self.can(arguments),
            Body::Known(_) | Body::Partial(_) | Body::Any(_) => {}
        }
        let values = self.all(arguments)?;
        let mut spans: Vec<Span> = arguments.iter().map(|argument| argument.span).collect();
        let values = match spread {
            true => match self.spread(values, &mut spans)? {
                Ok(values) => values,
                Err(unknown) => return Some(unknown),
            },
            false => values,
        };
        if !takes_this(values.len()) {
            return self.fail(wrong_count(function, values.len(), name.span));
        }
        let values = values.into_iter().map(|value| self.plural_as_list(value)).collect();
        self.run(function, values, spans, span)
    }

    fn unknown_function(&mut self, name: &Name) -> Option<Value> {
        let known: Vec<String> = functions::all().map(|function| function.name.to_owned()).collect();
        let mistake =
            Mistake::new("bgform::lang::unknown_function", format!("there is no function `{}`", name.text))
                .at(name.span, "unknown function");
        let left_out = functions::LEFT_OUT.iter().find(|(left_out, _)| *left_out == name.text);
        let help = left_out.map(|(_, remedy)| (*remedy).to_owned());
        self.fail(match help.or_else(|| nearest(&name.text, &known, str::to_owned)) {
            Some(help) => mistake.help(help),
            None => mistake,
        })
    }

    /// `f(list...)`: the last argument's elements become arguments. The inner error is the list's unknown.
    fn spread(&mut self, mut values: Vec<Value>, spans: &mut Vec<Span>) -> Option<Result<Vec<Value>, Value>> {
        let (Some(last), Some(span)) = (values.pop(), spans.pop()) else {
            return Some(Ok(values));
        };
        let (last, marked) = self.plural_as_list(last).into_unmarked();
        match last {
            Value::List(items) => {
                spans.extend(items.iter().map(|_| span));
                values.extend(items.into_iter().map(|item| item.marked_if(marked)));
                Some(Ok(values))
            }
            unknown @ Value::Unknown(_) => Some(Err(unknown.marked_if(marked))),
            other => self.fail(
                Mistake::new("bgform::lang::wrong_type", "`...` takes a list")
                    .at(span, format!("this is {}", describe(&other))),
            ),
        }
    }

    /// A plural `existing` is a list to every function.
    fn plural_as_list(&self, value: Value) -> Value {
        let (value, marked) = value.into_unmarked();
        let value = match value {
            Value::Ref(reference) if reference.index.is_none() => match self.scope.members(&reference) {
                Members::NotPlural => Value::Ref(reference),
                Members::Unknown => Value::unknown(&reference.address, "id"),
                Members::Count(count) => Value::List(members_of(&reference, count)),
            },
            other => other,
        };
        value.marked_if(marked)
    }

    fn run(
        &mut self,
        function: &'static Function,
        values: Vec<Value>,
        spans: Vec<Span>,
        span: Span,
    ) -> Option<Value> {
        let sensitive = values.iter().any(Value::has_sensitive);
        let (body, values, marked, unknown) = match function.body {
            Body::Known(body) => {
                let values: Vec<_> = values.iter().map(Value::without_marks).collect();
                let unknown = values.iter().find_map(Value::find_unknown).cloned();
                (body, values, sensitive, unknown)
            }
            Body::Partial(body) => {
                let marked = values.iter().any(|value| value.unmark().1);
                let values: Vec<_> = values.into_iter().map(|value| value.into_unmarked().0).collect();
                let unknown = values.iter().find_map(|value| match value {
                    Value::Unknown(unknown) => Some(unknown.clone()),
                    _ => None,
                });
                (body, values, marked, unknown)
            }
            Body::Any(body) => (body, values, false, None),
            // INVARIANT: `call` has handled the special forms.
            Body::Try | Body::Can => return None,
        };
        if let Some(unknown) = unknown {
            return Some(Value::Unknown(unknown).marked_if(marked));
        }
        let call =
            Call { function, values, spans, scope: self.scope, sensitive, in_template: self.in_template };
        match body(&call) {
            Ok(value) => self.bounded(value.marked_if(marked), span),
            Err(fault) => self.fail(bad_argument(&call, fault, span)),
        }
    }

    fn try_each(&mut self, arguments: &[Expr], span: Span) -> Option<Value> {
        let mut failures = Vec::new();
        for argument in arguments {
            match self.attempt(argument) {
                Attempt::Value(value) => return Some(value),
                Attempt::Failed(mistake) => failures.push(mistake.message),
                Attempt::Reported => return None,
            }
        }
        self.fail(
            Mistake::new("bgform::lang::bad_argument", "`try` has no argument that can be evaluated")
                .at(span, "every one has a mistake")
                .help(format!("in order: {}", failures.join("; "))),
        )
    }

    fn can(&mut self, arguments: &[Expr]) -> Option<Value> {
        match self.attempt(arguments.first()?) {
            Attempt::Value(value) => {
                let answer = match value.find_unknown() {
                    Some(unknown) => Value::Unknown(unknown.clone()),
                    None => Value::Bool(true),
                };
                Some(answer.marked_if(value.has_sensitive()))
            }
            Attempt::Failed(_) => Some(Value::Bool(false)),
            Attempt::Reported => None,
        }
    }

    fn attempt(&mut self, argument: &Expr) -> Attempt {
        let before = self.mistakes.len();
        let value = self.value(argument);
        let is_static = |mistake: &Mistake| STATIC.contains(&mistake.code);
        match value {
            Some(value) => Attempt::Value(value),
            None if self.mistakes.iter().skip(before).any(is_static) => Attempt::Reported,
            None => {
                let mut found = self.mistakes.drain(before..);
                match found.next() {
                    Some(first) => Attempt::Failed(first),
                    None => Attempt::Reported,
                }
            }
        }
    }
}

fn wrong_count(function: &Function, count: usize, span: Span) -> Mistake {
    let plural =
        |count: usize| if count == 1 { "1 argument".to_owned() } else { format!("{count} arguments") };
    let takes = match function.max {
        Some(max) if max == function.min => plural(max),
        Some(max) => format!("{} to {}", function.min, plural(max)),
        None => format!("at least {}", plural(function.min)),
    };
    Mistake::new("bgform::lang::bad_argument", format!("`{}` takes {takes}, not {count}", function.name))
        .at(span, format!("{} given", plural(count)))
        .help(format!("it is written `{}`", function.signature))
}

fn bad_argument(call: &Call<'_>, fault: Fault, span: Span) -> Mistake {
    let place = fault.argument.and_then(|index| call.spans.get(index)).copied().unwrap_or(span);
    let mut help = format!("it is written `{}`", call.function.signature);
    if let Some(more) = fault.help {
        help = format!("{more}; {help}");
    }
    Mistake::new("bgform::lang::bad_argument", format!("`{}`: {}", call.function.name, fault.message))
        .at(place, fault.label)
        .help(help)
}
