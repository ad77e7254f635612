//! The e-cash (电子现金, qPBOC): data objects, commands, cryptograms, certificates.
#![cfg_attr(not(test), no_std)]
