//! One version of a program beside another one, in pairs: on a machine whose speed varies, two
//! runs one after the other tell more than medians of each.

use std::{
    fmt::{self, Write as _},
    path::Path,
};

use super::{
    Series,
    analyzers::{ALL, ANALYZE},
    measure::{Cost, cost},
};

const THREADS: [&str; 2] = ["1", "2"];

/// Ratios of pairs: their geometric mean and its standard error.
#[derive(Clone, Debug, Default)]
pub struct Ratios(Vec<f64>);

impl Ratios {
    pub fn add(&mut self, value: f64, base: f64) {
        self.0.push((value / base).ln());
    }

    /// The mean, and its standard error; of less than two pairs there is none.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a few hundred pairs")]
    pub fn mean(&self) -> (f64, f64) {
        let n = self.0.len() as f64;
        let mean = self.0.iter().sum::<f64>() / n;
        let squares = self.0.iter().map(|log| (log - mean).powi(2)).sum::<f64>();
        let error = (squares / (n - 1.0) / n).sqrt();
        // As far as it is small, of the ratio what it is of its logarithm.
        (mean.exp(), mean.exp() * error)
    }
}

impl fmt::Display for Ratios {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mean, error) = self.mean();
        write!(f, "{mean:.3} ± {error:.3}")
    }
}

/// A version on so many threads.
struct Runs {
    cpu: Series,
    wall: Series,
    /// Beside tcpdump in the same round.
    cpu_beside: Series,
    wall_beside: Series,
}

impl Runs {
    fn new() -> Self {
        let [cpu, wall, cpu_beside, wall_beside] = std::array::from_fn(|_| Series::new(""));
        Self {
            cpu,
            wall,
            cpu_beside,
            wall_beside,
        }
    }

    fn add(&mut self, run: &Cost, tcpdump: &Cost) {
        self.cpu.add(run.cpu);
        self.wall.add(run.wall);
        self.cpu_beside.add(run.cpu / tcpdump.cpu);
        self.wall_beside.add(run.wall / tcpdump.wall);
    }
}

/// Has two versions of `bench-analyze` analyze a capture in turns with tcpdump. Answers medians
/// and pairs in Markdown.
///
/// # Panics
/// When tcpdump is not installed, or a program fails.
#[must_use]
pub fn compare(file: &Path, folder: &Path, rounds: usize, [before, now]: [&Path; 2]) -> String {
    let analyze = |program: &Path, threads: &str| {
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        cost(
            &[text(program), ANALYZE.into(), text(file), threads.into()],
            None,
        )
    };
    let tcpdump = &ALL[0];
    let program = tcpdump.program().expect("tcpdump is installed");
    let mut table = "| threads | CPU, s: before | now | × tcpdump: before | now | now / before | wall, s: before | now | \
        × tcpdump: before | now | now / before |\n|---|---|---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for threads in THREADS {
        let [mut old, mut new] = [Runs::new(), Runs::new()];
        let [mut cpu, mut wall] = [Ratios::default(), Ratios::default()];
        // To warm up.
        let _ = (analyze(before, threads), analyze(now, threads));
        for round in 0..rounds {
            let beside = tcpdump.run(&program, file, folder);
            let (first, second) = if round % 2 == 0 {
                let first = analyze(before, threads);
                (first, analyze(now, threads))
            } else {
                let second = analyze(now, threads);
                (analyze(before, threads), second)
            };
            cpu.add(second.cpu, first.cpu);
            wall.add(second.wall, first.wall);
            old.add(&first, &beside);
            new.add(&second, &beside);
        }
        let of =
            |before: &Series, now: &Series| format!("{:.2} | {:.2}", before.median(), now.median());
        writeln!(
            table,
            "| {threads} | {} | {} | {cpu} | {} | {} | {wall} |",
            of(&old.cpu, &new.cpu),
            of(&old.cpu_beside, &new.cpu_beside),
            of(&old.wall, &new.wall),
            of(&old.wall_beside, &new.wall_beside),
        )
        .unwrap();
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::suboptimal_flops, reason = "as it is defined")]
    fn ratios_have_a_geometric_mean_and_its_error() {
        let mut ratios = Ratios::default();
        for (value, base) in [(1.0, 2.0), (2.0, 1.0), (8.0, 2.0), (1.0, 4.0)] {
            ratios.add(value, base);
        }
        let (mean, error) = ratios.mean();
        assert!((mean - 1.0).abs() < 1e-9);
        // Logarithms of 2 times -1, 1, 2, -2: the sum of squares is 10.
        let expected = 2_f64.ln() * (10.0_f64 / 3.0 / 4.0).sqrt();
        assert!((error - expected).abs() < 1e-9, "{error} {expected}");
        assert_eq!(ratios.to_string(), format!("1.000 ± {expected:.3}"));
    }
}
