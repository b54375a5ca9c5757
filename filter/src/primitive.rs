//! Conditions that begin with words of their own.

use super::{
    FilterError,
    address::{Kind, Qualifier},
    evaluate::{Direction, Node, Test},
    grammar::{Parsed, Parser},
    names::{self, Protocol},
    token::What,
};

impl Parser<'_> {
    /// Something with words of its own in front.
    pub(super) fn primitive(&mut self) -> Result<Parsed, FilterError> {
        let word = match self.peek() {
            Some(What::Word(word)) => *word,
            Some(What::Number(_) | What::Sign("-" | "(")) => return self.relation(),
            _ => return Err(self.unexpected("a condition")),
        };
        if let Some(protocol) = names::protocol(word) {
            if self.peek_behind(1) == Some(&What::Sign("[")) {
                return self.relation();
            }
            self.advance();
            return self.qualified(Some(protocol));
        }
        match word {
            "len" | "length" => self.relation(),
            "less" | "greater" => self.length_bound(word == "less"),
            "vlan" => self.vlan(),
            _ => self.qualified(None),
        }
    }

    fn test(&self, test: Test) -> Result<Parsed, FilterError> {
        Ok((Node::Test(self.n_vlans, test), None))
    }

    /// `vlan [id]`; what follows in the filter lies behind this tag.
    fn vlan(&mut self) -> Result<Parsed, FilterError> {
        self.advance();
        let at = self.at();
        let id = match self.peek() {
            Some(What::Number(id)) if !self.calculates(1) => Some(*id),
            _ => None,
        };
        if id.is_some() {
            self.advance();
        }
        if id.is_some_and(|id| id > 0x0fff) {
            return Err(FilterError::new(at, "a VLAN id has 12 bits"));
        }
        let parsed = self.test(Test::Vlan(id));
        self.n_vlans += 1;
        parsed
    }

    /// The rest of `[protocol] [direction] [kind] name`, or of a word that stands alone.
    fn qualified(&mut self, protocol: Option<Protocol>) -> Result<Parsed, FilterError> {
        let begin = self.at();
        let direction = self.direction();
        let kind = Kind::of(self.peek());
        if kind.is_some() {
            self.advance();
        }
        if kind.is_none() && direction.is_some() && !self.begins_name() {
            return Err(self.unexpected("host, net, port, portrange or an address"));
        }
        if kind.is_some() || direction.is_some() {
            let kind = kind.unwrap_or(Kind::Any);
            return self.name(Qualifier {
                protocol,
                direction,
                kind,
            });
        }
        for word in ["broadcast", "multicast"] {
            if self.take_word(word) {
                return self.group(protocol, word, begin);
            }
        }
        match protocol {
            Some(protocol) => match protocol.alone() {
                Some(test) => self.test(test),
                None => Err(self.unexpected("host, src, dst, proto, broadcast or multicast")),
            },
            None => Err(self.unexpected("a condition")),
        }
    }

    fn group(
        &self,
        protocol: Option<Protocol>,
        word: &str,
        begin: usize,
    ) -> Result<Parsed, FilterError> {
        match (protocol, word) {
            (None | Some(Protocol::Ether), "broadcast") => self.test(Test::EtherBroadcast),
            (None | Some(Protocol::Ether), _) => self.test(Test::EtherMulticast),
            (Some(Protocol::Ip), "multicast") => self.test(Test::IpMulticast),
            (Some(Protocol::Ip6), "multicast") => self.test(Test::Ip6Multicast),
            (Some(Protocol::Ip), _) => Err(FilterError::new(
                begin,
                "a capture does not say its network mask",
            )),
            _ => Err(FilterError::new(
                begin,
                format!("no {word} of this protocol"),
            )),
        }
    }

    fn direction(&mut self) -> Option<Direction> {
        let one = |what: Option<&What<'_>>| match what {
            Some(What::Word("src")) => Some(Direction::Source),
            Some(What::Word("dst")) => Some(Direction::Target),
            _ => None,
        };
        let first = one(self.peek())?;
        self.advance();
        match (self.peek(), one(self.peek_behind(1))) {
            (Some(What::Or), Some(second)) if second != first => {
                self.advance();
                self.advance();
                Some(Direction::Either)
            }
            (Some(What::And), Some(second)) if second != first => {
                self.advance();
                self.advance();
                Some(Direction::Both)
            }
            _ => Some(first),
        }
    }
}
