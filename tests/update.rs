//! What each event does to the state, and which effects it wants: over a made-up pane, without any outside.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may fail like tests")]

use std::sync::Arc;

use chrono::{DateTime, TimeDelta};
use quarterdeck::actions::{Guard, Policy};
use quarterdeck::app::bench::{Bench, Saved};
use quarterdeck::app::catalogue::Catalogue;
use quarterdeck::app::confirm::{Confirm, Focus, Stage};
use quarterdeck::app::effect::{Effect, Effects};
use quarterdeck::app::event::{BenchReply, Event, Reply, Size};
use quarterdeck::app::keymap::Keymap;
use quarterdeck::app::state::{Header, Mode, State};
use quarterdeck::app::update::{start, update};
use quarterdeck::config::Predictions;
use quarterdeck::model::health::{Error, Reason};
use quarterdeck::model::id::{Key, PaneId, Ref, SystemId, Ticket, ViewId};
use quarterdeck::model::input::Input;
use quarterdeck::model::plan::{Check, Difference, Expect, Op, Outcome, Plan, Planned, Probe, Progress, Step, Target};
use quarterdeck::model::prediction::{Ask, Wanted};
use quarterdeck::model::record::{Batch, Head, Row};
use quarterdeck::model::serving::Serving;
use quarterdeck::model::transition::Source;
use quarterdeck::model::value::Value;
use quarterdeck::model::verb::{Kind, Pane, Rights, Risk, Section, Verb, View};
use quarterdeck::systems::Line;
use serde_json::Value as Json;

const SHIPYARD: SystemId = SystemId("shipyard");
const BOATS: PaneId = PaneId("boats");
const CREW: PaneId = PaneId("crew");
const YAML: PaneId = PaneId("yaml");
const BOATS_VIEW: ViewId = ViewId("boats");
const BOAT_VIEW: ViewId = ViewId("boat");
const CREW_VIEW: ViewId = ViewId("crew");

const VERBS: &[Verb] = &[Verb {
    id: "launch",
    label: "launch",
    help: "puts it into the water",
    keys: &["b"],
    risk: Risk::Medium,
    ready: afloat,
}];

fn afloat(row: &Row, _: &Rights) -> Result<(), Reason> {
    if row.cell(0) == &Value::text("sunk") { Err(Reason("a sunk boat can't be launched".into())) } else { Ok(()) }
}

const fn pane(id: PaneId, noun: &'static str, standing: bool) -> Pane {
    Pane {
        id,
        system: SHIPYARD,
        title: "Things",
        noun,
        heads,
        joins: Vec::new,
        verbs: &[],
        detail: None,
        sort: None,
        standing,
    }
}

const PANES: &[Pane] = &[
    Pane { verbs: VERBS, detail: Some(BOAT_VIEW), ..pane(BOATS, "endpoint", true) },
    pane(CREW, "sailor", false),
    pane(YAML, "line", false),
];

const VIEWS: &[View] = &[
    View {
        id: BOATS_VIEW,
        title: "Boats",
        key: Some('7'),
        sections: &[Section { pane: BOATS, kind: Kind::Table, weight: 1 }],
    },
    View { id: BOAT_VIEW, title: "Boat", key: None, sections: &[Section { pane: CREW, kind: Kind::Table, weight: 1 }] },
    View {
        id: CREW_VIEW,
        title: "Fleet",
        key: Some('8'),
        sections: &[Section { pane: BOATS, kind: Kind::Table, weight: 1 }],
    },
];

fn heads() -> Arc<[Head]> {
    Arc::new([Head::text("state", "state", 12), Head::text("name", "name", 20)])
}

fn row(name: &str, state: &str) -> Arc<Row> {
    Arc::new(Row { key: Key::new(name), cells: Box::new([Value::text(state), Value::text(name)]), refs: Box::new([]) })
}

fn policy() -> Policy {
    Policy {
        profile: "harbour".into(),
        production: false,
        read_only: false,
        armed_for: TimeDelta::minutes(15),
        predictions: Predictions::Allow,
    }
}

