//! Where this run works: a profile of the config, or the embedded world.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::TimeDelta;
use tokio::runtime::Handle;

use super::Failure;
use super::args::Global;
use super::predictor::Predictor;
use crate::actions::journal::{Journal, Who};
use crate::actions::{Guard, Policy};
use crate::app::catalogue::Catalogue;
use crate::app::driver::{Payloads, Setup};
use crate::app::own;
use crate::app::state::Header;
use crate::config::{Config, ConfigError, Layer, Paths, Predictions, Profile};
use crate::demo::{Demo, Options, Scenario};
use crate::feeds::Pace;
use crate::model::clock::Clock;
use crate::model::id::{SystemId, ViewId};
use crate::systems::kube::{Access, Source};
use crate::systems::{Cx, Environment, Settings};

/// Where our files are.
pub(super) fn paths(global: &Global) -> Result<Paths, Failure> {
    Paths::find(global.config.as_deref(), &|name| std::env::var(name).ok()).map_err(Failure::from)
}

/// What the flags say of a profile.
fn flags(global: &Global) -> Layer {
    Layer {
        kubeconfig: global.kubeconfig.clone().map(|file| vec![file]),
        context: global.context.clone(),
        read_only: global.read_only.then_some(true),
        ..Layer::default()
    }
}

/// The profile that the flags ask for, and the file that it comes from.
pub(super) fn profile(global: &Global, paths: &Paths) -> Result<Profile, Failure> {
    let env = |name: &str| std::env::var(name).ok();
    let config = Config::load(paths, &env)?;
    let profile = config.profile_with(global.profile.as_deref(), &flags(global), &Layer::from_environment(&env)?)?;
    let known: Vec<&str> = crate::systems::all().iter().map(|system| system.id().0).collect();
    let unknown = config.unknown_sections(&known);
    if unknown.is_empty() { Ok(profile) } else { Err(Failure::from(ConfigError { mistakes: unknown })) }
}

/// Where this run works.
pub(super) struct Session {
    pub(super) paths: Paths,
    catalogue: Arc<Catalogue>,
    settings: BTreeMap<SystemId, Settings>,
    policy: Policy,
    environment: String,
    cluster: String,
    ingress: Option<String>,
    cx: Cx,
    runtime: Handle,
    journal: Journal,
    #[expect(dead_code, reason = "the embedded world ends with the session that holds it")]
    demo: Option<DemoWorld>,
}

/// The embedded world and the files that lead to it.
struct DemoWorld {
    _demo: Demo,
    folder: PathBuf,
}

