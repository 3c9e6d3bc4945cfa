//! The figures as charts.

use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;

use super::figures::{Figures, LIBRARY};
use crate::Result;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

const SUBJECTS: [(&str, &str, RGBColor); 7] = [
    (LIBRARY, "mapioffline", RGBColor(214, 39, 40)),
    ("fixture", "limit", RGBColor(90, 90, 90)),
    ("manager", "C++ manager", RGBColor(31, 119, 180)),
    ("windows-core", "windows-core", RGBColor(148, 103, 189)),
    ("glib", "GLib", RGBColor(44, 160, 44)),
    ("boost", "boost::signals2", RGBColor(255, 127, 14)),
    ("sigc", "sigc++", RGBColor(140, 86, 75)),
];

/// The rows of the chart, from the top.
const ROWS: [(&str, u64, &str); 11] = [
    ("get-state", 1, "GetCurrentState"),
    ("addref-release", 1, "AddRef + Release"),
    ("query-hit-release", 1, "QueryInterface + Release"),
    ("query-miss", 1, "QueryInterface, none"),
    ("advise-unadvise", 1, "Advise + Unadvise, 1"),
    ("advise-unadvise", 10_000, "Advise + Unadvise, 10,000"),
    ("advise-unadvise", 1_000_000, "Advise + Unadvise, 1,000,000"),
    ("random-token", 1_000_000, "the same, random token"),
    ("delivery", 100, "three callbacks, 100"),
    ("delivery", 1_000_000, "three callbacks, 1,000,000"),
    ("open", 1000, "open of 1,000 profiles"),
];

pub(super) fn draw(figures: &Figures, folder: &Path) -> Result<()> {
    operations(figures, &folder.join("chart.svg"))?;
    growth(figures, &folder.join("growth.svg"))
}

/// One line for each operation, with one mark for each subject.
fn operations(figures: &Figures, file: &Path) -> Result<()> {
    let area = SVGBackend::new(file, (900, 480)).into_drawing_area();
    area.fill(&WHITE)?;
    let rows = ROWS.len() as i32;
    let mut chart = ChartBuilder::on(&area)
        .caption("nanoseconds an operation", ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(34)
        .y_label_area_size(200)
        .build_cartesian_2d((1.0..3_000_000.0).log_scale(), -1..rows)?;
    chart
        .configure_mesh()
        .y_labels(ROWS.len() + 2)
        .y_label_formatter(&|row| {
            usize::try_from(rows - 1 - row)
                .ok()
                .and_then(|row| ROWS.get(row))
                .map_or(String::new(), |row| row.2.to_owned())
        })
        .x_label_formatter(&|value| short(*value))
        .light_line_style(WHITE)
        .draw()?;
    for (subject, label, color) in SUBJECTS {
        let marks = ROWS.iter().enumerate().filter_map(|(place, (row, n, _))| {
            let value = figures.median(row, subject, *n)?;
            Some(Circle::new((value, rows - 1 - place as i32), if subject == LIBRARY { 6 } else { 4 }, color.filled()))
        });
        chart.draw_series(marks)?.label(label).legend(move |(x, y)| Circle::new((x + 8, y), 4, color.filled()));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE)
        .border_style(BLACK)
        .draw()?;
    Ok(area.present()?)
}

/// What a panel shows: its title, the axis, and curves (row, subject, label).
type Panel = (&'static str, &'static str, &'static [(&'static str, &'static str, &'static str)]);

const PANELS: [Panel; 6] = [
    (
        "Advise + Unadvise of the newest",
        "registrations",
        &[
            ("advise-unadvise", LIBRARY, "mapioffline"),
            ("advise-unadvise", "fixture", "limit"),
            ("advise-unadvise", "manager", "C++ manager"),
        ],
    ),
    (
        "Unadvise + Advise of a random token",
        "registrations",
        &[
            ("random-token", LIBRARY, "mapioffline"),
            ("random-token", "fixture", "limit"),
            ("random-token", "manager", "C++ manager"),
        ],
    ),
    (
        "three callbacks, each registration",
        "registrations",
        &[
            ("delivery", LIBRARY, "mapioffline"),
            ("delivery", "fixture", "limit"),
            ("delivery", "bare", "bare loop"),
            ("delivery", "manager", "C++ manager"),
        ],
    ),
    ("open of a profile that is open", "profiles", &[("open", LIBRARY, "mapioffline"), ("open", "fixture", "limit")]),
    (
        "three callbacks, each object of a tree",
        "objects",
        &[("tree-depth", LIBRARY, "one below the other"), ("tree-width", LIBRARY, "beside each other")],
    ),
    (
        "a call, on so many threads at once",
        "threads",
        &[
            ("threads-get-state", LIBRARY, "GetCurrentState"),
            ("threads-addref-release", LIBRARY, "AddRef + Release"),
            ("threads-advise-same", LIBRARY, "Advise + Unadvise, one profile"),
            ("threads-advise-own", LIBRARY, "Advise + Unadvise, own profiles"),
        ],
    ),
];

fn growth(figures: &Figures, file: &Path) -> Result<()> {
    let area = SVGBackend::new(file, (1100, 660)).into_drawing_area();
    area.fill(&WHITE)?;
    for (part, panel) in area.split_evenly((2, 3)).iter().zip(&PANELS) {
        draw_panel(figures, part, panel)?;
    }
    Ok(area.present()?)
}

fn draw_panel(figures: &Figures, area: &Area, (title, axis, curves): &Panel) -> Result<()> {
    const COLORS: [RGBColor; 4] =
        [RGBColor(214, 39, 40), RGBColor(90, 90, 90), RGBColor(44, 160, 44), RGBColor(31, 119, 180)];
    let curves: Vec<_> = curves.iter().map(|(row, subject, label)| (figures.curve(row, subject), *label)).collect();
    let values = || curves.iter().flat_map(|(curve, _)| curve.iter().copied());
    let Some(most) = values().map(|(n, _)| n).max_by(f64::total_cmp) else { return Ok(()) };
    let least = values().map(|(n, _)| n).min_by(f64::total_cmp).unwrap_or(1.0);
    let (low, high) = values().fold((f64::INFINITY, 0.0), |(low, high): (f64, f64), (_, v)| (low.min(v), high.max(v)));
    let mut chart = ChartBuilder::on(area)
        .caption(format!("{title}, ns"), ("sans-serif", 15))
        .margin(8)
        .x_label_area_size(36)
        .y_label_area_size(48)
        .build_cartesian_2d((least..most).log_scale(), (low / 2.0..high * 15.0).log_scale())?;
    let format = |value: &f64| short(*value);
    chart
        .configure_mesh()
        .x_desc(*axis)
        .y_labels(5)
        .x_label_formatter(&format)
        .y_label_formatter(&format)
        .light_line_style(WHITE)
        .draw()?;
    for ((curve, label), color) in curves.into_iter().zip(COLORS) {
        let marks: Vec<_> = curve.iter().map(|point| Circle::new(*point, 2, color.filled())).collect();
        chart
            .draw_series(LineSeries::new(curve, color.stroke_width(2)))?
            .label(label)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 14, y)], color.stroke_width(2)));
        chart.draw_series(marks)?;
    }
    chart.configure_series_labels().position(SeriesLabelPosition::UpperLeft).background_style(WHITE).draw()?;
    Ok(())
}

fn short(value: f64) -> String {
    match value {
        _ if value >= 1e6 => format!("{}M", value / 1e6),
        _ if value >= 1e3 => format!("{}k", value / 1e3),
        _ => format!("{value}"),
    }
}
