//! The credential plugin that fails as with an expired login, or takes its time.

use quarterdeck::model::health::{Error, Health};
use quarterdeck::systems::kubernetes::{Kubernetes, PODS};

use super::levers::{link, plugin};
use super::watched::Watched;

async fn pods(variable: &str) -> Watched {
    Watched::start(&Kubernetes, link(&Kubernetes, variable).await.feeds().remove(0), PODS)
}

#[tokio::test]
#[ignore = "needs the real servers of a test world: started by .ci/run"]
async fn an_expired_login_says_what_to_do_while_others_go_on_and_the_rows_come_by_themselves_after_it() {
    let expired = plugin("expired");
    let mut of_plugin = pods("WORLD_KUBECONFIG_EXEC").await;
    let mut of_admin = pods("WORLD_KUBECONFIG").await;
    of_plugin.until("an error", |it| it.error().is_some()).await;
    let error = of_plugin.error().unwrap().clone();
    assert!(matches!(&error, Error::Unauthorized { why, .. } if why.ends_with("Token has expired and refresh failed")));
    assert_eq!(error.advice(), "log in again with the tool that made these credentials, then press F5");
    assert!(of_plugin.rows.is_empty());
    of_admin.until_fresh().await;
    drop(expired);
    of_plugin.until_fresh().await;
    assert_eq!(of_plugin.keys(), of_admin.keys());
}

#[tokio::test]
#[ignore = "needs the real servers of a test world: started by .ci/run"]
async fn a_plugin_that_takes_its_time_is_waited_for_without_an_error_and_holds_up_nobody_else() {
    let _slow = plugin("slow");
    let mut slow = pods("WORLD_KUBECONFIG_EXEC").await;
    let mut quick = pods("WORLD_KUBECONFIG").await;
    quick.until_fresh().await;
    // the plugin takes seconds and the list of the other none: had it waited, both were there
    slow.until("nothing yet", |it| it.rows.is_empty()).await;
    assert_eq!((slow.health(), slow.error()), (Health::Busy, None));
    slow.until("all rows", |it| {
        assert_eq!(it.error(), None);
        it.complete
    })
    .await;
    assert_eq!(slow.keys(), quick.keys());
}
