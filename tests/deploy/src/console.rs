//! The console at its function URL: who is let in, and that what is published there changes what is delivered.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, bail, ensure};
use freshet::simulator::What;

use crate::{Steps, browser::Browser, command::Freshet, customer, issuer, put, until, world::Deployed};

/// The pipeline that is changed, and where it delivers.
const PIPELINE: &str = "customers-to-warehouse";
const DESTINATION: &str = "warehouse";

/// What the version of the example store calls a customer, what the next version does, and what the draft does.
const FIRST: &str = "customer";
const SECOND: &str = "account";
const THIRD: &str = "person";

/// The proof, from outside the door to a delivery. `callbacks` is what Terraform says that a provider has to know.
pub async fn prove(
    steps: &Steps,
    browser: &mut Browser,
    callbacks: &[String],
    freshet: &Freshet,
    store: &Path,
    folder: &Path,
    world: &Deployed,
) -> anyhow::Result<()> {
    steps.tell("the console, from outside");
    nobody_gets_in(browser).await?;
    steps.tell("a second version is pushed by the command");
    push_second(freshet, store, folder)?;
    put(world, "store-customers", &customer("by-the-second", "by-the-second@example.com")).await?;
    until("a customer is delivered by the second version", || async {
        Ok(kind_of(world, "by-the-second") == Some(SECOND.to_owned()))
    })
    .await?;
    steps.tell("signing in at the identity provider");
    sign_in(browser, callbacks).await?;
    steps.tell("the first version is published again, on the page");
    publish_first(browser).await?;
    deliveries_change(world, "back", SECOND, FIRST).await?;
    steps.tell("a draft of a change is made and published, on the page");
    publish_draft(browser).await?;
    deliveries_change(world, "drafted", FIRST, THIRD).await?;
    let listed = freshet.succeed(&["pipelines", "history", PIPELINE])?;
    print!("{listed}");
    ensure!(listed.contains(issuer::PERSON), "the history does not say who has published on the page");
    let audit = browser.get("/settings/audit").await?.expect(200, "the audit log")?;
    for part in [issuer::PERSON, PIPELINE] {
        ensure!(audit.text.contains(part), "the audit log does not name {part}");
    }
    Ok(())
}

/// Whoever is not signed in is led there, and changes nothing.
async fn nobody_gets_in(browser: &mut Browser) -> anyhow::Result<()> {
    for page in [browser.get("/").await?, browser.head("/").await?] {
        let page = page.expect(303, "a page without signing in")?;
        ensure!(page.location.as_deref() == Some("/sign-in?to=%2F"), "it leads to {:?}", page.location);
    }
    let sign_in = browser.get("/sign-in?to=%2F").await?.expect(200, "the page for signing in")?;
    ensure!(sign_in.text.contains("/sign-in/start"), "the page for signing in has no way in");
    browser.head("/sign-in").await?.expect(200, "its head")?;
    let path = format!("/pipelines/{PIPELINE}/roll-back");
    browser.submit(&path, &[("to", "1"), ("seen", "1")]).await?.expect(401, "a form of nobody")?;
    ensure!(!browser.has_cookies(), "somebody who has not signed in got a cookie");
    Ok(())
}

fn push_second(freshet: &Freshet, store: &Path, folder: &Path) -> anyhow::Result<()> {
    let first = std::fs::read_to_string(store.join(format!("pipelines/{PIPELINE}.toml")))?;
    let edited = folder.join("pipelines");
    std::fs::create_dir_all(&edited)?;
    std::fs::write(edited.join(format!("{PIPELINE}.toml")), called(&first, SECOND)?)?;
    print!("{}", freshet.succeed(&["pipelines", "push", "--wait", &edited.display().to_string()])?);
    Ok(())
}

/// The first version's text with another word for a customer: within the expression, within the tests' tables, and within
/// their JSON.
fn called(first: &str, word: &str) -> anyhow::Result<String> {
    let places = [("\"'", "'\""), ("type = \"", "\""), ("\"type\": \"", "\"")];
    let text = places.iter().fold(first.to_owned(), |text, (before, after)| {
        text.replace(&format!("{before}{FIRST}{after}"), &format!("{before}{word}{after}"))
    });
    ensure!(text != first, "{PIPELINE} does not call a customer {FIRST:?}");
    Ok(text)
}

/// The authorization code flow, as the person's browser goes through it.
async fn sign_in(browser: &mut Browser, callbacks: &[String]) -> anyhow::Result<()> {
    let to = format!("/pipelines/{PIPELINE}");
    let start = format!("/sign-in/start?to={}", to.replace('/', "%2F"));
    let away = browser.get(&start).await?.expect(303, "the way to the identity provider")?;
    let provider = away.location.context("it leads nowhere")?;
    let back = browser.elsewhere(&provider).await?.expect(303, "the identity provider")?;
    let back = back.location.context("the identity provider leads nowhere")?;
    let callback = back.split('?').next().unwrap_or_default();
    ensure!(callbacks == [callback], "people come back at {callback}, and Terraform says {callbacks:?}");
    let path = browser.path_of(&back)?.to_owned();
    let arrived = browser.get(&path).await?.expect(303, "the way back")?;
    ensure!(arrived.location.as_deref() == Some(to.as_str()), "signing in leads to {:?}", arrived.location);
    let page = browser.get(&to).await?.expect(200, "the pipeline's page")?;
    ensure!(page.text.contains(issuer::PERSON), "the page does not know who is there");
    // The way back is for once.
    let again = browser.get(&path).await?;
    ensure!((400..500).contains(&again.status), "the way back can be gone twice: {}", again.status);
    Ok(())
}

