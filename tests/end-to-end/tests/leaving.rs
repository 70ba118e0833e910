//! Rows that enter and leave a pipeline's filter, with and without before images, around a redrive: what the destinations
//! end with.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

use freshet::{
    commands::{failures, pipelines},
    demo::sources,
    deployed::Connection,
    faults::Faults,
    services::Ports,
    stack::{Ground, Stack, StackConfig, variables::Variables},
};
use shared::{
    event::{ChangeEvent, Op, Origin},
    failure::{Selection, Standing},
    frame::{self, Content, Item, Pace},
    key::Key,
    lane::Lanes,
    pipeline::publication::{Edition, Others},
    ports::KeptFailures as _,
    position::Position,
    time::{Clock as _, SystemClock, Timestamp},
    value::Value,
};

/// The three forms of `on_leave`, each with a destination that can do it: pipeline, destination, action, form.
const FORMS: [(&str, &str, &str, &str); 3] = [
    ("keeps", "klaviyo", "upsert_profile", "keep"),
    ("archives", "hubspot", "upsert_contact", "archive"),
    ("deletes", "customer_io", "upsert_person", "delete"),
];

/// What happens to a row, step by step; at each step all rows have come to rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Happens {
    /// It is in the filter, with this plan.
    In(&'static str),
    /// It is in the filter, and lacks a field that the first version of the pipelines needs: a failure.
    Fails,
    /// It is not in the filter.
    Out,
    /// Its open failure is redriven, in a version that can do without the field.
    Redriven,
    /// Nothing.
    Rests,
}
use Happens::{Fails, In, Out, Redriven, Rests};

/// The pipelines are mended after this step.
const MENDED_AFTER: usize = 2;

/// What the mended pipelines send where the field lacks.
const MENDED: &str = "mended";

