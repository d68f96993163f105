"""The report of a study: sentences, tables and figures on one page."""
