//! Connected components of strong pixels, grown image by image.
//!
//! Two pixels are connected when they share a face: neighbours along fast or slow, or the same pixel of consecutive images. A
//! component to which an image adds nothing is complete. Only the pixels of open components are held, and of those that have
//! grown too large only their number.

use crate::image::Pixel;

/// A pixel of a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Voxel {
    /// Image.
    pub z: u32,
    /// slow · width + fast.
    pub index: u32,
    /// Counts.
    pub value: i32,
}

/// A connected component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// Number of pixels.
    pub size: usize,
    /// Its pixels by image and index; empty when there are more than the limit.
    pub voxels: Vec<Voxel>,
}

/// Components of one panel under construction.
#[derive(Debug, Clone, Default)]
pub struct Grower {
    width: u32,
    largest: usize,
    open: Vec<Component>,
    /// Strong pixels of the last image with the number of their open component.
    last: Vec<(u32, u32)>,
}

impl Grower {
    /// For a panel of `width` pixels; components of more than `largest` pixels are counted but not kept.
    pub fn new(width: usize, largest: usize) -> Self {
        Grower { width: width as u32, largest, ..Grower::default() }
    }

    /// Adds the strong pixels of the next image (in row-major order) and returns the components that are now complete.
    pub fn add(&mut self, z: u32, pixels: &[Pixel]) -> Vec<Component> {
        // Nodes: the open components, then this image's pixels.
        let n_open = self.open.len() as u32;
        let mut sets = Sets::new(n_open + pixels.len() as u32);
        let node = |k: usize| n_open + k as u32;
        let mut above = 0;
        let mut before = 0;
        for (k, p) in pixels.iter().enumerate() {
            if k > 0 && pixels[k - 1].index + 1 == p.index && p.index % self.width != 0 {
                sets.join(node(k), node(k - 1));
            }
            while above < k && pixels[above].index + self.width < p.index {
                above += 1;
            }
            if pixels[above].index + self.width == p.index {
                sets.join(node(k), node(above));
            }
            while self.last.get(before).is_some_and(|l| l.0 < p.index) {
                before += 1;
            }
            if let Some(&(index, component)) = self.last.get(before)
                && index == p.index
            {
                sets.join(node(k), component);
            }
        }

        let mut next: Vec<Component> = Vec::new();
        // Number in `next` of the set whose root is the node.
        let mut number = vec![u32::MAX; n_open as usize + pixels.len()];
        self.last.clear();
        for (k, p) in pixels.iter().enumerate() {
            let slot = &mut number[sets.root(node(k)) as usize];
            if *slot == u32::MAX {
                *slot = next.len() as u32;
                next.push(Component { size: 0, voxels: Vec::new() });
            }
            self.last.push((p.index, *slot));
        }
        let mut complete = Vec::new();
        for (c, component) in core::mem::take(&mut self.open).into_iter().enumerate() {
            match number[sets.root(c as u32) as usize] {
                u32::MAX => complete.push(component),
                slot => next[slot as usize].absorb(component),
            }
        }
        for (p, &(_, slot)) in pixels.iter().zip(&self.last) {
            next[slot as usize].push(Voxel { z, index: p.index, value: p.value });
        }
        for component in &mut next {
            if component.size > self.largest {
                component.voxels = Vec::new();
            }
        }
        self.open = next;
        for component in &mut complete {
            component.voxels.sort_unstable();
        }
        complete
    }

    /// The components of voxels given all at once (any order) on a panel of `width` pixels.
    pub fn all(mut voxels: Vec<Voxel>, width: usize, largest: usize) -> Vec<Component> {
        voxels.sort_unstable();
        let mut grower = Grower::new(width, largest);
        let mut out = Vec::new();
        let mut next = voxels.first().map_or(0, |v| v.z);
        for image in voxels.chunk_by(|a, b| a.z == b.z) {
            if image[0].z != next {
                out.extend(grower.finish());
            }
            next = image[0].z + 1;
            let pixels: Vec<Pixel> = image.iter().map(|v| Pixel { index: v.index, value: v.value }).collect();
            out.extend(grower.add(image[0].z, &pixels));
        }
        out.extend(grower.finish());
        out
    }

