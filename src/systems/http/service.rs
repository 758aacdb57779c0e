//! A server inside the cluster, reached through the API server's service proxy: how a config file names it, and the
//! carrier that takes requests there.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use http::header::{self, HeaderValue};
use reqwest::Url;
use serde::Deserialize;

use super::transport::{Body, Carrier};
use super::{Http, Options, Transport};
use crate::model::health::Error;
use crate::systems::kube::{Access, Scheme, ServiceTarget};

/// A Service as a system's section names it: `service = { namespace = "ml", name = "mlflow", port = 5000 }`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceSettings {
    namespace: String,
    name: String,
    port: Port,
    /// A prefix of all paths.
    #[serde(default)]
    path: String,
    /// `http` (also if empty) or `https`.
    #[serde(default)]
    scheme: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum Port {
    Number(u16),
    Name(String),
}

impl ServiceSettings {
    /// The Service and its port; an error for names that can't be ones.
    pub fn target(&self) -> Result<ServiceTarget, Error> {
        let wrong = |why: String| Error::Config { what: format!("service {}/{}: {why}", self.namespace, self.name) };
        let scheme = match self.scheme.as_str() {
            "" | "http" => Scheme::Http,
            "https" => Scheme::Https,
            other => return Err(wrong(format!("scheme {other:?}: expected \"http\" or \"https\""))),
        };
        let port = match &self.port {
            Port::Number(number) => number.to_string(),
            Port::Name(name) => name.clone(),
        };
        // these become parts of a path on the API server
        let label = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        };
        for (what, text) in [("namespace", &self.namespace), ("name", &self.name), ("port", &port)] {
            if !label(text) {
                return Err(wrong(format!("{what} {text:?}: expected lower case letters, digits and -")));
            }
        }
        Ok(ServiceTarget { namespace: self.namespace.clone(), name: self.name.clone(), port, scheme })
    }

    /// The prefix of all paths, without a slash at its end.
    #[must_use]
    pub fn prefix(&self) -> String {
        let path = self.path.trim_matches('/');
        if path.is_empty() { String::new() } else { format!("/{path}") }
    }
}

/// Carries requests through the service proxy.
struct ServiceCarrier {
    access: Access,
    target: ServiceTarget,
    limit: Duration,
    /// Whether requests have to name `localhost` as the host.
    as_localhost: AtomicBool,
}

const LOCALHOST: HeaderValue = HeaderValue::from_static("localhost");

/// Whether a server does not answer to the name that it was called by: MLflow since 3.5 (`Invalid Host header`).
fn refuses_host(answer: &http::Response<Bytes>) -> bool {
    let said = answer.body().get(..200).unwrap_or(answer.body());
    answer.status() == http::StatusCode::FORBIDDEN && String::from_utf8_lossy(said).contains("Invalid Host header")
}

impl Carrier for ServiceCarrier {
    fn what(&self) -> String {
        self.target.to_string()
    }

    fn carry(&self, request: http::Request<Bytes>) -> BoxFuture<'_, Result<http::Response<Body>, Error>> {
        Box::pin(async move {
            let cluster = self.access.cluster().await?;
            let mut request = request.map(|body| body.to_vec());
            if self.as_localhost.load(Ordering::Relaxed) {
                request.headers_mut().insert(header::HOST, LOCALHOST);
            }
            let mut answer = cluster.proxy(&self.target, request.clone(), self.limit).await?;
            // refused before it was looked at: the API server hands on its own name
            if refuses_host(&answer) && request.headers_mut().insert(header::HOST, LOCALHOST).is_none() {
                answer = cluster.proxy(&self.target, request, self.limit).await?;
                self.as_localhost.store(!refuses_host(&answer), Ordering::Relaxed);
            }
            Ok(answer.map(|body| futures_util::stream::once(async move { Ok(body) }).boxed()))
        })
    }
}

impl Http {
    /// A client of a Service, under the prefix `prefix`. A login can't be sent that way: the API server takes it out.
    pub fn through_service(
        access: &Access,
        target: ServiceTarget,
        prefix: &str,
        options: Options,
    ) -> Result<Self, Error> {
        // of this address only the path counts
        let base = Url::parse(&format!("http://service{prefix}"))
            .map_err(|error| Error::Config { what: format!("{target}: {error}") })?;
        let carrier = ServiceCarrier {
            access: access.clone(),
            target,
            limit: options.timeout,
            as_localhost: AtomicBool::new(false),
        };
        Ok(Self::over(Transport::Carried(Box::new(carrier)), Options { base, ..options }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ServiceTarget, Error> {
        toml::from_str::<ServiceSettings>(text).unwrap().target()
    }

    #[test]
    fn a_port_has_a_number_or_a_name() {
        let target = read("namespace = \"ml\"\nname = \"mlflow\"\nport = 5000").unwrap();
        assert_eq!(target.path("/x"), "/api/v1/namespaces/ml/services/mlflow:5000/proxy/x");
        assert_eq!(read("namespace = \"ml\"\nname = \"mlflow\"\nport = \"http\"").unwrap().port, "http");
    }

    #[test]
    fn what_could_leave_the_path_is_refused() {
        for text in [
            "namespace = \"a/b\"\nname = \"x\"\nport = 1",
            "namespace = \"a\"\nname = \"x:1\"\nport = 1",
            "namespace = \"a\"\nname = \"x\"\nport = \"\"",
            "namespace = \"a\"\nname = \"x\"\nport = 1\nscheme = \"ftp\"",
        ] {
            assert!(matches!(read(text), Err(Error::Config { .. })), "{text}");
        }
    }

    #[test]
    fn a_prefix_begins_with_a_slash_and_has_none_at_its_end() {
        let prefix = |path: &str| {
            let text = format!("namespace = \"a\"\nname = \"x\"\nport = 1\npath = \"{path}\"");
            toml::from_str::<ServiceSettings>(&text).unwrap().prefix()
        };
        assert_eq!((prefix(""), prefix("/"), prefix("mlflow/")), (String::new(), String::new(), "/mlflow".into()));
    }

    #[tokio::test]
    async fn a_server_that_wants_another_host_is_asked_as_localhost() {
        use crate::systems::kube::tests::server::{Reply, Server};
        let server = Server::start(|path, before| match before {
            0 if path.ends_with("/a") => {
                Reply::json("Invalid Host header - possible DNS rebinding attack detected").typed(403, "text/plain")
            }
            _ => Reply::json("{}"),
        })
        .await;
        let target = read("namespace = \"ml\"\nname = \"mlflow\"\nport = 5000").unwrap();
        let base = Url::parse("http://service").unwrap();
        let http = Http::through_service(&server.access(), target, "", Options::new("X", "an X", base)).unwrap();
        assert!(http.get("/a", &[]).await.unwrap().status.is_success());
        assert!(http.get("/b", &[]).await.unwrap().status.is_success());
        assert_eq!(server.asked().iter().filter(|asked| asked.contains("/proxy/")).count(), 3);
    }
}
