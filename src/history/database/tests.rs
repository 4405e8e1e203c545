#![expect(
    clippy::cast_precision_loss,
    clippy::float_cmp,
    reason = "numbers are small, and small sums are exact"
)]

use std::fs;

use super::super::retained;
use super::*;

/// A midnight.
const START: i64 = 1_799_971_200;
const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

fn sample(at: i64, connections: f64) -> HistorySample {
    let value = |retained: &retained::RetainedSeries| match retained.series.name {
        "connections" => connections,
        "announces" => connections / 2.0,
        _ => f64::NAN,
    };
    HistorySample {
        at,
        aggregates: retained::all()
            .iter()
            .map(value)
            .map(Aggregate::single)
            .collect(),
    }
}

fn memory() -> HistoryDatabase {
    HistoryDatabase::open(&HistoryLocation::Memory).unwrap()
}

fn query(from: i64, to: i64) -> HistoryQuery {
    HistoryQuery {
        series: vec!["connections", "announces", "swarms"],
        from,
        to,
    }
}

/// Returns time and value of each row of a column.
fn column(database: &HistoryDatabase, table: &str, column: &str) -> Vec<(i64, Option<f64>)> {
    let sql = format!("SELECT at, {column} FROM {table} ORDER BY at");
    let mut statement = database.connection.prepare(&sql).unwrap();
    let found = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?)));
    found.unwrap().map(Result::unwrap).collect()
}

#[test]
fn samples_are_merged_into_mean_minimum_and_maximum() {
    let mut database = memory();
    let value = |at: i64| ((at * 7919) % 1000) as f64;
    for at in (START..START + 3 * HOUR).step_by(10) {
        database.write_sample(&sample(at, value(at))).unwrap();
    }
    for (number, level) in RESOLUTIONS.iter().enumerate().skip(1).take(3) {
        // The last minute is not complete yet, and neither are the coarser steps that contain it.
        let whole =
            (START..START + 3 * HOUR - level.step).step_by(usize::try_from(level.step).unwrap());
        for slot in whole {
            let values: Vec<_> = (slot..slot + level.step).step_by(10).map(value).collect();
            let merged = |name: &str| {
                let column = column(&database, level.table, name);
                column
                    .iter()
                    .find(|(at, _)| *at == slot)
                    .unwrap()
                    .1
                    .unwrap()
            };
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            assert!(
                (merged("connections") - mean).abs() < 0.01,
                "{number} {slot}"
            );
            assert!((merged("announces") - mean / 2.0).abs() < 0.01);
            assert_eq!(
                merged("min_connections"),
                values.iter().copied().fold(f64::MAX, f64::min)
            );
            assert_eq!(
                merged("max_connections"),
                values.iter().copied().fold(0.0, f64::max)
            );
        }
    }
    assert_eq!(
        column(&database, "every_1h", "swarms")[0].1,
        None,
        "never known"
    );
    assert_eq!(column(&database, "every_1h", "samples")[0].1, Some(360.0));
    // A day has a row after its first minute.
    assert_eq!(column(&database, "every_1d", "samples").len(), 1);
}

#[test]
fn gaps_stay_gaps() {
    let mut database = memory();
    for at in [START, START + 10, START + 40, START + 200] {
        database.write_sample(&sample(at, 5.0)).unwrap();
    }
    let answer = database.query(&query(START - DAY, START + 60)).unwrap();
    assert_eq!(answer.step, 10);
    assert_eq!(
        answer.at,
        (START..=START + 60).step_by(10).collect::<Vec<_>>(),
        "from its beginning"
    );
    let known: Vec<_> = answer.series[0]
        .mean
        .iter()
        .map(|value| !value.is_nan())
        .collect();
    assert_eq!(known, [true, true, false, false, true, false, false]);
    assert_eq!(answer.series[1].max[0], 2.5);
    assert!(answer.series[2].mean.iter().all(|value| value.is_nan()));
    // Minutes without samples have no rows.
    assert_eq!(
        column(&database, "every_1min", "samples"),
        [(START, Some(3.0))]
    );
}

#[test]
fn a_query_uses_the_finest_resolution_that_fits() {
    let mut database = memory();
    for at in (START..START + 4 * HOUR).step_by(20) {
        database.write_sample(&sample(at, 1.0)).unwrap();
    }
    let hours = |hours: i64| {
        database
            .query(&query(START + (4 - hours) * HOUR, START + 4 * HOUR))
            .unwrap()
    };
    assert_eq!((hours(1).step, hours(1).at.len()), (10, 361));
    assert_eq!((hours(4).step, hours(4).at.len()), (60, 241));
    assert_eq!(
        (hours(24 * 365).step, hours(24 * 365).at[0]),
        (60, START),
        "there is no more"
    );
    // Every second point has a sample; at steps of a minute every point has data.
    assert!(
        hours(4).series[0]
            .mean
            .iter()
            .rev()
            .skip(2)
            .all(|&value| value == 1.0)
    );
    let nothing = memory().query(&query(START, START + HOUR)).unwrap();
    assert_eq!(
        (nothing.at.len(), nothing.series[0].mean[0].is_nan()),
        (1, true)
    );
}

