//! A dialogue with an e-cash as a person reads it.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use tongtu_apdu::tlv::{self, Tag};
use tongtu_apdu::{CardCommand, Command, Explanation, Line, Malformed, Response};

use crate::command::{
    AppendRecord, ApplicationBlock, ApplicationUnblock, ExternalAuthenticate, GenerateAc,
    GenerateAcAnswer, GetChallenge, GetData, GetProcessingOptions, GetTransProve,
    InternalAuthenticate, PinChange, PutData, ReadCappData, ReadRecord, UpdateCappCache,
    UpdateRecord, Verify,
};
use crate::{
    Aip, Cid, CompositeKind, CompositeSupport, CryptogramKind, Ctq, CvrFlag, Fci, Iad, IssuerData,
    Ttq, element, tag,
};

/// Explains a command of an e-cash and its answer; `None` for another application's command.
///
/// SELECT is explained when its answer is the FCI of an e-cash.
#[must_use]
pub fn explain(command: &Command, response: Option<&Response>) -> Option<Explanation> {
    let answer = response
        .filter(|r| !r.data.is_empty())
        .map(|r| r.data.as_slice());
    if command.ins == 0xA4 {
        let fci = Fci::parse(answer?).ok().filter(Fci::is_ecash)?;
        let mut out = Explanation::titled("SELECT e-cash", "选择电子现金");
        out.request
            .push(plain("name asked for", "所选名称", &command.data));
        out.request
            .push(plain("name answered", "应用名称", &fci.name));
        out.answer = objects(answer?, 0);
        return Some(out);
    }
    let mut out = request(command)?;
    if let Some(answer) = answer {
        out.answer = match command.ins {
            GenerateAc::INS => match GenerateAc::answer(answer) {
                Ok(parts) => generate_ac(&parts),
                Err(error) => [trouble(answer, error.to_string())].into(),
            },
            ReadRecord::INS if answer.first() != Some(&0x70) => record(command, answer),
            0xB4 | 0x5A | 0x84 => [plain("data", "数据", answer)].into(),
            _ => objects(answer, 0),
        };
    }
    Some(out)
}

/// The title of a command and its request lines, for a command that is of this application.
fn request(command: &Command) -> Option<Explanation> {
    match (command.ins, command.cla & 0x84) {
        (GetProcessingOptions::INS, 0x80) => Some(typed(command, |c: GetProcessingOptions| {
            [plain("values of the PDOL", "PDOL数据", &c.values)].into()
        })),
        (ReadRecord::INS, 0) => Some(typed(command, |c: ReadRecord| {
            [
                plain("file", "文件", &[c.sfi]),
                plain("record", "记录号", &[c.number]),
            ]
            .into()
        })),
        (GetData::INS, 0x80) => Some(typed(command, |c: GetData| [named(c.tag, &[])].into())),
        (GenerateAc::INS, 0x80) => Some(typed(command, |c: GenerateAc| {
            let (en, zh) = kind_words(c.kind);
            let mut asked = plain("asked for", "请求", &[command.p1]);
            asked.value = alloc::format!("{en} {zh}");
            [asked, plain("values of the CDOL", "CDOL数据", &c.values)].into()
        })),
        (ExternalAuthenticate::INS, 0) if command.data.len() == 10 => {
            Some(typed(command, |c: ExternalAuthenticate| {
                [
                    plain("ARPC", "授权响应密文", &c.cryptogram),
                    named(tag::ARC, &c.arc),
                ]
                .into()
            }))
        }
        (InternalAuthenticate::INS, 0) => Some(typed(command, |c: InternalAuthenticate| {
            [plain("values of the DDOL", "DDOL数据", &c.values)].into()
        })),
        (GetChallenge::INS, 0) => Some(typed(command, |_: GetChallenge| Vec::new())),
        (Verify::INS, 0) if command.p2 == 0x80 => Some(typed(command, |_: Verify| {
            [Line::new("PIN", "PIN", &[], "not shown 不显示")].into()
        })),
        (PutData::INS, 0x04) => Some(typed(command, |c: PutData| {
            [named(c.tag, &c.value), plain("MAC", "MAC", &c.mac)].into()
        })),
        (UpdateRecord::INS, 0x04) => Some(typed(command, |c: UpdateRecord| {
            let mut lines = Vec::from([
                plain("file", "文件", &[c.sfi]),
                plain("record", "记录号", &[c.number]),
            ]);
            lines.extend(objects(&c.record, 0));
            lines.push(plain("MAC", "MAC", &c.mac));
            lines
        })),
        (ApplicationBlock::INS, 0x84) => Some(typed(command, |c: ApplicationBlock| {
            [plain("MAC", "MAC", &c.mac)].into()
        })),
        (ApplicationUnblock::INS, 0x84) => Some(typed(command, |c: ApplicationUnblock| {
            [plain("MAC", "MAC", &c.mac)].into()
        })),
        (PinChange::INS, 0x84) => Some(typed(command, |c: PinChange| {
            [plain("MAC", "MAC", &c.mac)].into()
        })),
        (ReadCappData::INS, 0x80) => Some(typed(command, |c: ReadCappData| {
            let mut lines = Vec::from([
                plain("file", "文件", &[c.sfi]),
                plain("record id", "记录标识", &c.id),
            ]);
            lines.extend(c.random.map(|random| plain("random", "随机数", &random)));
            lines
        })),
        (UpdateCappCache::INS, 0x84) => Some(typed(command, |c: UpdateCappCache| {
            [
                plain("file", "文件", &[c.sfi]),
                plain("record", "记录", &c.record),
                plain("MAC", "MAC", &c.mac),
            ]
            .into()
        })),
        (AppendRecord::INS, 0x04) => Some(typed(command, |c: AppendRecord| {
            [
                plain("file", "文件", &[c.sfi]),
                plain("record", "记录", &c.record),
                plain("MAC", "MAC", &c.mac),
            ]
            .into()
        })),
        (GetTransProve::INS, 0x80) if (command.p1, command.p2) == (0, 0) => {
            Some(typed(command, |c: GetTransProve| {
                [named(tag::ATC, &c.atc.to_be_bytes())].into()
            }))
        }
        _ => None,
    }
}

