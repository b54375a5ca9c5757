//! Which services are alive, by the database's clock: those of different
//! machines differ.

use std::time::Duration;

use super::{
    super::{CatalogError, InstanceId},
    session::{Session, sql},
};

/// Instances that are not alive are forgotten after this: nobody asks for them
/// longer than it takes to take over what they did.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(24 * 3600);

pub(super) async fn beat<S: Session>(
    db: &mut S,
    instance: InstanceId,
    alive: Duration,
) -> Result<(), CatalogError> {
    let now = S::DIALECT.now_us;
    sql(format!(
        "INSERT INTO instances (id, alive_until_us) VALUES ($1, {now} + $2) \
         ON CONFLICT (id) DO UPDATE SET alive_until_us = excluded.alive_until_us"
    ))
    .bind(instance.as_bytes())
    .bind(micros(alive))
    .execute(&mut *db)
    .await?;
    sql(format!(
        "DELETE FROM instances WHERE alive_until_us < {now} - $1"
    ))
    .bind(micros(FORGOTTEN_AFTER))
    .execute(db)
    .await?;
    Ok(())
}

pub(super) async fn leave(db: &mut impl Session, instance: InstanceId) -> Result<(), CatalogError> {
    sql("DELETE FROM instances WHERE id = $1")
        .bind(instance.as_bytes())
        .execute(db)
        .await?;
    Ok(())
}

/// Condition that the instance in column `owner` is not alive.
pub(super) fn owner_is_gone<S: Session>() -> String {
    format!(
        "NOT EXISTS (SELECT 1 FROM instances i WHERE i.id = c.owner AND i.alive_until_us > {})",
        S::DIALECT.now_us
    )
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}
