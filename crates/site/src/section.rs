//! Walking the tables of a site file: every key that is asked for is known, every other is a fault.

mod closest;
mod kind;

use std::cell::RefCell;

use toml::de::{DeTable, DeValue};

pub(crate) use kind::{Kind, choice, integer, number, one_of, string, text, zero_or};

/// One thing that is wrong, at a byte offset.
#[derive(Debug)]
pub(crate) struct Fault {
    pub at: usize,
    pub key: String,
    pub what: String,
}

impl Fault {
    /// One that has no place in the file.
    pub fn of_all(what: &dyn std::fmt::Display) -> Self {
        Self { at: 0, key: String::new(), what: what.to_string() }
    }
}

/// Collects faults, so that one run tells them all.
#[derive(Debug, Default)]
pub(crate) struct Reports(RefCell<Vec<Fault>>);

impl Reports {
    pub fn into_inner(self) -> Vec<Fault> {
        self.0.into_inner()
    }
}

/// One table of the file, and what has been asked of it.
pub(crate) struct Section<'a> {
    /// Nothing if an optional table is not there.
    table: Option<&'a DeTable<'a>>,
    path: String,
    at: usize,
    reports: &'a Reports,
    asked: RefCell<Vec<&'static str>>,
}

impl<'a> Section<'a> {
    pub fn root(table: &'a DeTable<'a>, reports: &'a Reports) -> Self {
        Self::new(Some(table), String::new(), 0, reports)
    }

    fn new(table: Option<&'a DeTable<'a>>, path: String, at: usize, reports: &'a Reports) -> Self {
        Self { table, path, at, reports, asked: RefCell::default() }
    }

    /// Reads the section with `read`, then reports every key that `read` did not ask for.
    pub fn read<T>(self, read: impl FnOnce(&Self) -> Option<T>) -> Option<T> {
        let value = read(&self);
        self.report_unknown_keys();
        value
    }

    /// The value of a key that must be there.
    pub fn required<T>(&self, key: &'static str, kind: &Kind<T>) -> Option<T> {
        match self.value(key) {
            Some((_, value)) => self.convert(key, value, kind),
            None => {
                self.report(self.at, key, format!("is missing; expected {}", kind.expected));
                None
            }
        }
    }

    /// The value of a key, or `default`; nothing only if the value is wrong.
    pub fn or<T>(&self, key: &'static str, kind: &Kind<T>, default: T) -> Option<T> {
        match self.value(key) {
            Some((_, value)) => self.convert(key, value, kind),
            None => Some(default),
        }
    }

    /// The value of a key that may be left out; the outer nothing means that the value is wrong.
    pub fn optional<T>(&self, key: &'static str, kind: &Kind<T>) -> Option<Option<T>> {
        match self.value(key) {
            Some((_, value)) => self.convert(key, value, kind).map(Some),
            None => Some(None),
        }
    }

    /// A list of values, or `default`; nothing only if something in it is wrong.
    pub fn list<T>(&self, key: &'static str, kind: &Kind<T>, default: Vec<T>) -> Option<Vec<T>> {
        let (at, value) = match self.value(key) {
            Some(found) => found,
            None => return Some(default),
        };
        let DeValue::Array(items) = value else {
            self.report(at, key, format!("{} is not a list", kind::found(value)));
            return None;
        };
        let read = |(index, item): (usize, &toml::Spanned<DeValue<'_>>)| {
            let value = (kind.read)(item.get_ref());
            if value.is_none() {
                let what = format!("{} is not {}", kind::found(item.get_ref()), kind.expected);
                self.report(item.span().start, &format!("{key}[{index}]"), what);
            }
            value
        };
        // Every item is read, so that every mistake is told.
        items.iter().enumerate().map(read).collect::<Vec<_>>().into_iter().collect()
    }

    /// Reports each of `keys` that is there, because of something else in this section.
    pub fn refuse(&self, keys: &[&'static str], why: &str) {
        for key in keys {
            if self.value(key).is_some() {
                self.fault(key, why);
            }
        }
    }

    /// Takes each of `keys` for known without looking at it.
    pub fn pass_over(&self, keys: &[&'static str]) {
        self.asked.borrow_mut().extend(keys);
    }

    /// A table that must be there.
    pub fn table(&self, key: &'static str) -> Option<Self> {
        let Some((at, value)) = self.value(key) else {
            self.report(self.at, key, format!("is missing; expected a table [{key}]"));
            return None;
        };
        self.subsection(at, value, key)
    }

    /// A table that may be left out, which is the same as leaving it empty.
    pub fn optional_table(&self, key: &'static str) -> Self {
        self.value(key)
            .and_then(|(at, value)| self.subsection(at, value, key))
            .unwrap_or_else(|| Self::new(None, self.path_of(key), self.at, self.reports))
    }

    /// A list of tables, empty if the key is not there.
    pub fn tables(&self, key: &'static str) -> Vec<Self> {
        match self.value(key) {
            None => Vec::new(),
            Some((_, DeValue::Array(items))) => items
                .iter()
                .enumerate()
                .filter_map(|(index, item)| {
                    self.subsection(item.span().start, item.get_ref(), &format!("{key}[{index}]"))
                })
                .collect(),
            Some((at, value)) => {
                let found = kind::found(value);
                self.report(
                    at,
                    key,
                    format!("{found} is not a list of tables; write [[{}]]", self.path_of(key)),
                );
                Vec::new()
            }
        }
    }

    /// Reports that the value of `key`, or the section if the key is not there, is wrong.
    pub fn fault(&self, key: &str, what: &str) {
        let at = self.find(key).map_or(self.at, |(at, _)| at);
        self.report(at, key, what.to_owned());
    }

    /// The path of a key of this section, as messages show it.
    pub fn path_of(&self, key: &str) -> String {
        match (self.path.as_str(), key) {
            ("", key) => key.to_owned(),
            (path, "") => path.to_owned(),
            (path, key) => format!("{path}.{key}"),
        }
    }

    fn subsection(&self, at: usize, value: &'a DeValue<'a>, key: &str) -> Option<Self> {
        match value {
            DeValue::Table(table) => Some(Self::new(Some(table), self.path_of(key), at, self.reports)),
            _ => {
                self.report(at, key, format!("{} is not a table", kind::found(value)));
                None
            }
        }
    }

    fn convert<T>(&self, key: &str, value: &DeValue<'_>, kind: &Kind<T>) -> Option<T> {
        let converted = (kind.read)(value);
        if converted.is_none() {
            self.fault(key, &format!("{} is not {}", kind::found(value), kind.expected));
        }
        converted
    }

    fn value(&self, key: &'static str) -> Option<(usize, &'a DeValue<'a>)> {
        self.asked.borrow_mut().push(key);
        self.find(key)
    }

    fn find(&self, key: &str) -> Option<(usize, &'a DeValue<'a>)> {
        self.table?.get(key).map(|value| (value.span().start, value.get_ref()))
    }

    fn report_unknown_keys(&self) {
        let asked = self.asked.borrow();
        for key in self.table.into_iter().flat_map(DeTable::keys) {
            let name = key.get_ref().as_ref();
            if !asked.contains(&name) {
                let hint = closest::closest(name, &asked);
                self.report(key.span().start, name, format!("is not a key that is known here; {hint}"));
            }
        }
    }

    fn report(&self, at: usize, key: &str, what: String) {
        self.reports.0.borrow_mut().push(Fault { at, key: self.path_of(key), what });
    }
}
