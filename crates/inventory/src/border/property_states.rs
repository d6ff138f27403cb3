//! What is known of the properties of one object, shared between its versions.

use std::sync::Arc;

use super::PropertyState;

/// The states of an object's properties, by column. They are kept in groups: a copy shares all of them, and a change makes a group
/// of its own for the copy. The statistics of ten thousand machines change together, and what else is known of them does not.
#[derive(Clone, Debug, Default)]
pub(crate) struct PropertyStates(Box<[Option<Arc<StateGroup>>]>);

/// Columns of one group. Those that were asked for together stand side by side.
const COLUMNS: usize = 8;

type StateGroup = [PropertyState; COLUMNS];

static UNKNOWN: PropertyState = PropertyState::Unknown;

impl PropertyStates {
    pub(crate) fn get(&self, column: usize) -> &PropertyState {
        let group = self.0.get(column / COLUMNS).and_then(Option::as_deref);
        group.and_then(|group| group.get(column % COLUMNS)).unwrap_or(&UNKNOWN)
    }

    pub(crate) fn set(&mut self, column: usize, state: PropertyState) {
        if *self.get(column) == state {
            return;
        }
        let number = column / COLUMNS;
        if self.0.len() <= number {
            let mut groups = std::mem::take(&mut self.0).into_vec();
            groups.resize(number + 1, None);
            self.0 = groups.into_boxed_slice();
        }
        if let Some(group) = self.0.get_mut(number)
            && let Some(place) = Arc::make_mut(group.get_or_insert_default()).get_mut(column % COLUMNS)
        {
            *place = state;
        }
    }

    /// Every state, in the order of the columns.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &PropertyState> {
        (0..self.0.len() * COLUMNS).map(|column| self.get(column))
    }
}

#[cfg(test)]
mod tests {
    use vpoller_vsphere::Value;

    use super::*;

    #[test]
    fn a_copy_shares_what_does_not_change() {
        assert_eq!(size_of::<PropertyState>(), size_of::<Value>(), "a state takes no more than its value");
        let number = |number: i64| PropertyState::Set(Value::Int(number));
        let mut first = PropertyStates::default();
        assert_eq!((first.get(3), first.iter().count()), (&PropertyState::Unknown, 0));
        (0..20).for_each(|column| first.set(column, number(7)));
        let mut second = first.clone();
        second.set(9, number(8));
        second.set(1, number(7));
        let shared = |group: usize| match (&first.0[group], &second.0[group]) {
            (Some(first), Some(second)) => Arc::ptr_eq(first, second),
            _ => false,
        };
        assert_eq!([0, 1, 2].map(shared), [true, false, true]);
        assert_eq!((first.get(9), second.get(9), second.get(19)), (&number(7), &number(8), &number(7)));
        assert_eq!((first.get(20), first.iter().filter(|state| **state == number(7)).count()), (&PropertyState::Unknown, 20));
    }
}
