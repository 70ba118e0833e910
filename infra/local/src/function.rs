//! Functions as Lambda runs them: JSON bytes in, JSON bytes out, with a timeout, a size limit, a concurrency limit,
//! and instances that live on between invocations until they crash.

use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;

/// The largest request payload of a synchronous invocation, in bytes: 6 MB ("Lambda quotas").
pub const REQUEST_LIMIT: usize = 6 * 1024 * 1024;

/// The largest response payload of a synchronous invocation, in bytes: 6 MB ("Lambda quotas"), and the hundred bytes more
/// that Lambda's own error message names (unverified: seen in the message, not in the documentation).
pub const RESPONSE_LIMIT: usize = REQUEST_LIMIT + 100;

/// What a handler's or a function's invocation yields: the response payload, or why there is none.
pub type Invocation<'a> = BoxFuture<'a, Result<Bytes, FunctionError>>;

/// A function that can be invoked, whatever runs behind it.
pub trait Function: Send + Sync + 'static {
    /// The function's name, for messages.
    fn name(&self) -> &str;

    /// Invokes the function synchronously with a JSON payload and yields the JSON that it returns.
    fn invoke(&self, payload: Bytes) -> Invocation<'_>;
}

/// Why an invocation yielded no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error_type}: {message}")]
pub struct FunctionError {
    /// Lambda's name of the error, such as `Runtime.ExitError`, `Sandbox.Timedout` or `Unhandled`.
    pub error_type: String,
    /// What happened, for a person.
    pub message: String,
}

impl FunctionError {
    /// An error of the given type.
    pub fn new(error_type: impl Into<String>, message: impl Into<String>) -> Self {
        Self { error_type: error_type.into(), message: message.into() }
    }

    /// An error that the function itself returned, or a panic.
    pub fn unhandled(message: impl Into<String>) -> Self {
        Self::new("Unhandled", message)
    }

    /// Whether the function was never run: it was throttled, or the payload was too large.
    ///
    /// Event source mappings retry such errors without using up the retry quota ("Retain discarded batch records for a
    /// Kinesis Data Streams event source in Lambda", "Before invocation").
    pub fn is_before_invocation(&self) -> bool {
        matches!(self.error_type.as_str(), "TooManyRequestsException" | "RequestTooLargeException")
    }

    fn throttled() -> Self {
        Self::new(
            "TooManyRequestsException",
            "Rate Exceeded: every instance that the reserved concurrency allows is busy",
        )
    }

    fn request_too_large(size: usize) -> Self {
        Self::new(
            "RequestTooLargeException",
            format!("the payload has {size} bytes, an invocation takes {REQUEST_LIMIT}: make the batch smaller"),
        )
    }

    fn response_too_large(size: usize) -> Self {
        Self::new(
            "Function.ResponseSizeTooLarge",
            format!(
                "Response payload size ({size} bytes) exceeded maximum allowed payload size ({RESPONSE_LIMIT} bytes)."
            ),
        )
    }

    fn timed_out(timeout: Duration) -> Self {
        Self::new("Sandbox.Timedout", format!("Task timed out after {:.2} seconds", timeout.as_secs_f64()))
    }

    fn exited() -> Self {
        Self::new("Runtime.ExitError", "Runtime exited with error: signal: killed")
    }
}

/// One instance of a function: it handles one invocation at a time and keeps what it cached for the next.
pub trait Handler: Send + 'static {
    /// Handles one JSON payload and yields the JSON response.
    fn handle(&mut self, payload: Bytes) -> Invocation<'_>;
}

/// A closure is an instance: what it captures is what it keeps between invocations.
impl<F, Fut> Handler for F
where
    F: FnMut(Bytes) -> Fut + Send + 'static,
    Fut: Future<Output = Result<Bytes, FunctionError>> + Send + 'static,
{
    fn handle(&mut self, payload: Bytes) -> Invocation<'_> {
        self(payload).boxed()
    }
}

/// Decides, once for each invocation, whether its instance dies: after how many polls of the handler's future, if at all.
///
/// A future is polled at least once for each await that has to wait, so a number drawn at random puts the crash between any
/// two awaits of the handler, with whatever it sent before already out in the world. Zero kills it before its first line.
pub type CrashInjector = Arc<dyn Fn() -> Option<u32> + Send + Sync>;

/// How Lambda would run a function.
#[derive(Clone)]
pub struct HostSettings {
    /// How long an invocation may take, before its instance is killed: whole seconds on Lambda, from 1 to 900.
    pub timeout: Duration,
    /// How many invocations may run at once; further ones are throttled. `None` leaves it open.
    pub reserved_concurrency: Option<usize>,
    /// Kills instances in mid-flight, for tests and demos of failure.
    pub crashes: Option<CrashInjector>,
}

impl Default for HostSettings {
    /// Lambda's own default would be three seconds; thirty is what Freshet's Terraform sets.
    fn default() -> Self {
        Self { timeout: Duration::from_secs(30), reserved_concurrency: None, crashes: None }
    }
}

