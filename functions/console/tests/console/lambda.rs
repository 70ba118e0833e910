//! The events of a function URL, as `lambda_http` reads and answers them.

use crate::memory::{FORM, MemoryDoor, MemoryWorld, ada};
use console::role::Role;
use lambda_http::{Adapter, Context, LambdaEvent, Service as _, request::LambdaRequest};
use serde_json::{Value, json};

/// As "Request payload format" and "Response payload format" of the Lambda guide's *Invoking Lambda function URLs* have
/// them: payload format version 2.0.
fn event(method: &str, path: &str, headers: &Value, cookies: &[String], body: Option<&str>) -> Value {
    let base64 = body.map(|body| base64_simd::STANDARD.encode_to_string(body));
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "", "headers": headers,
        "cookies": cookies,
        "requestContext": {
            "accountId": "anonymous", "apiId": "abc", "domainName": "abc.lambda-url.eu-central-1.on.aws",
            "domainPrefix": "abc", "requestId": "id", "routeKey": "$default", "stage": "$default",
            "time": "12/Mar/2026:19:03:58 +0000", "timeEpoch": 1_773_342_238_000_u64,
            "http": {
                "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "agent",
            },
        },
        "body": base64, "isBase64Encoded": base64.is_some(),
    })
}

#[tokio::test]
async fn a_function_urls_events_are_requests() {
    let door = MemoryDoor { resident: Some(ada(Role::Admin)), ..MemoryDoor::default() };
    let router = MemoryWorld::behind(door).console().router();
    let host = "abc.lambda-url.eu-central-1.on.aws";
    let ask = async |event: Value| {
        let request: LambdaRequest = serde_json::from_value(event).unwrap();
        let answer = Adapter::from(router.clone()).call(LambdaEvent::new(request, Context::default())).await.unwrap();
        serde_json::to_value(answer).unwrap()
    };
    let page = ask(event("GET", "/", &json!({"host": host}), &[], None)).await;
    assert_eq!((&page["statusCode"], &page["isBase64Encoded"]), (&json!(200), &json!(false)), "{page}");
    assert_eq!(page["headers"]["content-type"], "text/html; charset=utf-8");
    let cookie = page["cookies"][0].as_str().unwrap().split(';').next().unwrap().to_owned();
    assert!(cookie.starts_with("__Host-freshet-session="), "{cookie}");
    let text = page["body"].as_str().unwrap();
    let token = text.split_once(r#"name="csrf" value=""#).unwrap().1.split_once('"').unwrap().0;

    // A body comes in base64, and cookies in a list.
    let headers = json!({
        "host": host, "origin": format!("https://{host}"), "sec-fetch-site": "same-origin", FORM.0: FORM.1,
    });
    let cookies = ["other=1".to_owned(), cookie];
    let answer = ask(event("POST", "/sign-out", &headers, &cookies, Some(&format!("csrf={token}")))).await;
    assert_eq!(answer["statusCode"], 303, "{answer}");
    assert_eq!(answer["headers"]["location"], "/signed-out");
    assert!(answer["cookies"][0].as_str().unwrap().starts_with("__Host-freshet-session=; "), "{answer}");

    // What is compressed goes out in base64.
    let asks_gzip = json!({"host": host, "accept-encoding": "gzip"});
    let small = ask(event("GET", "/settings/people", &asks_gzip, &[], None)).await;
    assert_eq!((&small["isBase64Encoded"], &small["headers"]["content-encoding"]), (&json!(true), &json!("gzip")));
    let bytes = base64_simd::STANDARD.decode_to_vec(small["body"].as_str().unwrap()).unwrap();
    assert_eq!(bytes[..2], [0x1f, 0x8b], "gzip's magic (RFC 1952)");

    let head = ask(event("HEAD", "/", &json!({"host": host}), &[], None)).await;
    assert_eq!(head["statusCode"], 200);
    assert!(head["body"].as_str().unwrap_or_default().is_empty(), "{head}");
}
