"""Parts of self-contained HTML pages: pictures, tables, numbers in words and the look that all pages share."""
