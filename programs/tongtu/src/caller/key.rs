//! `tongtu caller key`: a caller's own key, made where it stays and sealed from its first byte on.
//!
//! A person's is under a passphrase, a machine's under a key file that lies elsewhere or under the
//! wrapping key of a PKCS#11 token. What is here too: the next key of a renewal, which is on the disk with
//! its credential before the node hears of it.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use tongtu_callers::CallerName;
use tongtu_codec::hex_encode;
use tongtu_config::{ConfigError, CredentialFile, Mode, SamFile, TokenFile, write_key};
use tongtu_crypto::{PublicKey, Signature, Signer};
use tongtu_hsm::{
    Custody, CustodyError, CustodySigner, Export, KeyName, Label, Protection, SealedCustody, Token,
    TokenCustody,
};
use tongtu_http::client::ClientError;
use tongtu_keyring::Slot;
use tongtu_keyring::code::{KeyAlgorithm, Purpose};

use super::{full, not_written};
use crate::call::{As, PASSPHRASE_ZH, Who, not_held, unanswered, words, wrong_passphrase};
use crate::exit::{Exit, Failure};
use crate::key::{fresh, place};
use crate::lang::{Lang, Row, both};
use crate::report::Report;
use crate::room::custody::{self, TokenArgs};
use crate::room::{entropy, passphrase, write_new};

pub(crate) const HELP: &[Row] = &[
    ("caller key", "调用方自己的密封密钥：生成，更换口令"),
    (
        "caller key new",
        "生成自己的密钥（口令或密钥文件密封）与凭据文件",
    ),
    (
        "caller key new/name",
        "调用方编号；未给出 --like 时写作 机构代码.编号",
    ),
    (
        "caller key new/like",
        "同机构人员的凭据文件：取其机构、节点地址与链路",
    ),
    ("caller key new/to", "节点地址"),
    ("caller key new/dir", "密钥与凭据文件所在文件夹"),
    (
        "caller key new/passphrase",
        "首行为新口令的文件；未给出则提示输入两次",
    ),
    (
        "caller key new/key_file",
        "无人值守：以此密钥文件密封，不存在时生成；与凭据分开存放",
    ),
    (
        "caller key new/module",
        "以 PKCS#11 令牌密封：令牌的库文件；另须给出 --token 与 --pin-file",
    ),
    ("caller key new/token", "令牌的标签"),
    (
        "caller key new/serial",
        "令牌的序列号；同名令牌不止一个时须给出",
    ),
    (
        "caller key new/wrapping_key",
        "令牌上已有的包装密钥；未给出则新建一个",
    ),
    (
        "caller key new/pin_file",
        "首行为令牌 PIN 的文件；此后每次使用该凭据都从中读取",
    ),
    ("caller key new/production", "生产用；默认为测试用"),
    (
        "caller key new#examples",
        "示例：
  tongtu caller key new 01341000.C-2 --to https://node.example:7300 --production
  tongtu caller key new C-2 --like C-1.caller
  tongtu caller key new APP --like C-1.caller --key-file /run/app/open
  tongtu caller key new APP --like C-1.caller --module /usr/lib/token.so --token APP --pin-file /run/app/pin

写入 C-2.key 与 C-2.caller，输出公钥；由密钥管理员以 `tongtu caller add --public-key` 登记。",
    ),
    (
        "caller key passphrase",
        "更换口令；旧文件的副本仍可用旧口令打开",
    ),
    ("caller key passphrase/who", "自己的凭据文件"),
    ("caller key passphrase/passphrase", PASSPHRASE_ZH),
    (
        "caller key passphrase/new_passphrase",
        "首行为新口令的文件；未给出则提示输入两次",
    ),
    (
        "caller key passphrase#examples",
        "示例：
  tongtu caller key passphrase --as C-2.caller",
    ),
];

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make one's own key, sealed by a passphrase, a key file or a token, and the credential file
    #[command(after_help = "Examples:
  tongtu caller key new 01341000.C-2 --to https://node.example:7300 --production
  tongtu caller key new C-2 --like C-1.caller
  tongtu caller key new APP --like C-1.caller --key-file /run/app/open
  tongtu caller key new APP --like C-1.caller --module /usr/lib/token.so --token APP --pin-file /run/app/pin

