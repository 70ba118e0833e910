//! Activity: how many changes got how far, now and in the last day.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use askama::Template;
use axum::{
    extract::{Query, State},
    response::{Html, IntoResponse as _, Response},
};
use futures_util::join;
use http::{HeaderValue, StatusCode};
use serde::Deserialize;
use shared::{
    digest,
    pipeline::Outline,
    ports::{Counts as _, Publishing as _, StoredPipeline},
    time::{Clock as _, Timestamp},
};

use crate::{
    Console, World,
    access::{Access, Route},
    frame::{Frame, Page, page},
    funnel::{Funnel, Span, Sums},
    no_page::NoPage,
    role::Role,
    sparkline::sparkline,
    waiting::Queue,
    words,
};

/// How many minutes stand under "Now".
const RECENT: u32 = 5;

/// How long a page follows by itself. One that is forgotten in a window does not go on for days.
const FOLLOWED: Duration = Duration::from_mins(30);

/// The routes.
pub fn routes<W: World>() -> Vec<Route<W>> {
    let viewer = Access::AtLeast(Role::Viewer);
    vec![
        Route::get("/activity", viewer, show::<W>),
        Route::get("/activity/now", viewer, now::<W>),
        Route::get("/activity/follow", viewer, follow::<W>),
    ]
}

#[derive(Deserialize)]
struct Asked {
    /// Of this pipeline alone.
    pipeline: Option<String>,
    span: Option<String>,
    /// The page is to follow by itself: `on`.
    follow: Option<String>,
    /// Since when it follows, in seconds since 1970.
    since: Option<i64>,
    /// What the page shows, so that it is left as it is where nothing is new.
    seen: Option<String>,
}

impl Asked {
    fn pipeline(&self) -> Option<&str> {
        self.pipeline.as_deref().filter(|pipeline| !pipeline.is_empty())
    }

    fn span(&self) -> Span {
        self.span.as_deref().map(Span::parse).unwrap_or_default()
    }
}

#[derive(Template)]
#[template(path = "activity.html")]
struct Activity {
    frame: Frame,
    /// The pipelines that can be chosen.
    pipelines: Vec<String>,
    pipeline: Option<String>,
    span: Span,
    funnel: Option<Funnel>,
    follow: Follow,
}

/// What stands under "Now", and how the page follows it.
#[derive(Template)]
#[template(path = "activity_follow.html")]
struct Follow {
    pipeline: Option<String>,
    span: Span,
    /// Since when the page follows by itself, if it does.
    since: Option<i64>,
    now: Now,
}

/// What is new.
#[derive(Template)]
#[template(path = "activity_now.html")]
struct Now {
    sums: Option<Sums>,
    by_pipeline: BTreeMap<String, Sums>,
    waiting: Vec<Queue>,
}

/// What an activity is asked of.
struct Chosen {
    pipelines: Vec<StoredPipeline>,
    names: Vec<String>,
}

impl Chosen {
    /// The pipeline of this name, or all.
    fn of(stored: Vec<StoredPipeline>, name: Option<&str>) -> Result<Self, NoPage> {
        let mut pipelines = words::in_service(stored);
        let names = pipelines.iter().map(|pipeline| pipeline.name.clone()).collect();
        if let Some(name) = name {
            pipelines.retain(|pipeline| pipeline.name == name);
            if pipelines.is_empty() {
                return Err(NoPage::not_found());
            }
        }
        Ok(Self { pipelines, names })
    }

    fn outlines(&self) -> impl Iterator<Item = Outline> {
        self.pipelines.iter().map(|pipeline| Outline::of(&pipeline.document))
    }

    fn funnel(&self, counted: &[shared::tally::Counted], span: Span, now: Timestamp) -> Funnel {
        let sources: Vec<String> = self.outlines().filter_map(|outline| outline.source).collect();
        let sources: BTreeSet<&str> = sources.iter().map(String::as_str).collect();
        let pipelines = self.pipelines.iter().map(|pipeline| pipeline.name.as_str()).collect();
        Funnel::of(counted, span, now, &pipelines, &sources)
    }

    fn destinations(&self) -> BTreeSet<String> {
        self.outlines().filter_map(|outline| outline.destination).collect()
    }
}

async fn show<W: World>(State(console): State<Arc<Console<W>>>, Query(asked): Query<Asked>, frame: Frame) -> Page {
    let (world, now, span) = (&console.world, console.world.clock().now(), asked.span());
    let (live, counted) = join!(world.pipelines().live(), world.counts().last(span.minutes(now)));
    let chosen = Chosen::of(live?, asked.pipeline())?;
    let counted = counted.inspect_err(|error| tracing::error!("the activity's page is without counts: {error}")).ok();
    let waiting = console.waiting(chosen.destinations()).await;
    let minute = now.minutes() - i64::from(RECENT) + 1;
    let recent = counted.as_ref().map(|counted| {
        let recent: Vec<_> = counted.iter().filter(|counted| counted.minute >= minute).cloned().collect();
        chosen.funnel(&recent, Span::Hour, now)
    });
    page(&Activity {
        frame,
        funnel: counted.map(|counted| chosen.funnel(&counted, span, now)),
        follow: Follow {
            pipeline: asked.pipeline().map(str::to_owned),
            span,
            since: None,
            now: Now::of(recent, waiting),
        },
        pipeline: asked.pipeline().map(str::to_owned),
        pipelines: chosen.names,
        span,
    })
}

