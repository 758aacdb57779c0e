//! Where the way to a cluster is described: kubeconfig files, read as kubectl reads them, or the pod that we run in.

use std::path::{Path, PathBuf};

use kube::config::{AuthInfo, Cluster as ClusterEntry, Context, Kubeconfig, KubeconfigError};

use super::proxies::{self, Proxy};
use crate::model::health::Error;
use crate::model::text::clean;
use crate::systems::Environment;

/// Which kubeconfig and which context of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Source {
    /// The files, the first to set a name wins; if empty, those of `KUBECONFIG`, else `~/.kube/config`.
    pub kubeconfig: Vec<PathBuf>,
    /// The context; the file's current one if empty.
    pub context: Option<String>,
}

/// What is known of a cluster before anything is sent to it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Described {
    /// The context's name.
    pub context: String,
    /// The cluster's name in the kubeconfig.
    pub cluster: String,
    /// The API server's address.
    pub server: String,
    /// The user's name in the kubeconfig; empty if there is none.
    pub user: String,
    /// The context's own namespace.
    pub namespace: Option<String>,
    /// The proxy that is used and why, or why none is, as a sentence; empty where the question does not arise.
    pub proxy: String,
    /// Where the credentials come from: `certificate`, `token`, `plugin aws`.
    pub login: String,
    /// What is odd about the files, as sentences: names that an earlier file has taken.
    pub warnings: Vec<String>,
}

/// A context with its cluster and user, found and checked, nothing of it used yet.
pub(super) struct Chosen {
    pub(super) described: Described,
    pub(super) cluster: ClusterEntry,
    pub(super) user: AuthInfo,
    pub(super) proxy: Option<http::Uri>,
}

/// What a source leads to.
pub(super) enum Found {
    Context(Box<Chosen>),
    /// The service account of the pod that we run in.
    Pod,
}

impl Source {
    /// Reads the files and finds the context. Touches no network and loads no certificate.
    pub(super) fn read(&self, env: &Environment) -> Result<Found, Error> {
        let (paths, given) = self.paths(env);
        let present: Vec<&PathBuf> = paths.iter().filter(|path| given || path.exists()).collect();
        if present.is_empty() {
            return if env("KUBERNETES_SERVICE_HOST").is_some_and(|host| !host.is_empty()) {
                Ok(Found::Pod)
            } else {
                Err(none_there(&paths))
            };
        }
        let mut warnings = Vec::new();
        let mut merged: Option<Kubeconfig> = None;
        for path in present {
            let next = read_file(path)?;
            merged = Some(match merged {
                None => next,
                Some(first) => {
                    warnings.extend(shadowed(&first, &next, path));
                    first.merge(next).map_err(|error| Error::Config { what: words(&error, path) })?
                }
            });
        }
        let kubeconfig = merged.unwrap_or_default();
        self.choose(&kubeconfig, warnings, env).map(|chosen| Found::Context(Box::new(chosen)))
    }

    /// The files, and whether the operator named them (then each has to be there).
    fn paths(&self, env: &Environment) -> (Vec<PathBuf>, bool) {
        if !self.kubeconfig.is_empty() {
            return (self.kubeconfig.clone(), true);
        }
        let listed: Vec<PathBuf> = env("KUBECONFIG")
            .map(|list| std::env::split_paths(&list).filter(|path| !path.as_os_str().is_empty()).collect())
            .unwrap_or_default();
        if !listed.is_empty() {
            return (listed, false);
        }
        let home = env("HOME").filter(|home| !home.is_empty());
        (home.map(|home| Path::new(&home).join(".kube").join("config")).into_iter().collect(), false)
    }

    fn choose(&self, kubeconfig: &Kubeconfig, warnings: Vec<String>, env: &Environment) -> Result<Chosen, Error> {
        let name = self
            .context
            .clone()
            .or_else(|| kubeconfig.current_context.clone())
            .ok_or_else(|| no_context(kubeconfig, "the kubeconfig has no current context"))?;
        let context = context_named(kubeconfig, &name)
            .ok_or_else(|| no_context(kubeconfig, &format!("the kubeconfig has no context {}", clean(&name))))?;
        let cluster = kubeconfig
            .clusters
            .iter()
            .find(|entry| entry.name == context.cluster)
            .and_then(|entry| entry.cluster.clone())
            .ok_or_else(|| Error::Config {
                what: format!(
                    "context {} names the cluster {}, which no file has",
                    clean(&name),
                    clean(&context.cluster)
                ),
            })?;
        let user_name = context.user.clone().unwrap_or_default();
        let user = match kubeconfig.auth_infos.iter().find(|entry| entry.name == user_name) {
            Some(entry) => entry.auth_info.clone().unwrap_or_default(),
            None if user_name.is_empty() => AuthInfo::default(),
            None => {
                return Err(Error::Config {
                    what: format!("context {} names the user {}, which no file has", clean(&name), clean(&user_name)),
                });
            }
        };
        let server = cluster.server.clone().filter(|server| !server.is_empty()).ok_or_else(|| Error::Config {
            what: format!("the cluster {} has no server address", clean(&context.cluster)),
        })?;
        let uri: http::Uri = server.parse().map_err(|error| Error::Config {
            what: format!(
                "the server address {} of the cluster {} is wrong: {error}",
                clean(&server),
                clean(&context.cluster)
            ),
        })?;
        let Proxy { uri: proxy, why } = proxies::choose(&uri, cluster.proxy_url.as_deref(), env)?;
        let described = Described {
            context: clean(&name),
            cluster: clean(&context.cluster),
            server: clean(&server),
            user: clean(&user_name),
            namespace: context.namespace.filter(|namespace| !namespace.is_empty()),
            proxy: why,
            login: login(&user),
            warnings,
        };
        Ok(Chosen { described, cluster, user, proxy })
    }
}

