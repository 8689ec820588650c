//! Where kinds are tried: one moto server for the whole test binary, a cloud that talks to it,
//! and operations on it.

use std::io::{Read, Write};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_credential_types::Credentials;
use bgform::address::Address;
use bgform::clock::Clock;
use bgform::cloud::{Cloud, Target};
use bgform::kind::operation::{Operation, Reporter};

use crate::kit::local::Local;
use crate::kit::moto::Moto;

static MOTO: LazyLock<Moto> = LazyLock::new(Moto::take);
static SANDBOX: LazyLock<Local> = LazyLock::new(|| Local::start(&[]));
static WORLDS: AtomicUsize = AtomicUsize::new(0);

/// Which server a world is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ground {
    Moto,
    Sandbox,
}

/// One trial's own corner of a shared server.
pub struct World {
    pub cloud: Cloud,
    ground: Ground,
    /// Unlike every other trial's.
    pub lineage: String,
}

struct Silent;

impl Reporter for Silent {
    fn progress(&self, _address: &Address, _text: &str) {}
}

impl World {
    pub async fn new() -> Self {
        Self::on(Ground::Moto).await
    }

    pub async fn on(ground: Ground) -> Self {
        let endpoint = match ground {
            Ground::Moto => &MOTO.endpoint,
            Ground::Sandbox => &SANDBOX.endpoint,
        };
        Self { ground, ..Self::through(endpoint).await }
    }