impl fmt::Debug for HostSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("HostSettings")
            .field("timeout", &self.timeout)
            .field("reserved_concurrency", &self.reserved_concurrency)
            .field("crashes", &self.crashes.is_some())
            .finish()
    }
}

/// Builds an instance: what Lambda calls the init phase.
type Build<H> = Box<dyn Fn() -> BoxFuture<'static, Result<H, FunctionError>> + Send + Sync>;

/// A handler, hosted in this process the way Lambda hosts it.
///
/// Instances are built when there is no idle one, and reused afterwards, so that a handler's caches live as they do on
/// Lambda. An instance that panics, times out or is killed is thrown away with its state.
pub struct Hosted<H> {
    name: String,
    settings: HostSettings,
    build: Build<H>,
    idle: Mutex<Vec<H>>,
    permits: Option<Semaphore>,
}

impl<H: Handler> Hosted<H> {
    /// Hosts the handlers that `build` makes, under the given name.
    pub fn new<B, Fut>(name: impl Into<String>, settings: HostSettings, build: B) -> Self
    where
        B: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<H, FunctionError>> + Send + 'static,
    {
        Self {
            name: name.into(),
            permits: settings.reserved_concurrency.map(Semaphore::new),
            settings,
            build: Box::new(move || build().boxed()),
            idle: Mutex::default(),
        }
    }

    async fn run(&self, payload: Bytes) -> Result<Bytes, FunctionError> {
        if payload.len() > REQUEST_LIMIT {
            return Err(FunctionError::request_too_large(payload.len()));
        }
        let _permit = match &self.permits {
            Some(permits) => Some(permits.try_acquire().map_err(|_| FunctionError::throttled())?),
            None => None,
        };
        let mut instance = match self.take() {
            Some(instance) => instance,
            None => (self.build)().await?,
        };
        // The instance goes back only where the handler came to its end: each other way out drops it.
        let response = self.outlive(instance.handle(payload)).await?;
        self.give_back(instance);
        let response = response?;
        if response.len() > RESPONSE_LIMIT {
            return Err(FunctionError::response_too_large(response.len()));
        }
        Ok(response)
    }

    /// Runs a handler to its end. The outer error means that the instance did not survive, the inner one is the handler's.
    async fn outlive(&self, handling: Invocation<'_>) -> Result<Result<Bytes, FunctionError>, FunctionError> {
        let polls_left = self.settings.crashes.as_ref().and_then(|crashes| crashes());
        let mortal = Mortal { handling, polls_left };
        let caught = AssertUnwindSafe(mortal).catch_unwind();
        match tokio::time::timeout(self.settings.timeout, caught).await {
            Err(_) => Err(FunctionError::timed_out(self.settings.timeout)),
            Ok(Err(panic)) => Err(FunctionError::unhandled(panic_message(panic.as_ref()))),
            Ok(Ok(ended)) => ended.ok_or_else(FunctionError::exited),
        }
    }

    fn take(&self) -> Option<H> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn give_back(&self, instance: H) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(instance);
    }
}

impl<H: Handler> Function for Hosted<H> {
    fn name(&self) -> &str {
        &self.name
    }

    fn invoke(&self, payload: Bytes) -> Invocation<'_> {
        self.run(payload).boxed()
    }
}

/// A handler's future that dies after a number of polls. It yields `None` if it died.
struct Mortal<'a> {
    handling: Invocation<'a>,
    polls_left: Option<u32>,
}

