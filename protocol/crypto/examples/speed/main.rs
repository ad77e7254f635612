//! How fast the kernels are, beside other libraries in the same run: `cargo xtask bench crypto`.
//!
//! Each figure is the median of nine runs on one core, in nanoseconds for one operation: of processor
//! time where the system tells it (Linux), else of the clock. Ours and the others take turns, so that
//! what else the machine does meanwhile falls on all of them.
#![expect(clippy::print_stdout, reason = "figures are what it is for")]

mod beside;
mod chart;
mod figures;
mod lanes;
mod openssl;
mod peers;
mod sm2;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use beside::Beside;
use figures::{Figure, Report};

/// How often each is measured; the middle one counts.
const RUNS: usize = 9;

/// One thing that is measured: what it is called, and how to do it `count` times.
struct Row<'a> {
    name: &'static str,
    count: u32,
    ours: Box<dyn FnMut() + 'a>,
    theirs: Option<Box<dyn FnMut() + 'a>>,
}

/// What was asked for.
#[derive(Default)]
struct Asked {
    words: Vec<String>,
    beside: Vec<Beside>,
    chart: Option<PathBuf>,
    json: bool,
    /// Which of the levels of kernels is measured, where it is not the best.
    level: Option<String>,
}

fn main() -> ExitCode {
    match Asked::read(std::env::args().skip(1)).and_then(at_level) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

impl Asked {
    fn read(args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut asked = Self::default();
        let mut args = args;
        while let Some(arg) = args.next() {
            let mut value = |what: &str| args.next().ok_or(format!("{arg} needs {what}"));
            match arg.as_str() {
                "--json" => asked.json = true,
                "--level" => asked.level = Some(value("a level")?),
                "--chart" => asked.chart = Some(value("a file")?.into()),
                "--beside" => asked.beside.push(Beside::start(&value("NAME=PROGRAM")?)?),
                option if option.starts_with("--") => {
                    return Err(format!(
                        "there is no {option}, but --beside, --chart, --json and --level"
                    ));
                }
                _ => asked.words.push(arg),
            }
        }
        Ok(asked)
    }

    fn wants(&self, name: &str) -> bool {
        self.words.is_empty() || self.words.iter().any(|word| name.contains(word.as_str()))
    }
}

/// With the kernels left out that the level leaves out.
fn at_level(mut asked: Asked) -> Result<(), String> {
    match asked.level.take() {
        None => run(asked),
        Some(level) => leaving_out(&level, || run(asked)),
    }
}

#[cfg(feature = "trial")]
fn leaving_out(level: &str, run: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    use tongtu_crypto::trial::{LEVELS, without};
    match LEVELS.iter().find(|(name, _)| *name == level) {
        Some((_, kernels)) => without(kernels, run),
        None => Err(format!(
            "there is no level {level}, but {:?}",
            LEVELS.iter().map(|(name, _)| name).collect::<Vec<_>>()
        )),
    }
}

#[cfg(not(feature = "trial"))]
fn leaving_out(_: &str, _: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    Err("kernels can be left out only with the feature trial".into())
}

fn run(mut asked: Asked) -> Result<(), String> {
    let (signatures, proofs) = (sm2::Scene::new(), lanes::Scene::new());
    let rows = sm2::rows(&signatures).into_iter();
    let openssl = openssl::measure();
    let names = asked.beside.iter().map(|beside| beside.name().to_owned());
    let mut report = Report::new(names.collect(), openssl.is_some());
    if !asked.json {
        print!("{}", report.head());
    }
    for mut row in rows.chain(lanes::rows(&proofs)) {
        if !asked.wants(row.name) {
            continue;
        }
        let figure = measure(&mut row, &mut asked.beside, openssl.as_ref())?;
        if !asked.json {
            println!("{}", report.line(&figure));
        }
        report.push(figure);
    }
    if asked.json {
        println!("{}", report.json());
    }
    if let Some(path) = asked.chart {
        std::fs::write(&path, chart::draw(&report))
            .map_err(|error| format!("{} is not written: {error}", path.display()))?;
    }
    Ok(())
}

/// Ours and everybody else's in turns.
fn measure(
    row: &mut Row<'_>,
    beside: &mut [Beside],
    openssl: Option<&openssl::Openssl>,
) -> Result<Figure, String> {
    let mut ours = Vec::new();
    let mut theirs = Vec::new();
    let mut others = vec![Vec::new(); beside.len()];
    for _ in 0..RUNS {
        ours.push(time(row.count, &mut row.ours));
        if let Some(peer) = &mut row.theirs {
            theirs.push(time(row.count, peer));
        }
        for (beside, times) in beside.iter_mut().zip(&mut others) {
            times.extend(beside.ask(row.name)?);
        }
    }
    let mut peers = vec![("RustCrypto".to_owned(), median(&mut theirs))];
    if let Some(openssl) = openssl {
        peers.push((openssl.name().to_owned(), openssl.of(row.name)));
    }
    for (beside, times) in beside.iter().zip(&mut others) {
        peers.push((beside.name().to_owned(), median(times)));
    }
    Ok(Figure {
        name: row.name,
        ours: median(&mut ours).expect("nine runs"),
        peers,
    })
}

/// Nanoseconds for one of the `count` operations that `work` does, repeated until it takes a while:
/// the system tells processor time by its ticks only.
fn time(count: u32, work: &mut dyn FnMut()) -> u128 {
    const LONG: Duration = Duration::from_millis(200);
    let (clock, processor) = (Instant::now(), processor_time());
    let mut times = 0;
    while clock.elapsed() < LONG || times == 0 {
        work();
        times += 1;
    }
    let spent = match (processor, processor_time()) {
        (Some(before), Some(after)) => after - before,
        _ => clock.elapsed().as_nanos(),
    };
    spent / (u128::from(count) * times)
}

/// How many nanoseconds this thread has run on a processor.
fn processor_time() -> Option<u128> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok()
}

/// The middle one, where there is any.
fn median(times: &mut [u128]) -> Option<u128> {
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}
