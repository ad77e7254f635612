//! The field's functions and the steps of points on limbs at the ends of what they may be, against the
//! portable ones.

use proptest::prelude::*;

use super::field::{FORM, MASK, MOST, Numbers, Verdicts};
use super::points::{Picks, Points};
use super::vector::{load, store};
use super::{Kernel, LANES};
use crate::curve::field::{Arithmetic as _, Fe, Portable};
use crate::curve::lanes::Packed;
use crate::curve::limbs::Limbs;
use crate::curve::multiple;
use crate::curve::order::Scalar;
use crate::curve::point::{Affine, Jacobian};

/// The field's functions for those who have a kernel.
struct Field(());

macro_rules! forward {
    ($($name:ident($($arg:ident: $type:ty),*) -> $out:ty;)*) => {
        #[expect(unsafe_code, reason = "they are code for this processor only")]
        impl Field {
            fn here() -> Option<Self> {
                Kernel::here().map(|_| Self(()))
            }

            $(fn $name(&self, $($arg: $type),*) -> $out {
                // SAFETY: a kernel was found.
                unsafe { Numbers::$name($($arg),*) }
            })*
        }
    };
}

forward! {
    mul(a: &Numbers, b: &Numbers) -> Numbers;
    square(a: &Numbers) -> Numbers;
    add(a: &Numbers, b: &Numbers) -> Numbers;
    sub2(a: &Numbers, b: &Numbers) -> Numbers;
    sub4(a: &Numbers, b: &Numbers) -> Numbers;
    minus_and_twice(a: &Numbers, b: &Numbers, c: &Numbers) -> Numbers;
    minus_twice(a: &Numbers, c: &Numbers) -> Numbers;
    three_halves(a: &Numbers) -> Numbers;
    negated_where(a: &Numbers, negative: Verdicts) -> Numbers;
    fold(a: &Numbers) -> Numbers;
    is_zero(a: &Numbers) -> Verdicts;
    invert(a: &Numbers) -> Numbers;
    sqrt(a: &Numbers) -> Numbers;
    enter(numbers: &[&Limbs; LANES]) -> Numbers;
    leave(a: &Numbers) -> [Limbs; LANES];
    unpack(points: &[&Packed; LANES]) -> (Numbers, Numbers);
    pack(x: &Numbers, y: &Numbers) -> [Packed; LANES];
}

/// A number's limbs.
type Nine = [u64; 9];

/// The highest limb of p.
const TOP: u64 = 0x00FF_FFFF;

#[expect(
    unsafe_code,
    reason = "vectors are made in functions for the processor"
)]
fn numbers(lanes: &[Nine; LANES]) -> Numbers {
    #[target_feature(enable = "avx2")]
    fn inside(lanes: &[Nine; LANES]) -> Numbers {
        let mut out = Numbers::one();
        for (limb, vector) in out.0.iter_mut().enumerate() {
            *vector = load(&lanes.map(|number| number[limb]));
        }
        out
    }
    // SAFETY: the tests ask for the kernel first.
    unsafe { inside(lanes) }
}

#[expect(
    unsafe_code,
    reason = "vectors are read in functions for the processor"
)]
fn lanes(numbers: &Numbers) -> [Nine; LANES] {
    #[target_feature(enable = "avx2")]
    fn inside(numbers: &Numbers) -> [Nine; LANES] {
        let mut out = [[0; 9]; LANES];
        for (limb, vector) in numbers.0.iter().enumerate() {
            for (number, word) in out.iter_mut().zip(store(*vector)) {
                number[limb] = word;
            }
        }
        out
    }
    // SAFETY: the tests ask for the kernel first.
    unsafe { inside(numbers) }
}

/// The number modulo p.
fn value(limbs: &Nine) -> Fe {
    limbs.iter().rev().fold(Fe::ZERO, |sum, limb| {
        let shifted = (0..29).fold(sum, |sum, _| sum.double());
        shifted.add(&Fe::from_limbs(&[*limb, 0, 0, 0]).expect("a limb is below p"))
    })
}

/// 2^261 times a number.
fn in_form(a: &Fe) -> Fe {
    (0..261).fold(*a, |number, _| number.double())
}