Writes C-2.key and C-2.caller and says the public key, which an officer admits with
`tongtu caller add --public-key`.")]
    New(NewArgs),
    /// Change the passphrase; copies of the old file still open with the old one
    #[command(after_help = "Examples:
  tongtu caller key passphrase --as C-2.caller")]
    Passphrase(PassphraseArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct NewArgs {
    /// The caller's number; without --like CODE.NUMBER
    #[arg(value_name = "NAME")]
    name: String,
    /// A credential file of the same institution: its code, node and link are taken
    #[arg(long, value_name = "FILE")]
    like: Option<PathBuf>,
    /// The node's address
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// Folder for key and credential file
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// A file with the new passphrase in its first line; otherwise asked for twice
    #[arg(long, value_name = "FILE", conflicts_with = "key_file")]
    passphrase: Option<PathBuf>,
    /// Where nobody sits: seal by this key file, made if it is not there; keep it elsewhere
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    #[command(flatten)]
    token: TokenArgs,
    /// The file with the token's PIN in its first line, from which every use of the credential takes it
    #[arg(
        long,
        value_name = "FILE",
        requires = "module",
        conflicts_with_all = ["passphrase", "key_file"]
    )]
    pin_file: Option<PathBuf>,
    /// For production; without it, for tests
    #[arg(long)]
    production: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct PassphraseArgs {
    #[command(flatten)]
    who: As,
    /// A file with the new passphrase in its first line; otherwise asked for twice
    #[arg(long, value_name = "FILE")]
    new_passphrase: Option<PathBuf>,
}

pub(crate) fn run(command: &Command, report: &mut Report) -> Result<Exit, Failure> {
    match command {
        Command::New(args) => new(args, report),
        Command::Passphrase(args) => change(args, report),
    }
}

fn label() -> Label {
    Label::parse("CALLER").expect("capitals only")
}

fn not_made(error: &CustodyError) -> Failure {
    Failure::usage(both("the key cannot be made", "无法生成密钥")).because(error)
}

/// What a key is sealed under.
enum Under {
    /// A passphrase or a key file.
    Protection(Protection),
    /// A token's wrapping key.
    Token(Token),
}

/// Makes a sealed key; it is on the disk, and nowhere else, when this returns.
fn make(path: &Path, (name, mode): (CallerName, Mode), under: Under) -> Result<PublicKey, Failure> {
    let mark = mode.mark();
    let custody: Result<Box<dyn Custody>, _> = match under {
        Under::Protection(protection) => {
            let made = SealedCustody::make(path, mark, &protection, entropy());
            made.map(|custody| Box::new(custody) as _)
        }
        Under::Token(token) => {
            let made = TokenCustody::make(path, mark, token, entropy());
            made.map(|custody| Box::new(custody) as _)
        }
    };
    let mut custody = custody.map_err(|error| not_made(&error))?;
    let key = KeyName {
        label: label(),
        slot: Slot {
            city: name.institution.city(),
            purpose: Purpose::NodeLink,
            algorithm: KeyAlgorithm::Sm2,
        },
        bits: 256,
        index: 1,
        version: 1,
        mark,
        export: Export::Never,
    };
    custody.generate(&key).map_err(|error| not_made(&error))?;
    let signer = CustodySigner::new(&mut *custody, label());
    Ok(signer.map_err(|error| not_made(&error))?.public())
}

/// The key file of a machine: 32 random bytes, made where none is yet.
fn key_file(path: &Path) -> Result<PathBuf, Failure> {
    let path = std::path::absolute(path).map_err(|error| not_written(&error))?;
    if path.symlink_metadata().is_err() {
        let mut bytes = zeroize::Zeroizing::new([0; 32]);
        entropy()(&mut bytes[..]);
        write_new(&path, &bytes[..])?;
    }
    Ok(path)
}

/// The token that a key is to be under, and how the credential says so: this one and no other of its
/// label, and where its PIN is.
fn token(args: &NewArgs, name: CallerName) -> Result<Option<(Token, TokenFile)>, Failure> {
    let pin = args.pin_file.as_deref();
    let pin = pin.map(std::path::absolute).transpose();
    let pin = pin.map_err(|error| not_written(&error))?;
    let own = format!("tongtu-{name}");
    let Some(token) = args.token.login(&own, pin.as_deref())? else {
        return Ok(None);
    };
    let pin = pin.ok_or_else(|| {
        Failure::usage(both(
            "a key under a token is used where nobody sits: name the file with its PIN with --pin-file",
            "由令牌密封的密钥用于无人值守：请用 --pin-file 指明 PIN 文件",
        ))
    })?;
    let config = token.config();
    let module = std::path::absolute(&config.module).map_err(|error| not_written(&error))?;
    let file = TokenFile {
        module,
        token: config.token.clone(),
        serial: Some(token.serial().to_owned()),
        wrapping_key: config.wrapping_key.clone(),
        pin_file: pin.display().to_string(),
        vendor: None,
    };
    Ok(Some((token, file)))
}

