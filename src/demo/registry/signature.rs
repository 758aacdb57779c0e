//! What a model takes and gives: the signatures in `MLmodel` files.

use super::Run;

/// A model's inputs and outputs, as the JSON texts that an `MLmodel` file holds.
fn signature(model: &str) -> (&'static str, &'static str) {
    const SCORE: &str = r#"[{"type": "double", "name": "score", "required": true}]"#;
    match model {
        "fraud-detection" => (
            r#"[{"type": "double", "name": "amount", "required": true}, {"type": "double", "name": "age", "required": true}, {"type": "double", "name": "risk", "required": true}]"#,
            SCORE,
        ),
        "churn" => (
            r#"[{"type": "long", "name": "tenure_months", "required": true}, {"type": "double", "name": "monthly_charges", "required": true}, {"type": "long", "name": "support_tickets", "required": true}, {"type": "string", "name": "contract", "required": false}]"#,
            SCORE,
        ),
        "pricing" | "demand-forecast" => (
            r#"[{"type": "double", "name": "base_price", "required": true}, {"type": "long", "name": "stock", "required": true}, {"type": "datetime", "name": "day", "required": true}, {"type": "boolean", "name": "promotion", "required": false}]"#,
            r#"[{"type": "double", "name": "value", "required": true}]"#,
        ),
        "recommendation" => (
            r#"[{"type": "string", "name": "user_id", "required": true}, {"type": "array", "items": {"type": "string"}, "name": "recent_items", "required": true}]"#,
            r#"[{"type": "array", "items": {"type": "string"}, "name": "items", "required": true}]"#,
        ),
        "sentiment" | "nlp/summarizer" => (
            r#"[{"type": "string", "name": "text", "required": true}]"#,
            r#"[{"type": "string", "name": "label", "required": true}]"#,
        ),
        "image-tagging" => (
            r#"[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 3, 224, 224]}}]"#,
            r#"[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 1000]}}]"#,
        ),
        _ => (
            r#"[{"type": "double", "name": "x1", "required": true}, {"type": "double", "name": "x2", "required": true}]"#,
            SCORE,
        ),
    }
}

/// The rows of the example that was logged with a model, as JSON; not every model has one.
#[must_use]
pub fn input_example(model: &str) -> Option<&'static str> {
    match model {
        "fraud-detection" => Some("[[1000, 45, 0.67]]"),
        "churn" => Some(r#"[[14, 59.9, 2, "month-to-month"]]"#),
        "sentiment" => Some(r#"["the parcel came a day early"]"#),
        _ => None,
    }
}

/// The flavor of a model's files.
fn flavor(model: &str) -> &'static str {
    match model {
        "churn" => "xgboost",
        "pricing" => "lightgbm",
        "recommendation" => "pytorch",
        "sentiment" | "nlp/summarizer" => "transformers",
        "demand-forecast" | "image-tagging" => "onnx",
        _ => "sklearn",
    }
}

/// The `MLmodel` file of the model that a run logged.
#[must_use]
pub fn mlmodel(run: &Run) -> String {
    let (inputs, outputs) = signature(&run.logged);
    let flavor = flavor(&run.logged);
    let model_id = &run.model_id;
    let example = if input_example(&run.logged).is_some() {
        "saved_input_example_info:\n  artifact_path: input_example.json\n  serving_input_path: serving_input_example.json\n  type: ndarray\n"
    } else {
        ""
    };
    let identity = if model_id.is_empty() { String::new() } else { format!("model_id: {model_id}\n") };
    format!(
        "artifact_path: model\nflavors:\n  python_function:\n    env:\n      virtualenv: python_env.yaml\n    \
         loader_module: mlflow.{flavor}\n    predict_fn: predict\n    python_version: 3.12.8\n  {flavor}:\n    code: null\n    \
         {flavor}_version: 1.0.0\nmlflow_version: 3.17.2\n{identity}model_uuid: {}\nrun_id: {}\n{example}signature:\n  inputs: '{inputs}'\n  \
         outputs: '{outputs}'\n  params: null\nutc_time_created: '{}'\n",
        run.id,
        run.id,
        created(run),
    )
}

/// The tag `mlflow.log-model.history` of a run that logged a model, as MLflow 2 writes it.
pub(super) fn history(run: &Run) -> String {
    let (inputs, outputs) = signature(&run.logged);
    let flavor = flavor(&run.logged);
    serde_json::json!([{
        "run_id": run.id,
        "artifact_path": "model",
        "utc_time_created": created(run),
        "model_uuid": run.id,
        "flavors": { "python_function": { "loader_module": format!("mlflow.{flavor}"), "predict_fn": "predict" }, flavor: {} },
        "mlflow_version": "2.22.5",
        "signature": { "inputs": inputs, "outputs": outputs, "params": null },
    }])
    .to_string()
}

fn created(run: &Run) -> String {
    let time = chrono::DateTime::from_timestamp_millis(run.end.unwrap_or(run.start)).unwrap_or_default();
    time.format("%Y-%m-%d %H:%M:%S.%6f").to_string()
}
