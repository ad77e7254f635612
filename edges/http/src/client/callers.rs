//! Callers and the envelopes of files.

use reqwest::Method;
use tongtu_api::{self as api, path};
use tongtu_callers::{CallerName, Role};
use tongtu_crypto::{PublicKey, Signature};

use super::{Client, ClientError, hex};

impl Client {
    /// Admits a caller with its first key, or asks for that where a second officer must; safe to
    /// repeat. Answers whether it waits.
    ///
    /// # Errors
    /// [`ClientError`]; refused when the name is another's.
    pub async fn caller_admit(
        &self,
        name: CallerName,
        role: Role,
        key: &PublicKey,
        accounts: &[String],
    ) -> Result<bool, ClientError> {
        let body = api::CallerAdmit {
            caller: name.to_string(),
            role: role.to_string(),
            public_key: hex(&key.to_compressed()),
            accounts: accounts.to_vec(),
            from_s: None,
            until_s: None,
        };
        let request = self.post(path::CALLERS, path::CALLERS.into());
        let api::CallerActed { awaits, .. } = request.body(&body).json().await?;
        Ok(awaits)
    }

    /// Announces a caller's new key, which signed for itself
    /// ([`tongtu_callers::rotation_message`]); answers its number, and none while it waits for a
    /// second officer.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn caller_rotate(
        &self,
        name: CallerName,
        key: &PublicKey,
        proof: &Signature,
        overlap_s: i64,
    ) -> Result<Option<u32>, ClientError> {
        let body = api::CallerRotate {
            public_key: hex(&key.to_compressed()),
            proof: hex(&proof.0),
            overlap_s,
        };
        let at = path::caller_keys(&name.to_string());
        let request = self.post(path::CALLER_KEYS, at).body(&body);
        let api::CallerActed { key, .. } = request.json().await?;
        Ok(key)
    }

    /// Disables a caller at once, or allows it again; answers whether it waits for a second officer.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn caller_disable(
        &self,
        name: CallerName,
        disabled: bool,
    ) -> Result<bool, ClientError> {
        let at = path::caller_state(&name.to_string());
        let body = api::CallerState { disabled };
        let request = self.post(path::CALLER_STATE, at).body(&body);
        let api::CallerActed { awaits, .. } = request.json().await?;
        Ok(awaits)
    }

    /// Reads who may call, and what awaits a second officer.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn callers_view(&self) -> Result<api::CallersView, ClientError> {
        let request = self.get(path::CALLERS, path::CALLERS.into());
        request.json().await
    }

    /// Reads everything that was done with callers, page by page; nothing of it is verified yet.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn caller_acts(&self) -> Result<Vec<api::CallerActView>, ClientError> {
        let mut all = Vec::new();
        loop {
            let after = all.len();
            let at = format!("{}?after={after}", path::AUDIT_CALLERS);
            let page = self.get(path::AUDIT_CALLERS, at).json().await?;
            let api::CallerActsView { acts } = page;
            let is_last = acts.len() < api::CALLER_ACTS_MAX;
            all.extend(acts);
            if is_last {
                return Ok(all);
            }
        }
    }

    /// Reads the envelopes of the files that the node received and made.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn file_envelopes(&self) -> Result<Vec<api::FileEnvelopeView>, ClientError> {
        let request = self.get(path::AUDIT_ENVELOPES, path::AUDIT_ENVELOPES.into());
        let api::FileEnvelopesView { envelopes } = request.json().await?;
        Ok(envelopes)
    }

    /// Asks for any path in this client's name; status and body of the answer, whatever it is.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`], and when no request can be made.
    pub async fn call(
        &self,
        method: Method,
        target: &str,
        body: Option<&str>,
    ) -> Result<(u16, Vec<u8>), ClientError> {
        let mut request = self.request(method, "(call)", target.to_owned());
        if let Some(body) = body {
            request = request.text_body(body);
        }
        let answer = request.answer().await?;
        let status = answer.status().as_u16();
        Ok((status, answer.bytes().await?))
    }
}
