//! Which functions a function can come to.
//!
//! Followed are branches, calls, every address of code or data that an instruction names or chooses from a table, and every address in
//! such data: tables of methods, and statics that hold functions. A function that is called through a pointer is thus found where its address is taken, or where the
//! table that holds it is named. Not found is what is called only through an address that data received while the program ran, from
//! code that is not reached.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::{Function, Program, addresses, tables};

/// What is reached, and from where it was reached first.
pub(crate) struct Reached<'p, 'f> {
    program: &'p Program<'f>,
    from: BTreeMap<u64, Option<u64>>,
}

impl<'f> Program<'f> {
    /// Everything that the functions for which `is_start` holds can come to; they are part of it.
    pub fn reach(&self, is_start: impl Fn(&Function) -> bool) -> Reached<'_, 'f> {
        let (objects, chosen) = self.data_starts();
        let mut from = BTreeMap::new();
        let mut waiting = Vec::new();
        for start in self.functions.iter().filter(|function| is_start(function)) {
            from.insert(start.start, None);
            waiting.push(start);
        }
        let mut seen_data = BTreeSet::new();
        while let Some(function) = waiting.pop() {
            let mut named: Vec<u64> = self.instructions(function).flat_map(|i| addresses(&i)).collect();
            named.extend(chosen.get(&function.start).into_iter().flatten());
            while let Some(address) = named.pop() {
                if let Some(next) = self.function_at(address) {
                    if let Entry::Vacant(place) = from.entry(next.start) {
                        place.insert(Some(function.start));
                        waiting.push(next);
                    }
                } else if seen_data.insert(address) {
                    named.extend(self.object_at(address, &objects).map(|(_, target)| *target));
                }
            }
        }
        Reached { program: self, from }
    }

    /// The addresses in the piece of data that starts here, and ends where the next piece starts that anything names.
    fn object_at(&self, start: u64, objects: &BTreeSet<u64>) -> impl Iterator<Item = (&u64, &u64)> {
        let end = objects.range(start.saturating_add(1)..).next().copied().unwrap_or(u64::MAX);
        self.pointers().range(start..end.max(start))
    }

    /// Every address of data that an instruction, a table or another piece of data names; and what each function chooses from tables.
    fn data_starts(&self) -> (BTreeSet<u64>, BTreeMap<u64, BTreeSet<u64>>) {
        let by_code = self
            .functions
            .iter()
            .flat_map(|function| self.instructions(function))
            .flat_map(|i| addresses(&i));
        let all = by_code.chain(self.pointers().values().copied());
        let is_data = |address: &u64| self.function_at(*address).is_none();
        let mut starts: BTreeSet<u64> = all.filter(is_data).collect();
        let chosen =
            self.functions.iter().map(|function| (function.start, tables::targets(self, function, &starts)));
        let chosen: BTreeMap<_, _> = chosen.filter(|(_, targets)| !targets.is_empty()).collect();
        starts.extend(chosen.values().flatten().copied().filter(is_data));
        (starts, chosen)
    }
}

impl Reached<'_, '_> {
    /// The functions.
    pub fn functions(&self) -> impl Iterator<Item = &Function> {
        self.from.keys().filter_map(|start| self.program.function_at(*start))
    }

    /// Whether a function is among them.
    pub fn holds(&self, function: &Function) -> bool {
        self.from.contains_key(&function.start)
    }

    /// The way to a function, from a start.
    pub fn way_to(&self, function: &Function) -> String {
        let mut way = vec![function.name.as_str()];
        let mut at = function.start;
        while let Some(Some(before)) = self.from.get(&at) {
            at = *before;
            way.extend(self.program.function_at(at).map(|function| function.name.as_str()));
        }
        way.reverse();
        way.join(" -> ")
    }
}
