//! The conditions of a listener rule. A block may hold several; in canonical form, and in the API's, each has
//! its own block.

use aws_sdk_elasticloadbalancingv2::types::{
    HostHeaderConditionConfig, HttpHeaderConditionConfig, HttpRequestMethodConditionConfig,
    PathPatternConditionConfig, QueryStringConditionConfig, QueryStringKeyValuePair, RuleCondition,
    SourceIpConditionConfig,
};
use serde::Deserialize;

use super::Mistake;
use crate::kind::rules::{filled, form};
use crate::kind::schema::{Attribute, Type, Wrong, attribute, sorted};
use crate::object;
use crate::value::{Object, Value};

/// Maximum number of values in all conditions of a rule (application load balancer quotas).
pub const MOST_VALUES: usize = 5;

/// One condition: exactly one member is set.
#[derive(Debug, Clone, Deserialize)]
pub struct Condition {
    host_header: Option<Vec<String>>,
    path_pattern: Option<Vec<String>>,
    http_request_method: Option<Vec<String>>,
    source_ip: Option<Vec<String>>,
    http_header: Option<HttpHeader>,
    query_string: Option<Vec<Pair>>,
}

#[derive(Debug, Clone, Deserialize)]
struct HttpHeader {
    name: String,
    values: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
struct Pair {
    key: Option<String>,
    value: String,
}

/// The kinds of condition that a rule has at most once ([model] Rule).
const ONCE: [&str; 4] = ["host_header", "path_pattern", "http_request_method", "source_ip"];

/// [model] RuleCondition.
pub fn attribute_of_conditions() -> Attribute {
    let texts = || Type::String { max: 128 }.set();
    let header = vec![
        attribute("name", Type::String { max: 40 }, "The header.").required().rule(|name| {
            let sign = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c);
            let fits = |name: &str| name.bytes().all(sign) && !name.eq_ignore_ascii_case("host");
            form("header of an http_header condition", name, fits, "for the host write `host_header`")
        }),
        attribute("values", texts(), "What it may be.").required().rule(filled),
    ];
    let pair = vec![
        attribute("key", Type::String { max: 128 }, "The parameter; without one, any."),
        attribute("value", Type::String { max: 128 }, "What it may be.").required(),
    ];
    let pairs = Type::Blocks { attributes: pair, ordered: false, max: MOST_VALUES };
    let attributes = vec![
        attribute("host_header", texts(), "Host names; `*` and `?` are wildcards.").rule(|hosts| {
            // [model] HostHeaderConditionConfig.
            let sign = |c: char| c.is_ascii_alphanumeric() || "-.*?_".contains(c);
            let last = |c: char| c.is_ascii_alphabetic() || "*?".contains(c);
            let fits = |host: &str| {
                let end = host.rsplit_once('.').map(|(_, end)| end);
                host.chars().all(sign) && end.is_some_and(|end| !end.is_empty() && end.chars().all(last))
            };
            let words = "use letters, digits, `-`, `.`, `*` and `?`, and no digit after the last `.`";
            some("host name with a dot", hosts, fits, words)
        }),
        attribute("path_pattern", texts(), "Paths; `*` and `?` are wildcards.").rule(|paths| {
            let sign = |c: char| c.is_ascii_alphanumeric() || "_-.$/~\"'@:+&*?=,%;!()".contains(c);
            some(
                "path pattern",
                paths,
                |path| path.chars().all(sign),
                "use letters, digits and _-.$/~\"'@:+&*?",
            )
        }),
        attribute("http_request_method", Type::String { max: 40 }.set(), "Methods, such as `GET`.").rule(
            |methods| {
                let sign = |c: char| c.is_ascii_uppercase() || "-_".contains(c);
                some("method", methods, |method| method.chars().all(sign), "use capital letters, `-` and `_`")
            },
        ),
        attribute("source_ip", Type::String { max: 64 }.set(), "Address blocks that clients come from.")
            .rule(|blocks| {
                // Application Load Balancers guide, rule-condition-types.
                let none = |block: &str| block == "255.255.255.255/32";
                let fits = |block: &str| block.parse::<ipnet::IpNet>().is_ok() && !none(block);
                some("address block", blocks, fits, "write one such as `10.0.0.0/8`")
            }),
        attribute("http_header", Type::Block(header), "A header and its accepted values."),
        attribute("query_string", pairs, "A query parameter and its accepted values."),
    ];
    attribute(
        "condition",
        Type::Blocks { attributes, ordered: false, max: 10 },
        "What a request must be like: all conditions hold, each by any one of its values.",
    )
    .required()
    .normal(alone)
    .api(&["conditions"])
}

/// Checks that a condition has values, each in the right form (API_RuleCondition).
fn some(of: &str, texts: &Value, fits: impl Fn(&str) -> bool, words: &str) -> Vec<Wrong> {
    let wrong = form(of, texts, fits, words);
    filled(texts).into_iter().chain(wrong).collect()
}

/// Each condition in a block of its own.
fn alone(blocks: Value) -> Value {
    let Value::List(blocks) = blocks else { return blocks };
    let split = |block: Value| match block {
        Value::Object(members) => members.into_iter().map(one).collect(),
        other => vec![other],
    };
    sorted(blocks.into_iter().flat_map(split).collect())
}

fn one((name, value): (String, Value)) -> Value {
    Value::Object(Object::from_iter([(name, value)]))
}