async fn publish_first(browser: &mut Browser) -> anyhow::Result<()> {
    let page = browser.get(&format!("/pipelines/{PIPELINE}/versions/1")).await?.expect(200, "the first version")?;
    let (token, to, seen) = (page.hidden("csrf")?, page.hidden("to")?, page.hidden("seen")?);
    ensure!((to.as_str(), seen.as_str()) == ("1", "2"), "the form goes from version {seen} to {to}");
    let path = format!("/pipelines/{PIPELINE}/roll-back");
    let fields = [("to", to.as_str()), ("seen", seen.as_str())];
    browser.submit(&path, &fields).await?.expect(403, "a form without its token")?;
    let forged = [("csrf", "forged"), fields[0], fields[1]];
    browser.submit(&path, &forged).await?.expect(403, "a form with another token")?;
    let whole = [("csrf", token.as_str()), fields[0], fields[1]];
    browser.submit(&path, &whole).await?.expect(303, "publishing")?;
    // Whoever still looks at version 2 is told.
    browser.submit(&path, &whole).await?.expect(409, "publishing over what one has not seen")?;
    Ok(())
}

/// What a person does who changes a pipeline: a draft, what it does beside what runs, and publishing that.
async fn publish_draft(browser: &mut Browser) -> anyhow::Result<()> {
    let here = format!("/pipelines/{PIPELINE}");
    let runs = browser.get(&format!("{here}/versions/3/toml")).await?.expect(200, "the text of what runs")?.text;
    let token = browser.get(&here).await?.expect(200, "the pipeline's page")?.hidden("csrf")?;
    let made = browser.submit(&format!("{here}/edit"), &[("csrf", &token)]).await?.expect(303, "a draft")?;
    let draft =
        made.location.as_deref().and_then(|path| path.strip_suffix("/mapping")).context("it leads elsewhere")?;
    let path = format!("{draft}/text");
    let edit = browser.get(&path).await?.expect(200, "the draft's text")?.hidden("edit")?;
    let fields = [("csrf", token.as_str()), ("edit", edit.as_str()), ("document", &called(&runs, THIRD)?)];
    browser.submit(&path, &fields).await?.expect(303, "keeping the draft")?;
    let path = format!("{draft}/publish");
    let page = browser.get(&path).await?.expect(200, "the page for publishing")?;
    ensure!(page.text.contains(THIRD) && page.text.contains("beside version 3"), "it does not say what changes");
    let (edit, seen) = (page.hidden("edit")?, page.hidden("seen")?);
    let fields = [("csrf", token.as_str()), ("edit", edit.as_str()), ("seen", seen.as_str())];
    let done = browser.submit(&path, &fields).await?.expect(303, "publishing the draft")?;
    ensure!(done.location.as_deref() == Some(here.as_str()), "publishing leads to {:?}", done.location);
    browser.get(&path).await?.expect(404, "the draft, once it is published")?;
    Ok(())
}

/// From some customer on, all are delivered by the version that was published on the page, which calls them another word. It
/// counts for what arrives ten seconds later. `name` is what the customers' ids begin with.
async fn deliveries_change(world: &Deployed, name: &str, before: &str, after: &str) -> anyhow::Result<()> {
    let id = |number: usize| format!("{name}-{number}");
    let mut tick = tokio::time::interval(Duration::from_secs(3));
    let mut sent = 0;
    let turned = loop {
        tick.tick().await;
        put(world, "store-customers", &customer(&id(sent), &format!("{}@example.com", id(sent)))).await?;
        sent += 1;
        let kinds: Vec<_> = (0..sent).map(|number| kind_of(world, &id(number))).collect();
        if let Some(turned) = kinds.iter().position(|kind| kind.as_deref() == Some(after)) {
            break turned;
        }
        let other = kinds.into_iter().flatten().find(|kind| kind != before);
        ensure!(other.is_none(), "a customer was delivered as {other:?}, which neither version calls it");
        if sent == 60 {
            bail!(
                "after three minutes customers are still not delivered by the version that was published on the page"
            );
        }
    };
    put(world, "store-customers", &customer(&id(sent), &format!("{}@example.com", id(sent)))).await?;
    for id in (turned..=sent).map(id) {
        until("each of them is delivered", || async { Ok(kind_of(world, &id).is_some()) }).await?;
        let kind = kind_of(world, &id);
        ensure!(kind.as_deref() == Some(after), "{id} was delivered as {kind:?}, after the new version had begun");
    }
    println!("{turned} customers as {before}, and {} as {after}, published on the page", sent + 1 - turned);
    Ok(())
}

/// What the warehouse was told that a customer is; `None` until it was told.
fn kind_of(world: &Deployed, id: &str) -> Option<String> {
    world.vendors.get(DESTINATION)?.simulator.received().iter().find_map(|received| match &received.what {
        What::Event { fields, .. } if fields.get("customer_id").and_then(|held| held.as_str()) == Some(id) => {
            Some(fields.get("type").and_then(|kind| kind.as_str()).unwrap_or_default().to_owned())
        }
        _ => None,
    })
}
