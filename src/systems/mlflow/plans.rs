//! Plans that move an alias: promote, roll back, take away. And what their checks ask.

use chrono::{DateTime, Utc};
use http::Method;
use serde_json::{Value as Json, json};

use super::api::Api;
use super::details::Details;
use super::identity::{self, MODELS, SYSTEM};
use super::signature;
use super::wire::Version;
use crate::actions::Permit;
use crate::model::health::Error;
use crate::model::id::Ref;
use crate::model::plan::{
    Check, Difference, Expect, Op, Outputs, Past, Plan, PlanRequest, Planned, Probe, Question, Step, Target, Undo,
};
use crate::model::text::{age, clean};
use crate::model::verb::Risk;

/// The alias that is moved unless another one is named.
const CHAMPION: &str = "champion";

/// An alias of a model, and where it was seen.
struct Seen<'a> {
    name: &'a str,
    alias: &'a str,
    at: Option<String>,
}

/// What a verb was asked to do.
struct Wanted<'a> {
    api: &'a Api,
    request: &'a PlanRequest,
    name: String,
    version: String,
    alias: Option<String>,
}

/// What a plan says besides its steps.
struct Remarks {
    title: String,
    touches: Vec<String>,
    warnings: Vec<String>,
}

/// Makes the plan that was asked for, or the question that has to be answered first.
pub(super) async fn plan(api: &Api, request: &PlanRequest, now: DateTime<Utc>) -> Result<Planned, Error> {
    let [target] = request.targets.as_slice() else {
        return Err(Error::Refused { why: "one version at a time: an alias points to one".into() });
    };
    let (name, version) = identity::of(target)?;
    let alias = request.answers.get("alias").map(|alias| alias.trim().to_owned());
    if let Some(alias) = &alias {
        check_alias(alias)?;
    }
    let wanted = Wanted { api, request, name, version, alias };
    match request.verb.as_str() {
        "promote" => wanted.promote().await,
        "rollback" => wanted.rollback(now).await,
        "unalias" => wanted.unalias().await,
        other => Err(Error::Refused { why: format!("MLflow knows no {other}") }),
    }
}

