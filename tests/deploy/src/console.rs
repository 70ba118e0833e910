//! The console at its function URL: who is let in, and that what is published there changes what is delivered.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, bail, ensure};
use freshet::simulator::What;

use crate::{Steps, browser::Browser, command::Freshet, customer, issuer, put, until, world::Deployed};

/// The pipeline that is changed, and where it delivers.
const PIPELINE: &str = "customers-to-warehouse";
const DESTINATION: &str = "warehouse";

/// What the version of the example store calls a customer, and what the next version does.
const FIRST: &str = "customer";
const SECOND: &str = "account";

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
    deliveries_change(world).await?;
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
    // Within the expression, within the tests' tables, and within their JSON.
    let second = [("\"'F'\"", "\"'S'\""), ("type = \"F\"", "type = \"S\""), ("\"type\": \"F\"", "\"type\": \"S\"")]
        .iter()
        .fold(first.clone(), |text, (from, to)| text.replace(&from.replace('F', FIRST), &to.replace('S', SECOND)));
    ensure!(second != first, "{PIPELINE} does not call a customer {FIRST:?}");
    let edited = folder.join("pipelines");
    std::fs::create_dir_all(&edited)?;
    std::fs::write(edited.join(format!("{PIPELINE}.toml")), second)?;
    print!("{}", freshet.succeed(&["pipelines", "push", "--wait", &edited.display().to_string()])?);
    Ok(())
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

/// From some customer on, all are delivered by the version that was published on the page. It counts for what arrives ten
/// seconds later.
async fn deliveries_change(world: &Deployed) -> anyhow::Result<()> {
    let mut tick = tokio::time::interval(Duration::from_secs(3));
    let mut sent = 0;
    let turned = loop {
        tick.tick().await;
        let id = format!("after-publishing-{sent}");
        put(world, "store-customers", &customer(&id, &format!("{id}@example.com"))).await?;
        sent += 1;
        let kinds = (0..sent).map(|number| kind_of(world, &format!("after-publishing-{number}")));
        if let Some(turned) = kinds.into_iter().position(|kind| kind.as_deref() == Some(FIRST)) {
            break turned;
        }
        if sent == 60 {
            bail!(
                "after three minutes customers are still not delivered by the version that was published on the page"
            );
        }
    };
    let id = "after-all";
    put(world, "store-customers", &customer(id, "after-all@example.com")).await?;
    until("another customer is delivered", || async { Ok(kind_of(world, id).is_some()) }).await?;
    for id in (turned..sent).map(|number| format!("after-publishing-{number}")).chain([id.to_owned()]) {
        until("each of them is delivered", || async { Ok(kind_of(world, &id).is_some()) }).await?;
        let kind = kind_of(world, &id);
        ensure!(kind.as_deref() == Some(FIRST), "{id} was delivered as {kind:?}, after the first version had begun");
    }
    println!("{turned} customers by the second version, and {} by the first, published on the page", sent - turned + 1);
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
