//! The objects of one tree: who is whose parent, and which objects a change reaches.
#![forbid(unsafe_code)]

use super::slab::Rooted;
use super::types::{NodeIndex, Object, ObjectKey, Types};
use crate::error::ErrorKind;
use crate::registration::Table;
use crate::state::{Capabilities, State};

/// The index of the root.
pub(super) const ROOT: NodeIndex = 0;

pub(super) struct Hierarchy<T: Types> {
    nodes: Rooted<Node<T>>,
    /// The objects that the running transition changes, parents before their children. While the tree is busy it has
    /// capacity for every object, so that beginning a transition cannot fail.
    affected: Vec<NodeIndex>,
}

/// One object in its tree.
pub(super) struct Node<T: Types> {
    /// `None` when the object ended while its tree was busy.
    pub(super) object: Option<T::Object>,
    /// One more reference on it, which `alone` lends to the delivery thread.
    pub(super) spare: Option<T::Object>,
    pub(super) number: u64,
    pub(super) table: Table<T::Sink>,
    /// That of an affected object is the new one from the beginning of the transition on: see `Tree::visible_state`.
    pub(super) state: State,
    pub(super) capabilities: Capabilities,
    /// The child's reference on its parent.
    pub(super) parent_ref: Option<<T::Object as Object>::ParentRef>,
    /// The running transition changes this object.
    pub(super) affected: bool,
    links: Links,
}

#[derive(Clone, Copy, Default)]
struct Links {
    parent: Option<NodeIndex>,
    first_child: Option<NodeIndex>,
    last_child: Option<NodeIndex>,
    next: Option<NodeIndex>,
    previous: Option<NodeIndex>,
}

impl<T: Types> Node<T> {
    pub(super) fn new(object: T::Object, number: u64, state: State, capabilities: Capabilities) -> Self {
        Self {
            object: Some(object),
            spare: None,
            number,
            table: Table::new(),
            state,
            capabilities,
            parent_ref: None,
            affected: false,
            links: Links::default(),
        }
    }

    /// A change of the object begins. Fixes which registrations take part.
    fn begin(&mut self, to: State) {
        self.affected = true;
        self.state = to;
        self.table.begin();
    }

    fn is_of(&self, key: ObjectKey) -> bool {
        self.number == key.number && self.object.is_some()
    }
}

