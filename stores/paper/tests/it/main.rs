//! Papers on a disk whose power goes at every moment, and on the machine's own.

mod cut;
mod folder;
