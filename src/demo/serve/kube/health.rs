//! `/healthz`, `/livez`, `/readyz`: the whole, verbose, or one check.

use http::StatusCode;

use crate::demo::serve::query::Query;
use crate::demo::serve::{Answer, text};

const CHECKS: &[&str] = &[
    "ping",
    "log",
    "etcd",
    "etcd-readiness",
    "informer-sync",
    "poststarthook/start-apiserver-admission-initializer",
    "poststarthook/generic-apiserver-start-informers",
    "poststarthook/priority-and-fairness-config-consumer",
    "poststarthook/start-apiextensions-informers",
    "poststarthook/start-apiextensions-controllers",
    "poststarthook/crd-informer-synced",
    "poststarthook/bootstrap-controller",
    "poststarthook/rbac/bootstrap-roles",
    "poststarthook/apiservice-openapi-controller",
    "shutdown",
];

/// Answers a question after health.
#[must_use]
pub fn answer(of: &str, check: Option<&str>, query: &Query) -> Answer {
    if let Some(check) = check {
        let known = CHECKS.iter().any(|known| *known == check || known.ends_with(&format!("/{check}")));
        let status = if known { StatusCode::OK } else { StatusCode::NOT_FOUND };
        return text(status, "text/plain; charset=utf-8", if known { "ok" } else { "404 page not found\n" });
    }
    if !query.is_on("verbose") {
        return text(StatusCode::OK, "text/plain; charset=utf-8", "ok");
    }
    let checks = CHECKS.iter().filter(|check| of == "readyz" || !matches!(**check, "informer-sync" | "shutdown"));
    let mut lines: Vec<String> = checks.map(|check| format!("[+]{check} ok\n")).collect();
    lines.push(format!("{of} check passed\n"));
    text(StatusCode::OK, "text/plain; charset=utf-8", lines.concat())
}
