//! Whoever may call this node, and the envelopes of the files that it has and made.
//!
//! What is here: the register of callers, and evidence. Who may do what is `tongtu-callers`'s table;
//! who is at the door is the edge's to find out. A terminal is a caller by its registration: the key
//! that signs its records signs its requests too, until an officer says otherwise.

mod act;

pub use act::{ASKED_S, ActFault, ActVerifier, Acted, Awaiting, CallerAct, ProvedRequest};

use act::{confirmed, write_line, write_settings_line};
use tongtu_callers::{AccountPrefix, Caller, CallerKey, CallerName, Role, rotation_message};
use tongtu_codec::hex_encode;
use tongtu_crypto::{PublicKey, Signature, sm3};
use tongtu_envelope::{CallerNumber, Envelope, Kind, file_digest};
use tongtu_exchange_file::FileName;
use tongtu_sql::{CallerKeyRow, CallerRow, FileEnvelopeRow, Tx};
use tongtu_types::{InstitutionCode, TerminalNumber, Timestamp};

use crate::{Node, ServiceError, stored};

/// The envelope of a file, as it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileEvidence {
    /// The file's name.
    pub name: FileName,
    /// SM3 of its content.
    pub content: sm3::Digest,
    /// Who signed it for whom.
    pub envelope: Envelope,
    /// The key under which it verified.
    pub key: PublicKey,
    /// When it was kept.
    pub kept_at: Timestamp,
}

