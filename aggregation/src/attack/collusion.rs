//! Attacks of liars who know all honest rows, the rule and each other.

use std::fmt;
use std::str::FromStr;

use super::ParseAttackError;
use super::along::Along;
use super::moments::Moments;
use super::search::{largest_step, line_search};
use crate::input::Inputs;
use crate::pipeline::Pipeline;

/// What f liars send together, given the honest rows. All send the same vector.
///
/// mu and sigma are the mean and the standard deviation (with n - 1) of each honest coordinate. The
/// text form is one of [`Collusion::SYNTAXES`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Collusion {
    /// -mu.
    SignFlip,
    /// Inner product manipulation, or "fall of empires": -factor mu. Xie et al., UAI 2019.
    Ipm {
        /// 2 if not given, as in ByzFL; the paper takes 0.1 to 10.
        factor: f64,
    },
    /// "A little is enough": mu + factor sigma. Baruch et al., NeurIPS 2019.
    Alie {
        /// Of either sign; 1.5 if not given, as in ByzFL.
        factor: f64,
    },
    /// [`Collusion::Ipm`] with the factor that moves the rule farthest from mu, by ByzFL's search.
    OptimisedIpm,
    /// [`Collusion::Alie`] with the factor that moves the rule farthest from mu, by ByzFL's search.
    OptimisedAlie,
    /// A copy of one honest row, which makes it look more frequent than it is. Karimireddy et al.,
    /// ICLR 2022.
    Mimic {
        /// Which honest row; 0 if not given.
        row: usize,
    },
    /// A copy of the honest row that is farthest along the direction of largest honest variance.
    /// Karimireddy et al., ICLR 2022, appendix.
    MimicSpread,
    /// mu + gamma p, as far as no honest row is farther from it than from another honest row.
    /// Shejwalkar, Houmansadr, NDSS 2021.
    MinMax(Along),
    /// mu + gamma p, as far as the sum of its squared distances to the honest rows is no more than
    /// the largest such sum of an honest row. Shejwalkar, Houmansadr, NDSS 2021.
    MinSum(Along),
    /// -lambda sign(mu), the largest lambda (by halving) for which the rule, taken as Krum, lands on
    /// it or beyond. Fang et al., USENIX Security 2020, section 4.2.
    FangKrum,
    /// Beyond the least or the largest honest value of each coordinate, on the side away from mu's
    /// sign. Fang et al., USENIX Security 2020, section 4.3, with b = 2.
    FangTrim,
    /// mu, but for one coordinate, which is moved as far as it moves the rule. El Mhamdi et al.,
    /// ICML 2018 ("hidden vulnerability").
    OneCoordinate {
        /// Which; 0 if not given.
        column: usize,
    },
}

impl Collusion {
    /// The accepted texts, options in square brackets.
    pub const SYNTAXES: &[&str] = &[
        "mean-flip",
        "ipm[:factor=<number>]",
        "alie[:factor=<number>]",
        "optimised-ipm",
        "optimised-alie",
        "mimic[:row=<row>]",
        "mimic-spread",
        "min-max[:along=unit|deviation|sign]",
        "min-sum[:along=unit|deviation|sign]",
        "fang-krum",
        "fang-trim",
        "one-coordinate[:column=<column>]",
    ];

    /// What each of `liars` liars sends, d finite values, if `target` will aggregate their rows
    /// after the honest ones. Only the optimised attacks ask what the target makes of it: each calls
    /// it up to 20 times.
    pub fn vector(&self, honest: &Inputs<'_>, liars: usize, target: &Pipeline) -> Vec<f32> {
        let moments = Moments::of(honest);
        let mean = &moments.mean;
        let by = |factor: f64, towards: &[f64]| -> Vec<f64> {
            let pairs = mean.iter().zip(towards);
            pairs.map(|(m, t)| m + factor * t).collect()
        };
        let damage = |vector: &[f64]| damage(honest, liars, target, mean, vector);
        let sent = match *self {
            Self::SignFlip => by(-2.0, mean),
            Self::Ipm { factor } => by(-1.0 - factor, mean),
            Self::Alie { factor } => by(factor, &moments.deviation),
            Self::OptimisedIpm => {
                let factor = line_search(|x| damage(&by(-1.0 - x, mean)));
                by(-1.0 - factor, mean)
            }
            Self::OptimisedAlie => {
                let factor = line_search(|x| damage(&by(x, &moments.deviation)));
                by(factor, &moments.deviation)
            }
            Self::Mimic { row } => widened(honest.rows()[row.min(honest.n() - 1)]),
            Self::MimicSpread => widened(honest.rows()[moments.farthest_along_spread(honest)]),
            Self::MinMax(along) => {
                let direction = moments.direction(along);
                by(moments.min_max(honest, &direction), &direction)
            }
            Self::MinSum(along) => {
                let direction = moments.direction(along);
                by(moments.min_sum(honest, &direction), &direction)
            }
            Self::FangKrum => {
                let sign = moments.direction(Along::Sign);
                let at = |lambda: f64| -> Vec<f64> { sign.iter().map(|s| lambda * s).collect() };
                // Taken, if the rule ends nearer to it than to the honest mean.
                let taken = |lambda: f64| {
                    let vector = at(lambda);
                    let away: f64 = mean.iter().zip(&vector).map(|(m, v)| (m - v).powi(2)).sum();
                    2.0 * damage(&vector) >= away.sqrt()
                };
                at(largest_step(moments.reach(honest), taken))
            }
            Self::FangTrim => moments.beyond(honest),
            Self::OneCoordinate { column } => {
                let column = column.min(mean.len() - 1);
                let at = |lambda: f64| {
                    let mut vector = mean.clone();
                    vector[column] += lambda;
                    vector
                };
                at(line_search(|x| damage(&at(x))))
            }
        };
        narrowed(&sent)
    }
}