    /// Moto's own endpoint, for what stands between it and a world.
    pub fn moto() -> &'static str {
        &MOTO.endpoint
    }

    /// A world whose calls go by `endpoint`.
    pub async fn through(endpoint: &str) -> Self {
        let target = Target {
            region: Some("us-east-1".to_owned()),
            endpoint_url: Some(endpoint.to_owned()),
            ..Target::default()
        };
        let anyone = Credentials::new("test", "test", None, None, "tests");
        let cloud = Cloud::connect_as(Some(anyone), &target, Clock::real(), false).await.expect("a server");
        let ground = Ground::Moto;
        Self { cloud, ground, lineage: format!("trial-{}", WORLDS.fetch_add(1, Ordering::Relaxed)) }
    }

    /// An operation with an id that is unique among all worlds.
    pub fn operation<'a>(&'a self, address: &'a Address, id: &str) -> Operation<'a> {
        let id = format!("{}-{}-{id}", self.lineage, address.name);
        Operation::new(&self.cloud, address, id, "trial", &self.lineage, &Silent)
    }

    /// A name that no other trial uses, for things that the trial makes beside the resource.
    pub fn name(&self, what: &str) -> String {
        format!("{what}-{}", self.lineage)
    }

    pub async fn default_vpc(&self) -> String {
        let filter = aws_sdk_ec2::types::Filter::builder().name("is-default").values("true").build();
        let found = self.cloud.ec2.describe_vpcs().filters(filter).send().await.expect("vpcs");
        found.vpcs()[0].vpc_id().expect("an id").to_owned()
    }

    /// One more VPC, the same for all who ask: a region has five.
    pub async fn other_vpc(&self) -> String {
        static ONE_BY_ONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
        let _turn = ONE_BY_ONE.lock().await;
        let block = "10.9.0.0/16";
        let filter = aws_sdk_ec2::types::Filter::builder().name("cidr").values(block).build();
        let found = self.cloud.ec2.describe_vpcs().filters(filter).send().await.expect("vpcs");
        if let Some(vpc) = found.vpcs().first() {
            return vpc.vpc_id().expect("an id").to_owned();
        }
        let made = self.cloud.ec2.create_vpc().cidr_block(block).send().await.expect("a VPC");
        made.vpc().and_then(|vpc| vpc.vpc_id()).expect("an id").to_owned()
    }

    /// The default VPC's subnets, each in a zone of its own, in the order of the zones.
    pub async fn subnets(&self) -> Vec<String> {
        let filter = aws_sdk_ec2::types::Filter::builder().name("default-for-az").values("true").build();
        let found = self.cloud.ec2.describe_subnets().filters(filter).send().await.expect("subnets");
        let mut subnets: Vec<_> = found
            .subnets()
            .iter()
            .map(|subnet| {
                (subnet.availability_zone().unwrap_or_default(), subnet.subnet_id().expect("an id"))
            })
            .collect();
        subnets.sort();
        subnets.into_iter().map(|(_, id)| id.to_owned()).collect()
    }

    /// A certificate's ARN. Certificate Manager is no service of bgform's, so there is no client.
    pub fn certificate(&self, domain: &str) -> String {
        if self.ground == Ground::Sandbox {
            // The sandbox takes every ARN that is well formed.
            let number = WORLDS.fetch_add(1, Ordering::Relaxed);
            return format!(
                "arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-0000-0000-{number:012}"
            );
        }
        let address = MOTO.endpoint.trim_start_matches("http://");
        let body = format!(r#"{{"DomainName":"{domain}.{}.example.com"}}"#, self.lineage);
        let mut stream = std::net::TcpStream::connect(address).expect("moto");
        let head = [
            "POST / HTTP/1.0",
            "Content-Type: application/x-amz-json-1.1",
            "X-Amz-Target: CertificateManager.RequestCertificate",
            "Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/acm/aws4_request",
        ];
        let request = format!("{}\r\nContent-Length: {}\r\n\r\n{body}", head.join("\r\n"), body.len());
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        let arn = answer.split('"').find(|part| part.starts_with("arn:"));
        arn.unwrap_or_else(|| panic!("no certificate: {answer}")).to_owned()
    }

    /// A target group for HTTP on 8080, with health checks of its own.
    pub async fn target_group(&self, name: &str) -> String {
        let create = self.cloud.elbv2.create_target_group().name(self.name(name)).port(8080);
        let create = create.protocol("HTTP".into()).vpc_id(self.default_vpc().await);
        let answer = create.send().await.expect("a target group");
        answer.target_groups()[0].target_group_arn().expect("an ARN").to_owned()
    }

    pub async fn load_balancer(&self, name: &str, kind: &str) -> String {
        let subnets = Some(self.subnets().await[..2].to_vec());
        let create = self.cloud.elbv2.create_load_balancer().name(self.name(name)).set_subnets(subnets);
        let answer = create.r#type(kind.into()).send().await.expect("a load balancer");
        answer.load_balancers()[0].load_balancer_arn().expect("an ARN").to_owned()
    }

    /// A listener for HTTP that answers 404.
    pub async fn listener(&self, name: &str) -> String {
        self.listener_with(name, 80, "HTTP", None).await
    }

    /// The same for HTTPS.
    pub async fn secure_listener(&self, name: &str) -> String {
        use aws_sdk_elasticloadbalancingv2::types::Certificate;
        let certificate = Certificate::builder().certificate_arn(self.certificate(name)).build();
        self.listener_with(name, 443, "HTTPS", Some(vec![certificate])).await
    }

    async fn listener_with(
        &self,
        name: &str,
        port: i32,
        protocol: &str,
        certificates: Option<Vec<aws_sdk_elasticloadbalancingv2::types::Certificate>>,
    ) -> String {
        use aws_sdk_elasticloadbalancingv2::types::{Action, ActionTypeEnum, FixedResponseActionConfig};
        let config = FixedResponseActionConfig::builder().status_code("404").build();
        let action = Action::builder().r#type(ActionTypeEnum::FixedResponse).fixed_response_config(config);
        let create = self.cloud.elbv2.create_listener().port(port).protocol(protocol.into());
        let create = create.set_certificates(certificates);
        let create = create.load_balancer_arn(self.load_balancer(name, "application").await);
        let answer = create.default_actions(action.build()).send().await.expect("a listener");
        answer.listeners()[0].listener_arn().expect("an ARN").to_owned()
    }

    pub async fn security_group(&self, name: &str) -> String {
        let name = self.name(name);
        let vpc = self.default_vpc().await;
        let group = self.cloud.ec2.create_security_group().group_name(&name).description(&name).vpc_id(vpc);
        group.send().await.expect("a security group").group_id().expect("an id").to_owned()
    }

    /// Amazon's images, in the order of their ids.
    pub async fn images(&self) -> Vec<String> {
        let images = self.cloud.ec2.describe_images().owners("amazon").send().await.expect("images");
        let mut ids: Vec<_> =
            images.images().iter().filter_map(|image| image.image_id().map(str::to_owned)).collect();
        ids.sort();
        ids
    }

    /// An instance profile's name.
    pub async fn instance_profile(&self, name: &str) -> String {
        let name = self.name(name);
        if self.ground == Ground::Moto {
            let create = self.cloud.iam.create_instance_profile().instance_profile_name(&name);
            create.send().await.expect("a profile");
        }
        name
    }

    /// The ARN of a managed policy: the account's own on moto, which has none of AWS's.
    pub fn policy_arn(&self, name: &str) -> String {
        match self.ground {
            Ground::Sandbox => format!("arn:aws:iam::aws:policy/{name}"),
            Ground::Moto => format!("arn:aws:iam::123456789012:policy/{}", self.name(name)),
        }
    }

    /// A managed policy.
    pub async fn policy(&self, name: &str) -> String {
        if self.ground == Ground::Moto {
            let document =
                r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;
            let create =
                self.cloud.iam.create_policy().policy_name(self.name(name)).policy_document(document);
            create.send().await.expect("a policy");
        }
        self.policy_arn(name)
    }

    /// A stopped instance to bake images from.
    pub async fn source(&self, name: &str) -> String {
        use aws_sdk_ec2::types::{ResourceType, Tag, TagSpecification};
        let tag = Tag::builder().key("Name").value(self.name(name)).build();
        let tags = TagSpecification::builder().resource_type(ResourceType::Instance).tags(tag).build();
        let run =
            self.cloud.ec2.run_instances().image_id(self.images().await.remove(0)).tag_specifications(tags);
        let answer = run.min_count(1).max_count(1).send().await.expect("an instance");
        let id = answer.instances()[0].instance_id().expect("an id").to_owned();
        self.is(&id, "running").await;
        self.cloud.ec2.stop_instances().instance_ids(&id).send().await.expect("stopped");
        self.is(&id, "stopped").await;
        id
    }

    /// Waits until an instance is in this state.
    async fn is(&self, id: &str, state: &str) {
        for _ in 0..600 {
            let seen = self.cloud.ec2.describe_instances().instance_ids(id).send().await.expect("instances");
            let instance = &seen.reservations()[0].instances()[0];
            if instance.state().and_then(|seen| seen.name()).is_some_and(|name| name.as_str() == state) {
                return;
            }
            bgform::clock::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("{id} is not {state}");
    }

    /// An address of the third zone's subnet that nobody has.
    pub async fn address(&self, last: u8) -> String {
        let subnet = self.subnets().await.remove(2);
        let found = self.cloud.ec2.describe_subnets().subnet_ids(subnet).send().await.expect("subnets");
        let network: ipnet::Ipv4Net =
            found.subnets()[0].cidr_block().expect("a range").parse().expect("a range");
        let [a, b, c, _] = network.network().octets();
        format!("{a}.{b}.{}.{last}", c + 8)
    }
}
