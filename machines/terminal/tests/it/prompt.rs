//! Every verdict has words in both languages, and no two meanings share a lamp by accident.

use std::collections::BTreeSet;

use tongtu_ride_code::Verdict;
use tongtu_ride_code::record::Direction;
use tongtu_terminal::{Lang, Light, Notice, Prompt};
use tongtu_types::Fen;

const DIRECTIONS: [Direction; 3] = [Direction::Single, Direction::Entry, Direction::Exit];

fn refused(verdict: Verdict, direction: Direction) -> Prompt {
    Prompt {
        verdict,
        direction,
        fare: None,
        notice: None,
    }
}

#[test]
fn every_verdict_speaks_both_languages() {
    for verdict in Verdict::ALL {
        for direction in DIRECTIONS {
            let prompt = refused(*verdict, direction);
            for text in [prompt.voice(Lang::Zh).to_string(), prompt.display(Lang::Zh)] {
                assert!(!text.is_empty() && !text.is_ascii(), "{verdict}: {text}");
            }
            for text in [prompt.voice(Lang::En).to_string(), prompt.display(Lang::En)] {
                assert!(!text.is_empty() && text.is_ascii(), "{verdict}: {text}");
                assert!(
                    !text.contains(verdict.code()),
                    "{verdict}: words, not numbers"
                );
            }
            assert!(prompt.voice(Lang::Zh).chars().count() <= 14, "{verdict}");
            assert!(prompt.voice(Lang::En).len() <= 36, "{verdict}");
            let expected = match verdict {
                Verdict::Accepted => Light::Green,
                Verdict::TooFrequent => Light::Amber,
                _ => Light::Red,
            };
            assert_eq!(prompt.light(), expected, "{verdict}");
        }
    }
}

#[test]
fn the_three_posts_welcome_differently() {
    let voices: BTreeSet<_> = DIRECTIONS
        .iter()
        .flat_map(|d| [Lang::Zh, Lang::En].map(|l| refused(Verdict::Accepted, *d).voice(l)))
        .collect();
    assert_eq!(voices.len(), 6);
}

#[test]
fn a_notice_is_shown_with_the_fare() {
    let prompt = Prompt {
        verdict: Verdict::OverLimit,
        direction: Direction::Exit,
        fare: Some(Fen::new(700)),
        notice: Some(Notice::OverLimit),
    };
    assert_eq!(
        prompt.display(Lang::Zh),
        "请出站，票价超限额\n车费 7.00 元\n票价超出单次限额，请查看应用"
    );
    assert_eq!(prompt.light(), Light::Amber);
}
