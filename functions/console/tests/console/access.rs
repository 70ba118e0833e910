//! Who may what: every route, by whom it is asked for.

use std::{sync::Arc, time::Duration};

use crate::memory::{Browser, FORM, MemoryDoor, MemoryWorld, ORIGIN, ada, sign_in, signed_in};
use axum::extract::State;
use console::{
    Console, World as _,
    access::{Access, MOST_BODY, Route, Visitor},
    change::Change,
    door::Arrival,
    frame::Frame,
    role::Role,
    screens::{SCREENS, routes},
};
use http::{Method, StatusCode};
use shared::{audit::AuditOutcome, testing::lock};

const OWN: (&str, &str) = ("sec-fetch-site", "same-origin");

/// A route's path with something in the place of what varies.
fn filled(path: &str) -> String {
    path.replace("{digest}", "0").replace("{name}", "console.css")
}

#[tokio::test]
async fn every_route_asks_who_is_there_and_for_the_token() {
    let all = routes::<MemoryWorld>();
    assert!(all.len() >= 10, "{}", all.len());
    for Route { method, path, access, .. } in &all {
        let (path, least) = (filled(path), *access);
        let nobody = Browser::of(MemoryWorld::behind(MemoryDoor::default()).console());
        let answer = nobody.another().send(method.clone(), &path, &[OWN, FORM], "a=b").await;
        match (least, method) {
            (Access::Anyone, _) => assert!(!answer.header("location").starts_with("/sign-in?"), "{path}"),
            (Access::AtLeast(_), &Method::GET) => {
                assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}");
                assert!(answer.header("location").starts_with("/sign-in?to=%2F"), "{path}");
            }
            (Access::AtLeast(_), _) => assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}"),
        }
        for role in Role::ALL {
            let mut browser = signed_in(role).await;
            let token = browser.get("/settings/people").await.token();
            let may = least == Access::Anyone || matches!(least, Access::AtLeast(least) if role >= least);
            let body = format!("csrf={token}");
            let answer = browser.clone().send(method.clone(), &path, &[OWN, FORM], &body).await;
            assert_eq!(answer.status == StatusCode::FORBIDDEN, !may, "{path} {role:?}: {}", answer.status);
            if method == Method::GET {
                continue;
            }
            let stranger = signed_in(role).await.get("/settings/people").await.token();
            for body in [String::new(), "csrf=".to_owned(), "csrf=x".to_owned(), format!("csrf={stranger}")] {
                let answer = browser.clone().send(method.clone(), &path, &[OWN, FORM], &body).await;
                assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} {role:?} {body}");
            }
        }
    }
}

#[test]
fn only_the_way_in_and_the_assets_are_for_anyone() {
    let all = routes::<MemoryWorld>();
    let open: Vec<_> = all.iter().filter(|route| route.access == Access::Anyone).map(|route| route.path).collect();
    assert_eq!(open, ["/assets/{digest}/{name}", "/sign-in", "/sign-in/start", "/sign-in/return", "/signed-out"]);
}

#[test]
fn each_screen_of_the_navigation_has_a_page_that_who_sees_it_may_see() {
    let all = routes::<MemoryWorld>();
    for screen in SCREENS {
        let route = all.iter().find(|route| route.path == screen.path && route.method == Method::GET);
        assert_eq!(route.map(|route| route.access), Some(Access::AtLeast(screen.least)), "{}", screen.name);
    }
}

type Shared = State<Arc<Console<MemoryWorld>>>;

/// A console with a route that changes something: only for editors.
fn with_a_change() -> (MemoryWorld, Vec<Route<MemoryWorld>>) {
    let world = MemoryWorld::behind(MemoryDoor::default());
    let mut all = routes();
    all.push(Route::post("/change", Access::AtLeast(Role::Editor), change));
    all.push(Route::get("/log", Access::Anyone, async |State(console): Shared| {
        format!("{:#?}", lock(&console.world.audit().entries))
    }));
    all.push(Route::get("/panic", Access::AtLeast(Role::Viewer), panics));
    (world, all)
}

async fn panics(_: Frame) -> String {
    panic!("of one's own accord")
}

async fn change(State(console): Shared, visitor: Visitor, body: String) -> Result<String, console::no_page::NoPage> {
    let change = Change {
        action: "rename",
        subject: "pipeline a".to_owned(),
        before: Some("a".to_owned()),
        after: Some("b".to_owned()),
    };
    let fails = body.contains("fail=yes");
    let make = async { if fails { Err("the name is taken") } else { Ok("renamed") } };
    Ok(console.change(&visitor, change, make).await?.unwrap_or_else(|error| error).to_owned())
}

async fn signed_in_with_a_change(role: Role) -> Browser {
    let (world, routes) = with_a_change();
    *lock(&world.door.arriving) = Some(Arrival::Person(ada(role)));
    let mut browser = Browser::with_routes(world.console(), routes);
    sign_in(&mut browser).await;
    browser
}

#[tokio::test]
async fn a_change_is_made_by_who_may_and_is_in_the_log() {
    let mut browser = signed_in_with_a_change(Role::Editor).await;
    let token = browser.get("/").await.token();
    assert_eq!(browser.post("/change", &token).await.text(), "renamed");
    let by_header = [OWN, ("origin", ORIGIN), ("x-csrf-token", &*token)];
    let answer = browser.send(Method::POST, "/change", &by_header, "fail=yes").await;
    assert_eq!(answer.text(), "the name is taken");
    let log = browser.get("/log").await;
    for expected in
        ["person: \"idp|1\"", "name: \"Ada Lovelace\"", "action: \"rename\"", "Done", "Failed(", "the name is taken"]
    {
        assert!(log.text().contains(expected), "{expected}: {}", log.text());
    }
}

