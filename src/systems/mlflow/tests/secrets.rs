//! What a registry holds that must not be shown.

use super::*;
use crate::systems::mlflow::identity::MODELS;

#[tokio::test]
async fn an_object_shows_its_tags_and_parameters_without_the_secrets_among_them() {
    let pair = |key: &str, value: &str| json!({"key": key, "value": value});
    let server = Server::new(move |asked| match asked.path.rsplit("/mlflow/").next().unwrap_or_default() {
        "model-versions/get" => {
            let tags = [pair("API_TOKEN", "hunter2"), pair("team", "risk")];
            good(&json!({"model_version": {"name": "fraud", "version": "1", "run_id": "r1", "tags": tags}}))
        }
        "runs/get" => {
            let params = [pair("db_password", "hunter2"), pair("max_depth", "6")];
            let tags = [pair("aws.secret", "hunter2")];
            good(&json!({"run": {"info": {"run_id": "r1"}, "data": {"params": params, "tags": tags}}}))
        }
        _ => missing("nothing here"),
    })
    .await;
    let what = Ref::new(MODELS, identity::key("fraud", "1"));
    let object = server.link().await.object(&what).await.unwrap();
    let shown = object.to_string();
    assert!(!shown.contains("hunter2"), "{shown}");
    assert_eq!(object["model_version"]["tags"], json!([pair("API_TOKEN", "***"), pair("team", "risk")]));
    assert_eq!(object["run"]["data"]["params"], json!([pair("db_password", "***"), pair("max_depth", "6")]));
    assert_eq!(object["run"]["data"]["tags"], json!([pair("aws.secret", "***")]));
}
