//! Arithmetic of GF(2^8): bytes are polynomials over GF(2) modulo x^8 + x^4 + x^3 + x^2 + 1 (0x11d), of which x is a
//! generator. Addition is exclusive or.

/// Elements other than 0, which form a cyclic group.
const GROUP_ORDER: u8 = 255;

/// As long as the largest sum of three logarithms, so that no such sum needs a division.
const POWERS: [u8; 3 * GROUP_ORDER as usize] = powers();
/// That of 0, which has none, is that of 1: a product over all others may include the point itself.
const LOGARITHMS: [u8; 256] = logarithms();

/// The product, bit by bit: slow, and usable in constants.
pub(crate) const fn multiply(a: u8, b: u8) -> u8 {
    let (mut product, mut multiple, mut rest) = (0, a, b);
    while rest != 0 {
        if rest & 1 != 0 {
            product ^= multiple;
        }
        multiple = times_x(multiple);
        rest >>= 1;
    }
    product
}

const fn times_x(a: u8) -> u8 {
    (a << 1) ^ (if a & 0x80 != 0 { 0x1d } else { 0 })
}

const fn powers() -> [u8; 3 * GROUP_ORDER as usize] {
    let mut powers = [1; 3 * GROUP_ORDER as usize];
    let mut exponent = 1;
    while exponent < powers.len() {
        powers[exponent] = times_x(powers[exponent - 1]);
        exponent += 1;
    }
    powers
}

const fn logarithms() -> [u8; 256] {
    let mut logarithms = [0; 256];
    let mut exponent = 0;
    while exponent < GROUP_ORDER {
        logarithms[POWERS[exponent as usize] as usize] = exponent;
        exponent += 1;
    }
    logarithms
}

/// A product of elements other than 0, as the sum of their logarithms to the base x.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Logarithm(u8);

impl Logarithm {
    /// Of 1.
    pub(crate) const ONE: Self = Self(0);

    /// The product of `x − y` over all `y`, but for `y = x`.
    pub(crate) fn of_differences(x: u8, others: impl IntoIterator<Item = u8>) -> Self {
        let sum: u32 = others.into_iter().map(|y| u32::from(LOGARITHMS[usize::from(x ^ y)])).sum();
        Self((sum % u32::from(GROUP_ORDER)) as u8)
    }

    pub(crate) fn times(self, other: Self) -> Self {
        let sum = u16::from(self.0) + u16::from(other.0);
        Self((sum % u16::from(GROUP_ORDER)) as u8)
    }

    pub(crate) fn divided_by(self, other: Self) -> Self {
        self.times(Self(GROUP_ORDER - other.0))
    }

    /// The element `self · factor / (x − y)`; `x` and `y` differ.
    pub(crate) fn element_over_difference(self, factor: Self, x: u8, y: u8) -> u8 {
        let difference = GROUP_ORDER - LOGARITHMS[usize::from(x ^ y)];
        POWERS[usize::from(self.0) + usize::from(factor.0) + usize::from(difference)]
    }
}

#[cfg(test)]
mod tests {
    use super::{Logarithm, multiply};

    /// The product of one difference from 0 is the element itself.
    fn logarithm(element: u8) -> Logarithm {
        Logarithm::of_differences(element, [0])
    }

    #[test]
    fn logarithms_multiply_and_divide_like_the_field() {
        for a in 1..=255 {
            for b in 1..=255 {
                let product = logarithm(a).times(logarithm(b));
                assert_eq!(product, logarithm(multiply(a, b)));
                assert_eq!(product.divided_by(logarithm(b)), logarithm(a));
                assert_eq!(product.element_over_difference(logarithm(1), b ^ 7, 7), a);
                assert_eq!(Logarithm::of_differences(3, [3 ^ a, 3, 3 ^ b]), product);
            }
        }
    }

    #[test]
    fn the_product_is_that_of_the_reference() {
        for a in 0..=255 {
            for b in 0..=255 {
                assert_eq!(multiply(a, b), reed_solomon_erasure::galois_8::mul(a, b));
            }
        }
    }
}
