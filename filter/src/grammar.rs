//! The grammar of pcap-filter(7), by recursive descent. `and` and `or` bind alike, from
//! left to right; a name without a qualifier has that of the one before it.

use super::{
    FILTER_DEPTH_MAX, FILTER_OPERATORS_MAX, FilterError,
    address::Qualifier,
    evaluate::{Join, Node},
    names,
    token::{Token, What},
};

/// Where the parser stands.
#[derive(Debug)]
pub(super) struct Parser<'t> {
    tokens: Vec<Token<'t>>,
    next: usize,
    n_bytes: usize,
    depth: usize,
    n_operators: usize,
    /// VLAN tags that were asked for so far: what follows in the filter lies behind them.
    pub(super) n_vlans: usize,
}

/// A part of a filter, and the qualifier that a name behind it inherits.
pub(super) type Parsed = (Node, Option<Qualifier>);

impl<'t> Parser<'t> {
    pub(super) fn new(text: &str, tokens: Vec<Token<'t>>) -> Self {
        Self {
            tokens,
            next: 0,
            n_bytes: text.len(),
            depth: 0,
            n_operators: 0,
            n_vlans: 0,
        }
    }

    pub(super) fn parse(mut self) -> Result<Node, FilterError> {
        if self.tokens.is_empty() {
            return Ok(Node::All);
        }
        let (node, _) = self.expression(None)?;
        match self.peek() {
            None => Ok(node),
            Some(_) => Err(self.unexpected("\"and\", \"or\" or the end")),
        }
    }

