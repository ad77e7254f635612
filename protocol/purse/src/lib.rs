//! The e-purse (电子钱包): commands, files, session keys, MACs and TAC.
#![cfg_attr(not(test), no_std)]
