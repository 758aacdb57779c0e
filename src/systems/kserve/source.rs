//! What an endpoint serves: the model's address in few words, format, runtime and protocol, in all three shapes in
//! which a predictor may be written (`model`, a framework's name, plain containers).

use crate::model::id::{PaneId, Ref};

use super::wire::{InferenceService, Model, Predictor};

/// The pane of registered models, where a served version is looked for.
const MODELS: PaneId = PaneId("models");

/// What a predictor serves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Source {
    /// The model in few words: `fraud-detection v12`, `fraud/1.9.0`; empty where the image holds it.
    pub(super) model: String,
    /// Where it comes from, whole.
    pub(super) uri: String,
    /// The format: `sklearn`, `xgboost 2`.
    pub(super) format: String,
    /// The version in the registry that it may be.
    pub(super) registered: Option<(String, String)>,
    /// The protocol that the spec names; empty where it names none.
    pub(super) protocol: String,
}

/// The model of a predictor and the framework's name, where the old form carries it as the key.
fn written(predictor: &Predictor) -> Option<(&Model, &'static str)> {
    let frameworks = [
        (&predictor.sklearn, "sklearn"),
        (&predictor.xgboost, "xgboost"),
        (&predictor.pytorch, "pytorch"),
        (&predictor.tensorflow, "tensorflow"),
        (&predictor.triton, "triton"),
        (&predictor.onnx, "onnx"),
        (&predictor.huggingface, "huggingface"),
        (&predictor.lightgbm, "lightgbm"),
        (&predictor.paddle, "paddle"),
        (&predictor.pmml, "pmml"),
        (&predictor.model, ""),
    ];
    // a framework's key wins over `model`, as in KServe's defaulter
    frameworks.into_iter().find_map(|(model, name)| model.as_deref().map(|model| (model, name)))
}

impl Source {
    /// Reads a predictor.
    pub(super) fn of(predictor: &Predictor) -> Self {
        let Some((model, framework)) = written(predictor) else {
            return Self::custom(predictor);
        };
        let format = if framework.is_empty() { &*model.model_format.name } else { framework };
        Self {
            format: [format, &*model.model_format.version].join(" ").trim().to_owned(),
            protocol: model.protocol_version.to_lowercase(),
            ..Self::at(&address(predictor, model))
        }
    }

    /// The model at an address, without more being known of it.
    pub(super) fn at(uri: &str) -> Self {
        let registered = registered(uri);
        Self {
            model: registered
                .as_ref()
                .map_or_else(|| short(uri), |(name, version)| format!("{name} {}", shown(version))),
            uri: uri.to_owned(),
            registered,
            ..Self::default()
        }
    }

    /// A canary's predictor is laid over the stable one: what it leaves out is inherited.
    pub(super) fn of_canary(canary: &Predictor, stable: &Predictor) -> Self {
        let (own, inherited) = (Self::of(canary), Self::of(stable));
        let pick = |own: String, other: String| if own.is_empty() { other } else { own };
        let same = own.uri.is_empty();
        Self {
            model: pick(own.model, inherited.model),
            uri: pick(own.uri, inherited.uri),
            format: pick(own.format, inherited.format),
            registered: if same { inherited.registered } else { own.registered },
            protocol: pick(own.protocol, inherited.protocol),
        }
    }

    fn custom(predictor: &Predictor) -> Self {
        let main = predictor.containers.iter().find(|one| one.name == "kserve-container");
        let main = main.or_else(|| predictor.containers.first());
        let image = main.map_or("", |container| &*container.image);
        let variable = |name: &str| {
            main.and_then(|it| it.env.iter().find(|one| one.name == *name)).map_or("", |found| &*found.value)
        };
        let uri = variable("STORAGE_URI");
        Self {
            format: if image.is_empty() { String::new() } else { "custom".into() },
            protocol: variable("PROTOCOL").to_lowercase(),
            ..Self::at(if uri.is_empty() { image } else { uri })
        }
    }