    pub(super) fn peek(&self) -> Option<&What<'t>> {
        self.peek_behind(0)
    }

    pub(super) fn peek_behind(&self, n_tokens: usize) -> Option<&What<'t>> {
        let token = self.tokens.get(self.next + n_tokens)?;
        Some(&token.what)
    }

    /// Byte of the filter at which the next token begins.
    pub(super) fn at(&self) -> usize {
        self.tokens
            .get(self.next)
            .map_or(self.n_bytes, |token| token.at)
    }

    pub(super) fn advance(&mut self) {
        self.next += 1;
    }

    pub(super) fn take(&mut self, wanted: &What<'_>) -> bool {
        let is_there = self.peek() == Some(wanted);
        self.next += usize::from(is_there);
        is_there
    }

    pub(super) fn take_word(&mut self, word: &str) -> bool {
        self.take(&What::Word(word))
    }

    pub(super) fn expect(&mut self, sign: &'static str) -> Result<(), FilterError> {
        if self.take(&What::Sign(sign)) {
            return Ok(());
        }
        Err(self.unexpected(&format!("{sign:?}")))
    }

    pub(super) fn unexpected(&self, wanted: &str) -> FilterError {
        let is = match self.peek() {
            None => ", not the end".to_owned(),
            Some(What::Word(word)) if names::is_unsupported(word) => {
                return FilterError::new(self.at(), format!("{word:?} is not supported"));
            }
            Some(What::Word(word)) => format!(", not {word:?}"),
            Some(_) => String::new(),
        };
        FilterError::new(self.at(), format!("expected {wanted}{is}"))
    }

    /// One step deeper, within the bound.
    pub(super) fn nested<T>(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<T, FilterError>,
    ) -> Result<T, FilterError> {
        if self.depth == FILTER_DEPTH_MAX {
            let reason = format!("more than {FILTER_DEPTH_MAX} parentheses inside of each other");
            return Err(FilterError::new(self.at(), reason));
        }
        self.depth += 1;
        let parsed = parse(self)?;
        self.depth -= 1;
        Ok(parsed)
    }

    /// One more operator of a calculation, within the bound.
    pub(super) fn count_operator(&mut self) -> Result<(), FilterError> {
        self.n_operators += 1;
        if self.n_operators > FILTER_OPERATORS_MAX {
            let reason = format!("more than {FILTER_OPERATORS_MAX} operators in calculations");
            return Err(FilterError::new(self.at(), reason));
        }
        Ok(())
    }

    fn join(&mut self) -> Option<Join> {
        let join = match self.peek()? {
            What::And => Join::And,
            What::Or => Join::Or,
            _ => return None,
        };
        self.advance();
        Some(join)
    }

    fn expression(&mut self, inherited: Option<Qualifier>) -> Result<Parsed, FilterError> {
        self.chain(inherited, Self::operand)
    }

    fn chain(
        &mut self,
        inherited: Option<Qualifier>,
        operand: fn(&mut Self, Option<Qualifier>) -> Result<Parsed, FilterError>,
    ) -> Result<Parsed, FilterError> {
        let (first, mut qualifier) = operand(self, inherited)?;
        let mut rest = Vec::new();
        while let Some(join) = self.join() {
            let (node, its) = operand(self, qualifier)?;
            qualifier = its;
            rest.push((join, node));
        }
        if rest.is_empty() {
            return Ok((first, qualifier));
        }
        Ok((Node::Chain(Box::new(first), rest), qualifier))
    }

    fn operand(&mut self, inherited: Option<Qualifier>) -> Result<Parsed, FilterError> {
        self.negatable(|parser| {
            if parser.begins_name() {
                let Some(qualifier) = inherited else {
                    let reason = "a name needs a qualifier such as host, net or port";
                    return Err(FilterError::new(parser.at(), reason));
                };
                return parser.name(qualifier);
            }
            if parser.peek() == Some(&What::Sign("(")) && !parser.is_arithmetic() {
                return parser.parenthesized(None, Self::expression);
            }
            parser.primitive()
        })
    }

    /// Any number of "not" in front of something.
    fn negatable(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<Parsed, FilterError>,
    ) -> Result<Parsed, FilterError> {
        let mut negated = false;
        while self.take(&What::Not) {
            negated = !negated;
        }
        let (node, qualifier) = parse(self)?;
        match negated {
            true => Ok((Node::Not(Box::new(node)), qualifier)),
            false => Ok((node, qualifier)),
        }
    }

    fn parenthesized(
        &mut self,
        inherited: Option<Qualifier>,
        inside: fn(&mut Self, Option<Qualifier>) -> Result<Parsed, FilterError>,
    ) -> Result<Parsed, FilterError> {
        self.expect("(")?;
        let parsed = self.nested(|parser| inside(parser, inherited))?;
        self.expect(")")?;
        Ok(parsed)
    }

    /// Names joined, and in parentheses: `port (80 or 443)`.
    fn names(&mut self, inherited: Option<Qualifier>) -> Result<Parsed, FilterError> {
        self.chain(inherited, |parser, qualifier| match qualifier {
            Some(qualifier) => parser.name(qualifier),
            None => Err(parser.unexpected("a qualifier")),
        })
    }

    pub(super) fn name(&mut self, qualifier: Qualifier) -> Result<Parsed, FilterError> {
        self.negatable(|parser| {
            if parser.peek() == Some(&What::Sign("(")) {
                return parser.parenthesized(Some(qualifier), Self::names);
            }
            let test = parser.named(qualifier)?;
            Ok((Node::Test(parser.n_vlans, test), Some(qualifier)))
        })
    }

    /// A name comes next, be it in parentheses.
    pub(super) fn begins_name(&self) -> bool {
        let mut n = 0;
        while let Some(What::Sign("(") | What::Not) = self.peek_behind(n) {
            n += 1;
        }
        match self.peek_behind(n) {
            Some(What::Word(word)) => !names::is_keyword(word),
            Some(What::Number(_)) => !self.calculates(n + 1),
            Some(What::Dotted(..) | What::Ipv6(_) | What::Mac(_) | What::Escaped(_)) => true,
            Some(What::Sign(_) | What::Not | What::And | What::Or) | None => false,
        }
    }

    /// A parenthesis that comes next belongs to a calculation.
    fn is_arithmetic(&self) -> bool {
        let (mut n, mut depth) = (0, 0_usize);
        loop {
            match self.peek_behind(n) {
                Some(What::Sign("(")) => depth += 1,
                Some(What::Sign(")")) => depth -= 1,
                None => return false,
                Some(_) => {}
            }
            n += 1;
            if depth == 0 {
                return self.calculates(n);
            }
        }
    }

    pub(super) fn calculates(&self, n: usize) -> bool {
        let Some(What::Sign(sign)) = self.peek_behind(n) else {
            return false;
        };
        !["(", ")", "[", "]", ":"].contains(sign)
    }
}
