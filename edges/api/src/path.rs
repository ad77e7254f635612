//! Paths: the patterns a server routes by, and builders of concrete ones.
//!
//! Patterns name their variable parts in braces. A builder percent-encodes what it is given, so
//! that no value can reach another path.

/// `GET`: is the node there, and which is it.
pub const HEALTH: &str = "/health";
/// `POST`: opens an account.
pub const ACCOUNTS: &str = "/issuer/accounts";
/// `GET`: views an account.
pub const ACCOUNT: &str = "/issuer/accounts/{account}";
/// `POST`: pays into an account.
pub const ACCOUNT_RECHARGES: &str = "/issuer/accounts/{account}/recharges";
/// `POST`: suspends an account or lifts the suspension.
pub const ACCOUNT_SUSPENSION: &str = "/issuer/accounts/{account}/suspension";
/// `POST`: issues a user certificate.
pub const ACCOUNT_CERTIFICATES: &str = "/issuer/accounts/{account}/certificates";
/// `POST`: notes a purse that was issued.
pub const CARDS: &str = "/issuer/cards";
/// `GET`: views a purse.
pub const CARD: &str = "/issuer/cards/{card}";
/// `POST`: notes money that was put on a purse.
pub const CARD_LOADS: &str = "/issuer/cards/{card}/loads";
/// `POST`: notes an e-cash that was issued, by its PAN.
pub const CASHES: &str = "/issuer/e-cashes";
/// `GET`: views an e-cash.
pub const CASH: &str = "/issuer/e-cashes/{card}";
/// `POST`: notes money that was put on an e-cash, at its issue or later.
pub const CASH_LOADS: &str = "/issuer/e-cashes/{card}/loads";
/// `POST`: registers a terminal.
pub const TERMINALS: &str = "/acquirer/terminals";
/// `POST`: uploads ride records of a terminal.
pub const TERMINAL_RECORDS: &str = "/acquirer/terminals/{terminal}/records";
/// `POST`: follows a terminal's chain from its beginning again.
pub const TERMINAL_CHAIN: &str = "/acquirer/terminals/{terminal}/chain";
/// `GET`: the chains over terminals' records, what is missing in them and what does not hold.
pub const CHAINS: &str = "/acquirer/chains";
/// `GET`: the current lists for terminals.
pub const LISTS: &str = "/acquirer/lists";
/// `POST`: adds accounts to the blacklist.
pub const BLACKLIST: &str = "/acquirer/blacklist";
/// `GET`: the file that leads to the newest card blacklist, as bytes; `POST`: changes that list.
pub const CARD_BLACKLIST: &str = "/acquirer/card-blacklist";
/// `POST`: a terminal reports which lists it has.
pub const TERMINAL_COVERAGE: &str = "/acquirer/terminals/{terminal}/coverage";
/// `POST`: takes the revocation list of a root.
pub const REVOCATIONS: &str = "/revocations";
/// `POST`: admits a PSAM to a terminal.
pub const PSAMS: &str = "/acquirer/psams";
/// `POST`: withdraws a PSAM from its terminal.
pub const PSAM_WITHDRAWAL: &str = "/acquirer/psams/withdrawal";
/// `GET`: which lists every terminal has.
pub const COVERAGE: &str = "/acquirer/coverage";
/// `GET`: what riders consent to before they ride by face.
pub const FACE_TERMS: &str = "/issuer/face-terms";
/// `POST`: enrols a face for an account; `GET`: how that stands, and where the face is.
pub const ACCOUNT_FACE: &str = "/issuer/accounts/{account}/face";
/// `POST`: withdraws the consent.
pub const ACCOUNT_FACE_WITHDRAWAL: &str = "/issuer/accounts/{account}/face/withdrawal";
/// `POST`: puts a terminal where it recognises faces.
pub const TERMINAL_FACE: &str = "/acquirer/terminals/{terminal}/face";
/// `GET`: the update that leads a terminal's gallery on, as bytes.
pub const TERMINAL_GALLERY: &str = "/acquirer/terminals/{terminal}/gallery";
/// `POST`: a terminal confirms its gallery.
pub const TERMINAL_GALLERY_CONFIRMATION: &str =
    "/acquirer/terminals/{terminal}/gallery/confirmation";
