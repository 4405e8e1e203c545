use std::pin::Pin;
use std::task::{Context, Poll};

use proptest::prelude::*;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};

use super::*;

/// An in-memory pipe, which cannot peek.
struct Pipe(DuplexStream);

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl Stream for Pipe {
    async fn peek_line_bytes(&self, _: usize) -> io::Result<usize> {
        Ok(1)
    }
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn client_at(text: &str) -> ProxySource {
    ProxySource::Client(address(text))
}

/// Builds a version 2 header with this command, family and rest.
fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [v2::PROTOCOL_PREFIX, &[command, family], &length, rest].concat()
}

const V4: [u8; 12] = [192, 0, 2, 1, 10, 0, 0, 1, 0x10, 0, 0, 80];

/// Reads a header from a stream with these bytes. Returns the result and the unread rest.
async fn read_from(bytes: &[u8]) -> (io::Result<Option<ProxySource>>, Vec<u8>) {
    let (mut client, server) = tokio::io::duplex(bytes.len().max(1));
    client.write_all(bytes).await.unwrap();
    drop(client);
    let mut server = Pipe(server);
    let source = read_header(&mut server).await;
    let mut rest = Vec::new();
    server.0.read_to_end(&mut rest).await.unwrap();
    (source, rest)
}

#[tokio::test]
async fn exactly_the_header_is_consumed() {
    let v6 = [[0x20, 1, 0xd, 0xb8].as_slice(), &[0; 12], &[0; 20]].concat();
    let mapped = [[0; 10].as_slice(), &[0xff, 0xff, 192, 0, 2, 7], &[0; 20]].concat();
    for (header, source) in [
        (
            b"PROXY TCP4 192.0.2.1 10.0.0.1 4096 80\r\n".to_vec(),
            client_at("192.0.2.1"),
        ),
        (
            b"PROXY TCP6 2001:db8::1 ::1 1 2\r\n".to_vec(),
            client_at("2001:db8::1"),
        ),
        (
            b"PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n".to_vec(),
            client_at("192.0.2.7"),
        ),
        (b"PROXY UNKNOWN\r\n".to_vec(), ProxySource::Proxy),
        (
            b"PROXY UNKNOWN ffff:: ffff:: 65535 65535\r\n".to_vec(),
            ProxySource::Proxy,
        ),
        (binary(0x21, 0x11, &V4), client_at("192.0.2.1")),
        (binary(0x21, 0x21, &v6), client_at("2001:db8::")),
        (binary(0x21, 0x21, &mapped), client_at("192.0.2.7")),
        // Extensions after the addresses.
        (
            binary(0x21, 0x11, &[&V4[..], &[4, 0, 2, 0, 0]].concat()),
            client_at("192.0.2.1"),
        ),
        // LOCAL with any other content, UNSPEC, and a Unix domain socket.
        (binary(0x20, 0x00, &[]), ProxySource::Proxy),
        (binary(0x20, 0x11, &V4), ProxySource::Proxy),
        (binary(0x21, 0x00, &[1, 2, 3]), ProxySource::Proxy),
        (binary(0x21, 0x31, &[b'x'; 216]), ProxySource::Proxy),
    ] {
        for rest in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"\x16\x03\x01", b"\n", b""] {
            let (read, left) = read_from(&[&header[..], rest].concat()).await;
            assert_eq!(read.unwrap(), Some(source), "{header:?}");
            assert_eq!(left, rest, "{header:?}");
        }
        assert_eq!(parse(&header), Some(source));
    }
}

