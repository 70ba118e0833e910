//! A destination as a stack has it, and whether it accepts its credentials: the command and the console ask by this.

use crate::{
    destination::connector,
    ports::{Http, Secrets},
    time::Timestamp,
    value::Object,
};

/// A destination as a stack has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Connection {
    /// Its name.
    pub name: String,
    /// The connector's slug.
    pub connector: String,
    /// Its settings; no secret is among them.
    pub settings: Object,
    /// The ARN of its secret, where it has one.
    pub secret_arn: Option<String>,
}

/// What came of asking a destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It accepts the credentials.
    Accepted,
    /// It does not: its own words, or what is wrong here.
    Refused(String),
    /// It could not be found out: why.
    Untold(String),
    /// There is nothing to ask: why.
    Unasked(&'static str),
}

impl Connection {
    /// Asks the destination: one cheap request, which changes nothing at the vendor. No verdict holds the secret.
    pub async fn check(&self, secrets: &impl Secrets, http: &impl Http, now: Timestamp) -> Verdict {
        let connector = match connector(&self.connector) {
            Ok(connector) => connector,
            Err(error) => return Verdict::Refused(error.to_string()),
        };
        let configured = match connector.configure(&self.name, &self.settings) {
            Ok(configured) => configured,
            Err(problems) => {
                let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
                return Verdict::Refused(problems.join("; "));
            }
        };
        let secret = match &self.secret_arn {
            Some(arn) => match secrets.secret(arn, true).await {
                Ok(secret) => Some(secret),
                Err(error) => return Verdict::Untold(error.to_string()),
            },
            None => None,
        };
        if let (Some(oauth), Some(secret)) = (configured.oauth(), &secret)
            && !oauth.has_token(secret, now)
        {
            return Verdict::Unasked(
                "its secret holds no token that lasts; the function asks for one when it delivers",
            );
        }
        let request = match configured.check(secret.as_deref(), now) {
            None => return Verdict::Unasked("its vendor has no request that only tells whether they are accepted"),
            Some(Err(error)) => return Verdict::Refused(error.to_string()),
            Some(Ok(request)) => request,
        };
        match http.call(&request).await {
            Ok(response) => configured
                .checked(secret.as_deref(), response, now)
                .map_or_else(Verdict::Refused, |()| Verdict::Accepted),
            Err(error) => Verdict::Untold(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{MemorySecrets, ScriptedHttp};

    const ARN: &str = "arn:aws:secretsmanager:eu-central-1:1:secret:crm";

    fn connection(connector: &str, secret_arn: Option<&str>) -> Connection {
        Connection {
            name: "crm".to_owned(),
            connector: connector.to_owned(),
            settings: Object::new(),
            secret_arn: secret_arn.map(str::to_owned),
        }
    }

    #[tokio::test]
    async fn the_vendor_is_asked_with_the_secret_as_it_is_now_and_its_words_are_told_without_it() {
        let secrets = MemorySecrets::with(ARN, "pat-old");
        crate::testing::lock(&secrets.current).insert(ARN.to_owned(), "pat-new".to_owned());
        let http = ScriptedHttp::default();
        let (now, crm) = (Timestamp::from_millis(0), connection("hubspot", Some(ARN)));
        http.answer(200, &[], "{}");
        assert_eq!(crm.check(&secrets, &http, now).await, Verdict::Accepted);
        http.answer(401, &[], r#"{"message":"pat-new is expired"}"#);
        let refused = Verdict::Refused("HubSpot answered 401: [secret] is expired".to_owned());
        assert_eq!(crm.check(&secrets, &http, now).await, refused);
        http.no_answer("connection refused");
        let Verdict::Untold(why) = crm.check(&secrets, &http, now).await else { panic!("nobody answered") };
        assert!(why.contains("connection refused"), "{why}");
    }

    #[tokio::test]
    async fn without_a_secret_or_a_question_nobody_is_asked() {
        let (secrets, http, now) = (MemorySecrets::default(), ScriptedHttp::default(), Timestamp::from_millis(0));
        let Verdict::Untold(why) = connection("hubspot", Some(ARN)).check(&secrets, &http, now).await else {
            panic!("there is no such secret")
        };
        assert!(why.contains("ResourceNotFoundException"), "{why}");
        let Verdict::Refused(why) = connection("hubspot", None).check(&secrets, &http, now).await else {
            panic!("there is no secret")
        };
        assert!(why.contains("has no secret; set it"), "{why}");
        let Verdict::Refused(why) = connection("hubspt", None).check(&secrets, &http, now).await else {
            panic!("there is no such connector")
        };
        assert!(why.contains("hubspt"), "{why}");
        let settings = [("url".to_owned(), "https://a.example".into())].into_iter().collect();
        let webhook = Connection { settings, ..connection("webhook", None) };
        assert!(matches!(webhook.check(&secrets, &http, now).await, Verdict::Unasked(_)));
    }
}
