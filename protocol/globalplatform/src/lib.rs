//! GlobalPlatform: card content management, secure channels, tokens and receipts.
#![cfg_attr(not(test), no_std)]
