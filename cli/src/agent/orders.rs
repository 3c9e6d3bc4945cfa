//! What a fleet's instructions mean for profiles, beside people and sources.

use std::fmt;
use std::str::FromStr;

use crate::fleet::instruction::InForce;

/// Who decides before whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Order {
    /// People and programs, the fleet, the sources.
    #[default]
    PersonFirst,
    /// The fleet, people and programs, the sources.
    FleetFirst,
    /// People and programs, the sources, the fleet: where the sources do not know.
    FleetLast,
}

const ORDERS: [(Order, [&str; 3]); 3] = [
    (Order::PersonFirst, ["person", "fleet", "sources"]),
    (Order::FleetFirst, ["fleet", "person", "sources"]),
    (Order::FleetLast, ["person", "sources", "fleet"]),
];

impl FromStr for Order {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split(',').map(str::trim).collect();
        let found = ORDERS.iter().find(|(_, order)| words == order);
        found.map(|(order, _)| *order).ok_or_else(|| {
            let list: Vec<String> = ORDERS.iter().map(|(_, order)| format!("\"{}\"", order.join(", "))).collect();
            format!("{text:?} is no order: it is one of {}", list.join("; "))
        })
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = ORDERS.iter().find(|(order, _)| order == self);
        f.write_str(&found.map_or_else(String::new, |(_, words)| words.join(", ")))
    }
}

/// What profiles are to follow.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Orders {
    /// That which decides first.
    pub(crate) in_force: Vec<InForce>,
    pub(crate) order: Order,
}
