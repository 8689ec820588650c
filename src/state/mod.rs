//! What bgform remembers: snapshot, history, journal and lock.

pub mod record {
    use crate::address::Address;
    use crate::value::Object;
    #[derive(Debug, Clone, PartialEq, Default)]
    pub struct Record {
        pub id: String,
        pub inputs: Object,
        pub outputs: Object,
        pub generation: u32,
        pub depends_on: Vec<Address>,
        pub prevent_destroy: bool,
    }
}
#[derive(Debug, thiserror::Error)]
#[error("state")]
pub struct StateError;
