//! Intel's ISA-L, built here from source or as the system has it (erasure_code.h).
#![allow(unsafe_code)]

use std::ffi::{c_int, c_uchar};
use std::hint::black_box;

use anyhow::{Context, Result, ensure};
// Links libisal.a; what it has bindings for is compression only.
use isal_sys as _;

use crate::block::{Block, SHARD_BYTES};
use crate::timer::seconds_per_round;
use crate::{Speeds, check};

/// Bytes of its tables for one factor.
const TABLE_BYTES: usize = 32;

type EncodeData =
    unsafe extern "C" fn(c_int, c_int, c_int, *mut c_uchar, *mut *mut c_uchar, *mut *mut c_uchar);
type InitTables = unsafe extern "C" fn(c_int, c_int, *mut c_uchar, *mut c_uchar);
type CauchyMatrix = unsafe extern "C" fn(*mut c_uchar, c_int, c_int);
type InvertMatrix = unsafe extern "C" fn(*mut c_uchar, *mut c_uchar, c_int) -> c_int;

unsafe extern "C" {
    fn ec_encode_data(
        bytes: c_int,
        sources: c_int,
        rows: c_int,
        tables: *mut c_uchar,
        data: *mut *mut c_uchar,
        coding: *mut *mut c_uchar,
    );
    fn ec_init_tables(sources: c_int, rows: c_int, factors: *mut c_uchar, tables: *mut c_uchar);
    fn gf_gen_cauchy1_matrix(matrix: *mut c_uchar, rows: c_int, sources: c_int);
    fn gf_invert_matrix(matrix: *mut c_uchar, inverse: *mut c_uchar, size: c_int) -> c_int;
}

/// The four functions that a code takes.
pub(crate) struct Isal {
    encode_data: EncodeData,
    init_tables: InitTables,
    cauchy_matrix: CauchyMatrix,
    invert_matrix: InvertMatrix,
    /// Keeps them in memory.
    _library: Option<libloading::Library>,
}

impl Isal {
    pub(crate) fn built_in() -> Self {
        Self {
            encode_data: ec_encode_data,
            init_tables: ec_init_tables,
            cauchy_matrix: gf_gen_cauchy1_matrix,
            invert_matrix: gf_invert_matrix,
            _library: None,
        }
    }

    pub(crate) fn of_the_system() -> Result<Self> {
        // SAFETY: loading ISA-L runs no code but its choice of instructions; the types are those of its
        // header, which has kept them since version 2.14, and the library stays loaded as long as the functions.
        unsafe {
            let library = libloading::Library::new("libisal.so.2").context("Debian: libisal2")?;
            Ok(Self {
                encode_data: *library.get::<EncodeData>(b"ec_encode_data\0")?,
                init_tables: *library.get::<InitTables>(b"ec_init_tables\0")?,
                cauchy_matrix: *library.get::<CauchyMatrix>(b"gf_gen_cauchy1_matrix\0")?,
                invert_matrix: *library.get::<InvertMatrix>(b"gf_invert_matrix\0")?,
                _library: Some(library),
            })
        }
    }

    fn matrix(&self, sources: usize, rows: usize) -> Vec<u8> {
        let mut matrix = vec![0; (sources + rows) * sources];
        // SAFETY: the matrix has as many bytes as this writes, a row for every shard of the block.
        unsafe { (self.cauchy_matrix)(matrix.as_mut_ptr(), (sources + rows) as c_int, sources as c_int) };
        matrix
    }

    fn tables(&self, sources: usize, rows: usize, factors: &mut [u8], tables: &mut [u8]) {
        assert!(factors.len() >= rows * sources && tables.len() >= rows * sources * TABLE_BYTES);
        // SAFETY: both are as long as this reads and writes.
        unsafe {
            (self.init_tables)(sources as c_int, rows as c_int, factors.as_mut_ptr(), tables.as_mut_ptr());
        }
    }

