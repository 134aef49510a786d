"""The figures of docs/benchmarks.md: r1local compared side by side with alternatives."""
