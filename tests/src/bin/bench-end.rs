//! One end of a measurement between processes, which the benchmark starts.
#![forbid(unsafe_code)]

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    noreturn_tests::bench::run_end(&arguments)
}
