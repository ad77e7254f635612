//! The file of cases, read by hand so that every complaint says where and no key goes unseen.
//!
//! ```text
//! { context: { roots: [{index, cert_hex}], accepted_issuers: ["8 digits"], future_skew_s,
//!              max_validity_s, account_interval_s, min_trusted_clock, service_id },
//!   cases: [{ name, expect: "R00".."R20", now, fare_fen, hex, context? }] }
//! ```
//! A context may also have `previous: [{hex, at}]` and `blacklist: [digits]`. An index is a number
//! or hex text; a service identifier is hex text or an array of four numbers. Times are Unix
//! seconds. `null` is the same as absence. `note`, `comment` and keys that begin with `_` may stand
//! anywhere and are not read.

use std::fmt;

use serde_json::{Map, Value};
use tongtu_codec::hex_decode;
use tongtu_ride_code::Verdict;
use tongtu_types::{CardNumber, Fen, InstitutionCode, Timestamp};

/// A whole file.
#[derive(Debug)]
pub(super) struct CaseFile {
    /// What holds for every case that does not say otherwise.
    pub(super) context: Context,
    /// The cases, in order; at least one.
    pub(super) cases: Vec<Case>,
}

/// What a terminal knows; `None` is "as the file says" in a case, "as the product does" in a file.
#[derive(Debug, Default)]
pub(super) struct Context {
    pub(super) roots: Option<Vec<RootEntry>>,
    pub(super) accepted_issuers: Option<Vec<InstitutionCode>>,
    pub(super) future_skew_s: Option<i64>,
    pub(super) max_validity_s: Option<i64>,
    pub(super) account_interval_s: Option<i64>,
    pub(super) min_trusted_clock: Option<Timestamp>,
    pub(super) service_id: Option<[u8; 4]>,
    pub(super) previous: Option<Vec<Earlier>>,
    pub(super) blacklist: Option<Vec<CardNumber>>,
}

impl Context {
    /// Whether it says nothing.
    pub(super) const fn is_empty(&self) -> bool {
        let Self {
            roots,
            accepted_issuers,
            future_skew_s,
            max_validity_s,
            account_interval_s,
            min_trusted_clock,
            service_id,
            previous,
            blacklist,
        } = self;
        roots.is_none()
            && accepted_issuers.is_none()
            && future_skew_s.is_none()
            && max_validity_s.is_none()
            && account_interval_s.is_none()
            && min_trusted_clock.is_none()
            && service_id.is_none()
            && previous.is_none()
            && blacklist.is_none()
    }
}

/// A root as listed, not yet verified.
#[derive(Debug)]
pub(super) struct RootEntry {
    /// Where it stands in the file.
    pub(super) at: String,
    pub(super) index: Option<u8>,
    pub(super) certificate: Vec<u8>,
}

/// A code scanned before.
#[derive(Debug)]
pub(super) struct Earlier {
    /// Where it stands in the file.
    pub(super) at: String,
    pub(super) bytes: Vec<u8>,
    pub(super) scanned_at: Timestamp,
}

/// One case.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) expect: Verdict,
    /// `None`: a terminal without a trusted clock.
    pub(super) now: Option<Timestamp>,
    pub(super) fare: Fen,
    pub(super) bytes: Vec<u8>,
    pub(super) context: Context,
}

/// What is wrong with the file, and where.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FormError(String);

impl fmt::Display for FormError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

type Result<T> = std::result::Result<T, FormError>;

/// Reads a file of cases; all unknown keys are named together.
pub(super) fn read(text: &str) -> Result<CaseFile> {
    // Some editors put a mark of the byte order in front.
    let text = text.trim_start_matches('\u{feff}');
    let value = serde_json::from_str(text).map_err(|error| FormError(error.to_string()))?;
    let mut unknown = Vec::new();
    let mut file = Object::open(value, String::new(), &mut unknown)?;
    let context = match file.take("context") {
        Some((at, value)) => context(value, at, file.unknown)?,
        None => Context::default(),
    };
    let (at, value) = file.need("cases")?;
    let mut cases = Vec::new();
    for (at, value) in array(&at, value)? {
        cases.push(case(value, at, file.unknown)?);
    }
    file.close();
    if !unknown.is_empty() {
        return Err(FormError(format!("unknown keys: {}", unknown.join(", "))));
    }
    if cases.is_empty() {
        return Err(FormError(String::from("cases: there are none")));
    }
    Ok(CaseFile { context, cases })
}

