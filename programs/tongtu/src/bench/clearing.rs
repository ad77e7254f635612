//! A day of rides through a city's node: upload, close, settle; the store is a real file.

use std::time::Instant;

use tongtu_services::{Node, TerminalRegistration};
use tongtu_sql::Store;
use tongtu_types::{BusinessDay, Fen, TerminalNumber};
use tongtu_world::country::CITIES;
use tongtu_world::hosting::node_config;

use super::codes::{Stock, record};
use super::{Figure, of_rates, per_second};
use crate::exit::Failure;
use crate::lang::both;

/// Records in one upload.
const BATCH: usize = 500;

pub(super) async fn measure(runs: u32, rides: usize) -> Result<Vec<Figure>, Failure> {
    let stock = Stock::new(rides);
    let terminal_key = stock.country.seed.key("terminal of the bench");
    let records: Vec<Vec<u8>> = stock
        .first
        .iter()
        .enumerate()
        .map(|(i, c)| record(&stock, i, c, &terminal_key))
        .collect();
    let (mut whole, mut upload, mut settle) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..runs {
        let name = format!("tongtu-bench-{}-{run}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let result = day(&stock, &records, &terminal_key, &folder).await;
        // Left-overs in the temporary folder are the system's to sweep.
        let _ = std::fs::remove_dir_all(&folder);
        let (uploading, settling) = result?;
        whole.push(per_second(rides, uploading + settling));
        upload.push(per_second(rides, uploading));
        settle.push(per_second(rides, settling));
    }
    Ok(vec![
        of_rates(
            "rides uploaded and stored, terminal signature checked",
            "上传并入库（核对终端签名）",
            upload,
        ),
        of_rates(
            "rides closed and settled: verified again, judged, posted",
            "日切与清算（重新核验、判定、记账）",
            settle,
        ),
        of_rates("rides cleared end to end", "端到端清分", whole),
    ])
}

async fn day(
    stock: &Stock,
    records: &[Vec<u8>],
    terminal_key: &tongtu_crypto::SecretKey,
    folder: &std::path::Path,
) -> Result<(std::time::Duration, std::time::Duration), Failure> {
    let fault = |error: &dyn std::fmt::Display| {
        Failure::fault(both("the bench's node failed", "测速节点出错")).because(error)
    };
    std::fs::create_dir_all(folder).map_err(|e| fault(&e))?;
    let url = format!("sqlite:{}", folder.join("node.db").display());
    let store = Store::open(&url).await.map_err(|e| fault(&e))?;
    let node = Node::open(node_config(&stock.country, CITIES[0]), store)
        .await
        .map_err(|e| fault(&e))?;
    let day: BusinessDay = stock.now.china().day;
    let before = stock.now.plus_s(-3600);
    for (rider, user) in stock.country.riders.iter().zip(0..) {
        let key = stock.country.user_key(user);
        node.account_open(rider.account, key.public(), before)
            .await
            .map_err(|e| fault(&e))?;
        node.account_recharge(rider.account, &format!("b{user}"), Fen::new(5000), before)
            .await
            .map_err(|e| fault(&e))?;
    }
    let terminal = TerminalNumber::parse("100099999999").expect("twelve digits");
    let registration = TerminalRegistration {
        terminal,
        serial: [0, 0, 0, 1],
        public_key: terminal_key.public().clone(),
    };
    node.terminal_register(registration, before)
        .await
        .map_err(|e| fault(&e))?;

    let begun = Instant::now();
    for batch in records.chunks(BATCH) {
        let at = stock.now.plus_s(60);
        node.records_upload(terminal, batch, at)
            .await
            .map_err(|e| fault(&e))?;
    }
    let uploading = begun.elapsed();
    let cut_off = day.next().start_in_china().plus_s(4 * 3600);
    let begun = Instant::now();
    node.day_close(day, cut_off).await.map_err(|e| fault(&e))?;
    let view = node.day_settle(day, cut_off).await.map_err(|e| fault(&e))?;
    let settling = begun.elapsed();
    let expected = u64::try_from(records.len()).unwrap_or(u64::MAX);
    if view.settled != expected {
        return Err(fault(&format!(
            "{} rides settled, expected {expected}",
            view.settled
        )));
    }
    Ok((uploading, settling))
}