/// `GET`: the terminals that recognise faces.
pub const FACE_TERMINALS: &str = "/acquirer/face-terminals";
/// `GET`: what waits for a receiver.
pub const FILES: &str = "/exchange/files";
/// `PUT`: delivers a file; `GET`: reads one.
pub const FILE: &str = "/exchange/files/{name}";
/// `POST`: the receiver has the file.
pub const FILE_CONFIRMATION: &str = "/exchange/files/{name}/confirmation";
/// `GET`: the papers that the node goes by: register, key book, revocation lists.
pub const PAPERS: &str = "/papers";
/// `GET`: one of them, as bytes.
pub const PAPER: &str = "/papers/{paper}";
/// `GET`: notes of keys that the node has; `POST`: brings notes of keys.
pub const KEY_NOTES: &str = "/key-notes";
/// `GET`: the chain of what the node's keys were used for.
pub const KEY_USES: &str = "/key-uses";
/// `GET`: views a settlement day.
pub const DAY: &str = "/days/{day}";
/// `POST`: closes a settlement day.
pub const DAY_CLOSE: &str = "/days/{day}/close";
/// `POST`: settles a settlement day.
pub const DAY_SETTLE: &str = "/days/{day}/settle";
/// `GET`: all balances.
pub const AUDIT_LEDGER: &str = "/audit/ledger";
/// `GET`: all rides, as issuer or as acquirer.
pub const AUDIT_RIDES: &str = "/audit/rides";
/// `GET`: refused uploads and alarms.
pub const AUDIT_REJECTED: &str = "/audit/rejected";
/// `GET`: every exchange file that the node has made.
pub const AUDIT_FILES: &str = "/audit/files";
/// `GET`: the envelopes of the files that the node received and made.
pub const AUDIT_ENVELOPES: &str = "/audit/envelopes";
/// `GET`: what was done with callers, with the requests that asked for it.
pub const AUDIT_CALLERS: &str = "/audit/callers";
/// `GET`: who may call; `POST`: admits a caller.
pub const CALLERS: &str = "/callers";
/// `POST`: announces a caller's new key.
pub const CALLER_KEYS: &str = "/callers/{caller}/keys";
/// `POST`: disables a caller, or allows it again.
pub const CALLER_STATE: &str = "/callers/{caller}/state";
/// `POST`: the node exchanges files with its parent now.
pub const PUMP: &str = "/pump";