fn new(args: &NewArgs, report: &mut Report) -> Result<Exit, Failure> {
    let like = args.like.as_ref();
    let like = like.map(|path| CredentialFile::read(path).map(|file| (path, file)));
    let like = like.transpose().map_err(|error| not_held(&error))?;
    let own: Option<CallerName> = like.as_ref().and_then(|(_, file)| file.name.parse().ok());
    let name: CallerName = match own {
        Some(own) => full(&args.name, own)?,
        None => args.name.parse().map_err(|error| {
            let failure = Failure::usage(both("no caller's name", "不是调用方名称"));
            failure.because(error).hint(both(
                "CODE.NUMBER, or name a colleague's credential with --like",
                "写作 机构代码.编号，或用 --like 指明同事的凭据文件",
            ))
        })?,
    };
    let link = match &like {
        Some((path, file)) => {
            let is_own = own.is_some_and(|own| own.institution == name.institution);
            let link = file.link.as_ref().map(|link| link.moved(path, is_own));
            link.transpose().map_err(|error| not_written(&error))?
        }
        None => None,
    };
    let mode = if args.production {
        Mode::Production
    } else {
        Mode::Test
    };
    let number = name.number.as_str();
    let (key_name, file_name) = (format!("{number}.key"), format!("{number}.caller"));
    let key = place(&args.dir, &key_name)?;
    let credential = args.dir.join(file_name);
    for path in [&key, &credential] {
        if path.symlink_metadata().is_ok() {
            let path = path.display();
            return Err(Failure::usage(both(
                format!("`{path}` is there already and is not overwritten"),
                format!("`{path}` 已存在，不会覆盖"),
            )));
        }
    }
    let mut store = SamFile {
        custody: key_name,
        label: label().to_string(),
        key_file: None,
        passphrase_file: None,
        token: None,
    };
    let under = if let Some((token, file)) = token(args, name)? {
        store.token = Some(file);
        Under::Token(token)
    } else if let Some(path) = &args.key_file {
        let path = key_file(path)?;
        store.key_file = Some(path.display().to_string());
        Under::Protection(Protection::KeyFile(path))
    } else {
        let asked = both(format!("passphrase of {name}"), format!("{name} 的口令"));
        let words = passphrase::read_new(args.passphrase.as_deref(), &asked)?;
        Under::Protection(passphrase::protection(words, mode.mark())?)
    };
    let public = make(&key, (name, mode), under)?;
    let file = CredentialFile {
        name: name.to_string(),
        key_number: 1,
        mode,
        key: None,
        url: args.to.clone().or(like.and_then(|(_, file)| file.url)),
        store: Some(store),
        link,
    };
    file.save(&credential)
        .map_err(|error| not_written(&error))?;
    let public = hex_encode(&public.to_compressed());
    if report.json() {
        report.value(&serde_json::json!({
            "caller": name.to_string(),
            "key_file": key,
            "credential_file": credential,
            "public_key": public,
        }))?;
        return Ok(Exit::Done);
    }
    let (key, credential) = (key.display(), credential.display());
    match report.lang() {
        Lang::En => {
            report.line(&format!("caller      {name}"))?;
            report.line(&format!("key         {key}, sealed"))?;
            report.line(&format!("credential  {credential}"))?;
            report.line(&format!("public key  {public}"))?;
        }
        Lang::Zh => {
            report.line(&format!("调用方  {name}"))?;
            report.line(&format!("密钥    {key}（已密封）"))?;
            report.line(&format!("凭据    {credential}"))?;
            report.line(&format!("公钥    {public}"))?;
        }
    }
    Ok(Exit::Done)
}

