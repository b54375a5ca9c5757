//! Parses calculations; see [`super::arithmetic`].

use super::{
    FilterError,
    arithmetic::{Compare, Operator, Relation, Value},
    evaluate::{Node, Test},
    grammar::{Parsed, Parser},
    names::{self, Protocol},
    token::What,
};

impl Parser<'_> {
    /// `less N` and `greater N`: both count N itself.
    pub(super) fn length_bound(&mut self, is_less: bool) -> Result<Parsed, FilterError> {
        self.advance();
        let Some(What::Number(number)) = self.peek() else {
            return Err(self.unexpected("a number of bytes"));
        };
        let right = Value::Number(*number);
        self.advance();
        let compare = if is_less {
            Compare::LessOrEqual
        } else {
            Compare::GreaterOrEqual
        };
        Ok(self.compared(Value::Length, compare, right))
    }

    pub(super) fn relation(&mut self) -> Result<Parsed, FilterError> {
        let left = self.value(1)?;
        let compare = match self.peek() {
            Some(What::Sign("<")) => Compare::Less,
            Some(What::Sign("<=")) => Compare::LessOrEqual,
            Some(What::Sign("=" | "==")) => Compare::Equal,
            Some(What::Sign("!=")) => Compare::NotEqual,
            Some(What::Sign(">=")) => Compare::GreaterOrEqual,
            Some(What::Sign(">")) => Compare::Greater,
            _ => return Err(self.unexpected("a comparison")),
        };
        self.advance();
        let right = self.value(1)?;
        Ok(self.compared(left, compare, right))
    }

    fn compared(&self, left: Value, compare: Compare, right: Value) -> Parsed {
        let relation = Relation {
            left,
            compare,
            right,
        };
        (
            Node::Test(self.n_vlans, Test::Relation(Box::new(relation))),
            None,
        )
    }

    /// Operators that bind at least so tightly, from left to right.
    fn value(&mut self, binds_min: u8) -> Result<Value, FilterError> {
        let mut left = self.nested(Self::term)?;
        while let Some(What::Sign(sign)) = self.peek() {
            let Some((operator, binds)) =
                Operator::of(sign).filter(|(_, binds)| *binds >= binds_min)
            else {
                break;
            };
            let at = self.at();
            self.count_operator()?;
            self.advance();
            let right = self.nested(|parser| parser.value(binds + 1))?;
            left = match (&left, &right) {
                // So a chain of numbers does not grow deep.
                (Value::Number(a), Value::Number(b)) => match operator.apply(*a, *b) {
                    Some(number) => Value::Number(number),
                    None => return Err(FilterError::new(at, "division by zero")),
                },
                (_, Value::Number(0)) if operator.apply(1, 0).is_none() => {
                    return Err(FilterError::new(at, "division by zero"));
                }
                _ => Value::Binary(operator, Box::new(left), Box::new(right)),
            };
        }
        Ok(left)
    }

    fn term(&mut self) -> Result<Value, FilterError> {
        if self.take(&What::Sign("-")) {
            let value = self.nested(Self::term)?;
            return Ok(match value {
                Value::Number(number) => Value::Number(number.wrapping_neg()),
                value => {
                    let zero = Box::new(Value::Number(0));
                    Value::Binary(Operator::Subtract, zero, Box::new(value))
                }
            });
        }
        if self.take(&What::Sign("(")) {
            let value = self.value(1)?;
            self.expect(")")?;
            return Ok(value);
        }
        match self.peek().cloned() {
            Some(What::Number(number)) => {
                self.advance();
                Ok(Value::Number(number))
            }
            Some(What::Word("len" | "length")) => {
                self.advance();
                Ok(Value::Length)
            }
            Some(What::Word(word)) => match names::protocol(word) {
                Some(protocol) => {
                    self.advance();
                    self.bytes(protocol)
                }
                None => Err(self.unexpected("a value")),
            },
            _ => Err(self.unexpected("a value")),
        }
    }

    /// `[index]` or `[index:size]`.
    fn bytes(&mut self, protocol: Protocol) -> Result<Value, FilterError> {
        self.expect("[")?;
        let index = self.value(1)?;
        let n_bytes = if self.take(&What::Sign(":")) {
            let n_bytes = match self.peek() {
                Some(What::Number(1)) => 1,
                Some(What::Number(2)) => 2,
                Some(What::Number(4)) => 4,
                _ => return Err(self.unexpected("a size of 1, 2 or 4 bytes")),
            };
            self.advance();
            n_bytes
        } else {
            1
        };
        self.expect("]")?;
        Ok(Value::Bytes(protocol, Box::new(index), n_bytes))
    }
}
