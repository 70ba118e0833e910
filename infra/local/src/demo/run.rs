//! Runs the demo: writer, view and check side by side, until all is accounted for or a person ends it.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    future::Future,
    io::Write,
    process::ExitCode,
    time::Duration,
};

use shared::time::{Clock, SystemClock};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval},
};

use super::{
    Counts, Options, World,
    check::{Check, Report},
    expectation::{RULES, Rule},
    received::Received,
    store::Story,
    summary::Summary,
    view::{Checked, PipelineRow, Screen, Snapshot},
    writer::{Progress, Writer},
};

/// How often the view is drawn and the check made.
const TICK: Duration = Duration::from_millis(250);

/// How often the stack's own counts are read, in ticks.
const COUNT_EVERY: u32 = 4;

/// How many changes a second are written once those asked for are.
const TRICKLE: u32 = 2;

/// How long nothing more has to arrive before what is complete counts as complete: a late repeat would show up.
const SETTLE: Duration = Duration::from_secs(2);

/// The same where a value recurs and the stack does not say that it is idle.
const SETTLE_UNSURE: Duration = Duration::from_secs(15);

/// After so long without anything new, what is missing is lost: several times the half minute for which a crash hides
/// what was in flight.
const PATIENCE: Duration = Duration::from_mins(2);

/// How many deliveries the view shows.
const RECENT: usize = 8;

/// How many breaks of the order are told in full.
const BREAKS_TOLD: usize = 10;