fn plan(name: &str) -> Plan {
    let check = Check {
        what: "the tide is high".into(),
        probe: Probe { system: SHIPYARD, name: "tide".into(), arguments: Json::Null },
        expect: Expect::Equals(Json::Bool(true)),
    };
    let step = Step {
        system: SHIPYARD,
        op: Op { name: "launch".into(), arguments: Json::Null },
        shows: vec![],
        command: format!("launch {name}"),
        require: vec![check],
        verify: vec![],
        hold_seconds: 0,
        within_seconds: 0,
        undo: None,
    };
    Plan {
        id: String::new(),
        verb: "launch".into(),
        title: format!("Launch {name}"),
        name: name.into(),
        risk: Risk::Medium,
        targets: vec![],
        steps: vec![step],
        warnings: vec![],
        touches: vec![],
    }
}

/// A console in the middle of its work.
struct Desk {
    state: State,
    effects: Effects,
}

impl Desk {
    /// Three boats: `amity`, `bounty`, and `vasa`, which has sunk.
    fn new(policy: Policy) -> Self {
        let catalogue = Arc::new(Catalogue::new(&[], PANES, VIEWS));
        let keymap = Arc::new(Keymap::load(None).unwrap());
        let size = Size { columns: 100, rows: 30 };
        let now = DateTime::UNIX_EPOCH;
        let state = State::new(catalogue, keymap, Guard::new(policy), Header::default(), (now, size));
        let mut desk = Self { state, effects: Effects::new() };
        desk.effects = start(&mut desk.state, None);
        desk.feed(vec![row("amity", "well"), row("bounty", "well"), row("vasa", "sunk")]);
        desk
    }

    fn usual() -> Self {
        Self::new(policy())
    }

    /// What this event does; its effects are the ones that are looked at from now on.
    fn on(&mut self, event: Event) -> &mut Self {
        self.effects = update(&mut self.state, event);
        self
    }

    fn feed(&mut self, rows: Vec<Arc<Row>>) -> &mut Self {
        self.on(Event::Fed(Source::Pane(BOATS), Batch { rows, complete: true, ..Batch::default() }))
    }

    fn gone(&mut self, name: &str) -> &mut Self {
        let removed = vec![Key::new(name)];
        self.on(Event::Fed(Source::Pane(BOATS), Batch { removed, ..Batch::default() }))
    }

    /// Keys with spaces between, each by itself; the effects of all of them.
    fn keys(&mut self, keys: &str) -> &mut Self {
        let mut effects = Effects::new();
        for key in keys.split(' ') {
            self.on(Event::Input(vec![Input::Key(key.parse().unwrap())]));
            effects.append(&mut self.effects);
        }
        self.effects = effects;
        self
    }

    fn reply(&mut self, ticket: Ticket, body: Reply) -> &mut Self {
        self.on(Event::Reply { ticket, body })
    }

    /// What is taken from the first effect that has it.
    fn first<T>(&self, otherwise: &str, take: impl FnMut(&Effect) -> Option<T>) -> T {
        let found = self.effects.iter().find_map(take);
        found.unwrap_or_else(|| panic!("{otherwise}: {:?}", self.effects))
    }

    /// The ticket of the last plan that was asked for, with its object.
    fn planned(&self) -> (Ticket, String) {
        let found = self.effects.iter().rev().find_map(|effect| match effect {
            Effect::Plan { request, ticket, .. } => {
                request.targets.first().map(|target| (*ticket, target.key.as_str().to_owned()))
            }
            _ => None,
        });
        found.unwrap_or_else(|| panic!("no plan was asked for: {:?}", self.effects))
    }

    fn checking(&self) -> Ticket {
        self.first("nothing is checked", |effect| match effect {
            Effect::Check { ticket, .. } => Some(*ticket),
            _ => None,
        })
    }

