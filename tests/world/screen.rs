//! The whole console in a terminal while the API server hangs.

use super::console::{Start, text};
use super::levers::{pause, variable};

/// The row of the screen that has this text.
fn row_of(screen: &vt100::Screen, wanted: &str) -> Option<u16> {
    text(screen).lines().position(|line| line.contains(wanted)).and_then(|row| u16::try_from(row).ok())
}

/// The colour of the name of a pod that is well.
fn colour(screen: &vt100::Screen) -> Option<vt100::Color> {
    let row = row_of(screen, "argocd-server-")?;
    let line = text(screen).lines().nth(usize::from(row))?.to_owned();
    let (before, _) = line.split_once("argocd-server-")?;
    let column = u16::try_from(before.chars().count()).ok()?;
    screen.cell(row, column).map(vt100::Cell::fgcolor)
}

#[test]
#[ignore = "needs the real servers of a test world: started by .ci/run"]
fn while_the_api_server_hangs_the_rows_are_dim_and_their_age_is_said_and_quitting_waits_for_nothing() {
    let mut console = Start::quarterdeck(&["--view", "pods"]).env("KUBECONFIG", &variable("WORLD_KUBECONFIG")).go();
    console.wait("all pods", |screen| colour(screen).is_some() && !text(screen).contains("loading"));
    let fresh = console.look(colour);
    let paused = pause();
    console.wait_for("did not answer within");
    console.wait("the age of the rows", |screen| {
        let said = text(screen);
        said.contains("data ") && said.contains(" old") && (said.contains("next try ") || said.contains("trying now"))
    });
    // the rows are still there, but not as fresh ones
    console.wait("dim rows", |screen| colour(screen).is_some_and(|now| Some(now) != fresh));
    drop(paused);
    console.wait_gone("did not answer within");
    console.wait("rows as before", |screen| colour(screen) == fresh);
    let _paused = pause();
    console.type_("q");
    assert!(console.wait_end().success());
    console.check_restored();
}
