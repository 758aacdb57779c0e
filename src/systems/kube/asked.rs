//! What a request asks for, in the words of the API's rights: for messages and for reviews.

use http::Method;

/// A request's verb and resource, read from its path.
///
/// Paths: `/api/v1/…`, `/apis/GROUP/VERSION/…`, then `[namespaces/NS/]RESOURCE[/NAME[/SUBRESOURCE]]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Asked {
    /// `get`, `list`, `watch`, `create`, …
    pub(super) verb: &'static str,
    /// The group; empty for the core's.
    pub(super) group: String,
    /// `pods`, `pods/log`; the path itself where it is none of a resource.
    pub(super) resource: String,
    pub(super) namespace: Option<String>,
    pub(super) name: Option<String>,
}

impl Asked {
    pub(super) fn of(method: &Method, uri: &http::Uri) -> Self {
        let path = uri.path();
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        let group = match parts.next() {
            Some("api") => String::new(),
            Some("apis") => parts.next().unwrap_or_default().to_owned(),
            _ => return Self::path(method, path),
        };
        if parts.next().is_none() {
            return Self { group, ..Self::path(method, path) };
        }
        let mut rest: Vec<&str> = parts.collect();
        let mut namespace = None;
        if let ["namespaces", within, _, ..] = rest.as_slice() {
            namespace = Some((*within).to_owned());
            rest.drain(..2);
        }
        let (resource, name) = match rest.as_slice() {
            [] => return Self { group, ..Self::path(method, path) },
            [resource] => ((*resource).to_owned(), None),
            [resource, name] => ((*resource).to_owned(), Some((*name).to_owned())),
            [resource, name, sub, ..] => (format!("{resource}/{sub}"), Some((*name).to_owned())),
        };
        let watched =
            uri.query().is_some_and(|query| query.split('&').any(|part| part == "watch=1" || part == "watch=true"));
        let verb = match *method {
            Method::POST => "create",
            Method::PUT => "update",
            Method::PATCH => "patch",
            Method::DELETE => "delete",
            _ if watched => "watch",
            _ if name.is_none() => "list",
            _ => "get",
        };
        Self { verb, group, resource, namespace, name }
    }

    fn path(method: &Method, path: &str) -> Self {
        let verb = match *method {
            Method::POST => "post",
            Method::PUT => "put",
            Method::PATCH => "patch",
            Method::DELETE => "delete",
            _ => "get",
        };
        Self { verb, resource: path.to_owned(), ..Self::default() }
    }

    /// The resource with its place: `pods/log in ml-prod`.
    pub(super) fn place(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{} in {namespace}", self.resource),
            None => self.resource.clone(),
        }
    }

    /// The object: `pods ml-prod/fraud-1`.
    pub(super) fn object(&self) -> String {
        match (&self.namespace, &self.name) {
            (Some(namespace), Some(name)) => format!("{} {namespace}/{name}", self.resource),
            (None, Some(name)) => format!("{} {name}", self.resource),
            _ => self.place(),
        }
    }

    /// What has to be installed for the resource to be there.
    pub(super) fn part(&self) -> String {
        if self.group.is_empty() { self.resource.clone() } else { format!("{} ({})", self.resource, self.group) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(method: &Method, path: &str) -> (String, String) {
        let asked = Asked::of(method, &path.parse().unwrap());
        (format!("{} {}", asked.verb, asked.place()), asked.group)
    }

    #[test]
    fn a_path_says_which_right_it_needs() {
        assert_eq!(asked(&Method::GET, "/api/v1/pods?watch=1").0, "watch pods");
        assert_eq!(asked(&Method::GET, "/api/v1/namespaces").0, "list namespaces");
        assert_eq!(asked(&Method::GET, "/api/v1/namespaces/ml-prod").0, "get namespaces");
        assert_eq!(asked(&Method::GET, "/api/v1/namespaces/ml-prod/pods/a/log").0, "get pods/log in ml-prod");
        assert_eq!(
            asked(&Method::PATCH, "/apis/serving.kserve.io/v1beta1/namespaces/ml-prod/inferenceservices/fraud"),
            ("patch inferenceservices in ml-prod".into(), "serving.kserve.io".into())
        );
        assert_eq!(asked(&Method::GET, "/version").0, "get /version");
    }
}
