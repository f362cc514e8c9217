//! Replicas over mutual TLS.

use tonic::Code;
use vitrine_platform_mesh::{Discovery, Limits};
use vitrine_platform_tls as tls;
use vitrine_tests_engines::Certificates;

use crate::{Caller, Replica, placement};

fn files(certificates: &Certificates, name: &str) -> tls::Files {
    let (certificate, key) = certificates.issue(name).expect("issued");
    tls::Files { ca: certificates.authority(), certificate, key }
}

#[tokio::test]
async fn only_those_who_know_each_other_speak() {
    let (ours, theirs) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let ours = Certificates::new(ours.path()).map(|c| (c, ours)).expect("an authority");
    let theirs = Certificates::new(theirs.path()).map(|c| (c, theirs)).expect("an authority");
    let server = tls::Server::new(&files(&ours.0, "server")).expect("read");
    let any = "127.0.0.1:0".parse().expect("an address");
    let mut replicas = Vec::new();
    for _ in 0..3 {
        replicas.push(Replica::start_at(any, Some(server.clone()), Limits::default()).await);
    }
    let place = placement(&replicas.iter().map(|r| r.address).collect::<Vec<_>>());
    let caller = |tls: Option<&tls::Files>, server_name: &str| {
        let tls = tls.map(|files| tls::Client::new(files).expect("read"));
        Caller::of(&place, Discovery { server_name: server_name.to_owned(), ..Discovery::default() }, tls)
    };

    let client = files(&ours.0, "client");
    let good = caller(Some(&client), "");
    good.reaches(&replicas.iter().collect::<Vec<_>>()).await;
    caller(Some(&client), "localhost").add("fine").await.expect("the certificate bears that name, too");

    let nobody = tls::Files { ca: ours.0.authority(), ..tls::Files::default() };
    let mut stranger = files(&theirs.0, "stranger");
    stranger.ca = ours.0.authority();
    let (certificate, key) = ours.0.issue_expired("old").expect("issued");
    let old = tls::Files { ca: ours.0.authority(), certificate, key };
    for (who, files, name) in [
        ("in plain text", None, ""),
        ("without a certificate", Some(&nobody), ""),
        ("with one of another authority", Some(&stranger), ""),
        ("with one that has expired", Some(&old), ""),
        ("who believes another authority", Some(&self::files(&theirs.0, "believer")), ""),
        ("who looks for somebody else", Some(&client), "orders.example"),
    ] {
        let before: u32 = replicas.iter().map(Replica::calls).sum();
        let status = caller(files, name).add("fine").await.expect_err(who);
        assert_eq!(status.code(), Code::Unavailable, "{who}: {status}");
        assert_eq!(replicas.iter().map(Replica::calls).sum::<u32>(), before, "{who}");
        good.add("fine").await.expect("nobody else is harmed");
    }
}
