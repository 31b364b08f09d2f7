//! Arithmetic of GF(2^8): bytes are polynomials over GF(2) modulo x^8 + x^4 + x^3 + x^2 + 1 (0x11d), of which x is a
//! generator. Addition is exclusive or.

/// Elements other than 0, which form a cyclic group.
const GROUP_ORDER: u8 = 255;

const POWERS: [u8; GROUP_ORDER as usize] = powers();
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

const fn powers() -> [u8; GROUP_ORDER as usize] {
    let mut powers = [1; GROUP_ORDER as usize];
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
    while exponent < POWERS.len() {
        logarithms[POWERS[exponent] as usize] = exponent as u8;
        exponent += 1;
    }
    logarithms
}

/// A product of elements other than 0, as the sum of their logarithms to the base x.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Logarithm(u8);

impl Logarithm {
    /// Of an element other than 0, which has none.
    pub(crate) fn of(element: u8) -> Self {
        debug_assert!(element != 0, "0 has no logarithm");
        Self(LOGARITHMS[usize::from(element)])
    }

    pub(crate) fn times(self, other: Self) -> Self {
        let sum = u16::from(self.0) + u16::from(other.0);
        Self((sum % u16::from(GROUP_ORDER)) as u8)
    }

    pub(crate) fn divided_by(self, other: Self) -> Self {
        self.times(Self(GROUP_ORDER - other.0))
    }

    /// The product of `x − y` over all `y`, none of which equals `x`.
    pub(crate) fn of_differences(x: u8, others: impl IntoIterator<Item = u8>) -> Self {
        let sum: u32 = others.into_iter().map(|y| u32::from(Self::of(x ^ y).0)).sum();
        Self((sum % u32::from(GROUP_ORDER)) as u8)
    }

    /// The element.
    pub(crate) fn element(self) -> u8 {
        POWERS[usize::from(self.0 % GROUP_ORDER)]
    }
}

#[cfg(test)]
mod tests {
    use super::{Logarithm, multiply};

    #[test]
    fn logarithms_multiply_and_divide_like_the_field() {
        for a in 1..=255 {
            for b in 1..=255 {
                let product = multiply(a, b);
                assert_eq!(Logarithm::of(a).times(Logarithm::of(b)).element(), product);
                assert_eq!(Logarithm::of(product).divided_by(Logarithm::of(b)).element(), a);
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
