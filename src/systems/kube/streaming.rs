//! An answer that goes on, such as a log.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http_body_util::BodyExt;
use kube::client::Body;

use super::cluster::{Cluster, request};
use super::errors;
use crate::model::health::Error;

/// How long the answer may take to begin.
const LIMIT: Duration = Duration::from_secs(15);

/// The body of an answer, as it comes.
pub struct Streaming {
    body: Body,
    server: String,
}

impl Cluster {
    /// Reads `path` as it comes.
    pub async fn stream(&self, path: &str) -> Result<Streaming, Error> {
        let answer = self.open(request(Method::GET, path, Vec::new())?, LIMIT).await?;
        Ok(Streaming { body: answer.into_body(), server: self.server().to_owned() })
    }
}

impl Streaming {
    /// The next bytes; `None` at the end. Cancel-safe.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        while let Some(frame) = self.body.frame().await {
            match frame {
                Ok(frame) => {
                    if let Ok(chunk) = frame.into_data() {
                        return Ok(Some(chunk));
                    }
                }
                Err(error) => {
                    let why = format!("the answer was cut off: {}", errors::root_cause(&error));
                    return Err(Error::Unreachable { what: self.server.clone(), why });
                }
            }
        }
        Ok(None)
    }
}