    /// Opens the dialog for the row under the cursor, with its plan; gives the ticket of its checks.
    fn shown(&mut self) -> Ticket {
        self.keys("b");
        let (ticket, name) = self.planned();
        self.reply(ticket, Reply::Planned(Ok(Planned::Plan(Box::new(plan(&name))))));
        self.checking()
    }

    fn hold(&mut self, ticket: Ticket) -> &mut Self {
        self.reply(ticket, Reply::Checked(vec![vec![Ok(true)]]))
    }

    fn applied(&self) -> bool {
        self.effects.iter().any(|effect| matches!(effect, Effect::Apply { .. }))
    }

    fn dialog(&self) -> &Confirm {
        match self.state.modes.last() {
            Some(Mode::Confirm(confirm)) => confirm,
            other => panic!("no dialog is open, but {other:?}"),
        }
    }

    fn bench(&self) -> &Bench {
        match self.state.modes.last() {
            Some(Mode::Bench(bench)) => bench,
            other => panic!("no bench is open, but {other:?}"),
        }
    }

    /// The ticket of the bench that was opened.
    fn asked(&self) -> Ticket {
        self.first("no bench was opened", |effect| match effect {
            Effect::Bench { ticket, .. } => Some(*ticket),
            _ => None,
        })
    }

    /// What was sent as test predictions.
    fn sent(&self) -> Vec<&Ask> {
        let mut sent = Vec::new();
        for effect in &self.effects {
            if let Effect::Predict { ask, .. } = effect {
                sent.push(&**ask);
            }
        }
        sent
    }

    fn message(&self) -> &str {
        self.state.message.as_ref().map_or("", |message| &message.text)
    }

    fn opened(&self) -> Ticket {
        self.first("nothing is opened", |effect| match effect {
            Effect::Open { ticket, .. } => Some(*ticket),
            _ => None,
        })
    }

    /// The row under the cursor.
    fn cursor(&self) -> &str {
        let table = self.state.place().and_then(|place| place.focused()).and_then(|section| section.table());
        table.and_then(|table| table.cursor()).map_or("", |key| key.as_str())
    }

    fn here(&self) -> Vec<&str> {
        self.state.stack().iter().map(|place| place.title.as_str()).collect()
    }
}

#[test]
fn the_start_looks_at_the_first_view_and_for_plans_that_were_left_unfinished() {
    let catalogue = Arc::new(Catalogue::new(&[], PANES, VIEWS));
    let keymap = Arc::new(Keymap::load(None).unwrap());
    let at = (DateTime::UNIX_EPOCH, Size::default());
    let mut state = State::new(catalogue, keymap, Guard::new(policy()), Header::default(), at);
    let effects = start(&mut state, None);
    assert!(matches!(&effects[..], [Effect::Focus(panes), Effect::Unfinished(_)] if panes == &[BOATS]), "{effects:?}");
}

#[test]
fn enter_opens_the_object_and_leaving_closes_what_was_opened_for_it() {
    let mut desk = Desk::usual();
    desk.keys("enter");
    let ticket = desk.opened();
    assert!(desk.effects.contains(&Effect::Focus(vec![BOATS, CREW])), "{:?}", desk.effects);
    desk.keys("esc");
    assert_eq!(desk.effects, [Effect::Close(ticket), Effect::Focus(vec![BOATS])]);
}

#[test]
fn lines_of_a_text_that_was_left_are_dropped() {
    let mut desk = Desk::usual();
    desk.keys("y");
    let left = desk.opened();
    desk.keys("esc y");
    let now = desk.opened();
    assert_ne!(left, now);
    let line = |text: &str| vec![Line { at: None, text: text.into(), notice: false }];
    desk.on(Event::Lines(left, line("old"))).on(Event::Lines(now, line("new"))).on(Event::LinesEnded(left));
    let place = desk.state.place_mut().unwrap();
    let lines = place.focused_mut().unwrap().lines_mut().unwrap();
    assert_eq!((lines.len(), lines.ended), (1, false), "only its own lines, and it goes on");
}

