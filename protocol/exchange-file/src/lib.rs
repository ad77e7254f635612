//! Exchange files between bodies: names, frames and records (CQ, LD, FB, CL, BP).
