"""Executed lessons as a report: run the course, render it to HTML that opens offline."""
