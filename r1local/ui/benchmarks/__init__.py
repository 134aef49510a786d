"""What a benchmark and a tuning show: tables, a plot over depth, and the same plot as SVG."""
