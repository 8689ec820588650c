//! Answers as AWS writes them: XML for EC2 and the query services, JSON for the others.

use std::fmt::Write;

use quick_xml::escape::escape;
use serde_json::{Value, json};

use super::{Refusal, Service};

/// How a request was written, and so how it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Ec2,
    Query,
    /// JSON 1.0 or 1.1: the content type to answer with.
    Json(&'static str),
}

impl Protocol {
    pub fn content_type(self) -> &'static str {
        match self {
            Protocol::Ec2 | Protocol::Query => "text/xml;charset=UTF-8",
            Protocol::Json(content_type) => content_type,
        }
    }

    /// The body of an answer.
    pub fn answer(self, service: Service, action: &str, result: &Value, id: &str) -> String {
        let mut xml = String::new();
        match self {
            Protocol::Json(_) => return result.to_string(),
            Protocol::Ec2 => {
                let _ = write!(
                    xml,
                    "<{action}Response xmlns=\"{}\"><requestId>{id}</requestId>",
                    namespace(service)
                );
                element_content(&mut xml, result, "item");
            }
            Protocol::Query => {
                let _ = write!(xml, "<{action}Response xmlns=\"{}\"><{action}Result>", namespace(service));
                element_content(&mut xml, result, "member");
                let _ = write!(
                    xml,
                    "</{action}Result><ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata>"
                );
            }
        }
        let _ = write!(xml, "</{action}Response>");
        xml
    }

    /// The body of an error.
    pub fn refusal(self, service: Service, refusal: &Refusal, id: &str) -> String {
        let (code, message) = (escape(&refusal.code), escape(&refusal.message));
        match self {
            Protocol::Json(_) => json!({ "__type": refusal.code, "message": refusal.message }).to_string(),
            Protocol::Ec2 => format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{code}</Code>\
                 <Message>{message}</Message></Error></Errors><RequestID>{id}</RequestID></Response>"
            ),
            Protocol::Query => {
                let whose = if refusal.status < 500 { "Sender" } else { "Receiver" };
                format!(
                    "<ErrorResponse xmlns=\"{}\"><Error><Type>{whose}</Type><Code>{code}</Code>\
                     <Message>{message}</Message></Error><RequestId>{id}</RequestId></ErrorResponse>",
                    namespace(service)
                )
            }
        }
    }
}

fn namespace(service: Service) -> &'static str {
    match service {
        Service::Ec2 => "http://ec2.amazonaws.com/doc/2016-11-15/",
        Service::AutoScaling => "http://autoscaling.amazonaws.com/doc/2011-01-01/",
        Service::Elbv2 => "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/",
        Service::CloudWatch => "http://monitoring.amazonaws.com/doc/2010-08-01/",
        Service::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
        Service::Ssm => "http://ssm.amazonaws.com/doc/2014-11-06/",
    }
}

fn element_content(xml: &mut String, value: &Value, item: &str) {
    match value {
        Value::Null => {}
        Value::Object(map) => {
            for (name, value) in map.iter().filter(|(_, value)| !value.is_null()) {
                element(xml, name, value, item);
            }
        }
        Value::Array(items) => items.iter().for_each(|value| element(xml, item, value, item)),
        Value::String(text) => xml.push_str(&escape(text.as_str())),
        other => xml.push_str(&other.to_string()),
    }
}

fn element(xml: &mut String, name: &str, value: &Value, item: &str) {
    let _ = write!(xml, "<{name}>");
    element_content(xml, value, if of_group_ids(name, value) { "groupId" } else { item });
    let _ = write!(xml, "</{name}>");
}

/// Whether a list has elements of another name: the only one in EC2 is the security groups of a
/// launch template's network interface (GroupIdStringList).
fn of_group_ids(name: &str, value: &Value) -> bool {
    name == "groupSet" && value.as_array().is_some_and(|items| items.iter().all(Value::is_string))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_nulls() {
        let result = json!({ "set": [{ "a": 1, "b": null }, { "a": "<&>" }], "ok": true, "none": [] });
        insta::assert_snapshot!(Protocol::Ec2.answer(Service::Ec2, "X", &result, "r-1"), @r#"<XResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r-1</requestId><set><item><a>1</a></item><item><a>&lt;&amp;&gt;</a></item></set><ok>true</ok><none></none></XResponse>"#);
        insta::assert_snapshot!(Protocol::Query.answer(Service::Sts, "X", &json!({ "L": ["a"] }), "r-1"), @r#"<XResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><XResult><L><member>a</member></L></XResult><ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></XResponse>"#);
        let groups = json!({ "groupSet": ["sg-1"] });
        let answer = Protocol::Ec2.answer(Service::Ec2, "X", &groups, "r-1");
        assert!(answer.contains("<groupSet><groupId>sg-1</groupId></groupSet>"), "{answer}");
    }
}
