//! One connection: messages in, the card's answers out.

use std::io::{ErrorKind, Read, Write as _};
use std::net::TcpStream;

use super::{Stop, VirtualCard, VpcdError};

const POWER_OFF: u8 = 0x00;
const POWER_ON: u8 = 0x01;
const RESET: u8 = 0x02;
const SEND_ATR: u8 = 0x04;

/// Serves one connection until the driver closes it or `stop` is thrown, and says how many commands
/// were answered. The card has no power afterwards, however it ended.
///
/// # Errors
/// [`VpcdError`]: a peer that is no driver, a broken connection, or a card that failed.
pub fn serve_stream(
    stream: TcpStream,
    card: &mut impl VirtualCard,
    stop: &Stop,
) -> Result<u64, VpcdError> {
    // Answers are small and waited for.
    stream.set_nodelay(true).map_err(VpcdError::Wire)?;
    if !stop.watch(&stream).map_err(VpcdError::Wire)? {
        return Ok(0);
    }
    let result = run(&stream, card, stop);
    stop.release();
    let off = card.power_off().map_err(failed("power off"));
    let commands = result?;
    off?;
    Ok(commands)
}

fn run(mut stream: &TcpStream, card: &mut impl VirtualCard, stop: &Stop) -> Result<u64, VpcdError> {
    let mut commands = 0;
    loop {
        acknowledge_at_once(stream);
        let message = match read_message(&mut stream) {
            Ok(Some(message)) => message,
            Ok(None) => return Ok(commands),
            // Stopping closes the reading side, which looks like a driver that left.
            Err(VpcdError::Truncated { .. } | VpcdError::Wire(_)) if stop.is_stopped() => {
                return Ok(commands);
            }
            Err(error) => return Err(error),
        };
        let answer = match *message.as_slice() {
            [] => return Err(VpcdError::EmptyMessage),
            [POWER_OFF] => {
                card.power_off().map_err(failed("power off"))?;
                continue;
            }
            [POWER_ON] => {
                card.power_on().map_err(failed("power on"))?;
                continue;
            }
            [RESET] => {
                card.reset().map_err(failed("reset"))?;
                continue;
            }
            [SEND_ATR] => card.atr(),
            [code] => return Err(VpcdError::UnknownControl { code }),
            ref apdu => {
                commands += 1;
                let answer = card.transmit(apdu).map_err(failed("answer a command"))?;
                if answer.len() < 2 {
                    return Err(VpcdError::AnswerTooShort {
                        length_bytes: answer.len(),
                    });
                }
                answer
            }
        };
        stream
            .write_all(&message_of(&answer)?)
            .map_err(VpcdError::Wire)?;
    }
}

/// WORKAROUND(vpcd): the driver writes the length and the command in two pieces and lets the second
/// wait until the first is acknowledged, which systems put off for 40 ms. The setting does not last,
/// so it is made before every message; where there is none, commands are slow and nothing else.
fn acknowledge_at_once(stream: &TcpStream) {
    #[cfg(target_os = "linux")]
    {
        use std::os::linux::net::TcpStreamExt as _;
        let _ = stream.set_quickack(true);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = stream;
}

/// The next message, or `None` if the driver closed between two.
fn read_message(stream: &mut impl Read) -> Result<Option<Vec<u8>>, VpcdError> {
    let mut length = [0; 2];
    match fill(stream, &mut length)? {
        0 => return Ok(None),
        2 => {}
        received_bytes => {
            return Err(VpcdError::Truncated {
                received_bytes,
                expected_bytes: 2,
            });
        }
    }
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    let received = fill(stream, &mut message)?;
    if received < message.len() {
        return Err(VpcdError::Truncated {
            received_bytes: 2 + received,
            expected_bytes: 2 + message.len(),
        });
    }
    Ok(Some(message))
}

/// Reads until the buffer is full or the stream ends, and says how many bytes came.
fn fill(stream: &mut impl Read, buffer: &mut [u8]) -> Result<usize, VpcdError> {
    let mut filled = 0;
    while let Some(rest @ [_, ..]) = buffer.get_mut(filled..) {
        match stream.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(VpcdError::Wire(error)),
        }
    }
    Ok(filled)
}

/// A message in one piece: two writes would wait for each other on a quiet connection.
fn message_of(payload: &[u8]) -> Result<Vec<u8>, VpcdError> {
    let length = u16::try_from(payload.len()).map_err(|_| VpcdError::AnswerTooLong {
        length_bytes: payload.len(),
    })?;
    let mut message = length.to_be_bytes().to_vec();
    message.extend_from_slice(payload);
    Ok(message)
}

fn failed<F: std::error::Error + Send + Sync + 'static>(
    doing: &'static str,
) -> impl FnOnce(F) -> VpcdError {
    move |fault| VpcdError::Card {
        doing,
        source: Box::new(fault),
    }
}
