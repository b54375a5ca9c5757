//! The protocol hierarchy, as an indented tree.

use std::collections::HashMap;

use weir_shared::proto::analyzer::v1::ProtocolCount;

/// Deepest level drawn; what is below joins the last name. Tunnels in tunnels
/// end far earlier, a hostile server's paths might not end at all.
const DEPTH_MAX: usize = 32;

/// One line of the tree.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Branch {
    /// Guides and the protocol's name.
    pub(super) label: String,
    pub(super) packets: u64,
    pub(super) bytes: u64,
}

#[derive(Default)]
struct Node<'a> {
    packets: u64,
    bytes: u64,
    below: HashMap<&'a str, Node<'a>>,
}

/// Depth first; of one parent the largest comes first.
pub(super) fn branches(paths: &[ProtocolCount]) -> Vec<Branch> {
    let mut root = Node::default();
    for ProtocolCount {
        path,
        packets,
        bytes,
    } in paths
    {
        let mut node = &mut root;
        for name in path.splitn(DEPTH_MAX, ':') {
            node = node.below.entry(name).or_default();
        }
        node.packets = node.packets.saturating_add(*packets);
        node.bytes = node.bytes.saturating_add(*bytes);
    }
    let mut branches = Vec::with_capacity(paths.len());
    for (name, node) in root.sorted() {
        node.draw(name, "", "", &mut branches);
    }
    branches
}

impl<'a> Node<'a> {
    fn sorted(&self) -> Vec<(&'a str, &Node<'a>)> {
        let mut below: Vec<_> = self
            .below
            .iter()
            .map(|(name, node)| (*name, node))
            .collect();
        below.sort_by_key(|(name, node)| (std::cmp::Reverse((node.bytes, node.packets)), *name));
        below
    }

    fn draw(&self, name: &str, guide: &str, guide_below: &str, branches: &mut Vec<Branch>) {
        branches.push(Branch {
            label: format!("{guide}{}", super::text::escape(name)),
            packets: self.packets,
            bytes: self.bytes,
        });
        let below = self.sorted();
        let n_below = below.len();
        for (i, (name, node)) in below.into_iter().enumerate() {
            let (here, under) = if i + 1 == n_below {
                ("└ ", "  ")
            } else {
                ("├ ", "│ ")
            };
            let guide = format!("{guide_below}{here}");
            let guide_below = format!("{guide_below}{under}");
            node.draw(name, &guide, &guide_below, branches);
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(paths: &[(&str, u64)], want: Expect) {
        let counts: Vec<_> = paths
            .iter()
            .map(|&(path, packets)| ProtocolCount {
                path: path.to_owned(),
                packets,
                bytes: packets * 100,
            })
            .collect();
        let lines: Vec<_> = branches(&counts)
            .iter()
            .map(|branch| format!("{} {}\n", branch.label, branch.packets))
            .collect();
        want.assert_eq(&lines.concat());
    }

    #[test]
    fn children_stand_below_their_parent_largest_first() {
        check(
            &[
                ("eth", 10),
                ("eth:arp", 1),
                ("eth:ip", 9),
                ("eth:ip:udp", 2),
                ("eth:ip:tcp", 7),
                ("eth:ip:tcp:tls", 3),
                ("other", 4),
            ],
            expect![[r#"
                eth 10
                ├ ip 9
                │ ├ tcp 7
                │ │ └ tls 3
                │ └ udp 2
                └ arp 1
                other 4
            "#]],
        );
    }

    #[test]
    fn endless_paths_end_and_names_are_escaped() {
        let endless = "\x1b:".repeat(100_000);
        let deepest = branches(&[ProtocolCount {
            path: endless,
            packets: 1,
            bytes: 1,
        }]);
        assert_eq!(deepest.len(), DEPTH_MAX);
        assert!(deepest.iter().all(|branch| !branch.label.contains('\x1b')));
    }
}