/// Every route: method and pattern.
pub const ROUTES: &[(&str, &str)] = &[
    ("GET", HEALTH),
    ("POST", ACCOUNTS),
    ("GET", ACCOUNT),
    ("POST", ACCOUNT_RECHARGES),
    ("POST", ACCOUNT_SUSPENSION),
    ("POST", ACCOUNT_CERTIFICATES),
    ("POST", CARDS),
    ("GET", CARD),
    ("POST", CARD_LOADS),
    ("POST", CASHES),
    ("GET", CASH),
    ("POST", CASH_LOADS),
    ("POST", TERMINALS),
    ("POST", TERMINAL_RECORDS),
    ("POST", TERMINAL_CHAIN),
    ("GET", CHAINS),
    ("GET", LISTS),
    ("POST", BLACKLIST),
    ("GET", CARD_BLACKLIST),
    ("POST", CARD_BLACKLIST),
    ("POST", TERMINAL_COVERAGE),
    ("POST", REVOCATIONS),
    ("POST", PSAMS),
    ("POST", PSAM_WITHDRAWAL),
    ("GET", COVERAGE),
    ("GET", FACE_TERMS),
    ("POST", ACCOUNT_FACE),
    ("GET", ACCOUNT_FACE),
    ("POST", ACCOUNT_FACE_WITHDRAWAL),
    ("POST", TERMINAL_FACE),
    ("GET", TERMINAL_GALLERY),
    ("POST", TERMINAL_GALLERY_CONFIRMATION),
    ("GET", FACE_TERMINALS),
    ("GET", FILES),
    ("PUT", FILE),
    ("GET", FILE),
    ("POST", FILE_CONFIRMATION),
    ("GET", PAPERS),
    ("GET", PAPER),
    ("GET", KEY_NOTES),
    ("POST", KEY_NOTES),
    ("GET", KEY_USES),
    ("GET", DAY),
    ("POST", DAY_CLOSE),
    ("POST", DAY_SETTLE),
    ("GET", AUDIT_LEDGER),
    ("GET", AUDIT_RIDES),
    ("GET", AUDIT_REJECTED),
    ("GET", AUDIT_FILES),
    ("GET", AUDIT_ENVELOPES),
    ("GET", AUDIT_CALLERS),
    ("POST", PUMP),
    ("GET", CALLERS),
    ("POST", CALLERS),
    ("POST", CALLER_KEYS),
    ("POST", CALLER_STATE),
];

/// The path of an account.
#[must_use]
pub fn account(account: &str) -> String {
    fill(ACCOUNT, account)
}

/// The path of an account's recharges.
#[must_use]
pub fn account_recharges(account: &str) -> String {
    fill(ACCOUNT_RECHARGES, account)
}

/// The path of an account's suspension.
#[must_use]
pub fn account_suspension(account: &str) -> String {
    fill(ACCOUNT_SUSPENSION, account)
}

/// The path of an account's certificates.
#[must_use]
pub fn account_certificates(account: &str) -> String {
    fill(ACCOUNT_CERTIFICATES, account)
}

/// The path of a card.
#[must_use]
pub fn card(card: &str) -> String {
    fill(CARD, card)
}

/// The path of a card's loads.
#[must_use]
pub fn card_loads(card: &str) -> String {
    fill(CARD_LOADS, card)
}

/// The path of an e-cash.
#[must_use]
pub fn cash(card: &str) -> String {
    fill(CASH, card)
}

/// The path of an e-cash's loads.
#[must_use]
pub fn cash_loads(card: &str) -> String {
    fill(CASH_LOADS, card)
}

/// The path of a terminal's records.
#[must_use]
pub fn terminal_records(terminal: &str) -> String {
    fill(TERMINAL_RECORDS, terminal)
}

/// The path that begins a terminal's chain anew.
#[must_use]
pub fn terminal_chain(terminal: &str) -> String {
    fill(TERMINAL_CHAIN, terminal)
}

/// The path of a terminal's reports.
#[must_use]
pub fn terminal_coverage(terminal: &str) -> String {
    fill(TERMINAL_COVERAGE, terminal)
}

/// The path of an account's face.
#[must_use]
pub fn account_face(account: &str) -> String {
    fill(ACCOUNT_FACE, account)
}

/// The path that withdraws an account's consent to rides by face.
#[must_use]
pub fn account_face_withdrawal(account: &str) -> String {
    fill(ACCOUNT_FACE_WITHDRAWAL, account)
}

/// The path that puts a terminal where it recognises faces.
#[must_use]
pub fn terminal_face(terminal: &str) -> String {
    fill(TERMINAL_FACE, terminal)
}

/// The path of a terminal's gallery.
#[must_use]
pub fn terminal_gallery(terminal: &str) -> String {
    fill(TERMINAL_GALLERY, terminal)
}

/// The path that confirms a terminal's gallery.
#[must_use]
pub fn terminal_gallery_confirmation(terminal: &str) -> String {
    fill(TERMINAL_GALLERY_CONFIRMATION, terminal)
}

