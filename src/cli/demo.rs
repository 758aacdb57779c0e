//! `quarterdeck demo`: the embedded world, for the console or for other clients.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

use super::args::{DemoArgs, Global};
use super::session::{start_demo, write_private};
use super::{Failure, out};
use crate::term::signals::{Asked, Signals};

/// Takes the flags of `demo` over to those of every command.
pub(super) fn flags(args: &DemoArgs, global: &mut Global) {
    global.demo = true;
    if let Some(scenario) = &args.scenario {
        global.scenario.clone_from(scenario);
    }
    global.seed = args.seed.unwrap_or(global.seed);
    global.speed = args.speed.unwrap_or(global.speed);
    global.scale = args.scale.unwrap_or(global.scale);
}

/// Serves the world until ended.
pub(super) async fn serve(global: &Global, folder: Option<&Path>) -> Result<ExitCode, Failure> {
    let mut signals = Signals::listen().map_err(Failure::io)?;
    let (demo, _clock) = start_demo(global).await?;
    let mut lines = String::new();
    if let Some(folder) = folder {
        // a path in the config file counts from there
        let folder = std::path::absolute(folder).map_err(Failure::io)?;
        let kubeconfig = folder.join("kubeconfig");
        write_private(&kubeconfig, &demo.kubeconfig()).map_err(Failure::io)?;
        let config = config(&kubeconfig, &demo.urls());
        write_private(&folder.join("config.toml"), &config).map_err(Failure::io)?;
        let _ = writeln!(lines, "KUBECONFIG={}", kubeconfig.display());
        let _ = writeln!(lines, "QUARTERDECK_CONFIG={}", folder.join("config.toml").display());
    }
    let _ = writeln!(lines, "KUBERNETES_URL={}", demo.kubernetes_url());
    for (name, url) in demo.urls() {
        let _ = writeln!(lines, "{name}={url}");
    }
    out::data(&lines)?;
    out::words("serving until ended (ctrl-c)");
    loop {
        if let Asked::Terminate(_) = signals.next().await {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

/// A config file with one profile that leads to these servers.
fn config(kubeconfig: &Path, urls: &[(&'static str, String)]) -> String {
    let url = |name: &str| urls.iter().find(|(known, _)| *known == name).map_or("", |(_, url)| url.as_str());
    let quote = |text: &str| toml::Value::String(text.to_owned()).to_string();
    format!(
        "# Leads to the servers of `quarterdeck demo --serve`.\ndefault_profile = \"demo\"\n\n[profiles.demo]\nkubeconfig = {}\ncontext = \"demo\"\nenvironment = \"demo\"\nread_only = false\ningress = {}\n\n[profiles.demo.mlflow]\nurl = {}\n\n[profiles.demo.prometheus]\nurl = {}\n",
        quote(&kubeconfig.display().to_string()),
        quote(url("QUARTERDECK_DEMO_INGRESS")),
        quote(url("MLFLOW_TRACKING_URI")),
        quote(url("PROMETHEUS_URL")),
    )
}
