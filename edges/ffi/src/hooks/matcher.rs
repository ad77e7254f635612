//! The maker's matcher of faces.

use core::ffi::c_void;

use tongtu_terminal::face::{
    Candidate, Cosine, Engine, EngineFault, EngineId, Enrolled, Ranking, Score,
};

use super::User;
use crate::types::{TtMatcher, TtTemplate};

type Compare =
    unsafe extern "C" fn(*mut c_void, *const u8, usize, *const u8, usize, *mut u32) -> i32;
type Rank = unsafe extern "C" fn(
    *mut c_void,
    *const u8,
    usize,
    *const TtTemplate,
    usize,
    *mut u64,
    *mut u32,
) -> i32;

/// What recognises faces.
pub(crate) enum Matcher {
    /// The plain one of the workbench.
    Plain(Cosine),
    /// The maker's.
    Hooks(HookMatcher),
}

pub(crate) struct HookMatcher {
    user: User,
    id: EngineId,
    compare: Compare,
    rank: Option<Rank>,
}

impl Matcher {
    /// The maker's hooks, or the plain matcher where there are none.
    ///
    /// # Safety
    /// The hooks may be called, with their `user`, from any thread until the terminal is closed.
    pub(crate) unsafe fn of(matcher: &TtMatcher) -> Self {
        match matcher.compare {
            None => Self::Plain(Cosine),
            Some(compare) => Self::Hooks(HookMatcher {
                user: User(matcher.user),
                id: EngineId(matcher.id),
                compare,
                rank: matcher.rank,
            }),
        }
    }
}

/// A hook's return: 0, or the engine's own number.
fn done(code: i32) -> Result<(), EngineFault> {
    match code {
        0 => Ok(()),
        code => Err(EngineFault::Engine(code.cast_unsigned())),
    }
}

/// A score as a hook writes it; one that is none is a fault of the engine.
fn score(written: u32) -> Result<Score, EngineFault> {
    let score = u16::try_from(written).ok().and_then(Score::new);
    score.ok_or(EngineFault::Engine(written))
}

impl HookMatcher {
    fn compare(&self, probe: &[u8], template: &[u8]) -> Result<Score, EngineFault> {
        let mut written = 0;
        // SAFETY: whoever made this promised that it may be called; what the pointers name is ours
        // for as long as it runs.
        let code = unsafe {
            (self.compare)(
                self.user.0,
                probe.as_ptr(),
                probe.len(),
                template.as_ptr(),
                template.len(),
                &raw mut written,
            )
        };
        done(code)?;
        score(written)
    }

    fn rank(&self, rank: Rank, probe: &[u8], riders: &[Enrolled]) -> Result<Ranking, EngineFault> {
        let (mut templates, mut owners) = (Vec::new(), Vec::new());
        for (index, rider) in riders.iter().enumerate() {
            for bytes in rider.templates() {
                owners.push(index);
                templates.push(TtTemplate {
                    bytes: bytes.as_ptr(),
                    len: bytes.len(),
                    handle: rider.handle.0,
                });
            }
        }
        let (mut places, mut scores) = ([u64::MAX; 2], [0; 2]);
        // SAFETY: as above; the templates are the riders', who are borrowed.
        let code = unsafe {
            rank(
                self.user.0,
                probe.as_ptr(),
                probe.len(),
                templates.as_ptr(),
                templates.len(),
                places.as_mut_ptr(),
                scores.as_mut_ptr(),
            )
        };
        done(code)?;
        let [first, second] = places.map(|place| {
            let place = usize::try_from(place).ok();
            place.and_then(|place| owners.get(place).copied())
        });
        if first.is_some() && first == second {
            // How far ahead of the next rider the best is would be unknown.
            return Err(EngineFault::Engine(u32::MAX));
        }
        // In the order of likeness, whatever order the engine has.
        let mut ranking = Ranking::default();
        for (index, written) in [first, second].into_iter().zip(scores) {
            if let Some(index) = index {
                let score = score(written)?;
                ranking.offer(Candidate { index, score });
            }
        }
        Ok(ranking)
    }
}

impl Engine for Matcher {
    fn id(&self) -> EngineId {
        match self {
            Self::Plain(plain) => plain.id(),
            Self::Hooks(hooks) => hooks.id,
        }
    }

    fn compare(&self, probe: &[u8], template: &[u8]) -> Result<Score, EngineFault> {
        match self {
            Self::Plain(plain) => plain.compare(probe, template),
            Self::Hooks(hooks) => hooks.compare(probe, template),
        }
    }

    fn rank(&self, probe: &[u8], riders: &[Enrolled]) -> Result<Ranking, EngineFault> {
        if let Self::Hooks(hooks) = self
            && let Some(rank) = hooks.rank
        {
            return hooks.rank(rank, probe, riders);
        }
        let mut ranking = Ranking::default();
        for (index, rider) in riders.iter().enumerate() {
            let mut score = Score::ZERO;
            for template in rider.templates() {
                score = score.max(self.compare(probe, template)?);
            }
            ranking.offer(Candidate { index, score });
        }
        Ok(ranking)
    }
}
