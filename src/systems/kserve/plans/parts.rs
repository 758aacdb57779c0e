//! The parts of which plans are made: operations, checks and commands.

use serde_json::{Value as Json, json};

use crate::model::id::SystemId;
use crate::model::plan::{Check, Difference, Expect, Op, Probe, Step, Undo};
use crate::model::text::clean;

use super::super::KSERVE;
use super::super::ops::{Expected, Patch, PatchForm, normal};
use super::Subject;

/// What is known to be true before and after a patch.
pub(super) struct Change<'a> {
    /// What is changed.
    pub(super) subject: &'a Subject,
    /// The patch.
    pub(super) form: PatchForm,
    pub(super) patch: Json,
    /// The patch that takes it back.
    pub(super) back: (PatchForm, Json),
    /// What is shown: the field, its value before and after.
    pub(super) shows: Vec<(String, Json, Json)>,
    /// What has to stand where (JSON pointers) when the patch is sent.
    pub(super) before: Vec<(String, Json)>,
    /// What stands where after it: the patch that takes it back relies on that.
    pub(super) after: Vec<(String, Json)>,
    /// Whether the object's generation has to be the one that was seen: not so for a later step of a plan.
    pub(super) first: bool,
    /// The shares in force after it, by revision; empty where nothing is expected of the traffic.
    pub(super) shares: Vec<(String, f64)>,
    /// The shares in force after it was taken back.
    pub(super) shares_back: Vec<(String, f64)>,
    /// The pods that have to be ready after it: revision, selector, how many.
    pub(super) pods: Vec<(String, String, usize)>,
}

impl Change<'_> {
    /// The step.
    pub(super) fn step(self) -> Step {
        let undo_patch = self.operation(self.back.0, &self.back.1, &self.after, false);
        let patch = self.operation(self.form, &self.patch, &self.before, self.first);
        let mut require = vec![self.permitted(), self.unchanged()];
        if self.first {
            require.push(accepted(&patch));
        }
        Step {
            system: SystemId(KSERVE),
            shows: self.shown(),
            command: self.command(self.form, &self.patch),
            op: op(&patch),
            require,
            verify: self.verify(&self.shares, true),
            hold_seconds: 10,
            within_seconds: 300,
            undo: Some(Undo {
                op: op(&undo_patch),
                command: self.command(self.back.0, &self.back.1),
                require: vec![self.permitted(), self.as_left(), accepted(&undo_patch)],
                verify: self.verify(&self.shares_back, false),
            }),
        }
    }

    fn operation(&self, form: PatchForm, patch: &Json, fields: &[(String, Json)], generation: bool) -> Patch {
        let metadata = &self.subject.service.metadata;
        Patch {
            namespace: metadata.namespace.to_string(),
            name: metadata.name.to_string(),
            form,
            body: patch.clone(),
            expected: Expected {
                uid: metadata.uid.to_string(),
                generation: generation.then_some(metadata.generation),
                fields: fields.iter().cloned().collect(),
            },
        }
    }

    fn shown(&self) -> Vec<Difference> {
        let show = |(what, before, after): &(String, Json, Json)| Difference {
            object: self.subject.object(),
            what: what.clone(),
            before: before.clone(),
            after: after.clone(),
        };
        self.shows.iter().map(show).collect()
    }

    /// What a person would type.
    fn command(&self, form: PatchForm, patch: &Json) -> String {
        let kind = match form {
            PatchForm::Merge => "merge",
            PatchForm::Json => "json",
        };
        let quoted = clean(&patch.to_string()).replace('\'', r"'\''");
        format!(
            "kubectl -n {} patch isvc {} --type {kind} -p '{quoted}'",
            self.subject.namespace(),
            self.subject.name()
        )
    }

    fn permitted(&self) -> Check {
        Check {
            what: format!("you may patch inferenceservices in {}", self.subject.namespace()),
            probe: probe("can", json!({"namespace": self.subject.namespace(), "name": self.subject.name()})),
            expect: Expect::Equals(json!("yes")),
        }
    }

    fn unchanged(&self) -> Check {
        let metadata = &self.subject.service.metadata;
        let mode = self.subject.mode.word();
        let mut expected = json!({"uid": &*metadata.uid, "mode": mode, "fields": map(&self.before)});
        if let (true, Some(expected)) = (self.first, expected.as_object_mut()) {
            expected.insert("generation".into(), metadata.generation.into());
        }
        let what = if self.first {
            format!("nobody changed it since {}, and it still obeys {mode} mode", self.subject.at.format("%H:%M:%S"))
        } else {
            "it is as the step before left it".to_owned()
        };
        Check { what, probe: self.object(&self.before), expect: Expect::Equals(expected) }
    }

    fn as_left(&self) -> Check {
        let uid = &*self.subject.service.metadata.uid;
        Check {
            what: "it is still as this step left it".into(),
            probe: self.object(&self.after),
            expect: Expect::Equals(json!({"uid": uid, "fields": map(&self.after)})),
        }
    }

    fn object(&self, fields: &[(String, Json)]) -> Probe {
        let paths: Vec<&String> = fields.iter().map(|(path, _)| path).collect();
        probe("object", json!({"namespace": self.subject.namespace(), "name": self.subject.name(), "fields": paths}))
    }

    fn verify(&self, shares: &[(String, f64)], with_pods: bool) -> Vec<Check> {
        let place = |mut more: Json| {
            if let Some(more) = more.as_object_mut() {
                more.insert("namespace".into(), self.subject.namespace().into());
                more.insert("name".into(), self.subject.name().into());
            }
            more
        };
        let mut checks = vec![Check {
            what: format!("{} is ready", self.subject.name()),
            probe: probe("ready", place(json!({}))),
            expect: Expect::Equals(json!("yes")),
        }];
        if !shares.is_empty() {
            let names: Vec<&str> = shares.iter().map(|(name, _)| name.as_str()).collect();
            let said: Vec<String> = shares.iter().map(|(name, share)| format!("{name} gets {share:.0} %")).collect();
            checks.push(Check {
                what: said.join(", "),
                probe: probe("traffic", place(json!({"revisions": names}))),
                expect: Expect::Equals(shares.iter().map(|(name, share)| (name.clone(), json!(share))).collect()),
            });
        }
        for (revision, selector, count) in self.pods.iter().filter(|_| with_pods) {
            checks.push(Check {
                what: format!("{count} of its pods {} ready: {revision}", if *count == 1 { "is" } else { "are" }),
                probe: probe("pods", place(json!({"selector": selector}))),
                expect: Expect::AtLeast(*count as f64),
            });
        }
        checks
    }
}

fn map(fields: &[(String, Json)]) -> Json {
    fields.iter().map(|(path, value)| (path.clone(), normal(value.clone()))).collect()
}

/// The admission of a patch, tried without effect.
fn accepted(patch: &Patch) -> Check {
    Check {
        what: "admission accepts it".into(),
        probe: probe("admission", patch.arguments()),
        expect: Expect::Equals(json!("accepted")),
    }
}

fn op(patch: &Patch) -> Op {
    Op { name: "patch".into(), arguments: patch.arguments() }
}

fn probe(name: &str, arguments: Json) -> Probe {
    Probe { system: SystemId(KSERVE), name: name.into(), arguments }
}
