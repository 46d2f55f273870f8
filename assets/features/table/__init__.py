"""The feature table: from the lake's data files to new data files, by Spark or in one process."""
