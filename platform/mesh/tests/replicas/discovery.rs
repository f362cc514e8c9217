//! Replicas that are found by DNS and by Consul: a real one.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use vitrine_platform_config::{BaseUrl, Written};
use vitrine_platform_http::bind;
use vitrine_platform_mesh::{Discovery, Limits, Mesh, Placement, Registration};
use vitrine_platform_tls as tls;
use vitrine_tests_engines::{Certificates, Server, consul};

use crate::{Caller, Replica, eventually};

fn base(url: &str) -> BaseUrl {
    BaseUrl::read(url).expect("an address")
}

fn by(server: &Server) -> Discovery {
    let name_server = format!("127.0.0.1:{}", server.dns_port().expect("a port"));
    Discovery { consul: base(&server.url()), name_server, refresh_ms: 100, ttl_ms: 1500, ..Discovery::default() }
}

async fn registered(discovery: &Discovery, replica: &Replica) -> Registration {
    Registration::begin(discovery, &["carts"], replica.address).await.expect("begun")
}

/// Two replicas at different addresses on the same port: an A record says none. Where somebody else has it at the second address, another
/// is taken.
async fn on_one_port() -> (Replica, Replica) {
    loop {
        let first = Replica::start().await;
        let at = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), first.address.port()));
        if bind(at).await.is_ok() {
            return (first, Replica::start_at(at, None, Limits::default()).await);
        }
    }
}

