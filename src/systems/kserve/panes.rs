//! What KServe offers to the screen: panes, views, and the verbs with what they need.

use crate::model::health::{Health, Reason};
use crate::model::id::{PaneId, SystemId, ViewId};
use crate::model::record::{Fold, Head, Join, Record, Row, Way};
use crate::model::value::Value;
use crate::model::verb::{Kind as Drawn, Pane, Rights, Risk, Section, Verb, View};

use super::detail::{PodRow, RevisionRow, heads_of_conditions};
use super::rows::{ENDPOINTS, Endpoint, Kind, at};
use super::{CONDITIONS, FACTS, KSERVE, PATCH, PODS, REVISIONS};

const DETAIL: ViewId = ViewId("endpoint");

/// The view of the tab.
const TAB: View = View {
    id: ViewId("endpoints"),
    title: "Endpoints",
    key: Some('7'),
    sections: &[Section { pane: ENDPOINTS, kind: Drawn::Table, weight: 1 }],
};

/// The view of one endpoint.
const OPENED: View = View {
    id: DETAIL,
    title: "Endpoint",
    key: None,
    sections: &[
        Section { pane: FACTS, kind: Drawn::Facts, weight: 0 },
        Section { pane: REVISIONS, kind: Drawn::Table, weight: 0 },
        Section { pane: CONDITIONS, kind: Drawn::Table, weight: 0 },
        Section { pane: PODS, kind: Drawn::Table, weight: 2 },
        // the cluster's own, by reference
        Section { pane: PaneId("events"), kind: Drawn::Table, weight: 2 },
    ],
};

/// The views.
pub(super) static VIEWS: [View; 2] = [TAB, OPENED];

/// The panes.
pub(super) static PANES: [Pane; 5] = [
    Pane {
        id: ENDPOINTS,
        system: SystemId(KSERVE),
        title: "Endpoints",
        noun: "endpoint",
        heads: Endpoint::heads,
        joins: joins_of_endpoints,
        verbs: &VERBS,
        detail: Some(DETAIL),
        sort: Some(("ready", false)),
        standing: true,
    },
    opened(FACTS, "Facts", "fact", crate::model::facts::heads),
    Pane { joins: joins_of_revisions, ..opened(REVISIONS, "Revisions", "revision", RevisionRow::heads) },
    Pane { sort: Some(("state", false)), ..opened(CONDITIONS, "Conditions", "condition", heads_of_conditions) },
    opened(PODS, "Pods", "pod", PodRow::heads),
];

fn no_joins() -> Vec<Join> {
    Vec::new()
}

/// What endpoints or revisions get, by their keys in the pane of metrics, and the aliases of the model that they serve.
fn joins(metrics: PaneId) -> Vec<Join> {
    let measured = |id: &'static str, title, max, tier| Join {
        head: Head::number(id, title, max).tier(tier),
        pane: metrics,
        column: id,
        way: Way::Forward,
    };
    vec![
        measured("rps", "rps", 16, 2),
        measured("p99", "p99", 16, 2),
        measured("errors", "errors", 16, 1),
        Join {
            head: Head::text("aliases", "aliases", 24)
                .tier(3)
                .help("the aliases of the model's version in the registry"),
            pane: PaneId("models"),
            column: "aliases",
            way: Way::Forward,
        },
    ]
}

/// Of its errors an endpoint shows those of its worst revision: a canary's tenth must not hide behind the rest.
fn joins_of_endpoints() -> Vec<Join> {
    let mut joins = joins(PaneId("endpoint_metrics"));
    for join in joins.iter_mut().filter(|join| join.column == "errors") {
        join.pane = PaneId("revision_metrics");
        join.way = Way::Backward(Fold::Max);
        join.head =
            Head::number("errors", "errors", 16).tier(1).help("the share of requests that its worst revision fails");
    }
    joins
}

fn joins_of_revisions() -> Vec<Join> {
    joins(PaneId("revision_metrics"))
}

const fn opened(
    id: PaneId,
    title: &'static str,
    noun: &'static str,
    heads: fn() -> std::sync::Arc<[crate::model::record::Head]>,
) -> Pane {
    Pane {
        id,
        system: SystemId(KSERVE),
        title,
        noun,
        heads,
        joins: no_joins,
        verbs: &[],
        detail: None,
        sort: None,
        standing: false,
    }
}

/// What can be done to an endpoint.
static VERBS: [Verb; 3] = [
    Verb {
        id: "promote",
        label: "promote",
        help: "makes the canary the stable revision, with all the traffic",
        keys: &["p"],
        risk: Risk::Medium,
        ready: can_promote,
    },
    Verb {
        id: "rollback",
        label: "roll back",
        help: "takes the canary's traffic away, or goes back to what was rolled out before",
        keys: &["b"],
        risk: Risk::Medium,
        ready: can_roll_back,
    },
    Verb {
        id: "canary",
        label: "canary",
        help: "gives the canary another share of the traffic",
        keys: &["c"],
        risk: Risk::Medium,
        ready: has_canary,
    },
];

