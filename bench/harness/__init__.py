"""What the benchmarks that run other programs have in common."""
