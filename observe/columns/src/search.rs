//! Filters on segments: compiled once, then page by page, with as little reading as will do.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use vitrine_observe_text::{Ask, TextScan};

use crate::column::Data;
use crate::distinct::Distinct;
use crate::filter::{Filter, TextTest};
use crate::matching::{CodeSet, Condition, any_element, as_text_flags, is_asked_as_text, meets};
use crate::page::{Bounds, Leaf, Page, TextBounds};
use crate::segment::SegmentColumn;
use crate::{Error, Kind, Segment};

/// Rows that are passed over together where none matches.
const RUN: usize = 64;

/// A filter that was compiled for a segment: the texts it asks for are codes now.
pub struct Search {
    segment: Segment,
    plan: Plan,
}

/// What a filter is for one segment.
enum Plan {
    /// No row meets it.
    Nothing,
    /// All of these, the cheapest first.
    All(Vec<Plan>),
    /// One of these.
    Any(Vec<Plan>),
    /// Not this.
    Not(Box<Plan>),
    /// A column that is not null.
    Exists { leaf: usize },
    /// A text column with one of these codes.
    Codes {
        leaf: usize,
        wanted: CodeSet,
        /// How many distinct texts there are.
        distinct: usize,
        /// By the page, whether its bounds exclude it; empty if they say nothing.
        excluded: Vec<bool>,
    },
    /// A text column whose texts stand for themselves.
    Texts {
        leaf: usize,
        test: PlainTest,
        /// By the page, whether it may have such a text; empty if nothing is known.
        candidates: Vec<bool>,
    },
    /// A column that is not of texts, by its values as text.
    AsText { leaf: usize, test: TextTest, distinct: Option<Arc<Distinct>> },
    /// Any other column.
    Values { leaf: usize, condition: Condition, distinct: Option<Arc<Distinct>> },
    /// The id of another row.
    Parent { column: usize, id: u64 },
    /// A list with an element that meets this.
    Element { list: usize, plan: Box<Plan> },
}

/// What texts that stand for themselves must be.
enum PlainTest {
    /// Each is asked.
    Each(TextTest),
    /// All of a page are looked through at once.
    Scan(TextScan),
}

impl From<&TextTest> for PlainTest {
    fn from(test: &TextTest) -> Self {
        match test {
            TextTest::Match(wanted) => Self::Scan(TextScan::new(wanted.clone())),
            test => Self::Each(test.clone()),
        }
    }
}

/// What is known of a page before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// No row meets it.
    None,
    /// Some may.
    Some,
    /// Every row meets it.
    All,
}

/// Where columns are looked for.
#[derive(Clone, Copy)]
enum Scope {
    Rows,
    List(usize),
}

/// Which rows (or elements) of a page meet a plan; none if none does.
type Flags = Option<Vec<bool>>;

impl Plan {
    /// In which order [`Plan::All`] goes: first what reads little, then what leaves little over.
    fn cost(&self) -> (u8, f64) {
        match self {
            Self::Nothing => (0, 0.0),
            Self::Codes { wanted, distinct, .. } => (1, wanted.len() as f64 / *distinct as f64),
            Self::Values { condition: Condition::Id8(_) | Condition::Id16(_) | Condition::Bool(_), .. } => (2, 0.0),
            Self::Values { .. } | Self::Exists { .. } => (2, 1.0),
            Self::Not(plan) => plan.cost(),
            Self::Texts { .. } | Self::AsText { .. } => (3, 0.0),
            Self::Parent { .. } => (3, 1.0),
            Self::Element { .. } => (4, 0.0),
            Self::All(plans) | Self::Any(plans) => {
                let cost = plans.iter().max_by(|a, b| a.cheaper(b)).map(Self::cost);
                cost.unwrap_or((0, 0.0))
            }
        }
    }

    fn cheaper(&self, other: &Self) -> Ordering {
        let (one, two) = (self.cost(), other.cost());
        one.0.cmp(&two.0).then(one.1.total_cmp(&two.1))
    }
}

impl Segment {
    /// Compiles a filter for [`Search::matching`]: worthwhile when rows are asked for piece by piece. Reads bloom filters
    /// and dictionaries of the text columns that the filter names, and keeps the dictionaries.
    pub fn search(&self, filter: &Filter) -> Result<Search, Error> {
        let plan = if self.excludes(filter)? { Plan::Nothing } else { self.plan(filter, Scope::Rows)? };
        Ok(Search { segment: self.clone(), plan })
    }

