//! Screen ↔ image.

/// Where an image lies on the screen: screen = (image − centre)·scale + middle of the canvas.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Projection {
    /// Image point (px) in the middle of the canvas.
    pub centre: [f64; 2],
    /// Screen pixels per image pixel.
    pub scale: f64,
    /// Size of the canvas in screen pixels.
    pub canvas: [f64; 2],
}

/// Most screen pixels that an image pixel may take.
const MOST: f64 = 64.0;

impl Projection {
    /// The whole image in the canvas.
    pub fn fit(image: [usize; 2], canvas: [f64; 2]) -> Self {
        let [w, h] = image.map(|n| (n as f64).max(1.0));
        Projection { centre: [w / 2.0, h / 2.0], scale: (canvas[0] / w).min(canvas[1] / h).max(1e-3), canvas }
    }

    /// Image coordinates of a point on the canvas.
    pub fn image(&self, screen: [f64; 2]) -> [f64; 2] {
        [0, 1].map(|i| (screen[i] - self.canvas[i] / 2.0) / self.scale + self.centre[i])
    }

    /// Canvas coordinates of a point of the image.
    pub fn screen(&self, image: [f64; 2]) -> [f64; 2] {
        [0, 1].map(|i| (image[i] - self.centre[i]) * self.scale + self.canvas[i] / 2.0)
    }

    /// The projection after zooming by `factor` about a point on the canvas, which stays where it is.
    pub fn zoomed(mut self, factor: f64, about: [f64; 2]) -> Self {
        let before = self.image(about);
        self.scale = (self.scale * factor).clamp(0.01, MOST);
        let after = self.image(about);
        self.centre = [0, 1].map(|i| self.centre[i] + before[i] - after[i]);
        self
    }

    /// The projection, moved as it must be for a point of the image to lie within the canvas.
    pub fn showing(mut self, image: [f64; 2]) -> Self {
        let at = self.screen(image);
        let margin = |i: usize| (0.05 * self.canvas[i]).min(24.0);
        if (0..2).any(|i| at[i] < margin(i) || at[i] > self.canvas[i] - margin(i)) {
            self.centre = image;
        }
        self
    }

    /// The projection after dragging by so many screen pixels.
    pub fn dragged(mut self, by: [f64; 2]) -> Self {
        self.centre = [0, 1].map(|i| self.centre[i] - by[i] / self.scale);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn screen_and_image_are_inverse_and_zoom_keeps_its_point() {
        let fitted = Projection::fit([1028, 1062], [800.0, 600.0]);
        assert_eq!(fitted.showing([700.0, 500.0]), fitted, "it is seen already");
        let near = fitted.zoomed(20.0, [400.0, 300.0]).showing([10.0, 20.0]);
        assert_eq!((near.screen([10.0, 20.0]), near.scale), ([400.0, 300.0], 20.0 * fitted.scale));
        let p = fitted.zoomed(3.0, [100.0, 50.0]).dragged([5.0, -7.0]);
        let back = p.screen(p.image([123.0, 456.0]));
        assert!((back[0] - 123.0).abs() < 1e-9 && (back[1] - 456.0).abs() < 1e-9);
        let q = p.zoomed(2.0, [10.0, 20.0]);
        let (a, b) = (p.image([10.0, 20.0]), q.image([10.0, 20.0]));
        assert!((a[0] - b[0]).abs() < 1e-9 && (a[1] - b[1]).abs() < 1e-9);
    }
}
