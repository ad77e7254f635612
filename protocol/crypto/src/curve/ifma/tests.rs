//! Steps in lanes against the same steps one by one, at the edges of the bounds that hold between them.

use proptest::prelude::*;

use super::field::{FORM, Factor, Lanes};
use super::multiples::Multiples;
use super::points::Points;
use super::vector::{load, store};
use super::{Affine, Jacobian, Kernel, packed, point};
use crate::curve::field::{Arithmetic, Fe, Portable};
use crate::curve::limbs::any_limbs;
use crate::curve::multiple;
use crate::curve::order::Scalar;

/// Limbs of 52 bits.
type Raw = [u64; 5];

/// Numbers below so many hundredths of p, or of 2^256, which is a little more.
fn any_raw(hundredths: u64) -> BoxedStrategy<Raw> {
    let ones = (1u64 << 52) - 1;
    let limb = prop_oneof![
        0..=ones,
        Just(0),
        Just(1),
        Just(ones),
        Just(ones - 1),
        Just(1 << 51),
        Just(0xF_F000_0000_0FFF),
    ]
    .boxed();
    let end = ((1 << 48) / 100) * hundredths;
    let highest = prop_oneof![0..end, Just(0), Just(end - 1), Just(0xFFFF_FFFE_FFFF)];
    (limb.clone(), limb.clone(), limb.clone(), limb, highest)
        .prop_map(|(a, b, c, d, e)| [a, b, c, d, e])
        .boxed()
}

/// A point's x, y and z as raw as they may be between steps.
fn any_point() -> BoxedStrategy<[Raw; 3]> {
    (any_raw(101), any_raw(250), any_raw(200))
        .prop_map(|(x, y, z)| [x, y, z])
        .boxed()
}

/// The number that is kept so.
fn meant(raw: &Raw) -> Fe {
    let power = |bits: usize| (0..bits).fold(Fe::ONE, |power, _| power.double());
    let part = |(at, limb): (usize, &u64)| {
        Fe::from_limbs(&[*limb, 0, 0, 0])
            .expect("a limb is below p")
            .mul(&power(52 * at))
    };
    let sum = raw
        .iter()
        .enumerate()
        .map(part)
        .fold(Fe::ZERO, |sum, part| sum.add(&part));
    sum.mul(&Portable.invert(&power(260)))
}

fn meant_point([x, y, z]: &[Raw; 3]) -> Jacobian {
    Jacobian {
        x: meant(x),
        y: meant(y),
        z: meant(z),
    }
}

