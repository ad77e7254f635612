//! OpenSSL's library as a witness of many questions: a small program in C around it, built for the test
//! and asked through a pipe. A process for each question would be slower a thousand times.

use std::io::{BufReader, BufWriter, Read, Write};
use std::process::{ChildStdin, ChildStdout, Stdio};
use std::time::Duration;

use crate::openssl::{Scratch, sm2_signature_der};
use crate::process::{Leashed, leash, run_within};
use crate::tool::{missing, tool};

const SOURCE: &str = include_str!("../witness/openssl.c");
/// How long the compiler may take.
const LIMIT: Duration = Duration::from_secs(120);
/// So many answers always fit into the pipe, so that nobody waits for the other.
const AT_ONCE: usize = 400;

/// What OpenSSL found a point to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// The bytes are no point of the curve.
    None,
    /// X || Y.
    Affine([u8; 64]),
    /// The neutral one.
    Infinity,
}

/// A chain of blocks that ends in a MAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chaining {
    /// CBC-MAC of SM4.
    Sm4,
    /// ISO/IEC 9797-1 MAC algorithm 3 of DES.
    Retail,
    /// CBC-MAC of DES under the key's halves XORed.
    Folded,
}

/// The program, waiting for questions.
#[derive(Debug)]
pub struct Witness {
    to: BufWriter<ChildStdin>,
    from: BufReader<ChildStdout>,
    // After the pipes: it ends by itself when they close.
    _running: Leashed,
}

impl Witness {
    /// Builds and starts it; `name` is the test's own. `None` after saying so where there is no compiler
    /// or no OpenSSL 3.
    ///
    /// # Panics
    /// Where something is missing and `TONGTU_STRICT` is set, and where the program does not start.
    #[must_use]
    pub fn call(name: &str) -> Option<Self> {
        let scratch = Scratch::new(&format!("witness-{name}"));
        let source = scratch.write("openssl.c", SOURCE.as_bytes());
        let program = scratch.path().join("witness");
        let mut cc = leash(tool("cc")?);
        cc.args(["-std=c11", "-O1", &source, "-l:libcrypto.so.3", "-o"]);
        let built = run_within(LIMIT, cc.arg(&program), b"");
        if built.code != 0 {
            return missing(&format!(
                "OpenSSL 3 cannot be linked with: {}",
                built.err.trim()
            ));
        }
        let mut command = leash(&program);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut running = Leashed::start(&mut command);
        let to = running.stdin().expect("asked for above");
        let from = running.stdout().expect("asked for above");
        let mut witness = Self {
            to: BufWriter::new(to),
            from: BufReader::new(from),
            _running: running,
        };
        // The program's file may go once it has answered.
        let _ = witness.digests(&[b""]);
        Some(witness)
    }

    /// Whether each signature r || s holds under the key X || Y over the digest e.
    ///
    /// # Panics
    /// Where the program is gone or takes a key for none.
    pub fn verify(&mut self, questions: &[([u8; 64], [u8; 32], [u8; 64])]) -> Vec<bool> {
        self.ask(
            questions,
            |to, (key, e, signature)| {
                put(to, &[b"v", key, e]);
                put_field(to, &sm2_signature_der(signature));
            },
            |from, _| match byte(from) {
                0 => false,
                1 => true,
                _ => panic!("OpenSSL takes the key for none"),
            },
        )
    }

    /// A signature of its own, with a nonce of its own, for each key d, its X || Y and the digest e.
    ///
    /// # Panics
    /// Where the program is gone or does not sign.
    pub fn sign(&mut self, questions: &[([u8; 32], [u8; 64], [u8; 32])]) -> Vec<[u8; 64]> {
        self.ask(
            questions,
            |to, (d, key, e)| put(to, &[b"s", d, key, e]),
            |from, _| {
                let mut der = vec![0; usize::from(byte(from))];
                read(from, &mut der);
                plain(&der)
            },
        )
    }

    /// The point that each of these bytes are, as SEC 1 writes points.
    ///
    /// # Panics
    /// Where the program is gone.
    pub fn points(&mut self, questions: &[&[u8]]) -> Vec<Point> {
        self.ask(
            questions,
            |to, sec1| {
                put(to, &[b"p"]);
                put_field(to, sec1);
            },
            |from, _| point(from),
        )
    }

