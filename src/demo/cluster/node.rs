//! The machines: two node groups of EKS, one node dead, one a minor version behind, one bought on the spot market.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::metadata::{Identity, extend, managed, stamp};
use super::pod_status::host;
use crate::demo::random::{hash, hex};

/// One machine.
#[derive(Debug, Clone, Copy)]
pub struct NodeStory {
    /// Its name.
    pub name: &'static str,
    /// The last letter of its zone.
    pub zone: &'static str,
    /// Whether it has a GPU (and takes only pods that want one).
    pub gpu: bool,
    /// Whether its kubelet is gone.
    pub dead: bool,
    /// Whether it was bought on the spot market.
    pub spot: bool,
    /// Its kubelet's version.
    pub kubelet: &'static str,
}

const CURRENT: &str = "v1.34.2-eks-113cf36";
const BEHIND: &str = "v1.33.9-eks-113cf36";

const fn node(name: &'static str, zone: &'static str, what: (bool, bool, bool), kubelet: &'static str) -> NodeStory {
    let (gpu, dead, spot) = what;
    NodeStory { name, zone, gpu, dead, spot, kubelet }
}

/// The machines of the cluster.
pub const NODES: &[NodeStory] = &[
    node("ip-10-0-1-11.eu-central-1.compute.internal", "a", (false, false, false), CURRENT),
    node("ip-10-0-2-12.eu-central-1.compute.internal", "b", (false, false, false), CURRENT),
    node("ip-10-0-3-13.eu-central-1.compute.internal", "c", (false, false, false), BEHIND),
    node("ip-10-0-1-21.eu-central-1.compute.internal", "a", (true, false, false), CURRENT),
    node("ip-10-0-2-22.eu-central-1.compute.internal", "b", (true, false, true), CURRENT),
    node("ip-10-0-3-23.eu-central-1.compute.internal", "c", (true, true, false), CURRENT),
];

/// The node's object.
#[must_use]
pub fn object(seed: u64, node: &NodeStory, start: DateTime<Utc>) -> Value {
    let created = start - TimeDelta::days(23);
    let identity = Identity { seed, kind: "Node", namespace: "", name: node.name, created };
    let mut labels = json!({
        "kubernetes.io/hostname": node.name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
        "topology.kubernetes.io/region": "eu-central-1",
        "topology.kubernetes.io/zone": format!("eu-central-1{}", node.zone),
        "node.kubernetes.io/instance-type": if node.gpu { "g5.2xlarge" } else { "m6i.4xlarge" },
        "eks.amazonaws.com/nodegroup": if node.gpu { "gpu-a10g" } else { "general-m6i" },
        "eks.amazonaws.com/capacityType": if node.spot { "SPOT" } else { "ON_DEMAND" },
    });
    if node.gpu {
        extend(&mut labels, json!({ "nvidia.com/gpu.product": "NVIDIA-A10G" }));
    }
    let instance = hex(seed, node.name, 17);
    let mut spec = json!({ "providerID": format!("aws:///eu-central-1{}/i-{instance}", node.zone) });
    let mut taints = Vec::new();
    if node.gpu {
        taints.push(json!({ "key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule" }));
    }
    if node.dead {
        let since = stamp(start - TimeDelta::minutes(11));
        taints.push(json!({ "key": "node.kubernetes.io/unreachable", "effect": "NoSchedule", "timeAdded": since }));
    }
    if !taints.is_empty() {
        extend(&mut spec, json!({ "taints": taints }));
    }
    let status = status(node, start, &instance);
    let mut metadata = identity.metadata(labels);
    let written = json!({ "status": status });
    extend(&mut metadata, json!({ "managedFields": [managed("kubelet", "v1", start, &written)] }));
    json!({ "kind": "Node", "apiVersion": "v1", "metadata": metadata, "spec": spec, "status": status })
}

fn status(node: &NodeStory, start: DateTime<Utc>, instance: &str) -> Value {
    let (cpu, memory, pods) = if node.gpu { ("8", "32386824Ki", "58") } else { ("16", "64772652Ki", "234") };
    let (free_cpu, free_memory) = if node.gpu { ("7910m", "31369992Ki") } else { ("15890m", "61759596Ki") };
    let mut capacity = json!({ "cpu": cpu, "memory": memory, "pods": pods, "ephemeral-storage": "83873772Ki" });
    let mut allocatable =
        json!({ "cpu": free_cpu, "memory": free_memory, "pods": pods, "ephemeral-storage": "76224326324" });
    if node.gpu {
        extend(&mut capacity, json!({ "nvidia.com/gpu": "1" }));
        extend(&mut allocatable, json!({ "nvidia.com/gpu": "1" }));
    }
    let since = if node.dead { start - TimeDelta::minutes(11) } else { start - TimeDelta::days(23) };
    let beat = if node.dead { since } else { start - TimeDelta::seconds(40) };
    let condition = |kind: &str, holds: &str, reason: &str, message: &str| {
        let (holds, reason, message) = if node.dead {
            ("Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")
        } else {
            (holds, reason, message)
        };
        json!({ "type": kind, "status": holds, "lastHeartbeatTime": stamp(beat), "lastTransitionTime": stamp(since),
            "reason": reason, "message": message })
    };
    json!({
        "capacity": capacity, "allocatable": allocatable,
        "conditions": [
            condition("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
            condition("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
            condition("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
            condition("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
        ],
        "addresses": [{ "type": "InternalIP", "address": host(node.name) }, { "type": "Hostname", "address": node.name },
            { "type": "InternalDNS", "address": node.name }],
        "daemonEndpoints": { "kubeletEndpoint": { "Port": 10250 } },
        "nodeInfo": { "machineID": hex(1, instance, 32), "systemUUID": hex(2, instance, 32), "bootID": hex(3, instance, 32),
            "kernelVersion": "6.12.53-69.119.amzn2023.x86_64", "osImage": "Amazon Linux 2023.9.20251105",
            "containerRuntimeVersion": "containerd://2.1.5", "kubeletVersion": node.kubelet, "kubeProxyVersion": "",
            "operatingSystem": "linux", "architecture": "amd64" },
        "images": (0..4).map(|image| json!({ "names": [format!("public.ecr.aws/acme/image-{image}@sha256:{}",
            hex(image, instance, 64))], "sizeBytes": 40_000_000 + hash(image, instance) % 900_000_000 })).collect::<Vec<_>>(),
    })
}
