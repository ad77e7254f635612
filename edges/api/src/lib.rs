//! The nodes' HTTP contract: paths and bodies.
