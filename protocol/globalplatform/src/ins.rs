//! Instruction bytes.

/// INITIALIZE UPDATE.
pub const INITIALIZE_UPDATE: u8 = 0x50;
/// MANAGE CHANNEL.
pub const MANAGE_CHANNEL: u8 = 0x70;
/// END R-MAC SESSION.
pub const END_R_MAC: u8 = 0x78;
/// BEGIN R-MAC SESSION.
pub const BEGIN_R_MAC: u8 = 0x7A;
/// EXTERNAL AUTHENTICATE.
pub const EXTERNAL_AUTHENTICATE: u8 = 0x82;
/// SELECT.
pub const SELECT: u8 = 0xA4;
/// GET RESPONSE.
pub const GET_RESPONSE: u8 = 0xC0;
/// GET DATA.
pub const GET_DATA: u8 = 0xCA;
/// PUT KEY.
pub const PUT_KEY: u8 = 0xD8;
/// STORE DATA.
pub const STORE_DATA: u8 = 0xE2;
/// DELETE.
pub const DELETE: u8 = 0xE4;
/// INSTALL.
pub const INSTALL: u8 = 0xE6;
/// LOAD.
pub const LOAD: u8 = 0xE8;
/// SET STATUS.
pub const SET_STATUS: u8 = 0xF0;
/// GET STATUS.
pub const GET_STATUS: u8 = 0xF2;