impl Wanted<'_> {
    async fn promote(&self) -> Result<Planned, Error> {
        let (name, version) = (&self.name, &self.version);
        let Some(alias) = &self.alias else {
            return Ok(ask("alias", format!("Point which alias of {} to v{version}?", clean(name)), CHAMPION));
        };
        let details = Details::read(self.api, name, version).await?;
        let seen = Seen { name, alias, at: self.api.alias(name, alias).await? };
        self.move_alias(format!("Point {alias} of {} to v{version}", clean(name)), &seen, &details).await
    }

    async fn rollback(&self, now: DateTime<Utc>) -> Result<Planned, Error> {
        let name = &self.name;
        let model = self.api.model(name).await?;
        let held: Vec<&String> =
            model.aliases.iter().filter(|(_, at)| *at == self.version).map(|(alias, _)| alias).collect();
        let alias = self.alias.clone().unwrap_or_else(|| match held.as_slice() {
            [only] => (*only).clone(),
            _ => CHAMPION.into(),
        });
        let Some(current) = model.version_of(&alias).map(str::to_owned) else {
            let why = format!("{} has no alias {alias}, so there is nothing to roll back", clean(name));
            return Err(Error::Refused { why });
        };
        let earlier = match self.request.answers.get("to") {
            Some(to) => Some(to.trim().trim_start_matches('v').to_owned()),
            None => before(&self.request.past, &alias, &current),
        };
        let seen = Seen { name, alias: &alias, at: Some(current) };
        let Some(earlier) = earlier else { return which_version(self.api, &seen, now).await };
        let details = Details::read(self.api, name, &earlier).await?;
        self.move_alias(format!("Roll {alias} of {} back to v{earlier}", clean(name)), &seen, &details).await
    }

    async fn unalias(&self) -> Result<Planned, Error> {
        let (name, version) = (clean(&self.name), &self.version);
        let model = self.api.model(&self.name).await?;
        let mut held = model.aliases.iter().filter(|(_, at)| at == version).map(|(alias, _)| alias.clone());
        let Some(alias) = &self.alias else {
            let Some(first) = held.next() else {
                return Err(Error::Refused { why: format!("v{version} of {name} has no alias") });
            };
            return Ok(ask("alias", format!("Take which alias away from v{version} of {name}?"), &first));
        };
        if model.version_of(alias) != Some(version) {
            return Err(Error::Refused { why: format!("v{version} of {name} has no alias {alias}") });
        }
        let seen = Seen { name: &self.name, alias, at: Some(version.clone()) };
        let remarks = Remarks {
            title: format!("Take {alias} away from v{version} of {name}"),
            touches: vec![format!("nothing finds {name} by {alias} after it")],
            warnings: Vec::new(),
        };
        Ok(self.planned(step(&seen, None, version), &seen, remarks))
    }

    async fn move_alias(&self, title: String, seen: &Seen<'_>, details: &Details) -> Result<Planned, Error> {
        let version = &details.version;
        let to = version.number.as_str();
        if seen.at.as_deref() == Some(to) {
            return Err(Error::Refused { why: format!("{} already points to v{to}", seen.alias) });
        }
        if version.status != "READY" {
            let status = version.status.to_lowercase().replace('_', " ");
            let why = format!("v{to} is not ready ({status}) {}", version.status_message).trim_end().to_owned();
            return Err(Error::Refused { why });
        }
        let remarks = Remarks {
            title,
            touches: vec![format!(
                "what loads models:/{}@{} takes v{to} at its next load",
                clean(seen.name),
                seen.alias
            )],
            warnings: warnings(self.api, details).await,
        };
        Ok(self.planned(step(seen, Some(to), to), seen, remarks))
    }

    fn planned(&self, step: Step, seen: &Seen<'_>, remarks: Remarks) -> Planned {
        let object = step.shows.first().map_or_else(|| Ref::new(MODELS, ""), |shown| shown.object.clone());
        let target = Target { object, title: format!("model {}", identity::shown(seen.name)), seen: seen.at.clone() };
        Planned::Plan(Box::new(Plan {
            // given when it is confirmed
            id: String::new(),
            verb: self.request.verb.clone(),
            title: remarks.title,
            name: clean(seen.name).trim().to_owned(),
            risk: Risk::Medium,
            targets: vec![target],
            steps: vec![step],
            warnings: remarks.warnings,
            touches: remarks.touches,
        }))
    }
}

/// The version that held the alias before `current`, as the journal knows it. A move back to an older version is no
/// history: rolling back twice does not return to what was left.
fn before(past: &[Past], alias: &str, current: &str) -> Option<String> {
    let what = what(alias);
    let moves = past.iter().rev().map(|past| &past.difference).filter(|difference| difference.what == what);
    moves
        .filter(|difference| difference.after.as_str() == Some(current))
        .filter_map(|difference| difference.before.as_str())
        .find(|before| number(before) < number(current))
        .map(str::to_owned)
}

fn number(version: &str) -> u64 {
    version.parse().unwrap_or(0)
}

async fn which_version(api: &Api, seen: &Seen<'_>, now: DateTime<Utc>) -> Result<Planned, Error> {
    let (name, alias, current) = (seen.name, seen.alias, seen.at.as_deref().unwrap_or_default());
    let mut versions = api.versions_of(name).await?;
    versions.retain(|version| version.number != current && version.status == "READY");
    versions.sort_by_key(|version| std::cmp::Reverse(number(&version.number)));
    let older = versions.iter().find(|version| number(&version.number) < number(current)).or(versions.first());
    let Some(default) = older.map(|version| version.number.clone()) else {
        return Err(Error::Refused { why: format!("{} has no other version that is ready", clean(name)) });
    };
    let describe = |version: &Version| {
        let registered = version.created.map_or(String::new(), |at| format!(", registered {} ago", age(now - at)));
        let text = version.description.chars().take(60).collect::<String>();
        format!("v{}{registered}{}{text}", version.number, if text.is_empty() { "" } else { ": " })
    };
    Ok(Planned::Ask(Question {
        id: "to".into(),
        prompt: format!("{alias} of {} is v{current}. Roll back to which version?", clean(name)),
        default,
        choices: versions.iter().map(|version| (version.number.clone(), describe(version))).collect(),
    }))
}

