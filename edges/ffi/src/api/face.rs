//! Rides by face.

use core::ffi::c_char;

use tongtu_tap_record::FaceProof;
use tongtu_terminal::face::{
    Capture, FacePolicy, FaceRefusal, Liveness, Look, Probe, Score, SealKey, Spoof,
};

use super::{count, fen_of, known_time, light_of, seed, time_of};
use crate::Terminal;
use crate::code::{TT_ERR_NULL, TT_ERR_VALUE};
use crate::fault::{Fault, guarded};
use crate::hooks::Matcher;
use crate::raw::{self, Buffer, Out, Sized32};
use crate::setup::wrong;
use crate::table;
use crate::terminal::{FaceParts, look_prompt};
use crate::types::{
    TT_ACCEPTED, TT_DIGITS_WANTED, TT_FACE_CONSENT_ENDED, TT_FACE_DIGITS, TT_FACE_ENGINE,
    TT_FACE_FINE, TT_FACE_NO_GALLERY, TT_FACE_NOT_LIVE, TT_FACE_OUT_OF_SERVICE, TT_FACE_QUALITY,
    TT_FACE_SEVERAL, TT_FACE_TOO_FREQUENT, TT_FACE_UNKNOWN, TT_LIVE, TT_LIVE_UNDECIDED,
    TT_NO_AMOUNT, TT_NOBODY, TT_OUT_OF_SERVICE, TT_RECOVERED, TT_REFUSED, TT_SPOOF_MASK,
    TT_SPOOF_OTHER, TT_SPOOF_PHOTO, TT_SPOOF_SCREEN, TtCapture, TtFace, TtFaceEnd, TtMatcher,
};

// SAFETY: `repr(C)`, `struct_size` first; numbers, pointers, function pointers that may be NULL.
unsafe impl Sized32 for TtFace {}
// SAFETY: the same; numbers and a pointer.
unsafe impl Sized32 for TtCapture {}
// SAFETY: the same; numbers only.
unsafe impl Sized32 for TtFaceEnd {}

/// Writes the usual settings; matcher, keys and seed are yours to fill in. Errors: NULL, SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_face_usual(face: *mut TtFace) -> i32 {
    guarded(|| {
        // SAFETY: as the header demands.
        let out = unsafe { Out::sized(face, "face") }?;
        let usual = FacePolicy::plain(tongtu_types::Timestamp::new(0));
        let seconds = |value: i64| u32::try_from(value).unwrap_or(u32::MAX);
        out.put(TtFace {
            struct_size: count(size_of::<TtFace>()),
            accept: usual.accept.get().into(),
            margin: usual.margin.into(),
            ask: usual.ask.get().into(),
            quality_min: usual.quality_min.into(),
            interval_s: seconds(usual.interval_s),
            digits_s: seconds(usual.digits_s),
            digits_tries: usual.digits_tries.into(),
            resume_s: seconds(usual.resume_s),
            matcher: TtMatcher {
                user: core::ptr::null_mut(),
                id: [0; 8],
                compare: None,
                rank: None,
            },
            seal_key: [0; 16],
            own_key: [0; 16],
            seed: [0; 32],
        });
        Ok(())
    })
}

/// Takes faces (人脸) from now on; a gallery comes after, by tt_gallery_restore and tt_gallery_update.
/// Called again it begins anew, without a gallery. Errors: HANDLE, BUSY, NULL, SIZE, STATE (a
/// dialogue is under way, or a counter), VALUE (which field, in tt_last_error).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_face_open(terminal: u64, face: *const TtFace) -> i32 {
    guarded(|| {
        // SAFETY: as the header demands.
        let plain = unsafe { raw::take(face, "face") }?;
        if plain.matcher.compare.is_none() && plain.matcher.rank.is_some() {
            return Err(Fault::new(TT_ERR_NULL, "face.matcher.compare"));
        }
        // SAFETY: the hooks may be called until the terminal is closed.
        let matcher = unsafe { Matcher::of(&plain.matcher) };
        let seed = seed("face.seed", &plain.seed)?;
        table::with(terminal, |terminal| {
            let policy = policy(&plain, terminal.face_policy())?;
            terminal.open_faces(FaceParts {
                policy,
                engine: Box::new(matcher),
                seal: SealKey::new(&plain.seal_key),
                own: SealKey::new(&plain.own_key),
                seed,
            })
        })
    })
}