/// What is new alone; nothing where the page has it.
async fn now<W: World>(State(console): State<Arc<Console<W>>>, Query(asked): Query<Asked>) -> Result<Response, NoPage> {
    let at = console.world.clock().now();
    let since = asked.since.unwrap_or_default();
    if at.since(Timestamp::from_millis(since.saturating_mul(1_000))) > FOLLOWED {
        // The whole page again, which follows no more.
        let mut response = StatusCode::NO_CONTENT.into_response();
        let path = path_of(asked.pipeline(), asked.span());
        response.headers_mut().insert("hx-redirect", HeaderValue::from_str(&path).map_err(NoPage::broken)?);
        return Ok(response);
    }
    let now = console.recent(&asked).await?;
    if asked.seen.as_deref() == Some(now.seen().as_str()) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    now.render().map(|html| Html(html).into_response()).map_err(NoPage::broken)
}

/// Begins to follow, or ends it.
async fn follow<W: World>(State(console): State<Arc<Console<W>>>, Query(asked): Query<Asked>) -> Page {
    let is_on = asked.follow.as_deref() == Some("on");
    page(&Follow {
        pipeline: asked.pipeline().map(str::to_owned),
        span: asked.span(),
        since: is_on.then(|| console.world.clock().now().seconds()),
        now: console.recent(&asked).await?,
    })
}

impl<W: World> Console<W> {
    async fn recent(&self, asked: &Asked) -> Result<Now, NoPage> {
        let now = self.world.clock().now();
        let (live, counted) = join!(self.world.pipelines().live(), self.world.counts().last(RECENT));
        let chosen = Chosen::of(live?, asked.pipeline())?;
        let counted = counted.inspect_err(|error| tracing::error!("the newest activity cannot be read: {error}")).ok();
        let minute = now.minutes() - i64::from(RECENT) + 1;
        let counted = counted.map(|mut counted| {
            counted.retain(|counted| counted.minute >= minute);
            chosen.funnel(&counted, Span::Hour, now)
        });
        Ok(Now::of(counted, self.waiting(chosen.destinations()).await))
    }
}

impl Now {
    fn of(funnel: Option<Funnel>, waiting: Vec<Queue>) -> Self {
        let (sums, by_pipeline) = funnel.map(|funnel| (funnel.all, funnel.by_pipeline)).unzip();
        Self { sums, by_pipeline: by_pipeline.unwrap_or_default(), waiting }
    }

    /// Whether it is known of every queue that nothing waits in it.
    fn is_empty(&self) -> bool {
        self.waiting.iter().all(|queue| queue.messages == Some(0))
    }

    /// Tells whether the page has the same.
    fn seen(&self) -> String {
        digest::hex(format!("{:?} {:?} {:?}", self.sums, self.by_pipeline, self.waiting).as_bytes())[..16].to_owned()
    }
}

/// Messages in all queues; `None` where one of them is not known.
fn messages(waiting: &[Queue]) -> Option<u64> {
    waiting.iter().map(|queue| queue.messages).sum()
}

fn or_unknown(count: Option<u64>) -> String {
    count.map_or_else(|| "not known".to_owned(), words::number)
}

/// The parameters of an address.
fn parameters(pipeline: Option<&str>, span: Span) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    if let Some(pipeline) = pipeline {
        query.append_pair("pipeline", pipeline);
    }
    query.append_pair("span", span.as_str()).finish()
}

fn path_of(pipeline: Option<&str>, span: Span) -> String {
    format!("/activity?{}", parameters(pipeline, span))
}

/// When a step of the chart begins, as the table has it.
fn begins(at: Timestamp) -> String {
    crate::frame::time(at).chars().take(16).collect()
}

impl Activity {
    /// The lines of the run chart: what, and its number in each step.
    fn lines(&self) -> Vec<(&'static str, u64, String)> {
        let Some(funnel) = &self.funnel else { return Vec::new() };
        let line = |name, count: fn(&Sums) -> u64| {
            let counts: Vec<u64> = funnel.steps.iter().map(|(_, sums)| count(sums)).collect();
            (name, counts.iter().copied().max().unwrap_or_default(), sparkline(&counts))
        };
        vec![line("Captured", |sums| sums.captured), line("Sent", |sums| sums.sent), line("Failed", |sums| sums.failed)]
    }
}
