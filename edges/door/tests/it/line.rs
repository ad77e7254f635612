//! A line between a terminal and its acquirer that can be cut and bent.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Status, headers, body.
pub(crate) type Answer = (u16, Vec<(&'static str, String)>, Vec<u8>);

/// What the line does to the next answers.
#[derive(Clone, Default)]
pub(crate) struct Fault {
    /// It breaks after so many bytes of an answer.
    pub(crate) cut: Option<usize>,
    /// It turns a bit of this byte of an answer's body.
    pub(crate) bend: Option<usize>,
    /// It gives this answer instead.
    pub(crate) instead: Option<Answer>,
}

/// A line; what it carried is counted.
pub(crate) struct Line {
    pub(crate) url: String,
    pub(crate) fault: Arc<Mutex<Fault>>,
    /// Status and length of each body that came through, in order; refused posts are not there.
    pub(crate) carried: Arc<Mutex<Vec<(u16, usize)>>>,
}

impl Line {
    pub(crate) async fn to(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let line = Self {
            url,
            fault: Arc::default(),
            carried: Arc::default(),
        };
        let (fault, carried) = (Arc::clone(&line.fault), Arc::clone(&line.carried));
        let target = target.to_owned();
        tokio::spawn(async move {
            loop {
                let (near, _) = listener.accept().await.unwrap();
                let (fault, carried) = (Arc::clone(&fault), Arc::clone(&carried));
                let target = target.clone();
                tokio::spawn(async move { carry(near, &target, &fault, &carried).await });
            }
        });
        line
    }

    pub(crate) fn set(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
        self.carried.lock().unwrap().clear();
    }

    pub(crate) fn carried(&self) -> Vec<(u16, usize)> {
        self.carried.lock().unwrap().clone()
    }
}

/// Carries one request and its answer, and closes.
async fn carry(
    mut near: TcpStream,
    target: &str,
    fault: &Mutex<Fault>,
    carried: &Mutex<Vec<(u16, usize)>>,
) {
    let mut asked = Vec::new();
    let head = loop {
        let mut piece = [0; 4096];
        let Ok(read @ 1..) = near.read(&mut piece).await else {
            return;
        };
        asked.extend(&piece[..read]);
        if let Some(at) = asked.windows(4).position(|four| four == b"\r\n\r\n") {
            break String::from_utf8(asked[..at].to_vec()).unwrap();
        }
    };
    let mut lines = head.split("\r\n");
    let first = lines.next().unwrap();
    let Some(path) = first.strip_prefix("GET ").and_then(|l| l.split(' ').next()) else {
        // What a terminal says is not what is tried here.
        let answer = b"HTTP/1.1 503 Busy\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        let _ = near.write_all(answer).await;
        return;
    };
    // Who asks whether the node is there is no part of what is tried here.
    let is_health = path == "/health";
    let fault = if is_health {
        Fault::default()
    } else {
        fault.lock().unwrap().clone()
    };
    let (status, headers, mut body) = match fault.instead {
        Some((status, headers, body)) => {
            let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), v.clone()));
            (status, headers.collect::<Vec<_>>(), body)
        }
        None => {
            let mut request = tongtu_http::client::bare().get(format!("{target}{path}"));
            for line in lines {
                let (name, value) = line.split_once(": ").unwrap();
                if ["range", "if-range", "tongtu-now", "tongtu-envelope"].contains(&name) {
                    request = request.header(name, value);
                }
            }
            let Ok(answer) = request.send().await else {
                // A line that leads nowhere; what it answers is made up here.
                let life = "tongtu-life: 0000000000000000\r\n";
                let answer = format!(
                    "HTTP/1.1 200 X\r\nconnection: close\r\n{life}content-length: 0\r\n\r\n"
                );
                let _ = near.write_all(answer.as_bytes()).await;
                return;
            };
            let status = answer.status().as_u16();
            let headers = answer.headers().iter();
            let headers =
                headers.filter(|(name, _)| !["date", "content-length"].contains(&name.as_str()));
            let headers = headers.map(|(n, v)| (n.to_string(), v.to_str().unwrap().to_owned()));
            let headers = headers.collect();
            (status, headers, answer.bytes().await.unwrap().to_vec())
        }
    };
    if let Some(byte) = fault.bend.and_then(|at| body.get_mut(at)) {
        *byte ^= 1;
    }
    if !is_health {
        carried.lock().unwrap().push((status, body.len()));
    }
    let mut answer = format!("HTTP/1.1 {status} X\r\nconnection: close\r\n").into_bytes();
    for (name, value) in headers {
        answer.extend(format!("{name}: {value}\r\n").into_bytes());
    }
    if status != 204 {
        answer.extend(format!("content-length: {}\r\n", body.len()).into_bytes());
    }
    answer.extend(b"\r\n");
    answer.extend(body);
    answer.truncate(fault.cut.unwrap_or(usize::MAX));
    let _ = near.write_all(&answer).await;
    let _ = near.shutdown().await;
}
