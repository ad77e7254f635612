//! Personalisation out of a store: what its keys give a card, and the book of cards beside it.

use std::path::{Path, PathBuf};

use tongtu_card_file::LineFile;
use tongtu_codec::hex_encode;
use tongtu_ecash::oda::VerifyingKey;
use tongtu_ecash::oda::paper::IssuerPaper;
use tongtu_ecash::test_card;
use tongtu_hsm::{CardSession, Custody as _, KeyPath, MacScheme};
use tongtu_perso::{
    Application, CardBook, CardCount, CardLine, CardName, Chip, Mark, Start, Step, encoded,
};
use tongtu_purse::profile::Profile;
use tongtu_services::personalising::{
    CardIssuer, CardManager, CashOrder, SealedGroup, cash_issuer_key, cash_issuer_label, seal_cash,
    seal_purse_for,
};
use tongtu_types::CardNumber;

use super::Args;
use crate::card::factory;
use crate::card::management::{DataGroup, Secrecy};
use crate::card::unusable;
use crate::cert::cash;
use crate::clock;
use crate::custody::{BOOK_KEY, StoreArgs, UsedCustody, label, refused};
use crate::exit::Failure;
use crate::lang::both;

/// First digits of the numbers for which the test authority certifies an issuer.
const TEST_ISSUER: &str = "621700";

/// Whose certificate an e-cash gets.
enum CashCertificate {
    /// The published test authority's, made when it is needed.
    Published,
    /// One that an authority made, and that holds under its public key.
    Made(IssuerPaper, Box<VerifyingKey>),
}

/// A store, the numbers of the card that is being made, and the book.
pub(super) struct Store {
    pub(super) custody: UsedCustody,
    pub(super) manager: CardManager,
    issuer: CardIssuer,
    numbers: Vec<Number>,
    certificate: CashCertificate,
    book: Book,
}

/// A number that goes onto the card.
struct Number {
    application: Application,
    number: CardNumber,
    name: CardName,
}

impl Number {
    fn last_four(&self) -> [u8; 2] {
        let digits = self.number.reveal();
        let tail = digits.get(digits.len().saturating_sub(4)..);
        let tail = tail.and_then(|tail| tongtu_codec::hex_decode(tail).ok());
        tail.and_then(|tail| tail.try_into().ok())
            .unwrap_or_default()
    }
}

impl Args {
    /// The store, where one was named.
    pub(super) fn kept(&self, purse: &Profile) -> Result<Option<Store>, Failure> {
        let Some(store) = &self.store else {
            return Ok(None);
        };
        let issuer = CardIssuer::of(purse.public.issuer).map_err(|error| {
            Failure::usage(both("the issuer names no city", "发卡机构标识无城市代码"))
                .because(error)
        })?;
        let args = StoreArgs {
            store: store.clone(),
            passphrase_file: self.passphrase_file.clone(),
        };
        let custody = args.open()?;
        let certificate = self.cash_certificate()?;
        let mut numbers = vec![(Application::Purse, purse_number(purse)?)];
        if self.cash {
            let text = self.cash_number.as_deref().unwrap_or(test_card::NUMBER);
            let number = CardNumber::parse(text).ok();
            // A terminal compares the number with the certificate of its issuer.
            let head = match &certificate {
                CashCertificate::Published => String::from(TEST_ISSUER),
                CashCertificate::Made(paper, _) => paper.head.digits(),
            };
            let number = number.filter(|number| number.reveal().starts_with(&head));
            let number = number.ok_or_else(|| {
                // The number itself is not repeated.
                Failure::usage(both(
                    format!(
                        "invalid cash-number `…`, expected a card number that begins with {head}, \
                         as the authority certifies it"
                    ),
                    format!("cash-number 的值 `…` 无效，应为以 {head} 开头的卡号（认证中心只为此类卡号认证）"),
                ))
            })?;
            numbers.push((Application::Cash, number));
        }
        let numbers = numbers.into_iter().map(|(application, number)| {
            let name = name(&custody, &number)?;
            Ok::<_, Failure>(Number {
                application,
                number,
                name,
            })
        });
        let path = self.book.clone().unwrap_or_else(|| beside(store));
        Ok(Some(Store {
            numbers: numbers.collect::<Result<_, _>>()?,
            manager: CardManager {
                city: issuer.city(),
                version: self.master_version,
            },
            issuer,
            certificate,
            book: Book::open(&path)?,
            custody,
        }))
    }

