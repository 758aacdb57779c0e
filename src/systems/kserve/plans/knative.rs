//! Knative mode: `canaryTrafficPercent`, whose meaning depends on what was rolled out before.
//!
//! The controller splits between the newest ready revision and `latestRolledoutRevision`. When the newest gets less
//! than 100 % although it is the one that was rolled out, it steps back to `previousRolledoutRevision`: that is the roll
//! back after a promotion, it works once, and it must not happen by accident.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::model::health::Error;

use super::super::ops::PatchForm;
use super::super::revisions::{component, short_name};
use super::super::wire::Component;
use super::parts::Change;
use super::{Draft, Subject, Verb, asked_percent, refuse};

const FIELD: &str = "/spec/predictor/canaryTrafficPercent";

/// How the revisions of a Knative predictor stand.
struct Standing<'a> {
    subject: &'a Subject,
    /// The newest revision that is ready.
    latest: &'a str,
    /// The one that was last rolled out with all the traffic.
    rolled: &'a str,
    /// The one that was rolled out before it.
    previous: &'a str,
    /// The newest, ready or not.
    created: &'a str,
    /// The percentage in the spec.
    percent: Option<i64>,
}

impl<'a> Standing<'a> {
    fn of(subject: &'a Subject) -> Result<Self, Error> {
        let Some(predictor) = component(&subject.service, "predictor") else {
            return refuse(format!("{} has no revision yet", subject.name()));
        };
        let Component { latest_ready_revision, latest_rolledout_revision, .. } = predictor;
        if latest_ready_revision.is_empty() || latest_rolledout_revision.is_empty() {
            return refuse(format!(
                "{}: no revision has been rolled out yet, so there is nothing to go between",
                subject.name()
            ));
        }
        Ok(Self {
            subject,
            latest: latest_ready_revision,
            rolled: latest_rolledout_revision,
            previous: &predictor.previous_rolledout_revision,
            created: &predictor.latest_created_revision,
            percent: subject.service.spec.predictor.canary_traffic_percent,
        })
    }

    fn short(&self, revision: &str) -> String {
        short_name(&self.subject.service, revision)
    }

    /// Whether a ready revision stands beside the one that was rolled out.
    fn has_canary(&self) -> bool {
        self.latest != self.rolled
    }

    /// Whether the newest revision is not ready.
    fn waits(&self) -> bool {
        self.created != self.latest && !self.created.is_empty()
    }

    /// The shares after the canary gets `percent`.
    fn shares(&self, percent: f64) -> Vec<(String, f64)> {
        vec![(self.rolled.to_owned(), 100.0 - percent), (self.latest.to_owned(), percent)]
    }

    /// The shares in force now.
    fn now(&self) -> Vec<(String, f64)> {
        let of = |revision: &super::super::revisions::Revision| {
            revision.effective.filter(|share| *share > 0.0).map(|share| (revision.name.clone(), share))
        };
        self.subject.revisions.iter().filter_map(of).collect()
    }

    fn change(
        &self,
        to: Option<i64>,
        shares: Vec<(String, f64)>,
        back: (Option<i64>, Vec<(String, f64)>),
    ) -> Change<'a> {
        let pods = shares.iter().filter(|(_, share)| *share > 0.0).map(|(name, _)| {
            // Knative scales an idle revision to nothing, and then that is as it should be
            (self.short(name), format!("serving.knative.dev/revision={name}"), usize::from(self.pods(name) > 0))
        });
        Change {
            subject: self.subject,
            form: PatchForm::Merge,
            patch: patch(to),
            back: (PatchForm::Merge, patch(back.0)),
            shows: vec![("spec.predictor.canaryTrafficPercent".into(), json!(self.percent), json!(to))],
            before: vec![(FIELD.into(), json!(self.percent))],
            after: vec![(FIELD.into(), json!(to))],
            first: true,
            pods: pods.filter(|(_, _, count)| *count > 0).collect(),
            shares,
            shares_back: back.1,
        }
    }

    fn pods(&self, revision: &str) -> usize {
        self.subject.pods.get(revision).copied().unwrap_or(0)
    }

    fn touches(&self, before: &[(String, f64)], after: &[(String, f64)]) -> String {
        let share =
            |of: &[(String, f64)], name: &str| of.iter().find(|(it, _)| it == name).map_or(0.0, |(_, share)| *share);
        let names: std::collections::BTreeSet<&String> = before.iter().chain(after).map(|(name, _)| name).collect();
        let moved: Vec<String> = names
            .into_iter()
            .filter(|name| (share(before, name) - share(after, name)).abs() > 0.5)
            .map(|name| format!("{} {:.0} → {:.0} %", self.short(name), share(before, name), share(after, name)))
            .collect();
        let pods: usize = self.subject.pods.values().sum();
        format!(
            "1 service, {pods} pods: {}",
            if moved.is_empty() { "no traffic moves now".into() } else { moved.join(", ") }
        )
    }
}

fn patch(percent: Option<i64>) -> Json {
    json!({"spec": {"predictor": {"canaryTrafficPercent": percent}}})
}

