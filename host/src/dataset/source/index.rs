//! [`of_pandas`]: the columns of a Parquet or Arrow file that are the index of
//! the table that pandas wrote.

use arrow_schema::Schema;
use serde_json::Value;

/// The names of the columns that pandas' metadata calls the index, or that have
/// the names that it makes up for one.
pub(super) fn of_pandas(schema: &Schema) -> Vec<String> {
    let metadata = schema.metadata().get("pandas");
    let metadata = metadata.and_then(|text| serde_json::from_str::<Value>(text).ok());
    let named = metadata
        .as_ref()
        .and_then(|all| all["index_columns"].as_array());
    // An index that only counts is a map, and no column.
    let named = named.into_iter().flatten().filter_map(Value::as_str);
    let fields = schema.fields().iter().map(|field| field.name().as_str());
    let made_up = fields.filter(|name| is_made_up(name));
    named.chain(made_up).map(str::to_owned).collect()
}

/// Whether pandas gives this name to an index without a name.
fn is_made_up(name: &str) -> bool {
    let level = name.strip_prefix("__index_level_");
    let level = level.and_then(|rest| rest.strip_suffix("__"));
    level.is_some_and(|level| !level.is_empty() && level.bytes().all(|b| b.is_ascii_digit()))
}