fn twice(a: &Fe) -> Fe {
    a.double()
}

/// Four numbers of limbs that are as large as they may be, or edges, more often than not; the highest
/// limb is up to `top`.
fn any_numbers(top: u64) -> BoxedStrategy<[Nine; LANES]> {
    let limb = |most: u64| {
        prop_oneof![
            Just(0),
            Just(1),
            Just(MASK.min(most)),
            Just(most),
            0..=most,
            (0..=16u64).prop_map(move |less| most - less.min(most)),
        ]
        .boxed()
    };
    let number = (proptest::array::uniform8(limb(MOST - 1)), limb(top));
    proptest::array::uniform4(number.prop_map(|(low, top)| {
        let [a, b, c, d, e, f, g, h] = low;
        [a, b, c, d, e, f, g, h, top]
    }))
    .boxed()
}

/// What each lane must be, and how large its highest limb may be.
fn check(out: &Numbers, top: u64, expected: impl Fn(usize) -> Fe) -> Result<(), TestCaseError> {
    for (lane, limbs) in lanes(out).iter().enumerate() {
        prop_assert!(value(limbs) == expected(lane), "lane {lane}: {limbs:x?}");
        prop_assert!(limbs[..8].iter().all(|limb| *limb < MOST), "{limbs:x?}");
        prop_assert!(limbs[8] <= top, "lane {lane}: {limbs:x?}");
    }
    Ok(())
}

proptest! {
    #[test]
    fn products_are_the_portable_ones_for_the_largest_limbs(
        a in any_numbers(MASK),
        b in any_numbers(MASK),
    ) {
        let Some(k) = Field::here() else { return Ok(()) };
        let (x, y) = (numbers(&a), numbers(&b));
        for (product, other) in [(k.mul(&x, &y), &b), (k.mul(&y, &x), &b), (k.square(&x), &a)] {
            for (lane, limbs) in lanes(&product).iter().enumerate() {
                let expected = value(&a[lane]).mul(&value(&other[lane]));
                prop_assert!(in_form(&value(limbs)) == expected, "{:x?}", a[lane]);
                prop_assert!(limbs[..8].iter().all(|limb| *limb <= MASK), "{limbs:x?}");
                // Of factors below 32.1 p, below 33.3 p.
                prop_assert!(limbs[8] <= 33 * TOP + TOP / 2, "{limbs:x?}");
            }
        }
    }

    #[test]
    fn sums_and_differences_are_the_portable_ones_for_the_largest_limbs(
        a in any_numbers(4 * TOP - 9),
        b in any_numbers(2 * TOP - TOP / 100),
        c in any_numbers(4 * TOP - TOP / 500),
        small in any_numbers(TOP + TOP / 10),
    ) {
        let Some(k) = Field::here() else { return Ok(()) };
        let (x, y, z, s) = (numbers(&a), numbers(&b), numbers(&c), numbers(&small));
        let of = |number: &[Nine; LANES], lane: usize| value(&number[lane]);
        check(&k.add(&x, &y), 7 * TOP, |lane| of(&a, lane).add(&of(&b, lane)))?;
        check(&k.sub2(&x, &y), 7 * TOP, |lane| of(&a, lane).sub(&of(&b, lane)))?;
        check(&k.sub4(&x, &z), 9 * TOP, |lane| of(&a, lane).sub(&of(&c, lane)))?;
        let once = TOP + TOP / 100;
        check(&k.minus_twice(&x, &y), once, |lane| {
            of(&a, lane).sub(&twice(&of(&b, lane)))
        })?;
        check(&k.minus_and_twice(&x, &s, &s), once, |lane| {
            of(&a, lane).sub(&twice(&of(&small, lane))).sub(&of(&small, lane))
        })?;
        check(&k.fold(&x), once, |lane| of(&a, lane))?;
        check(&k.three_halves(&s), 3 * TOP, |lane| {
            let a = of(&small, lane);
            twice(&a).add(&a).half()
        })?;
        check(&k.negated_where(&y, 0b0101), 2 * TOP + 3, |lane| match lane % 2 {
            0 => of(&b, lane).neg(),
            _ => of(&b, lane),
        })?;
    }

    #[test]
    fn the_form_is_left_as_it_was_entered_and_points_as_they_were_packed(
        a in proptest::array::uniform4(crate::curve::limbs::any_limbs()),
    ) {
        let Some(k) = Field::here() else { return Ok(()) };
        let a: [Limbs; LANES] = a.map(|a| Fe(crate::curve::limbs::below(&a, false, &crate::curve::field::P)).0);
        let x = k.enter(&a.each_ref());
        for (left, a) in k.leave(&x).iter().zip(&a) {
            prop_assert!(left == a || *left == crate::curve::field::P && *a == [0; 4]);
        }
        let packed = k.pack(&k.fold(&x), &k.fold(&k.square(&x)));
        let (first, second) = k.unpack(&packed.each_ref());
        check(&first, TOP + 1, |lane| value(&lanes(&x)[lane]))?;
        check(&second, TOP + 1, |lane| value(&lanes(&k.square(&x))[lane]))?;
    }
}