/// The plan for an InferenceService in Knative mode.
pub(super) fn draft(verb: Verb, subject: &Subject, answers: &BTreeMap<String, String>) -> Result<Draft, Error> {
    let standing = Standing::of(subject)?;
    match verb {
        Verb::Canary => canary(&standing, answers),
        Verb::Promote => promote(&standing),
        Verb::Rollback => rollback(&standing),
    }
}

fn steps(standing: &Standing<'_>, title: String, change: Change<'_>, warnings: Vec<String>) -> Draft {
    let touches = standing.touches(&standing.now(), &change.shares);
    let mut warnings = warnings;
    let parts = [&standing.subject.service.spec.transformer, &standing.subject.service.spec.explainer];
    if parts.into_iter().flatten().next().is_some() {
        warnings.push("its transformer or explainer has a split of its own, which this does not change".into());
    }
    Draft::Steps { title, steps: vec![change.step()], warnings, touches }
}

fn canary(standing: &Standing<'_>, answers: &BTreeMap<String, String>) -> Result<Draft, Error> {
    let name = standing.subject.name();
    if !standing.has_canary() {
        return refuse(if standing.waits() {
            format!(
                "{} is not ready, so no share of the traffic reaches it; {} goes on serving",
                standing.short(standing.created),
                standing.short(standing.rolled)
            )
        } else {
            format!(
                "{name} has no canary: {} was rolled out and is the newest. A canary begins with a new model and \
                 canaryTrafficPercent in one patch; the percentage alone would step back to an older revision",
                standing.short(standing.rolled)
            )
        });
    }
    let short = standing.short(standing.latest);
    let now = standing.percent.unwrap_or(100);
    let percent = match asked_percent(answers, &short, now as f64)? {
        Ok(percent) => i64::from(percent),
        Err(question) => return Ok(Draft::Ask(question)),
    };
    match percent {
        _ if standing.percent == Some(percent) => refuse(format!("{short} is at {percent} % already")),
        0 => rollback(standing),
        100 => promoted(standing),
        _ => {
            let shares = standing.shares(percent as f64);
            let change = standing.change(Some(percent), shares, (standing.percent, standing.now()));
            let title = format!("Give {percent} % of the traffic of {name} to {short}");
            Ok(steps(standing, title, change, Vec::new()))
        }
    }
}

fn promote(standing: &Standing<'_>) -> Result<Draft, Error> {
    let short = standing.short(standing.latest);
    if !standing.has_canary() {
        return refuse(format!("{} has no canary: {short} has all the traffic already", standing.subject.name()));
    }
    if standing.percent == Some(0) {
        return refuse(format!("{short} was rolled back (0 %): give it a share again before it is promoted"));
    }
    promoted(standing)
}

fn promoted(standing: &Standing<'_>) -> Result<Draft, Error> {
    let (name, short) = (standing.subject.name(), standing.short(standing.latest));
    if standing.waits() {
        return refuse(format!(
            "a newer revision, {}, is not ready: without a percentage it would take all the traffic as soon as it is",
            standing.short(standing.created)
        ));
    }
    let shares = vec![(standing.latest.to_owned(), 100.0)];
    // after a promotion 0 steps back to the revision before; the old split can't be had again
    let back = (Some(0), vec![(standing.rolled.to_owned(), 100.0)]);
    let change = standing.change(None, shares, back);
    let warnings = vec![format!(
        "taking it back gives all the traffic to {}, not the split of now",
        standing.short(standing.rolled)
    )];
    Ok(steps(standing, format!("Promote {short} of {name}"), change, warnings))
}

fn rollback(standing: &Standing<'_>) -> Result<Draft, Error> {
    let name = standing.subject.name();
    let (latest, rolled) = (standing.short(standing.latest), standing.short(standing.rolled));
    if standing.has_canary() {
        if standing.percent == Some(0) {
            return refuse(format!(
                "{latest} is rolled back already: it gets 0 %, {rolled} gets everything. Clearing the percentage would \
                 send everything to {latest} again; deploy another model instead"
            ));
        }
        let shares = vec![(standing.rolled.to_owned(), 100.0), (standing.latest.to_owned(), 0.0)];
        let change = standing.change(Some(0), shares, (standing.percent, standing.now()));
        return Ok(steps(
            standing,
            format!("Roll back the canary of {name}: {rolled} gets everything"),
            change,
            Vec::new(),
        ));
    }
    if standing.waits() {
        return refuse(format!(
            "{} never got ready and gets no traffic: {rolled} serves everything. To get rid of it, restore the old \
             model in the spec",
            standing.short(standing.created)
        ));
    }
    if standing.previous.is_empty() || standing.previous == standing.rolled {
        return refuse(format!("no revision was rolled out before {rolled}: there is nothing to go back to"));
    }
    let previous = standing.short(standing.previous);
    let shares = vec![(standing.previous.to_owned(), 100.0), (standing.latest.to_owned(), 0.0)];
    let change = standing.change(Some(0), shares, (standing.percent, vec![(standing.latest.to_owned(), 100.0)]));
    let warnings = vec![format!("KServe goes back one step only: after it {previous} has no revision behind it")];
    Ok(steps(standing, format!("Roll back {name} from {latest} to {previous}"), change, warnings))
}
