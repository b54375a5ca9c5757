//! Words of the language, and the few names it knows without asking anybody.

/// Words that stand for numbers wherever a number may stand (pcap-filter(7)).
pub(super) fn constant(word: &str) -> Option<u32> {
    CONSTANTS
        .iter()
        .find(|(name, _)| *name == word)
        .map(|(_, value)| *value)
}

const CONSTANTS: [(&str, u32); 43] = [
    ("icmptype", 0),
    ("icmpcode", 1),
    ("icmp-echoreply", 0),
    ("icmp-unreach", 3),
    ("icmp-sourcequench", 4),
    ("icmp-redirect", 5),
    ("icmp-echo", 8),
    ("icmp-routeradvert", 9),
    ("icmp-routersolicit", 10),
    ("icmp-timxceed", 11),
    ("icmp-paramprob", 12),
    ("icmp-tstamp", 13),
    ("icmp-tstampreply", 14),
    ("icmp-ireq", 15),
    ("icmp-ireqreply", 16),
    ("icmp-maskreq", 17),
    ("icmp-maskreply", 18),
    ("icmp6type", 0),
    ("icmp6code", 1),
    ("icmp6-destinationunreach", 1),
    ("icmp6-packettoobig", 2),
    ("icmp6-timeexceeded", 3),
    ("icmp6-parameterproblem", 4),
    ("icmp6-echo", 128),
    ("icmp6-echoreply", 129),
    ("icmp6-multicastlistenerquery", 130),
    ("icmp6-multicastlistenerreportv1", 131),
    ("icmp6-multicastlistenerdone", 132),
    ("icmp6-routersolicit", 133),
    ("icmp6-routeradvert", 134),
    ("icmp6-neighborsolicit", 135),
    ("icmp6-neighboradvert", 136),
    ("icmp6-redirect", 137),
    ("icmp6-multicastlistenerreportv2", 143),
    ("tcpflags", 13),
    ("tcp-fin", 0x01),
    ("tcp-syn", 0x02),
    ("tcp-rst", 0x04),
    ("tcp-push", 0x08),
    ("tcp-ack", 0x10),
    ("tcp-urg", 0x20),
    ("tcp-ece", 0x40),
    ("tcp-cwr", 0x80),
];

/// Ports by name (IANA's registry): those that people write in filters.
pub(super) fn service(name: &str) -> Option<u16> {
    SERVICES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, port)| *port)
}

const SERVICES: [(&str, u16); 40] = [
    ("ftp-data", 20),
    ("ftp", 21),
    ("ssh", 22),
    ("telnet", 23),
    ("smtp", 25),
    ("domain", 53),
    ("bootps", 67),
    ("bootpc", 68),
    ("tftp", 69),
    ("http", 80),
    ("kerberos", 88),
    ("pop3", 110),
    ("sunrpc", 111),
    ("ntp", 123),
    ("netbios-ns", 137),
    ("netbios-dgm", 138),
    ("netbios-ssn", 139),
    ("imap", 143),
    ("imap2", 143),
    ("snmp", 161),
    ("snmp-trap", 162),
    ("bgp", 179),
    ("ldap", 389),
    ("https", 443),
    ("microsoft-ds", 445),
    ("submissions", 465),
    ("isakmp", 500),
    ("syslog", 514),
    ("submission", 587),
    ("ldaps", 636),
    ("domain-s", 853),
    ("imaps", 993),
    ("pop3s", 995),
    ("openvpn", 1194),
    ("mysql", 3306),
    ("ms-wbt-server", 3389),
    ("sip", 5060),
    ("sip-tls", 5061),
    ("mdns", 5353),
    ("postgresql", 5432),
];

/// What a filter may begin with, and what it may ask of IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Ether,
    Ip,
    Ip6,
    Arp,
    Rarp,
    /// By EtherType.
    Link(u32),
    /// By IANA number, over IPv4 and IPv6.
    Any(u32),
    /// By IANA number, over one of them.
    V4(u32),
    V6(u32),
}

