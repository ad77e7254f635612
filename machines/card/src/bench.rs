//! One applet on the bench: its own registry entry and objects, on memory that can be torn.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use tongtu_apdu::select::Aid;
use tongtu_apdu::{Command, Response, StatusWord};
use tongtu_testkit::tear::{Chip, every_cut};
use zeroize::Zeroizing;

use crate::Interface;
use crate::applet::Session;
use crate::context::{Context, DataGroup, Halt};
use crate::journal::{Batch, Nvm, ObjectId};
use crate::memory::{Memory, Torn};
use crate::registry::AppletKind;
use crate::registry::{Entry, ISSUER, Registry};

/// The harness's chip as the card's memory.
pub(crate) struct Cells(Chip);

impl Memory for Cells {
    fn size(&self) -> usize {
        self.0.size()
    }

    fn read(&self, at: usize, out: &mut [u8]) {
        self.0.read(at, out);
    }

    fn write(&mut self, at: usize, bytes: &[u8]) -> Result<(), Torn> {
        self.0.write(at, bytes).map_err(|_| Torn)
    }
}

/// The applet's number.
pub(crate) const OWNER: u16 = 7;

pub(crate) type Image = BTreeMap<ObjectId, Vec<u8>>;

/// An entry of the registry, selectable.
pub(crate) fn entry(number: u16, kind: AppletKind, aid: Aid, label: &[u8], priority: u8) -> Entry {
    Entry {
        number,
        kind,
        aid,
        state: 0x07,
        privileges: [0; 3],
        domain: ISSUER,
        label: label.to_vec(),
        priority,
        file: None,
    }
}

pub(crate) struct Bench {
    kind: AppletKind,
    nvm: Nvm<Cells>,
    registry: Registry,
    session: Option<Session>,
    throw: u8,
}

impl Bench {
    /// A new instance, installed with these parameters.
    pub(crate) fn installed(kind: AppletKind, aid: Aid, parameters: &[u8]) -> Self {
        let nvm = Nvm::format(Cells(Chip::new(16 * 1024))).expect("room enough");
        let mut bench = Self::around(kind, aid, nvm);
        bench
            .change(|ctx| kind.install(ctx, parameters))
            .expect("good parameters");
        bench
    }

    /// Such an instance in this memory, under power again.
    pub(crate) fn again(kind: AppletKind, aid: Aid, chip: &Chip) -> Self {
        let nvm = Nvm::open(Cells(chip.clone())).expect("it opens after any tear");
        Self::around(kind, aid, nvm)
    }

    fn around(kind: AppletKind, aid: Aid, nvm: Nvm<Cells>) -> Self {
        let mut registry = Registry::default();
        registry.entries.push(entry(OWNER, kind, aid, b"BENCH", 1));
        Self {
            kind,
            nvm,
            registry,
            session: None,
            throw: 0,
        }
    }

    fn with<T>(&mut self, work: impl FnOnce(&mut Context<'_>) -> T) -> T {
        let throw = &mut self.throw;
        let mut entropy = |out: &mut [u8]| {
            *throw = throw.wrapping_add(1);
            out.fill(*throw);
        };
        let mut ctx = Context::new(
            OWNER,
            &mut self.nvm,
            &mut self.registry,
            &mut entropy,
            Interface::Contactless,
        );
        work(&mut ctx)
    }

    /// Commits what `work` stages, as a domain does; nothing when it refuses.
    fn change(
        &mut self,
        work: impl FnOnce(&mut Context<'_>) -> Result<(), Halt>,
    ) -> Result<(), Halt> {
        self.with(|ctx| {
            work(ctx)?;
            ctx.commit()
        })
    }

    /// Personalises with these groups, all or none.
    pub(crate) fn personalise(&mut self, groups: &[(u16, &[u8])]) -> Result<(), Halt> {
        let kind = self.kind;
        let groups: Vec<_> = groups
            .iter()
            .map(|(id, value)| DataGroup {
                id: *id,
                value: Zeroizing::new(value.to_vec()),
            })
            .collect();
        self.change(|ctx| kind.personalise(ctx, &groups))
    }

    /// Puts an object of any owner.
    pub(crate) fn put(&mut self, id: ObjectId, value: &[u8]) {
        let mut batch = Batch::default();
        batch.put(id, value);
        self.nvm.commit(batch).expect("it fits");
    }

    /// Selects the applet; the answer is its FCI.
    pub(crate) fn select(&mut self) -> Vec<u8> {
        let kind = self.kind;
        let (session, response) = self.with(|ctx| kind.select(ctx)).expect("selectable");
        self.session = Some(session);
        response.data
    }

    /// Sends a command; selects before the first.
    pub(crate) fn send(&mut self, command: &Command) -> Result<Response, Halt> {
        if self.session.is_none() {
            self.select();
        }
        let mut session = self.session.take().expect("selected");
        let answer = self.with(|ctx| session.process(ctx, command));
        self.session = Some(session);
        answer
    }

    /// The status word alone.
    pub(crate) fn status(&mut self, command: &Command) -> StatusWord {
        match self.send(command) {
            Ok(response) => response.sw,
            Err(Halt::Status(sw)) => sw,
            Err(Halt::Torn) => panic!("power stays"),
        }
    }

    /// Every object with its value.
    pub(crate) fn image(&self) -> Image {
        let objects = self.nvm.objects();
        objects.map(|(id, value)| (id, value.to_vec())).collect()
    }

    /// Takes the power away.
    pub(crate) fn unplug(self) -> Chip {
        self.nvm.into_memory().0
    }

    /// Plays `act` whole and torn at every byte of every write; gives every image that came up
    /// again: first the one before, last the one after, in between what tears left.
    pub(crate) fn torn_everywhere(self, act: impl Fn(&mut Self)) -> Vec<Image> {
        let (kind, aid) = (self.kind, self.registry.entries[0].aid);
        let before = self.image();
        let chip = self.unplug();
        let open = |chip: &Chip| Self::again(kind, aid, chip);
        let mut whole = open(&chip.copy());
        act(&mut whole);
        let after = whole.image();
        let mut images = [before].to_vec();
        every_cut(
            &chip,
            |chip| act(&mut open(chip)),
            |_, chip| images.push(open(chip).image()),
        );
        images.push(after);
        images
    }
}

/// Whether there is nothing but the state before and the state after, and both occur.
pub(crate) fn is_old_or_new(images: &[Image]) -> bool {
    let (old, new) = (&images[0], &images[images.len() - 1]);
    let torn = &images[1..images.len() - 1];
    old != new
        && torn.iter().all(|image| image == old || image == new)
        && torn.contains(old)
        && torn.contains(new)
}
