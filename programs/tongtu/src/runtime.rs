//! The asynchronous runtime, for the commands that have nodes or terminals to talk to.

use std::time::Duration;

use tongtu_config::ClockKind;
use tongtu_http::Clock;

use crate::core_files;
use crate::exit::Failure;
use crate::lang::both;

/// How long a thread for computations waits for the next one. Nothing overwrites its registers.
const IDLE: Duration = Duration::from_secs(1);

/// Runs a command's future to its end.
pub(crate) fn run<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .on_thread_park(core_files::wipe_registers)
        .thread_keep_alive(IDLE)
        .build();
    let runtime = runtime.map_err(|error| {
        Failure::fault(both("no threads to run on", "无法启动运行环境")).because(error)
    })?;
    runtime.block_on(work)
}

/// Unpredictable bytes.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| {
        Failure::fault(both("the system gives no randomness", "系统无法提供随机数")).because(error)
    })?;
    Ok(bytes)
}

/// The clock that a settings file names.
pub(crate) const fn clock(kind: ClockKind) -> Clock {
    match kind {
        ClockKind::System => Clock::System,
        ClockKind::Simulated => Clock::Simulated,
    }
}

/// Logs of nodes and terminals go to stderr; `RUST_LOG` chooses how much.
pub(crate) fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    // A second call finds the first one's logger in place, which is as good.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .try_init();
    if let Err(error) = core_files::shut() {
        tracing::warn!(%error, "core files of this process will have its memory in them");
    } else if core_files::are_allowed() {
        tracing::info!(
            "core files are allowed, and registers will be in them: set their limit to 0"
        );
    }
}

/// Returns when the process is asked to end: Ctrl-C or SIGTERM.
pub(crate) async fn until_told_to_stop() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    // Without a handler the system ends the process by itself.
    let _ = tokio::signal::ctrl_c().await;
}
