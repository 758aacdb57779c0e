use super::*;
use crate::model::serving::ServicePort;

fn revision(name: &str, role: Role, percent: f64) -> Revision {
    Revision {
        name: name.into(),
        role,
        percent: Some(percent),
        selector: format!("rev={name}"),
        port: 8080,
        service: Some(ServicePort { name: format!("{name}-private"), port: "80".into() }),
        ready: true,
    }
}

/// 90 % stable, 10 % canary.
fn split() -> Serving {
    Serving {
        namespace: "prod".into(),
        name: "fraud".into(),
        model: None,
        protocol: None,
        url: Some("http://fraud.prod.ml.acme.io".into()),
        revisions: vec![revision("r1", Role::Stable, 90.0), revision("r2", Role::Canary, 10.0)],
        obstacle: None,
    }
}

fn alone() -> Serving {
    Serving { revisions: vec![revision("r1", Role::Stable, 100.0)], ..split() }
}

fn ways(choice: &Choice) -> Vec<(Way, Option<&str>)> {
    choice.candidates.iter().map(|candidate| (candidate.way, candidate.revision.as_deref())).collect()
}

fn why(choice: &Choice, way: Way) -> &str {
    choice.refused.iter().find(|(other, _)| *other == way).map(|(_, why)| why.as_str()).unwrap()
}

#[test]
fn a_revision_is_asked_only_by_ways_that_reach_it_alone() {
    let choice = choose(&split(), &Wanted::Stable, None, Some("http://10.0.0.9")).unwrap();
    assert_eq!(ways(&choice), [(Way::Proxy, Some("r1")), (Way::Pod, Some("r1"))]);
    assert_eq!(why(&choice, Way::Url), "the traffic's split decides which revision answers, not stable");
    let canary = choose(&split(), &Wanted::Canary, None, None).unwrap();
    assert_eq!(ways(&canary), [(Way::Proxy, Some("r2")), (Way::Pod, Some("r2"))]);
    let Target::Service(target) = &canary.candidates[0].target else { panic!("not a service") };
    assert_eq!(target.to_string(), "service prod/r2-private:80");
}

#[test]
fn any_revision_is_asked_as_a_customer_would() {
    let choice = choose(&split(), &Wanted::Any, None, Some("http://10.0.0.9")).unwrap();
    let seen: Vec<_> = choice.candidates.iter().map(|candidate| candidate.way).collect();
    assert_eq!(seen, [Way::Url, Way::Ingress, Way::Proxy, Way::Pod]);
    assert_eq!(choice.candidates[0].revision, None, "nobody knows which answers");
}

#[test]
fn a_revision_with_all_the_traffic_is_reached_by_the_public_ways_too() {
    let choice = choose(&alone(), &Wanted::Stable, None, None).unwrap();
    assert_eq!(ways(&choice), [(Way::Proxy, Some("r1")), (Way::Pod, Some("r1")), (Way::Url, Some("r1"))]);
    assert_eq!(why(&choice, Way::Ingress), "no ingress address is set (ingress in the profile)");
}

#[test]
fn a_knative_revision_without_a_reachable_service_is_asked_in_its_pod() {
    let mut serving = split();
    serving.revisions[0].service = None;
    let choice = choose(&serving, &Wanted::Stable, None, None).unwrap();
    assert_eq!(ways(&choice), [(Way::Pod, Some("r1"))]);
    assert!(why(&choice, Way::Proxy).contains("r1 has no Service"));
}

#[test]
fn a_placeholder_domain_is_no_way() {
    let serving = Serving { url: Some("http://fraud.prod.example.com".into()), ..alone() };
    let choice = choose(&serving, &Wanted::Any, Some(Way::Url), None).unwrap();
    assert!(choice.candidates.is_empty());
    assert!(why(&choice, Way::Url).contains("placeholder"));
    let inside = Serving { url: Some("http://fraud.prod.svc.cluster.local".into()), ..alone() };
    assert!(why(&choose(&inside, &Wanted::Any, None, None).unwrap(), Way::Url).contains("inside the cluster"));
}

#[test]
fn the_ingress_is_asked_by_the_endpoints_name_under_its_prefix() {
    let serving = Serving { url: Some("https://models.acme.io/serving/prod/fraud/".into()), ..alone() };
    let choice = choose(&serving, &Wanted::Any, Some(Way::Ingress), Some("http://10.0.0.9:8080/")).unwrap();
    let Target::Server(base) = &choice.candidates[0].target else { panic!("not a server") };
    assert_eq!((base.connect.as_str(), base.port, base.tls), ("10.0.0.9", 8080, false));
    assert_eq!((base.host.as_str(), base.prefix.as_str()), ("models.acme.io", "/serving/prod/fraud"));
}

#[test]
fn what_does_not_exist_is_refused_with_what_does() {
    let error = choose(&alone(), &Wanted::Canary, None, None).unwrap_err();
    assert_eq!(error, Error::Refused { why: "fraud has no canary".into() });
    let error = choose(&split(), &Wanted::Named("r9".into()), None, None).unwrap_err();
    assert_eq!(error, Error::Refused { why: "fraud has no revision r9; it has r1, r2".into() });
}

#[test]
fn addresses_are_read_with_all_their_parts() {
    let read = base("https://[::1]:8443/a/b/").unwrap();
    assert_eq!((read.connect.as_str(), read.port, read.prefix.as_str()), ("::1", 8443, "/a/b"));
    assert_eq!(base("10.0.0.9:80").unwrap().port, 80);
    assert!(base("ftp://x").is_err() && base("http://u:p@h").is_err() && base("http://").is_err());
}