#[test]
fn an_answer_that_nobody_waits_for_changes_nothing() {
    let mut desk = Desk::usual();
    desk.reply(Ticket(999), Reply::Said(Ok("said to nobody".into())));
    assert_eq!((desk.message(), desk.effects.len()), ("", 0));
}

#[test]
fn a_plan_runs_only_once_it_is_checked_and_confirmed() {
    let mut desk = Desk::usual();
    let ticket = desk.shown();
    desk.keys("tab enter");
    assert!(!desk.applied(), "what it requires was not looked at yet");
    desk.keys("b");
    let mut desk = Desk::usual();
    let again = desk.shown();
    assert_eq!(again, ticket);
    desk.hold(again).keys("tab enter");
    let applied: Vec<&Effect> = desk.effects.iter().filter(|effect| matches!(effect, Effect::Apply { .. })).collect();
    let [Effect::Apply { permit, plan }] = applied[..] else { panic!("{:?}", desk.effects) };
    assert_eq!((permit.plan(), plan.name.as_str()), (plan.id.as_str(), "amity"));
}

#[test]
fn enter_alone_leaves_a_plan_and_so_do_esc_and_ctrl_c() {
    for key in ["enter", "esc", "ctrl-c"] {
        let mut desk = Desk::usual();
        let ticket = desk.shown();
        desk.hold(ticket).keys(key);
        assert!(!desk.applied() && desk.state.modes.is_empty() && !desk.state.quitting, "{key}");
    }
}

#[test]
fn a_check_that_does_not_hold_or_that_failed_keeps_it_from_running() {
    for result in [Ok(false), Err(Error::Unreachable { what: "the tide table".into(), why: "closed".into() })] {
        let mut desk = Desk::usual();
        let ticket = desk.shown();
        desk.reply(ticket, Reply::Checked(vec![vec![result]])).keys("tab enter tab enter");
        assert!(!desk.applied());
    }
}

#[test]
fn the_checks_of_a_plan_that_was_left_do_not_count_for_the_next_one() {
    let mut desk = Desk::usual();
    let of_amity = desk.shown();
    desk.keys("esc j");
    let of_bounty = desk.shown();
    desk.hold(of_amity).keys("tab enter");
    assert!(!desk.applied(), "bounty's own checks have not come");
    // that Enter has left the dialog
    assert!(desk.state.modes.is_empty());
    let again = desk.shown();
    desk.hold(of_bounty).hold(again).keys("tab enter");
    assert!(desk.applied());
}

#[test]
fn checks_that_come_late_leave_the_focus_where_something_is_typed() {
    let mut desk = Desk::new(Policy { production: true, ..policy() });
    desk.keys("A h a r b o u r enter");
    let ticket = desk.shown();
    desk.keys("w h y enter a m");
    assert_eq!(desk.dialog().focus, Focus::Name);
    desk.hold(ticket).keys("i t y");
    let dialog = desk.dialog();
    assert_eq!((dialog.reason.text(), dialog.name.text()), ("why", "amity"));
}

#[test]
fn the_plan_of_a_dialog_that_was_left_is_not_shown_in_the_next_one() {
    let mut desk = Desk::usual();
    desk.keys("b");
    let (first, _) = desk.planned();
    desk.keys("esc b");
    let (second, _) = desk.planned();
    let answer = || Reply::Planned(Ok(Planned::Plan(Box::new(plan("amity")))));
    desk.reply(first, answer());
    assert!(matches!(desk.dialog().stage, Stage::Planning), "{:?}", desk.dialog().stage);
    desk.reply(second, answer());
    let checks = desk.checking();
    desk.hold(checks).keys("tab enter");
    assert!(desk.applied());
    assert!(matches!(desk.dialog().stage, Stage::Running), "{:?}", desk.dialog().stage);
}

#[test]
fn fewer_results_than_the_plan_has_checks_do_not_let_it_run() {
    for results in [vec![], vec![vec![]]] {
        let mut desk = Desk::usual();
        let ticket = desk.shown();
        desk.reply(ticket, Reply::Checked(results)).keys("tab enter");
        assert!(!desk.applied());
    }
}

