//! An invocation's turns at the destination's gate: when it may begin a request, and what it tells of the answer.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use shared::{
    destination::Limit,
    digest,
    gate::{Gate, LATE, Lease, Window},
    ports::{Gates as _, HttpResponse, PortError},
    state::State as _,
    time::{Clock as _, Timestamp},
};
use tokio::sync::Mutex;

use crate::{Deliver, attempt::Later, round::Call, world::World};

/// How often a lost race for the gate is run again.
const TRIES: u32 = 12;

/// The slowest write that turns are booked for.
const SLOWEST: Duration = Duration::from_millis(250);

/// The turns of one invocation. Its calls run side by side, and take their turns here.
#[derive(Debug)]
pub struct Turns<'a, W> {
    deliver: &'a Deliver<W>,
    /// What spreads the tries of concurrent invocations.
    seed: String,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    /// The gate as it was last seen.
    seen: Option<Gate>,
    /// Booked and not begun, by the name under which they are counted.
    booked: HashMap<String, VecDeque<Turn>>,
    /// How long it took lately to write the gate: turns are booked for when that is done.
    write: Duration,
    /// Booked and too late: to be given back.
    late: Vec<Turn>,
}

/// A turn that is booked: in which windows, and when it begins.
type Turn = (Vec<Window>, Timestamp);

