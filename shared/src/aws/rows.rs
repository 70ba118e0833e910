//! How large a table is.

use aws_sdk_dynamodb::Client;

use super::failed;
use crate::ports::PortError;

/// How many rows a table has, as DynamoDB counts them about every six hours ("`TableDescription`", DynamoDB API
/// reference, `ItemCount`). `None` where it does not tell.
pub async fn row_count(client: &Client, table: &str) -> Result<Option<u64>, PortError> {
    let described = client.describe_table().table_name(table).send().await;
    let described = described.map_err(|error| failed("dynamodb:DescribeTable", &error))?;
    Ok(described.table.and_then(|table| table.item_count).and_then(|count| u64::try_from(count).ok()))
}
