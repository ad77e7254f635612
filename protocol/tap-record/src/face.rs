//! What a record of a ride by face has in place of a card's codes.

use tongtu_codec::{Be, Raw, record};

use crate::code::{Tap, YesNo};

record! {
    /// A ride by face: who was recognised, by what, how surely, on whose consent. No picture and
    /// no template.
    ///
    /// UNSPECIFIED: no public text gives this; the fields are what an appeal needs.
    pub struct FaceProof: 80 {
        [0..16] handle: [u8; 16] as Raw, Ours, "the rider's pseudonym in the gallery", "乘客代号";
        [16..24] gallery: u64 as Be, Ours, "version of the gallery", "人脸名单版本";
        [24..32] engine: [u8; 8] as Raw, Ours, "engine and its version", "识别引擎";
        [32..34] score: u16 as Be, Ours, "similarity, ten-thousandths", "相似度";
        [34..36] second: u16 as Be, Ours, "similarity of the next rider", "次高相似度";
        [36..37] live: YesNo as Tap, Ours, "found to be alive", "活体检测通过";
        [37..38] digits: YesNo as Tap, Ours, "confirmed by a second factor", "二次确认";
        [38..42] consent: u32 as Be, Ours, "version of the terms consented to", "授权书版本";
        [42..80] reserved: [u8; 38] as Raw, Ours, "reserved, zeros", "保留";
    }
}
