//! Packets inside of packets: each function gives what its carrier has as payload.

/// GRE (RFC 2890) with a key or without.
#[must_use]
pub fn gre(key: Option<u32>, protocol: u16, payload: &[u8]) -> Vec<u8> {
    let flags: u16 = if key.is_some() { 0x2000 } else { 0 };
    let mut bytes = [flags.to_be_bytes(), protocol.to_be_bytes()].concat();
    bytes.extend(key.into_iter().flat_map(u32::to_be_bytes));
    bytes.extend(payload);
    bytes
}

/// GRE as PPTP has it (RFC 2637): a call, a sequence number and PPP.
///
/// # Panics
/// For a payload longer than 65,535 bytes.
#[must_use]
pub fn pptp(call: u16, ppp: &[u8]) -> Vec<u8> {
    let length = u16::try_from(ppp.len()).expect("a short payload");
    let key = [length.to_be_bytes(), call.to_be_bytes()].concat();
    [
        &[0x30, 0x01, 0x88, 0x0b],
        key.as_slice(),
        &[0, 0, 0, 1],
        ppp,
    ]
    .concat()
}

/// ERSPAN type II in GRE.
#[must_use]
pub fn erspan(session: u16, frame: &[u8]) -> Vec<u8> {
    let [high, low] = session.to_be_bytes();
    let gre = [0x10, 0, 0x88, 0xbe, 0, 0, 0, 1];
    [&gre, &[0x10, 1, high & 3, low, 0, 0, 0, 0], frame].concat()
}

/// ERSPAN type III in GRE.
#[must_use]
pub fn erspan_iii(session: u16, frame: &[u8]) -> Vec<u8> {
    let [high, low] = session.to_be_bytes();
    let gre = [0x10, 0, 0x22, 0xeb, 0, 0, 0, 1];
    let header = [0x20, 1, high & 3, low, 0, 0, 0, 0, 0, 0, 0, 0];
    [gre.as_slice(), &header, frame].concat()
}

/// Payload of UDP to port 4789.
#[must_use]
pub fn vxlan(vni: u32, frame: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = vni.to_be_bytes();
    [&[8, 0, 0, 0, a, b, c, 0], frame].concat()
}

/// Payload of UDP to port 6081, with one option of four bytes.
#[must_use]
pub fn geneve(vni: u32, protocol: u16, payload: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = vni.to_be_bytes();
    let [high, low] = protocol.to_be_bytes();
    let option = [1, 2, 3, 1, 9, 9, 9, 9];
    [&[2, 0, high, low, a, b, c, 0], option.as_slice(), payload].concat()
}

/// Payload of UDP to port 2152, with a sequence number and an extension header.
///
/// # Panics
/// For a payload longer than IP's.
#[must_use]
pub fn gtp_u(teid: u32, packet: &[u8]) -> Vec<u8> {
    let length = u16::try_from(packet.len() + 8).expect("a short payload");
    let optional = [0, 1, 0, 0x85, 1, 0, 0, 0];
    [
        &[0x36, 255],
        length.to_be_bytes().as_slice(),
        &teid.to_be_bytes(),
        &optional,
        packet,
    ]
    .concat()
}

/// Payload of UDP to or from port 3544, with an origin in front.
#[must_use]
pub fn teredo(packet: &[u8]) -> Vec<u8> {
    [&[0, 0, 0x63, 0xbf, 0xf5, 0xff, 0xff, 0xfe], packet].concat()
}

/// Labels (RFC 3032), outermost first.
#[must_use]
pub fn mpls(labels: &[u32], payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (n, label) in labels.iter().enumerate() {
        let is_last = u32::from(n + 1 == labels.len());
        bytes.extend((label << 12 | is_last << 8 | 64).to_be_bytes());
    }
    bytes.extend(payload);
    bytes
}

/// A session of PPPoE (RFC 2516), with PPP's protocol number.
///
/// # Panics
/// For a payload longer than 65,533 bytes.
#[must_use]
pub fn pppoe(session: u16, protocol: u16, packet: &[u8]) -> Vec<u8> {
    let ppp = ppp(protocol, packet);
    let length = u16::try_from(ppp.len()).expect("a short payload");
    [
        &[0x11, 0],
        session.to_be_bytes().as_slice(),
        &length.to_be_bytes(),
        &ppp,
    ]
    .concat()
}

/// PPP without HDLC's framing.
#[must_use]
pub fn ppp(protocol: u16, packet: &[u8]) -> Vec<u8> {
    [protocol.to_be_bytes().as_slice(), packet].concat()
}

/// An 802.11 data frame with QoS from a station to its access point, LLC and SNAP in it.
#[must_use]
pub fn wlan(ether_type: u16, packet: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x88, 0x01, 0, 0];
    for last in [9, 1, 2] {
        frame.extend([2, 0, 0, 0, 0, last]);
    }
    frame.extend([0, 0, 0, 0]);
    frame.extend([0xaa, 0xaa, 3, 0, 0, 0]);
    frame.extend(ether_type.to_be_bytes());
    frame.extend(packet);
    frame
}

/// Radiotap with a time, flags and a rate in front of `frame`, and a checksum behind it.
#[must_use]
pub fn radiotap(frame: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 18, 0, 7, 0, 0, 0];
    bytes.extend([0; 8]);
    bytes.extend([0x10, 2]);
    bytes.extend(frame);
    bytes.extend([0xde, 0xad, 0xbe, 0xef]);
    bytes
}

/// NFLOG with a prefix in front of the packet.
///
/// # Panics
/// For a packet longer than 65,531 bytes.
#[must_use]
pub fn nflog(family: u8, packet: &[u8]) -> Vec<u8> {
    let length = u16::try_from(packet.len() + 4).expect("a short packet");
    let prefix = [6, 0, 10, 0, b'x', 0, 0, 0];
    [
        &[family, 0, 0, 0],
        prefix.as_slice(),
        &length.to_le_bytes(),
        &[9, 0],
        packet,
    ]
    .concat()
}

/// PKTAP in front of what `link_type` begins.
#[must_use]
pub fn pktap(link_type: u32, packet: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for word in [108, 1, link_type] {
        bytes.extend(u32::to_le_bytes(word));
    }
    bytes.resize(108, 0);
    bytes.extend(packet);
    bytes
}

/// PPI without fields in front of what `link_type` begins.
#[must_use]
pub fn ppi(link_type: u32, packet: &[u8]) -> Vec<u8> {
    [&[0, 0, 8, 0], link_type.to_le_bytes().as_slice(), packet].concat()
}
