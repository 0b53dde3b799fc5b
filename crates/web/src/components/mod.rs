//! Building blocks that know nothing of stages.

mod data_table;
mod image_canvas;
mod param_field;
mod plot_view;

pub use data_table::DataTable;
pub use image_canvas::{ImageCanvas, ImageTools, ThresholdBar, Viewer, close_menus};
pub use param_field::ParamField;
pub use plot_view::PlotView;