/// What speaks against using a version.
async fn warnings(api: &Api, details: &Details) -> Vec<String> {
    let (version, mut warnings) = (&details.version, Vec::new());
    let number = &version.number;
    match (&details.run, &details.run_error) {
        (Some(run), _) if run.deleted => warnings.push(format!("the run of v{number} was deleted")),
        (Some(run), _) if run.status != "FINISHED" => {
            warnings.push(format!("the run of v{number} is {}", run.status.to_lowercase()));
        }
        (None, Some(Error::Forbidden { .. })) => {
            warnings.push(format!("the run of v{number} can't be read with this login"));
        }
        (None, Some(_)) => warnings.push(format!("the run of v{number} is gone")),
        _ => {}
    }
    let validation = version.tags.iter().filter(|(key, _)| key.to_lowercase().starts_with("validation"));
    let doubtful =
        validation.filter(|(_, value)| !matches!(value.to_lowercase().as_str(), "passed" | "ok" | "true" | "approved"));
    warnings.extend(doubtful.map(|(key, value)| format!("v{number} is tagged {key} = {value}")));
    match signature::read(api, &version.name, number).await {
        Ok(file) if file.signature.is_empty() => warnings.push(format!("v{number} has no signature")),
        Ok(_) => {}
        Err(Error::Absent { .. }) => warnings.push(format!("v{number} has no MLmodel file, so no signature")),
        Err(error) => warnings.push(format!("the signature of v{number} could not be read: {error}")),
    }
    warnings
}

/// The step that points the alias to `to`, or takes it away. `row` is the version whose row shows it.
fn step(seen: &Seen<'_>, to: Option<&str>, row: &str) -> Step {
    let Seen { name, alias, at } = seen;
    let mut require = vec![alias_is(seen, at.as_deref(), "is still where it was seen")];
    let mut undo_require = vec![alias_is(seen, to, "is still as this left it")];
    require.extend(to.map(|to| is_ready(name, to)));
    undo_require.extend(at.as_deref().map(|at| is_ready(name, at)));
    Step {
        system: SYSTEM,
        op: operation(seen, to),
        shows: vec![Difference {
            object: Ref::new(MODELS, identity::key(name, row)),
            what: what(alias),
            before: json!(at),
            after: json!(to),
        }],
        command: command(seen, to),
        require,
        verify: vec![alias_is(seen, to, "reads back")],
        hold_seconds: 2,
        within_seconds: 30,
        undo: Some(Undo {
            op: operation(seen, at.as_deref()),
            command: command(seen, at.as_deref()),
            require: undo_require,
            verify: vec![alias_is(seen, at.as_deref(), "is back")],
        }),
    }
}

fn what(alias: &str) -> String {
    format!("alias {alias}")
}

fn operation(seen: &Seen<'_>, to: Option<&str>) -> Op {
    let (name, alias) = (seen.name, seen.alias);
    match to {
        Some(version) => {
            Op { name: "set_alias".into(), arguments: json!({"name": name, "alias": alias, "version": version}) }
        }
        None => Op { name: "delete_alias".into(), arguments: json!({"name": name, "alias": alias}) },
    }
}

fn alias_is(seen: &Seen<'_>, at: Option<&str>, words: &str) -> Check {
    let place = at.map_or("unset".into(), |version| format!("v{version}"));
    let arguments = json!({"name": seen.name, "alias": seen.alias});
    Check {
        what: format!("{} {words}: {place}", seen.alias),
        probe: Probe { system: SYSTEM, name: "alias".into(), arguments },
        expect: Expect::Equals(json!(at)),
    }
}

fn is_ready(name: &str, version: &str) -> Check {
    Check {
        what: format!("v{version} is there and ready"),
        probe: Probe { system: SYSTEM, name: "status".into(), arguments: json!({"name": name, "version": version}) },
        expect: Expect::Equals(json!("READY")),
    }
}

/// What a person would type: MLflow's own command line has nothing for aliases.
fn command(seen: &Seen<'_>, to: Option<&str>) -> String {
    let (name, alias) = (json!(seen.name), json!(seen.alias));
    let call = match to {
        Some(version) => format!("set_registered_model_alias({name}, {alias}, {})", json!(version)),
        None => format!("delete_registered_model_alias({name}, {alias})"),
    };
    let program = format!("from mlflow import MlflowClient; MlflowClient().{call}");
    format!("python -c '{}'", program.replace('\'', "'\\''"))
}