fn case(value: Value, at: String, unknown: &mut Vec<String>) -> Result<Case> {
    let mut case = Object::open(value, at.clone(), unknown)?;
    let name = match case.take("name") {
        Some((at, value)) => text(&at, value)?,
        None => at,
    };
    let (expect_at, value) = case.need("expect")?;
    let expect = text(&expect_at, value)?;
    let expect = expect
        .parse()
        .map_err(|error| FormError(format!("{expect_at}: {error}")))?;
    let now = case.take("now").map(|(at, value)| integer(&at, &value));
    let fare = case
        .take("fare_fen")
        .map(|(at, value)| integer(&at, &value));
    let (hex_at, value) = case.need("hex")?;
    let bytes = bytes(&hex_at, value)?;
    let own = match case.take("context") {
        Some((at, value)) => context(value, at, case.unknown)?,
        None => Context::default(),
    };
    case.close();
    Ok(Case {
        name,
        expect,
        now: now.transpose()?.map(Timestamp::new),
        fare: Fen::new(fare.transpose()?.unwrap_or(0)),
        bytes,
        context: own,
    })
}

fn context(value: Value, at: String, unknown: &mut Vec<String>) -> Result<Context> {
    let mut object = Object::open(value, at, unknown)?;
    let mut context = Context::default();
    if let Some((at, value)) = object.take("roots") {
        let mut roots = Vec::new();
        for (at, value) in array(&at, value)? {
            roots.push(root(value, at, object.unknown)?);
        }
        context.roots = Some(roots);
    }
    if let Some((at, value)) = object.take("previous") {
        let mut previous = Vec::new();
        for (at, value) in array(&at, value)? {
            previous.push(earlier(value, at, object.unknown)?);
        }
        context.previous = Some(previous);
    }
    context.accepted_issuers = object.list("accepted_issuers", |at, value| {
        let text = text(at, value)?;
        let issuer = InstitutionCode::parse(&text);
        issuer.map_err(|error| FormError(format!("{at}: {error}")))
    })?;
    context.blacklist = object.list("blacklist", |at, value| {
        let text = text(at, value)?;
        // As codes carry it: at most one F behind the digits, which is not part of the number.
        let digits = text.strip_suffix(['F', 'f']).unwrap_or(&text);
        CardNumber::parse(digits).map_err(|error| FormError(format!("{at}: {error}")))
    })?;
    context.future_skew_s = object.integer("future_skew_s")?;
    context.max_validity_s = object.integer("max_validity_s")?;
    context.account_interval_s = object.integer("account_interval_s")?;
    context.min_trusted_clock = object.integer("min_trusted_clock")?.map(Timestamp::new);
    if let Some((at, value)) = object.take("service_id") {
        context.service_id = Some(service_id(&at, value)?);
    }
    object.close();
    Ok(context)
}

fn root(value: Value, at: String, unknown: &mut Vec<String>) -> Result<RootEntry> {
    let mut root = Object::open(value, at.clone(), unknown)?;
    let index = match root.take("index") {
        None => None,
        Some((at, Value::String(text))) => {
            let digits = text.trim_start_matches("0x").trim_start_matches("0X");
            let index = u8::from_str_radix(digits, 16).ok();
            Some(index.ok_or_else(|| expected(&at, "an index of two hex digits"))?)
        }
        Some((at, value)) => {
            let index = u8::try_from(integer(&at, &value)?).ok();
            Some(index.ok_or_else(|| expected(&at, "an index 0 to 255, or hex text"))?)
        }
    };
    let (hex_at, value) = root.need("cert_hex")?;
    let certificate = bytes(&hex_at, value)?;
    root.close();
    Ok(RootEntry {
        at,
        index,
        certificate,
    })
}

