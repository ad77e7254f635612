//! Links of the programs that run: their files, and looking at them while they run.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tongtu_link::{Link, LinkFiles, LinkWatch, Seen};
use tongtu_types::InstitutionCode;

use crate::clock;
use crate::exit::Failure;
use crate::lang::both;

/// Between two looks at the files.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Reads a link's files. Terms count by the machine's clock, also where a node's own is simulated.
pub(crate) fn open(
    files: LinkFiles,
    own: Option<InstitutionCode>,
) -> Result<(Arc<Link>, LinkWatch), Failure> {
    let opened = files.open(own, Arc::new(|| clock::now_or(None)));
    opened.map_err(|error| {
        Failure::usage(both(
            "link certificate or register do not hold",
            "链路证书或机构登记有误",
        ))
        .because(error)
        .hint(both(
            "`tongtu register verify` says more of a register",
            "可用 `tongtu register verify` 检查机构登记",
        ))
    })
}

/// Looks at the files from time to time, and at once on SIGHUP, and goes by what they say.
pub(crate) async fn keep_watch(mut watch: LinkWatch) -> Infallible {
    let mut told: Option<String> = None;
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = hang_up() => {}
        }
        let fault = match watch.look() {
            Ok(Seen::Same) => continue,
            Ok(Seen::Changed { register }) => {
                tracing::info!(register, "link files changed and are in force");
                None
            }
            Err(error) => Some(error.to_string()),
        };
        // One fault is told once, although every look finds it again.
        if let Some(fault) = fault.as_ref().filter(|fault| told.as_ref() != Some(fault)) {
            tracing::error!(%fault, "changed link files do not hold, the old ones stay in force");
        }
        told = fault;
    }
}

/// Returns at SIGHUP.
async fn hang_up() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut hang_up) = signal(SignalKind::hangup()) {
            hang_up.recv().await;
            return;
        }
    }
    std::future::pending().await
}
