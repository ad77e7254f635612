//! Requests made by hand, with whatever envelope.

use reqwest::{Method, Response};
use tongtu_api::{ENVELOPE_HEADER, LIFE_HEADER, NOW_HEADER, path};
use tongtu_callers::{Role, rule};
use tongtu_codec::hex_decode;
use tongtu_envelope::content_digest;
use tongtu_http::{Asked, Credential};
use tongtu_types::{InstitutionCode, Timestamp};

use crate::country::{Served, T0, admit, caller, credential, link, name, nation};

/// A request before its envelope.
#[derive(Clone)]
pub(crate) struct Raw {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Raw {
    /// At [`T0`], without a body.
    pub(crate) fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.into(),
            target: target.into(),
            headers: vec![(NOW_HEADER, T0.get().to_string())],
            body: Vec::new(),
        }
    }

    pub(crate) fn json(mut self, body: &str) -> Self {
        self.headers
            .push(("content-type", "application/json".into()));
        self.body = body.as_bytes().to_vec();
        self
    }

    /// Its envelope by this credential, made at [`T0`] for this node's present life.
    pub(crate) async fn signed(&self, served: &Served, who: &Credential) -> String {
        let own = served.node.config().code;
        self.sealed(who, own, life(&served.url).await, T0)
    }

    pub(crate) fn sealed(
        &self,
        who: &Credential,
        node: InstitutionCode,
        life: [u8; 8],
        made_at: Timestamp,
    ) -> String {
        let asked = Asked {
            method: &self.method,
            target: &self.target,
            content: &content_digest(&self.body),
        };
        who.request(node, life, asked, made_at).unwrap()
    }

    pub(crate) async fn send(&self, served: &Served, envelope: Option<&str>) -> Response {
        self.send_to(&served.url, envelope).await
    }

    pub(crate) async fn send_to(&self, url: &str, envelope: Option<&str>) -> Response {
        let method: Method = self.method.parse().unwrap();
        let url = format!("{url}{}", self.target);
        let mut request = tongtu_http::client::bare().request(method, url);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        if let Some(envelope) = envelope {
            request = request.header(ENVELOPE_HEADER, envelope);
        }
        request.body(self.body.clone()).send().await.unwrap()
    }
}

/// The present life of the node there.
pub(crate) async fn life(url: &str) -> [u8; 8] {
    let url = format!("{url}{}", path::HEALTH);
    let health = tongtu_http::client::bare().get(url).send().await.unwrap();
    let life = health.headers()[LIFE_HEADER].to_str().unwrap();
    hex_decode(life).unwrap().try_into().unwrap()
}

/// Somebody who may ask for this path; made known if need be.
pub(crate) async fn whoever_may(
    served: &Served,
    method: &str,
    pattern: &str,
    at: &str,
) -> Option<Credential> {
    let own = served.node.config().code;
    let rule = rule(method, pattern).unwrap();
    let (role, _) = rule.who.first()?;
    let number = match role {
        Role::Operator => "OP-1",
        Role::Officer => "KM-1",
        Role::Node => return Some(link(nation())),
        Role::Terminal => at.split('/').nth(3).unwrap(),
        other => panic!("{other} is nobody's first"),
    };
    let name = name(own, number);
    if *role == Role::Terminal {
        let terminal = caller(name, Role::Terminal, &[]);
        admit(&served.node, &terminal).await;
    }
    Some(credential(name))
}
