//! The bearer token that goes with each request, where it is one that has to be renewed.

use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use http::HeaderValue;
use tokio::sync::Mutex;

use super::exec::{Given, Plugin};
use crate::model::clock::Clock;
use crate::model::health::Error;

/// A token file is read again after this long, in seconds.
const FILE_SECONDS: i64 = 60;
/// A plugin that failed is not asked again before this long, in seconds: all that wait share its answer.
const REST_SECONDS: i64 = 5;
/// A token is renewed this long before it ends, in seconds, or when half its life is over, whichever is later.
const MARGIN_SECONDS: i64 = 60;

/// A token that is renewed when it ends.
pub(super) struct Credential {
    origin: Origin,
    clock: Clock,
    held: Mutex<Held>,
}

enum Origin {
    File(PathBuf),
    Plugin(Box<Plugin>),
}

#[derive(Default)]
struct Held {
    header: Option<HeaderValue>,
    /// When it has to be renewed; never, if empty.
    until: Option<DateTime<Utc>>,
    failed: Option<(DateTime<Utc>, Error)>,
}

impl Credential {
    /// A token in a file, which others renew.
    pub(super) fn file(path: PathBuf, clock: Clock) -> Arc<Self> {
        Arc::new(Self { origin: Origin::File(path), clock, held: Mutex::default() })
    }

    /// A plugin's token; `given` is what it gave when it was first run.
    pub(super) fn plugin(plugin: Plugin, given: &Given, clock: Clock) -> Result<Arc<Self>, Error> {
        let mut held = Held::default();
        held.take(given, clock.now())?;
        Ok(Arc::new(Self { origin: Origin::Plugin(Box::new(plugin)), clock, held: Mutex::new(held) }))
    }

    /// The header to send. Whoever asks while it is being renewed waits for the one renewal.
    pub(super) async fn header(&self) -> Result<HeaderValue, Error> {
        let mut held = self.held.lock().await;
        let now = self.clock.now();
        if let Some(header) = held.header.as_ref().filter(|_| held.until.is_none_or(|until| now < until)) {
            return Ok(header.clone());
        }
        if let Some((at, error)) = &held.failed
            && now - *at < TimeDelta::seconds(REST_SECONDS)
        {
            return Err(error.clone());
        }
        match self.renew(&mut held, now).await {
            Ok(header) => {
                held.failed = None;
                Ok(header)
            }
            Err(error) => {
                held.failed = Some((self.clock.now(), error.clone()));
                Err(error)
            }
        }
    }

    async fn renew(&self, held: &mut Held, now: DateTime<Utc>) -> Result<HeaderValue, Error> {
        match &self.origin {
            Origin::Plugin(plugin) => {
                let given = plugin.run().await?;
                held.take(&given, self.clock.now())
            }
            Origin::File(path) => {
                let last = held.header.clone();
                held.until = Some(now + TimeDelta::seconds(FILE_SECONDS));
                match tokio::fs::read_to_string(path).await {
                    Ok(token) => held.keep(token.trim()),
                    // files that are taken away after the start leave the last token good
                    Err(error) => last.ok_or_else(|| Error::Unauthorized {
                        what: "the cluster".into(),
                        why: format!("can't read the token file {}: {error}", path.display()),
                    }),
                }
            }
        }
    }

    /// The server refused the token: the next request gets a new one.
    pub(super) async fn refused(&self, header: &HeaderValue) {
        let mut held = self.held.lock().await;
        if held.header.as_ref() == Some(header) {
            held.header = None;
        }
    }
}

impl Held {
    fn take(&mut self, given: &Given, now: DateTime<Utc>) -> Result<HeaderValue, Error> {
        self.until = given.expires.map(|expires| {
            let margin = TimeDelta::seconds(MARGIN_SECONDS).min((expires - now) / 2);
            expires - margin.max(TimeDelta::zero())
        });
        self.keep(given.token.as_deref().unwrap_or_default())
    }

    fn keep(&mut self, token: &str) -> Result<HeaderValue, Error> {
        let mut header = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_error| Error::Unauthorized {
            what: "the cluster".into(),
            why: "the token has characters that can't be sent".into(),
        })?;
        header.set_sensitive(true);
        self.header = Some(header.clone());
        Ok(header)
    }
}
