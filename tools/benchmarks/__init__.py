"""The figures of docs/benchmarks.md: r1local side by side with what it is measured against."""
