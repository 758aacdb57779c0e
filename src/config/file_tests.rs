//! Config files, good and bad.

use super::*;
use crate::config::{Predictions, TEMPLATE};

fn env(name: &str) -> Option<String> {
    (name == "HOME").then(|| "/home/me".to_owned())
}

fn read(text: &str) -> Result<Config, ConfigError> {
    Config::parse(Path::new("/etc/q/config.toml"), text, &env)
}

fn mistakes(text: &str) -> Vec<String> {
    read(text).unwrap_err().mistakes.iter().map(ToString::to_string).collect()
}

const GOOD: &str = r#"
default_profile = "staging"

[defaults]
armed_minutes = 30
[defaults.prometheus]
url = "http://everywhere:9090"

[profiles.staging]
environment = "staging"
kubeconfig = ["~/.kube/config", "extra"]
context = "eks-staging"
namespaces = ["ml", "models"]
predictions = "confirm"

[profiles.staging.mlflow]
url = "https://mlflow.example.com"
token = { env = "T" }

[profiles.production]
read_only = true
"#;

#[test]
fn a_profile_is_its_section_over_the_defaults() {
    let config = read(GOOD).unwrap();
    let profile = config.profile(None).unwrap();
    assert_eq!((profile.name.as_str(), profile.is_production(), profile.armed_minutes), ("staging", false, 30));
    assert_eq!(profile.kubeconfig, [Path::new("/home/me/.kube/config"), Path::new("/etc/q/extra")]);
    assert_eq!(profile.predictions, Predictions::Confirm);
    assert_eq!(profile.systems.keys().collect::<Vec<_>>(), ["mlflow", "prometheus"]);
    let production = config.profile(Some("production")).unwrap();
    assert!(production.read_only && production.is_production());
    assert!(config.profile(Some("nope")).unwrap_err().to_string().contains("there are `production`, `staging`"));
}

#[test]
fn a_section_of_the_profile_replaces_that_of_the_defaults_whole() {
    let text = "[defaults.mlflow]\ntoken = { env = \"T\" }\n[profiles.p.mlflow]\nurl = \"http://other\"\n";
    let profile = read(text).unwrap().profile(None).unwrap();
    assert!(!profile.systems.get("mlflow").unwrap().contains_key("token"));
}

#[test]
fn without_a_file_there_is_one_profile_and_it_counts_as_production() {
    let folder = tempfile::tempdir().unwrap();
    let paths = |named| {
        let config = folder.path().join("config.toml");
        Paths {
            named,
            keymap: config.clone(),
            themes: config.clone(),
            payloads: config.clone(),
            state: config.clone(),
            config,
        }
    };
    let profile = Config::load(&paths(false), &env).unwrap().profile(None).unwrap();
    assert_eq!(profile.name, "default");
    assert!(profile.is_production() && !profile.read_only && profile.context.is_none());
    assert!(Config::load(&paths(true), &env).unwrap_err().to_string().contains("can't be read"));
    std::fs::write(folder.path().join("config.toml"), b"\xff\xfe").unwrap();
    assert!(Config::load(&paths(false), &env).unwrap_err().to_string().contains("no UTF-8"));
}

#[test]
fn all_mistakes_come_at_once_with_line_and_column() {
    let text = "thme = \"dark\"\n[profiles.a]\nread_only = \"yes\"\narmed_minutes = 0\npredictions = \"maybe\"\nnamespace = \"x\"\nnamespaces = [1]\n";
    let found = mistakes(text);
    assert_eq!(found.len(), 6, "{found:#?}");
    assert_eq!(
        found[0],
        "/etc/q/config.toml:1:1: unknown field `thme`, expected one of `default_profile`, `theme`, `defaults`, `profiles`"
    );
    assert_eq!(found[1], "/etc/q/config.toml:3:13: read_only: expected true or false, found a value of type string");
    assert!(found[2].starts_with("/etc/q/config.toml:4:17: armed_minutes: expected a whole number from 1 to 1440"));
    assert!(found[3].ends_with("expected one of `allow`, `confirm`, `deny`"));
    assert!(found[4].starts_with("/etc/q/config.toml:6:1: unknown field `namespace`, expected one of `environment`"));
    assert!(found[5].starts_with("/etc/q/config.toml:7:15: namespaces: expected a text"));
}

#[test]
fn broken_syntax_names_its_place() {
    let found = mistakes("[profiles.a]\ncontext = \"x\nread_only = true\n");
    assert!(found[0].starts_with("/etc/q/config.toml:2:"), "{found:?}");
    assert!(mistakes("a = 1\na = 2\n")[0].contains(":2:1:"));
    assert!(mistakes("profiles = 3")[0].contains("expected a section [profiles]"));
}

#[test]
fn a_default_profile_that_is_not_there_is_a_mistake() {
    let found = mistakes("default_profile = \"x\"\n[profiles.a]\n");
    assert_eq!(found, ["/etc/q/config.toml:1:19: default_profile: no such profile; there are `a`"]);
}

#[test]
fn several_profiles_without_a_default_have_to_be_chosen_from() {
    let config = read("[profiles.a]\n[profiles.b]\n").unwrap();
    assert!(config.profile(None).unwrap_err().to_string().contains("which profile? there are `a`, `b`"));
    assert_eq!(config.profile(Some("b")).unwrap().name, "b");
}

#[test]
fn sections_of_no_system_and_mistakes_of_systems_have_a_place() {
    let config = read("[profiles.a.mlflwo]\nurl = \"x\"\n[profiles.a.mlflow]\nurl = \"u\"\nulr = \"x\"\n").unwrap();
    let unknown = config.unknown_sections(&["mlflow", "prometheus"]);
    assert_eq!(unknown.len(), 1);
    assert_eq!(
        unknown[0].to_string(),
        "/etc/q/config.toml:1:13: unknown system `mlflwo`, expected one of `mlflow`, `prometheus`"
    );
    let said = "/etc/q/config.toml: mlflow: unknown field `ulr`, expected one of `url`";
    let found = config.locate("a", "mlflow", said);
    assert_eq!(found.at, Some((5, 1)));
    assert_eq!(found.what, "mlflow: unknown field `ulr`, expected one of `url`");
    assert_eq!(config.locate("a", "mlflow", "give url or service").at, Some((3, 13)));
}

#[test]
fn the_template_is_a_good_file_as_it_is_and_with_its_examples() {
    assert!(read(TEMPLATE).is_ok());
    let with_examples: String =
        TEMPLATE.lines().map(|line| line.strip_prefix("#: ").unwrap_or(line)).collect::<Vec<_>>().join("\n");
    let config = read(&with_examples).unwrap();
    assert_eq!(config.names().collect::<Vec<_>>(), ["production", "staging"]);
    for name in ["production", "staging"] {
        let profile = config.profile(Some(name)).unwrap();
        assert!(!profile.systems.is_empty(), "{name}");
        assert!(profile.show().parse::<toml::Table>().is_ok());
    }
}

#[test]
fn flags_and_the_environment_stand_over_the_file() {
    let flags = Layer { context: Some("other".into()), ..Layer::default() };
    let environment = Layer { read_only: Some(true), ..Layer::default() };
    let profile = read(GOOD).unwrap().profile_with(None, &flags, &environment).unwrap();
    assert_eq!(profile.context.as_deref(), Some("other"));
    assert!(profile.read_only);
}
