//! The API server's paths.

use super::kinds::{Kind, find};
use crate::demo::serve::query::decode;

/// What a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Path<'a> {
    /// `/healthz`, `/livez`, `/readyz`, with the name of one check where given.
    Health(&'a str, Option<&'a str>),
    /// `/version`.
    Version,
    /// `/api`, `/apis` and what is under them, as segments, without objects.
    Discovery(Vec<&'a str>),
    /// `/openapi/v2`, `/openapi/v3…`.
    OpenApi(Vec<&'a str>),
    /// A review of rights, by its plural name.
    Review(&'a str),
    /// Objects.
    Objects(Place),
    /// Nothing that is served.
    Unknown,
}

/// A kind's collection, one of its objects, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The kind.
    pub kind: &'static Kind,
    /// The namespace, where one is given.
    pub namespace: Option<String>,
    /// The object's name, where one is given.
    pub name: Option<String>,
    /// The subresource, or empty.
    pub subresource: String,
    /// What follows the subresource (a proxy's path, with its slash), as it was written.
    pub rest: String,
}

impl<'a> Path<'a> {
    /// Reads a path.
    #[must_use]
    pub fn read(path: &'a str) -> Self {
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        match segments.as_slice() {
            [of @ ("healthz" | "livez" | "readyz")] => Self::Health(of, None),
            [of @ ("healthz" | "livez" | "readyz"), check @ ..] => Self::Health(of, check.last().copied()),
            ["version"] => Self::Version,
            ["openapi", rest @ ..] => Self::OpenApi(rest.to_vec()),
            ["api" | "apis"] | ["api" | "apis", _] | ["apis", _, _] => Self::Discovery(segments),
            ["apis", "authorization.k8s.io", "v1", which] => Self::Review(which),
            ["api", version, rest @ ..] => objects(path, "", version, rest),
            ["apis", group, version, rest @ ..] => objects(path, group, version, rest),
            _ => Self::Unknown,
        }
    }
}

fn objects<'a>(path: &str, group: &str, version: &str, rest: &[&str]) -> Path<'a> {
    let (namespace, plural, tail) = match rest {
        ["namespaces", _] | ["namespaces", _, "status" | "finalize"] => {
            (None, "namespaces", rest.get(1..).unwrap_or_default())
        }
        ["namespaces", namespace, plural, tail @ ..] => (Some(decode(namespace)), *plural, tail),
        [plural, tail @ ..] => (None, *plural, tail),
        [] => return Path::Unknown,
    };
    let Some(kind) = find(group, version, plural) else { return Path::Unknown };
    let subresource = tail.get(1).map_or_else(String::new, |name| (*name).to_owned());
    // The rest is cut out of the path as it was written: a backend may care for doubled slashes.
    let marker = format!("/{subresource}");
    let start = tail
        .first()
        .and_then(|name| path.find(&format!("/{name}{marker}")).map(|at| at + name.len() + 1 + marker.len()));
    let rest = start.and_then(|start| path.get(start..)).unwrap_or_default();
    let place = Place {
        kind,
        namespace,
        name: tail.first().map(|name| decode(name)),
        rest: if subresource.is_empty() { String::new() } else { rest.to_owned() },
        subresource,
    };
    Path::Objects(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(path: &str) -> Place {
        match Path::read(path) {
            Path::Objects(place) => place,
            other => panic!("{path} leads to {other:?}"),
        }
    }

    #[test]
    fn a_path_names_a_collection_an_object_or_a_part_of_one() {
        let pods = place("/api/v1/namespaces/ml-prod/pods");
        assert_eq!((pods.kind.plural, pods.namespace.as_deref(), pods.name), ("pods", Some("ml-prod"), None));
        let one = place("/apis/serving.kserve.io/v1beta1/namespaces/ml-prod/inferenceservices/churn/status");
        assert_eq!((one.name.as_deref(), one.subresource.as_str()), (Some("churn"), "status"));
        assert_eq!(place("/api/v1/namespaces/ml-prod").name.as_deref(), Some("ml-prod"));
        assert_eq!(place("/api/v1/pods").namespace, None);
    }

    #[test]
    fn the_path_behind_a_proxy_is_kept_as_it_was_written() {
        let proxy = place("/api/v1/namespaces/mlflow/services/http:mlflow:80/proxy/api//2.0/mlflow/");
        assert_eq!((proxy.name.as_deref(), proxy.rest.as_str()), (Some("http:mlflow:80"), "/api//2.0/mlflow/"));
    }

    #[test]
    fn a_kind_that_is_not_served_is_unknown() {
        assert_eq!(Path::read("/apis/argoproj.io/v1alpha1/applications"), Path::Unknown);
    }
}
