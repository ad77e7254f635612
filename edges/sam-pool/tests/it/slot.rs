//! A soft module in a reader of the system's service, asked as a module in a slot.

use std::env;
use std::net::{Ipv4Addr, SocketAddr};
use std::thread::spawn;
use std::time::Duration;

use tongtu_foreign::{CardService, run_within};
use tongtu_psam::command::MacKeys;
use tongtu_psam::{Psam as _, PsamFault, PsamRequest};
use tongtu_reader::vpcd::{Patience, Stop, serve};
use tongtu_reader::{CardChannel as _, connect, wait_for_card};
use tongtu_sam::{ApduPsam, PsamProfile};
use tongtu_sam_pool::{ReaderSlot, VirtualModule};

use crate::bench::{Cells, buy, chips, purchase};

/// Set in the process that is a client of the private service.
const CLIENT: &str = "TONGTU_SAM_TEST_CLIENT";
const TEST: &str = "slot::a_soft_module_behind_pcscd_sells_like_one_in_a_slot";
const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn a_soft_module_behind_pcscd_sells_like_one_in_a_slot() {
    if env::var_os(CLIENT).is_some() {
        println!("a permit and its MAC2 through pcscd: {:?}", client());
        return;
    }
    let Some(mut service) = CardService::start() else {
        return;
    };
    let stop = Stop::new();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, service.port()));
    let switch = stop.clone();
    let serving = spawn(move || {
        let memory = Cells(chips(1).remove(0));
        let mut module = VirtualModule::new(
            memory,
            Box::new(|out| {
                out.fill(0x5A);
                Ok(())
            }),
        )
        .unwrap();
        let patience = Patience::once_within(LIMIT);
        serve(address, &mut module, patience, &switch, &mut |_| {})
    });
    service.wait_for_card(|| !serving.is_finished()).unwrap();
    let mut command = service.command(env::current_exe().unwrap());
    command
        .args(["--exact", TEST, "--nocapture"])
        .env(CLIENT, "1");
    let said = run_within(Duration::from_secs(60), &mut command, b"").good();
    println!("{said}");
    assert!(said.contains("1 passed"), "{said}");
    stop.stop();
    assert!(serving.join().unwrap().unwrap().commands > 10);
}

/// Buys fifty times; how long one takes.
fn client() -> Duration {
    wait_for_card(None, LIMIT).unwrap();
    let slot = ReaderSlot(connect(None).unwrap());
    let mut psam = ApduPsam::open(slot, MacKeys::USUAL).unwrap();
    assert_eq!(
        *psam.identity(),
        PsamProfile::test_flat().numbered(1).identity
    );
    let start = std::time::Instant::now();
    for ride in 1..=50 {
        assert_eq!(buy(&mut psam, ride), Ok(u32::from(ride)));
    }
    let each = start.elapsed() / 50;
    // Another program resets the module: what it awaited is gone, and the terminal is told.
    let mut other = connect(None).unwrap();
    other.reset().unwrap();
    let request = PsamRequest::Purchase(purchase(51));
    assert_eq!(psam.ask(&request), Err(PsamFault::Absent));
    assert_eq!(buy(&mut psam, 52), Ok(51), "it is opened again");
    each
}
