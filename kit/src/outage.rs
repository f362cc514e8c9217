//! Trouble that lasts, said once.

/// Whether something is failing, so that a log says when an outage begins and when it is over, and nothing for each try in between.
///
/// ```
/// use vitrine_kit::Outage;
///
/// let mut outage = Outage::default();
/// let mut log = Vec::new();
/// for result in [Ok(()), Err("refused"), Err("refused"), Ok(()), Ok(())] {
///     match result {
///         Ok(()) if outage.ends() => log.push("reached again".to_owned()),
///         Err(reason) if outage.begins() => log.push(format!("cannot be reached: {reason}")),
///         _ => {}
///     }
/// }
/// assert_eq!(log, ["cannot be reached: refused", "reached again"]);
/// ```
#[derive(Debug, Default)]
pub struct Outage {
    lasts: bool,
}

impl Outage {
    /// Notes a failure. Returns whether it is the first since things last went well: that one is to be logged.
    #[must_use = "it says whether to log"]
    pub const fn begins(&mut self) -> bool {
        !std::mem::replace(&mut self.lasts, true)
    }

    /// Notes that things go well. Returns whether they did not before: that is to be logged.
    #[must_use = "it says whether to log"]
    pub const fn ends(&mut self) -> bool {
        std::mem::replace(&mut self.lasts, false)
    }
}
