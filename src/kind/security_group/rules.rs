//! Rules of a security group: an author's blocks, EC2's single rules, and the conversion between them. Makes
//! no call.
//!
//! EC2 stores one rule for each protocol, port range and source, and answers them grouped by protocol and
//! ports (IpPermission), so the author's grouping into blocks is lost. Blocks are therefore compared as sets
//! of single rules, and a read returns the author's own blocks while they are equivalent.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{IpPermission, IpRange, Ipv6Range, PrefixListId, UserIdGroupPair};
use ipnet::IpNet;
use serde::Deserialize;

use crate::kind::ec2::{Members, list};
use crate::kind::schema::Wrong;
use crate::value::Value;

/// An `ingress` or `egress` block.
#[derive(Debug, Clone, Deserialize, PartialEq)]
pub struct Block {
    pub protocol: String,
    pub port: Option<i32>,
    pub from_port: Option<i32>,
    pub to_port: Option<i32>,
    #[serde(default)]
    pub cidr: Vec<String>,
    #[serde(default)]
    pub ipv6_cidr: Vec<String>,
    #[serde(default)]
    pub security_groups: Vec<String>,
    #[serde(default)]
    pub prefix_lists: Vec<String>,
    #[serde(default, rename = "self")]
    pub own: bool,
    pub description: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    Cidr(String),
    Ipv6(String),
    Group(String),
    PrefixList(String),
}

/// One rule as EC2 counts it; unique in its group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rule {
    /// In EC2's form: `tcp`, `udp`, `icmp`, `icmpv6`, `-1` or a number.
    pub protocol: String,
    /// `None` if the protocol has no ports, or all are allowed.
    pub ports: Option<(i32, i32)>,
    pub source: Source,
}

/// Rules with their descriptions, which do not identify a rule.
pub type Rules = BTreeMap<Rule, Option<String>>;

/// The protocol in EC2's form (API_IpPermission).
fn protocol_of(text: &str) -> String {
    match text.to_ascii_lowercase().as_str() {
        "all" | "-1" => "-1",
        "6" => "tcp",
        "17" => "udp",
        "1" => "icmp",
        "58" => "icmpv6",
        other => return other.to_owned(),
    }
    .to_owned()
}

/// The network in its shortest form; EC2 drops host bits.
fn cidr_of(text: &str) -> String {
    text.parse::<IpNet>().map_or_else(|_| text.to_owned(), |net| net.trunc().to_string())
}

impl Block {
    fn ports(&self) -> Option<(i32, i32)> {
        match (protocol_of(&self.protocol).as_str(), self.port, self.from_port, self.to_port) {
            ("-1", ..) => None,
            (_, Some(port), _, _) => Some((port, port)),
            (_, None, Some(from), to) => Some((from, to.unwrap_or(from))),
            // -1 is every ICMP type and code.
            ("icmp" | "icmpv6", None, None, _) => Some((-1, -1)),
            (_, None, None, _) => None,
        }
    }

    fn rule(&self, source: Source) -> Rule {
        Rule { protocol: protocol_of(&self.protocol), ports: self.ports(), source }
    }

    /// The single rules of this block, in the group with the id `own`.
    fn rules(&self, own: &str) -> Vec<Rule> {
        let cidrs = self.cidr.iter().map(|cidr| Source::Cidr(cidr_of(cidr)));
        let ipv6 = self.ipv6_cidr.iter().map(|cidr| Source::Ipv6(cidr_of(cidr)));
        let groups = self.security_groups.iter().map(|id| Source::Group(id.clone()));
        let lists = self.prefix_lists.iter().map(|id| Source::PrefixList(id.clone()));
        let own = self.own.then(|| Source::Group(own.to_owned()));
        let sources = cidrs.chain(ipv6).chain(groups).chain(lists).chain(own);
        sources.map(|source| self.rule(source)).collect()
    }

    /// The same block with only the sources whose rule passes `keep`.
    fn retain(&self, own: &str, keep: impl Fn(&Rule) -> bool) -> Block {
        let mut left = self.clone();
        left.cidr.retain(|cidr| keep(&self.rule(Source::Cidr(cidr_of(cidr)))));
        left.ipv6_cidr.retain(|cidr| keep(&self.rule(Source::Ipv6(cidr_of(cidr)))));
        left.security_groups.retain(|id| keep(&self.rule(Source::Group(id.clone()))));
        left.prefix_lists.retain(|id| keep(&self.rule(Source::PrefixList(id.clone()))));
        left.own &= keep(&self.rule(Source::Group(own.to_owned())));
        left
    }

