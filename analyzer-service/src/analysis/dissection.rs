//! From a packet of a flow to the dissectors.

use crate::{
    decode::{Ip, Tcp, Transport},
    dissect::{Context, Direction, Dissectors, Output, Segment, TcpFlags},
    flow::{Entry, Stamp},
};

/// Shows a packet's application data to the dissectors.
pub(super) struct Dissection<'a> {
    pub(super) dissectors: &'a mut Dissectors,
    pub(super) out: &'a mut Output,
    pub(super) stamp: Stamp,
}

impl Dissection<'_> {
    /// Answers the service that the packet carries.
    pub(super) fn run(
        self,
        entry: &mut Entry,
        ip: &Ip<'_>,
        direction: Direction,
    ) -> Option<&'static str> {
        let context = Context {
            time: self.stamp.time,
            packet_number: self.stamp.number,
            flow: &entry.flow,
            direction,
        };
        let segment = match &ip.transport {
            Transport::Udp(udp) => {
                let app = &mut entry.app;
                let service = self
                    .dissectors
                    .datagram(app, &context, udp.payload, self.out);
                if ip.fragment.is_some() || (udp.payload.len() as u64) < ip.payload_bytes {
                    // Its end is missing here, not on the wire.
                    self.out.malformed.clear();
                }
                return service;
            }
            Transport::Tcp(tcp) => Segment {
                seq: tcp.seq,
                flags: TcpFlags {
                    syn: tcp.has(Tcp::SYN),
                    // Of a fragment that is cut off it comes behind bytes that are missing.
                    fin: tcp.has(Tcp::FIN) && ip.fragment.is_none(),
                    rst: tcp.has(Tcp::RST),
                },
                payload: tcp.payload,
                missing: missing(ip, tcp.payload),
            },
            _ => return None,
        };
        let app = &mut entry.app;
        self.dissectors.segment(app, &context, &segment, self.out)
    }
}

/// Payload bytes that the snap length cut off.
fn missing(ip: &Ip<'_>, payload: &[u8]) -> u32 {
    let missing = ip.payload_bytes.saturating_sub(payload.len() as u64);
    u32::try_from(missing).unwrap_or(u32::MAX)
}
