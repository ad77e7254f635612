//! Handles: numbers that C holds, and the terminals they stand for.
//!
//! A handle is a place and how often it was given away. So one that was closed, or that is no
//! handle at all, is found out, whatever it is.

use std::sync::{Arc, Mutex, PoisonError, TryLockError};

use crate::Terminal;
use crate::code::{TT_ERR_BROKEN, TT_ERR_BUSY, TT_ERR_HANDLE, TT_ERR_VALUE};
use crate::fault::Fault;

/// Terminals open at once in one process.
const OPEN_MAX: usize = 64;

struct Place {
    times: u32,
    terminal: Option<Arc<Mutex<Terminal>>>,
}

static TABLE: Mutex<Vec<Place>> = Mutex::new(Vec::new());

fn table<T>(look: impl FnOnce(&mut Vec<Place>) -> T) -> T {
    // Nothing in there can be left half done.
    look(&mut TABLE.lock().unwrap_or_else(PoisonError::into_inner))
}

fn no_such(handle: u64) -> Fault {
    Fault::new(TT_ERR_HANDLE, format!("{handle:016X}"))
}

/// Which place a handle names, if it is the one given away last.
fn place(places: &mut [Place], handle: u64) -> Option<&mut Place> {
    let [a, b, c, d, rest @ ..] = handle.to_be_bytes();
    let index = usize::try_from(u32::from_be_bytes(rest))
        .ok()?
        .checked_sub(1)?;
    let times = u32::from_be_bytes([a, b, c, d]);
    places.get_mut(index).filter(|place| place.times == times)
}

/// Gives a terminal a handle.
pub(crate) fn insert(terminal: Terminal) -> Result<u64, Fault> {
    let terminal = Some(Arc::new(Mutex::new(terminal)));
    table(|places| {
        let free = places.iter().position(|place| place.terminal.is_none());
        let index = free.unwrap_or(places.len());
        if index == OPEN_MAX {
            let detail = format!("{OPEN_MAX} terminals are open, expected fewer");
            return Err(Fault::new(TT_ERR_VALUE, detail));
        }
        if index == places.len() {
            places.push(Place {
                times: 0,
                terminal: None,
            });
        }
        let place = &mut places[index];
        place.times = place.times.wrapping_add(1);
        place.terminal = terminal;
        let low = u64::try_from(index).expect("below the most") + 1;
        Ok((u64::from(place.times) << 32) | low)
    })
}

/// Does something with a terminal, unless somebody else does.
pub(crate) fn with(
    handle: u64,
    run: impl FnOnce(&mut Terminal) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let found = table(|places| place(places, handle).and_then(|place| place.terminal.clone()));
    let found = found.ok_or_else(|| no_such(handle))?;
    match found.try_lock() {
        Ok(mut terminal) => run(&mut terminal),
        Err(TryLockError::WouldBlock) => Err(busy(handle)),
        Err(TryLockError::Poisoned(_)) => Err(Fault::new(TT_ERR_BROKEN, format!("{handle:016X}"))),
    }
}

/// Does something long with a part that was taken out of a terminal, which serves on meanwhile, and
/// puts back what came of it; for that it waits until nobody else is at the terminal.
pub(crate) fn aside<T, U>(
    handle: u64,
    take: impl FnOnce(&mut Terminal) -> Result<T, Fault>,
    work: impl FnOnce(T) -> U,
    put: impl FnOnce(&mut Terminal, U) -> Result<(), Fault>,
) -> Result<(), Fault> {
    // As long as it is held here, nobody takes it away.
    let found = table(|places| place(places, handle).and_then(|place| place.terminal.clone()));
    let found = found.ok_or_else(|| no_such(handle))?;
    let mut taken = None;
    with(handle, |terminal| {
        taken = Some(take(terminal)?);
        Ok(())
    })?;
    let made = work(taken.expect("taken a moment ago"));
    match found.lock() {
        Ok(mut terminal) => put(&mut terminal, made),
        Err(_) => Err(Fault::new(TT_ERR_BROKEN, format!("{handle:016X}"))),
    }
}

fn busy(handle: u64) -> Fault {
    Fault::new(TT_ERR_BUSY, format!("{handle:016X}"))
}

/// Takes a terminal away, whole or broken, unless somebody else is at it.
pub(crate) fn remove(handle: u64) -> Result<(), Fault> {
    let gone = table(|places| {
        let place = place(places, handle).ok_or_else(|| no_such(handle))?;
        let held = place.terminal.take().ok_or_else(|| no_such(handle))?;
        // Whoever is at it, or just found it, has another hold of it.
        match Arc::try_unwrap(held) {
            Ok(terminal) => Ok(terminal),
            Err(held) => {
                place.terminal = Some(held);
                Err(busy(handle))
            }
        }
    })?;
    // Outside of the table's lock: the journal's files are closed here.
    drop(gone);
    Ok(())
}