impl Node {
    /// The caller of that name, if it is known.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn caller(&self, name: CallerName) -> Result<Option<Caller>, ServiceError> {
        let mut tx = self.store().read().await?;
        self.caller_in(&mut tx, name).await
    }

    async fn caller_in(
        &self,
        tx: &mut Tx,
        name: CallerName,
    ) -> Result<Option<Caller>, ServiceError> {
        let (institution, number) = (name.institution.as_str(), name.number.as_str());
        if let Some(row) = tx.caller(institution, number).await? {
            let keys = tx.caller_keys(institution, number).await?;
            return caller_of(&row, &keys).map(Some);
        }
        if name.institution != self.code() || TerminalNumber::parse(number).is_err() {
            return Ok(None);
        }
        let Some(row) = tx.terminal(number).await? else {
            return Ok(None);
        };
        // Not from its registration: a clock that is set back must not shut it out.
        let from = Timestamp::new(0);
        Ok(Some(Caller {
            name,
            role: Role::Terminal,
            accounts: Vec::new(),
            from,
            until: None,
            is_disabled: false,
            keys: vec![CallerKey {
                number: 1,
                public: stored::key(&row.public_key)?,
                from,
                until: None,
            }],
        }))
    }

    /// Every caller that was admitted; terminals that only registered are not among them.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn callers(&self) -> Result<Vec<Caller>, ServiceError> {
        let mut tx = self.store().read().await?;
        let mut callers = Vec::new();
        for row in tx.callers().await? {
            let keys = tx.caller_keys(&row.institution, &row.number).await?;
            callers.push(caller_of(&row, &keys)?);
        }
        Ok(callers)
    }

    /// Admits a caller when as many officers ask for the same as its role needs; what is there
    /// already stays as it is.
    ///
    /// # Errors
    /// [`ServiceError`], a conflict when the name is another's.
    pub async fn caller_admit(
        &self,
        caller: &Caller,
        request: &ProvedRequest,
        now: Timestamp,
    ) -> Result<Acted, ServiceError> {
        let name = caller.name;
        let mut tx = self.store().write().await?;
        if let Some(there) = self.caller_in(&mut tx, name).await? {
            let first = |caller: &Caller| caller.keys.first().map(|key| key.public.clone());
            let same = there.role == caller.role
                && there.accounts == caller.accounts
                && first(&there) == first(caller);
            return if same {
                Ok(Acted::Done(()))
            } else {
                Err(ServiceError::CallerDiffers { name })
            };
        }
        let act = admission(caller, now);
        if !confirmed(&mut tx, &act, caller.role, request.by(), now).await? {
            return self.asked(tx, request, now).await;
        }
        put(&mut tx, caller).await?;
        write_line(&mut tx, "caller.admit", request, now).await?;
        tx.commit().await?;
        Ok(Acted::Done(()))
    }

    /// What was asked for by one officer: a line says so, and nothing else is done yet.
    async fn asked<T>(
        &self,
        mut tx: Tx,
        request: &ProvedRequest,
        now: Timestamp,
    ) -> Result<Acted<T>, ServiceError> {
        write_line(&mut tx, "caller.ask", request, now).await?;
        tx.commit().await?;
        Ok(Acted::Awaits)
    }

    /// Enters the callers of the settings whose name nobody has: what happened to one that is there
    /// counts on. Whoever needs two officers is entered while nothing was done with callers yet, at
    /// the node's first start; later ones are given back, for nobody edits himself into a node.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn callers_enter(
        &self,
        callers: &[Caller],
        now: Timestamp,
    ) -> Result<Vec<CallerName>, ServiceError> {
        let mut tx = self.store().write().await?;
        let is_founding = tx.caller_act_last().await?.is_none();
        let mut refused = Vec::new();
        for caller in callers {
            if self.caller_in(&mut tx, caller.name).await?.is_some() {
                continue;
            }
            if caller.role.needs_two() && !is_founding {
                refused.push(caller.name);
                continue;
            }
            put(&mut tx, caller).await?;
            let act = admission(caller, caller.from);
            write_settings_line(&mut tx, self.code(), &act, now).await?;
        }
        tx.commit().await?;
        Ok(refused)
    }

    /// Takes a caller's new key, which signed for itself; the ones before hold for the overlap. A
    /// caller renews its own; for somebody else as many officers ask as its role needs. The same
    /// again changes nothing. Answers the new key's number.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn caller_rotate(
        &self,
        name: CallerName,
        public: &PublicKey,
        proof: &Signature,
        overlap_s: i64,
        request: &ProvedRequest,
        now: Timestamp,
    ) -> Result<Acted<u32>, ServiceError> {
        let mut tx = self.store().write().await?;
        let found = self.caller_in(&mut tx, name).await?;
        let mut caller = found.ok_or(ServiceError::CallerUnknown { name })?;
        if let Some(newest) = caller.keys.last().filter(|key| key.public == *public) {
            return Ok(Acted::Done(newest.number));
        }
        let message = rotation_message(name, caller.next_key(), public);
        if public.verify(&message, proof).is_err() {
            return Err(ServiceError::CallerProof { name });
        }
        let number = caller.rotate(public.clone(), now, overlap_s);
        let number = number.map_err(ServiceError::CallerKey)?;
        let key = hex_encode(&public.to_compressed());
        let act = format!("announce {name} key {number} {key} overlap {overlap_s}");
        let is_own = request.by() == name;
        if !is_own && !confirmed(&mut tx, &act, caller.role, request.by(), now).await? {
            return self.asked(tx, request, now).await;
        }
        put(&mut tx, &caller).await?;
        write_line(&mut tx, "caller.key", request, now).await?;
        tx.commit().await?;
        Ok(Acted::Done(number))
    }

    /// Disables a caller at once, whoever of the officers asks; or allows it again when as many ask
    /// as its role needs.
    ///
    /// # Errors
    /// [`ServiceError`] when there is no such caller.
    pub async fn caller_disable(
        &self,
        name: CallerName,
        is_disabled: bool,
        request: &ProvedRequest,
        now: Timestamp,
    ) -> Result<Acted, ServiceError> {
        let mut tx = self.store().write().await?;
        let found = self.caller_in(&mut tx, name).await?;
        let caller = found.ok_or(ServiceError::CallerUnknown { name })?;
        if caller.is_disabled == is_disabled {
            return Ok(Acted::Done(()));
        }
        let act = format!("allow {name}");
        if !is_disabled && !confirmed(&mut tx, &act, caller.role, request.by(), now).await? {
            return self.asked(tx, request, now).await;
        }
        // A terminal that only registered has no row yet.
        put(&mut tx, &caller).await?;
        let since = is_disabled.then_some(now.get());
        let (institution, number) = (name.institution.as_str(), name.number.as_str());
        tx.caller_disable(institution, number, since).await?;
        let deed = if is_disabled {
            "caller.disable"
        } else {
            "caller.allow"
        };
        write_line(&mut tx, deed, request, now).await?;
        tx.commit().await?;
        Ok(Acted::Done(()))
    }

    /// Checks the envelope of a file that comes from `sender` and keeps it, before the file itself is
    /// stored: no file that came is without one.
    ///
    /// # Errors
    /// [`ServiceError::FileEnvelope`] when it is not the sender's, for us, around this very file.
    pub async fn file_envelope_receive(
        &self,
        sender: InstitutionCode,
        name: &FileName,
        content: &sm3::Digest,
        envelope: &Envelope,
        now: Timestamp,
    ) -> Result<(), ServiceError> {
        let fault = |fault| ServiceError::FileEnvelope { name: *name, fault };
        if envelope.kind != Kind::File {
            return Err(fault("it is around something else than a file"));
        }
        if (envelope.sender, envelope.receiver) != (sender, self.code()) {
            return Err(fault("it is from or for another institution"));
        }
        if envelope
            .covers(&file_digest(&name.to_string(), content))
            .is_err()
        {
            return Err(fault("it is around another file"));
        }
        if envelope.caller != CallerNumber::node() {
            return Err(fault("it is not signed by the institution's node"));
        }
        let caller = CallerName {
            institution: sender,
            number: envelope.caller,
        };
        let caller = self.caller(caller).await?;
        let key = caller.as_ref().and_then(|caller| {
            // By a key that holds now: one that ended may be somebody else's by now.
            caller.key(envelope.key, now).ok()
        });
        let key = key.ok_or_else(|| fault("its key is none that holds"))?;
        if envelope.verify(&key.public).is_err() {
            return Err(fault("its signature does not verify"));
        }
        self.file_envelope_keep(name, content, envelope, &key.public, now)
            .await
    }

    /// Keeps an envelope that is known to hold, received or made here.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn file_envelope_keep(
        &self,
        name: &FileName,
        content: &sm3::Digest,
        envelope: &Envelope,
        key: &PublicKey,
        now: Timestamp,
    ) -> Result<(), ServiceError> {
        let bytes = envelope.encode();
        let row = FileEnvelopeRow {
            sender: envelope.sender.as_str().to_owned(),
            receiver: envelope.receiver.as_str().to_owned(),
            name: name.to_string(),
            digest: content.to_vec(),
            envelope: bytes.map_err(|_| ServiceError::Stored { what: "envelope" })?,
            public_key: key.to_compressed().to_vec(),
            kept_at: now.get(),
        };
        let mut tx = self.store().write().await?;
        tx.file_envelope_insert(&row).await?;
        Ok(tx.commit().await?)
    }

    /// The envelope that this node made by `key` around a file for `receiver`, if it did.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn file_envelope_made(
        &self,
        receiver: InstitutionCode,
        name: &FileName,
        content: &sm3::Digest,
        key: &PublicKey,
    ) -> Result<Option<Envelope>, ServiceError> {
        let own = self.code();
        let (name, own) = (name.to_string(), own.as_str());
        let mut tx = self.store().read().await?;
        let key = key.to_compressed();
        let row = tx
            .file_envelope(own, receiver.as_str(), &name, content, &key)
            .await?;
        row.map(|row| envelope_of(&row.envelope)).transpose()
    }

    /// Every envelope of a file that is kept here, received or made.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn file_envelopes(&self) -> Result<Vec<FileEvidence>, ServiceError> {
        let mut tx = self.store().read().await?;
        let evidence = |row: &FileEnvelopeRow| {
            Ok(FileEvidence {
                name: crate::exchange::file_name(&row.name)?,
                content: stored::digest(&row.digest)?,
                envelope: envelope_of(&row.envelope)?,
                key: stored::key(&row.public_key)?,
                kept_at: Timestamp::new(row.kept_at),
            })
        };
        tx.file_envelopes().await?.iter().map(evidence).collect()
    }
}

