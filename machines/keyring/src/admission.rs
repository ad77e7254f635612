//! The checks before a step of a key: who, after what, and what it says.

use tongtu_types::{CityCode, InstitutionCode, Timestamp};

use crate::KeyBook;
use crate::code::{Stages, Step};
use crate::duty::{self, Duty, Seats};
use crate::event::{Custody, Event, Overlap, Request, What};
use crate::life::KeyLife;
use crate::name::{KeyNumber, Slot};
use crate::policy::{OVERLAP_DAYS_MIN, TERM_DAYS_MAX, days_s};
use crate::record::Signers;
use crate::refusal::Refusal;

impl KeyBook {
    pub(crate) fn check_time(&self, at: Timestamp) -> Result<(), Refusal> {
        let last = self.last_at();
        if at < last {
            return Err(Refusal::BackInTime { at, last });
        }
        Ok(())
    }

    pub(crate) fn check_city(
        &self,
        event: &Event,
        city: CityCode,
        province: InstitutionCode,
    ) -> Result<(), Refusal> {
        let step = Step::CityRegistered;
        if event.key.is_some() {
            return Err(Refusal::Subject {
                step,
                found: event.key,
                expected: None,
            });
        }
        check_duty(step, &event.signers, &Seats::national(), None)?;
        match self.cities().province_of(city) {
            Some(province) => Err(Refusal::CityRegistered { city, province }),
            None if city == InstitutionCode::national().city()
                && province != InstitutionCode::national() =>
            {
                let expected = InstitutionCode::national();
                Err(Refusal::CityElsewhere {
                    city,
                    found: province,
                    expected,
                })
            }
            None => Ok(()),
        }
    }

    pub(crate) fn check_request(
        &self,
        request: &Request,
        at: Timestamp,
        signers: &Signers,
    ) -> Result<(), Refusal> {
        let Slot {
            city,
            purpose,
            algorithm,
        } = request.slot;
        let (slot, holder) = (request.slot, request.holder);
        let seats = Seats {
            province: request.province,
            holder,
            city,
        };
        check_duty(Step::Requested, signers, &seats, None)?;
        match self.cities().province_of(city) {
            None => return Err(Refusal::CityUnknown { city }),
            Some(expected) if expected != request.province => {
                let found = request.province;
                return Err(Refusal::CityElsewhere {
                    city,
                    found,
                    expected,
                });
            }
            Some(_) => {}
        }
        if holder.city() != city {
            return Err(Refusal::HolderElsewhere { holder, city });
        }
        if !purpose.takes(algorithm) {
            return Err(Refusal::Algorithm { purpose, algorithm });
        }
        self.check_term(request, at)?;
        let on_its_way = self
            .versions(slot)
            .find(|life| life.stage().is_on_its_way());
        if let Some(life) = on_its_way {
            let key = life.number();
            return Err(Refusal::SlotBusy { slot, key });
        }
        let expected = self.next_version(slot)?;
        if request.version != expected {
            return Err(Refusal::Version {
                slot,
                found: request.version,
                expected,
            });
        }
        Ok(())
    }

    fn check_term(&self, request: &Request, at: Timestamp) -> Result<(), Refusal> {
        let (from, until) = (request.from, request.until);
        let leader_until = self.leader(request.slot).map(|life| life.request().until);
        let expected = if until <= from {
            "an end after its beginning"
        } else if until <= at {
            "an end that is still to come"
        } else if until.since_s(from) > days_s(TERM_DAYS_MAX) {
            "at most ten years"
        } else if leader_until.is_some_and(|before| until <= before) {
            "an end after that of the version in use"
        } else {
            return Ok(());
        };
        Err(Refusal::Term {
            from,
            until,
            expected,
        })
    }

    pub(crate) fn check_step(&self, event: &Event) -> Result<(), Refusal> {
        let step = event.what.step();
        let Some(key) = event.key else {
            return Err(Refusal::Subject {
                step,
                found: None,
                expected: KeyNumber::new(1),
            });
        };
        if let What::Misused { asked, ground } = event.what {
            check_duty(step, &event.signers, &Seats::national(), None)?;
            let expected = self.permit(key, asked, event.at).err().map(|r| r.ground);
            return if expected == Some(ground) {
                Ok(())
            } else {
                let found = ground;
                Err(Refusal::Ground {
                    key,
                    found,
                    expected,
                })
            };
        }
        let life = self.key(key).ok_or(Refusal::UnknownKey { key, step })?;
        let duty = Duty::of(step);
        let stage = life.stage();
        if !duty.after.contains(&stage) {
            return Err(Refusal::Follows {
                key,
                stage,
                step,
                expected: Stages(duty.after),
            });
        }
        let apart = match duty.apart {
            Some(Step::Approved) => life.approved_by().map(|signers| (Step::Approved, signers)),
            _ => None,
        };
        check_duty(step, &event.signers, &life.seats(), apart)?;
        self.check_content(life, event)
    }

