//! The attributes of load balancers, target groups and listeners, which the API keeps as texts under dotted
//! keys. A table maps our attributes to the API's keys. They can be read only for one resource at a time, so
//! they are read only if one of them is declared.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use crate::value::{Object, Value};

/// One of our attributes and its key in the API.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The attribute, or `block.attribute`.
    pub path: &'static str,
    pub key: &'static str,
    pub form: Form,
    /// The API's default, to which an undeclared attribute returns; `None` if it depends on the resource.
    pub default: Option<&'static str>,
}

/// The API's form of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `true` or `false`.
    Flag,
    /// `on` or `off`.
    OnOff,
    /// A number, including seconds; any other text (`off`) means none.
    Number,
    Text,
    /// Our word for each of the API's.
    Words(&'static [(&'static str, &'static str)]),
}

pub const fn setting(path: &'static str, key: &'static str, form: Form) -> Setting {
    Setting { path, key, form, default: None }
}

impl Setting {
    pub const fn or(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }

    /// The schema's name of the attribute or block.
    fn attribute(&self) -> &'static str {
        self.path.split('.').next().unwrap_or(self.path)
    }
}

/// The members of a spec that a table covers, by attribute.
pub type Settings = BTreeMap<String, Json>;

/// The members of a spec in the API's form.
pub fn to_api(table: &[Setting], members: &Settings) -> BTreeMap<&'static str, String> {
    let said = |setting: &Setting| {
        let value = match setting.path.split_once('.') {
            Some((block, name)) => members.get(block)?.get(name)?,
            None => members.get(setting.path)?,
        };
        let text = match (setting.form, value) {
            (_, Json::Null) => return None,
            (Form::OnOff, Json::Bool(on)) => if *on { "on" } else { "off" }.to_owned(),
            (Form::Words(words), Json::String(word)) => words
                .iter()
                .find(|(ours, _)| ours == word)
                .map_or(word.as_str(), |(_, theirs)| theirs)
                .to_owned(),
            (_, Json::String(text)) => text.clone(),
            (_, other) => other.to_string(),
        };
        Some((setting.key, text))
    };
    table.iter().filter_map(said).collect()
}

/// The attributes to send to get from one spec to the other; `changed` names those that differ. An undeclared
/// attribute returns to the API's default.
pub fn changes(
    table: &[Setting],
    before: &Settings,
    after: &Settings,
    changed: &BTreeSet<String>,
) -> BTreeMap<&'static str, String> {
    let mut changes = to_api(table, after);
    for setting in table.iter().filter(|setting| changed.contains(setting.attribute())) {
        if let Some(default) = setting.default {
            changes.entry(setting.key).or_insert_with(|| default.to_owned());
        }
    }
    let before = to_api(table, before);
    changes.retain(|key, value| before.get(key) != Some(value));
    changes
}

/// The API's answer as attributes; keys that the table does not have are left out.
pub fn from_api<'a>(table: &[Setting], answered: impl Iterator<Item = (&'a str, &'a str)>) -> Object {
    let answered: BTreeMap<&str, &str> = answered.collect();
    let mut members = Object::new();
    for setting in table {
        let Some(value) = answered.get(setting.key).and_then(|text| read(setting.form, text)) else {
            continue;
        };
        match setting.path.split_once('.') {
            None => {
                members.insert(setting.path.to_owned(), value);
            }
            Some((block, name)) => {
                let block = members.entry(block.to_owned()).or_insert_with(|| Value::Object(Object::new()));
                if let Value::Object(block) = block {
                    block.insert(name.to_owned(), value);
                }
            }
        }
    }
    members
}

fn read(form: Form, text: &str) -> Option<Value> {
    match form {
        Form::Flag => text.parse().ok().map(Value::Bool),
        Form::OnOff => Some(Value::Bool(text == "on")),
        Form::Number => text.parse().ok().map(Value::Number),
        Form::Text => (!text.is_empty()).then(|| Value::string(text)),
        Form::Words(words) => Some(Value::string(
            words.iter().find(|(_, theirs)| *theirs == text).map_or(text, |(ours, _)| ours),
        )),
    }
}

/// The attributes (or blocks) that a table covers.
pub fn names(table: &'static [Setting]) -> impl Iterator<Item = &'static str> {
    table.iter().map(Setting::attribute)
}

/// Tells whether one of the table's attributes is declared.
pub fn any_declared(table: &'static [Setting], declared: &BTreeSet<String>) -> bool {
    names(table).any(|name| declared.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object;

    const TABLE: &[Setting] = &[
        setting("idle_timeout", "idle_timeout.timeout_seconds", Form::Number).or("60"),
        setting("logs.enabled", "logs.s3.enabled", Form::Flag),
        setting("logs.bucket", "logs.s3.bucket", Form::Text),
        setting("mitigation", "anomaly_mitigation", Form::OnOff),
        setting("cross_zone", "cross_zone.enabled", Form::Words(&[("on", "true"), ("load_balancer", "use")])),
    ];

    #[test]
    fn what_is_sent_reads_back_as_it_was_said() {
        let said = object! {
            "idle_timeout" => 90,
            "logs" => object! { "enabled" => true, "bucket" => "b" },
            "mitigation" => false,
            "cross_zone" => "load_balancer",
        };
        let Json::Object(members) = said.to_plain_json() else { panic!("an object") };
        let sent = to_api(TABLE, &members.into_iter().collect());
        assert_eq!(sent["idle_timeout.timeout_seconds"], "90");
        assert_eq!(sent["cross_zone.enabled"], "use");
        assert_eq!(
            Value::Object(from_api(TABLE, sent.iter().map(|(key, text)| (*key, text.as_str())))),
            said
        );
    }

    #[test]
    fn what_is_no_longer_declared_goes_back_to_the_default() {
        let before = Settings::from_iter([("idle_timeout".to_owned(), 90.into())]);
        let changed = |names: &[&str]| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            changes(TABLE, &before, &Settings::new(), &names)
        };
        assert_eq!(changed(&["idle_timeout"])["idle_timeout.timeout_seconds"], "60");
        assert!(changed(&["tags"]).is_empty());
    }

    #[test]
    fn off_and_empty_are_nothing_said() {
        let answered = [("idle_timeout.timeout_seconds", "off"), ("logs.s3.bucket", "")];
        assert!(from_api(TABLE, answered.into_iter()).is_empty());
    }
}