fn policy(plain: &TtFace, usual: FacePolicy) -> Result<FacePolicy, Fault> {
    let at_most = |name: &str, value: u32, max: u16| {
        let short = u16::try_from(value).ok().filter(|short| *short <= max);
        short.ok_or_else(|| wrong(name, format!("{value}, expected at most {max}")))
    };
    let score = |name: &str, value: u32| {
        let short = at_most(name, value, Score::FULL.get())?;
        Ok::<_, Fault>(Score::new(short).expect("at most the most"))
    };
    let byte = |name: &str, value: u32, max: u16| {
        let short = at_most(name, value, max)?;
        Ok::<_, Fault>(u8::try_from(short).expect("at most 255"))
    };
    Ok(FacePolicy {
        accept: score("face.accept", plain.accept)?,
        margin: at_most("face.margin", plain.margin, Score::FULL.get())?,
        ask: score("face.ask", plain.ask)?,
        quality_min: byte("face.quality_min", plain.quality_min, 100)?,
        interval_s: plain.interval_s.into(),
        digits_s: plain.digits_s.into(),
        digits_tries: byte("face.digits_tries", plain.digits_tries, 255)?,
        resume_s: plain.resume_s.into(),
        ..usual
    })
}

/// Takes the acquirer's signed update of the gallery (人脸名单), whole or from the version that
/// tt_status says. Whoever it forgets is forgotten, also where the rest cannot be taken; so keep the
/// gallery anew after it, whatever is returned, and then send tt_gallery_report. Errors: HANDLE, BUSY,
/// NULL, STATE (faces were not opened), LISTS (the version held stays).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_gallery_update(terminal: u64, bytes: *const u8, len: usize) -> i32 {
    guarded(|| {
        // SAFETY: as the header demands.
        let bytes = unsafe { raw::bytes(bytes, len, "bytes") }?;
        table::with(terminal, |terminal| terminal.update_gallery(bytes))
    })
}

/// Writes the gallery as this terminal keeps it, sealed under own_key; keep it after every change,
/// withdrawals before all. Errors: HANDLE, BUSY, NULL, SHORT, STATE, NONE (no gallery).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_gallery_keep(
    terminal: u64,
    buffer: *mut u8,
    room: usize,
    len: *mut usize,
) -> i32 {
    guarded(|| {
        // SAFETY: as the header demands.
        let buffer = unsafe { Buffer::new(buffer, room, len) }?;
        table::with(terminal, |terminal| {
            buffer.put(&terminal.gallery_at_rest()?)
        })
    })
}

/// Takes what tt_gallery_keep wrote, after a start. Errors: as tt_gallery_update.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_gallery_restore(terminal: u64, bytes: *const u8, len: usize) -> i32 {
    guarded(|| {
        // SAFETY: as the header demands.
        let bytes = unsafe { raw::bytes(bytes, len, "bytes") }?;
        table::with(terminal, |terminal| terminal.restore_gallery(bytes))
    })
}

/// Forgets riders who withdrew their consent (撤回同意), at once: `handles` are `how_many` pseudonyms
/// of 16 bytes, one behind the other. Writes how many of them were there. Errors: HANDLE, BUSY, NULL,
/// STATE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_gallery_withdraw(
    terminal: u64,
    handles: *const u8,
    how_many: usize,
    gone: *mut u32,
) -> i32 {
    guarded(|| {
        // SAFETY: as the header demands.
        let gone = unsafe { Out::plain(gone, "gone") }?;
        let len = how_many.saturating_mul(16);
        // SAFETY: as the header demands.
        let bytes = unsafe { raw::bytes(handles, len, "handles") }?;
        let (handles, _) = bytes.as_chunks();
        table::with(terminal, |terminal| {
            gone.put(count(terminal.withdraw(handles)?));
            Ok(())
        })
    })
}

/// Forgets what time has ended: riders whose consent has, and everybody where there was no word from
/// the acquirer for too long. Writes how many; keep the gallery anew when there were any. Call it
/// every hour. Errors: HANDLE, BUSY, NULL, STATE, VALUE (no time).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_gallery_expire(terminal: u64, now: i64, gone: *mut u32) -> i32 {
    guarded(|| {
        let now = known_time(now)?;
        // SAFETY: as the header demands.
        let gone = unsafe { Out::plain(gone, "gone") }?;
        table::with(terminal, |terminal| {
            gone.put(count(terminal.expire_gallery(now)?));
            Ok(())
        })
    })
}

/// Writes the signed report of the gallery held, for the acquirer, who tells riders by it who has
/// forgotten them: send it once the gallery is kept. Errors: HANDLE, BUSY, NULL, SHORT, STATE, VALUE
/// (no time), SIGNER.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_gallery_report(
    terminal: u64,
    now: i64,
    buffer: *mut u8,
    room: usize,
    len: *mut usize,
) -> i32 {
    guarded(|| {
        let now = known_time(now)?;
        // SAFETY: as the header demands.
        let buffer = unsafe { Buffer::new(buffer, room, len) }?;
        table::with(terminal, |terminal| {
            buffer.put(&terminal.gallery_report(now)?)
        })
    })
}

fn liveness(said: u32) -> Result<Liveness, Fault> {
    Ok(match said {
        TT_LIVE_UNDECIDED => Liveness::Undecided,
        TT_LIVE => Liveness::Live,
        TT_SPOOF_PHOTO => Liveness::Spoof(Spoof::Photo),
        TT_SPOOF_SCREEN => Liveness::Spoof(Spoof::Screen),
        TT_SPOOF_MASK => Liveness::Spoof(Spoof::Mask),
        TT_SPOOF_OTHER => Liveness::Spoof(Spoof::Other),
        _ => {
            let detail = format!("capture.liveness: {said}, expected 0 to 5");
            return Err(Fault::new(TT_ERR_VALUE, detail));
        }
    })
}