#[test]
fn multiples_of_p_are_zero_and_their_neighbours_are_not() {
    let Some(k) = Field::here() else { return };
    let p = numbers(&[super::field::P; LANES]);
    let mut multiple = numbers(&[[0; 9]; LANES]);
    let one = numbers(&[
        [1, 0, 0, 0, 0, 0, 0, 0, 0],
        [0; 9],
        [0; 9],
        [0, 0, 0, 0, 0, 0, 0, 0, 1],
    ]);
    for _ in 0..8 {
        assert_eq!(k.is_zero(&multiple), 0b1111);
        assert_eq!(k.is_zero(&k.add(&multiple, &one)), 0b0110);
        multiple = k.add(&multiple, &p);
    }
}

#[test]
fn inverses_undo_and_roots_are_found() {
    let Some(k) = Field::here() else { return };
    let values = [Fe::ONE, Fe::B, Fe::GX, Fe::GY].map(|a| a.to_limbs());
    let x = k.enter(&values.each_ref());
    let product = k.leave(&k.mul(&x, &k.invert(&x)));
    assert_eq!(product, [[1, 0, 0, 0]; LANES]);
    for (root, value) in k.leave(&k.sqrt(&k.square(&x))).iter().zip(values) {
        let root = Fe::from_limbs(root).expect("below p");
        let value = Fe::from_limbs(&value).expect("below p");
        assert!(root == value || root == Portable.sub(&Fe::ZERO, &value));
    }
}

/// A point's x, y and z as they may be between steps, in each lane.
fn any_points() -> impl Strategy<Value = [[Nine; LANES]; 3]> {
    let x = any_numbers(TOP + TOP / 100);
    let y = any_numbers(4 * TOP - TOP / 500);
    (x, y, any_numbers(2 * TOP - TOP / 100)).prop_map(|(x, y, z)| [x, y, z])
}

/// Doubled where it is asked for, and then with others added if there are any.
#[expect(unsafe_code, reason = "it is code for this processor only")]
fn stepped(
    [x, y, z]: &[[Nine; LANES]; 3],
    double: bool,
    add: Option<(&[Affine; LANES], Verdicts)>,
) -> Points {
    #[target_feature(enable = "avx2")]
    fn inside(points: &mut Points, double: bool, add: Option<(&[Packed; LANES], Verdicts)>) {
        if double {
            points.double();
        }
        if let Some((points_added, negative)) = add {
            points.add_picked(&Picks {
                points: points_added.each_ref(),
                negative,
            });
        }
    }
    let mut points = Points {
        x: numbers(x),
        y: numbers(y),
        z: numbers(z),
    };
    let packed = add.map(|(others, negative)| {
        let packed = others.each_ref().map(|other| Packed::of(other, FORM));
        (packed, negative)
    });
    let add = packed
        .as_ref()
        .map(|(packed, negative)| (packed, *negative));
    // SAFETY: the tests ask for the kernel first.
    unsafe { inside(&mut points, double, add) };
    points
}