/// The word of a protocol.
pub(super) fn protocol(word: &str) -> Option<Protocol> {
    PROTOCOLS
        .iter()
        .find(|(name, _)| *name == word)
        .map(|(_, protocol)| *protocol)
}

const PROTOCOLS: [(&str, Protocol); 24] = [
    ("ether", Protocol::Ether),
    ("link", Protocol::Ether),
    ("ip", Protocol::Ip),
    ("ip6", Protocol::Ip6),
    ("arp", Protocol::Arp),
    ("rarp", Protocol::Rarp),
    ("tcp", Protocol::Any(6)),
    ("udp", Protocol::Any(17)),
    ("sctp", Protocol::Any(132)),
    ("icmp", Protocol::V4(1)),
    ("icmp6", Protocol::V6(58)),
    ("igmp", Protocol::V4(2)),
    ("igrp", Protocol::V4(9)),
    ("pim", Protocol::Any(103)),
    ("vrrp", Protocol::V4(112)),
    ("carp", Protocol::V4(112)),
    ("ah", Protocol::Any(51)),
    ("esp", Protocol::Any(50)),
    ("decnet", Protocol::Link(0x6003)),
    ("lat", Protocol::Link(0x6004)),
    ("moprc", Protocol::Link(0x6002)),
    ("mopdl", Protocol::Link(0x6001)),
    ("sca", Protocol::Link(0x6007)),
    ("pppoed", Protocol::Link(0x8863)),
];

/// IANA protocol numbers by the names that `proto` takes.
pub(super) fn ip_protocol(name: &str) -> Option<u32> {
    let more = [
        ("ipip", 4),
        ("ipencap", 4),
        ("egp", 8),
        ("dccp", 33),
        ("ipv6", 41),
        ("rsvp", 46),
        ("gre", 47),
        ("ipv6-icmp", 58),
        ("eigrp", 88),
        ("ospf", 89),
        ("l2tp", 115),
        ("udplite", 136),
    ];
    match protocol(name) {
        Some(Protocol::Any(number) | Protocol::V4(number) | Protocol::V6(number)) => Some(number),
        Some(Protocol::Ip) => Some(0),
        _ => more
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, number)| *number),
    }
}

/// EtherTypes by the names that `ether proto` takes.
pub(super) fn ether_type(name: &str) -> Option<u32> {
    match protocol(name) {
        Some(Protocol::Ip) => Some(super::view::IP),
        Some(Protocol::Ip6) => Some(super::view::IP6),
        Some(Protocol::Arp) => Some(super::view::ARP),
        Some(Protocol::Rarp) => Some(super::view::RARP),
        Some(Protocol::Link(number)) => Some(number),
        _ => None,
    }
}

/// Words of the language that are not known here, so that they are no names either.
pub(super) fn is_unsupported(word: &str) -> bool {
    UNSUPPORTED.contains(&word)
}

const UNSUPPORTED: [&str; 44] = [
    "gateway",
    "protochain",
    "inbound",
    "outbound",
    "ifindex",
    "ifname",
    "on",
    "rset",
    "ruleset",
    "rnr",
    "rulenum",
    "srnr",
    "subrulenum",
    "reason",
    "action",
    "type",
    "subtype",
    "direction",
    "dir",
    "mpls",
    "pppoes",
    "geneve",
    "vxlan",
    "iso",
    "clnp",
    "esis",
    "isis",
    "l1",
    "l2",
    "iih",
    "lsp",
    "snp",
    "csnp",
    "psnp",
    "atalk",
    "aarp",
    "stp",
    "ipx",
    "netbeui",
    "llc",
    "vpi",
    "vci",
    "wlan",
    "fddi",
];

/// Words that stand at places of their own, so that they are no names.
pub(super) fn is_keyword(word: &str) -> bool {
    let own = [
        "src",
        "dst",
        "host",
        "net",
        "port",
        "portrange",
        "proto",
        "mask",
        "less",
        "greater",
        "len",
        "length",
        "vlan",
        "broadcast",
        "multicast",
    ];
    own.contains(&word) || protocol(word).is_some() || is_unsupported(word)
}
