//! Metric math: `+ - * /`, parentheses, numbers, the ids of other queries, and `FILL(id, number)`
//! (CloudWatch user guide, using-metric-math).

use std::collections::BTreeMap;

use super::query::Series;

/// A parsed expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    Number(f64),
    Id(String),
    /// A number for each data point that is missing.
    Fill(String, f64),
    Negative(Box<Expression>),
    Both(Box<Expression>, char, Box<Expression>),
}

/// The result of an expression: one number, or one for each period with data.
#[derive(Debug, Clone, PartialEq)]
enum Outcome {
    Scalar(f64),
    Series(Series),
}

impl Expression {
    /// Parses an expression; `None` if it is malformed or uses a function that is not implemented here.
    pub fn parse(text: &str) -> Option<Self> {
        let mut rest = Rest(text.trim());
        let expression = rest.sum(0)?;
        rest.0.is_empty().then_some(expression)
    }

    /// The ids that it reads.
    pub fn ids(&self) -> Vec<&str> {
        match self {
            Expression::Number(_) => Vec::new(),
            Expression::Id(id) | Expression::Fill(id, _) => vec![id],
            Expression::Negative(of) => of.ids(),
            Expression::Both(left, _, right) => [left.ids(), right.ids()].concat(),
        }
    }

    /// Its values at the periods in which all its inputs have data; `grid` is all requested periods, which
    /// `FILL` fills. `None` for a plain number, which is no time series.
    pub fn values(&self, known: &BTreeMap<String, Series>, grid: &[i64]) -> Option<Series> {
        match self.outcome(known, grid) {
            Outcome::Series(series) => Some(series),
            Outcome::Scalar(_) => None,
        }
    }

    fn outcome(&self, known: &BTreeMap<String, Series>, grid: &[i64]) -> Outcome {
        let series = |id: &String| known.get(id).cloned().unwrap_or_default();
        match self {
            Expression::Number(number) => Outcome::Scalar(*number),
            Expression::Id(id) => Outcome::Series(series(id)),
            Expression::Fill(id, number) => {
                let has = series(id);
                let value = |at: &i64| (*at, has.get(at).copied().unwrap_or(*number));
                Outcome::Series(grid.iter().map(value).collect())
            }
            Expression::Negative(of) => match of.outcome(known, grid) {
                Outcome::Scalar(number) => Outcome::Scalar(-number),
                Outcome::Series(series) => {
                    Outcome::Series(series.into_iter().map(|(at, value)| (at, -value)).collect())
                }
            },
            Expression::Both(left, sign, right) => {
                let finite = |at: i64, a: f64, b: f64| {
                    // A division by zero gives no data point.
                    let value = calculate(a, *sign, b);
                    value.is_finite().then_some((at, value))
                };
                match (left.outcome(known, grid), right.outcome(known, grid)) {
                    (Outcome::Scalar(a), Outcome::Scalar(b)) => Outcome::Scalar(calculate(a, *sign, b)),
                    (Outcome::Series(a), Outcome::Scalar(b)) => {
                        Outcome::Series(a.into_iter().filter_map(|(at, a)| finite(at, a, b)).collect())
                    }
                    (Outcome::Scalar(a), Outcome::Series(b)) => {
                        Outcome::Series(b.into_iter().filter_map(|(at, b)| finite(at, a, b)).collect())
                    }
                    (Outcome::Series(a), Outcome::Series(b)) => Outcome::Series(
                        a.into_iter().filter_map(|(at, a)| finite(at, a, *b.get(&at)?)).collect(),
                    ),
                }
            }
        }
    }
}

fn calculate(a: f64, sign: char, b: f64) -> f64 {
    match sign {
        '+' => a + b,
        '-' => a - b,
        '*' => a * b,
        _ => a / b,
    }
}

/// Maximum depth of parentheses and signs.
const DEEPEST: usize = 50;

/// The unparsed rest.
struct Rest<'a>(&'a str);

impl Rest<'_> {
    /// Takes one of these signs, and spaces after it.
    fn sign(&mut self, signs: &[char]) -> Option<char> {
        let sign = self.0.chars().next().filter(|sign| signs.contains(sign))?;
        self.0 = self.0.get(sign.len_utf8()..)?.trim_start();
        Some(sign)
    }

    /// Takes characters of a class, and spaces after them.
    fn word(&mut self, part: impl Fn(char) -> bool) -> String {
        let end = self.0.find(|c| !part(c)).unwrap_or(self.0.len());
        let (word, rest) = self.0.split_at(end);
        self.0 = rest.trim_start();
        word.to_owned()
    }

    fn sum(&mut self, depth: usize) -> Option<Expression> {
        let mut left = self.product(depth)?;
        while let Some(sign) = self.sign(&['+', '-']) {
            left = Expression::Both(Box::new(left), sign, Box::new(self.product(depth)?));
        }
        Some(left)
    }

    fn product(&mut self, depth: usize) -> Option<Expression> {
        let mut left = self.value(depth)?;
        while let Some(sign) = self.sign(&['*', '/']) {
            left = Expression::Both(Box::new(left), sign, Box::new(self.value(depth)?));
        }
        Some(left)
    }

    fn value(&mut self, depth: usize) -> Option<Expression> {
        if depth > DEEPEST {
            return None;
        }
        if self.sign(&['-']).is_some() {
            return Some(Expression::Negative(Box::new(self.value(depth + 1)?)));
        }
        if self.sign(&['(']).is_some() {
            let inner = self.sum(depth + 1)?;
            return self.sign(&[')']).map(|_| inner);
        }
        if self.0.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            return self.number();
        }
        let name = self.word(|c| c.is_ascii_alphanumeric() || c == '_');
        if name == "FILL" {
            self.sign(&['('])?;
            let id = self.word(|c| c.is_ascii_alphanumeric() || c == '_');
            self.sign(&[','])?;
            let negative = self.sign(&['-']).is_some();
            let Expression::Number(number) = self.number()? else { return None };
            self.sign(&[')'])?;
            return is_id(&id).then_some(Expression::Fill(id, if negative { -number } else { number }));
        }
        is_id(&name).then_some(Expression::Id(name))
    }

    fn number(&mut self) -> Option<Expression> {
        self.word(|c| c.is_ascii_digit() || c == '.').parse().ok().map(Expression::Number)
    }
}

/// Tells whether a text can be the id of a query (API_MetricDataQuery).
pub fn is_id(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_goes_by_periods_that_both_have() {
        let known = BTreeMap::from([
            ("errors".to_owned(), Series::from([(60, 1.0), (120, 4.0)])),
            ("requests".to_owned(), Series::from([(0, 10.0), (60, 10.0), (120, 0.0)])),
        ]);
        let values = |text: &str| Expression::parse(text).unwrap().values(&known, &[0, 60, 120]);
        assert_eq!(values("100 * errors/requests"), Some(Series::from([(60, 10.0)])));
        assert_eq!(values("-(FILL(errors, 0) - 2*3)"), Some(Series::from([(0, 6.0), (60, 5.0), (120, 2.0)])));
        assert_eq!(values("1 + 2"), None);
        for wrong in ["", "a +", "(a", "AVG(a)", "a b", "FILL(a)", "A"] {
            assert_eq!(Expression::parse(wrong), None, "{wrong}");
        }
        assert_eq!(Expression::parse(&"(".repeat(100_000)), None);
    }
}
