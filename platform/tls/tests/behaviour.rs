//! Both sides of a connection, with certificates that are real and change.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use vitrine_platform_tls::{Client, Error, Files, Server};
use vitrine_tests_engines::Certificates;

/// How long anything may take to come about.
const PATIENCE: Duration = Duration::from_secs(20);

fn folder() -> (Certificates, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    (Certificates::new(folder.path()).expect("an authority"), folder)
}

fn files(certificates: &Certificates, name: &str) -> Files {
    let (certificate, key) = certificates.issue(name).expect("issued");
    Files { ca: certificates.authority(), certificate, key }
}

/// Sends one byte to every client that it lets in.
async fn listen(server: Server) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(mut stream) = server.accept(stream).await {
                // A caller that is gone again does not matter.
                let _ = stream.write_all(b"!").await;
            }
        }
    });
    address
}

/// The certificate that the server shows, if it lets this client in.
async fn shown(client: &Client, to: SocketAddr, name: &str) -> std::io::Result<Vec<u8>> {
    let stream = TcpStream::connect(to).await?;
    let mut stream = client.connect(name, stream).await?;
    // A server that refuses a client says so after the client thinks that all is well.
    stream.read_u8().await?;
    let shown = stream.get_ref().1.peer_certificates().expect("a certificate");
    Ok(shown[0].as_ref().to_vec())
}

fn der(pem: &Path) -> Vec<u8> {
    std::fs::read(pem).expect("read")
}

/// Looks again and again, at new connections, until the certificate is this one's neighbour no more.
async fn changes(client: &Client, to: SocketAddr, from: &[u8]) -> Vec<u8> {
    let looking = async {
        loop {
            let now = shown(client, to, "localhost").await.expect("let in");
            if now != from {
                return now;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.expect("in time")
}

#[tokio::test]
async fn each_side_proves_who_it_is() {
    let ((ours, _one), (theirs, _two)) = (folder(), folder());
    let address = listen(Server::new(&files(&ours, "server")).expect("read")).await;
    let client = Client::new(&files(&ours, "client")).expect("read");
    for name in ["localhost", "127.0.0.1"] {
        shown(&client, address, name).await.expect(name);
    }
    let said = shown(&client, address, "elsewhere.example").await.expect_err("another name").to_string();
    assert!(said.contains("elsewhere.example"), "{said}");
    let said = shown(&client, address, "no name").await.expect_err("no name").to_string();
    assert!(said.contains("\"no name\""), "{said}");

    let open = listen(Server::new(&Files { ca: PathBuf::new(), ..files(&ours, "open") }).expect("read")).await;
    let nobody = Client::new(&Files { ca: ours.authority(), ..Files::default() }).expect("read");
    shown(&nobody, open, "localhost").await.expect("without authorities a server takes everybody");
    shown(&nobody, address, "localhost").await.expect_err("with them it does not");
    let stranger = Client::new(&Files { ca: ours.authority(), ..files(&theirs, "stranger") }).expect("read");
    shown(&stranger, address, "localhost").await.expect_err("another authority's");
    let believer = Client::new(&files(&theirs, "believer")).expect("read");
    shown(&believer, address, "localhost").await.expect_err("it does not know the server's authority");
    for (side, (certificate, key)) in ["server", "client"].map(|side| (side, ours.issue_expired(side).expect("issued")))
    {
        let old = Files { ca: ours.authority(), certificate, key };
        let outcome = if side == "client" {
            shown(&Client::new(&old).expect("read"), address, "localhost").await
        } else {
            shown(&client, listen(Server::new(&old).expect("read")).await, "localhost").await
        };
        outcome.expect_err(side);
    }
    shown(&client, address, "localhost").await.expect("nobody else is harmed");
}

#[tokio::test]
async fn new_files_are_used_for_new_connections_and_broken_ones_are_not() {
    let (ours, _folder) = folder();
    let server_files = files(&ours, "server");
    let address = listen(Server::new(&server_files).expect("read")).await;
    let client_files = files(&ours, "client");
    let client = Client::new(&client_files).expect("read");
    let first = shown(&client, address, "localhost").await.expect("let in");

    ours.issue("server").expect("issued");
    let second = changes(&client, address, &first).await;

    // A broken file, then a key that is another certificate's: the second one stays in use, longer than files are not looked at.
    let good = der(&server_files.certificate);
    std::fs::write(&server_files.certificate, "nonsense").expect("written");
    let until = tokio::time::Instant::now() + Duration::from_millis(1500);
    while tokio::time::Instant::now() < until {
        assert_eq!(shown(&client, address, "localhost").await.expect("let in"), second);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    std::fs::remove_file(&server_files.certificate).expect("removed");
    assert_eq!(shown(&client, address, "localhost").await.expect("let in"), second);
    std::fs::write(&server_files.certificate, good).expect("written");
    ours.issue("server").expect("issued");
    let third = changes(&client, address, &second).await;
    assert_ne!(third, first);

    // A client's files, too: with ones that the server does not take it is not let in any more.
    let (theirs, _other) = folder();
    let (certificate, key) = theirs.issue("client").expect("issued");
    std::fs::copy(certificate, &client_files.certificate).expect("copied");
    std::fs::copy(key, &client_files.key).expect("copied");
    let looking = async {
        while shown(&client, address, "localhost").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.expect("in time");
}

#[test]
fn bad_files_are_named_with_what_was_expected() {
    let (ours, folder) = folder();
    let good = files(&ours, "server");
    let nonsense = folder.path().join("nonsense.pem");
    std::fs::write(&nonsense, "nonsense").expect("written");
    let missing = folder.path().join("missing.pem");
    for (files, path, expected) in [
        (Files { certificate: nonsense.clone(), ..good.clone() }, &nonsense, "certificates in PEM"),
        (Files { key: nonsense.clone(), ..good.clone() }, &nonsense, "a private key in PEM"),
        (Files { ca: nonsense.clone(), ..good.clone() }, &nonsense, "certificates in PEM"),
        (Files { ca: missing.clone(), ..good.clone() }, &missing, "certificates in PEM"),
        (Files { key: good.certificate.clone(), ..good.clone() }, &good.certificate, "a private key in PEM"),
    ] {
        for said in [Server::new(&files).map(drop), Client::new(&files).map(drop)] {
            let said = said.expect_err(expected).to_string();
            assert!(said.contains(&path.display().to_string()) && said.contains(expected), "{said}");
        }
    }
    let (_, another) = ours.issue("another").expect("issued");
    let unfit = Files { key: another, ..good.clone() };
    assert!(matches!(Server::new(&unfit), Err(Error::Unusable(_))));
    assert!(matches!(Server::new(&Files { key: PathBuf::new(), ..good.clone() }), Err(Error::Half)));
    let ca_only = Files { ca: ours.authority(), ..Files::default() };
    assert!(matches!(Server::new(&ca_only), Err(Error::NoCertificate)));
    assert!(matches!(Client::new(&Files { ca: PathBuf::new(), ..good }), Err(Error::NoAuthority)));
}
