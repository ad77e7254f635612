//! What the driver says, and what the card's side makes of it.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use tongtu_reader::vpcd::{Notice, Patience, Served, Stop, VpcdError, serve, serve_stream};
use tongtu_reader::{CardChannel as _, Direct, ReaderError};

use crate::driver::{Driver, EchoCard, Serving, Told};

const ONCE: Patience = Patience::once_within(Duration::from_secs(60));
const AGAIN: Patience = Patience {
    retry_every: Duration::from_millis(1),
    give_up_after: None,
    comes_back: true,
};

#[test]
fn a_drivers_session_is_served_in_order() {
    let driver = Driver::listen();
    let serving = Serving::start(driver.address(), ONCE);
    let mut slot = driver.accept();
    slot.send(&[0x04]);
    assert_eq!(slot.receive(), [0x3B, 0x80, 0x80, 0x01, 0x01]);
    slot.send(&[0x01]);
    slot.send(&[0x02]);
    slot.send(&[0x00, 0xA4, 0x04, 0x00]);
    assert_eq!(slot.receive(), [0x00, 0xA4, 0x04, 0x00, 0x90, 0x00]);
    slot.send(&[0x00]);
    drop(slot);
    let (card, served) = serving.end();
    let expected = Served {
        connections: 1,
        commands: 1,
    };
    assert_eq!(served.unwrap(), expected);
    let command = Told::Command(vec![0x00, 0xA4, 0x04, 0x00]);
    assert_eq!(
        card.told,
        [Told::On, Told::Reset, command, Told::Off, Told::Off],
        "the last: without a driver there is no power"
    );
}

#[test]
fn messages_may_come_in_any_pieces() {
    let driver = Driver::listen();
    let serving = Serving::start(driver.address(), ONCE);
    let mut slot = driver.accept();
    for byte in [0, 4, 0x80, 0xCA, 0, 0x66] {
        slot.send_raw(&[byte]);
    }
    assert_eq!(slot.receive(), [0x80, 0xCA, 0, 0x66, 0x90, 0x00]);
    // Two in one piece.
    slot.send_raw(&[0, 2, 1, 2, 0, 2, 3, 4]);
    assert_eq!(slot.receive(), [1, 2, 0x90, 0x00]);
    assert_eq!(slot.receive(), [3, 4, 0x90, 0x00]);
    drop(slot);
    serving.end().1.unwrap();
}

#[test]
fn the_longest_message_passes_both_ways() {
    let driver = Driver::listen();
    let serving = Serving::start(driver.address(), ONCE);
    let mut slot = driver.accept();
    let mut longest = vec![0; 65_535];
    slot.send(&longest[..65_533]);
    assert_eq!(slot.receive().len(), 65_535);
    longest[1] = 0x01;
    slot.send(&longest);
    let (_, served) = serving.end();
    assert!(matches!(
        served,
        Err(VpcdError::AnswerTooShort { length_bytes: 1 })
    ));
}

#[test]
fn an_answer_that_does_not_fit_ends_serving() {
    let driver = Driver::listen();
    let serving = Serving::start(driver.address(), ONCE);
    driver.accept().send(&[0x00, 0xFF, 0, 0]);
    let (card, served) = serving.end();
    assert!(matches!(
        served,
        Err(VpcdError::AnswerTooLong {
            length_bytes: 65_536
        })
    ));
    assert_eq!(card.told.last(), Some(&Told::Off));
}

#[test]
fn garbage_is_refused_without_reaching_the_card() {
    for (bytes, says) in [
        (&[0, 0][..], "length 0"),
        (&[0, 1, 0x03], "control code 03"),
        (&[0, 1, 0x05], "control code 05"),
        (&[0, 1, 0xFF], "control code FF"),
    ] {
        let driver = Driver::listen();
        let serving = Serving::start(driver.address(), AGAIN);
        let mut slot = driver.accept();
        slot.send_raw(bytes);
        assert!(slot.is_closed(), "{says}");
        let (card, served) = serving.end();
        let error = served.unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
        assert_eq!(card.told, [Told::Off]);
    }
}

#[test]
fn a_driver_that_closes_inside_a_message_only_left() {
    for (bytes, says) in [
        (&[0][..], "1 of 2"),
        (&[0, 4], "2 of 6"),
        (&[0, 4, 0x00, 0xA4, 0x04], "5 of 6"),
        (&[0xFF, 0xFF, 0x00], "3 of 65537"),
    ] {
        let driver = Driver::listen();
        let serving = Serving::start(driver.address(), ONCE);
        driver.accept().send_raw(bytes);
        let (notice, address) = (serving.notices.recv().unwrap(), driver.address());
        assert_eq!(notice, Notice::Connected { address });
        let Notice::Lost { reason } = serving.notices.recv().unwrap() else {
            panic!("expected the driver to be lost");
        };
        assert!(reason.contains(says), "{reason}");
        let (card, served) = serving.end();
        assert_eq!(served.unwrap().commands, 0);
        assert_eq!(card.told, [Told::Off], "half a command is no command");
    }
}