/// Calls until this one gets no more for a while.
async fn leaves(caller: &Caller, replica: &Replica) {
    eventually(async || {
        let before = replica.calls();
        for _ in 0..30 {
            caller.add("fine").await.expect("the others answer");
        }
        replica.calls() == before
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_registered_is_found_and_whoever_leaves_is_not() {
    let server = consul().expect("Consul");
    let discovery = by(&server);
    let (first, second) = on_one_port().await;
    let (one, two) = (registered(&discovery, &first).await, registered(&discovery, &second).await);

    let port = first.address.port();
    let places = [
        format!("dns://carts.service.consul:{port}"),
        "srv://_carts._tcp.service.consul".into(),
        "consul://carts".into(),
    ];
    let callers = places.each_ref().map(|place| Caller::of(place, discovery.clone(), None));
    for caller in &callers {
        eventually(async || caller.add("fine").await.is_ok()).await;
        caller.reaches(&[&first, &second]).await;
    }

    // One that has another port is found by those that look for ports.
    let third = Replica::start().await;
    let three = registered(&discovery, &third).await;
    for caller in &callers[1..] {
        caller.reaches(&[&first, &second, &third]).await;
    }

    // A caller that leaves is left without a failed call, with a call in flight that ends well.
    let hanging: Vec<_> = callers
        .iter()
        .flat_map(|caller| std::iter::repeat_n(caller.clone(), 12))
        .map(|caller| tokio::spawn(async move { caller.add("hang").await }))
        .collect();
    two.end().await;
    for caller in &callers {
        leaves(caller, &second).await;
    }
    eventually(async || {
        [&first, &second, &third].iter().for_each(|r| r.carts.go.notify_waiters());
        hanging.iter().all(tokio::task::JoinHandle::is_finished)
    })
    .await;
    for call in hanging {
        call.await.expect("no panic").expect("answered");
    }
    one.end().await;
    leaves(&callers[2], &first).await;
    three.end().await;
    // No one is left in the catalog, and a caller that was known last still answers.
    callers[2].add("fine").await.expect("answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_consul_things_go_on_and_with_it_again() {
    let mut server = consul().expect("Consul");
    let discovery = by(&server);
    let (first, second) = (Replica::start().await, Replica::start().await);
    let one = registered(&discovery, &first).await;
    let places = ["srv://_carts._tcp.service.consul", "consul://carts"];
    let callers = places.map(|place| Caller::of(place, discovery.clone(), None));
    for caller in &callers {
        eventually(async || caller.add("fine").await.is_ok()).await;
    }
    server.kill().expect("killed");
    for caller in &callers {
        for _ in 0..20 {
            caller.add("fine").await.expect("the last known replica answers");
        }
    }
    // A caller that begins meanwhile is not kept from it; a caller who never knew anybody is told why.
    let two = registered(&discovery, &second).await;
    let late = Caller::of("consul://carts", discovery.clone(), None);
    eventually(async || late.add("fine").await.is_err_and(|s| s.message().contains("Consul cannot be reached"))).await;
    // A Consul in development mode has forgotten everything.
    server.up().expect("started");
    for caller in callers.iter().chain([&late]) {
        eventually(async || caller.add("fine").await.is_ok()).await;
        caller.reaches(&[&first, &second]).await;
    }
    one.end().await;
    two.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_dies_is_found_no_more() {
    let server = consul().expect("Consul");
    let discovery = by(&server);
    let (first, second) = (Replica::start().await, Replica::start().await);
    let one = registered(&discovery, &first).await;
    let caller = Caller::of("consul://carts", discovery.clone(), None);
    // Its check dies with its runtime, as with a process; it answers on, so only the catalog keeps calls away.
    let dying = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let address = second.address;
    let of_dying = discovery.clone();
    let begun = dying.spawn(async move { Registration::begin(&of_dying, &["carts"], address).await });
    let _two = begun.await.expect("no panic").expect("begun");
    eventually(async || caller.add("fine").await.is_ok()).await;
    caller.reaches(&[&first, &second]).await;
    dying.shutdown_background();
    leaves(&caller, &second).await;
    caller.reaches(&[&first]).await;
    one.end().await;
}

#[tokio::test]
async fn settings_that_cannot_be_used_say_so() {
    let placed = |place: &str, discovery: Discovery| {
        let Placement::Grpc(replicas) = place.parse().expect("a placement") else { panic!("not elsewhere") };
        let placed = Mesh::new(Limits::default()).with_remotes(discovery, None).place_remote("carts", &replicas);
        placed.expect_err("it cannot be used").to_string()
    };
    let bad =
        Discovery { name_server: "here".to_owned(), consul: base("http://consul:8500/v1"), ..Discovery::default() };
    for place in ["dns://carts:1", "srv://_grpc._tcp.carts"] {
        let said = placed(place, bad.clone());
        assert!(said.contains("discovery.name_server") && said.contains("IP:PORT"), "{said}");
    }
    let said = placed("consul://carts", bad);
    assert!(said.contains("discovery.consul") && said.contains("http://HOST:PORT"), "{said}");
}

#[tokio::test]
async fn a_name_server_that_is_not_there_is_named() {
    // No process answers UDP there: the port is taken by us, and we are silent.
    let silent = tokio::net::UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    let name_server = silent.local_addr().expect("an address").to_string();
    let caller = Caller::of("dns://carts.example:1", Discovery { name_server, ..Discovery::default() }, None);
    let began = std::time::Instant::now();
    let status = caller.add("fine").await.expect_err("nobody is found");
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert!(status.message().contains("carts cannot be reached"), "{}", status.message());
}

/// Ends TLS in front of a server of this machine; returns the port where that is done.
async fn behind_tls(server: &Server, files: &tls::Files) -> u16 {
    let secured = tls::Server::new(files).expect("read");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (port, inner) = (listener.local_addr().expect("an address").port(), server.port());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let secured = secured.clone();
            tokio::spawn(async move {
                // A caller that does not trust the certificate ends it here.
                let Ok(mut outside) = secured.accept(stream).await else { return };
                let mut inside = TcpStream::connect(("127.0.0.1", inner)).await.expect("Consul listens");
                // Either side may close it.
                let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn consul_is_asked_over_tls() {
    let (server, folder) = (consul().expect("Consul"), tempfile::tempdir().expect("a folder"));
    let certificates = Certificates::new(folder.path()).expect("an authority");
    let (certificate, key) = certificates.issue("localhost").expect("issued");
    let shown = tls::Files { ca: PathBuf::new(), certificate, key };
    let consul = base(&format!("https://localhost:{}", behind_tls(&server, &shown).await));
    let strangers = Discovery { consul, ..by(&server) };
    let trusting = tls::Files { ca: certificates.authority(), ..tls::Files::default() };
    let discovery = Discovery { tls: trusting, ..strangers.clone() };

    let replica = Replica::start().await;
    // Neither side of a connection that is not trusted learns anything.
    let nobody = registered(&strangers, &replica).await;
    let plain = Caller::of("consul://carts", by(&server), None);
    assert!(plain.add("fine").await.is_err(), "it was registered over a connection that nobody vouches for");
    nobody.end().await;

    let one = registered(&discovery, &replica).await;
    let caller = Caller::of("consul://carts", discovery, None);
    eventually(async || caller.add("fine").await.is_ok()).await;
    caller.reaches(&[&replica]).await;
    one.end().await;
}