#[tokio::test]
async fn a_viewers_forged_post_changes_nothing() {
    let mut browser = signed_in_with_a_change(Role::Viewer).await;
    let token = browser.get("/").await.token();
    let answer = browser.post("/change", &token).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.text().contains("It takes the role editor, and you have viewer. Ask platform@example.com."));
    assert_eq!(browser.get("/log").await.text(), "[]");
}

#[tokio::test]
async fn what_another_site_sends_changes_nothing() {
    let mut browser = signed_in_with_a_change(Role::Admin).await;
    let token = browser.get("/").await.token();
    let body = format!("csrf={token}");
    for headers in [
        &[FORM][..],
        &[FORM, ("sec-fetch-site", "cross-site")],
        &[FORM, ("sec-fetch-site", "same-site")],
        &[FORM, ("sec-fetch-site", "none")],
        &[FORM, ("origin", "https://evil.example")],
        &[FORM, ("origin", "null")],
        &[FORM, ("origin", "http://console.example")],
        &[FORM, OWN, ("origin", "https://evil.example")],
        &[FORM, ("sec-fetch-site", "cross-site"), ("origin", ORIGIN)],
    ] {
        let answer = browser.send(Method::POST, "/change", headers, &body).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{headers:?}");
    }
    assert_eq!(browser.get("/log").await.text(), "[]");
    // An older browser, without fetch metadata.
    let answer = browser.send(Method::POST, "/change", &[FORM, ("origin", ORIGIN)], &body).await;
    assert_eq!(answer.text(), "renamed");
}

#[tokio::test]
async fn a_token_in_another_kind_of_body_is_none() {
    let mut browser = signed_in_with_a_change(Role::Admin).await;
    let token = browser.get("/").await.token();
    for kind in ["text/plain", "multipart/form-data; boundary=x", "application/json"] {
        let headers = [OWN, ("content-type", kind)];
        let answer = browser.send(Method::POST, "/change", &headers, &format!("csrf={token}")).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{kind}");
    }
}

#[tokio::test]
async fn a_body_beyond_any_form_is_refused() {
    let mut browser = signed_in_with_a_change(Role::Admin).await;
    let token = browser.get("/").await.token();
    let fits = format!("csrf={token}&a={}", "x".repeat(MOST_BODY - token.len() - 8));
    assert_eq!(fits.len(), MOST_BODY);
    assert_eq!(browser.send(Method::POST, "/change", &[OWN, FORM], &fits).await.status, StatusCode::OK);
    let answer = browser.send(Method::POST, "/change", &[OWN, FORM], &format!("{fits}x")).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(answer.text().contains("That is too much at once"), "{}", answer.text());
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_done() {
    let (world, _) = with_a_change();
    let console = world.console();
    let session = console::session::Session::begin(ada(Role::Editor), shared::time::Timestamp::from_millis(0)).unwrap();
    let visitor = Visitor(Arc::new(session));
    let change = || Change { action: "pause", subject: "pipeline a".to_owned(), before: None, after: None };
    console.world.audit().breaks.next(1);
    let mut is_made = false;
    let made = console.change(&visitor, change(), async {
        is_made = true;
        Ok::<_, String>(())
    });
    let page = made.await.unwrap_err();
    assert!(!is_made);
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(lock(&console.world.audit().entries).is_empty());
    // The entry that says that it began stands, where its end cannot be recorded.
    let made = console.change(&visitor, change(), async {
        console.world.audit().breaks.next(1);
        Ok::<_, String>(())
    });
    assert_eq!(made.await.unwrap(), Ok(()));
    assert_eq!(lock(&console.world.audit().entries)[0].outcome, AuditOutcome::Begun);
}

#[tokio::test]
async fn a_session_ends_and_its_person_comes_back_to_the_page() {
    let world = MemoryWorld::behind(MemoryDoor::default());
    *lock(&world.door.arriving) = Some(Arrival::Person(ada(Role::Admin)));
    let mut all = routes();
    all.push(Route::post("/later", Access::Anyone, async |State(console): Shared, body: String| {
        console.world.clock.advance(Duration::from_mins(body.parse().unwrap()));
    }));
    let mut browser = Browser::with_routes(world.console(), all);
    sign_in(&mut browser).await;
    let first = browser.cookie("__Host-freshet-session").unwrap().to_owned();
    let later = async |browser: &mut Browser, minutes: &str| {
        let own = [OWN, ("origin", ORIGIN)];
        assert_eq!(browser.another().send(Method::POST, "/later", &own, minutes).await.status, StatusCode::OK);
    };
    later(&mut browser, "50").await;
    assert_eq!(browser.get("/").await.status, StatusCode::OK);
    assert_ne!(browser.cookie("__Host-freshet-session"), Some(&*first), "the request was noted");
    later(&mut browser, "50").await;
    assert_eq!(browser.get("/").await.status, StatusCode::OK);
    later(&mut browser, "60").await;
    let answer = browser.get("/settings/audit?before=x").await;
    assert_eq!(answer.header("location"), "/sign-in?to=%2Fsettings%2Faudit%3Fbefore%3Dx");
    let htmx = browser.send(Method::GET, "/settings/people", &[("hx-request", "true")], "").await;
    assert_eq!(
        (htmx.status, htmx.header("hx-redirect")),
        (StatusCode::UNAUTHORIZED, "/sign-in?to=%2Fsettings%2Fpeople")
    );
}

#[tokio::test]
async fn a_panic_is_a_page_with_a_number() {
    let mut browser = signed_in_with_a_change(Role::Viewer).await;
    let answer = browser.get("/panic").await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(
        answer.text().contains("Something is broken") && answer.text().contains("Number: <code>"),
        "{}",
        answer.text()
    );
    assert_eq!(browser.get("/").await.status, StatusCode::OK);
}
