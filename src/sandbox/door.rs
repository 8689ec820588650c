//! Guards the sandbox's socket: a browser's requests are refused by headers that a page cannot leave out, all
//! others without the key that only the sandbox's user has.

use std::net::IpAddr;

use hyper::header::{HOST, ORIGIN};
use hyper::http::request::Parts;
use hyper::http::uri::Authority;

use super::key::Distrust;

/// The command that gives a client the key.
pub const ENV_COMMAND: &str = "eval \"$(bgform sandbox env)\"";

/// Why a request is refused before its body is read: it may come from a web page.
///
/// A page of any site can make its visitor's browser send requests here. It cannot make it leave out `Origin`
/// or `Sec-Fetch-Site` where the browser sends them, nor choose the `Host`: a name of its own that resolves
/// to this machine is still its own (<https://www.w3.org/TR/fetch-metadata/>).
pub fn turned_away(head: &Parts) -> Option<&'static str> {
    let headers = &head.headers;
    if headers.contains_key(ORIGIN) {
        return Some("a web page sent this request (it has an Origin), and the sandbox answers none");
    }
    if headers.get_all("sec-fetch-site").iter().any(|site| site != "none") {
        return Some("a web page sent this request (Sec-Fetch-Site), and the sandbox answers none");
    }
    let hosts: Vec<_> = headers.get_all(HOST).iter().collect();
    let is_ours =
        |text: Option<&str>| text.and_then(|text| text.parse().ok()).is_some_and(|host| is_local(&host));
    let [host] = hosts.as_slice() else { return Some("the request names no Host, or several") };
    if !is_ours(host.to_str().ok()) || head.uri.authority().is_some_and(|host| !is_local(host)) {
        return Some("the Host of the request is not a loopback address and not localhost");
    }
    None
}

/// `localhost` or a loopback address, with any port: a tunnel or a recorder has a port of its own, and in a
/// browser it is the URL's, whatever the page does.
fn is_local(host: &Authority) -> bool {
    let name = host.host();
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    let has_user = host.as_str().contains('@');
    let is_local = address.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    !has_user && (is_local || name.eq_ignore_ascii_case("localhost"))
}

/// The remedy for a person.
pub fn hint(distrust: &Distrust) -> String {
    match distrust {
        Distrust::Unsigned => format!("this is a bgform sandbox; `{ENV_COMMAND}` sets its key"),
        Distrust::OtherKey(id) => {
            format!("{id} is not the key of this bgform sandbox; `{ENV_COMMAND}` sets the one it has")
        }
        Distrust::WrongSignature => {
            format!("the secret is not the one of this bgform sandbox; `{ENV_COMMAND}` sets it")
        }
        Distrust::Stale => {
            "it was signed more than 5 minutes from now by the clock of this machine".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn head(headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn only_a_host_of_this_machine_is_answered() {
        let open = |host: &str| turned_away(&head(&[("host", host)])).is_none();
        for host in ["127.0.0.1:4577", "localhost:4577", "LOCALHOST", "127.9.9.9", "[::1]:80"] {
            assert!(open(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "evil.example:4577",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "10.0.0.1",
            "evil@127.0.0.1",
            "0.0.0.0:4577",
            "[::]",
            "127.0.0.1 ",
            "localhost,evil.example",
            "2130706433",
        ] {
            assert!(!open(host), "{host}");
        }
        assert!(turned_away(&head(&[])).is_some(), "no Host");
        assert!(turned_away(&head(&[("host", "localhost"), ("host", "evil.example")])).is_some(), "two");
        let mut absolute = head(&[("host", "localhost")]);
        absolute.uri = "http://evil.example/".parse().unwrap();
        assert!(turned_away(&absolute).is_some(), "the target of the request names another");
    }

    #[test]
    fn a_page_is_not_answered_whatever_its_origin() {
        let host = ("host", "localhost:4577");
        for extra in [
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("origin", "http://localhost:4577"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-site", "same-origin"),
        ] {
            assert!(turned_away(&head(&[host, extra])).is_some(), "{extra:?}");
        }
        // An address that the user typed: without the key, the browser can do no harm.
        assert!(turned_away(&head(&[host, ("sec-fetch-site", "none")])).is_none());
    }
}
