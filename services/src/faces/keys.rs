//! The node's keys for faces.

use std::fmt;

use tongtu_crypto::{WideCipher, WideKey};
use tongtu_hsm::{Custody, CustodyError, KeyPath, Label, MacScheme};
use tongtu_terminal::face::{Handle, SealKey};
use tongtu_types::{CardNumber, TerminalNumber};
use zeroize::Zeroizing;

/// The keys that faces are sealed under, all made from one: at rest, on the way to each terminal,
/// for pseudonyms, and for telling a repeated request from another.
///
/// Zeroized on drop; `Debug` shows nothing.
pub struct FaceKeys {
    rest: SealKey,
    terminals: WideKey,
    handles: WideKey,
    requests: WideKey,
    noise: WideKey,
}

impl fmt::Debug for FaceKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaceKeys(..)")
    }
}

impl FaceKeys {
    /// Has the key in custody make them; it stays there.
    ///
    /// # Errors
    /// [`CustodyError`] when there is no such key, or it makes no CMAC.
    pub fn made_by(custody: &(impl Custody + ?Sized), label: Label) -> Result<Self, CustodyError> {
        Self::made_noting(custody, label, |_| ())
    }

    /// The same; before each of its uses the key's holder is told over what.
    pub(crate) fn made_noting(
        custody: &(impl Custody + ?Sized),
        label: Label,
        noted: impl Fn(&[u8]),
    ) -> Result<Self, CustodyError> {
        Self::of(|message| {
            noted(message);
            let made = Zeroizing::new(custody.mac(KeyPath::of(label), MacScheme::Cmac, message)?);
            let mut key = Zeroizing::new([0; 16]);
            // A CMAC of SM4 has sixteen bytes.
            key.copy_from_slice(
                made.first_chunk::<16>()
                    .ok_or(CustodyError::Mac { label })?,
            );
            Ok(key)
        })
    }

    fn of<E>(cmac: impl Fn(&[u8]) -> Result<Zeroizing<[u8; 16]>, E>) -> Result<Self, E> {
        let derived = |purpose: &[u8]| cmac(&[b"faces ", purpose].concat());
        Ok(Self {
            rest: SealKey::new(&*derived(b"rest")?),
            terminals: sm4(&*derived(b"terminals")?),
            handles: sm4(&*derived(b"handles")?),
            requests: sm4(&*derived(b"requests")?),
            noise: sm4(&*derived(b"noise")?),
        })
    }

    /// The key that a terminal opens its updates with. It is brought into the terminal's secure
    /// module when that is personalised, and travels on no other way.
    #[must_use]
    pub fn terminal_key(&self, terminal: TerminalNumber) -> Zeroizing<[u8; 16]> {
        Zeroizing::new(self.terminals.cmac(&[terminal.as_str().as_bytes()]))
    }

    pub(super) fn terminal_seal(&self, terminal: TerminalNumber) -> SealKey {
        SealKey::new(&self.terminal_key(terminal))
    }

    pub(super) const fn rest(&self) -> &SealKey {
        &self.rest
    }

    /// The pseudonym of an enrolment. Requests have ids of their own, so that whoever enrols again
    /// is nobody's successor.
    pub(super) fn handle(&self, account: CardNumber, request: &str) -> Handle {
        let account = account.reveal().as_bytes();
        Handle(self.handles.cmac(&[account, &[0], request.as_bytes()]))
    }

    pub(super) fn request_mac(&self, request: &[u8]) -> [u8; 16] {
        self.requests.cmac(&[request])
    }

    /// Bytes that nobody can foretell without the key, other ones for every context: what sealing
    /// asks for. The same again gives the same, so that a run can be repeated.
    pub(super) fn noise(&self, context: &[&[u8]]) -> impl FnMut(&mut [u8]) + use<> {
        let mut text = Vec::new();
        for part in context {
            text.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            text.extend_from_slice(part);
        }
        let seed = sm4(&Zeroizing::new(self.noise.cmac(&[&text])));
        let mut counter = 0_u64;
        move |out| {
            for chunk in out.chunks_mut(16) {
                counter += 1;
                let block = seed.cmac(&[&counter.to_be_bytes()]);
                chunk.copy_from_slice(&block[..chunk.len()]);
            }
        }
    }
}

fn sm4(key: &[u8; 16]) -> WideKey {
    WideKey::new(WideCipher::Sm4, key).expect("16 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys_of(key: &[u8; 16]) -> FaceKeys {
        let root = sm4(key);
        let made = FaceKeys::of(|message| Ok::<_, ()>(Zeroizing::new(root.cmac(&[message]))));
        made.unwrap()
    }

    fn terminal(number: u32) -> TerminalNumber {
        TerminalNumber::parse(&format!("{number:012}")).unwrap()
    }

    #[test]
    fn every_terminal_and_every_node_has_a_key_of_its_own() {
        let (one, other) = (keys_of(&[1; 16]), keys_of(&[2; 16]));
        assert_eq!(one.terminal_key(terminal(1)), one.terminal_key(terminal(1)));
        assert_ne!(one.terminal_key(terminal(1)), one.terminal_key(terminal(2)));
        assert_ne!(
            one.terminal_key(terminal(1)),
            other.terminal_key(terminal(1))
        );
    }

    #[test]
    fn a_pseudonym_says_nothing_without_the_key_and_is_new_with_each_request() {
        let account = CardNumber::parse("3104581000000000017").unwrap();
        let (one, other) = (keys_of(&[1; 16]), keys_of(&[2; 16]));
        assert_eq!(one.handle(account, "a"), one.handle(account, "a"));
        assert_ne!(one.handle(account, "a"), one.handle(account, "b"));
        assert_ne!(one.handle(account, "a"), other.handle(account, "a"));
    }

    #[test]
    fn noise_is_another_in_every_context_and_block() {
        let keys = keys_of(&[1; 16]);
        let draw = |context: &[&[u8]]| {
            let mut out = [[0; 16]; 2];
            let mut noise = keys.noise(context);
            out.iter_mut().for_each(|block| noise(block));
            out
        };
        assert_eq!(draw(&[b"a", b"b"]), draw(&[b"a", b"b"]));
        assert_ne!(draw(&[b"a", b"b"]), draw(&[b"ab"]));
        let [first, second] = draw(&[b"a"]);
        assert_ne!(first, second);
    }

    #[test]
    fn does_not_print() {
        assert_eq!(format!("{:?}", keys_of(&[7; 16])), "FaceKeys(..)");
    }
}
