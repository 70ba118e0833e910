//! Signing in by OpenID Connect, at an honest issuer and at a hostile one.

use crate::issuer::{Behaviour, CLIENT, Issuer, Key, NOW, SECRET};
use crate::memory::{Answer, Browser, MemoryWorld};
use base64_simd::URL_SAFE_NO_PAD;
use console::{OpenId, role::RoleRules};
use http::StatusCode;
use serde_json::{Value, json};
use shared::{
    http::{Reach, Timeouts, VendorHttp},
    testing::{ManualClock, MemorySecrets, lock},
};

const ARN: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:console";
const SESSION: &str = "__Host-freshet-session";

fn browser(issuer: &str) -> Browser {
    let secrets = MemorySecrets::default();
    let registration = json!({"issuer": issuer, "client_id": CLIENT, "client_secret": SECRET}).to_string();
    lock(&secrets.current).insert(ARN.to_owned(), registration.clone());
    lock(&secrets.cached).insert(ARN.to_owned(), registration);
    let rules = json!({"claim": "groups", "viewer": ["staff"], "editor": ["sales"], "admin": ["platform"]});
    let rules: RoleRules = serde_json::from_value(rules).unwrap();
    // The issuer is on this machine.
    let http = VendorHttp::new(Timeouts::default(), Reach::Private).unwrap();
    let door = OpenId::new(ARN.to_owned(), rules, secrets, http, ManualClock::at(NOW * 1_000));
    Browser::of(MemoryWorld::behind(door).console())
}

/// The whole way, with what comes back from the issuer changed.
async fn sign_in_with(browser: &mut Browser, issuer: &Issuer, change: impl FnOnce(&mut String, &mut String)) -> Answer {
    let departed = browser.get("/sign-in/start?to=/settings/people").await;
    assert_eq!(departed.status, StatusCode::SEE_OTHER, "{}", departed.text());
    let (mut state, mut code) = issuer.authorise(departed.header("location"));
    change(&mut state, &mut code);
    browser.get(&format!("/sign-in/return?code={code}&state={state}")).await
}

async fn sign_in(browser: &mut Browser, issuer: &Issuer) -> Answer {
    sign_in_with(browser, issuer, |_, _| {}).await
}

fn assert_refused(case: &str, browser: &Browser, answer: &Answer) {
    println!(
        "{case}: {} {}",
        answer.status,
        answer.text().lines().find(|line| line.contains("<h1>")).unwrap_or_default()
    );
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{case}");
    assert!(answer.text().contains("You could not be signed in") && answer.text().contains("Number: <code>"), "{case}");
    assert_eq!(browser.cookie(SESSION), None, "{case}");
    assert_eq!(browser.cookie("__Host-freshet-sign-in"), None, "{case}");
}

#[tokio::test]
async fn an_honest_issuers_word_is_taken_by_each_kind_of_signature() {
    for key in [Key::es256(), Key::eddsa(), Key::rs256()] {
        let issuer = Issuer::start(key).await;
        let mut browser = browser(&issuer.url);
        let answer = sign_in(&mut browser, &issuer).await;
        assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/settings/people"));
        let page = browser.get("/settings/people").await;
        assert!(
            page.text().contains("Ada Lovelace") && page.text().contains("You have the role <strong>editor</strong>")
        );
        assert!(page.text().contains(&format!("{} says who people are", issuer.url)), "{}", page.text());
    }
}

