//! The functions of `targets` over mutated inputs, the same in every run. `TONGTU_HOSTILE` is how many
//! inputs each target gets.

use tongtu_crypto::sm3;

use crate::targets;

/// Bytes to begin with: keys and numbers at edges, and nothing.
fn seeds() -> Vec<Vec<u8>> {
    let generator = tongtu_crypto::SecretKey::from_bytes(&[7; 32]).unwrap();
    vec![
        Vec::new(),
        vec![0; 200],
        vec![0xFF; 33],
        vec![1; 400],
        generator.public().to_compressed().repeat(9),
        generator.public().to_xy().to_vec(),
        generator.sign(b"seed").0.repeat(7),
        (0..=255).collect(),
    ]
}

/// An input with something changed, or two in one.
fn mutated(inputs: &[Vec<u8>], chance: &sm3::Digest) -> Vec<u8> {
    let number = |at: usize| usize::from(u16::from_be_bytes([chance[at], chance[at + 1]]));
    let mut out = inputs[number(0) % inputs.len()].clone();
    for round in 0..=number(2) % 3 {
        let (what, at, with) = (
            number(4 + 6 * round),
            number(6 + 6 * round),
            number(8 + 6 * round),
        );
        let place = at % (out.len() + 1);
        match (what % 6, out.get_mut(place)) {
            (0, Some(byte)) => *byte ^= 1 << (with % 8),
            (1, Some(byte)) => *byte = [0, 1, 2, 3, 0x7F, 0x80, 0xFE, 0xFF][with % 8],
            (2, _) => out.truncate(place),
            (3, _) => out.extend(&chance[..with % 32]),
            (4, _) => {
                let other = &inputs[with % inputs.len()];
                out.truncate(place);
                out.extend(other.iter().skip(place));
            }
            (_, _) => {
                let end = (place + with % 40).min(out.len());
                let edge = if with % 2 == 0 { 0 } else { 0xFF };
                out[place..end].fill(edge);
            }
        }
    }
    out.truncate(1500);
    out
}

#[test]
fn hostile_bytes_make_no_panic_and_have_one_answer_by_every_way() {
    let count: usize = std::env::var("TONGTU_HOSTILE")
        .map_or(300, |text| text.parse().expect("a number of inputs"));
    for (name, target) in targets::TARGETS {
        let mut inputs = seeds();
        inputs.iter().for_each(|input| target(input));
        let mut chance = sm3::digest(name.as_bytes());
        for _ in 0..count {
            chance = sm3::digest(&chance);
            let input = mutated(&inputs, &chance);
            target(&input);
            // A part of them are mutated further.
            if inputs.len() < 200 && chance[31].is_multiple_of(4) {
                inputs.push(input);
            }
        }
    }
}