fn ask(id: &str, prompt: String, default: &str) -> Planned {
    Planned::Ask(Question { id: id.into(), prompt, default: default.into(), choices: Vec::new() })
}

/// Refuses what the server would refuse: reserved names and characters it does not take.
fn check_alias(alias: &str) -> Result<(), Error> {
    let refused = |why: &str| Err(Error::Refused { why: format!("the alias {}: {why}", clean(alias)) });
    let allowed = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_');
    if alias.is_empty() || alias.len() > 255 || !alias.chars().all(allowed) {
        return refused("letters, digits, - and _, at most 255");
    }
    let lower = alias.to_ascii_lowercase();
    let like_a_version =
        lower.strip_prefix('v').is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()));
    if lower == "latest" || like_a_version { refused("MLflow reserves this name") } else { Ok(()) }
}

/// Sends an operation.
pub(super) async fn apply(api: &Api, permit: &Permit, op: &Op) -> Result<Outputs, Error> {
    let method = match op.name.as_str() {
        "set_alias" => Method::POST,
        "delete_alias" => Method::DELETE,
        other => return Err(Error::Refused { why: format!("MLflow knows no operation {other}") }),
    };
    api.send(permit, method, "registered-models/alias", &op.arguments).await?;
    Ok(Outputs::new())
}

/// Answers a question of a check.
pub(super) async fn observe(api: &Api, probe: &Probe) -> Result<Json, Error> {
    let argument = |key: &str| probe.arguments.get(key).and_then(Json::as_str).unwrap_or_default();
    match probe.name.as_str() {
        "alias" => Ok(json!(api.alias(argument("name"), argument("alias")).await?)),
        "status" => match api.version(argument("name"), argument("version")).await {
            Ok(version) => Ok(json!(version.status)),
            Err(Error::Gone { .. } | Error::Refused { .. }) => Ok(Json::Null),
            Err(error) => Err(error),
        },
        other => Err(Error::Refused { why: format!("MLflow knows no question {other}") }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(before: Json, after: &str, alias: &str) -> Past {
        let difference =
            Difference { object: Ref::new(MODELS, "fraud@1"), what: what(alias), before, after: json!(after) };
        Past { at: DateTime::UNIX_EPOCH, difference }
    }

    #[test]
    fn the_version_before_comes_from_the_last_move_forward() {
        let past =
            [moved(json!(null), "2", "champion"), moved(json!("2"), "4", "champion"), moved(json!("1"), "4", "shadow")];
        assert_eq!(before(&past, "champion", "4").as_deref(), Some("2"));
        assert_eq!(before(&past, "champion", "2"), None);
        // after rolling back 4 → 2, rolling back again does not return to 4
        let back = [moved(json!("2"), "4", "champion"), moved(json!("4"), "2", "champion")];
        assert_eq!(before(&back, "champion", "2"), None);
    }

    #[test]
    fn reserved_and_impossible_aliases_are_refused_before_anything_is_sent() {
        for alias in ["latest", "LATEST", "v1", "V12", "", "not ok!", "a\u{1b}b"] {
            assert!(matches!(check_alias(alias), Err(Error::Refused { .. })), "{alias:?}");
        }
        for alias in ["champion", "v", "v1a", "shadow_2", "latest-1"] {
            assert!(check_alias(alias).is_ok(), "{alias}");
        }
    }

    #[test]
    fn the_command_survives_quotes_in_names() {
        let seen = Seen { name: "o'hara \"x\"", alias: "champion", at: None };
        let expected = r#"python -c 'from mlflow import MlflowClient; MlflowClient().set_registered_model_alias("o'\''hara \"x\"", "champion", "12")'"#;
        assert_eq!(command(&seen, Some("12")), expected);
    }

    #[test]
    fn taking_back_an_alias_that_was_not_there_deletes_it() {
        let step = step(&Seen { name: "fraud", alias: "champion", at: None }, Some("4"), "4");
        assert_eq!(step.op.name, "set_alias");
        let undo = step.undo.unwrap();
        assert_eq!(undo.op.name, "delete_alias");
        assert_eq!(undo.verify.first().unwrap().expect, Expect::Equals(Json::Null));
        assert_eq!(step.shows.first().unwrap().before, Json::Null);
        assert_eq!(step.require.first().unwrap().expect, Expect::Equals(Json::Null));
    }
}
