//! A PSAM in the maker's slot, asked step by step.

use tongtu_card::RamMemory;
use tongtu_ffi::api::{
    tt_cancel, tt_close, tt_next, tt_psam_begin, tt_status, tt_tap_begin, tt_tap_end, tt_told,
};
use tongtu_ffi::code::{TT_ERR_PSAM, TT_ERR_STATE, TT_OK};
use tongtu_ffi::types::{
    TT_ACCEPTED, TT_ASK_CARD, TT_ASK_DONE, TT_ASK_PSAM, TT_ASK_PSAM_RESET, TT_HEARD, TT_LOST,
    TT_PSAM_SLOT, TtAsk, TtTapEnd,
};
use tongtu_sam::{PsamProfile, SoftPsam};

use crate::fixture::{
    Flash, Rider, T0, asked, blank_ask, blank_status, blank_tap_end, open, words,
};

type Module = SoftPsam<RamMemory>;

fn module() -> Module {
    let mut made = PsamProfile::test_flat();
    // Of the terminal's city.
    [made.identity.receiver.0[2], made.identity.receiver.0[3]] = [0x58, 0x10];
    SoftPsam::manufacture(RamMemory::new(8 * 1024), &made).unwrap()
}

fn serve(module: &mut Module, ask: &TtAsk) -> Vec<u8> {
    match ask.kind {
        TT_ASK_PSAM_RESET => {
            module.reset();
            Vec::new()
        }
        TT_ASK_PSAM => {
            let mut entropy = |out: &mut [u8]| out.fill(7);
            module.transmit(&mut entropy, asked(ask)).unwrap()
        }
        kind => panic!("asked {kind}"),
    }
}

fn fit(terminal: u64, module: &mut Module) {
    let mut ask = blank_ask();
    let mut code = unsafe { tt_psam_begin(terminal, &raw mut ask) };
    while code == TT_OK && ask.kind != TT_ASK_DONE {
        let answer = serve(module, &ask);
        code = unsafe {
            tt_next(
                terminal,
                TT_HEARD,
                answer.as_ptr(),
                answer.len(),
                &raw mut ask,
            )
        };
    }
    assert_eq!(code, TT_OK, "{}", words());
}

/// A tap whose module is asked as well; how many commands that took.
fn tap(terminal: u64, rider: &mut Rider, module: &mut Module, now: i64) -> (TtTapEnd, usize) {
    rider.present();
    let (mut ask, mut asks) = (blank_ask(), 0);
    let mut code = unsafe { tt_tap_begin(terminal, now, &raw mut ask) };
    while code == TT_OK && ask.kind != TT_ASK_DONE {
        let answer = if ask.kind == TT_ASK_CARD {
            rider.transmit(asked(&ask)).unwrap()
        } else {
            asks += 1;
            serve(module, &ask)
        };
        code = unsafe {
            tt_next(
                terminal,
                TT_HEARD,
                answer.as_ptr(),
                answer.len(),
                &raw mut ask,
            )
        };
    }
    assert_eq!(code, TT_OK, "{}", words());
    let mut end = blank_tap_end();
    assert_eq!(unsafe { tt_tap_end(terminal, &raw mut end) }, TT_OK);
    assert_eq!(tt_told(terminal, end.seq), TT_OK);
    (end, asks)
}

#[test]
fn a_module_in_a_slot_is_opened_and_pays_with_two_commands_a_tap() {
    let mut flash = Flash::with_room(0);
    let terminal = open(&mut flash, |setup| setup.psam = TT_PSAM_SLOT);
    let mut ask = blank_ask();
    let early = unsafe { tt_tap_begin(terminal, T0, &raw mut ask) };
    assert_eq!(early, TT_ERR_STATE, "no module is known yet");
    let mut module = module();
    fit(terminal, &mut module);
    let mut status = blank_status();
    assert_eq!(unsafe { tt_status(terminal, T0, &raw mut status) }, TT_OK);
    assert_eq!(status.cards, 1);
    let mut rider = Rider::with(1, 5_000);
    let (end, asks) = tap(terminal, &mut rider, &mut module, T0);
    assert_eq!((end.outcome, end.psam_requests, asks), (TT_ACCEPTED, 2, 2));
    tt_close(terminal);
}

#[test]
fn after_a_tap_given_up_while_the_module_was_asked_it_is_reset_before_the_next() {
    let mut flash = Flash::with_room(0);
    let terminal = open(&mut flash, |setup| setup.psam = TT_PSAM_SLOT);
    let mut module = module();
    fit(terminal, &mut module);
    let mut rider = Rider::with(1, 5_000);
    rider.present();
    let mut ask = blank_ask();
    assert_eq!(unsafe { tt_tap_begin(terminal, T0, &raw mut ask) }, TT_OK);
    while ask.kind == TT_ASK_CARD {
        let answer = rider.transmit(asked(&ask)).unwrap();
        let code = unsafe {
            tt_next(
                terminal,
                TT_HEARD,
                answer.as_ptr(),
                answer.len(),
                &raw mut ask,
            )
        };
        assert_eq!(code, TT_OK);
    }
    assert_eq!(ask.kind, TT_ASK_PSAM);
    serve(&mut module, &ask);
    assert_eq!(tt_cancel(terminal), TT_OK);
    assert_eq!(tt_cancel(terminal), TT_ERR_STATE);
    let (end, asks) = tap(terminal, &mut rider, &mut module, T0 + 10);
    assert_eq!(end.outcome, TT_ACCEPTED);
    assert!(asks > 2, "reset, identity, purchase, MAC2: {asks}");
    let (end, asks) = tap(terminal, &mut rider, &mut module, T0 + 60);
    assert_eq!((end.outcome, asks), (TT_ACCEPTED, 2));
    tt_close(terminal);
}

#[test]
fn an_empty_slot_is_a_fault_and_can_be_tried_again() {
    let mut flash = Flash::with_room(0);
    let terminal = open(&mut flash, |setup| setup.psam = TT_PSAM_SLOT);
    let mut ask = blank_ask();
    assert_eq!(unsafe { tt_psam_begin(terminal, &raw mut ask) }, TT_OK);
    assert_eq!(ask.kind, TT_ASK_PSAM_RESET);
    let gone = unsafe { tt_next(terminal, TT_LOST, std::ptr::null(), 0, &raw mut ask) };
    assert_eq!(gone, TT_ERR_PSAM, "{}", words());
    fit(terminal, &mut module());
    tt_close(terminal);
}
