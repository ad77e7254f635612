//! Files between institutions.

use reqwest::Method;
use tongtu_api::{self as api, path};
use tongtu_codec::{hex_decode, hex_encode};
use tongtu_crypto::sm3::Digested;
use tongtu_envelope::{Envelope, Kind};
use tongtu_exchange_file::FileName;
use tongtu_types::InstitutionCode;

use super::wire::LONG_TIMEOUT;
use super::{Client, ClientError, hex};

/// A file that waits for its receiver.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WaitingFile {
    /// Its name.
    pub name: FileName,
    /// The SM3 digest of its bytes.
    pub digest: [u8; 32],
    /// Its length in bytes.
    pub length: u64,
}

impl Client {
    /// Delivers a file of `sender` in its envelope; safe to repeat.
    ///
    /// # Errors
    /// [`ClientError`]; refused when other bytes came under this name before.
    pub async fn file_send(
        &self,
        sender: InstitutionCode,
        name: &FileName,
        file: &Digested<impl AsRef<[u8]>>,
        envelope: &Envelope,
    ) -> Result<api::ReceiptKind, ClientError> {
        let request = self.request(Method::PUT, path::FILE, path::file(&name.to_string()));
        let malformed = request.malformed();
        let envelope = envelope.encode();
        let envelope = envelope.map_err(|e| malformed.because("envelope", e))?;
        let request = request
            .header(api::SENDER_HEADER, sender.as_str())
            .header(api::FILE_ENVELOPE_HEADER, &hex_encode(&envelope))
            .raw_body(file)
            .timeout(LONG_TIMEOUT);
        let api::FileReceipt { receipt } = request.json().await?;
        Ok(receipt)
    }

    /// Lists the files that wait for `receiver`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn files_waiting(
        &self,
        receiver: InstitutionCode,
    ) -> Result<Vec<WaitingFile>, ClientError> {
        let request = self.get(path::FILES, path::FILES.into());
        let malformed = request.malformed();
        let view: api::FilesView = request.query(&receiver_query(receiver)).json().await?;
        let waiting = |info: &api::FileInfo| {
            Ok(WaitingFile {
                name: FileName::parse(&info.name).map_err(|e| malformed.because("name", e))?,
                digest: info.digest.0.as_slice().try_into().map_err(|_| {
                    let found = info.digest.0.len();
                    malformed.what(format!("digest of {found} bytes, expected 32"))
                })?,
                length: info.length,
            })
        };
        view.files.iter().map(waiting).collect()
    }

    /// Reads a file that waits for `receiver`, or waited once, and its sender's envelope, if one
    /// that can be read came with it. Nothing is checked of it here.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn file_read(
        &self,
        receiver: InstitutionCode,
        name: &FileName,
    ) -> Result<(Vec<u8>, Option<Envelope>), ClientError> {
        let request = self.get(path::FILE, path::file(&name.to_string()));
        let request = request.query(&receiver_query(receiver));
        let answer = request.timeout(LONG_TIMEOUT).send().await?;
        let envelope = answer
            .header(api::FILE_ENVELOPE_HEADER)
            .and_then(|text| hex_decode(text).ok())
            .and_then(|bytes| Envelope::read(&bytes, Kind::File).ok());
        Ok((answer.bytes().await?, envelope))
    }

    /// Says that `receiver` has the file with this digest; safe to repeat.
    ///
    /// # Errors
    /// [`ClientError`]; refused when the digest is another.
    pub async fn file_confirm(
        &self,
        receiver: InstitutionCode,
        name: &FileName,
        digest: [u8; 32],
    ) -> Result<(), ClientError> {
        let body = api::FileConfirm {
            receiver: receiver.as_str().into(),
            digest: hex(&digest),
        };
        let at = path::file_confirmation(&name.to_string());
        let request = self.post(path::FILE_CONFIRMATION, at);
        request.body(&body).empty().await
    }

    /// Makes the node exchange files with its parent now; safe to repeat.
    ///
    /// # Errors
    /// [`ClientError`]; what went wrong between node and parent is in the report.
    pub async fn pump(&self) -> Result<api::PumpReport, ClientError> {
        let request = self.post(path::PUMP, path::PUMP.into());
        request.timeout(LONG_TIMEOUT).json().await
    }
}

fn receiver_query(receiver: InstitutionCode) -> api::ReceiverQuery {
    api::ReceiverQuery {
        receiver: receiver.as_str().into(),
    }
}
