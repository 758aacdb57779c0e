//! Pods of no particular interest: the platform's own, and as many more as a scale asks for.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::metadata::{Identity, extend, managed, owner, stamp};
use super::node::NODES;
use super::pod_status::host;
use crate::demo::random::{hash, hex, suffix};
use crate::demo::store::{Index, ObjectKey};

/// A pod of no particular interest.
#[derive(Debug, Clone, Copy)]
pub struct PlainPod<'a> {
    /// Namespace.
    pub namespace: &'a str,
    /// The app, which its Deployment is named after.
    pub app: &'a str,
    /// Its container's image.
    pub image: &'a str,
    /// Its port's name and number.
    pub port: (&'a str, u16),
    /// Which of its siblings it is.
    pub number: usize,
    /// When it was made.
    pub created: DateTime<Utc>,
}

impl PlainPod<'_> {
    /// The pod's object, ready and running.
    #[must_use]
    pub fn object(&self, seed: u64) -> Value {
        let facts = self.facts(seed);
        let identity =
            Identity { seed, kind: "Pod", namespace: self.namespace, name: &facts.name, created: self.created };
        let hash = facts.set.rsplit('-').next();
        let labels = json!({ "app": self.app, "app.kubernetes.io/name": self.app, "pod-template-hash": hash });
        let mut metadata = identity.metadata(labels.clone());
        let spec = self.spec(&facts.node);
        let status = self.status(&facts);
        let written = json!({ "metadata": { "labels": labels }, "spec": spec });
        extend(
            &mut metadata,
            json!({
                "generateName": format!("{}-", facts.set),
                "annotations": { "cluster-autoscaler.kubernetes.io/safe-to-evict": "true" },
                "ownerReferences": owner("apps/v1", "ReplicaSet", &facts.set, &hex(seed, &facts.set, 32)),
                "managedFields": [
                    managed("kube-controller-manager", "v1", self.created, &written),
                    managed("kubelet", "v1", self.created, &json!({ "status": status })),
                ],
            }),
        );
        json!({ "kind": "Pod", "apiVersion": "v1", "metadata": metadata, "spec": spec, "status": status })
    }

    /// What the store must know of it beside its text.
    #[must_use]
    pub fn index(&self, seed: u64) -> Index {
        let facts = self.facts(seed);
        let hash = facts.set.rsplit('-').next().unwrap_or_default();
        let labels = [("app", self.app), ("app.kubernetes.io/name", self.app), ("pod-template-hash", hash)];
        let fields = [
            ("metadata.name", facts.name.as_str()),
            ("metadata.namespace", self.namespace),
            ("status.phase", "Running"),
            ("spec.nodeName", &facts.node),
        ];
        Index {
            key: ObjectKey::new(self.namespace, &facts.name),
            labels: labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            fields: fields.map(|(key, value)| (key, value.to_owned())).into(),
        }
    }

    fn facts(&self, seed: u64) -> Facts {
        let set = format!("{}-{:x}", self.app, hash(seed, self.app) & 0xf_ffff_ffff);
        let name = format!("{set}-{}", suffix(seed, &format!("{set}/{}/{}", self.namespace, self.number), 5));
        let chance = hash(seed, &name);
        let identity = Identity { seed, kind: "Pod", namespace: self.namespace, name: &name, created: self.created };
        let node = NODES.get(usize::try_from(chance % 3).unwrap_or(0)).map_or("", |node| node.name);
        Facts {
            uid: identity.uid(),
            container: hex(11, &name, 64),
            node: node.to_owned(),
            host: host(node),
            address: format!("10.0.{}.{}", 64 + chance % 60, 2 + (chance >> 8) % 250),
            created: stamp(self.created),
            started: stamp(self.created + TimeDelta::seconds(4)),
            restarts: if chance.is_multiple_of(37) { chance % 5 } else { 0 },
            set,
            name,
        }
    }

    fn spec(&self, node: &str) -> Value {
        let (port, number) = self.port;
        json!({
            "volumes": [{ "name": "kube-api-access", "projected": { "sources": [{ "serviceAccountToken": {
                "expirationSeconds": 3607, "path": "token" } }, { "configMap": { "name": "kube-root-ca.crt", "items": [{
                "key": "ca.crt", "path": "ca.crt" }] } }, { "downwardAPI": { "items": [{ "path": "namespace", "fieldRef": {
                "apiVersion": "v1", "fieldPath": "metadata.namespace" } }] } }], "defaultMode": 420 } }],
            "containers": [{
                "name": self.app, "image": self.image,
                "ports": [{ "name": port, "containerPort": number, "protocol": "TCP" }],
                "env": [{ "name": "POD_NAME", "valueFrom": { "fieldRef": { "apiVersion": "v1", "fieldPath": "metadata.name" } } },
                    { "name": "LOG_LEVEL", "value": "info" }, { "name": "OTEL_EXPORTER_OTLP_ENDPOINT",
                    "value": "http://otel-collector.monitoring:4317" }],
                "resources": { "limits": { "cpu": "500m", "memory": "512Mi" }, "requests": { "cpu": "100m", "memory": "256Mi" } },
                "volumeMounts": [{ "name": "kube-api-access", "readOnly": true,
                    "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount" }],
                "readinessProbe": { "httpGet": { "path": "/readyz", "port": port, "scheme": "HTTP" }, "timeoutSeconds": 1,
                    "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3 },
                "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
                "imagePullPolicy": "IfNotPresent",
            }],
            "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
            "serviceAccountName": "default", "serviceAccount": "default", "nodeName": node, "securityContext": {},
            "schedulerName": "default-scheduler",
            "tolerations": [
                { "key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300 },
                { "key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300 }],
            "priority": 0, "enableServiceLinks": true, "preemptionPolicy": "PreemptLowerPriority",
        })
    }

    fn status(&self, facts: &Facts) -> Value {
        let at = &facts.started;
        let condition = |kind: &str| json!({ "type": kind, "observedGeneration": 1, "status": "True", "lastProbeTime": null, "lastTransitionTime": at });
        let kinds = ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"];
        let conditions = kinds.map(condition);
        json!({
            "observedGeneration": 1, "phase": "Running",
            "conditions": conditions,
            "hostIP": facts.host, "hostIPs": [{ "ip": facts.host }], "podIP": facts.address, "podIPs": [{ "ip": facts.address }],
            "startTime": facts.created,
            "containerStatuses": [{ "name": self.app, "state": { "running": { "startedAt": at } }, "lastState": {}, "ready": true,
                "restartCount": facts.restarts, "image": self.image,
                "imageID": format!("{}@sha256:{}", self.image.split(':').next().unwrap_or_default(), hex(9, self.image, 64)),
                "containerID": format!("containerd://{}", facts.container), "started": true }],
            "qosClass": "Burstable",
        })
    }
}

/// What differs between the pods of one app.
#[derive(Debug, Clone)]
struct Facts {
    set: String,
    name: String,
    uid: String,
    container: String,
    node: String,
    host: String,
    address: String,
    created: String,
    started: String,
    restarts: u64,
}

/// The text of one app's pods, to make many of them without building each as JSON.
#[derive(Debug, Clone)]
pub struct Mold {
    text: String,
    facts: Facts,
}

impl Mold {
    /// A mold of the pods that are like this one.
    #[must_use]
    pub fn new(pod: &PlainPod<'_>, seed: u64) -> Self {
        // A time that no other pod has, so that what is replaced is never what was put in.
        let numbers = (0..).map(|number| PlainPod { created: DateTime::UNIX_EPOCH, number, ..*pod });
        let pod = numbers.into_iter().find(|pod| pod.facts(seed).restarts == 0).unwrap_or(*pod);
        Self { text: pod.object(seed).to_string(), facts: pod.facts(seed) }
    }

    /// The text of another pod of the same app and namespace.
    #[must_use]
    pub fn cast(&self, pod: &PlainPod<'_>, seed: u64) -> String {
        let (old, new) = (&self.facts, pod.facts(seed));
        let pairs = [
            (&old.name, &new.name),
            (&old.uid, &new.uid),
            (&old.container, &new.container),
            (&old.node, &new.node),
            (&old.host, &new.host),
            (&old.address, &new.address),
            (&old.created, &new.created),
            (&old.started, &new.started),
        ];
        let text = pairs.iter().fold(self.text.clone(), |text, (old, new)| text.replace(old.as_str(), new));
        text.replace("\"restartCount\":0", &format!("\"restartCount\":{}", new.restarts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_from_the_mold_is_the_pod_that_would_have_been_built() {
        let pod = |number, minutes| PlainPod {
            namespace: "models",
            app: "batch-score",
            image: "registry.acme.example/acme-ml/batch:2.14.0",
            port: ("http", 8080),
            number,
            created: DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::minutes(minutes),
        };
        let mold = Mold::new(&pod(0, 0), 7);
        for number in 1..200 {
            let pod = pod(number, i64::try_from(number).unwrap());
            assert_eq!(mold.cast(&pod, 7), pod.object(7).to_string());
        }
    }
}
