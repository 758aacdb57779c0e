//! Which ways lead to the revision that was asked for, in which order, and why the others don't. Pure.

use http::uri::{Authority, Uri};

use crate::model::health::Error;
use crate::model::prediction::{Wanted, Way};
use crate::model::serving::{Revision, Role, Serving};
use crate::systems::kube::{Scheme, ServiceTarget};

/// Where a base address leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// Whether it speaks TLS.
    pub tls: bool,
    /// The name or address to connect to.
    pub connect: String,
    /// The port to connect to.
    pub port: u16,
    /// The `Host` header, and the name that TLS asks for.
    pub host: String,
    /// What stands before the protocol's own path; empty, or begins with `/` and ends without.
    pub prefix: String,
}

/// What a way leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A server that is connected to directly.
    Server(Base),
    /// A Service, through the API server.
    Service(ServiceTarget),
    /// A ready pod of a revision.
    Pod {
        /// Its namespace.
        namespace: String,
        /// The selector that finds the revision's pods.
        selector: String,
        /// The model server's port.
        port: u16,
    },
}

/// A way in that reaches what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Which kind of way.
    pub way: Way,
    /// Where it leads.
    pub target: Target,
    /// The revision that it reaches; `None` where the traffic's split decides.
    pub revision: Option<String>,
}

/// The ways, the best first, and why the others are none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Choice {
    /// The ways to try.
    pub candidates: Vec<Candidate>,
    /// The ways that are none, with the reason.
    pub refused: Vec<(Way, String)>,
}

/// Finds the ways to the wanted revision. `ingress` is the ingress's address (`http://10.0.0.9`), where it is known.
pub fn choose(serving: &Serving, wanted: &Wanted, via: Option<Way>, ingress: Option<&str>) -> Result<Choice, Error> {
    let revision = revision(serving, wanted)?;
    let mut choice = Choice::default();
    // the split sends everybody to a revision that has all the traffic
    let alone = revision.is_none_or(|revision| has_all_traffic(serving, revision));
    let order: &[Way] = if revision.is_none() { &Way::ALL } else { &[Way::Proxy, Way::Pod, Way::Url, Way::Ingress] };
    for way in order {
        if via.is_some_and(|via| via != *way) {
            continue;
        }
        let found = match way {
            Way::Url | Way::Ingress if !alone => {
                Err(format!("the traffic's split decides which revision answers, not {}", wanted.name()))
            }
            Way::Url => public(serving),
            Way::Ingress => through_ingress(serving, ingress),
            Way::Proxy => through_proxy(serving, revision),
            Way::Pod => to_pod(serving, revision),
        };
        match found {
            Ok((target, reached)) => choice.candidates.push(Candidate { way: *way, target, revision: reached }),
            Err(why) => choice.refused.push((*way, why)),
        }
    }
    Ok(choice)
}

/// The revision that is wanted; `None` for any.
fn revision<'a>(serving: &'a Serving, wanted: &Wanted) -> Result<Option<&'a Revision>, Error> {
    let missing = |why: String| Err(Error::Refused { why });
    match wanted {
        Wanted::Any => Ok(None),
        Wanted::Stable => match serving.with_role(Role::Stable).or_else(|| serving.revisions.first()) {
            Some(revision) => Ok(Some(revision)),
            // nothing is known of revisions: then there is no other one either
            None => Ok(None),
        },
        Wanted::Canary => match serving.with_role(Role::Canary) {
            Some(revision) => Ok(Some(revision)),
            None => missing(format!("{} has no canary", serving.name)),
        },
        Wanted::Named(name) => {
            let known: Vec<_> = serving.revisions.iter().map(|revision| revision.name.as_str()).collect();
            let found = serving.revisions.iter().find(|revision| revision.name == *name);
            found.map(Some).map_or_else(
                || missing(format!("{} has no revision {name}; it has {}", serving.name, known.join(", "))),
                Ok,
            )
        }
    }
}

