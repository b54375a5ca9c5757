//! Which protocols a packet is made of, outermost first.

/// Layers a path holds; packets with more (tags upon tags) are counted by the first ones.
const LAYERS_MAX: u32 = 16;

/// A protocol below the application. The names are tshark's filter names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Layer {
    /// A link type that is not decoded; its number follows in two bytes.
    OtherLink = 1,
    Eth,
    Sll,
    Null,
    Raw,
    Vlan,
    ProviderVlan,
    Llc,
    Stp,
    Arp,
    Ip,
    Ipv6,
    Tcp,
    Udp,
    Sctp,
    Icmp,
    Icmpv6,
    Igmp,
    Gre,
    Esp,
    Eigrp,
    Ospf,
    Pim,
    Vrrp,
    L2tp,
    Rsvp,
    UdpLite,
    Dccp,
    IpComp,
    Lldp,
    Eapol,
    PppoeDiscovery,
    PppoeSession,
    Mpls,
    SlowProtocols,
    Loopback,
    Macsec,
    Ptp,
    Ah,
    Erspan,
    Vxlan,
    Geneve,
    Teredo,
    Gtp,
    Ppp,
    CiscoHdlc,
    PseudoWire,
    Wlan,
    WlanRadio,
    Radiotap,
    Prism,
    Avs,
    Ppi,
    Nflog,
    Pktap,
}

/// By position: `Layer` less one. "linktype" is completed with its number.
const NAMES: [&str; Layer::Pktap as usize] = [
    "linktype",
    "eth",
    "sll",
    "null",
    "raw",
    "vlan",
    "ieee8021ad",
    "llc",
    "stp",
    "arp",
    "ip",
    "ipv6",
    "tcp",
    "udp",
    "sctp",
    "icmp",
    "icmpv6",
    "igmp",
    "gre",
    "esp",
    "eigrp",
    "ospf",
    "pim",
    "vrrp",
    "l2tp",
    "rsvp",
    "udplite",
    "dccp",
    "ipcomp",
    "lldp",
    "eapol",
    "pppoed",
    "pppoes",
    "mpls",
    "slow",
    "loop",
    "macsec",
    "ptp",
    "ah",
    "erspan",
    "vxlan",
    "geneve",
    "teredo",
    "gtp",
    "ppp",
    "chdlc",
    "pweth",
    "wlan",
    "wlan_radio",
    "radiotap",
    "prism",
    "wlancap",
    "ppi",
    "nflog",
    "pktap",
];

/// First of the numbers that stand for services, which are known by name only.
const SERVICE_FIRST: u8 = 0x80;
/// Services a capture can have names of.
pub const SERVICES_MAX: usize = 0x80;

/// A byte a layer, the innermost lowest: the parent is the path without its lowest byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(u128);

impl Path {
    /// With these layers, outermost first, at most [`LAYERS_MAX`].
    pub(super) const fn of<const N: usize>(layers: [Layer; N]) -> Self {
        assert!(N <= LAYERS_MAX as usize);
        let mut path = 0;
        let mut at = 0;
        while at < N {
            path = path << 8 | layers[at] as u128;
            at += 1;
        }
        Self(path)
    }

    /// Of a packet whose link type is not decoded.
    #[must_use]
    pub fn other_link(link_type: u16) -> Self {
        Self(u128::from(Layer::OtherLink as u8) << 16 | u128::from(link_type))
    }

    pub fn push(&mut self, layer: Layer) {
        self.push_byte(layer as u8);
    }

    /// The service with this position in the caller's list of names.
    pub fn push_service(&mut self, service: usize) {
        if let Ok(service) = u8::try_from(service.min(SERVICES_MAX - 1)) {
            self.push_byte(SERVICE_FIRST + service);
        }
    }

    fn push_byte(&mut self, byte: u8) {
        if self.0.leading_zeros() >= 8 {
            self.0 = self.0 << 8 | u128::from(byte);
        }
    }

    /// Numbers that [`Self::slot`] gives.
    pub const SLOTS: usize = 32;

    /// A number for a small table: different for most paths of one capture.
    #[must_use]
    pub fn slot(self) -> usize {
        let [.., outer, inner] = self.0.to_be_bytes();
        usize::from(inner ^ outer << 2) % Self::SLOTS
    }

    /// Without the innermost layer; none for one layer.
    #[must_use]
    pub fn parent(self) -> Option<Self> {
        let outer = self.0 >> 8;
        (outer != 0 && self.link_number().is_none()).then_some(Self(outer))
    }

    /// "eth:ip:tcp:tls", with these names of services.
    #[must_use]
    pub fn text(self, services: &[&'static str]) -> String {
        if let Some(number) = self.link_number() {
            return format!("linktype-{number}");
        }
        let bytes = self.0.to_be_bytes();
        let layers = bytes.into_iter().filter(|byte| *byte != 0);
        let names: Vec<&str> = layers.map(|byte| name(byte, services)).collect();
        names.join(":")
    }

    fn link_number(self) -> Option<u16> {
        let is_number = self.0 >> 16 == u128::from(Layer::OtherLink as u8);
        if is_number {
            u16::try_from(self.0 & 0xffff).ok()
        } else {
            None
        }
    }
}

const _: () = assert!(LAYERS_MAX * 8 == u128::BITS);

fn name(byte: u8, services: &[&'static str]) -> &'static str {
    let name = match byte.checked_sub(SERVICE_FIRST) {
        Some(service) => services.get(usize::from(service)),
        None => NAMES.get(usize::from(byte).wrapping_sub(1)),
    };
    name.copied().unwrap_or("data")
}
