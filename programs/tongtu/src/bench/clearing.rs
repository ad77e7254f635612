//! Days of rides through the whole country: uploaded over HTTP, closed and settled by all four
//! nodes on their own database files, half of the rides at home and half abroad.

use std::path::Path;
use std::time::{Duration, Instant};

use tongtu_callers::CallerName;
use tongtu_http::Credential;
use tongtu_types::{Fen, TerminalNumber};
use tongtu_world::country::{CITIES, NODES};
use tongtu_world::drive::{Drive, Peace};
use tongtu_world::hosting;
use tongtu_world::terminals::Terminals;

use super::codes::{BENCH_TERMINAL, Stock, record};
use super::{Figure, of_rates, per_second};
use crate::exit::Failure;
use crate::lang::both;

/// Records in one upload.
const BATCH: usize = 500;

pub(super) async fn measure(runs: u32, rides: usize) -> Result<Vec<Figure>, Failure> {
    let folder = std::env::temp_dir().join(format!("tongtu-bench-{}", std::process::id()));
    let result = days(runs, rides, &folder).await;
    // Left-overs in the temporary folder are the system's to sweep.
    let _ = std::fs::remove_dir_all(&folder);
    let (upload, settle, whole) = result?;
    Ok(vec![
        of_rates(
            "rides uploaded over HTTP, checked and stored",
            "经 HTTP 上传、核验并入库",
            upload,
        ),
        of_rates(
            "rides closed and settled by all four nodes",
            "四个节点日切与清算",
            settle,
        ),
        of_rates("rides cleared end to end", "端到端清分", whole),
    ])
}

type Rates = (Vec<u64>, Vec<u64>, Vec<u64>);

async fn days(runs: u32, rides: usize, folder: &Path) -> Result<Rates, Failure> {
    let fault = |error: &dyn std::fmt::Display| {
        Failure::fault(both("the bench's country stopped", "测速中断")).because(error)
    };
    std::fs::create_dir_all(folder).map_err(|e| fault(&e))?;
    let mut stock = Stock::new(rides);
    let country = &stock.country;
    let terminal_key = country.seed.key("terminal of the bench");
    let hosted = hosting::host(country, folder)
        .await
        .map_err(|e| fault(&e))?;
    let before = stock.now.plus_s(-3600);
    for (rider, user) in country.riders.iter().zip(0..) {
        let client = hosted.clients[rider.home].at(before);
        let key = country.user_key(user);
        client
            .account_open(rider.account, key.public())
            .await
            .map_err(|e| fault(&e))?;
        let id = format!("bench-{user}");
        client
            .account_recharge(rider.account, &id, Fen::new(100_000))
            .await
            .map_err(|e| fault(&e))?;
    }
    let terminal = TerminalNumber::parse(BENCH_TERMINAL).expect("twelve digits");
    let city = CITIES[0];
    hosted.clients[city]
        .at(before)
        .terminal_register(terminal, [0, 0, 0, 1], terminal_key.public())
        .await
        .map_err(|e| fault(&e))?;
    let own = NODES[city].institution();
    let name = CallerName {
        institution: own,
        number: terminal.as_str().parse().expect("twelve digits"),
    };
    let key = Box::new(country.seed.key("terminal of the bench"));
    let uplink = Credential::new(name, 1, key, [1; 16]);
    let uplink = hosted.clients[city].acting_as(uplink, own);

    let (mut upload, mut settle, mut whole) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..runs {
        if run > 0 {
            stock.next_day();
        }
        let records: Vec<Vec<u8>> = stock
            .first
            .iter()
            .enumerate()
            .map(|(i, code)| record(&stock, i, code, &terminal_key))
            .collect();
        let client = uplink.at(stock.now.plus_s(60));
        let begun = Instant::now();
        for batch in records.chunks(BATCH) {
            client
                .records_upload(terminal, batch)
                .await
                .map_err(|e| fault(&e))?;
        }
        let uploading = begun.elapsed();
        let settling = settle_day(&stock, &hosted).await.map_err(|e| fault(&e))?;
        let day = stock.now.china().day;
        let view = hosted.clients[city]
            .at(stock.now)
            .day_view(day)
            .await
            .map_err(|e| fault(&e))?;
        let expected = u64::try_from(records.len()).unwrap_or(u64::MAX);
        if view.settled + view.forwarded != expected || !view.refused.is_empty() {
            return Err(fault(&format!(
                "settled and forwarded {view:?}, expected {expected}"
            )));
        }
        upload.push(per_second(rides, uploading));
        settle.push(per_second(rides, settling));
        whole.push(per_second(rides, uploading + settling));
    }
    hosted.stop().await;
    Ok((upload, settle, whole))
}

async fn settle_day(
    stock: &Stock,
    hosted: &hosting::Hosted,
) -> Result<Duration, tongtu_world::WorldError> {
    let terminals = Terminals::local(&stock.country, &hosted.clients)?;
    let mut drive = Drive::new(&stock.country, &hosted.clients, terminals, Peace);
    let begun = Instant::now();
    drive.settle(stock.now.china().day, &mut || {}).await?;
    Ok(begun.elapsed())
}
