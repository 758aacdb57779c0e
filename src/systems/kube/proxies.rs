//! Which proxy leads to a server, as kubectl decides it: `proxy-url`, then the environment with its exceptions.
//!
//! kube's own choice is not used: it holds `NO_PROXY` against the proxy's address instead of the server's.

use std::net::IpAddr;

use crate::model::health::Error;
use crate::systems::Environment;

/// A proxy, or none, and why.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Proxy {
    pub(super) uri: Option<http::Uri>,
    pub(super) why: String,
}

/// The proxy for `server`.
pub(super) fn choose(server: &http::Uri, proxy_url: Option<&str>, env: &Environment) -> Result<Proxy, Error> {
    if let Some(own) = proxy_url.filter(|own| !own.is_empty()) {
        let uri = parse(own, "proxy-url of the kubeconfig")?;
        return Ok(Proxy { why: format!("{} (proxy-url of the kubeconfig)", shown(&uri)), uri: Some(uri) });
    }
    let names =
        if server.scheme_str() == Some("http") { ["HTTP_PROXY", "http_proxy"] } else { ["HTTPS_PROXY", "https_proxy"] };
    let Some((name, value)) =
        names.iter().find_map(|name| env(name).filter(|value| !value.is_empty()).map(|value| (*name, value)))
    else {
        return Ok(Proxy { uri: None, why: String::new() });
    };
    let host = server.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    if host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()) {
        return Ok(Proxy { uri: None, why: format!("none: {name} is set, but {host} is this machine") });
    }
    let port = server.port_u16().unwrap_or(if server.scheme_str() == Some("http") { 80 } else { 443 });
    let exceptions = ["NO_PROXY", "no_proxy"].iter().find_map(|name| env(name).filter(|value| !value.is_empty()));
    if let Some(entry) =
        exceptions.as_deref().and_then(|list| list.split(',').map(str::trim).find(|entry| excepts(entry, host, port)))
    {
        return Ok(Proxy { uri: None, why: format!("none: {name} is set, but NO_PROXY has {entry}") });
    }
    let uri = parse(&value, name)?;
    Ok(Proxy { why: format!("{} ({name})", shown(&uri)), uri: Some(uri) })
}

/// The proxy that the environment names for the server at `address`, without its password; `None` if it names none or
/// excepts the server.
#[must_use]
pub fn named_for(address: &str, env: &Environment) -> Option<String> {
    let found = choose(&address.parse().ok()?, None, env).ok()?;
    found.uri.is_some().then_some(found.why)
}

fn parse(text: &str, origin: &str) -> Result<http::Uri, Error> {
    let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    // never the text itself: it may hold a password
    let wrong = |why: &str| Error::Config { what: format!("{origin} is not a proxy's address: {why}") };
    let uri: http::Uri = whole.parse().map_err(|error: http::uri::InvalidUri| wrong(&error.to_string()))?;
    match uri.scheme_str() {
        Some("http" | "https" | "socks5") => Ok(uri),
        // names are resolved by the proxy in both spellings
        Some("socks5h") => whole
            .replacen("socks5h", "socks5", 1)
            .parse()
            .map_err(|error: http::uri::InvalidUri| wrong(&error.to_string())),
        other => Err(wrong(&format!("{} is none of http, https, socks5", other.unwrap_or("no scheme")))),
    }
}

/// The address without a password.
fn shown(uri: &http::Uri) -> String {
    let authority = uri.authority().map(|whole| whole.as_str().rsplit('@').next().unwrap_or_default().to_owned());
    format!("{}://{}", uri.scheme_str().unwrap_or("http"), authority.unwrap_or_default())
}