/// What came of a request.
#[derive(Debug)]
pub enum Heard<'a> {
    /// An answer, whatever it says.
    Answer(&'a HttpResponse),
    /// The vendor asks to wait.
    Wait(Timestamp),
    /// None, or that the vendor is in trouble.
    Nothing(&'a str),
}

impl<'a, W: World> Turns<'a, W> {
    /// None is taken yet. `seed` is another for each concurrent invocation.
    pub fn new(deliver: &'a Deliver<W>, seed: &str) -> Self {
        Self { deliver, seed: seed.to_owned(), held: Mutex::default() }
    }

    /// Waits for a call's turn, and answers the time for which it is booked; or why it has to wait for longer than an
    /// invocation waits. `wanted` is how many calls of its kind are still to be made, this one included.
    pub async fn take(&self, call: &Call, wanted: usize, begin_by: Timestamp) -> Result<Timestamp, Later> {
        let windows: Vec<Window> = self.windows(call).into_iter().map(|(window, _)| window).collect();
        let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
        loop {
            let begins = self.next(&call.counted(), &windows, wanted).await?;
            let now = self.now();
            if begins < begin_by {
                tokio::time::sleep(begins.since(now)).await;
                if windows.is_empty() || self.now() <= begins + LATE {
                    return Ok(begins);
                }
            }
            self.held.lock().await.late.push((windows.clone(), begins));
            if begins >= begin_by {
                return Err(Later::Paced(begins));
            }
        }
    }

    /// Gives back what was booked and is not used any more.
    pub async fn end(&self) {
        let mut held = self.held.lock().await;
        let booked = std::mem::take(&mut held.booked).into_values().flatten();
        let late = std::mem::take(&mut held.late);
        let unused: Vec<_> = booked.chain(late).collect();
        if unused.is_empty() {
            return;
        }
        let given = self.change(&mut held, |gate| {
            for (windows, begins) in &unused {
                gate.give_back(windows, *begins);
            }
        });
        if let Err(error) = given.await {
            let destination = self.deliver.destination.name();
            tracing::warn!(destination, turns = unused.len(), "turns were not given back: {error}");
        }
    }

    /// Tells the gate what came of a call that was booked for `begun`. What cannot be told is logged: a limit that is
    /// not known in time is one that the vendor tells again.
    pub async fn tell(&self, call: &Call, begun: Timestamp, heard: Heard<'_>) {
        let mut held = self.held.lock().await;
        let (now, name) = (self.now(), self.deliver.destination.name());
        let told = match heard {
            Heard::Answer(response) => {
                let left = |(window, limit): (Window, Option<&Limit>)| {
                    let limit = limit?;
                    Some((window, limit.left(response)?, limit.begins_anew(response, now)))
                };
                let left: Vec<_> = self.windows(call).into_iter().filter_map(left).collect();
                let answered = |gate: &mut Gate| {
                    for (window, left, reset) in &left {
                        gate.correct(window, begun, *left, *reset);
                    }
                    gate.succeeded()
                };
                // Mostly an answer says what is known, and costs nothing.
                let seen = held.seen.clone().unwrap_or_default();
                let mut gate = seen.clone();
                answered(&mut gate);
                if gate == seen {
                    return;
                }
                self.change(&mut held, answered).await.map(|closes| {
                    if closes {
                        tracing::info!(destination = name, "the destination answers again: its circuit closes");
                    }
                })
            }
            Heard::Wait(until) => self.change(&mut held, |gate| gate.block(until)).await,
            Heard::Nothing(reason) => {
                let draw = draw(&format!("{name}/{}", now.millis()));
                self.change(&mut held, |gate| gate.failed(begun, now, draw)).await.map(|opens| {
                    if let Some(until) = opens {
                        tracing::warn!(
                            destination = name,
                            reason,
                            until = until.to_rfc3339(),
                            "the destination fails again and again: its circuit opens, and nothing is sent but a probe \
                             now and then"
                        );
                    }
                })
            }
        };
        if let Err(error) = told {
            tracing::warn!(destination = name, "the gate was not told: {error}");
        }
    }

    /// The next time that is booked; where there is none, books some.
    async fn next(&self, counted: &str, windows: &[Window], wanted: u32) -> Result<Timestamp, Later> {
        let mut held = self.held.lock().await;
        let now = self.now();
        while let Some(turn) = held.booked.get_mut(counted).and_then(VecDeque::pop_front) {
            if now <= turn.1 + LATE {
                return Ok(turn.1);
            }
            held.late.push(turn);
        }
        let failed = |error: PortError| Later::Retry(error.to_string());
        if windows.is_empty() {
            let gate = match held.seen.take() {
                Some(gate) => gate,
                None => self.deliver.world.gates().read(self.deliver.destination.name()).await.map_err(failed)?.1,
            };
            if held.seen.insert(gate).is_clear(now) {
                return Ok(now);
            }
        }
        let (late, write) = (std::mem::take(&mut held.late), held.write);
        let lease = |gate: &mut Gate| {
            for (windows, begins) in &late {
                gate.give_back(windows, *begins);
            }
            gate.lease(self.now() + write, windows, wanted)
        };
        match self.change(&mut held, lease).await.map_err(failed)? {
            Lease::Begin(times) => {
                let mut turns = times.into_iter().map(|begins| (windows.to_vec(), begins));
                let first = turns.next().map_or(now, |(_, begins)| begins);
                held.booked.insert(counted.to_owned(), turns.collect());
                Ok(first)
            }
            Lease::Probe(begins) => Ok(begins),
            Lease::Full(free) => Err(Later::Paced(free)),
            Lease::Open(until) => Err(Later::Open(until)),
        }
    }

    /// Changes the gate, and writes it if it is another then.
    async fn change<T>(&self, held: &mut Held, change: impl Fn(&mut Gate) -> T) -> Result<T, PortError> {
        let (gates, name) = (self.deliver.world.gates(), self.deliver.destination.name());
        for tried in 0..TRIES {
            let (revision, before) = gates.read(name).await?;
            let mut gate = before.clone();
            let begun = self.now();
            let answer = change(&mut gate);
            let is_written = gate == before || gates.write(name, revision, &gate).await?;
            // Slower writes are learnt of at once, and forgotten by and by.
            let took = self.now().since(begun);
            held.write = took.max(held.write.mul_f64(0.75)).min(SLOWEST);
            if is_written {
                held.seen = Some(gate);
                return Ok(answer);
            }
            // Others came first. Each has done so in a few milliseconds.
            let most = Duration::from_millis(5) * 2_u32.saturating_pow(tried.min(4));
            tokio::time::sleep(most.mul_f64(draw(&format!("{}/{revision}/{tried}", self.seed)))).await;
        }
        let reason = format!("{TRIES} times another invocation came first; lower maximum_concurrency if this goes on");
        Err(PortError { operation: "dynamodb:PutItem", reason })
    }

    fn windows(&self, call: &Call) -> Vec<(Window, Option<&'static Limit>)> {
        self.deliver.quota.windows(&self.deliver.destination, &call.counted())
    }

    fn now(&self) -> Timestamp {
        self.deliver.world.state().clock().now()
    }
}

/// From 0 to 1, the same for the same text.
pub fn draw(text: &str) -> f64 {
    let digits = digest::hex(text.as_bytes());
    f64::from(u32::from_str_radix(&digits[..8], 16).unwrap_or(0)) / f64::from(u32::MAX)
}