/// An admission in words. One from now on is the same whenever it is asked for.
fn admission(caller: &Caller, now: Timestamp) -> String {
    let Caller {
        name, role, until, ..
    } = caller;
    let accounts: Vec<&str> = caller.accounts.iter().map(AccountPrefix::as_str).collect();
    let key = caller.keys.first();
    let key = key.map_or_else(String::new, |key| hex_encode(&key.public.to_compressed()));
    let mut act = format!("admit {name} {role} key {key}");
    if !accounts.is_empty() {
        act += &format!(" accounts {}", accounts.join(","));
    }
    if caller.from != now {
        act += &format!(" from {}", caller.from.get());
    }
    if let Some(until) = until {
        act += &format!(" until {}", until.get());
    }
    act
}

fn envelope_of(bytes: &[u8]) -> Result<Envelope, ServiceError> {
    Envelope::read(bytes, Kind::File).map_err(|_| ServiceError::Stored { what: "envelope" })
}

/// Writes a caller that is not there yet, and its keys as they are now.
async fn put(tx: &mut Tx, caller: &Caller) -> Result<(), ServiceError> {
    let (institution, number) = (
        caller.name.institution.as_str(),
        caller.name.number.as_str(),
    );
    let accounts: Vec<&str> = caller.accounts.iter().map(AccountPrefix::as_str).collect();
    tx.caller_insert(&CallerRow {
        institution: institution.to_owned(),
        number: number.to_owned(),
        role: caller.role.word().to_owned(),
        accounts: accounts.join(" "),
        valid_from: caller.from.get(),
        valid_until: caller.until.map(Timestamp::get),
        disabled_at: None,
    })
    .await?;
    for key in &caller.keys {
        tx.caller_key_put(&CallerKeyRow {
            institution: institution.to_owned(),
            number: number.to_owned(),
            key_number: i64::from(key.number),
            public_key: key.public.to_compressed().to_vec(),
            valid_from: key.from.get(),
            valid_until: key.until.map(Timestamp::get),
        })
        .await?;
    }
    Ok(())
}

fn caller_of(row: &CallerRow, keys: &[CallerKeyRow]) -> Result<Caller, ServiceError> {
    let fault = || ServiceError::Stored { what: "caller" };
    let key = |row: &CallerKeyRow| {
        Ok(CallerKey {
            number: u32::try_from(row.key_number).map_err(|_| fault())?,
            public: stored::key(&row.public_key)?,
            from: Timestamp::new(row.valid_from),
            until: row.valid_until.map(Timestamp::new),
        })
    };
    let accounts = row.accounts.split_whitespace().map(AccountPrefix::parse);
    Ok(Caller {
        name: CallerName {
            institution: stored::institution(&row.institution)?,
            number: row.number.parse().map_err(|_| fault())?,
        },
        role: row.role.parse().map_err(|_| fault())?,
        accounts: accounts.collect::<Result<_, _>>().map_err(|_| fault())?,
        from: Timestamp::new(row.valid_from),
        until: row.valid_until.map(Timestamp::new),
        is_disabled: row.disabled_at.is_some(),
        keys: keys.iter().map(key).collect::<Result<_, ServiceError>>()?,
    })
}
