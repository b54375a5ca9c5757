//! What a packet is inside of.

use std::{
    hash::{BuildHasher, Hash, Hasher},
    net::IpAddr,
};

use ahash::RandomState;

use crate::{
    decode::{Encapsulation, Vlans},
    record::Tunnel,
};

/// The tunnels around a packet. Flows in different ones are different flows.
#[derive(Clone, Debug)]
pub struct Nesting {
    /// Zero for no tunnel; else a keyed hash of all that tells this nesting from others: an
    /// attacker can't find two alike, and there is no table to fill.
    context: u64,
    /// Outermost first.
    tunnels: Vec<Tunnel>,
}

/// The IP packet that carries a tunnel.
#[derive(Clone, Copy, Debug)]
pub struct Carrier {
    pub flow_id: u64,
    pub source: IpAddr,
    pub target: IpAddr,
    pub vlans: Vlans,
}

impl Nesting {
    /// Of a packet that lies in nothing.
    pub const NONE: Self = Self {
        context: 0,
        tunnels: Vec::new(),
    };

    pub(super) fn context(&self) -> u64 {
        self.context
    }

    pub(super) fn tunnels(&self) -> &[Tunnel] {
        &self.tunnels
    }

    /// The packet lies in these encapsulations too, which an IP packet carries or, where there
    /// is none, the link itself.
    ///
    /// Both directions of a tunnel are one context: its ends count, in either order, its ports
    /// do not (overlays choose them by what is inside), nor do ids that each end chooses.
    pub(super) fn enter(
        &mut self,
        hasher: &RandomState,
        encapsulations: &[Encapsulation],
        carrier: Option<&Carrier>,
    ) {
        let mut hash = hasher.build_hasher();
        self.context.hash(&mut hash);
        if let Some(carrier) = carrier {
            let Carrier { source, target, .. } = *carrier;
            (source.min(target), source.max(target), carrier.vlans).hash(&mut hash);
        }
        for Encapsulation { kind, id } in encapsulations {
            let shared_id = if kind.has_one_id() { *id } else { 0 };
            (*kind, shared_id).hash(&mut hash);
            self.tunnels.push(Tunnel {
                kind: *kind,
                id: *id,
                outer_flow_id: carrier.map_or(0, |carrier| carrier.flow_id),
            });
        }
        self.context = hash.finish().max(1);
    }
}
