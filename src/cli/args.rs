//! The command line.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

// what the exit status means, in the help of each command
const EXITS: &str = "Exit status: 0 done, 1 a check or a prediction failed, 2 usage or config (or standard output can't be \
    written), 3 unreachable or not permitted.";
const STATUS_EXITS: &str = "Exit status, that of the system that is worst off: 0 all is well, 1 something is bad, 2 its \
    settings are wrong, 3 it is unreachable or not permitted. A system that is not set up does not count.";
const GET_EXITS: &str = "Exit status: 0 done, 2 usage or config (also: no such row), 3 unreachable or not permitted. Cells \
    of another system that does not answer stay empty, which is said on standard error.";
const PREDICT_EXITS: &str = "Exit status: 0 answered as expected, 1 the prediction failed, is not as expected or took too \
    long, 2 usage or config (also: no such endpoint), 3 unreachable or not permitted.";
const ACT_EXITS: &str = "Exit status: 0 done and verified (with --dry-run: all checks hold), 1 a check does not hold or it \
    was not verified, 2 usage or config (also: not confirmed, where nobody can be asked), 3 unreachable or not permitted.";
const AUDIT_EXITS: &str = "Exit status: 0 done, 1 the journal is not whole (verify), 2 usage or config.";

/// The terminal operations console for machine-learning delivery.
#[derive(Debug, Parser)]
#[command(name = "quarterdeck", version, about, long_about = None, after_help = format!("Without a command it opens the console on the current kubeconfig context. `quarterdeck demo` shows it all without any server.\n\n{EXITS}"))]
pub struct Args {
    /// Flags for every command.
    #[command(flatten)]
    pub global: Global,
    /// The command; without one the console opens.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Flags for every command.
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct Global {
    /// Run against the embedded demo world instead of real servers
    #[arg(long, global = true)]
    pub demo: bool,
    /// Profile of the config file
    #[arg(long, short = 'p', global = true, env = "QUARTERDECK_PROFILE", value_name = "NAME")]
    pub profile: Option<String>,
    /// Config file [default: see `quarterdeck config path`]
    #[arg(long, global = true, env = "QUARTERDECK_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Kubeconfig file, instead of `KUBECONFIG` or ~/.kube/config
    #[arg(long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Kubeconfig context, instead of the current one
    #[arg(long, global = true, value_name = "NAME")]
    pub context: Option<String>,
    /// View to open first: endpoints, pods, models, …
    #[arg(long, global = true, value_name = "NAME")]
    pub view: Option<String>,
    /// Refuse every change, whatever the profile says
    #[arg(long, global = true)]
    pub read_only: bool,
    /// Colours: auto, truecolor, 256, 16 or mono
    #[arg(long, global = true, value_name = "DEPTH", default_value = "auto")]
    pub colors: String,
    /// Theme: dark, light, mono, or a file
    #[arg(long, global = true, env = "QUARTERDECK_THEME", value_name = "THEME")]
    pub theme: Option<String>,
    /// Keymap file, read over the default keymap
    #[arg(long, global = true, value_name = "FILE")]
    pub keymap: Option<PathBuf>,
    /// Use ASCII glyphs only
    #[arg(long, global = true)]
    pub ascii: bool,
    /// Scenario of the demo world: canary-regression, quiet, registry-outage
    #[arg(long, global = true, value_name = "SCENARIO", default_value = "canary-regression", hide = true)]
    pub scenario: String,
    /// Seed of the demo world
    #[arg(long, global = true, default_value_t = 1, hide = true)]
    pub seed: u64,
    /// How fast time passes in the demo world
    #[arg(long, global = true, default_value_t = 1.0, hide = true)]
    pub speed: f64,
    /// Objects added to the demo world
    #[arg(long, global = true, default_value_t = 0, hide = true)]
    pub scale: usize,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Open the console on the embedded demo world, or serve that world to other clients
    Demo(DemoArgs),
    /// Say how every system does
    #[command(after_help = STATUS_EXITS)]
    Status(StatusArgs),
    /// List the rows of a pane: endpoints, models, pods, …
    #[command(after_help = GET_EXITS)]
    Get(GetArgs),
    /// Send a test prediction to an endpoint
    #[command(after_help = PREDICT_EXITS)]
    Predict(PredictArgs),
    /// Promote a model version (set its alias) or an endpoint's canary
    #[command(after_help = ACT_EXITS)]
    Promote(ActArgs),
    /// Roll a model's alias or an endpoint's canary back
    #[command(after_help = ACT_EXITS)]
    Rollback(ActArgs),
    /// Set the percentage of an endpoint's canary
    #[command(after_help = ACT_EXITS)]
    Canary(CanaryArgs),
    /// List every action of this and earlier sessions, or verify the journal
    #[command(after_help = AUDIT_EXITS)]
    Audit(AuditArgs),
    /// Make, show and check the config file
    Config(ConfigArgs),
    /// Print the keys, from the keymap itself
    Keys,
    /// List the themes and their roles
    Themes,
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

/// `quarterdeck demo`.
#[derive(Debug, ClapArgs)]
pub struct DemoArgs {
    /// Only serve the world, until ended: prints NAME=value lines for kubectl, the MLflow client, promtool, curl
    #[arg(long)]
    pub serve: bool,
    /// With --serve: write config.toml and kubeconfig for the servers here
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// What goes wrong: canary-regression, quiet, registry-outage
    #[arg(long, value_name = "SCENARIO")]
    pub scenario: Option<String>,
    /// Where all chance comes from
    #[arg(long)]
    pub seed: Option<u64>,
    /// How fast time passes
    #[arg(long)]
    pub speed: Option<f64>,
    /// How many pods are added (other kinds in proportion)
    #[arg(long)]
    pub scale: Option<usize>,
}

/// `quarterdeck status`.
#[derive(Debug, ClapArgs)]
pub struct StatusArgs {
    /// As JSON
    #[arg(long)]
    pub json: bool,
    /// Seconds that each system may take; all are asked at the same time
    #[arg(long, default_value_t = 10, value_name = "SECONDS")]
    pub timeout: u64,
}

/// How rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// The columns that matter.
    Table,
    /// All columns.
    Wide,
    /// Typed values with stable column ids.
    Json,
    /// The same as YAML.
    Yaml,
    /// RFC 4180, with a line of column ids.
    Csv,
    /// The keys alone.
    Name,
}

/// `quarterdeck get`.
#[derive(Debug, ClapArgs)]
pub struct GetArgs {
    /// The pane: endpoints, models, pods, …
    pub pane: String,
    /// One row by its name; with -o yaml or json the whole object (with --watch its row)
    pub name: Option<String>,
    /// How it is printed
    #[arg(long, short, value_enum, default_value = "table")]
    pub output: Output,
    /// Only rows that match, in the language of the console's `/`
    #[arg(long, short, value_name = "QUERY")]
    pub filter: Option<String>,
    /// Sort by this column; `-column` for the other way round: the largest, the latest first
    #[arg(long, value_name = "COLUMN", allow_hyphen_values = true)]
    pub sort: Option<String>,
    /// Only these columns, in this order, separated by commas
    #[arg(long, value_name = "COLUMNS")]
    pub columns: Option<String>,
    /// Go on printing what changes
    #[arg(long, short)]
    pub watch: bool,
    /// Seconds to wait for the rows; the cells of other systems are waited for 8 seconds at most
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    pub timeout: u64,
}

/// `quarterdeck predict`.
#[derive(Debug, ClapArgs)]
pub struct PredictArgs {
    /// The endpoint: NAME or NAMESPACE/NAME
    pub endpoint: String,
    /// The payload: JSON, or @FILE (@- for standard input)
    #[arg(long, short, value_name = "JSON|@FILE")]
    pub data: Option<String>,
    /// The revision: stable, canary, any, or its name
    #[arg(long, default_value = "stable", value_name = "REVISION")]
    pub revision: String,
    /// The protocol, instead of what the server speaks
    #[arg(long, value_parser = ["v1", "v2"])]
    pub protocol: Option<String>,
    /// The way in, instead of the first that works
    #[arg(long, value_parser = ["url", "ingress", "proxy", "pod"])]
    pub via: Option<String>,
    /// What the answer has to be, such as `predictions[0] == 0.92`; may be given several times
    #[arg(long, value_name = "EXPR")]
    pub expect: Vec<String>,
    /// How long the answer may take, such as 250ms
    #[arg(long, value_name = "DURATION")]
    pub max_latency: Option<String>,
    /// Print the answer, its timing and the way as JSON
    #[arg(long)]
    pub json: bool,
}

/// How an action is confirmed from the command line.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[derive(Debug, Clone, ClapArgs)]
pub struct Confirmation {
    /// Only show the plan (as JSON with --json) and whether its checks hold; nothing is changed
    #[arg(long)]
    pub dry_run: bool,
    /// Run it without asking
    #[arg(long, short)]
    pub yes: bool,
    /// Why (needed on production)
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// The object's name, typed (needed on production)
    #[arg(long, value_name = "NAME")]
    pub confirm: Option<String>,
    /// Wait until it is verified (always so; kept for scripts that say it)
    #[arg(long)]
    pub wait: bool,
    /// The plan and its outcome as JSON
    #[arg(long)]
    pub json: bool,
}

/// `quarterdeck promote` and `rollback`.
#[derive(Debug, ClapArgs)]
pub struct ActArgs {
    /// What: `models MODEL@VERSION` or `endpoints NAMESPACE/NAME`
    pub pane: String,
    /// The row's name
    pub name: String,
    /// The alias of a model [default: champion]
    #[arg(long)]
    pub alias: Option<String>,
    /// The version to roll back to, where it is not known from the journal
    #[arg(long)]
    pub to: Option<String>,
    /// An answer to a question that the plan asks: NAME=VALUE
    #[arg(long, value_name = "NAME=VALUE")]
    pub answer: Vec<String>,
    /// How it is confirmed
    #[command(flatten)]
    pub confirmation: Confirmation,
}

/// `quarterdeck canary`.
#[derive(Debug, ClapArgs)]
pub struct CanaryArgs {
    /// The endpoint: NAME or NAMESPACE/NAME
    pub endpoint: String,
    /// The percentage of the traffic that the canary is to get
    #[arg(value_parser = clap::value_parser!(u8).range(0..=100))]
    pub percent: u8,
    /// How it is confirmed
    #[command(flatten)]
    pub confirmation: Confirmation,
}

/// `quarterdeck audit`.
#[derive(Debug, ClapArgs)]
pub struct AuditArgs {
    /// What to do
    #[command(subcommand)]
    pub command: Option<AuditCommand>,
    /// As JSON
    #[arg(long, global = true)]
    pub json: bool,
}

/// What to do with the journal.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Check that no line was changed or taken out; that the last ones were cut off can't be seen
    Verify,
    /// Show one action with its plan and steps
    Show {
        /// Its id
        id: String,
    },
}

/// `quarterdeck config`.
#[derive(Debug, ClapArgs)]
pub struct ConfigArgs {
    /// What to do
    #[command(subcommand)]
    pub command: ConfigCommand,
}

/// What to do with the config file.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Write a commented config file, if there is none
    Init,
    /// Print what is in force, from file, environment and flags; secrets as references
    Show,
    /// Name all mistakes with file, line and column
    Check,
    /// Print where the files are
    Path,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }
}
