//! Rules for texts and lists that several kinds share, and the messages of broken ones. A canonical value,
//! perhaps unknown or sensitive, comes in; the mistakes go out. Makes no call.

use std::net::Ipv4Addr;

use super::schema::Wrong;
use crate::value::Value;

/// A rule for a text, or for each text of a list. `of` names such a text; `words` is the remedy. A sensitive
/// text is not shown.
pub fn form(of: &str, value: &Value, fits: impl Fn(&str) -> bool, words: &str) -> Vec<Wrong> {
    let (plain, sensitive) = value.unmark();
    let texts = plain.as_list().unwrap_or(std::slice::from_ref(plain));
    let wrong = texts.iter().find(|text| text.as_str().is_some_and(|text| !fits(text)));
    let message = |text: &Value| match text.unmark() {
        (Value::String(text), false) if !sensitive => format!("`{text}` is no {of}"),
        _ => format!("this, which is sensitive, is no {of}"),
    };
    wrong.map(|text| ("", message(text), words.to_owned())).into_iter().collect()
}

/// A rule for an IPv4 address.
pub fn address(address: &Value) -> Vec<Wrong> {
    let fits = |text: &str| text.parse::<Ipv4Addr>().is_ok();
    form("IPv4 address", address, fits, "write one such as `10.0.0.10`")
}

/// A rule for an instance type: a family and a size. The existing types differ by region and grow.
pub fn instance_type(name: &Value) -> Vec<Wrong> {
    let word = |part: &str| {
        !part.is_empty() && part.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
    };
    let fits = |name: &str| name.split_once('.').is_some_and(|(family, size)| word(family) && word(size));
    form("instance type", name, fits, "write one such as `t3.small`")
}

/// A rule for the most that is paid for spot capacity ([model] InstancesDistribution, SpotMarketOptions).
pub fn price(price: &Value) -> Vec<Wrong> {
    let dollars =
        |text: &str| text.bytes().all(|c| c.is_ascii_digit() || c == b'.') && text.parse::<f64>().is_ok();
    let fits = |text: &str| dollars(text) && text.parse::<f64>().is_ok_and(|dollars| dollars > 0.001);
    form("price", price, fits, "write dollars an hour, more than 0.001, such as \"0.05\"")
}

/// A rule for a list that AWS takes with one item at least.
pub fn filled(list: &Value) -> Vec<Wrong> {
    let message = || ("", "it is empty".to_owned(), "name one at least, or take the line away".to_owned());
    (list.as_list() == Some(&[])).then(message).into_iter().collect()
}

/// Tells whether a text is a comma-separated list of status codes and ranges: `200,202-299`.
pub fn is_codes(text: &str, least: u16, most: u16) -> bool {
    let code = |text: &str| text.parse::<u16>().ok().filter(|code| (least..=most).contains(code));
    text.split(',').all(|part| match part.split_once('-') {
        Some((first, last)) => code(first).zip(code(last)).is_some_and(|(first, last)| first <= last),
        None => code(part).is_some(),
    })
}

pub fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok_and(|port| port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_numbers_and_ranges_within_bounds() {
        for good in ["200", "200,202", "200-299", "200,301-399"] {
            assert!(is_codes(good, 200, 499), "{good}");
        }
        for bad in ["", "200,", "299-200", "199", "200-500", "2xx", "200 - 299"] {
            assert!(!is_codes(bad, 200, 499), "{bad}");
        }
    }

    #[test]
    fn a_price_is_dollars() {
        for good in ["0.05", "1", "12.3456", ".5"] {
            assert!(price(&good.into()).is_empty(), "{good}");
        }
        for bad in ["", ".", "0.001", "0", "-1", "1e3", "$1", "inf", "NaN", "1,5"] {
            assert_eq!(price(&bad.into()).len(), 1, "{bad}");
        }
    }

    #[test]
    fn a_form_is_held_against_each_text_of_a_list_and_shows_no_sensitive_one() {
        let told = |value: &Value| form("port", value, is_port, "write a port");
        assert!(told(&Value::from(vec!["1", "65535"])).is_empty());
        assert_eq!(told(&Value::from(vec!["1", "0"])).remove(0).1, "`0` is no port");
        assert!(!told(&Value::string("s3cret").sensitive()).remove(0).1.contains("s3cret"));
        assert!(told(&Value::Null).is_empty());
    }
}
