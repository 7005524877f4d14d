//! The text form of rules and pre-aggregators: `name:key=value,key=value`, joined by `+`.
//!
//! What was accepted once stays accepted: the texts are part of run specifications.

mod options;

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

use crate::error::ParseRuleError;
use crate::pre::Pre;
use crate::rule::{Rule, Score, Start, Weiszfeld};
use options::Options;

impl FromStr for Rule {
    type Err = ParseRuleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let names: Vec<&str> = Self::all().iter().map(|info| info.rule.name()).collect();
        // Two names for one rule.
        let text = match text.strip_prefix("nna") {
            Some(rest) if rest.is_empty() || rest.starts_with(':') => &format!("monna{rest}"),
            Some(_) | None => text,
        };
        let mut options = Options::read(text, &names)?;
        let o = &mut options;
        let rule = match o.name {
            "mean" => Self::Mean,
            "median" => Self::Median,
            "trimmed-mean" => Self::TrimmedMean,
            "meamed" => Self::Meamed,
            "phocas" => Self::Phocas,
            "sign-majority" => Self::SignMajority,
            "krum" => Self::Krum { score: o.score()? },
            "multi-krum" => Self::MultiKrum {
                m: rows_of_multi_krum(o)?,
                score: o.score()?,
            },
            "bulyan" => Self::Bulyan,
            "mda" => Self::Mda,
            "mva" => Self::Mva,
            "smea" => Self::Smea,
            "caf" => Self::Caf,
            "geometric-median" => Self::GeometricMedian(weiszfeld(o)?),
            "centered-clip" => {
                let radius = o.positive("radius")?;
                Self::CenteredClip {
                    radius: o.needs("radius", radius)?,
                    iters: o.steps()?.unwrap_or(NonZeroUsize::MIN),
                }
            }
            "cge" => Self::Cge,
            "norm-clip" => {
                let radius = o.positive("radius")?;
                Self::NormClip {
                    radius: o.needs("radius", radius)?,
                }
            }
            "monna" => Self::Monna { own: o.own()? },
            "cs-plus" => Self::CsPlus { own: o.own()? },
            "clipped-gossip" => Self::ClippedGossip {
                radius: o.positive("radius")?,
                own: o.own()?,
            },
            "gts" => Self::Gts { own: o.own()? },
            _ => Self::Ios { own: o.own()? },
        };
        options.end()?;
        Ok(rule)
    }
}

fn rows_of_multi_krum(o: &mut Options<'_>) -> Result<Option<NonZeroUsize>, ParseRuleError> {
    let Some(m) = o.take("m") else {
        return Ok(None);
    };
    m.parse().map(Some).map_err(|_| ParseRuleError::BadM {
        value: m.to_owned(),
    })
}

fn weiszfeld(o: &mut Options<'_>) -> Result<Weiszfeld, ParseRuleError> {
    if let Some(preset) = o.take("preset") {
        return match preset {
            "rfa" => Ok(Weiszfeld::RFA),
            "byzfl" => Ok(Weiszfeld::BYZFL),
            _ => Err(o.bad("preset", preset, "rfa or byzfl")),
        };
    }
    if let Some(nu) = o.positive("nu")? {
        let iters = o.steps()?;
        let start = match o.take("start") {
            None | Some("mean") => Start::Mean,
            Some("origin") => Start::Origin,
            Some(value) => return Err(o.bad("start", value, "mean or origin")),
        };
        let iters = o.needs("iters", iters)?;
        return Ok(Weiszfeld::Smoothed { nu, iters, start });
    }
    let accept = |x: &f64| (1e-15..1.0).contains(x);
    let tolerance = o.number("tol", "a number from 1e-15 to below 1", accept)?;
    Ok(Weiszfeld::Exact {
        tolerance: tolerance.unwrap_or(1e-9),
    })
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut options: Vec<String> = Vec::new();
        match *self {
            Self::Krum { score } => options.extend(score_text(score)),
            Self::MultiKrum { m, score } => {
                options.extend(m.map(|m| format!("m={m}")));
                options.extend(score_text(score));
            }
            Self::GeometricMedian(Weiszfeld::RFA) => options.push("preset=rfa".into()),
            Self::GeometricMedian(Weiszfeld::BYZFL) => options.push("preset=byzfl".into()),
            Self::GeometricMedian(Weiszfeld::Exact { tolerance }) => {
                if tolerance != 1e-9 {
                    options.push(format!("tol={tolerance:e}"));
                }
            }
            Self::GeometricMedian(Weiszfeld::Smoothed { nu, iters, start }) => {
                options.push(format!("nu={nu},iters={iters}"));
                if start == Start::Origin {
                    options.push("start=origin".into());
                }
            }
            Self::CenteredClip { radius, iters } => {
                options.push(format!("radius={radius}"));
                if iters != NonZeroUsize::MIN {
                    options.push(format!("iters={iters}"));
                }
            }
            Self::NormClip { radius } => options.push(format!("radius={radius}")),
            Self::ClippedGossip { radius, own } => {
                options.extend(radius.map(|radius| format!("radius={radius}")));
                options.extend(own_text(own));
            }
            Self::Monna { own } | Self::CsPlus { own } | Self::Gts { own } | Self::Ios { own } => {
                options.extend(own_text(own));
            }
            Self::Mean
            | Self::Median
            | Self::TrimmedMean
            | Self::Meamed
            | Self::Phocas
            | Self::SignMajority
            | Self::Bulyan
            | Self::Mda
            | Self::Mva
            | Self::Smea
            | Self::Caf
            | Self::Cge => {}
        }
        write_text(f, self.name(), &options)
    }
}

fn score_text(score: Score) -> Option<String> {
    (score == Score::Byzfl).then(|| "score=byzfl".to_owned())
}

fn own_text(own: usize) -> Option<String> {
    (own > 0).then(|| format!("own={own}"))
}

fn write_text(f: &mut fmt::Formatter<'_>, name: &str, options: &[String]) -> fmt::Result {
    if options.is_empty() {
        f.pad(name)
    } else {
        f.pad(&format!("{name}:{}", options.join(",")))
    }
}

impl FromStr for Pre {
    type Err = ParseRuleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let names: Vec<&str> = Self::all().iter().map(|info| info.pre.name()).collect();
        let mut options = Options::read(text, &names)?;
        let o = &mut options;
        let pre = match o.name {
            "nnm" => Self::Nnm,
            "bucketing" => Self::Bucketing {
                size: o
                    .count("size")?
                    .unwrap_or(NonZeroUsize::MIN.saturating_add(1)),
                seed: o.number("seed", "a whole number", |_| true)?.unwrap_or(0),
            },
            "clip" => {
                let radius = o.positive("radius")?;
                Self::Clip {
                    radius: o.needs("radius", radius)?,
                }
            }
            _ => Self::Arc,
        };
        options.end()?;
        Ok(pre)
    }
}

impl fmt::Display for Pre {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut options = Vec::new();
        match self {
            Self::Bucketing { size, seed } => {
                if size.get() != 2 {
                    options.push(format!("size={size}"));
                }
                if *seed != 0 {
                    options.push(format!("seed={seed}"));
                }
            }
            Self::Clip { radius } => options.push(format!("radius={radius}")),
            Self::Nnm | Self::Arc => {}
        }
        write_text(f, self.name(), &options)
    }
}
