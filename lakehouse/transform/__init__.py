"""Bronze to silver to gold, by dbt."""
