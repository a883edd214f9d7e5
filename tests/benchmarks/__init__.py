"""One script for each question of speed or memory; each prints ratios from one run on one machine.

    python -m tests.benchmarks.prompt_speed

Machines are shared and noisy: what is compared is interleaved, and medians are printed.
"""