#[tokio::test]
async fn invalid_headers_are_refused_within_a_bound() {
    let endless = [b"PROXY UNKNOWN ".as_slice(), &[b'x'; 5000]].concat();
    for bytes in [
        &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
        b"proxy TCP4 192.0.2.1 10.0.0.1 4096 80\r\n",
        b"PROXY TCP4 192.0.2.1 10.0.0.1 4096 80\n",
        b"PROXY UNKNOWN anything\n",
        b"PROXY TCP4 192.0.2.256 10.0.0.1 4096 80\r\n",
        b"PROXY TCP4 ::1 ::1 4096 80\r\n",
        b"PROXY TCP4\r\n GET / HTTP/1.1\r\n",
        b"PROXY a\r\nGET / HTTP/1.1\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03aaaaaaa",
        &endless,
        &binary(0x31, 0x11, &V4),
        &binary(0x22, 0x11, &V4),
        &binary(0x21, 0x12, &V4),
        &binary(0x21, 0x11, &V4[..8]),
        &binary(0x21, 0x21, &V4),
        &binary(0x21, 0x11, &[0; V2_HEADER_BYTES_MAX]),
    ] {
        let (read, left) = read_from(bytes).await;
        let error = read.expect_err("no header");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{bytes:?}");
        assert!(bytes.len() - left.len() <= V2_HEADER_BYTES_MAX);
    }
    let (_, left) = read_from(&endless).await;
    assert_eq!(endless.len() - left.len(), V1_HEADER_BYTES_MAX);
}

#[tokio::test]
async fn a_truncated_header_is_an_error_and_an_empty_stream_is_none() {
    for header in [
        &b"PROXY TCP4 192.0.2.1 10.0.0.1 4096 80\r\n"[..],
        &binary(0x21, 0x11, &V4),
    ] {
        for cut in 1..header.len() {
            assert!(read_from(&header[..cut]).await.0.is_err(), "{cut}");
            assert_eq!(parse(&header[..cut]), None);
        }
    }
    assert_eq!(read_from(b"").await.0.unwrap(), None);
}

#[tokio::test]
async fn a_fragmented_line_is_read_over_tcp() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = tokio::net::TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    client.set_nodelay(true).unwrap();
    let (mut server, _) = listener.accept().await.unwrap();
    let sending = async {
        for part in [
            &b"PRO"[..],
            b"XY TCP4 192.0.",
            b"2.1 10.0.0.1 4096 80\r",
            b"\nGET",
        ] {
            client.write_all(part).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    let (source, ()) = tokio::join!(read_header(&mut server), sending);
    assert_eq!(source.unwrap(), Some(client_at("192.0.2.1")));
    let mut rest = [0; 3];
    server.read_exact(&mut rest).await.unwrap();
    assert_eq!(&rest, b"GET");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_header_of_the_library_is_parsed(bits: u128, short: u32, port: u16) {
        let (v4, v6) = (std::net::Ipv4Addr::from(short), std::net::Ipv6Addr::from(bits));
        let line = v1::Addresses::new_tcp4(v4, v4, port, port).to_string();
        prop_assert_eq!(parse(line.as_bytes()), Some(ProxySource::Client(v4.into())));
        let line = v1::Addresses::new_tcp6(v6, v6, port, port).to_string();
        prop_assert_eq!(parse(line.as_bytes()), Some(ProxySource::Client(IpAddr::from(v6).to_canonical())));
        let header = [&v4.octets()[..], &v4.octets(), &port.to_be_bytes(), &port.to_be_bytes()].concat();
        prop_assert_eq!(parse(&binary(0x21, 0x11, &header)), Some(ProxySource::Client(v4.into())));
    }

    #[test]
    fn any_bytes_are_safe_and_only_complete_headers_parse(
        is_binary: bool, bytes in proptest::collection::vec(any::<u8>(), 0..300), cut: usize,
    ) {
        let header = if is_binary {
            [v2::PROTOCOL_PREFIX, &bytes].concat()
        } else {
            [b"PROXY TCP4 ".as_slice(), &bytes, b"\r\n"].concat()
        };
        if parse(&header).is_some() {
            prop_assert_eq!(parse(&header[..cut % header.len()]), None);
            prop_assert_eq!(parse(&[&header[..], b"x"].concat()), None);
        }
    }
}
