//! The screens: a module and a template each.
//!
//! A screen has `routes()`, which [`routes`] takes in, and where it stands in the header's navigation, a line in
//! [`SCREENS`]. Its template extends `base.html`; what belongs to the settings extends `settings.html`.

pub mod activity;
pub mod alerts;
pub mod audit;
pub mod connections;
pub mod create;
pub mod customer;
pub mod draft;
pub mod home;
pub mod mapping;
pub mod people;
pub mod pipeline;
pub mod problems;
pub mod publish;
pub mod sign_in;
pub mod try_it;

use crate::{
    World,
    access::{Access, Route},
    asset,
    role::Role,
};

/// A screen in the header's navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screen {
    /// Its name.
    pub name: &'static str,
    /// Where it is.
    pub path: &'static str,
    /// The folder of the site that all of its pages are in.
    pub folder: &'static str,
    /// Who sees it in the navigation.
    pub least: Role,
}

/// The header's navigation, in order. A screen is here when it is there.
pub const SCREENS: &[Screen] = &[
    Screen { name: "Home", path: "/", folder: "/", least: Role::Viewer },
    Screen { name: "Activity", path: "/activity", folder: "/activity", least: Role::Viewer },
    Screen { name: "Problems", path: "/problems", folder: "/problems", least: Role::Viewer },
    Screen { name: "Settings", path: "/settings/connections", folder: "/settings", least: Role::Viewer },
];

/// Every route that there is.
pub fn routes<W: World>() -> Vec<Route<W>> {
    let assets = vec![Route::get("/assets/{digest}/{name}", Access::Anyone, asset::show)];
    [
        assets,
        sign_in::routes(),
        home::routes(),
        create::routes(),
        mapping::routes(),
        try_it::routes(),
        publish::routes(),
        pipeline::routes(),
        problems::routes(),
        connections::routes(),
        alerts::routes(),
        activity::routes(),
        customer::routes(),
        people::routes(),
        audit::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
