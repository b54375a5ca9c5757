-- What is asked for is found in the order in which it is told, also when it is rare or not there.

CREATE INDEX index_records_by_kind ON index_records (kind, time_us, run, sequence);
CREATE INDEX index_records_by_client_port ON index_records (client_port, time_us, run, sequence);
CREATE INDEX index_records_by_server_port ON index_records (server_port, time_us, run, sequence);
CREATE INDEX index_records_by_services ON index_records (services, time_us, run, sequence) WHERE services <> '';
CREATE INDEX index_records_by_severity ON index_records (severity, time_us, run, sequence) WHERE severity > 0;

-- The other columns that it had are in those.
DROP INDEX index_records_by_time;
CREATE INDEX index_records_by_time ON index_records (time_us, run, sequence);