    fn multiply(&self, tables: &mut [u8], sources: &mut [*mut u8], rows: &mut [*mut u8]) {
        assert!(tables.len() >= sources.len() * rows.len() * TABLE_BYTES);
        // SAFETY: the callers below pass pointers to shards of `SHARD_BYTES` bytes each, rows that nobody else has.
        unsafe {
            (self.encode_data)(
                SHARD_BYTES as c_int,
                sources.len() as c_int,
                rows.len() as c_int,
                tables.as_mut_ptr(),
                sources.as_mut_ptr(),
                rows.as_mut_ptr(),
            );
        }
    }

    /// Rows of the inverse that give the lost shards from the survivors.
    fn recovery(&self, matrix: &[u8], survivors: &[usize], lost: &[usize], work: &mut Work) {
        let size = survivors.len();
        for (row, &survivor) in survivors.iter().enumerate() {
            work.square[row * size..][..size].copy_from_slice(&matrix[survivor * size..][..size]);
        }
        let square = work.square.as_mut_ptr();
        // SAFETY: both matrices have `size` by `size` bytes.
        let status = unsafe { (self.invert_matrix)(square, work.inverse.as_mut_ptr(), size as c_int) };
        assert_eq!(status, 0, "every square part of a Cauchy matrix is invertible");
        for (row, &index) in lost.iter().enumerate() {
            work.factors[row * size..][..size].copy_from_slice(&work.inverse[index * size..][..size]);
        }
        self.tables(size, lost.len(), &mut work.factors, &mut work.tables);
    }
}

/// Memory for one decoding, allocated once.
struct Work {
    square: Vec<u8>,
    inverse: Vec<u8>,
    factors: Vec<u8>,
    tables: Vec<u8>,
}

pub(crate) fn measure(isal: &Isal, block: &Block, parity: usize) -> Result<Speeds> {
    let size = block.shards.len();
    let mut matrix = isal.matrix(size, parity);
    let mut tables = vec![0; size * parity * TABLE_BYTES];
    isal.tables(size, parity, &mut matrix[size * size..], &mut tables);
    let mut shards = block.shards.clone();
    let mut data: Vec<*mut u8> = shards.iter_mut().map(|shard| shard.as_mut_ptr()).collect();
    let mut parity_shards = vec![vec![0; SHARD_BYTES]; parity];
    let mut rows: Vec<*mut u8> = parity_shards.iter_mut().map(|shard| shard.as_mut_ptr()).collect();
    let encode = seconds_per_round(|| isal.multiply(black_box(&mut tables), &mut data, &mut rows));

    let mut recovered = vec![vec![0; SHARD_BYTES]; parity];
    let mut outputs: Vec<*mut u8> = recovered.iter_mut().map(|shard| shard.as_mut_ptr()).collect();
    let all: Vec<*mut u8> = data.iter().chain(&rows).copied().collect();
    let mut work = Work {
        square: vec![0; size * size],
        inverse: vec![0; size * size],
        factors: vec![0; size * parity],
        tables: vec![0; size * parity * TABLE_BYTES],
    };
    let survivors = |lost: &[usize]| -> Vec<usize> {
        (0..size + parity).filter(|index| lost.binary_search(index).is_err()).take(size).collect()
    };
    let mut cases: Vec<(Vec<usize>, Vec<*mut u8>)> = block
        .losses
        .iter()
        .map(|lost| survivors(lost))
        .map(|survivors| (survivors.clone(), survivors.iter().map(|&index| all[index]).collect()))
        .collect();
    let mut round = 0;
    let decode = seconds_per_round(|| {
        let (survivors, sources) = &mut cases[round];
        isal.recovery(&matrix, survivors, &block.losses[round], &mut work);
        isal.multiply(&mut work.tables, sources, &mut outputs);
        round = (round + 1) % cases.len();
    });
    let (survivors, sources) = &mut cases[0];
    isal.recovery(&matrix, survivors, &block.losses[0], &mut work);
    let decode_kept = seconds_per_round(|| isal.multiply(black_box(&mut work.tables), sources, &mut outputs));
    check(&recovered, &block.losses[0], block)?;
    ensure!(shards == block.shards, "a peer changed its input");
    let gigabytes = block.gigabytes();
    Ok(Speeds {
        encode: gigabytes / encode,
        decode: gigabytes / decode,
        decode_kept: gigabytes / decode_kept,
    })
}