/// Whether an entry of `NO_PROXY` names the host, by Go's rules: `*`, an address, a CIDR block, `.sub.domains.only`,
/// `domain` with all below it; each with an optional port.
fn excepts(entry: &str, host: &str, port: u16) -> bool {
    if entry.is_empty() {
        return false;
    }
    if entry == "*" {
        return true;
    }
    if let (Some((network, bits)), Ok(address)) = (entry.split_once('/'), host.parse::<IpAddr>()) {
        return in_network(address, network, bits);
    }
    let (name, wanted) = split_port(entry);
    if wanted.is_some_and(|wanted| wanted != port) {
        return false;
    }
    if let Ok(address) = name.parse::<IpAddr>() {
        return host.parse::<IpAddr>().is_ok_and(|own| own == address);
    }
    let (name, host) = (name.to_ascii_lowercase(), host.to_ascii_lowercase());
    let name = name.strip_prefix('*').unwrap_or(&name);
    match name.strip_prefix('.') {
        Some(_) => host.ends_with(name),
        None => host == name || host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.')),
    }
}

fn split_port(entry: &str) -> (&str, Option<u16>) {
    if let Some(rest) = entry.strip_prefix('[') {
        let (address, rest) = rest.split_once(']').unwrap_or((rest, ""));
        return (address, rest.strip_prefix(':').and_then(|port| port.parse().ok()));
    }
    match entry.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') => (name, port.parse().ok()),
        _ => (entry, None),
    }
}

fn in_network(address: IpAddr, network: &str, bits: &str) -> bool {
    let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else { return false };
    match (address, network) {
        (IpAddr::V4(own), IpAddr::V4(net)) if bits <= 32 => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            own.to_bits() & mask == net.to_bits() & mask
        }
        (IpAddr::V6(own), IpAddr::V6(net)) if bits <= 128 => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            own.to_bits() & mask == net.to_bits() & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn proxy(server: &str, own: Option<&str>, variables: &'static [(&'static str, &'static str)]) -> Proxy {
        let env: Environment = Arc::new(move |name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        });
        choose(&server.parse().unwrap(), own, &env).unwrap()
    }

    const BASTION: &[(&str, &str)] =
        &[("HTTPS_PROXY", "http://127.0.0.1:3128"), ("NO_PROXY", "127.0.0.1,.svc,10.0.0.0/8,corp.example")];

    #[test]
    fn the_clusters_own_proxy_beats_the_environment() {
        let found = proxy("https://10.1.2.3:6443", Some("socks5://127.0.0.1:1080"), BASTION);
        assert_eq!(found.uri.unwrap().to_string(), "socks5://127.0.0.1:1080/");
        assert_eq!(found.why, "socks5://127.0.0.1:1080 (proxy-url of the kubeconfig)");
    }

    #[test]
    fn no_proxy_is_held_against_the_server() {
        assert!(proxy("https://eks.example.com", None, BASTION).uri.is_some());
        assert_eq!(proxy("https://kubernetes.default.svc", None, BASTION).uri, None);
        assert_eq!(proxy("https://10.9.9.9:6443", None, BASTION).uri, None);
        assert_eq!(proxy("https://api.corp.example", None, BASTION).uri, None);
        assert!(proxy("https://notcorp.example", None, BASTION).uri.is_some());
        assert_eq!(proxy("https://127.0.0.1:6443", None, &[("HTTPS_PROXY", "http://p:3128")]).uri, None);
    }

    #[test]
    fn http_proxy_alone_changes_nothing_for_https() {
        assert_eq!(proxy("https://eks.example.com", None, &[("HTTP_PROXY", "http://p:3128")]).uri, None);
    }

    #[test]
    fn a_password_of_the_proxy_is_not_shown() {
        let found = proxy("https://eks.example.com", None, &[("https_proxy", "me:secret@proxy:3128")]);
        assert_eq!(found.why, "http://proxy:3128 (https_proxy)");
        assert!(found.uri.unwrap().to_string().contains("secret"));
    }

    #[test]
    fn an_exception_may_name_a_port() {
        assert!(excepts("api.example:6443", "api.example", 6443));
        assert!(!excepts("api.example:6443", "api.example", 443));
        assert!(excepts("[::1]:6443", "::1", 6443));
        assert!(!excepts("", "x", 1));
    }
}