fn has_all_traffic(serving: &Serving, revision: &Revision) -> bool {
    let others = serving.revisions.iter().filter(|other| other.name != revision.name);
    match revision.percent {
        Some(percent) => percent >= 100.0,
        None => others.count() == 0,
    }
}

type Found = Result<(Target, Option<String>), String>;

/// The only revision that can answer, where there is but one.
fn only(serving: &Serving) -> Option<String> {
    let all = serving.revisions.iter().find(|revision| has_all_traffic(serving, revision));
    all.map(|revision| revision.name.clone())
}

fn public(serving: &Serving) -> Found {
    let url = serving.url.as_deref().filter(|url| !url.is_empty()).ok_or("it has no public address")?;
    let base = base(url)?;
    if is_placeholder(&base.host) {
        return Err(format!("{} is a placeholder: no ingress domain is configured", base.host));
    }
    if is_inside(&base.host) {
        return Err(format!("{} is known inside the cluster only", base.host));
    }
    Ok((Target::Server(base), only(serving)))
}

fn through_ingress(serving: &Serving, ingress: Option<&str>) -> Found {
    let url = serving.url.as_deref().filter(|url| !url.is_empty()).ok_or("it has no public name to ask for")?;
    let named = base(url)?;
    let ingress = ingress.ok_or("no ingress address is set (ingress in the profile)")?;
    let mut target = base(ingress)?;
    target.prefix.push_str(&named.prefix);
    target.host = named.host;
    Ok((Target::Server(target), only(serving)))
}

fn through_proxy(serving: &Serving, revision: Option<&Revision>) -> Found {
    let asked = revision.or_else(|| serving.with_role(Role::Stable)).or_else(|| serving.revisions.first());
    let asked = asked.ok_or("no revision is known")?;
    let service = asked
        .service
        .as_ref()
        .ok_or_else(|| format!("{} has no Service of its own that the API server can reach", asked.name))?;
    let target = ServiceTarget {
        namespace: serving.namespace.clone(),
        name: service.name.clone(),
        port: service.port.clone(),
        scheme: Scheme::Http,
    };
    Ok((Target::Service(target), Some(asked.name.clone())))
}

fn to_pod(serving: &Serving, revision: Option<&Revision>) -> Found {
    let asked = revision.or_else(|| serving.with_role(Role::Stable)).or_else(|| serving.revisions.first());
    let asked = asked.ok_or("no revision is known")?;
    let target =
        Target::Pod { namespace: serving.namespace.clone(), selector: asked.selector.clone(), port: asked.port };
    Ok((target, Some(asked.name.clone())))
}

/// Reads an address; the parts that a request needs.
pub fn base(url: &str) -> Result<Base, String> {
    let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    let uri: Uri = url.parse().map_err(|error| format!("the address {url}: {error}"))?;
    let tls = match uri.scheme_str() {
        Some("http") => false,
        Some("https") => true,
        other => return Err(format!("the address {url} is {} and not http", other.unwrap_or("nothing"))),
    };
    let authority = uri.authority().map(Authority::as_str).unwrap_or_default();
    let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(|| format!("the address {url} has no host"))?;
    if authority.contains('@') {
        return Err("a login has no place in an address".into());
    }
    let port = uri.port_u16();
    Ok(Base {
        tls,
        connect: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
        port: port.unwrap_or(if tls { 443 } else { 80 }),
        host: authority.to_owned(),
        prefix: uri.path().trim_end_matches('/').to_owned(),
    })
}

fn name_of(host: &str) -> &str {
    host.rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()))
        .map_or(host, |(name, _)| name)
}

/// KServe's default domain: nothing leads there.
fn is_placeholder(host: &str) -> bool {
    let host = name_of(host);
    host == "example.com" || host.ends_with(".example.com")
}

fn is_inside(host: &str) -> bool {
    let host = name_of(host);
    let mut labels = host.rsplit('.');
    match (labels.next(), labels.next()) {
        (Some("svc"), Some(_)) => true,
        (last, before) => last == Some("local") && before == Some("cluster"),
    }
}

#[cfg(test)]
#[path = "choose_tests.rs"]
mod tests;
