//! What every function returns, and what that means in words.

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $value:literal, $en:literal, $zh:literal;)+) => {
        $($(#[$doc])* pub const $name: i32 = $value;)+

        /// What a code means, in English and in Chinese; none for a number that is no code.
        #[must_use]
        pub const fn text(code: i32) -> Option<(&'static str, &'static str)> {
            match code {
                $($name => Some(($en, $zh)),)+
                _ => None,
            }
        }

        /// Every code.
        #[cfg(test)]
        const ALL: &[i32] = &[$($name),+];
    };
}

codes! {
    /// Done.
    TT_OK = 0, "done", "完成";
    /// A pointer is NULL that must not be.
    TT_ERR_NULL = -1, "a pointer is NULL", "指针为空";
    /// A struct has another size than this library's, or setup asks for another ABI.
    TT_ERR_SIZE = -2, "struct or ABI of another version", "结构体或接口版本不符";
    /// A buffer is too short; the length needed was written.
    TT_ERR_SHORT = -3, "buffer too short", "缓冲区过短";
    /// No terminal has this handle, or not any more.
    TT_ERR_HANDLE = -4, "no such terminal", "句柄无效";
    /// Another call is under way on this terminal, from another thread or from a hook.
    TT_ERR_BUSY = -5, "terminal in use by another call", "终端正被其他调用占用";
    /// Not now: the function does not fit the state of the dialogue.
    TT_ERR_STATE = -6, "out of order", "调用顺序不符";
    /// A value is not what it must be.
    TT_ERR_VALUE = -7, "bad value", "参数值无效";
    /// The record store failed or is full.
    TT_ERR_STORE = -8, "record store", "交易存储故障";
    /// A list bundle was not taken, or there is none yet.
    TT_ERR_LISTS = -9, "lists", "名单错误";
    /// The PSAM failed.
    TT_ERR_PSAM = -10, "PSAM", "PSAM 故障";
    /// The hook that signs failed: close the terminal and open it again, as after a power cut.
    TT_ERR_SIGNER = -11, "signing failed", "签名失败";
    /// A fault of the library; the terminal is out of use: close it and open it again, and tell us.
    TT_ERR_PANIC = -12, "internal fault", "内部错误";
    /// The terminal is out of use since TT_ERR_PANIC or TT_ERR_SIGNER.
    TT_ERR_BROKEN = -13, "terminal out of use until it is opened again", "终端需重新打开";
    /// There is nothing, or nothing more.
    TT_ERR_NONE = -14, "nothing there", "无数据";
    /// The store holds what this terminal cannot have written.
    TT_ERR_RECOVER = -15, "store of another terminal", "存储内容不属于本终端";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_text_in_both_languages_and_no_other_number_has() {
        for (index, code) in ALL.iter().enumerate() {
            assert_eq!(usize::try_from(-code), Ok(index), "codes fall one by one");
            let (en, zh) = text(*code).unwrap();
            assert!(en.is_ascii() && !zh.is_ascii());
        }
        assert_eq!(text(1), None);
        assert_eq!(text(-16), None);
    }
}
