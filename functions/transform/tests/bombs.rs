//! An expression that is meant to hang or to eat memory is stopped for its row, and disturbs nobody else.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod memory;

use memory::{batch, change, frame, sent, start};
use serde_json::Value as Json;
use shared::testing::lock;

/// Expressions, and what is said of each where it is stopped. `after.text` is as long as a row's can be.
const BOMBS: [(&str, &str); 9] = [
    // Meant to hang.
    ("after.text | split(',') | map('upper') | map('lower') | sort | unique | join", "takes too many steps"),
    ("after.text | split(',') | map('replace', 'x', after.text) | map('sha256') | join", "takes too many steps"),
    ("([after.times] * after.times) | sum", "takes too many steps"),
    ("[after.times] * after.times == [after.times] * after.times", "takes too many steps"),
    // Meant to eat memory.
    ("after.text ~ after.text ~ after.text", "too large"),
    ("after.text | replace(',', after.text)", "too large"),
    ("after.text | split(',') | join(after.text)", "takes too many steps"),
    ("([after.text] * after.times) | join", "takes a list of at most"),
    ("'x' * after.times", "takes too many steps"),
];

fn pipeline(name: &str, lastname: &str) -> String {
    format!(
        "name = \"{name}\"\nsource = \"customers\"\ndestination = \"crm\"\naction = \"upsert_contact\"\n\
         [fields]\nemail = \"after.email\"\nlastname = \"{lastname}\"\n"
    )
}

#[tokio::test]
async fn a_bomb_becomes_a_failure_and_its_neighbours_go_through() {
    let long = "x,".repeat(190_000);
    for (bomb, reason) in BOMBS {
        let armed = pipeline("armed", &format!("{bomb} if after.armed else 'calm'"));
        let (world, transform) = start(&[("armed", &armed), ("calm", &pipeline("calm", "after.email"))]);
        let row = |position: u32| {
            let (is_armed, text) = if position == 2 { (true, long.as_str()) } else { (false, "x") };
            let row = format!(
                r#"{{"id":"c-1","email":"{position}@b.example","armed":{is_armed},"text":"{text}","times":100000000}}"#
            );
            change(position, None, Some(&row))
        };
        // One row, so one lane.
        let data = [frame(&[row(1)]), frame(&[row(2)]), frame(&[row(3), row(4)])];
        assert!(transform.transform(&batch(&data)).await.unwrap().is_done(), "{bomb}");

        let went = |name: &str| -> Vec<u64> {
            let of_it = sent(world).into_iter().filter(|delivery| delivery["pipeline"] == name);
            let position = |delivery: Json| delivery["fields"]["email"].as_str().unwrap()[..1].parse().unwrap();
            of_it.map(position).collect()
        };
        assert_eq!((went("armed"), went("calm")), (vec![1, 3, 4], vec![1, 2, 3, 4]), "{bomb}");
        let kept = lock(&world.state.failures.kept);
        let [failure] = kept.as_slice() else { unreachable!("{bomb}: {} failures", kept.len()) };
        assert_eq!((failure.pipeline.as_deref(), failure.version), (Some("armed"), Some(3)), "{bomb}");
        assert!(failure.reason.contains(reason), "{bomb}: {}", failure.reason);
        println!("{}", failure.reason);
    }
    println!("{} bombs", BOMBS.len());
}
