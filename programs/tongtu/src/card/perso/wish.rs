//! What a purse is to be: options of the command line, and a file that says the same.

use std::convert::Infallible;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::Deserialize;
use tongtu_apdu::select::Aid;
use tongtu_codec::hex_decode;
use tongtu_purse::command::Pin;
use tongtu_purse::field::{Amount, CardKind, City, Date, Institution, Limit, Serial};
use tongtu_purse::profile::{Profile, STYLES};
use tongtu_types::{BusinessDay, CardNumber, Fen};

use super::Args;
use crate::card::factory;
use crate::exit::Failure;
use crate::input;
use crate::lang::both;
use crate::usage;

/// A PIN as somebody wrote it.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub(super) struct PinText(String);

impl fmt::Debug for PinText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PinText(…)")
    }
}

impl FromStr for PinText {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

/// What a file may say; the names are those of the options.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Wishes {
    profile: Option<String>,
    style: Option<String>,
    number: Option<String>,
    issuer: Option<String>,
    city: Option<String>,
    kind: Option<String>,
    starts: Option<String>,
    expires: Option<String>,
    pin: Option<PinText>,
    overdraft: Option<String>,
    balance_max: Option<String>,
}

/// The purse that options and file ask for.
pub(super) fn wished(args: &Args) -> Result<(factory::Profile, Profile), Failure> {
    let file = match &args.file {
        Some(path) => read(path)?,
        None => Wishes::default(),
    };
    let profile = match (args.profile, &file.profile) {
        (Some(profile), _) => profile,
        (None, Some(name)) => <factory::Profile as clap::ValueEnum>::from_str(name, true)
            .map_err(|_| wrong("profile", name, "the name of a profile"))?,
        (None, None) => factory::Profile::Default,
    };
    let mut purse = profile.purse();
    let choose = |option: &Option<String>, file: Option<String>| option.clone().or(file);
    if let Some(name) = choose(&args.style, file.style) {
        let style = STYLES.iter().find(|style| style.name == name);
        let names: Vec<_> = STYLES.iter().map(|style| style.name).collect();
        let style = style.ok_or_else(|| wrong("style", &name, &names.join(", ")))?;
        purse = purse.styled(style);
    }
    if let Some(text) = choose(&args.number, file.number) {
        let shown = match usage::is_as_long_as_a_number(&text) {
            true => "…",
            false => &text,
        };
        let mistyped = || wrong("number", shown, "19 digits");
        let number: CardNumber = text.parse().map_err(|_| mistyped())?;
        if text.len() != 19 {
            return Err(mistyped());
        }
        purse.public.serial = Serial::of(&number);
    }
    if let Some(text) = choose(&args.issuer, file.issuer) {
        purse.public.issuer = Institution(bytes("issuer", &text)?);
    }
    if let Some(text) = choose(&args.city, file.city) {
        let city: [u8; 2] = bytes("city", &text)?;
        purse.transit.city = City(city);
        let [province, _] = city;
        purse.transit.province = City([province, 0]);
    }
    if let Some(text) = choose(&args.kind, file.kind) {
        let [kind] = bytes("kind", &text)?;
        purse.transit.kind = CardKind(kind);
    }
    if let Some(text) = choose(&args.starts, file.starts) {
        purse.public.starts = date("starts", &text)?;
    }
    if let Some(text) = choose(&args.expires, file.expires) {
        purse.public.expires = date("expires", &text)?;
    }
    if let Some(text) = args.pin.clone().or(file.pin) {
        // The PIN itself is not repeated.
        let pin = Pin::from_digits(&text.0).map_err(|_| wrong("pin", "…", "4 to 12 digits"))?;
        purse.pin = Some(pin);
    }
    let yuan = |name, text: &String| input::amount(text).map_err(|why| wrong(name, text, &why));
    if let Some(text) = choose(&args.overdraft, file.overdraft) {
        let limit = yuan("overdraft", &text)?;
        let limit = u32::try_from(limit.get()).ok().and_then(Limit::new);
        purse.settings.overdraft =
            limit.ok_or_else(|| wrong("overdraft", &text, "0 to 167772.15 yuan"))?;
    }
    if let Some(text) = choose(&args.balance_max, file.balance_max) {
        let max: Fen = yuan("balance-max", &text)?;
        purse.settings.balance_max = Amount::from_fen(max)
            .ok_or_else(|| wrong("balance-max", &text, "an amount that is not negative"))?;
    }
    Ok((profile, purse))
}

fn read(path: &Path) -> Result<Wishes, Failure> {
    let text = input::read_text(path)?;
    toml::from_str(&text).map_err(|error| {
        let name = path.display();
        Failure::usage(both(
            format!("`{name}` does not say what to personalise"),
            format!("`{name}` 不是个人化设置"),
        ))
        .because(tongtu_config::toml_fault(&text, &error))
        .hint(both(
            "its fields are named like the options, such as number = \"3104899999900000025\"",
            "字段与选项同名，例如 number = \"3104899999900000025\"",
        ))
    })
}

fn wrong(name: &str, found: &str, expected: &str) -> Failure {
    Failure::usage(both(
        format!("invalid {name} `{found}`, expected {expected}"),
        format!("{name} 的值 `{found}` 无效，应为 {expected}"),
    ))
}

pub(in crate::card) fn bytes<const N: usize>(name: &str, text: &str) -> Result<[u8; N], Failure> {
    let bytes = hex_decode(text)
        .ok()
        .and_then(|bytes| bytes.try_into().ok());
    // A key is not repeated.
    let shown = if name == "gp-key" { "…" } else { text };
    bytes.ok_or_else(|| wrong(name, shown, &format!("{} hex digits", N * 2)))
}

pub(super) fn aid(name: &str, text: &str) -> Result<Aid, Failure> {
    let bytes = hex_decode(text).ok();
    let aid = bytes.and_then(|bytes| Aid::parse(&bytes).ok());
    aid.ok_or_else(|| wrong(name, text, "10 to 32 hex digits"))
}

fn date(name: &str, text: &str) -> Result<Date, Failure> {
    let day = BusinessDay::parse_compact(text);
    day.map(Date::of).map_err(|_| wrong(name, text, "YYYYMMDD"))
}