    /// The rows among these that meet a filter, ascending. Only the columns that the filter names are read, and of them
    /// only pages that may hold what it asks for.
    pub fn matching(&self, filter: &Filter, rows: Range<usize>) -> Result<Vec<u32>, Error> {
        self.search(filter)?.matching(rows)
    }

    /// Whether missing columns, bounds and bloom filters tell that no row meets a filter. Bloom filters are not read for
    /// columns whose dictionary is there anyway.
    fn excludes(&self, filter: &Filter) -> Result<bool, Error> {
        Ok(match filter {
            Filter::All(filters) => {
                // Bloom filters must be read: so they come last.
                let (texts, others): (Vec<_>, Vec<_>) =
                    filters.iter().partition(|filter| matches!(filter, Filter::Text { .. }));
                for filter in others.into_iter().chain(texts) {
                    if self.excludes(filter)? {
                        return Ok(true);
                    }
                }
                false
            }
            Filter::Any(filters) => {
                for filter in filters {
                    if !self.excludes(filter)? {
                        return Ok(false);
                    }
                }
                true
            }
            Filter::Text { column, test } => {
                let Some(column) = self.column_where(column, |kind| kind == Kind::Text) else { return Ok(true) };
                let leaf = &self.0.leaves[column.leaf];
                let Some(texts) = test.named() else { return Ok(false) };
                if leaf.bloom.is_none() || leaf.cache.lock().is_some() {
                    return Ok(false);
                }
                let bloom = leaf.read_bloom()?;
                bloom.is_some_and(|bloom| texts.iter().all(|text| !bloom.check(text.as_bytes())))
            }
            Filter::Int { column, min, max } => {
                let column = self.column_where(column, |kind| Condition::of(filter, kind).is_some());
                match column.map(|column| &self.0.leaves[column.leaf].bounds) {
                    Some(Bounds::Int(pages)) => pages.iter().all(|page| page.max < *min || page.min > *max),
                    Some(_) => false,
                    None => true,
                }
            }
            Filter::Double { column, .. } | Filter::Bool { column, .. } | Filter::Id { column, .. } => {
                self.column_where(column, |kind| Condition::of(filter, kind).is_some()).is_none()
            }
            Filter::Exists { column } => self.column_where(column, |_| true).is_none(),
            Filter::AsText { column, .. } => self.column_where(column, is_asked_as_text).is_none(),
            Filter::Not(_) | Filter::Element { .. } => false,
        })
    }

    /// A column of this name and a fitting kind, unless it is null in every row.
    fn column_where(&self, name: &str, fits: impl Fn(Kind) -> bool) -> Option<&SegmentColumn> {
        let column = self.0.flat.iter().find(|column| &*column.name == name && fits(column.kind))?;
        let is_empty = column.kind != Kind::Parent && self.0.leaves[column.leaf].is_empty;
        (!is_empty).then_some(column)
    }

    /// The leaf of a column of this name and a fitting kind.
    fn leaf(&self, scope: Scope, name: &str, fits: impl Fn(Kind) -> bool) -> Option<usize> {
        match scope {
            Scope::Rows => self.column_where(name, fits).map(|column| column.leaf),
            Scope::List(list) => {
                let children = self.0.definition.lists[list].children;
                let child = children.iter().position(|child| child.name == name && fits(child.kind))?;
                Some(self.0.lists[list][child])
            }
        }
    }

    /// That a column of this name is not null, for each that there is.
    fn present(&self, scope: Scope, name: &str) -> impl Iterator<Item = Plan> {
        let is_parent = |column: &SegmentColumn| column.kind == Kind::Parent;
        let columns: Vec<(Option<usize>, usize)> = match scope {
            Scope::Rows => {
                let is_named =
                    |column: &SegmentColumn| &*column.name == name && !self.0.leaves[column.leaf].is_absent();
                let named = self.0.flat.iter().enumerate().filter(|(_, column)| is_named(column));
                named.map(|(place, column)| (is_parent(column).then_some(place), column.leaf)).collect()
            }
            Scope::List(_) => self.leaf(scope, name, |_| true).map(|leaf| (None, leaf)).into_iter().collect(),
        };
        columns.into_iter().map(|(parent, leaf)| {
            // No id is one of zeros.
            let none = match (parent, self.0.leaves[leaf].kind) {
                (Some(column), _) => Plan::Parent { column, id: 0 },
                (None, Kind::Id16) => Plan::Values { leaf, condition: Condition::Id16(0), distinct: None },
                (None, Kind::Id8) => Plan::Values { leaf, condition: Condition::Id8(0), distinct: None },
                _ => return Plan::Exists { leaf },
            };
            Plan::Not(Box::new(none))
        })
    }