/// What a hostile issuer does, and its name.
type Hostility = (&'static str, fn(&mut Behaviour));

fn claim(behaviour: &mut Behaviour, name: &'static str, value: Value) {
    behaviour.twist = Box::new(move |claims| claims[name] = value.clone());
}

fn without(behaviour: &mut Behaviour, name: &'static str) {
    behaviour.twist = Box::new(move |claims| {
        claims.as_object_mut().unwrap().remove(name);
    });
}

const HOSTILITIES: &[Hostility] = &[
    ("wrong issuer", |it| claim(it, "iss", json!("https://accounts.example"))),
    ("no issuer", |it| without(it, "iss")),
    ("wrong audience", |it| claim(it, "aud", json!("another-client"))),
    ("one audience too many", |it| claim(it, "aud", json!([CLIENT, "another-client"]))),
    ("no audience", |it| without(it, "aud")),
    ("wrong nonce", |it| claim(it, "nonce", json!("another"))),
    ("no nonce", |it| without(it, "nonce")),
    ("expired token", |it| claim(it, "exp", json!(NOW - 60))),
    ("no expiry", |it| without(it, "exp")),
    ("issued in the future", |it| claim(it, "iat", json!(NOW + 61))),
    ("not valid yet", |it| claim(it, "nbf", json!(NOW + 61))),
    ("alg: none", |it| it.signs_with.0 = Key::None),
    ("HS256 by the client's secret", |it| it.signs_with.0 = Key::Hs256(SECRET.into())),
    ("HS256 by the public key", |it| it.signs_with.0 = Key::Hs256(it.serves["keys"][0].to_string().into_bytes())),
    ("swapped keys", |it| it.signs_with.0 = Key::es256()),
    ("unknown key", |it| it.signs_with = (Key::es256(), "two")),
    ("another kind of key", |it| it.signs_with.0 = Key::eddsa()),
    ("no keys at all", |it| it.serves = json!({"keys": []})),
    ("claims changed after signing", |it| {
        it.twist_token = |token| {
            let parts: Vec<&str> = token.split('.').collect();
            let mut claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode_to_vec(parts[1]).unwrap()).unwrap();
            claims["groups"] = json!(["platform"]);
            Some(format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode_to_string(claims.to_string()), parts[2]))
        }
    }),
    ("signature cut off", |it| it.twist_token = |token| token.rsplit_once('.').map(|(signed, _)| format!("{signed}."))),
    ("no ID token", |it| it.twist_token = |_| None),
    ("an ID token that is none", |it| it.twist_token = |_| Some("<script>alert(1)</script>".to_owned())),
];

#[tokio::test]
async fn a_hostile_issuers_word_is_not_taken() {
    for (case, hostility) in HOSTILITIES {
        let issuer = Issuer::start(Key::es256()).await;
        issuer.set(hostility);
        let mut browser = browser(&issuer.url);
        let answer = sign_in(&mut browser, &issuer).await;
        assert_refused(case, &browser, &answer);
    }
}

#[tokio::test]
async fn clocks_may_differ_by_a_minute() {
    for (name, second) in [("exp", NOW - 59), ("iat", NOW + 60), ("nbf", NOW + 60)] {
        let issuer = Issuer::start(Key::es256()).await;
        issuer.set(|it| claim(it, name, json!(second)));
        let answer = sign_in(&mut browser(&issuer.url), &issuer).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{name}");
    }
}

#[tokio::test]
async fn what_comes_back_has_to_be_what_was_sent() {
    let issuer = Issuer::start(Key::es256()).await;
    let mut browser = browser(&issuer.url);
    let answer = sign_in_with(&mut browser, &issuer, |state, _| state.push('x')).await;
    assert_refused("wrong state", &browser, &answer);
    let answer = sign_in_with(&mut browser, &issuer, |state, _| state.clear()).await;
    assert_refused("empty state", &browser, &answer);
    let answer = sign_in_with(&mut browser, &issuer, |_, code| *code = "guessed".to_owned()).await;
    assert_refused("a code that nobody was given", &browser, &answer);
    let answer = sign_in_with(&mut browser, &issuer, |_, code| *code = format!("{code}&error=access_denied")).await;
    assert_refused("an error beside the code", &browser, &answer);
    let answer = sign_in_with(&mut browser, &issuer, |_, code| code.insert_str(0, "&error=access_denied&x=")).await;
    assert_refused("an error instead of a code", &browser, &answer);
}

#[tokio::test]
async fn a_code_is_worth_something_once_and_in_the_browser_that_asked_for_it() {
    let issuer = Issuer::start(Key::es256()).await;
    let mut browser = browser(&issuer.url);
    let departed = browser.get("/sign-in/start").await;
    let kept = browser.cookie("__Host-freshet-sign-in").unwrap().to_owned();
    let (state, code) = issuer.authorise(departed.header("location"));
    let back = format!("/sign-in/return?code={code}&state={state}");
    let mut other = browser.another();
    let answer = other.get(&back).await;
    assert_refused("a code in a browser that did not ask", &other, &answer);
    assert_eq!(browser.get(&back).await.status, StatusCode::SEE_OTHER);
    let mut again = browser.another();
    let answer = again.get(&back).await;
    assert_refused("replayed code, the cookie gone", &again, &answer);
    again.set_cookie("__Host-freshet-sign-in", &kept);
    let answer = again.get(&back).await;
    assert_refused("replayed code, the cookie kept", &again, &answer);
    // Somebody's own code, put into another's sign-in: PKCE binds it to the browser that began.
    let mut attacker = browser.another();
    let (_, code) = issuer.authorise(attacker.get("/sign-in/start").await.header("location"));
    let mut victim = browser.another();
    let answer = sign_in_with(&mut victim, &issuer, |_, own| *own = code).await;
    assert_refused("somebody else's code", &victim, &answer);
}