    fn add(&mut self, source: &Source, own: &str) {
        match source {
            Source::Cidr(cidr) => self.cidr.push(cidr.clone()),
            Source::Ipv6(cidr) => self.ipv6_cidr.push(cidr.clone()),
            Source::Group(id) if id == own => self.own = true,
            Source::Group(id) => self.security_groups.push(id.clone()),
            Source::PrefixList(id) => self.prefix_lists.push(id.clone()),
        }
    }

    fn value(&self) -> Value {
        let some = |items: &[String]| if items.is_empty() { Value::Null } else { list(items) };
        let mut members = Members::new();
        members
            .set("protocol", self.protocol.as_str())
            .set("port", self.port)
            .set("from_port", self.from_port)
            .set("to_port", self.to_port)
            .set("cidr", some(&self.cidr))
            .set("ipv6_cidr", some(&self.ipv6_cidr))
            .set("security_groups", some(&self.security_groups))
            .set("prefix_lists", some(&self.prefix_lists))
            .set("self", self.own)
            .set("description", self.description.as_deref());
        members.value()
    }
}

/// The single rules of the blocks.
pub fn flatten(blocks: &[Block], own: &str) -> Rules {
    let rules = blocks.iter().flat_map(|block| {
        block.rules(own).into_iter().map(|rule| (rule, block.description.clone().filter(|d| !d.is_empty())))
    });
    rules.collect()
}

/// The single rules of EC2's answer.
pub fn of_permissions(permissions: &[IpPermission]) -> Rules {
    let mut rules = Rules::new();
    for permission in permissions {
        let protocol = protocol_of(permission.ip_protocol().unwrap_or("-1"));
        let ports = permission.from_port().zip(permission.to_port()).filter(|_| protocol != "-1");
        let mut add = |source, description: Option<&str>| {
            let rule = Rule { protocol: protocol.clone(), ports, source };
            rules.insert(rule, description.filter(|text| !text.is_empty()).map(str::to_owned));
        };
        for range in permission.ip_ranges() {
            add(Source::Cidr(cidr_of(range.cidr_ip().unwrap_or_default())), range.description());
        }
        for range in permission.ipv6_ranges() {
            add(Source::Ipv6(cidr_of(range.cidr_ipv6().unwrap_or_default())), range.description());
        }
        for pair in permission.user_id_group_pairs() {
            add(Source::Group(pair.group_id().unwrap_or_default().to_owned()), pair.description());
        }
        for prefix in permission.prefix_list_ids() {
            add(
                Source::PrefixList(prefix.prefix_list_id().unwrap_or_default().to_owned()),
                prefix.description(),
            );
        }
    }
    rules
}

/// One rule in the form of a call's parameter.
pub fn permission(rule: &Rule, description: Option<&str>) -> IpPermission {
    let permission = IpPermission::builder()
        .ip_protocol(&rule.protocol)
        .set_from_port(rule.ports.map(|(from, _)| from))
        .set_to_port(rule.ports.map(|(_, to)| to));
    let description = description.map(str::to_owned);
    match &rule.source {
        Source::Cidr(cidr) => {
            permission.ip_ranges(IpRange::builder().cidr_ip(cidr).set_description(description).build())
        }
        Source::Ipv6(cidr) => {
            permission.ipv6_ranges(Ipv6Range::builder().cidr_ipv6(cidr).set_description(description).build())
        }
        Source::Group(id) => permission.user_id_group_pairs(
            UserIdGroupPair::builder().group_id(id).set_description(description).build(),
        ),
        Source::PrefixList(id) => permission
            .prefix_list_ids(PrefixListId::builder().prefix_list_id(id).set_description(description).build()),
    }
    .build()
}

/// Live rules as blocks. Returns `declared` while it is equivalent. Otherwise returns what is left of it, and
/// then the other live rules, in one block for each protocol, ports and description, so that a plan shows
/// only the rules that differ.
pub fn as_blocks(live: &Rules, declared: Option<&Value>, own: &str) -> Value {
    let blocks: Vec<Block> =
        declared.and_then(|value| serde_json::from_value(value.to_plain_json()).ok()).unwrap_or_default();
    if let Some(declared) = declared
        && flatten(&blocks, own) == *live
    {
        return declared.clone();
    }
    let mut rest = live.clone();
    let mut grouped: Vec<Block> = Vec::new();
    for block in blocks {
        let description = block.description.clone().filter(|text| !text.is_empty());
        let left = block.retain(own, |rule| live.get(rule) == Some(&description));
        let rules = left.rules(own);
        if !rules.is_empty() {
            rules.iter().for_each(|rule| drop(rest.remove(rule)));
            grouped.push(left);
        }
    }
    let mut beside: BTreeMap<_, Block> = BTreeMap::new();
    for (rule, description) in rest {
        let key = (rule.protocol.clone(), rule.ports, description.clone());
        let block = beside.entry(key).or_insert_with(|| {
            let single = rule.ports.filter(|(from, to)| from == to && *from >= 0);
            let range = rule.ports.filter(|(from, to)| from != to);
            Block {
                protocol: if rule.protocol == "-1" { "all".to_owned() } else { rule.protocol.clone() },
                port: single.map(|(port, _)| port),
                from_port: range.map(|(from, _)| from),
                to_port: range.map(|(_, to)| to),
                cidr: Vec::new(),
                ipv6_cidr: Vec::new(),
                security_groups: Vec::new(),
                prefix_lists: Vec::new(),
                own: false,
                description,
            }
        });
        block.add(&rule.source, own);
    }
    grouped.extend(beside.into_values());
    Value::List(grouped.iter().map(Block::value).collect())
}

