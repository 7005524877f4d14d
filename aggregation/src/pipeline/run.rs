//! How a pipeline is carried out: distances, decision, one pass for the output.

use crate::engine::{self, Combination, Mixer, Reduce, simd::Isa};
use crate::geometry::Geometry;
use crate::report::Report;
use crate::rule::{Class, Rule};
use crate::source::Source;
use crate::weigh::krum;

use super::Pipeline;
use super::first::FirstPass;
use super::needs::needs_distances;
use super::weights::{are_means, column_means, combination, in_callers_order, normalised, product};

/// What was decided from the distances: all that is left is to write the output.
pub(crate) struct Plan {
    output: Output,
    /// Part of each row in the aggregate, in the caller's order; they add up to 1, or all are 0.
    weights: Vec<f64>,
    /// The rule's score of each row in the caller's order, if rows are what it scored.
    scores: Option<Vec<f64>>,
}

/// The last pass.
enum Output {
    /// A weighted sum of rows; the caller's indices, n is the centre.
    Combine(Combination),
    /// One value per column, of these rows in this order, mixed.
    Columns {
        order: Vec<usize>,
        mixer: Mixer,
        reduce: Reduce,
    },
}

/// Aggregates the rows into `out` of length d. Needs n and f that the pipeline accepts.
pub(crate) fn aggregate(
    pipeline: &Pipeline,
    source: &Source<'_>,
    f: usize,
    centre: Option<&[f32]>,
    out: &mut [f32],
) -> Plan {
    if !needs_distances(pipeline, f) {
        let plan = plan_directly(pipeline, source.n(), f);
        plan.write(source, None, out);
        return plan;
    }
    // Only centered clipping knows what to do with it.
    let centre = centre.filter(|_| matches!(pipeline.rule, Rule::CenteredClip { .. }));
    let all = with_centre(source, centre);
    let mut first = FirstPass::new(pipeline.clone(), f, source.d(), centre.is_some());
    first.work_on_all(all.as_ref().unwrap_or(source), out);
    first.finish(source, centre, out)
}

/// The plan of a pipeline that needs no distances.
pub(crate) fn plan_directly(pipeline: &Pipeline, n: usize, f: usize) -> Plan {
    let order: Vec<usize> = (0..n).collect();
    let output = match pipeline.rule.class(f) {
        Class::Coordinate(reduce) => Output::Columns {
            order,
            mixer: Mixer::Plain,
            reduce,
        },
        Class::Row | Class::Selected => Output::Combine(Combination::Average(order)),
    };
    Plan {
        output,
        weights: vec![1.0 / n as f64; n],
        scores: None,
    }
}

/// Decides from the distances of all rows, and of the centre after them if there is one.
pub(crate) fn plan_from(
    pipeline: &Pipeline,
    source: &Source<'_>,
    f: usize,
    distances: &[f64],
    centre: Option<&[f32]>,
) -> Plan {
    let n = source.n();
    let has_centre = centre.is_some();
    let mut order = canonical(source, distances);
    order.extend(has_centre.then_some(n));
    let all = with_centre(source, centre);
    let rows = with_far(
        pipeline,
        Geometry::new(&order, distances),
        all.as_ref().unwrap_or(source),
        &order,
    );
    let (mut mixing, points) = mix(pipeline, &rows, f, has_centre);
    if rows.is_one_point() && mixing.as_deref().is_some_and(are_means) && points.n() == rows.n() {
        // Equal rows are their own means, exactly.
        mixing = None;
    }
    let mut scores = None;
    let (output, part) = match pipeline.rule.class(f) {
        Class::Row => {
            let found = pipeline
                .rule
                .weigh(&points, f, has_centre.then(|| points.n() - 1));
            let weights = match &mixing {
                None => found.weights,
                Some(mixing) => product(&found.weights, mixing),
            };
            scores = found.scores.filter(|_| points.n() == rows.n());
            (Output::Combine(combination(&weights, &order)), weights)
        }
        Class::Coordinate(reduce) => columns(&order, mixing, reduce),
        Class::Selected => selected(&order, mixing, &krum::bulyan_selection(&points, f), f),
    };
    Plan {
        output,
        weights: in_callers_order(&normalised(&part[..n]), &order),
        scores: scores.map(|scores| in_callers_order(&scores[..n], &order)),
    }
}

/// The last pass of a coordinate rule over mixed rows, and each row's part in these.
fn columns(order: &[usize], mixing: Option<Vec<Vec<f64>>>, reduce: Reduce) -> (Output, Vec<f64>) {
    let n = order.len();
    let part = mixing
        .as_ref()
        .map_or(vec![1.0; n], |mixing| column_means(mixing, n));
    let output = Output::Columns {
        order: order.to_vec(),
        mixer: mixing.map_or(Mixer::Plain, |mixing| Mixer::new(&mixing)),
        reduce,
    };
    (output, part)
}