    /// The row of the registry that it may be.
    pub(super) fn reference(&self) -> Option<Ref> {
        let (name, version) = self.registered.as_ref().filter(|(_, version)| !version.starts_with('@'))?;
        Some(Ref::new(MODELS, format!("{name}@{version}").as_str()))
    }
}

fn address(predictor: &Predictor, model: &Model) -> String {
    if !model.storage_uri.is_empty() {
        return model.storage_uri.to_string();
    }
    if let Some(storage) = &model.storage {
        return match (storage.key.is_empty(), storage.path.is_empty()) {
            (false, false) => format!("{}:{}", storage.key, storage.path),
            _ => [&*storage.key, &*storage.path].concat(),
        };
    }
    predictor.storage_uris.first().map_or_else(|| model.image.to_string(), |one| one.uri.to_string())
}

/// Name and version of a registered model, from `models:/NAME/VERSION` or from an address that ends with the two, such
/// as `s3://acme-models/fraud-detection/12`.
fn registered(uri: &str) -> Option<(String, String)> {
    let (scheme, path) = uri.trim_end_matches('/').split_once(":/")?;
    if scheme == "models" {
        let path = path.trim_start_matches('/');
        return match path.rsplit_once('/') {
            Some((name, version)) => Some((name.to_owned(), number(version).unwrap_or(version).to_owned())),
            None => path.rsplit_once('@').map(|(name, alias)| (name.to_owned(), format!("@{alias}"))),
        };
    }
    let (rest, version) = path.rsplit_once('/')?;
    let name = rest.rsplit('/').next().filter(|name| !name.is_empty())?;
    // the bucket alone is no model's name
    (rest.trim_start_matches('/').contains('/')).then_some(())?;
    number(version).map(|version| (name.to_owned(), version.to_owned()))
}