/// The point that a lane's numbers mean, whose x, y and z are in the form.
fn meant([x, y, z]: [&Nine; 3]) -> Jacobian {
    let out_of_form = Portable.invert(&in_form(&Fe::ONE));
    let [x, y, z] = [x, y, z].map(|number| value(number).mul(&out_of_form));
    Jacobian { x, y, z }
}

/// Whether two are the same point, whatever their z; where z is zero, both are.
fn same(a: &Jacobian, b: &Jacobian) -> bool {
    let (aa, bb) = (a.z.square(), b.z.square());
    a.x.mul(&bb) == b.x.mul(&aa)
        && a.y.mul(&bb).mul(&b.z) == b.y.mul(&aa).mul(&a.z)
        && a.z.is_zero() == b.z.is_zero()
}

/// Each lane's point is the expected one, and within the bounds between steps.
fn check_points(found: &Points, expected: impl Fn(usize) -> Jacobian) -> Result<(), TestCaseError> {
    let [x, y, z] = [&found.x, &found.y, &found.z].map(lanes);
    for lane in 0..LANES {
        let point = [&x[lane], &y[lane], &z[lane]];
        prop_assert!(
            same(&meant(point), &expected(lane)),
            "lane {lane}: {point:x?}"
        );
        let tops = [TOP + TOP / 100, 4 * TOP - TOP / 500, 2 * TOP - TOP / 100];
        for (number, top) in point.iter().zip(tops) {
            prop_assert!(number[..8].iter().all(|limb| *limb < MOST), "{point:x?}");
            prop_assert!(number[8] <= top, "{point:x?}");
        }
    }
    Ok(())
}

fn key(limbs: &Limbs) -> Affine {
    let scalar = Scalar::reduce(limbs);
    let scalar = if scalar.is_zero() {
        Scalar::ONE
    } else {
        scalar
    };
    multiple::of_generator(&scalar)
}

fn lane_of(points: &[[Nine; LANES]; 3], lane: usize) -> Jacobian {
    meant(points.each_ref().map(|numbers| &numbers[lane]))
}

proptest! {
    /// Not points of any curve, most of them: the formula does not ask.
    #[test]
    fn doubling_at_the_edges_of_the_bounds_is_doubling_and_keeps_them(points in any_points()) {
        if Field::here().is_none() { return Ok(()) }
        check_points(&stepped(&points, true, None), |lane| {
            let mut expected = lane_of(&points, lane);
            expected.double(Portable);
            expected
        })?;
    }

    #[test]
    fn adding_at_the_edges_of_the_bounds_is_adding_and_keeps_them(
        points in any_points(),
        others in proptest::array::uniform4(crate::curve::limbs::any_limbs()),
        negative in 0..16u8,
        doubled in any::<bool>(),
    ) {
        if Field::here().is_none() { return Ok(()) }
        let others = others.each_ref().map(key);
        check_points(&stepped(&points, doubled, Some((&others, negative))), |lane| {
            let mut expected = lane_of(&points, lane);
            if doubled {
                expected.double(Portable);
            }
            let mask = 0u64.wrapping_sub(u64::from(negative >> lane & 1));
            expected.add_distinct(Portable, &others[lane].negated_where(mask));
            expected
        })?;
    }

    /// Those that an addition does not look for: z is zero from there on.
    #[test]
    fn a_point_that_meets_itself_or_its_negative_loses_its_z(
        limbs in proptest::array::uniform4(crate::curve::limbs::any_limbs()),
        negative in 0..16u8,
    ) {
        let Some(k) = Field::here() else { return Ok(()) };
        let keys = limbs.each_ref().map(key);
        let packed = keys.each_ref().map(|key| Packed::of(key, FORM));
        let (x, y) = k.unpack(&packed.each_ref());
        let one = k.enter(&[&[1, 0, 0, 0]; LANES]);
        let raw = [&x, &y, &one].map(lanes);
        let met = stepped(&raw, false, Some((&keys, negative)));
        prop_assert_eq!(k.is_zero(&met.z), 0b1111);
        let raw = [&met.x, &met.y, &met.z].map(lanes);
        let after = stepped(&raw, true, Some((&keys, 0)));
        prop_assert_eq!(k.is_zero(&after.z), 0b1111);
    }
}