    /// The components that were still open.
    pub fn finish(&mut self) -> Vec<Component> {
        self.add(u32::MAX, &[])
    }
}

impl Component {
    fn push(&mut self, voxel: Voxel) {
        self.size += 1;
        self.voxels.push(voxel);
    }

    fn absorb(&mut self, other: Component) {
        self.size += other.size;
        if self.voxels.is_empty() {
            self.voxels = other.voxels;
        } else {
            self.voxels.extend(other.voxels);
        }
    }
}

/// Disjoint sets of nodes.
struct Sets(Vec<u32>);

impl Sets {
    fn new(n: u32) -> Self {
        Sets((0..n).collect())
    }

    fn root(&mut self, mut node: u32) -> u32 {
        while self.0[node as usize] != node {
            let parent = self.0[node as usize];
            self.0[node as usize] = self.0[parent as usize];
            node = parent;
        }
        node
    }

    fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b) as usize] = a.min(b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WIDTH: usize = 9;
    const HEIGHT: usize = 7;

    /// Floods from each strong voxel in turn.
    fn by_flooding(volume: &[Vec<bool>]) -> Vec<Vec<(u32, u32)>> {
        let mut left = volume.to_vec();
        let mut found = Vec::new();
        for z in 0..left.len() {
            for i in 0..WIDTH * HEIGHT {
                let mut stack = vec![(z, i)];
                let mut component = Vec::new();
                while let Some((z, i)) = stack.pop() {
                    if !std::mem::take(&mut left[z][i]) {
                        continue;
                    }
                    component.push((z as u32, i as u32));
                    let (x, y) = (i % WIDTH, i / WIDTH);
                    if x > 0 {
                        stack.push((z, i - 1));
                    }
                    if x + 1 < WIDTH {
                        stack.push((z, i + 1));
                    }
                    if y > 0 {
                        stack.push((z, i - WIDTH));
                    }
                    if y + 1 < HEIGHT {
                        stack.push((z, i + WIDTH));
                    }
                    if z > 0 {
                        stack.push((z - 1, i));
                    }
                    if z + 1 < left.len() {
                        stack.push((z + 1, i));
                    }
                }
                if !component.is_empty() {
                    component.sort_unstable();
                    found.push(component);
                }
            }
        }
        found.sort();
        found
    }

    proptest! {
        #[test]
        fn growing_finds_what_flooding_finds(volume in prop::collection::vec(prop::collection::vec(prop::bool::weighted(0.4), WIDTH * HEIGHT), 1..9)) {
            let mut grower = Grower::new(WIDTH, usize::MAX);
            let mut components = Vec::new();
            for (z, image) in volume.iter().enumerate() {
                let pixels: Vec<Pixel> = (0..WIDTH * HEIGHT).filter(|&i| image[i]).map(|i| Pixel { index: i as u32, value: 1 }).collect();
                components.extend(grower.add(z as u32, &pixels));
            }
            components.extend(grower.finish());
            prop_assert!(components.iter().all(|c| c.size == c.voxels.len()));
            let mut found: Vec<Vec<(u32, u32)>> = components.iter().map(|c| c.voxels.iter().map(|v| (v.z, v.index)).collect()).collect();
            found.sort();
            prop_assert_eq!(found, by_flooding(&volume));
            let mut at_once = Grower::all(components.iter().rev().flat_map(|c| c.voxels.clone()).collect(), WIDTH, usize::MAX);
            at_once.sort_by(|a, b| a.voxels.cmp(&b.voxels));
            components.sort_by(|a, b| a.voxels.cmp(&b.voxels));
            prop_assert_eq!(at_once, components);
        }
    }

    #[test]
    fn a_component_that_grows_too_large_is_only_counted() {
        let mut grower = Grower::new(10, 4);
        let pixels = [Pixel { index: 3, value: 9 }, Pixel { index: 4, value: 9 }];
        for z in 0..5 {
            assert_eq!(grower.add(z, &pixels), []);
        }
        let all = grower.finish();
        assert_eq!((all.len(), all[0].size), (1, 10));
    }
}