/// The digits of `12` or `v12`.
fn number(version: &str) -> Option<&str> {
    let digits = version.strip_prefix('v').unwrap_or(version);
    (!digits.is_empty() && digits.len() < 10 && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(digits)
}

fn shown(version: &str) -> String {
    if version.starts_with('@') { version.to_owned() } else { format!("v{version}") }
}

/// The last two parts of an address: enough to tell models apart.
pub(super) fn short(uri: &str) -> String {
    let path = uri.split_once("://").map_or(uri, |(_, path)| path).trim_end_matches('/');
    let mut parts: Vec<&str> = path.rsplit('/').take(2).collect();
    parts.reverse();
    parts.join("/")
}

/// The runtime that serves it: what the status names, what the spec names, or the custom image.
pub(super) fn runtime(service: &InferenceService) -> String {
    let status = service.status.as_ref();
    let named = status.map_or(["", ""], |it| [&*it.serving_runtime_name, &*it.cluster_serving_runtime_name]);
    let asked = written(&service.spec.predictor).map_or("", |(model, _)| &*model.runtime);
    let found = named.into_iter().chain([asked]).find(|name| !name.is_empty());
    found.map_or_else(
        || service.spec.predictor.containers.first().map_or(String::new(), |container| short(&container.image)),
        str::to_owned,
    )
}

/// The protocol in force: what the spec names, what the runtime is known for, or KServe's default `v1`; empty for a
/// custom container that doesn't say.
pub(super) fn protocol(service: &InferenceService) -> String {
    let source = Source::of(&service.spec.predictor);
    if !source.protocol.is_empty() {
        return source.protocol;
    }
    let runtime = runtime(service);
    match written(&service.spec.predictor) {
        None => String::new(),
        Some(_) if runtime.contains("triton") || runtime.contains("mlserver") => "v2".into(),
        Some((_, "triton")) => "v2".into(),
        Some(_) => "v1".into(),
    }
}

/// The model's name on the server, where the spec gives one by `--model_name`.
pub(super) fn served_name(predictor: &Predictor) -> Option<String> {
    let of_model = written(predictor).map(|(model, _)| &model.args);
    let mut lists = of_model.into_iter().chain(predictor.containers.iter().map(|container| &container.args));
    lists.find_map(|args| {
        args.iter().enumerate().find_map(|(at, argument)| {
            let name = argument.trim_start_matches('-').replace('-', "_");
            match name.strip_prefix("model_name") {
                Some("") => args.get(at + 1).map(ToString::to_string),
                Some(_) => argument.split_once('=').map(|(_, value)| value.to_owned()),
                None => None,
            }
        })
    })
}

/// The port of the model server in its pods, where the spec gives one.
pub(super) fn port(predictor: &Predictor) -> Option<u16> {
    let of_model = written(predictor).map(|(model, _)| &model.ports);
    let mut lists = of_model.into_iter().chain(predictor.containers.iter().map(|container| &container.ports));
    lists.find_map(|ports| ports.first()).map(|port| port.container_port).filter(|port| *port != 0)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn predictor(spec: Json) -> Predictor {
        serde_json::from_value(spec).unwrap()
    }

    fn model(uri: &str) -> Source {
        Source::of(&predictor(json!({"model": {"modelFormat": {"name": "sklearn"}, "storageUri": uri}})))
    }

    #[test]
    fn the_model_is_named_by_the_last_parts_of_its_address() {
        assert_eq!(model("s3://acme-models/fraud/1.9.0/").model, "fraud/1.9.0");
        assert_eq!(model("models:/fraud-detection/v12").model, "fraud-detection v12");
        assert_eq!(model("s3://acme-models/fraud-detection/12").model, "fraud-detection v12");
        assert_eq!(model("s3://acme-models/12").model, "acme-models/12");
        assert_eq!(model("pvc://claim/a/b/c").model, "b/c");
        assert_eq!(model("").model, "");
    }

    #[test]
    fn a_registered_version_refers_to_its_row() {
        let at = |uri: &str| model(uri).reference().map(|to| to.key.to_string());
        assert_eq!(at("models:/fraud-detection/12").as_deref(), Some("fraud-detection@12"));
        assert_eq!(at("s3://acme-models/fraud-detection/v12/").as_deref(), Some("fraud-detection@12"));
        assert_eq!(at("models:/a/b/3").as_deref(), Some("a/b@3"));
        assert_eq!(at("models:/fraud@champion"), None);
        assert_eq!(at("s3://bucket/model"), None);
    }

    #[test]
    fn all_three_shapes_of_a_predictor_are_read() {
        let old = Source::of(&predictor(json!({"sklearn": {"storageUri": "s3://b/m/1"}})));
        assert_eq!((&*old.format, &*old.model), ("sklearn", "m v1"));
        let custom = Source::of(&predictor(json!({"containers": [{"name": "x", "image": "acme/fraud:2"}]})));
        assert_eq!((&*custom.format, &*custom.model), ("custom", "acme/fraud:2"));
    }

    #[test]
    fn a_canary_inherits_what_it_leaves_out() {
        let stable = predictor(json!({"model": {"modelFormat": {"name": "xgboost"}, "storageUri": "s3://b/m/1"}}));
        let canary = predictor(json!({"name": "v2", "model": {"storageUri": "s3://b/m/2"}}));
        let source = Source::of_canary(&canary, &stable);
        assert_eq!((&*source.format, &*source.model), ("xgboost", "m v2"));
    }

    #[test]
    fn the_name_on_the_server_is_read_from_the_arguments() {
        let name = |args: Json| served_name(&predictor(json!({"model": {"args": args}})));
        assert_eq!(name(json!(["--model_name=mnist"])).as_deref(), Some("mnist"));
        assert_eq!(name(json!(["--workers=2", "--model-name", "mnist"])).as_deref(), Some("mnist"));
        assert_eq!(name(json!(["--model_dir=/mnt"])), None);
    }
}
