"""The nbconvert template of the report: data."""
