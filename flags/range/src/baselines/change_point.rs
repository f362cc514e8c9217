//! Bayesian online change point detection over several series at once.
//!
//! Source: Adams and MacKay, "Bayesian Online Changepoint Detection" (2007), with the multivariate t of a Gaussian with unknown mean and
//! precision (Haines, "Gaussian Conjugate Prior Cheat Sheet"), as BARO has it (fse-baro 0.2.2, `_bocpd.py`): hazard 1/50, one degree of
//! freedom more than there are series, kappa 1, mean 0, scale the identity. BARO keeps the scale's inverse and inverts it in each step; here
//! it is kept as a Cholesky factor, which a new value changes in d² steps instead of d³.

/// One change in so many rows is expected.
const HAZARD: f64 = 1.0 / 50.0;
/// The run's length falls by more than this at a change.
const FALL: f64 = 1.0;
/// Most series: the work for each value grows with their square.
pub const MAX_SERIES: usize = 128;

/// What is believed of the values since a run began.
#[derive(Clone)]
struct Run {
    degrees: f64,
    kappa: f64,
    mean: Vec<f64>,
    /// The lower Cholesky factor of the scale matrix, by rows.
    factor: Vec<f64>,
}

impl Run {
    fn new(dims: usize) -> Self {
        let mut factor = vec![0.0; dims * dims];
        for at in 0..dims {
            factor[at * dims + at] = 1.0;
        }
        Self { degrees: dims as f64 + 1.0, kappa: 1.0, mean: vec![0.0; dims], factor }
    }

    /// The logarithm of a value's density under the multivariate t.
    fn ln_density(&self, x: &[f64]) -> f64 {
        let dims = x.len();
        let d = dims as f64;
        let degrees = self.degrees - d + 1.0;
        // The t's shape is the scale matrix times this.
        let times = (self.kappa + 1.0) / (self.kappa * degrees);
        let mut solved = vec![0.0; dims];
        let (mut squares, mut ln_det) = (0.0, 0.0);
        for row in 0..dims {
            let known: f64 = (0..row).map(|at| self.factor[row * dims + at] * solved[at]).sum();
            let diagonal = self.factor[row * dims + row];
            solved[row] = (x[row] - self.mean[row] - known) / diagonal;
            squares += solved[row] * solved[row];
            ln_det += 2.0 * diagonal.ln();
        }
        let ln_gammas = ln_gamma(f64::midpoint(degrees, d)) - ln_gamma(degrees / 2.0);
        let ln_scale = d / 2.0 * (degrees * std::f64::consts::PI).ln() + (ln_det + d * times.ln()) / 2.0;
        ln_gammas - ln_scale - f64::midpoint(degrees, d) * (squares / (times * degrees)).ln_1p()
    }

    /// The same, one value later.
    fn after(&self, x: &[f64]) -> Self {
        let dims = x.len();
        let weight = (self.kappa / (self.kappa + 1.0)).sqrt();
        let mut update: Vec<f64> = x.iter().zip(&self.mean).map(|(x, mean)| weight * (x - mean)).collect();
        let mut factor = self.factor.clone();
        // A rank-one update (Gill, Golub, Murray, Saunders).
        for column in 0..dims {
            let old = factor[column * dims + column];
            let new = old.hypot(update[column]);
            let (cosine, sine) = (new / old, update[column] / old);
            factor[column * dims + column] = new;
            for row in column + 1..dims {
                let below = (factor[row * dims + column] + sine * update[row]) / cosine;
                update[row] = cosine * update[row] - sine * below;
                factor[row * dims + column] = below;
            }
        }
        let mean = self.mean.iter().zip(x).map(|(mean, x)| (self.kappa * mean + x) / (self.kappa + 1.0)).collect();
        Self { degrees: self.degrees + 1.0, kappa: self.kappa + 1.0, mean, factor }
    }
}

/// The logarithm of the gamma function of a positive number (Lanczos; Numerical Recipes, third edition, 6.1).
fn ln_gamma(x: f64) -> f64 {
    const COEFFICIENTS: [f64; 14] = [
        57.156_235_665_862_92,
        -59.597_960_355_475_49,
        14.136_097_974_741_746,
        -0.491_913_816_097_620_2,
        0.339_946_499_848_118_9e-4,
        0.465_236_289_270_485_8e-4,
        -0.983_744_753_048_795_6e-4,
        0.158_088_703_224_912_5e-3,
        -0.210_264_441_724_104_9e-3,
        0.217_439_618_115_212_6e-3,
        -0.164_318_106_536_763_9e-3,
        0.844_182_239_838_527_4e-4,
        -0.261_908_384_015_814_1e-4,
        0.368_991_826_595_316_2e-5,
    ];
    let shifted = x + 5.242_187_5;
    let shifted = (x + 0.5) * shifted.ln() - shifted;
    let series =
        COEFFICIENTS.iter().zip(1_u32..).fold(0.999_999_999_999_997_1, |sum, (c, n)| sum + c / (x + f64::from(n)));
    shifted + (2.506_628_274_631_000_5 * series / x).ln()
}

/// Returns the rows at which something changed, of series of one length; at most the first [`MAX_SERIES`] are looked at.
pub fn change_points(series: &[Vec<f64>]) -> Vec<usize> {
    let series = &series[..series.len().min(MAX_SERIES)];
    let rows = series.first().map_or(0, Vec::len);
    // How probable each length of the run is, the shortest first, and what is believed under it.
    let (mut lengths, mut runs) = (vec![1.0_f64], vec![Run::new(series.len())]);
    let mut likeliest = Vec::with_capacity(rows + 1);
    for row in 0..rows {
        likeliest.push(argmax(&lengths));
        let x: Vec<f64> = series.iter().map(|values| values[row]).collect();
        let ln: Vec<f64> = runs.iter().map(|run| run.ln_density(&x)).collect();
        // Only their ratios matter: the greatest is one, so that none is beyond what a number can be.
        let most = ln.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let grown: Vec<f64> = lengths.iter().zip(&ln).map(|(length, ln)| length * (ln - most).exp()).collect();
        let total: f64 = grown.iter().sum();
        lengths = std::iter::once(HAZARD * total)
            .chain(grown.iter().map(|g| g * (1.0 - HAZARD)))
            .map(|p| p / total)
            .collect();
        runs = std::iter::once(Run::new(series.len())).chain(runs.iter().map(|run| run.after(&x))).collect();
    }
    // BARO leaves the last one at 0.
    likeliest.push(0);
    let falls = |at: &usize| (likeliest[*at] as f64 - likeliest[at - 1] as f64).abs() > FALL;
    (1..likeliest.len()).filter(falls).collect()
}

fn argmax(values: &[f64]) -> usize {
    let greater = |best: usize, at: usize| if values[at] > values[best] { at } else { best };
    (0..values.len()).fold(0, greater)
}
