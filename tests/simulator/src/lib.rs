//! Both ends of the one-way protocol on virtual time.

pub mod random;
