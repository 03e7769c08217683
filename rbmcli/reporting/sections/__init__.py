"""The sections of a report, one a file: findings in, HTML and pictures out."""