/// Runs the demo on a stack whose sources exist and whose mappings run. Fails the process where something was lost,
/// out of order, or (with [`Options::exit`]) not waited for to the end.
pub async fn run(options: &Options, world: &impl World) -> anyhow::Result<ExitCode> {
    let writer = Writer { dynamodb: world.dynamodb().clone(), kinesis: world.kinesis().clone(), clock: SystemClock };
    let (progress, told) = mpsc::unbounded_channel();
    let (stop, stopped) = watch::channel(false);
    let Options { changes, exit, seed, rate, .. } = *options;
    let writing = tokio::spawn(async move {
        let mut story = Story::new(seed);
        let wanted = story.by_ref().take(usize::try_from(changes).unwrap_or(usize::MAX));
        writer.write(wanted, rate, &progress, stopped.clone()).await?;
        if !exit {
            writer.write(story, TRICKLE, &progress, stopped).await?;
        }
        anyhow::Ok(())
    });
    let mut screen = Screen::stdout();
    let mut session = Session::new(options, world, SystemClock.now().millis());
    let interrupted = async {
        // Where no signal can be listened for, the demo simply runs on.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let report = session.follow(told, writing, stop, interrupted, &mut screen).await?;
    for found in report.breaks.iter().take(BREAKS_TOLD) {
        screen.say(&format!("ORDER BROKEN: {found}"))?;
    }
    drop(screen);
    let rows = report.destinations.iter().filter_map(|row| Some((row, world.tally(row.destination)?)));
    println!("{}", Summary(&rows.collect::<Vec<_>>()));
    println!("{report}");
    let is_cut_short = exit && !report.is_final;
    Ok(if report.is_good() && !is_cut_short { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What is known while the demo runs.
struct Session<'a, W> {
    options: &'a Options,
    world: &'a W,
    check: Check,
    /// The destinations that are checked, and how much of what each received has been read.
    destinations: Vec<(&'static str, usize)>,
    counts: Counts,
    recent: VecDeque<String>,
    /// The destinations that have received something.
    reached: BTreeSet<&'static str>,
    started_ms: i64,
    started: Instant,
    /// When something was last written or received.
    last_news: Instant,
    pages: Vec<(String, String)>,
    /// How many messages to people were shown.
    messages: usize,
}

impl<'a, W: World> Session<'a, W> {
    fn new(options: &'a Options, world: &'a W, started_ms: i64) -> Self {
        let checked = |rule: &&Rule| options.own_endpoint.as_deref() != Some(rule.destination);
        let names: BTreeSet<_> = RULES.iter().filter(checked).map(|rule| rule.destination).collect();
        Self {
            options,
            world,
            check: Check::new(RULES.iter().filter(checked).copied()),
            destinations: names.into_iter().map(|name| (name, 0)).collect(),
            counts: Counts::default(),
            recent: VecDeque::new(),
            reached: BTreeSet::new(),
            started_ms,
            started: Instant::now(),
            last_news: Instant::now(),
            pages: world.pages(),
            messages: 0,
        }
    }

    /// Watches until the end. A report that is final says what was lost; after an interruption, some may still wait.
    async fn follow<O: Write>(
        &mut self,
        mut told: mpsc::UnboundedReceiver<Progress>,
        writing: JoinHandle<anyhow::Result<()>>,
        stop: watch::Sender<bool>,
        interrupted: impl Future<Output = ()>,
        screen: &mut Screen<O>,
    ) -> anyhow::Result<Report> {
        let mut writing = Some(writing);
        let mut interrupted = std::pin::pin!(interrupted);
        let mut down = self.options.down.as_deref();
        if let Some(destination) = down {
            self.world.set_down(destination, true);
            screen.say(&format!("{destination} is down until all is written"))?;
        }
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for ticks in 0_u32.. {
            tokio::select! {
                _ = tick.tick() => {}
                () = &mut interrupted => {
                    stop.send_replace(true);
                    if let Some(writing) = writing.take() {
                        writing.await??;
                    }
                    self.take_in(&mut told, screen)?;
                    return Ok(self.check.report());
                }
            }
            if let Some(ended) = writing.take_if(|writing| writing.is_finished()) {
                ended.await??;
            }
            self.take_in(&mut told, screen)?;
            if ticks % COUNT_EVERY == 0 {
                self.counts = self.world.counts().await?;
                self.leave_to_people(screen).await?;
            }
            let report = self.check.report();
            if let Some(destination) = down.take_if(|_| report.changes >= self.options.changes) {
                self.world.set_down(destination, false);
                let seconds = self.started.elapsed().as_secs();
                screen
                    .say(&format!("{destination} is back after {seconds} s; {} deliveries wait", report.waiting()))?;
            }
            screen.show(&self.snapshot(&report, self.doing(&report, writing.is_some())))?;
            if self.options.exit && writing.is_none() && self.is_over(&report).await? {
                break;
            }
        }
        let verdict = self.check.verdict();
        screen.show(&self.snapshot(&verdict, "done".to_owned()))?;
        Ok(verdict)
    }

    /// What people change is theirs: the check expects what the store's own pipelines send.
    async fn leave_to_people<O: Write>(&mut self, screen: &mut Screen<O>) -> anyhow::Result<()> {
        for subject in self.world.messages(self.messages) {
            self.messages += 1;
            screen.say(&format!("a message to people: {subject}"))?;
        }
        for destination in self.world.touched().await? {
            if self.check.leave_out(&destination) {
                screen.say(&format!("{destination} is not checked any more: a person has changed what it receives"))?;
            }
        }
        Ok(())
    }

    /// Whether nothing more is to be expected.
    async fn is_over(&self, report: &Report) -> anyhow::Result<bool> {
        let silence = self.last_news.elapsed();
        if report.waiting() > 0 {
            return Ok(silence >= PATIENCE);
        }
        Ok(silence >= SETTLE && (report.settled || silence >= SETTLE_UNSURE || self.world.is_idle().await?))
    }

    /// Reads what is new.
    fn take_in<O: Write>(
        &mut self,
        told: &mut mpsc::UnboundedReceiver<Progress>,
        screen: &mut Screen<O>,
    ) -> anyhow::Result<()> {
        // First what arrived, then what was written: so that the cause of every arrival is known when it is checked.
        let mut arrived = Vec::new();
        for (destination, read) in &mut self.destinations {
            let new = self.world.received(destination, *read);
            *read += new.len();
            arrived.extend(new.into_iter().map(|received| (*destination, received)));
        }
        while let Ok(progress) = told.try_recv() {
            self.last_news = Instant::now();
            match progress {
                Progress::Begun(change, at_ms) => self.check.begun(&change, at_ms),
                Progress::Acknowledged(number, at_ms) => self.check.acknowledged(number, at_ms),
            }
        }
        // For the eye, in the order of time; each destination's own order stays.
        arrived.sort_by_key(|(_, received)| received.at_ms);
        for (destination, received) in arrived {
            self.last_news = Instant::now();
            self.remember(destination, &received, screen)?;
            self.check.received(destination, received);
        }
        Ok(())
    }

    fn remember<O: Write>(
        &mut self,
        destination: &'static str,
        received: &Received,
        screen: &mut Screen<O>,
    ) -> anyhow::Result<()> {
        let ms = received.at_ms - self.started_ms;
        let at = format!("{}.{} s", ms / 1_000, ms % 1_000 / 100);
        if received.accepted && self.reached.insert(destination) {
            screen.say(&format!("{at}  first delivery to {destination}"))?;
        }
        let refused = if received.accepted { "" } else { "refused: " };
        self.recent.push_back(format!("{at}  {destination}  {refused}{}", received.sent));
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
        Ok(())
    }

    /// What is going on, in a few words.
    fn doing(&self, report: &Report, is_writing: bool) -> String {
        let Options { changes, exit, rate, faults, .. } = self.options;
        let doing = match (report.changes < *changes && is_writing, *exit) {
            (true, _) => format!("writing {rate} a second"),
            (false, true) => "waiting for the last deliveries".to_owned(),
            (false, false) => format!("going on with {TRICKLE} a second; Ctrl-C ends it"),
        };
        if faults.is_empty() || faults == "none" { doing } else { format!("{doing}, faults {faults}") }
    }

    fn snapshot(&self, report: &Report, doing: String) -> Snapshot {
        let count = |of: &HashMap<String, u64>, name: &str| of.get(name).copied().unwrap_or(0);
        let row = |rule: &Rule| PipelineRow {
            source: rule.source.name().to_owned(),
            destination: rule.destination.to_owned(),
            captured: count(&self.counts.captured, rule.source.name()),
            failed: count(&self.counts.failed, rule.pipeline),
            checked: report.pipelines.iter().find(|row| row.pipeline == rule.pipeline).map(|row| Checked {
                delivered: row.delivered,
                filtered: row.filtered,
                unchanged: row.unchanged,
                superseded: row.superseded,
                waiting: row.waiting,
                freshness_ms: row.recent_freshness_ms,
            }),
        };
        Snapshot {
            elapsed_ms: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            changes: report.changes,
            wanted: self.options.changes,
            doing,
            pipelines: RULES.iter().map(row).collect(),
            broken_keys: report.broken_keys(),
            pages: self.pages.clone(),
            recent: self.recent.iter().cloned().collect(),
        }
    }
}

#[cfg(test)]
mod tests;