/// Checks for mistakes that no single attribute's type shows.
pub fn mistakes(inputs: &Object) -> Vec<Mistake> {
    let Some(blocks) = inputs.get("condition").and_then(Value::as_list) else { return Vec::new() };
    let conditions = || blocks.iter().filter_map(Value::as_object).flatten();
    let mut mistakes = Vec::new();
    let mut mistake = |message: String, help: String| mistakes.push(("condition", message, help));
    for name in ONCE {
        if conditions().filter(|(other, _)| *other == name).count() > 1 {
            let help = "give one condition all the values: any one of them is enough".to_owned();
            mistake(format!("a rule has at most one `{name}`"), help);
        }
    }
    let count = count(inputs).unwrap_or_default();
    if count > MOST_VALUES {
        let message = format!("a rule has at most {MOST_VALUES} condition values, and here are {count}");
        mistake(message, "use wildcards, or a second rule".to_owned());
    }
    if count == 0 {
        mistake(
            "a rule needs a condition".to_owned(),
            "add `path_pattern = [\"/*\"]` to match all".to_owned(),
        );
    }
    mistakes
}

/// The number of values in a rule's conditions; an unknown value counts as one.
pub fn count(inputs: &Object) -> Option<usize> {
    let values = |(name, value): (&String, &Value)| match name.as_str() {
        "http_header" => value.get("values").as_list().map_or(1, <[Value]>::len),
        _ => value.as_list().map_or(1, <[Value]>::len),
    };
    let blocks = inputs.get("condition")?.as_list()?;
    Some(blocks.iter().filter_map(Value::as_object).flatten().map(values).sum())
}

pub fn to_api(conditions: &[Condition]) -> Vec<RuleCondition> {
    conditions.iter().map(Condition::to_api).collect()
}

impl Condition {
    fn to_api(&self) -> RuleCondition {
        let condition = RuleCondition::builder();
        if let Some(values) = self.host_header.clone() {
            let config = HostHeaderConditionConfig::builder().set_values(Some(values)).build();
            return condition.field("host-header").host_header_config(config).build();
        }
        if let Some(values) = self.path_pattern.clone() {
            let config = PathPatternConditionConfig::builder().set_values(Some(values)).build();
            return condition.field("path-pattern").path_pattern_config(config).build();
        }
        if let Some(values) = self.http_request_method.clone() {
            let config = HttpRequestMethodConditionConfig::builder().set_values(Some(values)).build();
            return condition.field("http-request-method").http_request_method_config(config).build();
        }
        if let Some(values) = self.source_ip.clone() {
            let config = SourceIpConditionConfig::builder().set_values(Some(values)).build();
            return condition.field("source-ip").source_ip_config(config).build();
        }
        if let Some(header) = &self.http_header {
            let config = HttpHeaderConditionConfig::builder()
                .http_header_name(&header.name)
                .set_values(Some(header.values.clone()))
                .build();
            return condition.field("http-header").http_header_config(config).build();
        }
        let pairs = self.query_string.iter().flatten().map(|pair| {
            QueryStringKeyValuePair::builder().set_key(pair.key.clone()).value(&pair.value).build()
        });
        let config = QueryStringConditionConfig::builder().set_values(Some(pairs.collect())).build();
        condition.field("query-string").query_string_config(config).build()
    }
}

/// The value of the attribute from the API's answer.
pub fn from_api(conditions: &[RuleCondition]) -> Value {
    Value::List(conditions.iter().filter_map(read).collect())
}

fn read(condition: &RuleCondition) -> Option<Value> {
    // An older rule has its values beside the config, not in it.
    let texts = |config: Option<&[String]>| {
        let values = config.filter(|values| !values.is_empty()).unwrap_or(condition.values());
        Value::from(values.to_vec())
    };
    let (name, value) = match condition.field()? {
        "host-header" => ("host_header", texts(condition.host_header_config().map(|one| one.values()))),
        "path-pattern" => ("path_pattern", texts(condition.path_pattern_config().map(|one| one.values()))),
        "http-request-method" => {
            ("http_request_method", texts(condition.http_request_method_config().map(|one| one.values())))
        }
        "source-ip" => ("source_ip", texts(condition.source_ip_config().map(|one| one.values()))),
        "http-header" => {
            let config = condition.http_header_config()?;
            let values = texts(Some(config.values()));
            ("http_header", object! { "name" => config.http_header_name(), "values" => values })
        }
        "query-string" => {
            let pairs = condition.query_string_config()?.values().iter();
            let pairs = pairs.map(|pair| object! { "key" => pair.key(), "value" => pair.value() });
            ("query_string", Value::List(pairs.collect()))
        }
        _ => return None,
    };
    Some(one((name.to_owned(), value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_block_with_two_conditions_is_the_same_as_two_blocks() {
        let attribute = attribute_of_conditions();
        let (host, path) = (vec!["a.example.com"], vec!["/pay/*"]);
        let together = vec![object! { "host_header" => host.clone(), "path_pattern" => path.clone() }];
        let apart = vec![object! { "path_pattern" => path }, object! { "host_header" => host }];
        assert_eq!(attribute.canonical(&together.into()), attribute.canonical(&apart.into()));
    }

    #[test]
    fn more_than_five_values_are_a_mistake() {
        let paths: Vec<String> = (0..6).map(|number| format!("/{number}")).collect();
        let inputs =
            Object::from_iter([("condition".to_owned(), vec![object! { "path_pattern" => paths }].into())]);
        let [(_, message, _)] = mistakes(&inputs).try_into().unwrap();
        assert_eq!(message, "a rule has at most 5 condition values, and here are 6");
    }
}