fn context_named(kubeconfig: &Kubeconfig, name: &str) -> Option<Context> {
    kubeconfig.contexts.iter().find(|entry| entry.name == name).and_then(|entry| entry.context.clone())
}

fn read_file(path: &Path) -> Result<Kubeconfig, Error> {
    let mut kubeconfig = Kubeconfig::read_from(path).map_err(|error| Error::Config { what: words(&error, path) })?;
    // kubectl takes an empty name for none, so that a later file may set it
    kubeconfig.current_context = kubeconfig.current_context.filter(|name| !name.is_empty());
    Ok(kubeconfig)
}

/// An error of the kubeconfig's reader in words, with the file and, in a malformed one, the line.
fn words(error: &KubeconfigError, path: &Path) -> String {
    let file = path.display();
    match error {
        KubeconfigError::ReadConfig(cause, _) => format!("can't read the kubeconfig {file}: {cause}"),
        KubeconfigError::Parse(cause) => match cause.location() {
            Some(at) => {
                format!("{file}:{}:{}: not a kubeconfig: {}", at.line(), at.column(), brief(&cause.to_string()))
            }
            None => format!("{file}: not a kubeconfig: {}", brief(&cause.to_string())),
        },
        other => format!("{file}: {}", brief(&other.to_string())),
    }
}

/// The first line of a message, made harmless; parsers draw pictures of the place below it.
fn brief(message: &str) -> String {
    let line = message.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    clean(line).chars().take(200).collect()
}

fn none_there(paths: &[PathBuf]) -> Error {
    let files: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    Error::Config {
        what: match files.as_slice() {
            [] => "no kubeconfig: neither KUBECONFIG nor HOME is set".into(),
            [one] => format!("no kubeconfig: {one} does not exist"),
            several => format!("no kubeconfig: none of {} exists", several.join(", ")),
        },
    }
}

fn no_context(kubeconfig: &Kubeconfig, what: &str) -> Error {
    let names: Vec<String> = kubeconfig.contexts.iter().map(|entry| clean(&entry.name)).collect();
    Error::Config {
        what: if names.is_empty() {
            format!("{what}: it has no contexts at all")
        } else {
            format!("{what}; it has {}", names.join(", "))
        },
    }
}

/// The names of `next` that `first` has taken: whoever wrote `next` may think of another cluster.
fn shadowed(first: &Kubeconfig, next: &Kubeconfig, path: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in &next.clusters {
        if first.clusters.iter().any(|other| other.name == entry.name && differ(&other.cluster, &entry.cluster)) {
            names.push(format!("the cluster {}", clean(&entry.name)));
        }
    }
    for entry in &next.auth_infos {
        if first.auth_infos.iter().any(|other| other.name == entry.name) {
            names.push(format!("the user {}", clean(&entry.name)));
        }
    }
    for entry in &next.contexts {
        if first.contexts.iter().any(|other| other.name == entry.name && differ(&other.context, &entry.context)) {
            names.push(format!("the context {}", clean(&entry.name)));
        }
    }
    if names.is_empty() {
        return Vec::new();
    }
    vec![format!("{} of {} not used: an earlier file has the same name", names.join(" and "), path.display())]
}

fn differ<T: serde::Serialize>(one: &T, other: &T) -> bool {
    serde_json::to_value(one).ok() != serde_json::to_value(other).ok()
}

fn login(user: &AuthInfo) -> String {
    if user.token.is_some() || user.token_file.is_some() {
        "token".into()
    } else if user.username.is_some() {
        "password".into()
    } else if let Some(exec) = &user.exec {
        format!("plugin {}", super::exec::short_name(exec))
    } else if let Some(provider) = &user.auth_provider {
        format!("provider {}", clean(&provider.name))
    } else if user.client_certificate.is_some() || user.client_certificate_data.is_some() {
        "certificate".into()
    } else {
        "none".into()
    }
}
