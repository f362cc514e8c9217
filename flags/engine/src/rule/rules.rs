//! The rules of all flags of a set, in one place: what evaluations look at stays in a processor's cache as long as it can.

use super::{Code, Id, Node, Rule};

/// Longest texts of a rule that is copied, in bytes; a longer one is evaluated where it was read.
const MAX_COPIED: usize = 4_096;

#[derive(Debug, Default)]
pub(crate) struct Rules {
    nodes: Vec<Node>,
    texts: String,
    ids: Vec<Id>,
}

/// Where a rule begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    node: u32,
    text: u32,
    id: u32,
    root: Id,
}

impl Rules {
    /// Takes in a copy; none if it is long.
    pub(crate) fn push(&mut self, rule: &Rule) -> Option<Start> {
        if rule.texts.len() > MAX_COPIED {
            return None;
        }
        let number = |n: usize| u32::try_from(n).ok();
        let start = Start {
            node: number(self.nodes.len())?,
            text: number(self.texts.len())?,
            id: number(self.ids.len())?,
            root: rule.root,
        };
        self.nodes.extend(rule.nodes.iter().cloned());
        self.texts.push_str(&rule.texts);
        self.ids.extend_from_slice(&rule.ids);
        Some(start)
    }

    /// All are taken in.
    pub(crate) fn finish(&mut self) {
        self.nodes.shrink_to_fit();
        self.texts.shrink_to_fit();
        self.ids.shrink_to_fit();
    }

    /// The rule that begins there.
    pub(crate) fn code(&self, start: Start) -> Code<'_> {
        Code {
            nodes: &self.nodes[start.node as usize..],
            texts: &self.texts[start.text as usize..],
            ids: &self.ids[start.id as usize..],
            root: start.root,
        }
    }
}