/// The first mistake of a block (canonical, perhaps with unknowns).
pub fn wrong(block: &Value) -> Vec<Wrong> {
    first_wrong(block).into_iter().collect()
}

fn first_wrong(block: &Value) -> Option<Wrong> {
    let protocol = protocol_of(block.get("protocol").as_str()?);
    let given = |name: &str| !block.get(name).is_null();
    let number = |name: &str| block.get(name).as_number();
    let has_ports = given("port") || given("from_port") || given("to_port");
    let wrong = |message: String, help: &str| Some(("", message, help.to_owned()));
    if given("port") && (given("from_port") || given("to_port")) {
        return wrong(
            "a rule has either `port` or `from_port` and `to_port`".into(),
            "take one of them away",
        );
    }
    if protocol == "-1" && has_ports {
        return wrong(
            "protocol \"all\" is every port of every protocol".into(),
            "take the ports away, or name the protocol",
        );
    }
    if matches!(protocol.as_str(), "tcp" | "udp") && !has_ports {
        return wrong(format!("a rule for {protocol} needs its ports"), "write `port = 443`");
    }
    if given("from_port") != given("to_port") {
        return wrong(
            "`from_port` and `to_port` come together".into(),
            "write both, or `port` for a single one",
        );
    }
    // API_IpPermission: four names, or a protocol number, of which there are 256.
    let known = matches!(protocol.as_str(), "-1" | "tcp" | "udp" | "icmp" | "icmpv6");
    if !known && protocol.parse::<u8>().is_err() {
        let help = "write \"tcp\", \"udp\", \"icmp\", \"icmpv6\", \"all\" or a number up to 255".to_owned();
        return Some(("protocol", format!("`{protocol}` is no protocol"), help));
    }
    let is_icmp = matches!(protocol.as_str(), "icmp" | "icmpv6");
    if is_icmp && number("port").is_some_and(|port| port > 255.0) {
        return wrong(
            "an ICMP type and an ICMP code go up to 255".into(),
            "take `port` away for all of them",
        );
    }
    if let (Some(from), Some(to)) = (number("from_port"), number("to_port")) {
        // For ICMP they are a type and a code, not a range (API_IpPermission).
        let bad = |n: f64| !(-1.0..=255.0).contains(&n);
        if is_icmp && (bad(from) || bad(to)) {
            return wrong("an ICMP type and an ICMP code go up to 255".into(), "write -1 for all of them");
        }
        if is_icmp && from < 0.0 && to >= 0.0 {
            return wrong(
                "every ICMP type has every code".into(),
                "write `to_port = -1` beside `from_port = -1`",
            );
        }
        if !is_icmp && from < 0.0 && matches!(protocol.as_str(), "tcp" | "udp") {
            return wrong(
                "a port is not negative".into(),
                "write `from_port = 0` and `to_port = 65535` for all",
            );
        }
        if !is_icmp && from > to {
            return wrong(
                format!("the range of ports ends ({to}) before it begins ({from})"),
                "swap the two",
            );
        }
    }
    let sources = ["cidr", "ipv6_cidr", "security_groups", "prefix_lists"];
    let none =
        |name: &&str| block.get(name).is_null() || block.get(name).as_list().is_some_and(<[_]>::is_empty);
    if sources.iter().all(none) && block.get("self").as_bool() == Some(false) {
        return wrong(
            "a rule needs a source or destination".into(),
            "write `cidr = [\"10.0.0.0/8\"]`, `security_groups = [...]` or `self = true`",
        );
    }
    ["cidr", "ipv6_cidr"].into_iter().find_map(|name| {
        let texts = block.get(name).as_list().unwrap_or_default().iter().filter_map(Value::as_str);
        texts.into_iter().find_map(|text| check_cidr(name, text))
    })
}

