//! The schema against the API: the fields of the SDK's create inputs are attributes' or are named
//! as not offered.

use std::collections::BTreeSet;

use bgform::kind::schema::Schema;

pub fn every_field_is_offered_or_left_out(schema: &Schema, inputs: &[String]) {
    let fields: BTreeSet<&str> = inputs.iter().flat_map(|text| fields_of(text)).collect();
    assert!(!fields.is_empty(), "`{}` gives no create input", schema.kind);
    let offered: BTreeSet<&str> = schema.attributes.iter().flat_map(|one| one.api_fields()).collect();
    let left_out: BTreeSet<&str> = schema.not_offered.iter().map(|(field, _)| *field).collect();
    let list = |fields: BTreeSet<&str>| fields.into_iter().collect::<Vec<_>>().join(", ");
    for (what, wrong) in [
        ("neither offered nor left out", &(&fields - &offered) - &left_out),
        ("an attribute's field that is none", &offered - &fields),
        ("left out though it is none", &left_out - &fields),
        ("left out though an attribute has it", &left_out & &offered),
    ] {
        assert!(wrong.is_empty(), "`{}`: {what}: {}", schema.kind, list(wrong));
    }
    for (field, why) in schema.not_offered {
        assert!(!why.is_empty(), "`{}` does not say why it leaves out `{field}`", schema.kind);
    }
}

/// The field names in the debug text of an SDK input, not those of what is nested in it.
fn fields_of(debug: &str) -> Vec<&str> {
    let Some((_, mut rest)) = debug.split_once('{') else { return Vec::new() };
    let mut fields = Vec::new();
    while let Some((name, value)) = rest.split_once(':') {
        fields.push(name.trim().trim_start_matches("r#"));
        let mut depth = 0;
        let end = value.find(|c| {
            match c {
                '{' | '[' | '(' => depth += 1,
                '}' | ']' | ')' => depth -= 1,
                _ => {}
            }
            depth < 0 || (depth == 0 && c == ',')
        });
        rest = end.map_or("", |end| &value[end + 1..]);
    }
    fields
}

#[test]
fn fields_are_those_of_the_input_itself() {
    let debug = "Input { name: None, r#type: Some([A { inner: None, x: 1 }]), last: Some(B) }";
    assert_eq!(fields_of(debug), ["name", "type", "last"]);
    assert_eq!(fields_of("Input"), [""; 0]);
}