    /// What a step says beyond who and after what.
    fn check_content(&self, life: &KeyLife, event: &Event) -> Result<(), Refusal> {
        let (key, at, step) = (life.number(), event.at, event.what.step());
        let due = |holds: bool| {
            if holds {
                Ok(())
            } else {
                Err(Refusal::NotDue { key, step, at })
            }
        };
        match event.what {
            What::Generated(custody) => self.check_generated(life, custody),
            What::Distributed(custody) => match life.custody() {
                Some(made) if made.check != custody.check => Err(Refusal::CheckDiffers {
                    key,
                    found: custody.check,
                    expected: made.check,
                }),
                _ => Ok(()),
            },
            What::Activated(overlap) => self.check_activated(life, at, overlap),
            What::Used | What::Noticed { .. } if life.activated_at().is_none() => {
                Err(Refusal::NeverActivated { key, step })
            }
            What::Used => {
                check_within(life, step, at, life.over_at())?;
                due(life.used_on().is_none_or(|day| at.china().day > day))
            }
            What::Noticed { days } => due(life.notice_due(at).is_some_and(|(d, _)| d == days)),
            What::FlaggedUnused => due(life.unused_at().is_some_and(|since| at >= since)),
            What::Retired => due(at >= life.over_at()),
            What::Reviewed => due(life.misused.is_some()),
            What::CityRegistered { .. }
            | What::Requested(_)
            | What::Approved
            | What::Rejected(_)
            | What::Misused { .. }
            | What::Suspended(_)
            | What::Resumed
            | What::Revoked(_)
            | What::Withdrawn => Ok(()),
        }
    }

    fn check_generated(&self, life: &KeyLife, custody: Custody) -> Result<(), Refusal> {
        let (key, check) = (life.number(), custody.check);
        let Slot {
            purpose, algorithm, ..
        } = life.request().slot;
        if !check.is_of(algorithm) {
            return Err(Refusal::CheckKind {
                key,
                found: check,
                algorithm,
            });
        }
        match self.checks.get(&(purpose, algorithm, check)) {
            None => Ok(()),
            Some(other) => Err(Refusal::CheckAgain {
                key,
                other: *other,
                city: self
                    .key(*other)
                    .map_or(life.request().slot.city, |other| other.request().slot.city),
            }),
        }
    }

    fn check_activated(
        &self,
        life: &KeyLife,
        at: Timestamp,
        overlap: Option<Overlap>,
    ) -> Result<(), Refusal> {
        let key = life.number();
        check_within(life, Step::Activated, at, life.request().until)?;
        let leader = self.leader(life.request().slot);
        let (found, expected) = (overlap.map(|o| o.key), leader.map(KeyLife::number));
        if found != expected {
            return Err(Refusal::Supersedes {
                key,
                found,
                expected,
            });
        }
        if let (Some(older), Some(overlap)) = (leader, overlap) {
            let (earliest, latest) = older.overlap_window(at, OVERLAP_DAYS_MIN);
            if overlap.until < earliest || overlap.until > latest {
                return Err(Refusal::OverlapLength {
                    key: older.number(),
                    found: overlap.until,
                    earliest,
                    latest,
                });
            }
        }
        Ok(())
    }
}

fn check_within(
    life: &KeyLife,
    step: Step,
    at: Timestamp,
    until: Timestamp,
) -> Result<(), Refusal> {
    let from = life.request().from;
    if at < from || at >= until {
        return Err(Refusal::OutsideTerm {
            key: life.number(),
            step,
            at,
            from,
            until,
        });
    }
    Ok(())
}

fn check_duty(
    step: Step,
    signers: &Signers,
    seats: &Seats,
    apart: Option<(Step, &Signers)>,
) -> Result<(), Refusal> {
    let row = Duty::of(step);
    duty::check((row.first, row.second), signers, seats, apart)
        .map_err(|fault| Refusal::Duty { step, fault })
}