    /// The certificate that was brought, verified as a terminal will.
    fn cash_certificate(&self) -> Result<CashCertificate, Failure> {
        let (Some(certificate), Some(authority)) = (&self.cash_certificate, &self.cash_authority)
        else {
            return Ok(CashCertificate::Published);
        };
        let paper = cash::read_certificate(certificate)?;
        let authority = cash::read_authority(authority)?;
        if !(paper.is_test && authority.is_test) {
            return Err(Failure::refused(both(
                "a TEST store takes certificates of test authorities only",
                "测试密钥库只接受测试认证中心的证书",
            )));
        }
        let name = certificate.display();
        let opened = paper.verify(&authority.authority);
        let opened = opened.and_then(|opened| {
            paper.is_current(clock::now_or(None))?;
            Ok(opened)
        });
        let opened = opened.map_err(|error| {
            Failure::refused(both(
                format!("the certificate `{name}` does not hold under this authority"),
                format!("证书 `{name}` 未通过该认证中心的校验"),
            ))
            .because(error)
        })?;
        Ok(CashCertificate::Made(paper, Box::new(opened.key)))
    }
}

impl Store {
    /// The purse's groups, every secret enciphered for the card.
    pub(super) fn purse_groups(
        &self,
        purse: &Profile,
        session: &CardSession,
    ) -> Result<Vec<DataGroup>, Failure> {
        let sealed = seal_purse_for(&self.custody, purse, self.manager.version, session);
        Ok(carried(sealed.map_err(|error| refused(&error))?))
    }

    /// The same of an e-cash with the profile of the conformance cases. The issuer's key is certified by
    /// the authority whose certificate was brought, or by the published test authority.
    pub(super) fn cash_groups(
        &mut self,
        purse: &Profile,
        profile: factory::Profile,
        session: &CardSession,
    ) -> Result<Vec<DataGroup>, Failure> {
        let algorithm = profile.algorithm();
        let version = self.manager.version;
        let signer = cash_issuer_label(self.issuer.city(), algorithm, version);
        let key = cash_issuer_key(&self.custody, signer).map_err(|error| {
            refused(&error).hint(both(
                "`tongtu card masters` makes the issuer's key in a TEST store",
                "`tongtu card masters` 可在测试密钥库中生成发卡行密钥",
            ))
        })?;
        let certificate = match &self.certificate {
            CashCertificate::Made(paper, certified) if **certified == key => paper.elements(),
            CashCertificate::Made(..) => {
                return Err(Failure::refused(both(
                    format!("the certificate is of another key than `{signer}` in the store"),
                    format!("证书与密钥库中的 `{signer}` 不是同一密钥"),
                )));
            }
            CashCertificate::Published => {
                let mut entropy = crate::room::entropy();
                let made = test_card::certificate_of(algorithm, &key, &mut entropy);
                made.ok_or_else(|| {
                    Failure::refused(both(
                        "the published test authority does not certify this key",
                        "公开的测试认证中心无法为该密钥签发证书",
                    ))
                })?
            }
        };
        let mut wanted = test_card::profile(algorithm);
        let cash = self
            .numbers
            .iter()
            .find(|n| n.application == Application::Cash);
        if let Some(cash) = cash {
            wanted.number = cash.number;
        }
        if let Some(transport) = &mut wanted.transport {
            transport.issuer = purse.public.issuer.0;
            transport.number = purse_number(purse)?;
            transport.province = purse.transit.province.0;
            transport.city = purse.transit.city.0;
        }
        let order = CashOrder {
            issuer: self.issuer,
            version,
            signer,
            certificate: &certificate,
        };
        let sealed = seal_cash(&mut self.custody, &wanted, &order, session);
        Ok(carried(sealed.map_err(|error| refused(&error))?))
    }

    /// Writes down that the numbers go onto this card; true when one of them was begun there before.
    pub(super) fn begin(&mut self, chip: Chip) -> Result<bool, Failure> {
        let steps: Vec<_> = self
            .numbers
            .iter()
            .map(|n| self.book.step(n, chip))
            .collect();
        // A run can be cut off between the last lines of two applications.
        let goes_on = steps.contains(&Some(Step::Begun));
        // All or none: what contradicts the book is found before the first line.
        for is_dry in [true, false] {
            for (number, step) in self.numbers.iter().zip(&steps) {
                if goes_on && *step == Some(Step::Made) {
                    continue;
                }
                let (name, four) = (number.name, number.last_four());
                let now = clock::now_or(None);
                let begun = self
                    .book
                    .book
                    .begin(name, chip, number.application, four, now);
                match begun.map_err(|error| contradicts(&error))? {
                    Start::New(line) if !is_dry => self.book.write(&line)?,
                    Start::New(_) | Start::Resumed => {}
                }
            }
        }
        Ok(goes_on)
    }

