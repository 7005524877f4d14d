//! The optimizer's step, from one model to the next, with as little memory as it takes.

use spirt_training::OptimizerSpec;

use super::Failure;
use super::rule::Values;
use crate::blobs::Packed;
use crate::buffers::Buffers;
use crate::job::Job;
use crate::model_state::{ModelState, ModelStateError};

/// The parameters after a step by `aggregate`, and the whole model as it is served.
pub(super) fn step(
    job: &Job,
    model: &Packed,
    aggregate: Vec<f32>,
    buffers: &Buffers,
) -> Result<(Vec<f32>, Packed), Failure> {
    if let OptimizerSpec::Sgd { lr } = job.optimizer {
        return descend(job, model, aggregate, lr, buffers);
    }
    let mut state = ModelState::unpack(job, model)?;
    state.optimizer.apply(&mut state.params, &aggregate)?;
    drop(aggregate);
    let packed = state.pack(buffers);
    Ok((state.params, packed))
}

/// `sgd` remembers nothing, so that the aggregate's memory can become the new parameters.
fn descend(
    job: &Job,
    model: &Packed,
    mut aggregate: Vec<f32>,
    lr: f32,
    buffers: &Buffers,
) -> Result<(Vec<f32>, Packed), Failure> {
    let (have, need) = (model.length(), ModelState::length(job));
    if have != need as u64 || aggregate.len() * 4 + 8 != need {
        let have = usize::try_from(have).unwrap_or(usize::MAX);
        return Err(ModelStateError::Length { have, need }.into());
    }
    let mut rest = aggregate.as_mut_slice();
    let mut steps = Vec::new();
    for chunk in model.chunks() {
        let split = chunk.len().min(rest.len() * 4);
        let params = Values::of(chunk.slice(..split));
        let params = params.as_ref();
        let place = rest.split_off_mut(..params.len());
        for (update, param) in place.into_iter().flatten().zip(params) {
            *update = param - lr * *update;
        }
        steps.extend_from_slice(&chunk[split..]);
    }
    let steps = <[u8; 8]>::try_from(steps.as_slice())?;
    let steps = u64::from_le_bytes(steps) + 1;
    let packed = ModelState::pack_parts(&aggregate, steps, &[], buffers);
    Ok((aggregate, packed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::tests::job;

    #[test]
    fn the_short_way_of_sgd_gives_the_bits_of_the_long_one() {
        let job = job("synthetic:dimension=70001", "sgd:lr=0.3");
        let value = |i: usize| (i as f32).sin();
        let params: Vec<f32> = (0..70_001).map(value).collect();
        let mut state = ModelState::first(&job, params);
        let buffers = Buffers::default();
        let mut model = state.pack(&buffers);
        for round in 1..4 {
            let update: Vec<f32> = (0..70_001).map(|i| value(i * round + 1)).collect();
            state.optimizer.apply(&mut state.params, &update).unwrap();
            let (params, next) = step(&job, &model, update, &buffers).unwrap();
            assert_eq!(params, state.params);
            assert_eq!(next, state.pack(&buffers));
            model = next;
        }
    }

    #[test]
    fn an_optimizer_that_remembers_goes_on_from_what_the_model_holds() {
        let job = job("synthetic:dimension=100", "momentum:lr=0.5,beta=0.9");
        let mut state = ModelState::first(&job, vec![1.0; 100]);
        let buffers = Buffers::default();
        let mut model = state.pack(&buffers);
        for _ in 0..3 {
            state
                .optimizer
                .apply(&mut state.params, &[0.25; 100])
                .unwrap();
            (_, model) = step(&job, &model, vec![0.25; 100], &buffers).unwrap();
        }
        assert_eq!(model, state.pack(&buffers));
        assert!(step(&job, &model, vec![0.25; 99], &buffers).is_err());
    }
}
