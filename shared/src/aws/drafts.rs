//! The drafts of pipelines: the items (`draft`, id) of the table of pipelines. A write is conditional on the edit.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::{PipelinesTable, failed, malformed, pipelines::key, put_if};
use crate::{
    draft::{Draft, KEPT_SECONDS},
    ports::{Drafts, PortError},
    time::Timestamp,
};

const KIND: &str = "draft";

type Item = HashMap<String, AttributeValue>;

impl Drafts for PipelinesTable {
    async fn drafts(&self) -> Result<Vec<Draft>, PortError> {
        const OPERATION: &str = "dynamodb:Query";
        let mut drafts = Vec::new();
        let mut start = None;
        loop {
            let query = self
                .client
                .query()
                .table_name(&self.table)
                .consistent_read(true)
                .key_condition_expression("kind = :draft")
                .expression_attribute_values(":draft", AttributeValue::S(KIND.to_owned()))
                .set_exclusive_start_key(start);
            let page = query.send().await.map_err(|error| failed(OPERATION, &error))?;
            for item in page.items.iter().flatten() {
                drafts.push(of_item(item).ok_or_else(|| malformed(OPERATION, "a draft"))?);
            }
            start = page.last_evaluated_key;
            if start.is_none() {
                drafts.sort_by_key(|draft| std::cmp::Reverse(draft.at));
                return Ok(drafts);
            }
        }
    }

    async fn draft(&self, id: &str) -> Result<Option<Draft>, PortError> {
        const OPERATION: &str = "dynamodb:GetItem";
        let get = self.client.get_item().table_name(&self.table).set_key(Some(key(KIND, id))).consistent_read(true);
        let answer = get.send().await.map_err(|error| failed(OPERATION, &error))?;
        let read = |item: &Item| of_item(item).ok_or_else(|| malformed(OPERATION, "a draft"));
        answer.item.as_ref().map(read).transpose()
    }

    async fn keep_draft(&self, draft: &Draft) -> Result<bool, PortError> {
        let number = |number: i64| AttributeValue::N(number.to_string());
        let mut put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(key(KIND, &draft.id)))
            .item("edit", AttributeValue::N((draft.edit + 1).to_string()))
            .item("document", AttributeValue::S(draft.document.clone()))
            .item("by", AttributeValue::S(draft.by.clone()))
            .item("at", number(draft.at.millis()))
            .item("expires_at", number(draft.at.seconds() + KEPT_SECONDS));
        if let Some((pipeline, version)) = &draft.base {
            put = put
                .item("pipeline", AttributeValue::S(pipeline.clone()))
                .item("version", AttributeValue::N(version.to_string()));
        }
        if let Some(page) = &draft.page {
            put = put.item("page", AttributeValue::S(page.clone()));
        }
        put_if(match draft.edit {
            0 => put.condition_expression("attribute_not_exists(kind)"),
            _ => put
                .condition_expression("edit = :edit")
                .expression_attribute_values(":edit", AttributeValue::N(draft.edit.to_string())),
        })
        .await
    }

    async fn drop_draft(&self, id: &str) -> Result<(), PortError> {
        let delete = self.client.delete_item().table_name(&self.table).set_key(Some(key(KIND, id)));
        delete.send().await.map_err(|error| failed("dynamodb:DeleteItem", &error))?;
        Ok(())
    }
}

fn of_item(item: &Item) -> Option<Draft> {
    let text = |name: &str| item.get(name)?.as_s().ok().cloned();
    let number = |name: &str| item.get(name)?.as_n().ok();
    Some(Draft {
        id: text("name")?,
        edit: number("edit")?.parse().ok()?,
        document: text("document")?,
        base: match text("pipeline") {
            Some(pipeline) => Some((pipeline, number("version")?.parse().ok()?)),
            None => None,
        },
        by: text("by")?,
        at: Timestamp::from_millis(number("at")?.parse().ok()?),
        page: text("page"),
    })
}