#[test]
fn one_plan_at_a_time_and_the_one_that_runs_can_be_stopped() {
    let mut desk = Desk::usual();
    let ticket = desk.shown();
    desk.hold(ticket).keys("tab enter").keys("ctrl-x");
    assert_eq!(desk.effects, [Effect::StopAfterStep]);
    desk.keys("esc j");
    let ticket = desk.shown();
    desk.hold(ticket).keys("tab enter");
    assert!(!desk.applied() && desk.message().contains("another plan is running"), "{}", desk.message());
    desk.on(Event::Progress(Progress::Ended { outcome: Outcome::Stopped, undo: None })).keys("enter");
    assert!(desk.applied());
}

#[test]
fn when_a_plan_has_ended_its_panes_and_rights_are_asked_again_at_once() {
    let mut desk = Desk::usual();
    desk.keys("b");
    let (ticket, name) = desk.planned();
    let mut plan = plan(&name);
    plan.targets.push(Target { object: Ref::new(CREW, "jim"), title: "jim".into(), seen: None });
    let shown = Difference { object: Ref::new(YAML, "1"), what: "place".into(), before: Json::Null, after: Json::Null };
    plan.steps.iter_mut().for_each(|step| step.shows.push(shown.clone()));
    desk.reply(ticket, Reply::Planned(Ok(Planned::Plan(Box::new(plan)))));
    let checks = desk.checking();
    desk.hold(checks).keys("tab enter").on(Event::Progress(Progress::Step { at: 0, outcome: Outcome::Done }));
    assert_eq!(desk.effects, [], "it has not ended yet");
    for outcome in [Outcome::Done, Outcome::Refused { why: "no right to".into() }] {
        desk.on(Event::Progress(Progress::Ended { outcome, undo: None }));
        assert_eq!(desk.effects, [Effect::Refresh(vec![BOATS, CREW, YAML]), Effect::Rights(vec![SHIPYARD])]);
    }
}

#[test]
fn when_a_plan_has_ended_what_is_opened_is_asked_again_with_its_row() {
    let mut desk = Desk::usual();
    desk.keys("enter");
    let checks = desk.shown();
    desk.hold(checks).keys("tab enter");
    desk.on(Event::Progress(Progress::Ended { outcome: Outcome::Done, undo: None }));
    assert_eq!(desk.effects[0], Effect::Refresh(vec![BOATS, CREW]));
}

#[test]
fn quitting_while_a_plan_runs_stops_it_between_two_steps_first() {
    let mut desk = Desk::usual();
    let ticket = desk.shown();
    desk.hold(ticket).keys("tab enter esc").keys("q");
    assert_eq!(desk.effects, [Effect::StopAfterStep]);
    assert!(!desk.state.quitting);
    desk.keys("ctrl-c");
    assert_eq!(desk.effects, [Effect::Quit]);
}

#[test]
fn a_row_that_is_gone_takes_no_verb_and_neither_does_its_neighbour() {
    let mut desk = Desk::usual();
    desk.gone("amity").keys("b");
    assert!(desk.state.modes.is_empty() && desk.effects.is_empty(), "{:?}", desk.effects);
    assert!(!desk.message().is_empty());
    desk.keys("k b");
    assert_eq!(desk.planned().1, "bounty");
}

#[test]
fn a_verb_that_is_off_says_why_and_asks_nothing() {
    let mut desk = Desk::usual();
    desk.keys("G b");
    assert!(desk.effects.is_empty() && desk.message().contains("a sunk boat can't be launched"), "{}", desk.message());
}

#[test]
fn a_read_only_profile_never_runs_a_plan() {
    let mut desk = Desk::new(Policy { read_only: true, ..policy() });
    let ticket = desk.shown();
    desk.hold(ticket).keys("tab enter");
    assert!(!desk.applied());
}

