//! `tongtu code show`.

use std::path::Path;

use crate::run::{published, tongtu, tongtu_in, transcript};

#[test]
fn every_field_is_explained() {
    let b = published("code_b");
    transcript(
        Path::new("."),
        &["code", "show", &b],
        "
$ tongtu code show ‹364 bytes›
T-Union ride code, 364 bytes, SM3 dfbd1574da7b8c487c4dbb8a7685d5e1aa808a8733ada10102ec2057563be0b9

guide domain
bytes  field                                                            hex   value
0..1   code type 1000 in the high nibble, structure version in the low  81    129
1..3   data length: total length - 3                                    0169  361

certificate domain
bytes    field                                       hex                               value
3..4     record header, 24h                          24                                36
4..8     service identifier                          01010000
8..9     centre CA public key index                  02                                2
9..10    certificate format, 12h                     12                                18
10..14   issuer identifier, cn8                      01341000
14..16   expiry MMYY, n4                             1230                              2030-12
16..19   certificate serial                          000001
19..20   issuer key signature algorithm, 04h = SM2   04                                4
20..21   issuer key encryption algorithm (reserved)  04                                4
21..22   issuer key parameter, 00h                   00                                0
22..23   issuer key length, 21h                      21                                33
23..56   issuer public key, compressed point         0214f403eef4f8bdb3e40d5302b08e3b
                                                     02473cc2ab82a4c253525a203bdda6d3
                                                     0f
56..120  CA signature, r || s                        0f01ec84a616cfda8cb8541a561a2906
                                                     230162f63e140faf1857e16de00b0e98
                                                     d7b36cdc74dbb645c8e91a2603bcfc70
                                                     2a345ac1f9cf6e3d01d6b2097793a81a

user certificate domain
bytes     field                                      hex                               value
120..136  issuer-defined data, ans16                 43484e30303030303030303030303031  \"CHN0000000000001\"
136..146  user account number: virtual card number   03104100000000000017              3104100000000000017
146..150  card issuer code (reserved)                01341000
150..154  code platform number (reserved)            00000000
154..155  account type                               01                                1
155..158  single-ride limit, fen                     0007d0                            2000 = 20.00 CNY
158..191  user public key, compressed point          035059e83eb22f247071b0b797547fdf
                                                     fea19e9010a5766b0706fcd7c75c3820
                                                     51
191..195  user certificate expiry, Unix seconds UTC  695f6400                          1767859200 = 2026-01-08T08:00:00Z
195..197  code validity, seconds                     0258                              600
197..198  extension length N, 0..32                  20                                32
198..230  extension, the issuer's own                202122232425262728292a2b2c2d2e2f
                                                     303132333435363738393a3b3c3d3e3f
230..231  signature mark, 15h                        15                                21
231..295  issuer signature, r || s                   0d3d2c23dd2f1409d84b1546321db713
                                                     da27f8e429089f9b4a73443c1728321e
                                                     71256a5cd352025bf8e6fdad5fbe7d8b
                                                     de2459cf77643da2f570cfe4c1b9d877

ride domain
bytes     field                              hex                               value
295..299  generation time, Unix seconds UTC  69562980                          1767254400 = 2026-01-01T08:00:00Z
299..300  signature mark, 15h                15                                21
300..364  user signature, r || s             aa33fe60f2679a9a45fd438832a8845b
                                             8d0ed8275a1b0832db5c109fc6847d8f
                                             59dc90843954f0cb8a084d3d3958ca0e
                                             166070d8b2aae95309d21d70ea3729cb
",
    );
}

