//! From the first step to a published pipeline, and what goes wrong on the way.

use console::role::Role;
use http::StatusCode;
use shared::{schema::Schema, testing::lock, time::Timestamp, value::Value};

use crate::memory::{Answer, Browser, CRM_SECRET, FORM, MemoryDoor, MemoryWorld, NOW, ORIGIN, ada};

/// A world whose source has passed rows, and whose backbone holds none of them.
fn world(role: Role) -> MemoryWorld {
    let world = MemoryWorld::behind(MemoryDoor { resident: Some(ada(role)), ..MemoryDoor::default() });
    let mut schema = Schema::default();
    let row = r#"{"customer_id":"c-1","email":"Ada@Example.com","first_name":"Ada","surname":"L.","consent":true,"tags":["a"]}"#;
    let row = Value::from_json(row.as_bytes()).unwrap();
    for at in 0..30 {
        schema.learn(&row, Timestamp::from_millis(NOW - at));
    }
    lock(&world.schemas.schemas).insert("customers".to_owned(), (1, schema));
    lock(&world.secrets.current).insert(CRM_SECRET.to_owned(), "pat-secret".to_owned());
    world
}

fn browser(role: Role) -> Browser {
    Browser::of(world(role).console())
}

/// The path that an answer leads to.
fn led_to(answer: &Answer) -> String {
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
    answer.header("location").to_owned()
}

