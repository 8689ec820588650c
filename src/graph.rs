//! Orders nodes that depend on each other. Edges come in; an order with dependencies first goes out, or one
//! cycle. Knows nothing of the nodes' meaning.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::Hash;

use indexmap::{IndexMap, IndexSet};
use petgraph::Direction::{Incoming, Outgoing};
use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};

/// Returns an order in which every node comes after its dependencies. Each edge carries a place `P` (a place
/// in a text, a reason in a plan).
///
/// # Errors
/// The shortest cycle through one of the nodes in a cycle: each with the place where it names the next one.
pub fn order<T, P, E>(edges: &IndexMap<T, E>) -> Result<Vec<T>, Vec<(T, P)>>
where
    T: Clone + Eq + Hash,
    P: Clone,
    E: AsRef<[(T, P)]>,
{
    let mut graph: DiGraph<T, ()> = DiGraph::new();
    let indexes: HashMap<&T, NodeIndex> =
        edges.keys().map(|thing| (thing, graph.add_node(thing.clone()))).collect();
    for (from, targets) in edges {
        let Some(from) = indexes.get(from) else { continue };
        let mut seen = HashSet::new();
        for to in targets.as_ref().iter().filter_map(|(to, _)| indexes.get(to)).filter(|to| seen.insert(**to))
        {
            graph.add_edge(*to, *from, ());
        }
    }
    // Among the nodes that wait for no other, the first declared goes first.
    let mut waits: Vec<usize> =
        graph.node_indices().map(|index| graph.neighbors_directed(index, Incoming).count()).collect();
    let mut ready: BTreeSet<NodeIndex> =
        graph.node_indices().filter(|index| waits.get(index.index()) == Some(&0)).collect();
    let mut sorted = Vec::with_capacity(waits.len());
    while let Some(index) = ready.pop_first() {
        sorted.extend(graph.node_weight(index).cloned());
        for next in graph.neighbors_directed(index, Outgoing) {
            if let Some(left) = waits.get_mut(next.index()) {
                *left -= 1;
                if *left == 0 {
                    ready.insert(next);
                }
            }
        }
    }
    match sorted.len() == waits.len() {
        true => Ok(sorted),
        false => Err(a_cycle(edges, &graph)),
    }
}

fn a_cycle<T, P, E>(edges: &IndexMap<T, E>, graph: &DiGraph<T, ()>) -> Vec<(T, P)>
where
    T: Clone + Eq + Hash,
    P: Clone,
    E: AsRef<[(T, P)]>,
{
    let on_itself =
        |thing: &T| edges.get(thing).is_some_and(|to| to.as_ref().iter().any(|(to, _)| to == thing));
    for component in kosaraju_scc(graph) {
        let members: IndexSet<&T> = component.iter().filter_map(|index| graph.node_weight(*index)).collect();
        let Some(start) = members.first().copied() else { continue };
        if members.len() == 1 && !on_itself(start) {
            continue;
        }
        // Breadth first from `start` back to `start`.
        let mut came_from: IndexMap<&T, (&T, &P)> = IndexMap::new();
        let mut queue = std::collections::VecDeque::from([start]);
        while let Some(thing) = queue.pop_front() {
            for (to, place) in edges.get(thing).into_iter().flat_map(E::as_ref) {
                if to == start {
                    let mut cycle = vec![(thing.clone(), place.clone())];
                    let mut at = thing;
                    while let Some((before, place)) = came_from.get(at) {
                        cycle.push(((*before).clone(), (*place).clone()));
                        at = before;
                    }
                    cycle.reverse();
                    return cycle;
                }
                if members.contains(to) && !came_from.contains_key(to) {
                    came_from.insert(to, (thing, place));
                    queue.push_back(to);
                }
            }
        }
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges(text: &[(&'static str, &[&'static str])]) -> IndexMap<&'static str, Vec<(&'static str, ())>> {
        text.iter().map(|(from, to)| (*from, to.iter().map(|to| (*to, ())).collect())).collect()
    }

    #[test]
    fn dependencies_come_first() {
        let order = order(&edges(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &[])])).unwrap();
        assert_eq!(order, ["c", "b", "a"]);
    }

    #[test]
    fn a_cycle_is_given_edge_by_edge() {
        let cycle = order(&edges(&[("x", &["a"]), ("a", &["b"]), ("b", &["c"]), ("c", &["a"])])).unwrap_err();
        let names: Vec<_> = cycle.iter().map(|(name, ())| *name).collect();
        assert_eq!(names.len(), 3);
        assert!(names.contains(&"a") && !names.contains(&"x"));
        assert_eq!(order(&edges(&[("a", &["a"])])).unwrap_err(), [("a", ())]);
    }
}