#[test]
fn a_broken_code_is_explained_as_far_as_it_goes() {
    let a = published("code_a");
    let mut cut = a[..40].to_owned();
    cut.replace_range(28..30, "13");
    transcript(
        Path::new("."),
        &["code", "show", &cut, "--lang", "zh"],
        "
$ tongtu code show 8101492401010000021201341000133000000104 --lang zh
交通一卡通乘车二维码，20 字节，SM3 d53ebf6d7d8b9851f8578f4223d7e5a9ad3847867ff2b291a501008492a757b8
长度或版本不符：20 bytes, expected 332 to 364

引导域
字节  字段                        十六进制  值
0..1  二维码类型标识、二维码版本  81        129
1..3  二维码数据长度              0149      329

互通证书域
字节    字段                      十六进制  值
3..4    记录头                    24        36
4..8    服务标识                  01010000
8..9    中心CA公钥索引            02        2
9..10   证书格式                  12        18
10..14  发行机构标识              01341000
14..16  证书失效日期              1330      有误：month: 13 is outside 01 to 12
16..19  证书序列号                000001
19..20  发行机构公钥签名算法标识  04        4
",
    );
}

#[test]
fn other_codes_are_named() {
    for (code, en, zh) in [
        ("020101", "Alipay offline bus code", "支付宝公交码"),
        ("5401", "city code with prefix 54", "城市通卡码（54 前缀）"),
        ("TXA1234567", "Tencent ride code", "腾讯乘车码"),
        ("6212345678901234567", "UnionPay payment code", "银联付款码"),
        ("134567890123456789", "WeChat payment code", "微信付款码"),
        ("284567890123456789", "Alipay payment code", "支付宝付款码"),
        (
            "szxb:ip=",
            "terminal set-up code of a maker",
            "终端厂商配置码",
        ),
        (
            "00000001",
            "offline ride record, not a code",
            "脱机乘车记录（不是码）",
        ),
        ("90", "unknown", "未知"),
    ] {
        let ran = tongtu(&["code", "show", code]);
        assert!(
            ran.code == 0 && ran.out.starts_with(&format!("{en}, ")),
            "{}",
            ran.out
        );
        let ran = tongtu(&["code", "show", code, "--lang", "zh"]);
        assert!(
            ran.code == 0 && ran.out.starts_with(&format!("{zh}，")),
            "{}",
            ran.out
        );
    }
}

#[test]
fn json_has_stable_fields() {
    let ran = tongtu(&["--json", "code", "show", &published("code_a")]);
    let answer = ran.json();
    assert_eq!(answer["kind"], "ride_code");
    assert_eq!(answer["length"], 332);
    assert_eq!(answer["hex"], published("code_a"));
    assert_eq!(answer["sm3"], published("code_a_sm3"));
    assert!(answer["frame_problem"].is_null());
    let sections = answer["sections"].as_array().unwrap();
    assert_eq!(sections.len(), 4);
    assert_eq!(sections[2]["title_zh"], "用户证书域");
    let limit = serde_json::json!({
        "name": "limit_fen", "title_en": "single-ride limit, fen", "title_zh": "用户单次消费金额上限",
        "offset": 155, "length": 3, "hex": "0007d0", "value": "2000 = 20.00 CNY", "problem": null,
    });
    assert!(
        sections[2]["fields"].as_array().unwrap().contains(&limit),
        "{}",
        sections[2]
    );
    // A field that does not hold has a problem instead of a value.
    let mut cut = published("code_a")[..40].to_owned();
    cut.replace_range(28..30, "13");
    let answer = tongtu(&["--json", "code", "show", &cut]).json();
    assert!(answer["frame_problem"].is_string());
    let expiry = &answer["sections"][1]["fields"][5];
    assert!(
        expiry["value"].is_null() && expiry["problem"].is_string(),
        "{expiry}"
    );
}

#[test]
fn no_bytes_break_it() {
    let mut state = 0x2026_u32;
    for len in 0..400 {
        let bytes: Vec<u8> = (0..len)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state.to_be_bytes()[0]
            })
            .collect();
        // Every tenth is long enough to be framed at once; a process each is enough of a test.
        if len % 10 == 3 {
            let mut bytes = bytes;
            bytes[0] = 0x81;
            let ran = tongtu_in(Path::new("."), &["code", "show", "-"], &bytes, &[]);
            assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{len} bytes");
        }
    }
}