/// The value of a hidden field.
fn hidden(page: &str, name: &str) -> String {
    let (_, rest) = page.split_once(&format!("name=\"{name}\"")).unwrap_or_else(|| panic!("{name}: {page}"));
    let (_, rest) = rest.split_once("value=\"").unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

/// Goes through the first steps, to the mapping.
async fn begun(browser: &mut Browser) -> String {
    let page = browser.get("/pipelines/new").await;
    assert!(page.text().contains("customers") && page.text().contains("first_name"), "{}", page.text());
    let token = page.token();
    let step = led_to(&browser.post_form("/drafts", &token, "source=customers").await);
    let page = browser.get(&step).await;
    assert!(page.text().contains("HubSpot: Create or update a contact"), "{}", page.text());
    let chosen = browser.post_form(&step, &token, "edit=1&aim=crm%2Fupsert_contact").await;
    let step = led_to(&chosen);
    let page = browser.get(&step).await;
    assert!(page.text().contains(r#"value="customers-to-crm""#), "{}", page.text());
    let fields = "edit=2&name=new-customers&which=where&path=consent&test=filled&value=&path=&test=is&value=&on_leave=archive&on_delete=ignore";
    led_to(&browser.post_form(&step, &token, fields).await)
}

#[tokio::test]
async fn a_person_makes_a_pipeline_without_writing_a_line() {
    let world = world(Role::Editor);
    let answered = r#"{"status":"COMPLETE","results":[{"id":"901","new":true,"objectWriteTraceId":"0","properties":{"email":"text"}}]}"#;
    world.http.answer(200, &[], answered);
    let mut browser = Browser::of(world.console());
    let mapping = begun(&mut browser).await;
    let page = browser.get(&mapping).await;
    let text = page.text().to_owned();
    // What is suggested stands there, and what it comes to.
    for part in [
        "value=\"first_name\"",
        "value=\"surname\"",
        "made up by the kinds of the fields",
        "It would be created in HubSpot.",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let token = page.token();
    let draft = mapping.trim_end_matches("/mapping").to_owned();
    let as_text = browser.get(&format!("{draft}/text")).await.text().to_owned();
    for line in [
        "name = &#34;new-customers&#34;",
        "when = &#34;after.consent&#34;",
        "on_leave = &#34;archive&#34;",
        "managed_by = &#34;console&#34;",
    ] {
        assert!(as_text.contains(line), "{line}: {as_text}");
    }
    // A field is filled, by the part of the page that htmx asks for.
    let form = "edit=3&name=lastname&how=fixed&path=&helper=lower&fixed=%3CLovelace%3E&formula=";
    let htmx = [("sec-fetch-site", "same-origin"), ("origin", ORIGIN), FORM, ("hx-request", "true")];
    let part = browser.send(http::Method::POST, &mapping, &htmx, &format!("csrf={token}&{form}")).await;
    let told = part.text();
    assert!(part.status == StatusCode::OK && told.contains("&#60;Lovelace&#62;") && !told.contains("<html"), "{told}");
    assert_eq!(hidden(told, "edit"), "4");
    assert!(!told.contains("may refuse this"), "{told}");
    // What is nothing that the field takes is said before the vendor says it.
    let form = "edit=4&name=website&how=fixed&path=&helper=lower&fixed=no+page&formula=";
    let part = browser.send(http::Method::POST, &mapping, &htmx, &format!("csrf={token}&{form}")).await;
    let doubt = "Website URL takes a web address; 1 record has something else for it, such as “no page”.";
    assert!(part.text().contains("HubSpot may refuse this:") && part.text().contains(doubt), "{}", part.text());
    // Try it: exactly what is sent, and then sending it.
    let tried = browser.get(&format!("{draft}/try")).await.text().to_owned();
    assert!(tried.contains("POST https://api.hubapi.com/crm/v3/objects/contacts/batch/upsert"), "{tried}");
    let record = hidden(&tried, "record");
    let sent = browser.post_form(&format!("{draft}/try"), &token, &format!("record={record}")).await;
    assert!(sent.text().contains("HubSpot answered"), "{}", sent.text());
    assert!(!sent.text().contains("pat-secret"), "{}", sent.text());
    // Publish.
    let page = browser.get(&format!("{draft}/publish")).await;
    let text = page.text();
    let form = format!("edit={}&seen={}", hidden(text, "edit"), hidden(text, "seen"));
    let done = browser.post_form(&format!("{draft}/publish"), &page.token(), &form).await;
    assert_eq!(led_to(&done), "/pipelines/new-customers");
    let shown = browser.get("/pipelines/new-customers").await;
    assert!(shown.text().contains("Version 1</a> (newest)"), "{}", shown.text());
    assert_eq!(browser.get(&mapping).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_missing_says_whose_move_it_is_and_is_not_published() {
    let mut browser = browser(Role::Editor);
    let mapping = begun(&mut browser).await;
    let page = browser.get(&mapping).await;
    let (token, draft) = (page.token(), mapping.trim_end_matches("/mapping").to_owned());
    let form = "edit=3&name=email&how=nothing&path=email&helper=lower&fixed=&formula=";
    let to = led_to(&browser.post_form(&mapping, &token, form).await);
    let page = browser.get(to.split('#').next().unwrap()).await.text().to_owned();
    assert!(page.contains("Email is required by HubSpot. Pick a field or type a value."), "{page}");
    assert!(page.contains("It would fail"), "{page}");
    // A formula that is none.
    let form = "edit=4&name=email&how=formula&path=&helper=lower&fixed=&formula=after.email+%7C+lowr";
    led_to(&browser.post_form(&mapping, &token, form).await);
    let page = browser.get(&mapping).await.text().to_owned();
    assert!(page.contains("did you mean `lower`?"), "{page}");
    let publish = browser.get(&format!("{draft}/publish")).await.text().to_owned();
    assert!(publish.contains("It cannot be published yet") && !publish.contains("name=\"seen\""), "{publish}");
    let forced = browser.post_form(&format!("{draft}/publish"), &token, "edit=5&seen=0").await;
    assert_eq!(forced.status, StatusCode::CONFLICT, "{}", forced.text());
}

#[tokio::test]
async fn two_who_write_at_once_both_see_both() {
    let mut browser = browser(Role::Editor);
    let mapping = begun(&mut browser).await;
    let token = browser.get(&mapping).await.token();
    let form = |edit: u64, value: &str| {
        format!("edit={edit}&name=firstname&how=fixed&path=&helper=lower&fixed={value}&formula=")
    };
    led_to(&browser.post_form(&mapping, &token, &form(3, "one")).await);
    let late = browser.post_form(&mapping, &token, &form(3, "two")).await;
    let text = late.text();
    assert_eq!(late.status, StatusCode::CONFLICT, "{text}");
    assert!(
        text.contains("It was kept by") && text.contains("&#39;one&#39;") && text.contains("&#39;two&#39;"),
        "{text}"
    );
    assert_eq!(hidden(text, "edit"), "4");
}

#[tokio::test]
async fn what_a_page_keeps_by_itself_does_not_overtake_its_own_button() {
    let mut browser = browser(Role::Editor);
    let mapping = begun(&mut browser).await;
    let token = browser.get(&mapping).await.token();
    let form = |edit: u64, page: &str, value: &str| {
        format!(
            "csrf={token}&edit={edit}&page={page}&name=firstname&how=fixed&path=&helper=lower&fixed={value}&formula="
        )
    };
    let typed = [("sec-fetch-site", "same-origin"), ("origin", ORIGIN), FORM, ("hx-request", "true")];
    let pressed = &typed[..3];
    for (how, form, status, kept) in [
        (&typed[..], form(3, "one", "a"), StatusCode::OK, "a"),
        // Typed on, before the answer had told the new edit.
        (&typed, form(3, "one", "ab"), StatusCode::OK, "ab"),
        (pressed, form(3, "one", "abc"), StatusCode::SEE_OTHER, "abc"),
        // It was on its way when the button was pressed.
        (&typed, form(4, "one", "ab"), StatusCode::CONFLICT, "abc"),
        // Another window.
        (&typed, form(6, "two", "b"), StatusCode::OK, "b"),
        (&typed, form(6, "one", "c"), StatusCode::CONFLICT, "b"),
        (pressed, form(6, "one", "c"), StatusCode::CONFLICT, "b"),
    ] {
        let answer = browser.send(http::Method::POST, &mapping, how, &form).await;
        assert_eq!(answer.status, status, "{form}: {}", answer.text());
        let shown = browser.get(&mapping).await;
        assert!(shown.text().contains(&format!("name=\"fixed\" value=\"{kept}\"")), "{form}: {}", shown.text());
    }
}

#[tokio::test]
async fn a_newer_version_is_not_overwritten_unseen() {
    let world = world(Role::Editor);
    let text = |email: &str| {
        format!(
            "name = \"contacts\"\nsource = \"customers\"\ndestination = \"crm\"\naction = \"upsert_contact\"\n\n[fields]\nemail = \"{email}\" # by it\n"
        )
    };
    world.pipelines.set(&[("contacts", 1, &text("after.email")), ("of-git", 1, "managed_by = \"git\"")]);
    let console = world.console();
    let mut browser = Browser::of(console);
    let token = browser.get("/pipelines/contacts").await.token();
    let mapping = led_to(&browser.post("/pipelines/contacts/edit", &token).await);
    let draft = mapping.trim_end_matches("/mapping").to_owned();
    let publish = format!("{draft}/publish");
    let changed = text("after.email | lower")
        .replace('=', "%3D")
        .replace(' ', "+")
        .replace('\n', "%0A")
        .replace('#', "%23")
        .replace('|', "%7C");
    led_to(&browser.post_form(&format!("{draft}/text"), &token, &format!("edit=1&document={changed}")).await);
    let page = browser.get(&publish).await.text().to_owned();
    assert!(
        page.contains("What changes beside version 1")
            && page.contains("email = &#34;after.email | lower&#34; # by it</ins>"),
        "{page}"
    );
    // The version that was looked at is not the one that runs.
    let late = browser.post_form(&publish, &token, "edit=2&seen=7").await;
    assert_eq!(late.status, StatusCode::CONFLICT, "{}", late.text());
    assert!(late.text().contains("while you were editing"), "{}", late.text());
    let done = browser.post_form(&publish, &token, "edit=2&seen=1").await;
    assert_eq!(led_to(&done), "/pipelines/contacts");
    let of_git = browser.post("/pipelines/of-git/edit", &token).await;
    assert_eq!(of_git.status, StatusCode::CONFLICT, "{}", of_git.text());
}

#[tokio::test]
async fn drafts_are_for_editors() {
    let mut browser = browser(Role::Viewer);
    for path in ["/pipelines/new", "/drafts/x/mapping", "/drafts/x/try", "/drafts/x/publish", "/drafts/x/text"] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
    }
}
