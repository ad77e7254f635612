//! Opening a room's custody: a file under a passphrase, or a PKCS#11 token's.
//!
//! A room says in its first frame what it was founded on. It opens on that token alone, and says
//! which one it expected before a PIN is tried on another.

use std::path::{Path, PathBuf};

use tongtu_codec::hex_encode;
use tongtu_hsm::{CustodyError, Mark, SealedCustody, Token, TokenConfig, TokenCustody, Vault};
use tongtu_keyroom::{Head, TokenPlace};
use tongtu_services::keyroom::CUSTODY_FILE;
use zeroize::Zeroizing;

use crate::exit::Failure;
use crate::lang::both;
use crate::room::{Room, entropy, passphrase};

/// What opens the custody of a room.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct CustodyArgs {
    /// A file with the custody's passphrase, or its token's PIN, in its first line; otherwise asked for when needed
    #[arg(long, visible_alias = "pin-file", value_name = "FILE")]
    pub(crate) custody_passphrase: Option<PathBuf>,
    /// The token's PKCS#11 library, where it is elsewhere than at the founding
    #[arg(long, value_name = "FILE")]
    pub(crate) module: Option<PathBuf>,
}

pub(crate) const PASSPHRASE_ZH: &str =
    "首行为密钥库口令（或令牌 PIN）的文件；未给出则在需要时提示输入";
pub(crate) const MODULE_ZH: &str = "令牌的 PKCS#11 库，仅当其位置与创建时不同";

/// A custody, whatever it is kept on.
pub(crate) type Open = Box<dyn Vault>;

/// Opens the custody of a room.
pub(crate) fn open(room: &Room, folder: &Path, args: &CustodyArgs) -> Result<Open, Failure> {
    open_of(room.head(), folder, args)
}

/// Opens the custody of whatever has this head: a key room, or a holder's custody.
pub(crate) fn open_of(head: &Head, folder: &Path, args: &CustodyArgs) -> Result<Open, Failure> {
    let path = folder.join(CUSTODY_FILE);
    let mark = head.mark;
    let secret = args.custody_passphrase.as_deref();
    let Some(place) = &head.token else {
        if args.module.is_some() {
            return Err(Failure::usage(both(
                "this key room is not on a token",
                "此密钥室不在令牌上",
            )));
        }
        let asked = both("passphrase of the custody", "密钥库口令");
        let words = passphrase::read(secret, &asked)?;
        let protection = passphrase::protection(words, mark)?;
        let opened = SealedCustody::open(&path, mark, &protection, entropy());
        return match opened {
            Ok(custody) => Ok(Box::new(custody)),
            Err(error) => Err(closed(&error)),
        };
    };
    let config = TokenConfig {
        module: args
            .module
            .clone()
            .unwrap_or_else(|| PathBuf::from(&place.module)),
        token: place.label.clone(),
        serial: Some(place.serial.clone()),
        wrapping_key: place.wrapping_key.clone(),
        vendor: None,
    };
    let token = token(config, secret)?;
    match TokenCustody::open(&path, mark, token, entropy()) {
        Ok(custody) => Ok(Box::new(custody)),
        Err(error) => Err(closed(&error)),
    }
}

/// What a custody that is founded is kept on.
#[derive(Debug, clap::Args)]
pub(crate) struct FoundingArgs {
    /// A file with the custody's passphrase, or its token's PIN, in its first line; otherwise asked for
    #[arg(long, visible_alias = "pin-file", value_name = "FILE")]
    custody_passphrase: Option<PathBuf>,
    #[command(flatten)]
    token: TokenArgs,
}

/// A PKCS#11 token under which a store of keys is to be.
#[derive(Debug, clap::Args)]
pub(crate) struct TokenArgs {
    /// Keep it on a PKCS#11 token: the token's library
    #[arg(long, value_name = "FILE", requires = "token")]
    module: Option<PathBuf>,
    /// The token's label
    #[arg(long, value_name = "LABEL", requires = "module")]
    token: Option<String>,
    /// The token's serial number, where several have this label
    #[arg(long, value_name = "NUMBER", requires = "token")]
    serial: Option<String>,
    /// A wrapping key that is on the token; without it, a new one is made
    #[arg(long, value_name = "LABEL", requires = "token")]
    wrapping_key: Option<String>,
}

