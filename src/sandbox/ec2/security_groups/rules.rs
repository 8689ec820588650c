//! One rule, and its form in calls.

use ipnet::{Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

use super::super::super::api::{Params, Refusal};
use super::super::super::state::{State, new_id};
use super::super::network;
use super::{SecurityGroup, get, named};

/// A rule of a security group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// `sgr-` and digits.
    pub id: String,
    pub egress: bool,
    /// `tcp`, `udp`, `icmp`, `icmpv6`, `-1`, or another protocol's number.
    pub protocol: String,
    /// First and last port, or ICMP type and code; `None` if the protocol has none.
    pub ports: Option<(i32, i32)>,
    pub source: Source,
    pub description: Option<String>,
}

/// The allowed source of a rule, or destination of egress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    Ipv4(String),
    Ipv6(String),
    PrefixList(String),
    /// The id of a security group.
    Group(String),
}

impl Source {
    fn text(&self) -> &str {
        match self {
            Source::Ipv4(text) | Source::Ipv6(text) | Source::PrefixList(text) | Source::Group(text) => text,
        }
    }
}

impl Rule {
    /// A rule for every port of every protocol.
    pub fn all(egress: bool, source: Source) -> Self {
        Self { id: new_id("sgr"), egress, protocol: "-1".to_owned(), ports: None, source, description: None }
    }

    /// Tells whether two rules allow the same; ids and descriptions do not count.
    pub fn same(&self, other: &Self) -> bool {
        self.egress == other.egress
            && self.protocol == other.protocol
            && self.ports == other.ports
            && self.source == other.source
    }

    /// `peer: 0.0.0.0/0, TCP, from port: 80, to port: 80, ALLOW`, as refusals have it.
    pub fn words(&self) -> String {
        let protocol = if self.protocol == "-1" { "ALL".to_owned() } else { self.protocol.to_uppercase() };
        let ports = match (self.protocol.as_str(), self.ports) {
            ("icmp" | "icmpv6", Some((kind, code))) => format!("type: {kind}, code: {code}, "),
            (_, Some((from, to))) => format!("from port: {from}, to port: {to}, "),
            (_, None) => String::new(),
        };
        format!("peer: {}, {protocol}, {ports}ALLOW", self.source.text())
    }
}

/// The rules that the `IpPermissions` (or the flat parameters) of a call give, a rule for each
/// source; they have new ids.
pub fn given(
    state: &State,
    group: &SecurityGroup,
    params: &Params,
    egress: bool,
) -> Result<Vec<Rule>, Refusal> {
    let mut permissions = params.items("IpPermissions");
    if permissions.is_empty()
        && ["IpProtocol", "CidrIp", "SourceSecurityGroupName"].iter().any(|name| params.has(name))
    {
        permissions.push(flat(params));
    }
    if permissions.is_empty() {
        return Err(Refusal::missing("ipPermissions"));
    }
    let mut rules = Vec::new();
    for permission in &permissions {
        let protocol = protocol(&permission.needed("IpProtocol"))?;
        let ports = ports(&protocol, permission)?;
        let before = rules.len();
        for (source, description) in sources(state, group, permission)? {
            rules.push(Rule {
                id: new_id("sgr"),
                egress,
                protocol: protocol.clone(),
                ports,
                source,
                description,
            });
        }
        if rules.len() == before {
            return Err(Refusal::value(
                "Invalid value 'null' for protocol. At least one of IP ranges, prefix lists or groups must be \
                 specified.",
            ));
        }
    }
    for (index, rule) in rules.iter().enumerate() {
        if rules.iter().skip(index + 1).any(|other| other.same(rule)) {
            return Err(Refusal::value("The same permission must not appear multiple times"));
        }
    }
    Ok(rules)
}

/// The flat parameters as one permission.
fn flat(params: &Params) -> Params {
    let mut permission = serde_json::json!({
        "IpProtocol": params.text("IpProtocol").unwrap_or_else(|| "-1".to_owned()),
        "FromPort": params.text("FromPort"),
        "ToPort": params.text("ToPort"),
    });
    if let Some(cidr) = params.text("CidrIp") {
        permission["IpRanges"] = serde_json::json!([{ "CidrIp": cidr }]);
    }
    if let Some(name) = params.text("SourceSecurityGroupName") {
        permission["Groups"] = serde_json::json!([{ "GroupName": name }]);
    }
    Params::from_json(permission)
}

fn sources(
    state: &State,
    group: &SecurityGroup,
    permission: &Params,
) -> Result<Vec<(Source, Option<String>)>, Refusal> {
    let mut sources = Vec::new();
    for range in permission.items("IpRanges") {
        sources.push((ipv4(&range.needed("CidrIp"))?, description(&range)?));
    }
    for range in permission.items("Ipv6Ranges") {
        sources.push((ipv6(&range.needed("CidrIpv6"))?, description(&range)?));
    }
    for prefix in permission.items("PrefixListIds") {
        sources.push((prefix_list(&prefix.needed("PrefixListId"))?, description(&prefix)?));
    }
    for pair in permission.items("Groups") {
        let id = match (pair.text("GroupId"), pair.text("GroupName")) {
            (Some(id), _) => other(state, &id)?,
            (None, Some(name)) => match named(state, &group.vpc, &name) {
                Some(group) => Source::Group(group.id.clone()),
                None => return Err(no_name(state, &name)),
            },
            (None, None) => return Err(Refusal::missing("groupId")),
        };
        sources.push((id, description(&pair)?));
    }
    Ok(sources)
}