fn earlier(value: Value, at: String, unknown: &mut Vec<String>) -> Result<Earlier> {
    let mut earlier = Object::open(value, at.clone(), unknown)?;
    let (hex_at, value) = earlier.need("hex")?;
    let bytes = bytes(&hex_at, value)?;
    let (time_at, value) = earlier.need("at")?;
    let scanned_at = Timestamp::new(integer(&time_at, &value)?);
    earlier.close();
    Ok(Earlier {
        at,
        bytes,
        scanned_at,
    })
}

fn service_id(at: &str, value: Value) -> Result<[u8; 4]> {
    const EXPECTED: &str = "four bytes, as hex text or an array of numbers";
    let raw = match value {
        Value::String(_) => bytes(at, value)?,
        value => {
            let mut raw = Vec::new();
            for (at, value) in array(at, value)? {
                let byte = u8::try_from(integer(&at, &value)?);
                raw.push(byte.map_err(|_| expected(&at, "0 to 255"))?);
            }
            raw
        }
    };
    raw.try_into().map_err(|_| expected(at, EXPECTED))
}

fn expected(at: &str, what: &str) -> FormError {
    FormError(format!("{at}: expected {what}"))
}

fn array(at: &str, value: Value) -> Result<Vec<(String, Value)>> {
    let Value::Array(values) = value else {
        return Err(expected(at, "an array"));
    };
    let numbered = values.into_iter().enumerate();
    Ok(numbered
        .map(|(index, value)| (format!("{at}[{index}]"), value))
        .collect())
}

fn text(at: &str, value: Value) -> Result<String> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err(expected(at, "text")),
    }
}

fn integer(at: &str, value: &Value) -> Result<i64> {
    value.as_i64().ok_or_else(|| expected(at, "an integer"))
}

fn bytes(at: &str, value: Value) -> Result<Vec<u8>> {
    let text = text(at, value)?;
    hex_decode(&text).map_err(|error| FormError(format!("{at}: {error}")))
}

/// A JSON object whose keys are taken one by one; what is left over was not known.
struct Object<'a> {
    at: String,
    map: Map<String, Value>,
    unknown: &'a mut Vec<String>,
}

impl<'a> Object<'a> {
    fn open(value: Value, at: String, unknown: &'a mut Vec<String>) -> Result<Self> {
        match value {
            Value::Object(map) => Ok(Self { at, map, unknown }),
            _ if at.is_empty() => Err(FormError(String::from("expected an object"))),
            _ => Err(expected(&at, "an object")),
        }
    }

