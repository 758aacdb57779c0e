//! Which models there are at the start. Facts only.

/// A model's facts.
pub(super) struct ModelStory {
    pub(super) name: &'static str,
    pub(super) experiment: &'static str,
    pub(super) description: &'static str,
    pub(super) team: &'static str,
    /// Its newest version.
    pub(super) newest: u32,
    /// Alias and version.
    pub(super) aliases: &'static [(&'static str, u32)],
}

pub(super) const MODELS: &[ModelStory] = &[
    ModelStory {
        name: "fraud-detection",
        experiment: "fraud-detection-training",
        description: "Scores card transactions for fraud. Owner: risk-platform.",
        team: "risk-platform",
        newest: 14,
        aliases: &[("challenger", 13), ("champion", 12)],
    },
    ModelStory {
        name: "churn",
        experiment: "churn-training",
        description: "Thirty-day churn propensity per account.",
        team: "growth",
        newest: 8,
        aliases: &[("champion", 8)],
    },
    ModelStory {
        name: "pricing",
        experiment: "pricing-training",
        description: "",
        team: "marketplace",
        newest: 5,
        aliases: &[("champion", 5), ("shadow", 4)],
    },
    ModelStory {
        name: "recommendation",
        experiment: "recommendation-training",
        description: "Next items for a session.",
        team: "personalisation",
        newest: 21,
        aliases: &[("champion", 21)],
    },
    ModelStory {
        name: "demand-forecast",
        experiment: "demand-forecast-training",
        description: "Daily demand per store and article.",
        team: "supply-chain",
        newest: 6,
        aliases: &[("champion", 6)],
    },
    ModelStory {
        name: "credit-scoring",
        experiment: "credit-scoring-training",
        description: "Probability of default at application.",
        team: "risk-platform",
        newest: 2,
        aliases: &[("candidate", 2)],
    },
    ModelStory {
        name: "sentiment",
        experiment: "sentiment-training",
        description: "Mood of a support message.",
        team: "support",
        newest: 3,
        aliases: &[("champion", 2)],
    },
    ModelStory {
        name: "image-tagging",
        experiment: "image-tagging-training",
        description: "Tags of catalogue pictures.",
        team: "catalog",
        newest: 1,
        aliases: &[("champion", 1)],
    },
    ModelStory {
        name: "nlp/summarizer",
        experiment: "nlp-research",
        description: "A name with a slash: summaries of long threads.",
        team: "support",
        newest: 2,
        aliases: &[("champion", 1)],
    },
    ModelStory {
        name: "Customer Lifetime Value",
        experiment: "nlp-research",
        description: "A name with spaces.",
        team: "growth",
        newest: 1,
        aliases: &[],
    },
];