/// The path of an exchange file.
#[must_use]
pub fn file(name: &str) -> String {
    fill(FILE, name)
}

/// The path of a file's confirmation.
#[must_use]
pub fn file_confirmation(name: &str) -> String {
    fill(FILE_CONFIRMATION, name)
}

/// The path of a paper.
#[must_use]
pub fn paper(paper: &str) -> String {
    fill(PAPER, paper)
}

/// The path of a settlement day, `yyyy-mm-dd`.
#[must_use]
pub fn day(day: &str) -> String {
    fill(DAY, day)
}

/// The path that closes a settlement day.
#[must_use]
pub fn day_close(day: &str) -> String {
    fill(DAY_CLOSE, day)
}

/// The path that settles a settlement day.
#[must_use]
pub fn day_settle(day: &str) -> String {
    fill(DAY_SETTLE, day)
}

/// The path of a caller's keys.
#[must_use]
pub fn caller_keys(caller: &str) -> String {
    fill(CALLER_KEYS, caller)
}

/// The path of a caller's state.
#[must_use]
pub fn caller_state(caller: &str) -> String {
    fill(CALLER_STATE, caller)
}

/// Puts a percent-encoded value where the pattern has braces.
fn fill(pattern: &str, value: &str) -> String {
    let (before, rest) = pattern.split_once('{').expect("a pattern with a variable");
    let (_, after) = rest.split_once('}').expect("a brace that closes");
    let mut path = String::from(before);
    for byte in value.bytes() {
        // Dots too: a segment `..` would be resolved away before it is sent.
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => path.push(char::from(byte)),
            _ => path.push_str(&format!("%{byte:02X}")),
        }
    }
    path + after
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_every_pattern() {
        assert_eq!(account("31"), "/issuer/accounts/31");
        assert_eq!(account_recharges("31"), "/issuer/accounts/31/recharges");
        assert_eq!(account_suspension("31"), "/issuer/accounts/31/suspension");
        assert_eq!(
            account_certificates("31"),
            "/issuer/accounts/31/certificates"
        );
        assert_eq!(paper("key-book"), "/papers/key-book");
        assert_eq!(card("31"), "/issuer/cards/31");
        assert_eq!(card_loads("31"), "/issuer/cards/31/loads");
        assert_eq!(cash("62"), "/issuer/e-cashes/62");
        assert_eq!(cash_loads("62"), "/issuer/e-cashes/62/loads");
        assert_eq!(terminal_records("1"), "/acquirer/terminals/1/records");
        assert_eq!(terminal_chain("1"), "/acquirer/terminals/1/chain");
        assert_eq!(terminal_coverage("1"), "/acquirer/terminals/1/coverage");
        assert_eq!(account_face("31"), "/issuer/accounts/31/face");
        assert_eq!(
            account_face_withdrawal("31"),
            "/issuer/accounts/31/face/withdrawal"
        );
        assert_eq!(terminal_face("1"), "/acquirer/terminals/1/face");
        assert_eq!(terminal_gallery("1"), "/acquirer/terminals/1/gallery");
        assert_eq!(
            terminal_gallery_confirmation("1"),
            "/acquirer/terminals/1/gallery/confirmation"
        );
        assert_eq!(file("CQ1"), "/exchange/files/CQ1");
        assert_eq!(file_confirmation("CQ1"), "/exchange/files/CQ1/confirmation");
        assert_eq!(day("2026-01-31"), "/days/2026-01-31");
        assert_eq!(day_close("2026-01-31"), "/days/2026-01-31/close");
        assert_eq!(day_settle("2026-01-31"), "/days/2026-01-31/settle");
    }

    #[test]
    fn keeps_a_value_inside_its_segment() {
        assert_eq!(
            day("../audit?x#y 通"),
            "/days/%2E%2E%2Faudit%3Fx%23y%20%E9%80%9A"
        );
    }
}
