//! What a browser does, as far as the console asks it of one: cookies, redirects, and whose page a request comes from.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail, ensure};
use shared::{
    http::{Reach, Timeouts, VendorHttp},
    ports::{Http as _, HttpRequest, HttpResponse},
};
use url::Url;

/// A browser without scripts, at one function URL.
pub struct Browser {
    http: VendorHttp,
    /// Where the emulator listens for function URLs.
    gateway: String,
    /// The function URL, without its last slash.
    origin: String,
    cookies: BTreeMap<String, String>,
}

/// A page, as far as the proof looks at it.
#[derive(Debug)]
pub struct Page {
    /// The status.
    pub status: u16,
    /// Where it leads to, if it is a redirect.
    pub location: Option<String>,
    /// The text.
    pub text: String,
}

impl Page {
    /// The value of a form's hidden field, of which the page has one or several that are the same.
    pub fn hidden(&self, name: &str) -> anyhow::Result<String> {
        let begins = format!("<input type=\"hidden\" name=\"{name}\" value=\"");
        let (_, after) = self.text.split_once(&begins).with_context(|| format!("the page has no field {name}"))?;
        let (value, _) = after.split_once('"').context("the field does not end")?;
        Ok(value.to_owned())
    }

    /// An error where the status is another.
    pub fn expect(self, status: u16, what: &str) -> anyhow::Result<Self> {
        ensure!(self.status == status, "{what}: {status} was meant, and it is {}:\n{}", self.status, self.text);
        Ok(self)
    }
}

impl Browser {
    /// At the address that Terraform has put out. The emulator has no DNS and no TLS: it finds the function by the host
    /// that is asked for, on the port where it listens for everything.
    pub fn new(emulator: &str, function_url: &str) -> anyhow::Result<Self> {
        Ok(Self {
            http: VendorHttp::new(Timeouts::default(), Reach::Private)?,
            gateway: emulator.to_owned(),
            origin: function_url.trim_end_matches('/').to_owned(),
            cookies: BTreeMap::new(),
        })
    }

    /// Whether it holds cookies.
    pub fn has_cookies(&self) -> bool {
        !self.cookies.is_empty()
    }

    /// What a link or the address bar does.
    pub async fn get(&mut self, path: &str) -> anyhow::Result<Page> {
        self.ask("GET", path, None).await
    }

    /// The same without the page.
    pub async fn head(&mut self, path: &str) -> anyhow::Result<Page> {
        self.ask("HEAD", path, None).await
    }

    /// What a form's button does.
    pub async fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> anyhow::Result<Page> {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.ask("POST", path, Some(body)).await
    }

    /// What another site's page does with a redirect to here: the path, if it leads to this function URL.
    pub fn path_of<'a>(&self, location: &'a str) -> anyhow::Result<&'a str> {
        let path = location.strip_prefix(&self.origin).filter(|path| path.starts_with('/'));
        path.with_context(|| format!("{location} is not at {}", self.origin))
    }

    /// A page of another site, without any cookie of ours.
    pub async fn elsewhere(&self, url: &str) -> anyhow::Result<Page> {
        page(self.http.call(&request("GET", url.to_owned(), Vec::new(), None)).await?)
    }

    async fn ask(&mut self, method: &str, path: &str, form: Option<String>) -> anyhow::Result<Page> {
        let host = Url::parse(&self.origin)?.host_str().context("the function URL has no host")?.to_owned();
        let mut headers = vec![("host".to_owned(), host)];
        if self.has_cookies() {
            let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            headers.push(("cookie".to_owned(), cookies.join("; ")));
        }
        if form.is_some() {
            headers.push(("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()));
            headers.push(("origin".to_owned(), self.origin.clone()));
            headers.push(("sec-fetch-site".to_owned(), "same-origin".to_owned()));
        }
        let url = format!("{}{path}", self.gateway);
        let answer = self.http.call(&request(method, url, headers, form)).await?;
        for (_, set) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            self.keep(set)?;
        }
        page(answer)
    }

    fn keep(&mut self, set: &str) -> anyhow::Result<()> {
        let (pair, attributes) = set.split_once(';').unwrap_or((set, ""));
        let (name, value) = pair.split_once('=').context("a cookie has no name")?;
        for wanted in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
            if !attributes.split(';').any(|attribute| attribute.trim() == wanted) {
                bail!("the cookie {name} is not {wanted}");
            }
        }
        if attributes.split(';').any(|attribute| attribute.trim() == "Max-Age=0") {
            self.cookies.remove(name);
        } else {
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        Ok(())
    }
}

fn request(method: &str, url: String, headers: Vec<(String, String)>, form: Option<String>) -> HttpRequest {
    HttpRequest { method: method.to_owned(), url, headers, body: form.unwrap_or_default().into_bytes() }
}

fn page(answer: HttpResponse) -> anyhow::Result<Page> {
    let location = answer.headers.iter().find(|(name, _)| name == "location").map(|(_, value)| value.clone());
    Ok(Page { status: answer.status, location, text: String::from_utf8(answer.body)? })
}
