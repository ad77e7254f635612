//! What an envelope is about: digests that no request shares with a file, nor with another request.

use tongtu_crypto::sm3;

/// First bytes under the digest of a request.
const REQUEST: &[u8; 8] = b"TTENVRQ1";
/// First bytes under the digest of a file.
const FILE: &[u8; 8] = b"TTENVFL1";

/// The digest of a request's body or a file's content, as it enters the digests below. It is its SM3, so
/// whoever has [`sm3::Digested`] bytes has it.
#[must_use]
pub fn content_digest(content: &[u8]) -> sm3::Digest {
    sm3::digest(content)
}

/// The digest of a request: its method in capitals, its target as it goes over the line (path, and
/// where there is one `?` and query, still percent-encoded), and its body's digest.
#[must_use]
pub fn request_digest(method: &str, target: &str, body: &sm3::Digest) -> sm3::Digest {
    let (method_len, target_len) = (len(method), len(target));
    sm3::digest_parts(&[
        REQUEST,
        &method_len,
        method.as_bytes(),
        &target_len,
        target.as_bytes(),
        body,
    ])
}

/// The digest of an exchange file: its name and its content's digest.
#[must_use]
pub fn file_digest(name: &str, content: &sm3::Digest) -> sm3::Digest {
    sm3::digest_parts(&[FILE, &len(name), name.as_bytes(), content])
}

/// A text's length, 4 bytes.
fn len(text: &str) -> [u8; 4] {
    u32::try_from(text.len())
        .expect("methods, targets and names are far below 4 GiB")
        .to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_subjects_share_a_digest() {
        let body = content_digest(b"");
        let other = content_digest(b"x");
        let all = [
            request_digest("GET", "/a", &body),
            request_digest("GET", "/a", &other),
            request_digest("GET", "/a?b=1", &body),
            request_digest("GET/", "a", &body),
            request_digest("PUT", "/a", &body),
            file_digest("/a", &body),
            file_digest("GET/a", &body),
        ];
        for (at, one) in all.iter().enumerate() {
            assert!(!all[at + 1..].contains(one), "{at}");
        }
    }
}
