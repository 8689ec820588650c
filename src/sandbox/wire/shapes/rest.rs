//! Requests of the REST protocol with XML: the action by method and path, the parameters from the path, the
//! query and the body, which a shape tells how to read (Smithy, aws.protocols#restXml).

use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::Event;
use serde_json::{Map, Value};

use super::{Shape, Shapes};

/// Maximum nesting of a body.
const DEEPEST: usize = 32;

/// An element with its text, or its elements.
#[derive(Debug, Default)]
struct Element {
    name: String,
    text: String,
    inner: Vec<Element>,
}

impl Shapes {
    /// The action of a method and a path, and the members in the path.
    pub fn routed(&self, method: &str, path: &str) -> Option<(&'static str, Map<String, Value>)> {
        self.actions.iter().find_map(|(name, action)| {
            let (own, pattern) = action.route?;
            (own == method).then(|| labels(pattern, path)).flatten().map(|labels| (*name, labels))
        })
    }

    /// The method and the path of an action, with `{NAME}` for a member's value.
    #[cfg(test)]
    pub fn route(&self, action: &str) -> Option<(&'static str, &'static str)> {
        self.actions.get(action)?.route
    }

    /// The members of an action in a body.
    ///
    /// # Errors
    /// Why it is no XML.
    pub fn read_xml(&self, action: &str, body: &str) -> Result<Map<String, Value>, String> {
        let Some(action) = self.actions.get(action) else { return Ok(Map::new()) };
        let root = parse(body)?;
        let members = root.inner.iter().map(|element| {
            let member = action.members.iter().find(|member| member.name == element.name);
            (element.name.clone(), self.value_of(member.map(|member| member.of), element))
        });
        Ok(members.collect())
    }

    fn value_of(&self, of: Option<&str>, element: &Element) -> Value {
        match of.and_then(|of| self.shapes.get(of)) {
            _ if element.inner.is_empty() && !element.text.trim().is_empty() => {
                Value::from(element.text.as_str())
            }
            Some(Shape::List(_, item)) => {
                element.inner.iter().map(|one| self.value_of(Some(item), one)).collect()
            }
            Some(Shape::Struct(members)) => {
                let inner = element.inner.iter().map(|one| {
                    let member = members.iter().find(|member| member.name == one.name);
                    (one.name.clone(), self.value_of(member.map(|member| member.of), one))
                });
                Value::Object(inner.collect())
            }
            _ if element.inner.is_empty() => Value::from(element.text.as_str()),
            _ => element.inner.iter().map(|one| (one.name.clone(), self.value_of(None, one))).collect(),
        }
    }
}

/// The values of the labels of a pattern; `None` for a path of another one. A slash at the end counts for
/// nothing.
fn labels(pattern: &str, path: &str) -> Option<Map<String, Value>> {
    let parts = |path: &'_ str| path.trim_matches('/').split('/').map(str::to_owned).collect::<Vec<_>>();
    let (pattern, path) = (parts(pattern), parts(path));
    let mut found = Map::new();
    for (wanted, given) in pattern.iter().zip(&path) {
        match wanted.strip_prefix('{').and_then(|label| label.strip_suffix('}')) {
            Some(label) => {
                // The escapes of a path are those of a form, which has no plus here.
                let pair = format!("v={}", given.replace('+', "%2B"));
                let (_, value) = form_urlencoded::parse(pair.as_bytes()).next()?;
                found.insert(label.to_owned(), Value::from(value.into_owned()));
            }
            None if wanted == given => {}
            None => return None,
        }
    }
    (pattern.len() == path.len()).then_some(found)
}

fn parse(body: &str) -> Result<Element, String> {
    let mut reader = Reader::from_str(body);
    let mut open = vec![Element::default()];
    let close = |open: &mut Vec<Element>| {
        if let (Some(done), Some(outer)) = (open.pop(), open.last_mut()) {
            outer.inner.push(done);
        }
    };
    let told = |open: &mut Vec<Element>, text: &str| {
        if let Some(one) = open.last_mut() {
            one.text.push_str(text);
        }
    };
    loop {
        let begun = |name: &str| Element { name: name.to_owned(), ..Element::default() };
        match reader.read_event().map_err(|error| format!("the body is no XML: {error}"))? {
            Event::Start(_) if open.len() > DEEPEST => return Err("the body is nested too deep".to_owned()),
            Event::Start(tag) => open.push(begun(tag.local_name().as_ref())),
            Event::Empty(tag) => {
                open.push(begun(tag.local_name().as_ref()));
                close(&mut open);
            }
            Event::End(_) => close(&mut open),
            Event::Text(text) => told(&mut open, &text),
            Event::CData(text) => told(&mut open, &text),
            Event::GeneralRef(name) => {
                let text = format!("&{};", &*name);
                told(&mut open, &unescape(&text).map_err(|error| error.to_string())?);
            }
            Event::Eof => break,
            _ => {}
        }
    }
    let mut all = open.into_iter().next().unwrap_or_default();
    all.inner.pop().ok_or_else(|| "the body is no XML: it has no element".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_names_an_action_and_a_shape_tells_what_a_body_holds() {
        let shapes = Shapes::parse(
            "Get rest GET /v/zone/{Id} Id!:text\nPut rest POST /v/zone/{Id}/set/ Id!:text Batch!:Batch\nBatch struct \
             Changes!:Changes Flag:bool\nChanges list 1.. Change\nChange struct Name:text\n",
        );
        let routed =
            |method, path| shapes.routed(method, path).map(|(name, labels)| (name, Value::Object(labels)));
        assert_eq!(routed("GET", "/v/zone/Z%2F1"), Some(("Get", json!({ "Id": "Z/1" }))));
        assert_eq!(routed("POST", "/v/zone/Z/set"), Some(("Put", json!({ "Id": "Z" }))));
        assert_eq!(routed("POST", "/v/zone/Z"), None);
        let body = "<?xml version=\"1.0\"?><R xmlns=\"x\"><Batch><Changes><Change><Name>a &amp; &#34;b&#34;</Name>\
                    </Change></Changes><Flag/></Batch></R>";
        let read = shapes.read_xml("Put", body).map(Value::Object);
        assert_eq!(read, Ok(json!({ "Batch": { "Changes": [{ "Name": "a & \"b\"" }], "Flag": "" } })));
        assert!(shapes.read_xml("Put", "<R><a></R>").is_err());
        assert!(shapes.read_xml("Put", &"<a>".repeat(99)).is_err());
    }
}