#[test]
fn steps_of_many_days_are_merged_from_days() {
    let mut database = memory();
    for day in 0..1500 {
        database
            .write_sample(&sample(START + day * DAY, day as f64))
            .unwrap();
    }
    let answer = database.query(&query(START, START + 1500 * DAY)).unwrap();
    assert_eq!(answer.step, 2 * DAY);
    assert!(answer.at.len() <= 1000);
    let line = &answer.series[0];
    assert_eq!(
        (line.min[100], line.max[100]),
        (line.mean[100] - 0.5, line.mean[100] + 0.5)
    );
}

#[test]
fn expired_rows_are_removed_but_a_wrong_clock_costs_little() {
    let mut database = memory();
    for at in (START..START + 1000).step_by(10) {
        database.write_sample(&sample(at, 1.0)).unwrap();
    }
    let rows = |database: &HistoryDatabase| column(database, "every_10s", "connections").len();
    assert_eq!(rows(&database), 100);
    // The clock jumps ten years ahead, and back.
    for at in [0, 10, 20] {
        database
            .write_sample(&sample(START + 3650 * DAY + at, 1.0))
            .unwrap();
    }
    assert_eq!(rows(&database), 97);
    for at in (START + 1000..START + 1100).step_by(10) {
        database.write_sample(&sample(at, 1.0)).unwrap();
    }
    assert_eq!(rows(&database), 107);
    // A day later they are removed, two with each new row.
    for at in (START + 2 * DAY..START + 2 * DAY + 1000).step_by(10) {
        database.write_sample(&sample(at, 1.0)).unwrap();
    }
    assert_eq!(rows(&database), 103);
    let first = column(&database, "every_10s", "connections")[0].0;
    assert_eq!(first, START + 2 * DAY);
}

#[test]
fn a_clock_set_back_damages_no_data() {
    let mut database = memory();
    for at in (START..START + 2 * HOUR).step_by(10) {
        database.write_sample(&sample(at, 10.0)).unwrap();
    }
    let hours = |database: &HistoryDatabase| column(database, "every_1h", "connections");
    assert_eq!(hours(&database)[0], (START, Some(10.0)));
    // Half of the same hour again: newer samples replace those with the same time.
    for at in (START..START + 1800).step_by(10) {
        database.write_sample(&sample(at, 20.0)).unwrap();
    }
    database
        .write_sample(&sample(START + 3 * HOUR, 1.0))
        .unwrap();
    let (at, merged) = hours(&database)[0];
    assert_eq!((at, merged), (START, Some(15.0)));
    // When the finer rows are removed, coarser rows with more samples stay.
    database
        .connection
        .execute("DELETE FROM every_10min", ())
        .unwrap();
    database
        .connection
        .execute("DELETE FROM every_1min", ())
        .unwrap();
    database.write_sample(&sample(START + 600, 99.0)).unwrap();
    database
        .write_sample(&sample(START + 4 * HOUR, 1.0))
        .unwrap();
    assert_eq!(hours(&database)[0], (START, Some(15.0)));
    check_integrity(&database.connection).unwrap();
}

#[test]
fn the_largest_swarms_are_stored_for_thirty_days() {
    use super::super::{TOP_SWARMS_TIMES_MAX, TopSwarm};
    let database = memory();
    let swarm = |number: u32| TopSwarm {
        info_hash: format!("{number:040x}"),
        seeders: number,
        leechers: 1,
    };
    let moments = 200;
    for moment in 0..moments {
        let at = START + moment * 600;
        database
            .write_top_swarms(&(at, vec![swarm(2), swarm(1)]))
            .unwrap();
    }
    let found = database.top_swarms(START + 600, START + 1200).unwrap();
    let both = vec![swarm(2), swarm(1)];
    assert_eq!(found, [(START + 1200, both.clone()), (START + 600, both)]);
    let found = database.top_swarms(0, i64::MAX).unwrap();
    assert_eq!(found.len(), TOP_SWARMS_TIMES_MAX);
    assert_eq!(found[0].0, START + (moments - 1) * 600);
    database
        .write_top_swarms(&(START + 31 * DAY, vec![swarm(3)]))
        .unwrap();
    let found = database.top_swarms(0, i64::MAX).unwrap();
    let first = found.last().unwrap().0;
    assert!(first >= START + DAY, "{first}");
}

#[cfg(unix)]
#[test]
fn the_file_is_readable_by_its_user_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b/history.sqlite");
    let mut database = HistoryDatabase::open(&HistoryLocation::File(path.clone())).unwrap();
    database.write_sample(&sample(START, 1.0)).unwrap();
    for (path, mode) in [
        (path.clone(), 0o600),
        (path.with_extension("sqlite-wal"), 0o600),
        (folder.path().join("a"), 0o700),
    ] {
        let found = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{}", path.display());
    }
    assert!(database.size_bytes() > 4096);
    assert!(memory().size_bytes() > 4096);
}
