//! The demo country's bodies and fees, as data.

/// Bodies and members, for [`crate::Topology::parse`].
pub const TOPOLOGY: &str = include_str!("../data/demo.topology");

/// Fee rules, for [`crate::FeeRules::parse`].
pub const FEE_RULES: &str = include_str!("../data/demo.fee-rules");
