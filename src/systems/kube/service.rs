//! The API server's service proxy: HTTP to a Service inside the cluster with nothing but a kubeconfig.
//!
//! `/api/v1/namespaces/NS/services/[SCHEME:]NAME:PORT/proxy/PATH`. The API server takes `Authorization` out and hands
//! on everything else, also its own `Host` unless the request has one.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};

use super::asked::Asked;
use super::cluster::{Cluster, SIZE_LIMIT, limited, within};
use super::errors::{self, Answer, Status};
use crate::actions::PredictPermit;
use crate::model::health::Error;

/// How the API server speaks to the Service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Scheme {
    /// Plain HTTP.
    #[default]
    Http,
    /// HTTPS; the API server does not check the certificate.
    Https,
}

/// A port of a Service.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServiceTarget {
    /// The Service's namespace.
    pub namespace: String,
    /// The Service's name.
    pub name: String,
    /// Its port, by number or name; empty for the only one.
    pub port: String,
    /// How the API server speaks to it.
    pub scheme: Scheme,
}

impl ServiceTarget {
    /// The path of `path` (which begins with `/` and may have a query) on the API server.
    #[must_use]
    pub fn path(&self, path: &str) -> String {
        let scheme = match self.scheme {
            Scheme::Http => "",
            Scheme::Https => "https:",
        };
        let port =
            if self.port.is_empty() && self.scheme == Scheme::Http { String::new() } else { format!(":{}", self.port) };
        format!("/api/v1/namespaces/{}/services/{scheme}{}{port}/proxy{path}", self.namespace, self.name)
    }
}

impl fmt::Display for ServiceTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "service {}/{}", self.namespace, self.name)?;
        if self.port.is_empty() { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

impl Cluster {
    /// Sends a request, whose URI is the path (and query) on the back end, through the service proxy, and gives the
    /// back end's answer whatever its status. Errors of the API server itself (no rights, no endpoints, back end down)
    /// become errors.
    ///
    /// Only for clients of systems, which keep the rule that changes take a permit.
    pub(in crate::systems) async fn proxy(
        &self,
        target: &ServiceTarget,
        request: Request<Vec<u8>>,
        limit: Duration,
    ) -> Result<Response<Bytes>, Error> {
        within(limit, &target.to_string(), self.proxied(target, request, limit)).await?
    }

    /// Sends a test prediction through the service proxy; otherwise as a client of a system does.
    pub async fn proxy_prediction(
        &self,
        _permit: &PredictPermit,
        target: &ServiceTarget,
        request: Request<Vec<u8>>,
        limit: Duration,
    ) -> Result<Response<Bytes>, Error> {
        self.proxy(target, request, limit).await
    }

    /// Reads `path` of the Service, such as a model's metadata.
    pub async fn proxy_get(
        &self,
        target: &ServiceTarget,
        path: &str,
        limit: Duration,
    ) -> Result<Response<Bytes>, Error> {
        let request = super::cluster::request(http::Method::GET, path, Vec::new())?;
        self.proxy(target, request, limit).await
    }

    async fn proxied(
        &self,
        target: &ServiceTarget,
        mut request: Request<Vec<u8>>,
        limit: Duration,
    ) -> Result<Response<Bytes>, Error> {
        let path = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let path = target.path(if path.starts_with('/') { path } else { "/" });
        *request.uri_mut() = path.parse().map_err(|error| Error::Refused { why: format!("{target}: {error}") })?;
        let asked = Asked::of(request.method(), request.uri());
        let answer = self.send(request, limit).await?;
        let (parts, body) = answer.into_parts();
        let (body, cut) = limited(body, SIZE_LIMIT).await.map_err(|error| self.cut(&error))?;
        if cut {
            return Err(Error::Protocol {
                what: format!("the answer of {target} is larger than {} MiB", SIZE_LIMIT >> 20),
            });
        }
        if !parts.status.is_success()
            && let Some(status) = Status::read(&body)
            && status.code == Some(parts.status.as_u16())
        {
            let message = status.message.as_deref().unwrap_or_default();
            return Err(match parts.status.as_u16() {
                500..=599 => Error::Unreachable { what: target.to_string(), why: errors::shorten(message) },
                // the verbs of proxied requests are those of the HTTP method
                403 => Error::Forbidden {
                    verb: proxy_verb(asked.verb),
                    what: format!("services/proxy in {}", target.namespace),
                },
                404 => Error::Absent { what: target.to_string() },
                _ => errors::refusal(
                    &Answer { code: parts.status, headers: &parts.headers, body: &body },
                    &asked,
                    &self.whom(),
                ),
            });
        }
        Ok(Response::from_parts(parts, body))
    }
}

fn proxy_verb(verb: &str) -> String {
    if verb == "list" { "get".into() } else { verb.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_names_scheme_and_port_as_the_api_server_wants_them() {
        let mut target = ServiceTarget {
            namespace: "mlflow".into(),
            name: "mlflow".into(),
            port: "80".into(),
            scheme: Scheme::Http,
        };
        assert_eq!(target.path("/api?x=1"), "/api/v1/namespaces/mlflow/services/mlflow:80/proxy/api?x=1");
        target.scheme = Scheme::Https;
        assert_eq!(target.path("/"), "/api/v1/namespaces/mlflow/services/https:mlflow:80/proxy/");
        target.port = String::new();
        assert_eq!(target.path("/"), "/api/v1/namespaces/mlflow/services/https:mlflow:/proxy/");
        target.scheme = Scheme::Http;
        assert_eq!(target.path("/"), "/api/v1/namespaces/mlflow/services/mlflow/proxy/");
    }
}
