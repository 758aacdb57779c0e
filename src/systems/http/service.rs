//! A server inside the cluster, reached through the API server's service proxy: how a config file names it, and the
//! carrier that takes requests there.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
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
}

impl Carrier for ServiceCarrier {
    fn what(&self) -> String {
        self.target.to_string()
    }

    fn carry(&self, request: http::Request<Bytes>) -> BoxFuture<'_, Result<http::Response<Body>, Error>> {
        Box::pin(async move {
            let cluster = self.access.cluster().await?;
            let answer = cluster.proxy(&self.target, request.map(|body| body.to_vec()), self.limit).await?;
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
        let carrier = ServiceCarrier { access: access.clone(), target, limit: options.timeout };
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
}
