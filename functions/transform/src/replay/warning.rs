//! Pauses end by themselves, with a loss: when the backbone no longer holds what is missed. Who paused is warned before.

use std::time::Duration;

use shared::{telemetry::Metrics, time::Timestamp};

use crate::running::Stood;

/// From this share of the time on, the log warns; the alarm of the stack's Terraform has the same threshold.
const LATE: f64 = 0.75;

/// Tells until when nothing is lost, and the share of that time which the pipeline that is worst off has used.
pub fn warn(pipelines: &[Stood], retention: Duration, now: Timestamp, metrics: &mut Metrics) {
    let mut worst = None;
    for pipeline in pipelines {
        let Some(from) = pipeline.state.lacks_from() else { continue };
        let share = now.since(from).as_secs_f64() / retention.as_secs_f64();
        worst = Some(share.max(worst.unwrap_or_default()));
        let until = (from + retention).to_rfc3339();
        if share > LATE {
            tracing::warn!(
                pipeline = pipeline.name,
                nothing_is_lost_until = until,
                "the pipeline is paused, and the backbone will soon drop what it misses: resume it, or raise \
                 backbone.retention_hours"
            );
        } else {
            tracing::info!(pipeline = pipeline.name, nothing_is_lost_until = until, "the pipeline is paused");
        }
    }
    if let Some(worst) = worst {
        metrics.share("PausedShare", worst);
    }
}
