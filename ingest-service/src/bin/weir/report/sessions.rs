//! QUIC, SSH and DHCP.

use weir_shared::proto::{
    Timestamp,
    analyzer::v1::{DhcpExchange, Endpoint, QuicHandshake, SshHandshake},
};

use super::Report;

/// Handshakes with the same server that a person takes for the same.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct QuicKey {
    server_name: String,
    address: String,
    port: u32,
    version: String,
    ja4: String,
}

#[derive(Debug)]
pub(crate) struct QuicGroup {
    pub(crate) server: Option<Endpoint>,
    pub(crate) handshake: QuicHandshake,
}

/// As [`QuicKey`].
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct SshKey {
    address: String,
    port: u32,
    server_banner: String,
    client_banner: String,
    hassh: String,
}

#[derive(Debug)]
pub(crate) struct SshGroup {
    pub(crate) server: Option<Endpoint>,
    pub(crate) handshake: SshHandshake,
}

/// An exchange and when it was over.
#[derive(Debug)]
pub(crate) struct DhcpRow {
    pub(crate) time: Option<Timestamp>,
    pub(crate) exchange: DhcpExchange,
}

impl Report {
    pub(super) fn add_quic(&mut self, handshake: QuicHandshake, server: Option<Endpoint>) {
        let (address, port) = place(server.as_ref());
        let key = QuicKey {
            server_name: handshake.server_name.clone(),
            address,
            port,
            version: handshake.version.clone(),
            ja4: handshake.ja4.clone(),
        };
        let one = QuicGroup { server, handshake };
        self.quic.add(key, one, |_, _| {});
    }

    pub(super) fn add_ssh(&mut self, handshake: SshHandshake, server: Option<Endpoint>) {
        let (address, port) = place(server.as_ref());
        let key = SshKey {
            address,
            port,
            server_banner: handshake.server_banner.clone(),
            client_banner: handshake.client_banner.clone(),
            hassh: handshake.hassh.clone(),
        };
        let one = SshGroup { server, handshake };
        self.ssh.add(key, one, |_, _| {});
    }
}

fn place(server: Option<&Endpoint>) -> (String, u32) {
    server.map_or((String::new(), 0), |server| {
        (server.address.clone(), server.port)
    })
}