    fn path(&self, key: &str) -> String {
        if self.at.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.at)
        }
    }

    fn take(&mut self, key: &str) -> Option<(String, Value)> {
        let value = self.map.remove(key).filter(|value| !value.is_null())?;
        Some((self.path(key), value))
    }

    fn need(&mut self, key: &str) -> Result<(String, Value)> {
        let missing = FormError(format!("{} is missing", self.path(key)));
        self.take(key).ok_or(missing)
    }

    fn integer(&mut self, key: &str) -> Result<Option<i64>> {
        self.take(key)
            .map(|(at, value)| integer(&at, &value))
            .transpose()
    }

    fn list<T>(
        &mut self,
        key: &str,
        read: impl Fn(&str, Value) -> Result<T>,
    ) -> Result<Option<Vec<T>>> {
        let Some((at, value)) = self.take(key) else {
            return Ok(None);
        };
        let values = array(&at, value)?.into_iter();
        let values = values.map(|(at, value)| read(&at, value));
        values.collect::<Result<_>>().map(Some)
    }

    /// Remembers the keys that nobody asked for, except those that people write for each other.
    fn close(self) {
        let remark = |key: &str| key == "note" || key == "comment" || key.starts_with('_');
        let left = self.map.keys().filter(|key| !remark(key));
        let left: Vec<_> = left.map(|key| self.path(key)).collect();
        self.unknown.extend(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let error = read(text).map(|_| ()).expect_err(text);
        assert!(error.0.contains(expected), "{text}: {error}");
    }

    #[test]
    fn every_complaint_says_where() {
        check("", "EOF");
        check("[]", "expected an object");
        check("\u{feff}[]", "expected an object");
        check("{}", "cases is missing");
        check(r#"{"cases": []}"#, "there are none");
        check(r#"{"cases": {}}"#, "cases: expected an array");
        check(r#"{"cases": [{"hex": ""}]}"#, "cases[0].expect is missing");
        check(
            r#"{"cases": [{"expect": "R00"}]}"#,
            "cases[0].hex is missing",
        );
        check(
            r#"{"cases": [{"expect": "R21", "hex": ""}]}"#,
            "cases[0].expect: not a verdict",
        );
        check(
            r#"{"cases": [{"expect": "R00", "hex": "8"}]}"#,
            "cases[0].hex: 1 hex",
        );
        check(
            r#"{"cases": [{"expect": "R00", "hex": "", "now": 1.5}]}"#,
            "cases[0].now: expected an integer",
        );
        check(
            r#"{"context": {"roots": [{"index": 256, "cert_hex": ""}]}, "cases": []}"#,
            "context.roots[0].index: expected an index",
        );
        check(
            r#"{"context": {"service_id": [1, 1, 0]}, "cases": []}"#,
            "context.service_id: expected four bytes",
        );
        check(
            r#"{"context": {"accepted_issuers": ["1341000"]}, "cases": []}"#,
            "context.accepted_issuers[0]: institution code",
        );
        check(
            r#"{"cases": [{"expect": "R00", "hex": "", "context": {"previous": [{"hex": ""}]}}]}"#,
            "cases[0].context.previous[0].at is missing",
        );
    }

    #[test]
    fn unknown_keys_are_all_named() {
        check(
            r#"{"contxt": {}, "context": {"skew": 1, "roots": [{"cert_hex": "", "id": 1}]},
                "cases": [{"expect": "R00", "hex": "", "fare": 1}]}"#,
            "unknown keys: context.roots[0].id, context.skew, cases[0].fare, contxt",
        );
    }

    #[test]
    fn remarks_may_stand_anywhere() {
        let file = r#"{"_source": 1, "note": "n", "context": {"comment": [], "_x": null,
            "roots": [{"cert_hex": "", "note": ""}]},
            "cases": [{"expect": "R07", "hex": "", "note": {}, "context": {"_why": "w",
            "previous": [{"hex": "", "at": 1, "comment": "c"}]}}]}"#;
        assert_eq!(read(file).unwrap().cases.len(), 1);
        check(
            r#"{"notes": 1, "x_": 1, "cases": [{"expect": "R00", "hex": "", "Note": 1}]}"#,
            "unknown keys: cases[0].Note, notes, x_",
        );
    }

    #[test]
    fn absence_and_null_are_tolerated() {
        let file =
            r#"{"cases": [{"expect": "R20", "hex": "81 01", "now": null, "context": null}]}"#;
        let file = read(file).unwrap();
        let case = &file.cases[0];
        assert_eq!((case.name.as_str(), case.now), ("cases[0]", None));
        assert_eq!(
            (case.fare, case.bytes.as_slice()),
            (Fen::ZERO, &[0x81, 1][..])
        );
        assert!(case.context.roots.is_none() && file.context.service_id.is_none());
    }

    #[test]
    fn an_index_and_a_service_may_be_written_in_two_ways() {
        for (index, service) in [
            (r#"23"#, r#""01010000""#),
            (r#""17""#, "[1, 1, 0, 0]"),
            (r#""0x17""#, "null"),
        ] {
            let text = format!(
                r#"{{"context": {{"roots": [{{"index": {index}, "cert_hex": ""}}],
                     "service_id": {service}, "blacklist": ["03104100000000000017", "3104100000000000017F"]}},
                     "cases": [{{"expect": "R07", "hex": ""}}]}}"#
            );
            let context = read(&text).unwrap().context;
            assert_eq!(context.roots.unwrap()[0].index, Some(0x17));
            assert!(context.service_id.is_none_or(|id| id == [1, 1, 0, 0]));
            let accounts = context.blacklist.unwrap();
            assert_eq!(accounts[0], accounts[1]);
        }
    }
}
