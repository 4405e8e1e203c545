use super::*;
use crate::history::database::{HistoryDatabase, HistoryLocation};

fn version(connection: &Connection) -> i64 {
    pragma(connection, "user_version").unwrap()
}

/// Creates a file as an earlier version left it: with the first tables, and few series.
fn old_file(path: &std::path::Path, version: usize) {
    let connection = Connection::open(path).unwrap();
    let columns = "connections REAL, min_connections REAL, max_connections REAL, forgotten REAL";
    for migration in &MIGRATIONS[..version] {
        let migration = migration.replace("{columns}", columns);
        connection.execute_batch(&migration).unwrap();
    }
    connection
        .pragma_update(None, "application_id", APPLICATION_ID)
        .unwrap();
    connection
        .pragma_update(None, "user_version", i64::try_from(version).unwrap())
        .unwrap();
    let row = "INSERT INTO every_10s (at, connections, forgotten) VALUES (1800000000, 7, 8)";
    connection.execute_batch(row).unwrap();
}

#[test]
fn files_of_every_earlier_version_are_migrated() {
    for from in 1..MIGRATIONS.len() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.sqlite");
        old_file(&path, from);
        let database = HistoryDatabase::open(&HistoryLocation::File(path)).unwrap();
        assert_eq!(version(&database.connection), 3);
        let sql = "SELECT connections, announces, forgotten FROM every_10s";
        let row: (f64, Option<f64>, f64) = database
            .connection
            .query_row(sql, (), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .unwrap();
        assert_eq!(
            row,
            (7.0, None, 8.0),
            "old rows stay, also of series that are no longer stored"
        );
        database.save_document("rules", "{}").unwrap();
        assert_eq!(database.top_swarms(0, 1).unwrap(), []);
    }
}

#[test]
fn later_versions_and_foreign_databases_are_not_changed() {
    let folder = tempfile::tempdir().unwrap();
    let newer = folder.path().join("newer.sqlite");
    old_file(&newer, 1);
    Connection::open(&newer)
        .unwrap()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    let foreign = folder.path().join("foreign.sqlite");
    let connection = Connection::open(&foreign).unwrap();
    connection.execute_batch("CREATE TABLE mine (x)").unwrap();
    drop(connection);
    for (path, says) in [
        (newer, "schema 99, this one supports 3"),
        (foreign, "another program"),
    ] {
        let before = std::fs::read(&path).unwrap();
        let error = HistoryDatabase::open(&HistoryLocation::File(path.clone()))
            .err()
            .expect("refused");
        assert!(error.to_string().contains(says), "{error}");
        assert!(!error.is_damage());
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
}
