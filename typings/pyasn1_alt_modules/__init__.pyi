# Only the modules and types that cardcore uses are described.
