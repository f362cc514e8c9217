//! What stands between an operator and its right side: `bool`, which series belong together, and what stands for missing ones.

use crate::ast::{Cardinality, Matching};
use crate::parse::parser::{Parsed, Parser};
use crate::parse::token::{Keyword, TokenKind};

impl Parser<'_> {
    /// What stands between an operator and its right side. Who reads the left side knows whether it applies.
    pub(super) fn matching(&mut self) -> Parsed<(bool, Matching)> {
        let mut matching = Matching {
            cardinality: Cardinality::OneToOne,
            on: false,
            labels: Vec::new(),
            include: Vec::new(),
            fill_left: None,
            fill_right: None,
        };
        let returns_bool = self.accept(TokenKind::Keyword(Keyword::Bool))?.is_some();
        if let TokenKind::Keyword(keyword @ (Keyword::On | Keyword::Ignoring)) = self.peek()?.kind {
            self.take()?;
            matching.on = keyword == Keyword::On;
            matching.labels = self.grouping_labels()?;
            if let TokenKind::Keyword(keyword @ (Keyword::GroupLeft | Keyword::GroupRight)) = self.peek()?.kind {
                self.take()?;
                let left = keyword == Keyword::GroupLeft;
                matching.cardinality = if left { Cardinality::ManyToOne } else { Cardinality::OneToMany };
                if self.is_next(TokenKind::LeftParen)? {
                    matching.include = self.grouping_labels()?;
                }
            }
        }
        self.fills(&mut matching)?;
        Ok((returns_bool, matching))
    }

    fn fills(&mut self, matching: &mut Matching) -> Parsed<()> {
        let first = self.peek()?.kind;
        match first {
            TokenKind::Keyword(Keyword::Fill) => {
                let fill = self.fill_value()?;
                matching.fill_left = Some(fill);
                matching.fill_right = Some(fill);
            }
            TokenKind::Keyword(Keyword::FillLeft) => {
                matching.fill_left = Some(self.fill_value()?);
                if self.is_next(TokenKind::Keyword(Keyword::FillRight))? {
                    matching.fill_right = Some(self.fill_value()?);
                }
            }
            TokenKind::Keyword(Keyword::FillRight) => {
                matching.fill_right = Some(self.fill_value()?);
                if self.is_next(TokenKind::Keyword(Keyword::FillLeft))? {
                    matching.fill_left = Some(self.fill_value()?);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A number between parentheses, after the keyword.
    fn fill_value(&mut self) -> Parsed<f64> {
        self.take()?;
        self.expect(TokenKind::LeftParen)?;
        let sign = self.sign()?.map_or(1.0, |(negate, _)| if negate { -1.0 } else { 1.0 });
        let (value, _) = self.literal()?;
        self.expect(TokenKind::RightParen)?;
        Ok(sign * value)
    }
}
