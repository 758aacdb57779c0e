//! Reads one InferenceService with what its row depends on, now.

use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::Value as Json;

use crate::model::health::Error;
use crate::systems::kube::{Cluster, Resource};

use super::board::{BELONGS, Board, Reach, Seen};
use super::mode::Mode;
use super::ops::services;
use super::wire::{HttpRoute, InferenceService, Pod};

/// HTTPRoutes in the API.
pub(super) fn routes() -> Resource {
    Resource::new("/apis/gateway.networking.k8s.io/v1", "httproutes")
}

/// The pods of an InferenceService.
pub(super) fn pods_of(name: &str) -> Resource {
    Resource::new("/api/v1", "pods").labelled(&format!("{BELONGS}={name}"))
}

#[derive(Deserialize)]
struct List<T> {
    #[serde(default = "Vec::new")]
    items: Vec<T>,
}

/// The object, whole, and a board that holds it with its routes and pods.
pub(super) fn read<'a>(
    cluster: &'a Cluster,
    namespace: &'a str,
    name: &'a str,
) -> BoxFuture<'a, Result<(Json, Board), Error>> {
    Box::pin(read_all(cluster, namespace, name))
}

async fn read_all(cluster: &Cluster, namespace: &str, name: &str) -> Result<(Json, Board), Error> {
    let raw: Json = cluster.get_json(&services().object_path(namespace, name)?).await?;
    let service: InferenceService = serde_json::from_value(raw.clone())
        .map_err(|error| Error::Protocol { what: format!("{namespace}/{name} can't be read: {error}") })?;
    let mut board = Board::default();
    board.default_mode = default_mode(cluster, &service).await;
    board.put(Seen::Service(Box::new(service)));
    board.routes_reach = Reach::Known;
    for route in [name.to_owned(), format!("{name}-predictor")] {
        match cluster.get_json::<HttpRoute>(&routes().object_path(namespace, &route)?).await {
            Ok(route) => {
                board.put(Seen::Route(Box::new(route)));
            }
            // there are such things, and none of this name
            Err(Error::Gone { .. }) => {}
            Err(Error::Absent { .. }) => board.routes_reach = Reach::Absent,
            Err(Error::Forbidden { .. }) => board.routes_reach = Reach::Unknown,
            Err(error) => return Err(error),
        }
    }
    match cluster.get_json::<List<Pod>>(&pods_of(name).list_path(Some(namespace))).await {
        Ok(list) => {
            board.pods_reach = Reach::Known;
            for pod in list.items {
                board.put(Seen::Pod(Box::new(pod)));
            }
        }
        Err(Error::Forbidden { .. }) => {}
        Err(error) => return Err(error),
    }
    Ok((raw, board))
}

/// How many pods with these labels are ready.
pub(super) async fn ready_pods(cluster: &Cluster, namespace: &str, selector: &str) -> Result<usize, Error> {
    let pods = Resource::new("/api/v1", "pods").labelled(selector);
    let list: List<Pod> = cluster.get_json(&pods.list_path(Some(namespace))).await?;
    Ok(list.items.iter().filter(|pod| super::why::pod_ready(pod)).count())
}

/// The cluster's default mode, asked for only where the object leaves it open.
async fn default_mode(cluster: &Cluster, service: &InferenceService) -> Option<Mode> {
    if Mode::stated(service).is_some() {
        return None;
    }
    let path = "/api/v1/namespaces/kserve/configmaps/inferenceservice-config";
    let map: Json = cluster.get_json(path).await.ok()?;
    let deploy: Json = serde_json::from_str(map.pointer("/data/deploy")?.as_str()?).ok()?;
    Mode::named(deploy.get("defaultDeploymentMode")?.as_str()?)
}