/// The same over some of the mixed rows: of each coordinate the values nearest to their median.
fn selected(
    order: &[usize],
    mixing: Option<Vec<Vec<f64>>>,
    selection: &[usize],
    f: usize,
) -> (Output, Vec<f64>) {
    let n = order.len();
    let reduce = Reduce::Nearest {
        keep: selection.len() - 2 * f,
    };
    let Some(mixing) = mixing else {
        let mut part = vec![0.0; n];
        for &i in selection {
            part[i] = 1.0 / selection.len() as f64;
        }
        let order: Vec<usize> = selection.iter().map(|&i| order[i]).collect();
        return (columns(&order, None, reduce).0, part);
    };
    let chosen = selection.iter().map(|&i| mixing[i].clone()).collect();
    columns(order, Some(chosen), reduce)
}

impl Plan {
    /// The last pass, into `out` of length d.
    pub(crate) fn write(&self, source: &Source<'_>, centre: Option<&[f32]>, out: &mut [f32]) {
        match &self.output {
            Output::Combine(what) => {
                let all = with_centre(source, centre);
                engine::combine(Isa::best(), all.as_ref().unwrap_or(source), what, out);
            }
            Output::Columns {
                order,
                mixer,
                reduce,
            } => engine::columns(Isa::best(), &source.subset(order), mixer, *reduce, out),
        }
    }

    /// The last pass over one block.
    pub(crate) fn write_block(&self, source: &Source<'_>, block: usize, out: &mut [f32]) {
        match &self.output {
            Output::Combine(what) => engine::block_combine(Isa::best(), source, what, block, out),
            Output::Columns {
                order,
                mixer,
                reduce,
            } => {
                let source = source.subset(order);
                engine::block_columns(Isa::best(), &source, block, mixer, *reduce, out);
            }
        }
    }

    /// The rows of which the output is the mean, ascending, if it is one of rows.
    pub(super) fn mean_of(&self) -> Option<&[usize]> {
        match &self.output {
            Output::Combine(Combination::Average(rows)) => Some(rows),
            Output::Combine(Combination::Weighted(_)) | Output::Columns { .. } => None,
        }
    }

    /// What became of each row of a rule that takes rows as a whole.
    pub(crate) fn row_report(&self) -> Report {
        Report::of_weights(&self.weights, self.scores.as_deref())
    }
}

/// Adds the scalar products of far rows, if the pipeline gives small weights to any row, and there
/// are far ones: one more pass, that only a liar causes.
fn with_far(pipeline: &Pipeline, rows: Geometry, all: &Source<'_>, order: &[usize]) -> Geometry {
    let weighs = !pipeline.pre.is_empty()
        || matches!(
            pipeline.rule,
            Rule::GeometricMedian(_)
                | Rule::CenteredClip { .. }
                | Rule::CsPlus { .. }
                | Rule::ClippedGossip { .. }
        );
    let far = rows.far();
    if !weighs || far.is_empty() {
        return rows;
    }
    let products = engine::dots(Isa::best(), &all.subset(order), &far);
    rows.with_far(&far, &products)
}

/// The rows in an order that depends on their contents alone: by norm, then by the first value that
/// differs. Equal rows in the caller's order.
fn canonical(source: &Source<'_>, distances: &[f64]) -> Vec<usize> {
    let norm = |i: usize| distances[engine::triangle(i, i)];
    let mut order: Vec<usize> = (0..source.n()).collect();
    // A distance that nobody asked for is NaN: then the rows themselves tell whether they are equal.
    order.sort_by(|&a, &b| {
        norm(a).total_cmp(&norm(b)).then_with(|| {
            let apart = distances[engine::triangle(a.max(b), a.min(b))];
            if a == b || apart == 0.0 {
                std::cmp::Ordering::Equal
            } else {
                source.compare(a, b)
            }
        })
    });
    order
}

/// The pre-aggregators: their joint matrix, and the points that the rule sees. `None` is identity.
fn mix(
    pipeline: &Pipeline,
    rows: &Geometry,
    f: usize,
    has_centre: bool,
) -> (Option<Vec<Vec<f64>>>, Geometry) {
    let mut points = rows.clone();
    let mut total: Option<Vec<Vec<f64>>> = None;
    for pre in &pipeline.pre {
        let (mut mixing, mut ranks) = if has_centre {
            pre.mixing(&points.without_last(), f)
        } else {
            pre.mixing(&points, f)
        };
        if has_centre {
            // The centre stays what it is.
            for row in &mut mixing {
                row.push(0.0);
            }
            let mut own = vec![0.0; points.n()];
            own[points.n() - 1] = 1.0;
            mixing.push(own);
            ranks.push(ranks.len());
        }
        points = points.mixed(&mixing, ranks);
        total = Some(match total {
            None => mixing,
            Some(total) => mixing.iter().map(|row| product(row, &total)).collect(),
        });
    }
    (total, points)
}

/// The rows, and the centre as one more.
fn with_centre<'a>(source: &Source<'a>, centre: Option<&'a [f32]>) -> Option<Source<'a>> {
    centre.and_then(|centre| source.with_row(centre))
}