impl Future for Mortal<'_> {
    type Output = Option<Result<Bytes, FunctionError>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.polls_left == Some(0) {
            return Poll::Ready(None);
        }
        if let Poll::Ready(result) = self.handling.poll_unpin(context) {
            return Poll::Ready(Some(result));
        }
        // It dies where it waits, not where it wakes: what it just sent is out, the answer is never seen.
        if let Some(left) = self.polls_left.as_mut() {
            *left -= 1;
            if *left == 0 {
                return Poll::Ready(None);
            }
        }
        Poll::Pending
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panicked: {}", text.unwrap_or("without a message"))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    const OK: Bytes = Bytes::from_static(b"{}");

    /// Counts the instances that were built, and the invocations that this instance saw.
    struct Counting {
        instance: u32,
        seen: u32,
    }

    impl Handler for Counting {
        fn handle(&mut self, payload: Bytes) -> Invocation<'_> {
            self.seen += 1;
            async move {
                match payload.as_ref() {
                    b"panic" => panic!("a bug"),
                    b"hang" => std::future::pending().await,
                    b"wait" => tokio::task::yield_now().await,
                    b"fail" => return Err(FunctionError::unhandled("no")),
                    _ => {}
                }
                Ok(Bytes::from(format!("{}/{}", self.instance, self.seen)))
            }
            .boxed()
        }
    }

    fn counting(settings: HostSettings) -> Hosted<Counting> {
        let built = Arc::new(AtomicU32::new(0));
        Hosted::new("counting", settings, move || {
            let instance = built.fetch_add(1, Ordering::Relaxed) + 1;
            async move { Ok(Counting { instance, seen: 0 }) }
        })
    }

    async fn invoke(function: &impl Function, payload: &'static str) -> Result<String, String> {
        function
            .invoke(Bytes::from_static(payload.as_bytes()))
            .await
            .map(|response| String::from_utf8(response.to_vec()).unwrap())
            .map_err(|error| error.error_type)
    }

    #[tokio::test]
    async fn an_instance_lives_on_even_after_an_error_it_returned() {
        let function = counting(HostSettings::default());
        assert_eq!(invoke(&function, "a").await.unwrap(), "1/1");
        assert_eq!(invoke(&function, "fail").await.unwrap_err(), "Unhandled");
        assert_eq!(invoke(&function, "a").await.unwrap(), "1/3");
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_the_instance_is_rebuilt() {
        let function = counting(HostSettings::default());
        assert_eq!(invoke(&function, "a").await.unwrap(), "1/1");
        let error = function.invoke(Bytes::from_static(b"panic")).await.unwrap_err();
        assert_eq!(error, FunctionError::unhandled("panicked: a bug"));
        assert_eq!(invoke(&function, "a").await.unwrap(), "2/1");
    }

    #[tokio::test]
    async fn a_timeout_kills_the_instance() {
        let function = counting(HostSettings { timeout: Duration::from_millis(5), ..HostSettings::default() });
        assert_eq!(invoke(&function, "hang").await.unwrap_err(), "Sandbox.Timedout");
        assert_eq!(invoke(&function, "a").await.unwrap(), "2/1");
    }

    #[tokio::test]
    async fn instances_that_are_busy_are_not_shared() {
        let function = counting(HostSettings::default());
        let (first, second) = tokio::join!(invoke(&function, "wait"), invoke(&function, "wait"));
        assert_eq!(first.unwrap(), "1/1");
        assert_eq!(second.unwrap(), "2/1");
    }

    #[tokio::test]
    async fn beyond_the_reserved_concurrency_is_throttled() {
        let function = counting(HostSettings { reserved_concurrency: Some(1), ..HostSettings::default() });
        let (first, second) = tokio::join!(invoke(&function, "wait"), invoke(&function, "wait"));
        assert_eq!(first.unwrap(), "1/1");
        assert_eq!(second.unwrap_err(), "TooManyRequestsException");
        assert_eq!(invoke(&function, "a").await.unwrap(), "1/2");
    }

    /// A handler of four steps, each of which waits once.
    fn stepping(crash_after: Option<u32>) -> (impl Function, Arc<AtomicU32>) {
        let done = Arc::new(AtomicU32::new(0));
        let steps = done.clone();
        let settings = HostSettings { crashes: Some(Arc::new(move || crash_after)), ..HostSettings::default() };
        let function = Hosted::new("stepping", settings, move || {
            let steps = steps.clone();
            async move {
                Ok(move |_: Bytes| {
                    let steps = steps.clone();
                    async move {
                        for _ in 0..4 {
                            steps.fetch_add(1, Ordering::Relaxed);
                            tokio::task::yield_now().await;
                        }
                        Ok(OK)
                    }
                })
            }
        });
        (function, done)
    }

    #[tokio::test]
    async fn a_crash_leaves_the_steps_before_it_done() {
        for (crash_after, steps, survives) in [
            (Some(0), 0, false),
            (Some(1), 1, false),
            (Some(3), 3, false),
            (Some(4), 4, false),
            (Some(5), 4, true),
            (None, 4, true),
        ] {
            let (function, done) = stepping(crash_after);
            let result = invoke(&function, "").await;
            assert_eq!(result, if survives { Ok("{}".to_owned()) } else { Err("Runtime.ExitError".to_owned()) });
            assert_eq!(done.load(Ordering::Relaxed), steps, "{crash_after:?}");
        }
    }

    #[tokio::test]
    async fn payloads_beyond_six_megabytes_are_refused_both_ways() {
        let function = Hosted::new("echo", HostSettings::default(), || async {
            Ok(|payload: Bytes| async move { Ok(payload.repeat(2).into()) })
        });
        let invoke = |size: usize| function.invoke(vec![b' '; size].into());
        assert!(invoke(3 * 1024 * 1024).await.is_ok());
        let error = invoke(6 * 1024 * 1024).await.unwrap_err();
        assert_eq!(error.error_type, "Function.ResponseSizeTooLarge");
        assert!(!error.is_before_invocation());
        let error = invoke(6 * 1024 * 1024 + 1).await.unwrap_err();
        assert_eq!(error.error_type, "RequestTooLargeException");
        assert!(error.is_before_invocation());
    }
}