impl<T: Types> Hierarchy<T> {
    pub(super) fn new(root: Node<T>) -> Self {
        Self { nodes: Rooted::new(root), affected: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn get(&self, index: NodeIndex) -> Option<&Node<T>> {
        self.nodes.get(index)
    }

    pub(super) fn get_mut(&mut self, index: NodeIndex) -> Option<&mut Node<T>> {
        self.nodes.get_mut(index)
    }

    pub(super) fn indices(&self) -> std::ops::Range<NodeIndex> {
        self.nodes.indices()
    }

    /// The node of an object that is alive.
    pub(super) fn find(&self, key: ObjectKey) -> Option<&Node<T>> {
        self.nodes.get(key.node).filter(|node| node.is_of(key))
    }

    /// The node of an object that is alive.
    pub(super) fn find_mut(&mut self, key: ObjectKey) -> Option<&mut Node<T>> {
        self.nodes.get_mut(key.node).filter(|node| node.is_of(key))
    }

    pub(super) fn affected(&self) -> &[NodeIndex] {
        &self.affected
    }

    /// Reserves memory for one child, and gives its index.
    pub(super) fn reserve_child(&mut self) -> Result<NodeIndex, ErrorKind> {
        self.nodes.reserve()?;
        Ok(self.nodes.next())
    }

    /// Inserts the last child of `parent` at the index that `reserve_child` gave.
    pub(super) fn insert_child(&mut self, node: Node<T>, parent: NodeIndex) {
        let index = self.nodes.next();
        self.nodes.insert(node);
        let Some(up) = self.links(parent) else { return };
        let previous = up.last_child.replace(index);
        if previous.is_none() {
            up.first_child = Some(index);
        }
        if let Some(links) = previous.and_then(|previous| self.links(previous)) {
            links.next = Some(index);
        }
        if let Some(links) = self.links(index) {
            links.parent = Some(parent);
            links.previous = previous;
        }
    }

    /// Reserves capacity for a transition of every object and `more`.
    pub(super) fn reserve_affected(&mut self, more: usize) -> Result<(), ErrorKind> {
        let needed = self.nodes.len() + more;
        Ok(self.affected.try_reserve(needed.saturating_sub(self.affected.len()))?)
    }

    /// Marks the objects that a change of `root` reaches: from each object that really changes to its children. Fixes
    /// which registrations take part.
    pub(super) fn mark_affected(&mut self, root: NodeIndex, to: State) {
        let mut at = root;
        'objects: loop {
            let mut down = None;
            if let Some(node) = self.nodes.get_mut(at) {
                // The capability of `root` was checked before, or it follows another process.
                if node.state != to && (at == root || node.capabilities.allow(to)) {
                    node.begin(to);
                    self.affected.push(at);
                    down = node.links.first_child;
                }
            }
            if let Some(child) = down {
                at = child;
                continue;
            }
            // Up to the next sibling, but not out of the subtree of `root`.
            loop {
                if at == root {
                    break 'objects;
                }
                let Some(links) = self.links(at).copied() else { break 'objects };
                if let Some(next) = links.next {
                    at = next;
                    break;
                }
                let Some(parent) = links.parent else { break 'objects };
                at = parent;
            }
        }
    }

    /// Whether a change of this object is possible, and reaches no other.
    pub(super) fn can_change_alone(&self, key: ObjectKey, to: State) -> bool {
        let node = self.find(key);
        node.is_some_and(|node| node.links.first_child.is_none() && node.state != to && node.capabilities.allow(to))
    }

    /// Marks an object of which `can_change_alone` is true.
    pub(super) fn mark_alone(&mut self, index: NodeIndex, to: State) -> Option<&mut Node<T>> {
        let node = self.nodes.get_mut(index)?;
        node.begin(to);
        self.affected.push(index);
        Some(node)
    }

    /// Calls `visit` for each affected object.
    pub(super) fn each_affected(&mut self, mut visit: impl FnMut(&mut Node<T>)) {
        for index in &self.affected {
            if let Some(node) = self.nodes.get_mut(*index) {
                visit(node);
            }
        }
    }

    /// The transition is over.
    pub(super) fn clear_affected(&mut self) {
        self.each_affected(|node| {
            node.affected = false;
            node.table.end();
        });
        self.affected.clear();
    }

    /// Removes a node that has no object and no children, and then its ancestors of which the same is true. Keeps those
    /// that the running transition affects, and those that `is_needed`.
    pub(super) fn prune(&mut self, from: NodeIndex, is_needed: impl Fn(NodeIndex) -> bool) {
        let mut next = Some(from);
        while let Some(index) = next {
            let Some(node) = self.nodes.get(index) else { return };
            if node.object.is_some() || node.links.first_child.is_some() || node.affected || is_needed(index) {
                return;
            }
            next = node.links.parent;
            self.unlink(index);
            self.nodes.remove(index);
        }
    }

    fn links(&mut self, index: NodeIndex) -> Option<&mut Links> {
        self.nodes.get_mut(index).map(|node| &mut node.links)
    }

    fn unlink(&mut self, index: NodeIndex) {
        let Some(Links { parent, next, previous, .. }) = self.links(index).copied() else { return };
        match previous.and_then(|previous| self.links(previous)) {
            Some(links) => links.next = next,
            None => {
                if let Some(up) = parent.and_then(|parent| self.links(parent)) {
                    up.first_child = next;
                }
            }
        }
        match next.and_then(|next| self.links(next)) {
            Some(links) => links.previous = previous,
            None => {
                if let Some(up) = parent.and_then(|parent| self.links(parent)) {
                    up.last_child = previous;
                }
            }
        }
    }
}