    /// Writes down that the card is whole.
    pub(super) fn made(&mut self, chip: Chip) -> Result<(), Failure> {
        for number in &self.numbers {
            if self.book.step(number, chip) == Some(Step::Made) {
                continue;
            }
            let four = number.last_four();
            let now = clock::now_or(None);
            let line = self.book.book.made(chip, number.application, four, now);
            self.book
                .write(&line.map_err(|error| contradicts(&error))?)?;
        }
        Ok(())
    }
}

/// The book in its file.
pub(in crate::card) struct Book {
    file: LineFile,
    book: CardBook,
}

impl Book {
    /// The book in this file; one that is not there is made.
    pub(in crate::card) fn open(path: &Path) -> Result<Self, Failure> {
        let (_, head) = CardBook::new(Mark::Test, clock::now_or(None));
        let opened = LineFile::open_or_make(path, &head);
        let (mut file, bytes) = opened.map_err(|error| unusable(&error))?;
        let read = CardBook::open(&bytes, Mark::Test);
        let (book, whole) = read.map_err(|fault| {
            Failure::refused(both(
                format!("the book of cards {} is not used", path.display()),
                format!("无法使用卡片登记簿 {}", path.display()),
            ))
            .because(fault)
        })?;
        if whole < bytes.len() {
            file.cut(whole).map_err(|error| unusable(&error))?;
        }
        Ok(Self { file, book })
    }

    fn step(&self, number: &Number, chip: Chip) -> Option<Step> {
        self.book.step(number.name, chip, number.application)
    }

    fn write(&mut self, line: &CardLine) -> Result<(), Failure> {
        let written = self.file.append(&encoded(line));
        written.map_err(|error| unusable(&error))?;
        self.book.apply(line);
        Ok(())
    }

    pub(in crate::card) fn count(&self) -> CardCount {
        self.book.count()
    }

    /// Cards on which something was begun and not ended, with the application, in hex.
    pub(in crate::card) fn open_cards(&self) -> Vec<(String, Application)> {
        let open = self.book.open_cards();
        open.map(|(chip, application)| (capitals(&chip), application))
            .collect()
    }

    /// Writes down that a card is waste.
    pub(in crate::card) fn spoil(&mut self, chip: Chip) -> Result<(), Failure> {
        let open: Vec<_> = self
            .book
            .open_cards()
            .filter(|(open, _)| *open == chip)
            .collect();
        if open.is_empty() {
            let error = tongtu_perso::BookError::NotBegun { chip };
            return Err(contradicts(&error));
        }
        for (_, application) in open {
            let line = self.book.spoiled(chip, application, clock::now_or(None));
            self.write(&line.map_err(|error| contradicts(&error))?)?;
        }
        Ok(())
    }
}

/// Where the book is unless it is said.
pub(in crate::card) fn beside(store: &Path) -> PathBuf {
    let mut path = store.as_os_str().to_os_string();
    path.push(".cards");
    path.into()
}

fn contradicts(error: &tongtu_perso::BookError) -> Failure {
    Failure::refused(both(
        "the book of cards does not allow it",
        "卡片登记簿不允许此操作",
    ))
    .because(error)
    .hint(both(
        "`tongtu card book` shows the book; --spoil there gives up a card that was not finished",
        "`tongtu card book` 可查看登记簿；未完成的卡可用其 --spoil 作废",
    ))
}

/// What stands for a number in the book.
fn name(custody: &UsedCustody, number: &CardNumber) -> Result<CardName, Failure> {
    let path = KeyPath::of(label(BOOK_KEY)?);
    let made = custody.mac(path, MacScheme::Cmac, number.reveal().as_bytes());
    let made = made.map_err(|error| {
        refused(&error).hint(both(
            "`tongtu card masters` makes the book's key in a TEST store",
            "`tongtu card masters` 可在测试密钥库中生成登记簿密钥",
        ))
    })?;
    made.try_into().map_err(|_| {
        Failure::fault(both(
            "the store made a name of another length",
            "密钥库给出的代名长度不符",
        ))
    })
}

fn purse_number(purse: &Profile) -> Result<CardNumber, Failure> {
    purse.public.serial.card_number().ok_or_else(|| {
        Failure::usage(both(
            "the purse has no card number: --number",
            "电子钱包没有卡号：--number",
        ))
    })
}

fn carried(groups: Vec<SealedGroup>) -> Vec<DataGroup> {
    let groups = groups.into_iter();
    groups
        .map(|group| DataGroup {
            id: group.id,
            secrecy: match group.is_enciphered {
                true => Secrecy::Enciphered,
                false => Secrecy::Plain,
            },
            value: group.value.into(),
        })
        .collect()
}

fn capitals(bytes: &[u8]) -> String {
    hex_encode(bytes).to_uppercase()
}
