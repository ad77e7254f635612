//! A driver for tests: it listens, as `vpcd` does, and a card that answers by rote.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{JoinHandle, spawn};

use tongtu_reader::vpcd::{Notice, Patience, Served, Stop, VirtualCard, VpcdError, serve};

/// What a card was told, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    On,
    Off,
    Reset,
    Command(Vec<u8>),
}

/// Why the card of these tests fails.
#[derive(Debug, thiserror::Error)]
#[error("the memory is torn")]
pub(crate) struct Torn;

/// A card that repeats a command and adds `9000`, fails at INS `EE`, and answers INS `01` with one byte,
/// INS `FF` with 65534 zeros and a status word.
#[derive(Debug, Default)]
pub(crate) struct EchoCard {
    pub(crate) told: Vec<Told>,
}

impl VirtualCard for EchoCard {
    type Fault = Torn;

    fn atr(&self) -> Vec<u8> {
        vec![0x3B, 0x80, 0x80, 0x01, 0x01]
    }

    fn power_on(&mut self) -> Result<(), Torn> {
        self.told.push(Told::On);
        Ok(())
    }

    fn power_off(&mut self) -> Result<(), Torn> {
        self.told.push(Told::Off);
        Ok(())
    }

    fn reset(&mut self) -> Result<(), Torn> {
        self.told.push(Told::Reset);
        Ok(())
    }

    fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, Torn> {
        self.told.push(Told::Command(apdu.to_vec()));
        match apdu.get(1) {
            Some(0xEE) => Err(Torn),
            Some(0x01) => Ok(vec![0x90]),
            Some(0xFF) => Ok([vec![0; 65_534], vec![0x90, 0x00]].concat()),
            _ => Ok([apdu, &[0x90, 0x00]].concat()),
        }
    }
}

/// A card being served in a thread of its own.
pub(crate) struct Serving {
    pub(crate) stop: Stop,
    pub(crate) notices: Receiver<Notice>,
    thread: JoinHandle<(EchoCard, Result<Served, VpcdError>)>,
}

impl Serving {
    pub(crate) fn start(address: SocketAddr, patience: Patience) -> Self {
        let stop = Stop::new();
        let switch = stop.clone();
        let (sender, notices) = channel();
        let thread = spawn(move || {
            let mut card = EchoCard::default();
            let result = serve(address, &mut card, patience, &switch, &mut |notice| {
                // A test that has seen enough drops its end.
                let _ = sender.send(notice);
            });
            (card, result)
        });
        Self {
            stop,
            notices,
            thread,
        }
    }

    /// Waits for the end of serving.
    pub(crate) fn end(self) -> (EchoCard, Result<Served, VpcdError>) {
        self.thread.join().unwrap()
    }
}

/// The driver's listening side, on a port that was free.
pub(crate) struct Driver {
    listener: TcpListener,
}

impl Driver {
    pub(crate) fn listen() -> Self {
        Self {
            listener: TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap(),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    /// The card that comes next.
    pub(crate) fn accept(&self) -> Slot {
        Slot {
            stream: self.listener.accept().unwrap().0,
        }
    }
}

/// One card in the driver's slot.
pub(crate) struct Slot {
    stream: TcpStream,
}

impl Slot {
    /// Sends bytes as they are.
    pub(crate) fn send_raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    pub(crate) fn send(&mut self, payload: &[u8]) {
        let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
        self.send_raw(&[&length, payload].concat());
    }

    pub(crate) fn receive(&mut self) -> Vec<u8> {
        let mut length = [0; 2];
        self.stream.read_exact(&mut length).unwrap();
        let mut payload = vec![0; usize::from(u16::from_be_bytes(length))];
        self.stream.read_exact(&mut payload).unwrap();
        payload
    }

    /// Whether the card left.
    pub(crate) fn is_closed(&mut self) -> bool {
        matches!(self.stream.read(&mut [0]), Ok(0) | Err(_))
    }
}
