//! What a node is told when it starts.

use std::sync::Arc;

use tongtu_clearing::{CutOff, FeeRules, Topology};
use tongtu_ride_code::layout::IssuerCertificate;
use tongtu_ride_code::{Policy, RootTable};
use tongtu_terminal::CardLists;
use tongtu_types::{Fen, InstitutionCode};

use crate::faces::FaceConfig;
use crate::keys::NodeKeys;

/// Who a node is and what it goes by.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// The institution's home code (role digit 0); an exchange body of the topology.
    pub code: InstitutionCode,
    /// Its Chinese name.
    pub name_zh: String,
    /// Its English name.
    pub name_en: String,
    /// The country's bodies and members.
    pub topology: Topology,
    /// What rides cost their acquirers.
    pub fee_rules: FeeRules,
    /// When a settlement day ends.
    pub cut_off: CutOff,
    /// How ride codes are judged, here and on the terminals.
    pub policy: Policy,
    /// The roots that ride codes may rest on.
    pub roots: RootTable,
    /// The issuers whose codes are accepted.
    pub accepted_issuers: Vec<InstitutionCode>,
    /// What it signs and proves with.
    pub keys: Arc<NodeKeys>,
    /// Present when the node issues codes.
    pub issuer: Option<IssuerConfig>,
    /// Present when the node has terminals.
    pub acquirer: Option<AcquirerConfig>,
    /// Present when its riders may ride by face; needs both roles.
    pub faces: Option<FaceConfig>,
}

/// What an issuer (发行机构) needs.
#[derive(Clone, Debug)]
pub struct IssuerConfig {
    /// Its certificate, signed by the centre; the key in it is among the node's keys.
    pub certificate: IssuerCertificate,
    /// The single-ride limit (单次消费金额上限) in its user certificates.
    pub limit: Fen,
    /// How long a ride code is good, seconds.
    pub validity_s: u16,
    /// How long a user certificate is good, seconds.
    pub lifetime_s: i64,
    /// Code platform number (发码平台编号), 4 bytes.
    pub platform: [u8; 4],
    /// Issuer-defined data (发行方自定义数据), up to 16 printable characters.
    pub issuer_data: Vec<u8>,
}

/// What an acquirer (受理机构) needs.
#[derive(Clone, Debug)]
pub struct AcquirerConfig {
    /// The city's fares, texts of `.fare` files by rising version: the one that counts and those
    /// that will.
    pub fare_books: Vec<String>,
    /// What terminals are told of cards. The blacklist's version is the store's and not read
    /// here.
    pub cards: CardLists,
}
