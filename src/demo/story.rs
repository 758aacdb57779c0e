//! Who is in the world at its start: services, their revisions and what they are like. Facts only.

use super::world::Scenario;

/// How a service is deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Knative revisions; `canaryTrafficPercent` moves traffic.
    Knative,
    /// Plain Deployments; `spec.canary` with Gateway API moves traffic.
    Standard,
}

impl Mode {
    /// The name in `status.deploymentMode`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Knative => "Knative",
            Self::Standard => "Standard",
        }
    }
}

/// What is the matter with a service at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// It serves.
    Serving,
    /// The image of its only revision can't be pulled.
    ImageMissing,
    /// Its storage-initializer can't fetch the model.
    ModelMissing,
    /// Stopped by annotation.
    Stopped,
    /// Scaled to zero, wakes with a request.
    Idle,
}

/// One revision (Knative) or predictor (Standard) at the start.
#[derive(Debug, Clone, Copy)]
pub struct RevisionStory {
    /// Its number (`-predictor-00002`) in Knative mode; in Standard mode 1 is stable, others are canaries named `vN`.
    pub number: u32,
    /// The registered model's version that it serves.
    pub version: u32,
    /// Minutes before the start at which it was made.
    pub age_minutes: i64,
    /// Its share of the traffic in percent.
    pub percent: u32,
    /// Its pods.
    pub pods: u32,
    /// The median latency, in seconds, when all is well.
    pub p50: f64,
    /// The share of failed requests when all is well.
    pub errors: f64,
}

/// One InferenceService at the start.
#[derive(Debug, Clone, Copy)]
pub struct ServiceStory<'a> {
    /// Namespace.
    pub namespace: &'a str,
    /// Name.
    pub name: &'a str,
    /// The registered model behind it.
    pub model: &'a str,
    /// Mode.
    pub mode: Mode,
    /// The model format, e.g. `sklearn`.
    pub format: &'a str,
    /// Requests a second on average.
    pub rps: f64,
    /// The owning team's label.
    pub team: &'a str,
    /// What is the matter with it.
    pub condition: Condition,
    /// Its revisions, oldest first.
    pub revisions: &'a [RevisionStory],
}

const fn revision(number: u32, version: u32, age_minutes: i64, shape: (u32, u32, f64, f64)) -> RevisionStory {
    let (percent, pods, p50, errors) = shape;
    RevisionStory { number, version, age_minutes, percent, pods, p50, errors }
}

const DAY: i64 = 24 * 60;

/// The services of the organisation.
pub const SERVICES: &[ServiceStory<'static>] = &[
    ServiceStory {
        namespace: "ml-prod",
        name: "fraud-detection",
        model: "fraud-detection",
        mode: Mode::Knative,
        format: "sklearn",
        rps: 412.0,
        team: "risk-platform",
        condition: Condition::Serving,
        revisions: &[
            revision(1, 11, 31 * DAY, (0, 0, 0.023, 0.004)),
            revision(2, 12, 9 * DAY, (90, 2, 0.021, 0.004)),
            revision(3, 13, 42, (10, 1, 0.024, 0.005)),
        ],
    },
    ServiceStory {
        namespace: "ml-prod",
        name: "churn",
        model: "churn",
        mode: Mode::Standard,
        format: "xgboost",
        rps: 38.0,
        team: "growth",
        condition: Condition::Serving,
        revisions: &[revision(1, 7, 16 * DAY, (80, 4, 0.034, 0.001)), revision(8, 8, 3 * 60, (20, 1, 0.031, 0.001))],
    },
    ServiceStory {
        namespace: "ml-prod",
        name: "pricing",
        model: "pricing",
        mode: Mode::Knative,
        format: "lightgbm",
        rps: 124.0,
        team: "marketplace",
        condition: Condition::Serving,
        revisions: &[revision(4, 4, 20 * DAY, (0, 0, 0.014, 0.0008)), revision(5, 5, 5 * DAY, (100, 2, 0.013, 0.0005))],
    },
    ServiceStory {
        namespace: "ml-prod",
        name: "recommendation",
        model: "recommendation",
        mode: Mode::Standard,
        format: "pytorch",
        rps: 268.0,
        team: "personalisation",
        condition: Condition::Serving,
        revisions: &[revision(1, 21, 2 * DAY, (100, 3, 0.052, 0.002))],
    },
    ServiceStory {
        namespace: "ml-staging",
        name: "fraud-detection",
        model: "fraud-detection",
        mode: Mode::Knative,
        format: "sklearn",
        rps: 2.5,
        team: "risk-platform",
        condition: Condition::Serving,
        revisions: &[revision(9, 14, 70, (100, 1, 0.022, 0.004))],
    },
    ServiceStory {
        namespace: "ml-staging",
        name: "credit-scoring",
        model: "credit-scoring",
        mode: Mode::Standard,
        format: "sklearn",
        rps: 0.0,
        team: "risk-platform",
        condition: Condition::ModelMissing,
        revisions: &[revision(1, 2, 55, (100, 1, 0.030, 0.0))],
    },
    ServiceStory {
        namespace: "ml-staging",
        name: "sentiment",
        model: "sentiment",
        mode: Mode::Standard,
        format: "huggingface",
        rps: 0.0,
        team: "support",
        condition: Condition::ImageMissing,
        revisions: &[revision(1, 3, 24, (100, 1, 0.110, 0.0))],
    },
    ServiceStory {
        namespace: "models",
        name: "demand-forecast",
        model: "demand-forecast",
        mode: Mode::Knative,
        format: "onnx",
        rps: 0.0,
        team: "supply-chain",
        condition: Condition::Idle,
        revisions: &[revision(3, 6, 12 * DAY, (100, 0, 0.041, 0.0))],
    },
    ServiceStory {
        namespace: "models",
        name: "image-tagging",
        model: "image-tagging",
        mode: Mode::Standard,
        format: "triton",
        rps: 0.0,
        team: "catalog",
        condition: Condition::Stopped,
        revisions: &[revision(1, 1, 64 * DAY, (100, 0, 0.080, 0.0))],
    },
];

/// Whether this revision is the one that the scenario makes fail.
#[must_use]
pub fn degrades(scenario: Scenario, namespace: &str, service: &str, version: u32) -> bool {
    scenario == Scenario::CanaryRegression && namespace == "ml-prod" && service == "fraud-detection" && version == 13
}
