//! What time it is by the table.
//!
//! When a change takes effect is compared with arrivals that AWS's clocks tell. The clock of whoever changes a pipeline may
//! be wrong by minutes, and nobody would notice.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use aws_sdk_dynamodb::{
    config::{ConfigBag, Intercept, RuntimeComponents, interceptors::BeforeDeserializationInterceptorContextRef},
    error::BoxError,
};

use super::{PipelinesTable, key};
use crate::{
    aws::failed,
    ports::PortError,
    time::{Clock as _, SystemClock, Timestamp},
};

/// Notes the `Date` of an answer, in milliseconds since 1970; 0 while there is none.
#[derive(Clone, Debug, Default)]
struct Dated(Arc<AtomicI64>);

impl Intercept for Dated {
    fn name(&self) -> &'static str {
        "Dated"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date").and_then(|date| httpdate::parse_http_date(date).ok());
        let since = date.and_then(|date| date.duration_since(std::time::UNIX_EPOCH).ok());
        if let Some(millis) = since.and_then(|since| i64::try_from(since.as_millis()).ok()) {
            self.0.store(millis, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl PipelinesTable {
    /// The time by the table's answer to a small read, in whole seconds; by this machine where the answer has none.
    pub(super) async fn time(&self) -> Result<Timestamp, PortError> {
        let dated = Dated::default();
        let get = self.client.get_item().table_name(&self.table).set_key(Some(key("revision", "-")));
        let answered = get.customize().interceptor(dated.clone()).send().await;
        answered.map_err(|error| failed("dynamodb:GetItem", &error))?;
        match dated.0.load(Ordering::Relaxed) {
            0 => Ok(SystemClock.now()),
            millis => Ok(Timestamp::from_millis(millis)),
        }
    }
}
