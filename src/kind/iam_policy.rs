//! Documents of IAM policies: one form for all that mean the same. Makes no call.

use serde_json::Value as Json;

use super::schema::Wrong;
use crate::value::Value;

/// A document in one form: members sorted, lists of one as that one, other lists of texts sorted, an account as
/// its root (IAM user guide, reference_policies_grammar and reference_policies_elements_principal). A text that is no
/// document stays.
pub fn normal(document: Value) -> Value {
    match document.as_str().and_then(|text| serde_json::from_str(text).ok()) {
        Some(parsed @ Json::Object(_)) => {
            Value::String(serde_json::to_string_pretty(&ordered(parsed, "")).unwrap_or_default())
        }
        _ => document,
    }
}

fn ordered(json: Json, within: &str) -> Json {
    match json {
        Json::Object(members) => {
            let mut members: Vec<_> =
                members.into_iter().map(|(name, value)| (name.clone(), ordered(value, &name))).collect();
            members.sort_by(|(one, _), (other, _)| one.cmp(other));
            Json::Object(members.into_iter().collect())
        }
        Json::Array(items) => {
            let mut items: Vec<_> = items.into_iter().map(|item| ordered(item, within)).collect();
            if items.iter().all(Json::is_string) {
                items.sort_by(|one, other| one.as_str().cmp(&other.as_str()));
                items.dedup();
            }
            match <[Json; 1]>::try_from(items) {
                Ok([one]) => one,
                Err(items) => Json::Array(items),
            }
        }
        Json::String(text)
            if within == "AWS" && text.len() == 12 && text.bytes().all(|c| c.is_ascii_digit()) =>
        {
            Json::String(format!("arn:aws:iam::{text}:root"))
        }
        other => other,
    }
}

/// A document as it is sent: without spaces, which count towards its size.
pub fn compact(document: &str) -> String {
    serde_json::from_str::<Json>(document).map_or_else(|_| document.to_owned(), |json| json.to_string())
}

/// A document in an answer, which is in the encoding of URLs (RFC 3986).
pub fn decoded(document: &str) -> Value {
    let pair = format!("d={}", document.replace('+', "%2B"));
    let text = form_urlencoded::parse(pair.as_bytes()).next().map(|(_, text)| text.into_owned());
    normal(Value::String(text.unwrap_or_default()))
}

/// The mistakes of a document that its grammar shows (reference_policies_grammar). `trusts`: it says who may take a
/// role.
fn wrong(document: &Value, trusts: bool) -> Vec<Wrong> {
    let Some(text) = document.as_str() else { return Vec::new() };
    let mistake = |message: &str, help: &str| vec![("", message.to_owned(), help.to_owned())];
    let written = "write it with jsonencode({ Version = \"2012-10-17\", Statement = [...] })";
    let Ok(Json::Object(policy)) = serde_json::from_str(text) else {
        return mistake("this is no policy: it is no JSON object", written);
    };
    let statements = match policy.get("Statement") {
        Some(Json::Array(all)) if !all.is_empty() => all.clone(),
        Some(one @ Json::Object(_)) => vec![one.clone()],
        _ => return mistake("a policy has a Statement", written),
    };
    for statement in &statements {
        let has = |name: &str| statement.get(name).is_some() || statement.get(format!("Not{name}")).is_some();
        let missing = match trusts {
            true => ["Effect", "Principal", "Action"],
            false => ["Effect", "Action", "Resource"],
        };
        if let Some(name) = missing.into_iter().find(|name| !has(name)) {
            return mistake(&format!("a Statement of this policy has no {name}"), written);
        }
        if trusts && has("Resource") {
            return mistake("a trust policy has no Resource: it is the role itself", "take Resource away");
        }
        if !trusts && has("Principal") {
            return mistake("a policy of a role has no Principal: it is the role", "take Principal away");
        }
        if !matches!(statement.get("Effect").and_then(Json::as_str), Some("Allow" | "Deny")) {
            return mistake("the Effect of a Statement is Allow or Deny", written);
        }
    }
    Vec::new()
}

/// The rule of a policy of who may take a role.
pub fn trust(document: &Value) -> Vec<Wrong> {
    wrong(document, true)
}

/// The rule of an object of policies by name.
pub fn inline(policies: &Value) -> Vec<Wrong> {
    let policies = policies.as_object().into_iter().flatten();
    let named = policies.flat_map(|(name, document)| {
        // API_PutRolePolicy.
        let fits = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
        let bad = name.is_empty() || name.len() > 128 || !name.chars().all(fits);
        let help = "use 1 to 128 letters, digits and _ + = , . @ -".to_owned();
        let named = bad.then(|| ("", format!("`{name}` is no policy's name"), help));
        named.into_iter().chain(wrong(document, false)).collect::<Vec<_>>()
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_that_mean_the_same_are_the_same() {
        let one = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:Put*","s3:Get*"],"Resource":["*"]}]}"#;
        let other = r#"{"Statement": {"Action": ["s3:Get*", "s3:Put*"], "Effect": "Allow", "Resource": "*"}, "Version": "2012-10-17"}"#;
        assert_eq!(normal(Value::string(one)), normal(Value::string(other)));
        let third = other.replace("Allow", "Deny");
        assert_ne!(normal(Value::string(one)), normal(Value::string(third)));
        let account = r#"{"Statement":{"Principal":{"AWS":["123456789012"]}}}"#;
        assert!(normal(Value::string(account)).as_str().unwrap().contains("arn:aws:iam::123456789012:root"));
        assert_eq!(normal(Value::string("no JSON")), Value::string("no JSON"));
        assert_eq!(decoded("%7B%22a%22%3A%20%22x%2By%22%7D"), normal(Value::string(r#"{"a":"x+y"}"#)));
    }

    #[test]
    fn what_iam_would_refuse_is_told_before() {
        let trusting = r#"{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"ec2.amazonaws.com"}}}"#;
        let allowing = r#"{"Statement":[{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}]}"#;
        let count = |text: &str, trusts| wrong(&Value::string(text), trusts).len();
        assert_eq!((count(trusting, true), count(allowing, false)), (0, 0));
        assert_eq!((count(trusting, false), count(allowing, true)), (1, 1));
        for text in ["", "[]", "{}", r#"{"Statement":[]}"#, &trusting.replace("Allow", "allow")] {
            assert_eq!(count(text, true), 1, "{text}");
        }
    }
}