    /// s·G + t·P of each (s, t, P).
    ///
    /// # Panics
    /// Where the program is gone.
    pub fn sums(&mut self, questions: &[([u8; 32], [u8; 32], [u8; 64])]) -> Vec<Point> {
        self.ask(
            questions,
            |to, (s, t, key)| put(to, &[b"m", s, t, key]),
            |from, _| point(from),
        )
    }

    /// SM3 of each message, which has less than 65,536 bytes.
    ///
    /// # Panics
    /// Where the program is gone.
    pub fn digests(&mut self, questions: &[&[u8]]) -> Vec<[u8; 32]> {
        self.ask(
            questions,
            |to, message| {
                put(to, &[b"d"]);
                put_field(to, message);
            },
            |from, _| array(from),
        )
    }

    /// 16 bytes enciphered under each key beside them: a block of SM4, or two of two-key triple DES.
    ///
    /// # Panics
    /// Where the program is gone.
    pub fn encipher(&mut self, sm4: bool, questions: &[([u8; 16], [u8; 16])]) -> Vec<[u8; 16]> {
        let which: &[u8] = if sm4 { b"b4" } else { b"b3" };
        self.ask(
            questions,
            |to, (key, block)| put(to, &[which, key, block]),
            |from, _| array(from),
        )
    }

    /// The MAC of whole blocks under each key; of DES, in the first eight bytes.
    ///
    /// # Panics
    /// Where the program is gone, or blocks are not whole.
    pub fn macs(&mut self, chaining: Chaining, questions: &[([u8; 16], &[u8])]) -> Vec<[u8; 16]> {
        let which: &[u8] = match chaining {
            Chaining::Sm4 => b"c4",
            Chaining::Retail => b"cr",
            Chaining::Folded => b"cf",
        };
        self.ask(
            questions,
            |to, (key, blocks)| {
                put(to, &[which, key]);
                put_field(to, blocks);
            },
            |from, _| {
                let mut out = [0; 16];
                let len = if chaining == Chaining::Sm4 { 16 } else { 8 };
                read(from, &mut out[..len]);
                out
            },
        )
    }

    fn ask<Q, A>(
        &mut self,
        questions: &[Q],
        put_one: impl Fn(&mut BufWriter<ChildStdin>, &Q),
        read_one: impl Fn(&mut BufReader<ChildStdout>, &Q) -> A,
    ) -> Vec<A> {
        let mut answers = Vec::with_capacity(questions.len());
        for questions in questions.chunks(AT_ONCE) {
            for question in questions {
                put_one(&mut self.to, question);
            }
            put(&mut self.to, &[b"."]);
            self.to.flush().expect("the witness listens");
            answers.extend(questions.iter().map(|q| read_one(&mut self.from, q)));
        }
        answers
    }
}

fn put(to: &mut impl Write, parts: &[&[u8]]) {
    for part in parts {
        to.write_all(part).expect("the witness listens");
    }
}

fn put_field(to: &mut impl Write, field: &[u8]) {
    let len = u16::try_from(field.len()).expect("a field is shorter than 65,536 bytes");
    put(to, &[&len.to_be_bytes(), field]);
}

fn read(from: &mut impl Read, out: &mut [u8]) {
    from.read_exact(out).expect("the witness answers");
}

fn array<const N: usize>(from: &mut impl Read) -> [u8; N] {
    let mut out = [0; N];
    read(from, &mut out);
    out
}

fn byte(from: &mut impl Read) -> u8 {
    let [byte] = array(from);
    byte
}

fn point(from: &mut impl Read) -> Point {
    match byte(from) {
        0 => Point::None,
        1 => Point::Affine(array(from)),
        _ => Point::Infinity,
    }
}

/// r || s out of a SEQUENCE of two INTEGERs, which is shorter than 128 bytes.
fn plain(der: &[u8]) -> [u8; 64] {
    let mut out = [0; 64];
    let mut rest = &der[2..];
    for half in out.chunks_mut(32) {
        let len = usize::from(rest[1]);
        let (number, more) = rest[2..].split_at(len);
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        let digits = &number[zeros..];
        half[32 - digits.len()..].copy_from_slice(digits);
        rest = more;
    }
    out
}
