//! The tools of all tiers: the product, its servers, and clients that send requests all the time.

pub mod inside;
pub mod load;
pub mod local;
pub mod moto;
pub mod product;
pub mod wall_clock;
pub mod wire;