impl TokenArgs {
    /// Logs in to the token, if there is to be one, and makes the wrapping key, called `own`, where it
    /// is not said which one is there.
    ///
    /// What does not come about then may leave that key on the token: by its name it is of nothing
    /// else.
    pub(crate) fn login(&self, own: &str, pin: Option<&Path>) -> Result<Option<Token>, Failure> {
        let (Some(module), Some(label)) = (&self.module, &self.token) else {
            return Ok(None);
        };
        let config = TokenConfig {
            module: module.clone(),
            token: label.clone(),
            serial: self.serial.clone(),
            wrapping_key: self.wrapping_key.clone().unwrap_or_else(|| own.to_owned()),
            vendor: None,
        };
        let token = token(config, pin)?;
        if self.wrapping_key.is_none() {
            token.make_wrapping_key().map_err(|error| {
                Failure::fault(both(
                    "the token makes no wrapping key",
                    "令牌未能生成包装密钥",
                ))
                .because(error)
            })?;
        }
        Ok(Some(token))
    }
}

impl FoundingArgs {
    /// Logs in to the token, if there is to be one; its wrapping key is named after what is founded.
    pub(crate) fn token(&self, id: &[u8; 16]) -> Result<Option<Token>, Failure> {
        let own = format!("tongtu-{}", hex_encode(&id[..8]));
        self.token.login(&own, self.custody_passphrase.as_deref())
    }

    /// Makes the custody, on the token or under a passphrase.
    pub(crate) fn make(
        &self,
        folder: &Path,
        mark: Mark,
        token: Option<Token>,
    ) -> Result<Open, Failure> {
        let path = folder.join(CUSTODY_FILE);
        if let Some(token) = token {
            let made = TokenCustody::make(&path, mark, token, entropy());
            return Ok(Box::new(made.map_err(|error| not_made(&error))?));
        }
        let asked = both("new passphrase of the custody", "密钥库的新口令");
        let words = passphrase::read_new(self.custody_passphrase.as_deref(), &asked)?;
        let protection = passphrase::protection(words, mark)?;
        let made = SealedCustody::make(&path, mark, &protection, entropy());
        Ok(Box::new(made.map_err(|error| not_made(&error))?))
    }
}

/// Logs in to a token; the PIN comes from a file or from whoever sits there, and is overwritten.
pub(crate) fn token(config: TokenConfig, pin: Option<&Path>) -> Result<Token, Failure> {
    let label = &config.token;
    let asked = both(
        format!("PIN of token {label}"),
        format!("令牌 {label} 的 PIN"),
    );
    let pin: Zeroizing<String> = passphrase::read(pin, &asked)?;
    Token::open(config, &pin).map_err(|error| closed(&error))
}

/// How a room remembers a token.
pub(crate) fn place_of(token: &Token) -> Result<TokenPlace, Failure> {
    let config = token.config();
    let module = config.module.display().to_string();
    // A name's length is one byte in the room's first frame.
    if let Some(long) = [&config.token, &config.wrapping_key, &module]
        .into_iter()
        .find(|name| name.len() > 255)
    {
        return Err(Failure::usage(both(
            "a name of the token is longer than 255 bytes",
            "令牌的名称超过 255 字节",
        ))
        .because(long));
    }
    Ok(TokenPlace {
        label: config.token.clone(),
        serial: token.serial().to_owned(),
        wrapping_key: config.wrapping_key.clone(),
        module,
    })
}

fn not_made(error: &CustodyError) -> Failure {
    Failure::fault(both("the custody cannot be made", "无法建立密钥库")).because(chain(error))
}

fn closed(error: &CustodyError) -> Failure {
    let what = both("the custody does not open", "密钥库无法打开");
    let failure = Failure::refused(what).because(chain(error));
    match error {
        CustodyError::NoToken { .. } => failure.hint(both(
            "plug the token in; `tongtu key room show` says which one",
            "请接入令牌；`tongtu key room show` 可查看是哪一个",
        )),
        CustodyError::OtherToken { .. } => failure.hint(both(
            "the key room opens on the token it was founded on, and on no other",
            "密钥室只在创建时所用的令牌上打开",
        )),
        _ => failure,
    }
}

/// A fault with what the device said of it.
fn chain(error: &CustodyError) -> String {
    use std::error::Error as _;
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
