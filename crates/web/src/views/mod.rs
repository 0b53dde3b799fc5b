//! The page's parts.

mod beam_centre;
mod help;
mod lattice;
mod log;
mod messages;
mod path;
mod picture;
mod shoebox;
mod spot_table;
mod stage;
mod start;
mod top_bar;

pub use help::Help;
pub use log::Log;
pub use messages::Messages;
pub use path::Path;
pub use picture::PictureView;
pub use stage::Stage;
pub use start::Start;
pub use top_bar::TopBar;