#[test]
fn a_driver_that_left_is_found_again() {
    let driver = Driver::listen();
    let serving = Serving::start(driver.address(), AGAIN);
    for round in 0..3 {
        let mut slot = driver.accept();
        slot.send(&[round, 0xB0]);
        assert_eq!(slot.receive(), [round, 0xB0, 0x90, 0x00]);
    }
    let mut slot = driver.accept();
    serving.stop.stop();
    assert!(slot.is_closed());
    let (_, served) = serving.end();
    let expected = Served {
        connections: 4,
        commands: 3,
    };
    assert_eq!(served.unwrap(), expected);
}

#[test]
fn a_driver_that_starts_later_is_waited_for() {
    let placeholder = Driver::listen();
    let address = placeholder.address();
    drop(placeholder);
    let serving = Serving::start(address, AGAIN);
    assert_eq!(serving.notices.recv(), Ok(Notice::Waiting { address }));
    let Ok(listener) = TcpListener::bind(address) else {
        // Another process took the port in between: nothing to see on this one.
        serving.stop.stop();
        serving.end().1.unwrap();
        return;
    };
    let (stream, _) = listener.accept().unwrap();
    assert_eq!(serving.notices.recv(), Ok(Notice::Connected { address }));
    serving.stop.stop();
    drop(stream);
    assert_eq!(serving.end().1.unwrap().connections, 1);
}

#[test]
fn a_missing_driver_is_named_after_the_time_given() {
    let placeholder = Driver::listen();
    let address = placeholder.address();
    drop(placeholder);
    let patience = Patience::once_within(Duration::from_millis(1));
    let mut card = EchoCard::default();
    let mut notices = Vec::new();
    let error = serve(address, &mut card, patience, &Stop::new(), &mut |notice| {
        notices.push(notice);
    })
    .unwrap_err();
    assert!(matches!(&error, VpcdError::NoDriver { .. }), "{error}");
    assert!(error.to_string().contains(&address.to_string()), "{error}");
    assert!(card.told.is_empty());
}

#[test]
fn stopping_before_the_start_serves_nothing() {
    let driver = Driver::listen();
    let stop = Stop::new();
    stop.stop();
    let mut card = EchoCard::default();
    let served = serve(driver.address(), &mut card, AGAIN, &stop, &mut |_| {}).unwrap();
    assert_eq!(served, Served::default());
    let stream = TcpStream::connect(driver.address()).unwrap();
    assert_eq!(serve_stream(stream, &mut card, &stop).unwrap(), 0);
}

#[test]
fn stopping_ends_a_wait_for_the_driver() {
    let placeholder = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = placeholder.local_addr().unwrap();
    drop(placeholder);
    let patience = Patience {
        retry_every: Duration::from_secs(3600),
        ..AGAIN
    };
    let serving = Serving::start(address, patience);
    assert_eq!(serving.notices.recv(), Ok(Notice::Waiting { address }));
    serving.stop.stop();
    assert_eq!(serving.end().1.unwrap(), Served::default());
}

#[test]
fn a_card_that_fails_ends_serving_with_its_own_error() {
    let driver = Driver::listen();
    let serving = Serving::start(driver.address(), AGAIN);
    let mut slot = driver.accept();
    slot.send(&[0x00, 0xEE, 0, 0]);
    assert!(slot.is_closed(), "a torn card does not answer");
    let (_, served) = serving.end();
    let error = served.unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(
        format!("{error}: {source}"),
        "the card cannot answer a command: the memory is torn"
    );
}

#[test]
fn a_card_in_this_process_is_a_channel_too() {
    let mut channel = Direct::power_up(EchoCard::default()).unwrap();
    assert_eq!(channel.atr(), [0x3B, 0x80, 0x80, 0x01, 0x01]);
    assert_eq!(channel.transmit(&[0, 2]).unwrap(), [0, 2, 0x90, 0x00]);
    channel.reset().unwrap();
    let error = channel.transmit(&[0, 0xEE]).unwrap_err();
    assert!(
        matches!(
            error,
            ReaderError::Card {
                doing: "answer",
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(channel.into_inner().told[..1], [Told::On]);
}

#[cfg(not(feature = "pcsc"))]
#[test]
fn a_build_without_pcsc_says_how_to_get_it() {
    let error = tongtu_reader::readers().unwrap_err().to_string();
    assert!(error.contains("--features pcsc"), "{error}");
    let waited = tongtu_reader::wait_for_card(None, Duration::ZERO);
    assert!(matches!(waited, Err(ReaderError::WithoutPcsc)));
    let connected = tongtu_reader::connect(Some("any"));
    assert!(matches!(connected, Err(ReaderError::WithoutPcsc)));
}
