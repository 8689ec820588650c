//! One integration binary (each one links the whole SDK), grouped by what it proves.

mod moto;