#[tokio::test]
async fn keys_are_rotated_and_asked_for_once() {
    let issuer = Issuer::start(Key::es256()).await;
    let browser = browser(&issuer.url);
    for _ in 0..2 {
        assert_eq!(sign_in(&mut browser.another(), &issuer).await.status, StatusCode::SEE_OTHER);
    }
    assert_eq!(lock(&issuer.behaviour).asked_for_keys, 1);
    // Under a new name, and under the same.
    for (asked, id) in [(2, "two"), (3, "two")] {
        issuer.set(|it| {
            let key = Key::es256();
            it.serves = json!({"keys": [key.public(id)]});
            it.signs_with = (key, id);
        });
        assert_eq!(sign_in(&mut browser.another(), &issuer).await.status, StatusCode::SEE_OTHER);
        assert_eq!(lock(&issuer.behaviour).asked_for_keys, asked);
    }
    issuer.set(|it| it.signs_with.0 = Key::es256());
    assert_eq!(sign_in(&mut browser.another(), &issuer).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(lock(&issuer.behaviour).asked_for_keys, 4, "a forged signature costs one question");
}

#[tokio::test]
async fn who_has_no_role_is_told_whom_to_ask() {
    let issuer = Issuer::start(Key::es256()).await;
    issuer.set(|it| claim(it, "groups", json!(["visitors"])));
    let mut browser = browser(&issuer.url);
    let answer = sign_in(&mut browser, &issuer).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.text().contains("You have no role here yet") && answer.text().contains("Ask platform@example.com."));
    assert_eq!(browser.cookie(SESSION), None);
    issuer.set(|it| claim(it, "name", json!("<script>alert(1)</script>")));
    assert_eq!(sign_in(&mut browser, &issuer).await.status, StatusCode::SEE_OTHER);
    let page = browser.get("/").await;
    assert!(
        page.text().contains("&#60;script&#62;alert(1)") && !page.text().contains("<script>alert"),
        "{}",
        page.text()
    );
}

#[tokio::test]
async fn an_issuer_that_is_not_there_or_names_another_is_nobodys_mistake() {
    let gone = Issuer::start(Key::es256()).await;
    gone.set(|it| it.twist_discovery = Box::new(|told| told["issuer"] = json!("https://accounts.example")));
    for (case, url) in
        [("names another", gone.url.as_str()), ("is not there", "http://127.0.0.1:1"), ("no address", "x")]
    {
        let answer = browser(url).get("/sign-in/start").await;
        println!("an issuer that {case}: {}", answer.status);
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{case}");
        assert!(answer.text().contains("Signing in is not possible now"), "{case}");
        assert!(!answer.text().contains("accounts.example"), "{case}");
    }
}

#[tokio::test]
async fn after_signing_in_nobody_is_sent_elsewhere() {
    let issuer = Issuer::start(Key::es256()).await;
    for to in ["//evil.example", "https://evil.example/", "/%5Cevil.example", "/%09/evil.example", "/..//evil.example"]
    {
        let mut browser = browser(&issuer.url);
        let departed = browser.get(&format!("/sign-in/start?to={to}")).await;
        let (state, code) = issuer.authorise(departed.header("location"));
        let answer = browser.get(&format!("/sign-in/return?code={code}&state={state}")).await;
        println!("to={to}: {} location: {}", answer.status, answer.header("location"));
        assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/"), "{to}");
        let page = browser.another().get(&format!("/sign-in?to={to}")).await;
        assert!(page.text().contains(r#"href="/sign-in/start?to=%2F""#), "{}", page.text());
        assert_eq!(browser.get(&format!("/sign-in?to={to}")).await.header("location"), "/", "{to}");
    }
}