impl Drop for DemoWorld {
    fn drop(&mut self) {
        // only what this run wrote itself
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// What the systems offer, and the console's own panes and views.
pub(super) fn catalogue() -> Arc<Catalogue> {
    Arc::new(Catalogue::new(crate::systems::all(), own::PANES, own::VIEWS))
}

/// The environment of this process.
pub(super) fn process_env() -> Environment {
    Arc::new(|name| std::env::var(name).ok())
}

/// The scenario with this name.
fn scenario(name: &str) -> Result<Scenario, Failure> {
    match name {
        "canary-regression" => Ok(Scenario::CanaryRegression),
        "quiet" => Ok(Scenario::Quiet),
        "registry-outage" => Ok(Scenario::RegistryOutage),
        other => Err(Failure::usage(
            format!("no scenario `{other}`"),
            "there are: canary-regression, quiet, registry-outage",
        )),
    }
}

/// Starts the embedded world as the flags say.
pub(super) async fn start_demo(global: &Global) -> Result<(Demo, Clock), Failure> {
    let scenario = scenario(&global.scenario)?;
    if !(global.speed > 0.0 && global.speed <= 1000.0) {
        return Err(Failure::usage("--speed must be above 0 and at most 1000", "1 is as fast as the clock"));
    }
    let clock = if (global.speed - 1.0).abs() < f64::EPSILON {
        Clock::System
    } else {
        Clock::scaled(Clock::System.now(), global.speed)
    };
    let options = Options { scenario, seed: global.seed, scale: global.scale, clock: clock.clone() };
    let demo = Demo::start(options).await.map_err(|error| {
        Failure::usage(format!("the demo world can't be started: {error}"), "it needs free ports on 127.0.0.1")
    })?;
    Ok((demo, clock))
}

impl Session {
    /// A session over the embedded world.
    pub(super) async fn demo(global: &Global, runtime: Handle) -> Result<Self, Failure> {
        let started = runtime.spawn({
            let global = global.clone();
            async move { start_demo(&global).await }
        });
        let (demo, clock) = started
            .await
            .map_err(|error| Failure::usage(format!("the demo world can't be started: {error}"), ""))??;
        let mut paths = paths(global)?;
        paths.state = paths.state.join("demo");
        let folder = std::env::temp_dir().join(format!("quarterdeck-demo-{}", std::process::id()));
        let kubeconfig = folder.join("kubeconfig");
        write_private(&kubeconfig, &demo.kubeconfig()).map_err(Failure::io)?;
        let urls: BTreeMap<&'static str, String> = demo.urls().into_iter().collect();
        let ingress = urls.get("QUARTERDECK_DEMO_INGRESS").cloned();
        // nothing of the real environment leads out of the demo world
        let env: Environment = Arc::new(move |name| urls.get(name).cloned());
        let source = Source { kubeconfig: vec![kubeconfig], context: None };
        let kube = Access::new(source, Arc::clone(&env), clock.clone());
        let journal = journal(&paths.state, &clock)?;
        Ok(Self {
            paths,
            catalogue: catalogue(),
            settings: BTreeMap::new(),
            policy: Policy {
                profile: "demo".into(),
                production: false,
                read_only: global.read_only,
                armed_for: TimeDelta::minutes(15),
                predictions: Predictions::Allow,
            },
            environment: "demo".into(),
            cluster: "embedded world".into(),
            ingress,
            cx: Cx { clock, kube, env, namespaces: Vec::new() },
            runtime,
            journal,
            demo: Some(DemoWorld { _demo: demo, folder }),
        })
    }

    /// A session over real servers, as the config, the environment and the flags say.
    pub(super) fn real(global: &Global, runtime: Handle) -> Result<Self, Failure> {
        let paths = paths(global)?;
        let profile = profile(global, &paths)?;
        let (clock, env) = (Clock::System, process_env());
        let source = Source { kubeconfig: profile.kubeconfig.clone(), context: profile.context.clone() };
        let kube = Access::new(source, Arc::clone(&env), clock.clone());
        // a kubeconfig that can't be read is told by the lamp; the other systems work without it
        let described = kube.describe().unwrap_or_default();
        let named = profile.file.is_some() && !profile.name.is_empty();
        // of an ARN the end: this is the name that has to be typed to arm it
        let context = described.context.rsplit('/').next().unwrap_or_default().to_owned();
        let name = if named { profile.name.clone() } else { context };
        let journal = journal(&paths.state, &clock)?;
        let environment =
            if profile.environment.is_empty() { "production".into() } else { profile.environment.clone() };
        Ok(Self {
            paths,
            catalogue: catalogue(),
            settings: settings(&profile),
            policy: Policy {
                profile: if name.is_empty() { "default".into() } else { name },
                production: profile.is_production(),
                read_only: profile.read_only,
                armed_for: TimeDelta::minutes(i64::from(profile.armed_minutes)),
                predictions: profile.predictions,
            },
            environment,
            cluster: described.cluster,
            ingress: profile.ingress,
            cx: Cx { clock, kube, env, namespaces: profile.namespaces },
            runtime,
            journal,
            demo: None,
        })
    }

    /// What the systems offer.
    pub(super) fn catalogue(&self) -> Arc<Catalogue> {
        Arc::clone(&self.catalogue)
    }

    /// Decides about effects.
    pub(super) fn guard(&self) -> Guard {
        Guard::new(self.policy.clone())
    }

    /// What the header says.
    pub(super) fn header(&self) -> Header {
        Header {
            profile: self.policy.profile.clone(),
            cluster: self.cluster.clone(),
            environment: self.environment.clone(),
        }
    }

    /// The time.
    pub(super) fn clock(&self) -> &Clock {
        &self.cx.clock
    }

    /// What systems connect with.
    pub(super) fn cx(&self) -> &Cx {
        &self.cx
    }

    /// The namespace of the kubeconfig's context, if it names one.
    pub(super) fn namespace(&self) -> Option<String> {
        self.cx.kube.describe().ok().and_then(|described| described.namespace)
    }

    /// A system's section of the config.
    pub(super) fn settings(&self, system: SystemId) -> Settings {
        self.settings.get(&system).cloned().unwrap_or_default()
    }

    /// Where actions are written down.
    pub(super) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The runtime for everything that waits.
    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Sends test predictions.
    pub(super) fn predictor(&self) -> Predictor {
        Predictor::new(&self.cx, self.ingress.clone())
    }

    /// Where payloads are saved: with the config, and in the project's folder.
    pub(super) fn payloads(&self) -> Payloads {
        Payloads { folders: vec![self.paths.payloads.clone(), PathBuf::from("quarterdeck/payloads")] }
    }

    /// What the driver works with.
    pub(super) fn setup(&self, view: Option<ViewId>) -> Setup {
        Setup {
            runtime: self.runtime.clone(),
            catalogue: self.catalogue(),
            settings: self.settings.clone(),
            cx: self.cx.clone(),
            clock: self.cx.clock.clone(),
            journal: self.journal.clone(),
            view,
            profile: self.policy.profile.clone(),
            predictor: Arc::new(self.predictor()),
            payloads: self.payloads(),
            exports: self.paths.state.join("exports"),
            pace: Pace::default(),
        }
    }
}

/// Each system's section.
fn settings(profile: &Profile) -> BTreeMap<SystemId, Settings> {
    crate::systems::all()
        .iter()
        .map(|system| {
            let table = profile.systems.get(system.id().0).cloned().unwrap_or_default();
            (system.id(), Settings { table, file: profile.file.clone() })
        })
        .collect()
}

/// The journal in the state folder.
fn journal(state: &Path, clock: &Clock) -> Result<Journal, Failure> {
    Journal::open(state, who(), clock.clone()).map_err(Failure::from)
}

/// Who sits at the keys.
fn who() -> Who {
    let var = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    // where no variable names them (cron, a container), the number that the system knows them by
    let number = || format!("uid {}", rustix::process::getuid().as_raw());
    Who {
        user: var("SUDO_USER").or_else(|| var("USER")).or_else(|| var("LOGNAME")).unwrap_or_else(number),
        host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        from: var("SSH_CONNECTION").and_then(|connection| connection.split(' ').next().map(str::to_owned)),
    }
}

/// Writes a file that only its owner may read, since it may hold a token.
pub(super) fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    if let Some(folder) = path.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}
