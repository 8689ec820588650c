//! Functions of IPv4 and IPv6 address blocks.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::value::Value;

use super::{Body, Call, Fault, Function, Outcome, row, variadic};

pub(super) const TABLE: &[Function] = &[
    row(
        "cidrsubnet",
        "cidrsubnet(block, new_bits, number)",
        "A part of a block, with a prefix longer by this number of bits",
        (3, 3),
        Body::Known(cidrsubnet),
    ),
    variadic(
        "cidrsubnets",
        "cidrsubnets(block, new_bits, ...)",
        "Consecutive parts of a block, each with a prefix longer by its number of bits",
        1,
        Body::Known(cidrsubnets),
    ),
    row(
        "cidrhost",
        "cidrhost(block, number)",
        "An address in a block; a negative number counts from the end",
        (2, 2),
        Body::Known(cidrhost),
    ),
    row(
        "cidrnetmask",
        "cidrnetmask(block)",
        "The netmask of an IPv4 block",
        (1, 1),
        Body::Known(cidrnetmask),
    ),
    row(
        "cidrcontains",
        "cidrcontains(block, address)",
        "Whether an address, or a whole block, is in a block",
        (2, 2),
        Body::Known(cidrcontains),
    ),
];

/// A block of addresses as a number.
#[derive(Clone, Copy)]
struct Network {
    base: u128,
    prefix: u32,
    /// 32 or 128
    width: u32,
}

impl Network {
    fn read(call: &Call<'_>, argument: usize) -> Result<Self, Fault> {
        let text = call.text(argument)?;
        let net: IpNet = text.parse().map_err(|_| {
            call.fault(argument, format!("{} is no address block", call.quote(&text)), "not a block")
                .help("a block is written as in `10.0.0.0/16` or `fd00::/56`")
        })?;
        Ok(Self::of(net))
    }

    fn of(net: IpNet) -> Self {
        let (base, width) = match net.network() {
            IpAddr::V4(address) => (u128::from(u32::from(address)), 32),
            IpAddr::V6(address) => (u128::from(address), 128),
        };
        Self { base, prefix: net.prefix_len().into(), width }
    }

    fn address(self, number: u128) -> IpAddr {
        match self.width {
            // INVARIANT: a number of 32 bits.
            32 => Ipv4Addr::from(number as u32).into(),
            _ => Ipv6Addr::from(number).into(),
        }
    }

    /// The number of addresses in a part with that prefix; 0 stands for 2 to the 128th.
    fn step(self, prefix: u32) -> u128 {
        1_u128.checked_shl(self.width - prefix).unwrap_or(0)
    }

    fn longer_prefix(self, call: &Call<'_>, argument: usize) -> Result<u32, Fault> {
        let room = self.width - self.prefix;
        let bits = call.size(argument, 128)?;
        u32::try_from(bits).ok().filter(|bits| *bits <= room).map(|bits| self.prefix + bits).ok_or_else(
            || {
                call.fault(
                    argument,
                    format!("the block has {room} bits to divide, not {bits}"),
                    "too many bits",
                )
            },
        )
    }
}

fn cidrsubnet(call: &Call<'_>) -> Outcome {
    let network = Network::read(call, 0)?;
    let prefix = network.longer_prefix(call, 1)?;
    let number = call.whole(2)?;
    let bits = prefix - network.prefix;
    let number = u128::try_from(number).ok().filter(|number| number.checked_shr(bits).unwrap_or(0) == 0);
    let number = number.ok_or_else(|| {
        let label = match 1_u64.checked_shl(bits) {
            Some(count) => format!("the parts are 0 to {}", count - 1),
            None => "negative".to_owned(),
        };
        call.fault(2, format!("{bits} bits do not number that part"), label)
    })?;
    let base = network.base | number.checked_mul(network.step(prefix)).unwrap_or(0);
    Ok(Value::String(format!("{}/{prefix}", network.address(base))))
}

fn cidrsubnets(call: &Call<'_>) -> Outcome {
    let network = Network::read(call, 0)?;
    let mut parts = Vec::new();
    let mut next = Some(network.base);
    let last = match network.step(network.prefix) {
        0 => u128::MAX,
        size => network.base | (size - 1),
    };
    for argument in 1..call.count() {
        let prefix = network.longer_prefix(call, argument)?;
        let step = network.step(prefix);
        // A part begins at a multiple of its size.
        let aligned = match (next, step) {
            (Some(next), 0) => (next == 0).then_some(0),
            (Some(next), step) => next.checked_next_multiple_of(step),
            (None, _) => None,
        };
        let base = aligned.filter(|base| *base <= last).ok_or_else(|| {
            call.fault(argument, "the block has no room left for this part", "past the end")
        })?;
        parts.push(format!("{}/{prefix}", network.address(base)));
        next = if step == 0 { None } else { base.checked_add(step) };
    }
    Ok(Value::from(parts))
}

fn cidrhost(call: &Call<'_>) -> Outcome {
    let network = Network::read(call, 0)?;
    let number = call.whole(1)?;
    let last = match network.step(network.prefix) {
        0 => u128::MAX,
        size => size - 1,
    };
    let distance = u128::from(number.unsigned_abs());
    let offset = match number < 0 {
        false => Some(distance).filter(|distance| *distance <= last),
        true => last.checked_sub(distance - 1),
    };
    match offset {
        Some(offset) => Ok(Value::String(network.address(network.base | offset).to_string())),
        None => Err(call.fault(1, "the block has no such address", format!("the last is number {last}"))),
    }
}

fn cidrnetmask(call: &Call<'_>) -> Outcome {
    let network = Network::read(call, 0)?;
    match network.width {
        32 => {
            let mask = u32::MAX.checked_shl(32 - network.prefix).unwrap_or(0);
            Ok(Value::String(Ipv4Addr::from(mask).to_string()))
        }
        _ => Err(call.fault(0, "an IPv6 block has no netmask", "an IPv6 block")),
    }
}

fn cidrcontains(call: &Call<'_>) -> Outcome {
    let network = Network::read(call, 0)?;
    let text = call.text(1)?;
    let inner = match text.parse::<IpAddr>() {
        Ok(address) => Network::of(IpNet::from(address)),
        Err(_) => Network::read(call, 1)?,
    };
    let contains = network.width == inner.width
        && network.prefix <= inner.prefix
        // A shift by the whole width leaves nothing to compare.
        && (network.base ^ inner.base).checked_shr(network.width - network.prefix).unwrap_or(0) == 0;
    Ok(Value::Bool(contains))
}