    fn plan(&self, filter: &Filter, scope: Scope) -> Result<Plan, Error> {
        Ok(match filter {
            Filter::All(filters) => {
                let mut plans = Vec::with_capacity(filters.len());
                for filter in filters {
                    match self.plan(filter, scope)? {
                        Plan::Nothing => return Ok(Plan::Nothing),
                        plan => plans.push(plan),
                    }
                }
                plans.sort_by(Plan::cheaper);
                Plan::All(plans)
            }
            Filter::Any(filters) => {
                let plans = filters.iter().map(|filter| self.plan(filter, scope)).collect::<Result<Vec<_>, _>>()?;
                let plans: Vec<Plan> = plans.into_iter().filter(|plan| !matches!(plan, Plan::Nothing)).collect();
                if plans.is_empty() { Plan::Nothing } else { Plan::Any(plans) }
            }
            Filter::Not(filter) => match self.plan(filter, scope)? {
                Plan::Nothing => Plan::All(Vec::new()),
                plan => Plan::Not(Box::new(plan)),
            },
            Filter::Exists { column } => {
                let plans: Vec<Plan> = self.present(scope, column).collect();
                if plans.is_empty() { Plan::Nothing } else { Plan::Any(plans) }
            }
            Filter::Text { column, test } => match self.leaf(scope, column, |kind| kind == Kind::Text) {
                Some(leaf) => self.text_plan(leaf, test)?,
                None => Plan::Nothing,
            },
            Filter::AsText { column, test } => match self.leaf(scope, column, is_asked_as_text) {
                Some(leaf) => {
                    let distinct = self.0.leaves[leaf].distinct()?;
                    Plan::AsText { leaf, test: test.clone(), distinct }
                }
                None => Plan::Nothing,
            },
            Filter::Int { column, .. }
            | Filter::Double { column, .. }
            | Filter::Bool { column, .. }
            | Filter::Id { column, .. } => {
                let fits = |kind| Condition::of(filter, kind).is_some();
                let parent = self.0.flat.iter().position(|flat| flat.kind == Kind::Parent && *flat.name == **column);
                let kind = |leaf: usize| self.0.leaves[leaf].kind;
                match (self.leaf(scope, column, fits), parent, scope) {
                    (Some(leaf), Some(column), Scope::Rows) => match Condition::of(filter, kind(leaf)) {
                        Some(Condition::Id8(id)) => Plan::Parent { column, id },
                        _ => Plan::Nothing,
                    },
                    (Some(leaf), ..) => match Condition::of(filter, kind(leaf)) {
                        Some(condition) => Plan::Values { leaf, condition, distinct: self.0.leaves[leaf].distinct()? },
                        None => Plan::Nothing,
                    },
                    (None, ..) => Plan::Nothing,
                }
            }
            Filter::Element { list, filter } => {
                let place = self.0.definition.lists.iter().position(|each| each.name == list);
                match (place, scope) {
                    (Some(list), Scope::Rows) => match self.plan(filter, Scope::List(list))? {
                        Plan::Nothing => Plan::Nothing,
                        plan => Plan::Element { list, plan: Box::new(plan) },
                    },
                    _ => Plan::Nothing,
                }
            }
        })
    }

    fn text_plan(&self, place: usize, test: &TextTest) -> Result<Plan, Error> {
        let leaf = &self.0.leaves[place];
        let distinct = leaf.distinct()?;
        let Some(texts) = distinct.as_deref().and_then(|distinct| distinct.texts()) else {
            let candidates = self.candidates(leaf, test);
            return Ok(match candidates.iter().any(|page| *page) || candidates.is_empty() {
                true => Plan::Texts { leaf: place, test: test.into(), candidates },
                false => Plan::Nothing,
            });
        };
        let wanted = CodeSet::new(test, texts);
        if wanted == CodeSet::None {
            return Ok(Plan::Nothing);
        }
        let excluded = match (&leaf.bounds, test.named()) {
            (Bounds::Text(pages), Some(named)) => {
                let within = |low: &[u8], high: &[u8]| named.iter().any(|text| (low..=high).contains(&text.as_bytes()));
                let within = |page: &TextBounds| page.as_ref().is_some_and(|(a, b)| within(a, b));
                pages.iter().map(|page| !within(page)).collect()
            }
            _ => Vec::new(),
        };
        Ok(Plan::Codes { leaf: place, wanted, distinct: texts.len(), excluded })
    }
}