fn change(args: &PassphraseArgs, report: &mut Report) -> Result<Exit, Failure> {
    let place = &args.who.file;
    let file = CredentialFile::read(place).map_err(|error| not_held(&error))?;
    let Some(old) = words(&args.who, &file)? else {
        return Err(Failure::usage(both(
            "the key of this credential is not under a passphrase",
            "该凭据的密钥未以口令密封",
        )));
    };
    let store = file.store.as_ref().expect("a passphrase opens a store");
    let path = folder_of(place).join(&store.custody);
    let mark = file.mode.mark();
    let old = passphrase::protection(old, mark).map_err(|_| wrong_passphrase(place))?;
    let opened = SealedCustody::open(&path, mark, &old, entropy());
    let mut custody = opened.map_err(|error| match error {
        CustodyError::Protection { .. } => wrong_passphrase(place),
        source => not_held(&ConfigError::Custody {
            path: path.clone(),
            source: Box::new(source),
        }),
    })?;
    let name = &file.name;
    let asked = both(
        format!("new passphrase of {name}"),
        format!("{name} 的新口令"),
    );
    let words = passphrase::read_new(args.new_passphrase.as_deref(), &asked)?;
    let protection = passphrase::protection(words, mark)?;
    let changed = custody.protect_anew(&protection);
    changed.map_err(|error| not_written(&error))?;
    if report.json() {
        report.value(&serde_json::json!({ "caller": name, "key_file": path }))?;
    } else {
        let said = both(
            format!("{name}  passphrase changed"),
            format!("{name}  口令已更换"),
        );
        report.line(said.of(report.lang()))?;
    }
    Ok(Exit::Done)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

/// The next key of a caller, kept like the present one.
pub(super) struct Next {
    signer: Box<dyn Signer + Send>,
    file: CredentialFile,
    key: PathBuf,
    /// The credential with the next key, until it takes the old one's place.
    aside: PathBuf,
    place: PathBuf,
}

impl Next {
    /// Makes it under what the present one is under.
    pub(super) fn make(place: &Path, present: &Who, number: u32) -> Result<Self, Failure> {
        let key_name = format!("{}-{number}.key", present.name.number);
        let key = folder_of(place).join(&key_name);
        let mut aside = place.as_os_str().to_owned();
        aside.push(".next");
        let mut file = CredentialFile {
            name: present.name.to_string(),
            key_number: number,
            mode: present.mode,
            key: None,
            url: present.url.clone(),
            store: None,
            link: present.link.clone(),
        };
        let mut typed = None;
        match &present.store {
            None => {
                write_key(&key, &fresh()?).map_err(|error| not_written(&error))?;
                file.key = Some(key_name);
            }
            Some(store) => {
                make(
                    &key,
                    (present.name, present.mode),
                    under(place, present, store)?,
                )?;
                file.store = Some(SamFile {
                    custody: key_name,
                    label: label().to_string(),
                    ..store.clone()
                });
                if store.asks_passphrase() {
                    typed = Some(typed_in(present)?);
                }
            }
        }
        // Opened as it will be: a key that nobody can open is not announced.
        let ready = file.clone().open(place, typed.as_ref());
        let signer = ready.map_err(|error| not_held(&error))?.key;
        Ok(Self {
            signer,
            file,
            key,
            aside: PathBuf::from(aside),
            place: place.to_path_buf(),
        })
    }

    pub(super) fn public(&self) -> PublicKey {
        self.signer.public()
    }

    pub(super) fn sign(&mut self, message: &[u8]) -> Result<Signature, Failure> {
        self.signer.sign(message).map_err(|error| {
            Failure::fault(both("the new key does not sign", "新密钥无法签名")).because(error)
        })
    }

    /// Writes the credential aside.
    pub(super) fn keep(&self) -> Result<(), Failure> {
        let saved = self.file.save(&self.aside);
        saved.map_err(|error| not_written(&error))
    }

    /// What there is to say when the node did not take it. Refused, it is taken away; without an
    /// answer nobody knows, and it stays.
    pub(super) fn given_up(&self, error: &ClientError) -> Failure {
        let failure = unanswered(error);
        if matches!(error, ClientError::Refused { .. }) {
            // What is left behind is in nobody's way but a later key of the same number.
            let _ = std::fs::remove_file(&self.aside);
            let _ = std::fs::remove_file(&self.key);
            return failure;
        }
        let (aside, place) = (self.aside.display(), self.place.display());
        failure.hint(both(
            format!("if `tongtu call --as {aside}` is served, put it in the place of `{place}`"),
            format!("若 `tongtu call --as {aside}` 可用，请以其替换 `{place}`"),
        ))
    }

    /// The node took it under this number: it is the credential from now on.
    pub(super) fn take_over(mut self, number: u32) -> Result<(), Failure> {
        self.file.key_number = number;
        let saved = self.file.save(&self.place);
        saved.map_err(|error| not_written(&error))?;
        std::fs::remove_file(&self.aside).map_err(|error| not_written(&error))
    }
}

/// The passphrase with which the present key was opened.
fn typed_in(present: &Who) -> Result<Protection, Failure> {
    let words = present.words.clone().expect("it was opened with one");
    passphrase::protection(words, present.mode.mark())
}

/// What the present key is under.
fn under(place: &Path, present: &Who, store: &SamFile) -> Result<Under, Failure> {
    let beside = |path: &String| folder_of(place).join(path);
    let asked = both("passphrase", "口令");
    match (&store.key_file, &store.passphrase_file, &store.token) {
        (Some(path), _, _) => Ok(Under::Protection(Protection::KeyFile(beside(path)))),
        (_, Some(path), _) => {
            let words = passphrase::read(Some(&beside(path)), &asked)?;
            let protection = passphrase::protection(words, present.mode.mark())?;
            Ok(Under::Protection(protection))
        }
        (_, _, Some(token)) => {
            let pin = beside(&token.pin_file);
            custody::token(token.config(), Some(&pin)).map(Under::Token)
        }
        (None, None, None) => typed_in(present).map(Under::Protection),
    }
}