fn check_cidr(name: &'static str, text: &str) -> Option<Wrong> {
    let wrong = |message: String, help: String| Some((name, message, help));
    let Ok(net) = text.parse::<IpNet>() else {
        let example = if name == "cidr" { "10.0.0.0/8" } else { "2001:db8::/32" };
        return wrong(format!("`{text}` is not a network"), format!("write one like \"{example}\""));
    };
    match (name, net) {
        ("cidr", IpNet::V6(_)) => wrong(format!("`{text}` is IPv6"), "put it in `ipv6_cidr`".into()),
        ("ipv6_cidr", IpNet::V4(_)) => wrong(format!("`{text}` is IPv4"), "put it in `cidr`".into()),
        _ if net.addr() != net.network() => {
            wrong(format!("`{text}` names a host, not a network"), format!("write \"{}\"", net.trunc()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object;

    fn declared() -> Value {
        Value::List(vec![
            object! { "protocol" => "tcp", "port" => 80, "cidr" => vec!["10.0.0.0/8"], "self" => false },
            object! { "protocol" => "tcp", "port" => 80, "cidr" => vec!["192.168.0.0/16"], "self" => true },
        ])
    }

    fn live(value: &Value) -> Rules {
        let blocks: Vec<Block> = serde_json::from_value(value.to_plain_json()).unwrap();
        let permissions: Vec<_> = flatten(&blocks, "sg-own")
            .iter()
            .map(|(rule, description)| permission(rule, description.as_deref()))
            .collect();
        of_permissions(&permissions)
    }

    #[test]
    fn blocks_come_back_as_they_were_written_while_the_rules_are_the_same() {
        assert_eq!(as_blocks(&live(&declared()), Some(&declared()), "sg-own"), declared());
    }

    #[test]
    fn a_rule_that_went_and_one_that_came_are_all_that_differs() {
        let mut rules = live(&declared());
        rules.retain(|rule, _| rule.source != Source::Group("sg-own".into()));
        let added = object! { "protocol" => "all", "ipv6_cidr" => vec!["::/0"], "self" => false };
        rules.extend(live(&Value::List(vec![added.clone()])));
        let expected = Value::List(vec![
            object! { "protocol" => "tcp", "port" => 80, "cidr" => vec!["10.0.0.0/8"], "self" => false },
            object! { "protocol" => "tcp", "port" => 80, "cidr" => vec!["192.168.0.0/16"], "self" => false },
            added,
        ]);
        assert_eq!(as_blocks(&rules, Some(&declared()), "sg-own"), expected);
    }

    #[test]
    fn without_a_declaration_rules_are_grouped_by_protocol_ports_and_description() {
        let grouped = as_blocks(&live(&declared()), None, "sg-own");
        let expected = object! {
            "protocol" => "tcp", "port" => 80, "cidr" => vec!["10.0.0.0/8", "192.168.0.0/16"], "self" => true,
        };
        assert_eq!(grouped, Value::List(vec![expected]));
    }

    #[test]
    fn protocols_and_networks_are_compared_as_ec2_answers_them() {
        let block = |protocol: &str, cidr: &str| {
            live(&Value::List(vec![object! { "protocol" => protocol, "from_port" => 1, "to_port" => 2,
            "ipv6_cidr" => vec![cidr], "self" => false }]))
        };
        assert_eq!(block("6", "2001:DB8:0::/32"), block("tcp", "2001:db8::/32"));
    }

    #[test]
    fn a_block_that_ec2_would_refuse_is_found_before() {
        let message = |value: Value| first_wrong(&value).map(|(_, message, _)| message).unwrap_or_default();
        let cidr = || vec!["10.0.0.0/8"];
        assert_eq!(
            message(object! { "protocol" => "tcp", "cidr" => cidr() }),
            "a rule for tcp needs its ports"
        );
        assert_eq!(
            message(object! { "protocol" => "tcp", "port" => 1, "self" => false }),
            "a rule needs a source or destination"
        );
        assert_eq!(
            message(object! { "protocol" => "all", "cidr" => vec!["10.0.0.1/8"] }),
            "`10.0.0.1/8` names a host, not a network"
        );
        assert_eq!(message(object! { "protocol" => "tcp", "port" => 80, "cidr" => cidr() }), "");
        let ranged = |protocol: &str, from: i32, to: i32| {
            message(
                object! { "protocol" => protocol, "from_port" => from, "to_port" => to, "cidr" => cidr() },
            )
        };
        // Echo requests of every code, and everything.
        assert_eq!([ranged("icmp", 8, -1), ranged("icmp", 8, 0), ranged("icmpv6", -1, -1)], [""; 3]);
        assert_eq!(ranged("icmp", -1, 3), "every ICMP type has every code");
        assert_eq!(ranged("icmp", 256, 0), "an ICMP type and an ICMP code go up to 255");
        assert_eq!(ranged("tcp", -1, -1), "a port is not negative");
        assert_eq!(ranged("tcp", 8, 7), "the range of ports ends (7) before it begins (8)");
    }
}