/// A story, and the plan with which the row stands at the end at a destination that keeps, and at one that removes.
type Story = (&'static str, [Happens; 5], Option<&'static str>, Option<&'static str>);

const STORIES: [Story; 7] = [
    ("leaves", [In("a"), Out, Rests, Rests, Rests], Some("a"), None),
    ("was-never-in", [Out, Out, Rests, Rests, Rests], None, None),
    ("leaves-and-returns", [In("a"), Out, Rests, In("b"), Rests], Some("b"), Some("b")),
    // The newest event is that of leaving: what failed before it must not come back.
    ("redriven-after-it-left", [In("a"), Fails, Rests, Out, Redriven], Some("a"), None),
    ("redriven-and-never-delivered", [Fails, Out, Rests, Rests, Redriven], None, None),
    ("redriven-before-it-leaves", [In("a"), Fails, Redriven, Out, Rests], Some(MENDED), None),
    ("redriven-after-it-returned", [In("a"), Fails, Out, In("b"), Redriven], Some("b"), Some("b")),
];

fn pipeline((name, destination, action, on_leave): (&str, &str, &str, &str), plan: &str) -> String {
    let id = if action == "upsert_person" { "id = \"after.id\"\n" } else { "" };
    format!(
        "name = \"{name}\"\nsource = \"customers\"\ndestination = \"{destination}\"\naction = \"{action}\"\n\
         when = \"after.consent\"\non_leave = \"{on_leave}\"\nremoves = \"any\"\n\n[fields]\n{id}\
         email = \"after.email\"\nplan = \"{plan}\"\n"
    )
}

/// A publication that is in effect for whatever arrives.
fn at_once() -> Edition {
    Edition { by: "a test".to_owned(), at: SystemClock.now(), from: Timestamp::from_millis(0) }
}

async fn push(stack: &Connection<'_>, plan: &str) {
    let folder = tempfile::tempdir().unwrap();
    for form in FORMS {
        std::fs::write(folder.path().join(format!("{}.toml", form.0)), pipeline(form, plan)).unwrap();
    }
    pipelines::push(stack, folder.path(), Others::Retire, false, &at_once()).await.unwrap();
}

/// A row, as its events tell it.
struct Row {
    id: String,
    with_before: bool,
    image: Option<Value>,
}

impl Row {
    fn new(id: String, with_before: bool) -> Self {
        Self { id, with_before, image: None }
    }

    fn event(&mut self, position: usize, happens: Happens) -> Option<ChangeEvent> {
        let (plan, consent) = match happens {
            In(plan) => (format!(r#","plan":"{plan}""#), true),
            Fails => (String::new(), true),
            Out => (r#","plan":"free""#.to_owned(), false),
            Redriven | Rests => return None,
        };
        let json = format!(r#"{{"id":"{0}","email":"{0}@example.com","consent":{consent}{plan}}}"#, self.id);
        let image = Value::from_json(json.as_bytes()).unwrap();
        let before = self.image.replace(image.clone());
        let position = Position::parse(&position.to_string()).unwrap();
        Some(ChangeEvent {
            id: ChangeEvent::id_at("customers", 1, &position),
            source: "customers".into(),
            op: if before.is_none() { Op::Create } else { Op::Update },
            key: Key::single("id", self.id.as_str()),
            before: before.filter(|_| self.with_before),
            after: Some(image),
            occurred_at: Timestamp::from_millis(1_767_225_600_000),
            epoch: 1,
            position,
            origin: Origin::User,
        })
    }
}

struct World {
    stack: Stack,
    connection: Connection<'static>,
    positions: usize,
    marks: usize,
}

impl World {
    async fn start() -> Self {
        let store = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../infra/examples/store");
        let mut variables = Variables::read(&store.join("terraform.tfvars")).unwrap();
        for (_, destination, ..) in FORMS {
            // One lane: what stands last in the queue is delivered last.
            variables.destinations.get_mut(destination).unwrap().lanes = Some(1_u32.into());
        }
        let config = StackConfig {
            variables,
            data_dir: None,
            ports: Ports::default(),
            faults: Faults::none(),
            own_endpoints: BTreeMap::new(),
        };
        let ground = Ground::lay(config).await.unwrap();
        sources::create(ground.aws().dynamodb(), ground.aws().kinesis()).await.unwrap();
        let connection = Connection::new(ground.deployed().unwrap(), &|_: &str| None).unwrap();
        push(&connection, "after.plan").await;
        Self { stack: ground.start().await.unwrap(), connection, positions: 0, marks: 0 }
    }

    /// Puts events onto the backbone, each on its own.
    async fn tell(&self, events: Vec<ChangeEvent>) {
        let lanes = Lanes::new(self.connection.deployed.changes_lanes).unwrap();
        let items: Vec<_> = events
            .iter()
            .map(|event| Item {
                lane: lanes.lane_of(&event.source, &event.key),
                id: event.id.clone(),
                json: serde_json::to_string(event).unwrap(),
                record: 0,
            })
            .collect();
        let frames = frame::pack(Content::Events, lanes, &items);
        frame::send(&self.connection.backbone(), frames, Pace::default()).await.unwrap();
    }

    fn event(&mut self, row: &mut Row, happens: Happens) -> Option<ChangeEvent> {
        self.positions += 1;
        row.event(self.positions, happens)
    }

    /// Whether a row stands at each destination, and with what plan.
    fn plans(&self, id: &str) -> [Option<String>; 3] {
        FORMS.map(|(_, destination, ..)| {
            let rows = self.stack.vendors()[destination].simulator.rows();
            let found = rows.into_iter().find(|row| !row.removed && row.key.starts_with(id));
            found.map(|row| row.fields.get("plan").and_then(Value::as_str).unwrap_or_default().to_owned())
        })
    }

    /// Waits until a further row has gone the whole way, and with it all that was told before.
    async fn rest(&mut self, happens: Happens) {
        let mut tick = tokio::time::interval(Duration::from_millis(50));
        // A mended version has to be in effect first; each mark that comes too early is a failure of its own.
        for _ in 0..60 {
            self.marks += 1;
            let mut mark = Row::new(format!("mark{}.", self.marks), true);
            let event = self.event(&mut mark, happens).unwrap();
            self.tell(vec![event]).await;
            // A minute is far beyond what it takes where nothing fails.
            for _ in 0..if happens == Fails { 40 } else { 1_200 } {
                tick.tick().await;
                if self.plans(&mark.id).iter().all(Option::is_some) {
                    return;
                }
            }
        }
        unreachable!("{happens:?} never came to all destinations");
    }

    async fn redrive(&self, rows: &BTreeSet<String>) {
        let open = Selection { standing: Some(Standing::Open), ..Selection::default() };
        let listed = self.connection.failures().list(&open).await.unwrap();
        let mut ids = Vec::new();
        for failure in listed {
            let kept = self.connection.failures().get(&failure.id).await.unwrap().unwrap();
            let id = kept.failure.key.as_ref().and_then(|key| key.attributes().get("id")?.as_str().map(str::to_owned));
            if id.is_some_and(|id| rows.contains(&id)) {
                ids.push(failure.id);
            }
        }
        assert_eq!(ids.len(), rows.len() * FORMS.len(), "each has failed in each pipeline");
        let report = failures::redrive(&self.connection, &ids).await.unwrap();
        assert!(report.is_whole(), "{report}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_leaves_has_left_and_what_stays_is_the_newest_that_was_in() {
    let mut world = World::start().await;
    let mut rows: Vec<_> = STORIES
        .iter()
        .flat_map(|story| {
            [true, false].map(|with_before| {
                let images = if with_before { "with-before" } else { "without" };
                (story, Row::new(format!("{}-{images}", story.0), with_before))
            })
        })
        .collect();
    for step in 0..STORIES[0].1.len() {
        let mut events = Vec::new();
        let mut redriven = BTreeSet::new();
        for (story, row) in &mut rows {
            match story.1[step] {
                Redriven => drop(redriven.insert(row.id.clone())),
                happens => events.extend(world.event(row, happens)),
            }
        }
        world.tell(events).await;
        if !redriven.is_empty() {
            world.redrive(&redriven).await;
        }
        world.rest(In("mark")).await;
        // What stood in the same request as the mark has been answered when the next one is.
        world.rest(In("mark")).await;
        if step + 1 == MENDED_AFTER {
            push(&world.connection, &format!("after.plan | default('{MENDED}')")).await;
            world.rest(Fails).await;
        }
    }
    let mut cases = 0;
    for (story, row) in &rows {
        let (kept, removed) = (story.2, story.3);
        assert_eq!(world.plans(&row.id).each_ref().map(Option::as_deref), [kept, removed, removed], "{}", row.id);
        cases += FORMS.len();
    }
    println!("{cases} cases");
    world.stack.stop().await;
}