/// How far the target's aggregate is from the honest mean; 0 if it refuses.
fn damage(
    honest: &Inputs<'_>,
    liars: usize,
    target: &Pipeline,
    mean: &[f64],
    vector: &[f64],
) -> f64 {
    let vector = narrowed(vector);
    let mut rows = honest.rows().to_vec();
    rows.extend(std::iter::repeat_n(vector.as_slice(), liars));
    let mut out = vec![0.0; mean.len()];
    let done = Inputs::from_rows(rows)
        .ok()
        .and_then(|inputs| target.aggregate_into(&inputs, liars, &mut out).ok());
    if done.is_none() {
        return 0.0;
    }
    let pairs = out.iter().zip(mean);
    pairs
        .map(|(x, m)| (f64::from(*x) - m).powi(2))
        .sum::<f64>()
        .sqrt()
}

fn widened(row: &[f32]) -> Vec<f64> {
    row.iter().copied().map(f64::from).collect()
}

fn narrowed(vector: &[f64]) -> Vec<f32> {
    let narrow = |x: &f64| (*x as f32).clamp(f32::MIN, f32::MAX);
    vector.iter().map(narrow).collect()
}

impl FromStr for Collusion {
    type Err = ParseAttackError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || ParseAttackError::UnknownCollusion {
            text: text.to_owned(),
        };
        let (name, option) = text
            .split_once(':')
            .map_or((text, None), |(name, option)| (name, Some(option)));
        let value = |key: &str| match option {
            None => Ok(None),
            Some(option) => match option.split_once('=') {
                Some((found, value)) if found == key => Ok(Some(value)),
                Some(_) | None => Err(unknown()),
            },
        };
        let number = |default: f64| match value("factor")? {
            None => Ok(default),
            Some(text) => match text.parse() {
                Ok(factor) if f64::is_finite(factor) => Ok(factor),
                Ok(_) | Err(_) => Err(unknown()),
            },
        };
        let index = |key: &str| match value(key)? {
            None => Ok(0),
            Some(text) => text.parse().map_err(|_| unknown()),
        };
        let along = || match value("along")? {
            None | Some("unit") => Ok(Along::Unit),
            Some("deviation") => Ok(Along::Deviation),
            Some("sign") => Ok(Along::Sign),
            Some(_) => Err(unknown()),
        };
        let plain = |collusion| match option {
            None => Ok(collusion),
            Some(_) => Err(unknown()),
        };
        match name {
            "mean-flip" => plain(Self::SignFlip),
            "ipm" => Ok(Self::Ipm {
                factor: number(2.0)?,
            }),
            "alie" => Ok(Self::Alie {
                factor: number(1.5)?,
            }),
            "optimised-ipm" => plain(Self::OptimisedIpm),
            "optimised-alie" => plain(Self::OptimisedAlie),
            "mimic" => Ok(Self::Mimic { row: index("row")? }),
            "mimic-spread" => plain(Self::MimicSpread),
            "min-max" => Ok(Self::MinMax(along()?)),
            "min-sum" => Ok(Self::MinSum(along()?)),
            "fang-krum" => plain(Self::FangKrum),
            "fang-trim" => plain(Self::FangTrim),
            "one-coordinate" => Ok(Self::OneCoordinate {
                column: index("column")?,
            }),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for Collusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SignFlip => f.write_str("mean-flip"),
            Self::Ipm { factor } => write!(f, "ipm:factor={factor}"),
            Self::Alie { factor } => write!(f, "alie:factor={factor}"),
            Self::OptimisedIpm => f.write_str("optimised-ipm"),
            Self::OptimisedAlie => f.write_str("optimised-alie"),
            Self::Mimic { row } => write!(f, "mimic:row={row}"),
            Self::MimicSpread => f.write_str("mimic-spread"),
            Self::MinMax(along) => write!(f, "min-max:along={along}"),
            Self::MinSum(along) => write!(f, "min-sum:along={along}"),
            Self::FangKrum => f.write_str("fang-krum"),
            Self::FangTrim => f.write_str("fang-trim"),
            Self::OneCoordinate { column } => write!(f, "one-coordinate:column={column}"),
        }
    }
}
