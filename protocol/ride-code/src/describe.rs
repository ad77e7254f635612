//! A code field by field, for people.

use alloc::vec::Vec;

use tongtu_codec::FieldView;

use crate::layout::{
    CERTIFICATE_AT, EXTENSION_AT, EXTENSION_LEN_AT, EXTENSION_LEN_MAX, Guide, IssuerCertificate,
    IssuerSignature, RideDomain, USER_AT, UserDomain,
};

/// One domain (域) of the code with its fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// English title.
    pub en: &'static str,
    /// Chinese title.
    pub zh: &'static str,
    /// Its fields.
    pub fields: Vec<FieldView>,
}

/// Describes whatever is there of a code, however broken; never fails.
///
/// The extension's length is taken from byte 197 as far as it is believable.
#[must_use]
pub fn describe(bytes: &[u8]) -> Vec<Section> {
    let from = |at: usize| bytes.get(at..).unwrap_or_default();
    let stated = bytes.get(EXTENSION_LEN_AT).map_or(0, |n| usize::from(*n));
    let extension_len = stated.min(EXTENSION_LEN_MAX);
    let signature_at = EXTENSION_AT + extension_len;
    let ride_at = signature_at + IssuerSignature::LEN;
    let mut user = UserDomain::describe(from(USER_AT), USER_AT);
    if extension_len > 0
        && let Some(extension) = bytes.get(EXTENSION_AT..signature_at)
    {
        user.push(FieldView {
            name: "extension",
            en: "extension, the issuer's own",
            zh: "用户扩展信息",
            offset: EXTENSION_AT,
            bytes: extension.to_vec(),
            value: Ok(tongtu_codec::hex_encode(extension)),
        });
    }
    user.extend(IssuerSignature::describe(from(signature_at), signature_at));
    let certificate = IssuerCertificate::describe(from(CERTIFICATE_AT), CERTIFICATE_AT);
    let sections = [
        Section {
            en: "guide domain",
            zh: "引导域",
            fields: Guide::describe(bytes, 0),
        },
        Section {
            en: "certificate domain",
            zh: "互通证书域",
            fields: certificate,
        },
        Section {
            en: "user certificate domain",
            zh: "用户证书域",
            fields: user,
        },
        Section {
            en: "ride domain",
            zh: "乘车信息域",
            fields: RideDomain::describe(from(ride_at), ride_at),
        },
    ];
    sections
        .into_iter()
        .filter(|s| !s.fields.is_empty())
        .collect()
}