impl Segment {
    /// By the page, whether it may have texts that meet a test; empty if nothing is known.
    fn candidates(&self, leaf: &Leaf, test: &TextTest) -> Vec<bool> {
        let ask = match test {
            TextTest::Equal(text) => Ask::whole(text),
            TextTest::OneOf(texts) => Ask::any(texts.iter().map(|text| Ask::whole(text)).collect()),
            TextTest::Match(wanted) => wanted.ask(),
            TextTest::Where(_) => Ask::Everything,
        };
        // An index that cannot be read is none.
        let pages = self.0.text_index.get().and_then(|index| index.pages(&leaf.name, &ask).ok().flatten());
        pages.unwrap_or_default()
    }
}

impl Search {
    /// Whether it is known already that no row matches.
    pub fn is_empty(&self) -> bool {
        matches!(self.plan, Plan::Nothing)
    }

    /// The rows among these that match, ascending.
    pub fn matching(&self, rows: Range<usize>) -> Result<Vec<u32>, Error> {
        let mut matching = Vec::new();
        let rows = rows.start..rows.end.min(self.segment.rows());
        if rows.is_empty() || self.is_empty() {
            return Ok(matching);
        }
        let mut pages = Pages { segment: &self.segment, number: 0, read: Vec::new() };
        let starts = &self.segment.0.page_starts;
        let first = starts.partition_point(|start| *start as usize <= rows.start) - 1;
        for (number, ends) in starts.windows(2).enumerate().skip(first) {
            let (start, end) = (ends[0] as usize, ends[1] as usize);
            if start >= rows.end {
                break;
            }
            pages.number = number;
            pages.read.clear();
            let Some(flags) = pages.flags(&self.plan, end - start)? else { continue };
            let within = rows.start.max(start)..rows.end.min(end);
            let flags = &flags[within.start - start..within.end - start];
            for (run, flags) in within.step_by(RUN).zip(flags.chunks(RUN)) {
                if flags.contains(&true) {
                    let rows = flags.iter().enumerate().filter(|(_, flag)| **flag);
                    matching.extend(rows.map(|(row, _)| (run + row) as u32));
                }
            }
        }
        Ok(matching)
    }
}

/// The pages of some rows, each read at most once.
struct Pages<'a> {
    segment: &'a Segment,
    number: usize,
    read: Vec<(usize, Page<'a>)>,
}

impl<'a> Pages<'a> {
    /// What bounds tell of this page.
    fn verdict(&self, plan: &Plan) -> Verdict {
        match plan {
            Plan::Nothing => Verdict::None,
            Plan::All(plans) => {
                plans.iter().map(|plan| self.verdict(plan)).fold(Verdict::All, |all, each| match each {
                    Verdict::None => Verdict::None,
                    Verdict::Some if all == Verdict::All => Verdict::Some,
                    _ => all,
                })
            }
            Plan::Any(plans) => {
                plans.iter().map(|plan| self.verdict(plan)).fold(Verdict::None, |any, each| match each {
                    Verdict::All => Verdict::All,
                    Verdict::Some if any == Verdict::None => Verdict::Some,
                    _ => any,
                })
            }
            Plan::Not(plan) => match self.verdict(plan) {
                Verdict::None => Verdict::All,
                Verdict::Some => Verdict::Some,
                Verdict::All => Verdict::None,
            },
            Plan::Codes { excluded, .. } if excluded.get(self.number) == Some(&true) => Verdict::None,
            Plan::Texts { candidates, .. } if candidates.get(self.number) == Some(&false) => Verdict::None,
            Plan::Values { leaf, condition: Condition::Int(min, max), .. } => {
                let leaf = self.leaf(*leaf);
                match &leaf.bounds {
                    Bounds::Int(pages) => {
                        let page = pages[self.number];
                        if page.max < *min || page.min > *max {
                            Verdict::None
                        } else if page.min >= *min && page.max <= *max && !(leaf.optional && page.nulls) {
                            Verdict::All
                        } else {
                            Verdict::Some
                        }
                    }
                    _ => Verdict::Some,
                }
            }
            _ => Verdict::Some,
        }
    }