/// What is done with points.
#[derive(Clone, Copy)]
enum Step<'a> {
    Double(usize),
    /// Affine points added, and where their negatives.
    Add(&'a [Affine; 8], u8),
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn lanes(raw: &[Raw; 8]) -> Lanes {
    Lanes::of_limbs(core::array::from_fn(|limb| load(&raw.map(|raw| raw[limb]))))
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn raw(lanes: &Factor) -> [Raw; 8] {
    let limbs = lanes.exact().0.map(|limb| store(limb));
    core::array::from_fn(|lane| limbs.map(|limb| limb[lane]))
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn stepped_here(points: &[[Raw; 3]; 8], steps: &[Step<'_>]) -> [[Raw; 3]; 8] {
    let [x, y, z] = core::array::from_fn(|of| lanes(&points.map(|point| point[of])));
    let mut sum = [Points {
        x,
        y: *y,
        z: *z,
        turned: false,
    }];
    for step in steps {
        match step {
            Step::Double(times) => Points::double_each(&mut sum, *times),
            Step::Add(affine, negative) => {
                let packed = affine.each_ref().map(packed);
                let (x, y) = Lanes::unpack(&packed.each_ref());
                Points::add_each(&mut sum, |_| (x, y, *negative));
            }
        }
    }
    let [
        Points {
            x,
            mut y,
            z,
            turned,
        },
    ] = sum;
    if turned {
        y = y.exact().loose().minus_from(3).factor();
    }
    let (x, y, z) = (raw(&x), raw(&y), raw(&z));
    core::array::from_fn(|lane| [x[lane], y[lane], z[lane]])
}

#[expect(unsafe_code, reason = "it is code for this processor only")]
fn stepped(points: &[[Raw; 3]; 8], steps: &[Step<'_>]) -> Option<[[Raw; 3]; 8]> {
    Kernel::here()?;
    // SAFETY: a `Kernel` was found.
    Some(unsafe { stepped_here(points, steps) })
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn odd_multiples_here(keys: &[Affine; 8]) -> [[(Raw, Raw); 8]; 16] {
    let packed = keys.each_ref().map(packed);
    let multiples = Multiples::<16>::of(&packed.each_ref());
    let [inverse] = super::field::chains::inverted(&[multiples.z]);
    multiples.affine(&inverse).map(|entries| {
        let (x, y) = Lanes::unpack(&entries.each_ref());
        let (x, y) = (raw(&x), raw(&y));
        core::array::from_fn(|lane| (x[lane], y[lane]))
    })
}

#[expect(unsafe_code, reason = "it is code for this processor only")]
fn odd_multiples(keys: &[Affine; 8]) -> Option<[[(Raw, Raw); 8]; 16]> {
    Kernel::here()?;
    // SAFETY: a `Kernel` was found.
    Some(unsafe { odd_multiples_here(keys) })
}

/// Whether two are the same point, whatever their z; where z is zero, both are.
fn same(a: &Jacobian, b: &Jacobian) -> bool {
    let (aa, bb) = (a.z.square(), b.z.square());
    a.x.mul(&bb) == b.x.mul(&aa)
        && a.y.mul(&bb).mul(&b.z) == b.y.mul(&aa).mul(&a.z)
        && a.z.is_zero() == b.z.is_zero()
}

fn key(limbs: &[u64; 4]) -> Affine {
    let scalar = Scalar::reduce(limbs);
    let scalar = if scalar.is_zero() {
        Scalar::ONE
    } else {
        scalar
    };
    multiple::of_generator(&scalar)
}

proptest! {
    /// Not points of any curve, most of them: the formula does not ask.
    #[test]
    fn doubling_at_the_edges_of_the_bounds_is_doubling_and_keeps_them(
        points in proptest::array::uniform8(any_point()),
        times in 1usize..=3,
    ) {
        let Some(found) = stepped(&points, &[Step::Double(times)]) else { return Ok(()) };
        for (found, point) in found.iter().zip(&points) {
            let mut expected = meant_point(point);
            for _ in 0..times {
                expected.double(Portable);
            }
            prop_assert!(same(&meant_point(found), &expected), "{point:x?}");
            check_bounds(found)?;
        }
    }

    #[test]
    fn adding_at_the_edges_of_the_bounds_is_adding_and_keeps_them(
        points in proptest::array::uniform8(any_point()),
        others in proptest::array::uniform8(any_limbs()),
        negative in any::<u8>(),
        doubled in any::<bool>(),
    ) {
        let others = others.each_ref().map(key);
        let steps = [Step::Double(1), Step::Add(&others, negative)];
        let steps = if doubled { &steps[..] } else { &steps[1..] };
        let Some(found) = stepped(&points, steps) else { return Ok(()) };
        for (lane, (found, point)) in found.iter().zip(&points).enumerate() {
            let mut expected = meant_point(point);
            if doubled {
                expected.double(Portable);
            }
            let mask = 0u64.wrapping_sub(u64::from(negative >> lane & 1));
            expected.add_distinct(Portable, &others[lane].negated_where(mask));
            prop_assert!(same(&meant_point(found), &expected), "{point:x?}");
            check_bounds(found)?;
        }
    }

    /// Those that an addition does not look for: z is zero from there on.
    #[test]
    fn a_point_that_meets_itself_or_its_negative_loses_its_z(
        limbs in proptest::array::uniform8(any_limbs()),
        negative in any::<u8>(),
        after in 0usize..=3,
    ) {
        let keys = limbs.each_ref().map(key);
        let packed: [[Raw; 3]; 8] = core::array::from_fn(|lane| {
            let number = |of: &Fe| super::vector::split_number(&of.to_form(FORM));
            [number(&keys[lane].x), number(&keys[lane].y), number(&Fe::ONE)]
        });
        let steps = [Step::Add(&keys, negative), Step::Double(after), Step::Add(&keys, 0)];
        let Some(found) = stepped(&packed, &steps) else { return Ok(()) };
        for found in &found {
            prop_assert!(meant(&found[2]).is_zero());
        }
    }

    #[test]
    fn odd_multiples_of_keys_are_those_one_by_one(
        limbs in proptest::array::uniform8(any_limbs()),
    ) {
        let keys = limbs.each_ref().map(key);
        let Some(found) = odd_multiples(&keys) else { return Ok(()) };
        for (lane, key) in keys.iter().enumerate() {
            let expected: Vec<Jacobian> =
                point::odd_multiples(Portable, (*key).into()).take(16).collect();
            for (found, expected) in found.iter().zip(point::to_affine(Portable, &expected)) {
                let (x, y) = &found[lane];
                prop_assert_eq!(meant(x), expected.x);
                prop_assert_eq!(meant(y), expected.y);
            }
        }
    }
}

/// x below 1.01 p, y below 2.5 p (or taken off 3 p), z below 2 p, and all limbs of 52 bits.
fn check_bounds([x, y, z]: &[Raw; 3]) -> Result<(), TestCaseError> {
    let below = |raw: &Raw, hundredths: u64| {
        raw[..4].iter().all(|limb| *limb >> 52 == 0) && raw[4] < (1 << 48) / 100 * hundredths
    };
    prop_assert!(below(x, 101) && below(y, 300) && below(z, 200));
    Ok(())
}
