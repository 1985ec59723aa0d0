"""Arithmetic that is never wrong in the last digit: exact rationals, and real functions inside proven bounds."""