/// Judges what the camera saw: call it for every picture, also with nobody in it. A ride is stored
/// before the function returns; tell the rider and call `tt_told`. A refusal is no error. Errors:
/// HANDLE, BUSY, NULL, SIZE, STATE (a dialogue is under way, or faces were not opened), VALUE, SIGNER,
/// PANIC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_face_look(
    terminal: u64,
    now: i64,
    capture: *const TtCapture,
    end: *mut TtFaceEnd,
) -> i32 {
    guarded(|| {
        // SAFETY: as the header demands.
        let out = unsafe { Out::sized(end, "end") }?;
        // SAFETY: as the header demands.
        let plain = unsafe { raw::take(capture, "capture") }?;
        let capture = match plain.faces {
            0 => Capture::Nobody,
            1 => {
                // SAFETY: as the header demands.
                let template = unsafe { raw::bytes(plain.probe, plain.probe_len, "probe") }?;
                let quality = u8::try_from(plain.quality).ok().filter(|q| *q <= 100);
                let detail = "expected at most 100";
                Capture::One(Probe {
                    template,
                    liveness: liveness(plain.liveness)?,
                    quality: quality.ok_or_else(|| wrong("capture.quality", detail))?,
                })
            }
            several => Capture::Several(u8::try_from(several).unwrap_or(u8::MAX)),
        };
        table::with(terminal, |terminal| {
            terminal.look(capture, time_of(now))?;
            out.put(face_end(terminal)?);
            Ok(())
        })
    })
}

/// Takes the second factor of the rider who was asked for it: the last four digits of the telephone
/// number. Everything else as tt_face_look.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_face_digits(
    terminal: u64,
    now: i64,
    digits: *const c_char,
    end: *mut TtFaceEnd,
) -> i32 {
    guarded(|| {
        // SAFETY: as the header demands.
        let out = unsafe { Out::sized(end, "end") }?;
        // SAFETY: as the header demands.
        let digits = unsafe { raw::text(digits, "digits") }?;
        let digits = digits.ok_or_else(|| Fault::new(TT_ERR_NULL, "digits"))?;
        table::with(terminal, |terminal| {
            terminal.digits(digits.as_bytes(), time_of(now))?;
            out.put(face_end(terminal)?);
            Ok(())
        })
    })
}

const fn why(refusal: &FaceRefusal) -> u32 {
    match refusal {
        FaceRefusal::NoGallery => TT_FACE_NO_GALLERY,
        FaceRefusal::Several(_) => TT_FACE_SEVERAL,
        FaceRefusal::Quality { .. } => TT_FACE_QUALITY,
        FaceRefusal::NotLive(_) => TT_FACE_NOT_LIVE,
        FaceRefusal::Unknown => TT_FACE_UNKNOWN,
        FaceRefusal::Digits { .. } => TT_FACE_DIGITS,
        FaceRefusal::TooFrequent { .. } => TT_FACE_TOO_FREQUENT,
        FaceRefusal::ConsentEnded { .. } => TT_FACE_CONSENT_ENDED,
        FaceRefusal::Engine(_) => TT_FACE_ENGINE,
        // A reason of a later version: whatever it is, nobody passes.
        _ => TT_FACE_OUT_OF_SERVICE,
    }
}

fn face_end(terminal: &Terminal) -> Result<TtFaceEnd, Fault> {
    let look = terminal.look_end()?;
    let prompt = look_prompt(look);
    let mut end = TtFaceEnd {
        struct_size: count(size_of::<TtFaceEnd>()),
        outcome: TT_NOBODY,
        light: prompt.map_or(0, |prompt| light_of(prompt.light())),
        why: TT_FACE_FINE,
        again: 0,
        consent: 0,
        seq: 0,
        fare_fen: TT_NO_AMOUNT,
        handle: [0; 16],
    };
    match look {
        Look::Idle => {}
        Look::Digits(_) => end.outcome = TT_DIGITS_WANTED,
        Look::Refused(refusal, _) => {
            end.why = why(refusal);
            end.outcome = match refusal {
                FaceRefusal::OutOfService(_) => TT_OUT_OF_SERVICE,
                _ => TT_REFUSED,
            };
            end.again = u32::from(matches!(refusal, FaceRefusal::Digits { again: true }));
        }
        Look::Ride(ride) => {
            end.outcome = if ride.resumed {
                TT_RECOVERED
            } else {
                TT_ACCEPTED
            };
            end.seq = ride.seq;
            end.fare_fen = fen_of(ride.prompt.fare);
            if let Ok(proof) = FaceProof::decode(&ride.record.own) {
                (end.consent, end.handle) = (proof.consent, proof.handle);
            }
        }
    }
    Ok(end)
}