fn typed<C: CardCommand>(command: &Command, lines: impl FnOnce(C) -> Vec<Line>) -> Explanation {
    let mut out = Explanation::titled(C::NAME, C::NAME_ZH);
    out.request = match C::from_command(command) {
        Ok(value) => lines(value),
        Err(malformed) => [refused(command, &malformed)].into(),
    };
    out
}

fn refused(command: &Command, malformed: &Malformed) -> Line {
    trouble(&command.header(), malformed.to_string())
}

fn trouble(bytes: &[u8], what: String) -> Line {
    Line::new("not as defined", "与定义不符", bytes, what)
}

fn plain(en: &str, zh: &str, bytes: &[u8]) -> Line {
    Line::new(en, zh, bytes, "")
}

/// A data element under its name, with its value in words.
fn named(tag: Tag, value: &[u8]) -> Line {
    let Some(known) = element::element(tag) else {
        let name = alloc::format!("{tag}");
        return Line::new(name.clone(), name, value, "");
    };
    let en = alloc::format!("{tag} {}", known.en);
    let zh = alloc::format!("{tag} {}", known.zh);
    let shown = if known.form == element::Form::Template {
        String::new()
    } else if known.fits(value) {
        words(tag, value).unwrap_or_else(|| known.show(value))
    } else {
        alloc::format!(
            "{} bytes, expected {} to {}",
            value.len(),
            known.min,
            known.max
        )
    };
    let number = tag == tag::PAN || tag == tag::TRACK2;
    let bytes = if number || known.form == element::Form::Template {
        &[]
    } else {
        value
    };
    Line::new(
        en,
        zh,
        bytes,
        if value.is_empty() {
            String::new()
        } else {
            shown
        },
    )
}

/// Elements that say something in single bits.
fn words(tag: Tag, value: &[u8]) -> Option<String> {
    fn join(meanings: impl Iterator<Item = (&'static str, &'static str)>) -> String {
        let list: Vec<_> = meanings
            .map(|(en, zh)| alloc::format!("{en} {zh}"))
            .collect();
        list.join(", ")
    }
    match tag {
        tag::TTQ => Some(join(Ttq::read(value)?.meanings())),
        tag::CTQ => Some(join(Ctq::read(value)?.meanings())),
        tag::AIP => Some(join(Aip::read(value)?.meanings())),
        tag::COMPOSITE_SUPPORT => Some(join(CompositeSupport::read(value)?.meanings())),
        tag::COMPOSITE => Some(match CompositeKind::from_byte(*value.first()?)? {
            CompositeKind::Segmented => "segmented fare 分段扣费".into(),
            CompositeKind::PreAuthorisation => "pre-authorisation 脱机预授权".into(),
            CompositeKind::Completion => "completion 脱机预授权完成".into(),
        }),
        tag::CID => {
            let (en, zh) = kind_words(Cid(*value.first()?).kind()?);
            Some(alloc::format!("{en} {zh}"))
        }
        _ => None,
    }
}

const fn kind_words(kind: CryptogramKind) -> (&'static str, &'static str) {
    match kind {
        CryptogramKind::Declined => ("AAC, declined", "拒绝"),
        CryptogramKind::Approved => ("TC, approved", "批准"),
        CryptogramKind::Online => ("ARQC, ask the issuer", "请求联机"),
    }
}

