//! Community ID version 1 (corelight/community-id-spec) with seed 0.

use sha1::{Digest, Sha1};

use super::key::FlowKey;

const SEED: [u8; 2] = [0; 2];

/// Protocols whose two port fields count: ICMP, TCP, UDP, ICMPv6 and SCTP.
const WITH_PORTS: [u8; 5] = [1, 6, 17, 58, 132];

/// Seed, two addresses, protocol, padding and two ports: less than a block of SHA-1.
const BYTES_MAX: usize = 2 + 2 * 16 + 2 + 2 * 2;

/// The digest, which base64 turns into text.
pub(super) fn community_id(key: &FlowKey) -> [u8; 20] {
    let mut bytes = [0; BYTES_MAX];
    let mut n_bytes = 0;
    let mut add = |more: &[u8]| {
        if let Some(room) = bytes.get_mut(n_bytes..n_bytes + more.len()) {
            room.copy_from_slice(more);
            n_bytes += more.len();
        }
    };
    add(&SEED);
    key.write_addresses(&mut add);
    add(&[key.protocol, 0]);
    if WITH_PORTS.contains(&key.protocol) {
        for port in key.ports() {
            add(&port.to_be_bytes());
        }
    }
    Sha1::digest(&bytes[..n_bytes]).into()
}

#[cfg(test)]
mod tests {
    use base64::{Engine, prelude::BASE64_STANDARD};

    use super::{super::key::Tuple, *};
    use crate::{decode::Ports, record::IcmpKind};

    #[track_caller]
    fn check(protocol: u8, source: (&str, u16), target: (&str, u16), text: &str) {
        let address = |text: &str| text.parse().expect("an address");
        let (a, b) = (address(source.0), address(target.0));
        let tuple = if matches!(protocol, 1 | 58) {
            let byte = |port: u16| u8::try_from(port).expect("a type or code");
            let kind = IcmpKind {
                icmp_type: byte(source.1),
                code: byte(target.1),
            };
            Tuple::icmp(a, b, protocol, kind)
        } else {
            let ports = Ports {
                source: source.1,
                target: target.1,
            };
            Tuple::with_ports(a, b, protocol, ports)
        };
        let (key, _) = tuple.key(crate::decode::Vlans::default(), 0);
        assert_eq!(BASE64_STANDARD.encode(community_id(&key)), text);
    }

    #[test]
    fn both_directions_have_one_id() {
        let (a, b) = (("128.232.110.120", 34855), ("66.35.250.204", 80));
        check(6, a, b, "LQU9qZlK+B5F3KDmev6m5PMibrg=");
        check(6, b, a, "LQU9qZlK+B5F3KDmev6m5PMibrg=");
        let (a, b) = (("192.168.1.52", 54585), ("8.8.8.8", 53));
        check(17, a, b, "d/FP5EW3wiY1vCndhwleRRKHowQ=");
        check(17, b, a, "d/FP5EW3wiY1vCndhwleRRKHowQ=");
        let (a, b) = (("192.168.170.8", 7), ("192.168.170.56", 7));
        check(132, a, b, "MP2EtRCAUIZvTw6MxJHLV7N7JDs=");
    }

    #[test]
    fn icmp_pairs_request_and_reply() {
        let (a, b) = ("192.168.0.89", "192.168.0.1");
        check(1, (a, 8), (b, 0), "X0snYXpgwiv9TZtqg64sgzUn6Dk=");
        check(1, (b, 0), (a, 0), "X0snYXpgwiv9TZtqg64sgzUn6Dk=");
        let (a, b) = ("fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea");
        check(58, (a, 135), (b, 0), "dGHyGvjMfljg6Bppwm3bg0LO8TY=");
        check(58, (b, 136), (a, 0), "dGHyGvjMfljg6Bppwm3bg0LO8TY=");
        check(58, (b, 135), (a, 0), "zavyT/cezQr1fmImYCwYnMXbgck=");
    }

    #[test]
    fn icmp_without_an_answer_goes_by_type_and_code() {
        check(
            1,
            ("10.0.0.1", 11),
            ("10.0.0.2", 0),
            "YHxtAirCG//0OzkcVAukqKQN9xM=",
        );
        let target = "3ffe:507:0:1:200:86ff:fe05:80da";
        check(
            58,
            ("3ffe:501:1800:2345::2", 3),
            (target, 0),
            "2ObVBgIn28oZvibYZhZMBgh7WdQ=",
        );
        let source = "3ffe:501:410:0:2c0:dfff:fe47:33e";
        check(58, (source, 1), (target, 4), "hLZd0XGWojozrvxqE0dWB1iM6R0=");
    }

    #[test]
    fn other_protocols_have_no_ports() {
        check(
            46,
            ("10.1.12.1", 0),
            ("10.1.12.2", 0),
            "KHlLkgoJW7ifUTyTSgyVfkFHzKw=",
        );
        check(
            46,
            ("10.1.12.2", 0),
            ("10.1.12.1", 0),
            "KHlLkgoJW7ifUTyTSgyVfkFHzKw=",
        );
    }
}
