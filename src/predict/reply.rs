//! From what came back to what is shown: what it means, which way it came, and what is odd about it. Pure.

use http::{Uri, header};

use super::body;
use super::choose::{Base, Candidate, Target};
use super::protocol;
use super::transport::Raw;
use crate::model::prediction::{Answer, Way};
use crate::model::serving::Protocol;

/// The way that was taken.
pub(super) struct Taken<'a> {
    pub(super) candidate: &'a Candidate,
    /// The pod, where it went to one.
    pub(super) pod: Option<&'a str>,
    pub(super) protocol: Protocol,
}

impl Taken<'_> {
    /// The answer as it is shown. `request` is the request line.
    pub(super) fn answer(&self, request: String, raw: &Raw, mut notes: Vec<String>) -> Answer {
        let understood = body::understand(&raw.headers, &raw.body);
        notes.extend(understood.notes);
        if raw.cut {
            notes.push(format!("the answer is larger than {} MB; only its beginning was kept", body::LIMIT >> 20));
        }
        let fault = protocol::fault(raw.status, understood.json.as_ref(), &understood.text);
        let fault = fault.map(|fault| location(raw).map_or(fault, |to| redirect_words(self.candidate, raw, &to)));
        if fault.is_none() {
            let oddity = understood.json.as_ref().and_then(|json| protocol::oddity(self.protocol, json));
            notes.extend(oddity.map(str::to_owned));
        }
        Answer {
            status: raw.status.as_u16(),
            body: understood.text,
            good: fault.is_none(),
            why: fault,
            way: way_words(self.candidate, self.pod),
            revision: self.candidate.revision.clone(),
            request,
            connect: raw.connect,
            first_byte: raw.first_byte,
            total: raw.total,
            notes,
        }
    }
}

/// What stands before the protocol's path.
pub(super) fn prefix(target: &Target) -> &str {
    match target {
        Target::Server(base) => &base.prefix,
        Target::Service(_) | Target::Pod { .. } => "",
    }
}

fn location(raw: &Raw) -> Option<String> {
    let to = raw.headers.get(header::LOCATION).filter(|_| raw.status.is_redirection())?;
    Some(crate::model::text::clean(to.to_str().ok()?))
}

/// The path that a 307 or 308 sends it on to, if that is on the same server; method and body stay, and the connection's
/// own scheme, whatever scheme the server thinks it has.
pub(super) fn sent_on(candidate: &Candidate, raw: &Raw) -> Option<String> {
    if !matches!(raw.status.as_u16(), 307 | 308) {
        return None;
    }
    let to: Uri = location(raw)?.parse().ok()?;
    let path = to.path_and_query()?.as_str().to_owned();
    match (&candidate.target, to.authority()) {
        (Target::Server(base), authority) => {
            let here = [base.host.clone(), format!("{}:{}", base.connect, base.port)];
            let name = base.host.split(':').next().unwrap_or_default();
            let same = authority.is_none_or(|authority| {
                here.iter().any(|here| here == authority.as_str()) || authority.host() == name && to.port().is_none()
            });
            let path = path.strip_prefix(&base.prefix).map(str::to_owned).unwrap_or(path);
            same.then_some(path)
        }
        // a server behind the proxy or in a pod knows itself by another name
        (Target::Service(_) | Target::Pod { .. }, None) => Some(path),
        (Target::Service(_) | Target::Pod { .. }, Some(authority)) => {
            (authority.host() == "localhost" || authority.host() == "127.0.0.1").then_some(path)
        }
    }
}

/// What a redirect that is not followed means.
fn redirect_words(candidate: &Candidate, raw: &Raw, to: &str) -> String {
    let status = raw.status.as_u16();
    if let (Target::Server(Base { tls: false, connect, host, .. }), true) =
        (&candidate.target, to.starts_with("https://"))
    {
        return format!(
            "{status}: it wants https, and a redirected POST would lose its body; give the ingress as https://{connect} (it will be asked for {host}, by SNI and Host)"
        );
    }
    format!("{status}: it is sent on to {to}, which is not followed (a login page, or another server?)")
}

fn way_words(candidate: &Candidate, pod: Option<&str>) -> String {
    match (&candidate.target, candidate.way) {
        (Target::Server(base), Way::Ingress) => {
            format!("through the ingress at {}:{} as {}", base.connect, base.port, base.host)
        }
        (Target::Server(base), _) => {
            format!("by the public address {}://{}{}", if base.tls { "https" } else { "http" }, base.host, base.prefix)
        }
        (Target::Service(target), _) => format!("through the API server to {target}"),
        (Target::Pod { namespace, port, .. }, _) => {
            format!("by port-forward to pod {namespace}/{}, port {port}", pod.unwrap_or_default())
        }
    }
}