#[test]
fn arming_that_has_run_out_while_the_dialog_was_open_permits_nothing() {
    let mut desk = Desk::new(Policy { production: true, ..policy() });
    desk.keys("A h a r b o u r enter");
    let ticket = desk.shown();
    desk.hold(ticket).keys("w h y enter a m i t y enter");
    desk.on(Event::Now(DateTime::UNIX_EPOCH + TimeDelta::minutes(16))).keys("enter");
    assert!(!desk.applied());
    assert!(desk.dialog().denied.as_ref().unwrap().0.contains("not armed"));
}

fn serving(name: &str) -> Reply {
    let serving = Serving {
        namespace: "sea".into(),
        name: name.into(),
        model: None,
        protocol: None,
        url: None,
        revisions: vec![],
        obstacle: None,
    };
    let saved = vec![Saved { name: "calm".into(), body: "{\"instances\": [1]}".into() }];
    Reply::Bench(Box::new(BenchReply { serving: Ok(serving), example: None, saved }))
}

/// A bench that is open and knows its endpoint, in a profile that says this of test predictions.
fn trying(predictions: Predictions) -> Desk {
    let mut desk = Desk::new(Policy { predictions, ..policy() });
    desk.keys("t");
    let ticket = desk.asked();
    desk.reply(ticket, serving("amity"));
    desk
}

#[test]
fn a_confirmed_prediction_is_the_one_that_was_asked_about() {
    let mut desk = trying(Predictions::Confirm);
    assert!(desk.keys("f5").sent().is_empty() && desk.message().contains("the same key again"), "{}", desk.message());
    assert_eq!(desk.keys("f5").sent().len(), 1);
    // revision, way in, protocol, another payload, a key of the editor, another part
    for changes in ["ctrl-t", "ctrl-w", "ctrl-v", "ctrl-o enter", "backspace", "tab"] {
        let mut desk = trying(Predictions::Confirm);
        desk.keys("f5").keys(changes);
        assert!(desk.keys("f5").sent().is_empty(), "after {changes} it is another request");
        assert!(desk.state.modes.len() == 1 && desk.bench().asked, "and is asked about after {changes}");
    }
    let mut desk = trying(Predictions::Confirm);
    desk.keys("f5").on(Event::Input(vec![Input::Paste("  ".into())]));
    assert!(desk.keys("f5").sent().is_empty(), "a paste makes another one of it, too");
    let mut desk = trying(Predictions::Confirm);
    desk.keys("f5 ctrl-t f5 f5");
    assert_eq!(desk.sent().iter().map(|ask| &ask.wanted).collect::<Vec<_>>(), [&Wanted::Any]);
}

#[test]
fn a_payload_that_comes_late_is_asked_about_before_it_is_sent() {
    let mut desk = Desk::new(Policy { predictions: Predictions::Confirm, ..policy() });
    desk.keys("t");
    let ticket = desk.asked();
    desk.keys("f5").reply(ticket, serving("amity"));
    assert!(desk.keys("f5").sent().is_empty() && desk.bench().editor.text().contains('1'));
}

#[test]
fn a_profile_that_denies_predictions_sends_none_however_often_it_is_asked() {
    let mut desk = trying(Predictions::Deny);
    assert!(desk.keys("f5 f5 ctrl-t f5 f5").sent().is_empty());
    assert!(desk.message().contains("allows no test predictions"), "{}", desk.message());
}

#[test]
fn a_bench_takes_only_the_answers_about_its_own_endpoint() {
    let mut desk = Desk::usual();
    desk.keys("t");
    let amity = desk.asked();
    desk.keys("esc j t");
    let bounty = desk.asked();
    desk.reply(amity, serving("amity"));
    assert_eq!(desk.bench().serving, None, "what is known of amity says nothing of bounty");
    desk.reply(bounty, serving("bounty"));
    assert_eq!(desk.bench().serving.as_ref().unwrap().as_ref().unwrap().name, "bounty");
}

