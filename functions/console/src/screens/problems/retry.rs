//! One failure sent again: from where it failed, or by its change through the newest version.

use std::{future::Future, sync::Arc};

use axum::{Form, extract::State, response::Redirect};
use serde::Deserialize;
use shared::{
    failure::{Kept, Standing},
    ports::PortError,
    redrive::{NoNewest, Report},
};

use super::path_of;
use crate::{Console, World, access::Visitor, change::Change, no_page::NoPage};

#[derive(Deserialize)]
pub struct Asked {
    id: String,
    /// How often it had failed when the person saw it: a second click finds that it was sent already.
    seen: u64,
}

/// Sends it again from where it failed.
pub async fn retry<W: World>(
    State(console): State<Arc<Console<W>>>,
    visitor: Visitor,
    Form(asked): Form<Asked>,
) -> Result<Redirect, NoPage> {
    let ids = [asked.id.clone()];
    let work = async { Ok(console.redrive(&ids).await?) };
    console.retry_one(&visitor, &asked, "sent again as it is", work).await
}

/// Sends its change again, for the newest version to take.
pub async fn retry_newest<W: World>(
    State(console): State<Arc<Console<W>>>,
    visitor: Visitor,
    Form(asked): Form<Asked>,
) -> Result<Redirect, NoPage> {
    let work = async { Ok(console.redrive_newest(&asked.id).await??) };
    console.retry_one(&visitor, &asked, "its change sent again, for the newest version", work).await
}

/// Why a failure was not sent again.
#[derive(Debug, thiserror::Error)]
pub enum RetryError {
    #[error(transparent)]
    Port(#[from] PortError),
    #[error(transparent)]
    NoNewest(#[from] NoNewest),
    #[error("{0}")]
    LeftAlone(String),
}

impl<W: World> Console<W> {
    async fn retry_one(
        &self,
        visitor: &Visitor,
        Asked { id, seen }: &Asked,
        how: &str,
        work: impl Future<Output = Result<Report, RetryError>> + Send,
    ) -> Result<Redirect, NoPage> {
        let path = path_of(id);
        let kept = self.failure(id).await?;
        if is_done(&kept, *seen) {
            return Ok(Redirect::to(&path));
        }
        let change = Change {
            action: "retry",
            subject: format!("failure {id}"),
            before: Some(kept.listed.reason.clone()),
            after: Some(how.to_owned()),
        };
        let work = async {
            let report = work.await?;
            match report.left_alone.into_iter().next() {
                None => Ok(()),
                Some((_, why)) => Err(RetryError::LeftAlone(why)),
            }
        };
        match self.change(visitor, change, work).await? {
            Ok(()) => Ok(Redirect::to(&path)),
            Err(RetryError::Port(error)) => Err(error.into()),
            // Somebody who asked at the same time was quicker by a moment.
            Err(RetryError::LeftAlone(_)) if is_done(&self.failure(id).await?, *seen) => Ok(Redirect::to(&path)),
            Err(error) => Err(NoPage::conflict("It was not sent again", sentence(&error.to_string()), &path)),
        }
    }
}

/// Whether what a person asks for has been done, by that person's first click or by somebody else.
fn is_done(kept: &Kept, seen: u64) -> bool {
    match kept.listed.standing {
        Standing::Redriven | Standing::Delivered | Standing::Superseded => true,
        Standing::Open => kept.listed.times > seen,
        Standing::Discarded => false,
    }
}

/// A reason as a sentence.
fn sentence(reason: &str) -> String {
    let mut letters = reason.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}. Nothing was changed.", letters.as_str())
}
