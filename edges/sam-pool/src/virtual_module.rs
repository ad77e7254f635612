//! A soft module as the virtual reader drives it.

use std::fmt;

use tongtu_card::{Memory, Torn};
use tongtu_psam::PsamIdentity;
use tongtu_reader::vpcd::VirtualCard;
use tongtu_sam::{OpenError, SoftPsam};

/// The answer to reset: T=1 over contacts without historical bytes, as the virtual reader passes
/// commands on whole.
const ATR: [u8; 5] = [0x3B, 0x80, 0x80, 0x01, 0x01];

/// Why a virtual module does not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VirtualModuleError {
    /// Its memory holds no module.
    #[error("the module does not come up")]
    Open(#[from] OpenError),
    /// Its memory lost power.
    #[error("the module's memory cannot be written")]
    Torn,
    /// There was no randomness to answer with.
    #[error("no randomness: {0}")]
    Entropy(String),
    /// An earlier fault; the module has to be opened again.
    #[error("the module failed before")]
    Gone,
}

/// Where a virtual module takes its randoms from; what it says is why there are none.
pub type Randomness = Box<dyn FnMut(&mut [u8]) -> Result<(), String> + Send>;

/// A soft module that a reader powers up and down.
pub struct VirtualModule<M> {
    state: Power<M>,
    identity: PsamIdentity,
    randomness: Randomness,
}

enum Power<M> {
    Off(M),
    On(Box<SoftPsam<M>>),
    /// Failed: what it says can no longer be trusted.
    Gone,
}

impl<M: Memory> VirtualModule<M> {
    /// The module in this memory, without power.
    ///
    /// # Errors
    /// [`VirtualModuleError::Open`] when there is none.
    pub fn new(memory: M, randomness: Randomness) -> Result<Self, VirtualModuleError> {
        let module = SoftPsam::power_up(memory)?;
        let identity = *tongtu_psam::Psam::identity(&module);
        Ok(Self {
            state: Power::Off(module.power_down()),
            identity,
            randomness,
        })
    }

    /// Who it is.
    #[must_use]
    pub const fn identity(&self) -> &PsamIdentity {
        &self.identity
    }
}

impl<M> fmt::Debug for VirtualModule<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VirtualModule")
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

impl<M: Memory> VirtualCard for VirtualModule<M> {
    type Fault = VirtualModuleError;

    fn atr(&self) -> Vec<u8> {
        ATR.to_vec()
    }

    fn power_on(&mut self) -> Result<(), VirtualModuleError> {
        self.state = match std::mem::replace(&mut self.state, Power::Gone) {
            Power::Off(memory) => Power::On(Box::new(SoftPsam::power_up(memory)?)),
            Power::On(module) => Power::On(module),
            Power::Gone => return Err(VirtualModuleError::Gone),
        };
        Ok(())
    }

    fn power_off(&mut self) -> Result<(), VirtualModuleError> {
        self.state = match std::mem::replace(&mut self.state, Power::Gone) {
            Power::On(module) => Power::Off(module.power_down()),
            other => other,
        };
        Ok(())
    }

    fn reset(&mut self) -> Result<(), VirtualModuleError> {
        self.power_on()?;
        if let Power::On(module) = &mut self.state {
            module.reset();
        }
        Ok(())
    }

    fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, VirtualModuleError> {
        // A reader that sends before it gives power means a module that has it.
        self.power_on()?;
        let Power::On(module) = &mut self.state else {
            return Err(VirtualModuleError::Gone);
        };
        let mut missing = None;
        let randomness = &mut self.randomness;
        let mut fill = |out: &mut [u8]| missing = randomness(out).err();
        let answer = module.transmit(&mut fill, apdu);
        if let Some(why) = missing {
            self.state = Power::Gone;
            return Err(VirtualModuleError::Entropy(why));
        }
        answer.map_err(|Torn| {
            self.state = Power::Gone;
            VirtualModuleError::Torn
        })
    }
}
