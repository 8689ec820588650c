//! The texts of records: names and values as Route 53 writes them, and as the author does. Makes no call.

use std::net::{Ipv4Addr, Ipv6Addr};

/// A character string of a TXT record has at most so many bytes (Route 53 developer guide, TXT record type).
const STRING: usize = 255;

/// A name in lower case, without the last dot, and with its signs as they are: Route 53 writes `*` as `\052`
/// (developer guide, DomainNameFormat).
pub fn domain(name: &str) -> String {
    unescaped(name.strip_suffix('.').unwrap_or(name)).to_ascii_lowercase()
}

/// A text with `\052` and the like replaced.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let octal = after.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        let octal = octal.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()));
        match (first, octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()), after) {
            (b'\\', Some(byte), _) => {
                bytes.push(byte);
                rest = &after[3..];
            }
            (b'\\', None, [next, after @ ..]) => {
                bytes.push(*next);
                rest = after;
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether values of the type are texts in quotes.
fn is_quoted(of_type: &str) -> bool {
    matches!(of_type, "TXT" | "SPF")
}

/// A value as Route 53 takes it: a text in quotes, in parts of 255 bytes, with other characters than printable
/// ASCII in octal digits.
pub fn to_api(of_type: &str, value: &str) -> String {
    if !is_quoted(of_type) {
        return value.to_owned();
    }
    let parts: Vec<String> = match value.as_bytes() {
        [] => vec![String::new()],
        bytes => bytes.chunks(STRING).map(|part| part.iter().map(|byte| escaped(*byte)).collect()).collect(),
    };
    parts.iter().map(|part| format!("\"{part}\"")).collect::<Vec<_>>().join(" ")
}

fn escaped(byte: u8) -> String {
    match byte {
        b'"' | b'\\' => format!("\\{}", char::from(byte)),
        b' '..=b'~' => char::from(byte).to_string(),
        _ => format!("\\{byte:03o}"),
    }
}

/// A value as the author writes it.
pub fn from_api(of_type: &str, value: &str) -> String {
    if !is_quoted(of_type) {
        return value.to_owned();
    }
    let (mut inside, mut is_escaped, mut text) = (false, false, String::new());
    for letter in value.chars() {
        match letter {
            '"' if !is_escaped => inside = !inside,
            _ if inside => text.push(letter),
            _ => {}
        }
        is_escaped = letter == '\\' && !is_escaped;
    }
    unescaped(&text)
}

/// The remedy for a value that the type does not have (Route 53 developer guide, ResourceRecordTypes).
pub fn wrong(of_type: &str, value: &str) -> Option<&'static str> {
    let number = |part: Option<&str>| part.is_some_and(|part| part.parse::<u16>().is_ok());
    let mut parts = value.split(' ');
    let (fits, help) = match of_type {
        "A" => (value.parse::<Ipv4Addr>().is_ok(), "write an IPv4 address such as \"192.0.2.1\""),
        "AAAA" => (value.parse::<Ipv6Addr>().is_ok(), "write an IPv6 address such as \"2001:db8::1\""),
        "TXT" | "SPF" => (
            !value.starts_with('"'),
            "write the text alone: bgform puts it in quotes, and in parts after 255 bytes",
        ),
        "MX" => (
            number(parts.next()) && parts.next().is_some() && parts.next().is_none(),
            "write a priority and a name such as \"10 mail.example.com\"",
        ),
        "SRV" => (
            number(parts.next()) && number(parts.next()) && number(parts.next()) && parts.count() == 1,
            "write priority, weight, port and name such as \"10 5 5060 sip.example.com\"",
        ),
        "CNAME" | "NS" | "PTR" => (!value.contains(' '), "write a name such as \"www.example.com\""),
        "CAA" => (value.splitn(3, ' ').count() == 3, "write such as \"0 issue \\\"amazon.com\\\"\""),
        _ => (true, ""),
    };
    (!fits).then_some(help)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_is_one_however_it_is_written() {
        for name in ["*.Example.com.", "\\052.example.com.", "*.example.com"] {
            assert_eq!(domain(name), "*.example.com");
        }
    }

    #[test]
    fn a_long_text_is_in_parts_and_signs_are_escaped() {
        assert_eq!(to_api("TXT", "a \"b\" \\ é"), r#""a \"b\" \\ \303\251""#);
        let long = "x".repeat(300);
        assert_eq!(to_api("TXT", &long), format!("\"{}\" \"{}\"", "x".repeat(255), "x".repeat(45)));
        assert_eq!(from_api("TXT", r#""a" "b""#), "ab");
        assert_eq!(
            (to_api("A", "192.0.2.1"), to_api("TXT", "")),
            ("192.0.2.1".to_owned(), "\"\"".to_owned())
        );
    }

    proptest! {
        #[test]
        fn a_text_comes_back_as_it_was_written(text in "\\PC{0,600}") {
            prop_assert_eq!(from_api("TXT", &to_api("TXT", &text)), text);
        }
    }

    #[test]
    fn values_are_of_their_type() {
        for (of_type, good, bad) in [
            ("A", "192.0.2.1", "2001:db8::1"),
            ("AAAA", "2001:db8::1", "192.0.2.1"),
            ("TXT", "v=spf1 -all", "\"v=spf1 -all\""),
            ("MX", "10 mail.example.com", "mail.example.com"),
            ("SRV", "1 2 3 a.b", "1 2 a.b"),
            ("CNAME", "a.b", "a b"),
            ("CAA", "0 issue \"amazon.com\"", "issue amazon.com"),
        ] {
            assert!(wrong(of_type, good).is_none() && wrong(of_type, bad).is_some(), "{of_type}");
        }
    }
}
