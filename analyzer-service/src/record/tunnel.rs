//! What a flow was inside of.

/// An encapsulation around a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tunnel {
    pub kind: TunnelKind,
    /// VNI, TEID, GRE key (of NVGRE the subnet's id), PPTP call, ERSPAN session, MPLS label or PPPoE session; zero when
    /// it has none. Of the flow's first packet: labels, TEIDs and calls differ by direction.
    pub id: u64,
    /// The flow that carries it; zero when it is none.
    pub outer_flow_id: u64,
}

/// Encapsulations that are opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TunnelKind {
    /// RFC 2784 and 2890.
    Gre,
    /// RFC 2637: GRE with PPP inside.
    Pptp,
    /// Cisco's mirrored frames in GRE (draft-foschiano-erspan).
    Erspan,
    /// RFC 7348.
    Vxlan,
    /// RFC 8926.
    Geneve,
    /// IPv4 in IPv4 (RFC 2003).
    IpIp,
    /// IPv6 in IPv4 (RFC 4213).
    SixInFour,
    /// IPv4 in IPv6 (RFC 2473).
    FourInSix,
    /// IPv6 in IPv6 (RFC 2473).
    SixInSix,
    /// RFC 4380.
    Teredo,
    /// 3GPP TS 29.281.
    GtpU,
    /// RFC 3032.
    Mpls,
    /// RFC 2516.
    Pppoe,
}

impl TunnelKind {
    /// As `Tunnel.type` in records.proto says.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gre => "gre",
            Self::Pptp => "pptp",
            Self::Erspan => "erspan",
            Self::Vxlan => "vxlan",
            Self::Geneve => "geneve",
            Self::IpIp => "ipip",
            Self::SixInFour => "6in4",
            Self::FourInSix => "4in6",
            Self::SixInSix => "6in6",
            Self::Teredo => "teredo",
            Self::GtpU => "gtp-u",
            Self::Mpls => "mpls",
            Self::Pppoe => "pppoe",
        }
    }

    /// Both directions have the same id, so it tells tunnels between the same two ends apart.
    #[must_use]
    pub fn has_one_id(self) -> bool {
        match self {
            Self::Gre
            | Self::Erspan
            | Self::Vxlan
            | Self::Geneve
            | Self::IpIp
            | Self::SixInFour
            | Self::FourInSix
            | Self::SixInSix
            | Self::Teredo
            | Self::Pppoe => true,
            // Each end chooses the one that it wants to be sent.
            Self::Pptp | Self::GtpU | Self::Mpls => false,
        }
    }
}
