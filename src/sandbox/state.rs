//! Everything that a region remembers. It is one value: saved whole, copied for a dry run, kept for
//! a reader that must see yesterday's truth.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use jiff::Timestamp;
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::acm::Acm;
use super::application_autoscaling::ApplicationAutoScaling;
use super::autoscaling::AutoScaling;
use super::cloudwatch::CloudWatch;
use super::ec2::Ec2;
use super::ecs::Ecs;
use super::elbv2::Elbv2;
use super::iam::Iam;
use super::logs::Logs;
use super::pace::Pace;
use super::route53::Route53;
use super::secretsmanager::SecretsManager;
use super::ssm::Ssm;

/// Tags as AWS keeps them: a value for each key, in no order.
pub type Tags = BTreeMap<String, String>;

/// A region of one account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Twelve digits.
    pub account: String,
    /// Such as `us-east-1`.
    pub region: String,
    pub network: Network,
    pub pace: Pace,
    #[serde(default)]
    pub tokens: BTreeMap<String, Repeat>,
    pub ec2: Ec2,
    pub autoscaling: AutoScaling,
    pub elbv2: Elbv2,
    pub ssm: Ssm,
    pub cloudwatch: CloudWatch,
    #[serde(default)]
    pub ecs: Ecs,
    #[serde(default)]
    pub application_autoscaling: ApplicationAutoScaling,
    #[serde(default)]
    pub route53: Route53,
    #[serde(default)]
    pub iam: Iam,
    #[serde(default)]
    pub acm: Acm,
    #[serde(default)]
    pub logs: Logs,
    #[serde(default)]
    pub secretsmanager: SecretsManager,
}

/// The answer of a call with a client token, for its repeat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Repeat {
    /// The parameters that the token stood for.
    pub parameters: serde_json::Value,
    pub answer: serde_json::Value,
    pub at: Timestamp,
}

/// Which addresses of the loopback interface are this region's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Network {
    /// 127.`octet`.0.0/16: every instance and every load balancer has an address of its own.
    Addresses { octet: u8 },
    /// The system only has 127.0.0.1: everything has a port of its own there, of the [`Network::SHARE`] from
    /// `first` up.
    Ports { first: u16 },
}

impl Network {
    /// Number of a region's ports if the system has only one address: the first holds the claim, the next
    /// [`Network::LISTENERS`] are for listeners, the rest for instances.
    pub const SHARE: u16 = 1000;
    pub const LISTENERS: u16 = 200;

    /// The address range of the default VPC in the API.
    pub fn cidr(self) -> String {
        format!("127.{}.0.0/16", self.octet())
    }

    /// The second byte of its addresses.
    pub fn octet(self) -> u8 {
        match self {
            Network::Addresses { octet } => octet,
            Network::Ports { .. } => 31,
        }
    }

    /// The reachable address for a private address: the same if it is the region's own, otherwise an address
    /// that all share by port.
    pub fn host(self, private: Ipv4Addr) -> IpAddr {
        IpAddr::V4(match self {
            Network::Addresses { .. } if !self.shares(private) => private,
            Network::Addresses { octet } => Ipv4Addr::new(127, octet, 255, 253),
            Network::Ports { .. } => Ipv4Addr::LOCALHOST,
        })
    }

    /// Tells whether a resource with this private address only has a port: all resources if the system only
    /// has 127.0.0.1, and those in a VPC whose addresses the machine does not have.
    pub fn shares(self, private: Ipv4Addr) -> bool {
        matches!(self, Network::Ports { .. }) || !private.is_loopback()
    }
}

impl State {
    pub fn new(region: &str, network: Network, pace: Pace, now: Timestamp) -> Self {
        let mut state = Self {
            account: "123456789012".to_owned(),
            region: region.to_owned(),
            network,
            pace,
            tokens: BTreeMap::new(),
            ec2: Ec2::default(),
            autoscaling: AutoScaling::default(),
            elbv2: Elbv2::default(),
            ssm: Ssm::default(),
            cloudwatch: CloudWatch::default(),
            ecs: Ecs::default(),
            application_autoscaling: ApplicationAutoScaling::default(),
            route53: Route53::default(),
            iam: Iam::default(),
            acm: Acm::default(),
            logs: Logs::default(),
            secretsmanager: SecretsManager::default(),
        };
        super::ec2::furnish(&mut state, now);
        state
    }

    /// `arn:aws:SERVICE:REGION:ACCOUNT:RESOURCE`
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{resource}", self.region, self.account)
    }

    /// The region's zones, such as `us-east-1a`, with their zone ids, such as `use1-az1`.
    pub fn zones(&self) -> Vec<(String, String)> {
        // `use1` of us-east-1, `apne1` of ap-northeast-1 (AWS RAM user guide, working-with-az-ids).
        let words =
            [("north", "n"), ("south", "s"), ("east", "e"), ("west", "w"), ("central", "c"), ("-", "")];
        let short = words.iter().fold(self.region.clone(), |id, (word, letter)| id.replace(word, letter));
        // us-east-1 has six, which is more than anywhere else.
        let letters = if self.region == "us-east-1" { "abcdef" } else { "abc" };
        letters
            .chars()
            .enumerate()
            .map(|(index, letter)| (format!("{}{letter}", self.region), format!("{short}-az{}", index + 1)))
            .collect()
    }
}

/// `prefix-` and 17 random hexadecimal digits, as EC2 makes its ids.
pub fn new_id(prefix: &str) -> String {
    format!("{prefix}-{}", random_hex(17))
}

/// Random lower-case hexadecimal digits.
pub fn random_hex(digits: usize) -> String {
    let mut rng = rand::rng();
    (0..digits).map(|_| char::from_digit(rng.random_range(0..16), 16).unwrap_or('0')).collect()
}
