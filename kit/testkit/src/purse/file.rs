//! Reading and writing files of the naive purse.

use super::Purse;
use super::profile::File;
use crate::apdu::{Apdu, fit};
use crate::{Answer, Sw};

/// Which record a command means.
enum Which {
    Number(u8),
    Id(u8),
}

/// What P1 and P2 of a record command say.
fn address(apdu: &Apdu) -> (u8, Which) {
    let which = if apdu.p2 & 7 == 4 {
        Which::Number(apdu.p1)
    } else {
        Which::Id(apdu.p1)
    };
    (apdu.p2 >> 3, which)
}

fn place(records: &[Vec<u8>], which: &Which) -> Option<usize> {
    match which {
        Which::Number(number) => usize::from(*number)
            .checked_sub(1)
            .filter(|index| *index < records.len()),
        Which::Id(id) => records.iter().position(|record| record.get(1) == Some(id)),
    }
}

impl Purse {
    pub(super) fn read_binary(&self, apdu: &Apdu) -> Answer {
        match self.state.files.get(&(apdu.p1 & 0x1F)) {
            None => Err(0x6A82),
            Some(File::Transparent(bytes)) => {
                let rest = bytes
                    .get(usize::from(apdu.p2)..)
                    .filter(|rest| !rest.is_empty())
                    .ok_or(0x6B00_u16)?;
                match apdu.le {
                    Some(le) if le != 0 && usize::from(le) <= rest.len() => {
                        Ok(rest[..usize::from(le)].to_vec())
                    }
                    le => fit(rest.to_vec(), le),
                }
            }
            Some(_) => Err(0x6981),
        }
    }

    pub(super) fn read_record(&self, apdu: &Apdu) -> Answer {
        let (sfi, which) = address(apdu);
        match self.state.files.get(&sfi) {
            None => Err(0x6A82),
            Some(File::Transparent(_)) => Err(0x6981),
            Some(File::Linear { records, .. } | File::Cyclic { records, .. }) => {
                let index = place(records, &which).ok_or(0x6A83_u16)?;
                fit(records[index].clone(), apdu.le)
            }
        }
    }

    /// The data of a write under secure messaging; without it, nobody may write.
    fn opened(&mut self, apdu: &Apdu, challenge: Option<Vec<u8>>, sfi: u8) -> Answer {
        let keys = match sfi {
            _ if apdu.cla & 0x04 == 0 => Vec::new(),
            // Written by the card itself, and through the cache alone.
            0x18 | 0x1E => Vec::new(),
            0x1A => vec![
                self.profile.keys.maintenance.clone(),
                self.profile.keys.quick.clone(),
            ],
            _ => vec![self.profile.keys.maintenance.clone()],
        };
        if keys.is_empty() {
            return Err(0x6982);
        }
        self.opened_with(apdu, challenge, &keys)
    }

    pub(super) fn update_binary(&mut self, apdu: &Apdu, challenge: Option<Vec<u8>>) -> Answer {
        let sfi = apdu.p1 & 0x1F;
        match self.state.files.get(&sfi) {
            None => return Err(0x6A82),
            Some(File::Transparent(_)) => {}
            Some(_) => return Err(0x6981),
        }
        let data = self.opened(apdu, challenge, sfi)?;
        let start = usize::from(apdu.p2);
        let Some(File::Transparent(bytes)) = self.state.files.get_mut(&sfi) else {
            return Err(0x6981);
        };
        let room = bytes.get_mut(start..start + data.len()).ok_or(0x6B00_u16)?;
        room.copy_from_slice(&data);
        Ok(Vec::new())
    }

    pub(super) fn update_record(&mut self, apdu: &Apdu, challenge: Option<Vec<u8>>) -> Answer {
        let (sfi, which) = address(apdu);
        let index = match self.state.files.get(&sfi) {
            None => return Err(0x6A82),
            Some(File::Transparent(_) | File::Cyclic { .. }) => return Err(0x6981),
            Some(File::Linear { records, .. }) => place(records, &which).ok_or(0x6A83_u16)?,
        };
        let data = self.opened(apdu, challenge, sfi)?;
        let Some(File::Linear {
            records,
            record_max,
            ..
        }) = self.state.files.get_mut(&sfi)
        else {
            return Err(0x6981);
        };
        if data.len() > *record_max {
            return Err(0x6700);
        }
        records[index] = data;
        Ok(Vec::new())
    }

    pub(super) fn append_record(&mut self, apdu: &Apdu, challenge: Option<Vec<u8>>) -> Answer {
        let sfi = apdu.p2 >> 3;
        match self.state.files.get(&sfi) {
            None => return Err(0x6A82),
            Some(File::Transparent(_)) => return Err(0x6981),
            Some(File::Linear { .. } | File::Cyclic { .. }) => {}
        }
        let data = self.opened(apdu, challenge, sfi)?;
        match self.state.files.get_mut(&sfi) {
            Some(File::Linear {
                records,
                record_max,
                count_max,
            }) => {
                if data.len() > *record_max {
                    return Err(0x6700);
                }
                if records.len() == *count_max {
                    return Err(0x6A84);
                }
                records.push(data);
                Ok(Vec::new())
            }
            Some(file @ File::Cyclic { .. }) => {
                push_cyclic(file, data)?;
                Ok(Vec::new())
            }
            _ => Err(0x6981),
        }
    }

    /// Adds a record that the card itself writes.
    pub(super) fn log(&mut self, sfi: u8, record: Vec<u8>) {
        if let Some(file) = self.state.files.get_mut(&sfi) {
            push_cyclic(file, record).expect("a record of the file's length");
        }
    }
}

/// Puts a record before all others of a cyclic file.
pub(super) fn push_cyclic(file: &mut File, record: Vec<u8>) -> Result<(), Sw> {
    let File::Cyclic {
        records,
        record_len,
        count_max,
    } = file
    else {
        return Err(0x6981);
    };
    if record.len() != *record_len {
        return Err(0x6700);
    }
    records.insert(0, record);
    records.truncate(*count_max);
    Ok(())
}
