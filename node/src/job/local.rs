//! Training between two rounds, as a run's specification writes it.

use spirt_training::LocalSteps;

use super::JobError;

/// How a specification writes local training.
pub(super) fn text(local: &LocalSteps) -> String {
    let LocalSteps {
        steps,
        batch_size,
        learning_rate,
        worker_momentum,
    } = local;
    format!("steps={steps},batch={batch_size},lr={learning_rate},momentum={worker_momentum}")
}

/// Understands it. Each has one text, so that two runs alike have one name.
pub(super) fn read(text: &str) -> Result<LocalSteps, JobError> {
    let bad = || {
        let message = format!("cannot read `{text}` as local training");
        JobError::Text(
            message,
            "write it as `steps=20,batch=32,lr=0.5,momentum=0`".into(),
        )
    };
    let mut parts = text.split(',');
    let mut value = |key: &str| {
        let part = parts.next()?.strip_prefix(key)?.strip_prefix('=')?;
        Some(part.to_owned())
    };
    let (steps, batch, rate) = (value("steps"), value("batch"), value("lr"));
    let momentum = value("momentum");
    let local = LocalSteps {
        steps: steps.and_then(|text| text.parse().ok()).ok_or_else(bad)?,
        batch_size: batch.and_then(|text| text.parse().ok()).ok_or_else(bad)?,
        learning_rate: rate.and_then(|text| text.parse().ok()).ok_or_else(bad)?,
        worker_momentum: momentum
            .and_then(|text| text.parse().ok())
            .ok_or_else(bad)?,
    };
    let canonical = self::text(&local) == text;
    let sane = local.steps > 0
        && local.batch_size > 0
        && local.learning_rate.is_finite()
        && (0.0..1.0).contains(&local.worker_momentum);
    if canonical && sane {
        Ok(local)
    } else {
        Err(bad())
    }
}