/// Objects and what is in them, line by line.
fn objects(bytes: &[u8], depth: usize) -> Vec<Line> {
    let mut out = Vec::new();
    for object in tlv::objects(bytes) {
        match object {
            Ok(object) => {
                out.push(named(object.tag, object.value).deeper(depth));
                if object.tag == tag::IAD {
                    out.extend(iad(object.value).into_iter().map(|l| l.deeper(depth + 1)));
                } else if object.tag == tag::TRANSPORT {
                    let views = crate::TransportData::describe(object.value, 0);
                    out.extend(views.into_iter().map(|view| {
                        let is_number = view.name == "number";
                        let mut line = Line::from(view).deeper(depth + 1);
                        if is_number {
                            line.value = element::element(tag::PAN)
                                .map(|pan| pan.show(&line.bytes))
                                .unwrap_or_default();
                            line.bytes.clear();
                        }
                        line
                    }));
                } else if object.tag.is_constructed() {
                    out.extend(objects(object.value, depth + 1));
                }
            }
            Err(error) => out.push(trouble(&[], error.to_string()).deeper(depth)),
        }
    }
    out
}

/// A record that is no template 70: of a log by its usual format, else bytes.
fn record(command: &Command, bytes: &[u8]) -> Vec<Line> {
    let log = (command.p2 >> 3 == 0x0B)
        .then(|| crate::log::usual_format().split(bytes).ok())
        .flatten();
    match log {
        Some(values) => values
            .iter()
            .map(|(tag, value)| named(*tag, value))
            .collect(),
        None => [plain("record", "记录", bytes)].into(),
    }
}

fn iad(bytes: &[u8]) -> Vec<Line> {
    let iad = match Iad::parse(bytes) {
        Ok(iad) => iad,
        Err(error) => return [trouble(bytes, error.to_string())].into(),
    };
    let mut out = Vec::from([
        plain("derivation key index", "分散密钥索引", &[iad.key_index]),
        plain("cryptogram version", "密文版本号", &[iad.cvn]),
    ]);
    let mut results = plain("card verification results", "卡片验证结果", &iad.cvr.0);
    if let Some(kind) = iad.cvr.kind() {
        let (en, zh) = kind_words(kind);
        results.value = alloc::format!("{en} {zh}");
    }
    out.push(results);
    for flag in CvrFlag::ALL.iter().filter(|flag| iad.cvr.has(**flag)) {
        let (en, zh) = flag.words();
        out.push(plain(en, zh, &[]).deeper(1));
    }
    let mut algorithm = plain("algorithm", "算法标识", &[iad.algorithm]);
    algorithm.value = match iad.algorithm() {
        Some(tongtu_crypto::Algorithm::Tdes) => "3DES".into(),
        Some(tongtu_crypto::Algorithm::Sm4) => "SM4".into(),
        None => String::new(),
    };
    out.push(algorithm);
    match iad.issuer {
        IssuerData::Absent => {}
        IssuerData::Balance(reported) => {
            let mut balance = plain("balance", "余额", &reported.balance.encode()[1..]);
            balance.value = reported.balance.to_string();
            out.push(balance);
            out.push(plain("MAC of the balance", "余额MAC", &reported.mac));
        }
        IssuerData::Other(data) => out.push(plain("issuer data", "发卡行自定义数据", &data)),
    }
    out
}

fn generate_ac(answer: &GenerateAcAnswer) -> Vec<Line> {
    let mut out = Vec::from([
        named(tag::CID, &[answer.cid.0]),
        named(tag::ATC, &answer.atc.to_be_bytes()),
        named(tag::CRYPTOGRAM, &answer.cryptogram),
        named(tag::IAD, &answer.iad),
    ]);
    out.extend(iad(&answer.iad).into_iter().map(|line| line.deeper(1)));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(command: &str, answer: &str) -> String {
        let bytes = |hex: &str| tongtu_codec::hex_decode(hex).expect("hex");
        let command = Command::parse(&bytes(command)).expect("APDU");
        let response = Response::parse(&bytes(answer)).expect("answer");
        let told = explain(&command, Some(&response)).expect("an e-cash command");
        let mut out = alloc::format!("{} {}", told.en, told.zh);
        for line in told.request.iter().chain(&told.answer) {
            out += &alloc::format!("\n{} {} {}", line.en, line.zh, line.value);
        }
        out
    }

    #[test]
    fn a_tap_is_told_down_to_the_balance_without_the_card_number() {
        let text = told(
            "80A8000023832136800000000000000001000000000000015600000000000156170601002B29EBE400",
            "774F82027C009F36020ADC57116299999999999999D20112010123456789\
             9F101307010103A00000010A010000038787868FD1FC9F2608AD03EE811AFAD4845F3401009F6C020000\
             9F5D060000000387879000",
        );
        for part in ["387.87", "ARQC", "取处理选项", "3DES", "应用交易计数器"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!text.contains("6299999999999999"));
    }

    #[test]
    fn scripts_and_wrong_commands_are_told() {
        let load = told("04DA9F790A00000001000011223344", "9000");
        assert!(
            load.contains("100.00") && load.contains("设置数据"),
            "{load}"
        );
        let wrong = told("80A80000028401", "6A80");
        assert!(wrong.contains("与定义不符"), "{wrong}");
        let other = Command::parse(&[0x80, 0x50, 0, 2]).expect("APDU");
        assert_eq!(explain(&other, None), None);
    }
}