fn words(row: &Row, at: usize) -> &str {
    match row.cell(at) {
        Value::Text(text) => text,
        Value::Pair(pair) => match &pair.0 {
            Value::Text(text) => text,
            _ => "",
        },
        _ => "",
    }
}

/// What all verbs need.
fn ready(row: &Row, rights: &Rights) -> Result<(), Reason> {
    rights.check(PATCH)?;
    let refuse = |why: &str| Err(Reason(why.to_owned()));
    let kind = words(row, at::KIND);
    if kind == Kind::Graph.word() {
        return refuse("the weights of an InferenceGraph belong to its spec");
    }
    if kind == Kind::Llm.word() {
        return refuse("an LLMInferenceService has no canary of its own");
    }
    if row.cell(at::READY).health() == Some(Health::Idle) {
        return refuse("it is stopped: there is no traffic to move");
    }
    if !row.cell(at::HELD).is_none() {
        return refuse("its controller ignores changes (disable-auto-update)");
    }
    if words(row, at::MODE) == "ModelMesh" {
        return refuse("ModelMesh splits no traffic between revisions");
    }
    Ok(())
}

fn has_canary(row: &Row, rights: &Rights) -> Result<(), Reason> {
    ready(row, rights)?;
    if row.cell(at::CANARY).is_none() {
        let standard = words(row, at::MODE) == "Standard";
        let how =
            if standard { "an entry in spec.canary" } else { "a new model and canaryTrafficPercent in one patch" };
        return Err(Reason(format!("it has no canary; one begins with {how}")));
    }
    Ok(())
}

fn can_promote(row: &Row, rights: &Rights) -> Result<(), Reason> {
    has_canary(row, rights)?;
    if words(row, at::MODE) == "Knative" && row.cell(at::CANARY).number() == Some(0.0) {
        return Err(Reason("its canary was rolled back: give it a share again first".into()));
    }
    Ok(())
}

fn can_roll_back(row: &Row, rights: &Rights) -> Result<(), Reason> {
    ready(row, rights)?;
    let knative = words(row, at::MODE) == "Knative";
    match (row.cell(at::CANARY).number(), knative) {
        (Some(0.0), true) => Err(Reason("its canary is rolled back already".into())),
        (None, true) if row.cell(at::PREVIOUS).is_none() => {
            Err(Reason("no revision was rolled out before this one".into()))
        }
        (Some(_), _) | (None, true) => Ok(()),
        (None, false) => {
            Err(Reason("Standard mode keeps no earlier revision: restore the old model in the spec".into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::endpoint;
    use super::*;

    #[test]
    fn a_verb_that_can_do_nothing_says_why() {
        let ready = endpoint("state-ready", Some("state-ready-httproutes")).row();
        let why = |check: fn(&Row, &Rights) -> Result<(), Reason>| check(&ready, &Rights::default()).unwrap_err().0;
        assert!(why(has_canary).contains("spec.canary"));
        assert!(why(can_roll_back).contains("keeps no earlier revision"));
        let canary = endpoint("master-canary-1-isvc", Some("master-canary-1-httproutes")).row();
        assert!(VERBS.iter().all(|verb| (verb.ready)(&canary, &Rights::default()).is_ok()));
        let held = endpoint("state-auto-update-disabled", None).row();
        assert!(can_roll_back(&held, &Rights::default()).unwrap_err().0.contains("disable-auto-update"));
    }

    #[test]
    fn without_the_right_no_verb_is_on() {
        let mut rights = Rights::default();
        rights.set(PATCH, Err(String::new()));
        let canary = endpoint("master-canary-1-isvc", Some("master-canary-1-httproutes")).row();
        assert!(VERBS.iter().all(|verb| (verb.ready)(&canary, &rights).is_err()));
    }

    #[test]
    fn a_knative_canary_at_nothing_can_get_a_share_but_not_be_promoted() {
        let mut service = super::super::tests::knative();
        service["spec"]["predictor"]["canaryTrafficPercent"] = 0.into();
        let board = super::super::tests::board(&service, None, None);
        let row = board.record(&super::super::tests::key(&service), super::super::tests::later()).unwrap().row();
        assert!(has_canary(&row, &Rights::default()).is_ok());
        assert!(can_promote(&row, &Rights::default()).is_err());
        assert!(can_roll_back(&row, &Rights::default()).is_err());
    }
}