#[test]
fn going_back_and_forth_leaves_the_history_as_it_was() {
    let mut desk = Desk::usual();
    desk.keys("enter esc j enter");
    assert_eq!(desk.here(), ["Boats", "bounty"]);
    desk.keys("[ [");
    assert_eq!(desk.here(), ["Boats", "amity"]);
    desk.keys("] ]");
    assert_eq!(desk.here(), ["Boats", "bounty"]);
    desk.keys("]");
    assert!(desk.message().contains("newest"), "{}", desk.message());
}

#[test]
fn a_refresh_asks_the_panes_that_are_looked_at() {
    let mut desk = Desk::usual();
    desk.keys("f5");
    assert_eq!(desk.effects, [Effect::Refresh(vec![BOATS])]);
}

#[test]
fn an_object_is_opened_by_its_own_identity_whatever_the_cursor_does_meanwhile() {
    let mut desk = Desk::usual();
    desk.keys("j").feed(vec![row("aardvark", "well")]).keys("y");
    let Some(Effect::Open { what, pane, .. }) = desk.effects.first() else { panic!("{:?}", desk.effects) };
    assert_eq!((what, *pane), (&Ref::new(BOATS, "bounty"), YAML));
}

#[test]
fn a_message_that_only_informs_is_short_and_leaves_with_the_next_key() {
    let mut desk = Desk::usual();
    desk.keys("V");
    assert!(desk.message().contains("does nothing here"));
    desk.keys("j");
    assert_eq!(desk.message(), "");
    desk.keys("V");
    let later = |seconds| Event::Now(DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds));
    desk.on(later(4));
    assert_ne!(desk.message(), "");
    desk.on(later(5));
    assert_eq!(desk.message(), "");
}

#[test]
fn a_message_of_trouble_is_not_taken_away_before_it_could_be_read() {
    let mut desk = Desk::usual();
    let later = |seconds| Event::Now(DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds));
    desk.on(Event::Trouble("the disk is full".into())).keys("j");
    assert_eq!(desk.message(), "the disk is full", "that key was on its way");
    desk.on(later(12));
    assert_eq!(desk.message(), "the disk is full");
    desk.keys("k");
    assert_eq!(desk.message(), "");
    desk.on(Event::Trouble("again".into())).on(later(25));
    assert_eq!(desk.message(), "");
}

#[test]
fn a_cleared_filter_leaves_the_cursor_on_the_row_that_was_acted_on_and_else_gives_it_back() {
    let mut desk = Desk::usual();
    desk.keys("/ v a s a enter esc");
    assert_eq!(desk.cursor(), "amity", "nothing was done with what was found");
    desk.keys("/ b o u n enter b esc esc");
    assert_eq!(desk.cursor(), "bounty");
    desk.keys("k / b o u n enter enter esc esc");
    assert_eq!(desk.cursor(), "bounty");
}

#[test]
fn a_payload_is_saved_under_the_name_that_is_typed_and_under_no_other() {
    let mut desk = Desk::usual();
    let fault = |desk: &Desk| match desk.state.modes.last() {
        Some(Mode::Save(dialog)) => dialog.fault.clone().unwrap_or_default(),
        other => panic!("no name is asked for, but {other:?}"),
    };
    let saved = |desk: &Desk| {
        desk.effects.iter().find_map(|effect| match effect {
            Effect::SavePayload { name, .. } => Some(name.clone()),
            _ => None,
        })
    };
    desk.keys("t ctrl-o s enter");
    assert_eq!((fault(&desk).as_str(), saved(&desk)), ("it needs a name", None));
    desk.keys(". . / x enter");
    assert!(fault(&desk).contains("begin with a dot") && saved(&desk).is_none());
    desk.keys("ctrl-u o n e enter");
    assert_eq!(saved(&desk).as_deref(), Some("one.json"));
    assert_eq!(desk.bench().origin, "one.json");
    desk.keys("ctrl-o s o n e enter");
    assert!(fault(&desk).contains("already") && saved(&desk).is_none());
    desk.keys("esc");
    assert_eq!(desk.bench().saved.len(), 1);
}