    /// Which of `count` rows (or elements) of this page meet a plan.
    fn flags(&mut self, plan: &Plan, count: usize) -> Result<Flags, Error> {
        match self.verdict(plan) {
            Verdict::None => return Ok(None),
            Verdict::All => return Ok(Some(vec![true; count])),
            Verdict::Some => {}
        }
        let flags = match plan {
            Plan::Nothing => None,
            Plan::All(plans) => self.all(plans, count)?,
            Plan::Any(plans) => self.any(plans, count)?,
            Plan::Not(plan) => match self.flags(plan, count)? {
                Some(flags) => Some(flags.into_iter().map(|flag| !flag).collect()),
                None => Some(vec![true; count]),
            },
            Plan::Exists { leaf } => {
                let mut flags = Vec::with_capacity(count);
                self.page(*leaf)?.not_null(&mut flags)?;
                Some(flags)
            }
            Plan::Codes { leaf, wanted, distinct, .. } => {
                let page = self.page(*leaf)?;
                let mut codes = Vec::with_capacity(page.elements);
                page.codes(*distinct, &mut codes)?;
                wanted.flags(&codes)
            }
            Plan::Texts { leaf, test: PlainTest::Scan(scan), .. } => {
                let texts = self.page(*leaf)?.plain_texts()?;
                Some(scan.matching(&texts.bytes, texts.places.iter().copied()))
            }
            Plan::Texts { leaf, test: PlainTest::Each(test), .. } => {
                let mut flags = Vec::with_capacity(count);
                self.page(*leaf)?.texts(|text| flags.push(text.is_some_and(|text| meets(test, text))))?;
                Some(flags)
            }
            Plan::Values { leaf, condition, distinct } => {
                let mut data = Data::new(self.leaf(*leaf).kind);
                self.page(*leaf)?.values(distinct.as_deref(), &mut data)?;
                Some(condition.flags(&data, 0..data.len()))
            }
            Plan::AsText { leaf, test, distinct } => {
                let mut data = Data::new(self.leaf(*leaf).kind);
                self.page(*leaf)?.values(distinct.as_deref(), &mut data)?;
                Some(as_text_flags(test, &data, 0..data.len()))
            }
            Plan::Parent { column, id } => {
                let starts = &self.segment.0.page_starts;
                let rows = starts[self.number] as usize..starts[self.number + 1] as usize;
                let parents = self.segment.parents(*column, std::slice::from_ref(&rows))?;
                Some(parents.iter().map(|parent| parent == id).collect())
            }
            Plan::Element { list, plan } => {
                let Some(first) = self.segment.0.lists[*list].first() else { return Ok(None) };
                let mut ends = Vec::with_capacity(count);
                self.page(*first)?.list_ends(0, &mut ends)?;
                let elements = ends.last().map_or(0, |end| *end as usize);
                match self.flags(plan, elements)? {
                    Some(flags) if flags.contains(&true) => Some(any_element(&flags, 0, &ends)),
                    _ => None,
                }
            }
        };
        match flags {
            Some(flags) if flags.len() != count => {
                Err(Error::Damaged("the fields of a list have different numbers of elements".into()))
            }
            flags => Ok(flags),
        }
    }

    /// Those that meet every one of these plans.
    fn all(&mut self, plans: &[Plan], count: usize) -> Result<Flags, Error> {
        let mut all: Flags = None;
        for plan in plans {
            if self.verdict(plan) == Verdict::All {
                continue;
            }
            let Some(flags) = self.flags(plan, count)? else { return Ok(None) };
            let both = match all {
                None => flags,
                Some(mut all) => {
                    all.iter_mut().zip(flags).for_each(|(all, each)| *all &= each);
                    all
                }
            };
            if !both.contains(&true) {
                return Ok(None);
            }
            all = Some(both);
        }
        Ok(all.or_else(|| Some(vec![true; count])))
    }

    /// Those that meet any of these plans.
    fn any(&mut self, plans: &[Plan], count: usize) -> Result<Flags, Error> {
        let mut any: Flags = None;
        for plan in plans {
            any = match (any, self.flags(plan, count)?) {
                (Some(mut any), Some(flags)) => {
                    any.iter_mut().zip(flags).for_each(|(any, each)| *any |= each);
                    Some(any)
                }
                (any, flags) => any.or(flags),
            };
        }
        Ok(any)
    }

    fn leaf(&self, leaf: usize) -> &'a Leaf {
        &self.segment.0.leaves[leaf]
    }

    fn page(&mut self, leaf: usize) -> Result<&Page<'a>, Error> {
        let place = match self.read.iter().position(|(read, _)| *read == leaf) {
            Some(place) => place,
            None => {
                self.read.push((leaf, self.leaf(leaf).page(self.number)?));
                self.read.len() - 1
            }
        };
        Ok(&self.read[place].1)
    }
}