/// The refusal of a missing group name.
pub fn no_name(state: &State, name: &str) -> Refusal {
    let vpc = network::default_vpc(state).map_or("", |vpc| vpc.id.as_str());
    Refusal::new(
        "InvalidGroup.NotFound",
        format!("The security group '{name}' does not exist in default VPC '{vpc}'"),
    )
}

/// A rule as ModifySecurityGroupRules gives it (SecurityGroupRuleRequest): exactly one source.
pub fn modified(state: &State, old: &Rule, request: &Params) -> Result<Rule, Refusal> {
    let protocol = protocol(&request.needed("IpProtocol"))?;
    let ports = ports(&protocol, request)?;
    let sources = [
        request.text("CidrIpv4").map(|cidr| ipv4(&cidr)),
        request.text("CidrIpv6").map(|cidr| ipv6(&cidr)),
        request.text("PrefixListId").map(|id| prefix_list(&id)),
        request.text("ReferencedGroupId").map(|id| other(state, &id)),
    ];
    let mut sources = sources.into_iter().flatten();
    let (Some(source), None) = (sources.next(), sources.next()) else {
        return Err(Refusal::new(
            "InvalidParameterCombination",
            "A security group rule must have exactly one of CidrIpv4, CidrIpv6, PrefixListId and \
             ReferencedGroupId",
        ));
    };
    let (id, egress, source) = (old.id.clone(), old.egress, source?);
    Ok(Rule { id, egress, protocol, ports, source, description: description(request)? })
}

fn other(state: &State, id: &str) -> Result<Source, Refusal> {
    get(state, id).map(|group| Source::Group(group.id.clone()))
}

/// The region has no prefix lists.
fn prefix_list(id: &str) -> Result<Source, Refusal> {
    Err(Refusal::new("InvalidPrefixListID.NotFound", format!("The prefix list ID '{id}' does not exist")))
}

/// EC2 keeps the network in its canonical form, without host bits (API_IpRange).
fn ipv4(cidr: &str) -> Result<Source, Refusal> {
    cidr.parse::<Ipv4Net>().map(|net| Source::Ipv4(net.trunc().to_string())).map_err(|_| malformed(cidr))
}

fn ipv6(cidr: &str) -> Result<Source, Refusal> {
    cidr.parse::<Ipv6Net>().map(|net| Source::Ipv6(net.trunc().to_string())).map_err(|_| malformed(cidr))
}

fn malformed(cidr: &str) -> Refusal {
    Refusal::value(format!("CIDR block {cidr} is malformed"))
}

/// A rule's own description; `None` if it is empty.
pub fn description(given: &Params) -> Result<Option<String>, Refusal> {
    let Some(text) = given.given("Description") else { return Ok(None) };
    if text.chars().count() > 255 || !text.chars().all(super::groups::allowed) {
        return Err(Refusal::value(
            "Invalid rule description. Valid descriptions are strings less than 256 characters from the \
             following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*",
        ));
    }
    Ok(Some(text))
}

/// A protocol as EC2 answers it (API_IpPermission).
fn protocol(text: &str) -> Result<String, Refusal> {
    let text = text.to_ascii_lowercase();
    Ok(match text.as_str() {
        "tcp" | "6" => "tcp",
        "udp" | "17" => "udp",
        "icmp" | "1" => "icmp",
        "icmpv6" | "58" => "icmpv6",
        "-1" | "all" => "-1",
        number if number.parse::<u8>().is_ok() => number,
        _ => {
            return Err(Refusal::value(format!("Invalid value '{text}' for IP protocol. Unknown protocol.")));
        }
    }
    .to_owned())
}

/// The ports of a permission; a protocol without ports ignores them (API_IpPermission).
fn ports(protocol: &str, permission: &Params) -> Result<Option<(i32, i32)>, Refusal> {
    let given = (permission.number::<i32>("FromPort"), permission.number::<i32>("ToPort"));
    let wrong = |message: String| Err(Refusal::value(message));
    match (protocol, given) {
        ("tcp" | "udp", (Some(from), Some(to))) => {
            if let Some(port) = [from, to].into_iter().find(|port| !(0..=65535).contains(port)) {
                return wrong(format!("TCP/UDP port ({port}) out of range"));
            }
            match from <= to {
                true => Ok(Some((from, to))),
                false => wrong(format!("Invalid TCP/UDP port range ({from}:{to})")),
            }
        }
        ("tcp" | "udp", _) => wrong(
            "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.".to_owned(),
        ),
        ("icmp" | "icmpv6", (kind, code)) => {
            let (kind, code) = (kind.unwrap_or(-1), code.unwrap_or(-1));
            match [kind, code].iter().all(|one| (-1..=255).contains(one)) && (kind >= 0 || code < 0) {
                true => Ok(Some((kind, code))),
                false => wrong(format!("ICMP code ({code}) out of range")),
            }
        }
        _ => Ok(None),
    }
}
