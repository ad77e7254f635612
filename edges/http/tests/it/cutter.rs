//! A way to a node that breaks after so many bytes.

use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, watch};

/// Passes bytes in both directions until so many have passed; then every connection is dropped
/// and none is taken any more.
pub(crate) struct Cutter {
    pub(crate) url: String,
    cut: watch::Receiver<bool>,
}

impl Cutter {
    pub(crate) async fn new(target_url: &str, bytes_max: usize) -> Self {
        let target = target_url.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let left = Arc::new(Mutex::new(bytes_max));
        let (cutting, cut) = watch::channel(bytes_max == 0);
        let cutting = Arc::new(cutting);
        let mut over = cut.clone();
        tokio::spawn(async move {
            let accepting = async {
                loop {
                    let (near, _) = listener.accept().await.unwrap();
                    let far = TcpStream::connect(&target).await.unwrap();
                    tokio::spawn(pass(near, far, Arc::clone(&left), Arc::clone(&cutting)));
                }
            };
            tokio::select! {
                () = accepting => {}
                _ = over.wait_for(|cut| *cut) => {}
            }
        });
        Self { url, cut }
    }

    /// Waits until the way is broken.
    pub(crate) async fn broken(&self) {
        self.cut.clone().wait_for(|cut| *cut).await.unwrap();
    }

    pub(crate) fn is_broken(&self) -> bool {
        *self.cut.borrow()
    }
}

async fn pass(
    near: TcpStream,
    far: TcpStream,
    left: Arc<Mutex<usize>>,
    cutting: Arc<watch::Sender<bool>>,
) {
    let mut over = cutting.subscribe();
    let (mut near_read, mut near_write) = near.into_split();
    let (mut far_read, mut far_write) = far.into_split();
    let up = copy(&mut near_read, &mut far_write, &left, &cutting);
    let down = copy(&mut far_read, &mut near_write, &left, &cutting);
    tokio::select! {
        () = up => {}
        () = down => {}
        _ = over.wait_for(|cut| *cut) => {}
    }
}

/// Copies until either side closes or nothing may pass any more.
async fn copy(
    from: &mut (impl tokio::io::AsyncRead + Unpin),
    to: &mut (impl tokio::io::AsyncWrite + Unpin),
    left: &Mutex<usize>,
    cutting: &watch::Sender<bool>,
) {
    let mut buffer = [0; 4096];
    loop {
        let Ok(read @ 1..) = from.read(&mut buffer).await else {
            return;
        };
        let mut left = left.lock().await;
        let passing = read.min(*left);
        if to.write_all(&buffer[..passing]).await.is_err() {
            return;
        }
        *left -= passing;
        if *left == 0 {
            cutting.send_replace(true);
            return;
        }
    }
}
