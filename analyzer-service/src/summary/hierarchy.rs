//! How many packets each chain of protocols has.

use ahash::RandomState;
use hashbrown::HashMap;

use crate::{
    decode::{Path, SERVICES_MAX},
    record::ProtocolCount,
};

/// Paths told apart, the outer ones included; more means nonsense on the wire, and each
/// is sent.
const PATHS_MAX: usize = 1_024;

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    packets: u64,
    bytes: u64,
}

impl Count {
    fn add(&mut self, other: Self) {
        self.packets += other.packets;
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

/// Counts packets by path.
#[derive(Debug)]
pub(super) struct Hierarchy {
    /// Only packets that end there. Every outer path of one is present too.
    counts: Vec<(Path, Count)>,
    /// Positions in `counts`.
    index: HashMap<Path, usize, RandomState>,
    /// Those of the paths seen last, by [`Path::slot`]: a capture has few paths.
    recent: [usize; Path::SLOTS],
    other: Count,
    services: Vec<&'static str>,
}

impl Hierarchy {
    pub(super) fn new() -> Self {
        Self {
            counts: Vec::new(),
            index: HashMap::with_hasher(RandomState::new()),
            recent: [0; Path::SLOTS],
            other: Count::default(),
            services: Vec::new(),
        }
    }

    pub(super) fn count(&mut self, mut path: Path, service: Option<&'static str>, bytes: u32) {
        if let Some(service) = service {
            path.push_service(self.service(service));
        }
        let count = Count {
            packets: 1,
            bytes: u64::from(bytes),
        };
        let recent = self.counts.get_mut(self.recent[path.slot()]);
        if let Some((_, known)) = recent.filter(|(known, _)| *known == path) {
            return known.add(count);
        }
        match self.position(path) {
            Some(at) => {
                self.recent[path.slot()] = at;
                self.counts[at].1.add(count);
            }
            None => self.other.add(count),
        }
    }

    /// Packets counted under "other".
    pub(super) fn n_dropped(&self) -> u64 {
        self.other.packets
    }

    /// Outer paths before inner ones, each with all that is below it; "other" last.
    pub(super) fn finish(&self) -> Vec<ProtocolCount> {
        let mut totals: HashMap<Path, Count, RandomState> = self.counts.iter().copied().collect();
        for (path, own) in &self.counts {
            let mut outer = path.parent();
            while let Some(path) = outer {
                totals.entry(path).or_default().add(*own);
                outer = path.parent();
            }
        }
        let named = totals.into_iter().map(|(path, count)| ProtocolCount {
            path: path.text(&self.services),
            packets: count.packets,
            bytes: count.bytes,
        });
        let mut named: Vec<ProtocolCount> = named.collect();
        named.sort_by(|a, b| a.path.split(':').cmp(b.path.split(':')));
        if self.other.packets > 0 {
            named.push(ProtocolCount {
                path: "other".to_owned(),
                packets: self.other.packets,
                bytes: self.other.bytes,
            });
        }
        named
    }

    /// Position of a service's name; dissectors have few of them.
    fn service(&mut self, name: &'static str) -> usize {
        let known = self.services.iter().position(|service| *service == name);
        known.unwrap_or_else(|| {
            if self.services.len() < SERVICES_MAX {
                self.services.push(name);
            }
            self.services.len() - 1
        })
    }

    /// Where a path is counted, made with those around it; none when there is no room.
    fn position(&mut self, path: Path) -> Option<usize> {
        if let Some(at) = self.index.get(&path) {
            return Some(*at);
        }
        let missing: Vec<Path> = std::iter::successors(Some(path), |path| path.parent())
            .filter(|path| !self.index.contains_key(path))
            .collect();
        if self.counts.len() + missing.len() > PATHS_MAX {
            return None;
        }
        for path in missing {
            self.index.insert(path, self.counts.len());
            self.counts.push((path, Count::default()));
        }
        self.index.get(&path).copied()
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::decode::Layer;

    #[track_caller]
    fn check(packets: &[(&[Layer], Option<&'static str>)], expected: &Expect) {
        let mut hierarchy = Hierarchy::new();
        for (layers, service) in packets {
            let mut path = Path::default();
            for layer in *layers {
                path.push(*layer);
            }
            hierarchy.count(path, *service, 100);
        }
        let lines = hierarchy.finish().into_iter();
        let lines: Vec<_> = lines
            .map(|c| format!("{} {} {}", c.path, c.packets, c.bytes))
            .collect();
        expected.assert_eq(&lines.join("\n"));
    }

    #[test]
    fn a_path_counts_those_below_it() {
        use Layer::{Eth, Ip, Tcp, Vlan};
        check(
            &[
                (&[Eth, Ip, Tcp], None),
                (&[Eth, Ip, Tcp], Some("tls")),
                (&[Eth, Vlan, Ip, Tcp], Some("http")),
            ],
            &expect![[r#"
                eth 3 300
                eth:ip 2 200
                eth:ip:tcp 2 200
                eth:ip:tcp:tls 1 100
                eth:vlan 1 100
                eth:vlan:ip 1 100
                eth:vlan:ip:tcp 1 100
                eth:vlan:ip:tcp:http 1 100"#]],
        );
    }

    #[test]
    fn paths_beyond_the_bound_are_other() {
        let mut hierarchy = Hierarchy::new();
        for link_type in 0..2_000 {
            hierarchy.count(Path::other_link(link_type), None, 1);
        }
        let counts = hierarchy.finish();
        assert_eq!(counts.len(), PATHS_MAX + 1);
        assert_eq!(counts.last().map(|count| count.packets), Some(976));
        assert_eq!(hierarchy.n_dropped(), 976);
    }
}
